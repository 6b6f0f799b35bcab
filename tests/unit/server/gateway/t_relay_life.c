/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay while its session lives: ends that leave, come again or do not read, what is
 * said besides the stream, and how it ends.
 */
#include "relay_bench.h"

#include "proto/handshake.h"

/* 9.1.7: channel_closed ends a session, behind everything that was on its way. */
static void
t_close(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, true);
	join(t, &t->client, true);
	for (int64_t i = 0; i < 50; i++)
		send_data(&t->agent, i, PAYLOAD_OUTPUT);
	pass_ms(t, 20);
	session_terminate(
	    session_find(t->w.sessions, SESSION), SESSION_TERMINATED, "by the admin");
	pass_ms(t, 20);
	assert_int_equal(t->client.n, 51);
	assert_string_equal(t->client.heard[50].type, MSG_CHANNEL_CLOSED);
	assert_true(has(&t->agent, MSG_CHANNEL_CLOSED, 0));
	leave_peer(&t->client);
	leave_peer(&t->agent);
	pass_ms(t, RELAY_CLOSE_MS + 100);
	assert_true(t->gone);
	assert_int_equal(t->counters.sockets, 0);
}

/* Terminating from a shell closes the client right away. */
static void
t_terminating(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, false);
	join(t, &t->client, false);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	send_msg(&t->agent, MSG_SESSION_STATE, 0, 0,
	    SPAN("{\"SchemaVersion\":1,\"SessionState\":\"Terminating\",\"SessionId\":"
		 "\"" SESSION "\"}"));
	pass_ms(t, 50);
	assert_int_equal(t->client.n, 2);
	assert_string_equal(t->client.heard[1].type, MSG_CHANNEL_CLOSED);
	assert_string_equal(t->client.heard[1].text, "");
}

/* 9.1.7: the end of the stream is no end of the session: another socket may take its place. */
static void
t_replaced(void **state)
{
	struct test *t = *state;
	struct peer second = { 0 };

	join(t, &t->agent, true);
	join(t, &t->client, true);
	second = t->client;
	t->client = (struct peer){ 0 };
	wsconn_set_handler(second.ws, &bench_peer, &second);
	join(t, &t->client, true);
	assert_true(second.closed);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 5);
	assert_int_equal(t->client.n, 1);
	assert_int_equal(t->counters.sockets, 2);
}

/* Its acknowledgement died with the connection, and it is silent about duplicates. */
static void
t_lost_acknowledgement(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, false);
	join(t, &t->client, false);
	send_data(&t->agent, 7, PAYLOAD_OUTPUT);
	send_data(&t->agent, 7, PAYLOAD_OUTPUT);
	pass_ms(t, 100);
	assert_false(has(&t->agent, MSG_ACKNOWLEDGE, 7)); /* it may be on its way */
	leave_peer(&t->client);
	join(t, &t->client, false);
	t->client.n = 0;
	send_data(&t->agent, 7, PAYLOAD_OUTPUT);
	pass_ms(t, 100);
	assert_int_equal(t->client.n, 1);
	send_data(&t->agent, 7, PAYLOAD_OUTPUT);
	pass_ms(t, 100);
	assert_true(has(&t->agent, MSG_ACKNOWLEDGE, 7));
	assert_int_equal(t->client.n, 1);
	send_data(&t->agent, 8, PAYLOAD_OUTPUT);
	pass_ms(t, 5);
	assert_true(has(&t->client, MSG_OUTPUT_STREAM, 8));
}

/* A client that does not read holds the agent back; nothing is dropped. */
static void
t_back_pressure(void **state)
{
	static uint8_t big[32 * 1024];
	struct test *t = *state;
	int64_t sent = 0;

	join(t, &t->agent, true);
	join(t, &t->client, true);
	wsconn_pause(t->client.ws, true);
	while (wsconn_queued(t->agent.ws) < 1024 * 1024 && sent < 1000) {
		send_msg(&t->agent, MSG_OUTPUT_STREAM, sent++, PAYLOAD_OUTPUT,
		    span_of(big, sizeof(big)));
		pass_ms(t, 1);
	}
	assert_true(sent < 1000); /* the agent was stopped */
	wsconn_pause(t->client.ws, false);
	pass_ms(t, 2000);
	assert_int_equal(t->client.n, sent);
	for (int64_t i = 0; i < sent; i++)
		assert_int_equal(t->client.heard[i].seq, i);
}

/* The same while the client is away. */
static void
t_absent_back_pressure(void **state)
{
	static uint8_t big[32 * 1024];
	struct test *t = *state;
	int64_t sent = 0;

	join(t, &t->agent, true);
	while (wsconn_queued(t->agent.ws) < 1024 * 1024 && sent < 1000) {
		send_msg(&t->agent, MSG_OUTPUT_STREAM, sent++, PAYLOAD_OUTPUT,
		    span_of(big, sizeof(big)));
		pass_ms(t, 1);
	}
	assert_true(sent < 1000);
	assert_in_range(relay_buffered(t->relay), QUEUE_MAX, QUEUE_MAX + 2 * sizeof(big));
	join(t, &t->client, true);
	pass_ms(t, 2000);
	assert_int_equal(t->client.n, sent);
	assert_int_equal(relay_buffered(t->relay), 0);
}

