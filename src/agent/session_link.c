/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data channel of a session: CreateDataChannel, the WebSocket, and again whenever it
 * is lost, until the server says that the session is over.
 */
#include "agent/session_int.h"

#include "agent/control.h"
#include "base/log.h"
#include "base/text.h"
#include "proto/own.h"

/* The literal by which stock servers say that a session has ended. */
#define TERMINATED "Session is already terminated"

enum { STABLE_MS = 10 * 1000 };

static void create(void *arg);

static void
retry(struct agent_session *s, const char *why)
{
	struct session_link *k = &s->link;
	uint64_t wait = agent_backoff_next(&k->backoff, s->env->loop);

	log_info("no data channel", "session=%s why=%s retry_ms=%llu", s->id, log_q(why),
	    (unsigned long long)wait);
	ev_timer_set(s->env->loop, &k->retry, wait, create, s);
}

/* --- connected ---------------------------------------------------------- */

static void
on_message(void *arg, uint8_t op, struct span body)
{
	struct agent_session *s = arg;
	int r;

	(void)op;
	(void)wsconn_cork(s->link.ws);
	r = channel_receive(s->ch, ev_now_ms(s->env->loop), body);
	if (s->link.ws != NULL)
		wsconn_uncork(s->link.ws);
	if (r != 0)
		log_debug("message dropped", "session=%s why=\"%s\" bytes=%zu", s->id,
		    err_text(r), body.n);
	session_turn(s);
}

static void
went_down(struct agent_session *s)
{
	struct session_link *k = &s->link;

	channel_down(s->ch);
	agent_report_again(&s->report);
	k->down_ms = ev_now_ms(s->env->loop);
	if (k->down_ms - k->up_ms >= STABLE_MS || channel_moved(s->ch))
		agent_backoff_reset(&k->backoff);
}

static void
on_close(void *arg, int err, uint16_t code)
{
	struct agent_session *s = arg;
	char why[80];

	wsconn_close(STEAL(s->link.ws), 0);
	went_down(s);
	if (code != 0)
		(void)snprintf(why, sizeof(why), "the server closed it (%u)", code);
	else
		(void)snprintf(why, sizeof(why), "%s", err_text(err));
	retry(s, why);
	session_turn(s);
}

static const struct wsconn_handler link_handler = {
	.on_message = on_message,
	.on_close = on_close,
};

static int
send_state(struct agent_session *s, bool terminating)
{
	struct control_head head = { .created_ms = (uint64_t)ev_wall_ms(s->env->loop) };
	auto_buf msg = { 0 };
	int r;

	ev_random(s->env->loop, head.id, sizeof(head.id));
	buf_init(&msg, CONTROL_MESSAGE_MAX);
	control_state_build(&msg, &head,
	    &(struct control_state){ .session_id = s->id, .terminating = terminating });
	if ((r = buf_check(&msg)) != 0)
		return r;
	return wsconn_send(s->link.ws, WS_BINARY, buf_span(&msg));
}

static int
send_open(struct agent_session *s)
{
	char id[UUID_LEN + 1];
	uint8_t raw[16];
	auto_buf text = { 0 };
	int r;

	ev_random(s->env->loop, raw, sizeof(raw));
	uuid_format(id, raw);
	buf_init(&text, CONTROL_OPEN_MAX);
	control_open_data_build(&text,
	    &(struct control_open_data){
		.request_id = id,
		.token = s->link.token,
		.client_id = "",
		.client_version = "",
		.client_instance_id = s->env->node_id,
	    });
	if ((r = buf_check(&text)) == 0)
		r = wsconn_send(s->link.ws, WS_TEXT, buf_span(&text));
	if (r == 0 && !s->link.told_connected)
		r = send_state(s, false);
	s->link.told_connected = s->link.told_connected || r == 0;
	return r;
}

