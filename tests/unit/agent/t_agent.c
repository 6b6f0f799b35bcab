/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent and its server in a simulated world: credentials, heartbeats, the control
 * channel, and every pitfall of the agent protocol's section 10 that concerns an agent.
 * The numbers in the names are those of that list.
 */
#include "world.h"

#include <malloc.h>

#include "base/log.h"
#include "codec/json.h"

static const struct world_options plain = { .seed = 1 };
static const struct world_options activated = { .seed = 2, .activation = true };

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE };

static json_t *
parse(const struct buf *b)
{
	json_t *v = NULL;

	assert_int_equal(json_read(&v, buf_span(b), NULL), 0);
	return v;
}

static void
t_comes_online(void **state)
{
	auto_json *first = NULL, *full = NULL, *open = NULL;
	struct world w;

	(void)state;
	world_init(&w, &activated);
	assert_true(world_online(&w));
	world_run(&w, 2000);
	assert_int_equal(w.tokens, 1);
	first = parse(&w.first_beat);
	assert_null(json_object_get(first, "AgentStatus"));
	assert_string_equal(json_get_str(first, "InstanceId"), "mi-0123456789abcdef0");
	full = parse(&w.last_beat);
	assert_string_equal(json_get_str(full, "AgentName"), "sallyport-agent");
	assert_string_equal(json_get_str(full, "AgentStatus"), "Active");
	assert_string_equal(json_get_str(full, "AgentVersion"), SALLYPORT_VERSION);
	assert_string_equal(json_get_str(full, "PlatformType"), "Linux");
	assert_string_equal(json_get_str(full, "PlatformName"), "Debian GNU/Linux");
	assert_string_equal(json_get_str(full, "PlatformVersion"), "12");
	assert_string_equal(json_get_str(full, "ComputerName"), "node.example");
	assert_string_equal(json_get_str(full, "IPAddress"), "192.0.2.7");
	assert_int_equal(json_read(&open, span_str(w.open_frame), NULL), 0);
	assert_string_equal(json_get_str(open, "TokenValue"), "opaque");
	assert_string_equal(json_get_str(open, "PlatformType"), "linux");
	assert_string_equal(json_get_str(open, "AgentVersion"), "3.3.987.0");
	world_fini(&w);
}

static void
t_heartbeat_every_five_minutes(void **state)
{
	struct world w;
	uint32_t before;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	world_run(&w, MINUTE);
	before = w.beats;
	world_run(&w, HOUR);
	assert_in_range(w.beats - before, 11, 13);
	/* A failed one is repeated soon, and never more than a minute later. */
	w.beat_status = 500;
	world_run(&w, 10 * MINUTE);
	before = w.beats;
	world_run(&w, 10 * MINUTE);
	assert_in_range(w.beats - before, 10, 25);
	world_fini(&w);
}

/* 1: HTTP 201 and XML, nothing else. */
static void
t_01_create_wants_201_and_a_token(void **state)
{
	static const struct {
		const char *what;
		int status;
		const char *body;
	} t[] = {
		{ "200 is an error", 200, NULL },
		{ "403", 403,
		    "<AccessDeniedException><Message>no</Message>"
		    "</AccessDeniedException>" },
		{ "no token", 201,
		    "<R><MessageSchemaVersion>1.0</MessageSchemaVersion></R>" },
		{ "empty", 201, "" },
		{ "JSON", 201, "{\"TokenValue\":\"x\"}" },
		{ "broken XML", 201, "<R><TokenValue>x" },
		{ "503", 503, "busy" },
	};
	struct world w;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct agent_state st;
		uint32_t before;

		row(t[i].what);
		world_init(&w, &plain);
		w.create_status = t[i].status;
		w.create_body = t[i].body;
		world_start_agent(&w);
		world_run(&w, MINUTE);
		assert_int_equal(w.controls, 0);
		agent_state_get(w.agent, &st);
		assert_false(st.connected);
		assert_true(*st.trouble != '\0');
		before = w.creates;
		assert_in_range(before, 2, 20);
		w.create_status = 0;
		w.create_body = NULL;
		assert_true(world_until(&w, &w.online, 2 * MINUTE));
		world_run(&w, 100);
		agent_state_get(w.agent, &st);
		assert_true(st.connected);
		assert_string_equal(st.trouble, "");
		world_fini(&w);
	}
}

