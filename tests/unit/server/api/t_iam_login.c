/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Login profiles, the password policy, the account's alias and summary, through the API; the
 * passwords themselves are tested in domain/t_login.c.
 */
#include "iam_bench.h"

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
	iam_ok(&w, "CreateUser", "UserName=bob");
	iam_ok(&w, "CreateLoginProfile",
	    "UserName=bob&Password=Secret123&PasswordResetRequired=true");
	expect_text(&w, "<LoginProfile><UserName>bob</UserName><CreateDate>2026-11-21T01:41:25Z");
	expect_text(&w, "<PasswordResetRequired>true</PasswordResetRequired>");
	assert_false(body_has(&w, "Secret123"));
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		iam(&w, t[i].op, t[i].form);
		expect_xml_error(&w, t[i].status, t[i].code, t[i].message);
		assert_false(body_has(&w, "Secret"));
	}
	iam_ok(&w, "UpdateLoginProfile", "UserName=bob&PasswordResetRequired=false");
	iam_ok(&w, "GetLoginProfile", "UserName=bob");
	expect_text(&w, "<PasswordResetRequired>false</PasswordResetRequired>");
	iam_ok(&w, "UpdateLoginProfile", "UserName=bob&Password=Another123");
	row("renamed with the user");
	iam_ok(&w, "UpdateUser", "UserName=bob&NewUserName=rob");
	iam_ok(&w, "GetLoginProfile", "UserName=rob");
	iam_ok(&w, "DeleteLoginProfile", "UserName=rob");
	iam_ok(&w, "DeleteUser", "UserName=rob");
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
	iam_ok(&w, "CreateUser", "UserName=bob");
	iam_ok(&w, "CreateLoginProfile",
	    "UserName=bob&Password=Secret123&PasswordResetRequired=true");
	iam_ok(&w, "CreateAccessKey", "UserName=bob");
	bob.access_key = element(&w, "AccessKeyId");
	bob.secret = element(&w, "SecretAccessKey");
	row("neither a policy nor the account allows it");
	iam_as(
	    &w, &bob, "ChangePassword", "OldPassword=Secret123&NewPassword=Another123");
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	iam_ok(&w, "UpdateAccountPasswordPolicy",
	    "AllowUsersToChangePassword=true&PasswordReusePrevention=2");
	iam_as(&w, &bob, "ChangePassword", "OldPassword=Wrong&NewPassword=Another123");
	expect_xml_error(&w, 403, "AccessDenied", "The old password is not correct.");
	iam_as(&w, &bob, "ChangePassword", "OldPassword=Secret123&NewPassword=Secret123");
	expect_xml_error(&w, 400, "PasswordPolicyViolation",
	    "Password has been used before and may not be used again");
	iam_as(
	    &w, &bob, "ChangePassword", "OldPassword=Secret123&NewPassword=Another123");
	expect_ok(&w);
	iam_ok(&w, "GetLoginProfile", "UserName=bob");
	expect_text(&w, "<PasswordResetRequired>false</PasswordResetRequired>");
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
	iam_ok(&w, "UpdateAccountPasswordPolicy", "");
	iam_ok(&w, "GetAccountPasswordPolicy", "");
	expect_text(&w,
	    "<PasswordPolicy><MinimumPasswordLength>6</MinimumPasswordLength>"
	    "<RequireSymbols>false</RequireSymbols><RequireNumbers>false</"
	    "RequireNumbers>");
	expect_text(&w, "<ExpirePasswords>false</ExpirePasswords></PasswordPolicy>");
	iam_ok(&w, "UpdateAccountPasswordPolicy",
	    "MinimumPasswordLength=10&RequireSymbols=true&MaxPasswordAge=60"
	    "&PasswordReusePrevention=3&HardExpiry=true");
	iam_ok(&w, "GetAccountPasswordPolicy", "");
	expect_text(&w, "<MinimumPasswordLength>10</MinimumPasswordLength>");
	expect_text(&w,
	    "<ExpirePasswords>true</ExpirePasswords><MaxPasswordAge>60</MaxPasswordAge>"
	    "<PasswordReusePrevention>3</PasswordReusePrevention>"
	    "<HardExpiry>true</HardExpiry>");
	iam(&w, "UpdateAccountPasswordPolicy", "MinimumPasswordLength=256");
	expect_xml_error(&w, 400, "ValidationError", NULL);
	iam_ok(&w, "DeleteAccountPasswordPolicy", "");
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
	iam_ok(&w, "ListAccountAliases", "");
	expect_text(&w, "<AccountAliases></AccountAliases><IsTruncated>false</IsTruncated>");
	iam_ok(&w, "CreateAccountAlias", "AccountAlias=acme-prod");
	iam_ok(&w, "ListAccountAliases", "");
	expect_text(&w, "<AccountAliases><member>acme-prod</member></AccountAliases>");
	iam(&w, "CreateAccountAlias", "AccountAlias=acme--prod");
	expect_xml_error(&w, 400, "ValidationError", NULL);
	iam(&w, "DeleteAccountAlias", "AccountAlias=other");
	expect_xml_error(&w, 404, "NoSuchEntity", NULL);
	iam_ok(&w, "DeleteAccountAlias", "AccountAlias=acme-prod");
	row("the summary counts");
	iam_ok(&w, "CreateUser", "UserName=bob");
	iam_ok(&w, "CreateGroup", "GroupName=ops");
	iam_ok(&w, "CreateVirtualMFADevice", "VirtualMFADeviceName=phone");
	iam_ok(&w, "GetAccountSummary", "");
	expect_text(&w,
	    "<SummaryMap><entry><key>AccessKeysPerUserQuota</key><value>2</value></"
	    "entry>");
	expect_text(&w, "<key>Users</key><value>2</value>");
	expect_text(&w, "<key>Groups</key><value>1</value>");
	expect_text(&w, "<key>MFADevices</key><value>1</value>");
	expect_text(&w, "<key>MFADevicesInUse</key><value>0</value>");
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
