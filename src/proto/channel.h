/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of a data channel: sequence numbers, acknowledgements, resending, windows.
 *
 *	       channel_send()                              ops->deliver()
 *	             |                                           ^
 *	   [unacked list, window] ---- transmit / receive ---- [receive queue]
 *	             ^________________ acknowledge ______________|
 *
 * Used by the agent (sends output_stream_data) and by the client (sends
 * input_stream_data), each facing a stock peer or one of ours.  No clock and no sockets:
 * every entry point is given now_ms (monotonic), and messages leave through
 * ops->transmit.
 *
 * Towards a stock peer a message that arrives out of order is acknowledged at once, as
 * stock peers do; towards our own (channel_set_own_peer) only when it was consumed, so
 * that the sender's window bounds the receiver's memory.
 *
 * Sends made inside deliver() leave after the acknowledgement of the message that is
 * being delivered: the stock plugin needs the ack of its HandshakeResponse before
 * HandshakeComplete.
 *
 * How much may be in flight to our own peer follows the path: twice what was acknowledged
 * within a round trip, from CHANNEL_WINDOW to what the peer takes (channel_window.c).
 *
 * Owner: the session of the agent or client.  Never call channel_free() from a callback.
 * Callbacks may call channel_send, channel_down and the questions below.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

struct agentmsg;
struct channel;

enum channel_role { CHANNEL_AGENT, CHANNEL_CLIENT };

enum {
	CHANNEL_PAYLOAD_STOCK = 60 * 1024, /* largest payload towards a stock peer */
	CHANNEL_PAYLOAD_OWN = 64 * 1024,   /* what we announce to our own */
	CHANNEL_WINDOW = 1024 * 1024, /* bytes in flight at first, and to stock peers */
	CHANNEL_WINDOW_MAX = 8 * 1024 * 1024,  /* over long paths; what we announce */
	CHANNEL_RECV_MAX = CHANNEL_WINDOW_MAX, /* receive queue */
	/* What a transport must be able to queue: a window, repetitions, acks. */
	CHANNEL_TRANSPORT_MAX = CHANNEL_WINDOW_MAX + CHANNEL_WINDOW_MAX / 2,
	CHANNEL_RECV_HIGH =
	    1024 * 1024,            /* above it a transport stops reading a stock peer */
	CHANNEL_MESSAGE_COST = 256, /* what a message counts besides its payload */
	CHANNEL_IN_FLIGHT = 4096,   /* messages; the stock plugin buffers 10,000 */
	CHANNEL_QUEUE_MESSAGES = 8192, /* receive queue */
	CHANNEL_AHEAD_MAX = 1000000,   /* a sequence number further ahead is a lie */
};

/*
 * Acks to our own peer wait for the next ones, and then one leaves for all: the echo of a
 * keystroke must not queue up behind the word that the keystroke arrived.  They wait much
 * less than the time after which our own sender repeats (CHANNEL_OWN_RTO_MIN_MS), and no
 * longer than it takes to receive a quarter of the window.  (With 25 ms a key costs every
 * program on the way half the processor time, but somebody who types fast finds them cold: the
 * echo took a tenth longer.)
 */
enum {
	CHANNEL_ACK_HOLD_MS = 2,
	CHANNEL_ACKS_HELD = 16, /* messages */
	CHANNEL_ACK_HELD_BYTES =
	    CHANNEL_WINDOW / 4,       /* payload and CHANNEL_MESSAGE_COST */
	CHANNEL_OWN_RTO_MIN_MS = 200, /* only a relay that died loses messages */
};

#define CHANNEL_NO_TIMER UINT64_MAX

struct channel_ops {
	/* One binary WebSocket message.  Only called while the channel is up. */
	void (*transmit)(void *arg, struct span msg);
	/*
	 * The next payload in order.  0: accepted, will be acknowledged.  ERR_AGAIN: not
	 * ready, stays queued and unacknowledged until channel_pump().  Any other code:
	 * counts as accepted and is returned by channel_receive().
	 */
	int (*deliver)(void *arg, uint32_t payload_type, struct span payload);
	/* After channel_send() said ERR_AGAIN: there is room again.  May be NULL. */
	void (*on_writable)(void *arg);
	/* channel_closed arrived; once.  output: text for the person, or "".  May be
	 * NULL. */
	void (*on_closed)(void *arg, const char *output);
	/* pause_publication (true) and its end (false); agent only.  May be NULL. */
	void (*on_pause)(void *arg, bool paused);
	/* A message of a type that is not the channel's; its digest is right.  May be NULL. */
	void (*on_other)(void *arg, const struct agentmsg *m);
	/* n random bytes, for message ids. */
	void (*random)(void *arg, void *p, size_t n);
};

