/* SPDX-License-Identifier: Apache-2.0 */
/* Small answers; the files of the agent's packages are those of server/packages.h. */
#include "server/own.h"

#include <fcntl.h>
#include <unistd.h>

#include "codec/jsonw.h"
#include "ev/ev.h"
#include "net/http_server.h"
#include "server/config.h"
#include "server/domain/session.h"
#include "server/packages.h"

enum {
	OWN_CA_MAX = 64 * 1024,
	OWN_TEXT_MAX = 1024 * 1024,
};

bool
own_handles(struct span path)
{
	return span_starts(path, "/_");
}

static void
say(struct http_req *r, int status, const char *text)
{
	http_reply(r, status, "text/plain; charset=utf-8", span_str(text));
}

static void
serve_ca(const struct own *o, struct http_req *r)
{
	int fd = open(o->env->config->ca_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t *text = arena_alloc(&r->mem, OWN_CA_MAX);
	ssize_t n = fd >= 0 ? read(fd, text, OWN_CA_MAX) : -1;

	if (fd >= 0)
		close(fd);
	if (n < 0 || n == OWN_CA_MAX)
		say(r, 404, "There is no CA of our own here.\n");
	else
		http_reply(r, 200, "application/x-pem-file", span_of(text, (size_t)n));
}

/* ---- numbers ---- */

static int64_t
uptime_s(const struct own *o)
{
	return (ev_wall_ms(o->env->loop) - o->started_ms) / 1000;
}

static void
serve_health(const struct own *o, struct http_req *r)
{
	struct jsonw w;
	auto_buf b;

	buf_init(&b, OWN_TEXT_MAX);
	jw_init(&w, &b);
	jw_open(&w, '{');
	jw_field_str(&w, "status", "ok");
	jw_field_str(&w, "version", SALLYPORT_VERSION);
	jw_field_int(&w, "uptimeSeconds", uptime_s(o));
	jw_field_int(&w, "nodesOnline", (int64_t)nodes_online(o->env->nodes));
	jw_field_int(&w, "sessionsLive", (int64_t)sessions_live(o->env->sessions));
	jw_close(&w, '}');
	buf_add_str(&b, "\n");
	http_reply(r, 200, "application/json", buf_span(&b));
}

static bool
may_read_metrics(const struct own *o, const struct http_req *r)
{
	struct span ip = span_str(r->peer_ip);

	if (o->env->config->metrics == CONFIG_METRICS_LOOPBACK)
		return span_starts(ip, "127.") || span_eq_str(ip, "::1") ||
		    span_starts(ip, "::ffff:127.");
	return o->env->config->metrics == CONFIG_METRICS_ANY;
}

static void
serve_metrics(const struct own *o, struct http_req *r)
{
	auto_buf b;

	buf_init(&b, OWN_TEXT_MAX);
	if (!may_read_metrics(o, r)) {
		say(r, 403,
		    "Metrics are not served to this address (setting: metrics).\n");
		return;
	}
	buf_addf(&b,
	    "# HELP sallyport_build_info What is running.\n"
	    "# TYPE sallyport_build_info gauge\n"
	    "sallyport_build_info{version=\"%s\"} 1\n"
	    "# HELP sallyport_uptime_seconds Time since the start.\n"
	    "# TYPE sallyport_uptime_seconds gauge\n"
	    "sallyport_uptime_seconds %lld\n",
	    SALLYPORT_VERSION, (long long)uptime_s(o));
	if (o->metrics != NULL)
		o->metrics(o->arg, &b);
	http_reply(r, 200, "text/plain; version=0.0.4; charset=utf-8", buf_span(&b));
}

void
own_handle(const struct own *o, struct http_req *r)
{
	if (strcmp(r->head->method, "GET") != 0 && strcmp(r->head->method, "HEAD") != 0)
		say(r, 405, "Only GET is served here.\n");
	else if (span_eq_str(r->path, "/_health"))
		serve_health(o, r);
	else if (span_eq_str(r->path, "/_metrics"))
		serve_metrics(o, r);
	else if (span_eq_str(r->path, "/_ca.pem"))
		serve_ca(o, r);
	else if (span_starts(r->path, "/_agent/"))
		packages_serve(o->packages, o->env->config->agent_dir,
		    span_sub(r->path, sizeof("/_agent/") - 1, r->path.n), r);
	else
		say(r, 404, "There is nothing here.\n");
}