/* A stock sender that repeats itself for ever does not keep a session from being idle. */
static void
t_repetition_is_idle(void **state)
{
	struct test *t = *state;
	struct session *se = session_find(t->w.sessions, SESSION);
	uint64_t last;

	join(t, &t->agent, false);
	join(t, &t->client, true);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 100);
	last = se->last_data_ms;
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 100);
	assert_int_equal(se->last_data_ms, last);
	send_data(&t->client, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 100);
	assert_true(se->last_data_ms > last);
}

/* What is said besides the stream: only to whom understands it, and never to a later one. */
static void
t_tell(void **state)
{
	struct test *t = *state;
	struct session *se = session_find(t->w.sessions, SESSION);
	const struct own_words words = { .session_id = SESSION, .message = "hello" };

	join(t, &t->agent, true);
	join(t, &t->client, false);
	se->channel->tell(se->channel, MSG_OWN_NOTICE, &words);
	pass_ms(t, 100);
	assert_int_equal(t->client.n, 0);
	leave_peer(&t->client);
	pass_ms(t, 20);
	se->channel->tell(se->channel, MSG_OWN_NOTICE, &words);
	join(t, &t->client, true);
	assert_int_equal(t->client.n, 0);
	se->channel->tell(se->channel, MSG_OWN_NOTICE, &words);
	pass_ms(t, 20);
	assert_int_equal(t->client.n, 1);
	assert_string_equal(t->client.heard[0].type, MSG_OWN_NOTICE);
	assert_int_equal(t->agent.n, 0);
}

/* --- a client that ends the session and leaves -------------------------------------- */

static void
send_flag(struct peer *p, int64_t seq, uint32_t flag)
{
	uint8_t bytes[4];

	flag_encode(bytes, flag);
	send_msg(p, MSG_INPUT_STREAM, seq, PAYLOAD_FLAG, span_of(bytes, sizeof(bytes)));
}

/* Its TerminateSession has the number of data that was faster: the agent never takes it. */
static void
t_terminate_lost(void **state)
{
	static const struct {
		const char *what;
		bool acked; /* the data, before the flag came */
		uint32_t flag;
		bool leaves, returns, ends;
	} t[] = {
		{ "behind data", false, FLAG_TERMINATE_SESSION, true, false, true },
		{ "behind data that was taken", true, FLAG_TERMINATE_SESSION, true, false,
		    true },
		{ "the client stays", false, FLAG_TERMINATE_SESSION, false, false,
		    false },
		{ "the client returns", false, FLAG_TERMINATE_SESSION, true, true,
		    false },
		{ "another flag", false, FLAG_DISCONNECT_TO_PORT, true, false, false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };
		struct store_session row;
		struct test *x;
		void *made;

		print_message("  %s\n", t[i].what);
		OK(bench_up(&made));
		x = made;
		join(x, &x->agent, false);
		join(x, &x->client, false);
		send_data(&x->client, 0, PAYLOAD_OUTPUT);
		pass_ms(x, 5);
		if (t[i].acked)
			send_ack(&x->agent, 0);
		pass_ms(x, 5);
		send_flag(&x->client, 0, t[i].flag);
		pass_ms(x, 5);
		if (t[i].leaves)
			leave_peer(&x->client);
		pass_ms(x, RELAY_LEFT_MS - 100);
		assert_non_null(session_find(x->w.sessions, SESSION));
		if (t[i].returns)
			join(x, &x->client, false);
		assert_false(has(&x->agent, MSG_CHANNEL_CLOSED, 0));
		pass_ms(x, 200);
		assert_int_equal(has(&x->agent, MSG_CHANNEL_CLOSED, 0), t[i].ends);
		pass_ms(x, SESSION_CLOSE_MS);
		OK(store_session_get(store_reader(x->w.store), &mem, SESSION, &row));
		assert_string_equal(
		    row.details, t[i].ends ? "The client ended the session." : "");
		bench_down(&made);
	}
}

/* 4.8, agent-protocol 10.15: a stock agent is told to pause while its client is away. */
static void
t_pause(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, false);
	join(t, &t->client, false);
	t->agent.n = 0;
	leave_peer(&t->client);
	pass_ms(t, 20);
	assert_true(has(&t->agent, MSG_PAUSE, 0));
	join(t, &t->client, false);
	assert_true(has(&t->agent, MSG_START, 0));
}

/* 9.1.14: but not one that would end its session for it. */
static void
t_never_paused(void **state)
{
	static char content[] =
	    "{\"schemaVersion\":\"1.0\",\"sessionType\":\"NonInteractiveCommands\","
	    "\"properties\":{\"linux\":{\"commands\":\"make\","
	    "\"separateOutputStream\":true}}}";
	struct test *t = *state;

	relay_free(t->relay);
	session_find(t->w.sessions, SESSION)->row.content_json = content;
	t->relay = relay_new(t->w.loop, t->w.sessions, SESSION, QUEUE_MAX, &t->counters,
	    bench_relay_gone, t);
	join(t, &t->agent, false);
	join(t, &t->client, false);
	leave_peer(&t->client);
	pass_ms(t, 20);
	join(t, &t->client, false);
	assert_int_equal(t->agent.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(t_close, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(t_terminating, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(t_replaced, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(
		    t_lost_acknowledgement, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(t_back_pressure, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(
		    t_absent_back_pressure, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(
		    t_repetition_is_idle, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(t_tell, bench_up, bench_down),
		cmocka_unit_test(t_terminate_lost),
		cmocka_unit_test_setup_teardown(t_pause, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(t_never_paused, bench_up, bench_down),
	};

	crypto_init();
	return cmocka_run_group_tests_name("relay_life", tests, NULL, NULL);
}
