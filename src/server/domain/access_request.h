/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Just-in-time access: somebody asks for nodes, others agree, and for a while what was agreed
 * on is allowed, to the one who asked and to nobody else.
 *
 *	Pending --> Approved (by as many as the server wants) --> Expired
 *	   |            '--> Revoked
 *	   '--> Rejected, or Expired when nobody decided in ACCESS_REQUEST_WAIT_MS
 *
 * What it allows is a policy that was written when the last approver agreed.  It adds to the
 * requester's own and bounds the keys that come with it (domain/access.h); a Deny, a
 * permissions boundary and a lock hold against it as against everything.
 */
#pragma once

#include "store/access_request.h"

#define ACCESS_REQUEST_WAIT_MS ((int64_t)24 * 3600 * 1000)
#define ACCESS_REQUEST_KEEP_MS ((int64_t)90 * 24 * 3600 * 1000) /* after its end */
enum {
	ACCESS_REQUEST_ID_LEN = 15,
	ACCESS_REQUEST_NODES_MAX = 20, /* what a policy has room for */
	ACCESS_REQUEST_MINUTES = 60,   /* when nobody says otherwise */
	ACCESS_REQUEST_MINUTES_MAX = 24 * 60,
	ACCESS_REQUEST_PENDING_MAX = 20, /* of one principal */
};

void access_request_id_format(char out[ACCESS_REQUEST_ID_LEN + 1], const uint8_t raw[6]);
/* "Pending" ... "Expired": what it is now, which the row alone does not say. */
const char *access_request_status(const struct store_access_request *r, int64_t now_ms);
/* Whether its access is open now. */
bool access_request_open(const struct store_access_request *r, int64_t now_ms);
/* The policy for these nodes.  ERR_INVALID: no list of node ids. */
int access_request_policy(struct arena *mem, const char *account,
    const char *targets_json, char **policy) MUST_USE;
