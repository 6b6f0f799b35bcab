/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Borrowed bytes, passed by value.  A span never owns and is never NUL-terminated
 * by promise; it is good as long as what it points into.
 */
#pragma once

#include "base/base.h"

struct span {
	const uint8_t *p; /* may be NULL when n is 0 */
	size_t n;
};

#define SPAN(lit)   ((struct span){ (const uint8_t *)(lit), sizeof(lit) - 1 })
#define SPAN_NONE   ((struct span){ NULL, 0 })
#define SPAN_FMT    "%.*s"
#define SPAN_ARG(s) (int)(s).n, (const char *)(s).p

struct span span_of(const void *p, size_t n);
struct span span_str(const char *s); /* NULL gives the empty span */

bool span_eq(struct span a, struct span b);
bool span_eq_str(struct span a, const char *s);
bool span_eq_ci(struct span a, const char *s); /* ASCII case folded */
bool span_starts(struct span s, const char *prefix);
bool span_ends(struct span s, const char *suffix);
int span_cmp(struct span a, struct span b); /* byte order, shorter first */

/* Index of the first c, or -1. */
ptrdiff_t span_find(struct span s, uint8_t c);
/* The part of s from offset off (clamped), at most n bytes. */
struct span span_sub(struct span s, size_t off, size_t n);
/* Cuts the front of *rest up to sep; false when *rest is used up (p NULL). */
bool span_cut(struct span *rest, uint8_t sep, struct span *head);
/* Without leading and trailing blanks and tabs. */
struct span span_trim(struct span s);

/* A NUL-terminated heap copy; free() it. */
char *span_dup(struct span s) __attribute__((malloc, returns_nonnull));
/* Copies into a fixed field with a NUL; ERR_LIMIT when too long, ERR_INVALID on a NUL
 * inside. */
int span_copy(char *dst, size_t size, struct span s) MUST_USE;
