/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles, policies, instance profiles and identity providers through the API.  A test is a list of
 * calls; ACCOUNT in a form or a text is the account's number.  The sentences are AWS's, as others
 * have recorded them.
 */
#include "world.h"

struct step {
	const char *op, *form;
	int status;
	const char *code; /* of an error */
	const char *text; /* the message of an error; part of any other answer */
};

static const char *
with_account(struct world *w, const char *text)
{
	const char *at;

	while ((at = strstr(text, "ACCOUNT")) != NULL)
		text = arena_printf(&w->mem, "%.*s%s%s", (int)(at - text), text,
		    w->account.account, at + strlen("ACCOUNT"));
	return text;
}

static const char *
encoded(struct world *w, const char *text)
{
	auto_buf b;

	buf_init(&b, 1024 * 1024);
	uri_encode(&b, span_str(text), false);
	return arena_strdup(&w->mem, buf_cstr(&b));
}

static void
run(struct world *w, const struct step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct step *s = &steps[i];
		const char *text = s->text != NULL ? with_account(w, s->text) : NULL;

		row(arena_printf(&w->mem, "%s %s", s->op, s->form));
		iam(w, s->op, with_account(w, s->form));
		if (s->code != NULL)
			expect_xml_error(w, s->status, s->code, text);
		else
			expect_ok(w);
		if (s->code == NULL && text != NULL && !body_has(w, text))
			fail_msg("wanted \"%s\" in %s", text, w->body);
	}
}

#define RUN(w, steps) run(w, steps, ARRAY_LEN(steps))

#define TRUST                                                                         \
	"%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%" \
	"22Allow%22"                                                                  \
	"%2C%22Principal%22%3A%7B%22Service%22%3A%22ec2.amazonaws.com%22%7D%2C%"      \
	"22Action%22%3A"                                                              \
	"%22sts%3AAssumeRole%22%7D%7D"
#define ALLOW                                                                         \
	"%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%" \
	"22Allow%22"                                                                  \
	"%2C%22Action%22%3A%22s3%3APutObject%22%2C%22Resource%22%3A%22%2A%22%7D%7D"
#define CORE   "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
#define POLICY "arn:aws:iam::ACCOUNT:policy/"

