/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of IAM as store/iam.h promises them.
 */
#include "world.h"

#include "store/iam.h"

struct texts {
	char all[400];
};

static bool
join(struct texts *t, const char *a, const char *b)
{
	size_t n = strlen(t->all);

	snprintf(t->all + n, sizeof(t->all) - n, "%s%s=%s", n > 0 ? " " : "", a, b);
	return true;
}

static bool
join_pair(void *arg, const char *a, const char *b)
{
	return join(arg, a, b);
}

static bool
join_entity(void *arg, const struct store_entity *e)
{
	return join(arg, e->name, e->id);
}

static bool
join_key(void *arg, const struct store_key *k)
{
	return join(arg, k->access_key, k->owner);
}

static bool
join_mfa(void *arg, const struct store_mfa *m)
{
	return join(arg, m->name, m->user);
}

static bool
join_version(void *arg, const struct store_policy_version *v)
{
	return join(arg, v->document, "");
}

static struct store_entity
entity(int kind, const char *name, const char *id)
{
	return (struct store_entity){
		.kind = kind, .name = str(name), .id = str(id), .path = str("/"), .created_ms = 5
	};
}

/* What a list of pairs says. */
#define LIST(expected, call)                               \
	do {                                               \
		struct texts t = { "" };                   \
		OK(call);                                  \
		assert_string_equal(t.all, expected);      \
	} while (0)

static int
entity_rows(struct store_tx *tx, struct arena *mem)
{
	struct store_entity e = entity(STORE_USER, "alice", "AIDA1"), got;
	int64_t n;

	OK(store_entity_put(tx, &e));
	assert_int_equal(store_entity_put(tx, &e), ERR_EXISTS);
	e = entity(STORE_USER, "ALICE", "AIDA2"); /* the same name to IAM */
	assert_int_equal(store_entity_put(tx, &e), ERR_EXISTS);
	e = entity(STORE_ROLE, "alice", "AROA1"); /* another kind, another name */
	e.trust = str("{}");
	e.max_session_s = 3600;
	OK(store_entity_put(tx, &e));
	OK(store_entity_get(tx, mem, STORE_ROLE, "alice", &got));
	assert_string_equal(got.trust, "{}");
	assert_int_equal(got.max_session_s, 3600);
	got.boundary = str("arn:b");
	got.path = str("/ops/");
	OK(store_entity_set(tx, &got));
	OK(store_entity_get(tx, mem, STORE_ROLE, "alice", &got));
	assert_string_equal(got.path, "/ops/");
	OK(store_bounded_count(tx, "arn:b", &n));
	assert_int_equal(n, 1);
	got.name = str("nobody");
	assert_int_equal(store_entity_set(tx, &got), ERR_NOTFOUND);
	e = entity(STORE_USER, "bob", "AIDA3");
	OK(store_entity_put(tx, &e));
	LIST("alice=AIDA1 bob=AIDA3",
	    store_entities(tx, STORE_USER, "", join_entity, &t));
	LIST("bob=AIDA3", store_entities(tx, STORE_USER, "alice", join_entity, &t));
	OK(store_entity_count(tx, STORE_USER, &n));
	assert_int_equal(n, 2);
	assert_int_equal(
	    store_entity_rename(tx, STORE_USER, "alice", "bob"), ERR_EXISTS);
	OK(store_entity_del(tx, STORE_USER, "bob"));
	assert_int_equal(store_entity_del(tx, STORE_USER, "bob"), ERR_NOTFOUND);
	assert_int_equal(
	    store_entity_get(tx, mem, STORE_USER, "bob", &got), ERR_NOTFOUND);
	return 0;
}

