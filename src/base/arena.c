/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks of zeroed memory in a list.  The head is the one being filled; requests
 * that do not fit into an ordinary chunk get one of their own behind the head, so a
 * single big body does not waste the room that is left.
 */
#include "base/arena.h"

#include <stdarg.h>

enum { CHUNK_FIRST = 1024, CHUNK_MAX = 64 * 1024, ALIGN = 16 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t size, used;
	_Alignas(ALIGN) uint8_t room[];
};

void
arena_init(struct arena *a)
{
	*a = (struct arena){ 0 };
}

void
arena_fini(struct arena *a)
{
	struct arena_chunk *c, *next;

	for (c = a->head; c != NULL; c = next) {
		next = c->next;
		explicit_bzero(c->room, c->used);
		free(c);
	}
	arena_init(a);
}

static struct arena_chunk *
chunk_new(size_t size)
{
	struct arena_chunk *c;

	assert(size <= PTRDIFF_MAX - sizeof(*c));
	c = xcalloc(1, sizeof(*c) + size);
	c->size = size;
	return c;
}

/* The chunk that will serve n bytes (n is rounded already). */
static struct arena_chunk *
chunk_for(struct arena *a, size_t n)
{
	struct arena_chunk *c = a->head;
	size_t size = c == NULL ? CHUNK_FIRST : MIN(c->size * 2, (size_t)CHUNK_MAX);

	if (c != NULL && c->size - c->used >= n)
		return c;
	if (c != NULL && n > size / 2) {
		struct arena_chunk *own = chunk_new(n);

		own->next = c->next;
		c->next = own;
		return own;
	}
	c = chunk_new(MAX(size, n));
	c->next = a->head;
	a->head = c;
	return c;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	struct arena_chunk *c;
	void *p;

	assert(n <= PTRDIFF_MAX);
	a->total += n;
	n = (MAX(n, (size_t)1) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	c = chunk_for(a, n);
	p = c->room + c->used;
	c->used += n;
	return p;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return arena_str(a, span_str(s));
}

char *
arena_str(struct arena *a, struct span s)
{
	char *p = arena_alloc(a, s.n + 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

struct span
arena_copy(struct arena *a, struct span s)
{
	return span_of(arena_str(a, s), s.n);
}

struct span
arena_lower(struct arena *a, struct span s)
{
	char *p = arena_str(a, s);

	for (size_t i = 0; i < s.n; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] | 0x20);
	return span_of(p, s.n);
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	p = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}
