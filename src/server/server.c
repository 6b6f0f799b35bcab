/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start: lock and store, account, nodes, sessions, authentication, API, gateway, and the
 * listener last.  Stop: the reverse, with the store closed while those whom its last
 * callbacks reach still live.
 */
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "net/http_server.h"
#include "server/api/api.h"
#include "server/audit_key.h"
#include "server/authn.h"
#include "server/domain/access.h"
#include "server/domain/audit.h"
#include "server/domain/identity.h"
#include "server/domain/oidc.h"
#include "server/domain/key_usage.h"
#include "server/domain/session.h"
#include "server/domain/throttle.h"
#include "server/gateway/gateway.h"
#include "server/notify.h"
#include "server/own.h"
#include "server/packages.h"
#include "server/reserve.h"
#include "server/review.h"

enum {
	STOP_POLL_MS = 20,
	STOP_FLUSH_MS = 1000,   /* agents that never answer a close frame */
	DESCRIPTORS_SPARE = 64, /* store, pool, logs, packages */
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
metric(struct buf *out, const char *name, const char *kind, const char *help, uint64_t v)
{
	buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, kind,
	    name, (unsigned long long)v);
}

struct session_count {
	struct sessions *sessions;
	uint64_t by_state[SESSION_FAILED + 1];
};

static bool
count_session(void *arg, const struct store_session *row)
{
	struct session_count *n = arg;
	const struct session *se = session_find(n->sessions, row->id);

	if (se != NULL)
		n->by_state[se->state]++;
	return true;
}

static void
write_sessions(struct server *s, struct buf *out)
{
	struct session_count n = { .sessions = s->env.sessions };

	if (store_sessions(store_reader(s->env.store), true, 0, "", count_session, &n) !=
	    0)
		return;
	buf_add_str(out,
	    "# HELP sallyport_sessions_live Sessions that have not ended.\n"
	    "# TYPE sallyport_sessions_live gauge\n");
	for (int i = SESSION_CONNECTING; i <= SESSION_TERMINATING; i++)
		buf_addf(out, "sallyport_sessions_live{state=\"%s\"} %llu\n",
		    session_state_name((enum session_state)i),
		    (unsigned long long)n.by_state[i]);
}

/* What went wrong and was mended, or hit a limit. */
static void
write_resilience(struct server *s, struct buf *out, const struct gateway_stats *g)
{
	struct sessions_stats st;

	sessions_stats(s->env.sessions, &st);
	metric(out, "sallyport_sessions_resumed_total", "counter",
	    "Sessions resumed by their secret.", g->resumes);
	metric(out, "sallyport_session_resumes_denied_total", "counter",
	    "Sessions not resumed because their owner may not any more.",
	    g->resumes_denied);
	metric(out, "sallyport_dead_peers_total", "counter",
	    "Channels whose peer gave no sign of life any more.", g->dead_peers);
	metric(out, "sallyport_relay_buffered_bytes", "gauge",
	    "Bytes that wait for ends that are slow or away.", g->buffered);
	metric(out, "sallyport_sessions_swept_total", "counter",
	    "Rows that were live without a session.", st.swept);
	buf_addf(out,
	    "# HELP sallyport_session_limit_hits_total StartSession refused by a limit.\n"
	    "# TYPE sallyport_session_limit_hits_total counter\n"
	    "sallyport_session_limit_hits_total{limit=\"node\"} %llu\n"
	    "sallyport_session_limit_hits_total{limit=\"principal\"} %llu\n",
	    (unsigned long long)st.refused_node, (unsigned long long)st.refused_owner);
}

static void
write_audit(struct server *s, struct buf *out)
{
	struct audit_stats st;

	audit_stats(s->env.audit, &st);
	metric(out, "sallyport_audit_failed_total", "counter",
	    "Events that could not be written.", st.failed);
	metric(out, "sallyport_audit_left_out_total", "counter",
	    "Events of strangers and nodes that were too many.", st.left_out);
	metric(out, "sallyport_audit_removed_total", "counter",
	    "Events removed by retention.", st.removed);
	metric(out, "sallyport_reserve_released", "gauge",
	    "The space kept for a full disk was given back, or could not be had.",
	    reserve_is_released(s->reserve));
}