static void
t_roles(void **state)
{
	static const struct step steps[] = {
		{ "GetRole", "RoleName=r", 404, "NoSuchEntity",
		    "The role with name r cannot be found." },
		{ "CreateRole",
		    "RoleName=r&Path=/team/"
		    "&Description=d&Tags.member.1.Key=k&Tags.member.1."
		    "Value=v&AssumeRolePolicyDocument=" TRUST,
		    200, NULL, "<Arn>arn:aws:iam::ACCOUNT:role/team/r</Arn>" },
		{ "CreateRole", "RoleName=r&AssumeRolePolicyDocument=" TRUST, 409,
		    "EntityAlreadyExists", "Role with name r already exists." },
		{ "CreateRole", "RoleName=R&AssumeRolePolicyDocument=" TRUST, 409,
		    "EntityAlreadyExists", "Role with name R already exists." },
		{ "CreateRole", "RoleName=s&AssumeRolePolicyDocument=%7B", 400,
		    "MalformedPolicyDocument", NULL },
		{ "CreateRole", "RoleName=s&AssumeRolePolicyDocument=" ALLOW, 400,
		    "MalformedPolicyDocument", NULL },
		{ "CreateRole",
		    "RoleName=s&PermissionsBoundary=arn:aws:iam::ACCOUNT:policy/gone&"
		    "AssumeRolePolicyDocument=" TRUST,
		    404, "NoSuchEntity",
		    "Scope ARN: arn:aws:iam::ACCOUNT:policy/gone does not exist or is "
		    "not "
		    "attachable." },
		{ "GetRole", "RoleName=r", 200, NULL,
		    "<Description>d</Description><MaxSessionDuration>3600</"
		    "MaxSessionDuration>"
		    "<Tags><member><Key>k</Key><Value>v</Value></member></Tags>"
		    "<RoleLastUsed></RoleLastUsed></Role>" },
		{ "GetRole", "RoleName=r", 200, NULL,
		    "<AssumeRolePolicyDocument>" TRUST "</AssumeRolePolicyDocument>" },
		{ "ListRoles", "PathPrefix=/team/", 200, NULL,
		    "</member></Roles><IsTruncated>false</IsTruncated>" },
		{ "ListRoles", "PathPrefix=/none/", 200, NULL, "<Roles></Roles>" },
		{ "UpdateRole", "RoleName=r&MaxSessionDuration=7200", 200, NULL,
		    "<UpdateRoleResult></UpdateRoleResult>" },
		{ "UpdateRoleDescription", "RoleName=r&Description=e", 200, NULL,
		    "<Description>e</Description>" },
		{ "GetRole", "RoleName=r", 200, NULL,
		    "<Description>e</Description><MaxSessionDuration>7200</"
		    "MaxSessionDuration>" },
		{ "UpdateAssumeRolePolicy", "RoleName=r&PolicyDocument=%7B", 400,
		    "MalformedPolicyDocument", NULL },
		{ "UpdateAssumeRolePolicy", "RoleName=r&PolicyDocument=" TRUST, 200, NULL,
		    NULL },
		{ "TagRole",
		    "RoleName=r&Tags.member.1.Key=K&Tags.member.1.Value=w&Tags.member.2."
		    "Key=a"
		    "&Tags.member.2.Value=",
		    200, NULL, NULL },
		{ "ListRoleTags", "RoleName=r&MaxItems=1", 200, NULL,
		    "<Tags><member><Key>K</Key><Value>w</Value></member></Tags>"
		    "<IsTruncated>true</IsTruncated><Marker>" },
		{ "UntagRole", "RoleName=r&TagKeys.member.1=k", 200, NULL, NULL },
		{ "ListRoleTags", "RoleName=r", 200, NULL,
		    "<Tags><member><Key>a</Key><Value></Value></member></Tags>" },
		{ "AttachRolePolicy", "RoleName=r&PolicyArn=" CORE, 200, NULL, NULL },
		{ "DeleteRole", "RoleName=r", 409, "DeleteConflict",
		    "Cannot delete entity, must detach all policies first." },
		{ "DetachRolePolicy", "RoleName=r&PolicyArn=" CORE, 200, NULL, NULL },
		{ "PutRolePolicy", "RoleName=r&PolicyName=p&PolicyDocument=" ALLOW, 200,
		    NULL, NULL },
		{ "DeleteRole", "RoleName=r", 409, "DeleteConflict",
		    "Cannot delete entity, must delete policies first." },
		{ "DeleteRolePolicy", "RoleName=r&PolicyName=p", 200, NULL, NULL },
		{ "DeleteRole", "RoleName=r", 200, NULL, NULL },
		{ "DeleteRole", "RoleName=r", 404, "NoSuchEntity",
		    "The role with name r cannot be found." },
	};
	struct world w;
	(void)state;

	world_up(&w);
	RUN(&w, steps);
	world_down(&w);
}

static void
t_profiles(void **state)
{
	static const struct step steps[] = {
		{ "CreateInstanceProfile", "InstanceProfileName=p", 200, NULL,
		    "<Roles></Roles></InstanceProfile>" },
		{ "CreateInstanceProfile", "InstanceProfileName=p", 409,
		    "EntityAlreadyExists", "Instance Profile p already exists." },
		{ "GetInstanceProfile", "InstanceProfileName=q", 404, "NoSuchEntity",
		    "Instance Profile q cannot be found." },
		{ "AddRoleToInstanceProfile", "InstanceProfileName=p&RoleName=r", 404,
		    "NoSuchEntity", "The role with name r cannot be found." },
		{ "AddRoleToInstanceProfile",
		    "InstanceProfileName=p&RoleName=SallyportNode", 200, NULL, NULL },
		{ "AddRoleToInstanceProfile",
		    "InstanceProfileName=p&RoleName=SallyportNode", 409, "LimitExceeded",
		    "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1" },
		{ "GetInstanceProfile", "InstanceProfileName=p", 200, NULL,
		    "<RoleName>SallyportNode</RoleName>" },
		{ "ListInstanceProfilesForRole", "RoleName=SallyportNode", 200, NULL,
		    "<InstanceProfileName>p</InstanceProfileName>" },
		{ "ListInstanceProfiles", "", 200, NULL,
		    "<RoleName>SallyportNode</RoleName>" },
		{ "DeleteInstanceProfile", "InstanceProfileName=p", 409, "DeleteConflict",
		    "Cannot delete entity, must remove roles from instance profile "
		    "first." },
		{ "DeleteRole", "RoleName=SallyportNode", 409, "DeleteConflict",
		    "Cannot delete entity, must remove roles from instance profile "
		    "first." },
		{ "RemoveRoleFromInstanceProfile",
		    "InstanceProfileName=p&RoleName=SallyportNode", 200, NULL, NULL },
		{ "RemoveRoleFromInstanceProfile",
		    "InstanceProfileName=p&RoleName=SallyportNode", 404, "NoSuchEntity",
		    "Role SallyportNode in Instance Profile p cannot be found." },
		{ "DeleteInstanceProfile", "InstanceProfileName=p", 200, NULL, NULL },
	};
	struct world w;
	(void)state;

	world_up(&w);
	RUN(&w, steps);
	world_down(&w);
}

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
	struct world w;
	(void)state;

	world_up(&w);
	RUN(&w, steps);
	world_down(&w);
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
	struct world w;
	(void)state;

	world_up(&w);
	RUN(&w, steps);
	world_down(&w);
}

