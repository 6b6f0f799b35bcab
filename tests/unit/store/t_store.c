/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows as store.h promises them, whatever stands behind: against each kind of path.
 */
#include "world.h"

/* --- rows ------------------------------------------------------------------------- */

static int
meta_rows(struct store_tx *tx, struct arena *mem)
{
	char *v;

	assert_int_equal(store_meta_get(tx, mem, "a", &v), ERR_NOTFOUND);
	OK(store_meta_put(tx, "a", "1"));
	OK(store_meta_put(tx, "a", "2"));
	OK(store_meta_get(tx, mem, "a", &v));
	assert_string_equal(v, "2");
	OK(store_meta_del(tx, "a"));
	OK(store_meta_del(tx, "a"));
	assert_int_equal(store_meta_get(tx, mem, "a", &v), ERR_NOTFOUND);
	return 0;
}

static struct store_key
key_of(const char *access_key, int kind, const char *owner, int64_t expires_ms)
{
	return (struct store_key){ .access_key = str(access_key),
		.secret = str("s3cret"),
		.kind = kind,
		.owner = str(owner),
		.token_sha256 = str(""),
		.active = true,
		.created_ms = 1,
		.expires_ms = expires_ms };
}

static int
key_rows(struct store_tx *tx, struct arena *mem)
{
	struct store_key a = key_of("A", STORE_KEY_USER, "alice", 0), got;
	struct store_key b = key_of("B", STORE_KEY_NODE, "mi-1", 100);
	struct store_key c = key_of("C", STORE_KEY_NODE, "mi-1", 0);

	OK(store_key_put(tx, &a));
	OK(store_key_put(tx, &b));
	OK(store_key_put(tx, &c));
	assert_int_equal(store_key_put(tx, &a), ERR_EXISTS);
	OK(store_key_get(tx, mem, "A", &got));
	assert_string_equal(got.secret, "s3cret");
	assert_string_equal(got.token_sha256, "");
	assert_true(got.active);
	OK(store_key_set_active(tx, "A", false));
	OK(store_key_get(tx, mem, "A", &got));
	assert_false(got.active);
	assert_int_equal(store_key_set_active(tx, "Z", true), ERR_NOTFOUND);
	OK(store_keys_expire(tx, 99));
	OK(store_key_get(tx, mem, "B", &got));
	assert_int_equal(got.expires_ms, 100);
	OK(store_keys_expire(tx, 100)); /* an end at this moment is over */
	assert_int_equal(store_key_get(tx, mem, "B", &got), ERR_NOTFOUND);
	OK(store_keys_del_owner(tx, STORE_KEY_USER, "mi-1")); /* another kind */
	OK(store_key_get(tx, mem, "C", &got));
	OK(store_keys_del_owner(tx, STORE_KEY_NODE, "mi-1"));
	assert_int_equal(store_key_get(tx, mem, "C", &got), ERR_NOTFOUND);
	OK(store_key_get(tx, mem, "A", &got));
	return 0;
}

static struct store_activation
activation_of(const char *id, int64_t limit, int64_t expires_ms)
{
	return (struct store_activation){ .id = str(id),
		.code_sha256 = str("abc"),
		.description = str("d"),
		.instance_name = str("n"),
		.iam_role = str("r"),
		.id_prefix = str("mi-"),
		.limit = limit,
		.expires_ms = expires_ms,
		.created_ms = 3,
		.tags_json = str("{}") };
}

static bool
add_activation_id(void *arg, const struct store_activation *a)
{
	buf_add_str(arg, a->id);
	return true;
}

static int
activation_rows(struct store_tx *tx, struct arena *mem)
{
	struct store_activation a = activation_of("a", 2, 100),
				b = activation_of("b", 1, 0), got;
	auto_buf ids = { .max = 100 };

	OK(store_activation_put(tx, &b));
	OK(store_activation_put(tx, &a));
	assert_int_equal(store_activation_put(tx, &a), ERR_EXISTS);
	OK(store_activation_use(tx, "a", 99));
	OK(store_activation_use(tx, "a", 99));
	assert_int_equal(store_activation_use(tx, "a", 99), ERR_LIMIT);
	assert_int_equal(store_activation_use(tx, "a", 100), ERR_EXPIRED);
	OK(store_activation_use(tx, "b", INT64_MAX));
	assert_int_equal(store_activation_use(tx, "c", 0), ERR_NOTFOUND);
	OK(store_activation_get(tx, mem, "a", &got));
	assert_int_equal(got.count, 2);
	assert_int_equal(got.limit, 2);
	assert_string_equal(got.id_prefix, "mi-");
	OK(store_activations(tx, "", add_activation_id, &ids));
	OK(store_activations(tx, "a", add_activation_id, &ids));
	assert_string_equal(buf_cstr(&ids), "abb");
	OK(store_activation_del(tx, "a"));
	assert_int_equal(store_activation_del(tx, "a"), ERR_NOTFOUND);
	return 0;
}

