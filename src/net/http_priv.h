/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the HTTP server: http_server.c accepts, http_conn.c reads requests,
 * http_reply.c answers them, http_source.c sends long answers, http_upgrade.c turns
 * connections into WebSockets.
 */
#pragma once

#include "base/list.h"
#include "codec/uri.h"
#include "net/http_server.h"
#include "net/stream_priv.h"

struct http_conn;

struct http_server {
	struct ev_loop *loop;
	struct ev_listener *listener; /* NULL once draining */
	struct tls_ctx *tls;          /* the creator's */
	struct http_limits lim;
	http_handler *handler;
	void *arg;
	struct list conns;            /* those that speak HTTP */
	struct stream_family streams; /* these, upgraded ones and finishing ones */
	bool paused;
	bool draining;
};

/*
 * One request.  Owner: its connection; once that is gone without an on_abort to tell, the
 * handler, until it answers.
 */
struct http_rq {
	struct http_req pub;
	struct http_conn *conn; /* NULL: the peer is gone */
	struct http1 *h1; /* taken over when the peer went: pub.head points into it */
	struct buf body;
	char ip[64];
	bool upgrade;
	bool aborting;
};

/*
 *	OPENING -TLS-> IDLE -first byte-> HEAD -> BODY -complete-> BUSY -answer-> IDLE
 *	                                                              \-source-> SENDING -> IDLE
 *
 * Owner: the server's list.  Idle, it holds neither head, body nor input.
 */
enum http_conn_state {
	CONN_OPENING,
	CONN_IDLE,
	CONN_HEAD,
	CONN_BODY,
	CONN_BUSY,
	CONN_SENDING,
	CONN_GONE
};

struct http_conn {
	struct list link;
	struct http_server *srv;
	struct stream *st; /* NULL once GONE */
	struct http1 *h1;
	struct http_rq *rq;
	struct buf in; /* what came behind the request that is being handled */
	struct ev_timer timer;
	uint64_t progress_ms; /* last piece of a body */
	struct http_source source; /* SENDING: the rest of the answer */
	uint64_t source_left;
	bool source_keep; /* the connection goes on behind it */
	uint16_t depth;       /* callbacks in progress */
	uint8_t state;
};

void http_conn_new(struct http_server *s, struct ev_stream *es);
void http_conn_drop(struct http_conn *c); /* closes, aborts what is under way, frees */
/* After an answer: the next request, or the end. */
void http_conn_next(struct http_conn *c, bool keep);
void http_conn_gone(
    struct http_conn *c); /* its stream is somebody else's now, or closing */
void http_rq_free(struct http_rq *rq);

struct http_answer {
	int status;
	const char *content_type; /* NULL: none */
	const struct http_field *fields;
	size_t nfields;
	struct span body;
	uint64_t length; /* of what a source will send; 0: that of body */
	bool is_head; /* the length of the body, without the body */
	bool keep;    /* the connection goes on */
	int minor;    /* of the request */
};

/* Sends what the stream takes of the source; http_source_close() also without one. */
void http_source_send(struct http_conn *c);
void http_source_close(struct http_conn *c);
void http_conn_timer(struct http_conn *c, uint64_t ms);

void http_write_answer(struct http_conn *c, const struct http_answer *a);
