/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What guessing costs, whom it costs, and how much of it is remembered.
 */
#include "world.h"

#include "unit/check.h"

#include "server/domain/throttle.h"

#define BAD  "192.0.2.66"
#define GOOD "192.0.2.7"

static void
up(struct world *w, struct throttle **t)
{
	world_init(w, 1);
	*t = throttle_new(w->loop);
}

static void
down(struct world *w, struct throttle *t)
{
	throttle_free(t);
	world_fini(w);
}

static void
fail_times(struct throttle *t, const char *source, const char *subject, int n)
{
	for (int i = 0; i < n; i++)
		(void)throttle_failed(t, source, subject);
}

static void
t_grows(void **state)
{
	static const uint64_t want[] = { 0, 0, 0, 0, 0, 250, 500, 1000, 2000, 4000,
		4000 };
	struct throttle *t;
	struct world w;
	(void)state;

	up(&w, &t);
	row("by source, whoever it is about");
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		char subject[32];

		snprintf(subject, sizeof(subject), "key%zu", i);
		assert_int_equal(throttle_failed(t, BAD, subject), want[i]);
	}
	assert_int_equal(throttle_failed(t, BAD, ""), 4000);
	row("by subject, wherever it comes from");
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		char source[32];

		snprintf(source, sizeof(source), "203.0.113.%zu", i);
		assert_int_equal(throttle_failed(t, source, "alice"), want[i]);
	}
	row("others are not concerned");
	assert_int_equal(throttle_failed(t, GOOD, "bob"), 0);
	down(&w, t);
}

static void
t_fades(void **state)
{
	struct throttle *t;
	struct world w;
	(void)state;

	up(&w, &t);
	fail_times(t, BAD, "alice", THROTTLE_FREE + 3);
	row("two of eight are forgotten after two minutes, so the next one is the "
	    "seventh");
	sim_run_for(w.sim, 2 * THROTTLE_FADE_MS);
	assert_int_equal(throttle_failed(t, BAD, "alice"), 500);
	row("all after a while");
	sim_run_for(w.sim, 10 * THROTTLE_FADE_MS);
	assert_int_equal(throttle_failed(t, BAD, "alice"), 0);
	row("who proves to be the one is free at once, the source is not");
	fail_times(t, BAD, "alice", THROTTLE_FREE);
	throttle_proved(t, "alice");
	assert_int_equal(throttle_failed(t, GOOD, "alice"), 0);
	assert_int_equal(throttle_failed(t, BAD, "bob"), 500);
	down(&w, t);
}

static void
t_networks(void **state)
{
	static const struct {
		const char *what, *ip;
		bool same; /* as 2001:db8:1:2::1 */
	} t[] = {
		{ "another address of the /64", "2001:db8:1:2:ffff::9", true },
		{ "the next /64", "2001:db8:1:3::1", false },
		{ "no IPv6", GOOD, false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct throttle *th;
		struct world w;

		row(t[i].what);
		up(&w, &th);
		fail_times(th, "2001:db8:1:2::1", "", THROTTLE_FREE);
		assert_int_equal(throttle_failed(th, t[i].ip, "") > 0, t[i].same);
		down(&w, th);
	}
}

static void
count(void *arg)
{
	++*(int *)arg;
}

static void
t_holds(void **state)
{
	struct throttle *t;
	struct world w;
	int called = 0;
	(void)state;

	up(&w, &t);
	row("nothing has failed from there, nothing is held");
	assert_false(throttle_hold(t, GOOD, 1000, count, &called));
	fail_times(t, BAD, "alice", THROTTLE_FREE + 1);
	for (int i = 0; i < THROTTLE_HELD_MAX; i++)
		assert_true(throttle_hold(t, BAD, 1000, count, &called));
	assert_false(throttle_hold(t, BAD, 1000, count, &called));
	row("asking in parallel does not help; others go on");
	assert_false(throttle_admits(t, BAD, "alice"));
	assert_true(throttle_admits(t, BAD, "bob"));
	assert_true(throttle_admits(t, GOOD, "alice"));
	sim_run_for(w.sim, 999);
	assert_int_equal(called, 0);
	sim_run_for(w.sim, 2);
	assert_int_equal(called, THROTTLE_HELD_MAX);
	assert_true(throttle_admits(t, BAD, "alice"));
	row("at the end nobody waits");
	assert_true(throttle_hold(t, BAD, 1000, count, &called));
	down(&w, t);
	assert_int_equal(called, THROTTLE_HELD_MAX + 1);
}

/* Who floods it with names pushes out those that failed longest ago, not those under attack. */
static void
t_bounded(void **state)
{
	struct throttle *t;
	struct world w;
	(void)state;

	up(&w, &t);
	fail_times(t, BAD, "alice", THROTTLE_FREE);
	fail_times(t, BAD, "carol", 1);
	for (int i = 0; i < 2 * THROTTLE_SUBJECTS_MAX; i++) {
		char subject[32];

		snprintf(subject, sizeof(subject), "key%d", i);
		fail_times(t, BAD, subject, 1);
		if (i % 1000 == 0)
			fail_times(t, BAD, "alice", 1);
	}
	assert_true(throttle_failed(t, GOOD, "alice") > 0);
	fail_times(t, "203.0.113.1", "carol", THROTTLE_FREE - 1);
	assert_int_equal(throttle_failed(t, "203.0.113.2", "carol"), 0);
	down(&w, t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_grows),
		cmocka_unit_test(t_fades),
		cmocka_unit_test(t_networks),
		cmocka_unit_test(t_holds),
		cmocka_unit_test(t_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
