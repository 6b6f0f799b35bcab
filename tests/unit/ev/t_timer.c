/* SPDX-License-Identifier: Apache-2.0 */
/* Timers, deferred calls, posts, pool work and randomness, on both backends. */
#include "env.h"

#include <pthread.h>

struct log {
	struct env *e;
	char text[256];
	size_t n, stop_at;
};

struct entry {
	struct log *log;
	struct ev_timer t;
	char c;
};

static void
put(struct log *g, char c)
{
	assert_true(g->n + 1 < sizeof(g->text));
	g->text[g->n++] = c;
	if (g->n == g->stop_at)
		env_done(g->e);
}

static void
on_entry(void *arg)
{
	struct entry *en = arg;

	put(en->log, en->c);
}

static void
t_order(void **state)
{
	static const struct {
		char c;
		uint64_t ms;
	} t[] = { { 'e', 30 }, { 'b', 10 }, { 'a', 0 }, { 'c', 10 }, { 'd', 20 },
		{ 'f', 30 } };
	struct log g = { .e = *state, .stop_at = ARRAY_LEN(t) };
	struct entry en[ARRAY_LEN(t)] = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		en[i] = (struct entry){ .log = &g, .c = t[i].c };
		ev_timer_set(g.e->server, &en[i].t, t[i].ms, on_entry, &en[i]);
		assert_true(ev_timer_is_set(&en[i].t));
	}
	env_run(g.e);
	assert_string_equal(g.text, "abcdef");
	assert_false(ev_timer_is_set(&en[0].t));
}

static void
t_clear_and_reset(void **state)
{
	struct log g = { .e = *state, .stop_at = 2 };
	struct entry a = { .log = &g, .c = 'a' }, b = { .log = &g, .c = 'b' },
		     c = { .log = &g, .c = 'c' };

	ev_timer_clear(&a.t); /* zeroed: nothing happens */
	ev_timer_set(g.e->server, &a.t, 1, on_entry, &a);
	ev_timer_set(g.e->server, &b.t, 2, on_entry, &b);
	ev_timer_set(g.e->server, &c.t, 3, on_entry, &c);
	ev_timer_set(g.e->server, &b.t, 20, on_entry, &b); /* later */
	ev_timer_clear(&a.t);
	ev_timer_clear(&a.t);
	env_run(g.e);
	assert_string_equal(g.text, "cb");
}

static void
on_again(void *arg)
{
	struct entry *en = arg;

	put(en->log, en->c);
	ev_timer_set(en->t.loop, &en->t, 0, on_again, en);
}

/* A timer that sets itself to "now" for ever does not starve the others. */
static void
t_zero_delay(void **state)
{
	struct log g = { .e = *state, .stop_at = 40 };
	struct entry a = { .log = &g, .c = 'a' }, b = { .log = &g, .c = 'b' };

	ev_timer_set(g.e->server, &a.t, 0, on_again, &a);
	ev_timer_set(g.e->server, &b.t, 0, on_again, &b);
	env_run(g.e);
	ev_timer_clear(&a.t);
	ev_timer_clear(&b.t);
	assert_memory_equal(g.text, "abababab", 8);
}

struct many {
	struct env *e;
	struct ev_timer t[500];
	uint64_t due[500];
	uint64_t last;
	uint32_t fired, set;
	bool sorted;
};

struct one {
	struct many *m;
	uint32_t i;
};

static void
on_one(void *arg)
{
	struct one *o = arg;
	struct many *m = o->m;

	m->sorted = m->sorted && m->due[o->i] >= m->last &&
	    ev_now_ms(m->e->server) >= m->due[o->i];
	m->last = m->due[o->i];
	if (++m->fired == m->set)
		env_done(m->e);
}

/* A random mixture of setting, moving and clearing keeps the order. */
static void
t_heap(void **state)
{
	static struct one one[500];
	struct many *m = xcalloc(1, sizeof(*m));

	m->e = *state;
	m->sorted = true;
	for (uint32_t i = 0; i < 2000; i++) {
		uint32_t k = ev_random_below(m->e->server, 500);
		uint32_t ms = ev_random_below(m->e->server, 60);

		one[k] = (struct one){ m, k };
		if (ev_random_below(m->e->server, 4) == 0) {
			ev_timer_clear(&m->t[k]);
			continue;
		}
		ev_timer_set(m->e->server, &m->t[k], ms, on_one, &one[k]);
		m->due[k] = m->t[k].due_ms;
	}
	for (uint32_t k = 0; k < 500; k++)
		m->set += ev_timer_is_set(&m->t[k]);
	env_run(m->e);
	assert_true(m->sorted);
	assert_int_equal(m->fired, m->set);
	free(m);
}

/* --- deferred calls, posts, pool ---------------------------------------------------- */

