/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the linter says, where, and that the better policy does what was meant.
 */
#include "unit/policy/policy_test.h"

#include "policy/lint.h"

#define P(statement) "{'Version':'2012-10-17','Statement':[" statement "]}"
#define ALLOW(rest)  P("{'Effect':'Allow'," rest "}")
#define COND(c)      ALLOW("'Action':'ssm:StartSession','Resource':'*','Condition':{" c "}")
#define NODE         "arn:aws:ec2:eu-north-1:123456789012:instance/i-0123456789abcdef0"
#define MANAGED \
	"arn:aws:ssm:eu-north-1:123456789012:managed-instance/mi-0123456789abcdef0"
#define MINE "arn:aws:ssm:eu-north-1:123456789012:session/alice-1"

/* The codes of all findings, each followed by a blank. */
static void
codes_of(struct buf *out, const struct policy_lint *lint)
{
	for (const struct policy_finding *f = lint->first; f != NULL; f = f->next)
		buf_addf(out, "%s ", f->code);
}

static void
t_findings(void **state)
{
	static const struct {
		const char *text, *codes;
	} t[] = {
		{ ALLOW("'Action':'ssm:*','Resource':'*'"), "" },
		{ "not JSON", "malformed " },
		{ ALLOW("'Action':'ssm:*'"), "malformed " },
		{ "{'Effect':'Allow','Action':'ssm:*','Resource':'*'}",
		    "bare-statement " },
		{ "{'Action':'ssm:*'}", "bare-statement malformed " },
		{ COND("'BoolIfExists':{'aws:MultiFactorAuthPresent':'true'}"),
		    "mfa-if-exists " },
		{ COND("'Bool':{'aws:MultiFactorAuthPresent':'true'}"), "" },
		/* the same in a Deny is how it should be */
		{ P("{'Effect':'Deny','Action':'*','Resource':'*','Condition':{"
		    "'BoolIfExists':{'aws:MultiFactorAuthPresent':'false'}}}"),
		    "" },
		{ COND("'DateLessThan':{'aws:CurrentTime':'2024-12-31T18:00:00Z'}"),
		    "one-span " },
		{ COND("'StringEquals':{'aws:ResourceTag/Team':'blue*'}"),
		    "literal-wildcard " },
		{ COND("'StringLike':{'aws:ResourceTag/Team':'blue*'}"), "" },
		{ COND("'StringEquals':{'aws:ResourceTags/Team':'blue'}"),
		    "unknown-key " },
		{ COND("'StringEquals':{'ssm:resourceTag/':'blue'}"), "unknown-key " },
		{ COND("'StringEquals':{'s3:prefix':'blue'}"), "" },
		{ COND("'Bool':{'aws:SecureTransport':'yes'}"), "unreadable-value " },
		{ COND("'IpAddress':{'aws:SourceIp':'10.0.0/8'}"), "unreadable-value " },
		{ COND("'StringEquals':{'aws:username':[]}"), "no-values " },
		{ COND("'ForAllValues:StringEquals':{'aws:TagKeys':['a']}"),
		    "for-all-of-none " },
		{ ALLOW("'NotAction':'iam:*','Resource':'*'"), "allow-not-action " },
		{ ALLOW("'Action':'ssm:*','NotResource':'*'"), "allow-not-resource " },
		{ ALLOW("'Action':'ssm:StartSesion','Resource':'*'"), "unknown-action " },
		{ ALLOW("'Action':'ssm:Launch*','Resource':'*'"), "unknown-action " },
		{ ALLOW("'Action':'ec2:Whatever','Resource':'*'"), "" },
		{ ALLOW("'Action':'ssm:startsession','Resource':'*'"), "" },
		{ ALLOW("'Action':'ssm:TerminateSession','Resource':'" NODE "'"),
		    "needs-session " },
		{ ALLOW("'Action':'ssm:TerminateSession','Resource':'" MINE "'"), "" },
		{ ALLOW("'Action':'ssm:DescribeSessions','Resource':'" NODE "'"),
		    "needs-star " },
		{ ALLOW("'Action':'SSM:DescribeSessions','Resource':'arn:aws:ssm:eu-"
			"north-1:"
			"123456789012:*'"),
		    "" },
		{ ALLOW("'Action':'ssm:DescribeSessions','Resource':'arn:aws:ec2:*:*:*'"),
		    "needs-star " },
		{ ALLOW("'Action':'ssm:GetParameter','Resource':'" NODE "'"),
		    "matches-nothing " },
		{ ALLOW("'Action':'ssm:StartSession','Resource':'arn:aws:ec2:*:*:"
			"instance/*'"),
		    "no-managed-nodes " },
		{ ALLOW("'Action':'ssm:*','Resource':'arn:aws:ssm:*'"), "short-arn " },
		{ "{'Version':'2008-10-17','Statement':{'Effect':'Allow','Action':'ssm:*'"
		  ","
		  "'Resource':'arn:aws:ssm:*:*:session/${aws:username}-*'}}",
		    "no-variables " },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };
		auto_buf codes = { .max = 1000 };
		struct policy_lint lint;

		row(t[i].text);
		policy_lint(&lint, &mem, POLICY_INLINE, quoted(&mem, t[i].text));
		codes_of(&codes, &lint);
		assert_string_equal(buf_cstr(&codes), t[i].codes);
	}
}

