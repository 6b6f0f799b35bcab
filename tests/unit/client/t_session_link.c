/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One session from the person's side against a gateway that is made here, in simulated
 * time: the opening, the handshake, losses, resuming, and every way to end.
 */
#include "unit/check.h"

#include "client/session.h"
#include "crypto/crypto.h"
#include "ev/sim.h"
#include "net/http_server.h"
#include "proto/channel.h"
#include "proto/control.h"

#define URL "ws://gateway:80/v1/data-channel/s-1"

enum { SECOND = 1000, MINUTE = 60 * SECOND };

/* Both ends and what happened to them. */
struct meeting {
	struct sim_world *world;
	struct ev_loop *far, *near;
	struct http_server *server;
	struct wsconn *ws;   /* the gateway's side; NULL while away */
	struct channel *ch;  /* of the agent, which lives in the gateway here */
	struct buf at_agent; /* what the person sent */
	char token[32];      /* of the last opening frame */
	int opened;
	bool slam; /* close right after the opening frame */

	struct http_client *http;
	struct client_session *session;
	struct buf at_person;
	bool ready, ended, hold, no_token, resume_fails;
	int losses, returns, resumes;
	enum session_why why;
	char text[200];
	char agent_version[32];
};

/* --- the gateway and the agent behind it ------------------------------------------- */

static void
agent_transmit(void *arg, struct span msg)
{
	struct meeting *m = arg;

	if (m->ws != NULL)
		assert_int_equal(wsconn_send(m->ws, WS_BINARY, msg), 0);
}

static int
agent_deliver(void *arg, uint32_t type, struct span payload)
{
	struct meeting *m = arg;

	if (type == PAYLOAD_OUTPUT)
		buf_add(&m->at_agent, payload);
	return 0;
}

static void
agent_random(void *arg, void *p, size_t n)
{
	struct meeting *m = arg;

	ev_random(m->far, p, n);
}

static const struct channel_ops agent_ops = {
	.transmit = agent_transmit,
	.deliver = agent_deliver,
	.random = agent_random,
};

static void
gateway_message(void *arg, uint8_t op, struct span body)
{
	struct meeting *m = arg;
	struct control_open_data o;
	auto_arena mem;

	arena_init(&mem);
	if (op == WS_BINARY) {
		assert_int_equal(channel_receive(m->ch, ev_now_ms(m->far), body), 0);
		return;
	}
	assert_int_equal(control_open_data_parse(&o, &mem, body, NULL), 0);
	assert_string_equal(o.client_version, HANDSHAKE_CLIENT_VERSION);
	assert_string_equal(o.client_id, "client");
	assert_null(o.client_instance_id);
	assert_int_equal(str_copy(m->token, sizeof(m->token), o.token), 0);
	m->opened++;
	if (m->slam) {
		wsconn_close(STEAL(m->ws), 1008);
		return;
	}
	channel_up(m->ch, ev_now_ms(m->far), ev_wall_ms(m->far));
}

static void
gateway_closed(void *arg, int err, uint16_t code)
{
	struct meeting *m = arg;

	(void)err;
	(void)code;
	channel_down(m->ch);
	wsconn_close(STEAL(m->ws), 0);
}

static const struct wsconn_handler gateway_handler = {
	.on_message = gateway_message,
	.on_close = gateway_closed,
};

static void
cut(struct meeting *m)
{
	if (m->ws != NULL)
		wsconn_close(STEAL(m->ws), 0);
	channel_down(m->ch);
}

static void
on_request(void *arg, struct http_req *r)
{
	static const struct wsconn_options options = { .message_max = 1 << 20 };
	struct meeting *m = arg;

	cut(m); /* a connection that only the other end has given up */
	m->ws = http_upgrade(r, &options, &gateway_handler, m);
	assert_non_null(m->ws);
}

static void
open_gateway(struct meeting *m)
{
	assert_int_equal(http_server_new(&m->server, m->far, "", 80, NULL,
			     &http_limits_default, on_request, m, NULL),
	    0);
}

static void
agent_says(struct meeting *m, uint32_t type, const char *text)
{
	assert_int_equal(channel_send(m->ch, ev_now_ms(m->far), type, span_str(text)), 0);
}

