/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions in a simulated world: order of messages, sizes, ends, lost connections, and
 * the pitfalls of the data channel's section 9.3 by their numbers.
 */
#include "world.h"

#include "base/log.h"

enum { MINUTE = 60 * 1000 };

static const struct world_options plain = { .seed = 11 };

static bool
has(const struct buf *b, const char *text)
{
	return b->len > 0 && memmem(b->p, b->len, text, strlen(text)) != NULL;
}

/* Where text is in the log of messages; fails when it is not. */
static size_t
at(struct talk *t, const char *text)
{
	const char *log = buf_cstr(&t->log), *p = strstr(log, text);

	if (p == NULL)
		print_error("no \"%s\" in \"%s\"\n", text, log);
	assert_non_null(p);
	return (size_t)(p - log);
}

static void
t_one_session(void **state)
{
	struct world w;
	struct talk *t;

	(void)state;
	for (int own = 0; own < 2; own++) {
		row(own ? "our own client" : "a stock client");
		world_init(&w, &plain);
		assert_true(world_online(&w));
		t = world_prompt(&w, "alice-1", own);
		talk_type(t, "echo hello\n");
		assert_true(talk_expect(t, "hello\n$ ", 2000));
		talk_type(t, "exit 3\n");
		assert_true(world_until(&w, &w.task_seen, 5000));
		assert_string_equal(w.task_status, "Success");
		assert_string_equal(w.task_id, "alice-1");
		assert_int_equal(t->exit_code, own ? 3 : -1);
		world_run(&w, 100);
		assert_null(t->ws);
		world_fini(&w);
	}
}

/* 9.3.1: the ack of HandshakeResponse goes out before HandshakeComplete. */
static void
t_931_ack_before_complete(void **state)
{
	struct world w;
	struct talk *t;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	t = world_prompt(&w, "alice-1", false);
	assert_true(at(t, "ack 0;") < at(t, "data 1 type 7;"));
	world_fini(&w);
}

/* 9.3.2: four parts, newer than 3.1.1511.0. */
static void
t_932_version(void **state)
{
	struct world w;
	struct talk *t;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	t = world_prompt(&w, "alice-1", false);
	assert_true(version_newer_strict(t->agent_version, "3.1.1511.0"));
	world_fini(&w);
}

/* 9.3.3: a shell says Output, handshake and (to its own) ExitCode; never Flag. */
static void
t_933_output_only(void **state)
{
	struct world w;
	struct talk *t;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	t = world_prompt(&w, "alice-1", false);
	talk_type(t, "flood 1000\nexit 0\n");
	assert_true(world_until(&w, &w.task_seen, 10000));
	for (int type = 0; type < 16; type++) {
		char text[32];

		(void)snprintf(text, sizeof(text), " type %d;", type);
		if (type != PAYLOAD_OUTPUT && type != PAYLOAD_HANDSHAKE_REQUEST &&
		    type != PAYLOAD_HANDSHAKE_COMPLETE)
			assert_null(strstr(buf_cstr(&t->log), text));
	}
	world_fini(&w);
}

/* 9.3.4: duplicates are acknowledged again; what cannot be taken yet is not. */
static void
t_934_acknowledgements(void **state)
{
	struct world w;
	struct talk *t;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	t = world_prompt(&w, "alice-1", false);
	buf_reset(&t->log);
	talk_send_raw(t, MSG_INPUT_STREAM, 0, PAYLOAD_HANDSHAKE_RESPONSE, SPAN("{}"));
	talk_send_raw(
	    t, MSG_INPUT_STREAM, 1, PAYLOAD_SIZE, SPAN("{\"cols\":1,\"rows\":1}"));
	world_run(&w, 100);
	(void)at(t, "ack 0;");
	(void)at(t, "ack 1;");
	talk_type(t, "size\n");
	assert_true(talk_expect(t, "30 100\n", 2000)); /* the duplicate had no effect */
	world_fini(&w);
}

/* 9.3.4, 9.3.7: input that is there before the shell is neither lost nor reordered. */
static void
t_937_input_before_the_shell(void **state)
{
	struct world w;
	struct talk *t;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	t = world_talk(&w, "alice-1");
	world_order(&w, "alice-1", NULL);
	t->size = (struct term_size){ 0, 0 };
	assert_true(world_until(&w, &t->complete, 5000));
	talk_type(t, "echo early\n");
	assert_true(talk_expect(t, "early\n", 2000));
	world_fini(&w);
}

