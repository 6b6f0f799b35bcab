/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first rows of an installation, and from an access key to an identity.
 */
#include "world.h"

#include "server/domain/identity.h"

static char *
str(const char *s)
{
	return (char *)(uintptr_t)s;
}

static void
t_account_init(void **state)
{
	struct world w;
	struct account_made m, again;
	struct fault f = { 0 };
	auto_arena mem = { 0 };
	struct principal who;
	struct store_key key;
	char *id;
	(void)state;

	world_init(&w, 1);
	assert_int_equal(account_id(store_reader(w.store), &mem, &id), ERR_NOTFOUND);
	account_draw(w.loop, &m);
	OK(account_init(w.store, w.loop, &m, &f));
	assert_true(id_account_valid(span_str(m.account)));
	assert_true(id_access_key_valid(span_str(m.access_key)));
	assert_true(span_starts(span_str(m.access_key), "AKIA"));
	assert_int_equal(strlen(m.secret), ID_SECRET_KEY_LEN);
	assert_string_equal(m.user, "admin");
	OK(account_id(store_reader(w.store), &mem, &id));
	assert_string_equal(id, m.account);

	OK(identity_of_key(store_reader(w.store), &mem, m.access_key, 0, &who, &key));
	assert_int_equal(who.kind, PRINCIPAL_USER);
	assert_string_equal(
	    who.arn, arena_printf(&mem, "arn:aws:iam::%s:user/admin", m.account));
	assert_string_equal(who.access_key, m.access_key);
	assert_string_equal(who.session_name, "admin");
	assert_string_equal(who.run_as, "");
	assert_string_equal(who.role, "");
	assert_true(span_starts(span_str(who.user_id), "AIDA"));
	assert_int_equal(strlen(who.user_id), IDENTITY_ID_LEN);
	assert_string_equal(key.secret, m.secret);

	account_draw(w.loop, &again);
	assert_string_not_equal(again.secret, m.secret);
	assert_int_equal(account_init(w.store, w.loop, &again, &f), ERR_EXISTS);
	assert_non_null(strstr(f.text, m.account));
	world_fini(&w);
}

static int
put_rows(struct store_tx *tx, void *arg, struct fault *f)
{
	struct store_node n = blank_node(NODE);
	struct store_key k = { .access_key = str("ASIANODE"),
		.secret = str("s"),
		.kind = STORE_KEY_NODE,
		.owner = str(NODE),
		.token_sha256 = str("t"),
		.active = true,
		.expires_ms = 1000 };

	(void)arg;
	(void)f;
	OK(store_node_put(tx, &n));
	OK(store_key_put(tx, &k));
	k.access_key = str("ASIAGONE");
	k.owner = str("mi-gone");
	OK(store_key_put(tx, &k));
	k.access_key = str("ASIAOFF");
	k.active = false;
	OK(store_key_put(tx, &k));
	OK(store_tag_put(tx, "User/admin", "SSMSessionRunAs", "ops"));
	return 0;
}

static void
t_of_key(void **state)
{
	static const struct {
		const char *what, *key;
		int64_t now_ms;
		int r;
	} t[] = {
		{ "a node's key", "ASIANODE", 999, 0 },
		{ "past its end", "ASIANODE", 1000, ERR_EXPIRED },
		{ "unknown", "ASIANONE", 0, ERR_NOTFOUND },
		{ "inactive", "ASIAOFF", 0, ERR_DENIED },
		{ "owner is gone", "ASIAGONE", 0, ERR_NOTFOUND },
	};
	struct world w;
	struct account_made m;
	struct principal who;
	auto_arena mem = { 0 };
	(void)state;

	world_init(&w, 1);
	account_draw(w.loop, &m);
	OK(account_init(w.store, w.loop, &m, NULL));
	OK(store_apply(w.store, put_rows, NULL, NULL));
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		print_message("  %s\n", t[i].what);
		assert_int_equal(identity_of_key(store_reader(w.store), &mem, t[i].key,
				     t[i].now_ms, &who, NULL),
		    t[i].r);
	}
	OK(identity_of_key(store_reader(w.store), &mem, "ASIANODE", 1, &who, NULL));
	assert_int_equal(who.kind, PRINCIPAL_NODE);
	assert_string_equal(who.arn,
	    arena_printf(
		&mem, "arn:aws:sts::%s:assumed-role/SallyportNode/" NODE, m.account));
	assert_true(span_starts(span_str(who.user_id), "AROA"));
	assert_string_equal(who.user_id + IDENTITY_ID_LEN, ":" NODE);
	assert_string_equal(who.name, NODE);
	assert_string_equal(who.role, "SallyportNode");
	OK(identity_of_user(store_reader(w.store), &mem, "admin", &who));
	assert_string_equal(who.run_as, "ops");
	world_fini(&w);
}

