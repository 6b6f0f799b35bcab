/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions in a simulated world: lost connections, and agents that die. */
#include "world.h"

#include "base/log.h"

enum { MINUTE = 60 * 1000 };

static const struct world_options plain = { .seed = 11 };

static void
check_flood(struct talk *t, long n)
{
	char line[16];
	size_t off = 0;

	for (long i = 0; i < n; i++) {
		const uint8_t *p;

		(void)snprintf(line, sizeof(line), "%07ld\n", i);
		p = memmem(t->out.p + off, t->out.len - off, line, 8);
		assert_non_null(p);
		assert_true(i == 0 || p == t->out.p + off); /* nothing in between */
		off = (size_t)(p - t->out.p) + 8;
	}
}

/* No byte is lost or doubled over reconnects, in either direction. */
static void
t_cuts(void **state)
{
	char *paste = xmalloc(60001);
	struct world w;

	(void)state;
	memset(paste, 'p', 59999);
	paste[59999] = '\n';
	paste[60000] = '\0';
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct world_options o = { .seed = seed, .segment_max = 700 };
		struct talk *t;

		print_message("  seed %llu\n", (unsigned long long)seed);
		world_init(&w, &o);
		assert_true(world_online(&w));
		t = world_prompt(&w, "alice-1", seed % 2 == 0);
		talk_type(t, "flood 40000\n");
		for (int i = 0; i < 10; i++) {
			world_run(&w, 20 + sim_random_below(w.sim, 80));
			(void)sim_cut_random(w.sim);
		}
		assert_true(talk_expect(t, "0039999\n$ ", 5 * MINUTE));
		check_flood(t, 40000);
		talk_type(t, paste);
		for (int i = 0; i < 4; i++) {
			(void)sim_cut_random(w.sim);
			world_run(&w, 50);
		}
		assert_true(talk_expect(t, "59999 bytes\n$ ", 5 * MINUTE));
		assert_true(t->opens > 1);
		talk_type(t, "exit 4\n");
		(void)sim_cut_random(w.sim);
		assert_true(world_until(&w, &w.task_seen, 5 * MINUTE));
		assert_int_equal(t->exit_code, t->own ? 4 : -1);
		world_fini(&w);
	}
	free(paste);
}

/* The control channel is not what keeps a session alive (agent-protocol 8). */
static void
t_sessions_outlive_the_control_channel(void **state)
{
	struct world w;
	struct talk *t;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	t = world_prompt(&w, "alice-1", false);
	w.create_status = 503;
	wsconn_close(STEAL(w.control), 0);
	world_run(&w, 10 * MINUTE);
	talk_type(t, "echo alive\n");
	assert_true(talk_expect(t, "alive\n", 2000));
	assert_int_equal(t->opens, 1);
	world_fini(&w);
}

/* 15: pause_publication stops the pump, start or any data sets it going again. */
static void
t_15_pause(void **state)
{
	struct world w;
	struct talk *t;
	size_t before;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	t = world_prompt(&w, "alice-1", false);
	talk_type(t, "flood 200000\n");
	world_run(&w, 50);
	t->no_acks = true; /* an ack would end the pause */
	talk_send_raw(t, MSG_PAUSE, 0, 0, SPAN("{}"));
	world_run(&w, 100);
	before = t->log.len;
	world_run(&w, 1000);
	assert_int_equal(t->log.len, before);
	t->no_acks = false;
	talk_send_raw(t, MSG_START, 0, 0, SPAN("{}"));
	assert_true(talk_expect(t, "0199999\n$ ", MINUTE));
	check_flood(t, 200000);
	world_fini(&w);
}

/* Many at once, and the agent goes away under them. */
static void
t_agent_dies_with_sessions(void **state)
{
	static const char *const ids[] = { "s-1", "s-2", "s-3", "s-4", "s-5" };
	struct world w;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		world_order(&w, ids[i], NULL);
		world_run(&w, 1 + i * 7); /* in every state */
	}
	world_stop_agent(&w);
	world_run(&w, 5000);
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_15_pause),
		cmocka_unit_test(t_cuts),
		cmocka_unit_test(t_sessions_outlive_the_control_channel),
		cmocka_unit_test(t_agent_dies_with_sessions),
	};

	log_setup(LOG_ERROR, LOG_FORMAT_TEXT, "t_agent_cuts");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
