/* SPDX-License-Identifier: Apache-2.0 */
/* Splitting commands into words. */
#include "unit/check.h"

#include "agent/words.h"

static void
t_split(void **state)
{
	static const struct {
		const char *what, *in;
		struct span out; /* each word with its NUL */
		int ret;
	} t[] = {
		{ "nothing", "", SPAN(""), 0 },
		{ "blanks", " \t\n ", SPAN(""), 0 },
		{ "one word", "ls", SPAN("ls\0"), 0 },
		{ "words", " ls  -l\t/tmp\n", SPAN("ls\0-l\0/tmp\0"), 0 },
		{ "single quotes keep all", "a 'b \\ \"c'", SPAN("a\0b \\ \"c\0"), 0 },
		{ "double quotes", "\"a b\" c", SPAN("a b\0c\0"), 0 },
		{ "escapes in double quotes", "\"a\\\"b\\\\c\\d\"", SPAN("a\"b\\c\\d\0"),
		    0 },
		{ "quotes in the middle", "a'b c'd\"e\"", SPAN("ab cde\0"), 0 },
		{ "an empty word", "a '' b", SPAN("a\0\0b\0"), 0 },
		{ "backslash", "a\\ b \\'", SPAN("a b\0'\0"), 0 },
		{ "backslash at the end", "a\\", SPAN("a\\\0"), 0 },
		{ "nothing is expanded", "$HOME *;|&`x`", SPAN("$HOME\0*;|&`x`\0"), 0 },
		{ "a comment", "a # b\nc#d", SPAN("a\0c#d\0"), 0 },
		{ "open single quote", "a 'b", SPAN(""), ERR_INVALID },
		{ "open double quote", "\"", SPAN(""), ERR_INVALID },
		{ "open quote after an escape", "\"a\\\"", SPAN(""), ERR_INVALID },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_buf b = { 0 };

		row(t[i].what);
		buf_init(&b, 1000);
		assert_int_equal(
		    agent_words_split(&b, span_str(t[i].in), NULL), t[i].ret);
		if (t[i].ret == 0)
			check_span(buf_span(&b), t[i].out);
	}
}

static void
t_limits(void **state)
{
	auto_buf b = { 0 };

	(void)state;
	buf_init(&b, 8);
	assert_int_equal(agent_words_split(&b, SPAN("a\0b"), NULL), ERR_INVALID);
	assert_int_equal(
	    agent_words_split(&b, SPAN("much too long a text"), NULL), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_split),
		cmocka_unit_test(t_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