struct change {
	const char *key;
	bool active;
};

static int
put_user_key(struct store_tx *tx, void *arg, struct fault *f)
{
	const struct change *c = arg;
	struct store_key k = { .access_key = str(c->key),
		.secret = str("s"),
		.kind = STORE_KEY_USER,
		.owner = str("admin"),
		.token_sha256 = str("t"),
		.active = c->active,
		.expires_ms = 1000 };

	(void)f;
	return store_key_put(tx, &k);
}

/*
 * Who started a session, asked much later: credentials may have expired, but neither been
 * taken away nor belong to somebody else by now.
 */
static void
t_of_owner(void **state)
{
	static const struct {
		const char *what, *key, *user, *user_id; /* NULL: admin's own */
		int r;
	} t[] = {
		{ "as at the start", NULL, "user/admin", NULL, 0 },
		{ "a user with a path", NULL, "user/ops/team/admin", NULL, 0 },
		{ "temporary keys that have expired", "ASIATEMP000000000000",
		    "user/admin", NULL, 0 },
		{ "and were swept away", "ASIASWEPT00000000000", "user/admin", NULL, 0 },
		{ "temporary keys that were deactivated", "ASIAOFF0000000000000",
		    "user/admin", NULL, ERR_DENIED },
		{ "a long-term key that was deactivated", "AKIAOFF0000000000000",
		    "user/admin", NULL, ERR_DENIED },
		{ "a long-term key that was deleted", "AKIAGONE000000000000",
		    "user/admin", NULL, ERR_DENIED },
		{ "a user who is gone", "ASIASWEPT00000000000", "user/alice", NULL,
		    ERR_NOTFOUND },
		{ "another user of that name", NULL, "user/admin",
		    "AIDAOTHER0000000000000", ERR_NOTFOUND },
		{ "a node", "ASIASWEPT00000000000", "assumed-role/SallyportNode/" NODE,
		    NULL, ERR_NOTFOUND },
		{ "no ARN at all", "ASIASWEPT00000000000", "", NULL, ERR_NOTFOUND },
	};
	struct world w;
	struct account_made m;
	struct principal admin, who;
	auto_arena mem = { 0 };
	(void)state;

	world_init(&w, 1);
	account_draw(w.loop, &m);
	OK(account_init(w.store, w.loop, &m, NULL));
	OK(store_apply(w.store, put_user_key,
	    &(struct change){ "ASIATEMP000000000000", true }, NULL));
	OK(store_apply(w.store, put_user_key,
	    &(struct change){ "ASIAOFF0000000000000", false }, NULL));
	OK(store_apply(w.store, put_user_key,
	    &(struct change){ "AKIAOFF0000000000000", false }, NULL));
	OK(identity_of_user(store_reader(w.store), &mem, "admin", &admin));
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const char *arn = t[i].user[0] == '\0'
		    ? ""
		    : arena_printf(&mem, "arn:aws:iam::%s:%s", m.account, t[i].user);

		print_message("  %s\n", t[i].what);
		assert_int_equal(
		    identity_of_owner(store_reader(w.store), &mem,
			t[i].key != NULL ? t[i].key : m.access_key, arn,
			t[i].user_id != NULL ? t[i].user_id : admin.user_id, &who),
		    t[i].r);
		if (t[i].r == 0)
			assert_string_equal(who.name, "admin");
	}
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_account_init),
		cmocka_unit_test(t_of_key),
		cmocka_unit_test(t_of_owner),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
