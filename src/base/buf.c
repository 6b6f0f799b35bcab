/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bounded byte buffer.  Storage doubles up to the limit; one byte beyond the
 * contents is always kept free for the NUL of buf_cstr().  Because a buffer may hold
 * secrets, memory is wiped before it goes back to the heap, also when it grows.
 */
#include "base/buf.h"

#include <stdarg.h>

enum { BUF_FIRST = 64 };

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = MIN(max, (size_t)PTRDIFF_MAX - 1) };
}

static void
release(struct buf *b)
{
	if (b->p != NULL)
		explicit_bzero(b->p, b->cap);
	free(b->p);
}

void
buf_fini(struct buf *b)
{
	release(b);
	*b = (struct buf){ .max = b->max };
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->err = 0;
}

static void
move(struct buf *b, size_t cap)
{
	uint8_t *p = xmalloc(cap);

	if (b->len > 0)
		memcpy(p, b->p, b->len);
	release(b);
	b->p = p;
	b->cap = cap;
}

/* Makes room for n more bytes and a NUL; false when that would pass the limit. */
static bool
reserve(struct buf *b, size_t n)
{
	size_t cap;

	if (b->err != 0)
		return false;
	if (n > b->max - b->len) {
		b->err = ERR_LIMIT;
		return false;
	}
	if (b->p != NULL && n < b->cap - b->len)
		return true;
	cap = MAX(b->cap, (size_t)BUF_FIRST);
	while (cap <= b->len + n)
		cap *= 2;
	move(b, MIN(cap, b->max + 1));
	return true;
}

void
buf_reserve(struct buf *b, size_t n)
{
	if (b->err == 0 && n <= b->max - b->len && n >= b->cap - b->len)
		move(b, b->len + n + 1);
}

uint8_t *
buf_grow(struct buf *b, size_t n)
{
	uint8_t *at;

	if (!reserve(b, n))
		return NULL;
	at = b->p + b->len;
	b->len += n;
	return at;
}

void
buf_add(struct buf *b, struct span s)
{
	uint8_t *at;

	if (s.n > 0 && (at = buf_grow(b, s.n)) != NULL)
		memcpy(at, s.p, s.n);
}

void
buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, span_str(s));
}

void
buf_add_u8(struct buf *b, uint8_t v)
{
	buf_add(b, span_of(&v, 1));
}

void
buf_add_be16(struct buf *b, uint16_t v)
{
	uint8_t raw[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	buf_add(b, span_of(raw, sizeof(raw)));
}

void
buf_add_be32(struct buf *b, uint32_t v)
{
	uint8_t raw[4];

	put_be32(raw, v);
	buf_add(b, span_of(raw, sizeof(raw)));
}

void
buf_add_be64(struct buf *b, uint64_t v)
{
	uint8_t raw[8];

	put_be64(raw, v);
	buf_add(b, span_of(raw, sizeof(raw)));
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0) {
		if (b->err == 0)
			b->err = ERR_INVALID;
		return;
	}
	if (!reserve(b, (size_t)n))
		return;
	va_start(ap, fmt);
	vsnprintf((char *)b->p + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void
buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->len);
	b->len -= n;
	if (n > 0 && b->len > 0)
		memmove(b->p, b->p + n, b->len);
}

struct span
buf_span(const struct buf *b)
{
	return span_of(b->p, b->len);
}

const char *
buf_cstr(struct buf *b)
{
	if (b->err != 0 || b->p == NULL)
		return "";
	b->p[b->len] = '\0';
	return (const char *)b->p;
}

int
buf_check(const struct buf *b)
{
	return b->err;
}
