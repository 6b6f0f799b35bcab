/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunked output queue of a stream.  Small backlogs take small chunks, long ones 64 KiB,
 * so that draining a big queue needs few system calls.
 */
#include "net/outq.h"

enum { CHUNK_MIN = 4096, CHUNK_MAX = 64 * 1024 };

struct outq_chunk {
	struct outq_chunk *next;
	size_t off, len, cap;
	uint8_t data[];
};

static struct outq_chunk *
chunk_new(size_t want, size_t queued)
{
	size_t cap = queued >= CHUNK_MAX ? CHUNK_MAX : CHUNK_MIN;
	struct outq_chunk *c;

	while (cap < want && cap < CHUNK_MAX)
		cap *= 2;
	c = xmalloc(sizeof(*c) + cap);
	c->next = NULL;
	c->off = c->len = 0;
	c->cap = cap;
	return c;
}

void
outq_add(struct outq *q, struct span s)
{
	while (s.n > 0) {
		struct outq_chunk *c = q->tail;
		size_t n;

		if (c == NULL || c->len == c->cap) {
			c = chunk_new(s.n, q->bytes);
			if (q->tail != NULL)
				q->tail->next = c;
			else
				q->head = c;
			q->tail = c;
		}
		n = MIN(s.n, c->cap - c->len);
		memcpy(c->data + c->len, s.p, n);
		c->len += n;
		q->bytes += n;
		s.p += n;
		s.n -= n;
	}
}

static void
drop_head(struct outq *q)
{
	struct outq_chunk *c = q->head;

	q->head = c->next;
	if (q->head == NULL)
		q->tail = NULL;
	free(c);
}

int
outq_flush(struct outq *q, struct ev_stream *s, bool *moved)
{
	while (q->head != NULL) {
		struct outq_chunk *c = q->head;
		size_t put = 0;
		int r = ev_write(s, c->data + c->off, c->len - c->off, &put);

		if (r == ERR_AGAIN)
			return 0;
		if (r != 0)
			return r;
		*moved = true;
		c->off += put;
		q->bytes -= put;
		if (c->off == c->len)
			drop_head(q);
	}
	return 0;
}

void
outq_clear(struct outq *q)
{
	while (q->head != NULL)
		drop_head(q);
	q->bytes = 0;
}
