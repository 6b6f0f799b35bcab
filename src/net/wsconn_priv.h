/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What wsconn.c (sending, timers, life cycle) and ws_input.c (frames that arrive) share.
 */
#pragma once

#include "net/wsconn.h"

enum {
	WS_CONTROL_MAX = 125,
	WS_CLOSE_BAD_DATA = 1007, /* text that is no UTF-8 */
};

/*
 *	OPEN --close frame, error, limit, silence--> (on_close) DEAD
 *	  |                                                       |
 *	  +-------------------- wsconn_close() ----------------> freed
 *
 * Owner: its creator, until wsconn_close().  While open and idle it holds no buffer.
 */
struct wsconn {
	struct stream *st; /* not after wsconn_close() */
	struct ev_loop *loop;
	const struct wsconn_handler *h; /* NULL: nothing is read until there is one */
	void *arg;
	struct wsconn_options o;
	struct buf
	    part; /* the front of a frame; or, when held, whatever a pause left over */
	struct buf msg; /* fragments of a message so far */
	uint8_t *pong;  /* length and body of an answer that waits for the queue */
	struct ev_timer timer;
	uint64_t ping_due_ms, start_due_ms; /* 0: none */
	uint64_t ping_sent_us;              /* 0: no pong is awaited */
	int err;                            /* 0 while open */
	uint16_t code;                      /* the peer's close code */
	uint16_t depth;                     /* callbacks in progress */
	uint8_t msg_op; /* of the fragmented message; 0: none under way */
	bool is_client : 1;
	bool paused : 1;
	bool held : 1; /* part must be fed again before anything is read */
	bool close_sent : 1;
	bool told : 1;
	bool closed : 1;
};

static inline bool
wsconn_is_open(const struct wsconn *c)
{
	return c->err == 0 && !c->closed;
}

static inline bool
wsconn_blocked(const struct wsconn *c)
{
	return c->paused || c->h == NULL;
}

/* Ends an open connection; send_code 0: without a close frame.  on_close follows. */
void wsconn_fail(struct wsconn *c, int err, uint16_t send_code);
int wsconn_control(struct wsconn *c, uint8_t op, struct span body) MUST_USE;
void wsconn_send_close(struct wsconn *c, uint16_t code);
void wsconn_answer_ping(struct wsconn *c, struct span body);

/* ws_input.c: frames in p[0..n), which is unmasked in place. */
void wsconn_feed(struct wsconn *c, uint8_t *p, size_t n);
/* Feeds again what a pause held back. */
void wsconn_feed_held(struct wsconn *c);
