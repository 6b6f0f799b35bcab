/* SPDX-License-Identifier: Apache-2.0 */
/* Words for a shell: what is written, and what a real sh reads. */
#include "unit/check.h"

#include "client/terminal/quote.h"
#include "client/terminal/slurp.h"

static const char *const words[] = { "plain", "a b", "it's", "''", "$HOME", "`id`",
	"$(id)", "two\nlines", "", "*", "?", "[a]", "~", "#", "!", "A=1", "a;b", "a&b",
	"a|b", "<", ">", "\\", "\\'", "\"", "{a,b}", "-n", "gr\xc3\xbc\xc3\x9f",
	"\x01\x7f\xff", "%s", "@", "/x.y_z", "{{ x }}" };

static void
t_written(void **state)
{
	static const struct {
		const char *word, *want;
	} t[] = {
		{ "ls", "ls" },
		{ "/usr/bin/env", "/usr/bin/env" },
		{ "", "''" },
		{ "a b", "'a b'" },
		{ "it's", "'it'\\''s'" },
		{ "A=1", "'A=1'" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_buf out = { .max = 100 };

		row(t[i].word);
		quote_word(&out, t[i].word);
		check_text(buf_span(&out), t[i].want);
	}
}

static void
t_read_back(void **state)
{
	auto_buf command = { .max = 4096 }, got = { .max = 4096 }, want = { .max = 4096 };
	const char *argv[] = { "/bin/sh", "-c", NULL, NULL };
	int status;
	(void)state;

	buf_add_str(&command, "printf '%s\\0' ");
	quote_words(&command, words, ARRAY_LEN(words));
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		buf_add(&want, span_of(words[i], strlen(words[i]) + 1));
	argv[2] = buf_cstr(&command);
	assert_int_equal(slurp_program(&got, argv, false, &status), 0);
	assert_int_equal(status, 0);
	check_span(buf_span(&got), buf_span(&want));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_written),
		cmocka_unit_test(t_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
