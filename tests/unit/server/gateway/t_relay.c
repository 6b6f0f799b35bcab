/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay between peers that behave like the stock ones (data-channel pitfalls 9.1):
 * when things leave, in which order, and what never gets through.
 */
#include "relay_bench.h"

#include "proto/handshake.h"

static void
t_forwards_in_order(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, true);
	join(t, &t->client, true);
	for (int64_t i = 0; i < 200; i++) {
		send_data(&t->agent, i, PAYLOAD_OUTPUT);
		send_data(&t->client, i, PAYLOAD_OUTPUT);
	}
	pass_ms(t, 50);
	assert_int_equal(t->client.n, 200);
	assert_int_equal(t->agent.n, 200);
	for (int64_t i = 0; i < 200; i++) {
		assert_int_equal(t->client.heard[i].seq, i);
		assert_string_equal(t->agent.heard[i].type, MSG_INPUT_STREAM);
	}
}

/* 9.1.8: what is said to an absent peer waits for it, acknowledgements included. */
static void
t_absent_peer(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, true);
	send_data(&t->agent, 0, PAYLOAD_HANDSHAKE_REQUEST);
	send_data(&t->agent, 1, PAYLOAD_OUTPUT);
	pass_ms(t, 50);
	join(t, &t->client, true);
	assert_int_equal(t->client.n, 2);
	send_data(&t->client, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 5);
	leave_peer(&t->client);
	pass_ms(t, 5);
	send_ack(&t->agent, 0);
	send_data(&t->agent, 2, PAYLOAD_OUTPUT);
	pass_ms(t, 5);
	t->client.n = 0;
	join(t, &t->client, true);
	assert_true(has(&t->client, MSG_ACKNOWLEDGE, 0));
	assert_true(has(&t->client, MSG_OUTPUT_STREAM, 2));
}

/* 9.1.2, 4.5: an acknowledgement reaches a stock sender only when it has noted its message. */
static void
t_ack_is_held(void **state)
{
	struct test *t = *state;
	uint64_t acked_ms;

	join(t, &t->agent, false);
	join(t, &t->client, true);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	for (int i = 0; i < 5 && t->client.n == 0; i++)
		sim_run_for(t->w.sim, 0);
	if (t->client.n == 0)
		pass_ms(t, 1);
	assert_int_equal(t->client.n, 1);
	acked_ms = sim_now_ms(t->w.sim);
	send_ack(&t->client, 0);
	pass_ms(t, 20);
	assert_true(has(&t->agent, MSG_ACKNOWLEDGE, 0));
	assert_true(t->agent.heard[t->agent.n - 1].at_ms > acked_ms);
}

/* 4.5: and one of our own senders is not kept waiting. */
static void
t_own_ack_is_not_held(void **state)
{
	struct test *t = *state;
	uint64_t sent_ms;

	join(t, &t->agent, true);
	join(t, &t->client, true);
	sent_ms = sim_now_ms(t->w.sim);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	send_ack(&t->client, 0);
	pass_ms(t, 20);
	assert_true(has(&t->agent, MSG_ACKNOWLEDGE, 0));
	assert_true(t->agent.heard[t->agent.n - 1].at_ms <= sent_ms + 1);
}

/* 9.1.2, agent-protocol 10.13: the stock client ignores duplicates, so the relay acknowledges in its place. */
static void
t_duplicate_is_answered(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, false);
	join(t, &t->client, false);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 5);
	send_ack(&t->client, 0);
	pass_ms(t, 20);
	t->agent.n = t->client.n = 0;
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 20);
	assert_int_equal(t->client.n, 0);
	assert_true(has(&t->agent, MSG_ACKNOWLEDGE, 0));
	assert_int_equal(t->counters.acks_synthesised, 1);
}

/* 9.1.2: one that repeats itself and does not read fills no queue. */
static void
t_duplicates_unread(void **state)
{
	struct test *t = *state;
	uint64_t answered;

	join(t, &t->agent, false);
	join(t, &t->client, false);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 5);
	send_ack(&t->client, 0);
	pass_ms(t, 20);
	wsconn_pause(t->agent.ws, true);
	for (int i = 0; i < 20000; i++) {
		send_data(&t->agent, 0, PAYLOAD_OUTPUT);
		if (i % 100 == 0)
			pass_ms(t, 1);
	}
	pass_ms(t, 1000);
	answered = t->counters.acks_synthesised;
	assert_true(answered < 10000);
	wsconn_pause(t->agent.ws, false);
	t->agent.n = 0;
	pass_ms(t, 1000);
	assert_true(t->agent.n > 0);
	t->agent.n = 0;
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 20);
	assert_true(has(&t->agent, MSG_ACKNOWLEDGE, 0));
}

