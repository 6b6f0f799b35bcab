/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Percent encoding, form bodies and absolute URLs, RFC 3986.  Pure.
 */
#include "codec/uri.h"

#include "base/text.h"

/* RFC 3986 2.3 */
static bool
unreserved(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
}

void
uri_encode(struct buf *out, struct span s, bool keep_slash)
{
	static const char digits[] = "0123456789ABCDEF"; /* 2.1: upper case */

	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (unreserved(c) || (keep_slash && c == '/')) {
			buf_add_u8(out, c);
		} else {
			buf_add_u8(out, '%');
			buf_add_u8(out, (uint8_t)digits[c >> 4]);
			buf_add_u8(out, (uint8_t)digits[c & 15]);
		}
	}
}

/* Writes at most s.n bytes to out and their count to *n. */
static int
decode(uint8_t *out, struct span s, bool plus, size_t *n)
{
	*n = 0;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (c == '%') {
			int hi = s.n - i > 2 ? hex_digit(s.p[i + 1]) : -1;
			int lo = s.n - i > 2 ? hex_digit(s.p[i + 2]) : -1;

			if (hi < 0 || lo < 0)
				return ERR_INVALID;
			c = (uint8_t)(hi << 4 | lo);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c == '\0')
			return ERR_INVALID;
		out[(*n)++] = c;
	}
	return 0;
}

int
uri_decode(struct buf *out, struct span s, bool plus)
{
	size_t start = out->len, n;
	uint8_t *at = buf_grow(out, s.n);
	int r;

	if (at == NULL)
		return buf_check(out);
	r = decode(at, s, plus, &n);
	out->len = start + (r == 0 ? n : 0);
	return r;
}

void
uri_split_target(struct span target, struct span *path, struct span *query)
{
	struct span rest = target;

	*path = *query = SPAN_NONE;
	if (span_cut(&rest, '?', path) && rest.p != NULL)
		*query = rest;
}

/* "scheme://" in lower case; false when s does not start with one. */
static bool
take_scheme(struct url *u, struct span *s)
{
	size_t n = 0;

	for (; n < s->n && s->p[n] != ':'; n++) {
		uint8_t c = s->p[n] | 0x20;

		if (n + 1 >= sizeof(u->scheme) || c < 'a' || c > 'z')
			return false;
		u->scheme[n] = (char)c;
	}
	u->scheme[n] = '\0';
	*s = span_sub(*s, n, s->n);
	if (n == 0 || !span_starts(*s, "://"))
		return false;
	*s = span_sub(*s, 3, s->n);
	return true;
}

/* A name, an IPv4 address, or an IPv6 address in brackets. */
static bool
take_host(struct url *u, struct span *s)
{
	bool v6 = s->n > 0 && s->p[0] == '[';
	size_t n = 0;

	if (v6)
		*s = span_sub(*s, 1, s->n);
	for (; n < s->n; n++) {
		uint8_t c = s->p[n];
		bool fits = v6 ? hex_digit(c) >= 0 || c == ':' || c == '.'
			       : unreserved(c) && c != '~';

		if (!fits)
			break;
		if (n + 1 >= sizeof(u->host))
			return false;
		u->host[n] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	u->host[n] = '\0';
	*s = span_sub(*s, n, s->n);
	if (v6 && !span_starts(*s, "]"))
		return false;
	*s = span_sub(*s, v6 ? 1 : 0, s->n);
	return n > 0 && (!v6 || strchr(u->host, ':') != NULL);
}

static bool
take_port(struct url *u, struct span *s)
{
	size_t n = 0;
	int64_t port;

	if (!span_starts(*s, ":"))
		return true;
	*s = span_sub(*s, 1, s->n);
	while (n < s->n && s->p[n] != '/')
		n++;
	if (num_parse(span_sub(*s, 0, n), 1, UINT16_MAX, &port) != 0)
		return false;
	u->port = (uint16_t)port;
	*s = span_sub(*s, n, s->n);
	return true;
}

/* Nothing, or a path of visible ASCII without a fragment. */
static bool
target_ok(struct span s)
{
	if (s.n > 0 && s.p[0] != '/')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '#')
			return false;
	return true;
}

int
url_parse(struct url *u, struct span s, struct fault *f)
{
	*u = (struct url){ 0 };
	if (!take_scheme(u, &s))
		return fault_set(
		    f, ERR_INVALID, "a URL must start with a scheme and ://");
	if (!take_host(u, &s))
		return fault_set(f, ERR_INVALID, "the host of the URL is not valid");
	if (!take_port(u, &s))
		return fault_set(f, ERR_INVALID, "the port of the URL is not valid");
	if (!target_ok(s))
		return fault_set(f, ERR_INVALID, "the path of the URL is not valid");
	u->target = s.n > 0 ? s : SPAN_NONE;
	return 0;
}

/* Decodes one name or value into the arena. */
static int
query_piece(char **out, struct arena *mem, struct span s)
{
	char *p = arena_alloc(mem, s.n + 1);
	size_t n;
	int r = decode((uint8_t *)p, s, true, &n);

	p[r == 0 ? n : 0] = '\0';
	*out = p;
	return r;
}

int
query_parse(struct query *q, struct arena *mem, struct span s)
{
	struct span rest = s, piece, name;
	size_t max = 1;
	int r;

	*q = (struct query){ 0 };
	for (size_t i = 0; i < s.n; i++)
		max += s.p[i] == '&';
	if (max > QUERY_PAIRS_MAX)
		return ERR_LIMIT;
	q->pairs = arena_alloc(mem, max * sizeof(*q->pairs));
	while (span_cut(&rest, '&', &piece)) {
		struct query_pair *pair = &q->pairs[q->n];

		if (piece.n == 0)
			continue;
		span_cut(&piece, '=', &name);
		if ((r = query_piece(&pair->name, mem, name)) != 0 ||
		    (r = query_piece(&pair->value, mem, piece)) != 0)
			return r;
		q->n++;
	}
	return 0;
}

const char *
query_get(const struct query *q, const char *name)
{
	for (size_t i = 0; i < q->n; i++)
		if (strcmp(q->pairs[i].name, name) == 0)
			return q->pairs[i].value;
	return NULL;
}
