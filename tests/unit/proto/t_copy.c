/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/copy.h"

#include "crypto/crypto.h"
#include "unit/check.h"

#define TIMES              \
	"\0\0\0\0\0\0\0\1" \
	"\0\0\0\2"         \
	"\0\0\0\0\0\0\0\3" \
	"\0\0\0\4"
#define DIGEST "0123456789abcdef0123456789abcdef"
#define BIG    "\x7f\xff\xff\xff\xff\xff\xff\xff"

static void
t_heads(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		int ret;
		size_t len;
	} t[] = {
		{ "nothing", SPAN(""), ERR_AGAIN, 0 },
		{ "four bytes", SPAN("\0\0\0\0"), ERR_AGAIN, 0 },
		{ "no type", SPAN("\0\0\0\0\0"), ERR_PROTOCOL, 0 },
		{ "a type between two known ones", SPAN("\0\0\0\0\x05"), ERR_PROTOCOL,
		    0 },
		{ "the type after the last", SPAN("\0\0\0\0\x32"), ERR_PROTOCOL, 0 },
		{ "the largest type", SPAN("\0\0\0\0\xff"), ERR_PROTOCOL, 0 },
		{ "UP", SPAN("\0\0\0\0\x11"), 0, 0 },
		{ "UP with a body", SPAN("\0\0\0\1\x11"), ERR_PROTOCOL, 0 },
		{ "DATA of nothing", SPAN("\0\0\0\0\x14"), 0, 0 },
		{ "the longest DATA", SPAN("\0\4\0\0\x14"), 0, COPY_DATA_MAX },
		{ "a longer one", SPAN("\0\4\0\1\x14"), ERR_PROTOCOL, 0 },
		{ "4 GiB of DATA", SPAN("\xff\xff\xff\xff\x14"), ERR_PROTOCOL, 0 },
		{ "END without all of its digest", SPAN("\0\0\0\x1f\x15"), ERR_PROTOCOL,
		    0 },
		{ "END", SPAN("\0\0\0\x20\x15"), 0, 32 },
		{ "PUT to the longest path", SPAN("\0\0\x10\3\1"), 0, 4 + COPY_PATH_MAX },
		{ "PUT to a longer one", SPAN("\0\0\x10\4\1"), ERR_PROTOCOL, 0 },
		{ "FILE of the longest name", SPAN("\0\0\1\x25\x12"), 0,
		    38 + COPY_NAME_MAX },
		{ "FILE of a longer one", SPAN("\0\0\1\x26\x12"), ERR_PROTOCOL, 0 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		enum copy_type type;
		size_t len = 0;

		row(t[i].what);
		assert_int_equal(copy_head_decode(&type, &len, t[i].in), t[i].ret);
		if (t[i].ret == 0)
			assert_int_equal(len, t[i].len);
	}
}

