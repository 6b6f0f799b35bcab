/* SPDX-License-Identifier: Apache-2.0 */
/* Memory is given back once after each time of work, and never in the middle of one. */
#include "unit/check.h"

#include "ev/sim.h"
#include "server/gateway/rest.h"

static unsigned rests;

static void
note_rest(void)
{
	rests++;
}

static void
t_rests(void **state)
{
	struct sim_world *w = sim_new(&(struct sim_options){ .seed = 1 });
	struct ev_loop *l = sim_host(w, "server");
	uint64_t work = 5;
	struct rest r;

	(void)state;
	rests = 0;
	rest_start(&r, l, &work, note_rest);
	sim_run_for(w, 10 * REST_LOOK_MS);
	assert_int_equal(rests, 0); /* there was nothing to rest from */
	for (unsigned time = 1; time <= 3; time++) {
		for (int i = 0; i < 20; i++) {
			work++;
			sim_run_for(w, REST_LOOK_MS / 2);
			assert_int_equal(rests, time - 1);
		}
		sim_run_for(w, 2 * REST_LOOK_MS);
		assert_int_equal(rests, time);
		sim_run_for(w, 10 * REST_LOOK_MS);
		assert_int_equal(rests, time);
	}
	rest_stop(&r);
	work++;
	sim_run_for(w, 10 * REST_LOOK_MS);
	assert_int_equal(rests, 3);
	ev_loop_free(l);
	sim_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_rests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