/* 9.3.7: the size is right before the shell starts; without one it starts all the same. */
static void
t_937_size(void **state)
{
	struct world w;
	struct talk *t;
	uint64_t t0;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	t = world_prompt(&w, "alice-1", false);
	talk_type(t, "size\n");
	assert_true(talk_expect(t, "30 100\n", 2000));
	row("and it follows the client's");
	assert_int_equal(channel_send(t->ch, ev_now_ms(w.server), PAYLOAD_SIZE,
			     SPAN("{\"cols\":132,\"rows\":50}")),
	    0);
	world_run(&w, 100);
	talk_type(t, "size\n");
	assert_true(talk_expect(t, "50 132\n", 2000));
	row("nonsense changes nothing");
	(void)!channel_send(
	    t->ch, ev_now_ms(w.server), PAYLOAD_SIZE, SPAN("{\"cols\":0,\"rows\":-1}"));
	(void)!channel_send(t->ch, ev_now_ms(w.server), PAYLOAD_SIZE, SPAN("x"));
	world_run(&w, 100);
	talk_type(t, "echo and\nsize\n");
	assert_true(talk_expect(t, "and\n$ 50 132\n", 2000));
	row("no size at all: 300 ms");
	t = world_talk(&w, "alice-2");
	world_order(&w, "alice-2", NULL);
	t->size = (struct term_size){ 0, 0 };
	assert_true(world_until(&w, &t->complete, 5000));
	t0 = sim_now_ms(w.sim);
	assert_true(talk_expect(t, "$ ", 5000));
	assert_in_range(sim_now_ms(w.sim) - t0, 200, 400);
	world_fini(&w);
}

/* 9.3.5: a client that acknowledges nothing for a while gets everything in the end. */
static void
t_935_patience(void **state)
{
	struct world w;
	struct talk *t;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	t = world_prompt(&w, "alice-1", false);
	t->no_acks = true;
	talk_type(t, "flood 2000\n");
	world_run(&w, 60000);
	assert_false(w.task_seen);
	t->no_acks = false;
	assert_true(talk_expect(t, "0001999\n$ ", 60000));
	world_fini(&w);
}

/* 9.3.8: Connected first, Terminating last, when all output is acknowledged. */
static void
t_938_states(void **state)
{
	struct world w;
	struct talk *t;
	const char *log;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	t = world_prompt(&w, "alice-1", false);
	talk_type(t, "flood 5000\nexit 0\n");
	assert_true(world_until(&w, &w.task_seen, 20000));
	world_run(&w, 100); /* it came on another connection, and may have overtaken */
	log = buf_cstr(&t->log);
	assert_memory_equal(log, "open;connected;", strlen("open;connected;"));
	assert_string_equal(log + strlen(log) - strlen("terminating;"), "terminating;");
	assert_int_equal(t->connected, 1);
	assert_int_equal(t->terminating, 1);
	assert_true(has(&t->out, "0004999\n"));
	world_fini(&w);
}

/* A client that is gone for good does not hold a finished session for ever. */
static void
t_938_bounded_farewell(void **state)
{
	struct world w;
	struct talk *t;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	t = world_prompt(&w, "alice-1", false);
	talk_type(t, "exit 0\n");
	t->no_acks = true;
	assert_true(world_until(&w, &w.task_seen, 3 * MINUTE));
	world_fini(&w);
}

/* One of ours that reads nothing for long, or is away, gets the rest and the status. */
static void
t_patient_farewell(void **state)
{
	struct world w;
	struct talk *t;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	t = world_prompt(&w, "alice-1", true);
	t->no_acks = true;
	talk_type(t, "flood 100\nexit 7\n");
	world_run(&w, 9 * MINUTE);
	assert_false(w.task_seen);
	t->no_acks = false;
	assert_true(world_until(&w, &w.task_seen, MINUTE));
	assert_true(has(&t->out, "0000099\n"));
	assert_int_equal(t->exit_code, 7);
	world_fini(&w);
}

/* A stock client's minute begins when it can be reached: the server was away for most of it. */
static void
t_farewell_after_outage(void **state)
{
	struct world w;
	struct talk *t;

	(void)state;
	for (uint64_t away_ms = 45000; away_ms <= 65000; away_ms += 1000) {
		world_init(&w, &plain);
		assert_true(world_online(&w));
		t = world_prompt(&w, "alice-1", false);
		t->no_acks = true;
		talk_type(t, "flood 100\nexit 0\n");
		world_run(&w, 1000);
		world_server_up(&w, false);
		world_run(&w, away_ms);
		world_server_up(&w, true);
		world_run(&w, 20 * 1000); /* the client comes later than the agent */
		t->no_acks = false;
		assert_true(world_until(&w, &w.task_seen, 3 * MINUTE));
		if (!has(&t->out, "0000099\n"))
			fail_msg("after %llu ms the last output is missing",
			    (unsigned long long)away_ms);
		world_fini(&w);
	}
}

