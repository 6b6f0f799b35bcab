/* SPDX-License-Identifier: Apache-2.0 */
/* codec/json.h: what the strict door lets in, and the getters. */
#include "codec/json.h"

#include "unit/check.h"

static void
t_read(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		int ret;
		const char *dump;
	} t[] = {
		{ "object", SPAN(" {\"a\" : [1, 2.5, null, true]} \n"), 0,
		    "{\"a\":[1,2.5,null,true]}" },
		{ "any value", SPAN("\"x\""), 0, "\"x\"" },
		{ "escapes", SPAN("\"\\u00e4\\n\\/\""), 0, "\"\xc3\xa4\\n/\"" },
		{ "surrogate pair", SPAN("\"\\ud83d\\ude00\""), 0,
		    "\"\xf0\x9f\x98\x80\"" },
		{ "largest integer", SPAN("9223372036854775807"), 0,
		    "9223372036854775807" },
		{ "order is kept", SPAN("{\"b\":1,\"a\":2}"), 0, "{\"b\":1,\"a\":2}" },
		{ "empty key", SPAN("{\"\":1}"), 0, "{\"\":1}" },
		{ "nothing", SPAN(""), ERR_INVALID, NULL },
		{ "none", { NULL, 0 }, ERR_INVALID, NULL },
		{ "blanks", SPAN("  "), ERR_INVALID, NULL },
		{ "cut short", SPAN("{\"a\":"), ERR_INVALID, NULL },
		{ "duplicate key", SPAN("{\"a\":1,\"a\":2}"), ERR_INVALID, NULL },
		{ "duplicate by escape", SPAN("{\"a\":1,\"\\u0061\":2}"), ERR_INVALID,
		    NULL },
		{ "NUL escape", SPAN("\"a\\u0000b\""), ERR_INVALID, NULL },
		{ "NUL escape in a key", SPAN("{\"a\\u0000b\":1}"), ERR_INVALID, NULL },
		{ "NUL byte", SPAN("\"a\0b\""), ERR_INVALID, NULL },
		{ "NUL byte behind", SPAN("{}\0"), ERR_INVALID, NULL },
		{ "trailing bytes", SPAN("{} x"), ERR_INVALID, NULL },
		{ "two values", SPAN("{}{}"), ERR_INVALID, NULL },
		{ "trailing comma", SPAN("[1,]"), ERR_INVALID, NULL },
		{ "single quotes", SPAN("{'a':1}"), ERR_INVALID, NULL },
		{ "comment", SPAN("{} // x"), ERR_INVALID, NULL },
		{ "control byte", SPAN("\"a\nb\""), ERR_INVALID, NULL },
		{ "invalid UTF-8", SPAN("\"\xff\""), ERR_INVALID, NULL },
		{ "lone surrogate", SPAN("\"\\ud800\""), ERR_INVALID, NULL },
		{ "byte order mark", SPAN("\xef\xbb\xbf{}"), ERR_INVALID, NULL },
		{ "integer over 64 bits", SPAN("9223372036854775808"), ERR_INVALID,
		    NULL },
		{ "real overflow", SPAN("1e999"), ERR_INVALID, NULL },
		{ "leading zero", SPAN("01"), ERR_INVALID, NULL },
		{ "NaN", SPAN("NaN"), ERR_INVALID, NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct fault f = { 0 };
		auto_json *v = NULL;
		auto_buf out;

		row(t[i].what);
		buf_init(&out, 1000);
		assert_int_equal(json_read(&v, t[i].in, &f), t[i].ret);
		if (t[i].ret == 0) {
			json_dump(&out, v);
			assert_string_equal(buf_cstr(&out), t[i].dump);
		} else {
			assert_null(v);
			assert_int_equal(f.code, t[i].ret);
			assert_true(span_starts(span_str(f.text), "JSON line "));
		}
	}
}

static void
t_fault_keeps_secrets(void **state)
{
	struct fault f = { 0 };
	auto_json *v = NULL;
	(void)state;

	assert_int_equal(json_read(&v, SPAN("{\"Password\": hunter2}"), &f), ERR_INVALID);
	assert_null(strstr(f.text, "hunter2"));
	assert_int_equal(
	    json_read(&v, SPAN("{\"hunter2\": 1, \"hunter2\": 1}"), &f), ERR_INVALID);
	assert_null(strstr(f.text, "hunter2"));
	assert_int_equal(json_read(&v, SPAN("\"hunter2\xff"), NULL), ERR_INVALID);
}

