/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 server: keep-alive, chunked and plain bodies, Expect: 100-continue, limits on
 * head and body, deadlines on slow peers, upgrade to WebSocket.
 *
 * One request at a time for each connection; pipelined bytes wait.  The handler gets a
 * complete request and answers now or later; a struct http_req lives until its answer was
 * queued or its on_abort ran.  Everything made for it lives in req->mem.
 */
#pragma once

#include "base/arena.h"
#include "codec/http1.h"
#include "net/stream.h"

struct wsconn;
struct http_server;

struct http_limits {
	size_t head_max;          /* bytes of request line and headers; over it: 431 */
	size_t body_max;          /* bytes; over it: 413 */
	uint64_t head_ms;         /* from the first byte to the whole head; over it: 408 */
	uint64_t body_ms;         /* without any body progress */
	uint64_t idle_ms;         /* keep-alive */
	uint32_t connections_max; /* over it the listener pauses */
};
extern const struct http_limits http_limits_default; /* 64 KiB, 10 MiB, 10 s, 30 s, 75 s, 18000 */

struct http_req {
	const struct http1_head *head;
	struct span path, query; /* raw parts of head->target */
	struct span body;
	const char *peer_ip;
	bool tls;
	const char *tls_version, *tls_cipher; /* as stream_tls_version() */
	struct arena mem;
	void *user;              /* the handler's own */
	void (*on_abort)(struct http_req *r); /* peer went away before the answer; optional */
};

/* A response header beyond Content-Type, Content-Length, Date and Connection. */
struct http_field {
	const char *name;
	const char *value;
};

typedef void http_handler(void *arg, struct http_req *r);

int http_server_new(struct http_server **out, struct ev_loop *l, const char *host, uint16_t port,
    struct tls_ctx *tls, const struct http_limits *lim, http_handler *h, void *arg,
    struct fault *f) MUST_USE;
uint16_t http_server_port(const struct http_server *s);
/* Stops accepting and closes idle connections; busy ones end after their answer. */
void http_server_drain(struct http_server *s);
void http_server_free(struct http_server *s); /* drops every connection */
uint32_t http_server_connections(const struct http_server *s);

/* Answers.  content_type NULL: none.  The body is copied. */
void http_reply(struct http_req *r, int status, const char *content_type, struct span body);
void http_reply_fields(struct http_req *r, int status, const char *content_type,
    const struct http_field *fields, size_t nfields, struct span body);
/* Answers and closes the connection. */
void http_reply_close(struct http_req *r, int status, const char *content_type, struct span body);

/* A body that is read while it is sent.  close is called exactly once, also after a failure. */
struct http_source {
	int (*read)(void *arg, uint8_t *p, size_t n); /* exactly n bytes, or an ERR_* */
	void (*close)(void *arg);
	void *arg;
};
void http_reply_source(struct http_req *r, int status, const char *content_type, uint64_t length,
    const struct http_source *source);

/*
 * Turns the connection of an upgrade request into a WebSocket (101; exactly
 * "Connection: upgrade", no extensions).  NULL after it answered 400/426 when the
 * request is no valid handshake.  The request is over either way.
 */
struct wsconn_handler;
struct wsconn_options;
struct wsconn *http_upgrade(struct http_req *r, const struct wsconn_options *o,
    const struct wsconn_handler *h, void *arg);
