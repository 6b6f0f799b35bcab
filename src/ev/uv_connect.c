/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libuv backend: outgoing connections.
 *
 *	RESOLVING --> TRYING (one address after the other) --> delivered
 *	     \______________\____ FAILED (timer 0) ______________^
 *
 * Names go through uv_lookup.c, numeric addresses and paths do not.  One timer serves the
 * whole: it bounds the lookup, then each attempt (a fair share of what is left), then
 * carries a failure out of the call that noticed it.
 */
#include "ev/backend.h"

#include <errno.h>
#include <netdb.h>
#include <sys/un.h>
#include <unistd.h>

#include "ev/uv_backend.h"

/* An address that does not answer leaves at least this long for the next ones. */
enum { TRY_MIN_MS = 1000 };

enum connect_state { RESOLVING, TRYING, FAILED };

struct evu_connect {
	struct ev_connect base;
	struct list link;
	enum connect_state state;
	char *host;
	uint64_t deadline_ms, timeout_ms;
	struct ev_timer timer;
	struct evu_ask ask;      /* while RESOLVING */
	struct evu_names *names; /* what it gave */
	struct addrinfo *ai;     /* or of a numeric address; owned */
	struct addrinfo *cur, *next;
	struct sockaddr_un path; /* a unix socket, as the list of one address that ... */
	struct addrinfo path_ai; /* ... getaddrinfo() would give */
	struct evu_stream *s;    /* the attempt under way */
	int err;                 /* of the last attempt */
	char why[200];
};

static void on_timer(void *arg);
static void on_attempt(void *arg);

static const struct ev_stream_ops attempt_ops = { on_attempt, on_attempt };

static void
drop(struct evu_connect *c)
{
	evu_lookup_cancel(&c->ask);
	if (c->s != NULL)
		ev_close(&c->s->base);
	ev_timer_clear(&c->timer);
	list_del(&c->link);
	evu_names_drop(c->names);
	if (c->ai != NULL)
		freeaddrinfo(c->ai);
	free(c->host);
	free(c);
}

static void
deliver(struct evu_connect *c)
{
	struct ev_stream *s = c->s != NULL ? &c->s->base : NULL;
	ev_connect_cb *cb = c->base.cb;
	void *arg = c->base.arg;
	char why[sizeof(c->why)];
	int err = s != NULL ? 0 : c->err;

	memcpy(why, c->why, sizeof(why));
	c->s = NULL;
	drop(c);
	cb(arg, s, err, s != NULL ? "" : why);
}

static void
fail(struct evu_connect *c)
{
	c->state = FAILED;
	ev_timer_set(c->base.loop, &c->timer, 0, on_timer, c);
}

/* Keeps the reason; a later attempt may still succeed. */
static void
note(struct evu_connect *c, int e)
{
	char to[128];

	evu_addr_text(to, sizeof(to), c->cur->ai_addr, c->cur->ai_addrlen);
	c->err = err_from_errno(e);
	switch (e) {
	case ECONNREFUSED:
		snprintf(c->why, sizeof(c->why), "connection refused by %s", to);
		break;
	case ETIMEDOUT:
		snprintf(c->why, sizeof(c->why), "no answer from %s", to);
		break;
	case EHOSTUNREACH:
	case ENETUNREACH:
		c->err = ERR_IO;
		snprintf(c->why, sizeof(c->why), "no route to %s", to);
		break;
	default:
		if (c->err == ERR_AGAIN) /* the queue of a unix socket is full */
			c->err = ERR_REFUSED;
		snprintf(
		    c->why, sizeof(c->why), "cannot connect to %s: %s", to, strerror(e));
		break;
	}
}

static uint64_t
try_ms(const struct evu_connect *c, uint64_t now)
{
	uint64_t left = c->deadline_ms > now ? c->deadline_ms - now : 0, n = 1;

	for (const struct addrinfo *ai = c->next; ai != NULL; ai = ai->ai_next)
		n++;
	return MIN(left, MAX(left / n, TRY_MIN_MS));
}

static bool
may_dial(struct evu_connect *c)
{
	const struct sockaddr *sa = c->cur->ai_addr;
	const struct sockaddr_in *sin = (const void *)sa;
	const struct sockaddr_in6 *sin6 = (const void *)sa;
	char ip[64] = "";

	if (c->base.allow == NULL)
		return true;
	if (sa->sa_family == AF_INET)
		evu_addr_ip(ip, sizeof(ip), AF_INET, &sin->sin_addr);
	else if (sa->sa_family == AF_INET6)
		evu_addr_ip(ip, sizeof(ip), AF_INET6, sin6->sin6_addr.s6_addr);
	if (c->base.allow(c->base.arg, ip))
		return true;
	c->err = ERR_DENIED;
	snprintf(c->why, sizeof(c->why), "connecting to %s is not allowed", ip);
	return false;
}

