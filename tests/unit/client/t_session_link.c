/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One session from the person's side against a gateway that is made here, in simulated
 * time: the opening, the handshake, losses, resuming, and every way to end.
 */
#include "meeting.h"

/* 9.1.13, 9.2.1: an agent without handshake begins with output. */
static void
t_without_handshake(void **state)
{
	struct meeting m;
	(void)state;

	begin_ready(&m);
	assert_string_equal(m.agent_version, "");
	assert_int_equal(client_session_send(m.session, PAYLOAD_OUTPUT, SPAN("ls\n")), 0);
	sim_run_for(m.world, SECOND);
	check_text(buf_span(&m.at_agent), "ls\n");
	assert_true(client_session_drained(m.session));
	gateway_farewell(&m, "");
	sim_run_for(m.world, SECOND);
	assert_true(m.ended);
	assert_int_equal(m.why, SESSION_CLOSED);
	assert_string_equal(m.text, "");
	finish(&m);
}

static void
t_handshake(void **state)
{
	static const struct {
		const char *what, *request;
		bool good;
	} t[] = {
		{ "a shell",
		    "{\"AgentVersion\":\"3.3.9.0\",\"RequestedClientActions\":[{"
		    "\"ActionType\":\"SessionType\",\"ActionParameters\":{"
		    "\"SessionType\":\"Standard_Stream\",\"Properties\":null}}]}",
		    true },
		{ "a type of tomorrow",
		    "{\"AgentVersion\":\"3.3.9.0\",\"RequestedClientActions\":[{"
		    "\"ActionType\":\"SessionType\",\"ActionParameters\":{"
		    "\"SessionType\":\"Hologram\",\"Properties\":null}}]}",
		    false },
		{ "no type",
		    "{\"AgentVersion\":\"3.3.9.0\",\"RequestedClientActions\":[]}",
		    false },
		{ "no JSON", "{", false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct meeting m;

		row(t[i].what);
		begin(&m, URL);
		open_gateway(&m);
		sim_run_for(m.world, SECOND);
		agent_says(&m, PAYLOAD_HANDSHAKE_REQUEST, t[i].request);
		sim_run_for(m.world, SECOND);
		agent_says(&m, PAYLOAD_HANDSHAKE_COMPLETE,
		    "{\"HandshakeTimeToComplete\":1,\"CustomerMessage\":\"\"}");
		sim_run_for(m.world, SECOND);
		assert_int_equal(m.ready, t[i].good);
		assert_int_equal(m.ended, !t[i].good);
		if (t[i].good)
			assert_string_equal(m.agent_version, "3.3.9.0");
		else
			assert_int_equal(m.why, SESSION_UNUSABLE);
		finish(&m);
	}
}

/* The first connection is tried a few times, with the same token. */
static void
t_first_connection(void **state)
{
	struct meeting m;
	(void)state;

	row("comes up late");
	begin(&m, URL);
	sim_run_for(m.world, 2 * SECOND);
	open_gateway(&m);
	sim_run_for(m.world, 10 * SECOND);
	assert_int_equal(m.opened, 1);
	assert_string_equal(m.token, "first");
	assert_int_equal(m.asked + m.losses, 0);
	finish(&m);

	row("never comes up");
	begin(&m, URL);
	sim_run_for(m.world, MINUTE);
	assert_true(m.ended);
	assert_int_equal(m.why, SESSION_GAVE_UP);
	finish(&m);

	row("an address that cannot be");
	begin(&m, "ftp://gateway/");
	sim_run_for(m.world, 10);
	assert_true(m.ended);
	assert_int_equal(m.why, SESSION_GAVE_UP);
	finish(&m);
}

/* 9.2.7: what was typed and said meanwhile is not lost. */
static void
t_resumed(void **state)
{
	struct meeting m;
	(void)state;

	begin_ready(&m);
	cut(&m);
	agent_says(&m, PAYLOAD_OUTPUT, "while away ");
	sim_run_for(m.world, 50);
	assert_int_equal(m.losses, 1);
	assert_int_equal(
	    client_session_send(m.session, PAYLOAD_OUTPUT, SPAN("typed\n")), 0);
	sim_run_for(m.world, 5 * SECOND);
	assert_int_equal(m.opened, 2);
	assert_string_equal(m.token, "second");
	assert_int_equal(m.returns, 1);
	check_text(buf_span(&m.at_agent), "typed\n");
	check_text(buf_span(&m.at_person), "$ while away ");
	finish(&m);
}

/* 9.2.7: only an answer without a token is the end. */
static void
t_over_meanwhile(void **state)
{
	struct meeting m;
	(void)state;

	begin_ready(&m);
	m.no_token = true;
	cut(&m);
	sim_run_for(m.world, 5 * SECOND);
	assert_true(m.ended);
	assert_int_equal(m.why, SESSION_TIMED_OUT);
	finish(&m);
}

static void
t_away_for_good(void **state)
{
	struct meeting m;
	(void)state;

	begin_ready(&m);
	m.resume_fails = true;
	cut(&m);
	sim_run_for(m.world, SESSION_GIVE_UP_MS - MINUTE);
	assert_false(m.ended);
	assert_in_range(m.asked, 60, 300); /* patient, but not idle */
	sim_run_for(m.world, 2 * MINUTE);
	assert_true(m.ended);
	assert_int_equal(m.why, SESSION_GAVE_UP);
	assert_string_equal(m.text, "away");
	assert_int_equal(m.losses, 1);
	finish(&m);
}

/* A connection that is closed as soon as it is open does not start the waiting anew. */
static void
t_slammed_door(void **state)
{
	struct meeting m;
	(void)state;

	begin_ready(&m);
	m.slam = true;
	cut(&m);
	sim_run_for(m.world, MINUTE);
	assert_in_range(m.opened, 8, 30);
	sim_run_for(m.world, SESSION_GIVE_UP_MS);
	assert_true(m.ended);
	assert_int_equal(m.why, SESSION_GAVE_UP);
	finish(&m);
}

/* No close, no reset: the network swallows everything. */
static void
t_silence(void **state)
{
	struct meeting m;
	(void)state;

	begin_ready(&m);
	sim_run_for(m.world, 5 * MINUTE);
	assert_int_equal(m.losses, 0); /* pings keep an idle session alive */
	wsconn_pause(m.ws, true);
	sim_run_for(m.world, SESSION_CLIENT_DEAD_MS + SESSION_CLIENT_PING_MS + SECOND);
	assert_int_equal(m.losses, 1);
	finish(&m);
}

/* The last output is held by a slow reader when the farewell arrives. */
static void
t_held_output(void **state)
{
	struct meeting m;
	(void)state;

	begin_ready(&m);
	m.hold = true;
	agent_says(&m, PAYLOAD_OUTPUT, "last ");
	agent_says(&m, PAYLOAD_OUTPUT, "words");
	sim_run_for(m.world, SECOND);
	gateway_farewell(&m, "bye");
	sim_run_for(m.world, SECOND);
	cut(&m);
	sim_run_for(m.world, MINUTE);
	assert_false(m.ended);
	assert_int_equal(m.losses, 0);
	m.hold = false;
	client_session_pump(m.session);
	sim_run_for(m.world, 10);
	check_text(buf_span(&m.at_person), "$ last words");
	assert_true(m.ended);
	assert_int_equal(m.why, SESSION_CLOSED);
	assert_string_equal(m.text, "bye");
	finish(&m);
}

static void
t_garbage(void **state)
{
	static const struct span list[] = { SPAN("x"), SPAN("{\"a\":1}"),
		SPAN("\0\0\0\164short"), SPAN("\377\377\377\377") };
	struct meeting m;
	(void)state;

	begin_ready(&m);
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		assert_int_equal(wsconn_send(m.ws, WS_BINARY, list[i]), 0);
		assert_int_equal(wsconn_send(m.ws, WS_TEXT, SPAN("{}")), 0);
	}
	agent_says(&m, PAYLOAD_OUTPUT, "still here");
	sim_run_for(m.world, SECOND);
	check_text(buf_span(&m.at_person), "$ still here");
	finish(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_without_handshake),
		cmocka_unit_test(t_handshake),
		cmocka_unit_test(t_first_connection),
		cmocka_unit_test(t_resumed),
		cmocka_unit_test(t_over_meanwhile),
		cmocka_unit_test(t_away_for_good),
		cmocka_unit_test(t_slammed_door),
		cmocka_unit_test(t_silence),
		cmocka_unit_test(t_held_output),
		cmocka_unit_test(t_garbage),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
