/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers, dates, addresses and bytes.  inet_pton() is the one function of the system here; it
 * looks at its arguments only.
 */
#include "policy/value.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"

enum { DIGITS_MAX = 18, YEAR_MAX = 292278993 /* AWS's clock counts milliseconds */ };

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

/* ---- dates ---- */

/* As AWS takes them: what is left out from behind is at its least, and digits may be few. */
struct date {
	int64_t year, month, day, hour, min, sec, ms, offset_min;
	bool before; /* the year is negative */
};

static bool
take_char(struct span *s, char c)
{
	if (s->n == 0 || (s->p[0] | 0x20) != (c | 0x20))
		return false;
	*s = span_sub(*s, 1, s->n);
	return true;
}

static struct span
take_digits(struct span *s)
{
	struct span digits;
	size_t n = 0;

	while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
		n++;
	digits = span_sub(*s, 0, n);
	*s = span_sub(*s, n, s->n);
	return digits;
}

static bool
take_field(struct span *s, int64_t min, int64_t max, int64_t *v)
{
	return num_parse(take_digits(s), min, max, v) == 0;
}

/* ".593194": milliseconds, the rest is cut off. */
static bool
take_parts(struct span *s, int64_t *ms)
{
	struct span digits = take_digits(s);
	int64_t v;

	if (digits.n == 0 || digits.n > 9 || parse_digits(&v, digits, true) != 0)
		return false;
	*ms = v / 1000000000000000; /* 18 digits to 3 */
	return true;
}

/* "Z", "+hh", "-hh:mm", or nothing. */
static bool
take_zone(struct span *s, int64_t *offset_min)
{
	int64_t hour, min = 0;
	bool east = take_char(s, '+');

	if (!east && !take_char(s, '-'))
		return s->n == 0 || take_char(s, 'Z');
	if (s->n != 2 && s->n != 5)
		return false;
	if (!take_field(s, 0, 23, &hour) ||
	    (take_char(s, ':') && !take_field(s, 0, 59, &min)))
		return false;
	*offset_min = (east ? 1 : -1) * (60 * hour + min);
	return true;
}

/* hour[:min[:sec[.parts]]][zone], or nothing. */
static bool
take_time(struct span *s, struct date *d)
{
	if (s->n == 0)
		return true;
	if (!take_field(s, 0, 23, &d->hour) ||
	    (take_char(s, ':') && !take_field(s, 0, 59, &d->min)) ||
	    (take_char(s, ':') && !take_field(s, 0, 59, &d->sec)) ||
	    (take_char(s, '.') && !take_parts(s, &d->ms)))
		return false;
	return take_zone(s, &d->offset_min);
}

/* [-]year[-month[-day]][T[time]] */
static bool
read_date(struct span s, struct date *d)
{
	*d = (struct date){ .month = 1, .day = 1, .before = take_char(&s, '-') };
	if (!take_field(&s, 0, YEAR_MAX, &d->year) ||
	    (take_char(&s, '-') && !take_field(&s, 1, 12, &d->month)) ||
	    (take_char(&s, '-') && !take_field(&s, 1, 31, &d->day)) ||
	    (take_char(&s, 'T') && !take_time(&s, d)))
		return false;
	return s.n == 0;
}

int
policy_date_parse(int64_t *ms, struct span s)
{
	char iso[64];
	struct date d;
	int64_t seconds;

	if (num_parse(s, 0, INT64_MAX, &seconds) == 0) {
		*ms = seconds > INT64_MAX / 1000 ? INT64_MAX : seconds * 1000;
		return 0;
	}
	if (!read_date(s, &d))
		return ERR_INVALID;
	if (d.before || d.year > 9999) { /* further off than any clock */
		*ms = d.before ? INT64_MIN : INT64_MAX;
		return 0;
	}
	snprintf(iso, sizeof(iso),
	    "%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02" PRId64 ":%02" PRId64 ":%02" PRId64
	    ".%03" PRId64 "Z",
	    d.year, d.month, d.day, d.hour, d.min, d.sec, d.ms);
	if (time_parse_iso(span_str(iso), ms) != 0)
		return ERR_INVALID;
	*ms -= d.offset_min * 60000;
	return 0;
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
