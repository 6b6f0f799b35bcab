/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policies that guides to Session Manager print, taken literally, against the requests
 * that people make with them: what AWS's documented rules say, not what the guide says.
 *
 * The denial sentences are recorded ones; the decisions follow AWS's documentation and are our
 * judgement of it.  docs/policies.md tells the same story in prose.
 */
#include "unit/policy/policy_test.h"

#include "policy/managed.h"

#define R       "eu-north-1"
#define A       "123456789012"
#define I_NODE  "arn:aws:ec2:" R ":" A ":instance/i-0123456789abcdef0"
#define MI_NODE "arn:aws:ssm:" R ":" A ":managed-instance/mi-0123456789abcdef0"
#define SSH     "arn:aws:ssm:" R "::document/AWS-StartSSHSession"
#define PORT    "arn:aws:ssm:" R "::document/AWS-StartPortForwardingSession"
#define REMOTE  "arn:aws:ssm:" R "::document/AWS-StartPortForwardingSessionToRemoteHost"
#define SHELL   "arn:aws:ssm:" R ":" A ":document/SSM-SessionManagerRunShell"
#define MINE    "arn:aws:ssm:" R ":" A ":session/alice-0abc1234def567890"
#define ANY     "arn:aws:ssm:" R ":" A ":*"

/* A bare statement, as it is when somebody has put it into a policy. */
#define WRAPPED(statement) "{'Version':'2012-10-17','Statement':[" statement "]}"

static const char permissions[] =
    "{'Version':'2012-10-17','Statement':[{'Effect':'Allow','Action':["
    "'ssm:StartSession','ssm:TerminateSession','ssm:ResumeSession',"
    "'ssm:DescribeSessions','ssm:GetConnectionStatus'],'Resource':["
    "'arn:aws:ec2:eu-north-1:*:instance/*',"
    "'arn:aws:ssm:eu-north-1::document/AWS-StartSSHSession'],"
    "'Condition':{'StringEquals':{'aws:RequestedRegion':'eu-north-1'}}},"
    "{'Effect':'Allow','Action':['ssm:DescribeInstanceInformation',"
    "'ssm:GetCommandInvocation','ssm:ListCommandInvocations','ssm:ListCommands'],"
    "'Resource':'*'},{'Effect':'Allow','Action':['ec2:DescribeInstances'],"
    "'Resource':'*'}]}";

static const char production[] =
    "{'Version':'2012-10-17','Statement':[{'Sid':'AllowSessionsOnProductionInstances',"
    "'Effect':'Allow','Action':['ssm:StartSession'],'Resource':"
    "'arn:aws:ec2:eu-north-1:*:instance/*','Condition':{'StringEquals':{"
    "'ssm:resourceTag/Environment':'prod'}}},{'Sid':'AllowSessionDocuments',"
    "'Effect':'Allow','Action':['ssm:StartSession'],'Resource':["
    "'arn:aws:ssm:eu-north-1::document/AWS-StartSSHSession',"
    "'arn:aws:ssm:eu-north-1::document/AWS-StartPortForwardingSession']}]}";

#define READ_ONLY                                                       \
	"{'Effect':'Allow','Action':['ssm:DescribeSessions',"           \
	"'ssm:GetConnectionStatus','ssm:DescribeInstanceInformation']," \
	"'Resource':'*'}"
#define MFA                                                             \
	"{'Effect':'Allow','Action':'ssm:StartSession','Resource':'*'," \
	"'Condition':{'BoolIfExists':{'aws:MultiFactorAuthPresent':'true'}}}"
#define HOURS                                                           \
	"{'Effect':'Allow','Action':'ssm:StartSession','Resource':'*'," \
	"'Condition':{'DateGreaterThan':{'aws:CurrentTime':"            \
	"'2024-01-01T09:00:00Z'},'DateLessThan':{'aws:CurrentTime':"    \
	"'2024-12-31T18:00:00Z'}}}"
#define OVERVIEW                                               \
	"{'Effect':'Allow','Action':['ssm:StartSession',"      \
	"'ssm:DescribeInstanceInformation','ssm:SendCommand'," \
	"'ssm:TerminateSession','ssm:GetConnectionStatus'],'Resource':'*'}"
#define PROFILE                                                       \
	"{'Action':['ssm:UpdateInstanceInformation','ssmmessages:*'," \
	"'ec2messages:*','cloudwatch:PutMetricData','logs:*']}"

static const struct pair here[] = { { "aws:RequestedRegion", R }, { 0 } };
static const struct pair elsewhere[] = { { "aws:RequestedRegion", "us-east-1" }, { 0 } };
static const struct pair prod[] = { { "ssm:resourceTag/Environment", "prod" }, { 0 } };
static const struct pair lower[] = { { "ssm:resourceTag/environment", "prod" }, { 0 } };
static const struct pair upper[] = { { "ssm:resourceTag/Environment", "PROD" }, { 0 } };
static const struct pair test[] = { { "ssm:resourceTag/Environment", "test" }, { 0 } };
static const struct pair mfa[] = { { "aws:MultiFactorAuthPresent", "true" }, { 0 } };
static const struct pair no_mfa[] = { { "aws:MultiFactorAuthPresent", "false" }, { 0 } };
static const struct pair noon_2024[] = { { "aws:CurrentTime", "2024-06-01T12:00:00Z" },
	{ 0 } };
