/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits to be sent to one end of a session: strictly first in, first out, with the
 * few delays that the stock peers need (see relay.h).  An empty queue with an open socket
 * costs nothing: messages go straight through.
 */
#pragma once

#include "net/wsconn.h"
#include "server/gateway/ackbook.h"

enum relay_kind {
	RELAY_PLAIN,
	RELAY_ACK,           /* may have a time before which it must not leave */
	RELAY_COMPLETE,      /* HandshakeComplete to a stock client: quiet follows */
	RELAY_COMPLETE_HELD, /* the same, waiting for the acknowledgement of the response
			      */
};

struct relay_queue {
	struct ev_loop *loop;
	struct wsconn *conn; /* borrowed; NULL while the end is away */
	struct list msgs;
	size_t bytes;
	struct ev_timer timer;
	uint64_t quiet_until_us;
	bool fragile;   /* a stock client: HandshakeComplete is followed by quiet */
	bool hurry;     /* the session is over: no more delays but the quiet */
	ev_cb *flushed; /* something that waited has left; may be NULL */
	void *arg;
};

/* flushed(arg) comes from every call that flushes, and from the queue's own timer. */
void relay_queue_init(
    struct relay_queue *q, struct ev_loop *l, ev_cb *flushed, void *arg);
void relay_queue_fini(struct relay_queue *q);
void relay_queue_attach(struct relay_queue *q, struct wsconn *c, bool fragile);
void relay_queue_detach(struct relay_queue *q); /* keeps what waits */

/* Copies.  ack_seq: for RELAY_ACK, else -1.  not_before_us: 0 for at once. */
void relay_queue_add(struct relay_queue *q, enum relay_kind kind, int64_t ack_seq,
    uint64_t not_before_us, struct span msg);
/* The acknowledgement of a HandshakeResponse overtakes a held HandshakeComplete. */
void relay_queue_add_before_complete(
    struct relay_queue *q, int64_t ack_seq, uint64_t not_before_us, struct span msg);
/* The owner of this end sent a message after seq: acknowledgements below it may leave. */
void relay_queue_release_acks(struct relay_queue *q, int64_t seq);
void relay_queue_end_quiet(struct relay_queue *q);
void relay_queue_hurry(struct relay_queue *q);

void relay_queue_flush(struct relay_queue *q);
size_t relay_queue_bytes(const struct relay_queue *q);
bool relay_queue_empty(
    const struct relay_queue *q); /* nothing here, nothing in the socket */
