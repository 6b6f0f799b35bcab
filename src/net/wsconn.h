/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A WebSocket connection, either role, over a stream: reassembly of fragments under a
 * limit, answers to pings, close codes, back-pressure.
 *
 * Owner: whoever created it, until wsconn_close(), which is due after on_close, too.
 * on_close is the last callback; after wsconn_close() none comes.  No callback runs from
 * inside a call of the owner.  Messages are good for the callback only.
 */
#pragma once

#include "codec/ws.h"
#include "net/stream.h"

struct wsconn;

struct wsconn_options {
	size_t message_max;  /* reassembled; over it: close 1009 */
	size_t queue_max;    /* bytes queued towards the peer; over it: close 1013. 0: 4 MiB */
	uint64_t ping_ms;    /* after so long without a sign of life a ping leaves; 0: none */
	uint64_t dead_ms;    /* no sign of life for so long: gone (ERR_TIMEOUT). 0: never */
	uint64_t start_ms;   /* first message must come within; 0: no limit */
};

struct wsconn_handler {
	void (*on_message)(void *arg, uint8_t op, struct span body); /* WS_TEXT or WS_BINARY */
	void (*on_drain)(void *arg);  /* queue fell below STREAM_LOW; may be NULL */
	/* err: ERR_CLOSED, ERR_TIMEOUT, ERR_PROTOCOL, ERR_LIMIT, ERR_IO ...; code: 0 or the peer's */
	void (*on_close)(void *arg, int err, uint16_t code);
	void (*on_pong)(void *arg, uint64_t rtt_us); /* may be NULL */
};

/* Takes st.  leftover: bytes that were read behind the HTTP head. */
struct wsconn *wsconn_new(struct stream *st, bool is_client, struct span leftover,
    const struct wsconn_options *o, const struct wsconn_handler *h, void *arg);
void wsconn_set_handler(struct wsconn *c, const struct wsconn_handler *h, void *arg);
/* Raises or lowers message_max: small until a peer has proven itself. */
void wsconn_set_message_max(struct wsconn *c, size_t max);
int wsconn_send(struct wsconn *c, uint8_t op, struct span body) MUST_USE;
/* Batches: several sends leave as one write. */
bool wsconn_cork(struct wsconn *c); /* whether it was not corked before */
void wsconn_uncork(struct wsconn *c);
int wsconn_ping(struct wsconn *c, struct span body) MUST_USE;
size_t wsconn_queued(const struct wsconn *c);
void wsconn_pause(struct wsconn *c, bool pause); /* stop reading this peer */
/* Sends a close frame, flushes briefly, frees.  code 0: just drop the connection. */
void wsconn_close(struct wsconn *c, uint16_t code);
uint64_t wsconn_idle_ms(const struct wsconn *c);
const char *wsconn_peer_ip(const struct wsconn *c);
struct ev_loop *wsconn_loop(const struct wsconn *c);
