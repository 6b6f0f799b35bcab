/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hexadecimal.  Pure; not constant time, so not for comparing secrets.
 */
#include "base/text.h"

void
hex_encode(char *out, const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
hex_decode(uint8_t *out, size_t size, struct span s, size_t *n)
{
	if (s.n % 2 != 0)
		return ERR_INVALID;
	if (s.n / 2 > size)
		return ERR_LIMIT;
	for (size_t i = 0; i < s.n; i += 2) {
		int hi = hex_digit(s.p[i]), lo = hex_digit(s.p[i + 1]);

		if (hi < 0 || lo < 0)
			return ERR_INVALID;
		out[i / 2] = (uint8_t)(hi << 4 | lo);
	}
	*n = s.n / 2;
	return 0;
}