static void
write_metrics(void *arg, struct buf *out)
{
	struct server *s = arg;
	struct gateway_stats g;

	gateway_stats(s->gateway, &g);
	metric(out, "sallyport_http_connections", "gauge", "HTTP connections open now.",
	    http_server_connections(s->http));
	metric(out, "sallyport_nodes_online", "gauge", "Nodes with a control channel.",
	    nodes_online(s->env.nodes));
	metric(out, "sallyport_control_channels", "gauge", "Control channels open now.",
	    g.control_channels);
	metric(out, "sallyport_data_channels", "gauge", "Data channels open now.",
	    g.data_channels);
	metric(out, "sallyport_control_channels_opened_total", "counter",
	    "Control channels opened since the start.", s->counters.control_channels);
	metric(out, "sallyport_data_channels_opened_total", "counter",
	    "Data channels opened since the start.", s->counters.data_channels);
	metric(out, "sallyport_relayed_messages_total", "counter",
	    "Messages relayed between clients and agents.", g.messages);
	metric(out, "sallyport_relayed_bytes_total", "counter",
	    "Bytes relayed between clients and agents.", g.bytes);
	metric(out, "sallyport_malformed_messages_total", "counter",
	    "Messages dropped because they were malformed.", g.malformed);
	write_resilience(s, out, &g);
	write_audit(s, out);
	write_sessions(s, out);
	api_metrics(s->api, out);
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

/* ---- the daemon ---- */

static void
on_stop_signal(void *arg)
{
	log_info("stopping", "");
	notify_send("STOPPING=1");
	server_stop(arg);
}

static void
on_reload_signal(void *arg)
{
	struct fault f = { 0 };

	if (server_reload(arg, &f) != 0)
		log_error("certificate not reloaded", "why=%s", log_q(fault_text(&f)));
	else
		log_info("certificate reloaded", "");
}

/* Each agent holds a descriptor: take all that the system gives. */
static void
raise_descriptors(struct config *c)
{
	int64_t given = ev_descriptors_raise(), room = given - DESCRIPTORS_SPARE;

	if (c->connections_max > room && room > 0) {
		log_warn("fewer connections than configured",
		    "connections_max=%lld descriptors=%lld",
		    (long long)c->connections_max, (long long)given);
		c->connections_max = room;
	}
}

/* Two servers on one folder would each believe they own the sessions. */
static int
lock_state(struct config *c, int *fd, struct fault *f)
{
	const char *path = config_path(c, "lock");

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0 && errno == ENOENT)
		return fault_set(f, ERR_NOTFOUND,
		    "%s does not exist: run 'sallyportd init --state-dir %s' first",
		    c->state_dir, c->state_dir);
	if (*fd < 0)
		return fault_set(f, ERR_IO, "%s: %s", path, strerror(errno));
	if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
		close(*fd);
		*fd = -1;
		return fault_set(
		    f, ERR_EXISTS, "another sallyportd is running on %s", c->state_dir);
	}
	return 0;
}

static void
run_loop(struct server *s, const struct config *c)
{
	struct ev_loop *loop = s->env.loop;

	ev_on_signal(loop, SIGTERM, on_stop_signal, s);
	ev_on_signal(loop, SIGINT, on_stop_signal, s);
	ev_on_signal(loop, SIGHUP, on_reload_signal, s);
	log_info("serving", "version=%s host=%s port=%u tls=%s account=%s state=%s",
	    SALLYPORT_VERSION, c->listen_host[0] != '\0' ? c->listen_host : "*",
	    server_port(s), c->tls ? "on" : "off", s->env.account, log_q(c->state_dir));
	notify_send("READY=1");
	ev_run(loop);
}

static int
run_server(struct ev_loop *loop, struct config *c, struct fault *f)
{
	struct store *st = NULL;
	struct server *s = NULL;
	int err = store_open(&st, loop, config_path(c, "sallyport.db"), f);

	if (err != 0)
		return err;
	if ((err = server_new(&s, loop, st, c, f)) == 0) {
		run_loop(s, c);
		server_close(s);
	}
	store_close(st);
	server_free(s);
	return err;
}

int
server_main(struct config *c)
{
	struct fault f = { 0 };
	struct ev_loop *loop;
	int lock = -1, err;

	signal(SIGPIPE, SIG_IGN);
	raise_descriptors(c);
	if ((err = lock_state(c, &lock, &f)) == 0) {
		loop = ev_loop_new();
		err = run_server(loop, c, &f);
		ev_loop_free(loop);
		close(lock);
	}
	if (err != 0) {
		log_error("sallyportd cannot run", "why=%s", log_q(fault_text(&f)));
		return 1;
	}
	log_info("stopped", "");
	return 0;
}

/* As at the start; the loop never runs. */
static int
check_oidc(const struct config *c, struct fault *f)
{
	struct ev_loop *loop = ev_loop_new();
	struct oidc *o = NULL;
	int err = oidc_new(&o, loop, c->oidc_ca_file, c->oidc_deny, f);

	oidc_free(o);
	ev_loop_free(loop);
	return err;
}

int
server_check(const struct config *c, struct fault *f)
{
	struct tls_ctx *tls;
	int err = check_oidc(c, f);

	if (err != 0 || !c->tls)
		return err;
	if (access(c->tls_cert, F_OK) != 0)
		return fault_set(f, ERR_NOTFOUND,
		    "there is no certificate %s: run 'sallyportd init' first, or set "
		    "tls_cert",
		    c->tls_cert);
	if ((err = tls_server_new(&tls, c->tls_cert, c->tls_key, f)) == 0)
		tls_ctx_free(tls);
	return err;
}
