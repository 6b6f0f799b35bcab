/* SPDX-License-Identifier: Apache-2.0 */
/* See gateway.h.  Routes, authentication and authorisation of every channel request. */
#include "server/gateway/farewell.h"

#include "base/heap.h"
#include "base/log.h"
#include "codec/uri.h"
#include "codec/xmlw.h"
#include "proto/arn.h"
#include "proto/ids.h"
#include "server/authorise.h"
#include "server/config.h"

#define CONTROL_PATH "/v1/control-channel/"
#define DATA_PATH    "/v1/data-channel/"
#define OPEN_DATA    "ssmmessages:OpenDataChannel"

struct gateway *
gateway_new(struct server_env *env)
{
	struct gateway *g = xcalloc(1, sizeof(*g));
	uint64_t key[4];

	g->env = env;
	ev_random(env->loop, key, sizeof(key));
	map_init(&g->relays, key[0], key[1]);
	map_init(&g->tokens, key[2], key[3]);
	list_init(&g->opening);
	list_init(&g->controls);
	list_init(&g->leaving);
	rest_start(&g->rest, env->loop, &g->counters.messages, heap_trim);
	return g;
}

void
gateway_free(struct gateway *g)
{
	struct span id;
	void *v;
	size_t it = 0;

	if (g == NULL)
		return;
	rest_stop(&g->rest);
	control_free_all(g);
	data_free_all(g);
	farewell_drop_all(g);
	while (map_next(&g->relays, &it, &id, &v))
		relay_free(v);
	map_fini(&g->relays);
	for (it = 0; map_next(&g->tokens, &it, &id, &v);)
		free(v);
	map_fini(&g->tokens);
	free(g);
}

void
gateway_stats(const struct gateway *g, struct gateway_stats *out)
{
	struct span id;
	void *v;

	*out = (struct gateway_stats){
		.control_channels = g->ncontrols,
		.data_channels = g->counters.sockets,
		.messages = g->counters.messages,
		.bytes = g->counters.bytes,
		.malformed = g->counters.malformed,
		.acks_synthesised = g->counters.acks_synthesised,
		.resumes = g->counters.resumes,
		.resumes_denied = g->counters.resumes_denied,
		.dead_peers = g->counters.dead_peers,
	};
	for (size_t it = 0; map_next(&g->relays, &it, &id, &v);)
		out->buffered += relay_buffered(v);
}

bool
gateway_handles(struct span path)
{
	return span_starts(path, CONTROL_PATH) || span_starts(path, DATA_PATH);
}

void
gateway_error(struct http_req *r, int status, const char *code, const char *text)
{
	auto_buf xml = { .max = 4096 };

	xw_open(&xml, code);
	xw_elem(&xml, "Message", text);
	xw_close(&xml, code);
	http_reply(r, status, "application/xml", buf_span(&xml));
}

bool
gateway_is_own(const struct http_req *r)
{
	return span_starts(http1_get(r->head, "User-Agent"), "sallyport");
}

/*
 * A node speaks for itself.  One without a key of its own was made by the heartbeats of an
 * agent with static credentials; for it speaks whoever the policy lets do so.
 */
bool
gateway_speaks_for(
    struct gateway *g, enum principal_kind kind, const char *name, const char *node_id)
{
	struct store_node row;
	auto_arena mem = { 0 };

	if (kind == PRINCIPAL_NODE)
		return strcmp(name, node_id) == 0;
	return kind != PRINCIPAL_NONE &&
	    store_node_get(store_reader(g->env->store), &mem, node_id, &row) == 0 &&
	    row.public_key[0] == '\0';
}

int
gateway_path_id(char *out, size_t size, struct span path, const char *prefix)
{
	struct span raw = span_sub(path, strlen(prefix), path.n);
	auto_buf id = { .max = 512 };
	int r;

	if ((r = uri_decode(&id, raw, false)) != 0)
		return r;
	return span_copy(out, size, buf_span(&id));
}

/* The words of the refusal in the style of the real service. */
static const char *
denial_code(enum authn_reason why)
{
	switch (why) {
	case AUTHN_MISSING:
		return "MissingAuthenticationTokenException";
	case AUTHN_INCOMPLETE:
		return "IncompleteSignatureException";
	case AUTHN_UNKNOWN_KEY:
	case AUTHN_TOKEN:
		return "UnrecognizedClientException";
	case AUTHN_EXPIRED_TOKEN:
		return "ExpiredTokenException";
	case AUTHN_THROTTLED:
		return "ThrottlingException";
	default:
		return "InvalidSignatureException";
	}
}

/* Who is it?  Answers r, perhaps later, and returns false when that is not proven. */
static bool
authenticated(struct gateway *g, struct http_req *r, const char *action,
    struct authn_result *a)
{
	if (authn_request(g->env->authn, r, "ssmmessages", &r->mem, a) == 0)
		return true;
	log_info("channel request refused", "peer=%s path=%s why=%s", r->peer_ip,
	    log_qs(r->path), log_q(a->fault.text));
	gateway_deny(g, r, a,
	    &(struct gateway_denial){ .action = action,
		.code = denial_code(a->why),
		.text = a->fault.text,
		.hold_ms = a->hold_ms });
	return false;
}

