/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust policies follow the users and roles that they name, and no others.
 */
#include "sts_bench.h"

#define CALL "'sts:AssumeRole'"
#define USER "{'AWS':'arn:aws:iam::ACCOUNT:user/alice'}"

static const char *
form_of(struct world *w, const char *what, const char *trust)
{
	return arena_printf(&w->mem, "%s=%s", what, form_encoded(w, filled(w, trust)));
}

static void
make_role(struct world *w, const char *name, const char *trust)
{
	iam(w, "CreateRole",
	    arena_printf(&w->mem, "RoleName=%s&%s", name,
		form_of(w, "AssumeRolePolicyDocument", trust)));
}

static void
set_trust(struct world *w, const char *name, const char *trust)
{
	iam(w, "UpdateAssumeRolePolicy",
	    arena_printf(
		&w->mem, "RoleName=%s&%s", name, form_of(w, "PolicyDocument", trust)));
}

/* With the keys of a new user. */
static struct signer
make_user(struct world *w, const char *form)
{
	iam(w, "CreateUser", form);
	expect_ok(w);
	iam(w, "CreateAccessKey", form);
	expect_ok(w);
	return (struct signer){ .access_key = element(w, "AccessKeyId"),
		.secret = element(w, "SecretAccessKey") };
}

static void
expect_shown(struct world *w, const char *role, const char *principal)
{
	const char *shown =
	    form_encoded(w, filled(w, arena_printf(&w->mem, "'AWS':'%s'", principal)));

	iam(w, "GetRole", arena_printf(&w->mem, "RoleName=%s", role));
	expect_ok(w);
	if (!body_has(w, shown))
		fail_msg("wanted %s in %s", shown, w->body);
}

static void
t_user(void **state)
{
	struct signer alice, other;
	struct world w;
	const char *id;
	(void)state;

	world_up(&w);
	alice = make_user(&w, "UserName=alice");
	iam(&w, "GetUser", "UserName=alice");
	id = element(&w, "UserId");
	make_role(&w, "ops", POLICY(TRUST(CALL, USER)));
	expect_ok(&w);
	expect_shown(&w, "ops", "arn:aws:iam::ACCOUNT:user/alice");
	assume_as(&w, &alice, "ops", "");
	expect_ok(&w);

	row("another name and path change nothing");
	iam(&w, "UpdateUser", "UserName=alice&NewUserName=ally&NewPath=/x/");
	expect_ok(&w);
	assume_as(&w, &alice, "ops", "");
	expect_ok(&w);
	expect_shown(&w, "ops", "arn:aws:iam::ACCOUNT:user/x/ally");
	iam(&w, "GetAccountAuthorizationDetails", "Filter.member.1=Role");
	assert_true(body_has(&w, "user%2Fx%2Fally"));

	row("the next of the old name is not trusted");
	other = make_user(&w, "UserName=alice");
	assume_as(&w, &other, "ops", "");
	expect_xml_error(&w, 403, "AccessDenied", NULL);

	row("nor the next of the new one, once she is gone");
	iam(&w, "DeleteAccessKey",
	    arena_printf(&w.mem, "UserName=ally&AccessKeyId=%s", alice.access_key));
	iam(&w, "DeleteUser", "UserName=ally");
	expect_ok(&w);
	expect_shown(&w, "ops", id);
	other = make_user(&w, "UserName=ally&Path=/x/");
	assume_as(&w, &other, "ops", "");
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	expect_shown(&w, "ops", id);

	row("what is shown then cannot be saved");
	set_trust(
	    &w, "ops", arena_printf(&w.mem, POLICY(TRUST(CALL, "{'AWS':'%s'}")), id));
	expect_xml_error(&w, 400, "MalformedPolicyDocument", NULL);
	world_down(&w);
}

static void
t_role(void **state)
{
	struct signer temp;
	struct world w;
	(void)state;

	world_up(&w);
	make_role(&w, "one", POLICY(TRUST(CALL, ANYBODY_HERE)));
	make_role(
	    &w, "two", POLICY(TRUST(CALL, "{'AWS':'arn:aws:iam::ACCOUNT:role/one'}")));
	make_role(&w, "three",
	    POLICY(
		TRUST(CALL, "{'AWS':'arn:aws:sts::ACCOUNT:assumed-role/one/deploy'}")));
	expect_ok(&w);
	expect_shown(&w, "three", "arn:aws:sts::ACCOUNT:assumed-role/one/deploy");
	assume_as(&w, &w.admin, "one", "");
	temp = keys_given(&w);
	assume_as(&w, &temp, "two", "");
	expect_ok(&w);
	assume_as(&w, &temp, "three", "");
	expect_ok(&w);

	row("made again");
	iam(&w, "DeleteRole", "RoleName=one");
	make_role(&w, "one", POLICY(TRUST(CALL, ANYBODY_HERE)));
	assume_as(&w, &w.admin, "one", "");
	temp = keys_given(&w);
	assume_as(&w, &temp, "two", "");
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	assume_as(&w, &temp, "three", "");
	expect_xml_error(&w, 403, "AccessDenied", NULL);

	row("a role may come to trust itself");
	set_trust(
	    &w, "one", POLICY(TRUST(CALL, "{'AWS':'arn:aws:iam::ACCOUNT:role/one'}")));
	expect_ok(&w);
	assume_as(&w, &temp, "one", "");
	expect_ok(&w);
	world_down(&w);
}

static void
t_unknown(void **state)
{
	static const char *const t[] = {
		"arn:aws:iam::ACCOUNT:user/nobody",
		"arn:aws:iam::ACCOUNT:user/x/alice",
		"arn:aws:iam::ACCOUNT:role/nobody",
		"arn:aws:iam::ACCOUNT:role/self",
		"arn:aws:iam::210987654321:user/alice",
		"arn:aws:sts::ACCOUNT:assumed-role/nobody/deploy",
		"AIDA77777777777777777",
		"AROA77777777777777777:deploy",
	};
	struct world w;
	(void)state;

	world_up(&w);
	(void)make_user(&w, "UserName=alice");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i]);
		make_role(&w, "self",
		    arena_printf(
			&w.mem, POLICY(TRUST(CALL, "{'AWS':['ACCOUNT','%s']}")), t[i]));
		expect_xml_error(&w, 400, "MalformedPolicyDocument",
		    filled(&w,
			arena_printf(&w.mem,
			    "Invalid principal in policy: &quot;AWS&quot;:&quot;%s&quot;",
			    t[i])));
	}
	row("accounts need not be there");
	make_role(&w, "self",
	    POLICY(TRUST(
		CALL, "{'AWS':['arn:aws:iam::210987654321:root','210987654322','*']}")));
	expect_ok(&w);
	row("a policy that is refused changes nothing");
	set_trust(&w, "self",
	    POLICY(TRUST(CALL, "{'AWS':'arn:aws:iam::ACCOUNT:user/nobody'}")));
	expect_xml_error(&w, 400, "MalformedPolicyDocument", NULL);
	iam(&w, "GetRole", "RoleName=self");
	assert_true(body_has(&w, "210987654322"));
	world_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_user),
		cmocka_unit_test(t_role),
		cmocka_unit_test(t_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