static enum policy_decision
decide(
    const char *text, const char *action, const char *resource, const struct pair *pairs)
{
	auto_arena mem = { 0 };
	auto_policy *p = must_parse(POLICY_MANAGED, span_str(text));
	struct policy_source source = { p, "p" };
	struct policy_set set = { .identity = { &source, 1 } };
	struct policy_context c;

	fill_context(&c, &mem, pairs);
	return policy_decide(&set,
	    &(struct policy_request){ span_str(action), span_str(resource), &c }, NULL)
	    .decision;
}

static const char guide[] =
    "{'Version':'2012-10-17','Statement':[{'Effect':'Allow','Action':["
    "'ssm:StartSession','ssm:TerminateSession','ssm:ResumeSession',"
    "'ssm:DescribeSessions','ssm:GetConnectionStatus'],'Resource':["
    "'arn:aws:ec2:eu-north-1:*:instance/*',"
    "'arn:aws:ssm:eu-north-1::document/AWS-StartSSHSession'],"
    "'Condition':{'StringEquals':{'aws:RequestedRegion':'eu-north-1'}}}]}";

/* The guide's first policy, mended: all five actions work, in that region alone. */
static void
t_better_guide(void **state)
{
	static const struct pair here[] = { { "aws:RequestedRegion", "eu-north-1" },
		{ "aws:username", "alice" }, { 0 } };
	static const struct pair there[] = { { "aws:RequestedRegion", "us-east-1" },
		{ "aws:username", "alice" }, { 0 } };
	static const struct pair bob[] = { { "aws:RequestedRegion", "eu-north-1" },
		{ "aws:username", "bob" }, { 0 } };
	static const char *const t[][2] = { { "ssm:StartSession", NODE },
		{ "ssm:StartSession", MANAGED }, { "ssm:TerminateSession", MINE },
		{ "ssm:ResumeSession", MINE }, { "ssm:DescribeSessions", "*" },
		{ "ssm:GetConnectionStatus", MANAGED } };
	auto_arena mem = { 0 };
	auto_buf codes = { .max = 1000 };
	struct policy_lint lint, again;
	(void)state;

	policy_lint(&lint, &mem, POLICY_MANAGED, quoted(&mem, guide));
	codes_of(&codes, &lint);
	assert_string_equal(
	    buf_cstr(&codes), "needs-session needs-session needs-star no-managed-nodes ");
	assert_int_equal(lint.first->at.line, 1);
	assert_non_null(lint.better);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i][0]);
		assert_int_equal(
		    decide(lint.better, t[i][0], t[i][1], here), POLICY_ALLOWED);
		assert_int_equal(
		    decide(lint.better, t[i][0], t[i][1], there), POLICY_IMPLICIT_DENY);
	}
	row("not the sessions of others");
	assert_int_equal(
	    decide(lint.better, "ssm:TerminateSession", MINE, bob), POLICY_IMPLICIT_DENY);
	row("nothing is left to say");
	policy_lint(&again, &mem, POLICY_MANAGED, span_str(lint.better));
	assert_null(again.first);
	assert_null(again.better);
}

