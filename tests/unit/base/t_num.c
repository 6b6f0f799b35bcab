/* SPDX-License-Identifier: Apache-2.0 */
/* num_parse(): every way not to be a number, and both ends of the range. */
#include "base/text.h"

#include "unit/check.h"

static void
t_num_parse(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		int64_t min, max;
		int ret;
		int64_t out;
	} t[] = {
		{ "zero", SPAN("0"), 0, 10, 0, 0 },
		{ "leading zeros", SPAN("007"), 0, 10, 0, 7 },
		{ "at the maximum", SPAN("10"), 0, 10, 0, 10 },
		{ "over the maximum", SPAN("11"), 0, 10, ERR_LIMIT, 0 },
		{ "under the minimum", SPAN("4"), 5, 10, ERR_LIMIT, 0 },
		{ "nothing", SPAN(""), 0, 10, ERR_INVALID, 0 },
		{ "none", { NULL, 0 }, 0, 10, ERR_INVALID, 0 },
		{ "plus sign", SPAN("+1"), -10, 10, ERR_INVALID, 0 },
		{ "minus where none may be", SPAN("-1"), 0, 10, ERR_INVALID, 0 },
		{ "only a minus", SPAN("-"), -10, 10, ERR_INVALID, 0 },
		{ "two minuses", SPAN("--1"), -10, 10, ERR_INVALID, 0 },
		{ "negative", SPAN("-10"), -10, 10, 0, -10 },
		{ "blank in front", SPAN(" 1"), 0, 10, ERR_INVALID, 0 },
		{ "blank behind", SPAN("1 "), 0, 10, ERR_INVALID, 0 },
		{ "hexadecimal", SPAN("0x1"), 0, 10, ERR_INVALID, 0 },
		{ "NUL", SPAN("1\0"), 0, 10, ERR_INVALID, 0 },
		{ "letters behind an overflow", SPAN("99999999999999999999x"), 0,
		    INT64_MAX, ERR_INVALID, 0 },
		{ "largest", SPAN("9223372036854775807"), 0, INT64_MAX, 0, INT64_MAX },
		{ "one more", SPAN("9223372036854775808"), 0, INT64_MAX, ERR_LIMIT, 0 },
		{ "smallest", SPAN("-9223372036854775808"), INT64_MIN, 0, 0, INT64_MIN },
		{ "one less", SPAN("-9223372036854775809"), INT64_MIN, 0, ERR_LIMIT, 0 },
		{ "wraps to a small number", SPAN("18446744073709551617"), 0, 10,
		    ERR_LIMIT, 0 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		int64_t out = 42;

		row(t[i].what);
		assert_int_equal(num_parse(t[i].in, t[i].min, t[i].max, &out), t[i].ret);
		assert_true(out == (t[i].ret == 0 ? t[i].out : 42));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(t_num_parse) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
