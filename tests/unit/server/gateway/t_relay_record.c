/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay and what an agent reports: nothing passes an event that is not in the trail, and
 * nobody but an agent that was let in to do so reports anything.
 */
#include "relay_bench.h"

#include "proto/own_event.h"
#include "store/sql.h"
#include "unit/check.h"

#define EVENT(session, number)                                   \
	SPAN("{\"SessionId\":\"" session "\",\"Number\":" number \
	     ",\"Events\":[{\"Type\":\"PortOpened\",\"Host\":\"db\"}]}")

static void
report(struct peer *p, struct span payload)
{
	send_msg(p, MSG_OWN_EVENT, 0, 0, payload);
}

static int64_t
reported(struct test *t)
{
	return session_find(t->w.sessions, SESSION)->row.reported;
}

static size_t
count(const struct peer *p, const char *type)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += strcmp(p->heard[i].type, type) == 0;
	return n;
}

static int
spoil(struct store_tx *tx, void *arg, struct fault *f)
{
	struct sql q;

	(void)f;
	sql_open(&q, tx, arg);
	return sql_run(&q, NULL);
}

static void
rename_column(struct test *t, const char *sql)
{
	OK(store_apply(t->w.store, spoil, (char *)(uintptr_t)sql, NULL));
}

static void
t_in_order(void **state)
{
	struct test *t = *state;

	join_reporting(t);
	join(t, &t->client, true);
	row("the agent hears at once that it is understood");
	assert_int_equal(count(&t->agent, MSG_OWN_RECORDED), 1);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	report(&t->agent, EVENT(SESSION, "1"));
	send_data(&t->agent, 1, PAYLOAD_OUTPUT);
	report(&t->agent, EVENT(SESSION, "2"));
	send_data(&t->agent, 2, PAYLOAD_OUTPUT);
	pass_ms(t, 20);
	assert_int_equal(t->client.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(t->client.heard[i].seq, i);
	assert_int_equal(reported(t), 2);
	assert_int_equal(count(&t->agent, MSG_OWN_RECORDED), 3);
	assert_int_equal(count(&t->client, MSG_OWN_EVENT), 0);
	assert_int_equal(t->counters.malformed, 0);
}

/* Neither the outcome nor what comes behind it reaches the client; the agent says it again. */
static void
t_not_recorded(void **state)
{
	struct test *t = *state;

	join_reporting(t);
	join(t, &t->client, true);
	rename_column(t, "ALTER TABLE sessions RENAME COLUMN reported TO broken");
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	report(&t->agent, EVENT(SESSION, "1"));
	send_data(&t->agent, 1, PAYLOAD_OUTPUT);
	report(&t->agent, EVENT(SESSION, "2"));
	send_data(&t->agent, 2, PAYLOAD_OUTPUT);
	pass_ms(t, 20);
	assert_int_equal(t->client.n, 1);
	assert_true(t->agent.closed);
	assert_int_equal(t->counters.sockets, 1);
	assert_int_equal(
	    session_find(t->w.sessions, SESSION)->state, SESSION_DISCONNECTED);
	rename_column(t, "ALTER TABLE sessions RENAME COLUMN broken TO reported");
	row("it comes back");
	t->agent.n = 0;
	join_reporting(t);
	report(&t->agent, EVENT(SESSION, "1"));
	report(&t->agent, EVENT(SESSION, "2"));
	send_data(&t->agent, 1, PAYLOAD_OUTPUT);
	send_data(&t->agent, 2, PAYLOAD_OUTPUT);
	pass_ms(t, 20);
	assert_int_equal(t->client.n, 3);
	assert_int_equal(reported(t), 2);
	assert_false(t->agent.closed);
}

/* A gap means that something was not recorded: the same. */
static void
t_gap(void **state)
{
	struct test *t = *state;

	join_reporting(t);
	join(t, &t->client, true);
	report(&t->agent, EVENT(SESSION, "2"));
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 20);
	assert_true(t->agent.closed);
	assert_int_equal(t->client.n, 0);
	assert_int_equal(reported(t), 0);
}

