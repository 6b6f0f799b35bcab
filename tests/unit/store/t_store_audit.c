/* SPDX-License-Identifier: Apache-2.0 */
/* The audit trail in the store: its chain follows commits, not appends, and is never built on
 * what somebody else wrote. */
#include "unit/store/world.h"

#include <sqlite3.h>

#include "store/sql.h"
#include "store/store_audit.h"

#define ACCOUNT "123456789012"
#define NOW     1795225285000

struct bench {
	struct world w;
	struct ed25519_key *key;
	char damage[200];
};

static int
start(struct bench *b, bool is_new)
{
	struct store_audit_key k = {
		.key = b->key, .account = ACCOUNT, .is_new = is_new, .now_ms = NOW
	};

	return store_audit_start(b->w.store, &k, b->damage, NULL);
}

static void
bench_init(struct bench *b)
{
	static const uint8_t seed[ED25519_SEED_LEN] = { 3 };

	crypto_init();
	world_init(&b->w, "file");
	world_open(&b->w);
	OK(ed25519_from_seed(&b->key, seed));
	OK(start(b, true));
	assert_string_equal(b->damage, "");
}

static void
bench_fini(struct bench *b)
{
	world_fini(&b->w);
	ed25519_free(b->key);
}

static void
restart(struct bench *b)
{
	world_close(&b->w);
	world_open(&b->w);
	OK(start(b, false));
}

/* One event of a day in November. */
static int
append(struct store_tx *tx, int day, const char *name)
{
	static const struct audit_resource r = { "AWS::SSM::Session", "s-1" };
	char text[300];

	snprintf(text, sizeof(text),
	    "{\"eventTime\":\"2026-11-%02dT00:00:00Z\",\"eventID\":\"%s-%d\","
	    "\"eventName\":\"%s\","
	    "\"readOnly\":true,\"userIdentity\":{\"type\":\"IAMUser\",\"userName\":"
	    "\"alice\"}}",
	    day, name, day, name);
	return store_audit_append(tx, text, &r, 1, NOW);
}

static int
append_one(struct store_tx *tx, struct arena *mem)
{
	(void)mem;
	return append(tx, 1, "One");
}

static int
append_and_fail(struct store_tx *tx, struct arena *mem)
{
	(void)mem;
	OK(append(tx, 1, "Failed"));
	return ERR_CONFLICT;
}

static int
append_days(struct store_tx *tx, struct arena *mem)
{
	(void)mem;
	for (int day = 1; day <= 10; day++)
		OK(append(tx, day, "Day"));
	return 0;
}

/* Follows the chain; the number of events, or -1 when it is broken. */
struct walk {
	struct audit_chain at;
	int64_t n;
	bool broken;
};

static bool
follow(void *arg, const struct store_audit_event *e)
{
	struct walk *k = arg;

	audit_chain_add(&k->at, span_str(e->event));
	k->broken = k->broken || k->at.seq != e->seq ||
	    memcmp(k->at.hash, e->hash, sizeof(e->hash)) != 0;
	k->n++;
	return true;
}

static void
assert_trail(struct bench *b, int64_t events)
{
	struct store_tx *tx = store_reader(b->w.store);
	struct audit_mark base, head;
	struct walk k = { 0 };

	if (store_audit_mark(tx, AUDIT_BASE, &base) == 0)
		k.at = base.at;
	OK(store_audit_events(tx, 0, INT64_MAX, follow, &k));
	assert_false(k.broken);
	assert_int_equal(k.n, events);
	OK(store_audit_mark(tx, AUDIT_HEAD, &head));
	memcpy(head.account, ACCOUNT, sizeof(head.account));
	OK(audit_mark_verify(&head, b->key));
	assert_true(audit_chain_eq(&head.at, &k.at));
}

static void
t_follows_commits(void **state)
{
	struct bench b;
	(void)state;

	bench_init(&b);
	OK(apply(&b.w, append_one));
	assert_int_equal(apply(&b.w, append_and_fail), ERR_CONFLICT);
	OK(apply(&b.w, append_one));
	assert_trail(&b, 2);
	restart(&b);
	assert_string_equal(b.damage, "");
	OK(apply(&b.w, append_one));
	assert_trail(&b, 3);
	bench_fini(&b);
}

struct many {
	int left;
	struct bench *b;
};

static int
many_run(struct store_tx *tx, void *arg, struct fault *f)
{
	(void)arg;
	(void)f;
	OK(append(tx, 2, "Many"));
	return 0;
}

static int
many_fail(struct store_tx *tx, void *arg, struct fault *f)
{
	(void)arg;
	(void)f;
	OK(append(tx, 2, "None"));
	return ERR_LIMIT;
}

static void
many_done(void *arg, int r, const struct fault *f)
{
	struct many *m = arg;

	(void)r;
	(void)f;
	if (--m->left == 0)
		ev_stop(m->b->w.loop);
}

