/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the HTTP client: http_client.c runs calls, http_addr.c knows URLs and
 * proxies, ws_client.c is the WebSocket handshake.
 */
#pragma once

#include "codec/http1.h"
#include "codec/uri.h"
#include "net/http_client.h"
#include "net/stream_priv.h"

struct http_addr {
	bool tls;
	char host[256]; /* without brackets */
	uint16_t port;
	struct span target; /* path and query; points into the URL */
	bool default_port;
};

struct http_proxy {
	bool set;
	bool usable;
	struct http_addr at;
	char *auth; /* base64 of user:password, or NULL */
};

int http_addr_parse(struct http_addr *a, const char *url, struct fault *f) MUST_USE;
/* "host" or "host:port" for the Host header; with_port: always the latter. */
int http_addr_text(
    char *out, size_t size, const struct http_addr *a, bool with_port) MUST_USE;
void http_proxy_init(struct http_proxy *p, const char *url);
void http_proxy_fini(struct http_proxy *p);
/* Whether the proxy serves this address: https and wss, not local, not in no_proxy. */
bool http_proxy_applies(
    const struct http_proxy *p, const char *no_proxy, const struct http_addr *a);

struct http_client {
	struct ev_loop *loop;
	struct tls_ctx *tls;
	struct http_proxy proxy;
	char *no_proxy;
	ev_allow_cb *allow; /* NULL: any address */
	void *allow_arg;
	struct list calls;
	struct list idles; /* oldest first */
	uint32_t nidles;
	struct stream_family streams;
};

enum http_call_state {
	CALL_START,   /* nothing was sent; a failure may wait to be told */
	CALL_CONNECT, /* the socket connects */
	CALL_OPEN,    /* TLS, or the first event of a plain stream */
	CALL_PROXY,   /* CONNECT was sent */
	CALL_ANSWER,  /* the request was sent */
};

/* One request.  Owner: the client's list, until its callback ran or it was cancelled. */
struct http_call {
	struct list link;
	struct http_client *client;
	enum http_call_state state;
	struct http_addr addr;
	struct ev_connect *dial;
	struct stream *st;
	struct http1 *h1;
	struct ev_timer timer; /* the deadline; or, with err, telling of it at once */
	uint64_t timeout_ms;
	struct buf out;    /* the request until it is sent */
	uint64_t streamed; /* bytes that on_body got */
	struct buf body;   /* of the answer */
	int err;
	char *why;
	bool tunnel;  /* through the proxy, not yet asked for */
	bool interim; /* a 1xx head is being read */
	bool head_done;
	bool is_head;

	http_body_cb *on_body;
	http_done_cb *done;
	ws_open_cb *opened; /* WebSocket calls */
	void *arg;
	struct wsconn_options ws;
	char accept[WS_ACCEPT_LEN + 1]; /* what the server must answer */
};

struct http_call *http_call_new(struct http_client *c, const struct http_request *r);
/* Writes the request; more: header lines, each with its CRLF. */
void http_call_compose(
    struct http_call *call, const struct http_request *r, const char *more);
void http_call_begin(struct http_call *call);
/* The end: unlinks the call, so that its callback may do anything to the client. */
void http_call_unlink(struct http_call *call);
void http_call_free(struct http_call *call);

/* http_idle.c: connections kept for the same scheme, host and port. */
void http_idle_keep(struct http_client *c, struct stream *st, const struct http_addr *a);
struct stream *http_idle_take(
    struct http_client *c, const struct http_addr *a); /* or NULL */

/* ws_client.c: the answer is a 101, rest came behind it; or, for WebSockets, it is none.
 */
void http_call_upgraded(struct http_call *call, struct span rest);
void http_call_not_upgraded(struct http_call *call, int err, int status, const char *why);
