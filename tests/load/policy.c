/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a decision costs, for a principal with 20 statements in four policies.
 *
 *	load_policy [SECONDS]
 *
 * Prints microseconds for each decision: a StartSession that the last statement allows (every
 * Deny is looked at on the way), one that nothing allows, the same with all statements traced,
 * and, for comparison, parsing the four policies.
 */
#include <time.h>

#include "policy/evaluate.h"

enum { POLICIES = 4, STATEMENTS = 5 };

static const char *const fillers[STATEMENTS] = {
	"{\"Effect\":\"Allow\",\"Action\":[\"ssm:StartSession\",\"ssm:SendCommand\"],"
	"\"Resource\":\"arn:aws:ec2:*:*:instance/*\",\"Condition\":{\"StringEquals\":{"
	"\"ssm:resourceTag/Team\":\"team%d\"}}}",
	"{\"Effect\":\"Allow\",\"Action\":[\"ssm:TerminateSession\",\"ssm:"
	"ResumeSession\"],"
	"\"Resource\":\"arn:aws:ssm:*:*:session/${aws:username}-*\"}",
	"{\"Effect\":\"Deny\",\"Action\":\"ssm:*\",\"Resource\":\"*\",\"Condition\":{"
	"\"NotIpAddress\":{\"aws:SourceIp\":[\"10.%d.0.0/8\",\"203.0.113.0/24\"]},"
	"\"BoolIfExists\":{\"aws:ViaAWSService\":\"false\"}}}",
	"{\"Effect\":\"Allow\",\"Action\":[\"ssm:Describe*\",\"ssm:Get*\",\"ssm:List*\","
	"\"ec2:Describe*\"],\"Resource\":\"*\"}",
	"{\"Effect\":\"Deny\",\"NotAction\":[\"iam:*\",\"sts:*\",\"ssm:*\"],\"Resource\":"
	"\"*\",\"Condition\":{\"DateGreaterThan\":{\"aws:CurrentTime\":"
	"\"20%d0-01-01T00:00:00Z\"}}}",
};

/* The one that allows: the very last. */
static const char last[] =
    "{\"Effect\":\"Allow\",\"Action\":\"ssm:StartSession\",\"Resource\":["
    "\"arn:aws:ssm:*:*:managed-instance/*\",\"arn:aws:ssm:*::document/AWS-*\"],"
    "\"Condition\":{\"StringLike\":{\"ssm:resourceTag/"
    "Environment\":[\"test\",\"prod*\"]},"
    "\"Bool\":{\"aws:MultiFactorAuthPresent\":\"true\"},"
    "\"NumericLessThan\":{\"aws:MultiFactorAuthAge\":\"3600\"}}}";

static struct buf texts[POLICIES];
static struct policy *policies[POLICIES];
static struct policy_source sources[POLICIES];

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
make_texts(void)
{
	for (int i = 0; i < POLICIES; i++) {
		struct buf *b = &texts[i];

		buf_init(b, 65536);
		buf_add_str(b, "{\"Version\":\"2012-10-17\",\"Statement\":[");
		for (int j = 0; j < STATEMENTS; j++) {
			bool at_end = i == POLICIES - 1 && j == STATEMENTS - 1;

			buf_add_str(b, j > 0 ? "," : "");
			for (const char *p = at_end ? last : fillers[j]; *p != '\0';
			     p++) {
				if (p[0] == '%' && p[1] == 'd') {
					buf_addf(b, "%d", 4 + i);
					p++;
				} else {
					buf_add_u8(b, (uint8_t)*p);
				}
			}
		}
		buf_add_str(b, "]}");
	}
}

static void
parse_all(void)
{
	struct policy_flaw flaw;

	for (int i = 0; i < POLICIES; i++) {
		policy_free(policies[i]);
		if (policy_parse(
			&policies[i], POLICY_MANAGED, buf_span(&texts[i]), &flaw) != 0) {
			fprintf(stderr, "policy %d: %s\n", i, flaw.why);
			exit(1);
		}
		sources[i] = (struct policy_source){ policies[i], "p" };
	}
}

static void
fill_context(struct policy_context *c, struct arena *mem)
{
	static const char *const pairs[][2] = { { "aws:username", "alice" },
		{ "aws:userid", "AIDAEXAMPLE" }, { "aws:PrincipalType", "User" },
		{ "aws:PrincipalArn", "arn:aws:iam::123456789012:user/alice" },
		{ "aws:PrincipalAccount", "123456789012" },
		{ "aws:CurrentTime", "2026-11-21T08:00:00Z" },
		{ "aws:EpochTime", "1795248000" }, { "aws:SecureTransport", "true" },
		{ "aws:SourceIp", "203.0.113.7" }, { "aws:UserAgent", "aws-cli/2" },
		{ "aws:RequestedRegion", "eu-north-1" }, { "aws:ViaAWSService", "false" },
		{ "aws:MultiFactorAuthPresent", "true" },
		{ "aws:MultiFactorAuthAge", "120" },
		{ "ssm:SessionDocumentAccessCheck", "false" },
		{ "aws:TokenIssueTime", "2026-11-21T07:00:00Z" } };

	policy_context_init(c, mem);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		policy_context_add(c, pairs[i][0], span_str(pairs[i][1]));
	for (int i = 0; i < 10; i++) {
		struct span tag = span_str(arena_printf(mem, "tag%d", i));

		policy_context_add_tag(c, "aws:ResourceTag/", tag, SPAN("x"));
		policy_context_add_tag(c, "ssm:resourceTag/", tag, SPAN("x"));
		policy_context_add_tag(c, "aws:PrincipalTag/", tag, SPAN("x"));
	}
	policy_context_add(c, "ssm:resourceTag/Environment", SPAN("production"));
}

/* Microseconds for one decision. */
static double
run(const struct policy_request *q, struct policy_trace *trace, enum policy_decision want,
    double seconds)
{
	struct policy_set set = { .identity = { sources, POLICIES } };
	double begin = now_s(), end = begin + seconds, now = begin;
	uint64_t n = 0;

	while (now < end) {
		for (int i = 0; i < 1000; i++, n++)
			if (policy_decide(&set, q, trace).decision != want)
				abort();
		now = now_s();
	}
	return (now - begin) * 1e6 / (double)n;
}

static double
run_parse(double seconds)
{
	double begin = now_s(), now = begin;
	uint64_t n = 0;

	for (; now < begin + seconds; n++) {
		parse_all();
		now = now_s();
	}
	return (now - begin) * 1e6 / (double)n;
}

int
main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
	auto_arena mem = { 0 };
	struct policy_context c;
	struct policy_trace trace;
	struct policy_request yes = { SPAN("ssm:StartSession"),
		SPAN("arn:aws:ssm:eu-north-1:123456789012:managed-instance/"
		     "mi-0123456789abcdef0"),
		&c };
	struct policy_request no = yes;

	no.resource = SPAN("arn:aws:ec2:eu-north-1:123456789012:instance/"
			   "i-0123456789abcdef0");
	make_texts();
	parse_all();
	fill_context(&c, &mem);
	printf("allowed_us %.3f\n", run(&yes, NULL, POLICY_ALLOWED, seconds));
	printf("refused_us %.3f\n", run(&no, NULL, POLICY_IMPLICIT_DENY, seconds));
	printf("traced_us %.3f\n", run(&yes, &trace, POLICY_ALLOWED, seconds));
	printf("parsed_us %.3f\n", run_parse(seconds));
	for (int i = 0; i < POLICIES; i++) {
		policy_free(policies[i]);
		buf_fini(&texts[i]);
	}
	return 0;
}
