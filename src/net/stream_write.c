/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream sends: its output queue with a high and a low mark; see stream_priv.h. */
#include "net/stream_priv.h"

enum {
	SMALL_WRITE = 2048,     /* two pieces up to this leave in one system call */
	WIRE_SLACK = 16 * 1024, /* what TLS adds to a queue of queue_max bytes */
};

static const char queue_full[] = "the peer reads too slowly: output queue is full";

/*
 * A peer that closed, or was reset, may have said something before: its last words are read
 * in the usual way, up to the end that they are followed by.  What is written is dropped.
 */
static void
write_failed(struct stream *st, int r)
{
	if (st->finishing || (st->ssl != NULL && !st->opened)) {
		stream_fail(st, r, r == ERR_CLOSED ? "closed by peer" : NULL);
		return;
	}
	st->deaf = true;
	outq_clear(&st->out);
	stream_update_want(st);
	if (st->above) /* its owner may wait for that before it reads on */
		stream_kick(st);
}

void
stream_drained(struct stream *st)
{
	st->above = false;
	if (st->h != NULL && st->h->on_drain != NULL)
		st->h->on_drain(st->arg);
}

/* Below a quarter of the cap, so that small queues have marks too. */
size_t
stream_low_mark(const struct stream *st)
{
	return MIN((size_t)STREAM_LOW, st->queue_max / 4);
}

void
stream_send_wire(struct stream *st, struct span s)
{
	if (st->err != 0 || st->deaf)
		return;
	while (s.n > 0 && st->out.bytes == 0 && !(st->corked && st->ssl == NULL)) {
		size_t put = 0;
		int r = ev_write(st->s, s.p, s.n, &put);

		if (r == ERR_AGAIN)
			break;
		if (r != 0) {
			write_failed(st, r);
			return;
		}
		s.p += put;
		s.n -= put;
		st->sent += put;
	}
	if (s.n == 0)
		return;
	if (st->out.bytes == 0)
		st->active_ms = ev_now_ms(st->loop);
	outq_add(&st->out, s);
	if (st->out.bytes > st->queue_max + st->queue_max / 64 + WIRE_SLACK) {
		/* TLS answers key updates by itself: that is bounded, too. */
		stream_fail(st, ERR_LIMIT, queue_full);
		return;
	}
	if (st->out.bytes > stream_low_mark(st))
		st->above = true;
	stream_update_want(st);
}

void
stream_flush(struct stream *st)
{
	bool moved = false;
	size_t before = st->out.bytes;
	int r = outq_flush(&st->out, st->s, &moved);

	st->sent += before - st->out.bytes;
	if (moved)
		st->active_ms = ev_now_ms(st->loop);
	if (r != 0)
		write_failed(st, r);
	stream_update_want(st);
}

int
stream_write2(struct stream *st, struct span a, struct span b)
{
	if (!stream_is_live(st))
		return ERR_CLOSED;
	if (a.n + b.n > st->queue_max ||
	    stream_queued(st) > st->queue_max - (a.n + b.n)) {
		stream_fail(st, ERR_LIMIT, queue_full);
		return ERR_LIMIT;
	}
	if (st->ssl != NULL)
		return stream_tls_write(st, a, b);
	if (a.n > 0 && b.n > 0 && a.n + b.n <= SMALL_WRITE) {
		uint8_t both[SMALL_WRITE];

		memcpy(both, a.p, a.n);
		memcpy(both + a.n, b.p, b.n);
		stream_send_wire(st, span_of(both, a.n + b.n));
	} else {
		stream_send_wire(st, a);
		stream_send_wire(st, b);
	}
	return st->err != 0 ? ERR_CLOSED : 0;
}

int
stream_write(struct stream *st, struct span s)
{
	return stream_write2(st, s, SPAN_NONE);
}

bool
stream_cork(struct stream *st)
{
	bool was = st->corked;

	st->corked = true;
	return !was;
}

void
stream_uncork(struct stream *st)
{
	if (!st->corked)
		return;
	st->corked = false;
	if (!stream_is_live(st))
		return;
	if (st->ssl != NULL)
		stream_tls_flush(st);
	else if (st->out.bytes > 0)
		stream_flush(st);
}
