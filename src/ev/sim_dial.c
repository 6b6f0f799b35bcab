/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated backend: listening and connecting.
 *
 * A connect takes two one-way trips: the first ends at the listener, which gets its
 * stream, the second back at the caller, who gets the other end or the refusal.
 */
#include "ev/sim_backend.h"

struct sim_listener {
	struct ev_listener base;
	struct list link;
	uint16_t port;
	char *path;         /* unix socket */
	bool loopback_only; /* reached from the same host only */
	bool paused;
	struct ev_stream **waiting; /* connected while paused */
	uint32_t nwaiting;
	struct sim_event resume;
};

struct sim_connect {
	struct ev_connect base;
	struct list link;
	char *host;
	uint16_t port;
	bool local; /* to this very host */
	struct sim_event step, deadline;
	struct sim_stream *s; /* our end, on its way back */
	int err;
	char why[200];
};

/* --- listening ---------------------------------------------------------------- */

static bool
is_loopback(const char *host)
{
	return strcmp(host, "127.0.0.1") == 0 || strcmp(host, "::1") == 0 ||
	    strcmp(host, "localhost") == 0;
}

static struct sim_listener *
find_listener(struct sim_host *h, const char *path, uint16_t port)
{
	LIST_EACH(ln, &h->listeners, struct sim_listener, link)
	{
		if (path != NULL ? ln->path != NULL && strcmp(ln->path, path) == 0
				 : ln->path == NULL && ln->port == port)
			return ln;
	}
	return NULL;
}

static uint16_t
next_port(struct sim_host *h)
{
	do {
		h->last_port = h->last_port < 32768 || h->last_port >= 60999
		    ? 32768
		    : (uint16_t)(h->last_port + 1);
	} while (find_listener(h, NULL, h->last_port) != NULL);
	return h->last_port;
}

static void
on_resume(void *arg)
{
	struct sim_listener *ln = arg;
	struct ev_stream *s;

	if (ln->paused || ln->nwaiting == 0)
		return;
	s = ln->waiting[0];
	memmove(ln->waiting, ln->waiting + 1, --ln->nwaiting * sizeof(ln->waiting[0]));
	if (ln->nwaiting > 0)
		sim_at(sim_host_of(ln->base.loop)->world, &ln->resume, 0);
	ln->base.cb(ln->base.arg, s); /* may close the listener */
}

int
sim_listen(struct ev_listener **out, struct ev_loop *l, const char *host, uint16_t port,
    ev_accept_cb *cb, void *arg, struct fault *f)
{
	struct sim_host *h = sim_host_of(l);
	const char *path = host[0] == '/' ? host : NULL;
	struct sim_listener *ln;

	if (l->dead)
		return fault_set(f, ERR_CLOSED, "the host has crashed");
	if (find_listener(h, path, port) != NULL && (path != NULL || port != 0))
		return fault_set(f, ERR_EXISTS,
		    "cannot listen on %.100s:%u: address in use",
		    host[0] == '\0' ? "*" : host, port);
	ln = xcalloc(1, sizeof(*ln));
	ln->base = (struct ev_listener){ l, cb, arg };
	ln->path = path != NULL ? xstrdup(path) : NULL;
	if (path == NULL)
		ln->port = port != 0 ? port : next_port(h);
	ln->loopback_only = is_loopback(host);
	sim_event_init(&ln->resume, 'r', on_resume, ln);
	list_init(&ln->link);
	list_add_tail(&h->listeners, &ln->link);
	*out = &ln->base;
	return 0;
}

uint16_t
sim_listener_port(const struct ev_listener *base)
{
	return ((const struct sim_listener *)base)->port;
}

void
sim_listener_pause(struct ev_listener *base, bool pause)
{
	struct sim_listener *ln = CONTAINER_OF(base, struct sim_listener, base);

	ln->paused = pause;
	if (!pause && ln->nwaiting > 0 && !base->loop->dead)
		sim_at(sim_host_of(base->loop)->world, &ln->resume, 0);
}

void
sim_listener_close(struct ev_listener *base)
{
	struct sim_listener *ln = CONTAINER_OF(base, struct sim_listener, base);
	struct sim_world *w = sim_host_of(base->loop)->world;

	list_del(&ln->link);
	sim_unschedule(w, &ln->resume);
	for (uint32_t i = 0; i < ln->nwaiting; i++)
		ev_close(ln->waiting[i]);
	free(ln->waiting);
	free(ln->path);
	sim_free_later(w, ln);
}

static void
accept_or_hold(struct sim_listener *ln, struct ev_stream *s)
{
	if (!ln->paused && ln->nwaiting == 0) {
		ln->base.cb(ln->base.arg, s);
		return;
	}
	ln->waiting = xrealloc(ln->waiting, (ln->nwaiting + 1) * sizeof(ln->waiting[0]));
	ln->waiting[ln->nwaiting++] = s;
}

/* --- connecting ----------------------------------------------------------------- */

static void
drop(struct sim_connect *c)
{
	struct sim_world *w = sim_host_of(c->base.loop)->world;

	sim_unschedule(w, &c->step);
	sim_unschedule(w, &c->deadline);
	if (c->s != NULL)
		ev_close(&c->s->base);
	list_del(&c->link);
	free(c->host);
	sim_free_later(w, c);
}

static void
deliver(struct sim_connect *c)
{
	struct ev_stream *s = c->err == 0 ? &c->s->base : NULL;

	if (s != NULL)
		c->s = NULL;
	drop(c);
	c->base.cb(c->base.arg, s, c->err, c->err == 0 ? "" : c->why);
}

/* Back at the caller. */
static void
on_back(void *arg)
{
	deliver(arg);
}

