/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two data channels of one session, joined.
 *
 * Messages are forwarded without being re-encoded, in order, acknowledgements and data
 * in one queue for each end.  Sequence numbers and resends run end to end; the relay only
 * keeps what the stock peers need to survive a fast network:
 *
 *	- an acknowledgement reaches a stock sender no sooner than RELAY_ACK_HOLD_US
 *	  after its message was received (both stock peers note a message as sent only
 *	  after sending it);
 *	- an acknowledged message that a stock peer sends again is answered from the
 *	  ackbook;
 *	- the acknowledgement of a stock client may have died with its connection, or with
 *	  the server; once the client is back, what its agent sends again and the client
 *	  lets pass in silence is a duplicate, and so is all before it: such messages are
 *	  acknowledged in its place (two pongs prove that the client has read them);
 *	- HandshakeComplete reaches a stock client behind the acknowledgement of its
 *	  HandshakeResponse, and then nothing for RELAY_QUIET_MS or until the client
 *	  speaks.
 *
 * A stock client's TerminateSession races its data for a sequence number, and an agent passes
 * over the loser in silence: a client that has sent one and left ends the session here.
 *
 * While an end is away its messages wait, up to a bound (session_buffer_max); then the other
 * end is not read any more.
 *
 * Owner: the gateway's table, by session id.  It frees itself when the session is over
 * and both sockets are gone.
 */
#pragma once

#include "net/wsconn.h"
#include "server/domain/session.h"

enum {
	RELAY_ACK_HOLD_US =
	    1500, /* data-channel notes 4.5: 1 ms brought duplicates to 0 of 979 */
	RELAY_QUIET_MS = 100, /* 9.1.1: 5 ms was enough in 80 of 80 runs */
	RELAY_COMPLETE_WAIT_MS =
	    2000, /* a HandshakeComplete waits for that acknowledgement at most */
	RELAY_CLOSE_MS = 2000, /* channel_closed may take so long to leave */
	/* After TerminateSession a client may be gone so long before the session ends
	 * without a word of the agent, which needs 10 s itself to empty a connection. */
	RELAY_LEFT_MS = 15 * 1000,
};

struct relay;

struct relay_counters {
	uint64_t messages, bytes, malformed, acks_synthesised;
	uint64_t resumes, resumes_denied; /* by secret */
	uint64_t dead_peers;              /* gave no sign of life any more */
	uint64_t sockets;                 /* open now */
};

/* The relay is gone: take it out of the table. */
typedef void relay_gone_fn(void *arg, const char *session_id);

struct relay *relay_new(struct ev_loop *l, struct sessions *sessions,
    const char *session_id, size_t queue_max, struct relay_counters *counters,
    relay_gone_fn *gone, void *arg);
size_t relay_buffered(const struct relay *r); /* bytes that wait for either end */
/* Drops both sockets without ending the session. */
void relay_free(struct relay *r);

/*
 * Takes c; a previous socket of that end is closed.  own: speaks our extensions.  hears: one
 * of ours that understands what else we say, proto/own.h (clients) and proto/own_event.h
 * (agents).
 */
void relay_attach(
    struct relay *r, enum session_end end, struct wsconn *c, bool own, bool hears);
