/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection at a time, raw in Output payloads, as agents from before the multiplexing
 * want it; see port.h.
 *
 *	IDLE --connection--> OPEN --it ends, Flag 1--> LEAVING --all acknowledged--> IDLE
 *
 * What the agent says while nobody is connected stays unacknowledged, so it is not lost
 * (a server that speaks first).  What it says while LEAVING belongs to the connection
 * that has gone and must not reach the next one.
 */
#include "client/port/port_ways.h"

#include "base/buf.h"

enum { READ_MAX = 32 * 1024, LEAVING_POLL_MS = 20, READ_ROUNDS = 8 };

struct turn {
	struct list link;
	struct ev_stream *s;
};

struct port_basic {
	struct ev_loop *loop;
	struct port_wire wire;
	struct ev_stream *s; /* OPEN */
	struct buf rest;     /* of a payload that the socket did not take at once */
	struct list turns;   /* struct turn; owned */
	size_t nturns;
	bool leaving, flag_due;
	bool held; /* the channel keeps a payload for us */
	bool full; /* the channel has no room */
	struct ev_timer poll, ready;
};

static void next_turn(struct port_basic *b);

static void
want(struct port_basic *b)
{
	ev_stream_want(b->s, !b->full, b->rest.len > 0);
}

static void
on_ready(void *arg)
{
	struct port_basic *b = arg;

	b->held = false;
	b->wire.ops->pump(b->wire.arg);
}

static void
offer_again(struct port_basic *b)
{
	if (b->held)
		ev_timer_set(b->loop, &b->ready, 0, on_ready, b);
}

/* --- the end of a connection --------------------------------------------------------------- */

static void
on_poll(void *arg)
{
	struct port_basic *b = arg;
	uint8_t flag[4];

	if (b->flag_due) {
		flag_encode(flag, FLAG_DISCONNECT_TO_PORT);
		b->flag_due = b->wire.ops->send(b->wire.arg, PAYLOAD_FLAG,
				  span_of(flag, sizeof(flag))) == ERR_AGAIN;
	}
	if (b->flag_due || !b->wire.ops->drained(b->wire.arg)) {
		ev_timer_set(b->loop, &b->poll, LEAVING_POLL_MS, on_poll, b);
		return;
	}
	b->leaving = false;
	next_turn(b);
}

static void
hang_up(struct port_basic *b)
{
	ev_close(STEAL(b->s));
	buf_reset(&b->rest);
	b->leaving = b->flag_due = true;
	b->full = false;
	offer_again(b); /* to be dropped */
	on_poll(b);
}

/* --- both directions ------------------------------------------------------------------------ */

static void
on_readable(void *arg)
{
	struct port_basic *b = arg;
	uint8_t buf[READ_MAX];
	int r = 0;

	for (int i = 0; i < READ_ROUNDS && r == 0; i++) {
		size_t room = b->wire.ops->room(b->wire.arg), got;

		b->full = room == 0;
		if (b->full)
			break;
		r = ev_read(b->s, buf, MIN(room, sizeof(buf)), &got);
		if (r == 0)
			r = b->wire.ops->send(b->wire.arg, PAYLOAD_OUTPUT, span_of(buf, got));
	}
	if (r != 0 && r != ERR_AGAIN)
		hang_up(b);
	else
		want(b);
}

/* Writes what it can of data; the rest is kept. */
static int
put(struct port_basic *b, struct span data)
{
	size_t n;
	int r = 0;

	while (data.n > 0 && (r = ev_write(b->s, data.p, data.n, &n)) == 0)
		data = span_sub(data, n, data.n);
	if (r != 0 && r != ERR_AGAIN)
		return r;
	buf_add(&b->rest, data);
	return 0;
}

static void
on_writable(void *arg)
{
	struct port_basic *b = arg;
	size_t n;
	int r = 0;

	while (b->rest.len > 0 && (r = ev_write(b->s, b->rest.p, b->rest.len, &n)) == 0)
		buf_consume(&b->rest, n);
	if (r != 0 && r != ERR_AGAIN) {
		hang_up(b);
		return;
	}
	want(b);
	if (b->rest.len == 0)
		offer_again(b);
}

int
port_basic_data(struct port_basic *b, uint32_t payload_type, struct span data)
{
	if (payload_type != PAYLOAD_OUTPUT || b->leaving)
		return 0;
	if (b->s == NULL || b->rest.len > 0) {
		b->held = true;
		return ERR_AGAIN;
	}
	if (put(b, data) != 0)
		hang_up(b);
	else
		want(b);
	return 0;
}

void
port_basic_go(struct port_basic *b)
{
	if (b->s == NULL || !b->full)
		return;
	b->full = false;
	want(b);
}

/* --- connections ------------------------------------------------------------------------------ */

static void
open_conn(struct port_basic *b, struct ev_stream *s)
{
	static const struct ev_stream_ops ops = { on_readable, on_writable };

	b->s = s;
	b->full = false;
	ev_stream_set(s, &ops, b);
	want(b);
	offer_again(b);
}

static void
next_turn(struct port_basic *b)
{
	struct turn *t = LIST_FIRST(&b->turns, struct turn, link);
	struct ev_stream *s;

	if (t == NULL || b->s != NULL || b->leaving)
		return;
	s = t->s;
	list_del(&t->link);
	b->nturns--;
	free(t);
	open_conn(b, s);
}

int
port_basic_take(struct port_basic *b, struct ev_stream *s)
{
	struct turn *t;

	if (b->nturns >= PORT_WAITING_MAX) {
		ev_close(s);
		return ERR_LIMIT;
	}
	t = xcalloc(1, sizeof(*t));
	t->s = s;
	list_init(&t->link);
	list_add_tail(&b->turns, &t->link);
	b->nturns++;
	next_turn(b);
	return 0;
}

size_t
port_basic_connections(const struct port_basic *b)
{
	return b->nturns + (b->s != NULL);
}

struct port_basic *
port_basic_new(struct ev_loop *l, struct port_wire wire)
{
	struct port_basic *b = xcalloc(1, sizeof(*b));

	b->loop = l;
	b->wire = wire;
	list_init(&b->turns);
	buf_init(&b->rest, AGENTMSG_PAYLOAD_MAX);
	return b;
}

void
port_basic_free(struct port_basic *b)
{
	if (b == NULL)
		return;
	ev_timer_clear(&b->poll);
	ev_timer_clear(&b->ready);
	LIST_EACH(t, &b->turns, struct turn, link)
	{
		list_del(&t->link);
		ev_close(t->s);
		free(t);
	}
	if (b->s != NULL)
		ev_close(b->s);
	buf_fini(&b->rest);
	free(b);
}