/* A new name goes wherever the old one stood. */
static int
renamed(struct store_tx *tx, struct arena *mem)
{
	struct store_entity u = entity(STORE_USER, "alice", "AIDA1");
	struct store_key k = { .access_key = str("AKIA1"),
		.secret = str("s"),
		.kind = STORE_KEY_USER,
		.owner = str("alice"),
		.active = true };
	struct store_mfa m = { .name = str("phone"), .user = str("alice") };
	struct store_login l = { .user = str("alice"), .hash = str("h") }, got;
	char *v;

	OK(store_entity_put(tx, &u));
	OK(store_tag_put(tx, "User/alice", "team", "red"));
	OK(store_attach(tx, "User/alice", "arn:p"));
	OK(store_inline_put(tx, "User/alice", "own", "{}"));
	OK(store_member_put(tx, "Group/ops", "User/alice"));
	OK(store_key_put(tx, &k));
	k.access_key = str("AKIA2");
	k.kind = STORE_KEY_ROLE; /* a role of the same name keeps its keys */
	OK(store_key_put(tx, &k));
	OK(store_mfa_put(tx, &m));
	OK(store_login_put(tx, &l));
	OK(store_entity_rename(tx, STORE_USER, "alice", "carol"));
	OK(store_tag_get(tx, mem, "User/carol", "team", &v));
	LIST("User/carol=arn:p", store_attached_to(tx, "arn:p", "", join_pair, &t));
	OK(store_inline_get(tx, mem, "User/carol", "own", &v));
	LIST("Group/ops=User/carol", store_members(tx, "Group/ops", "", join_pair, &t));
	LIST("AKIA1=carol",
	    store_keys(tx, STORE_KEY_USER, "carol", "", join_key, &t));
	LIST("AKIA2=alice",
	    store_keys(tx, STORE_KEY_ROLE, "alice", "", join_key, &t));
	LIST("phone=carol", store_mfas(tx, "carol", "", join_mfa, &t));
	OK(store_login_get(tx, mem, "carol", &got));
	return 0;
}

static int
policy_rows(struct store_tx *tx, struct arena *mem)
{
	struct store_entity p = entity(STORE_POLICY, "edge", "ANPA1");
	struct store_policy_version v = { .policy = str("edge"), .document = str("one") };
	struct store_policy_version got;
	char *text;

	OK(store_entity_put(tx, &p));
	for (v.version = 1; v.version <= 2; v.version++) {
		OK(store_policy_version_put(tx, &v));
		v.document = str("two");
	}
	assert_int_equal(store_policy_version_get(tx, mem, "edge", 3, &got), ERR_NOTFOUND);
	OK(store_policy_version_get(tx, mem, "edge", 1, &got));
	assert_string_equal(got.document, "one");
	LIST("two= one=", store_policy_versions(tx, "edge", 0, join_version, &t));
	LIST("one=", store_policy_versions(tx, "edge", 2, join_version, &t));
	OK(store_policy_version_del(tx, "edge", 1));
	assert_int_equal(store_policy_version_del(tx, "edge", 1), ERR_NOTFOUND);
	OK(store_entity_del(tx, STORE_POLICY, "edge"));
	LIST("", store_policy_versions(tx, "edge", 0, join_version, &t));

	OK(store_attach(tx, "Role/r", "arn:b"));
	OK(store_attach(tx, "Role/r", "arn:a"));
	OK(store_attach(tx, "Role/r", "arn:a"));
	LIST("Role/r=arn:a Role/r=arn:b", store_attached(tx, "Role/r", "", join_pair, &t));
	LIST("Role/r=arn:b", store_attached(tx, "Role/r", "arn:a", join_pair, &t));
	OK(store_detach(tx, "Role/r", "arn:a"));
	assert_int_equal(store_detach(tx, "Role/r", "arn:a"), ERR_NOTFOUND);

	OK(store_inline_put(tx, "User/u", "b", "1"));
	OK(store_inline_put(tx, "User/u", "a", "2"));
	OK(store_inline_put(tx, "User/u", "b", "3"));
	LIST("a=2 b=3", store_inlines(tx, "User/u", "", join_pair, &t));
	assert_int_equal(store_inline_get(tx, mem, "User/x", "a", &text), ERR_NOTFOUND);
	OK(store_inline_del(tx, "User/u", "a"));
	assert_int_equal(store_inline_del(tx, "User/u", "a"), ERR_NOTFOUND);

	OK(store_member_put(tx, "Group/g", "User/u"));
	OK(store_member_put(tx, "Group/g", "User/u"));
	OK(store_member_put(tx, "Group/h", "User/u"));
	LIST("Group/g=User/u Group/h=User/u",
	    store_member_of(tx, "User/u", "", join_pair, &t));
	OK(store_member_del(tx, "Group/g", "User/u"));
	assert_int_equal(store_member_del(tx, "Group/g", "User/u"), ERR_NOTFOUND);
	return 0;
}

