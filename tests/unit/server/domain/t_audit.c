/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit trail in the domain: how much of strangers and nodes is recorded, with a clock of
 * its own; and events that are committed with the row that tells the same.
 */
#include "world.h"

#include "codec/json.h"
#include "server/domain/audit_service.h"

#define ACCOUNT "123456789012"

struct trail {
	struct world w;
	struct ed25519_key *key;
	struct audit *audit;
	struct arena mem;
};

static void
trail_up(struct trail *t)
{
	static const uint8_t seed[ED25519_SEED_LEN] = { 7 };
	struct fault f = { 0 };

	crypto_init();
	memset(t, 0, sizeof(*t));
	arena_init(&t->mem);
	world_init(&t->w, 1);
	OK(ed25519_from_seed(&t->key, seed));
	OK(audit_new(&t->audit,
	    &(struct audit_options){ .loop = t->w.loop,
		.store = t->w.store,
		.account = ACCOUNT,
		.region = "eu-north-1",
		.key = t->key,
		.key_is_new = true },
	    &f));
	nodes_set_audit(t->w.nodes, t->audit);
}

static void
trail_down(struct trail *t)
{
	nodes_set_audit(t->w.nodes, NULL);
	world_fini(&t->w);
	audit_free(t->audit);
	ed25519_free(t->key);
	arena_fini(&t->mem);
}

/* ---- how much ---- */

static bool
admit(struct trail *t, enum audit_class class, const char *who, uint64_t *left_out)
{
	return audit_admit(t->audit, class, who, left_out);
}

/* How many of n are recorded; the sum of what they say is missing. */
static size_t
admitted(
    struct trail *t, enum audit_class class, const char *who, size_t n, uint64_t *missing)
{
	size_t in = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t left_out;

		if (admit(t, class, who, &left_out)) {
			in++;
			*missing += left_out;
		}
	}
	return in;
}

static void
t_one_stranger(void **state)
{
	uint64_t missing = 0, left_out;
	struct audit_stats st;
	struct trail t;
	(void)state;

	trail_up(&t);
	assert_int_equal(admitted(&t, AUDIT_STRANGER, "198.51.100.7", 50, &missing), 20);
	assert_int_equal(missing, 0);
	wait_s(&t.w, 9);
	assert_false(admit(&t, AUDIT_STRANGER, "198.51.100.7", &left_out));
	wait_s(&t.w, 1);
	assert_true(admit(&t, AUDIT_STRANGER, "198.51.100.7", &left_out));
	assert_int_equal(left_out, 31); /* and once only */
	assert_false(admit(&t, AUDIT_STRANGER, "198.51.100.7", &left_out));
	wait_s(&t.w, 60);
	assert_int_equal(admitted(&t, AUDIT_STRANGER, "198.51.100.7", 50, &missing), 6);
	assert_int_equal(missing, 1);
	wait_s(&t.w, 24L * 60 * 60); /* no more than at the beginning */
	assert_int_equal(admitted(&t, AUDIT_STRANGER, "198.51.100.7", 50, &missing), 20);
	audit_stats(t.audit, &st);
	assert_int_equal(st.left_out, 31 + 1 + 44 + 30);
	trail_down(&t);
}

/* Another address, and a node, are another matter. */
static void
t_others(void **state)
{
	uint64_t missing = 0;
	struct trail t;
	(void)state;

	trail_up(&t);
	assert_int_equal(admitted(&t, AUDIT_STRANGER, "198.51.100.7", 50, &missing), 20);
	assert_int_equal(admitted(&t, AUDIT_STRANGER, "198.51.100.8", 50, &missing), 20);
	assert_int_equal(admitted(&t, AUDIT_NODE, NODE, 500, &missing), 300);
	assert_int_equal(missing, 0);
	wait_s(&t.w, 10);
	assert_int_equal(admitted(&t, AUDIT_NODE, NODE, 500, &missing), 10);
	assert_int_equal(missing, 200);
	trail_down(&t);
}

/*
 * With a hundred thousand addresses: what is recorded is bounded, and so is what is remembered,
 * since addresses share a fixed number of places.
 */
static void
t_crowd(void **state)
{
	uint64_t missing = 0;
	struct audit_stats st;
	struct trail t;
	size_t in = 0;
	(void)state;

	trail_up(&t);
	for (int i = 0; i < 100000; i++)
		in += admitted(&t, AUDIT_STRANGER,
		    arena_printf(&t.mem, "2001:db8::%x", i), 1, &missing);
	assert_int_equal(in, 200);
	wait_s(&t.w, 60); /* one in two seconds, whoever it is */
	for (int i = 0; i < 100000; i++)
		in += admitted(&t, AUDIT_STRANGER,
		    arena_printf(&t.mem, "2001:db8:1::%x", i), 1, &missing);
	assert_int_equal(in, 200 + 30);
	assert_int_equal(admitted(&t, AUDIT_NODE, NODE, 500, &missing), 300);
	audit_stats(t.audit, &st);
	assert_int_equal(st.left_out, 200000 - 230 + 200);
	trail_down(&t);
}

/* ---- with the row ---- */

struct found {
	struct arena *mem;
	const char *names, *last;
};

