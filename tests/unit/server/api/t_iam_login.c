/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Login profiles, the password policy, the account's alias and summary, through the API; the
 * passwords themselves are tested in domain/t_login.c.
 */
#include "world.h"

static void
ok(struct world *w, const char *op, const char *form)
{
	iam(w, op, form);
	if (w->status != 200)
		fail_msg("%s %s: %d %s", op, form, w->status, w->body);
}

static void
has(struct world *w, const char *text)
{
	if (!body_has(w, text))
		fail_msg("no %s in %s", text, w->body);
}

static void
t_profile(void **state)
{
	static const struct {
		const char *what, *op, *form;
		int status;
		const char *code, *message;
	} t[] = {
		{ "nobody's", "CreateLoginProfile", "UserName=nobody&Password=Secret123",
		    404, "NoSuchEntity", "The user with name nobody cannot be found." },
		{ "none there", "GetLoginProfile", "UserName=admin", 404, "NoSuchEntity",
		    "Login Profile for User admin cannot be found." },
		{ "none to change", "UpdateLoginProfile",
		    "UserName=admin&Password=Secret123", 404, "NoSuchEntity",
		    "Login Profile for User admin cannot be found." },
		{ "none to delete", "DeleteLoginProfile", "UserName=admin", 404,
		    "NoSuchEntity", "Login Profile for User admin cannot be found." },
		{ "too simple", "CreateLoginProfile", "UserName=admin&Password=secret12",
		    400, "PasswordPolicyViolation", NULL },
		{ "too short", "UpdateLoginProfile", "UserName=bob&Password=Sec1", 400,
		    "PasswordPolicyViolation",
		    "Password should have a minimum length of 8" },
		{ "there is one", "CreateLoginProfile", "UserName=bob&Password=Secret123",
		    409, "EntityAlreadyExists",
		    "Login Profile for user bob already exists." },
		{ "in the way", "DeleteUser", "UserName=bob", 409, "DeleteConflict",
		    "Cannot delete entity, must delete login profile first." },
	};
	struct world w;
	(void)state;

	world_up(&w);
	ok(&w, "CreateUser", "UserName=bob");
	ok(&w, "CreateLoginProfile",
	    "UserName=bob&Password=Secret123&PasswordResetRequired=true");
	has(&w, "<LoginProfile><UserName>bob</UserName><CreateDate>2026-11-21T01:41:25Z");
	has(&w, "<PasswordResetRequired>true</PasswordResetRequired>");
	assert_false(body_has(&w, "Secret123"));
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		iam(&w, t[i].op, t[i].form);
		expect_xml_error(&w, t[i].status, t[i].code, t[i].message);
		assert_false(body_has(&w, "Secret"));
	}
	ok(&w, "UpdateLoginProfile", "UserName=bob&PasswordResetRequired=false");
	ok(&w, "GetLoginProfile", "UserName=bob");
	has(&w, "<PasswordResetRequired>false</PasswordResetRequired>");
	ok(&w, "UpdateLoginProfile", "UserName=bob&Password=Another123");
	row("renamed with the user");
	ok(&w, "UpdateUser", "UserName=bob&NewUserName=rob");
	ok(&w, "GetLoginProfile", "UserName=rob");
	ok(&w, "DeleteLoginProfile", "UserName=rob");
	ok(&w, "DeleteUser", "UserName=rob");
	row("what is wrong with a password never repeats it");
	iam(&w, "CreateLoginProfile", "UserName=admin&Password=Secr%01et");
	expect_xml_error(&w, 400, "ValidationError", NULL);
	assert_false(body_has(&w, "Secr"));
	world_down(&w);
}

static void
t_change(void **state)
{
	struct signer bob = { 0 };
	struct world w;
	uint64_t began;
	(void)state;

	world_up(&w);
	ok(&w, "CreateUser", "UserName=bob");
	ok(&w, "CreateLoginProfile",
	    "UserName=bob&Password=Secret123&PasswordResetRequired=true");
	ok(&w, "CreateAccessKey", "UserName=bob");
	bob.access_key = element(&w, "AccessKeyId");
	bob.secret = element(&w, "SecretAccessKey");
	row("neither a policy nor the account allows it");
	iam_as(
	    &w, &bob, "ChangePassword", "OldPassword=Secret123&NewPassword=Another123");
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	ok(&w, "UpdateAccountPasswordPolicy",
	    "AllowUsersToChangePassword=true&PasswordReusePrevention=2");
	iam_as(&w, &bob, "ChangePassword", "OldPassword=Wrong&NewPassword=Another123");
	expect_xml_error(&w, 403, "AccessDenied", "The old password is not correct.");
	iam_as(&w, &bob, "ChangePassword", "OldPassword=Secret123&NewPassword=Secret123");
	expect_xml_error(&w, 400, "PasswordPolicyViolation",
	    "Password has been used before and may not be used again");
	iam_as(
	    &w, &bob, "ChangePassword", "OldPassword=Secret123&NewPassword=Another123");
	expect_ok(&w);
	ok(&w, "GetLoginProfile", "UserName=bob");
	has(&w, "<PasswordResetRequired>false</PasswordResetRequired>");
	iam_as(
	    &w, &bob, "ChangePassword", "OldPassword=Another123&NewPassword=Secret123");
	expect_xml_error(&w, 400, "PasswordPolicyViolation", NULL);
	row("guessing the old one becomes slow");
	for (int i = 0; i < 6; i++)
		iam_as(
		    &w, &bob, "ChangePassword", "OldPassword=x&NewPassword=Another124");
	began = ev_now_ms(w.client_loop);
	iam_as(&w, &bob, "ChangePassword", "OldPassword=x&NewPassword=Another124");
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	assert_true(ev_now_ms(w.client_loop) - began >= 1000);
	row("who has none cannot change it");
	iam(&w, "ChangePassword", "OldPassword=x&NewPassword=Another123");
	expect_xml_error(&w, 404, "NoSuchEntity", NULL);
	world_down(&w);
}

