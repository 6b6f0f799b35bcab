/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only the SQLite backend has: migrations, pragmas, a disk that is full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/migrate.h"
#include "store/sqlite.h"

#define OK(call) assert_int_equal(call, 0)

static int64_t
query(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st;
	int64_t v;

	OK(sqlite3_prepare_v2(db, sql, -1, &st, NULL));
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	v = sqlite3_column_int64(st, 0);
	OK(sqlite3_finalize(st));
	return v;
}

#define STEP(name, text)                     \
	{                                    \
		name, text, sizeof(text) - 1 \
	}

static const struct store_migration one[] = {
	STEP(
	    "0001_a.sql", "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);"),
	{ NULL, NULL, 0 },
};
static const struct store_migration two[] = {
	STEP("0001_a.sql", "this is never run again"),
	STEP("0002_b.sql", "CREATE TABLE b (y TEXT) STRICT; UPDATE a SET x = x + 1;"),
	{ NULL, NULL, 0 },
};
static const struct store_migration broken[] = {
	STEP("0001_a.sql", ""),
	STEP("0002_b.sql", ""),
	STEP("0003_c.sql",
	    "UPDATE a SET x = 99; CREATE TABLE c (z INTEGER); SELECT nonsense;"),
	{ NULL, NULL, 0 },
};

