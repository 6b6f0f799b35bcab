/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Around a session's states: tokens, starting, limits, agents that were away at the end,
 * history.
 */
#include "script.h"

#include "base/text.h"

/* --- tokens
 * ------------------------------------------------------------------------------- */

static int
resume_in_store(struct store_tx *tx, void *arg, struct fault *f)
{
	return session_resume_run(tx, arg, f);
}

static int
resume(struct world *w, struct arena *mem, const char **token)
{
	struct session_pending *p;
	int r;

	if ((r = session_resume_prepare(&p, w->sessions, mem, SESSION, NULL)) != 0)
		return r;
	OK(store_apply(w->store, resume_in_store, p, NULL));
	return session_resume_commit(p, token);
}

static int
redeem(struct world *w, const char *token)
{
	int r = session_redeem_client(w->sessions, SESSION, span_str(token));

	settle(w);
	return r;
}

static void
t_client_token(void **state)
{
	struct world w;
	struct store_session row;
	auto_arena mem = { 0 };
	const char *first, *second, *third;
	(void)state;

	world_init(&w, 1);
	node_up(&w);
	OK(start(&w, &mem, SESSION, NODE, 0, &first));
	assert_int_equal(strlen(first), SESSION_TOKEN_LEN);
	row_of(&w, &mem, &row);
	assert_null(strstr(row.token_sha256, first)); /* never the token itself */
	assert_int_equal(redeem(&w, ""), ERR_DENIED);
	assert_int_equal(
	    redeem(&w, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), ERR_DENIED);
	assert_int_equal(redeem(&w, row.token_sha256), ERR_DENIED);
	OK(redeem(&w, first)); /* wrong ones did not use it up */
	assert_int_equal(redeem(&w, first), ERR_DENIED);
	assert_int_equal(redeem(&w, ""), ERR_DENIED);
	row_of(&w, &mem, &row);
	assert_string_equal(row.token_sha256, "");

	OK(resume(&w, &mem, &second));
	OK(resume(&w, &mem, &third));
	assert_int_equal(redeem(&w, second), ERR_DENIED); /* the newest only */
	server_down(&w);
	server_up(&w);
	OK(redeem(&w, third)); /* survives a restart, its use as well */
	server_down(&w);
	server_up(&w);
	assert_int_equal(redeem(&w, third), ERR_DENIED);

	OK(resume(&w, &mem, &first));
	wait_s(&w, SESSION_TOKEN_MS / 1000 - 1);
	assert_int_equal(sessions_live(w.sessions), 0); /* it was connecting */
	assert_int_equal(redeem(&w, first), ERR_NOTFOUND);
	assert_int_equal(resume(&w, &mem, &first), ERR_NOTFOUND);
	world_fini(&w);
}

static void
t_token_expires(void **state)
{
	static const struct {
		const char *what;
		uint64_t ms;
		int r;
	} t[] = {
		{ "in time", SESSION_TOKEN_MS - 1, 0 },
		{ "late", SESSION_TOKEN_MS, ERR_DENIED },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char agent[SESSION_TOKEN_LEN + 1];
		auto_arena mem = { 0 };
		const char *client;
		struct world w;

		print_message("  %s\n", t[i].what);
		world_init(&w, i);
		node_up(&w);
		OK(start(&w, &mem, SESSION, NODE, 0, NULL));
		play(&w, "ca");
		OK(resume(&w, &mem, &client));
		OK(session_make_agent_token(w.sessions, SESSION, NODE, agent));
		sim_run_for(w.sim, t[i].ms);
		assert_int_equal(
		    session_redeem_agent(w.sessions, SESSION, span_str(agent)), t[i].r);
		assert_int_equal(redeem(&w, client), t[i].r);
		world_fini(&w);
	}
}