static int
proof_rows(struct store_tx *tx, struct arena *mem)
{
	struct store_mfa m = { .name = str("phone"), .path = str("/"), .seed = str("S") };
	struct store_login l = { .user = str("u"), .hash = str("one"), .reset = true };
	struct store_oidc o = { .url = str("idp"), .clients_json = str("[\"a\"]") }, op;
	struct store_lock k = { .id = str("AIDA1"), .arn = str("arn:u"), .reason = str("why") }, kp;
	struct store_mfa mp;
	struct store_login lp;

	OK(store_mfa_put(tx, &m));
	assert_int_equal(store_mfa_put(tx, &m), ERR_EXISTS);
	m.user = str("u");
	m.last_step = 7;
	m.failures = 2;
	OK(store_mfa_set(tx, &m));
	OK(store_mfa_get(tx, mem, "phone", &mp));
	assert_string_equal(mp.seed, "S");
	assert_int_equal(mp.last_step, 7);
	assert_int_equal(mp.failures, 2);
	LIST("phone=u", store_mfas(tx, NULL, "", join_mfa, &t));
	LIST("", store_mfas(tx, "v", "", join_mfa, &t));
	OK(store_mfa_del(tx, "phone"));
	assert_int_equal(store_mfa_del(tx, "phone"), ERR_NOTFOUND);

	OK(store_login_put(tx, &l));
	l.hash = str("two");
	OK(store_login_put(tx, &l));
	OK(store_login_get(tx, mem, "u", &lp));
	assert_string_equal(lp.hash, "two");
	assert_true(lp.reset);
	OK(store_login_del(tx, "u"));
	assert_int_equal(store_login_del(tx, "u"), ERR_NOTFOUND);

	OK(store_oidc_put(tx, &o));
	OK(store_oidc_get(tx, mem, "idp", &op));
	assert_string_equal(op.clients_json, "[\"a\"]");
	assert_string_equal(op.thumbprints_json, "");
	OK(store_oidc_del(tx, "idp"));
	assert_int_equal(store_oidc_del(tx, "idp"), ERR_NOTFOUND);

	OK(store_lock_put(tx, &k));
	OK(store_lock_get(tx, mem, "AIDA1", &kp));
	assert_string_equal(kp.reason, "why");
	OK(store_lock_del(tx, "AIDA1"));
	assert_int_equal(store_lock_del(tx, "AIDA1"), ERR_NOTFOUND);
	return 0;
}

/* The keys of a live session stay, that it can be authorised again. */
static int
expiring_keys(struct store_tx *tx, struct arena *mem)
{
	struct store_key k = { .access_key = str("ASIA1"),
		.secret = str("s"),
		.kind = STORE_KEY_ROLE,
		.owner = str("r"),
		.session_json = str("{}"),
		.active = true,
		.expires_ms = 10 };
	struct store_session s = { .id = str("r-1"), .access_key = str("ASIA1") };
	struct store_key got;

	OK(store_key_put(tx, &k));
	OK(store_session_put(tx, &s));
	OK(store_keys_expire(tx, 10));
	OK(store_key_get(tx, mem, "ASIA1", &got));
	assert_string_equal(got.session_json, "{}");
	s.end_ms = 11;
	OK(store_session_put(tx, &s));
	OK(store_keys_expire(tx, 9));
	OK(store_key_get(tx, mem, "ASIA1", &got));
	OK(store_keys_expire(tx, 10));
	assert_int_equal(store_key_get(tx, mem, "ASIA1", &got), ERR_NOTFOUND);
	return 0;
}

static void
t_rows(void **state)
{
	static const struct rows t[] = {
		{ "users, roles", entity_rows },
		{ "a new name", renamed },
		{ "policies", policy_rows },
		{ "proofs and locks", proof_rows },
		{ "keys that expire", expiring_keys },
	};
	(void)state;

	each_rows(t, ARRAY_LEN(t));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(t_rows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
