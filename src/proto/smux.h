/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many connections over one data channel: smux frames in the byte stream that the Output
 * payloads of a port session form.
 *
 *	smux_write, smux_commit                           ops->on_data, smux_peek
 *	         |                                                  ^
 *	  [queue of each stream] -- smux_pull ~~~ smux_push -- [buffer of each stream]
 *
 * The client opens streams, the agent accepts them (either may in own mode).  Frames are
 * little-endian: version, command, length (2), stream (4), body.
 *
 * Stock mode (version 1, what stock plugins and agents speak): FIN ends both directions,
 * and nothing limits a stream, so the session as a whole has to stop at recv_max
 * undelivered bytes: smux_recv_blocked().
 *
 * Own mode (version 2, only when both handshakes showed our extension): each stream has a
 * window (UPD), so a slow connection holds back nobody but itself; FIN ends one direction;
 * RST (command 5, the positive ERR_ number) ends both: the peer takes nothing any more, and
 * what it had said before is still delivered.
 *
 * Pure: no I/O, no clock.  After every call here the owner looks at smux_pending() and
 * pulls as soon as the channel has room; where it was blocked, it looks at
 * smux_recv_blocked() after data was consumed and after a pull.
 *
 * Owner: the session of the agent or client.  Callbacks come from smux_push, smux_pull,
 * smux_consumed, smux_resume and smux_end.  They may call anything here but smux_push,
 * smux_pull, smux_end and smux_free; streams may be gone after each.  No callback follows
 * for a stream after its on_close, or after smux_abort() or smux_reset().
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

struct smux;

enum {
	SMUX_HEAD = 8,
	SMUX_FRAME = 32768,        /* longest body that stock peers send */
	SMUX_FRAME_MAX = 65535,    /* what is accepted */
	SMUX_WINDOW = 256 * 1024,  /* own mode: of a new stream; both ends know it */
	SMUX_WINDOW_MAX = 8 << 20, /* and the most it may grow to */
	SMUX_STREAMS = 1024,       /* at once */
	SMUX_STREAMS_MAX = 16384,
	SMUX_RECV_STOCK = 4 << 20, /* undelivered bytes of the session, stock mode */
	SMUX_RECV_OWN = 256 << 20, /* sum of the windows of all streams, own mode */
	SMUX_QUEUE = 256 * 1024,   /* to be sent, for each stream */
	SMUX_QUEUE_MAX = 4 << 20,
	SMUX_SEND_MAX = 16 << 20, /* all streams; above it each has only its share */
	SMUX_SHARE = 16 * 1024,
	SMUX_REPLIES = 1024, /* refusals not yet pulled before smux_recv_blocked() */
	SMUX_KEEPALIVE_MS = 10000, /* what stock peers use; three times that without a */
	SMUX_KEEPALIVE_MISSES = 3, /* frame ends the session */
};

#define SMUX_NO_TIMER UINT64_MAX

struct smux_ops {
	/*
	 * The peer opened a stream.  0 accepts; an ERR_* refuses and is told to the peer (own
	 * mode).  Accept at once and dial later: data is offered meanwhile, on_data may say
	 * ERR_AGAIN, and smux_abort() tells a dial error.  NULL refuses all.
	 */
	int (*on_open)(void *arg, uint32_t id);
	/*
	 * Bytes of a stream, in order.  Returns how many of them were taken; ERR_AGAIN is the
	 * same as 0.  The rest stays buffered, and nothing more is offered for that stream
	 * until smux_resume() or smux_consumed() has emptied the buffer.  Any other ERR_*
	 * aborts the stream with that code.
	 */
	int (*on_data)(void *arg, uint32_t id, struct span data);
	/*
	 * Own mode: the peer's direction is at its end and all of it was taken.  The stream
	 * lives on until smux_shutdown_write(), which may be called here.
	 */
	void (*on_half_close)(void *arg, uint32_t id);
	/*
	 * The stream is gone.  why 0: ended in order, all data of the peer was taken.  So it
	 * was with the peer's code (own mode), ERR_CLOSED when it gave none we know.  With the
	 * code of smux_end() what was buffered is dropped.
	 */
	void (*on_close)(void *arg, uint32_t id, int why);
	/*
	 * Own mode: the peer attends to this stream (smux_attached()), or took some of it.
	 * Once; may be NULL.
	 */
	void (*on_attached)(void *arg, uint32_t id);
	/* smux_write() took less than all, or smux_reserve() gave NULL: room again.  May be NULL. */
	void (*on_writable)(void *arg, uint32_t id);
};

/* 0 is the default of each member; numbers out of range are clamped. */
struct smux_config {
	bool is_client; /* odd ids: 3, 5, 7...; the agent's are even */
	bool own;
	uint32_t max_frame; /* body to send: SMUX_FRAME, at most SMUX_FRAME_MAX */
	uint32_t window; /* own: SMUX_WINDOW; larger: grows to it while it is drained */
	uint32_t max_streams;  /* SMUX_STREAMS */
	uint32_t queue;        /* SMUX_QUEUE, from SMUX_SHARE to SMUX_QUEUE_MAX */
	size_t send_max;       /* SMUX_SEND_MAX */
	size_t recv_max;       /* SMUX_RECV_STOCK or SMUX_RECV_OWN */
	uint32_t keepalive_ms; /* 0: off, as today's stock peers want it */
	uint64_t now_ms;       /* where the keep-alive counts from */
};

