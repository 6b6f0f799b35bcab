/* SPDX-License-Identifier: Apache-2.0 */
/* allowedPattern: what it matches, what it refuses, and that nothing makes it slow. */
#include "unit/check.h"

#include "proto/pattern.h"

#define PORT                                                                             \
	"^([1-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][" \
	"0-9]|6553[0-5])$"
#define HOST "^[^,$^&\\(\\)!;'\\\"<>`{}\\[\\]\\|#=]{3,}$"

static void
t_match(void **state)
{
	static const struct {
		const char *pattern, *text;
		int want;
	} t[] = {
		{ "", "", 0 },
		{ "", "anything", 0 },
		{ "b", "abc", 0 },
		{ "^b", "abc", ERR_NOTFOUND },
		{ "b$", "abc", ERR_NOTFOUND },
		{ "^abc$", "abc", 0 },
		{ "^abc$", "abc\n", ERR_NOTFOUND },
		{ "a|b|c", "xxc", 0 },
		{ "^(a|b|)$", "", 0 },
		{ "^(?:ab)+$", "ababab", 0 },
		{ "^(?:ab)+$", "ababa", ERR_NOTFOUND },
		{ "^(ab|a)(c|bcd)$", "abcd", 0 },
		{ "^(a*)*$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", ERR_NOTFOUND },
		{ "^a{3}$", "aaa", 0 },
		{ "^a{3}$", "aaaa", ERR_NOTFOUND },
		{ "^a{2,}$", "aaaaa", 0 },
		{ "^a{2,}$", "a", ERR_NOTFOUND },
		{ "^a{0,2}$", "", 0 },
		{ "^a{1,2}?$", "aa", 0 },
		{ "^a{0}$", "", 0 },
		{ "^.$", "\n", ERR_NOTFOUND },
		{ "^\\d+$", "0123", 0 },
		{ "^\\D$", "1", ERR_NOTFOUND },
		{ "^[\\w.-]+$", "a_9.B-", 0 },
		{ "^[\\w.-]+$", "a b", ERR_NOTFOUND },
		{ "^\\S+\\s\\S+$", "a\tb", 0 },
		{ "^[^\\s]+$", "a b", ERR_NOTFOUND },
		{ "^[]a]$", "a", ERR_INVALID },
		{ "^[a\\]]+$", "a]", 0 },
		{ "^[a-]+$", "a-", 0 },
		{ "^[[a]+$", "[a", 0 },
		{ "^[\\\\]$", "\\", 0 },
		{ "^a\\.b\\/c$", "a.b/c", 0 },
		{ "^[z-a]$", "a", ERR_INVALID },
		{ "}", "}", 0 },
		{ "^]$", "]", 0 },
		{ "\xc3\xa4", "b\xc3\xa4r", 0 },
		{ PORT, "0", ERR_NOTFOUND },
		{ PORT, "1", 0 },
		{ PORT, "22", 0 },
		{ PORT, "8080", 0 },
		{ PORT, "65535", 0 },
		{ PORT, "65536", ERR_NOTFOUND },
		{ PORT, "022", ERR_NOTFOUND },
		{ PORT, "22;id", ERR_NOTFOUND },
		{ HOST, "db.internal", 0 },
		{ HOST, "10.0.0.1", 0 },
		{ HOST, "a$(id)", ERR_NOTFOUND },
		{ HOST, "a`id`", ERR_NOTFOUND },
		{ HOST, "ab", ERR_NOTFOUND },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		print_message("  /%s/ on \"%s\"\n", t[i].pattern, t[i].text);
		assert_int_equal(
		    pattern_match(span_str(t[i].pattern), span_str(t[i].text)),
		    t[i].want);
	}
}

static void
t_refused(void **state)
{
	static const struct {
		const char *pattern;
		int want;
	} t[] = {
		{ "(", ERR_INVALID },
		{ ")", ERR_INVALID },
		{ "a)b", ERR_INVALID },
		{ "*", ERR_INVALID },
		{ "a**", ERR_INVALID },
		{ "a++", ERR_INVALID },
		{ "^*", ERR_INVALID },
		{ "a{", ERR_INVALID },
		{ "a{,3}", ERR_INVALID },
		{ "a{3,2}", ERR_INVALID },
		{ "[a", ERR_INVALID },
		{ "[]", ERR_INVALID },
		{ "[^]", ERR_INVALID },
		{ "[[:alpha:]]", ERR_INVALID },
		{ "\\", ERR_INVALID },
		{ "(a)\\1", ERR_INVALID },
		{ "\\bword", ERR_INVALID },
		{ "(?=a)", ERR_INVALID },
		{ "(?i)a", ERR_INVALID },
		{ "(?<n>a)", ERR_INVALID },
		{ "a{99999}", ERR_LIMIT },
		{ "((a{100}){100}){100}", ERR_LIMIT },
		{ "((((){2000}){2000}){2000}){2000}", ERR_LIMIT },
		{ "((((((((((((((((((a))))))))))))))))))", ERR_LIMIT },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].pattern);
		assert_int_equal(pattern_check(span_str(t[i].pattern)), t[i].want);
	}
}

/* What takes a backtracking matcher for ever. */
static void
t_hard(void **state)
{
	char text[4001];
	(void)state;

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(
	    pattern_match(SPAN("^(a|a)*(a|aa)+(a*)*b$"), span_str(text)), ERR_NOTFOUND);
	assert_int_equal(pattern_match(SPAN("(x|a)*a(x|a){1000}$"), span_str(text)), 0);
	assert_int_equal(pattern_match(SPAN("^[a-z]{0,4000}$"), span_str(text)), 0);
	assert_int_equal(
	    pattern_match(SPAN("^[a-z]{0,3999}$"), span_str(text)), ERR_NOTFOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_match),
		cmocka_unit_test(t_refused),
		cmocka_unit_test(t_hard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
