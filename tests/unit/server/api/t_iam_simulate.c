/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator: recorded answers of AWS, places, conditions, sources.
 */
#include "iam_bench.h"

#define ASK                                                                           \
	"ActionNames.member.1=s3:PutObject&ActionNames.member.2=s3:GetObjectVersion&" \
	"ResourceArns.member.1=arn:aws:s3:::bucket"

/* What AWS answered to this policy and these questions, places included. */
static void
t_simulate_recorded(void **state)
{
	static const char policy[] =
	    "{\"Version\": \"2012-10-17\", \"Statement\": {\"Sid\": \"\", \"Effect\": "
	    "\"Allow\", "
	    "\"Action\": \"s3:PutObject\", \"Resource\": \"*\"}}";
	struct world w;
	(void)state;

	world_up(&w);
	iam(&w, "CreatePolicy",
	    arena_printf(
		&w.mem, "PolicyName=p&PolicyDocument=%s", form_encoded(&w, policy)));
	iam(&w, "AttachRolePolicy",
	    with_account(&w, "RoleName=SallyportNode&PolicyArn=" POLICY "p"));
	iam(&w, "SimulatePrincipalPolicy",
	    with_account(
		&w, "PolicySourceArn=arn:aws:iam::ACCOUNT:role/SallyportNode&" ASK));
	expect_ok(&w);
	assert_true(body_has(&w,
	    "<EvalActionName>s3:PutObject</EvalActionName>"
	    "<EvalResourceName>arn:aws:s3:::bucket</EvalResourceName>"
	    "<EvalDecision>allowed</EvalDecision><MatchedStatements><member>"
	    "<SourcePolicyId>p</SourcePolicyId>"
	    "<SourcePolicyType>IAM Policy</SourcePolicyType>"
	    "<StartPosition><Line>1</Line><Column>41</Column></StartPosition>"
	    "<EndPosition><Line>1</Line><Column>113</Column></EndPosition>"
	    "</member></MatchedStatements><MissingContextValues></MissingContextValues>"
	    "<OrganizationsDecisionDetail><AllowedByOrganizations>true"
	    "</AllowedByOrganizations></OrganizationsDecisionDetail>"
	    "<EvalDecisionDetails></EvalDecisionDetails>"
	    "<ResourceSpecificResults><member>"
	    "<EvalResourceName>arn:aws:s3:::bucket</EvalResourceName>"
	    "<EvalResourceDecision>allowed</EvalResourceDecision>"));
	assert_true(body_has(&w,
	    "<EvalActionName>s3:GetObjectVersion</EvalActionName>"
	    "<EvalResourceName>arn:aws:s3:::bucket</EvalResourceName>"
	    "<EvalDecision>implicitDeny</EvalDecision>"
	    "<MatchedStatements></MatchedStatements>"));
	assert_true(body_has(&w, "<IsTruncated>false</IsTruncated>"));
	world_down(&w);
}

/* Statement lists begin where AWS's do: behind the bracket, or behind the one before. */
static void
t_simulate_places(void **state)
{
	static const char policy[] =
	    "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n"
	    "    {\n      \"Effect\": \"Allow\",\n      \"Action\": \"*\",\n"
	    "      \"Resource\": \"*\"\n    },\n    {\n      \"Effect\": \"Deny\",\n"
	    "      \"Action\": \"s3:*\",\n      \"Resource\": \"*\"\n    }\n  ]\n}\n";
	struct world w;
	(void)state;

	world_up(&w);
	iam(&w, "SimulateCustomPolicy",
	    arena_printf(&w.mem,
		"PolicyInputList.member.1=%s&ActionNames.member.1=s3:Get",
		form_encoded(&w, policy)));
	expect_ok(&w);
	assert_true(body_has(&w,
	    "<EvalResourceName>*</EvalResourceName>"
	    "<EvalDecision>explicitDeny</EvalDecision><MatchedStatements><member>"
	    "<SourcePolicyId>PolicyInputList.1</SourcePolicyId>"
	    "<SourcePolicyType>IAM Policy</SourcePolicyType>"
	    "<StartPosition><Line>3</Line><Column>17</Column></StartPosition>"
	    "<EndPosition><Line>8</Line><Column>6</Column></EndPosition></member>"));
	assert_true(body_has(&w,
	    "<StartPosition><Line>8</Line><Column>6</Column></StartPosition>"
	    "<EndPosition><Line>13</Line><Column>6</Column></EndPosition>"));
	world_down(&w);
}

#define MFA                                                                           \
	"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":" \
	"\"ssm:StartSession\",\"Resource\":\"*\",\"Condition\":{\"Bool\":{"           \
	"\"aws:MultiFactorAuthPresent\":\"true\"}}}}"
