/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 as RFC 3629 has it: no surrogates, nothing above U+10FFFF, shortest form only.
 * Pure.
 */
#include "base/text.h"

/* Length of a character by its first byte, 0 when no character starts so. */
static size_t
length_by_lead(uint8_t c)
{
	if (c < 0x80)
		return 1;
	if (c < 0xc2)
		return 0;
	return c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
}

/* Whether the second byte may follow the first: RFC 3629 section 4. */
static bool
second_fits(uint8_t lead, uint8_t c)
{
	uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;

	return c >= low && c <= high;
}

/* Whether the first "have" bytes, lead included, can be the start of a character. */
static bool
prefix_fits(const uint8_t *p, size_t have)
{
	if (have > 1 && !second_fits(p[0], p[1]))
		return false;
	for (size_t i = 2; i < have; i++)
		if ((p[i] & 0xc0) != 0x80)
			return false;
	return true;
}

size_t
utf8_decode(struct span s, uint32_t *cp)
{
	static const uint8_t lead_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	size_t n = s.n > 0 ? length_by_lead(s.p[0]) : 0;

	if (n == 0 || n > s.n || !prefix_fits(s.p, n))
		return 0;
	*cp = s.p[0] & lead_bits[n];
	for (size_t i = 1; i < n; i++)
		*cp = *cp << 6 | (s.p[i] & 0x3f);
	return n;
}

bool
utf8_valid(struct span s)
{
	uint32_t cp;

	while (s.n > 0) {
		size_t n = utf8_decode(s, &cp);

		if (n == 0)
			return false;
		s = span_sub(s, n, s.n);
	}
	return true;
}

size_t
utf8_incomplete_tail(struct span s)
{
	for (size_t have = 1; have <= 3 && have <= s.n; have++) {
		const uint8_t *p = s.p + (s.n - have);

		if ((*p & 0xc0) == 0x80)
			continue; /* the lead byte is further to the front */
		return have < length_by_lead(*p) && prefix_fits(p, have) ? have : 0;
	}
	return 0;
}

size_t
utf8_length(struct span s)
{
	size_t count = 0;
	uint32_t cp;

	for (; s.n > 0; count++) {
		size_t n = utf8_decode(s, &cp);

		s = span_sub(s, MAX(n, (size_t)1), s.n);
	}
	return count;
}