static void
gateway_farewell(struct meeting *m, const char *output)
{
	struct control_head head = { .created_ms = 1 };
	auto_buf msg = { .max = 4096 };

	control_closed_build(&msg, &head,
	    &(struct control_closed){
		.destination_id = "i-1", .session_id = "s-1", .output = output });
	assert_int_equal(wsconn_send(m->ws, WS_BINARY, buf_span(&msg)), 0);
}

/* --- the person --------------------------------------------------------------------- */

static void
on_ready(void *arg, const struct session_info *info)
{
	struct meeting *m = arg;

	m->ready = true;
	assert_int_equal(
	    str_copy(m->agent_version, sizeof(m->agent_version), info->agent_version), 0);
}

static int
on_data(void *arg, uint32_t type, struct span data)
{
	struct meeting *m = arg;

	if (m->hold)
		return ERR_AGAIN;
	if (type == PAYLOAD_OUTPUT)
		buf_add(&m->at_person, data);
	return 0;
}

static void
on_writable(void *arg)
{
	(void)arg;
}

static void
on_lost(void *arg, bool lost, const char *why)
{
	struct meeting *m = arg;

	(void)why;
	m->losses += lost;
	m->returns += !lost;
}

static void
on_end(void *arg, enum session_why why, const char *text)
{
	struct meeting *m = arg;

	m->ended = true;
	m->why = why;
	snprintf(m->text, sizeof(m->text), "%s", text);
}

static void
resume(void *arg)
{
	struct meeting *m = arg;

	m->resumes++;
	if (m->resume_fails)
		client_session_resumed(m->session, NULL, NULL, ERR_REFUSED, "away");
	else
		client_session_resumed(
		    m->session, m->no_token ? NULL : "second", NULL, 0, "");
}

static const struct client_session_ops person_ops = {
	.on_ready = on_ready,
	.on_data = on_data,
	.on_writable = on_writable,
	.on_lost = on_lost,
	.on_end = on_end,
	.resume = resume,
};

/* --- a meeting ------------------------------------------------------------------------- */

static void
begin(struct meeting *m, const char *url)
{
	static const struct sim_options options = {
		.seed = 7, .latency_min_ms = 1, .latency_max_ms = 5, .segment_max = 100
	};

	*m = (struct meeting){ .world = sim_new(&options) };
	m->far = sim_host(m->world, "gateway");
	m->near = sim_host(m->world, "person");
	buf_init(&m->at_agent, 1 << 20);
	buf_init(&m->at_person, 1 << 20);
	m->ch =
	    channel_new(&(struct channel_config){ .role = CHANNEL_AGENT }, &agent_ops, m);
	m->http = http_client_new(m->near, NULL, NULL, NULL);
	m->session = client_session_new(m->near, m->http,
	    &(struct client_session_options){
		.session_id = "s-1",
		.stream_url = url,
		.token = "first",
		.client_id = "client",
		.client_version = HANDSHAKE_CLIENT_VERSION,
	    },
	    &person_ops, m);
}

static void
finish(struct meeting *m)
{
	client_session_free(m->session);
	http_client_free(m->http);
	cut(m);
	if (m->server != NULL)
		http_server_free(m->server);
	channel_free(m->ch);
	ev_loop_free(m->near);
	ev_loop_free(m->far);
	sim_free(m->world);
	buf_fini(&m->at_agent);
	buf_fini(&m->at_person);
}

/* Connected, and the shell of a stock agent has said its first word. */
static void
begin_ready(struct meeting *m)
{
	begin(m, URL);
	open_gateway(m);
	sim_run_for(m->world, SECOND);
	assert_int_equal(m->opened, 1);
	assert_string_equal(m->token, "first");
	assert_false(m->ready);
	agent_says(m, PAYLOAD_OUTPUT, "$ ");
	sim_run_for(m->world, SECOND);
	assert_true(m->ready);
	check_text(buf_span(&m->at_person), "$ ");
}

/* --- tests ------------------------------------------------------------------------------ */

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
	assert_int_equal(m.resumes + m.losses, 0);
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
	assert_in_range(m.resumes, 60, 300); /* patient, but not idle */
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