static bool
add_event(void *arg, const struct store_audit_event *e)
{
	struct found *f = arg;
	auto_json *o = NULL;

	OK(json_read(&o, span_str(e->event), NULL));
	f->names = arena_printf(f->mem, "%s%s ", f->names, json_get_str(o, "eventName"));
	f->last = arena_strdup(f->mem, e->event);
	return true;
}

/* The names of all events, and the last of them. */
static struct found
events(struct trail *t)
{
	struct found f = { .mem = &t->mem, .names = "", .last = "" };

	settle(&t->w);
	OK(store_audit_events(store_reader(t->w.store), 0, INT64_MAX, add_event, &f));
	return f;
}

static const char *
detail(struct trail *t, const struct found *f, const char *name)
{
	auto_json *o = NULL;
	const char *s;

	OK(json_read(&o, span_str(f->last), NULL));
	s = json_get_str(json_get_obj(o, "serviceEventDetails"), name);
	return s != NULL ? arena_strdup(&t->mem, s) : "";
}

static int
put_node(struct store_tx *tx, void *arg, struct fault *f)
{
	(void)f;
	return store_node_put(tx, &(struct store_node){ .id = arg });
}

/* Each way in which an agent goes is there, with the reason that its row has. */
static void
t_agents(void **state)
{
	struct store_node n;
	struct found f;
	struct trail t;
	(void)state;

	trail_up(&t);
	OK(store_apply(t.w.store, put_node, (void *)(uintptr_t)NODE, NULL));
	node_up(&t.w);
	node_down(&t.w);
	f = events(&t);
	assert_string_equal(f.names, "AgentConnected AgentDisconnected ");
	assert_string_equal(detail(&t, &f, "reason"), "the cable was pulled");
	node_up(&t.w);
	node_evict(t.w.nodes, NODE, "it is not allowed any more");
	f = events(&t);
	assert_string_equal(f.names,
	    "AgentConnected AgentDisconnected AgentConnected AgentDisconnected ");
	assert_string_equal(detail(&t, &f, "reason"), "it is not allowed any more");
	OK(store_node_get(store_reader(t.w.store), &t.mem, NODE, &n));
	assert_string_equal(n.leave_reason, "it is not allowed any more");
	trail_down(&t);
}

static int
put_row(struct store_tx *tx, void *arg, struct fault *f)
{
	(void)f;
	return store_session_put(tx, arg);
}

/* A session that only its row knows ends like any other, once. */
static void
t_lost_session(void **state)
{
	static char id[] = "alice-lost", target[] = NODE, user[] = "AIDA";
	static char arn[] = "arn:aws:iam::123456789012:user/alice", live[] = "Connected";
	struct store_session row = { .id = id,
		.target = target,
		.owner_arn = arn,
		.owner_user_id = user,
		.status = live };
	struct found f;
	struct trail t;
	(void)state;

	trail_up(&t);
	row.start_ms = ev_wall_ms(t.w.loop);
	OK(store_apply(t.w.store, put_row, &row, NULL));
	wait_s(&t.w, 2 * SESSION_SWEEP_MS / 1000);
	wait_s(&t.w, 2 * SESSION_SWEEP_MS / 1000);
	f = events(&t);
	assert_string_equal(f.names, "SessionEnded ");
	assert_string_equal(detail(&t, &f, "sessionId"), "alice-lost");
	assert_string_equal(
	    detail(&t, &f, "reason"), "The server lost track of the session.");
	assert_non_null(strstr(f.last, "\"userName\":\"alice\""));
	trail_down(&t);
}

/* ---- refusals ---- */

struct told {
	bool done;
	int r;
};

static void
on_done(void *arg, int r)
{
	struct told *t = arg;

	t->done = true;
	t->r = r;
}

/* Nobody hears of a refusal before it is on disk; what is too much is said at once. */
static void
t_refusals(void **state)
{
	const struct audit_refusal r = {
		.action = "ssmmessages:OpenDataChannel",
		.source_ip = "198.51.100.7",
		.user_agent = "",
		.who = { .access_key = "AKIANOBODYNOBODYNOBO" },
		.error = "AccessDeniedException",
		.message = "token not valid",
	};
	struct told told = { 0 };
	struct found f;
	struct trail t;
	(void)state;

	trail_up(&t);
	assert_true(audit_refused(t.audit, &r, on_done, &told));
	assert_false(told.done);
	f = events(&t);
	assert_true(told.done);
	OK(told.r);
	assert_string_equal(f.names, "OpenDataChannel ");
	assert_non_null(strstr(f.last,
	    "\"userIdentity\":{\"type\":\"Unknown\",\"accessKeyId\":"
	    "\"AKIANOBODYNOBODYNOBO\"}"));
	for (int i = 1; i < 20; i++)
		assert_true(audit_refused(t.audit, &r, on_done, &told));
	events(&t);
	told = (struct told){ 0 };
	assert_false(audit_refused(t.audit, &r, on_done, &told));
	events(&t);
	assert_false(told.done);
	trail_down(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_one_stranger),
		cmocka_unit_test(t_others),
		cmocka_unit_test(t_crowd),
		cmocka_unit_test(t_agents),
		cmocka_unit_test(t_lost_session),
		cmocka_unit_test(t_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
