/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UUIDs in their text form, RFC 4122.  Randomness is the caller's.  Pure.
 */
#include "base/text.h"

/* Whether a hyphen stands before byte i. */
static bool
hyphen_before(size_t i)
{
	return i == 4 || i == 6 || i == 8 || i == 10;
}

void
uuid_format(char out[UUID_LEN + 1], const uint8_t raw[16])
{
	for (size_t i = 0; i < 16; i++) {
		uint8_t c = raw[i];

		if (i == 6)
			c = (uint8_t)((c & 0x0f) | 0x40); /* version 4 */
		if (i == 8)
			c = (uint8_t)((c & 0x3f) | 0x80); /* variant 1 */
		if (hyphen_before(i))
			*out++ = '-';
		hex_encode(out, &c, 1);
		out += 2;
	}
}

int
uuid_parse(uint8_t raw[16], struct span s)
{
	size_t at = 0, n;

	if (s.n != UUID_LEN)
		return ERR_INVALID;
	for (size_t i = 0; i < 16; i++) {
		if (hyphen_before(i) && s.p[at++] != '-')
			return ERR_INVALID;
		if (hex_decode(&raw[i], 1, span_sub(s, at, 2), &n) != 0)
			return ERR_INVALID;
		at += 2;
	}
	return 0;
}