/* 2: a bad HeaderLength deafens the stock agent for ever. */
static void
t_02_malformed_messages_do_not_deafen(void **state)
{
	static const struct {
		const char *what;
		struct span in;
	} t[] = {
		{ "empty", SPAN("") },
		{ "a few bytes", SPAN("\0\0\0\x74input") },
		{ "HeaderLength beyond the end",
		    SPAN("\x7f\xff\xff\xff"
			 "interactive_shell               "
			 "........................................"
			 "........................................"
			 "............") },
		{ "text", SPAN("hello") },
	};
	struct world w;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		assert_int_equal(wsconn_send(w.control, WS_BINARY, t[i].in), 0);
		world_run(&w, 1000);
		assert_true(w.online);
	}
	row("unknown types and payloads that are no JSON");
	world_send_control(&w, "no_such_message", "{}");
	world_send_control(&w, MSG_INTERACTIVE_SHELL, "not json");
	world_send_control(&w, MSG_CHANNEL_CLOSED, "[1]");
	world_send_control(&w, MSG_TASK_ACKNOWLEDGE, "");
	world_send_control(&w, MSG_JOB, "{\"JobId\":\"aws.ssm.x.y\"}");
	world_run(&w, 1000);
	row("and a session still starts");
	assert_true(talk_expect(world_order(&w, "alice-1", NULL), "$ ", 5000));
	world_fini(&w);
}

/* 3: fields of the token answer that are missing panic the stock agent. */
static void
t_03_odd_token_answers(void **state)
{
	static const struct {
		const char *what;
		const char *body;
		bool good;
	} t[] = {
		{ "empty", "", false },
		{ "not an object", "[]", false },
		{ "no secret", "{\"AccessKeyId\":\"A\",\"TokenExpirationDate\":2e9}",
		    false },
		{ "expiry is text",
		    "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"B\","
		    "\"SessionToken\":\"C\",\"TokenExpirationDate\":\"soon\"}",
		    false },
		{ "expiry beyond all years",
		    "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"B\","
		    "\"SessionToken\":\"C\",\"TokenExpirationDate\":1e300}",
		    false },
		{ "no UpdateKeyPair",
		    "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"B\","
		    "\"SessionToken\":\"C\",\"TokenExpirationDate\":1795230572.5}",
		    true },
	};
	struct world w;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		world_init(&w, &activated);
		w.token_body = t[i].body;
		world_start_agent(&w);
		world_run(&w, 10000);
		assert_int_equal(w.online, t[i].good);
		w.token_body = NULL;
		assert_true(world_until(&w, &w.online, 2 * MINUTE));
		world_fini(&w);
	}
}