static const struct pair night_2024[] = { { "aws:CurrentTime", "2024-06-01T02:30:00Z" },
	{ 0 } };
static const struct pair noon_2026[] = { { "aws:CurrentTime", "2026-06-01T12:00:00Z" },
	{ 0 } };

#define YES POLICY_ALLOWED
#define NO  POLICY_IMPLICIT_DENY

static void
t_guides(void **state)
{
	static const struct {
		const char *what, *policy, *action, *resource;
		const struct pair *context;
		enum policy_decision want;
	} t[] = {
		/* permissions: five actions on instances and one document, in one region */
		{ "an EC2 node", permissions, "ssm:StartSession", I_NODE, here, YES },
		{ "a managed node: its ARN is another", permissions, "ssm:StartSession",
		    MI_NODE, here, NO },
		{ "another region", permissions, "ssm:StartSession", I_NODE, elsewhere,
		    NO },
		{ "no region is known", permissions, "ssm:StartSession", I_NODE, NULL,
		    NO },
		{ "the document for SSH", permissions, "ssm:StartSession", SSH, here,
		    YES },
		{ "port forwarding was forgotten", permissions, "ssm:StartSession", PORT,
		    here, NO },
		{ "and to remote hosts", permissions, "ssm:StartSession", REMOTE, here,
		    NO },
		{ "the default document, when it is asked for", permissions,
		    "ssm:StartSession", SHELL, here, NO },
		{ "ending one's own session: it is no instance", permissions,
		    "ssm:TerminateSession", MINE, here, NO },
		{ "resuming it", permissions, "ssm:ResumeSession", MINE, here, NO },
		{ "listing sessions: on everything or nothing", permissions,
		    "ssm:DescribeSessions", ANY, here, NO },
		{ "the status of a connection", permissions, "ssm:GetConnectionStatus",
		    I_NODE, here, YES },
		{ "the list of nodes", permissions, "ssm:DescribeInstanceInformation",
		    ANY, here, YES },
		{ "sending commands was forgotten", permissions, "ssm:SendCommand",
		    I_NODE, here, NO },
		{ "reading their output was not", permissions, "ssm:GetCommandInvocation",
		    ANY, here, YES },
		{ "instances", permissions, "ec2:DescribeInstances", "*", elsewhere,
		    YES },
		/* production by tag */
		{ "tagged prod", production, "ssm:StartSession", I_NODE, prod, YES },
		{ "the tag's key in lower case", production, "ssm:StartSession", I_NODE,
		    lower, YES },
		{ "the tag's value in upper case", production, "ssm:StartSession", I_NODE,
		    upper, NO },
		{ "tagged test", production, "ssm:StartSession", I_NODE, test, NO },
		{ "not tagged", production, "ssm:StartSession", I_NODE, NULL, NO },
		{ "a managed node tagged prod", production, "ssm:StartSession", MI_NODE,
		    prod, NO },
		{ "a document, which has no tag", production, "ssm:StartSession", PORT,
		    NULL, YES },
		{ "the guide's own database tunnel", production, "ssm:StartSession",
		    REMOTE, NULL, NO },
		/* read only */
		{ "read only lists", WRAPPED(READ_ONLY), "ssm:DescribeSessions", ANY,
		    NULL, YES },
		{ "and its nodes", WRAPPED(READ_ONLY), "ssm:GetConnectionStatus", MI_NODE,
		    NULL, YES },
		{ "and starts nothing", WRAPPED(READ_ONLY), "ssm:StartSession", I_NODE,
		    NULL, NO },
		/* second factor */
		{ "with a second factor", WRAPPED(MFA), "ssm:StartSession", I_NODE, mfa,
		    YES },
		{ "temporary keys without", WRAPPED(MFA), "ssm:StartSession", I_NODE,
		    no_mfa, NO },
		{ "long-term keys: no key, no condition", WRAPPED(MFA),
		    "ssm:StartSession", I_NODE, NULL, YES },
		{ "the same on a managed node", WRAPPED(MFA), "ssm:StartSession", MI_NODE,
		    NULL, YES },
		/* business hours */
		{ "noon in 2024", WRAPPED(HOURS), "ssm:StartSession", I_NODE, noon_2024,
		    YES },
		{ "at night in 2024, too", WRAPPED(HOURS), "ssm:StartSession", MI_NODE,
		    night_2024, YES },
		{ "never since", WRAPPED(HOURS), "ssm:StartSession", I_NODE, noon_2026,
		    NO },
		/* the overview's prerequisites */
		{ "start on any node", WRAPPED(OVERVIEW), "ssm:StartSession", MI_NODE,
		    NULL, YES },
		{ "with any document", WRAPPED(OVERVIEW), "ssm:StartSession", REMOTE,
		    NULL, YES },
		{ "end anybody's session", WRAPPED(OVERVIEW), "ssm:TerminateSession",
		    MINE, NULL, YES },
		{ "but not resume one", WRAPPED(OVERVIEW), "ssm:ResumeSession", MINE,
		    NULL, NO },
		{ "nor list them", WRAPPED(OVERVIEW), "ssm:DescribeSessions", ANY, NULL,
		    NO },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };
		auto_policy *p = NULL;
		struct policy_context c;
		struct policy_set set = { 0 };
		struct policy_source source;
		struct policy_result r;

		row(t[i].what);
		p = must_parse(POLICY_MANAGED, quoted(&mem, t[i].policy));
		source = (struct policy_source){ p, "p" };
		set.identity = (struct policy_sources){ &source, 1 };
		fill_context(&c, &mem, t[i].context);
		r = policy_decide(&set,
		    &(struct policy_request){
			span_str(t[i].action), span_str(t[i].resource), &c },
		    NULL);
		assert_int_equal(r.decision, t[i].want);
		if (r.decision == POLICY_ALLOWED)
			continue;
		assert_string_equal(
		    policy_denial(&mem, &r, "arn:aws:iam::" A ":user/alice", t[i].action,
			t[i].resource),
		    arena_printf(&mem,
			"User: arn:aws:iam::" A
			":user/alice is not authorized to perform: %s on resource: %s "
			"because no identity-based policy allows the %s action",
			t[i].action, t[i].resource, t[i].action));
	}
}

