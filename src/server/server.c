/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start: lock and store, account, nodes, sessions, authentication, API, gateway, and the
 * listener last.  Stop: the reverse, with the store closed while those whom its last
 * callbacks reach still live.
 */
#include "server/server.h"

#include "net/http_server.h"
#include "server/api/api.h"
#include "server/audit_key.h"
#include "server/authn.h"
#include "server/domain/access.h"
#include "server/domain/audit.h"
#include "server/domain/identity.h"
#include "server/domain/key_usage.h"
#include "server/domain/oidc.h"
#include "server/domain/session.h"
#include "server/domain/throttle.h"
#include "server/gateway/gateway.h"
#include "server/metrics.h"
#include "server/own.h"
#include "server/packages.h"
#include "server/reserve.h"
#include "server/review.h"

enum {
	STOP_POLL_MS = 20,
	STOP_FLUSH_MS = 1000, /* agents that never answer a close frame */
};

struct server {
	struct server_env env;
	struct server_counters counters;
	struct own own;
	struct audit_key audit_key;
	struct reserve *reserve;
	struct tls_ctx *tls;
	struct http_server *http;
	struct api *api;
	struct gateway *gateway;
	struct review *review;
	struct ev_timer stop_timer;
	uint64_t stop_by_ms; /* 0: not stopping */
};

/* ---- requests ---- */

static void
on_request(void *arg, struct http_req *r)
{
	struct server *s = arg;

	if (s->gateway == NULL)
		http_reply_close(r, 503, NULL, SPAN_NONE);
	else if (gateway_handles(r->path))
		gateway_handle(s->gateway, r);
	else if (own_handles(r->path))
		own_handle(&s->own, r);
	else
		api_handle(s->api, r);
}

static void
write_metrics(void *arg, struct buf *out)
{
	const struct server *s = arg;

	metrics_write(out,
	    &(struct metrics){
		.env = &s->env,
		.http = s->http,
		.api = s->api,
		.gateway = s->gateway,
		.reserve = s->reserve,
	    });
}

/* ---- parts ---- */

static int
start_account(struct server *s, struct fault *f)
{
	auto_arena mem;
	char *id;
	int err;

	arena_init(&mem);
	err = account_id(store_reader(s->env.store), &mem, &id);
	if (err == ERR_NOTFOUND)
		return fault_set(
		    f, err, "there is no account yet: run 'sallyportd init' first");
	if (err != 0)
		return fault_set(f, err, "the account cannot be read: %s", err_text(err));
	return str_copy(s->env.account, sizeof(s->env.account), id);
}

static int
start_audit(struct server *s, struct fault *f)
{
	struct server_env *e = &s->env;
	struct audit_options o = {
		.loop = e->loop,
		.store = e->store,
		.account = e->account,
		.region = e->config->region,
		.retention_days = e->config->audit_retention_days,
	};
	int err;

	if ((err = audit_key_open(&s->audit_key, e->loop, e->config, f)) != 0)
		return err;
	o.key = s->audit_key.key;
	o.key_is_new = s->audit_key.is_new;
	if ((err = audit_new(&e->audit, &o, f)) != 0)
		return err;
	return audit_key_settle(&s->audit_key, e->config, f);
}

static int
start_listener(struct server *s, struct fault *f)
{
	const struct config *c = s->env.config;
	struct http_limits lim = http_limits_default;
	int err;

	lim.body_max = (size_t)c->body_max;
	lim.connections_max = (uint32_t)c->connections_max;
	if (c->tls && (err = tls_server_new(&s->tls, c->tls_cert, c->tls_key, f)) != 0)
		return err;
	return http_server_new(&s->http, s->env.loop, c->listen_host, c->listen_port,
	    s->tls, &lim, on_request, s, f);
}

