/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the account wants of passwords.  Until somebody says so: eight characters, three of the
 * four kinds, and not the user's name, as at AWS.
 */
#pragma once

#include "base/arena.h"
#include "store/store.h"

struct password_policy {
	bool given; /* by UpdateAccountPasswordPolicy */
	int64_t length_min;
	bool symbols, numbers, uppercase, lowercase; /* required */
	bool users_change;    /* their own, without a policy for it */
	int64_t age_max_days; /* 0: for ever */
	int64_t remembered;   /* so many must not come again */
	bool hard_expiry;     /* who is too late cannot change it himself */
};

int password_policy_load(
    struct store_tx *tx, struct arena *mem, struct password_policy *p) MUST_USE;
int password_policy_store(
    struct store_tx *tx, struct arena *mem, const struct password_policy *p) MUST_USE;
int password_policy_del(struct store_tx *tx) MUST_USE;

/* What is wrong with a password, in a sentence; NULL: nothing. */
const char *password_policy_flaw(struct arena *mem, const struct password_policy *p,
    const char *user, const char *password);
