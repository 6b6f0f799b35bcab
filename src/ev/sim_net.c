/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated backend: connections.
 *
 * What is written is split into segments; each draws a latency and none overtakes
 * another. A read returns at most one segment, so that readers meet every split.  A
 * direction holds at most options.buffer bytes, on their way and unread together; then
 * the writer waits.
 */
#include "ev/sim_backend.h"

static void on_notify(void *arg);
static void on_arrive(void *arg);
static void on_learn(void *arg);

/* --- queues of segments ------------------------------------------------------- */

static void
queue_add(struct sim_queue *q, struct sim_seg *g)
{
	g->next = NULL;
	if (q->tail != NULL)
		q->tail->next = g;
	else
		q->head = g;
	q->tail = g;
}

static struct sim_seg *
queue_take(struct sim_queue *q)
{
	struct sim_seg *g = q->head;

	q->head = g->next;
	if (q->head == NULL)
		q->tail = NULL;
	return g;
}

static void
queue_drop(struct sim_pipe *p, struct sim_queue *q)
{
	while (q->head != NULL) {
		struct sim_seg *g = queue_take(q);

		p->used -= g->n - g->off;
		free(g);
	}
}

/* --- readiness ---------------------------------------------------------------- */

static bool
can_read(const struct sim_stream *s)
{
	const struct sim_conn *c = s->conn;
	const struct sim_pipe *p = &c->to[s->side];

	return p->arrived.head != NULL || p->eof || c->err[s->side] != 0;
}

static bool
can_write(const struct sim_stream *s)
{
	const struct sim_conn *c = s->conn;

	return c->err[s->side] != 0 || c->reset[s->side] || c->cut || c->halved ||
	    c->to[!s->side].used < c->world->opt.buffer;
}

static bool
is_due(const struct sim_stream *s)
{
	return !s->base.closed && !s->base.loop->dead &&
	    ((s->base.want_read && can_read(s)) || (s->base.want_write && can_write(s)));
}

static void
notify_at(struct sim_stream *s, uint64_t at_us)
{
	if (s != NULL && s->notify.pos == 0 && is_due(s))
		sim_at(s->conn->world, &s->notify, at_us);
}

static void
notify(struct sim_stream *s)
{
	if (s != NULL)
		notify_at(s, s->conn->world->now_us);
}

/* Level triggered: what is still ready afterwards is told again, a microsecond later. */
static void
on_notify(void *arg)
{
	struct sim_stream *s = arg;

	if (can_read(s))
		ev_tell_readable(&s->base);
	if (!s->base.closed && can_write(s))
		ev_tell_writable(&s->base);
	if (!s->base.closed)
		notify_at(s, s->conn->world->now_us + 1);
}

void
sim_want(struct ev_stream *base)
{
	notify(CONTAINER_OF(base, struct sim_stream, base));
}

/* --- delivery ------------------------------------------------------------------ */

uint64_t
sim_latency_us(struct sim_world *w, bool local)
{
	uint32_t min = w->opt.latency_min_ms, max = w->opt.latency_max_ms;

	if (local)
		return 0;
	return (uint64_t)(min + sim_random_below(w, max - min + 1)) * SIM_US;
}

static void
send_seg(struct sim_pipe *p, enum sim_kind kind, const uint8_t *data, uint32_t n)
{
	struct sim_conn *c = p->conn;
	struct sim_seg *g = xmalloc(sizeof(*g) + n);
	uint64_t at = c->world->now_us + sim_latency_us(c->world, c->local);

	*g = (struct sim_seg){ .at_us = MAX(at, p->last_us), .n = n, .kind = kind };
	if (n > 0)
		memcpy(g->data, data, n);
	p->last_us = g->at_us;
	p->used += n;
	queue_add(&p->flying, g);
	if (p->arrive.pos == 0)
		sim_at(c->world, &p->arrive, g->at_us);
}

/* A slow host takes segments of all its connections through one narrow link. */
static bool
must_wait(struct sim_pipe *p, struct sim_host *h, const struct sim_seg *g)
{
	struct sim_world *w = p->conn->world;

	if (p->conn->local || h->bytes_per_s == 0)
		return false;
	if (h->link_free_us > w->now_us) {
		sim_at(w, &p->arrive, h->link_free_us);
		return true;
	}
	h->link_free_us = w->now_us + (uint64_t)g->n * 1000000 / h->bytes_per_s;
	return false;
}

