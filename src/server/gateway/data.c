/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data channels until they are joined: CreateDataChannel for agents, and every WebSocket
 * between its upgrade and the opening frame whose token proves which end of the session
 * it is.
 */
#include "server/gateway/data.h"

#include "base/log.h"
#include "crypto/crypto.h"
#include "proto/ids.h"
#include "proto/own.h"
#include "server/config.h"

int
data_create(
    struct gateway *g, struct http_req *r, const char *session_id, const char *node_id)
{
	struct control_create c = { .data = true };
	char token[SESSION_TOKEN_LEN + 1];
	auto_buf xml = { .max = 4096 };
	struct fault f = { 0 };
	int err;

	if (control_create_parse(&c, &r->mem, r->body, &f) != 0) {
		gateway_error(r, 400, "ValidationException", fault_text(&f));
		return 0;
	}
	err = session_make_agent_token(g->env->sessions, session_id, node_id, token);
	if (err == ERR_DENIED)
		return err;
	if (err != 0) { /* the literal that makes a stock agent stop trying */
		gateway_error(
		    r, 400, "BadRequestException", "Session is already terminated");
		return 0;
	}
	control_created_build(&xml, true, token);
	http_reply(r, 201, "application/xml", buf_span(&xml));
	secret_wipe(token, sizeof(token));
	return 0;
}

void
data_open_free(struct data_open *d)
{
	list_del(&d->all);
	claim_free(d->claim);
	free(d);
}

void
data_refuse(struct data_open *d, const char *why)
{
	log_warn("data channel refused", "session=%s peer=%s why=%s", d->session_id,
	    wsconn_peer_ip(d->ws), log_q(why));
	farewell_refused(d->g, d->ws, STEAL(d->claim), why);
	data_open_free(d);
}

static void
relay_gone(void *arg, const char *session_id)
{
	struct gateway *g = arg;

	map_del(&g->relays, span_str(session_id));
}

void
data_join(struct data_open *d, enum session_end end)
{
	struct gateway *g = d->g;
	struct span id = span_str(d->session_id);
	struct relay *r = map_get(&g->relays, id);

	if (r == NULL) {
		r = relay_new(g->env->loop, g->env->sessions, d->session_id,
		    (size_t)g->env->config->session_buffer_max, &g->counters, relay_gone,
		    g);
		map_put(&g->relays, id, r);
	}
	g->env->counters->data_channels++;
	log_info("data channel open", "session=%s end=%s peer=%s", d->session_id,
	    end == SESSION_CLIENT ? "client" : "agent", wsconn_peer_ip(d->ws));
	wsconn_set_message_max(d->ws, AGENTMSG_PAYLOAD_MAX + AGENTMSG_HEAD);
	relay_attach(r, end, d->ws, d->own, d->hears && (d->own || end == SESSION_CLIENT));
	data_open_free(d);
}

static void
open_agent(struct data_open *d, const struct control_open_data *o)
{
	const struct session *se = session_find(d->g->env->sessions, d->session_id);

	if (se == NULL)
		data_refuse(d, "no such session");
	else if (strcmp(se->row.target, o->client_instance_id) != 0 ||
	    !gateway_speaks_for(d->g, d->signer, d->signer_name, o->client_instance_id))
		data_refuse(d, "an agent's channel must be signed by its node");
	else if (session_redeem_agent(
		     d->g->env->sessions, d->session_id, span_str(o->token)) != 0)
		data_refuse(d, "token not valid");
	else
		data_join(d, SESSION_AGENT);
}

static void
on_message(void *arg, uint8_t op, struct span body)
{
	struct data_open *d = arg;
	struct control_open_data o;
	struct fault f = { 0 };
	auto_arena mem = { 0 };

	(void)op;
	if (control_open_data_parse(&o, &mem, body, &f) != 0)
		data_refuse(d, fault_text(&f));
	else if (o.client_instance_id != NULL)
		open_agent(d, &o);
	else
		data_open_client(d, &o);
}

static void
on_close(void *arg, int err, uint16_t code)
{
	struct data_open *d = arg;

	(void)code;
	log_debug("data channel closed before it opened", "session=%s why=\"%s\"",
	    d->session_id, err_text(err));
	wsconn_close(d->ws, 0);
	data_open_free(d);
}

static const struct wsconn_handler open_handler = {
	.on_message = on_message,
	.on_close = on_close,
};

void
data_upgrade(struct gateway *g, struct http_req *r, const char *session_id,
    const struct principal *who, struct claim *claim)
{
	static const struct wsconn_options options = {
		.message_max = CONTROL_OPEN_MAX, /* until the token is shown */
		.ping_ms = GATEWAY_PING_MS,
		.dead_ms = GATEWAY_DEAD_MS,
		.start_ms = GATEWAY_OPEN_MS,
	};
	struct data_open *d = xcalloc(1, sizeof(*d));
	bool node = who->kind == PRINCIPAL_NODE;

	d->g = g;
	d->claim = claim;
	d->signer = who->kind;
	d->own = gateway_is_own(r);
	d->hears = span_eq_str(http1_get(r->head, OWN_HEADER), OWN_HEADER_VALUE);
	list_init(&d->all);
	if (str_copy(d->session_id, sizeof(d->session_id), session_id) != 0 ||
	    str_copy(d->signer_name, sizeof(d->signer_name), node ? who->name : "") !=
		0 ||
	    str_copy(d->signer_arn, sizeof(d->signer_arn),
		node ? "" : who->arn) != 0) {
		gateway_error(r, 400, "ValidationException", "a name is too long");
		data_open_free(d);
		return;
	}
	if ((d->ws = http_upgrade(r, &options, &open_handler, d)) == NULL) {
		data_open_free(d);
		return;
	}
	list_add_tail(&g->opening, &d->all);
}

void
data_free_all(struct gateway *g)
{
	LIST_EACH(d, &g->opening, struct data_open, all)
	{
		wsconn_close(d->ws, WS_CLOSE_GOING_AWAY);
		data_open_free(d);
	}
}
