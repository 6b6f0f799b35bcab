/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated backend: the world, its clock and queue of events.
 */
#include "ev/sim_backend.h"

enum { STUCK = 5000000 }; /* so many events without the clock moving: a livelock */

/* --- randomness ------------------------------------------------------------- */

uint64_t
sim_mix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint32_t
sim_random_below(struct sim_world *w, uint32_t n)
{
	assert(n > 0);
	return (uint32_t)((sim_mix(&w->rng) >> 32) * n >> 32);
}

void
sim_note(struct sim_world *w, uint64_t v)
{
	w->digest ^= v;
	w->digest = sim_mix(&w->digest);
}

uint64_t
sim_digest(const struct sim_world *w)
{
	return w->digest;
}

/* --- the queue: an intrusive binary heap ------------------------------------ */

static bool
before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->seq < b->seq;
}

static void
place(struct sim_world *w, uint32_t i, struct sim_event *e)
{
	w->queue[i] = e;
	e->pos = i + 1;
}

static void
sift_up(struct sim_world *w, uint32_t i, struct sim_event *e)
{
	for (; i > 0 && before(e, w->queue[(i - 1) / 2]); i = (i - 1) / 2)
		place(w, i, w->queue[(i - 1) / 2]);
	place(w, i, e);
}

static void
sift_down(struct sim_world *w, uint32_t i, struct sim_event *e)
{
	uint32_t kid;

	for (; (kid = 2 * i + 1) < w->nqueue; i = kid) {
		if (kid + 1 < w->nqueue && before(w->queue[kid + 1], w->queue[kid]))
			kid++;
		if (!before(w->queue[kid], e))
			break;
		place(w, i, w->queue[kid]);
	}
	place(w, i, e);
}

void
sim_event_init(struct sim_event *e, char tag, sim_fn *fn, void *arg)
{
	*e = (struct sim_event){ .tag = tag, .fn = fn, .arg = arg };
}

void
sim_unschedule(struct sim_world *w, struct sim_event *e)
{
	struct sim_event *last;
	uint32_t i = e->pos - 1;

	if (e->pos == 0)
		return;
	e->pos = 0;
	last = w->queue[--w->nqueue];
	if (last == e)
		return;
	if (i > 0 && before(last, w->queue[(i - 1) / 2]))
		sift_up(w, i, last);
	else
		sift_down(w, i, last);
}

void
sim_at(struct sim_world *w, struct sim_event *e, uint64_t at_us)
{
	sim_unschedule(w, e);
	e->at_us = MAX(at_us, w->now_us);
	e->seq = w->seq++;
	if (w->nqueue == w->queue_cap) {
		w->queue_cap = w->queue_cap == 0 ? 256 : w->queue_cap * 2;
		w->queue = xrealloc(w->queue, w->queue_cap * sizeof(struct sim_event *));
	}
	sift_up(w, w->nqueue++, e);
}

void
sim_free_later(struct sim_world *w, void *p)
{
	if (w->ngraves == w->graves_cap) {
		w->graves_cap = w->graves_cap == 0 ? 64 : w->graves_cap * 2;
		w->graves = xrealloc(w->graves, w->graves_cap * sizeof(void *));
	}
	w->graves[w->ngraves++] = p;
}

static void
bury(struct sim_world *w)
{
	for (uint32_t i = 0; i < w->ngraves; i++)
		free(w->graves[i]);
	w->ngraves = 0;
}

/* Runs the next event if it is not later than end_us. */
bool
sim_step(struct sim_world *w, uint64_t end_us)
{
	struct sim_event *e = w->nqueue > 0 ? w->queue[0] : NULL;

	assert(!w->stepping); /* a callback must not run the world */
	bury(w);
	if (e == NULL || e->at_us > end_us)
		return false;
	w->same_time = e->at_us == w->now_us ? w->same_time + 1 : 0;
	assert(w->same_time < STUCK);
	w->now_us = e->at_us;
	sim_unschedule(w, e);
	sim_note(w, e->at_us ^ (uint64_t)(uint8_t)e->tag << 56);
	w->stepping = true;
	e->fn(e->arg);
	w->stepping = false;
	bury(w);
	return true;
}

void
sim_run_for(struct sim_world *w, uint64_t ms)
{
	uint64_t end = w->now_us + ms * SIM_US;

	while (sim_step(w, end))
		continue;
	w->now_us = end;
}

bool
sim_run_until(struct sim_world *w, const bool *flag, uint64_t max_ms)
{
	uint64_t end = w->now_us + max_ms * SIM_US;

	while (!*flag)
		if (!sim_step(w, end))
			break;
	return *flag;
}

uint64_t
sim_now_ms(const struct sim_world *w)
{
	return w->now_us / SIM_US;
}