/* The guide's statement for a second factor: a policy first, then one that holds. */
static void
t_better_mfa(void **state)
{
	static const struct pair with[] = { { "aws:MultiFactorAuthPresent", "true" },
		{ 0 } },
				 without[] = { { "aws:MultiFactorAuthPresent", "false" },
					 { 0 } };
	auto_arena mem = { 0 };
	struct policy_lint lint;
	(void)state;

	policy_lint(&lint, &mem, POLICY_MANAGED,
	    quoted(&mem,
		"{\n  'Effect': 'Allow',\n  'Action': 'ssm:StartSession',\n"
		"  'Resource': '*',\n  'Condition': {\n    'BoolIfExists': {\n"
		"      'aws:MultiFactorAuthPresent': 'true'\n    }\n  }\n}"));
	assert_string_equal(lint.first->code, "bare-statement");
	assert_string_equal(lint.first->next->code, "mfa-if-exists");
	assert_int_equal(lint.first->next->at.line, 6);
	assert_int_equal(lint.first->next->at.column, 5);
	assert_null(lint.first->next->next);
	assert_int_equal(
	    decide(lint.better, "ssm:StartSession", NODE, with), POLICY_ALLOWED);
	assert_int_equal(
	    decide(lint.better, "ssm:StartSession", NODE, without), POLICY_IMPLICIT_DENY);
	assert_int_equal(
	    decide(lint.better, "ssm:StartSession", NODE, NULL), POLICY_IMPLICIT_DENY);
}

/* One statement that is no list, of which nothing remains, with a condition to mend in it. */
static void
t_better_rounds(void **state)
{
	auto_arena mem = { 0 };
	struct policy_lint lint;
	(void)state;

	policy_lint(&lint, &mem, POLICY_MANAGED,
	    quoted(&mem,
		"{'Version':'2012-10-17','Statement':{'Effect':'Allow','Action':"
		"['ssm:TerminateSession','ssm:DescribeSessions'],'Resource':'" NODE
		"','Condition':{'BoolIfExists':{'aws:MultiFactorAuthPresent':'true'}}}"
		"}"));
	assert_non_null(lint.better);
	assert_null(strstr(lint.better, "IfExists"));
	assert_null(strstr(lint.better, "instance"));
	assert_int_equal(decide(lint.better, "ssm:TerminateSession", MINE, NULL),
	    POLICY_IMPLICIT_DENY);
}

/* What is copied is copied as it stands: a name with quotes in it stays one name. */
static void
t_quotes(void **state)
{
	auto_arena mem = { 0 };
	struct policy_lint lint;
	(void)state;

	policy_lint(&lint, &mem, POLICY_MANAGED,
	    quoted(&mem,
		ALLOW("'Action':['ec2:x\\\",\\\"*','ssm:DescribeSessions'],'Resource':"
		      "'" NODE "'")));
	assert_non_null(lint.better);
	assert_int_equal(
	    decide(lint.better, "iam:CreateUser", NODE, NULL), POLICY_IMPLICIT_DENY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_findings),
		cmocka_unit_test(t_better_guide),
		cmocka_unit_test(t_better_mfa),
		cmocka_unit_test(t_better_rounds),
		cmocka_unit_test(t_quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
