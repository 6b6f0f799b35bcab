/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable byte buffer with a hard limit.
 *
 * Appends never fail one by one: the first append that would pass the limit
 * marks the buffer bad, later appends do nothing, and buf_check() tells the
 * outcome once, at the end.  A writer therefore reads as a straight line.
 *
 * Owner: whoever called buf_init(); release with buf_fini().
 * Threads: none; a buffer belongs to one loop.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

struct buf {
	uint8_t *p; /* NULL until the first append */
	size_t len;
	size_t cap;
	size_t max;
	int err; /* 0, or the first ERR_* */
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);  /* wipes, frees, leaves it empty (max stays) */
void buf_reset(struct buf *b); /* length 0 and no error; keeps the memory */

void buf_add(struct buf *b, struct span s);
void buf_add_str(struct buf *b, const char *s);
void buf_add_u8(struct buf *b, uint8_t v);
void buf_add_be16(struct buf *b, uint16_t v);
void buf_add_be32(struct buf *b, uint32_t v);
void buf_add_be64(struct buf *b, uint64_t v);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);

/*
 * Lengthens by n bytes at the end, to be filled by the caller; NULL when over the limit.
 */
uint8_t *buf_grow(struct buf *b, size_t n);
/* Room for n more bytes at once, so that appending them moves nothing.  No error, only room. */
void buf_reserve(struct buf *b, size_t n);
/* Drops n bytes from the front (n <= len). */
void buf_consume(struct buf *b, size_t n);

struct span buf_span(const struct buf *b); /* valid until the next append */
const char *buf_cstr(struct buf *b);       /* NUL-terminated view; "" when bad */
int buf_check(const struct buf *b) MUST_USE;

#define auto_buf __attribute__((cleanup(buf_fini))) struct buf

/* Big-endian and little-endian integers from the wire. */
static inline uint16_t
get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t
get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t
get_be64(const uint8_t *p)
{
	return (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
}

static inline void
put_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static inline void
put_be64(uint8_t *p, uint64_t v)
{
	put_be32(p, (uint32_t)(v >> 32));
	put_be32(p + 4, (uint32_t)v);
}
