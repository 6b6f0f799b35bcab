/* SPDX-License-Identifier: Apache-2.0 */
/* See tunnel.h. */
#include "net/tunnel.h"

#include "base/list.h"
#include "base/map.h"

enum {
	PULL_MAX = 64 * 1024, /* one payload */
	READ_ROUNDS = 8,      /* of one socket before the others have their turn */
};

/* One socket and its stream.  Owned by tunnel.conns. */
struct conn {
	struct tunnel *t;
	struct list all;
	struct ev_stream *s;
	uint32_t id;
	void *asker;  /* waits for ops->answered(); or NULL */
	bool eof;     /* nothing more comes from the socket */
	bool deaf;    /* nor takes it anything; it may have said why, and is read on */
	bool full;    /* smux has no room: not read until on_writable */
	bool waiting; /* it takes nothing now: smux keeps it until it is writable */
};

struct tunnel {
	struct ev_loop *loop;
	const struct tunnel_ops *ops;
	void *arg;
	struct smux *mux;
	struct map by_id; /* stream id -> struct conn, borrowed */
	struct list conns;
	struct ev_timer tick;
	bool blocked; /* tunnel_input() said ERR_AGAIN */
	bool dead;
};

/* --- lookup ------------------------------------------------------------------- */

static struct conn *
conn_find(const struct tunnel *t, uint32_t id)
{
	return map_get(&t->by_id, span_of(&id, sizeof(id)));
}

static void
conn_answer(struct conn *c, int why)
{
	void *asker = STEAL(c->asker);

	if (asker != NULL)
		c->t->ops->answered(c->t->arg, asker, c->s, why);
}

static void
conn_close(struct conn *c)
{
	struct tunnel *t = c->t;

	conn_answer(c, ERR_CLOSED);
	map_del(&t->by_id, span_of(&c->id, sizeof(c->id)));
	list_del(&c->all);
	ev_close(c->s);
	free(c);
}

static void
conn_want(struct conn *c)
{
	ev_stream_want(c->s, !c->eof && !c->full && c->asker == NULL, c->waiting);
}

/* --- towards the channel ---------------------------------------------------------- */

/* After every call into smux: what it has to say, as far as the channel has room. */
static void
pump(struct tunnel *t)
{
	uint8_t buf[PULL_MAX];
	size_t room, n;
	bool corked = t->ops->cork != NULL && t->ops->cork(t->arg);

	while (!t->dead && smux_pending(t->mux) && (room = t->ops->room(t->arg)) > 0) {
		if ((n = smux_pull(t->mux, buf, MIN(room, sizeof(buf)))) == 0)
			break;
		t->ops->send(t->arg, span_of(buf, n));
	}
	if (corked)
		t->ops->uncork(t->arg);
	if (t->blocked && !t->dead && !smux_recv_blocked(t->mux)) {
		t->blocked = false;
		t->ops->input_ready(t->arg);
	}
}

void
tunnel_go(struct tunnel *t)
{
	pump(t);
}

/* The socket is gone both ways; what was read from it still goes to the peer. */
static void
conn_reset(struct conn *c)
{
	smux_reset(c->t->mux, c->id, ERR_CLOSED);
	conn_close(c);
}

static void
on_readable(void *arg)
{
	struct conn *c = arg;
	struct tunnel *t = c->t;
	int r = 0;

	for (int i = 0; i < READ_ROUNDS && r == 0; i++) {
		size_t n, got = 0;
		uint8_t *p = smux_reserve(t->mux, c->id, &n);

		if (p == NULL) {
			c->full = true;
			break;
		}
		r = ev_read(c->s, p, n, &got);
		smux_commit(t->mux, c->id, r == 0 ? got : 0);
	}
	if (r == ERR_CLOSED && !c->deaf) {
		c->eof = true;
		smux_shutdown_write(t->mux, c->id);
	} else if (r != 0 && r != ERR_AGAIN) {
		conn_reset(c);
		pump(t);
		return;
	}
	conn_want(c);
	pump(t);
}

