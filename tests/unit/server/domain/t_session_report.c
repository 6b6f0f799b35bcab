/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent reports becomes events: once, in order, and of its own session. */
#include "world.h"

#include "codec/json.h"
#include "server/domain/audit.h"
#include "server/domain/session_report.h"
#include "store/sql.h"
#include "store/store_audit.h"
#include "unit/check.h"

struct test {
	struct world w;
	struct ed25519_key *key;
	struct audit *audit;
	int done, r;
	int64_t number;
	struct buf events; /* "<name> <host or path> <error>;" */
};

static void
audit_up(struct test *t, bool is_new)
{
	struct fault f = { 0 };

	OK(audit_new(&t->audit,
	    &(struct audit_options){
		.loop = t->w.loop,
		.store = t->w.store,
		.account = "123456789012",
		.region = "eu-north-1",
		.key = t->key,
		.key_is_new = is_new,
	    },
	    &f));
	nodes_set_audit(t->w.nodes, t->audit);
}

static int
up(void **state)
{
	static const uint8_t seed[ED25519_SEED_LEN] = { 4 };
	struct test *t = xcalloc(1, sizeof(*t));
	auto_arena mem = { 0 };

	crypto_init();
	world_init(&t->w, 3);
	OK(ed25519_from_seed(&t->key, seed));
	audit_up(t, true);
	buf_init(&t->events, 16 << 20);
	node_up(&t->w);
	OK(start(&t->w, &mem, SESSION, NODE, 0, NULL));
	*state = t;
	return 0;
}

static int
down(void **state)
{
	struct test *t = *state;

	world_fini(&t->w);
	audit_free(t->audit);
	ed25519_free(t->key);
	buf_fini(&t->events);
	free(t);
	return 0;
}

static void
on_done(void *arg, int r, int64_t number)
{
	struct test *t = arg;

	t->done++;
	t->r = r;
	t->number = number;
}

/* n ports, the first of this number. */
static void
report(struct test *t, int64_t number, size_t n)
{
	struct arena mem = { 0 };
	struct own_event *e = arena_alloc(&mem, n * sizeof(*e));

	for (size_t i = 0; i < n; i++)
		e[i] = (struct own_event){ .kind = OWN_EVENT_PORT,
			.host =
			    arena_printf(&mem, "h%lld", (long long)number + (long long)i),
			.address = "",
			.socket = "",
			.path = "",
			.sha256 = "",
			.error = "",
			.message = "" };
	session_report(t->w.sessions,
	    &(struct own_events){
		.session_id = SESSION, .number = number, .events = e, .n = n },
	    &mem, on_done, t);
	settle(&t->w);
}

static bool
note_event(void *arg, const struct store_audit_event *e)
{
	struct test *t = arg;
	auto_json *o = NULL;
	const char *name;
	const json_t *d;

	OK(json_read(&o, span_str(e->event), NULL));
	name = json_get_str(o, "eventName");
	if (strcmp(name, "PortOpened") != 0 && strcmp(name, "FileCopied") != 0)
		return true;
	d = json_get_obj(o, "serviceEventDetails");
	assert_string_equal(json_get_str(d, "sessionId"), SESSION);
	assert_string_equal(json_get_str(d, "target"), NODE);
	buf_addf(&t->events, "%s;",
	    json_get_str(d, "host") != NULL ? json_get_str(d, "host")
					    : json_get_str(d, "path"));
	return true;
}

static const char *
recorded(struct test *t)
{
	buf_reset(&t->events);
	OK(store_audit_events(store_reader(t->w.store), 0, INT64_MAX, note_event, t));
	return buf_cstr(&t->events);
}

static void
t_once(void **state)
{
	struct test *t = *state;

	report(t, 1, 2);
	assert_int_equal(t->r, 0);
	assert_int_equal(t->number, 2);
	row("the same again");
	report(t, 1, 2);
	assert_int_equal(t->r, 0);
	assert_int_equal(t->number, 2);
	assert_string_equal(recorded(t), "h1;h2;");
	row("some of it again, and more");
	report(t, 2, 3);
	assert_int_equal(t->number, 4);
	assert_string_equal(recorded(t), "h1;h2;h3;h4;");
	assert_int_equal(session_find(t->w.sessions, SESSION)->row.reported, 4);
}

