/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same test on both backends: a server's loop and a client's loop (one and the same
 * with libuv), and a way to run until env_done() with a deadline.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ev/ev.h"
#include "ev/sim.h"

enum { ENV_DEADLINE_MS = 20000 };

struct env {
	struct sim_world *world; /* NULL: libuv */
	struct ev_loop *server, *client;
	const char *host; /* under which the client reaches the server */
	bool done, late, passed;
};

static inline void
env_late(void *arg)
{
	struct env *e = arg;

	e->late = true;
	ev_stop(e->server);
}

static inline void
env_done(struct env *e)
{
	e->done = true;
	if (e->world == NULL)
		ev_stop(e->server);
}

/* Until env_done(); fails the test when that does not come. */
static inline void
env_run(struct env *e)
{
	struct ev_timer deadline = { 0 };

	if (e->world != NULL) {
		assert_true(sim_run_until(e->world, &e->done, ENV_DEADLINE_MS));
	} else {
		ev_timer_set(e->server, &deadline, ENV_DEADLINE_MS, env_late, e);
		while (!e->done && !e->late)
			ev_run(e->server);
		ev_timer_clear(&deadline);
		assert_false(e->late);
	}
	e->done = false;
}

static inline void
env_pass(void *arg)
{
	struct env *e = arg;

	e->passed = true;
	ev_stop(e->server);
}

/* Lets ms go by, whatever happens meanwhile. */
static inline void
env_run_for(struct env *e, uint64_t ms)
{
	struct ev_timer t = { 0 };

	e->passed = false;
	ev_timer_set(e->server, &t, ms, env_pass, e);
	if (e->world != NULL)
		sim_run_until(e->world, &e->passed, ms + 1);
	while (!e->passed)
		ev_run(e->server);
	e->done = false;
}

static inline int
env_setup_uv(void **state)
{
	struct env *e = xcalloc(1, sizeof(*e));

	e->server = e->client = ev_loop_new();
	e->host = "127.0.0.1";
	*state = e;
	return 0;
}

static inline int
env_setup_sim(void **state)
{
	struct sim_options o = { .seed = 7,
		.latency_min_ms = 1,
		.latency_max_ms = 20,
		.segment_max = 1000,
		.buffer = 64 * 1024,
		.wall_start_ms = 1700000000000 };
	struct env *e = xcalloc(1, sizeof(*e));

	e->world = sim_new(&o);
	e->server = sim_host(e->world, "server");
	e->client = sim_host(e->world, "client");
	e->host = "server";
	*state = e;
	return 0;
}

static inline int
env_teardown(void **state)
{
	struct env *e = *state;

	ev_loop_free(e->server);
	if (e->client != e->server)
		ev_loop_free(e->client);
	sim_free(e->world);
	free(e);
	return 0;
}

#define ENV_TEST(f)                                               \
	{ #f " (libuv)", f, env_setup_uv, env_teardown, NULL },   \
	{                                                         \
#f " (sim)", f, env_setup_sim, env_teardown, NULL \
	}
#define UV_TEST(f)                                      \
	{                                               \
#f, f, env_setup_uv, env_teardown, NULL \
	}