/* Group commit: changes of one transaction, some of which undo themselves. */
static void
t_group_commit(void **state)
{
	struct bench b;
	struct many m = { .left = 400, .b = &b };
	(void)state;

	bench_init(&b);
	for (int i = 0; i < 400; i++)
		store_submit(b.w.store, i % 4 == 3 ? many_fail : many_run, many_done, &m);
	world_run(&b.w);
	assert_trail(&b, 300);
	bench_fini(&b);
}

static void
tamper(struct bench *b, const char *sql)
{
	sqlite3 *db;

	world_close(&b->w);
	OK(sqlite3_open(b->w.file, &db));
	OK(sqlite3_exec(db, sql, NULL, NULL, NULL));
	OK(sqlite3_close(db));
	world_open(&b->w);
}

#define DAY_MS   ((int64_t)24 * 60 * 60 * 1000)
#define NOV_1_MS ((int64_t)1793491200000)

/* Ten days with an event each, signed when they were. */
static int append_day_n;

static int
append_day(struct store_tx *tx, struct arena *mem)
{
	char text[200];

	(void)mem;
	snprintf(text, sizeof(text),
	    "{\"eventTime\":\"2026-11-%02dT00:00:00Z\",\"eventName\":\"Day\"}",
	    append_day_n + 1);
	return store_audit_append(tx, text,
	    &(struct audit_resource){ "AWS::SSM::Session", "s-1" }, 1,
	    NOV_1_MS + append_day_n * DAY_MS);
}

static void
append_ten_days(struct bench *b)
{
	for (append_day_n = 0; append_day_n < 10; append_day_n++)
		OK(apply(&b->w, append_day));
}

static int64_t pruned;

/* All before the fifth of November. */
static int
prune(struct store_tx *tx, struct arena *mem)
{
	(void)mem;
	return store_audit_prune(tx, NOV_1_MS + 4 * DAY_MS, NOW, &pruned);
}

static int64_t
prune_all(struct bench *b)
{
	int64_t n = 0;

	do {
		OK(apply(&b->w, prune));
		n += pruned;
	} while (pruned > 0);
	return n;
}

static bool
count_mark(void *arg, const struct audit_mark *m)
{
	(void)m;
	++*(int *)arg;
	return true;
}

static bool
count(void *arg, const struct store_audit_event *e)
{
	(void)e;
	++*(int *)arg;
	return true;
}

static void
t_retention(void **state)
{
	struct store_audit_query q = { .by = STORE_AUDIT_RESOURCE_NAME,
		.value = "s-1",
		.to_s = INT64_MAX / 2,
		.before_s = INT64_MAX,
		.before_seq = INT64_MAX };
	struct bench b;
	int found = 0, marks = 0;
	(void)state;

	bench_init(&b);
	append_ten_days(&b);
	assert_int_equal(prune_all(&b), 4);
	assert_trail(&b, 6);
	OK(store_audit_checkpoints(
	    store_reader(b.w.store), 0, INT64_MAX, count_mark, &marks));
	assert_int_equal(marks, 6);
	OK(store_audit_lookup(store_reader(b.w.store), &q, count, &found));
	assert_int_equal(found, 6);
	assert_int_equal(prune_all(&b), 0);
	restart(&b);
	assert_string_equal(b.damage, "");
	bench_fini(&b);
}

/* What retention removes is signed away: nobody may make it remove what is young. */
static void
t_retention_is_not_fooled(void **state)
{
	static const char *const rows[] = {
		"UPDATE audit_events SET time_s = 0",
		"UPDATE audit_events SET event = replace(event, '2026', '1999')",
		"UPDATE audit_marks SET time_ms = 0 WHERE kind = 'checkpoint' AND seq > "
		"4",
		"INSERT OR REPLACE INTO audit_marks SELECT 'checkpoint', 9, hash, "
		"time_ms, "
		"signature FROM audit_marks WHERE kind = 'checkpoint' AND seq = 1",
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;

		print_message("  %s\n", rows[i]);
		bench_init(&b);
		append_ten_days(&b);
		tamper(&b, rows[i]);
		OK(start(&b, false));
		assert_int_equal(prune_all(&b), 4);
		bench_fini(&b);
	}
}

/* Several answers, and retention between them. */
static void
t_frozen(void **state)
{
	struct store_tx *tx;
	struct audit_mark base;
	struct bench b;
	int n = 0;
	(void)state;

	bench_init(&b);
	append_ten_days(&b);
	tx = store_reader(b.w.store);
	OK(store_freeze(b.w.store));
	assert_int_equal(store_audit_mark(tx, AUDIT_BASE, &base), ERR_NOTFOUND);
	assert_int_equal(prune_all(&b), 4);
	OK(apply(&b.w, append_one));
	OK(store_audit_events(tx, 0, INT64_MAX, count, &n));
	assert_int_equal(n, 10);
	assert_int_equal(store_audit_mark(tx, AUDIT_BASE, &base), ERR_NOTFOUND);
	store_thaw(b.w.store);
	OK(store_audit_mark(tx, AUDIT_BASE, &base));
	assert_int_equal(base.at.seq, 4);
	assert_trail(&b, 7);
	bench_fini(&b);
}