static void
t_migrate(void **state)
{
	struct fault f = { 0 };
	sqlite3 *db;
	(void)state;

	OK(sqlite3_open(":memory:", &db));
	OK(store_migrate(db, one, &f));
	assert_int_equal(query(db, "SELECT x FROM a"), 1);
	OK(store_migrate(db, one, &f)); /* nothing to do */
	OK(store_migrate(db, two, &f));
	assert_int_equal(query(db, "SELECT x FROM a"), 2);
	assert_int_equal(query(db, "SELECT max(version) FROM schema_version"), 2);
	/* A step that fails leaves nothing of itself. */
	assert_int_equal(store_migrate(db, broken, &f), ERR_STORE);
	assert_non_null(strstr(f.text, "0003_c.sql"));
	assert_int_equal(query(db, "SELECT x FROM a"), 2);
	assert_int_equal(
	    query(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'c'"), 0);
	assert_int_equal(query(db, "SELECT max(version) FROM schema_version"), 2);
	/* An older program finds a newer database. */
	assert_int_equal(store_migrate(db, one, &f), ERR_STORE);
	assert_non_null(strstr(f.text, "newer"));
	OK(sqlite3_close(db));
}

/* The version is the number in the name, not the place in the list. */
static void
t_migrate_names(void **state)
{
	static const struct {
		const char *what, *names[4];
		const char *words;
	} t[] = {
		{ "a gap", { "0001_a.sql", "0003_c.sql" }, "0003_c.sql is not" },
		{ "a double", { "0001_a.sql", "0002_b.sql", "0002_c.sql" }, "0002_c.sql is not" },
		{ "another order", { "0002_b.sql", "0001_a.sql" }, "0002_b.sql is not" },
		{ "no number", { "first.sql" }, "first.sql has no number" },
		{ "too short", { "0001" }, "0001 has no number" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct store_migration m[ARRAY_LEN(t[i].names)] = { 0 };
		struct fault f = { 0 };
		sqlite3 *db;

		print_message("  %s\n", t[i].what);
		for (size_t k = 0; t[i].names[k] != NULL; k++)
			m[k] = (struct store_migration)STEP(t[i].names[k], "");
		OK(sqlite3_open(":memory:", &db));
		assert_int_equal(store_migrate(db, m, &f), ERR_STORE);
		assert_non_null(strstr(f.text, t[i].words));
		assert_int_equal(query(db, "SELECT count(*) FROM sqlite_schema"), 0);
		OK(sqlite3_close(db));
	}
}

/* Before there were policies: users in a table of their own, and one who may do everything. */
static void
t_migrate_users(void **state)
{
	struct store_migration old[] = { store_migrations[0], store_migrations[1],
		store_migrations[2], { NULL, NULL, 0 } };
	struct fault f = { 0 };
	sqlite3 *db;
	(void)state;

	OK(sqlite3_open(":memory:", &db));
	OK(store_migrate(db, old, &f));
	OK(sqlite3_exec(db,
	    "INSERT INTO users VALUES ('admin', 'AIDA1', '/', 5), ('bob', 'AIDA2', '/x/', 6);"
	    "INSERT INTO access_keys VALUES ('AKIA1', 's', 1, 'admin', '', 1, 5, 0)",
	    NULL, NULL, NULL));
	OK(store_migrate(db, store_migrations, &f));
	assert_int_equal(
	    query(db, "SELECT count(*) FROM entities WHERE kind = 1 AND name = 'bob'"
		      " AND id = 'AIDA2' AND path = '/x/' AND created_ms = 6"),
	    1);
	assert_int_equal(query(db, "SELECT count(*) FROM attachments"), 1);
	assert_int_equal(query(db, "SELECT count(*) FROM attachments WHERE owner ="
				   " 'User/admin' AND policy_arn LIKE '%/AdministratorAccess'"),
	    1);
	assert_int_equal(query(db, "SELECT count(*) FROM access_keys WHERE access_key ="
				   " 'AKIA1' AND secret = 's' AND session_json = ''"),
	    1);
	OK(sqlite3_close(db));
}

/* Before trust policies knew ids: ARNs of users, roles and sessions, and what only looks like it. */
static void
t_migrate_trust(void **state)
{
	struct store_migration old[9] = { 0 };
	struct fault f = { 0 };
	sqlite3 *db;
	(void)state;

	memcpy(old, store_migrations, 7 * sizeof(old[0]));
	OK(sqlite3_open(":memory:", &db));
	OK(store_migrate(db, old, &f));
	OK(sqlite3_exec(db,
	    "INSERT INTO meta VALUES ('account-id', '123456789012');"
	    "INSERT INTO entities VALUES (1, 'al', 'AIDA1', '/x/', '', '', '', 0, 0, 0, 1, 1);"
	    "INSERT INTO entities VALUES (3, 'a', 'AROA1', '/', '', '', 'no JSON', 0, 0, 0, 1, 1);"
	    "INSERT INTO entities VALUES (3, 'b', 'AROA2', '/', '', '', '"
	    "{\"Statement\":[{\"Principal\":{\"AWS\":\"arn:aws:iam::123456789012:user/x/al\"},"
	    "\"Condition\":{\"ArnEquals\":{\"aws:PrincipalArn\":"
	    "\"arn:aws:iam::123456789012:user/x/al\"}}},"
	    "{\"NotPrincipal\":{\"AWS\":[\"123456789012\",\"arn:aws:iam::123456789012:role/b\","
	    "\"arn:aws:sts::123456789012:assumed-role/a/s/t\","
	    "\"arn:aws:iam::123456789012:user/al\"]}}]}', 0, 0, 0, 1, 1);"
	    "INSERT INTO entities VALUES (3, 'c', 'AROA3', '/', '', '', '"
	    "{\"Statement\": {\"Principal\":\"*\"}}', 0, 0, 0, 1, 1);",
	    NULL, NULL, NULL));
	OK(store_migrate(db, store_migrations, &f));
	assert_int_equal(query(db, "SELECT count(*) FROM entities WHERE name = 'b' AND trust = '"
	    "{\"Statement\":[{\"Principal\":{\"AWS\":\"AIDA1\"},"
	    "\"Condition\":{\"ArnEquals\":{\"aws:PrincipalArn\":"
	    "\"arn:aws:iam::123456789012:user/x/al\"}}},"
	    "{\"NotPrincipal\":{\"AWS\":[\"123456789012\",\"AROA2\",\"AROA1:s/t\","
	    "\"arn:aws:iam::123456789012:user/al\"]}}]}'"),
	    1);
	assert_int_equal(query(db, "SELECT count(*) FROM entities WHERE trust IN ('no JSON', '"
	    "{\"Statement\": {\"Principal\":\"*\"}}', '')"),
	    3);
	OK(sqlite3_close(db));
}

static void
t_refused(void **state)
{
	static const struct {
		const char *what, *sql, *words;
	} t[] = {
		{ "newer", "INSERT INTO schema_version VALUES (9999, 'future')", "9999" },
		{ "not ours", "PRAGMA application_id = 7", "not a Sallyport database" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char path[] = "/tmp/t_sqlite.XXXXXX";
		struct ev_loop *l = ev_loop_new();
		struct fault f = { 0 };
		struct store *s;
		sqlite3 *db;

		print_message("  %s\n", t[i].what);
		close(mkstemp(path));
		OK(store_open(&s, l, path, &f));
		store_close(s);
		OK(sqlite3_open(path, &db));
		OK(sqlite3_exec(db, t[i].sql, NULL, NULL, NULL));
		OK(sqlite3_close(db));
		assert_int_equal(store_open(&s, l, path, &f), ERR_STORE);
		assert_non_null(strstr(f.text, t[i].words));
		assert_non_null(strstr(f.text, path));
		assert_null(s);
		(void)unlink(path);
		ev_loop_free(l);
	}
}

static void
t_foreign_file(void **state)
{
	char path[] = "/tmp/t_sqlite.XXXXXX";
	struct ev_loop *l = ev_loop_new();
	struct fault f = { 0 };
	struct store *s;
	int fd = mkstemp(path);
	(void)state;

	assert_int_equal(write(fd,
			     "This is a text, and rather a long one at that; "
			     "no database at all, however one looks at it, "
			     "and more than a hundred bytes long.",
			     120),
	    120);
	close(fd);
	assert_int_equal(store_open(&s, l, path, &f), ERR_STORE);
	(void)unlink(path);
	ev_loop_free(l);
}

static void
t_pragmas(void **state)
{
	char path[] = "/tmp/t_sqlite.XXXXXX", name[40];
	struct ev_loop *l = ev_loop_new();
	struct fault f = { 0 };
	struct store *s;
	(void)state;

	close(mkstemp(path));
	OK(store_open(&s, l, path, &f));
	assert_int_equal(query(s->writer.db, "PRAGMA synchronous"), 2);
	assert_int_equal(query(s->writer.db, "PRAGMA foreign_keys"), 1);
	assert_int_equal(query(s->writer.db, "PRAGMA trusted_schema"), 0);
	assert_int_equal(query(s->writer.db, "PRAGMA wal_autocheckpoint"), 1000);
	assert_int_equal(query(s->reader.db, "PRAGMA query_only"), 1);
	assert_int_equal(query(s->reader.db, "PRAGMA trusted_schema"), 0);
	snprintf(name, sizeof(name), "%s-wal", path);
	OK(access(name, F_OK));
	store_close(s);
	assert_int_not_equal(access(name, F_OK), 0); /* checkpointed and gone */
	(void)unlink(path);
	ev_loop_free(l);
}

/* --- a full disk
 * ------------------------------------------------------------------------ */

enum { CHANGES = 600 };

struct full {
	struct store *s;
	struct ev_loop *loop;
	int result[CHANGES];
	size_t done;
};

struct full_change {
	struct full *all;
	size_t n;
};

static char blob[4000];

static int
full_run(struct store_tx *tx, void *arg, struct fault *f)
{
	struct full_change *c = arg;
	char name[16];

	(void)f;
	snprintf(name, sizeof(name), "n%zu", c->n);
	return store_meta_put(tx, name, blob);
}

static void
full_done(void *arg, int r, const struct fault *f)
{
	struct full_change *c = arg;

	c->all->result[c->n] = r;
	if (r != 0)
		assert_non_null(strstr(f->text, "full"));
	if (++c->all->done == CHANGES)
		ev_stop(c->all->loop);
	free(c);
}

/* Whatever SQLite rolls back by itself: 0 means that it is there, anything else not. */
static void
t_full(void **state)
{
	char path[] = "/tmp/t_sqlite.XXXXXX";
	struct full all = { .loop = ev_loop_new() };
	struct ev_timer alive = { 0 };
	struct fault f = { 0 };
	size_t good = 0;
	(void)state;

	memset(blob, 'x', sizeof(blob) - 1);
	close(mkstemp(path));
	OK(store_open(&all.s, all.loop, path, &f));
	OK(sqlite3_exec(
	    all.s->writer.db, "PRAGMA max_page_count = 300", NULL, NULL, NULL));
	for (size_t i = 0; i < CHANGES; i++) {
		struct full_change *c = xcalloc(1, sizeof(*c));

		*c = (struct full_change){ &all, i };
		store_submit(all.s, full_run, full_done, c);
	}
	ev_timer_set(all.loop, &alive, 60000, (ev_cb *)ev_stop, all.loop);
	ev_run(all.loop);
	ev_timer_clear(&alive);
	assert_int_equal(all.done, CHANGES);
	for (size_t i = 0; i < CHANGES; i++) {
		auto_arena mem = { 0 };
		char name[16], *value;
		int r;

		snprintf(name, sizeof(name), "n%zu", i);
		r = store_meta_get(store_reader(all.s), &mem, name, &value);
		assert_int_equal(r, all.result[i] == 0 ? 0 : ERR_NOTFOUND);
		good += r == 0;
	}
	print_message("  %zu of %d fitted\n", good, CHANGES);
	assert_true(good < CHANGES);
	store_close(all.s);
	(void)unlink(path);
	ev_loop_free(all.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_migrate),
		cmocka_unit_test(t_migrate_names),
		cmocka_unit_test(t_migrate_users),
		cmocka_unit_test(t_migrate_trust),
		cmocka_unit_test(t_refused),
		cmocka_unit_test(t_foreign_file),
		cmocka_unit_test(t_pragmas),
		cmocka_unit_test(t_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
