/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control channels: CreateControlChannel gives a token, the WebSocket's first frame
 * brings it back, and from then on the connection is the node's link (domain/node.h).
 */
#include "server/gateway/farewell.h"

#include "base/log.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "proto/control.h"
#include "proto/ids.h"

/* The last token given to a node and not used yet; owned by gateway.tokens. */
struct control_token {
	uint8_t sha256[SHA256_LEN];
	uint64_t expires_ms; /* loop clock */
};

/* Owned by gateway.controls until its socket closes. */
struct control {
	struct node_link link;
	struct list all;
	struct gateway *g;
	struct wsconn *ws;
	struct claim *claim; /* owned, until it is open */
	bool open;           /* the token was good: the node is attached */
};

/* --- CreateControlChannel ------------------------------------------------------- */

static void
sweep_tokens(struct gateway *g)
{
	uint64_t now_ms = ev_now_ms(g->env->loop);
	struct span id;
	void *v;

	for (size_t it = 0; map_next(&g->tokens, &it, &id, &v);) {
		struct control_token *t = v;

		if (t->expires_ms <= now_ms)
			free(map_del(&g->tokens, id));
	}
}

static void
make_token(struct gateway *g, const char *node_id, char out[ID_TOKEN_LEN + 1])
{
	struct control_token *t = xcalloc(1, sizeof(*t));
	uint8_t raw[32];

	if (map_len(&g->tokens) >= CONTROL_TOKENS_MAX)
		sweep_tokens(g);
	ev_random(g->env->loop, raw, sizeof(raw));
	id_token_format(out, raw);
	secret_wipe(raw, sizeof(raw));
	sha256(t->sha256, span_str(out));
	t->expires_ms = ev_now_ms(g->env->loop) + CONTROL_TOKEN_MS;
	free(map_put(&g->tokens, span_str(node_id), t));
}

/* Single use, whatever comes of it. */
static bool
redeem_token(struct gateway *g, const char *node_id, const char *token)
{
	auto_free struct control_token *t = map_del(&g->tokens, span_str(node_id));
	uint8_t sum[SHA256_LEN];

	if (t == NULL || t->expires_ms <= ev_now_ms(g->env->loop))
		return false;
	sha256(sum, span_str(token));
	return secret_eq(
	    span_of(sum, sizeof(sum)), span_of(t->sha256, sizeof(t->sha256)));
}

void
control_create(struct gateway *g, struct http_req *r, const char *node_id)
{
	struct control_create c = { .data = false };
	auto_buf xml = { .max = 4096 };
	char token[ID_TOKEN_LEN + 1];
	struct fault f = { 0 };

	if (control_create_parse(&c, &r->mem, r->body, &f) != 0) {
		gateway_error(r, 400, "ValidationException", fault_text(&f));
		return;
	}
	make_token(g, node_id, token);
	control_created_build(&xml, false, token);
	http_reply(r, 201, "application/xml", buf_span(&xml));
	secret_wipe(token, sizeof(token));
}

/* --- the link ----------------------------------------------------------------------- */

static void
control_free(struct control *c)
{
	list_del(&c->all);
	c->g->ncontrols--;
	claim_free(c->claim);
	free(c);
}

static int
link_send(struct node_link *l, struct span msg)
{
	struct control *c = CONTAINER_OF(l, struct control, link);

	return wsconn_send(c->ws, WS_BINARY, msg);
}

static void
link_drop(struct node_link *l, const char *why)
{
	struct control *c = CONTAINER_OF(l, struct control, link);

	log_info("control channel dropped", "node=%s why=\"%s\"", l->node_id, why);
	wsconn_close(c->ws, WS_CLOSE_GOING_AWAY);
	control_free(c);
}

static struct control_head
new_head(struct gateway *g)
{
	struct control_head h = { .created_ms = (uint64_t)ev_wall_ms(g->env->loop) };

	ev_random(g->env->loop, h.id, sizeof(h.id));
	return h;
}

/* Always acknowledged, also for sessions that are long over: else it is repeated. */
static void
acknowledge_task(struct control *c, const struct agentmsg *m, const char *task_id)
{
	struct control_head head = new_head(c->g);
	auto_buf msg = { .max = CONTROL_MESSAGE_MAX };
	char id[UUID_LEN + 1];

	agentmsg_id_format(id, m->id);
	control_task_ack_build(&msg, &head,
	    &(struct control_task_ack){ .message_id = id, .task_id = task_id });
	if (buf_check(&msg) != 0 || wsconn_send(c->ws, WS_BINARY, buf_span(&msg)) != 0)
		log_debug("acknowledgement not sent", "node=%s", c->link.node_id);
}

