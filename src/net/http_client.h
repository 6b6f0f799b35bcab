/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 client: one request, one answer, keep-alive to the same origin, HTTPS_PROXY
 * (CONNECT) and NO_PROXY, deadlines; and the client side of a WebSocket handshake.
 * Redirects are not followed; nothing is retried here.
 */
#pragma once

#include "base/arena.h"
#include "net/wsconn.h"

struct http_client;
struct http_call;

struct http_header {
	const char *name;
	const char *value;
};

/*
 * A piece of a 2xx body, for downloads that are not to be kept in memory.  Anything but 0
 * ends the call with that error.  It must not cancel the call or free the client.
 */
typedef int http_body_cb(void *arg, struct span piece);

struct http_request {
	const char *method;
	const char *url; /* absolute: https://, http://, wss:// or ws:// */
	const struct http_header *headers; /* beyond Host, Content-Length, Connection */
	size_t nheaders;
	struct span body;
	uint64_t timeout_ms; /* for the whole call */
	size_t response_max; /* 0: 4 MiB */
	http_body_cb *on_body; /* NULL: the body is kept and comes with the answer */
};

struct http_response {
	int status;
	const struct http1_head *head;
	struct span body;
};

/* err 0: r is the answer (any status); else r is NULL and why says what went wrong. */
typedef void http_done_cb(void *arg, const struct http_response *r, int err, const char *why);

/*
 * proxy: http://[user:password@]host:port for https and wss, or NULL for none; no_proxy as
 * in the environment variable.  The caller keeps tls.
 */
struct http_client *http_client_new(struct ev_loop *l, struct tls_ctx *tls, const char *proxy,
    const char *no_proxy);
/*
 * Every address is asked about right before it is dialled (ev_connect_if()); that of a proxy is
 * not.  A call that may go nowhere fails with ERR_DENIED.
 */
void http_client_allow(struct http_client *c, ev_allow_cb *allow, void *arg);
void http_client_free(struct http_client *c); /* cancels what is under way, without callbacks */
/* Closes kept-alive connections (an idle agent keeps none). */
void http_client_drop_idle(struct http_client *c);

/* The call is gone when its callback runs; cb may free the client. */
struct http_call *http_call(struct http_client *c, const struct http_request *r,
    http_done_cb *cb, void *arg);
void http_call_cancel(struct http_call *call);

/* Upgraded (ws, 0): ws is the callee's, handler unset; or failed (NULL, ERR_*, status, why). */
typedef void ws_open_cb(void *arg, struct wsconn *ws, int err, int status, const char *why);
struct http_call *ws_open(struct http_client *c, const struct http_request *r,
    const struct wsconn_options *o, ws_open_cb *cb, void *arg);

/* host:port as it goes into the Host header (port left out when it is the scheme's own). */
int http_host_of(char *out, size_t size, const char *url, struct fault *f) MUST_USE;
