/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What users, groups and roles have in common: policies of their own, attached ones, and
 * boundaries; and what conditions on them are good for.
 */
#include "iam_bench.h"

static const struct {
	const char *kind, *name, *word;
} owners[] = { { "User", "admin", "user" }, { "Group", "ops", "group" },
	{ "Role", "SallyportNode", "role" } };

/* An operation of an owner: "Put%sPolicy", "PolicyName=p". */
static void
owner_call(
    struct world *w, size_t i, const char *before, const char *after, const char *more)
{
	iam(w, arena_printf(&w->mem, "%s%s%s", before, owners[i].kind, after),
	    arena_printf(&w->mem, "%sName=%s%s", owners[i].kind, owners[i].name,
		with_account(w, more)));
}

static void
t_inline(void **state)
{
	struct world w;
	(void)state;

	world_up(&w);
	iam(&w, "CreateGroup", "GroupName=ops");
	for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
		const char *missing = arena_printf(
		    &w.mem, "The %s policy with name p cannot be found.", owners[i].word);

		row(owners[i].kind);
		owner_call(&w, i, "Get", "Policy", "&PolicyName=p");
		expect_xml_error(&w, 404, "NoSuchEntity", missing);
		owner_call(&w, i, "Delete", "Policy", "&PolicyName=p");
		expect_xml_error(&w, 404, "NoSuchEntity", missing);
		owner_call(&w, i, "Put", "Policy", "&PolicyName=p&PolicyDocument=%7B%7D");
		expect_xml_error(&w, 400, "MalformedPolicyDocument", NULL);
		owner_call(&w, i, "Put", "Policy", "&PolicyName=p&PolicyDocument=" ALLOW);
		expect_ok(&w);
		owner_call(&w, i, "Put", "Policy", "&PolicyName=q&PolicyDocument=" ALLOW);
		owner_call(&w, i, "Get", "Policy", "&PolicyName=p");
		assert_true(
		    body_has(&w, "<PolicyName>p</PolicyName><PolicyDocument>" ALLOW));
		owner_call(&w, i, "List", "Policies", "&MaxItems=1");
		assert_true(body_has(&w,
		    "<PolicyNames><member>p</member></PolicyNames>"
		    "<IsTruncated>true</IsTruncated>"));
		owner_call(&w, i, "List", "Policies",
		    arena_printf(
			&w.mem, "&MaxItems=1&Marker=%s", element_encoded(&w, "Marker")));
		assert_true(body_has(&w,
		    "<PolicyNames><member>q</member></PolicyNames>"
		    "<IsTruncated>false</IsTruncated>"));
		owner_call(&w, i, "Delete", "Policy", "&PolicyName=p");
		expect_ok(&w);
	}
	world_down(&w);
}

/* A policy of this many characters. */
static const char *
policy_of(struct world *w, size_t size)
{
	static const char head[] = "{\"Version\":\"2012-10-17\",\"Statement\":{"
				   "\"Effect\":\"Allow\",\"Action\":\"s3:*\","
				   "\"Resource\":\"arn:aws:s3:::";
	static const char tail[] = "\"}}";
	size_t n = size - strlen(head) - strlen(tail);
	char *fill = arena_alloc(&w->mem, n + 1);

	memset(fill, 'b', n);
	return form_encoded(w, arena_printf(&w->mem, "%s%s%s", head, fill, tail));
}

