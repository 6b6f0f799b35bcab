/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queues of smux: bytes in chunks that double from 1 to 32 KiB, so that a thousand
 * streams with a byte each cost little and a busy one moves whole frames by one memcpy.
 *
 * What a queue occupies is at most twice its bytes, and a chunk at either end.
 */
#include "proto/smux_int.h"

struct smux_chunk *
smux_chunk_new(uint32_t cap)
{
	struct smux_chunk *c = xmalloc(sizeof(*c) + cap);

	*c = (struct smux_chunk){ .cap = cap };
	return c;
}

static void
append(struct smux_queue *q, struct smux_chunk *c, size_t *mem)
{
	if (q->last != NULL)
		q->last->next = c;
	else
		q->first = c;
	q->last = c;
	*mem += c->cap;
}

static struct smux_chunk *
grow(struct smux_queue *q, size_t want, size_t *mem)
{
	size_t cap = q->last != NULL ? 2 * (size_t)q->last->cap : CHUNK_MIN;

	cap = MIN(MAX(cap, want), (size_t)CHUNK_MAX);
	append(q, smux_chunk_new((uint32_t)cap), mem);
	return q->last;
}

void
smux_queue_add(struct smux_queue *q, struct span s, size_t *mem)
{
	while (s.n > 0) {
		struct smux_chunk *c = q->last;
		size_t n;

		if (c == NULL || c->len == c->cap)
			c = grow(q, s.n, mem);
		n = MIN(s.n, (size_t)(c->cap - c->len));
		memcpy(c->data + c->len, s.p, n);
		c->len += (uint32_t)n;
		q->len += n;
		s = span_sub(s, n, s.n - n);
	}
}

void
smux_queue_link(struct smux_queue *q, struct smux_chunk *c_take, size_t *mem)
{
	append(q, c_take, mem);
	q->len += c_take->len;
}

struct span
smux_queue_peek(const struct smux_queue *q)
{
	const struct smux_chunk *c = q->first;

	return c != NULL ? span_of(c->data + c->off, c->len - c->off) : SPAN_NONE;
}

static void
pop(struct smux_queue *q, size_t *mem)
{
	struct smux_chunk *c = q->first;

	q->first = c->next;
	if (q->first == NULL)
		q->last = NULL;
	*mem -= c->cap;
	free(c);
}

void
smux_queue_consume(struct smux_queue *q, size_t n, size_t *mem)
{
	assert(n <= q->len);
	while (n > 0) {
		struct smux_chunk *c = q->first;
		size_t part = MIN(n, (size_t)(c->len - c->off));

		c->off += (uint32_t)part;
		q->len -= part;
		n -= part;
		if (c->off == c->len)
			pop(q, mem);
	}
}

void
smux_queue_read(struct smux_queue *q, uint8_t *out, size_t n, size_t *mem)
{
	while (n > 0) {
		struct span s = span_sub(smux_queue_peek(q), 0, n);

		memcpy(out, s.p, s.n);
		out += s.n;
		n -= s.n;
		smux_queue_consume(q, s.n, mem);
	}
}

void
smux_queue_clear(struct smux_queue *q, size_t *mem)
{
	while (q->first != NULL)
		pop(q, mem);
	q->len = 0;
}