static void
on_defer_again(void *arg)
{
	struct entry *en = arg;

	put(en->log, en->c);
	if (en->c++ == 'a')
		ev_defer(en->log->e->server, on_defer_again, en);
}

static void
t_defer(void **state)
{
	struct log g = { .e = *state, .stop_at = 4 };
	struct entry a = { .log = &g, .c = 'a' }, x = { .log = &g, .c = 'x' },
		     y = { .log = &g, .c = 'y' };

	ev_defer(g.e->server, on_defer_again, &a);
	ev_defer(g.e->server, on_entry, &x);
	ev_defer(g.e->server, on_entry, &y);
	assert_int_equal(g.n, 0); /* never from inside the call */
	env_run(g.e);
	assert_string_equal(g.text, "axyb");
}

struct poster {
	struct log *log;
	struct entry en[100];
	pthread_t thread;
};

static void *
post_all(void *arg)
{
	struct poster *p = arg;

	for (size_t i = 0; i < ARRAY_LEN(p->en); i++)
		ev_post(p->log->e->server, on_entry, &p->en[i]);
	return NULL;
}

static void
t_post(void **state)
{
	struct log g = { .e = *state, .stop_at = 200 };
	struct poster *p = xcalloc(2, sizeof(*p));
	bool threads = g.e->world == NULL;

	for (size_t k = 0; k < 2; k++) {
		p[k].log = &g;
		for (size_t i = 0; i < ARRAY_LEN(p->en); i++)
			p[k].en[i] = (struct entry){ .log = &g, .c = k == 0 ? 'p' : 'q' };
		if (threads)
			pthread_create(&p[k].thread, NULL, post_all, &p[k]);
		else
			post_all(&p[k]);
	}
	env_run(g.e);
	for (size_t k = 0; threads && k < 2; k++)
		pthread_join(p[k].thread, NULL);
	assert_int_equal(g.n, 200);
	free(p);
}

struct job {
	struct log *log;
	pthread_t ran_in;
	bool ran;
};

static void
job_work(void *arg)
{
	struct job *j = arg;

	j->ran_in = pthread_self();
	j->ran = true;
}

static void
job_done(void *arg)
{
	struct job *j = arg;

	assert_true(j->ran);
	put(j->log, 'j');
}

static void
t_work(void **state)
{
	struct log g = { .e = *state, .stop_at = 8 };
	struct job j[8] = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(j); i++) {
		j[i].log = &g;
		ev_work(g.e->server, job_work, job_done, &j[i]);
		assert_int_equal(g.n, 0);
	}
	env_run(g.e);
	assert_int_equal(
	    pthread_equal(j[0].ran_in, pthread_self()) != 0, g.e->world != NULL);
}

/* --- time, randomness, the end ------------------------------------------------------ */

static void
t_clock(void **state)
{
	struct env *e = *state;
	uint64_t ms = ev_now_ms(e->server), us = ev_now_us(e->server);

	assert_true(ev_wall_ms(e->server) >= 1700000000000);
	env_run_for(e, 15);
	assert_true(ev_now_ms(e->server) >= ms + 15);
	assert_true(ev_now_us(e->server) >= us + 14000);
}

static void
t_random(void **state)
{
	struct env *e = *state;
	uint32_t seen[7] = { 0 };
	uint8_t a[512], b[512];

	for (uint32_t i = 0; i < 7000; i++)
		seen[ev_random_below(e->server, 7)]++;
	for (size_t i = 0; i < ARRAY_LEN(seen); i++)
		assert_in_range(seen[i], 800, 1200);
	assert_int_equal(ev_random_below(e->server, 1), 0);
	for (size_t n = 16; n <= sizeof(a); n *= 2) {
		ev_random(e->server, a, n);
		ev_random(e->server, b, n);
		assert_true(memcmp(a, b, n) != 0);
	}
}

/* ev_run() returns by itself when nothing is left to wait for. */
static void
t_returns(void **state)
{
	struct log g = { .e = *state };
	struct entry a = { .log = &g, .c = 'a' }, d = { .log = &g, .c = 'd' },
		     far = { .log = &g, .c = 'z' };

	ev_run(g.e->server);
	ev_timer_set(g.e->server, &a.t, 5, on_entry, &a);
	ev_timer_set(g.e->server, &far.t, 3600000, on_entry, &far);
	ev_timer_clear(&far.t);
	ev_defer(g.e->server, on_entry, &d);
	ev_run(g.e->server);
	assert_string_equal(g.text, "da");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENV_TEST(t_order),
		ENV_TEST(t_clear_and_reset),
		ENV_TEST(t_zero_delay),
		ENV_TEST(t_heap),
		ENV_TEST(t_defer),
		ENV_TEST(t_post),
		ENV_TEST(t_work),
		ENV_TEST(t_clock),
		ENV_TEST(t_random),
		ENV_TEST(t_returns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
