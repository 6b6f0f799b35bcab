/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refusals that are in the audit trail before the peer hears of them: of requests, and of
 * channels whose opening frame was not good.
 */
#pragma once

#include "server/domain/audit_service.h"
#include "server/gateway/internal.h"

/*
 * What the trail says of a channel, should it be refused.  Strings in mem, since the request is
 * over when the opening frame comes.  Owner: the channel, until it is open.
 */
struct claim {
	struct audit_refusal refusal; /* without error and message */
	struct arena mem;
};
/* a->who may be nobody; arn may be NULL. */
struct claim *claim_new(const struct http_req *r, const struct authn_result *a,
    const char *action, const char *arn);
void claim_free(struct claim *c); /* NULL is fine */

/* Answers r: at once, or when this is recorded and hold_ms are over. */
struct gateway_denial {
	const char *action, *arn; /* arn NULL: none yet */
	const char *code, *text;
	uint64_t hold_ms;
};
void gateway_deny(struct gateway *g, struct http_req *r, const struct authn_result *a,
    const struct gateway_denial *d);

/*
 * A connection that is closed with this code, behind a last message (empty: none), as soon as
 * farewell_say(f, 0) is called; with an error, without words.  Takes ws.  farewell_say is what
 * audit_commit() calls.
 */
struct farewell;
struct farewell *farewell_new(
    struct gateway *g, struct wsconn *ws, uint16_t code, struct span last);
audit_done_fn farewell_say;
void farewell_drop_all(struct gateway *g); /* the peers; what is recorded goes on */

/* The common case: records the claim as refused, takes it and ws, closes. */
void farewell_refused(
    struct gateway *g, struct wsconn *ws, struct claim *claim, const char *why);