/* 5: the stock agent drops what it does not understand without a word. */
static void
t_05_a_session_that_cannot_start_is_told(void **state)
{
	static const struct {
		const char *what, *document, *words;
	} t[] = {
		{ "not JSON", "{", "" },
		{ "another schema",
		    "{\"schemaVersion\":\"0.3\",\"sessionType\":"
		    "\"Standard_Stream\"}",
		    "" },
		{ "no such type", "{\"schemaVersion\":\"1.0\",\"sessionType\":\"Dance\"}",
		    "" },
		{ "a port that is none",
		    "{\"schemaVersion\":\"1.0\",\"sessionType\":\"Port\","
		    "\"properties\":{\"portNumber\":\"65536\"}}",
		    "must be a port number" },
		{ "a socket's path as host",
		    "{\"schemaVersion\":\"1.0\",\"sessionType\":\"Port\","
		    "\"properties\":{\"portNumber\":\"22\",\"host\":\"/run/x\"}}",
		    "not the path of a socket" },
		{ "KMS",
		    "{\"schemaVersion\":\"1.0\",\"sessionType\":\"Standard_Stream\","
		    "\"inputs\":{\"kmsKeyId\":\"arn:aws:kms:x\"}}",
		    "KMS" },
		{ "run-as without a user",
		    "{\"schemaVersion\":\"1.0\",\"sessionType\":\"Standard_Stream\","
		    "\"inputs\":{\"runAsEnabled\":true}}",
		    "SSMSessionRunAs" },
		{ "run-as without root",
		    "{\"schemaVersion\":\"1.0\",\"sessionType\":\"Standard_Stream\","
		    "\"inputs\":{\"runAsEnabled\":true,\"runAsDefaultUser\":\"bob\"}}",
		    "does not run as root" },
	};
	struct world w;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		w.task_seen = false;
		if (*t[i].document == '{' && t[i].document[1] == '\0')
			world_send_control(&w, MSG_INTERACTIVE_SHELL,
			    "{\"Content\":\"{\\\"SessionId\\\":\\\"s-1\\\","
			    "\\\"DocumentContent\\\":7}\",\"TaskId\":\"s-1\","
			    "\"Topic\":\"aws.ssm.startSession\",\"SchemaVersion\":1}");
		else
			world_order_raw(&w, "s-1", t[i].document, "{}", "");
		if (i == 0) { /* nobody can be told about what has no readable id */
			world_run(&w, 2000);
			continue;
		}
		assert_true(world_until(&w, &w.task_seen, 3000));
		assert_string_equal(w.task_id, "s-1");
		assert_string_equal(w.task_status, "Failed");
		assert_true(strstr(w.task_output, t[i].words) != NULL);
		assert_int_equal(w.data_creates, 0);
	}
	world_fini(&w);
}

/* 7: session ids go into paths; nothing but their alphabet is taken. */
static void
t_07_session_ids_are_checked(void **state)
{
	static const char *const bad[] = { "../../etc", "a/b", "", "a b", ".." };
	struct world w;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		row(bad[i]);
		world_order_raw(&w, bad[i], world_document, "{}", "");
		world_run(&w, 1000);
		assert_int_equal(w.data_creates, 0);
	}
	assert_true(w.online);
	world_fini(&w);
}

/* 8: a server that falls silent is noticed within 30 s; ours is pinged within 54 s. */
static void
t_08_dead_server_is_noticed(void **state)
{
	struct agent_state st;
	struct world w;
	uint64_t t0;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	world_run(&w, 10 * MINUTE);
	assert_true(w.online); /* idle, but alive */
	assert_true(wsconn_idle_ms(w.control) < 54000);
	wsconn_pause(w.control, true); /* neither data nor pongs from now on */
	t0 = sim_now_ms(w.sim);
	do {
		world_run(&w, 500);
		agent_state_get(w.agent, &st);
	} while (st.connected && sim_now_ms(w.sim) - t0 < 10 * MINUTE);
	assert_in_range(sim_now_ms(w.sim) - t0, 10000, 30000);
	world_fini(&w);
}

/* 12: agent_task_complete is repeated until it is acknowledged, under one message id. */
static void
t_12_task_complete_until_acked(void **state)
{
	uint8_t first[16];
	struct world w;
	uint32_t n;

	(void)state;
	world_init(&w, &plain);
	w.ack_tasks = false;
	assert_true(world_online(&w));
	world_order_raw(&w, "s-2", "{}", "{}", "");
	assert_true(world_until(&w, &w.task_seen, 3000));
	memcpy(first, w.task_message, sizeof(first));
	world_run(&w, 30000);
	assert_in_range(w.tasks, 3, 12);
	assert_memory_equal(first, w.task_message, sizeof(first));
	row("a lost connection does not lose it");
	world_server_up(&w, false);
	world_run(&w, 5000);
	n = w.tasks;
	w.ack_tasks = true;
	world_server_up(&w, true);
	assert_true(world_until(&w, &w.online, 2 * MINUTE));
	world_run(&w, 1000);
	assert_int_equal(w.tasks, n + 1);
	world_run(&w, 5 * MINUTE);
	assert_int_equal(w.tasks, n + 1);
	world_fini(&w);
}

