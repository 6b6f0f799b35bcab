/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Borrowed bytes: comparison, cutting, copying.  Pure; used by every parser.
 * A span with n == 0 may hold any pointer, so nothing here hands p to libc then.
 */
#include "base/span.h"

#include "base/err.h"

struct span
span_of(const void *p, size_t n)
{
	return (struct span){ p, n };
}

struct span
span_str(const char *s)
{
	return s == NULL ? SPAN_NONE : (struct span){ (const uint8_t *)s, strlen(s) };
}

bool
span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
span_eq_str(struct span a, const char *s)
{
	return span_eq(a, span_str(s));
}

static uint8_t
fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool
span_eq_ci(struct span a, const char *s)
{
	if (a.n != strlen(s))
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (fold(a.p[i]) != fold((uint8_t)s[i]))
			return false;
	return true;
}

bool
span_starts(struct span s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n >= n && span_eq_str((struct span){ s.p, n }, prefix);
}

bool
span_ends(struct span s, const char *suffix)
{
	size_t n = strlen(suffix);

	return s.n >= n && (n == 0 || memcmp(s.p + (s.n - n), suffix, n) == 0);
}

int
span_cmp(struct span a, struct span b)
{
	size_t n = MIN(a.n, b.n);
	int r = n > 0 ? memcmp(a.p, b.p, n) : 0;

	if (r != 0)
		return r < 0 ? -1 : 1;
	return (a.n > b.n) - (a.n < b.n);
}

ptrdiff_t
span_find(struct span s, uint8_t c)
{
	const uint8_t *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;

	return at != NULL ? at - s.p : -1;
}

struct span
span_sub(struct span s, size_t off, size_t n)
{
	if (s.p == NULL)
		return SPAN_NONE;
	off = MIN(off, s.n);
	return (struct span){ s.p + off, MIN(n, s.n - off) };
}

bool
span_cut(struct span *rest, uint8_t sep, struct span *head)
{
	ptrdiff_t at;

	if (rest->p == NULL)
		return false;
	at = span_find(*rest, sep);
	if (at < 0) {
		*head = *rest;
		*rest = SPAN_NONE;
		return true;
	}
	*head = (struct span){ rest->p, (size_t)at };
	*rest = (struct span){ rest->p + at + 1, rest->n - (size_t)at - 1 };
	return true;
}

struct span
span_trim(struct span s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

char *
span_dup(struct span s)
{
	char *p = xmalloc(s.n + 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

int
span_copy(char *dst, size_t size, struct span s)
{
	assert(size > 0);
	dst[0] = '\0';
	if (s.n >= size)
		return ERR_LIMIT;
	if (span_find(s, '\0') >= 0)
		return ERR_INVALID;
	if (s.n > 0)
		memcpy(dst, s.p, s.n);
	dst[s.n] = '\0';
	return 0;
}
