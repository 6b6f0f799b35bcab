/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users, groups and access keys: made, changed, listed in pages, deleted; AWS's words for what
 * does not go.
 */
#include "iam_bench.h"

#include "server/domain/access.h"
#include "server/domain/key_usage.h"

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
	    arena_printf(&w.mem, "UserName=admin&MaxItems=1&Marker=%s",
		element_encoded(&w, "Marker")));
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

/* How often an element is in the answer. */
static size_t
count(const struct world *w, const char *text)
{
	size_t n = 0;

	for (const char *p = w->body; (p = strstr(p, text)) != NULL; p++)
		n++;
	return n;
}

struct refusal {
	const char *op, *form;
	int status;
	const char *code, *message;
};

static void
check_refusals(struct world *w, const struct refusal *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		row(arena_printf(&w->mem, "%s %s", t[i].op, t[i].form));
		iam(w, t[i].op, t[i].form);
		expect_xml_error(w, t[i].status, t[i].code, t[i].message);
	}
}

static void
t_users(void **state)
{
	static const struct refusal t[] = {
		{ "GetUser", "UserName=nobody", 404, "NoSuchEntity",
		    "The user with name nobody cannot be found." },
		{ "UpdateUser", "UserName=nobody&NewPath=/x/", 404, "NoSuchEntity",
		    "The user with name nobody cannot be found." },
		{ "DeleteUser", "UserName=nobody", 404, "NoSuchEntity",
		    "The user with name nobody cannot be found." },
		{ "CreateUser", "UserName=alice", 409, "EntityAlreadyExists",
		    "User with name alice already exists." },
		{ "CreateUser", "UserName=ALICE", 409, "EntityAlreadyExists",
		    "User with name ALICE already exists." },
		{ "UpdateUser", "UserName=admin&NewUserName=alice", 409,
		    "EntityAlreadyExists", "User with name alice already exists." },
		{ "CreateUser", "UserName=bob&Path=x/", 400, "ValidationError",
		    "The specified value for path is invalid. It must begin and end with "
		    "/ "
		    "and contain only alphanumeric characters and/or / characters." },
		{ "UpdateUser", "UserName=alice&NewPath=/x", 400, "ValidationError",
		    NULL },
		{ "CreateUser", "UserName=bob%2F", 400, "ValidationError", NULL },
		{ "CreateUser",
		    "UserName=bob&PermissionsBoundary=arn:aws:iam::aws:policy/Nothing",
		    404, "NoSuchEntity",
		    "Scope ARN: arn:aws:iam::aws:policy/Nothing does not exist or is not "
		    "attachable." },
		{ "CreateUser",
		    "UserName=bob&Tags.member.1.Key=a&Tags.member.1.Value=1"
		    "&Tags.member.2.Key=A&Tags.member.2.Value=2",
		    400, "InvalidInput",
		    "Duplicate tag keys found. Please note that Tag keys are case "
		    "insensitive." },
		{ "ListUsers", "Marker=x", 400, "ValidationError", "Invalid Marker." },
	};
	struct world w;
	const char *id;
	(void)state;

	world_up(&w);
	iam_ok(&w, "CreateUser",
	    "UserName=alice&Path=/ops/&Tags.member.1.Key=team&Tags.member.1.Value=web"
	    "&PermissionsBoundary=arn:aws:iam::aws:policy/ReadOnlyAccess");
	expect_text(&w, "<Path>/ops/</Path><UserName>alice</UserName><UserId>AIDA");
	expect_text(&w,
	    arena_printf(
		&w.mem, "<Arn>arn:aws:iam::%s:user/ops/alice</Arn>", w.account.account));
	expect_text(&w, "<CreateDate>2026-11-21T01:41:25Z</CreateDate>");
	expect_text(&w,
	    "<PermissionsBoundary><PermissionsBoundaryType>Policy</"
	    "PermissionsBoundaryType>"
	    "<PermissionsBoundaryArn>arn:aws:iam::aws:policy/ReadOnlyAccess<");
	expect_text(&w, "<Tags><member><Key>team</Key><Value>web</Value></member></Tags>");
	id = element(&w, "UserId");
	check_refusals(&w, t, ARRAY_LEN(t));
	row("moved and renamed it is the same user");
	iam_ok(&w, "UpdateUser", "UserName=alice&NewPath=/dev/&NewUserName=Alice");
	iam_ok(&w, "GetUser", "UserName=Alice");
	expect_text(&w, ":user/dev/Alice</Arn>");
	expect_text(&w, "<Key>team</Key>");
	assert_string_equal(element(&w, "UserId"), id);
	iam(&w, "GetUser", "UserName=alice");
	expect_xml_error(&w, 404, "NoSuchEntity", NULL);
	row("lists are by path, and leave tags and boundaries out");
	iam_ok(&w, "ListUsers", "PathPrefix=/dev/");
	assert_int_equal(count(&w, "<member>"), 1);
	expect_text(&w, "<UserName>Alice</UserName>");
	assert_false(body_has(&w, "<Tags>"));
	assert_false(body_has(&w, "PermissionsBoundary"));
	iam_ok(&w, "ListUsers", "PathPrefix=/de");
	assert_int_equal(count(&w, "<member>"), 1);
	iam_ok(&w, "ListUsers", "MaxItems=1");
	expect_text(&w, "<UserName>Alice</UserName>");
	expect_text(&w, "</Users><IsTruncated>true</IsTruncated><Marker>");
	iam_ok(&w, "ListUsers",
	    arena_printf(&w.mem, "MaxItems=1&Marker=%s", element_encoded(&w, "Marker")));
	expect_text(&w, "<UserName>admin</UserName>");
	expect_text(&w, "<IsTruncated>false</IsTruncated></ListUsersResult>");
	iam_ok(&w, "DeleteUser", "UserName=Alice");
	assert_false(body_has(&w, "DeleteUserResult"));
	world_down(&w);
}

