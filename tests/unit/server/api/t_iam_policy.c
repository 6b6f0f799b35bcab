/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Managed policies and their versions, and the whole account at once.
 */
#include "iam_bench.h"

static void
t_managed(void **state)
{
	static const struct step steps[] = {
		{ "CreatePolicy", "PolicyName=p&Path=/x/&PolicyDocument=" ALLOW, 200,
		    NULL,
		    "<Arn>arn:aws:iam::ACCOUNT:policy/x/p</Arn><Path>/x/</Path>"
		    "<DefaultVersionId>v1</DefaultVersionId><AttachmentCount>0"
		    "</AttachmentCount>" },
		{ "CreatePolicy", "PolicyName=p&PolicyDocument=" ALLOW, 409,
		    "EntityAlreadyExists",
		    "A policy called p already exists. Duplicate names are not "
		    "allowed." },
		{ "CreatePolicy", "PolicyName=q&PolicyDocument=%7B%7D", 400,
		    "MalformedPolicyDocument", NULL },
		{ "CreatePolicy", "PolicyName=q&Path=x&PolicyDocument=" ALLOW, 400,
		    "ValidationError", NULL },
		/* the path belongs to the name */
		{ "GetPolicy", "PolicyArn=" POLICY "p", 404, "NoSuchEntity",
		    "Policy arn:aws:iam::ACCOUNT:policy/p was not found." },
		{ "GetPolicy", "PolicyArn=" POLICY "x/p", 200, NULL,
		    "<PolicyName>p</PolicyName>" },
		{ "GetPolicy", "PolicyArn=" CORE, 200, NULL,
		    "<DefaultVersionId>v2</DefaultVersionId>" },
		{ "ListPolicies", "Scope=Local", 200, NULL,
		    "<PolicyName>p</PolicyName>" },
		{ "ListPolicies", "Scope=Local&OnlyAttached=true", 200, NULL,
		    "<Policies></Policies>" },
		{ "ListPolicies", "Scope=AWS&OnlyAttached=true", 200, NULL,
		    "<AttachmentCount>1</AttachmentCount>" },
		{ "ListPolicies", "PathPrefix=/x/", 200, NULL,
		    "</member></Policies><IsTruncated>false</IsTruncated>" },
		{ "AttachUserPolicy", "UserName=admin&PolicyArn=" POLICY "x/p", 200, NULL,
		    NULL },
		{ "ListEntitiesForPolicy", "PolicyArn=" POLICY "x/p", 200, NULL,
		    "<PolicyUsers><member><UserName>admin</UserName><UserId>AIDA" },
		{ "ListEntitiesForPolicy", "PolicyArn=" POLICY "x/p&EntityFilter=Role",
		    200, NULL, "<PolicyUsers></PolicyUsers>" },
		{ "ListEntitiesForPolicy", "PolicyArn=" POLICY "none", 404,
		    "NoSuchEntity",
		    "Policy arn:aws:iam::ACCOUNT:policy/none does not exist or is not "
		    "attachable." },
		{ "DeletePolicy", "PolicyArn=" POLICY "x/p", 409, "DeleteConflict",
		    "Cannot delete a policy attached to entities." },
		{ "DetachUserPolicy", "UserName=admin&PolicyArn=" POLICY "x/p", 200, NULL,
		    NULL },
		{ "PutUserPermissionsBoundary",
		    "UserName=admin&PermissionsBoundary=arn:aws:iam::aws:policy/"
		    "AdministratorAccess",
		    200, NULL, NULL },
		{ "ListEntitiesForPolicy",
		    "PolicyUsageFilter=PermissionsBoundary&PolicyArn=arn:aws:iam::aws:"
		    "policy/"
		    "AdministratorAccess",
		    200, NULL, "<UserName>admin</UserName>" },
		{ "ListPolicies", "PolicyUsageFilter=PermissionsBoundary", 200, NULL,
		    "<PermissionsBoundaryUsageCount>1</PermissionsBoundaryUsageCount>" },
		{ "DeleteUserPermissionsBoundary", "UserName=admin", 200, NULL, NULL },
		{ "TagPolicy",
		    "PolicyArn=" POLICY "x/p&Tags.member.1.Key=k&Tags.member.1.Value=v",
		    200, NULL, NULL },
		{ "ListPolicyTags", "PolicyArn=" POLICY "x/p", 200, NULL,
		    "<Key>k</Key><Value>v</Value>" },
		{ "UntagPolicy", "PolicyArn=" POLICY "x/p&TagKeys.member.1=k", 200, NULL,
		    NULL },
		{ "DeletePolicy", "PolicyArn=" CORE, 403, "AccessDenied",
		    "Cannot delete policies outside your own account." },
		{ "DeletePolicy", "PolicyArn=" POLICY "x/p", 200, NULL, NULL },
		{ "DeletePolicy", "PolicyArn=" POLICY "x/p", 404, "NoSuchEntity",
		    "Policy arn:aws:iam::ACCOUNT:policy/x/p was not found." },
	};
	(void)state;

	RUN_ALONE(steps);
}