struct smux_stats {
	uint32_t streams;                   /* now */
	uint64_t opened, accepted, refused; /* streams */
	uint64_t aborted, reset;            /* by us, by the peer */
	uint64_t frames_in, frames_out;     /* all commands */
	uint64_t bytes_in, bytes_out;       /* bodies of data frames */
	uint64_t skipped;                   /* data for streams that are gone */
	size_t buffered, queued;            /* bytes to be consumed, to be pulled */
	size_t mem;                         /* what the two above occupy */
	size_t windows;                     /* own: sum over all streams */
};

struct smux *smux_new(const struct smux_config *cfg, const struct smux_ops *ops,
    void *arg) __attribute__((returns_nonnull));
void smux_free(struct smux *m); /* NULL is fine; no callbacks */
/* on_close(why) for every stream; from then on every call answers why.  why != 0. */
void smux_end(struct smux *m, int why);

/* --- the channel's side ----------------------------------------------------- */

/*
 * Received bytes, cut anywhere.  ERR_AGAIN: blocked, nothing was taken.  ERR_PROTOCOL: the
 * peer broke the rules and the session is dead: smux_end() or smux_free().
 */
int smux_push(struct smux *m, struct span in) MUST_USE;
/*
 * Stop consuming (leave the payload unacknowledged) until more was consumed, or, when the
 * peer opens faster than we refuse, pulled.  One payload may go over.  Own mode: only the
 * latter.
 */
bool smux_recv_blocked(const struct smux *m);

/*
 * Fills out with frames and returns how many bytes.  They are whole unless cap is tiny,
 * and less than cap may come although more is pending.  One turn for each stream; control
 * frames and streams with little to say go first.
 */
size_t smux_pull(struct smux *m, uint8_t *out, size_t cap);
bool smux_pending(const struct smux *m); /* smux_pull() has something */

/* Keep-alive.  ERR_TIMEOUT: no frame for too long, the session is dead. */
uint64_t smux_next_ms(const struct smux *m); /* SMUX_NO_TIMER: never */
int smux_tick(struct smux *m, uint64_t now_ms) MUST_USE;

/* --- the application's side ------------------------------------------------- */

/* ERR_LIMIT: too many streams, or ids used up. */
int smux_open(struct smux *m, uint32_t *id) MUST_USE;

/*
 * Queues a copy and returns how many bytes (0: no room, on_writable will tell).
 * ERR_NOTFOUND: no such stream.  ERR_CLOSED: after smux_shutdown_write(), or stock mode
 * and the peer has closed.
 */
int smux_write(struct smux *m, uint32_t id, struct span data) MUST_USE;
/*
 * The same without the copy, for read(2): where the next *n bytes may be put, or NULL with
 * *n 0 when smux_write() would take none.  Then smux_commit() at once, before any other
 * call here, for the n bytes that came (0 is fine).
 */
uint8_t *smux_reserve(struct smux *m, uint32_t id, size_t *n) MUST_USE;
void smux_commit(struct smux *m, uint32_t id, size_t n);

/*
 * No more will be written: FIN follows what is queued.  Own mode: the other direction
 * goes on.  Stock mode: the peer closes both ways and answers FIN, so what it had to say
 * is mostly lost; what still arrives is offered, and on_close comes with its FIN.
 * Harmless for a stream that is gone or was shut down before.
 */
void smux_shutdown_write(struct smux *m, uint32_t id);
/*
 * Ends a stream at once and drops what is queued and buffered: RST with the ERR_* why, or
 * FIN to a stock peer.  No callback.  Harmless for a stream that is gone.
 */
void smux_abort(struct smux *m, uint32_t id, int why);
/*
 * The same, but what is queued goes out first: a socket that is reset had something to say
 * before.  What the peer still sends is dropped.
 */
void smux_reset(struct smux *m, uint32_t id, int why);

/* Offers what is buffered to on_data again, until it takes less than all. */
void smux_resume(struct smux *m, uint32_t id);
/* Or by hand: the first buffered piece (empty: none), and n bytes of it done with. */
struct span smux_peek(const struct smux *m, uint32_t id);
void smux_consumed(struct smux *m, uint32_t id, size_t n);

/* Tells the peer that its stream is attended to, in own mode: an UPD that nobody needed. */
void smux_attached(struct smux *m, uint32_t id);
/* Whether on_half_close was called: whoever still dialled then has to ask. */
bool smux_is_half_closed(const struct smux *m, uint32_t id);

bool smux_is_own(const struct smux *m);
void smux_stats(const struct smux *m, struct smux_stats *out);
