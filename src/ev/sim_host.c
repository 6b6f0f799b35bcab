/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated backend: hosts as loops.
 */
#include "ev/sim_backend.h"

static uint64_t
now_ms(struct ev_loop *l)
{
	return sim_host_of(l)->world->now_us / SIM_US;
}

static uint64_t
now_us(struct ev_loop *l)
{
	return sim_host_of(l)->world->now_us;
}

static int64_t
wall_ms(struct ev_loop *l)
{
	struct sim_world *w = sim_host_of(l)->world;

	return w->opt.wall_start_ms + (int64_t)(w->now_us / SIM_US);
}

static void
draw(struct ev_loop *l, void *p, size_t n)
{
	struct sim_host *h = sim_host_of(l);
	uint8_t *out = p;

	while (n > 0) {
		uint64_t v = sim_mix(&h->rng);
		size_t k = MIN(n, sizeof(v));

		memcpy(out, &v, k);
		out += k;
		n -= k;
	}
}

/* Simulated loops share one thread. */
static void
work(struct ev_loop *l, ev_cb *run, ev_cb *done, void *arg)
{
	if (l->dead)
		return;
	run(arg);
	ev_defer(l, done, arg);
}

static void
on_signal(struct ev_loop *l, int signum, ev_cb *cb, void *arg)
{
	(void)l, (void)signum, (void)cb, (void)arg;
}

static void
on_timers(void *arg)
{
	struct sim_host *h = arg;

	ev_timers_run(&h->base, now_ms(&h->base));
}

static void
timers_changed(struct ev_loop *l)
{
	struct sim_host *h = sim_host_of(l);

	if (l->dead || l->ntimers == 0 || l->heap[0]->due_ms > UINT64_MAX / 2 / SIM_US)
		sim_unschedule(h->world, &h->timer_ev);
	else
		sim_at(h->world, &h->timer_ev, l->heap[0]->due_ms * SIM_US);
}

static void
on_defer(void *arg)
{
	struct sim_host *h = arg;

	ev_defer_run(&h->base);
}

static void
defer_added(struct ev_loop *l)
{
	struct sim_host *h = sim_host_of(l);

	if (!l->dead)
		sim_at(h->world, &h->defer_ev, h->world->now_us);
}

/* Runs the whole world, as the other hosts must go on for this one to get anywhere. */
static void
run(struct ev_loop *l)
{
	struct sim_host *h = sim_host_of(l);

	h->stopped = false;
	while (!h->stopped && !l->dead)
		if (!sim_step(h->world, UINT64_MAX))
			break;
}

static void
stop(struct ev_loop *l)
{
	sim_host_of(l)->stopped = true;
}

void
sim_slow(struct ev_loop *l, uint32_t bytes_per_s)
{
	struct sim_host *h = sim_host_of(l);

	h->bytes_per_s = bytes_per_s;
	h->link_free_us = h->world->now_us;
}

void
sim_crash(struct ev_loop *l)
{
	struct sim_host *h = sim_host_of(l);

	if (l->dead)
		return;
	l->dead = true;
	ev_loop_clear(l);
	sim_unschedule(h->world, &h->timer_ev);
	sim_unschedule(h->world, &h->defer_ev);
	sim_dials_crash(h);
	sim_children_crash(h);
	sim_streams_crash(h);
	h->name->live = NULL;
}

/* Without a crash before it, this is an orderly end: what was written still arrives. */
static void
loop_free(struct ev_loop *l)
{
	struct sim_host *h = sim_host_of(l);

	if (h->name->live == h)
		h->name->live = NULL;
	l->dead = true;
	ev_loop_fini(l);
	sim_unschedule(h->world, &h->timer_ev);
	sim_unschedule(h->world, &h->defer_ev);
	sim_dials_free(h);
	sim_children_free(h);
	while (!list_empty(&h->streams))
		ev_close(&LIST_FIRST(&h->streams, struct sim_stream, link)->base);
	sim_free_later(h->world, h);
}

static const struct ev_backend sim_ops = {
	.loop_free = loop_free,
	.run = run,
	.stop = stop,
	.now_ms = now_ms,
	.now_us = now_us,
	.wall_ms = wall_ms,
	.random = draw,
	.post = ev_defer,
	.work = work,
	.on_signal = on_signal,
	.timers_changed = timers_changed,
	.defer_added = defer_added,
	.want = sim_want,
	.read = sim_read,
	.write = sim_write,
	.shutdown_write = sim_shutdown_write,
	.close = sim_close,
	.peer = sim_peer,
	.unacked = sim_unacked,
	.pty_resize = sim_pty_resize,
	.connect = sim_connect,
	.connect_cancel = sim_connect_cancel,
	.listen = sim_listen,
	.listener_port = sim_listener_port,
	.listener_pause = sim_listener_pause,
	.listener_close = sim_listener_close,
	.child_start = sim_child_start,
	.child_take = sim_child_take,
	.child_pid = sim_child_pid,
	.child_signal = sim_child_signal,
	.child_close = sim_child_close,
};

/* Each life of a host draws from a generator of its own: others do not disturb it. */
struct ev_loop *
sim_host(struct sim_world *w, const char *name)
{
	struct sim_name *n = sim_name_find(w, name);
	struct sim_host *h = xcalloc(1, sizeof(*h));
	struct list *lists[] = { &h->streams, &h->listeners, &h->connects, &h->children };

	if (n == NULL)
		n = sim_name_add(w, name);
	assert(n->live == NULL); /* one process for each host */
	n->live = h;
	n->lives++;
	ev_loop_init(&h->base, &sim_ops);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		list_init(lists[i]);
	h->world = w;
	h->name = n;
	h->rng = w->opt.seed ^ (uint64_t)n->index << 32 ^ n->lives;
	(void)sim_mix(&h->rng);
	h->last_port = (uint16_t)(32768 + sim_random_below(w, 16384));
	h->last_pid = 1000;
	sim_event_init(&h->timer_ev, 't', on_timers, h);
	sim_event_init(&h->defer_ev, 'd', on_defer, h);
	return &h->base;
}