/* As they are printed, these are no policies. */
static void
t_bare(void **state)
{
	static const char *const t[] = { READ_ONLY, MFA, HOURS, OVERVIEW, PROFILE,
		WRAPPED(PROFILE) };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };
		struct policy_flaw flaw;
		struct policy *p;

		row(t[i]);
		assert_int_equal(
		    policy_parse(&p, POLICY_MANAGED, quoted(&mem, t[i]), &flaw),
		    ERR_INVALID);
		assert_string_equal(flaw.message, "Syntax errors in policy.");
	}
}

/* "Includes Session Manager permissions", says the guide of the policy for nodes. */
static void
t_managed(void **state)
{
	static const struct {
		const char *what, *name, *action, *resource;
		enum policy_decision want;
	} t[] = {
		{ "a node's policy starts no session", "AmazonSSMManagedInstanceCore",
		    "ssm:StartSession", I_NODE, NO },
		{ "it opens channels", "AmazonSSMManagedInstanceCore",
		    "ssmmessages:OpenControlChannel", "*", YES },
		{ "and fetches messages", "AmazonSSMManagedInstanceCore",
		    "ec2messages:GetMessages", "*", YES },
		{ "full access starts sessions", "AmazonSSMFullAccess",
		    "ssm:StartSession", MI_NODE, YES },
		{ "and makes no users", "AmazonSSMFullAccess", "iam:CreateUser",
		    "arn:aws:iam::" A ":user/x", NO },
		{ "reading lists", "AmazonSSMReadOnlyAccess", "ssm:DescribeSessions", ANY,
		    YES },
		{ "and starts nothing", "AmazonSSMReadOnlyAccess", "ssm:StartSession",
		    I_NODE, NO },
		{ "the administrator may", "AdministratorAccess", "iam:CreateUser",
		    "arn:aws:iam::" A ":user/x", YES },
		{ "a reader reads", "ReadOnlyAccess", "ec2:DescribeInstances", "*", YES },
		{ "and ends nothing", "ReadOnlyAccess", "ssm:TerminateSession", MINE,
		    NO },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };
		auto_policy *p = NULL;
		struct policy_context c;
		struct policy_source source;
		struct policy_set set = { .identity = { &source, 1 } };
		const struct policy_managed *m = policy_managed_find(
		    span_str(arena_printf(&mem, POLICY_MANAGED_PREFIX "%s", t[i].name)));

		row(t[i].what);
		assert_non_null(m);
		p = must_parse(POLICY_MANAGED, span_str(m->document));
		source = (struct policy_source){ p, m->name };
		policy_context_init(&c, &mem);
		assert_int_equal(policy_decide(&set,
				     &(struct policy_request){ span_str(t[i].action),
					 span_str(t[i].resource), &c },
				     NULL)
				     .decision,
		    t[i].want);
	}
	assert_null(policy_managed_find(SPAN(POLICY_MANAGED_PREFIX "Nothing")));
	assert_null(policy_managed_find(SPAN("AdministratorAccess")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_guides),
		cmocka_unit_test(t_bare),
		cmocka_unit_test(t_managed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
