/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP server: listener, connection limit, drain.  Upgraded connections count towards the
 * limit, since what it protects is descriptors.
 */
#include "net/http_priv.h"

const struct http_limits http_limits_default = {
	.head_max = 64 * 1024,
	.body_max = 10 * 1024 * 1024,
	.head_ms = 10 * 1000,
	.body_ms = 30 * 1000,
	.idle_ms = 75 * 1000,
	.connections_max = 18000,
};

static void
sync_listener(struct http_server *s)
{
	bool full =
	    s->lim.connections_max != 0 && s->streams.count >= s->lim.connections_max;

	if (s->listener == NULL || s->paused == full)
		return;
	s->paused = full;
	ev_listener_pause(s->listener, full);
}

static void
on_leave(void *arg)
{
	sync_listener(arg);
}

static void
on_accept(void *arg, struct ev_stream *es)
{
	struct http_server *s = arg;

	http_conn_new(s, es);
	sync_listener(s);
}

int
http_server_new(struct http_server **out, struct ev_loop *l, const char *host,
    uint16_t port, struct tls_ctx *tls, const struct http_limits *lim, http_handler *h,
    void *arg, struct fault *f)
{
	struct http_server *s = xcalloc(1, sizeof(*s));
	int r;

	s->loop = l;
	s->tls = tls;
	s->lim = lim != NULL ? *lim : http_limits_default;
	s->handler = h;
	s->arg = arg;
	list_init(&s->conns);
	stream_family_init(&s->streams, on_leave, s);
	if ((r = ev_listen(&s->listener, l, host, port, on_accept, s, f)) != 0) {
		free(s);
		return r;
	}
	*out = s;
	return 0;
}

uint16_t
http_server_port(const struct http_server *s)
{
	return s->listener != NULL ? ev_listener_port(s->listener) : 0;
}

uint32_t
http_server_connections(const struct http_server *s)
{
	return s->streams.count;
}

void
http_server_drain(struct http_server *s)
{
	if (s->draining)
		return;
	s->draining = true;
	ev_listener_close(s->listener);
	s->listener = NULL;
	LIST_EACH(c, &s->conns, struct http_conn, link)
	{
		if ((c->state == CONN_IDLE && stream_queued(c->st) == 0) ||
		    c->state == CONN_OPENING)
			http_conn_drop(c);
		else if (c->state == CONN_IDLE)
			http_conn_next(c, false);
	}
}

void
http_server_free(struct http_server *s)
{
	if (s == NULL)
		return;
	s->draining = true;
	ev_listener_close(s->listener);
	s->listener = NULL;
	while (!list_empty(&s->conns))
		http_conn_drop(LIST_FIRST(&s->conns, struct http_conn, link));
	stream_family_end(&s->streams);
	free(s);
}