/* The sum of all counts, what is replaced does not, nor do blanks. */
static void
t_inline_sizes(void **state)
{
	static const struct {
		const char *kind, *name;
		size_t max;
		const char *refused;
	} t[] = {
		{ "User", "admin", 2048,
		    "Maximum policy size of 2048 bytes exceeded for user admin" },
		{ "Group", "ops", 5120,
		    "Maximum policy size of 5120 bytes exceeded for group ops" },
		{ "Role", "SallyportNode", 10240,
		    "Maximum policy size of 10240 bytes exceeded for role "
		    "SallyportNode" },
	};
	struct world w;
	(void)state;

	world_up(&w);
	iam(&w, "CreateGroup", "GroupName=ops");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const char *op = arena_printf(&w.mem, "Put%sPolicy", t[i].kind);
		const char *form =
		    arena_printf(&w.mem, "%sName=%s&PolicyName", t[i].kind, t[i].name);

		row(t[i].kind);
		iam(&w, op,
		    arena_printf(&w.mem, "%s=a&PolicyDocument=%s%%20%%0A", form,
			policy_of(&w, t[i].max - 200)));
		expect_ok(&w);
		iam(&w, op,
		    arena_printf(
			&w.mem, "%s=b&PolicyDocument=%s", form, policy_of(&w, 200)));
		expect_ok(&w);
		iam(&w, op,
		    arena_printf(
			&w.mem, "%s=b&PolicyDocument=%s", form, policy_of(&w, 201)));
		expect_xml_error(&w, 409, "LimitExceeded", t[i].refused);
		iam(&w, op,
		    arena_printf(&w.mem, "%s=a&PolicyDocument=%s", form,
			policy_of(&w, t[i].max - 201)));
		expect_ok(&w);
		iam(&w, op,
		    arena_printf(
			&w.mem, "%s=b&PolicyDocument=%s", form, policy_of(&w, 201)));
		expect_ok(&w);
	}
	world_down(&w);
}

static void
t_attached(void **state)
{
	struct world w;
	(void)state;

	world_up(&w);
	iam(&w, "CreateGroup", "GroupName=ops");
	for (int n = 0; n < 11; n++)
		iam(&w, "CreatePolicy",
		    arena_printf(&w.mem, "PolicyName=p%d&PolicyDocument=%s", n, ALLOW));
	for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
		row(owners[i].kind);
		owner_call(&w, i, "Attach", "Policy", "&PolicyArn=" POLICY "none");
		expect_xml_error(&w, 404, "NoSuchEntity",
		    with_account(&w,
			"Policy arn:aws:iam::ACCOUNT:policy/none does not exist or is "
			"not "
			"attachable."));
		owner_call(
		    &w, i, "Attach", "Policy", "&PolicyArn=longpolicynamebutnoarn");
		expect_xml_error(&w, 400, "ValidationError",
		    "Invalid ARN:  Could not be parsed!");
		for (int n = i == 1 ? 0 : 1; n < 10; n++) { /* the others have one */
			owner_call(&w, i, "Attach", "Policy",
			    arena_printf(&w.mem, "&PolicyArn=" POLICY "p%d", n));
			expect_ok(&w);
		}
		owner_call(&w, i, "Attach", "Policy", "&PolicyArn=" POLICY "p9");
		expect_ok(&w);
		owner_call(&w, i, "Attach", "Policy", "&PolicyArn=" POLICY "p10");
		expect_xml_error(&w, 409, "LimitExceeded",
		    arena_printf(&w.mem, "Cannot exceed quota for PoliciesPer%s: 10",
			owners[i].kind));
		owner_call(&w, i, "ListAttached", "Policies", "&PathPrefix=/none/");
		assert_true(body_has(&w, "<AttachedPolicies></AttachedPolicies>"));
		owner_call(&w, i, "ListAttached", "Policies", "&MaxItems=9");
		assert_true(body_has(&w, "<PolicyName>p8</PolicyName>"));
		owner_call(&w, i, "ListAttached", "Policies",
		    arena_printf(
			&w.mem, "&MaxItems=9&Marker=%s", element_encoded(&w, "Marker")));
		assert_true(body_has(&w, "</AttachedPolicies><IsTruncated>false"));
		assert_false(body_has(&w, "<PolicyName>p8</PolicyName>"));
		owner_call(&w, i, "Detach", "Policy", "&PolicyArn=" POLICY "p9");
		expect_ok(&w);
		owner_call(&w, i, "Detach", "Policy", "&PolicyArn=" POLICY "p9");
		expect_xml_error(&w, 404, "NoSuchEntity",
		    with_account(
			&w, "Policy arn:aws:iam::ACCOUNT:policy/p9 was not found."));
	}
	world_down(&w);
}