static void
t_agent_token(void **state)
{
	char first[SESSION_TOKEN_LEN + 1], second[SESSION_TOKEN_LEN + 1];
	auto_arena mem = { 0 };
	const char *client;
	struct world w;
	(void)state;

	world_init(&w, 1);
	node_up(&w);
	OK(start(&w, &mem, SESSION, NODE, 0, &client));
	assert_int_equal(
	    session_make_agent_token(w.sessions, SESSION, "mi-other", first), ERR_DENIED);
	assert_int_equal(
	    session_redeem_agent(w.sessions, SESSION, SPAN_NONE), ERR_DENIED);
	OK(session_make_agent_token(w.sessions, SESSION, NODE, first));
	OK(session_make_agent_token(w.sessions, SESSION, NODE, second));
	assert_int_equal(
	    session_redeem_agent(w.sessions, SESSION, span_str(first)), ERR_DENIED);
	assert_int_equal(
	    session_redeem_agent(w.sessions, SESSION, span_str(client)), ERR_DENIED);
	assert_int_equal(redeem(&w, second), ERR_DENIED);
	OK(session_redeem_agent(w.sessions, SESSION, span_str(second)));
	assert_int_equal(
	    session_redeem_agent(w.sessions, SESSION, span_str(second)), ERR_DENIED);

	/* An agent that comes back to a session that is over: refused, and told so. */
	play(&w, "cad");
	buf_reset(&w.link.sent);
	assert_int_equal(
	    session_make_agent_token(w.sessions, SESSION, NODE, first), ERR_NOTFOUND);
	assert_string_equal(buf_cstr(&w.link.sent), "closed " SESSION " ");
	world_fini(&w);
}

/* --- starting
 * ------------------------------------------------------------------------------ */

static void
t_start_refused(void **state)
{
	struct world w;
	struct store_session row;
	auto_arena mem = { 0 };
	const char *token = "x";
	(void)state;

	world_init(&w, 1);
	assert_int_equal(start(&w, &mem, SESSION, NODE, 0, &token), ERR_NOTFOUND);
	assert_null(token);
	row_of(&w, &mem, &row);
	assert_string_equal(row.status, "Failed");
	assert_int_equal(sessions_live(w.sessions), 0);
	world_fini(&w);
}

/* The link is going down just now: the next one gets the start. */
static void
t_start_later(void **state)
{
	struct world w;
	auto_arena mem = { 0 };
	(void)state;

	for (int result = ERR_CLOSED; result != 0;
	     result = result == ERR_CLOSED ? ERR_LIMIT : 0) {
		world_init(&w, 1);
		node_up(&w);
		w.link.result = result;
		OK(start(&w, &mem, SESSION, NODE, 0, NULL));
		assert_string_equal(buf_cstr(&w.link.sent), "");
		node_down(&w);
		w.link.result = 0;
		play(&w, "1O");
		assert_string_equal(buf_cstr(&w.link.sent), "start " SESSION " ");
		play(&w, "ac");
		assert_int_equal(
		    session_find(w.sessions, SESSION)->state, SESSION_CONNECTED);
		world_fini(&w);
	}
}

/* At the node, at the principal; one that ends makes room; nobody is thrown out. */
static void
t_limits(void **state)
{
	static const struct {
		const char *what;
		size_t per_node, per_owner;
		const char *words;
	} t[] = {
		{ "of the node", 5, 100,
		    NODE " has reached its maximum of 5 concurrent sessions." },
		{ "of the principal", 100, 5,
		    "arn:aws:iam::123456789012:user/alice has reached its maximum of 5 "
		    "concurrent sessions." },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct sessions_stats st;
		struct fault f = { 0 };
		struct world w;
		auto_arena mem = { 0 };
		char id[40];

		print_message("  %s\n", t[i].what);
		world_init(&w, 1);
		node_up(&w);
		sessions_set_limits(w.sessions, t[i].per_node, t[i].per_owner);
		for (int n = 0; n < 5; n++) {
			snprintf(id, sizeof(id), "alice-%d", n);
			OK(start(&w, &mem, id, NODE, 0, NULL));
		}
		assert_int_equal(start_words(&w, &mem, SESSION, NODE, &f), ERR_LIMIT);
		assert_string_equal(f.text, t[i].words);
		assert_int_equal(sessions_live(w.sessions), 5);
		sessions_stats(w.sessions, &st);
		assert_int_equal(st.refused_node, i == 0);
		assert_int_equal(st.refused_owner, i == 1);
		session_agent_done(session_find(w.sessions, "alice-3"), false, "");
		OK(start(&w, &mem, SESSION, NODE, 0, NULL));
		assert_int_equal(start(&w, &mem, "alice-9", NODE, 0, NULL), ERR_LIMIT);
		sessions_set_limits(w.sessions, 2, 2);
		assert_int_equal(sessions_live(w.sessions), 5);
		wait_s(&w, 70);
		assert_int_equal(sessions_live(w.sessions), 0);
		OK(start(&w, &mem, "alice-10", NODE, 0, NULL));
		world_fini(&w);
	}
}