/* 19: the stock agent's waits grow to an hour; ours never pass a minute. */
static void
t_19_reconnects_within_a_minute_for_days(void **state)
{
	struct world w;
	uint64_t gap;
	uint32_t n;
	size_t heap;

	(void)state;
	world_init(&w, &activated);
	assert_true(world_online(&w));
	world_run(&w, 5 * MINUTE);
	w.create_status = 503;
	w.token_status = 500;
	w.beat_status = 500;
	wsconn_close(STEAL(w.control), 0);
	w.online = false;
	n = w.creates;
	world_run(&w, HOUR);
	heap = mallinfo2().uordblks;
	world_run(&w, 47 * HOUR);
	row("days offline cost no memory");
	if (heap > 0) /* the sanitizers count nothing */
		assert_true(mallinfo2().uordblks < heap + 32 * 1024);
	assert_in_range(w.creates, n + 48 * 60, WORLD_CALLS - 1);
	for (uint32_t i = n + 1; i < w.creates; i++) {
		gap = w.call_ms[i] - w.call_ms[i - 1];
		assert_in_range(gap, 250, 60500);
	}
	row("jitter: a fleet does not come back in step");
	assert_true(w.call_ms[n + 30] - w.call_ms[n + 29] !=
	    w.call_ms[n + 29] - w.call_ms[n + 28]);
	w.create_status = w.token_status = w.beat_status = 0;
	assert_true(world_until(&w, &w.online, 2 * MINUTE));
	world_fini(&w);
}

/* A network that cuts often is no server that has to be spared: the node stays of use. */
static void
t_19_quick_losses(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &activated);
	assert_true(world_online(&w));
	for (int i = 0; i < 20; i++) {
		world_run(&w, 3000);
		wsconn_close(STEAL(w.control), 0); /* without a word */
		w.online = false;
		assert_true(world_until(&w, &w.online, 9000));
	}
	world_fini(&w);
}

/* Also when nothing listens at all, and from the first start on. */
static void
t_19_server_down_at_boot(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &activated);
	world_server_up(&w, false);
	world_start_agent(&w);
	world_run(&w, 6 * HOUR);
	world_server_up(&w, true);
	assert_true(world_until(&w, &w.online, 61000));
	world_fini(&w);
}

/* 22: credentials outlive a restart of the agent. */
static void
t_22_credentials_are_kept(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &activated);
	assert_true(world_online(&w));
	world_run(&w, MINUTE);
	assert_int_equal(w.tokens, 1);
	world_stop_agent(&w);
	world_run(&w, MINUTE);
	w.online = false;
	assert_true(world_online(&w));
	assert_int_equal(w.tokens, 1);
	row("renewal at half of their life");
	world_run(&w, 27 * MINUTE);
	assert_int_equal(w.tokens, 1);
	world_run(&w, 2 * MINUTE);
	assert_int_equal(w.tokens, 2);
	row("but not when they are about to expire");
	world_stop_agent(&w);
	world_run(&w, 2 * HOUR);
	w.online = false;
	assert_true(world_online(&w));
	assert_int_equal(w.tokens, 3);
	world_fini(&w);
}

static void
t_refused_credentials_are_renewed(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &activated);
	assert_true(world_online(&w));
	w.create_status = 403;
	wsconn_close(STEAL(w.control), 0);
	w.online = false;
	world_run(&w, 10 * MINUTE);
	assert_in_range(w.tokens, 2, 21); /* not more often than every half minute */
	world_fini(&w);
}

