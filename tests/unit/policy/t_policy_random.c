/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random policies and random requests: the engine and the naive evaluator must agree.
 *
 *	t_policy_policy_random
 *	SEED=n t_policy_policy_random	one seed, the one that a failure printed
 *
 * The vocabulary is small, so that policies and requests meet often; the test also checks that
 * each decision came up often enough to mean something.
 */
#include "unit/policy/naive.h"

#include "codec/json.h"

enum { POLICIES = 4000, REQUESTS = 12 };

static uint64_t state;

static unsigned
below(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % n;
}

#define PICK(list) (list)[below(ARRAY_LEN(list))]

static const char *const keys[] = { "k1", "K1", "k2", "k3", "aws:username", "none" };
static const char *const words[] = { "a", "b", "ab", "A", "", "10", "9.5", "-1", "true",
	"False", "2026-01-01", "2026-01-01T00:00:00Z", "1767225600", "10.0.0.1",
	"192.168.3.4", "2001:db8::1", "QQ==", "QUI=", "arn:aws:iam::1:user/a",
	"arn:aws:iam::1:2:user/a", "a:b" };
static const char *const patterns[] = { "a*", "?", "*", "*b", "${k1}", "${k2}*",
	"${k3, 'a'}", "${none}", "${none, 'ab'}", "${*}", "a${?}",
	"arn:aws:iam::*:user/*", "arn:aws:iam::?:*", "arn:aws:iam:*:user/${k1}", "arn:*",
	"10.0.0.0/8", "192.168.0.0/17", "2001:db8::/32", "::/0", "10.0.0.0/40", "10.0",
	"9" };
static const char *const dates[] = { "2026-01-01", "2025-12-31T23:59:59Z", "2026-01",
	"1767225600", "0" };
static const char *const operators[] = { "StringEquals", "StringNotEquals",
	"StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike",
	"StringNotLike", "NumericEquals", "NumericNotEquals", "NumericLessThan",
	"NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals",
	"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals",
	"DateGreaterThan", "DateGreaterThanEquals", "Bool", "BinaryEquals", "IpAddress",
	"NotIpAddress", "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", "Null" };
static const char *const actions[] = { "ssm:StartSession", "SSM:TerminateSession",
	"ssm:DescribeSessions", "ec2:DescribeInstances" };
static const char *const action_patterns[] = { "*", "ssm:*", "ssm:StartSession",
	"ssm:*Session", "SSM:?erminateSession", "ssm:Describe*", "ec2:*" };
static const char *const resources[] = { "*",
	"arn:aws:ssm:eu-north-1:123456789012:session/alice-1",
	"arn:aws:ssm:eu-north-1::document/AWS-X",
	"arn:aws:ec2:eu-north-1:123456789012:instance/i-1",
	"arn:aws:logs:eu:1:log-group:a:log-stream:b" };
static const char *const resource_patterns[] = { "*", "arn:aws:ssm:*:*:session/*",
	"arn:aws:ssm:*:*:session/${aws:username}-*", "arn:aws:ssm:*", "arn:aws:ec2",
	"arn:aws:ssm:*::document/AWS-?", "arn:aws:ec2:eu-*-1:*:instance/*",
	"arn:aws:ssm:*:${k1}:*", "arn:aws:ssm:*:document/AWS-X",
	"arn:aws:logs:*:*:log-stream:b", "arn:aws:logs:*:1*:log-group:a:*",
	"arn:aws:ssm:eu-north-1:123456789012:session/${k2, 'alice'}-1" };

static void
put_list(struct buf *b, const char *const *list, size_t n, unsigned max)
{
	unsigned count = 1 + below(max);

	buf_add_str(b, "[");
	for (unsigned i = 0; i < count; i++)
		buf_addf(b, "%s\"%s\"", i > 0 ? "," : "", list[below((unsigned)n)]);
	buf_add_str(b, "]");
}

static void
put_condition_values(struct buf *b, const char *op)
{
	if (strncmp(op, "Date", 4) == 0)
		put_list(b, dates, ARRAY_LEN(dates), 2);
	else if (below(3) == 0)
		put_list(b, patterns, ARRAY_LEN(patterns), 3);
	else
		put_list(b, words, ARRAY_LEN(words), 4);
}

/* Operators and keys may not come up twice: the second one gets another key. */
static void
put_conditions(struct buf *b)
{
	static const char *const sets[] = { "", "", "ForAnyValue:", "ForAllValues:" };
	unsigned n = below(4), first = below(ARRAY_LEN(operators));

	for (unsigned i = 0; i < n && i < 2; i++) {
		const char *op = operators[(first + i) % ARRAY_LEN(operators)];
		bool null = strcmp(op, "Null") == 0;

		buf_addf(b, "%s\"%s%s%s\":{\"%s\":", i > 0 ? "," : "", PICK(sets), op,
		    !null && below(4) == 0 ? "IfExists" : "", PICK(keys));
		put_condition_values(b, op);
		buf_add_str(b, "}");
	}
}