/* 9.1.9: a repeated message that nobody acknowledged yet is passed on, not judged. */
static void
t_unacked_duplicate_passes(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, false);
	join(t, &t->client, false);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 20);
	assert_int_equal(t->client.n, 2);
}

/* 9.1.1: the acknowledgement of the response goes first, then HandshakeComplete, then
 * quiet. */
static void
t_handshake_complete(void **state)
{
	struct test *t = *state;
	const struct heard *h = t->client.heard;

	join(t, &t->agent, false);
	join(t, &t->client, false);
	send_data(&t->agent, 0, PAYLOAD_HANDSHAKE_REQUEST);
	pass_ms(t, 5);
	send_ack(&t->client, 0);
	send_data(&t->client, 0, PAYLOAD_HANDSHAKE_RESPONSE);
	pass_ms(t, 5);
	send_data(&t->agent, 1, PAYLOAD_HANDSHAKE_COMPLETE); /* overtakes its own ack */
	send_data(&t->agent, 2, PAYLOAD_OUTPUT);
	pass_ms(t, 50);
	assert_int_equal(t->client.n, 1);
	send_ack(&t->agent, 0);
	pass_ms(t, 20);
	assert_int_equal(t->client.n, 3);
	assert_string_equal(h[1].type, MSG_ACKNOWLEDGE);
	assert_int_equal(h[2].payload_type, PAYLOAD_HANDSHAKE_COMPLETE);
	pass_ms(t, RELAY_QUIET_MS + 10);
	assert_int_equal(t->client.n, 4);
	assert_true(h[3].at_ms >= h[2].at_ms + RELAY_QUIET_MS - 2);
}

/* 9.1.1: the client's first words end the quiet. */
static void
t_quiet_ends(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, true);
	join(t, &t->client, false);
	send_data(&t->agent, 0, PAYLOAD_HANDSHAKE_COMPLETE);
	send_data(&t->agent, 1, PAYLOAD_OUTPUT);
	pass_ms(t, 20);
	assert_int_equal(t->client.n, 1);
	send_data(&t->client, 0, PAYLOAD_SIZE);
	pass_ms(t, 5);
	assert_int_equal(t->client.n, 2);
}

/* 9.1.1: nor may the end of a session that failed at once break it: the client would hang. */
static void
t_quiet_to_the_end(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, true);
	join(t, &t->client, false);
	send_data(&t->agent, 0, PAYLOAD_HANDSHAKE_COMPLETE);
	pass_ms(t, 5);
	session_terminate(
	    session_find(t->w.sessions, SESSION), SESSION_FAILED, "no such host");
	pass_ms(t, RELAY_QUIET_MS - 30);
	assert_int_equal(t->client.n, 1);
	pass_ms(t, 60);
	assert_int_equal(t->client.n, 2);
	assert_string_equal(t->client.heard[1].type, MSG_CHANNEL_CLOSED);
}

/* 9.1.3, 9.1.10: nothing garbled, no state message and no unknown type is passed on. */
static void
t_never_forwarded(void **state)
{
	struct test *t = *state;
	uint8_t frame[200] = { 0, 0, 0xff, 0xff };

	join(t, &t->agent, false);
	join(t, &t->client, false);
	OK(wsconn_send(t->agent.ws, WS_BINARY, span_of(frame, sizeof(frame))));
	OK(wsconn_send(t->agent.ws, WS_TEXT, SPAN("{\"hello\":\"world\"}")));
	send_msg(&t->agent, MSG_SESSION_STATE, 0, 0,
	    SPAN("{\"SchemaVersion\":1,\"SessionState\":\"Connected\",\"SessionId\":"
		 "\"" SESSION "\"}"));
	send_msg(&t->agent, "something_else", 0, 0, SPAN("{}"));
	send_data(&t->client, 0, PAYLOAD_OUTPUT); /* still works */
	send_msg(&t->client, MSG_OUTPUT_STREAM, 0, 1, SPAN("the wrong way"));
	send_msg(&t->client, MSG_ACKNOWLEDGE, 0, 0, SPAN("{\"no\":\"number\"}"));
	pass_ms(t, 20);
	assert_int_equal(t->client.n, 0);
	assert_int_equal(t->agent.n, 1);
	assert_int_equal(t->counters.malformed, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    t_forwards_in_order, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(t_absent_peer, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(t_ack_is_held, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(
		    t_own_ack_is_not_held, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(
		    t_duplicate_is_answered, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(
		    t_duplicates_unread, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(
		    t_unacked_duplicate_passes, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(
		    t_handshake_complete, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(t_quiet_ends, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(t_quiet_to_the_end, bench_up, bench_down),
		cmocka_unit_test_setup_teardown(t_never_forwarded, bench_up, bench_down),
	};

	crypto_init();
	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