static void
arrive(struct sim_pipe *p, struct sim_seg *g)
{
	struct sim_conn *c = p->conn;

	sim_note(c->world, (uint64_t)g->n << 8 | (uint64_t)g->kind);
	if (g->kind == SEG_DATA && !p->eof) {
		queue_add(&p->arrived, g);
		return;
	}
	p->eof = true;
	if (g->kind == SEG_RESET)
		c->reset[p->side] = true;
	p->used -= g->n;
	free(g);
}

static void
on_arrive(void *arg)
{
	struct sim_pipe *p = arg;
	struct sim_conn *c = p->conn;
	struct sim_world *w = c->world;
	struct sim_stream *s = c->end[p->side];

	if (s == NULL) { /* the reader has gone */
		queue_drop(p, &p->flying);
		return;
	}
	if (must_wait(p, sim_host_of(s->base.loop), p->flying.head))
		return;
	if (!c->local && w->opt.cut_per_million > 0 &&
	    sim_random_below(w, 1000000) < w->opt.cut_per_million) {
		sim_conn_cut(c);
		return;
	}
	arrive(p, queue_take(&p->flying));
	if (p->flying.head != NULL)
		sim_at(w, &p->arrive, p->flying.head->at_us);
	notify(s);
}

/* --- connections ----------------------------------------------------------------- */

static struct sim_stream *
stream_new(struct sim_conn *c, uint8_t side, struct sim_host *h)
{
	struct sim_stream *s = xcalloc(1, sizeof(*s));

	s->base.loop = &h->base;
	s->conn = c;
	s->side = side;
	sim_event_init(&s->notify, 'n', on_notify, s);
	list_init(&s->link);
	list_add_tail(&h->streams, &s->link);
	return s;
}

/* One argument of on_learn() is not enough for connection and side: the pipe has both. */
struct sim_conn *
sim_conn_new(struct sim_host *a, struct sim_host *b)
{
	struct sim_conn *c = xcalloc(1, sizeof(*c));
	struct sim_host *h[2] = { a, b };

	c->world = a->world;
	c->local = a == b;
	for (uint8_t i = 0; i < 2; i++) {
		c->host[i] = h[i]->name->index;
		c->to[i].conn = c;
		c->to[i].side = i;
		sim_event_init(&c->to[i].arrive, 'a', on_arrive, &c->to[i]);
		sim_event_init(&c->learn[i], 'l', on_learn, &c->to[i]);
		c->end[i] = stream_new(c, i, h[i]);
	}
	list_init(&c->link);
	list_add_tail(&c->world->conns, &c->link);
	return c;
}

static void
drop_flying(struct sim_conn *c)
{
	for (int i = 0; i < 2; i++) {
		sim_unschedule(c->world, &c->to[i].arrive);
		queue_drop(&c->to[i], &c->to[i].flying);
	}
}

void
sim_conn_cut(struct sim_conn *c)
{
	if (c->cut)
		return;
	c->cut = true;
	drop_flying(c);
	for (int i = 0; i < 2; i++)
		if (c->end[i] != NULL)
			sim_at(c->world, &c->learn[i],
			    c->world->now_us + sim_latency_us(c->world, c->local));
	for (int i = 0; i < 2; i++) /* a full direction takes bytes again, for nothing */
		notify(c->end[i]);
}

/* One end is gone; what it has sent is late, and so is the news. */
void
sim_conn_halve(struct sim_conn *c, uint8_t side, uint64_t late_us)
{
	struct sim_pipe *out = &c->to[!side], *in = &c->to[side];

	if (c->cut || c->halved)
		return;
	c->halved = true;
	sim_unschedule(c->world, &in->arrive);
	queue_drop(in, &in->flying);
	for (struct sim_seg *g = out->flying.head; g != NULL; g = g->next)
		g->at_us += late_us;
	out->last_us = MAX(out->last_us, c->world->now_us) + late_us;
	send_seg(out, SEG_RESET, NULL, 0);
	sim_at(c->world, &out->arrive, out->flying.head->at_us);
	sim_at(c->world, &c->learn[side], c->world->now_us);
}

static void
on_learn(void *arg)
{
	struct sim_pipe *p = arg;
	struct sim_conn *c = p->conn;

	c->err[p->side] = sim_random_below(c->world, 2) == 0 ? ERR_IO : ERR_CLOSED;
	notify(c->end[p->side]);
}

