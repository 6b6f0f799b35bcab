/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stream.c (events, life cycle), stream_write.c (the queue) and stream_tls.c (records)
 * share.
 *
 * Nothing is freed under a running callback: every entry from the event layer is
 * bracketed by stream_enter() and stream_leave(), and a stream closed in between goes at
 * the leave.
 */
#pragma once

#include "net/outq.h"
#include "net/stream.h"

struct tls_io;
struct ssl_st;

/*
 * A server or client counts the streams that it began, whoever owns them now, and ends
 * those that stream_finish() left to themselves together with itself.
 */
struct stream_family {
	struct list members;
	uint32_t count;
	void (*on_leave)(void *arg); /* a member is gone; may be NULL */
	void *arg;
};

void stream_family_init(struct stream_family *f, void (*on_leave)(void *arg), void *arg);
void stream_family_join(struct stream_family *f, struct stream *st);
/* Closes the finishing ones and lets go of the others, which will not linger any more. */
void stream_family_end(struct stream_family *f);

/*
 *	OPENING --handshake--> OPEN --error, end--> (on_close) DEAD --stream_close--> freed
 *	      \__________________\___stream_finish--> finishing: flush, linger --> freed
 *
 * Owner: its creator until stream_close() or stream_finish(); while finishing, itself.
 */
struct stream {
	struct ev_stream *s;
	struct ev_loop *loop;
	const struct stream_handler *h; /* NULL once detached */
	void *arg;

	struct stream_family *family; /* may be NULL */
	struct list family_link;

	struct tls_io *io; /* NULL: plain */
	struct ssl_st *ssl;
	uint8_t *rest; /* ciphertext left over when reading was paused */
	uint32_t rest_len;
	uint32_t early_len;
	uint8_t *early; /* written before the handshake was over */
	char *name;     /* whom a client expects; for error texts */

	struct outq out; /* bytes as they go on the wire */
	size_t queue_max;
	struct ev_timer timer;
	uint64_t active_ms;   /* peer's last byte, or the queue's last shrinking */
	uint64_t moved_ms;    /* nothing was on its way, or some of it arrived */
	size_t lingered;      /* bytes thrown away while finishing */
	uint64_t sent, taken; /* bytes the kernel got, and the peer's of them */
	char *why;
	int err; /* 0 while alive */

	uint16_t depth; /* event callbacks in progress */
	uint8_t want;   /* last readiness asked for */
	bool opened : 1;
	bool told : 1;   /* on_close was called */
	bool closed : 1; /* given back; freed at depth 0 */
	bool paused : 1;
	bool corked : 1;
	bool more : 1;  /* paused with bytes still to be decoded */
	bool above : 1; /* the queue was high: on_drain is due */
	bool finishing : 1;
	bool lingering : 1;
	bool deaf : 1;   /* writing failed; what it still said is read, then its end */
	bool orphan : 1; /* its family ended: nothing may outlive its owner any more */
};

void stream_enter(struct stream *st);
void stream_leave(struct stream *st); /* may free st */
/* Still somebody's, alive and to be given data. */
bool stream_is_live(const struct stream *st);
/* Marks st dead; on_close follows from the loop, or at once with stream_report(). */
void stream_fail(struct stream *st, int err, const char *why);
void stream_report(struct stream *st, int err, const char *why);
void stream_mark_open(struct stream *st); /* on_open */
void stream_update_want(struct stream *st);
void stream_kick(struct stream *st); /* the timer, as soon as the loop turns */

/* stream_write.c */
/* Sends wire bytes or queues them.  Failures go through stream_fail(). */
void stream_send_wire(struct stream *st, struct span s);
void stream_flush(struct stream *st); /* as much of the queue as the kernel takes */
/* A queue that was above its low mark is below it: on_drain. */
void stream_drained(struct stream *st);
size_t stream_low_mark(const struct stream *st); /* bytes */

/* stream_tls.c */
int stream_tls_init(struct stream *st, struct tls_ctx *tls, const char *name) MUST_USE;
void stream_tls_start(struct stream *st); /* a client speaks first */
void stream_tls_read(
    struct stream *st); /* one turn of reading, decoding and delivering */
int stream_tls_write(struct stream *st, struct span a, struct span b) MUST_USE;
void stream_tls_flush(struct stream *st); /* what cork gathered */
size_t stream_tls_gathered(const struct stream *st);
void stream_tls_goodbye(struct stream *st); /* close_notify */
void stream_tls_fini(struct stream *st);
