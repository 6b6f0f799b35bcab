/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking a trail, event by event: what `sallyport admin audit verify` does with what a
 * server or a file gives it.  Pure.
 *
 * The first thing that is wrong is kept in words; whoever asks stops there.
 */
#pragma once

#include "proto/audit.h"

struct audit_check {
	const struct ed25519_key *key; /* borrowed */
	char account[AUDIT_ACCOUNT_LEN + 1];
	struct audit_chain at;   /* the last event that is right */
	struct audit_chain from; /* where it began */
	bool whole;              /* nothing before that, or a signed base says where it went */
	int64_t events, marks;   /* checked */
	int64_t signed_seq;      /* newest event under a good signature; 0: none */
	char time[32];           /* eventTime of the last event */

	bool broken;
	int64_t broken_seq;
	char broken_id[64], broken_time[32]; /* of the event, "" when it is not there */
	char why[300];
};

/* at: behind which event it begins. */
void audit_check_begin(struct audit_check *c, const struct ed25519_key *key,
    const char *account, const struct audit_chain *at);
/*
 * A base: where retention cut.  It must be where the check stands, or (a trail that was cut
 * while it was being read) further on.
 */
int audit_check_base(struct audit_check *c, const struct audit_mark *m) MUST_USE;
/* The next event.  ERR_CONFLICT and the fields above for all that is wrong. */
int audit_check_event(
    struct audit_check *c, const struct audit_chain *at, struct span event) MUST_USE;
/* A head or checkpoint at the place where the check stands. */
int audit_check_mark(struct audit_check *c, const struct audit_mark *m) MUST_USE;
/* Something that others found wrong with event seq; ERR_CONFLICT. */
int audit_check_fail(struct audit_check *c, int64_t seq, const char *why);
/* The head: nothing may be missing before it, and nothing stand behind it. */
int audit_check_head(struct audit_check *c, const struct audit_mark *m) MUST_USE;
