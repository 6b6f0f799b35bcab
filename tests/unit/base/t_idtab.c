/* SPDX-License-Identifier: Apache-2.0 */
/* The id table of base/map.h: an old id never finds a new object. */
#include "base/map.h"

#include "unit/check.h"

static void
t_generations(void **state)
{
	struct idtab t;
	int a, b;
	uint64_t first, second;
	(void)state;

	idtab_init(&t);
	assert_null(idtab_find(&t, 0));
	first = idtab_add(&t, &a);
	assert_true(first != 0);
	assert_ptr_equal(idtab_find(&t, first), &a);
	idtab_del(&t, first);
	idtab_del(&t, first); /* twice is harmless */
	assert_null(idtab_find(&t, first));
	second = idtab_add(&t, &b);
	assert_true(second != first);
	assert_int_equal((uint32_t)second, (uint32_t)first); /* the slot is used again */
	assert_null(idtab_find(&t, first));
	idtab_del(&t, first); /* an old id removes nothing */
	assert_ptr_equal(idtab_find(&t, second), &b);
	assert_int_equal(idtab_len(&t), 1);
	idtab_fini(&t);
}

static void
t_many(void **state)
{
	static int objs[1000];
	uint64_t ids[ARRAY_LEN(objs)], id;
	uint32_t it = 0;
	size_t seen = 0;
	struct idtab t;
	void *obj;
	(void)state;

	idtab_init(&t);
	for (size_t i = 0; i < ARRAY_LEN(objs); i++)
		ids[i] = idtab_add(&t, &objs[i]);
	for (size_t i = 0; i < ARRAY_LEN(objs); i += 2)
		idtab_del(&t, ids[i]);
	assert_int_equal(idtab_len(&t), 500);
	while (idtab_next(&t, &it, &id, &obj)) {
		assert_ptr_equal(idtab_find(&t, id), obj);
		idtab_del(&t, id);
		seen++;
	}
	assert_int_equal(seen, 500);
	assert_int_equal(idtab_len(&t), 0);
	for (size_t i = 0; i < ARRAY_LEN(objs); i++)
		assert_null(idtab_find(&t, ids[i]));
	assert_null(idtab_find(&t, UINT64_MAX));
	idtab_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_generations),
		cmocka_unit_test(t_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
