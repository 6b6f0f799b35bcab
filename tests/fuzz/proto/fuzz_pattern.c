/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a pattern, a NUL, and a text.  Property: a pattern that is accepted can be
 * run, one that is not is refused the same way; and (?:p)|q matches what p matches.
 */
#include "base/buf.h"
#include "proto/pattern.h"

#define TRAP_UNLESS(x)                    \
	do {                              \
		if (!(x))                 \
			__builtin_trap(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size }, pattern, text;
	ptrdiff_t cut = span_find(in, 0);
	auto_buf wider = { .max = PATTERN_MAX };
	int checked, matched;

	if (cut < 0 || size > 8192)
		return 0;
	pattern = span_sub(in, 0, (size_t)cut);
	text = span_sub(in, (size_t)cut + 1, size);
	checked = pattern_check(pattern);
	matched = pattern_match(pattern, text);
	if (checked != 0) {
		TRAP_UNLESS(matched == checked);
		return 0;
	}
	TRAP_UNLESS(matched == 0 || matched == ERR_NOTFOUND);
	if (matched != 0)
		return 0;
	buf_add_str(&wider, "(?:");
	buf_add(&wider, pattern);
	buf_add_str(&wider, ")|(x\\d[^a])+");
	if (buf_check(&wider) == 0 && pattern_check(buf_span(&wider)) == 0)
		TRAP_UNLESS(pattern_match(buf_span(&wider), text) == 0);
	return 0;
}