/* Everything that stands in the way of deleting a user, in turn. */
static void
t_delete_conflicts(void **state)
{
	static const struct {
		const char *make, *make_form, *message, *undo, *undo_form;
	} t[] = {
		{ "CreateAccessKey", "UserName=bob",
		    "Cannot delete entity, must delete access keys first.", NULL, NULL },
		{ "AddUserToGroup", "UserName=bob&GroupName=ops",
		    "Cannot delete entity, must remove users from group first.",
		    "RemoveUserFromGroup", "UserName=bob&GroupName=ops" },
	};
	struct world w;
	(void)state;

	world_up(&w);
	iam_ok(&w, "CreateUser", "UserName=bob");
	iam_ok(&w, "CreateGroup", "GroupName=ops");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const char *undo = t[i].undo_form;

		row(t[i].message);
		iam_ok(&w, t[i].make, t[i].make_form);
		if (t[i].undo == NULL)
			undo = arena_printf(&w.mem, "UserName=bob&AccessKeyId=%s",
			    element(&w, "AccessKeyId"));
		iam(&w, "DeleteUser", "UserName=bob");
		expect_xml_error(&w, 409, "DeleteConflict", t[i].message);
		if (strstr(t[i].message, "group") != NULL) {
			iam(&w, "DeleteGroup", "GroupName=ops");
			expect_xml_error(&w, 409, "DeleteConflict", t[i].message);
		}
		iam_ok(&w, t[i].undo != NULL ? t[i].undo : "DeleteAccessKey", undo);
	}
	iam_ok(&w, "DeleteUser", "UserName=bob");
	iam_ok(&w, "DeleteGroup", "GroupName=ops");
	row("the administrator has a key and a policy");
	iam(&w, "DeleteUser", "UserName=admin");
	expect_xml_error(&w, 409, "DeleteConflict", NULL);
	world_down(&w);
}

