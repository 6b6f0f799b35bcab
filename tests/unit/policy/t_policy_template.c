/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wildcards, fields of ARNs, and policy variables.
 */
#include "unit/policy/policy_test.h"

#include "policy/template.h"

static const struct pair who[] = {
	{ "aws:username", "alice" },
	{ "aws:userid", "AROA1234:alice" },
	{ "aws:PrincipalTag/team", "blue*" },
	{ "aws:TagKeys", "a" },
	{ "aws:TagKeys", "b" },
	{ "empty", "" },
	{ 0 },
};

static bool
matches(const char *pattern, enum template_mode mode, bool variables, const char *text,
    bool fold)
{
	auto_arena mem = { 0 };
	struct policy_context c;
	struct template t;
	struct fault f = { 0 };

	fill_context(&c, &mem, who);
	if (template_compile(&t, &mem, span_str(pattern), mode, variables, &f) != 0)
		fail_msg("%s: %s", pattern, f.text);
	return template_match(&t, &c, span_str(text), fold);
}

static void
t_like(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool want;
	} t[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "*", "", true },
		{ "*", "a:b/c", true },
		{ "?", "", false },
		{ "?", "a", true },
		{ "?", "ab", false },
		{ "a*", "a", true },
		{ "a*", "ba", false },
		{ "*a", "aaba", true },
		{ "a*b*c", "aXbYbZc", true },
		{ "a*b*c", "aXbYbZ", false },
		{ "*aab", "aaaab", true },
		{ "a?c*", "abcdef", true },
		{ "**", "x", true },
		{ "*?", "", false },
		{ "?*?", "ab", true },
		{ "a\\*", "a\\b", true }, /* no escapes */
		{ "[ab]", "a", false },
		{ "Get*", "get", false },
		{ "ssm:*session", "ssm:startsession", true },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		print_message("  %s ~ %s\n", t[i].pattern, t[i].text);
		assert_int_equal(
		    matches(t[i].pattern, TEMPLATE_LIKE, true, t[i].text, false),
		    t[i].want);
	}
}

#define SSM "arn:aws:ssm:eu-north-1:123456789012:"