/* ---- policies of owners ---- */

static int
group_run(struct store_tx *tx, void *arg, struct fault *f)
{
	char id[] = "AGPA0000000000000000A", path[] = "/";

	(void)f;
	return store_entity_put(tx,
	    &(struct store_entity){
		.kind = STORE_GROUP, .name = arg, .id = id, .path = path });
}

static void
put_group(struct world *w, const char *name)
{
	struct fault f = { 0 };

	assert_int_equal(
	    store_apply(w->store, group_run, arena_strdup(&w->mem, name), &f), 0);
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
	return encoded(w, arena_printf(&w->mem, "%s%s%s", head, fill, tail));
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
	put_group(&w, "ops");
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
	put_group(&w, "ops");
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

static void
t_attached(void **state)
{
	struct world w;
	(void)state;

	world_up(&w);
	put_group(&w, "ops");
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
		    "ARN longpolicynamebutnoarn is not valid.");
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

/* A user with keys and one inline policy. */
static struct signer
user_with(struct world *w, const char *name, const char *policy)
{
	struct signer s = { 0 };

	iam(w, "CreateUser", arena_printf(&w->mem, "UserName=%s", name));
	iam(w, "PutUserPolicy",
	    arena_printf(&w->mem, "UserName=%s&PolicyName=p&PolicyDocument=%s", name,
		encoded(w, policy)));
	expect_ok(w);
	iam(w, "CreateAccessKey", arena_printf(&w->mem, "UserName=%s", name));
	s.access_key = element(w, "AccessKeyId");
	s.secret = element(w, "SecretAccessKey");
	return s;
}

/* Who may hand out permissions hands out no more than these conditions say. */
static void
t_delegation(void **state)
{
	static const char policy[] =
	    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":["
	    "\"iam:CreateUser\",\"iam:AttachUserPolicy\",\"iam:*PermissionsBoundary\"],"
	    "\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{\"iam:PermissionsBoundary\":"
	    "\"" CORE "\"}}},{\"Effect\":\"Deny\",\"Action\":\"iam:AttachUserPolicy\","
	    "\"Resource\":\"*\",\"Condition\":{\"ArnNotEquals\":{\"iam:PolicyARN\":\"" CORE
	    "\"}}},{\"Effect\":\"Deny\",\"Action\":\"iam:DeleteUserPermissionsBoundary\","
	    "\"Resource\":\"*\"}]}";
	static const struct {
		const char *op, *form;
		bool allowed;
	} t[] = {
		{ "CreateUser", "UserName=x", false },
		{ "CreateUser",
		    "UserName=x&PermissionsBoundary=arn:aws:iam::aws:policy/ReadOnlyAccess",
		    false },
		{ "CreateUser", "UserName=x&PermissionsBoundary=" CORE, true },
		{ "AttachUserPolicy", "UserName=x&PolicyArn=" CORE, true },
		{ "AttachUserPolicy",
		    "UserName=x&PolicyArn=arn:aws:iam::aws:policy/AdministratorAccess", false },
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

/* ---- simulation ---- */

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
	    arena_printf(&w.mem, "PolicyName=p&PolicyDocument=%s", encoded(&w, policy)));
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
		encoded(&w, policy)));
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
	    encoded(&w, MFA));
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
		"%s" ENTRY "true&PermissionsBoundaryPolicyInputList.member.1=%s", form, ALLOW));
	assert_true(body_has(&w, "<EvalDecision>implicitDeny</EvalDecision>"));
	assert_true(body_has(
	    &w, "<AllowedByPermissionsBoundary>false</AllowedByPermissionsBoundary>"));
	row("the keys that a policy asks for");
	iam(&w, "GetContextKeysForCustomPolicy",
	    arena_printf(&w.mem, "PolicyInputList.member.1=%s", encoded(&w, MFA)));
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
	put_group(&w, "ops");
	RUN(&w, steps);
	world_down(&w);
}

