/* SPDX-License-Identifier: Apache-2.0 */
/* How much may be in flight: paths by round trip and rate, driven as their senders would be. */
#include "unit/check.h"

#include "proto/channel_int.h"

enum { KIB = 1024, MIB = 1024 * KIB, STEP_MS = 5 };

/*
 * A sender that always has more, over a path with this round trip that carries so much in a
 * second.  Returns the window after so long.
 */
static size_t
drive(struct channel_window *w, uint64_t trip_ms, size_t rate, uint64_t for_ms)
{
	enum { RING = 1024 };
	size_t coming[RING] = { 0 },
	       in_flight = 0; /* by the step of their acknowledgement */

	channel_window_trip(w, trip_ms);
	for (uint64_t t = STEP_MS; t <= for_ms; t += STEP_MS) {
		size_t step = t / STEP_MS, acked = coming[step % RING], send;

		coming[step % RING] = 0;
		in_flight -= acked;
		if (acked > 0)
			channel_window_acked(w, t, acked);
		send = w->now > in_flight ? w->now - in_flight : 0;
		send = MIN(send, rate / (1000 / STEP_MS));
		coming[(step + MAX(trip_ms / STEP_MS, (uint64_t)1)) % RING] += send;
		in_flight += send;
	}
	return w->now;
}

static void
t_paths(void **state)
{
	static const struct {
		const char *what;
		uint64_t trip_ms;
		size_t rate, min, max;
	} t[] = {
		{ "short and fast: no more than at first", 1, 500 * MIB, MIB,
		    MIB + MIB / 2 },
		{ "100 ms and fast: all that the peer takes", 100, 500 * MIB, 8 * MIB,
		    8 * MIB },
		{ "100 ms, 30 MiB/s: twice what is on the way", 100, 30 * MIB, 5 * MIB,
		    7 * MIB },
		{ "100 ms, 1 MiB/s: no queue on the way", 100, 1 * MIB, MIB, MIB },
		{ "two seconds, 100 KiB/s", 2000, 100 * KIB, MIB, MIB },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct channel_window w;
		size_t got;

		print_message("  %s\n", t[i].what);
		channel_window_init(&w, MIB, 8 * MIB);
		got = drive(&w, t[i].trip_ms, t[i].rate, 10000);
		if (got < t[i].min || got > t[i].max)
			fail_msg("a window of %zu", got);
	}
}

static void
t_bounds(void **state)
{
	struct channel_window w;
	(void)state;

	channel_window_init(&w, MIB, 8 * MIB);
	print_message("  a new connection begins anew\n");
	assert_int_equal(drive(&w, 100, 500 * MIB, 10000), 8 * MIB);
	channel_window_up(&w);
	assert_int_equal(w.now, MIB);
	print_message("  a path that becomes slow: the window goes back\n");
	assert_int_equal(drive(&w, 100, 500 * MIB, 10000), 8 * MIB);
	w.since_ms = 0;
	assert_true(drive(&w, 100, 1 * MIB, 10000) <= 2 * MIB);
	print_message("  a peer that takes little: never more\n");
	channel_window_init(&w, 64 * KIB, 64 * KIB);
	assert_int_equal(drive(&w, 500, 500 * MIB, 10000), 64 * KIB);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_paths),
		cmocka_unit_test(t_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
