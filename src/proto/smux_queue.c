/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queues of smux: bytes in chunks that double from 1 to 64 KiB, so that a thousand
 * streams with a byte each cost little and a busy one moves whole frames by one memcpy.
 *
 * What a queue occupies is at most twice its bytes, and a chunk at either end.  The session
 * keeps a few large chunks: without them the heap shrinks and grows with every burst,
 * which was seen to cost most of the throughput.
 */
#include "proto/smux_int.h"

struct smux_chunk *
smux_chunk_new(struct smux_pool *pool, uint32_t cap)
{
	struct smux_chunk *c = pool->first;

	if (cap == CHUNK_MAX && c != NULL) {
		pool->first = c->next;
		pool->n--;
	} else {
		c = xmalloc(sizeof(*c) + cap);
	}
	*c = (struct smux_chunk){ .cap = cap };
	return c;
}

static void
give_back(struct smux_pool *pool, struct smux_chunk *c)
{
	if (c->cap != CHUNK_MAX || pool->n == POOL_KEEP) {
		free(c);
		return;
	}
	c->next = pool->first;
	pool->first = c;
	pool->n++;
}

void
smux_pool_fini(struct smux_pool *pool)
{
	while (pool->first != NULL) {
		struct smux_chunk *c = pool->first;

		pool->first = c->next;
		free(c);
	}
	*pool = (struct smux_pool){ 0 };
}

static void
append(struct smux_queue *q, struct smux_chunk *c, struct smux_pool *pool)
{
	if (q->last != NULL)
		q->last->next = c;
	else
		q->first = c;
	q->last = c;
	pool->mem += c->cap;
}

static struct smux_chunk *
grow(struct smux_queue *q, size_t want, struct smux_pool *pool)
{
	size_t cap = q->last != NULL ? 2 * (size_t)q->last->cap : CHUNK_MIN;

	cap = MIN(MAX(cap, want), (size_t)CHUNK_MAX);
	append(q, smux_chunk_new(pool, (uint32_t)cap), pool);
	return q->last;
}

void
smux_queue_add(struct smux_queue *q, struct span s, struct smux_pool *pool)
{
	while (s.n > 0) {
		struct smux_chunk *c = q->last;
		size_t n;

		if (c == NULL || c->len == c->cap)
			c = grow(q, s.n, pool);
		n = MIN(s.n, (size_t)(c->cap - c->len));
		memcpy(c->data + c->len, s.p, n);
		c->len += (uint32_t)n;
		q->len += n;
		s = span_sub(s, n, s.n - n);
	}
}

void
smux_queue_link(struct smux_queue *q, struct smux_chunk *c_take, struct smux_pool *pool)
{
	append(q, c_take, pool);
	q->len += c_take->len;
}

struct span
smux_queue_peek(const struct smux_queue *q)
{
	const struct smux_chunk *c = q->first;

	return c != NULL ? span_of(c->data + c->off, c->len - c->off) : SPAN_NONE;
}

static void
pop(struct smux_queue *q, struct smux_pool *pool)
{
	struct smux_chunk *c = q->first;

	q->first = c->next;
	if (q->first == NULL)
		q->last = NULL;
	pool->mem -= c->cap;
	give_back(pool, c);
}

void
smux_queue_consume(struct smux_queue *q, size_t n, struct smux_pool *pool)
{
	assert(n <= q->len);
	while (n > 0) {
		struct smux_chunk *c = q->first;
		size_t part = MIN(n, (size_t)(c->len - c->off));

		c->off += (uint32_t)part;
		q->len -= part;
		n -= part;
		if (c->off == c->len)
			pop(q, pool);
	}
}

void
smux_queue_read(struct smux_queue *q, uint8_t *out, size_t n, struct smux_pool *pool)
{
	while (n > 0) {
		struct span s = span_sub(smux_queue_peek(q), 0, n);

		memcpy(out, s.p, s.n);
		out += s.n;
		n -= s.n;
		smux_queue_consume(q, s.n, pool);
	}
}

void
smux_queue_clear(struct smux_queue *q, struct smux_pool *pool)
{
	while (q->first != NULL)
		pop(q, pool);
	q->len = 0;
}