struct channel_config {
	enum channel_role role;
	size_t payload_max;   /* channel_send() refuses more; 0: CHANNEL_PAYLOAD_STOCK */
	size_t window;        /* the first one; 0: CHANNEL_WINDOW */
	size_t recv_max;      /* 0: CHANNEL_RECV_MAX */
	uint32_t ack_hold_ms; /* CHANNEL_ACK_HOLD_MS; 0: every ack leaves at once */
};

struct channel_stats {
	uint64_t sent, resent, acked; /* data messages of ours */
	uint64_t received,
	    duplicates;   /* data messages of the peer; first ones, repeats */
	uint64_t dropped; /* well-formed, but no room in the receive queue */
	uint64_t invalid; /* refused with ERR_INVALID */
	uint64_t payload_sent, payload_received; /* bytes, each counted once */
	uint32_t rto_ms;
};

struct channel *channel_new(const struct channel_config *cfg,
    const struct channel_ops *ops, void *arg) __attribute__((returns_nonnull));
void channel_free(struct channel *ch); /* NULL is fine */

/*
 * The transport is (again) connected and its opening text frame is out: everything
 * unacknowledged leaves at once, in order.  wall_ms: time since the epoch, for
 * CreatedDate.
 */
void channel_up(struct channel *ch, uint64_t now_ms, int64_t wall_ms);
/* The transport is gone: sends queue up to the window, nothing is transmitted. */
void channel_down(struct channel *ch);

/*
 * The handshake showed one of our own peers: what it accepts as payload and as bytes in
 * flight (clamped to sane limits here).
 */
void channel_set_own_peer(struct channel *ch, size_t payload_max, size_t window);
/*
 * The handshake showed that neither end wants the SHA-256 of each payload: stream data leaves
 * without one and is taken without one.  TLS has seen to it that nothing changed on the way.
 * The client calls this once its HandshakeResponse is sent: all that follows is read after it.
 */
void channel_set_no_digest(struct channel *ch);

/*
 * One WebSocket message from the transport, binary or text.  0 also for what is ignored
 * (unknown types, duplicates).  ERR_INVALID: malformed, log and drop.  ERR_LIMIT: no
 * room, dropped without acknowledgement; the peer repeats it.
 */
int channel_receive(struct channel *ch, uint64_t now_ms, struct span msg) MUST_USE;

/*
 * Queues one payload (1..payload_max bytes) and transmits it when the window allows.
 * ERR_AGAIN: the window is full, on_writable tells when to try again.  ERR_INVALID: empty
 * or too long.  ERR_CLOSED: after channel_closed.
 */
int channel_send(struct channel *ch, uint64_t now_ms, uint32_t payload_type,
    struct span payload) MUST_USE;
/* The longest payload that channel_send() takes now; 0 when the window is full. */
size_t channel_room(const struct channel *ch);
size_t channel_payload_max(const struct channel *ch);

/* deliver() is ready again: offers what is queued. */
int channel_pump(struct channel *ch, uint64_t now_ms) MUST_USE;
/*
 * Bytes that wait for deliver() (payload and CHANNEL_MESSAGE_COST each).  A transport stops
 * reading above CHANNEL_RECV_HIGH.  What waits behind a gap does not count: the missing
 * message must be read to go on.
 */
size_t channel_recv_queued(const struct channel *ch);

/* The one timer: when to call channel_tick() (CHANNEL_NO_TIMER: never). Ask after each
 * call. */
uint64_t channel_next_ms(const struct channel *ch);
void channel_tick(struct channel *ch, uint64_t now_ms);

bool channel_drained(const struct channel *ch);   /* all that was sent is acknowledged */
bool channel_is_paused(const struct channel *ch); /* stop reading the source */
bool channel_is_closed(const struct channel *ch);
bool channel_is_own_peer(const struct channel *ch);
/* Since channel_up() the stream got on, either way: a connection that was worth having. */
bool channel_moved(const struct channel *ch);
/* The peer has sent at least one data message (the quiet period of a mux client is over).
 */
bool channel_peer_spoke(const struct channel *ch);
void channel_stats(const struct channel *ch, struct channel_stats *out);
