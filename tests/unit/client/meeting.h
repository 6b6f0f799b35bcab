/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of client_session: a person and a gateway with an agent in it, in simulated time.
 */
#pragma once

#include "unit/check.h"

#include "client/session/session.h"
#include "crypto/crypto.h"
#include "ev/sim.h"
#include "net/http_server.h"
#include "proto/channel.h"
#include "proto/control.h"
#include "proto/own.h"

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
	char token[64];      /* of the last opening frame */
	int opened;
	bool slam;          /* close right after the opening frame */
	bool resumes;       /* the last opening frame showed a secret */
	const char *secret; /* which the gateway gives next; NULL: none */
	const char
	    *refusal; /* why it lets no secret in; "": it does not know it; or NULL */
	int kept;     /* how often the person said that one has arrived */

	struct http_client *http;
	struct client_session *session;
	struct buf at_person;
	bool ready, ended, hold, no_token, resume_fails;
	int losses, returns, asked, notices;
	enum session_why why;
	char text[200];
	char notice[200];
	char agent_version[32];
};

/* --- the gateway and the agent behind it ------------------------------------------- */

static inline void
agent_transmit(void *arg, struct span msg)
{
	struct meeting *m = arg;

	if (m->ws != NULL)
		assert_int_equal(wsconn_send(m->ws, WS_BINARY, msg), 0);
}

static inline int
agent_deliver(void *arg, uint32_t type, struct span payload)
{
	struct meeting *m = arg;

	if (type == PAYLOAD_OUTPUT)
		buf_add(&m->at_agent, payload);
	return 0;
}

static inline void
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

/* What a server of ours says besides the stream. */
static inline void
gateway_says(struct meeting *m, const char *type, const char *secret, const char *message)
{
	const struct control_head head = { .created_ms = 1 };
	auto_buf msg = { .max = OWN_MESSAGE_MAX };

	own_build(&msg, type, &head,
	    &(struct own_words){
		.session_id = "s-1", .secret = secret, .message = message });
	assert_int_equal(wsconn_send(m->ws, WS_BINARY, buf_span(&msg)), 0);
}

/* False: the connection is gone. */
static inline bool
gateway_lets_in(struct meeting *m)
{
	if (m->slam) {
		wsconn_close(STEAL(m->ws), 1008);
		return false;
	}
	if (m->resumes && m->refusal != NULL) {
		if (m->refusal[0] != '\0')
			gateway_says(m, MSG_OWN_REFUSED, NULL, m->refusal);
		wsconn_close(STEAL(m->ws),
		    m->refusal[0] != '\0' ? WS_CLOSE_POLICY : WS_CLOSE_UNSUPPORTED);
		return false;
	}
	return true;
}

static inline void
gateway_message(void *arg, uint8_t op, struct span body)
{
	struct meeting *m = arg;
	struct control_open_data o;
	auto_arena mem;

	arena_init(&mem);
	if (op == WS_BINARY) {
		struct agentmsg msg;

		assert_int_equal(agentmsg_decode(&msg, body), 0);
		m->kept += agentmsg_is(&msg, MSG_OWN_KEPT);
		assert_int_equal(channel_receive(m->ch, ev_now_ms(m->far), body), 0);
		return;
	}
	assert_int_equal(control_open_data_parse(&o, &mem, body, NULL), 0);
	assert_string_equal(o.client_version, HANDSHAKE_CLIENT_VERSION);
	assert_string_equal(o.client_id, "client");
	assert_null(o.client_instance_id);
	assert_int_equal(str_copy(m->token, sizeof(m->token), o.token), 0);
	m->resumes = o.resumes;
	m->opened++;
	if (!gateway_lets_in(m))
		return;
	channel_up(m->ch, ev_now_ms(m->far), ev_wall_ms(m->far));
	if (m->secret != NULL)
		gateway_says(m, MSG_OWN_RESUME, m->secret, NULL);
}

static inline void
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

static inline void
cut(struct meeting *m)
{
	if (m->ws != NULL)
		wsconn_close(STEAL(m->ws), 0);
	channel_down(m->ch);
}

static inline void
on_request(void *arg, struct http_req *r)
{
	static const struct wsconn_options options = { .message_max = 1 << 20 };
	struct meeting *m = arg;

	cut(m); /* a connection that only the other end has given up */
	assert_true(span_eq_str(http1_get(r->head, OWN_HEADER), OWN_HEADER_VALUE));
	m->ws = http_upgrade(r, &options, &gateway_handler, m);
	assert_non_null(m->ws);
}

static inline void
open_gateway(struct meeting *m)
{
	assert_int_equal(http_server_new(&m->server, m->far, "", 80, NULL,
			     &http_limits_default, on_request, m, NULL),
	    0);
}

static inline void
agent_says(struct meeting *m, uint32_t type, const char *text)
{
	assert_int_equal(channel_send(m->ch, ev_now_ms(m->far), type, span_str(text)), 0);
}

static inline void
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

static inline void
on_ready(void *arg, const struct session_info *info)
{
	struct meeting *m = arg;

	m->ready = true;
	assert_int_equal(
	    str_copy(m->agent_version, sizeof(m->agent_version), info->agent_version), 0);
}

static inline int
on_data(void *arg, uint32_t type, struct span data)
{
	struct meeting *m = arg;

	if (m->hold)
		return ERR_AGAIN;
	if (type == PAYLOAD_OUTPUT)
		buf_add(&m->at_person, data);
	return 0;
}

static inline void
on_writable(void *arg)
{
	(void)arg;
}

static inline void
on_lost(void *arg, bool lost, const char *why)
{
	struct meeting *m = arg;

	(void)why;
	m->losses += lost;
	m->returns += !lost;
}

static inline void
on_end(void *arg, enum session_why why, const char *text)
{
	struct meeting *m = arg;

	m->ended = true;
	m->why = why;
	snprintf(m->text, sizeof(m->text), "%s", text);
}

static inline void
resume(void *arg)
{
	struct meeting *m = arg;

	m->asked++;
	if (m->resume_fails)
		client_session_resumed(m->session, NULL, NULL, ERR_REFUSED, "away");
	else
		client_session_resumed(
		    m->session, m->no_token ? NULL : "second", NULL, 0, "");
}

static inline void
on_notice(void *arg, const char *text)
{
	struct meeting *m = arg;

	m->notices++;
	snprintf(m->notice, sizeof(m->notice), "%s", text);
}

static const struct client_session_ops person_ops = {
	.on_ready = on_ready,
	.on_data = on_data,
	.on_writable = on_writable,
	.on_lost = on_lost,
	.on_end = on_end,
	.on_notice = on_notice,
	.resume = resume,
};

/* --- a meeting ------------------------------------------------------------------------- */

static inline void
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

static inline void
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
static inline void
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