static struct store_node
node_of(const char *id)
{
	return (struct store_node){ .id = str(id),
		.public_key = str("k"),
		.fingerprint = str("f"),
		.activation_id = str("act"),
		.iam_role = str("role"),
		.name = str("web"),
		.agent_name = str("amazon-ssm-agent"),
		.agent_version = str("3.3.0.0"),
		.platform_type = str("Linux"),
		.platform_name = str("Debian"),
		.platform_version = str("12"),
		.ip = str("192.0.2.1"),
		.hostname = str("h"),
		.zone = str("z"),
		.leave_reason = str(""),
		.registered_ms = 1,
		.ping_ms = 2,
		.offline_ms = 3 };
}

static bool
first_node_only(void *arg, const struct store_node *n)
{
	buf_add_str(arg, n->id);
	return false;
}

static int
node_rows(struct store_tx *tx, struct arena *mem)
{
	struct store_node n = node_of("mi-2"), got;
	struct store_key k = key_of("K", STORE_KEY_NODE, "mi-2", 0), key;
	auto_buf ids = { .max = 100 };
	char *v;

	OK(store_node_put(tx, &n));
	n.hostname = str("h2");
	OK(store_node_put(tx, &n)); /* replaces */
	OK(store_node_get(tx, mem, "mi-2", &got));
	assert_string_equal(got.hostname, "h2");
	assert_string_equal(got.agent_version, "3.3.0.0");
	assert_string_equal(got.zone, "z");
	assert_int_equal(got.ping_ms, 2);
	OK(store_node_set_leave(tx, "mi-2", "power cut", 77));
	OK(store_node_get(tx, mem, "mi-2", &got));
	assert_string_equal(got.leave_reason, "power cut");
	assert_int_equal(got.offline_ms, 77);
	assert_string_equal(got.hostname, "h2");
	assert_int_equal(store_node_set_leave(tx, "mi-9", "", 0), ERR_NOTFOUND);
	n = node_of("mi-1");
	OK(store_node_put(tx, &n));
	OK(store_nodes(tx, "", first_node_only, &ids));
	OK(store_nodes(tx, "mi-1", first_node_only, &ids));
	assert_string_equal(buf_cstr(&ids), "mi-1mi-2");

	OK(store_key_put(tx, &k));
	OK(store_tag_put(tx, "ManagedInstance/mi-2", "env", "prod"));
	OK(store_tag_put(tx, "ManagedInstance/mi-1", "env", "dev"));
	OK(store_node_del(tx, "mi-2"));
	assert_int_equal(store_node_del(tx, "mi-2"), ERR_NOTFOUND);
	assert_int_equal(store_key_get(tx, mem, "K", &key), ERR_NOTFOUND);
	assert_int_equal(
	    store_tag_get(tx, mem, "ManagedInstance/mi-2", "env", &v), ERR_NOTFOUND);
	OK(store_tag_get(tx, mem, "ManagedInstance/mi-1", "env", &v));
	return 0;
}

struct nested {
	struct store_tx *tx;
	struct buf *out;
	int depth;
};

/* The same query inside its own callback: statements are shared, walks are not. */
static bool
add_tag(void *arg, const struct store_tag *t)
{
	struct nested *n = arg;

	buf_addf(n->out, "%s.%s=%s ", t->resource, t->key, t->value);
	if (n->depth == 0) {
		struct nested inner = { n->tx, n->out, 1 };

		buf_add_str(n->out, "[");
		OK(store_tags(n->tx, "B", add_tag, &inner));
		buf_add_str(n->out, "]");
	}
	return true;
}

static int
tag_rows(struct store_tx *tx, struct arena *mem)
{
	auto_buf out = { .max = 1000 };
	struct nested outer = { tx, &out, 0 };
	char *v;

	OK(store_tag_put(tx, "B", "y", "2"));
	OK(store_tag_put(tx, "B", "x", "0"));
	OK(store_tag_put(tx, "B", "x", "1"));
	OK(store_tag_put(tx, "A", "z", "3"));
	OK(store_tag_get(tx, mem, "B", "x", &v));
	assert_string_equal(v, "1");
	OK(store_tags(tx, "B", add_tag, &outer));
	assert_string_equal(buf_cstr(&out), "B.x=1 [B.x=1 B.y=2 ]B.y=2 [B.x=1 B.y=2 ]");
	buf_reset(&out);
	outer.depth = 1;
	OK(store_tags(tx, NULL, add_tag, &outer));
	assert_string_equal(buf_cstr(&out), "A.z=3 B.x=1 B.y=2 ");
	OK(store_tag_del(tx, "B", "x"));
	OK(store_tag_del(tx, "B", "x"));
	OK(store_tags_del(tx, "A"));
	buf_reset(&out);
	OK(store_tags(tx, NULL, add_tag, &outer));
	assert_string_equal(buf_cstr(&out), "B.y=2 ");
	return 0;
}