static void
t_versions(void **state)
{
	static const struct step steps[] = {
		{ "CreatePolicy", "PolicyName=p&PolicyDocument=" ALLOW, 200, NULL, NULL },
		{ "CreatePolicyVersion",
		    "PolicyArn=" POLICY "p&SetAsDefault=true&PolicyDocument=" ALLOW, 200,
		    NULL,
		    "<PolicyVersion><VersionId>v2</VersionId><IsDefaultVersion>true"
		    "</IsDefaultVersion>" },
		{ "CreatePolicyVersion", "PolicyArn=" POLICY "p&PolicyDocument=" ALLOW,
		    200, NULL, "<VersionId>v3</VersionId><IsDefaultVersion>false" },
		{ "CreatePolicyVersion", "PolicyArn=" POLICY "p&PolicyDocument=" ALLOW,
		    200, NULL, "v4" },
		{ "CreatePolicyVersion", "PolicyArn=" POLICY "p&PolicyDocument=" ALLOW,
		    200, NULL, "v5" },
		{ "CreatePolicyVersion", "PolicyArn=" POLICY "p&PolicyDocument=" ALLOW,
		    409, "LimitExceeded",
		    "A managed policy can have up to 5 versions. Before you create a new "
		    "version, you must delete an existing version." },
		{ "ListPolicyVersions", "PolicyArn=" POLICY "p&MaxItems=2", 200, NULL,
		    "<IsTruncated>true</IsTruncated>" },
		{ "DeletePolicyVersion", "PolicyArn=" POLICY "p&VersionId=v2", 409,
		    "DeleteConflict", "Cannot delete the default version of a policy." },
		{ "DeletePolicyVersion", "PolicyArn=" POLICY "p&VersionId=v9", 404,
		    "NoSuchEntity",
		    "Policy arn:aws:iam::ACCOUNT:policy/p version v9 does not exist or "
		    "is not "
		    "attachable." },
		{ "DeletePolicyVersion", "PolicyArn=" POLICY "p&VersionId=v5", 200, NULL,
		    NULL },
		/* a number comes once */
		{ "CreatePolicyVersion", "PolicyArn=" POLICY "p&PolicyDocument=" ALLOW,
		    200, NULL, "v6" },
		{ "SetDefaultPolicyVersion", "PolicyArn=" POLICY "p&VersionId=v1", 200,
		    NULL, NULL },
		{ "GetPolicyVersion", "PolicyArn=" POLICY "p&VersionId=v1", 200, NULL,
		    "<Document>" ALLOW "</Document><VersionId>v1</VersionId>"
		    "<IsDefaultVersion>true</IsDefaultVersion>" },
		{ "GetPolicyVersion", "PolicyArn=" POLICY "none&VersionId=v1", 404,
		    "NoSuchEntity",
		    "Policy arn:aws:iam::ACCOUNT:policy/none version v1 does not exist "
		    "or is "
		    "not attachable." },
		{ "SetDefaultPolicyVersion", "PolicyArn=" POLICY "p&VersionId=1", 400,
		    "ValidationError", NULL },
		{ "DeletePolicy", "PolicyArn=" POLICY "p", 409, "DeleteConflict", NULL },
		{ "GetPolicyVersion", "PolicyArn=" CORE "&VersionId=v2", 200, NULL,
		    "<Document>%7B" },
		{ "GetPolicyVersion", "PolicyArn=" CORE "&VersionId=v1", 404,
		    "NoSuchEntity", NULL },
		{ "ListPolicyVersions", "PolicyArn=" CORE, 200, NULL,
		    "<VersionId>v2</VersionId>" },
		{ "SetDefaultPolicyVersion", "PolicyArn=" CORE "&VersionId=v1", 403,
		    "AccessDenied", "Cannot update policies outside your own account." },
		{ "DeletePolicyVersion", "PolicyArn=" CORE "&VersionId=v1", 403,
		    "AccessDenied",
		    "Cannot delete policy versions for policies outside your own "
		    "account." },
	};
	(void)state;

	RUN_ALONE(steps);
}