/* 9.3.9, and agent-protocol 5.12: nobody answers the handshake. */
static void
t_939_handshake_timeout(void **state)
{
	struct world w;
	struct talk *t;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	t = world_talk(&w, "alice-1");
	t->silent = true;
	world_order(&w, "alice-1", NULL);
	assert_true(world_until(&w, &w.task_seen, 2 * MINUTE));
	assert_true(t->asked);
	assert_string_equal(w.task_status, "Failed");
	assert_non_null(strstr(w.task_output, "Handshake timed out"));
	world_fini(&w);
}

/* A second or unsolicited HandshakeResponse blocks the stock agent's reader. */
static void
t_second_handshake_response(void **state)
{
	struct world w;
	struct talk *t;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	t = world_prompt(&w, "alice-1", false);
	(void)!channel_send(
	    t->ch, ev_now_ms(w.server), PAYLOAD_HANDSHAKE_RESPONSE, SPAN("{}"));
	(void)!channel_send(
	    t->ch, ev_now_ms(w.server), PAYLOAD_HANDSHAKE_RESPONSE, SPAN("nonsense"));
	talk_type(t, "echo still\n");
	assert_true(talk_expect(t, "still\n", 2000));
	world_fini(&w);
}

/* --- ends --------------------------------------------------------------------- */

static void
t_ends(void **state)
{
	static const char *const how[] = { "channel_closed on the control channel",
		"channel_closed on the data channel", "Flag TerminateSession",
		"the server says that it is over" };
	struct world w;
	struct talk *t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(how); i++) {
		row(how[i]);
		world_init(&w, &plain);
		assert_true(world_online(&w));
		t = world_prompt(&w, "alice-1", false);
		if (i == 0)
			world_close_session(&w, "alice-1");
		if (i == 1)
			talk_send_raw(t, MSG_CHANNEL_CLOSED, 0, 0,
			    SPAN(
				"{\"MessageType\":\"channel_closed\",\"MessageId\":\"x\","
				"\"DestinationId\":\"mi-0123456789abcdef0\","
				"\"SessionId\":\"alice-1\",\"SchemaVersion\":1,"
				"\"CreatedDate\":\"2026-11-21T00:00:00Z\"}"));
		if (i == 2)
			assert_int_equal(channel_send(t->ch, ev_now_ms(w.server),
					     PAYLOAD_FLAG, SPAN("\0\0\0\2")),
			    0);
		if (i == 3) {
			w.data_status = 400;
			w.data_body = "<BadRequestException><Message>Session is already "
				      "terminated</Message></BadRequestException>";
			talk_cut(t);
		}
		assert_true(world_until(&w, &w.task_seen, 5000));
		assert_string_equal(w.task_status, "Success");
		assert_int_equal(
		    t->terminating, 0); /* the stock agent says it on exit only */
		world_run(&w, 2000);
		world_fini(&w);
	}
}

/* Agent-protocol 10.9: a session without its server lives ten minutes, not for ever. */
static void
t_09_grace(void **state)
{
	struct agent_state st;
	struct world w;
	struct talk *t;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	t = world_prompt(&w, "alice-1", true);
	world_server_up(&w, false);
	world_run(&w, 9 * MINUTE);
	agent_state_get(w.agent, &st);
	assert_int_equal(st.sessions, 1);
	world_server_up(&w, true);
	world_run(&w, MINUTE);
	talk_type(t, "echo back\n");
	assert_true(talk_expect(t, "back\n", 20000));
	row("ten minutes");
	world_server_up(&w, false);
	world_run(&w, 11 * MINUTE);
	agent_state_get(w.agent, &st);
	assert_int_equal(st.sessions, 0);
	assert_int_equal(st.untold, 1);
	world_server_up(&w, true);
	assert_true(world_until(&w, &w.task_seen, 2 * MINUTE));
	assert_string_equal(w.task_status, "Failed");
	world_fini(&w);
}