static void
deny(struct gateway *g, struct http_req *r, const struct authn_result *a,
    const char *action, const char *arn, const char *text)
{
	gateway_deny(g, r, a,
	    &(struct gateway_denial){ .action = action,
		.arn = arn,
		.code = "AccessDeniedException",
		.text = text });
}

/* unless_denied: a client's token allows it; a policy may still forbid it. */
static bool
allowed(struct gateway *g, struct http_req *r, const struct authn_result *a,
    const char *action, const char *arn, bool unless_denied)
{
	const struct principal *who = &a->who;
	const struct authz_facts facts = {
		.region = a->region,
		.source_ip = r->peer_ip,
		.user_agent = arena_str(&r->mem, http1_get(r->head, "User-Agent")),
		.tls = r->tls,
		.now_ms = ev_wall_ms(g->env->loop),
	};
	struct authz_request q = {
		.who = who,
		.action = action,
		.resources = &arn,
		.nresources = 1,
		.facts = &facts,
		.unless_denied = unless_denied,
	};
	const char *message = "";

	if (authorise(g->env, &q, &r->mem, &message) == 0)
		return true;
	log_info("channel request denied", "peer=%s by=%s action=%s", r->peer_ip,
	    log_q(who->arn), action);
	deny(g, r, a, action, arn, message);
	return false;
}

static bool
is_post(const struct http_req *r)
{
	return strcmp(r->head->method, "POST") == 0;
}

static void
handle_control(struct gateway *g, struct http_req *r)
{
	char id[ID_SESSION_MAX + 1];
	struct authn_result a;
	const char *action = is_post(r) ? "ssmmessages:CreateControlChannel"
					: "ssmmessages:OpenControlChannel";
	const char *arn;

	if (gateway_path_id(id, sizeof(id), r->path, CONTROL_PATH) != 0 ||
	    !id_node_valid(span_str(id))) {
		gateway_error(
		    r, 400, "ValidationException", "this is not the id of a node");
		return;
	}
	if (!authenticated(g, r, action, &a))
		return;
	arn = arn_node(&r->mem, a.region, g->env->account, id);
	if (!allowed(g, r, &a, action, arn, false))
		return;
	if (!gateway_speaks_for(g, a.who.kind, a.who.name, id))
		deny(g, r, &a, action, arn,
		    "a control channel belongs to the node that signs for it");
	else if (is_post(r))
		control_create(g, r, id);
	else
		control_upgrade(g, r, id, claim_new(r, &a, action, arn));
}

/* A node's session, or one on the node for which this user speaks. */
static void
create_data(struct gateway *g, struct http_req *r, const char *session_id,
    const struct authn_result *a, const char *arn)
{
	static const char action[] = "ssmmessages:CreateDataChannel";
	const struct session *se = session_find(g->env->sessions, session_id);
	const char *target = se != NULL ? se->row.target : "";
	const struct principal *who = &a->who;

	if (who->kind == PRINCIPAL_NODE)
		target = who->name;
	else if (se != NULL && !gateway_speaks_for(g, who->kind, who->name, target)) {
		deny(g, r, a, action, arn, "only a node opens this side");
		return;
	}
	if (data_create(g, r, session_id, target) != 0)
		deny(g, r, a, action, arn, "this session belongs to another node");
}

static void
handle_data(struct gateway *g, struct http_req *r)
{
	char id[ID_SESSION_MAX + 1];
	struct authn_result a = { 0 };
	const char *action, *arn;

	if (gateway_path_id(id, sizeof(id), r->path, DATA_PATH) != 0 ||
	    !id_session_valid(span_str(id))) {
		gateway_error(
		    r, 400, "ValidationException", "this is not the id of a session");
		return;
	}
	principal_init(&a.who);
	action = is_post(r) ? "ssmmessages:CreateDataChannel" : OPEN_DATA;
	/* A client that does not sign: its token speaks for it. */
	if ((is_post(r) || authn_is_signed(r)) && !authenticated(g, r, action, &a))
		return;
	arn = arn_session(&r->mem, a.region != NULL ? a.region : g->env->config->region,
	    g->env->account, id);
	if (a.who.kind != PRINCIPAL_NONE &&
	    !allowed(g, r, &a, action, arn, !is_post(r) && a.who.kind != PRINCIPAL_NODE))
		return;
	if (is_post(r))
		create_data(g, r, id, &a, arn);
	else
		data_upgrade(g, r, id, &a.who, claim_new(r, &a, action, arn));
}

void
gateway_handle(struct gateway *g, struct http_req *r)
{
	if (!is_post(r) && strcmp(r->head->method, "GET") != 0) {
		gateway_error(r, 405, "ValidationException", "POST or GET");
		return;
	}
	if (span_starts(r->path, CONTROL_PATH))
		handle_control(g, r);
	else
		handle_data(g, r);
}
