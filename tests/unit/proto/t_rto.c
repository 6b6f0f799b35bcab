/* SPDX-License-Identifier: Apache-2.0 */
/* The retransmission timeout against samples worked out from the stock peers' formula. */
#include "unit/check.h"

#include "proto/rto.h"

static void
near(double got, double want)
{
	if (got > want + 0.0001 || got < want - 0.0001)
		fail_msg("%.6f instead of %.6f", got, want);
}

static void
t_samples(void **state)
{
	static const struct {
		double sample, srtt, rttvar, rto;
	} t[] = {
		{ 20, 90.0000, 20.0000, 170.0000 },
		{ 20, 81.2500, 32.5000, 211.2500 },
		{ 20, 73.59375, 39.6875, 232.34375 },
		{ 250, 95.64453, 73.86719, 391.11328 },
		{ 1500, 271.18896, 406.48926, 1000 },
		{ 5000, 862.29034, 1487.06970, 1000 },
	};
	struct rto r;
	(void)state;

	rto_init(&r);
	assert_int_equal(rto_wait_ms(&r, 0, 1000), 200);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		rto_sample(&r, t[i].sample);
		near(r.srtt, t[i].srtt);
		near(r.rttvar, t[i].rttvar);
		near(r.rto, t[i].rto);
	}
}

static void
t_floor(void **state)
{
	struct rto r;
	(void)state;

	rto_init(&r);
	for (int i = 0; i < 200; i++)
		rto_sample(&r, i % 2 == 0 ? 0 : -5);
	near(r.rto, 10); /* 10 ms of variation at least */
	assert_int_equal(rto_wait_ms(&r, 0, 1000), 10);
}

static void
t_backoff(void **state)
{
	static const struct {
		const char *what;
		unsigned resends;
		uint64_t cap, want;
	} t[] = {
		{ "first", 0, 1000, 200 },
		{ "second", 1, 1000, 400 },
		{ "third", 2, 1000, 800 },
		{ "capped for a stock peer", 3, 1000, 1000 },
		{ "not yet capped for ours", 5, 10000, 6400 },
		{ "capped for ours", 6, 10000, 10000 },
		{ "for ever", UINT32_MAX, 10000, 10000 },
	};
	struct rto r;
	(void)state;

	rto_init(&r);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		assert_int_equal(rto_wait_ms(&r, t[i].resends, t[i].cap), t[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_samples),
		cmocka_unit_test(t_floor),
		cmocka_unit_test(t_backoff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