/* Many calls in one transaction: each saw room, but there is not enough for all. */
static void
t_limits_in_a_race(void **state)
{
	struct session_pending *p[8];
	struct store_session row;
	struct fault f = { 0 };
	struct world w;
	auto_arena mem = { 0 };
	const char *token;
	int started = 0;
	char id[40];
	(void)state;

	world_init(&w, 1);
	node_up(&w);
	sessions_set_limits(w.sessions, 5, 100);
	for (int i = 0; i < 8; i++) {
		snprintf(id, sizeof(id), "alice-%d", i);
		OK(prepare(&w, &mem, id, NODE, 0, 0, &p[i], &f));
		OK(store_apply(w.store, in_store, p[i], &f));
	}
	for (int i = 0; i < 8; i++) {
		int r = session_start_commit(p[i], &token, &f);

		assert_true(r == 0 || r == ERR_LIMIT);
		started += r == 0;
	}
	settle(&w);
	assert_int_equal(started, 5);
	assert_int_equal(sessions_live(w.sessions), 5);
	OK(store_session_get(store_reader(w.store), &mem, "alice-7", &row));
	assert_string_equal(row.status, "Failed");
	assert_true(row.end_ms > 0);
	world_fini(&w);
}

/* --- rows that nobody knows ------------------------------------------------------------- */

static int
put_row(struct store_tx *tx, void *arg, struct fault *f)
{
	(void)f;
	return store_session_put(tx, arg);
}

/* A session whose last write failed: its row is closed all the same, and only such a one. */
static void
t_sweep(void **state)
{
	struct store_session row, lost;
	struct sessions_stats st;
	struct fault f = { 0 };
	struct world w;
	auto_arena mem = { 0 };
	(void)state;

	world_init(&w, 1);
	node_up(&w);
	OK(start(&w, &mem, SESSION, NODE, 0, NULL));
	play(&w, "ca");
	OK(store_session_get(store_reader(w.store), &mem, SESSION, &lost));
	lost.id = arena_strdup(&mem, "alice-lost");
	OK(store_apply(w.store, put_row, &lost, &f));
	wait_s(&w, 50);
	OK(store_session_get(store_reader(w.store), &mem, "alice-lost", &row));
	assert_int_equal(row.end_ms, 0);
	wait_s(&w, SESSION_SWEEP_MS / 1000);
	OK(store_session_get(store_reader(w.store), &mem, "alice-lost", &row));
	assert_string_equal(row.status, "Terminated");
	assert_string_equal(row.details, "The server lost track of the session.");
	assert_true(row.end_ms > 0 && row.farewell);
	row_of(&w, &mem, &row);
	assert_string_equal(row.status, "Connected");
	wait_s(&w, 2 * SESSION_SWEEP_MS / 1000);
	sessions_stats(w.sessions, &st);
	assert_int_equal(st.swept, 1);
	world_fini(&w);
}