static void
conn_free(struct sim_conn *c)
{
	drop_flying(c);
	for (int i = 0; i < 2; i++) {
		queue_drop(&c->to[i], &c->to[i].arrived);
		sim_unschedule(c->world, &c->learn[i]);
	}
	list_del(&c->link);
	free(c);
}

/* The ends on a dead host stay until their owners close them, but hear nothing any more.
 */
void
sim_streams_crash(struct sim_host *h)
{
	LIST_EACH(s, &h->streams, struct sim_stream, link)
	{
		sim_unschedule(h->world, &s->notify);
		sim_conn_cut(s->conn);
	}
}

/* --- the streams of ev.h ---------------------------------------------------------- */

int
sim_read(struct ev_stream *base, void *p, size_t n, size_t *got)
{
	struct sim_stream *s = CONTAINER_OF(base, struct sim_stream, base);
	struct sim_conn *c = s->conn;
	struct sim_pipe *in = &c->to[s->side];
	struct sim_seg *g = in->arrived.head;

	if (base->loop->dead)
		return ERR_CLOSED;
	if (g == NULL)
		return c->err[s->side] != 0 ? c->err[s->side]
		    : in->eof               ? ERR_CLOSED
					    : ERR_AGAIN;
	*got = MIN(n, g->n - g->off);
	memcpy(p, g->data + g->off, *got);
	g->off += (uint32_t)*got;
	in->used -= (uint32_t)*got;
	if (g->off == g->n)
		free(queue_take(&in->arrived));
	notify(c->end[!s->side]); /* there may be room again */
	return 0;
}

int
sim_write(struct ev_stream *base, const void *p, size_t n, size_t *put)
{
	struct sim_stream *s = CONTAINER_OF(base, struct sim_stream, base);
	struct sim_conn *c = s->conn;
	struct sim_pipe *out = &c->to[!s->side];
	const uint8_t *data = p;
	uint32_t room, max = c->world->opt.segment_max;

	if (base->loop->dead || c->err[s->side] != 0 || c->reset[s->side] ||
	    out->fin_sent)
		return ERR_CLOSED;
	if (c->cut || c->halved ||
	    c->end[!s->side] == NULL) { /* it does not know it yet */
		*put = n;
		return 0;
	}
	room = c->world->opt.buffer - out->used;
	if (room == 0)
		return ERR_AGAIN;
	n = MIN(n, room);
	for (size_t off = 0; off < n;) {
		uint32_t piece = 1 + sim_random_below(c->world, max);

		piece = (uint32_t)MIN(piece, n - off);
		send_seg(out, SEG_DATA, data + off, piece);
		off += piece;
	}
	*put = n;
	return 0;
}

void
sim_shutdown_write(struct ev_stream *base)
{
	struct sim_stream *s = CONTAINER_OF(base, struct sim_stream, base);
	struct sim_conn *c = s->conn;
	struct sim_pipe *out = &c->to[!s->side];

	if (base->loop->dead || s->no_half_close || out->fin_sent)
		return;
	out->fin_sent = true;
	if (!c->cut && !c->halved && c->end[!s->side] != NULL)
		send_seg(out, SEG_FIN, NULL, 0);
}

void
sim_close(struct ev_stream *base)
{
	struct sim_stream *s = CONTAINER_OF(base, struct sim_stream, base);
	struct sim_conn *c = s->conn;

	if (s->child != NULL)
		sim_child_stream_gone(s->child);
	sim_unschedule(c->world, &s->notify);
	sim_unschedule(c->world, &c->learn[s->side]);
	list_del(&s->link);
	c->end[s->side] = NULL;
	if (c->end[!s->side] == NULL)
		conn_free(c);
	else if (!c->cut && !c->halved)
		send_seg(&c->to[!s->side], SEG_RESET, NULL, 0);
	sim_free_later(sim_host_of(base->loop)->world, s);
}

void
sim_peer(const struct ev_stream *base, char *ip, size_t size, uint16_t *port)
{
	const struct sim_stream *s = CONTAINER_OF(base, struct sim_stream, base);

	if (str_copy(ip, size, s->ip) != 0)
		ip[0] = '\0';
	*port = s->port;
}

/* What lies in the peer's buffer has arrived, read or not. */
size_t
sim_unacked(const struct ev_stream *base)
{
	const struct sim_stream *s = CONTAINER_OF(base, struct sim_stream, base);
	size_t n = 0;

	for (const struct sim_seg *g = s->conn->to[!s->side].flying.head; g != NULL;
	     g = g->next)
		n += g->n;
	return n;
}