static void
on_deadline(void *arg)
{
	struct sim_connect *c = arg;

	c->err = ERR_TIMEOUT;
	snprintf(c->why, sizeof(c->why), "no answer from %.100s:%u", c->host, c->port);
	deliver(c);
}

/* n: NULL for an address that no host of this world has. */
static bool
may_dial(struct sim_connect *c, const struct sim_name *n, bool loopback)
{
	const char *ip = n != NULL ? n->ip : c->host;

	if (c->base.allow == NULL)
		return true;
	if (c->host[0] == '/')
		ip = "";
	else if (loopback)
		ip = strcmp(c->host, "::1") == 0 ? "::1" : "127.0.0.1";
	if (c->base.allow(c->base.arg, ip))
		return true;
	c->err = ERR_DENIED;
	snprintf(c->why, sizeof(c->why), "connecting to %.100s is not allowed", ip);
	return false;
}

static bool
is_address(const char *host)
{
	return strchr(host, ':') != NULL || host[strspn(host, "0123456789.")] == '\0';
}

static struct sim_listener *
target(struct sim_connect *c, struct sim_host *from)
{
	const char *path = c->host[0] == '/' ? c->host : NULL;
	bool loopback = path != NULL || is_loopback(c->host);
	struct sim_world *w = from->world;
	struct sim_name *n = loopback ? from->name : sim_name_find(w, c->host);
	struct sim_listener *ln = NULL;

	if ((n != NULL || is_address(c->host)) && !may_dial(c, n, loopback))
		return NULL;
	if (n == NULL) {
		c->err = ERR_RESOLVE;
		snprintf(
		    c->why, sizeof(c->why), "name does not resolve: %.100s", c->host);
		return NULL;
	}
	if (n->live != NULL && !sim_is_cut(w, from->name->index, n->index))
		ln = find_listener(n->live, path, c->port);
	if (ln != NULL && ln->loopback_only && n != from->name)
		ln = NULL;
	if (ln == NULL && path != NULL) {
		c->err = ERR_NOTFOUND;
		snprintf(c->why, sizeof(c->why),
		    "cannot connect to %.100s: nobody listens", path);
	} else if (ln == NULL) {
		c->err = ERR_REFUSED;
		snprintf(c->why, sizeof(c->why), "connection refused by %.100s:%u",
		    c->host, c->port);
	}
	return ln;
}

static void
set_peer(struct sim_stream *s, const char *ip, uint16_t port)
{
	if (str_copy(s->ip, sizeof(s->ip), ip) != 0)
		s->ip[0] = '\0';
	s->port = port;
}

/* At the target. */
static void
on_there(void *arg)
{
	struct sim_connect *c = arg;
	struct sim_host *from = sim_host_of(c->base.loop), *to;
	struct sim_world *w = from->world;
	struct sim_listener *ln = target(c, from);
	struct sim_conn *conn;

	sim_event_init(&c->step, 'b', on_back, c);
	if (ln == NULL) {
		sim_at(w, &c->step, w->now_us + sim_latency_us(w, c->local));
		return;
	}
	to = sim_host_of(ln->base.loop);
	conn = sim_conn_new(from, to);
	c->s = conn->end[0];
	if (ln->path == NULL) {
		bool loop = is_loopback(c->host);

		set_peer(conn->end[0], loop ? "127.0.0.1" : to->name->ip, ln->port);
		set_peer(
		    conn->end[1], loop ? "127.0.0.1" : from->name->ip, next_port(from));
	}
	sim_at(w, &c->step, w->now_us + sim_latency_us(w, conn->local));
	accept_or_hold(ln, &conn->end[1]->base);
}

struct ev_connect *
sim_connect(struct ev_loop *l, const char *host, uint16_t port, uint64_t timeout_ms,
    ev_allow_cb *allow, ev_connect_cb *cb, void *arg)
{
	struct sim_host *h = sim_host_of(l);
	struct sim_world *w = h->world;
	struct sim_connect *c = xcalloc(1, sizeof(*c));

	c->base = (struct ev_connect){ l, cb, arg, allow };
	c->host = xstrdup(host);
	c->port = port;
	c->local =
	    host[0] == '/' || is_loopback(host) || strcmp(host, h->name->name) == 0;
	sim_event_init(&c->step, 'c', on_there, c);
	sim_event_init(&c->deadline, 'o', on_deadline, c);
	list_init(&c->link);
	list_add_tail(&h->connects, &c->link);
	if (!l->dead) {
		sim_at(w, &c->step, w->now_us + sim_latency_us(w, c->local));
		sim_at(w, &c->deadline, w->now_us + MIN(timeout_ms, 1u << 30) * SIM_US);
	}
	return &c->base;
}

void
sim_connect_cancel(struct ev_connect *base)
{
	drop(CONTAINER_OF(base, struct sim_connect, base));
}

/* The caller's objects stay until it drops them; connections on their way are cut. */
void
sim_dials_crash(struct sim_host *h)
{
	LIST_EACH(c, &h->connects, struct sim_connect, link)
	{
		sim_unschedule(h->world, &c->step);
		sim_unschedule(h->world, &c->deadline);
	}
	LIST_EACH(ln, &h->listeners, struct sim_listener, link)
	sim_unschedule(h->world, &ln->resume);
}

void
sim_dials_free(struct sim_host *h)
{
	while (!list_empty(&h->connects))
		drop(LIST_FIRST(&h->connects, struct sim_connect, link));
	while (!list_empty(&h->listeners))
		sim_listener_close(
		    &LIST_FIRST(&h->listeners, struct sim_listener, link)->base);
}