static void
mux_writable(void *arg, uint32_t id)
{
	struct conn *c = conn_find(arg, id);

	if (c == NULL)
		return;
	c->full = false;
	conn_want(c);
}

/* --- towards the socket --------------------------------------------------------------- */

/*
 * A server that refuses an upload answers and closes before it has read all: the answer
 * is still there to be read.  Nobody wants what is written.
 */
static int
lost(struct conn *c, struct span data)
{
	if (c->eof) {
		conn_reset(c);
		return ERR_CLOSED;
	}
	c->deaf = true;
	c->waiting = false;
	conn_want(c);
	return (int)data.n;
}

static int
mux_data(void *arg, uint32_t id, struct span data)
{
	struct conn *c = conn_find(arg, id);
	size_t put, done = 0;
	int r = 0;

	if (c == NULL)
		return ERR_AGAIN; /* still dialling */
	conn_answer(c, 0);
	if (c->deaf)
		return (int)data.n;
	while (done < data.n &&
	    (r = ev_write(c->s, data.p + done, data.n - done, &put)) == 0)
		done += put;
	if (r != 0 && r != ERR_AGAIN)
		return lost(c, data);
	c->waiting = done < data.n;
	conn_want(c);
	return (int)done;
}

static void
on_writable(void *arg)
{
	struct conn *c = arg;
	struct tunnel *t = c->t;

	c->waiting = false;
	conn_want(c);
	smux_resume(t->mux, c->id); /* may close c */
	pump(t);
}

static void
mux_attached(void *arg, uint32_t id)
{
	struct conn *c = conn_find(arg, id);

	if (c == NULL)
		return;
	conn_answer(c, 0);
	conn_want(c);
}

static void
mux_half_close(void *arg, uint32_t id)
{
	struct conn *c = conn_find(arg, id);

	if (c == NULL)
		return; /* tunnel_attach() will ask */
	mux_attached(arg, id);
	ev_shutdown_write(c->s);
}

static void
mux_close(void *arg, uint32_t id, int why)
{
	struct tunnel *t = arg;
	struct conn *c = conn_find(t, id);

	if (c != NULL) {
		conn_answer(c, why != 0 ? why : ERR_CLOSED);
		conn_close(c);
	}
	if (t->ops->on_end != NULL)
		t->ops->on_end(t->arg, id, why);
}

static int
mux_open(void *arg, uint32_t id)
{
	struct tunnel *t = arg;

	t->ops->on_open(t->arg, id);
	return 0;
}

/* --- life cycle -------------------------------------------------------------------------- */

static void arm(struct tunnel *t);

static void
on_tick(void *arg)
{
	struct tunnel *t = arg;

	if (smux_tick(t->mux, ev_now_ms(t->loop)) != 0) {
		t->dead = true;
		smux_end(t->mux, ERR_TIMEOUT);
		if (t->ops->on_silent != NULL)
			t->ops->on_silent(t->arg);
		return;
	}
	pump(t);
	arm(t);
}

static void
arm(struct tunnel *t)
{
	uint64_t next = smux_next_ms(t->mux), now = ev_now_ms(t->loop);

	if (next != SMUX_NO_TIMER)
		ev_timer_set(t->loop, &t->tick, next > now ? next - now : 0, on_tick, t);
}

static const struct smux_ops mux_server_ops = {
	.on_open = mux_open,
	.on_data = mux_data,
	.on_half_close = mux_half_close,
	.on_close = mux_close,
	.on_writable = mux_writable,
};

static const struct smux_ops mux_client_ops = {
	.on_data = mux_data,
	.on_attached = mux_attached,
	.on_half_close = mux_half_close,
	.on_close = mux_close,
	.on_writable = mux_writable,
};

