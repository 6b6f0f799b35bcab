/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of just-in-time access requests.  Part of the store's one door, see store/store.h.
 */
#pragma once

#include "store/store.h"

struct store_access_request {
	char *id; /* "oi-" and 12 hex digits */
	char *requester_arn, *requester_id; /* aws:userid when it was made */
	char *person; /* who that is, whatever the role session is called */
	char *reason;
	char *targets_json; /* array of node ids */
	int64_t minutes;    /* of access, from the approval on */
	char *status;       /* "Pending", "Approved", "Rejected", "Revoked" */
	char *approvals_json; /* array of [person, ARN, comment] */
	char *policy;         /* what it allows; "" until it is approved */
	int64_t created_ms;
	int64_t expires_ms; /* of the request; once approved, of the access */
};
int store_access_request_put(
    struct store_tx *tx, const struct store_access_request *r) MUST_USE; /* new only */
int store_access_request_get(struct store_tx *tx, struct arena *mem, const char *id,
    struct store_access_request *r) MUST_USE;
/* minutes, status, approvals_json, policy, expires_ms.  ERR_NOTFOUND. */
int store_access_request_set(
    struct store_tx *tx, const struct store_access_request *r) MUST_USE;
typedef bool store_access_request_fn(void *arg, const struct store_access_request *r);
/* Newest first, behind (created_ms, id); created_ms 0 begins at the newest. */
int store_access_requests(struct store_tx *tx, int64_t before_ms, const char *before_id,
    store_access_request_fn *fn, void *arg) MUST_USE;
/* Requests of one principal that wait for a decision. */
int store_access_requests_pending(struct store_tx *tx, const char *requester_id,
    int64_t now_ms, int64_t *n) MUST_USE;
/* Forgets what was over before then. */
int store_access_requests_purge(struct store_tx *tx, int64_t expired_before_ms) MUST_USE;