static void
t_boundaries(void **state)
{
	static const struct step steps[] = {
		{ "PutRolePermissionsBoundary",
		    "RoleName=SallyportNode&PermissionsBoundary="
		    "arn:aws:iam::ACCOUNT:not_a_policy/invalid",
		    400, "InvalidInput",
		    "ARN arn:aws:iam::ACCOUNT:not_a_policy/invalid is not valid." },
		{ "PutRolePermissionsBoundary",
		    "RoleName=SallyportNode&PermissionsBoundary=" POLICY "none", 404,
		    "NoSuchEntity",
		    "Scope ARN: arn:aws:iam::ACCOUNT:policy/none does not exist or is "
		    "not "
		    "attachable." },
		{ "PutRolePermissionsBoundary", "RoleName=none&PermissionsBoundary=" CORE,
		    404, "NoSuchEntity", "The role with name none cannot be found." },
		{ "PutRolePermissionsBoundary",
		    "RoleName=SallyportNode&PermissionsBoundary=" CORE, 200, NULL, NULL },
		{ "GetRole", "RoleName=SallyportNode", 200, NULL,
		    "<PermissionsBoundary><PermissionsBoundaryType>Policy"
		    "</PermissionsBoundaryType><PermissionsBoundaryArn>" CORE },
		{ "DeleteRolePermissionsBoundary", "RoleName=SallyportNode", 200, NULL,
		    NULL },
	};
	struct world w;
	(void)state;

	world_up(&w);
	RUN(&w, steps);
	iam(&w, "GetRole", "RoleName=SallyportNode");
	assert_false(body_has(&w, "Boundary"));
	world_down(&w);
}

/* Who may hand out permissions hands out no more than these conditions say. */
static void
t_delegation(void **state)
{
	static const char policy[] =
	    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":"
	    "["
	    "\"iam:CreateUser\",\"iam:AttachUserPolicy\",\"iam:*PermissionsBoundary\"],"
	    "\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{\"iam:"
	    "PermissionsBoundary\":"
	    "\"" CORE "\"}}},{\"Effect\":\"Deny\",\"Action\":\"iam:AttachUserPolicy\","
	    "\"Resource\":\"*\",\"Condition\":{\"ArnNotEquals\":{\"iam:PolicyARN\":"
	    "\"" CORE
	    "\"}}},{\"Effect\":\"Deny\",\"Action\":\"iam:DeleteUserPermissionsBoundary\","
	    "\"Resource\":\"*\"}]}";
	static const struct {
		const char *op, *form;
		bool allowed;
	} t[] = {
		{ "CreateUser", "UserName=x", false },
		{ "CreateUser",
		    "UserName=x&PermissionsBoundary=arn:aws:iam::aws:policy/"
		    "ReadOnlyAccess",
		    false },
		{ "CreateUser", "UserName=x&PermissionsBoundary=" CORE, true },
		{ "AttachUserPolicy", "UserName=x&PolicyArn=" CORE, true },
		{ "AttachUserPolicy",
		    "UserName=x&PolicyArn=arn:aws:iam::aws:policy/AdministratorAccess",
		    false },
		/* one without the boundary */
		{ "AttachUserPolicy", "UserName=admin&PolicyArn=" CORE, false },
		{ "PutUserPermissionsBoundary",
		    "UserName=x&PermissionsBoundary=arn:aws:iam::aws:policy/"
		    "AdministratorAccess",
		    false },
		{ "DeleteUserPermissionsBoundary", "UserName=x", false },
	};
	struct signer deputy;
	struct world w;
	(void)state;

	world_up(&w);
	deputy = user_with(&w, "deputy", policy);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(arena_printf(&w.mem, "%s %s", t[i].op, t[i].form));
		iam_as(&w, &deputy, t[i].op, t[i].form);
		if (t[i].allowed)
			expect_ok(&w);
		else
			expect_xml_error(&w, 403, "AccessDenied", NULL);
	}
	world_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_inline),
		cmocka_unit_test(t_inline_sizes),
		cmocka_unit_test(t_attached),
		cmocka_unit_test(t_boundaries),
		cmocka_unit_test(t_delegation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