/* ---- the whole account ---- */

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
	put_group(&w, "ops");
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

/* ---- identity providers ---- */

#define PRINT "ThumbprintList.member.1=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define OIDC  "OpenIDConnectProviderArn=arn:aws:iam::ACCOUNT:oidc-provider/"

static void
t_oidc(void **state)
{
	static const struct step steps[] = {
		{ "CreateOpenIDConnectProvider", "Url=example.org&" PRINT, 400,
		    "ValidationError", "Invalid Open ID Connect Provider URL" },
		{ "CreateOpenIDConnectProvider",
		    "Url=https://id.example.com:8443/realm&ClientIDList.member.1=c1&"
		    "Tags.member.1.Key=k&Tags.member.1.Value=v&" PRINT,
		    200, NULL,
		    "<OpenIDConnectProviderArn>arn:aws:iam::ACCOUNT:oidc-provider/"
		    "id.example.com:8443/realm</OpenIDConnectProviderArn>" },
		{ "CreateOpenIDConnectProvider",
		    "Url=https://id.example.com:8443/realm&" PRINT, 409,
		    "EntityAlreadyExists",
		    "Provider with url https://id.example.com:8443/realm already "
		    "exists." },
		{ "AddClientIDToOpenIDConnectProvider",
		    OIDC "id.example.com:8443/realm&ClientID=c2", 200, NULL, NULL },
		{ "AddClientIDToOpenIDConnectProvider",
		    OIDC "id.example.com:8443/realm&ClientID=c2", 200, NULL, NULL },
		{ "GetOpenIDConnectProvider", OIDC "id.example.com:8443/realm", 200, NULL,
		    "<Url>id.example.com:8443/realm</Url><ClientIDList><member>c1</"
		    "member>"
		    "<member>c2</member></"
		    "ClientIDList><ThumbprintList><member>bbbbbbbbbbbbbbb"
		    "bbbbbbbbbbbbbbbbbbbbbbbbb</member></ThumbprintList>" },
		{ "RemoveClientIDFromOpenIDConnectProvider",
		    OIDC "id.example.com:8443/realm&ClientID=c1", 200, NULL, NULL },
		{ "UpdateOpenIDConnectProviderThumbprint",
		    OIDC "id.example.com:8443/realm&ThumbprintList.member.1="
			 "cccccccccccccccccccccccccccccccccccccccc",
		    200, NULL, NULL },
		{ "GetOpenIDConnectProvider", OIDC "id.example.com:8443/realm", 200, NULL,
		    "<ClientIDList><member>c2</member></ClientIDList><ThumbprintList>"
		    "<member>cccccccccccccccccccccccccccccccccccccccc</member>" },
		{ "ListOpenIDConnectProviders", "", 200, NULL,
		    "<OpenIDConnectProviderList><member><Arn>arn:aws:iam::ACCOUNT:"
		    "oidc-provider/id.example.com:8443/realm</Arn></member>" },
		{ "GetOpenIDConnectProvider", OIDC "none.example.com", 404,
		    "NoSuchEntity",
		    "OpenIDConnect Provider not found for arn "
		    "arn:aws:iam::ACCOUNT:oidc-provider/none.example.com" },
		{ "DeleteOpenIDConnectProvider", OIDC "id.example.com:8443/realm", 200,
		    NULL, NULL },
		{ "DeleteOpenIDConnectProvider", OIDC "id.example.com:8443/realm", 404,
		    "NoSuchEntity",
		    "OpenId connect Provider arn:aws:iam::ACCOUNT:oidc-provider/"
		    "id.example.com:8443/realm cannot be found." },
	};
	struct world w;
	(void)state;

	world_up(&w);
	RUN(&w, steps);
	world_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_roles),
		cmocka_unit_test(t_profiles),
		cmocka_unit_test(t_managed),
		cmocka_unit_test(t_versions),
		cmocka_unit_test(t_inline),
		cmocka_unit_test(t_inline_sizes),
		cmocka_unit_test(t_attached),
		cmocka_unit_test(t_boundaries),
		cmocka_unit_test(t_delegation),
		cmocka_unit_test(t_simulate_recorded),
		cmocka_unit_test(t_simulate_places),
		cmocka_unit_test(t_simulate_context),
		cmocka_unit_test(t_simulate_sources),
		cmocka_unit_test(t_account),
		cmocka_unit_test(t_oidc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