static int
document_rows(struct store_tx *tx, struct arena *mem)
{
	struct store_document d = { .name = str("Doc"),
		.type = str("Session"),
		.content = str("{\"a\":1}"),
		.version = 99, /* not ours to say */
		.created_ms = 4,
		.builtin = true },
			      got;
	int64_t version;

	OK(store_document_put(tx, &d, &version));
	assert_int_equal(version, 1);
	d.content = str("{\"a\":2}");
	d.builtin = false;
	OK(store_document_put(tx, &d, &version));
	assert_int_equal(version, 2);
	OK(store_document_get(tx, mem, "Doc", 0, &got));
	assert_int_equal(got.version, 2);
	assert_string_equal(got.content, "{\"a\":2}");
	assert_false(got.builtin);
	OK(store_document_get(tx, mem, "Doc", 1, &got));
	assert_string_equal(got.content, "{\"a\":1}");
	assert_string_equal(got.type, "Session");
	assert_true(got.builtin);
	assert_int_equal(store_document_get(tx, mem, "Doc", 3, &got), ERR_NOTFOUND);
	assert_int_equal(store_document_get(tx, mem, "Other", 0, &got), ERR_NOTFOUND);
	return 0;
}

static bool
add_document(void *arg, const struct store_document *d)
{
	buf_addf(arg, "%s:%lld/%lld/%lld ", d->name, (long long)d->version,
	    (long long)d->default_version, (long long)d->latest_version);
	return true;
}

/* Own documents keep their default; numbers do not come again. */
static int
document_heads(struct store_tx *tx, struct arena *mem)
{
	struct store_document d = { .name = str("Own"),
		.type = str("Session"),
		.content = str("1"),
		.version_name = str("one") },
			      got;
	auto_buf out = { .max = 1000 };
	int64_t version;
	char *v;

	OK(store_document_put(tx, &d, &version));
	d.version_name = NULL;
	OK(store_document_put(tx, &d, &version));
	OK(store_document_put(tx, &d, &version));
	OK(store_document_get(tx, mem, "Own", STORE_DOCUMENT_DEFAULT, &got));
	assert_int_equal(got.version, 1);
	assert_string_equal(got.version_name, "one");
	OK(store_document_named(tx, "Own", "one", &version));
	assert_int_equal(version, 1);
	assert_int_equal(store_document_named(tx, "Own", "", &version), ERR_NOTFOUND);
	assert_int_equal(store_document_set_default(tx, "Own", 4), ERR_NOTFOUND);
	OK(store_document_set_default(tx, "Own", 2));
	OK(store_document_del_version(tx, "Own", 3));
	assert_int_equal(store_document_del_version(tx, "Own", 3), ERR_NOTFOUND);
	OK(store_document_put(tx, &d, &version));
	assert_int_equal(version, 4);
	d.name = str("Amazon");
	d.builtin = true;
	OK(store_document_put(tx, &d, &version));
	OK(store_document_put(tx, &d, &version));
	OK(store_documents(tx, "", add_document, &out));
	OK(store_document_versions(tx, "Own", 0, add_document, &out));
	OK(store_document_versions(tx, "Own", 2, add_document, &out));
	assert_string_equal(buf_cstr(&out),
	    "Amazon:2/2/2 Own:2/2/4 Own:4/2/4 Own:2/2/4 Own:1/2/4 Own:1/2/4 ");
	OK(store_document_count(tx, &version));
	assert_int_equal(version, 1);
	OK(store_document_version_count(tx, "Own", &version));
	assert_int_equal(version, 3);
	OK(store_tag_put(tx, "Document/Own", "k", "v"));
	OK(store_document_del(tx, "Own"));
	assert_int_equal(store_document_del(tx, "Own"), ERR_NOTFOUND);
	assert_int_equal(store_tag_get(tx, mem, "Document/Own", "k", &v), ERR_NOTFOUND);
	d = (struct store_document){
		.name = str("Own"), .type = str("Session"), .content = str("1")
	};
	OK(store_document_put(tx, &d, &version));
	assert_int_equal(version, 1);
	d.version_name = str("same");
	OK(store_document_put(tx, &d, &version));
	assert_int_equal(store_document_put(tx, &d, &version), ERR_EXISTS);
	return 0;
}