/* Agent-protocol 10.7: idle and maximum time, as a second line behind the server. */
static void
t_07_limits(void **state)
{
	static const char idle[] =
	    "{\"schemaVersion\":\"1.0\",\"sessionType\":"
	    "\"Standard_Stream\",\"inputs\":{\"idleSessionTimeout\":"
	    "\"5\"}}";
	static const char maximum[] =
	    "{\"schemaVersion\":\"1.0\",\"sessionType\":"
	    "\"Standard_Stream\",\"inputs\":{\"maxSessionDuration\":"
	    "\"10\"}}";
	struct world w;
	struct talk *t;

	(void)state;
	row("idle");
	world_init(&w, &plain);
	assert_true(world_online(&w));
	t = world_order(&w, "alice-1", idle);
	assert_true(talk_expect(t, "$ ", 5000));
	for (int i = 0; i < 10; i++) {
		world_run(&w, 4 * MINUTE);
		talk_type(t, "echo x\n");
	}
	assert_false(w.task_seen);
	world_run(&w, 5 * MINUTE);
	assert_false(w.task_seen); /* the server's turn */
	assert_true(world_until(&w, &w.task_seen, 3 * MINUTE));
	assert_string_equal(w.task_status, "TimedOut");
	world_fini(&w);
	row("maximum");
	world_init(&w, &plain);
	assert_true(world_online(&w));
	t = world_order(&w, "alice-1", maximum);
	assert_true(talk_expect(t, "$ ", 5000));
	for (int i = 0; i < 10; i++) {
		world_run(&w, MINUTE);
		assert_false(w.task_seen);
		talk_type(t, "echo x\n");
	}
	assert_true(world_until(&w, &w.task_seen, 2 * MINUTE));
	assert_string_equal(w.task_status, "TimedOut");
	world_fini(&w);
}

/* --- commands -------------------------------------------------------------------- */

static void
t_commands(void **state)
{
	static const char interactive[] =
	    "{\"schemaVersion\":\"1.0\",\"sessionType\":\"InteractiveCommands\","
	    "\"properties\":{\"linux\":{\"commands\":\"ls -l; id\"}}}";
	static const char merged[] =
	    "{\"schemaVersion\":\"1.0\",\"sessionType\":\"NonInteractiveCommands\","
	    "\"properties\":{\"linux\":{\"commands\":\"ls 'a b'\"}}}";
	static const char separate[] =
	    "{\"schemaVersion\":\"1.0\",\"sessionType\":\"NonInteractiveCommands\","
	    "\"properties\":{\"linux\":{\"commands\":\"ls\",\"separateOutputStream\":"
	    "true,"
	    "\"stdOutSeparatorPrefix\":\"OUT:\",\"stdErrSeparatorPrefix\":\"ERR:\"}}}";
	struct world w;
	struct talk *t;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	row("InteractiveCommands");
	t = world_order(&w, "a-1", interactive);
	assert_true(world_until(&w, &w.task_seen, 5000));
	assert_true(has(&t->out, "ls -l; id\n"));
	assert_int_equal(t->exit_code, -1);
	row("NonInteractiveCommands: one stream, no exit status");
	w.task_seen = false;
	t = world_order(&w, "a-2", merged);
	assert_true(world_until(&w, &w.task_seen, 5000));
	assert_true(has(&t->out, "ls\n"));
	assert_true(has(&t->out, "to stderr\n"));
	assert_int_equal(t->err.len, 0);
	assert_int_equal(t->exit_code, -1);
	row("separate output: StdErr, prefixes and EXIT_CODE for everybody");
	w.task_seen = false;
	t = world_order(&w, "a-3", separate);
	assert_true(world_until(&w, &w.task_seen, 5000));
	assert_true(has(&t->out, "OUT:ls\n"));
	assert_true(has(&t->err, "ERR:to stderr\n"));
	assert_int_equal(t->exit_code, 7);
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_one_session),
		cmocka_unit_test(t_931_ack_before_complete),
		cmocka_unit_test(t_932_version),
		cmocka_unit_test(t_933_output_only),
		cmocka_unit_test(t_934_acknowledgements),
		cmocka_unit_test(t_935_patience),
		cmocka_unit_test(t_937_input_before_the_shell),
		cmocka_unit_test(t_937_size),
		cmocka_unit_test(t_938_states),
		cmocka_unit_test(t_938_bounded_farewell),
		cmocka_unit_test(t_patient_farewell),
		cmocka_unit_test(t_farewell_after_outage),
		cmocka_unit_test(t_939_handshake_timeout),
		cmocka_unit_test(t_second_handshake_response),
		cmocka_unit_test(t_ends),
		cmocka_unit_test(t_09_grace),
		cmocka_unit_test(t_07_limits),
		cmocka_unit_test(t_commands),
	};

	log_setup(LOG_ERROR, LOG_FORMAT_TEXT, "t_agent_session");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