static void
t_groups(void **state)
{
	static const struct refusal t[] = {
		{ "CreateGroup", "GroupName=OPS", 409, "EntityAlreadyExists",
		    "Group with name OPS already exists." },
		{ "GetGroup", "GroupName=none", 404, "NoSuchEntity",
		    "The group with name none cannot be found." },
		{ "DeleteGroup", "GroupName=none", 404, "NoSuchEntity",
		    "The group with name none cannot be found." },
		{ "UpdateGroup", "GroupName=none&NewPath=/x/", 404, "NoSuchEntity",
		    "The group with name none cannot be found." },
		{ "UpdateGroup", "GroupName=dev&NewGroupName=ops", 409,
		    "EntityAlreadyExists", "Group with name ops already exists." },
		{ "AddUserToGroup", "GroupName=none&UserName=admin", 404, "NoSuchEntity",
		    "The group with name none cannot be found." },
		{ "AddUserToGroup", "GroupName=ops&UserName=none", 404, "NoSuchEntity",
		    "The user with name none cannot be found." },
		{ "RemoveUserFromGroup", "GroupName=none&UserName=none", 404,
		    "NoSuchEntity", "The user with name none cannot be found." },
		{ "ListGroupsForUser", "UserName=none", 404, "NoSuchEntity", NULL },
	};
	struct world w;
	(void)state;

	world_up(&w);
	iam_ok(&w, "CreateGroup", "GroupName=ops&Path=/a/b/");
	expect_text(&w, "<Path>/a/b/</Path><GroupName>ops</GroupName><GroupId>AGPA");
	expect_text(&w, ":group/a/b/ops</Arn>");
	iam_ok(&w, "CreateGroup", "GroupName=dev");
	check_refusals(&w, t, ARRAY_LEN(t));
	row("members, in pages");
	for (int i = 0; i < 3; i++) {
		iam_ok(&w, "CreateUser", arena_printf(&w.mem, "UserName=u%d", i));
		iam_ok(&w, "AddUserToGroup",
		    arena_printf(&w.mem, "UserName=u%d&GroupName=ops", i));
		iam_ok(&w, "AddUserToGroup",
		    arena_printf(&w.mem, "UserName=u%d&GroupName=ops", i));
	}
	iam_ok(&w, "GetGroup", "GroupName=ops&MaxItems=2");
	expect_text(&w, "<GroupName>ops</GroupName>");
	assert_int_equal(count(&w, "<member>"), 2);
	iam_ok(&w, "GetGroup",
	    arena_printf(&w.mem, "GroupName=ops&MaxItems=2&Marker=%s",
		element_encoded(&w, "Marker")));
	expect_text(&w, "<Users><member><Path>/</Path><UserName>u2</UserName>");
	expect_text(&w, "</Users><IsTruncated>false</IsTruncated>");
	iam_ok(&w, "AddUserToGroup", "UserName=u0&GroupName=dev");
	iam_ok(&w, "ListGroupsForUser", "UserName=u0&MaxItems=1");
	expect_text(&w, "<GroupName>dev</GroupName>");
	iam_ok(&w, "ListGroupsForUser",
	    arena_printf(&w.mem, "UserName=u0&MaxItems=1&Marker=%s",
		element_encoded(&w, "Marker")));
	expect_text(&w, "<GroupName>ops</GroupName>");
	row("renamed with its members");
	iam_ok(&w, "UpdateGroup", "GroupName=ops&NewGroupName=web&NewPath=/");
	iam_ok(&w, "GetGroup", "GroupName=web");
	assert_int_equal(count(&w, "<member>"), 3);
	iam_ok(&w, "ListGroups", "PathPrefix=/a/");
	expect_text(&w, "<Groups></Groups><IsTruncated>false</IsTruncated>");
	row("out of it, twice");
	iam_ok(&w, "RemoveUserFromGroup", "UserName=u0&GroupName=web");
	iam_ok(&w, "RemoveUserFromGroup", "UserName=u0&GroupName=web");
	iam_ok(&w, "GetGroup", "GroupName=web");
	assert_int_equal(count(&w, "<member>"), 2);
	row("ten groups are the most");
	for (int i = 0; i < 9; i++) {
		iam_ok(&w, "CreateGroup", arena_printf(&w.mem, "GroupName=g%d", i));
		iam_ok(&w, "AddUserToGroup",
		    arena_printf(&w.mem, "UserName=u0&GroupName=g%d", i));
	}
	iam(&w, "AddUserToGroup", "UserName=u0&GroupName=web");
	expect_xml_error(
	    &w, 409, "LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10");
	world_down(&w);
}

