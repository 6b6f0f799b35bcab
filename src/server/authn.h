/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who sent this request?  SigV4 in the header or the query, the agents' RSA variant,
 * session tokens; keys are looked up in the store for each request.
 *
 * The answer is a principal or a class of failure with the text AWS uses.  How a class is
 * worded as a code and a status differs by service (api/error.c); the gateway turns
 * all of them into 403.  Nothing here decides what a principal may do: see authorise.h.
 */
#pragma once

#include "server/domain/identity.h"

struct ev_loop;
struct http_req;
struct key_usage;
struct throttle;
struct store;
struct authn;

enum authn_reason {
	AUTHN_OK,
	AUTHN_MISSING,     /* no credentials at all */
	AUTHN_INCOMPLETE,  /* Authorization or X-Amz-* parameters malformed or missing */
	AUTHN_UNKNOWN_KEY, /* no such key, or inactive */
	AUTHN_SIGNATURE,   /* it does not match */
	AUTHN_TOKEN,       /* not the session token of this key */
	AUTHN_EXPIRED_TOKEN, /* temporary credentials past their end */
	AUTHN_CLOCK,         /* too old or not yet valid */
	AUTHN_SCOPE,         /* another service, a wrong day or terminator */
	AUTHN_FORM,    /* something that must be signed is not; both kinds of auth */
	AUTHN_PAYLOAD, /* the body is not the one that was signed */
	AUTHN_FAILED,  /* the store could not be asked */
	AUTHN_THROTTLED, /* too many wrong ones: not looked at */
};

struct authn_result {
	enum authn_reason why;
	struct fault fault; /* AWS's words for it */
	struct principal who;
	const char *claimed; /* the key that was named; NULL: nothing that can be one */
	char *region; /* of the credential scope */
	bool presigned;
	uint64_t hold_ms; /* a refusal is not to be answered before; throttle_hold() */
};

/*
 * What was signed well with a long-term key is noted in usage.  Keys, signatures and tokens that
 * are wrong are counted in throttle, which all that verify with it share.
 */
struct authn *authn_new(struct ev_loop *l, struct store *st, struct key_usage *usage,
    struct throttle *throttle);
void authn_free(struct authn *a);

/*
 * Verifies a request that was routed to "service" ("ssm", "ssmmessages" ...).  Returns 0
 * or ERR_DENIED with out->why and out->fault set.  mem: where the strings of *out live,
 * usually &r->mem; must live as long as *out.
 */
int authn_request(struct authn *a, struct http_req *r, const char *service,
    struct arena *mem, struct authn_result *out) MUST_USE;
/* The same for calls that an agent signs with its private key (RSASSA-PSS). */
int authn_node_key(struct authn *a, struct http_req *r, const char *service,
    struct arena *mem, struct authn_result *out) MUST_USE;

/* Whether the request carries any credentials (plugins may sign their upgrade or not). */
bool authn_is_signed(const struct http_req *r);

/* The service named in the credential scope, or the empty span: for routing only. */
struct span authn_scope_service(const struct http_req *r);