static size_t
count_of(const struct world *w, const char *text)
{
	size_t n = 0;

	for (const char *p = w->body; (p = strstr(p, text)) != NULL; p++)
		n++;
	return n;
}

static void
t_account(void **state)
{
	const char *form = "MaxItems=1";
	struct world w;
	size_t total = 0;
	(void)state;

	world_up(&w);
	iam(&w, "CreateGroup", "GroupName=ops");
	iam(&w, "CreatePolicy", "PolicyName=p&PolicyDocument=" ALLOW);
	iam(&w, "PutRolePolicy",
	    "RoleName=SallyportNode&PolicyName=x&PolicyDocument=" ALLOW);
	iam(&w, "GetAccountAuthorizationDetails", "");
	expect_ok(&w);
	assert_true(body_has(&w,
	    "<RolePolicyList><member><PolicyName>x</PolicyName><PolicyDocument>" ALLOW));
	assert_true(body_has(&w, "<PolicyName>p</PolicyName><PolicyId>ANPA"));
	assert_int_equal(count_of(&w, "<CreateDate>"), 9); /* versions have one, too */
	row("page by page the same");
	for (int i = 0; i < 6; i++) {
		iam(&w, "GetAccountAuthorizationDetails", form);
		expect_ok(&w);
		total += count_of(&w, "<UserId>") + count_of(&w, "<GroupId>") +
		    count_of(&w, "<RoleId>") + count_of(&w, "<PolicyId>");
		if (i < 5)
			form = arena_printf(&w.mem, "MaxItems=1&Marker=%s",
			    element_encoded(&w, "Marker"));
	}
	assert_int_equal(total, 6); /* user, group, role, policy, two of AWS's */
	assert_true(body_has(&w, "<IsTruncated>false</IsTruncated>"));
	row("one kind");
	iam(&w, "GetAccountAuthorizationDetails", "Filter.member.1=Group");
	assert_true(body_has(&w, "<GroupName>ops</GroupName>"));
	assert_true(body_has(&w, "<UserDetailList></UserDetailList>"));
	assert_true(body_has(&w, "<Policies></Policies>"));
	world_down(&w);
}

/* Policies may be long, blanks are free: a page ends before the answer is too large. */
static void
t_large_pages(void **state)
{
	enum { ROLES = 12, BLANKS = 130000 };
	const char *form = "Filter.member.1=Role";
	struct world w;
	size_t roles = 0, pages = 0;
	char *blanks;
	(void)state;

	world_up(&w);
	blanks = arena_alloc(&w.mem, BLANKS + 1);
	memset(blanks, '+', BLANKS);
	for (int i = 0; i < ROLES; i++) {
		iam(&w, "CreateRole",
		    arena_printf(
			&w.mem, "RoleName=r%d&AssumeRolePolicyDocument=%s", i, TRUST));
		iam(&w, "PutRolePolicy",
		    arena_printf(&w.mem, "RoleName=r%d&PolicyName=p&PolicyDocument=%s%s", i,
			blanks, ALLOW));
		expect_ok(&w);
	}
	for (bool more = true; more; pages++) {
		iam(&w, "GetAccountAuthorizationDetails", form);
		expect_ok(&w);
		roles += count_of(&w, "<RoleId>");
		more = body_has(&w, "<IsTruncated>true</IsTruncated>");
		if (more)
			form = arena_printf(&w.mem, "Filter.member.1=Role&Marker=%s",
			    element_encoded(&w, "Marker"));
	}
	assert_int_equal(roles, ROLES + 1); /* and the nodes' */
	assert_int_equal(pages, 4);
	world_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_managed),
		cmocka_unit_test(t_versions),
		cmocka_unit_test(t_account),
		cmocka_unit_test(t_large_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
