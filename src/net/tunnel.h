/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections over one data channel: moves bytes between sockets and the streams of a
 * smux session.  The client adds a stream for each connection that it accepts; the agent
 * is told of each new stream, dials, and attaches the socket.
 *
 *	socket <--> tunnel <--> smux frames <--> payloads of the data channel
 *
 * Nothing is buffered here: a socket is read only into room that smux has, and what a
 * socket does not take stays in its stream.  Between our own programs a slow connection
 * therefore holds back nobody but itself; towards a stock peer the session as a whole stops
 * at smux's bound, and tunnel_input() says ERR_AGAIN.
 *
 * Owner: whoever made it.  Sockets that were handed over are closed with it.
 */
#pragma once

#include "ev/ev.h"
#include "proto/smux.h"

struct tunnel;

struct tunnel_ops {
	/* The longest payload that send() takes now; 0: none, tunnel_go() will tell. */
	size_t (*room)(void *arg);
	void (*send)(void *arg, struct span payload);
	/*
	 * What send() is given between the two may leave together.  cork(): whether there is
	 * something to uncork, which is so at most once at a time.  Both may be NULL.
	 */
	bool (*cork)(void *arg);
	void (*uncork)(void *arg);
	/* The peer opened a stream: tunnel_attach() or tunnel_refuse(), now or later.  Agent. */
	void (*on_open)(void *arg, uint32_t id);
	/*
	 * tunnel_ask(): whether the peer has its connection; why: 0, or an ERR_*, and then s is
	 * closed behind it.  Once for each, at the latest from tunnel_free().
	 */
	void (*answered)(void *arg, void *asker, struct ev_stream *s, int why);
	/* A stream ended; why 0: in order, else an ERR_*.  May be NULL. */
	void (*on_end)(void *arg, uint32_t id, int why);
	/* Keep-alive: the peer was silent for too long, and all streams have ended.  May be
	 * NULL. */
	void (*on_silent)(void *arg);
	/* After tunnel_input() said ERR_AGAIN: offer it again. */
	void (*input_ready)(void *arg);
};

struct tunnel_config {
	bool is_client;
	bool own;             /* both ends showed our extension */
	bool keepalive;       /* old stock clients want it */
	uint32_t streams_max; /* 0: SMUX_STREAMS */
};

struct tunnel *tunnel_new(struct ev_loop *l, const struct tunnel_config *cfg,
    const struct tunnel_ops *ops, void *arg);
void tunnel_free(struct tunnel *t); /* NULL is fine; no callback but answered() */

/* One Output payload of the peer.  ERR_AGAIN: not now.  ERR_PROTOCOL: the session is dead. */
int tunnel_input(struct tunnel *t, struct span payload) MUST_USE;
/* The channel has room again. */
void tunnel_go(struct tunnel *t);

/* Client: takes s and opens a stream for it; on an error s is closed. */
int tunnel_add(struct tunnel *t, struct ev_stream *s) MUST_USE;
/*
 * The same, but s is not read before the peer has its connection, or has none.  Only where
 * it says so: HANDSHAKE "Attached".
 */
int tunnel_ask(struct tunnel *t, struct ev_stream *s, void *asker) MUST_USE;
/* Agent: the socket for a stream of on_open().  Takes s; closes it when the stream is gone. */
void tunnel_attach(struct tunnel *t, uint32_t id, struct ev_stream *s);
void tunnel_refuse(struct tunnel *t, uint32_t id, int why);

size_t tunnel_connections(const struct tunnel *t);