static void
t_keys(void **state)
{
	struct world w;
	struct signer bob = { 0 };
	const char *id, *form;
	(void)state;

	world_up(&w);
	iam_ok(&w, "CreateUser", "UserName=bob");
	iam_ok(&w, "ListAccessKeys", "UserName=bob");
	expect_text(&w, "<AccessKeyMetadata></AccessKeyMetadata>");
	iam_ok(&w, "CreateAccessKey", "UserName=bob");
	expect_text(&w, "<Status>Active</Status>");
	bob.access_key = element(&w, "AccessKeyId");
	bob.secret = element(&w, "SecretAccessKey");
	form = arena_printf(&w.mem, "UserName=bob&AccessKeyId=%s", bob.access_key);
	row("not used yet");
	iam_ok(&w, "GetAccessKeyLastUsed",
	    arena_printf(&w.mem, "AccessKeyId=%s", bob.access_key));
	expect_text(&w,
	    "<UserName>bob</UserName><AccessKeyLastUsed><ServiceName>N/A</ServiceName>"
	    "<Region>N/A</Region></AccessKeyLastUsed>");
	row("it signs; it may nothing");
	iam_as(&w, &bob, "GetUser", "");
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	iam_ok(&w, "GetAccessKeyLastUsed",
	    arena_printf(&w.mem, "AccessKeyId=%s", bob.access_key));
	expect_text(&w, "<LastUsedDate>2026-11-21T01:41:2");
	expect_text(&w, "<ServiceName>iam</ServiceName><Region>" REGION "</Region>");
	row("two are the most");
	iam_ok(&w, "CreateAccessKey", "UserName=bob");
	id = element(&w, "AccessKeyId");
	iam(&w, "CreateAccessKey", "UserName=bob");
	expect_xml_error(
	    &w, 409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2");
	iam_ok(&w, "ListAccessKeys", "UserName=bob");
	assert_int_equal(count(&w, "<member>"), 2);
	assert_false(body_has(&w, "Secret"));
	row("switched off it is none, and on again");
	iam_ok(&w, "UpdateAccessKey", arena_printf(&w.mem, "%s&Status=Inactive", form));
	iam_ok(&w, "ListAccessKeys", "UserName=bob");
	expect_text(&w, "<Status>Inactive</Status>");
	iam_as(&w, &bob, "GetUser", "");
	expect_xml_error(&w, 403, "InvalidClientTokenId", NULL);
	iam_ok(&w, "UpdateAccessKey", arena_printf(&w.mem, "%s&Status=Active", form));
	iam_as(&w, &bob, "GetUser", "");
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	row("somebody else's key is not found");
	iam(&w, "DeleteAccessKey", arena_printf(&w.mem, "AccessKeyId=%s", id));
	expect_xml_error(&w, 404, "NoSuchEntity",
	    arena_printf(&w.mem, "The Access Key with id %s cannot be found.", id));
	iam(&w, "UpdateAccessKey",
	    "UserName=bob&AccessKeyId=AKIAIOSFODNN7EXAMPLE&Status=Active");
	expect_xml_error(&w, 404, "NoSuchEntity",
	    "The Access Key with id AKIAIOSFODNN7EXAMPLE cannot be found.");
	iam_ok(&w, "DeleteAccessKey", form);
	iam_as(&w, &bob, "GetUser", "");
	expect_xml_error(&w, 403, "InvalidClientTokenId", NULL);
	iam(&w, "GetAccessKeyLastUsed",
	    arena_printf(&w.mem, "AccessKeyId=%s", bob.access_key));
	expect_xml_error(&w, 403, "AccessDenied",
	    arena_printf(&w.mem,
		"User: arn:aws:iam::%s:user/admin is not authorized to perform "
		"iam:GetAccessKeyLastUsed on resource: access key %s",
		w.account.account, bob.access_key));
	world_down(&w);
}

/* What is known of the last use survives a restart: it was saved at the first one. */
static void
t_last_used(void **state)
{
	struct key_used used;
	struct world w;
	(void)state;

	world_up(&w);
	iam_ok(&w, "GetUser", "");
	sim_run_for(w.sim, 10);
	server_close(w.server);
	sim_run_for(w.sim, 10);
	server_free(w.server);
	server_start(&w);
	assert_int_equal(key_usage_find(server_env(w.server)->key_usage, &w.mem,
			     w.admin.access_key, &used),
	    0);
	assert_string_equal(used.service, "iam");
	assert_string_equal(used.region, REGION);
	assert_true(used.at_ms >= 1795225285000);
	world_down(&w);
}

static int
give_run(struct store_tx *tx, void *arg, struct fault *f)
{
	const char *const *owner_and_text = arg;

	(void)f;
	return store_inline_put(tx, owner_and_text[0], "p", owner_and_text[1]);
}

/* An inline policy for an owner. */
static void
give(struct world *w, const char *owner, const char *text)
{
	const char *pair[] = { owner, text };
	struct fault f = { 0 };

	assert_int_equal(store_apply(w->store, give_run, pair, &f), 0);
	access_changed(server_env(w->server)->access);
}

/* A policy that allows one path only: moving out of it needs the other one as well. */
static void
t_paths_in_policies(void **state)
{
	struct signer bob = { 0 };
	struct world w;
	(void)state;

	world_up(&w);
	iam_ok(&w, "CreateUser", "UserName=bob");
	iam_ok(&w, "CreateAccessKey", "UserName=bob");
	bob.access_key = element(&w, "AccessKeyId");
	bob.secret = element(&w, "SecretAccessKey");
	give(&w, "User/bob",
	    arena_printf(&w.mem,
		"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\","
		"\"Action\":\"iam:*\",\"Resource\":\"arn:aws:iam::%s:user/dev/*\"}}",
		w.account.account));
	iam_as(&w, &bob, "CreateUser", "UserName=carol&Path=/dev/");
	expect_ok(&w);
	iam_as(&w, &bob, "CreateUser", "UserName=dave&Path=/ops/");
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	iam_as(&w, &bob, "UpdateUser", "UserName=carol&NewPath=/ops/");
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	iam_as(&w, &bob, "UpdateUser", "UserName=carol&NewPath=/dev/web/");
	expect_ok(&w);
	iam_as(&w, &bob, "CreateAccessKey", "UserName=admin");
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	world_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_user_tags),
		cmocka_unit_test(t_users),
		cmocka_unit_test(t_delete_conflicts),
		cmocka_unit_test(t_groups),
		cmocka_unit_test(t_keys),
		cmocka_unit_test(t_last_used),
		cmocka_unit_test(t_paths_in_policies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
