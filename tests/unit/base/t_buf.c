/* SPDX-License-Identifier: Apache-2.0 */
/* base/buf.h: the limit, the sticky error, growth. */
#include "base/buf.h"

#include "unit/check.h"

static void
t_limit(void **state)
{
	static const struct {
		const char *what;
		size_t max;
		const char *first, *second;
		int err;
		const char *left;
	} t[] = {
		{ "exactly full", 6, "abc", "def", 0, "abcdef" },
		{ "one over keeps what was there", 5, "abc", "def", ERR_LIMIT, "abc" },
		{ "after an error nothing is added", 3, "abcd", "e", ERR_LIMIT, "" },
		{ "limit of nothing", 0, "", "a", ERR_LIMIT, "" },
		{ "nothing added is no error", 0, "", "", 0, "" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_buf b;

		row(t[i].what);
		buf_init(&b, t[i].max);
		buf_add_str(&b, t[i].first);
		buf_add_str(&b, t[i].second);
		assert_int_equal(buf_check(&b), t[i].err);
		check_text(buf_span(&b), t[i].left);
		assert_string_equal(buf_cstr(&b), t[i].err ? "" : t[i].left);
		buf_reset(&b);
		assert_int_equal(buf_check(&b), 0);
		assert_int_equal(b.len, 0);
	}
}

static void
t_printf_limit(void **state)
{
	auto_buf b;
	(void)state;

	buf_init(&b, 5);
	buf_addf(&b, "%d", 12345);
	assert_int_equal(buf_check(&b), 0);
	assert_string_equal(buf_cstr(&b), "12345");
	buf_addf(&b, "%s", "");
	assert_int_equal(buf_check(&b), 0);
	buf_addf(&b, "%d", 6);
	assert_int_equal(buf_check(&b), ERR_LIMIT);
}

static void
t_integers(void **state)
{
	auto_buf b;
	(void)state;

	buf_init(&b, 15);
	buf_add_u8(&b, 0x01);
	buf_add_be16(&b, 0x0203);
	buf_add_be32(&b, 0x04050607);
	buf_add_be64(&b, 0x08090a0b0c0d0e0f);
	check_span(buf_span(&b), SPAN("\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17"));
	assert_int_equal(get_be16(b.p + 1), 0x0203);
	assert_int_equal(get_be32(b.p + 3), 0x04050607);
	assert_true(get_be64(b.p + 7) == 0x08090a0b0c0d0e0f);
}

static void
t_growth_keeps_contents(void **state)
{
	auto_buf b;
	(void)state;

	buf_init(&b, 100000);
	for (int i = 0; i < 100000; i++) {
		buf_add_u8(&b, (uint8_t)(i * 7));
		assert_true(b.len < b.cap); /* room for the NUL of buf_cstr() */
	}
	assert_int_equal(buf_check(&b), 0);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(b.p[i], (uint8_t)(i * 7));
	buf_add_u8(&b, 0);
	assert_int_equal(buf_check(&b), ERR_LIMIT);
	assert_int_equal(b.cap, 100001); /* never far beyond the limit */
}

static void
t_grow_and_consume(void **state)
{
	auto_buf b;
	uint8_t *at;
	(void)state;

	buf_init(&b, 10);
	assert_non_null(at = buf_grow(&b, 10));
	memcpy(at, "0123456789", 10);
	buf_consume(&b, 0);
	buf_consume(&b, 4);
	check_text(buf_span(&b), "456789");
	assert_null(buf_grow(&b, 5));
	assert_int_equal(buf_check(&b), ERR_LIMIT);
	buf_consume(&b, 6);
	assert_int_equal(b.len, 0);
	assert_null(buf_grow(&b, 0)); /* the error sticks */
	buf_reset(&b);
	assert_non_null(buf_grow(&b, 0));
	assert_null(buf_grow(&b, SIZE_MAX));
}

static void
t_unlimited(void **state)
{
	auto_buf b;
	(void)state;

	buf_init(&b, SIZE_MAX);
	buf_add_str(&b, "text");
	assert_int_equal(buf_check(&b), 0);
	assert_null(buf_grow(&b, SIZE_MAX)); /* no wrap-around */
	assert_int_equal(buf_check(&b), ERR_LIMIT);
	buf_fini(&b);
	assert_null(b.p);
	assert_string_equal(buf_cstr(&b), "");
	buf_add_str(&b, "again"); /* usable after buf_fini */
	assert_string_equal(buf_cstr(&b), "again");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_limit),
		cmocka_unit_test(t_printf_limit),
		cmocka_unit_test(t_integers),
		cmocka_unit_test(t_growth_keeps_contents),
		cmocka_unit_test(t_grow_and_consume),
		cmocka_unit_test(t_unlimited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
