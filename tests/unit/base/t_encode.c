/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal, base64 (RFC 4648 section 10) and UUIDs of base/text.h. */
#include "base/text.h"

#include "unit/check.h"

static void
t_hex(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		int ret;
		struct span out;
	} t[] = {
		{ "nothing", SPAN(""), 0, SPAN("") },
		{ "lower case", SPAN("00ff7a"), 0, SPAN("\x00\xff\x7a") },
		{ "upper case", SPAN("AbCdEF"), 0, SPAN("\xab\xcd\xef") },
		{ "odd length", SPAN("abc"), ERR_INVALID, SPAN("") },
		{ "not a digit", SPAN("0g"), ERR_INVALID, SPAN("") },
		{ "just below 0", SPAN("0/"), ERR_INVALID, SPAN("") },
		{ "just above 9", SPAN("0:"), ERR_INVALID, SPAN("") },
		{ "control byte that folds to a digit", SPAN("0\x10"), ERR_INVALID,
		    SPAN("") },
		{ "fills the room", SPAN("00010203"), 0, SPAN("\0\1\2\3") },
		{ "larger than the room", SPAN("0001020304"), ERR_LIMIT, SPAN("") },
	};
	char text[9];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint8_t out[4];
		size_t n = 0;

		row(t[i].what);
		assert_int_equal(hex_decode(out, sizeof(out), t[i].in, &n), t[i].ret);
		check_span(span_of(out, n), t[i].out);
	}
	hex_encode(text, (const uint8_t *)"\x00\x9a\xbc\xff", 4);
	assert_string_equal(text, "009abcff");
}

static void
t_base64_vectors(void **state)
{
	static const struct {
		struct span raw;
		const char *text;
	} t[] = {
		{ SPAN(""), "" },
		{ SPAN("f"), "Zg==" },
		{ SPAN("fo"), "Zm8=" },
		{ SPAN("foo"), "Zm9v" },
		{ SPAN("foob"), "Zm9vYg==" },
		{ SPAN("fooba"), "Zm9vYmE=" },
		{ SPAN("foobar"), "Zm9vYmFy" },
		{ SPAN("\x00"), "AA==" },
		{ SPAN("\xff\xff\xff"), "////" },
		{ SPAN("\xfb\xef\xbe"), "++++" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_buf text, raw;

		row(t[i].text);
		buf_init(&text, 100);
		buf_init(&raw, 100);
		base64_encode(&text, t[i].raw);
		assert_string_equal(buf_cstr(&text), t[i].text);
		assert_int_equal(base64_decode(&raw, span_str(t[i].text)), 0);
		check_span(buf_span(&raw), t[i].raw);
	}
}

static void
t_base64_refuses(void **state)
{
	static const struct {
		const char *what;
		struct span in;
	} t[] = {
		{ "no padding", SPAN("Zg") },
		{ "half of the padding", SPAN("Zg=") },
		{ "too much padding", SPAN("Z===") },
		{ "padding only", SPAN("====") },
		{ "padding in the middle", SPAN("Zg==Zg==") },
		{ "text after padding", SPAN("Zg=v") },
		{ "line feed", SPAN("Zm9v\n") },
		{ "blank inside", SPAN("Zm 9") },
		{ "URL alphabet", SPAN("-_-_") },
		{ "unused bits set, one byte", SPAN("Zh==") },
		{ "unused bits set, two bytes", SPAN("Zm9=") },
		{ "NUL", SPAN("Zm\0v") },
		{ "high byte", SPAN("Zm\xc3v") },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_buf raw;

		row(t[i].what);
		buf_init(&raw, 100);
		buf_add_str(&raw, "kept");
		assert_int_equal(base64_decode(&raw, t[i].in), ERR_INVALID);
		check_text(buf_span(&raw), "kept");
	}
}

static void
t_base64url(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		const char *raw; /* NULL: refused */
	} t[] = {
		{ "nothing", SPAN(""), "" },
		{ "one byte", SPAN("Zg"), "f" },
		{ "two bytes", SPAN("Zm8"), "fo" },
		{ "three bytes", SPAN("Zm9v"), "foo" },
		{ "four bytes", SPAN("Zm9vYg"), "foob" },
		{ "both other letters", SPAN("--__"), "\xfb\xef\xff" },
		{ "padding", SPAN("Zg=="), NULL },
		{ "one letter over", SPAN("Zm9vY"), NULL },
		{ "the standard alphabet", SPAN("++//"), NULL },
		{ "unused bits set, one byte", SPAN("Zh"), NULL },
		{ "unused bits set, two bytes", SPAN("Zm9"), NULL },
		{ "a line feed", SPAN("Zm9v\n"), NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_buf raw;

		row(t[i].what);
		buf_init(&raw, 100);
		assert_int_equal(base64url_decode(&raw, t[i].in),
		    t[i].raw != NULL ? 0 : ERR_INVALID);
		check_text(buf_span(&raw), t[i].raw != NULL ? t[i].raw : "");
	}
}

static void
t_base64_limit(void **state)
{
	auto_buf b;
	(void)state;

	buf_init(&b, 3);
	assert_int_equal(base64_decode(&b, SPAN("Zm9v")), 0);
	assert_int_equal(base64_decode(&b, SPAN("Zg==")), ERR_LIMIT);
	buf_reset(&b);
	base64_encode(&b, SPAN("x"));
	assert_int_equal(buf_check(&b), ERR_LIMIT);
}

static void
t_uuid(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		int ret;
	} t[] = {
		{ "any version is read", SPAN("01234567-89ab-cdef-0123-456789abcdef"),
		    0 },
		{ "upper case", SPAN("01234567-89AB-CDEF-0123-456789ABCDEF"), 0 },
		{ "one short", SPAN("01234567-89ab-cdef-0123-456789abcde"), ERR_INVALID },
		{ "one long", SPAN("01234567-89ab-cdef-0123-456789abcdef0"),
		    ERR_INVALID },
		{ "hyphen misplaced", SPAN("0123456-789ab-cdef-0123-456789abcdef"),
		    ERR_INVALID },
		{ "no hyphens", SPAN("0123456789abcdef0123456789abcdef----"),
		    ERR_INVALID },
		{ "not hexadecimal", SPAN("0123456g-89ab-cdef-0123-456789abcdef"),
		    ERR_INVALID },
		{ "nothing", SPAN(""), ERR_INVALID },
	};
	static const uint8_t ones[16] = { [0 ... 15] = 0xff }, zeros[16];
	static const uint8_t want[16] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
		0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };
	char text[UUID_LEN + 1];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint8_t raw[16];

		row(t[i].what);
		assert_int_equal(uuid_parse(raw, t[i].in), t[i].ret);
		if (t[i].ret == 0)
			assert_memory_equal(raw, want, 16);
	}
	uuid_format(text, ones);
	assert_string_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
	uuid_format(text, zeros);
	assert_string_equal(text, "00000000-0000-4000-8000-000000000000");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_hex),
		cmocka_unit_test(t_base64_vectors),
		cmocka_unit_test(t_base64_refuses),
		cmocka_unit_test(t_base64url),
		cmocka_unit_test(t_base64_limit),
		cmocka_unit_test(t_uuid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