static void
try_next(struct evu_connect *c)
{
	struct evu_loop *l = evu_loop_of(c->base.loop);
	int fd;

	c->state = TRYING;
	while (c->next != NULL) {
		c->cur = c->next;
		c->next = c->cur->ai_next;
		if (!may_dial(c))
			continue;
		if ((fd = evu_socket(c->cur->ai_family)) == -1) {
			note(c, errno);
			continue;
		}
		if (connect(fd, c->cur->ai_addr, c->cur->ai_addrlen) == -1 &&
		    errno != EINPROGRESS) {
			note(c, errno);
			close(fd);
			continue;
		}
		if ((c->s = evu_stream_new(l, fd, EVU_SOCKET)) == NULL) {
			note(c, ENOBUFS);
			continue;
		}
		ev_stream_set(&c->s->base, &attempt_ops, c);
		ev_stream_want(&c->s->base, false, true);
		ev_timer_set(
		    &l->base, &c->timer, try_ms(c, ev_now_ms(&l->base)), on_timer, c);
		return;
	}
	fail(c);
}

/*
 * A connect to a port of our own ephemeral range where nobody listens can meet itself
 * (simultaneous open of TCP); nobody wants that connection.
 */
static bool
is_self(int fd)
{
	struct sockaddr_storage a = { 0 }, b = { 0 };
	socklen_t an = sizeof(a), bn = sizeof(b);

	return getsockname(fd, (struct sockaddr *)&a, &an) == 0 &&
	    a.ss_family != AF_UNIX && getpeername(fd, (struct sockaddr *)&b, &bn) == 0 &&
	    an == bn && memcmp(&a, &b, an) == 0;
}

static void
on_attempt(void *arg)
{
	struct evu_connect *c = arg;
	socklen_t len = sizeof(int);
	int e = 0;

	if (getsockopt(c->s->fd, SOL_SOCKET, SO_ERROR, &e, &len) == -1)
		e = errno;
	if (e == 0 && is_self(c->s->fd))
		e = ECONNREFUSED;
	if (e == 0) {
		evu_stream_set_peer(c->s, c->cur->ai_addr);
		ev_stream_set(&c->s->base, NULL, NULL);
		ev_stream_want(&c->s->base, false, false);
		deliver(c);
		return;
	}
	note(c, e);
	ev_close(&c->s->base);
	c->s = NULL;
	try_next(c);
}

static void
on_timer(void *arg)
{
	struct evu_connect *c = arg;

	switch (c->state) {
	case FAILED:
		deliver(c);
		return;
	case RESOLVING:
		c->err = ERR_TIMEOUT;
		snprintf(c->why, sizeof(c->why),
		    "looking up %.100s took more than %llu ms", c->host,
		    (unsigned long long)c->timeout_ms);
		deliver(c);
		return;
	case TRYING:
		note(c, ETIMEDOUT);
		ev_close(&c->s->base);
		c->s = NULL;
		if (ev_now_ms(c->base.loop) >= c->deadline_ms)
			deliver(c);
		else
			try_next(c);
		return;
	}
}

/* --- addresses ------------------------------------------------------------ */

static void
on_lookup(void *arg, struct evu_names *n, const char *why)
{
	struct evu_connect *c = arg;

	if (n == NULL) {
		c->err = ERR_RESOLVE;
		snprintf(c->why, sizeof(c->why), "name does not resolve: %.100s%s%s%s",
		    c->host, *why != '\0' ? " (" : "", why, *why != '\0' ? ")" : "");
		deliver(c);
		return;
	}
	c->names = n;
	c->next = n->ai;
	try_next(c);
}

static void
resolve(struct evu_connect *c, const char *service)
{
	c->ask.cb = on_lookup;
	c->ask.arg = c;
	c->state = RESOLVING;
	ev_timer_set(c->base.loop, &c->timer, c->timeout_ms, on_timer, c);
	evu_lookup(evu_loop_of(c->base.loop), &c->ask, c->host, service);
}

static void
connect_path(struct evu_connect *c)
{
	if (evu_addr_unix(&c->path, c->host) != 0) {
		c->err = ERR_LIMIT;
		snprintf(c->why, sizeof(c->why), "path of a socket is too long");
		fail(c);
		return;
	}
	c->path_ai = (struct addrinfo){ .ai_family = AF_UNIX,
		.ai_addr = (struct sockaddr *)&c->path,
		.ai_addrlen = sizeof(c->path) };
	c->next = &c->path_ai;
	try_next(c);
}

struct ev_connect *
evu_connect(struct ev_loop *l, const char *host, uint16_t port, uint64_t timeout_ms,
    ev_allow_cb *allow, ev_connect_cb *cb, void *arg)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct evu_connect *c = xcalloc(1, sizeof(*c));
	char service[8];

	c->base = (struct ev_connect){ l, cb, arg, allow };
	c->host = xstrdup(host);
	c->timeout_ms = timeout_ms;
	c->deadline_ms = ev_now_ms(l) + timeout_ms;
	list_init(&c->link);
	list_add_tail(&evu_loop_of(l)->connects, &c->link);
	snprintf(service, sizeof(service), "%u", port);
	if (host[0] == '/') {
		connect_path(c);
	} else if (getaddrinfo(host, service, &hints, &c->ai) == 0) {
		c->next = c->ai;
		try_next(c);
	} else {
		c->ai = NULL;
		resolve(c, service);
	}
	return &c->base;
}

void
evu_connect_cancel(struct ev_connect *base)
{
	drop(CONTAINER_OF(base, struct evu_connect, base));
}

void
evu_connects_cancel_all(struct evu_loop *l)
{
	while (!list_empty(&l->connects))
		drop(LIST_FIRST(&l->connects, struct evu_connect, link));
}