/* --- world -------------------------------------------------------------------- */

struct sim_world *
sim_new(const struct sim_options *o)
{
	struct sim_world *w = xcalloc(1, sizeof(*w));

	w->opt = *o;
	w->rng = o->seed;
	if (w->opt.segment_max == 0)
		w->opt.segment_max = 1460;
	if (w->opt.buffer == 0)
		w->opt.buffer = 256 * 1024;
	if (w->opt.latency_max_ms < w->opt.latency_min_ms)
		w->opt.latency_max_ms = w->opt.latency_min_ms;
	list_init(&w->conns);
	return w;
}

void
sim_free(struct sim_world *w)
{
	if (w == NULL)
		return;
	assert(!w->stepping);
	for (uint32_t i = 0; i < w->nnames; i++) {
		assert(w->names[i]->live == NULL); /* its loop comes first */
		free(w->names[i]);
	}
	for (uint32_t i = 0; i < w->nprograms; i++)
		free(w->programs[i].path);
	bury(w);
	free(w->graves);
	free(w->names);
	free(w->cuts);
	free(w->programs);
	free(w->queue);
	free(w);
}

struct sim_name *
sim_name_find(struct sim_world *w, const char *name_or_ip)
{
	for (uint32_t i = 0; i < w->nnames; i++)
		if (strcmp(w->names[i]->name, name_or_ip) == 0 ||
		    strcmp(w->names[i]->ip, name_or_ip) == 0)
			return w->names[i];
	return NULL;
}

struct sim_name *
sim_name_add(struct sim_world *w, const char *name)
{
	struct sim_name *n = xcalloc(1, sizeof(*n));
	uint32_t a = w->nnames + 1; /* 10.0.0.1 is the first */

	if (str_copy(n->name, sizeof(n->name), name) != 0)
		abort(); /* a test's own mistake */
	n->index = w->nnames;
	snprintf(
	    n->ip, sizeof(n->ip), "10.%u.%u.%u", a >> 16 & 255, a >> 8 & 255, a & 255);
	w->names = xrealloc(w->names, (w->nnames + 1) * sizeof(struct sim_name *));
	w->names[w->nnames++] = n;
	return n;
}

static struct sim_pair
pair_of(struct sim_world *w, const char *a, const char *b)
{
	struct sim_name *na = sim_name_find(w, a), *nb = sim_name_find(w, b);

	if (na == NULL)
		na = sim_name_add(w, a);
	if (nb == NULL)
		nb = sim_name_add(w, b);
	return (struct sim_pair){ MIN(na->index, nb->index), MAX(na->index, nb->index) };
}

bool
sim_is_cut(const struct sim_world *w, uint32_t a, uint32_t b)
{
	for (uint32_t i = 0; i < w->ncuts; i++)
		if (w->cuts[i].a == MIN(a, b) && w->cuts[i].b == MAX(a, b))
			return true;
	return false;
}

void
sim_partition(struct sim_world *w, const char *a, const char *b, bool cut)
{
	struct sim_pair p = pair_of(w, a, b);
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->ncuts; i++)
		if (w->cuts[i].a != p.a || w->cuts[i].b != p.b)
			w->cuts[n++] = w->cuts[i];
	w->ncuts = n;
	if (!cut)
		return;
	w->cuts = xrealloc(w->cuts, (n + 1) * sizeof(p));
	w->cuts[w->ncuts++] = p;
	LIST_EACH(c, &w->conns, struct sim_conn, link)
	if (MIN(c->host[0], c->host[1]) == p.a && MAX(c->host[0], c->host[1]) == p.b)
		sim_conn_cut(c);
}

static bool
is_live(const struct sim_conn *c)
{
	return !c->local && !c->cut && !c->halved && c->end[0] != NULL &&
	    c->end[1] != NULL;
}

static struct sim_conn *
random_live(struct sim_world *w)
{
	uint32_t n = 0, pick;

	LIST_EACH(c, &w->conns, struct sim_conn, link)
	n += is_live(c);
	if (n == 0)
		return NULL;
	pick = sim_random_below(w, n);
	LIST_EACH(c, &w->conns, struct sim_conn, link)
	{
		if (is_live(c) && pick-- == 0)
			return c;
	}
	return NULL;
}

bool
sim_cut_random(struct sim_world *w)
{
	struct sim_conn *c = random_live(w);

	if (c != NULL)
		sim_conn_cut(c);
	return c != NULL;
}

bool
sim_late_random(struct sim_world *w, uint32_t late_ms)
{
	struct sim_conn *c = random_live(w);

	if (c != NULL)
		sim_conn_halve(
		    c, (uint8_t)sim_random_below(w, 2), (uint64_t)late_ms * SIM_US);
	return c != NULL;
}