static void
t_bodies(void **state)
{
	static const struct {
		const char *what;
		enum copy_type type;
		struct span in;
		int ret;
	} t[] = {
		{ "PUT with all flags", COPY_PUT, SPAN("\0\1\0\7/srv"), 0 },
		{ "PUT with a flag of tomorrow", COPY_PUT, SPAN("\0\1\0\x8/srv"),
		    ERR_PROTOCOL },
		{ "PUT home", COPY_PUT, SPAN("\0\1\0\0"), 0 },
		{ "PUT of another version: for the program to refuse", COPY_PUT,
		    SPAN("\0\2\0\0x"), 0 },
		{ "GET with a NUL in the path", COPY_GET, SPAN("\0\1\0\0/etc\0/x"),
		    ERR_PROTOCOL },
		{ "GET cut short", COPY_GET, SPAN("\0\1\0"), ERR_PROTOCOL },
		{ "DIR", COPY_DIR, SPAN("\0\0\1\xff" TIMES "a"), 0 },
		{ "DIR of the destination itself", COPY_DIR, SPAN("\0\0\1\xff" TIMES),
		    0 },
		{ "DIR ..", COPY_DIR, SPAN("\0\0\1\xff" TIMES ".."), ERR_PROTOCOL },
		{ "DIR a/b", COPY_DIR, SPAN("\0\0\1\xff" TIMES "a/b"), ERR_PROTOCOL },
		{ "DIR with set-user-id", COPY_DIR, SPAN("\0\0\x09\xff" TIMES "a"),
		    ERR_PROTOCOL },
		{ "FILE", COPY_FILE, SPAN("\0\1\0\0\1\xb4" TIMES BIG "a b\n\xff"), 0 },
		{ "FILE without a name", COPY_FILE, SPAN("\0\0\0\0\1\xb4" TIMES BIG),
		    ERR_PROTOCOL },
		{ "FILE .", COPY_FILE, SPAN("\0\0\0\0\1\xb4" TIMES BIG "."),
		    ERR_PROTOCOL },
		{ "FILE /etc/passwd", COPY_FILE,
		    SPAN("\0\0\0\0\1\xb4" TIMES BIG "/etc/passwd"), ERR_PROTOCOL },
		{ "FILE with a NUL", COPY_FILE, SPAN("\0\0\0\0\1\xb4" TIMES BIG "a\0b"),
		    ERR_PROTOCOL },
		{ "FILE of a negative size", COPY_FILE,
		    SPAN("\0\0\0\0\1\xb4" TIMES "\x80\0\0\0\0\0\0\0a"), ERR_PROTOCOL },
		{ "FILE with 1,000,000,000 ns", COPY_FILE,
		    SPAN("\0\0\0\0\1\xb4\0\0\0\0\0\0\0\1\x3b\x9a\xca\0"
			 "\0\0\0\0\0\0\0\3\0\0\0\4" BIG "a"),
		    ERR_PROTOCOL },
		{ "HAVE", COPY_HAVE, SPAN(BIG DIGEST), 0 },
		{ "HAVE of a negative size", COPY_HAVE, SPAN("\xff\0\0\0\0\0\0\0" DIGEST),
		    ERR_PROTOCOL },
		{ "RESULT with words", COPY_RESULT, SPAN("\1" DIGEST "no"), 0 },
		{ "RESULT of an unknown kind", COPY_RESULT, SPAN("\3" DIGEST),
		    ERR_PROTOCOL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct copy_msg m;

		row(t[i].what);
		assert_int_equal(copy_decode(&m, t[i].type, t[i].in), t[i].ret);
	}
}

static void
t_values(void **state)
{
	struct copy_msg m = { .type = COPY_FILE,
		.flags = COPY_ASK,
		.mode = 0640,
		.times = { -1, 1700000000, 999999999, 7 },
		.size = (uint64_t)5 << 40,
		.text = SPAN("name") };
	auto_buf out = { .max = 1000 };
	enum copy_type type;
	struct copy_msg back;
	size_t len;
	(void)state;

	copy_encode(&out, &m);
	assert_int_equal(copy_head_decode(&type, &len, buf_span(&out)), 0);
	assert_int_equal(type, COPY_FILE);
	assert_int_equal(len, out.len - COPY_HEAD);
	assert_int_equal(
	    copy_decode(&back, type, span_sub(buf_span(&out), COPY_HEAD, len)), 0);
	assert_int_equal(back.flags, COPY_ASK);
	assert_int_equal(back.mode, 0640);
	assert_true(back.times.mtime_s == -1 && back.times.mtime_ns == 999999999);
	assert_true(back.times.atime_s == 1700000000 && back.times.atime_ns == 7);
	assert_true(back.size == (uint64_t)5 << 40);
	assert_true(span_eq_str(back.text, "name"));
}

static void
t_names(void **state)
{
	static const struct {
		const char *path, *base;
	} t[] = {
		{ "a", "a" },
		{ "/srv/a", "a" },
		{ "/srv/a///", "a" },
		{ "a b\n", "a b\n" },
		{ "...", "..." },
		{ ".a", ".a" },
		/* these name nothing of their own: their contents are copied */
		{ "", "" },
		{ "/", "" },
		{ "///", "" },
		{ ".", "" },
		{ "..", "" },
		{ "a/.", "" },
		{ "a/../", "" },
	};
	char name[COPY_NAME_MAX + 2];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_true(
		    span_eq(copy_base_name(span_str(t[i].path)), span_str(t[i].base)));
	memset(name, 'a', sizeof(name));
	assert_true(copy_name_ok(span_of(name, COPY_NAME_MAX)));
	assert_false(copy_name_ok(span_of(name, COPY_NAME_MAX + 1)));
	assert_false(copy_name_ok(SPAN("a\0b")));
}

static void
t_partial_names(void **state)
{
	char a[COPY_NAME_MAX + 1], b[COPY_NAME_MAX + 1], out[3][COPY_NAME_MAX + 1];
	(void)state;

	copy_partial_name(out[0], SPAN("app.tar"));
	assert_string_equal(out[0], ".app.tar.sallyport-partial");
	memset(a, 'x', sizeof(a));
	copy_partial_name(out[0], span_of(a, 236));
	assert_int_equal(strlen(out[0]), COPY_NAME_MAX);
	memcpy(b, a, sizeof(a));
	b[COPY_NAME_MAX - 1] = 'y';
	copy_partial_name(out[0], span_of(a, 237));
	copy_partial_name(out[1], span_of(a, COPY_NAME_MAX));
	copy_partial_name(out[2], span_of(b, COPY_NAME_MAX));
	for (int i = 0; i < 3; i++)
		assert_true(copy_name_ok(span_str(out[i])));
	/* long names that differ at the end stay apart */
	assert_string_not_equal(out[0], out[1]);
	assert_string_not_equal(out[1], out[2]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_heads),
		cmocka_unit_test(t_bodies),
		cmocka_unit_test(t_values),
		cmocka_unit_test(t_names),
		cmocka_unit_test(t_partial_names),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
