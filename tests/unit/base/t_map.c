/* SPDX-License-Identifier: Apache-2.0 */
/* base/map.h and base/siphash.h: known vectors, and a long random run against a model. */
#include "base/map.h"

#include "base/siphash.h"
#include "unit/check.h"

/* The vectors of SipHash-1-3 under the key 00..0f over 00 01 02 ... as Rust's tests have.
 */
static void
t_siphash_vectors(void **state)
{
	static const struct {
		const char *what;
		size_t n;
		uint8_t want[8];
	} t[] = {
		{ "nothing", 0, { 0xdc, 0xc4, 0x0f, 0x05, 0x58, 0x01, 0xac, 0xab } },
		{ "one byte", 1, { 0x93, 0xca, 0x57, 0x7d, 0xf3, 0x9b, 0xf4, 0xc9 } },
		{ "one short of a word", 7,
		    { 0x40, 0x11, 0xb1, 0x9b, 0x98, 0x7d, 0x92, 0xd3 } },
		{ "a whole word", 8, { 0x8e, 0x9a, 0x29, 0x8d, 0x11, 0x95, 0x90, 0x36 } },
		{ "a word and a byte", 9,
		    { 0xe4, 0x3d, 0x06, 0x6c, 0xb3, 0x8e, 0xa4, 0x25 } },
		{ "63 bytes", 63, { 0xa8, 0xb3, 0xbb, 0xb7, 0x62, 0x90, 0x19, 0x9d } },
	};
	static const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	uint8_t in[64];
	(void)state;

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint64_t h = siphash13(key, span_of(in, t[i].n));
		uint8_t got[8];

		row(t[i].what);
		for (size_t k = 0; k < 8; k++)
			got[k] = (uint8_t)(h >> (8 * k));
		assert_memory_equal(got, t[i].want, 8);
	}
}

/* CPython 3.11 hashes strings with the same function; PYTHONHASHSEED=0 is the zero key.
 */
static void
t_siphash_python(void **state)
{
	static const uint64_t zero[2];
	(void)state;

	assert_true(siphash13(zero, SPAN("a")) == 0x407448d2b89b1813);
	assert_true(siphash13(zero, SPAN("abcdefgh")) == 0x3f7b849c0b8e35ea);
	assert_true(siphash13(zero, SPAN("The quick brown fox")) == 0x975e410714568333);
}

static void
t_basics(void **state)
{
	struct map m;
	int a, b;
	(void)state;

	map_init(&m, 1, 2);
	assert_null(map_get(&m, SPAN("x")));
	assert_null(map_del(&m, SPAN("x")));
	assert_null(map_put(&m, SPAN("x"), &a));
	assert_ptr_equal(map_put(&m, SPAN("x"), &b), &a);
	assert_int_equal(map_len(&m), 1);
	assert_null(map_put(&m, SPAN_NONE, &a)); /* the empty key is a key */
	assert_null(map_put(&m, SPAN("x\0y"), &a));
	assert_ptr_equal(map_get(&m, SPAN("")), &a);
	assert_ptr_equal(map_get(&m, SPAN("x")), &b);
	assert_ptr_equal(map_del(&m, SPAN("x")), &b);
	assert_null(map_get(&m, SPAN("x")));
	assert_int_equal(map_len(&m), 2);
	map_fini(&m);
	assert_int_equal(map_len(&m), 0);
	assert_null(map_put(&m, SPAN("x"), &a)); /* usable after map_fini */
	map_fini(&m);
}

enum { KEYS = 500 };

static uint32_t
next_random(uint32_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 17;
	return *s ^= *s << 5;
}

static void
t_against_model(void **state)
{
	static int values[KEYS * 2];
	int *model[KEYS] = { 0 };
	size_t len = 0;
	uint32_t seed = 20261121;
	struct map m;
	(void)state;

	map_init(&m, 3, 4);
	for (int step = 0; step < 200000; step++) {
		uint32_t r = next_random(&seed), k = r % KEYS;
		/* Fill for a while, then drain for a while. */
		bool put = (r >> 16) % 100 < (step / 5000 % 2 ? 30 : 70);
		int *v = &values[(r >> 10) % ARRAY_LEN(values)];
		char key[16];

		snprintf(key, sizeof(key), "key-%u", k);
		if (put) {
			assert_ptr_equal(map_put(&m, span_str(key), v), model[k]);
			len += model[k] == NULL;
			model[k] = v;
		} else {
			assert_ptr_equal(map_del(&m, span_str(key)), model[k]);
			len -= model[k] != NULL;
			model[k] = NULL;
		}
		assert_int_equal(map_len(&m), len);
		assert_true(m.cap <= 4 * KEYS); /* tombstones do not make it grow */
	}
	for (uint32_t k = 0; k < KEYS; k++) {
		char key[16];

		snprintf(key, sizeof(key), "key-%u", k);
		assert_ptr_equal(map_get(&m, span_str(key)), model[k]);
	}
	map_fini(&m);
}

static void
t_delete_while_iterating(void **state)
{
	static int values[100];
	size_t it = 0, seen = 0;
	struct span key;
	struct map m;
	void *v;
	(void)state;

	map_init(&m, 5, 6);
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		auto_free char *k = xasprintf("%zu", i);

		map_put(&m, span_str(k), &values[i]);
	}
	while (map_next(&m, &it, &key, &v)) {
		seen++;
		(*(int *)v)++;
		if (seen % 3 != 0)
			assert_ptr_equal(map_del(&m, key), v);
	}
	assert_int_equal(seen, 100);
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		assert_int_equal(values[i], 1); /* each exactly once */
	assert_int_equal(map_len(&m), 33);
	map_fini(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_siphash_vectors),
		cmocka_unit_test(t_siphash_python),
		cmocka_unit_test(t_basics),
		cmocka_unit_test(t_against_model),
		cmocka_unit_test(t_delete_while_iterating),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
