/* SPDX-License-Identifier: Apache-2.0 */
/* See socks_door.h. */
#include "client/forward/socks_door.h"

#include "base/log.h"

/* Owned by socks_door.askers. */
struct asker {
	struct list link;
	struct socks_door *door;
	struct ev_stream *s;
	struct socks *socks;
	struct ev_timer late;
};

static void
asker_free(struct asker *a)
{
	list_del(&a->link);
	a->door->n--;
	ev_timer_clear(&a->late);
	if (a->s != NULL)
		ev_close(a->s);
	free(a->socks);
	free(a);
}

static void
on_late(void *arg)
{
	asker_free(arg);
}

/* Ten bytes at most, into an empty socket buffer. */
static void
answer(struct ev_stream *s, struct span text)
{
	size_t put;

	if (text.n > 0 && ev_write(s, text.p, text.n, &put) != 0)
		log_debug("SOCKS client has gone", "peer=%s", ev_peer_name(s));
}

static enum socks_reply
reply_of(int why)
{
	switch (why) {
	case 0:
		return SOCKS_OK;
	case ERR_DENIED:
		return SOCKS_FORBIDDEN;
	case ERR_RESOLVE:
	case ERR_TIMEOUT:
		return SOCKS_UNREACHABLE;
	case ERR_REFUSED:
		return SOCKS_REFUSED;
	default:
		return SOCKS_FAILURE;
	}
}

void
socks_door_answer(struct socks *socks, struct ev_stream *s, int why)
{
	if (socks == NULL)
		return;
	answer(s, socks_answer(socks, reply_of(why)));
	free(socks);
}

static void
on_readable(void *arg)
{
	struct asker *a = arg;
	enum socks_event e = SOCKS_MORE;
	size_t n, got;
	uint8_t *p;
	int r = 0;

	while (e == SOCKS_MORE || e == SOCKS_ANSWER) {
		p = socks_space(a->socks, &n);
		if ((r = ev_read(a->s, p, n, &got)) != 0)
			break;
		e = socks_took(a->socks, got);
		if (e == SOCKS_ANSWER || e == SOCKS_BROKEN)
			answer(a->s, a->socks->answer);
	}
	if (e == SOCKS_REQUEST) {
		struct socks *socks = STEAL(a->socks);

		ev_stream_want(a->s, false, false);
		a->door->on_request(a->door->arg, STEAL(a->s), socks);
	}
	if (e == SOCKS_REQUEST || e == SOCKS_BROKEN || (r != 0 && r != ERR_AGAIN))
		asker_free(a);
}

void
socks_door_accept(void *arg, struct ev_stream *s)
{
	static const struct ev_stream_ops ops = { .readable = on_readable };
	struct socks_door *d = arg;
	struct asker *a;

	if (d->closed || d->n >= SOCKS_DOOR_MAX) {
		ev_close(s);
		return;
	}
	a = xcalloc(1, sizeof(*a));
	a->door = d;
	a->s = s;
	a->socks = xcalloc(1, sizeof(*a->socks));
	socks_init(a->socks);
	list_init(&a->link);
	list_add_tail(&d->askers, &a->link);
	d->n++;
	ev_timer_set(d->loop, &a->late, SOCKS_DOOR_MS, on_late, a);
	ev_stream_set(s, &ops, a);
	ev_stream_want(s, true, false);
}

void
socks_door_init(struct socks_door *d, struct ev_loop *l, socks_door_cb *on_request, void *arg)
{
	*d = (struct socks_door){ .loop = l, .on_request = on_request, .arg = arg };
	list_init(&d->askers);
}

void
socks_door_close(struct socks_door *d)
{
	d->closed = true;
	LIST_EACH(a, &d->askers, struct asker, link)
	asker_free(a);
}
