/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decimal numbers from strangers.  Pure.
 */
#include "base/text.h"

int
num_parse(struct span s, int64_t min, int64_t max, int64_t *out)
{
	bool negative = s.n > 0 && s.p[0] == '-' && min < 0;
	int64_t v = 0;
	bool over = false;

	if (negative)
		s = span_sub(s, 1, s.n);
	if (s.n == 0)
		return ERR_INVALID;
	for (size_t i = 0; i < s.n; i++) {
		int digit = s.p[i] - '0';

		if (digit < 0 || digit > 9)
			return ERR_INVALID;
		over |= __builtin_mul_overflow(v, 10, &v);
		over |= __builtin_add_overflow(v, negative ? -digit : digit, &v);
	}
	if (over || v < min || v > max)
		return ERR_LIMIT;
	*out = v;
	return 0;
}
