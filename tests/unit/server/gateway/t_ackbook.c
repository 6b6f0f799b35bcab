/* SPDX-License-Identifier: Apache-2.0 */
/* The book of acknowledged sequence numbers. */
#include "unit/check.h"

#include "server/gateway/ackbook.h"

static void
t_in_order(void **state)
{
	struct ackbook b = { 0 };

	(void)state;
	for (int64_t i = 0; i < 3 * ACKBOOK_WINDOW; i++) {
		assert_false(ackbook_has(&b, i));
		ackbook_add(&b, i);
		assert_true(ackbook_has(&b, i));
	}
	assert_int_equal(b.floor, 3 * ACKBOOK_WINDOW);
	assert_true(ackbook_has(&b, 0));
}

static void
t_gaps(void **state)
{
	struct ackbook b = { 0 };

	(void)state;
	ackbook_add(&b, 2);
	ackbook_add(&b, 5);
	assert_int_equal(b.floor, 0);
	assert_false(ackbook_has(&b, 0));
	assert_true(ackbook_has(&b, 2));
	assert_false(ackbook_has(&b, 3));
	ackbook_add(&b, 1);
	ackbook_add(&b, 0);
	assert_int_equal(b.floor, 3);
	ackbook_add(&b, 3);
	ackbook_add(&b, 4);
	assert_int_equal(b.floor, 6);
	assert_false(ackbook_has(&b, 6));
}

/* Made in the middle of a session: it begins where the first entry is. */
static void
t_late(void **state)
{
	struct ackbook b = { .late = true };
	int64_t far = INT64_C(1) << 40;

	(void)state;
	ackbook_add(&b, INT64_MAX);
	assert_false(ackbook_has(&b, INT64_MAX));
	assert_false(ackbook_has(&b, 0));
	ackbook_add(&b, far);
	ackbook_add(&b, far + 1);
	ackbook_add(&b, far + 7);
	assert_true(ackbook_has(&b, far));
	assert_true(ackbook_has(&b, far + 1));
	assert_false(ackbook_has(&b, far + 2));
	assert_true(ackbook_has(&b, far + 7));
	assert_false(ackbook_has(&b, far - 1));
	ackbook_add(&b, far - 1); /* it is not known what lies between */
	assert_false(ackbook_has(&b, far - 1));
}

/* Numbers that a liar may send change nothing and reach no memory that is not ours. */
static void
t_hostile(void **state)
{
	static const int64_t t[] = { -1, INT64_MIN, INT64_MAX, ACKBOOK_WINDOW,
		ACKBOOK_WINDOW + 1 };
	struct ackbook b = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		ackbook_add(&b, t[i]);
		assert_false(ackbook_has(&b, t[i]));
	}
	assert_int_equal(b.floor, 0);
	ackbook_add(&b, ACKBOOK_WINDOW - 1);
	assert_true(ackbook_has(&b, ACKBOOK_WINDOW - 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_in_order),
		cmocka_unit_test(t_gaps),
		cmocka_unit_test(t_late),
		cmocka_unit_test(t_hostile),
	};

	return cmocka_run_group_tests_name("ackbook", tests, NULL, NULL);
}
