/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's calls: signed requests to the node API ("ssm") and the message gateway
 * ("ssmmessages"), all at one endpoint.
 *
 * Owner: the agent.  What is under way is cancelled without callbacks when it is freed.
 * Idle connections are closed a few seconds after the last call: an agent calls twice in
 * five minutes, and a TLS connection costs memory at both ends.
 */
#pragma once

#include "net/http_client.h"
#include "proto/sigv4.h"

struct rsa_key;
struct agent_aws;
struct agent_call;

enum agent_auth {
	AGENT_AUTH_NONE, /* the activation code in the body is the proof */
	AGENT_AUTH_RSA,  /* the node's key */
	AGENT_AUTH_KEYS, /* temporary or static credentials */
};

struct agent_request {
	const char *service; /* of the signature */
	const char *path;    /* "/", or "/v1/..." */
	const char *target;  /* X-Amz-Target, or NULL */
	struct span body;    /* JSON */
	enum agent_auth auth;
};

struct agent_answer {
	int err;          /* 0: an answer arrived, whatever its status */
	int status;       /* 0 when none arrived */
	const char *why;  /* what went wrong, for a log line or a person; "" when fine */
	const char *code; /* the service's name for the error; "" when fine */
	struct span body;
};

/* Good for the call only. */
typedef void agent_answer_cb(void *arg, const struct agent_answer *a);

struct agent_aws_options {
	const char *endpoint;
	const char *region;
	const char *node_id; /* "" before registration */
	struct tls_ctx *tls; /* borrowed; NULL: plain, for simulation */
	const char *proxy;   /* or NULL */
	const char *no_proxy;
};

struct agent_aws *agent_aws_new(struct ev_loop *l, const struct agent_aws_options *o)
    __attribute__((returns_nonnull));
void agent_aws_free(struct agent_aws *w);

/* Borrowed: they live as long as their owner (credentials.c) says.  NULL: none. */
void agent_aws_set_keys(struct agent_aws *w, const struct sigv4_credentials *keys);
void agent_aws_set_key(struct agent_aws *w, const struct rsa_key *key);

struct agent_call *agent_aws_post(
    struct agent_aws *w, const struct agent_request *r, agent_answer_cb *cb, void *arg);
void agent_call_cancel(struct agent_call *c); /* NULL is fine */
/* GET path?query with the WebSocket upgrade, signed for "ssmmessages". */
struct agent_upgrade {
	const char *path, *query;
	const struct http_header *header; /* one more, not signed; or NULL */
	const struct wsconn_options *options;
};
struct http_call *agent_aws_upgrade(
    struct agent_aws *w, const struct agent_upgrade *u, ws_open_cb *cb, void *arg);

/*
 * The server's idea of the time, ms since the epoch: our clock, corrected once the server
 * refused a signature and its Date header showed that the clock is wrong.
 */
int64_t agent_aws_now_ms(const struct agent_aws *w);
int64_t agent_aws_skew_ms(const struct agent_aws *w); /* added to our clock */