#define ENTRY                                                                \
	"&ContextEntries.member.1.ContextKeyName=aws:MultiFactorAuthPresent" \
	"&ContextEntries.member.1.ContextKeyType=boolean"                    \
	"&ContextEntries.member.1.ContextKeyValues.member.1="

/* Only what is supplied counts, and what was missing is told. */
static void
t_simulate_context(void **state)
{
	struct world w;
	const char *form;
	(void)state;

	world_up(&w);
	form = arena_printf(&w.mem,
	    "PolicyInputList.member.1=%s&ActionNames.member.1=ssm:StartSession",
	    form_encoded(&w, MFA));
	iam(&w, "SimulateCustomPolicy", form);
	assert_true(body_has(&w, "<EvalDecision>implicitDeny</EvalDecision>"));
	assert_true(body_has(
	    &w, "<MissingContextValues><member>aws:MultiFactorAuthPresent</member>"));
	iam(&w, "SimulateCustomPolicy", arena_printf(&w.mem, "%s" ENTRY "true", form));
	assert_true(body_has(&w, "<EvalDecision>allowed</EvalDecision>"));
	assert_true(body_has(&w, "<MissingContextValues></MissingContextValues>"));
	iam(&w, "SimulateCustomPolicy", arena_printf(&w.mem, "%s" ENTRY "false", form));
	assert_true(body_has(&w, "<EvalDecision>implicitDeny</EvalDecision>"));
	row("a boundary that does not allow");
	iam(&w, "SimulateCustomPolicy",
	    arena_printf(&w.mem,
		"%s" ENTRY "true&PermissionsBoundaryPolicyInputList.member.1=%s", form,
		ALLOW));
	assert_true(body_has(&w, "<EvalDecision>implicitDeny</EvalDecision>"));
	assert_true(body_has(
	    &w, "<AllowedByPermissionsBoundary>false</AllowedByPermissionsBoundary>"));
	row("the keys that a policy asks for");
	iam(&w, "GetContextKeysForCustomPolicy",
	    arena_printf(&w.mem, "PolicyInputList.member.1=%s", form_encoded(&w, MFA)));
	assert_true(body_has(&w,
	    "<ContextKeyNames><member>aws:MultiFactorAuthPresent</member></"
	    "ContextKeyNames>"));
	world_down(&w);
}

static void
t_simulate_sources(void **state)
{
	static const struct step steps[] = {
		{ "SimulatePrincipalPolicy",
		    "PolicySourceArn=arn:aws:iam::ACCOUNT:user/none&" ASK, 404,
		    "NoSuchEntity", "The user with name none cannot be found." },
		{ "SimulatePrincipalPolicy",
		    "PolicySourceArn=arn:aws:iam::ACCOUNT:policy/none&" ASK, 400,
		    "InvalidInput",
		    "Invalid Entity Arn: arn:aws:iam::ACCOUNT:policy/none" },
		{ "SimulatePrincipalPolicy",
		    "PolicySourceArn=arn:aws:iam::ACCOUNT:user/"
		    "admin&PolicyInputList.member."
		    "1=%7B%7D&" ASK,
		    400, "InvalidInput", NULL },
		{ "SimulatePrincipalPolicy",
		    "PolicySourceArn=arn:aws:iam::ACCOUNT:user/"
		    "admin&ActionNames.member.1="
		    "nothing",
		    400, "InvalidInput", "Invalid Action: nothing" },
		{ "PutGroupPolicy", "GroupName=ops&PolicyName=gp&PolicyDocument=" ALLOW,
		    200, NULL, NULL },
		{ "SimulatePrincipalPolicy",
		    "PolicySourceArn=arn:aws:iam::ACCOUNT:group/ops&" ASK, 200, NULL,
		    "<SourcePolicyId>group_ops_gp</SourcePolicyId>" },
		{ "SimulatePrincipalPolicy",
		    "PolicySourceArn=arn:aws:iam::ACCOUNT:user/admin&MaxItems=1&" ASK,
		    200, NULL, "<IsTruncated>true</IsTruncated>" },
		{ "GetContextKeysForPrincipalPolicy",
		    "PolicySourceArn=arn:aws:iam::ACCOUNT:user/admin", 200, NULL,
		    "<ContextKeyNames></ContextKeyNames>" },
	};
	struct world w;
	(void)state;

	world_up(&w);
	iam(&w, "CreateGroup", "GroupName=ops");
	RUN(&w, steps);
	world_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_simulate_recorded),
		cmocka_unit_test(t_simulate_places),
		cmocka_unit_test(t_simulate_context),
		cmocka_unit_test(t_simulate_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