static struct store_session
session_of(const char *id, int64_t start_ms, int64_t end_ms)
{
	return (struct store_session){ .id = str(id),
		.target = str("mi-1"),
		.document = str("Doc"),
		.reason = str("why"),
		.owner_arn = str("arn"),
		.owner_user_id = str("AIDA"),
		.access_key = str("AKIA"),
		.source_ip = str("192.0.2.9"),
		.region = str("eu-west-1"),
		.status = str("Connected"),
		.details = str(""),
		.content_json = str("{}"),
		.run_as = str("ops"),
		.token_sha256 = str("t"),
		.token_expires_ms = 9,
		.start_ms = start_ms,
		.end_ms = end_ms,
		.max_duration_min = 60,
		.idle_min = 20 };
}

static bool
add_session(void *arg, const struct store_session *s)
{
	buf_addf(arg, "%s ", s->id);
	return true;
}

static void
put_sessions(struct store_tx *tx)
{
	static const struct {
		const char *id;
		int64_t start_ms, end_ms;
		bool farewell;
	} rows[] = {
		{ "a", 10, 0, false },
		{ "b", 20, 0, false },
		{ "c", 20, 0, false },
		{ "d", 30, 90, true },
		{ "e", 40, 50, true },
		{ "f", 50, 70, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct store_session s =
		    session_of(rows[i].id, rows[i].start_ms, rows[i].end_ms);

		s.farewell = rows[i].farewell;
		OK(store_session_put(tx, &s));
	}
}

static int
session_lists(struct store_tx *tx, struct arena *mem)
{
	auto_buf out = { .max = 1000 };

	(void)mem;
	put_sessions(tx);
	OK(store_sessions(tx, true, 0, "", add_session, &out));
	assert_string_equal(buf_cstr(&out), "c b a ");
	buf_reset(&out);
	OK(store_sessions(tx, true, 20, "c", add_session, &out)); /* among equals */
	assert_string_equal(buf_cstr(&out), "b a ");
	buf_reset(&out);
	OK(store_sessions(tx, false, 0, "", add_session, &out));
	assert_string_equal(buf_cstr(&out), "f e d ");
	buf_reset(&out);
	OK(store_sessions_farewell(tx, 0, add_session, &out));
	assert_string_equal(buf_cstr(&out), "e d ");
	buf_reset(&out);
	OK(store_sessions_farewell(tx, 51, add_session, &out));
	assert_string_equal(buf_cstr(&out), "d ");
	buf_reset(&out);
	OK(store_sessions_purge(tx, 70)); /* what ended at 70 stays */
	OK(store_sessions(tx, false, 0, "", add_session, &out));
	OK(store_sessions(tx, true, 0, "", add_session, &out));
	assert_string_equal(buf_cstr(&out), "f d c b a ");
	return 0;
}

static int
session_rows(struct store_tx *tx, struct arena *mem)
{
	struct store_session s = session_of("s-1", 10, 0), got;

	OK(store_session_put(tx, &s));
	OK(store_session_get(tx, mem, "s-1", &got));
	assert_string_equal(got.source_ip, "192.0.2.9");
	assert_string_equal(got.run_as, "ops");
	assert_int_equal(got.idle_min, 20);
	s.status = str("Terminated");
	s.details = str("by hand");
	s.end_ms = 77;
	s.farewell = true;
	s.target = str("ignored");
	OK(store_session_set_status(tx, &s));
	OK(store_session_set_token(tx, "s-1", "", 0));
	OK(store_session_get(tx, mem, "s-1", &got));
	assert_string_equal(got.status, "Terminated");
	assert_string_equal(got.details, "by hand");
	assert_string_equal(got.target, "mi-1");
	assert_string_equal(got.token_sha256, "");
	assert_int_equal(got.token_expires_ms, 0);
	assert_int_equal(got.end_ms, 77);
	assert_true(got.farewell);
	assert_int_equal(store_session_set_token(tx, "s-2", "", 0), ERR_NOTFOUND);
	s.id = str("s-2");
	assert_int_equal(store_session_set_status(tx, &s), ERR_NOTFOUND);
	assert_int_equal(store_session_get(tx, mem, "s-2", &got), ERR_NOTFOUND);
	return 0;
}

static void
t_rows(void **state)
{
	static const struct rows t[] = {
		{ "settings", meta_rows },
		{ "access keys", key_rows },
		{ "activations", activation_rows },
		{ "nodes", node_rows },
		{ "tags", tag_rows },
		{ "documents", document_rows },
		{ "versions of documents", document_heads },
		{ "sessions", session_rows },
		{ "lists of sessions", session_lists },
	};
	(void)state;

	each_rows(t, ARRAY_LEN(t));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
