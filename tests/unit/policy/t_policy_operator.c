/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operator, with values that are there, that are not, and that cannot be read.
 */
#include "unit/policy/policy_test.h"

#include "policy/operator.h"

/* Whether the condition holds in a policy that allows everything else. */
static bool
holds(const char *op, const char *key, const char *value, const struct pair *pairs)
{
	auto_arena mem = { 0 };
	struct policy_context c;
	struct span text = quoted(&mem,
	    arena_printf(&mem,
		"{'Version':'2012-10-17','Statement':{'Effect':'Allow','Action':'*',"
		"'Resource':'*','Condition':{'%s':{'%s':%s}}}}",
		op, key, value));
	auto_policy *p = must_parse(POLICY_INLINE, text);
	struct policy_source source = { p, "p" };
	struct policy_set set = { .identity = { &source, 1 } };

	fill_context(&c, &mem, pairs);
	return policy_decide(
		   &set, &(struct policy_request){ SPAN("ssm:X"), SPAN("*"), &c }, NULL)
		   .decision == POLICY_ALLOWED;
}

static void
t_values(void **state)
{
	static const struct {
		const char *op, *value, *actual;
		bool want;
	} t[] = {
		{ "StringEquals", "'a'", "a", true },
		{ "StringEquals", "'a'", "A", false },
		{ "StringEquals", "['b','a']", "a", true },
		{ "StringEquals", "'a*'", "ab", false },
		{ "StringEquals", "[]", "a", false },
		{ "StringEquals", "true", "true", true },
		{ "StringEquals", "1.50", "1.50", true },
		{ "StringEquals", "''", "", true },
		{ "StringNotEquals", "'a'", "b", true },
		{ "StringNotEquals", "['a','b']", "b", false },
		{ "StringNotEquals", "[]", "a", true },
		{ "StringEqualsIgnoreCase", "'Prod'", "pROD", true },
		{ "StringNotEqualsIgnoreCase", "'Prod'", "pROD", false },
		{ "StringLike", "'a*c?'", "abcd", true },
		{ "StringLike", "'a*'", "A", false },
		{ "StringNotLike", "['x*','a*']", "ab", false },
		{ "StringNotLike", "['x*','y*']", "ab", true },
		{ "StringLike", "'${aws:username}-*'", "alice-1", true },
		{ "StringEquals", "'${aws:username}'", "alice", true },
		{ "StringEquals", "'${aws:SourceIdentity}'", "", false },
		{ "StringNotEquals", "'${aws:SourceIdentity}'", "x", true },
		{ "NumericEquals", "'7'", "7.0", true },
		{ "NumericEquals", "7", "007", true },
		{ "NumericEquals", "'-0'", "0", true },
		{ "NumericNotEquals", "'7'", "8", true },
		{ "NumericLessThan", "'3600'", "3599.999", true },
		{ "NumericLessThan", "'3600'", "3600", false },
		{ "NumericLessThan", "'-1'", "-1.5", true },
		{ "NumericLessThan", "'0.5'", "0.25", true },
		{ "NumericLessThanEquals", "'3600'", "3600", true },
		{ "NumericGreaterThan", "'9'", "10", true },
		{ "NumericGreaterThanEquals", "'10'", "10", true },
		{ "NumericGreaterThanEquals", "'10'", "9.99", false },
		{ "NumericEquals", "'1e3'", "1000", false },
		{ "NumericEquals", "'7'", "seven", false },
		{ "NumericNotEquals", "'7'", "seven", false },
		{ "NumericNotEquals", "'seven'", "7", false },
		{ "NumericNotEquals", "['x','7']", "8", false },
		{ "NumericEquals", "['x','7']", "7", true },
		{ "DateEquals", "'2026-11-21T08:00:00Z'", "2026-11-21T09:00:00+01:00",
		    true },
		{ "DateEquals", "'2026-11-21'", "2026-11-21T00:00:00Z", true },
		{ "DateEquals", "'2026-11'", "2026-11-01", true },
		{ "DateEquals", "'2026-11-21T08:00'", "2026-11-21T08:00:00Z", true },
		{ "DateEquals", "'1795248000'", "2026-11-21t08:00:00z", true },
		{ "DateNotEquals", "'2026-11-21'", "2026-11-22", true },
		{ "DateLessThan", "'2026-11-21T08:00:00Z'", "2026-11-21T07:59:59.999Z",
		    true },
		{ "DateLessThan", "'2026-11-21T08:00:00Z'", "2026-11-21T08:00:00Z",
		    false },
		{ "DateLessThanEquals", "'2026-11-21T08:00:00Z'", "2026-11-21T08:00:00Z",
		    true },
		{ "DateGreaterThan", "'2026-11-21T08:00:00Z'", "1795248001", true },
		{ "DateGreaterThanEquals", "'2026-11-21T08:00:00Z'", "1795247999",
		    false },
		{ "DateGreaterThan", "'9223372036854775807'", "2026-11-21", false },
		{ "DateEquals", "'2026-11-21t8:00:00.5+01'", "2026-11-21T07:00:00.500Z", true },
		{ "DateEquals", "'2026-11-21T08'", "2026-11-21T08:00:00Z", true },
		{ "DateEquals", "'2026-11-21T06:30:00-01:30'", "2026-11-21T08:00:00Z", true },
		{ "DateGreaterThan", "'01T'", "0002-01-01", true },
		{ "DateGreaterThan", "'-292275054'", "0001-01-01", true },
		{ "DateLessThan", "'292278993-01'", "9999-12-31", true },
		{ "DateLessThan", "'2026-11-21'", "yesterday", false },
		{ "DateNotEquals", "'2026-11-21'", "yesterday", false },
		{ "Bool", "'true'", "true", true },
		{ "Bool", "'TRUE'", "True", true },
		{ "Bool", "true", "true", true },
		{ "Bool", "'false'", "true", false },
		{ "Bool", "'yes'", "true", false },
		{ "Bool", "'true'", "1", false },
		{ "BinaryEquals", "'QUJD'", "QUJD", true },
		{ "BinaryEquals", "'QUJD'", "QUJE", false },
		{ "BinaryEquals", "'QUJD'", "ABC", false },
		{ "BinaryEquals", "'not base64'", "not base64", false },
		{ "IpAddress", "'203.0.113.0/24'", "203.0.113.77", true },
		{ "IpAddress", "'203.0.113.9/24'", "203.0.113.77", true },
		{ "IpAddress", "'203.0.113.0/24'", "203.0.114.1", false },
		{ "IpAddress", "'203.0.113.7'", "203.0.113.7", true },
		{ "IpAddress", "'203.0.113.7'", "203.0.113.8", false },
		{ "IpAddress", "'0.0.0.0/0'", "203.0.113.8", true },
		{ "IpAddress", "'0.0.0.0/0'", "2001:db8::1", false },
		{ "IpAddress", "'203.0.113.0/25'", "203.0.113.128", false },
		{ "IpAddress", "'203.0.113.0/24'", "::ffff:203.0.113.7", true },
		{ "IpAddress", "'2001:db8::/33'", "2001:db8:7fff::1", true },
		{ "IpAddress", "'2001:db8::/33'", "2001:db8:8000::1", false },
		{ "IpAddress", "'2001:DB8:0::1'", "2001:db8::1", true },
		{ "IpAddress", "'::/0'", "2001:db8::1", true },
		{ "IpAddress", "'10.0.0.0/33'", "10.0.0.1", false },
		{ "IpAddress", "'10.0.0'", "10.0.0.0", false },
		{ "IpAddress", "'10.0.0.0/8'", "10.0.0.0/9", false },
		{ "NotIpAddress", "'203.0.113.0/24'", "198.51.100.1", true },
		{ "NotIpAddress", "['198.51.100.0/24','203.0.113.0/24']", "203.0.113.1",
		    false },
		{ "NotIpAddress", "'203.0.113.0/24'", "unknown", false },
		{ "ArnEquals", "'arn:aws:iam::*:user/a*'", "arn:aws:iam::1:user/alice",
		    true },
		{ "ArnLike", "'arn:aws:iam::*:user/a*'", "arn:aws:iam::1:user/bob",
		    false },
		{ "ArnLike", "'arn:aws:iam::1*:user/a'", "arn:aws:iam::1:2:user/a",
		    false },
		{ "ArnNotEquals", "'arn:aws:iam::1:user/a'", "arn:aws:iam::1:user/b",
		    true },
		{ "ArnNotLike", "'arn:aws:iam::*:user/*'", "arn:aws:iam::1:user/b",
		    false },
		{ "Null", "'true'", "x", false },
		{ "Null", "'false'", "x", true },
		{ "Null", "['true','false']", "x", true },
		{ "Null", "'perhaps'", "x", false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct pair pairs[] = { { "key", t[i].actual },
			{ "aws:username", "alice" }, { 0 } };

		print_message("  %s %s of \"%s\"\n", t[i].op, t[i].value, t[i].actual);
		assert_int_equal(holds(t[i].op, "KEY", t[i].value, pairs), t[i].want);
	}
}

static void
t_missing(void **state)
{
	static const struct {
		const char *op, *value;
		bool want;
	} t[] = {
		{ "StringEquals", "'a'", false },
		{ "StringNotEquals", "'a'", true },
		{ "StringLike", "'*'", false },
		{ "StringNotLike", "'*'", true },
		{ "NumericLessThan", "'1'", false },
		{ "NumericNotEquals", "'1'", true },
		{ "DateGreaterThan", "'2026-01-01'", false },
		{ "Bool", "'true'", false },
		{ "Bool", "'false'", false },
		{ "BinaryEquals", "'QUJD'", false },
		{ "IpAddress", "'0.0.0.0/0'", false },
		{ "NotIpAddress", "'0.0.0.0/0'", true },
		{ "ArnLike", "'*'", false },
		{ "ArnNotLike", "'*'", true },
		{ "Null", "'true'", true },
		{ "Null", "'false'", false },
		{ "Null", "true", true },
		{ "StringEqualsIfExists", "'a'", true },
		{ "BoolIfExists", "'true'", true },
		{ "NumericLessThanIfExists", "'1'", true },
		{ "NotIpAddressIfExists", "'0.0.0.0/0'", true },
		{ "ForAllValues:StringEquals", "'a'", true },
		{ "ForAllValues:StringNotEquals", "'a'", true },
		{ "ForAnyValue:StringEquals", "'a'", false },
		{ "ForAnyValue:StringNotEquals", "'a'", false },
		{ "ForAnyValue:StringEqualsIfExists", "'a'", true },
		{ "ForAllValues:StringEqualsIfExists", "'a'", true },
		{ "ForAnyValue:Null", "'true'", true },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		print_message("  %s %s\n", t[i].op, t[i].value);
		assert_int_equal(holds(t[i].op, "key", t[i].value, NULL), t[i].want);
	}
}

static void
t_sets(void **state)
{
	static const struct pair one[] = { { "k", "a" }, { 0 } },
				 both[] = { { "k", "a" }, { "k", "b" }, { 0 } },
				 empty[] = { { "k", "" }, { 0 } };
	static const struct {
		const char *op, *value;
		const struct pair *pairs;
		bool want;
	} t[] = {
		{ "ForAnyValue:StringEquals", "['a','x']", both, true },
		{ "ForAnyValue:StringEquals", "['x']", both, false },
		{ "ForAllValues:StringEquals", "['a','x']", both, false },
		{ "ForAllValues:StringEquals", "['a','b','x']", both, true },
		{ "ForAllValues:StringLike", "'?'", both, true },
		{ "ForAnyValue:StringNotEquals", "'a'", both, true },
		{ "ForAnyValue:StringNotEquals", "['a','b']", both, false },
		{ "ForAllValues:StringNotEquals", "'a'", both, false },
		{ "ForAllValues:StringNotEquals", "'x'", both, true },
		{ "ForAllValues:StringEquals", "'a'", one, true },
		{ "ForAllValues:StringEquals", "'x'", empty, true },
		{ "ForAnyValue:StringEquals", "''", empty, false },
		{ "ForAnyValue:StringNotEquals", "'x'", empty, false },
		{ "ForAnyValue:StringEqualsIfExists", "'x'", empty, false },
		/* several values and no set operator: any of them, or none of them */
		{ "StringEquals", "'b'", both, true },
		{ "StringNotEquals", "'b'", both, false },
		{ "StringNotEquals", "'x'", both, true },
		{ "Null", "'false'", both, true },
		{ "Null", "'false'", empty, true },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		print_message("  %s %s\n", t[i].op, t[i].value);
		assert_int_equal(holds(t[i].op, "k", t[i].value, t[i].pairs), t[i].want);
	}
}

static void
t_without_values(void **state)
{
	auto_arena mem = { 0 };
	struct policy_context c;
	(void)state;

	policy_context_init(&c, &mem);
	policy_context_add_set(&c, "aws:TagKeys", NULL, 0);
	assert_null(policy_context_find(
	    &c, SPAN("aws:TagKeys"), policy_key_hash(SPAN("aws:TagKeys"))));
	policy_context_add_tag(&c, "aws:ResourceTag/", SPAN("Env"), SPAN("prod"));
	policy_context_add_tag(&c, "aws:ResourceTag/", SPAN("env"), SPAN("test"));
	assert_int_equal(c.n, 2);
	assert_non_null(policy_context_find(&c, SPAN("AWS:resourcetag/ENV"),
	    policy_key_hash(SPAN("AWS:resourcetag/ENV"))));
	for (int i = 0; i < 100; i++)
		policy_context_add(&c, arena_printf(&mem, "key%d", i), SPAN("x"));
	assert_int_equal(c.n, 102);
	assert_non_null(
	    policy_context_find(&c, SPAN("Key77"), policy_key_hash(SPAN("key77"))));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_values),
		cmocka_unit_test(t_missing),
		cmocka_unit_test(t_sets),
		cmocka_unit_test(t_without_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
