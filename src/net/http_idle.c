/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that the HTTP client keeps for the next call to the same origin: a few, not
 * for long, and gone as soon as the server says or ends anything.
 */
#include "net/http_client_priv.h"

enum { IDLE_MAX = 8, IDLE_MS = 20 * 1000 };

/* A kept connection. */
struct idle {
	struct list link;
	struct http_client *client;
	struct stream *st;
	struct ev_timer timer;
	bool tls;
	uint16_t port;
	char host[];
};

static void
idle_drop(struct idle *i)
{
	ev_timer_clear(&i->timer);
	list_del(&i->link);
	i->client->nidles--;
	if (i->st != NULL)
		stream_close(i->st);
	free(i);
}

static void
idle_timer(void *arg)
{
	idle_drop(arg);
}

static void
idle_data(void *arg, struct span in)
{
	(void)in;
	idle_drop(arg);
}

static void
idle_close(void *arg, int err, const char *why)
{
	(void)err;
	(void)why;
	idle_drop(arg);
}

void
http_idle_keep(struct http_client *c, struct stream *st, const struct http_addr *a)
{
	static const struct stream_handler h = { .on_data = idle_data,
		.on_close = idle_close };
	size_t n = strlen(a->host) + 1;
	struct idle *i = xcalloc(1, sizeof(*i) + n);

	i->client = c;
	i->st = st;
	i->tls = a->tls;
	i->port = a->port;
	memcpy(i->host, a->host, n);
	list_init(&i->link);
	list_add_tail(&c->idles, &i->link);
	c->nidles++;
	stream_set_handler(st, &h, i);
	ev_timer_set(c->loop, &i->timer, IDLE_MS, idle_timer, i);
	if (c->nidles > IDLE_MAX)
		idle_drop(LIST_FIRST(&c->idles, struct idle, link));
}

struct stream *
http_idle_take(struct http_client *c, const struct http_addr *a)
{
	LIST_EACH(i, &c->idles, struct idle, link)
	{
		struct stream *st = i->st;

		if (i->tls != a->tls || i->port != a->port ||
		    strcmp(i->host, a->host) != 0)
			continue;
		i->st = NULL;
		idle_drop(i);
		return st;
	}
	return NULL;
}

void
http_client_drop_idle(struct http_client *c)
{
	while (!list_empty(&c->idles))
		idle_drop(LIST_FIRST(&c->idles, struct idle, link));
}
