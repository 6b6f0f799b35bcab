/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the gateway share.  Not for others: they include gateway.h. */
#pragma once

#include "base/map.h"
#include "server/authn.h"
#include "server/gateway/gateway.h"
#include "server/gateway/relay.h"
#include "server/gateway/rest.h"

enum {
	GATEWAY_OPEN_MS = 10 * 1000,  /* from the upgrade to the opening frame */
	GATEWAY_PING_MS = 10 * 1000,  /* a dead peer is noticed within 30 s */
	GATEWAY_DEAD_MS = 25 * 1000,  /* two pings unanswered */
	CONTROL_TOKEN_MS = 60 * 1000, /* from CreateControlChannel to the opening frame */
	CONTROL_QUEUE_MAX =
	    1024 * 1024, /* towards one agent; a document has 64 KiB at most */
	CONTROL_TOKENS_MAX = 100 * 1000, /* one for each node at most; swept when full */
};

struct claim; /* farewell.h */

struct gateway {
	struct server_env *env;
	struct map relays;    /* session id -> struct relay, owned */
	struct map tokens;    /* node id -> struct control_token, owned */
	struct list opening;  /* struct data_open, owned */
	struct list controls; /* struct control, owned */
	struct list leaving;  /* struct farewell, with a peer */
	struct relay_counters counters;
	uint64_t ncontrols;
	struct rest rest;
};

/* Splits "/v1/<kind>/<id>"; decodes and checks the id.  ERR_INVALID. */
int gateway_path_id(char *out, size_t size, struct span path, const char *kind) MUST_USE;

/* control.c */
void control_create(struct gateway *g, struct http_req *r, const char *node_id);
/* claim: what a refusal is recorded as; taken. */
void control_upgrade(
    struct gateway *g, struct http_req *r, const char *node_id, struct claim *claim);
void control_free_all(struct gateway *g);

/* data.c */
/* ERR_DENIED, and r is not answered: the session is another node's. */
int data_create(struct gateway *g, struct http_req *r, const char *session_id,
    const char *node_id) MUST_USE;
/* who->kind PRINCIPAL_NONE: an unsigned client.  claim: as control_upgrade(). */
void data_upgrade(struct gateway *g, struct http_req *r, const char *session_id,
    const struct principal *who, struct claim *claim);
void data_free_all(struct gateway *g);

/* An answer in the gateway's XML: <code><Message>text</Message></code>. */
void gateway_error(struct http_req *r, int status, const char *code, const char *text);
/* Whether this principal, whom authorise() let through, may be the agent of this node. */
bool gateway_speaks_for(
    struct gateway *g, enum principal_kind kind, const char *name, const char *node_id);
/* Whether the peer behind this request is one of our own programs. */
bool gateway_is_own(const struct http_req *r);
