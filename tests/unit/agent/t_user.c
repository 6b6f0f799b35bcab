/* SPDX-License-Identifier: Apache-2.0 */
/* Who a session runs as. */
#include "unit/check.h"

#include <unistd.h>

#include "agent/user.h"

static const struct agent_user_policy root_default = { true, "" };
static const struct agent_user_policy root_ops = { true, "ops" };
static const struct agent_user_policy root_root = { true, "root" };
static const struct agent_user_policy normal = { false, "" };

static void
t_choose(void **state)
{
	static const struct {
		const char *what;
		const struct agent_user_policy *p;
		bool enabled, elevated;
		const char *fallback, *run_as; /* the document's, the tag's */
		int ret;
		const char *name;
	} t[] = {
		{ "default", &root_default, false, false, "", "", 0, "ssm-user" },
		{ "registered user", &root_ops, false, false, "", "", 0, "ops" },
		{ "names without run-as count nothing", &root_ops, false, false, "bob",
		    "eve", 0, "ops" },
		{ "the document's user", &root_ops, true, false, "bob", "", 0, "bob" },
		{ "the tag wins", &root_ops, true, false, "bob", "eve", 0, "eve" },
		{ "no user named", &root_ops, true, false, "", "", ERR_INVALID, "" },
		{ "a name with a shell in it", &root_ops, true, false, "x;id", "",
		    ERR_INVALID, "" },
		{ "a name with a newline", &root_ops, true, false, "", "x\ny",
		    ERR_INVALID, "" },
		{ "an option", &root_ops, true, false, "-x", "", ERR_INVALID, "" },
		{ "elevated", &root_ops, false, true, "", "", ERR_DENIED, "" },
		{ "elevated where root is the session user", &root_root, false, true, "",
		    "", 0, "root" },
		{ "not root: itself", &normal, false, false, "", "", 0, "" },
		{ "not root: elevated means nothing", &normal, false, true, "", "", 0,
		    "" },
		{ "not root: somebody else", &normal, true, false, "no-such-user", "",
		    ERR_DENIED, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct session_document doc = { .run_as_enabled = t[i].enabled,
			.run_as_elevated = t[i].elevated,
			.run_as_default_user = t[i].fallback };
		char name[64] = "";
		struct fault f = { 0 };

		row(t[i].what);
		assert_int_equal(
		    agent_user_choose(name, sizeof(name), t[i].p, &doc, t[i].run_as, &f),
		    t[i].ret);
		if (t[i].ret == 0)
			assert_string_equal(name, t[i].name);
		else
			assert_true(f.text[0] != '\0');
	}
}

static void
t_allowed(void **state)
{
	static const struct {
		const char *what;
		const struct agent_user_policy *p;
		const char *name;
		int ret;
	} t[] = {
		{ "nobody", &root_default, "nobody", 0 },
		{ "root", &root_default, "root", ERR_DENIED },
		{ "root, registered as such", &root_root, "root", 0 },
		{ "missing", &root_default, "no-such-user", ERR_NOTFOUND },
		{ "not a name", &root_default, "$(id)", ERR_INVALID },
		{ "empty", &root_default, "", ERR_INVALID },
		{ "itself", &normal, "", 0 },
		{ "somebody else", &normal, "no-such-user", ERR_DENIED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct fault f = { 0 };
		struct agent_user u;

		row(t[i].what);
		assert_int_equal(agent_user_allowed(t[i].p, t[i].name, &u, &f), t[i].ret);
		if (t[i].ret == ERR_NOTFOUND) /* the words say what to do */
			assert_non_null(strstr(f.text, "useradd"));
	}
}

static void
t_find(void **state)
{
	struct agent_user u;

	(void)state;
	assert_int_equal(agent_user_find(&u, "root", NULL), 0);
	assert_int_equal(u.uid, 0);
	assert_int_equal(u.gid, 0);
	assert_string_equal(u.name, "root");
	assert_true(u.home[0] == '/' && u.shell[0] == '/');
	assert_in_range(u.ngroups, 1, AGENT_USER_GROUPS_MAX);
	assert_int_equal(agent_user_self(&u, NULL), 0);
	assert_int_equal(u.uid, geteuid());
	assert_true(u.home[0] == '/' && u.shell[0] == '/' && u.name[0] != '\0');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_choose),
		cmocka_unit_test(t_allowed),
		cmocka_unit_test(t_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