static int
start_parts(struct server *s, struct fault *f)
{
	struct server_env *e = &s->env;
	int err;

	if ((err = start_account(s, f)) != 0 || (err = start_audit(s, f)) != 0)
		return err;
	s->reserve = reserve_new(e->loop, e->store, e->config->reserve);
	e->nodes = nodes_new(e->loop, e->store);
	nodes_set_audit(e->nodes, e->audit);
	if ((err = sessions_new(&e->sessions, e->loop, e->store, e->nodes, f)) != 0)
		return err;
	sessions_set_limits(e->sessions, (size_t)e->config->sessions_per_node_max,
	    (size_t)e->config->sessions_per_principal_max);
	e->key_usage = key_usage_new(e->loop, e->store);
	e->throttle = throttle_new(e->loop);
	e->authn = authn_new(e->loop, e->store, e->key_usage, e->throttle);
	e->access = access_new(e->loop, e->store);
	if ((err = oidc_new(&e->oidc, e->loop, e->config->oidc_ca_file,
		 e->config->oidc_deny, f)) != 0)
		return err;
	if ((err = api_new(&s->api, e, f)) != 0)
		return err;
	s->gateway = gateway_new(e);
	s->review = review_new(e);
	s->own = (struct own){
		.env = e,
		.packages = packages_new(e->loop),
		.started_ms = ev_wall_ms(e->loop),
		.metrics = write_metrics,
		.arg = s,
	};
	return start_listener(s, f);
}

int
server_new(struct server **out, struct ev_loop *loop, struct store *st,
    const struct config *c, struct fault *f)
{
	struct server *s = xcalloc(1, sizeof(*s));
	int err;

	s->env.loop = loop;
	s->env.store = st;
	s->env.config = c;
	s->env.counters = &s->counters;
	if ((err = start_parts(s, f)) != 0) {
		server_close(s);
		server_free(s);
		return err;
	}
	*out = s;
	return 0;
}

uint16_t
server_port(const struct server *s)
{
	return http_server_port(s->http);
}

struct server_env *
server_env(struct server *s)
{
	return &s->env;
}

int
server_reload(struct server *s, struct fault *f)
{
	const struct config *c = s->env.config;

	return s->tls == NULL ? 0 : tls_server_reload(s->tls, c->tls_cert, c->tls_key, f);
}

/*
 * First the calls are answered, then the channels are dropped (sessions live on, and their
 * ends come back to the next server), then what was queued leaves.
 */
static void
stop_poll(void *arg)
{
	struct server *s = arg;
	bool over = ev_now_ms(s->env.loop) >= s->stop_by_ms;

	if (s->gateway != NULL && (over || api_busy(s->api) == 0)) {
		server_close(s);
		s->stop_by_ms =
		    MIN(s->stop_by_ms, ev_now_ms(s->env.loop) + STOP_FLUSH_MS);
	}
	if (over || (s->gateway == NULL && http_server_connections(s->http) == 0))
		ev_stop(s->env.loop);
	else
		ev_timer_set(s->env.loop, &s->stop_timer, STOP_POLL_MS, stop_poll, s);
}

void
server_stop(struct server *s)
{
	if (s->stop_by_ms != 0)
		return;
	s->stop_by_ms = ev_now_ms(s->env.loop) + (uint64_t)s->env.config->drain_ms + 1;
	http_server_drain(s->http);
	throttle_drain(s->env.throttle);
	api_drain(s->api);
	ev_timer_set(s->env.loop, &s->stop_timer, 0, stop_poll, s);
}

void
server_close(struct server *s)
{
	ev_timer_clear(&s->stop_timer);
	if (s->gateway != NULL)
		gateway_free(s->gateway);
	s->gateway = NULL;
	if (s->env.throttle != NULL)
		throttle_drain(s->env.throttle);
	if (s->api != NULL)
		api_close(s->api);
	reserve_free(s->reserve);
	s->reserve = NULL;
}

void
server_free(struct server *s)
{
	if (s == NULL)
		return;
	if (s->http != NULL)
		http_server_free(s->http);
	throttle_free(s->env.throttle); /* answers that wait want the api */
	packages_free(s->own.packages);
	review_free(s->review);
	api_free(s->api);
	if (s->env.sessions != NULL)
		sessions_free(s->env.sessions);
	if (s->env.nodes != NULL)
		nodes_free(s->env.nodes);
	authn_free(s->env.authn);
	key_usage_free(s->env.key_usage);
	access_free(s->env.access);
	oidc_free(s->env.oidc);
	audit_free(s->env.audit);
	ed25519_free(s->audit_key.key);
	if (s->tls != NULL)
		tls_ctx_free(s->tls);
	free(s);
}