/* DeregisterManagedInstance: all sessions of the node, and of no other. */
static void
t_node_deregistered(void **state)
{
	struct fake_link other;
	struct world w;
	auto_arena mem = { 0 };
	char id[40];
	(void)state;

	world_init(&w, 1);
	node_up(&w);
	link_init(&other, "mi-other");
	node_attach(w.nodes, &other.link);
	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "alice-%d", i);
		OK(start(&w, &mem, id, i % 2 == 0 ? NODE : "mi-other", 0, NULL));
	}
	sessions_terminate_node(w.sessions, NODE, "the node was deregistered");
	node_evict(w.nodes, NODE, "deregistered");
	wait_s(&w, 6);
	assert_int_equal(sessions_live(w.sessions), 10);
	sessions_terminate_node(w.sessions, NODE, "again");
	node_detach(w.nodes, &other.link, "test");
	sessions_terminate_node(w.sessions, "mi-other", "with its node away");
	settle(&w);
	assert_int_equal(sessions_live(w.sessions), 0);
	buf_fini(&other.sent);
	world_fini(&w);
}

/* --- agents that were away at the end
 * -------------------------------------------------------- */

/* Agent-protocol 10.9: a node that comes back is told which sessions are over. */
static void
t_farewell(void **state)
{
	static const struct {
		const char *what, *script;
		bool told;
	} t[] = {
		{ "comes back", "caotO", true },
		{ "is told once", "caotOoO", true },
		{ "comes back after a restart", "caotRO", true },
		{ "restart between", "caotmROoRO", true },
		{ "days later", "caotkO", true },
		{ "too late", "caotwmO", false },
		{ "too late, restarted", "caotwmRO", false },
		{ "was not confirmed", "catmoO", true },
		{ "had confirmed", "catdoO", false },
		{ "had ended it itself", "cadoO", false },
		{ "grace ran out", "caRg1O", true },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct world w;
		struct store_session row;
		auto_arena mem = { 0 };

		print_message("  %s\n", t[i].what);
		world_init(&w, i);
		node_up(&w);
		OK(start(&w, &mem, SESSION, NODE, 0, NULL));
		play(&w, "ca");
		for (const char *p = t[i].script + 2; *p != '\0'; p++) {
			if (*p == 'O' && strchr(p, 'O') == strchr(t[i].script, 'O'))
				buf_reset(&w.link.sent); /* from the first return on */
			event(&w, *p);
		}
		assert_string_equal(
		    buf_cstr(&w.link.sent), t[i].told ? "closed " SESSION " " : "");
		row_of(&w, &mem, &row);
		assert_string_equal(row.status, "Terminated");
		if (t[i].told)
			assert_false(row.farewell);
		world_fini(&w);
	}
}

/* The node of session number n comes; *sent is what it hears. */
static void
attach_numbered(struct world *w, int n, struct fake_link *k)
{
	char node[24];

	snprintf(node, sizeof(node), "mi-%d", n);
	link_init(k, node);
	node_attach(w->nodes, &k->link);
}

static void
detach_numbered(struct world *w, struct fake_link *k)
{
	node_detach(w->nodes, &k->link, "test");
	buf_fini(&k->sent);
}

/* Bounded over all nodes: the oldest are forgotten. */
static void
t_farewells_bounded(void **state)
{
	enum { EXTRA = 10 };
	struct fake_link k;
	struct world w;
	char id[40];
	(void)state;

	world_init(&w, 1);
	sessions_set_limits(w.sessions, SIZE_MAX - 1, SIZE_MAX - 1);
	for (int i = 0; i < SESSION_FAREWELLS_MAX + EXTRA; i++) {
		auto_arena mem = { 0 };

		attach_numbered(&w, i, &k);
		snprintf(id, sizeof(id), "alice-%d", i);
		OK(start(&w, &mem, id, k.link.node_id, 0, NULL));
		detach_numbered(&w, &k);
		session_terminate(
		    session_find(w.sessions, id), SESSION_TERMINATED, "test");
	}
	assert_int_equal(sessions_live(w.sessions), 0);
	attach_numbered(&w, EXTRA - 1, &k);
	assert_string_equal(buf_cstr(&k.sent), "");
	detach_numbered(&w, &k);
	attach_numbered(&w, EXTRA, &k);
	assert_string_equal(buf_cstr(&k.sent), "closed alice-10 ");
	detach_numbered(&w, &k);
	world_fini(&w);
}