static void
t_arn(void **state)
{
	/* what a Resource matches, and what an operator for ARNs matches */
	static const struct {
		const char *pattern, *text;
		bool resource, arn;
	} t[] = {
		{ "*", SSM "session/x", true, true },
		{ "*", "*", true, false },
		{ SSM "session/x", SSM "session/x", true, true },
		{ SSM "session/x", SSM "session/X", false, false },
		{ "arn:aws:ssm:*:*:session/*", SSM "session/a:b/c", true, true },
		{ "arn:aws:ssm:*:session/x", SSM "session/x", false, false },
		{ "arn:aws:ssm:*", SSM "session/x", true, true },
		{ "arn:aws:ssm", SSM "session/x", true, true },
		{ "arn:aws:ssm:eu-north-1", SSM "session/x", true, true },
		{ "arn:aws:ssm:eu-west-1", SSM "session/x", false, false },
		{ "arn:aws:ssm:eu-*-1:*:session/x", SSM "session/x", true, true },
		{ "arn:aws:s*m:eu-north-1:123456789012:session/x", SSM "session/x", true,
		    true },
		{ "arn:aws:ssm:?????????1:*:session/x", SSM "session/x", true, true },
		{ "arn:aws:ssm:??????????:*:*", SSM "session/x", true, true },
		{ "arn:aws:ssm:eu-north-1?123456789012:session/x", SSM "session/x", false,
		    false },
		/* a star that ends a field goes on beyond its colon; others do not */
		{ "arn:aws:logs:*:*:log-stream:b",
		    "arn:aws:logs:eu:1:log-group:a:log-stream:b", true, false },
		{ "arn:aws:logs:*:1*2:log-stream:b", "arn:aws:logs:eu:1:2:log-stream:b",
		    false, false },
		{ "arn:aws:logs:*:1*2:x", "arn:aws:logs:eu:1:12:x", true, false },
		{ "arn:aws:logs:*:1*2:x", "arn:aws:logs:1y:12:x", true, true },
		{ "arn:aws:ssm::123456789012:x", "arn:aws:ssm::123456789012:x", true,
		    true },
		{ "arn:aws:ssm:*:*:document/AWS-X", "arn:aws:ssm:eu::document/AWS-X",
		    true, true },
		{ "arn:aws:ssm:*:*:x", "not an arn", false, false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		print_message("  %s ~ %s\n", t[i].pattern, t[i].text);
		assert_int_equal(
		    matches(t[i].pattern, TEMPLATE_RESOURCE, true, t[i].text, false),
		    t[i].resource);
		assert_int_equal(
		    matches(t[i].pattern, TEMPLATE_ARN, true, t[i].text, false),
		    t[i].arn);
	}
}

static void
t_variables(void **state)
{
	static const struct {
		const char *what, *pattern, *text;
		bool want;
	} t[] = {
		{ "a variable", SSM "session/${aws:username}-*", SSM "session/alice-1",
		    true },
		{ "its name in any case", "arn:aws:ssm:*:*:${AWS:UserName}", SSM "alice",
		    true },
		{ "somebody else", SSM "session/${aws:username}-*", SSM "session/bob-1",
		    false },
		{ "a colon in the last field", SSM "session/${aws:userid}-*",
		    SSM "session/AROA1234:alice-1", true },
		{ "a colon in a field before", "arn:aws:ssm:*:${aws:userid}:*",
		    "arn:aws:ssm:eu:AROA1234:alice", false },
		{ "a star in a value is a star", SSM "${aws:PrincipalTag/team}",
		    SSM "blueberry", false },
		{ "and matches itself", SSM "${aws:PrincipalTag/team}", SSM "blue*",
		    true },
		{ "a key that is missing", SSM "${aws:SourceIdentity}*", SSM "", false },
		{ "a default", SSM "${aws:SourceIdentity, 'none'}", SSM "none", true },
		{ "a default that is not needed", SSM "${aws:username, 'none'}",
		    SSM "none", false },
		{ "an empty default", SSM "x${nobody,''}", SSM "x", true },
		{ "a star in a default is a star", SSM "${nobody, '*'}", SSM "x", false },
		{ "an empty value", SSM "x${empty}y", SSM "xy", true },
		{ "a set is no variable", SSM "${aws:TagKeys}", SSM "a", false },
		{ "a set, even with a default", SSM "${aws:TagKeys, 'a'}", SSM "a",
		    false },
		{ "a literal star", SSM "a${*}b", SSM "a*b", true },
		{ "and only that", SSM "a${*}b", SSM "aXb", false },
		{ "a literal question mark", SSM "${?}", SSM "?", true },
		{ "a literal dollar", SSM "${$}{x}", SSM "${x}", true },
		{ "a lone dollar", SSM "$x{", SSM "$x{", true },
		{ "two, with stars around", SSM "*${aws:username}*${aws:username}*",
		    SSM "-alice-alice-", true },
		{ "two, but one is there", SSM "*${aws:username}*${aws:username}*",
		    SSM "-alice-alic-", false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		assert_int_equal(
		    matches(t[i].pattern, TEMPLATE_RESOURCE, true, t[i].text, false),
		    t[i].want);
	}
	row("without Version 2012-10-17 a variable is text");
	assert_true(
	    matches("${aws:username}", TEMPLATE_LIKE, false, "${aws:username}", false));
	assert_false(matches("${aws:username}", TEMPLATE_LIKE, false, "alice", false));
	row("case");
	assert_true(matches("x${aws:username}", TEMPLATE_EXACT, true, "XALICE", true));
	assert_false(matches("x${aws:username}", TEMPLATE_EXACT, true, "XALICE", false));
	row("no wildcards");
	assert_false(matches("a*", TEMPLATE_EXACT, true, "ab", false));
	assert_true(matches("a*?", TEMPLATE_EXACT, true, "a*?", false));
}

static void
t_refused(void **state)
{
	static const char *const t[] = { "${", "${aws:username", "${}", "${ }",
		"${a${b}}", "${a, b}", "${a, 'b}", "${a,'}",
		"${a}${a}${a}${a}${a}${a}${a}${a}${a}${a}${a}${a}${a}${a}${a}${a}${a}" };
	auto_arena mem = { 0 };
	struct template c;
	struct fault f;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i]);
		f = (struct fault){ 0 };
		assert_int_equal(
		    template_compile(&c, &mem, span_str(t[i]), TEMPLATE_LIKE, true, &f),
		    ERR_INVALID);
		assert_string_not_equal(f.text, "");
	}
}

/* A pattern that makes matchers without a bound hang. */
static void
t_patience(void **state)
{
	char pattern[2001], text[2001];
	(void)state;

	for (size_t i = 0; i < 2000; i++) {
		pattern[i] = i % 2 == 0 ? '*' : 'a';
		text[i] = i % 2 == 0 ? 'a' : ':';
	}
	pattern[2000] = text[2000] = '\0';
	pattern[1999] = 'b';
	assert_false(matches(pattern, TEMPLATE_LIKE, true, text, false));
	assert_false(matches(pattern, TEMPLATE_ARN, true, text, false));
	assert_false(matches(pattern, TEMPLATE_RESOURCE, true, text, false));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_like),
		cmocka_unit_test(t_arn),
		cmocka_unit_test(t_variables),
		cmocka_unit_test(t_refused),
		cmocka_unit_test(t_patience),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
