/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which policies speak for a principal, compiled: read from the store when they are asked for
 * first, kept until something about identities or policies changes.
 *
 * Whoever changes users, groups, roles, policies, tags, keys, second factors or locks calls
 * access_changed() after the commit.  What was compiled is forgotten then, and soon after that
 * those who asked with access_on_change() are told, once for many changes.
 *
 * Owner: the server.  Threads: the loop's.
 */
#pragma once

#include "policy/evaluate.h"
#include "server/domain/identity.h"

struct access;

enum {
	ACCESS_REVIEW_MS = 100, /* after a change; live sessions have to be judged in 1 s */
	ACCESS_KEEP_MAX = 4096, /* owners whose policies are kept compiled */
};

struct access *access_new(struct ev_loop *l, struct store *st);
void access_free(struct access *a);

/*
 * All that speaks for or against this principal.  What *out points to lives in the arena, or
 * until the loop's next turn.  An attached policy that cannot be read or understood is an
 * error (ERR_STORE, ERR_INVALID), never left out: it may hold a Deny.
 */
int access_policies(struct access *a, struct arena *mem, const struct principal *who,
    struct policy_set *out) MUST_USE;

/* The same for a user (with its groups), a group or a role, whoever acts as it. */
int access_owner_policies(struct access *a, struct arena *mem, enum store_entity_kind kind,
    const char *name, struct policy_set *out) MUST_USE;

/*
 * Whether the principal is cut off: the lock that stands on the user, the role, the role
 * session or the node; borrowed until the loop's next turn.  NULL: none.
 */
const struct store_lock *access_lock(struct access *a, const struct principal *who);

void access_changed(struct access *a);
typedef void access_change_fn(void *arg);
void access_on_change(struct access *a, access_change_fn *fn, void *arg); /* one */

/*
 * The text of a managed policy by its ARN, AWS's or the account's own; version 0: the default.
 * ERR_NOTFOUND.
 */
int access_managed_text(struct store_tx *tx, struct arena *mem, const char *arn,
    int64_t version, const char **text) MUST_USE;