static void
put_statement(struct buf *b)
{
	buf_addf(b, "{\"Effect\":\"%s\",\"%sAction\":", below(4) == 0 ? "Deny" : "Allow",
	    below(5) == 0 ? "Not" : "");
	put_list(b, action_patterns, ARRAY_LEN(action_patterns), 2);
	buf_addf(b, ",\"%sResource\":", below(5) == 0 ? "Not" : "");
	put_list(b, resource_patterns, ARRAY_LEN(resource_patterns), 3);
	buf_add_str(b, ",\"Condition\":{");
	put_conditions(b);
	buf_add_str(b, "}}");
}

static void
put_policy(struct buf *b)
{
	unsigned n = 1 + below(4);

	buf_addf(
	    b, "{%s\"Statement\":[", below(8) == 0 ? "" : "\"Version\":\"2012-10-17\",");
	for (unsigned i = 0; i < n; i++) {
		buf_add_str(b, i > 0 ? "," : "");
		put_statement(b);
	}
	buf_add_str(b, "]}");
}

struct layer {
	struct buf text;
	struct policy *policy;
	struct policy_source source;
	json_t *tree;
};

static void
layer_make(struct layer *l)
{
	struct fault f;

	*l = (struct layer){ .text = { .max = 65536 } };
	put_policy(&l->text);
	assert_int_equal(buf_check(&l->text), 0);
	l->policy = must_parse(POLICY_INLINE, buf_span(&l->text));
	l->source = (struct policy_source){ l->policy, "p" };
	assert_int_equal(json_read(&l->tree, buf_span(&l->text), &f), 0);
}

static void
layer_free(struct layer *l)
{
	policy_free(l->policy);
	json_decref(l->tree);
	buf_fini(&l->text);
}

/* Up to six pairs; a key whose name comes up twice is a set. */
static void
make_context(struct pair pairs[7])
{
	unsigned n = below(7);

	for (unsigned i = 0; i < n; i++)
		pairs[i] =
		    (struct pair){ below(4) == 0 ? "aws:username" : keys[2 * below(2)],
			    below(4) == 0 ? "alice" : PICK(words) };
	pairs[n] = (struct pair){ 0 };
}

static void
compare(uint64_t seed, struct layer l[3], unsigned nlayers, unsigned counts[3])
{
	auto_arena mem = { 0 };
	struct policy_context c;
	struct policy_set set = { .identity = { &l[0].source, 1 } };
	struct naive_set naive = { .identity = l[0].tree };
	struct policy_trace trace;
	struct policy_request q;
	struct pair pairs[7];
	const char *action = PICK(actions), *resource = PICK(resources);
	enum policy_decision want, got, traced;

	if (nlayers > 1) {
		set.boundary = (struct policy_sources){ &l[1].source, 1 };
		naive.boundary = l[1].tree;
	}
	if (nlayers > 2) {
		set.session = (struct policy_sources){ &l[2].source, 1 };
		naive.session = l[2].tree;
	}
	make_context(pairs);
	fill_context(&c, &mem, pairs);
	q = (struct policy_request){ span_str(action), span_str(resource), &c };
	want = naive_decide(&naive, action, resource, pairs);
	got = policy_decide(&set, &q, NULL).decision;
	traced = policy_decide(&set, &q, &trace).decision;
	counts[got]++;
	if (got == want && traced == want)
		return;
	print_error("SEED=%llu: %s on %s: naive %s, engine %s, traced %s\n",
	    (unsigned long long)seed, action, resource, policy_decision_name(want),
	    policy_decision_name(got), policy_decision_name(traced));
	for (unsigned i = 0; i < nlayers; i++)
		print_error("%s\n", buf_cstr(&l[i].text));
	for (unsigned i = 0; pairs[i].key != NULL; i++)
		print_error("  %s = %s\n", pairs[i].key, pairs[i].value);
	fail();
}

static void
run_seed(uint64_t seed, unsigned counts[3])
{
	struct layer l[3];
	unsigned n;

	state = seed * 0x9e3779b97f4a7c15U + 1;
	for (unsigned i = 0; i < 20; i++)
		below(2);
	n = below(3) == 0 ? 1 + below(3) : 1;
	for (unsigned i = 0; i < n; i++)
		layer_make(&l[i]);
	for (unsigned i = 0; i < REQUESTS; i++)
		compare(seed, l, n, counts);
	for (unsigned i = 0; i < n; i++)
		layer_free(&l[i]);
}

static void
t_agree(void **unused)
{
	const char *one = getenv("SEED");
	unsigned counts[3] = { 0 };
	(void)unused;

	if (one != NULL) {
		run_seed(strtoull(one, NULL, 10), counts);
		return;
	}
	for (uint64_t seed = 1; seed <= POLICIES; seed++)
		run_seed(seed, counts);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		print_message("  %s: %u\n", policy_decision_name((enum policy_decision)i),
		    counts[i]);
		assert_true(counts[i] > POLICIES * REQUESTS / 20);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