/* n brackets with a string full of brackets inside. */
static void
nest(struct buf *b, size_t n, char open, char close)
{
	buf_reset(b);
	for (size_t i = 0; i < n; i++) {
		buf_add_u8(b, (uint8_t)open);
		if (open == '{')
			buf_add_str(b, "\"k\":");
	}
	buf_add_str(b, "\"[[[{{{\\\"[[[\"");
	for (size_t i = 0; i < n; i++)
		buf_add_u8(b, (uint8_t)close);
}

static void
t_depth(void **state)
{
	static const struct {
		const char *what;
		size_t n;
		int ret;
	} t[] = {
		{ "at the limit", JSON_DEPTH_MAX, 0 },
		{ "one deeper", JSON_DEPTH_MAX + 1, ERR_LIMIT },
		{ "far deeper", 100000, ERR_LIMIT },
	};
	auto_buf b;
	(void)state;

	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_json *a = NULL, *o = NULL;

		row(t[i].what);
		nest(&b, t[i].n, '[', ']');
		assert_int_equal(json_read(&a, buf_span(&b), NULL), t[i].ret);
		nest(&b, t[i].n, '{', '}');
		assert_int_equal(json_read(&o, buf_span(&b), NULL), t[i].ret);
	}
}

static void
t_getters(void **state)
{
	auto_json *o = NULL;
	(void)state;

	assert_int_equal(
	    json_read(&o,
		SPAN("{\"s\":\"text\",\"n\":null,\"i\":7,\"r\":1.5,\"t\":true,"
		     "\"ts\":\"true\",\"fs\":\"false\",\"x\":\"yes\",\"o\":{},"
		     "\"a\":[],\"CamelCase\":\"v\",\"MIX\":\"1\",\"mix\":\"2\"}"),
		NULL),
	    0);
	assert_string_equal(json_get_str(o, "s"), "text");
	assert_null(json_get_str(o, "absent"));
	assert_null(json_get_str(o, "n"));
	assert_null(json_get_str(o, "i"));
	assert_null(json_get_str(NULL, "s"));
	assert_int_equal(json_get_int(o, "i", -1), 7);
	assert_int_equal(json_get_int(o, "r", -1), -1);
	assert_int_equal(json_get_int(o, "s", -1), -1);
	assert_true(json_get_bool(o, "t", false));
	assert_true(json_get_bool(o, "ts", false));
	assert_false(json_get_bool(o, "fs", true));
	assert_true(json_get_bool(o, "x", true));
	assert_false(json_get_bool(o, "absent", false));
	assert_non_null(json_get_obj(o, "o"));
	assert_null(json_get_obj(o, "a"));
	assert_non_null(json_get_arr(o, "a"));
	assert_null(json_get_arr(o, "o"));
	assert_string_equal(json_get_str_ci(o, "camelcase"), "v");
	assert_string_equal(json_get_str_ci(o, "mix"), "2"); /* the exact one wins */
	assert_string_equal(json_get_str_ci(o, "Mix"), "1");
	assert_null(json_get_str_ci(o, "I"));
	assert_null(json_get_str_ci(NULL, "s"));
}

static void
t_dump_limit(void **state)
{
	auto_json *v = NULL;
	auto_buf out;
	(void)state;

	buf_init(&out, 6);
	assert_int_equal(json_read(&v, SPAN("[1,2,3]"), NULL), 0);
	json_dump(&out, v);
	assert_int_equal(buf_check(&out), ERR_LIMIT);
	buf_reset(&out);
	json_dump(&out, NULL);
	assert_string_equal(buf_cstr(&out), "null");
}

/* --- what is freed ------------------------------------------------------------------ */

void __real_free(void *p);
void __wrap_free(void *p);

static const void *watched;
static bool still_there;

/* The linker puts this between the code under test and the allocator. */
void
__wrap_free(void *p)
{
	if (p != NULL && p == watched)
		still_there = *(const char *)p != '\0';
	__real_free(p);
}

static void
t_freed(void **state)
{
	static const struct span in =
	    SPAN("{\"TokenValue\":\"not to be found on a heap\"}");
	json_t *v;
	(void)state;

	json_setup();
	assert_int_equal(json_read(&v, in, NULL), 0);
	watched = json_get_str(v, "TokenValue");
	still_there = true;
	json_decref(v);
	watched = NULL;
	assert_false(still_there);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_read),
		cmocka_unit_test(t_fault_keeps_secrets),
		cmocka_unit_test(t_depth),
		cmocka_unit_test(t_getters),
		cmocka_unit_test(t_dump_limit),
		cmocka_unit_test(t_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
