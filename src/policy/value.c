/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers, dates, addresses and bytes.  inet_pton() is the one function of the system here; it
 * looks at its arguments only.
 */
#include "policy/value.h"

#include <arpa/inet.h>

#include "base/text.h"

enum { DIGITS_MAX = 18 };

/* Digits as a number; with "pad", as many zeros behind it as are missing to DIGITS_MAX. */
static int
parse_digits(int64_t *out, struct span s, bool pad)
{
	int64_t v;

	if (s.n == 0 || s.n > DIGITS_MAX || num_parse(s, 0, INT64_MAX, &v) != 0)
		return ERR_INVALID;
	for (size_t i = s.n; pad && i < DIGITS_MAX; i++)
		v *= 10;
	*out = v;
	return 0;
}

int
policy_number_parse(struct policy_number *out, struct span s)
{
	bool negative = span_starts(s, "-");
	ptrdiff_t point;

	if (negative || span_starts(s, "+"))
		s = span_sub(s, 1, s.n);
	point = span_find(s, '.');
	*out = (struct policy_number){ 0 };
	if (point >= 0 &&
	    parse_digits(&out->parts, span_sub(s, (size_t)point + 1, s.n), true) != 0)
		return ERR_INVALID;
	if (parse_digits(
		&out->whole, point < 0 ? s : span_sub(s, 0, (size_t)point), false) != 0)
		return ERR_INVALID;
	if (negative) {
		out->whole = -out->whole;
		out->parts = -out->parts;
	}
	return 0;
}

int
policy_number_cmp(const struct policy_number *a, const struct policy_number *b)
{
	if (a->whole != b->whole)
		return a->whole < b->whole ? -1 : 1;
	return (a->parts > b->parts) - (a->parts < b->parts);
}

int
policy_date_parse(int64_t *ms, struct span s)
{
	char text[40];
	int64_t seconds;
	size_t n = 0;
	bool time = false;

	if (s.n == 0 || s.n > sizeof(text) - 4)
		return ERR_INVALID;
	if (num_parse(s, 0, INT64_MAX, &seconds) == 0) {
		*ms = seconds > INT64_MAX / 1000 ? INT64_MAX : seconds * 1000;
		return 0;
	}
	for (; n < s.n; n++) {
		text[n] = (char)(s.p[n] == 't' || s.p[n] == 'z' ? s.p[n] - 32 : s.p[n]);
		time = time || text[n] == 'T';
	}
	if (time_parse_iso(span_of(text, n), ms) == 0)
		return 0;
	memcpy(text + n, time ? "Z" : "-01", time ? 1 : 3);
	return time_parse_iso(span_of(text, n + (time ? 1 : 3)), ms);
}

int
policy_bool_parse(bool *out, struct span s)
{
	*out = span_eq_ci(s, "true");
	return *out || span_eq_ci(s, "false") ? 0 : ERR_INVALID;
}

static int
parse_address(struct policy_net *out, struct span s, bool *is_v4)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN];

	if (span_copy(text, sizeof(text), s) != 0)
		return ERR_INVALID;
	*is_v4 = inet_pton(AF_INET, text, out->addr + 12) == 1;
	if (*is_v4)
		memcpy(out->addr, mapped, sizeof(mapped));
	else if (inet_pton(AF_INET6, text, out->addr) != 1)
		return ERR_INVALID;
	return 0;
}

int
policy_net_parse(struct policy_net *out, struct span s)
{
	ptrdiff_t slash = span_find(s, '/');
	struct span addr = slash < 0 ? s : span_sub(s, 0, (size_t)slash);
	int64_t bits;
	bool v4;

	if (parse_address(out, addr, &v4) != 0)
		return ERR_INVALID;
	out->bits = 128;
	if (slash < 0)
		return 0;
	if (num_parse(span_sub(s, (size_t)slash + 1, s.n), 0, v4 ? 32 : 128, &bits) != 0)
		return ERR_INVALID;
	out->bits = (uint8_t)(v4 ? bits + 96 : bits);
	return 0;
}

bool
policy_net_has(const struct policy_net *net, const struct policy_net *addr)
{
	size_t whole = net->bits / 8, rest = net->bits % 8;

	if (memcmp(net->addr, addr->addr, whole) != 0)
		return false;
	return rest == 0 || (net->addr[whole] ^ addr->addr[whole]) >> (8 - rest) == 0;
}

int
policy_bytes_parse(struct span *out, struct arena *mem, struct span s)
{
	auto_buf b = { .max = s.n };
	int r = base64_decode(&b, s);

	if (r == 0)
		*out = arena_copy(mem, buf_span(&b));
	return r;
}