/* What an agent says is cut at a character before it is kept. */
static void
t_long_details(void **state)
{
	struct world w;
	struct store_session row;
	auto_arena mem = { 0 };
	auto_buf words = { .max = 100000 };
	(void)state;

	for (int i = 0; i < 10000; i++)
		buf_add_str(&words, i == 0 ? "x" : "\xc3\xa4");
	world_init(&w, 1);
	node_up(&w);
	OK(start(&w, &mem, SESSION, NODE, 0, NULL));
	session_agent_done(session_find(w.sessions, SESSION), true, buf_cstr(&words));
	settle(&w);
	row_of(&w, &mem, &row);
	assert_int_equal(strlen(row.details), SESSION_DETAILS_MAX - 1);
	assert_true(utf8_valid(span_str(row.details)));
	world_fini(&w);
}

static void
t_purge(void **state)
{
	struct world w;
	auto_arena mem = { 0 };
	struct store_session row;
	(void)state;

	world_init(&w, 1);
	node_up(&w);
	OK(start(&w, &mem, SESSION, NODE, 0, NULL));
	play(&w, "cad");
	wait_s(&w, 29 * 24 * 3600);
	row_of(&w, &mem, &row);
	wait_s(&w, 24 * 3600 + SESSION_PURGE_MS / 1000 + 1);
	assert_int_equal(
	    store_session_get(store_reader(w.store), &mem, SESSION, &row), ERR_NOTFOUND);
	world_fini(&w);
}

/* --- who comes late ------------------------------------------------------------- */

/* What a reader sees while the end is still on its way to the disk. */
static int
unsay_end(struct store_tx *tx, void *arg, struct fault *f)
{
	static char connecting[] = "Connecting", nothing[] = "", id[] = SESSION;
	(void)arg, (void)f;

	return store_session_set_status(tx,
	    &(struct store_session){
		.id = id, .status = connecting, .details = nothing });
}

/* The agent refused the session faster than the disk could be told, or not. */
static void
t_last_words(void **state)
{
	static const struct {
		const char *what;
		bool written, wrong;
		int r;
	} t[] = {
		{ "the row tells of the end", true, false, 0 },
		{ "the row does not yet", false, false, 0 },
		{ "without the token", true, true, ERR_DENIED },
		{ "the same, too early", false, true, ERR_DENIED },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct session_last last;
		struct world w;
		auto_arena mem = { 0 };
		const char *token;

		print_message("  %s\n", t[i].what);
		world_init(&w, i);
		node_up(&w);
		OK(start(&w, &mem, SESSION, NODE, 0, &token));
		session_agent_done(session_find(w.sessions, SESSION), true, "boom");
		if (t[i].written)
			settle(&w);
		else
			OK(store_apply(w.store, unsay_end, NULL, NULL));
		assert_null(session_find(w.sessions, SESSION));
		assert_int_equal(
		    session_last_words(w.sessions, &mem, SESSION,
			span_str(t[i].wrong ? "guess" : token), false, &last),
		    t[i].r);
		if (t[i].r == 0)
			assert_string_equal(last.words, "boom");
		world_fini(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_client_token),
		cmocka_unit_test(t_token_expires),
		cmocka_unit_test(t_agent_token),
		cmocka_unit_test(t_start_refused),
		cmocka_unit_test(t_start_later),
		cmocka_unit_test(t_limits),
		cmocka_unit_test(t_limits_in_a_race),
		cmocka_unit_test(t_sweep),
		cmocka_unit_test(t_node_deregistered),
		cmocka_unit_test(t_farewell),
		cmocka_unit_test(t_farewells_bounded),
		cmocka_unit_test(t_long_details),
		cmocka_unit_test(t_purge),
		cmocka_unit_test(t_last_words),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