static void
on_upgraded(void *arg, struct wsconn *ws, int err, int status, const char *why)
{
	struct agent_session *s = arg;
	struct session_link *k = &s->link;

	(void)status;
	k->upgrade = NULL;
	if (err != 0) {
		retry(s, why);
		return;
	}
	k->ws = ws;
	k->up_ms = ev_now_ms(s->env->loop);
	wsconn_set_handler(ws, &link_handler, s);
	if (send_open(s) != 0) {
		wsconn_close(STEAL(k->ws), 0);
		retry(s, "connection lost");
		return;
	}
	free(STEAL(k->token));
	k->down_ms = 0;
	log_info("data channel open", "session=%s", s->id);
	(void)wsconn_cork(ws);
	agent_report_send(&s->report, ws); /* before anything that tells of it */
	channel_up(s->ch, k->up_ms, ev_wall_ms(s->env->loop));
	if (s->phase == SESSION_OPENING)
		session_ask(s);
	if (k->ws != NULL)
		wsconn_uncork(k->ws);
	session_turn(s);
}

/* --- on the way --------------------------------------------------------- */

static bool
holds(struct span s, const char *text)
{
	return s.n > 0 && memmem(s.p, s.n, text, strlen(text)) != NULL;
}

static void
on_created(void *arg, const struct agent_answer *a)
{
	static const struct wsconn_options options = {
		.message_max = AGENTMSG_PAYLOAD_MAX + AGENTMSG_HEAD,
		.queue_max = CHANNEL_TRANSPORT_MAX,
		.ping_ms = AGENT_PING_MS,
		.dead_ms = AGENT_DEAD_MS,
	};
	static const struct http_header header = { OWN_HEADER, OWN_HEADER_VALUE };
	struct agent_session *s = arg;
	struct session_link *k = &s->link;
	auto_arena mem = { 0 };
	const char *token;

	k->create = NULL;
	if (a->err == 0 && a->status != 201 && holds(a->body, TERMINATED)) {
		session_over(s, "Success", "");
		return;
	}
	if (a->err != 0 || a->status != 201) {
		retry(s, *a->why != '\0' ? a->why : "unexpected answer");
		return;
	}
	if (control_created_parse(&token, &mem, a->body) != 0) {
		retry(s, "the answer to CreateDataChannel holds no token");
		return;
	}
	free(k->token);
	k->token = xstrdup(token);
	k->upgrade = agent_aws_upgrade(s->env->aws,
	    &(struct agent_upgrade){
		.path = k->path,
		.query = "role=publish_subscribe",
		.header = &header,
		.options = &options,
	    },
	    on_upgraded, s);
}

static void
create(void *arg)
{
	struct agent_session *s = arg;
	char id[UUID_LEN + 1];
	uint8_t raw[16];
	auto_buf body = { 0 };

	ev_random(s->env->loop, raw, sizeof(raw));
	uuid_format(id, raw);
	buf_init(&body, CONTROL_CREATE_MAX);
	control_create_build(&body,
	    &(struct control_create){ .request_id = id, .client_id = "", .data = true });
	s->link.create = agent_aws_post(s->env->aws,
	    &(struct agent_request){
		.service = "ssmmessages",
		.path = s->link.path,
		.body = buf_span(&body),
		.auth = AGENT_AUTH_KEYS,
	    },
	    on_created, s);
}

void
session_link_init(struct agent_session *s)
{
	struct session_link *k = &s->link;

	k->path = xasprintf("/v1/data-channel/%s", s->id);
	k->backoff = (struct agent_backoff){ .base_ms = 200, .cap_ms = 10 * 1000 };
	k->down_ms = ev_now_ms(s->env->loop);
}

void
session_link_start(struct agent_session *s)
{
	create(s);
}

void
session_link_terminating(struct agent_session *s)
{
	if (s->link.ws != NULL && send_state(s, true) != 0)
		log_debug("end not told on the data channel", "session=%s", s->id);
}

bool
session_link_is_up(const struct agent_session *s)
{
	return s->link.ws != NULL;
}

void
session_link_fini(struct agent_session *s)
{
	struct session_link *k = &s->link;

	ev_timer_clear(&k->retry);
	agent_call_cancel(STEAL(k->create));
	http_call_cancel(STEAL(k->upgrade));
	if (k->ws != NULL)
		wsconn_close(STEAL(k->ws), WS_CLOSE_NORMAL);
	free(STEAL(k->token));
	free(STEAL(k->path));
}
