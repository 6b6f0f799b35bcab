/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 of base/text.h: the borders of RFC 3629, and characters cut in two. */
#include "base/text.h"

#include "unit/check.h"

static void
t_valid(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		bool ok;
		size_t length;
	} t[] = {
		{ "nothing", SPAN(""), true, 0 },
		{ "ASCII with NUL", SPAN("a\0b"), true, 3 },
		{ "U+0080", SPAN("\xc2\x80"), true, 1 },
		{ "U+07FF", SPAN("\xdf\xbf"), true, 1 },
		{ "U+0800", SPAN("\xe0\xa0\x80"), true, 1 },
		{ "U+D7FF", SPAN("\xed\x9f\xbf"), true, 1 },
		{ "U+E000", SPAN("\xee\x80\x80"), true, 1 },
		{ "U+FFFF", SPAN("\xef\xbf\xbf"), true, 1 },
		{ "U+10000", SPAN("\xf0\x90\x80\x80"), true, 1 },
		{ "U+10FFFF", SPAN("\xf4\x8f\xbf\xbf"), true, 1 },
		{ "mixed", SPAN("a\xc3\xa4\xe2\x82\xac!"), true, 4 },
		{ "overlong slash, two bytes", SPAN("\xc0\xaf"), false, 2 },
		{ "overlong, c1", SPAN("\xc1\xbf"), false, 2 },
		{ "overlong, three bytes", SPAN("\xe0\x9f\xbf"), false, 3 },
		{ "overlong, four bytes", SPAN("\xf0\x8f\xbf\xbf"), false, 4 },
		{ "surrogate U+D800", SPAN("\xed\xa0\x80"), false, 3 },
		{ "surrogate U+DFFF", SPAN("\xed\xbf\xbf"), false, 3 },
		{ "U+110000", SPAN("\xf4\x90\x80\x80"), false, 4 },
		{ "f5 starts nothing", SPAN("\xf5\x80\x80\x80"), false, 4 },
		{ "lone continuation", SPAN("a\x80z"), false, 3 },
		{ "cut short", SPAN("\xe2\x82"), false, 2 },
		{ "interrupted", SPAN("\xe2\x82z"), false, 3 },
		{ "ff", SPAN("\xff"), false, 1 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		assert_int_equal(utf8_valid(t[i].in), t[i].ok);
		assert_int_equal(utf8_length(t[i].in), t[i].length);
	}
}

static void
t_decode(void **state)
{
	uint32_t cp = 0;
	(void)state;

	assert_int_equal(utf8_decode(SPAN("A"), &cp), 1);
	assert_int_equal(cp, 'A');
	assert_int_equal(utf8_decode(SPAN("\xe2\x82\xac rest"), &cp), 3);
	assert_int_equal(cp, 0x20ac);
	assert_int_equal(utf8_decode(SPAN("\xf0\x9f\x98\x80"), &cp), 4);
	assert_int_equal(cp, 0x1f600);
	assert_int_equal(utf8_decode(SPAN_NONE, &cp), 0);
}

static void
t_incomplete_tail(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		size_t want;
	} t[] = {
		{ "nothing", SPAN(""), 0 },
		{ "ASCII", SPAN("abc"), 0 },
		{ "complete euro", SPAN("\xe2\x82\xac"), 0 },
		{ "one of three", SPAN("ab\xe2"), 1 },
		{ "two of three", SPAN("ab\xe2\x82"), 2 },
		{ "three of four", SPAN("\xf0\x9f\x98"), 3 },
		{ "complete four", SPAN("\xf0\x9f\x98\x80"), 0 },
		{ "lead that starts nothing", SPAN("a\xff"), 0 },
		{ "c0 can never become valid", SPAN("a\xc0"), 0 },
		{ "second byte already wrong", SPAN("a\xe0\x80"), 0 },
		{ "surrogate begun", SPAN("a\xed\xa0"), 0 },
		{ "beyond U+10FFFF begun", SPAN("a\xf4\x90\x80"), 0 },
		{ "lone continuations", SPAN("\x80\x80\x80\x80"), 0 },
		{ "continuation after ASCII", SPAN("a\x80"), 0 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		assert_int_equal(utf8_incomplete_tail(t[i].in), t[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_valid),
		cmocka_unit_test(t_decode),
		cmocka_unit_test(t_incomplete_tail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