/* A change of keys, and one that is interrupted at any point: the node keeps its name. */
static void
t_key_rotation(void **state)
{
	static const struct {
		const char *what;
		int status;
		bool forget, restart;
		uint32_t rotations;
	} t[] = {
		{ "as it should be", 0, false, false, 1 },
		{ "refused: the old one stays", 400, false, false, 1 },
		{ "taken, but the answer is lost", 0, true, false, 1 },
		{ "taken, the answer lost, and then the agent dies", 0, true, true, 1 },
		{ "not taken, no answer", 500, false, false, 1 },
		{ "not taken, no answer, and then the agent dies", 500, false, true, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct world w;
		uint32_t before;

		row(t[i].what);
		world_init(&w, &activated);
		w.check_key = true;
		w.want_new_key = true;
		w.rotate_status = t[i].status;
		w.forget_answer = t[i].forget;
		assert_true(world_online(&w));
		world_run(&w, 5000);
		assert_int_equal(w.rotations, t[i].rotations);
		if (t[i].restart) {
			world_stop_agent(&w);
			buf_reset(&w.saved); /* no credentials left either */
			world_run(&w, 1000);
			w.online = false;
			assert_true(world_online(&w));
		}
		before = w.tokens;
		world_run(&w, 40 * MINUTE); /* past the next renewal */
		assert_true(w.tokens > before || t[i].restart);
		assert_int_equal(w.saved_new_key.len, 0);
		assert_true(w.online);
		world_fini(&w);
	}
}

/* 13 of the session list: the same order twice is one session. */
static void
t_repeated_order_is_one_session(void **state)
{
	struct talk *t;
	struct world w;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	t = world_order(&w, "s-3", NULL);
	world_order(&w, "s-3", NULL);
	assert_true(talk_expect(t, "$ ", 5000));
	world_order(&w, "s-3", NULL);
	world_run(&w, 2000);
	assert_int_equal(t->opens, 1);
	assert_false(w.task_seen);
	world_fini(&w);
}

/* A second agent under the same id took over: no storm of reconnects. */
static void
t_replaced_channel_backs_off(void **state)
{
	struct world w;
	uint32_t n;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	n = w.controls;
	for (uint64_t end = sim_now_ms(w.sim) + 10 * MINUTE; sim_now_ms(w.sim) < end;) {
		if (w.control != NULL && w.online) {
			wsconn_close(STEAL(w.control), WS_CLOSE_GOING_AWAY);
			w.online = false;
		}
		world_run(&w, 100);
	}
	assert_in_range(w.controls - n, 8, 30);
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_comes_online),
		cmocka_unit_test(t_heartbeat_every_five_minutes),
		cmocka_unit_test(t_01_create_wants_201_and_a_token),
		cmocka_unit_test(t_02_malformed_messages_do_not_deafen),
		cmocka_unit_test(t_03_odd_token_answers),
		cmocka_unit_test(t_05_a_session_that_cannot_start_is_told),
		cmocka_unit_test(t_07_session_ids_are_checked),
		cmocka_unit_test(t_08_dead_server_is_noticed),
		cmocka_unit_test(t_12_task_complete_until_acked),
		cmocka_unit_test(t_19_reconnects_within_a_minute_for_days),
		cmocka_unit_test(t_19_quick_losses),
		cmocka_unit_test(t_19_server_down_at_boot),
		cmocka_unit_test(t_22_credentials_are_kept),
		cmocka_unit_test(t_refused_credentials_are_renewed),
		cmocka_unit_test(t_key_rotation),
		cmocka_unit_test(t_repeated_order_is_one_session),
		cmocka_unit_test(t_replaced_channel_backs_off),
	};

	log_setup(LOG_ERROR, LOG_FORMAT_TEXT, "t_agent");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