/* The connection may end before the commit: what it brought still counts, in order. */
static void
t_connection_ends(void **state)
{
	struct test *t = *state;

	join_reporting(t);
	join(t, &t->client, true);
	report(&t->agent, EVENT(SESSION, "1"));
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	wsconn_close(STEAL(t->agent.ws), WS_CLOSE_NORMAL);
	pass_ms(t, 20);
	assert_int_equal(reported(t), 1);
	assert_true(has(&t->client, MSG_OUTPUT_STREAM, 0));
	row("and what is repeated afterwards is not recorded twice");
	t->agent.n = 0;
	join_reporting(t);
	report(&t->agent, EVENT(SESSION, "1"));
	send_data(&t->agent, 1, PAYLOAD_OUTPUT);
	pass_ms(t, 20);
	assert_int_equal(reported(t), 1);
	assert_true(has(&t->client, MSG_OUTPUT_STREAM, 1));
}

/* The last words of an agent whose session was just ended. */
static void
t_after_the_end(void **state)
{
	struct test *t = *state;

	join_reporting(t);
	join(t, &t->client, true);
	session_terminate(
	    session_find(t->w.sessions, SESSION), SESSION_TERMINATED, "by the admin");
	report(&t->agent, EVENT(SESSION, "1"));
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 20);
	assert_int_equal(reported(t), 1);
	assert_false(has(&t->client, MSG_OUTPUT_STREAM, 0));
}

static void
t_refused(void **state)
{
	static const struct {
		const char *what;
		struct span payload;
	} t_[] = {
		{ "of another session", EVENT("bob-0123456789abcdef0", "1") },
		{ "no JSON", SPAN("{") },
		{ "without a number",
		    SPAN("{\"SessionId\":\"" SESSION "\",\"Events\":[{}]}") },
	};
	struct test *t = *state;

	join_reporting(t);
	join(t, &t->client, true);
	for (size_t i = 0; i < ARRAY_LEN(t_); i++) {
		row(t_[i].what);
		report(&t->agent, t_[i].payload);
		pass_ms(t, 5);
		assert_int_equal(t->counters.malformed, i + 1);
	}
	row("by a client");
	report(&t->client, EVENT(SESSION, "1"));
	pass_ms(t, 5);
	assert_int_equal(reported(t), 0);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 5);
	assert_true(has(&t->client, MSG_OUTPUT_STREAM, 0));
	row("by an agent that did not announce itself");
	leave_peer(&t->agent);
	pass_ms(t, 5);
	join(t, &t->agent, true);
	t->agent.n = 0;
	report(&t->agent, EVENT(SESSION, "1"));
	pass_ms(t, 5);
	assert_int_equal(reported(t), 0);
	assert_int_equal(t->agent.n, 0);
}

/* What waits is bounded: an agent that says much before the commit is not read. */
static void
t_bounded(void **state)
{
	static uint8_t large[60 * 1024];
	struct test *t = *state;

	join_reporting(t);
	join(t, &t->client, true);
	report(&t->agent, EVENT(SESSION, "1"));
	for (int64_t i = 0; i < 60; i++)
		send_msg(&t->agent, MSG_OUTPUT_STREAM, i, PAYLOAD_OUTPUT,
		    span_of(large, sizeof(large)));
	while (count(&t->client, MSG_OUTPUT_STREAM) < 60) {
		assert_true(relay_buffered(t->relay) < 2 * 1024 * 1024);
		pass_ms(t, 1);
	}
	assert_int_equal(reported(t), 1);
	assert_int_equal(relay_buffered(t->relay), 0);
}

/* The relay goes while the store works: the report is recorded, nobody is called. */
static void
t_relay_gone(void **state)
{
	struct test *t = *state;

	join_reporting(t);
	report(&t->agent, EVENT(SESSION, "1"));
	for (int i = 0; i < 200 && t->counters.messages == 0; i++)
		sim_run_for(t->w.sim, 0);
	if (t->counters.messages == 0)
		pass_ms(t, 1);
	relay_free(STEAL(t->relay));
	pass_ms(t, 20);
	assert_int_equal(reported(t), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(t_in_order, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(t_not_recorded, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(t_gap, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(t_connection_ends, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(t_after_the_end, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(t_refused, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(t_bounded, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(t_relay_gone, bench_up, bench_down),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