static void
on_task_complete(struct control *c, const struct agentmsg *m)
{
	struct control_task_complete t;
	struct fault f = { 0 };
	struct session *se;
	auto_arena mem = { 0 };

	if (control_task_complete_parse(&t, &mem, m->payload, &f) != 0) {
		c->g->counters.malformed++;
		log_warn("malformed agent_task_complete", "node=%s why=%s",
		    c->link.node_id, log_q(fault_text(&f)));
		return;
	}
	acknowledge_task(c, m, t.task_id);
	se = session_find(c->g->env->sessions, t.task_id);
	if (se == NULL || strcmp(se->row.target, c->link.node_id) != 0)
		return; /* repeated, or not this node's */
	session_agent_done(se, strcmp(t.status, "Failed") == 0, t.output);
}

static void
on_agent_message(struct control *c, struct span body)
{
	struct agentmsg m;

	if (agentmsg_decode(&m, body) != 0 || agentmsg_check_digest(&m) != 0) {
		c->g->counters.malformed++;
		log_warn("malformed control message dropped", "node=%s bytes=%zu",
		    c->link.node_id, body.n);
		return;
	}
	if (agentmsg_is(&m, MSG_TASK_COMPLETE))
		on_task_complete(c, &m);
	else
		log_debug("control message ignored", "node=%s type=%s", c->link.node_id,
		    log_q(m.type));
}

/* The first frame: OpenControlChannel with the token. */
static void
on_open_frame(struct control *c, struct span body)
{
	struct control_open_control o;
	struct fault f = { 0 };
	auto_arena mem = { 0 };

	if (control_open_control_parse(&o, &mem, body, &f) != 0 ||
	    !redeem_token(c->g, c->link.node_id, o.token)) {
		const char *why = f.code != 0 ? f.text : "token not valid";

		log_warn("control channel refused", "node=%s peer=%s why=%s",
		    c->link.node_id, wsconn_peer_ip(c->ws), log_q(why));
		farewell_refused(c->g, c->ws, STEAL(c->claim), why);
		control_free(c);
		return;
	}
	c->open = true;
	claim_free(STEAL(c->claim));
	c->g->env->counters->control_channels++;
	log_info("control channel open", "node=%s peer=%s agent=%s", c->link.node_id,
	    wsconn_peer_ip(c->ws), log_q(o.agent_version));
	node_attach(c->g->env->nodes, &c->link);
}

static void
on_message(void *arg, uint8_t op, struct span body)
{
	struct control *c = arg;

	(void)op;
	if (c->open)
		on_agent_message(c, body);
	else
		on_open_frame(c, body);
}

static const char *
leave_words(int err)
{
	switch (err) {
	case ERR_CLOSED:
		return "the agent closed the connection";
	case ERR_TIMEOUT:
		return "the agent did not answer any more";
	case ERR_PROTOCOL:
	case ERR_INVALID:
		return "the agent broke the protocol";
	case ERR_LIMIT:
		return "the agent did not take its messages";
	default:
		return "the connection was lost";
	}
}

static void
on_close(void *arg, int err, uint16_t code)
{
	struct control *c = arg;

	(void)code;
	c->g->counters.dead_peers += err == ERR_TIMEOUT;
	if (c->open) {
		log_info("control channel closed", "node=%s why=\"%s\"", c->link.node_id,
		    leave_words(err));
		node_detach(c->g->env->nodes, &c->link, leave_words(err));
	}
	wsconn_close(c->ws, 0);
	control_free(c);
}

static const struct wsconn_handler control_handler = {
	.on_message = on_message,
	.on_close = on_close,
};

void
control_upgrade(
    struct gateway *g, struct http_req *r, const char *node_id, struct claim *claim)
{
	static const struct wsconn_options options = {
		.message_max = CONTROL_MESSAGE_MAX,
		.queue_max = CONTROL_QUEUE_MAX,
		.ping_ms = GATEWAY_PING_MS,
		.dead_ms = GATEWAY_DEAD_MS,
		.start_ms = GATEWAY_OPEN_MS,
	};
	struct control *c = xcalloc(1, sizeof(*c));

	c->g = g;
	c->claim = claim;
	g->ncontrols++;
	c->link.own = gateway_is_own(r);
	c->link.send = link_send;
	c->link.drop = link_drop;
	list_init(&c->all);
	if (str_copy(c->link.node_id, sizeof(c->link.node_id), node_id) != 0) {
		gateway_error(r, 400, "InvalidInstanceId", "This is no node's id.");
		control_free(c);
		return;
	}
	if ((c->ws = http_upgrade(r, &options, &control_handler, c)) == NULL) {
		control_free(c);
		return;
	}
	list_add_tail(&g->controls, &c->all);
}

void
control_free_all(struct gateway *g)
{
	LIST_EACH(c, &g->controls, struct control, all)
	{
		if (c->open)
			node_detach(g->env->nodes, &c->link, "the server stopped");
		wsconn_close(c->ws, WS_CLOSE_GOING_AWAY);
		control_free(c);
	}
}
