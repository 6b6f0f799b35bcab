/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users: made, changed, listed, deleted, and their tags.
 */
#include "world.h"

/* The tag that says who a user's sessions run as. */
static void
t_user_tags(void **state)
{
	struct world w;
	(void)state;

	world_up(&w);
	iam(&w, "TagUser",
	    "UserName=admin&Tags.member.1.Key=SSMSessionRunAs&Tags.member.1.Value=ops"
	    "&Tags.member.2.Key=team&Tags.member.2.Value=web");
	expect_ok(&w);
	assert_false(body_has(&w, "Error"));
	assert_true(body_has(&w, "<TagUserResponse xmlns="));
	assert_false(body_has(&w, "TagUserResult")); /* nor has AWS's answer one */
	iam(&w, "GetUser", "");
	assert_true(body_has(&w, "<UserName>admin</UserName><UserId>AIDA"));
	assert_true(body_has(&w, "<Key>SSMSessionRunAs</Key><Value>ops</Value>"));
	row("pages");
	iam(&w, "ListUserTags", "UserName=admin&MaxItems=1");
	assert_true(body_has(&w, "<IsTruncated>true</IsTruncated><Marker>"));
	iam(&w, "ListUserTags",
	    arena_printf(&w.mem, "UserName=admin&MaxItems=1&Marker=%s", element_encoded(&w, "Marker")));
	assert_true(body_has(&w, "<Key>team</Key>"));
	assert_true(body_has(&w, "<IsTruncated>false</IsTruncated>"));
	row("keys that differ in case only are one key");
	iam(&w, "TagUser", "UserName=admin&Tags.member.1.Key=TEAM&Tags.member.1.Value=x");
	iam(&w, "UntagUser", "UserName=admin&TagKeys.member.1=ssmsessionrunas");
	assert_true(body_has(&w, "\"><ResponseMetadata><RequestId>"));
	iam(&w, "ListUserTags", "UserName=admin");
	assert_true(body_has(
	    &w, "<Tags><member><Key>TEAM</Key><Value>x</Value></member></Tags>"));
	row("mistakes");
	iam(&w, "GetUser", "UserName=bob");
	expect_xml_error(
	    &w, 404, "NoSuchEntity", "The user with name bob cannot be found.");
	iam(&w, "TagUser", "UserName=bob&Tags.member.1.Key=a&Tags.member.1.Value=b");
	expect_xml_error(&w, 404, "NoSuchEntity", NULL);
	iam(&w, "UntagUser", "UserName=bob&TagKeys.member.1=a");
	expect_xml_error(&w, 404, "NoSuchEntity", NULL);
	iam(&w, "ListUserTags", "UserName=bob");
	expect_xml_error(&w, 404, "NoSuchEntity", NULL);
	iam(&w, "ListUserTags", "UserName=admin&Marker=x");
	expect_xml_error(&w, 400, "ValidationError", NULL);
	iam(&w, "TagUser",
	    "UserName=admin&Tags.member.1.Key=aws:a&Tags.member.1.Value=b");
	expect_xml_error(&w, 400, "InvalidInput", NULL);
	world_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_user_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