struct tunnel *
tunnel_new(struct ev_loop *l, const struct tunnel_config *cfg,
    const struct tunnel_ops *ops, void *arg)
{
	struct tunnel *t = xcalloc(1, sizeof(*t));
	uint64_t key[2];

	t->loop = l;
	t->ops = ops;
	t->arg = arg;
	list_init(&t->conns);
	ev_random(l, key, sizeof(key));
	map_init(&t->by_id, key[0], key[1]);
	t->mux = smux_new(
	    &(struct smux_config){
		.is_client = cfg->is_client,
		.own = cfg->own,
		.max_frame = cfg->own ? SMUX_FRAME_MAX : SMUX_FRAME,
		.max_streams = cfg->streams_max,
		.window = cfg->own ? SMUX_WINDOW_MAX : 0,
		.keepalive_ms = cfg->keepalive ? SMUX_KEEPALIVE_MS : 0,
		.now_ms = ev_now_ms(l),
	    },
	    cfg->is_client ? &mux_client_ops : &mux_server_ops, t);
	arm(t);
	return t;
}

void
tunnel_free(struct tunnel *t)
{
	if (t == NULL)
		return;
	ev_timer_clear(&t->tick);
	smux_free(t->mux);
	LIST_EACH(c, &t->conns, struct conn, all)
	conn_close(c);
	map_fini(&t->by_id);
	free(t);
}

size_t
tunnel_connections(const struct tunnel *t)
{
	return map_len(&t->by_id);
}

int
tunnel_input(struct tunnel *t, struct span payload)
{
	int r;

	if (t->dead)
		return ERR_CLOSED;
	if (smux_recv_blocked(t->mux)) {
		t->blocked = true;
		return ERR_AGAIN;
	}
	if ((r = smux_push(t->mux, payload)) == ERR_AGAIN) {
		t->blocked = true;
		return r;
	}
	if (r != 0) {
		t->dead = true;
		smux_end(t->mux, r);
		return r;
	}
	pump(t);
	return 0;
}

static void
conn_new(struct tunnel *t, uint32_t id, struct ev_stream *s, void *asker)
{
	static const struct ev_stream_ops ops = { .readable = on_readable,
		.writable = on_writable };
	struct conn *c = xcalloc(1, sizeof(*c));

	c->t = t;
	c->s = s;
	c->id = id;
	c->asker = asker;
	list_init(&c->all);
	list_add_tail(&t->conns, &c->all);
	map_put(&t->by_id, span_of(&id, sizeof(id)), c);
	ev_stream_set(s, &ops, c);
	conn_want(c);
}

int
tunnel_ask(struct tunnel *t, struct ev_stream *s, void *asker)
{
	uint32_t id;
	int r = t->dead ? ERR_CLOSED : smux_open(t->mux, &id);

	if (r != 0) {
		if (asker != NULL)
			t->ops->answered(t->arg, asker, s, r);
		ev_close(s);
		return r;
	}
	conn_new(t, id, s, asker);
	pump(t);
	return 0;
}

int
tunnel_add(struct tunnel *t, struct ev_stream *s)
{
	return tunnel_ask(t, s, NULL);
}

void
tunnel_attach(struct tunnel *t, uint32_t id, struct ev_stream *s)
{
	/* The stream may have gone while we dialled; a stock peer may have said all it has. */
	if (t->dead || smux_write(t->mux, id, SPAN_NONE) == ERR_NOTFOUND) {
		ev_close(s);
		return;
	}
	conn_new(t, id, s, NULL);
	smux_attached(t->mux, id);
	if (smux_is_half_closed(t->mux, id)) /* while we dialled */
		ev_shutdown_write(s);
	smux_resume(t->mux, id);
	pump(t);
}

void
tunnel_refuse(struct tunnel *t, uint32_t id, int why)
{
	if (t->dead)
		return;
	smux_abort(t->mux, id, why);
	pump(t);
}
