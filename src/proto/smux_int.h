/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of smux: the session, its streams, their queues.  Private to smux*.c.
 *
 * A stream is in the table from smux_open() or the peer's SYN on, and leaves it in one
 * place, smux_drop().  What is still to be said about a stream that left (FIN or RST) is
 * a reply: eight bytes, so that a peer cannot make us keep more than it sent.
 *
 *	              own mode                               stock mode
 *	 FIN came ----> buffer empty: on_half_close    buffer empty: gone, on_close(0)
 *	 FIN pulled --> wait for the other direction   wait for the peer's FIN
 *	 both --------> gone, on_close(0)
 *	 RST came ----> buffer empty: gone, on_close   (no such command)
 *	 smux_reset() > queue empty: RST, gone         queue empty: FIN, gone
 */
#pragma once

#include "base/list.h"
#include "proto/smux.h"

enum smux_cmd { CMD_SYN, CMD_FIN, CMD_PSH, CMD_NOP, CMD_UPD, CMD_RST };

enum {
	VERSION_STOCK = 1,
	VERSION_OWN = 2,
	UPD_BODY = 8, /* bytes consumed modulo 2^32, window */
	RST_BODY = 4, /* the positive number of an ERR_* */
	HEAD_MAX = SMUX_HEAD + UPD_BODY,
	CHUNK_MIN = 1024,
	CHUNK_MAX = 64 * 1024,
	POOL_KEEP = 8, /* chunks of CHUNK_MAX */
	STAGE = 64,     /* a frame for a reader of very few bytes */
	CREDIT =
	    4, /* an UPD for each such part of a window: it comes before all is used up */
	SMALL = 4096,     /* what a stream that was quiet may say before its turn */
	SMALL_RUN = 16,   /* as often in a row while others wait */
	BODY_MIN = 512,   /* no frame is cut shorter to fill the end of a payload */
	REPLIES_KEEP = 64 /* room that an empty list of replies keeps */
};

/* A FIFO of bytes in chunks. */
struct smux_chunk {
	struct smux_chunk *next;
	uint32_t cap, off, len; /* data[off..len) */
	uint8_t data[];
};

struct smux_queue {
	struct smux_chunk *first, *last;
	size_t len;
};

/* Large chunks for the next burst, and what those in queues occupy. */
struct smux_pool {
	struct smux_chunk *first;
	uint32_t n;
	size_t mem;
};

void smux_queue_add(struct smux_queue *q, struct span s, struct smux_pool *pool);
/* Appends the chunk itself. */
void smux_queue_link(
    struct smux_queue *q, struct smux_chunk *c_take, struct smux_pool *pool);
struct span smux_queue_peek(const struct smux_queue *q);
void smux_queue_consume(struct smux_queue *q, size_t n, struct smux_pool *pool);
void smux_queue_read(
    struct smux_queue *q, uint8_t *out, size_t n, struct smux_pool *pool);
void smux_queue_clear(struct smux_queue *q, struct smux_pool *pool);
struct smux_chunk *smux_chunk_new(struct smux_pool *pool, uint32_t cap)
    __attribute__((returns_nonnull));
void smux_pool_fini(struct smux_pool *pool);

/* One stream.  Owner: the table of its session; callbacks may end it. */
struct smux_stream {
	struct smux_stream *next; /* in its bucket of the table */
	struct list all;          /* smux.all */
	struct list ready; /* smux.fresh or smux.bulk, while something may be sent */
	struct list ctl;   /* smux.ctl, while SYN or UPD is due */
	struct list wake;  /* smux.wake, until the end of smux_pull() */
	struct smux_queue tx, rx;
	uint64_t sent, peer_consumed; /* bytes of data frames; own mode */
	uint32_t peer_window;
	uint32_t window; /* ours, own mode; counted in smux.windows */
	uint64_t received, consumed, told_consumed;
	uint32_t id;
	bool syn_due, upd_due;
	bool fin_wanted, fin_sent; /* our direction */
	bool fin_came, half_told;  /* the peer's */
	bool attached;             /* on_attached was called */
	int reset, was_reset;      /* ERR_*: by us when tx is empty, by the peer */
	bool offering;             /* inside on_data */
	bool blocked;              /* on_writable is owed */
};

struct smux_reply {
	uint32_t id;
	uint8_t cmd; /* CMD_FIN or CMD_RST */
	uint8_t code;
};

struct smux {
	struct smux_config cfg; /* complete, nothing is 0 by default any more */
	struct smux_ops ops;
	void *arg;
	int err;        /* not 0: dead */
	uint32_t calls; /* callbacks under way */

	struct smux_stream **table;
	uint32_t mask, nstreams;
	struct list all;
	uint32_t next_id; /* that we open */
	uint32_t peer_id; /* last that the peer opened, own mode */
	size_t windows;

	/* Receiving. */
	uint8_t head[HEAD_MAX];
	uint8_t head_len, head_need;
	uint32_t body_left;
	struct smux_stream *body; /* NULL: skip */
	size_t buffered;

	/* Sending. */
	struct list fresh, bulk, ctl, wake;
	uint32_t fresh_run;
	size_t queued;
	struct smux_pool pool;
	struct smux_chunk *spare; /* what smux_reserve() gives out */
	struct smux_reply *replies;
	size_t reply_first, reply_end, reply_cap;
	uint8_t stage[STAGE];
	uint8_t stage_off, stage_len;
	bool nop_due;

	/* Keep-alive. */
	uint64_t ping_ms, check_ms;
	bool heard;

	struct smux_stats stats;
};

struct smux_stream *smux_find(const struct smux *m, uint32_t id); /* or NULL */
struct smux_stream *smux_add(struct smux *m, uint32_t id)
    __attribute__((returns_nonnull));
bool smux_has_room(const struct smux *m); /* for one stream more */
void smux_drop(struct smux *m, struct smux_stream *s);
/* smux_drop() and, unless we have reset it, on_close(). */
void smux_close(struct smux *m, struct smux_stream *s, int why);
/* FIN or RST for a stream that is, or is about to be, gone. */
void smux_reply(struct smux *m, uint32_t id, int why);
/* Puts the stream on the list of its turn when it has something to send. */
void smux_ready(struct smux *m, struct smux_stream *s);
void smux_ctl(struct smux *m, struct smux_stream *s);
/* n bytes were taken by the application: credit for the peer. */
void smux_credit(struct smux *m, struct smux_stream *s, size_t n);
/* The peer's direction may be at its end.  The stream may be gone after it. */
void smux_finish(struct smux *m, struct smux_stream *s);

static inline uint16_t
get_le16(const uint8_t *p)
{
	return (uint16_t)(p[1] << 8 | p[0]);
}

static inline uint32_t
get_le32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static inline void
put_le32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}