static void
t_policy(void **state)
{
	struct world w;
	(void)state;

	world_up(&w);
	iam(&w, "GetAccountPasswordPolicy", "");
	expect_xml_error(&w, 404, "NoSuchEntity",
	    arena_printf(&w.mem,
		"The Password Policy with domain name %s cannot be found.",
		w.account.account));
	iam(&w, "DeleteAccountPasswordPolicy", "");
	expect_xml_error(&w, 404, "NoSuchEntity",
	    "The account policy with name PasswordPolicy cannot be found.");
	row("what is not named has its default");
	ok(&w, "UpdateAccountPasswordPolicy", "");
	ok(&w, "GetAccountPasswordPolicy", "");
	has(&w,
	    "<PasswordPolicy><MinimumPasswordLength>6</MinimumPasswordLength>"
	    "<RequireSymbols>false</RequireSymbols><RequireNumbers>false</"
	    "RequireNumbers>");
	has(&w, "<ExpirePasswords>false</ExpirePasswords></PasswordPolicy>");
	ok(&w, "UpdateAccountPasswordPolicy",
	    "MinimumPasswordLength=10&RequireSymbols=true&MaxPasswordAge=60"
	    "&PasswordReusePrevention=3&HardExpiry=true");
	ok(&w, "GetAccountPasswordPolicy", "");
	has(&w, "<MinimumPasswordLength>10</MinimumPasswordLength>");
	has(&w,
	    "<ExpirePasswords>true</ExpirePasswords><MaxPasswordAge>60</MaxPasswordAge>"
	    "<PasswordReusePrevention>3</PasswordReusePrevention>"
	    "<HardExpiry>true</HardExpiry>");
	iam(&w, "UpdateAccountPasswordPolicy", "MinimumPasswordLength=256");
	expect_xml_error(&w, 400, "ValidationError", NULL);
	ok(&w, "DeleteAccountPasswordPolicy", "");
	iam(&w, "GetAccountPasswordPolicy", "");
	expect_xml_error(&w, 404, "NoSuchEntity", NULL);
	world_down(&w);
}

static void
t_account(void **state)
{
	struct world w;
	(void)state;

	world_up(&w);
	ok(&w, "ListAccountAliases", "");
	has(&w, "<AccountAliases></AccountAliases><IsTruncated>false</IsTruncated>");
	ok(&w, "CreateAccountAlias", "AccountAlias=acme-prod");
	ok(&w, "ListAccountAliases", "");
	has(&w, "<AccountAliases><member>acme-prod</member></AccountAliases>");
	iam(&w, "CreateAccountAlias", "AccountAlias=acme--prod");
	expect_xml_error(&w, 400, "ValidationError", NULL);
	iam(&w, "DeleteAccountAlias", "AccountAlias=other");
	expect_xml_error(&w, 404, "NoSuchEntity", NULL);
	ok(&w, "DeleteAccountAlias", "AccountAlias=acme-prod");
	row("the summary counts");
	ok(&w, "CreateUser", "UserName=bob");
	ok(&w, "CreateGroup", "GroupName=ops");
	ok(&w, "CreateVirtualMFADevice", "VirtualMFADeviceName=phone");
	ok(&w, "GetAccountSummary", "");
	has(&w,
	    "<SummaryMap><entry><key>AccessKeysPerUserQuota</key><value>2</value></"
	    "entry>");
	has(&w, "<key>Users</key><value>2</value>");
	has(&w, "<key>Groups</key><value>1</value>");
	has(&w, "<key>MFADevices</key><value>1</value>");
	has(&w, "<key>MFADevicesInUse</key><value>0</value>");
	world_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_profile),
		cmocka_unit_test(t_change),
		cmocka_unit_test(t_policy),
		cmocka_unit_test(t_account),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