/* What comes before is missing: it is said again first. */
static void
t_gap(void **state)
{
	struct test *t = *state;

	report(t, 3, 1);
	assert_int_equal(t->r, ERR_CONFLICT);
	assert_string_equal(recorded(t), "");
	report(t, 1, 3);
	assert_int_equal(t->r, 0);
	assert_string_equal(recorded(t), "h1;h2;h3;");
}

static void
t_restart(void **state)
{
	struct test *t = *state;

	report(t, 1, 3);
	server_down(&t->w);
	server_up(&t->w);
	nodes_set_audit(t->w.nodes, t->audit);
	assert_int_equal(session_find(t->w.sessions, SESSION)->row.reported, 3);
	report(t, 2, 3);
	assert_int_equal(t->r, 0);
	assert_string_equal(recorded(t), "h1;h2;h3;h4;");
}

static int
spoil(struct store_tx *tx, void *arg, struct fault *f)
{
	struct sql q;

	(void)f;
	sql_open(&q, tx, arg);
	return sql_run(&q, NULL);
}

/* Neither events nor their number, or both. */
static void
t_not_committed(void **state)
{
	struct test *t = *state;

	report(t, 1, 1);
	OK(store_apply(t->w.store, spoil,
	    (char *)(uintptr_t) "ALTER TABLE audit_events RENAME TO gone", NULL));
	report(t, 2, 1);
	assert_int_equal(t->r, ERR_STORE);
	OK(store_apply(t->w.store, spoil,
	    (char *)(uintptr_t) "ALTER TABLE gone RENAME TO audit_events", NULL));
	assert_int_equal(session_find(t->w.sessions, SESSION)->row.reported, 1);
	report(t, 2, 1);
	assert_int_equal(t->r, 0);
	assert_string_equal(recorded(t), "h1;h2;");
}

/* A session that has ended still has its row; one that never was has not. */
static void
t_over(void **state)
{
	struct test *t = *state;

	session_terminate(
	    session_find(t->w.sessions, SESSION), SESSION_TERMINATED, "bye");
	wait_s(&t->w, 10);
	assert_null(session_find(t->w.sessions, SESSION));
	report(t, 1, 1);
	assert_int_equal(t->r, 0);
	assert_string_equal(recorded(t), "h1;");
	session_report(t->w.sessions,
	    &(struct own_events){
		.session_id = "bob-1", .number = 1, .events = NULL, .n = 0 },
	    &(struct arena){ 0 }, on_done, t);
	settle(&t->w);
	assert_int_equal(t->r, ERR_NOTFOUND);
}

/*
 * A node fills no disk; the number goes on, so that nothing is held for ever.  (What is only
 * repeated counts as well, and is quick.)
 */
static void
t_too_many(void **state)
{
	struct test *t = *state;
	struct audit_stats st;

	for (int i = 0; i < 80; i++)
		report(t, 1, 250);
	audit_stats(t->audit, &st);
	assert_int_equal(st.left_out, 0);
	report(t, 251, 250);
	assert_int_equal(t->r, 0);
	assert_int_equal(t->number, 500);
	audit_stats(t->audit, &st);
	assert_in_range(st.left_out, 1, 250);
	wait_s(&t->w, 1);
	report(t, 501, 1);
	assert_non_null(strstr(recorded(t), "h501;"));
	assert_null(strstr(recorded(t), "h499;"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(t_once, up, down),
		cmocka_unit_test_setup_teardown(t_gap, up, down),
		cmocka_unit_test_setup_teardown(t_restart, up, down),
		cmocka_unit_test_setup_teardown(t_not_committed, up, down),
		cmocka_unit_test_setup_teardown(t_over, up, down),
		cmocka_unit_test_setup_teardown(t_too_many, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
