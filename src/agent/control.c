/* SPDX-License-Identifier: Apache-2.0 */
/* See control.h. */
#include "agent/control.h"

#include "agent/backoff.h"
#include "base/log.h"
#include "base/text.h"
#include "proto/control.h"
#include "proto/handshake.h"

enum {
	STABLE_MS = 30 * 1000,
	/* For a server that took us: longer waits spare one that refuses or is away. */
	TAKEN_WAIT_MS = 8 * 1000,
};

struct agent_control {
	struct ev_loop *loop;
	struct agent_aws *aws;
	struct agent_control_options o;
	char *node_id, *path;
	struct agent_backoff backoff;
	struct ev_timer timer;
	char *token; /* between CREATING and OPEN; owned */
	struct agent_call *create;
	struct http_call *upgrade;
	struct wsconn *ws; /* OPEN */
	uint64_t opened_ms;
};

static void create(void *arg);

static void
again(struct agent_control *c, const char *why, bool denied)
{
	uint64_t wait = agent_backoff_next(&c->backoff, c->loop);

	log_warn("no control channel", "why=%s retry_ms=%llu", log_q(why),
	    (unsigned long long)wait);
	ev_timer_set(c->loop, &c->timer, wait, create, c);
	c->o.lost(c->o.arg, why, denied);
}

/* --- open --------------------------------------------------------------- */

static void
on_message(void *arg, uint8_t op, struct span body)
{
	struct agent_control *c = arg;
	struct agentmsg m;

	(void)op; /* stock peers take either */
	if (agentmsg_decode(&m, body) != 0 || agentmsg_check_digest(&m) != 0) {
		log_warn("malformed control message dropped", "bytes=%zu", body.n);
		return;
	}
	c->o.message(c->o.arg, &m);
}

static const char *
close_words(int err, uint16_t code, char *out, size_t size)
{
	if (err == ERR_TIMEOUT)
		return "the server does not answer any more";
	if (code != 0)
		(void)snprintf(out, size, "the server closed the connection (%u)", code);
	else
		(void)snprintf(out, size, "connection lost: %s", err_text(err));
	return out;
}

static void
on_close(void *arg, int err, uint16_t code)
{
	struct agent_control *c = arg;
	char words[120];

	wsconn_close(STEAL(c->ws), 0);
	if (ev_now_ms(c->loop) - c->opened_ms >= STABLE_MS)
		agent_backoff_reset(&c->backoff);
	else if (code == 0) /* cut, not closed because another took our place */
		agent_backoff_ease(&c->backoff, TAKEN_WAIT_MS);
	again(c, close_words(err, code, words, sizeof(words)), false);
}

static const struct wsconn_handler control_handler = {
	.on_message = on_message,
	.on_close = on_close,
};

static int
send_open(struct agent_control *c)
{
	char id[UUID_LEN + 1];
	uint8_t raw[16];
	auto_buf text = { 0 };
	int r;

	ev_random(c->loop, raw, sizeof(raw));
	uuid_format(id, raw);
	buf_init(&text, CONTROL_OPEN_MAX);
	control_open_control_build(&text,
	    &(struct control_open_control){
		.request_id = id,
		.token = c->token,
		.agent_version = HANDSHAKE_AGENT_VERSION,
		.platform_type = "linux",
	    });
	if ((r = buf_check(&text)) != 0)
		return r;
	return wsconn_send(c->ws, WS_TEXT, buf_span(&text));
}

static void
on_upgraded(void *arg, struct wsconn *ws, int err, int status, const char *why)
{
	struct agent_control *c = arg;

	c->upgrade = NULL;
	if (err != 0) {
		again(c, why, status == 401 || status == 403);
		return;
	}
	c->ws = ws;
	c->opened_ms = ev_now_ms(c->loop);
	wsconn_set_handler(ws, &control_handler, c);
	if (send_open(c) != 0) {
		wsconn_close(STEAL(c->ws), 0);
		again(c, "connection lost", false);
		return;
	}
	free(STEAL(c->token));
	log_info("control channel open", "");
	c->o.opened(c->o.arg);
}

/* --- on the way --------------------------------------------------------- */

static void
on_created(void *arg, const struct agent_answer *a)
{
	static const struct wsconn_options options = {
		.message_max = CONTROL_MESSAGE_MAX,
		.ping_ms = AGENT_PING_MS,
		.dead_ms = AGENT_DEAD_MS,
	};
	struct agent_control *c = arg;
	auto_arena mem = { 0 };
	const char *token;

	c->create = NULL;
	if (a->err != 0 || a->status != 201) {
		again(c, *a->why != '\0' ? a->why : "unexpected answer",
		    a->status == 400 || a->status == 401 || a->status == 403);
		return;
	}
	if (control_created_parse(&token, &mem, a->body) != 0) {
		again(c, "the answer to CreateControlChannel holds no token", false);
		return;
	}
	free(c->token);
	c->token = xstrdup(token);
	c->upgrade = agent_aws_upgrade(c->aws,
	    &(struct agent_upgrade){
		.path = c->path,
		.query = "role=subscribe&stream=input",
		.options = &options,
	    },
	    on_upgraded, c);
}

static void
create(void *arg)
{
	struct agent_control *c = arg;
	char id[UUID_LEN + 1];
	uint8_t raw[16];
	auto_buf body = { 0 };

	ev_random(c->loop, raw, sizeof(raw));
	uuid_format(id, raw);
	buf_init(&body, CONTROL_CREATE_MAX);
	control_create_build(&body, &(struct control_create){ .request_id = id });
	c->create = agent_aws_post(c->aws,
	    &(struct agent_request){
		.service = "ssmmessages",
		.path = c->path,
		.body = buf_span(&body),
		.auth = AGENT_AUTH_KEYS,
	    },
	    on_created, c);
}

struct agent_control *
agent_control_new(
    struct ev_loop *l, struct agent_aws *w, const struct agent_control_options *o)
{
	struct agent_control *c = xcalloc(1, sizeof(*c));

	c->loop = l;
	c->aws = w;
	c->o = *o;
	c->node_id = xstrdup(o->node_id);
	c->path = xasprintf("/v1/control-channel/%s", o->node_id);
	c->backoff = (struct agent_backoff){ .base_ms = 1000, .cap_ms = 60 * 1000 };
	return c;
}

void
agent_control_start(struct agent_control *c)
{
	ev_timer_set(c->loop, &c->timer, 0, create, c);
}

void
agent_control_free(struct agent_control *c)
{
	if (c == NULL)
		return;
	ev_timer_clear(&c->timer);
	agent_call_cancel(c->create);
	http_call_cancel(c->upgrade);
	if (c->ws != NULL)
		wsconn_close(c->ws, WS_CLOSE_GOING_AWAY);
	free(c->token);
	free(c->path);
	free(c->node_id);
	free(c);
}

bool
agent_control_is_open(const struct agent_control *c)
{
	return c->ws != NULL;
}

int
agent_control_send(struct agent_control *c, struct span msg)
{
	return c->ws != NULL ? wsconn_send(c->ws, WS_BINARY, msg) : ERR_CLOSED;
}
