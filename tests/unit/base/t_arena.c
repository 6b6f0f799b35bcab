/* SPDX-License-Identifier: Apache-2.0 */
/* base/arena.h: alignment, zeroing, big and small requests mixed. */
#include "base/arena.h"

#include "unit/check.h"

static void
t_sizes(void **state)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 900, 1024, 1025, 5000, 65536,
		65537, 1 << 20, 3, 70000, 1 };
	uint8_t *got[ARRAY_LEN(sizes) * 3];
	auto_arena a;
	size_t total = 0, k = 0;
	(void)state;

	arena_init(&a);
	for (int turn = 0; turn < 3; turn++) {
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++, k++) {
			got[k] = arena_alloc(&a, sizes[i]);
			assert_int_equal((uintptr_t)got[k] % 16, 0);
			for (size_t j = 0; j < sizes[i]; j++)
				assert_int_equal(got[k][j], 0);
			memset(got[k], (int)k + 1, sizes[i]);
			total += sizes[i];
		}
	}
	assert_int_equal(a.total, total);
	for (k = 0; k < ARRAY_LEN(got); k++) /* nobody overwrote anybody */
		for (size_t j = 0; j < sizes[k % ARRAY_LEN(sizes)]; j++)
			assert_int_equal(got[k][j], k + 1);
	arena_fini(&a);
	assert_null(a.head);
	assert_int_equal(a.total, 0);
}

static void
t_texts(void **state)
{
	auto_arena a;
	char *big;
	(void)state;

	arena_init(&a);
	assert_string_equal(arena_strdup(&a, "abc"), "abc");
	assert_string_equal(arena_str(&a, SPAN("spanned")), "spanned");
	assert_string_equal(arena_str(&a, SPAN_NONE), "");
	check_span(arena_copy(&a, SPAN("a\0b")), SPAN("a\0b"));
	check_span(arena_lower(&a, SPAN("aZ[@`\0\xc3\x84")), SPAN("az[@`\0\xc3\x84"));
	assert_string_equal(arena_printf(&a, "%s/%d", "x", 5), "x/5");
	big = arena_printf(&a, "%*d", 200000, 1);
	assert_int_equal(strlen(big), 200000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_sizes),
		cmocka_unit_test(t_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