static void
t_lookup(void **state)
{
	static const struct {
		enum store_audit_by by;
		const char *value;
		int n;
	} rows[] = {
		{ STORE_AUDIT_ALL, "", 10 },
		{ STORE_AUDIT_EVENT_ID, "Day-3", 1 },
		{ STORE_AUDIT_EVENT_NAME, "Day", 10 },
		{ STORE_AUDIT_EVENT_NAME, "Night", 0 },
		{ STORE_AUDIT_READ_ONLY, "1", 10 },
		{ STORE_AUDIT_READ_ONLY, "0", 0 },
		{ STORE_AUDIT_USERNAME, "alice", 10 },
		{ STORE_AUDIT_RESOURCE_NAME, "s-1", 10 },
		{ STORE_AUDIT_RESOURCE_TYPE, "AWS::SSM::Session", 10 },
		{ STORE_AUDIT_ACCESS_KEY, "AKIA", 0 },
	};
	struct bench b;
	(void)state;

	bench_init(&b);
	OK(apply(&b.w, append_days));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct store_audit_query q = { .by = rows[i].by,
			.value = rows[i].value,
			.to_s = INT64_MAX / 2,
			.before_s = INT64_MAX,
			.before_seq = INT64_MAX };
		int n = 0;

		OK(store_audit_lookup(store_reader(b.w.store), &q, count, &n));
		assert_int_equal(n, rows[i].n);
	}
	bench_fini(&b);
}

/* --- what somebody did to the file -------------------------------------------------- */

static void
t_damage(void **state)
{
	static const struct {
		const char *sql;
		bool damaged;
	} rows[] = {
		{ "UPDATE audit_events SET event = event", false },
		{ "DELETE FROM audit_events WHERE seq = 10", true },
		{ "UPDATE audit_events SET hash = '' WHERE seq = 10", true },
		{ "UPDATE audit_marks SET signature = '' WHERE kind = 'head'", true },
		{ "UPDATE audit_marks SET seq = 9 WHERE kind = 'head'", true },
		{ "DELETE FROM audit_marks", true },
		{ "DELETE FROM audit_marks; DELETE FROM audit_events", true },
		{ "INSERT INTO audit_events SELECT 11, event, hash, time_s, event_id, "
		  "event_name,"
		  " event_source, access_key, read_only, username FROM audit_events "
		  "WHERE seq = 1",
		    true },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;

		print_message("  %s\n", rows[i].sql);
		bench_init(&b);
		OK(apply(&b.w, append_days));
		tamper(&b, rows[i].sql);
		OK(start(&b, false));
		assert_int_equal(b.damage[0] != '\0', rows[i].damaged);
		OK(apply(&b.w, append_one)); /* it goes on all the same */
		bench_fini(&b);
	}
}

static void
t_no_key(void **state)
{
	struct world w;
	(void)state;

	crypto_init();
	world_init(&w, "memory");
	world_open(&w);
	assert_int_equal(apply(&w, append_one), ERR_STORE);
	world_fini(&w);
}

/* --- a full disk -------------------------------------------------------------------- */

static int
leave_no_room(struct store_tx *tx, struct arena *mem)
{
	(void)mem;
	return sqlite3_exec(tx->db, "PRAGMA max_page_count = 1", NULL, NULL, NULL) == 0
	    ? 0
	    : ERR_STORE;
}

static int
make_room(struct store_tx *tx, struct arena *mem)
{
	(void)mem;
	return sqlite3_exec(tx->db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL) ==
		0
	    ? 0
	    : ERR_STORE;
}

static void
t_full(void **state)
{
	struct bench b;
	int64_t events = 0;
	(void)state;

	bench_init(&b);
	OK(apply(&b.w, leave_no_room));
	while (events < 1000 && apply(&b.w, append_one) == 0)
		events++;
	assert_true(events < 1000 && store_is_full(b.w.store));
	OK(apply(&b.w, make_room));
	OK(apply(&b.w, append_one));
	assert_false(store_is_full(b.w.store));
	assert_trail(&b, events + 1);
	bench_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_follows_commits),
		cmocka_unit_test(t_group_commit),
		cmocka_unit_test(t_retention),
		cmocka_unit_test(t_retention_is_not_fooled),
		cmocka_unit_test(t_frozen),
		cmocka_unit_test(t_lookup),
		cmocka_unit_test(t_damage),
		cmocka_unit_test(t_no_key),
		cmocka_unit_test(t_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
