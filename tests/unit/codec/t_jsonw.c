/* SPDX-License-Identifier: Apache-2.0 */
/* codec/jsonw.h: commas, escapes, time stamps; the reader agrees with the writer. */
#include "codec/jsonw.h"

#include "codec/json.h"
#include "unit/check.h"

static void
t_structure(void **state)
{
	struct jsonw w;
	auto_buf b;
	(void)state;

	buf_init(&b, 1000);
	jw_init(&w, &b);
	jw_open(&w, '{');
	jw_field_str(&w, "s", "x");
	jw_field_str(&w, "n", NULL);
	jw_field_opt(&w, "left out", NULL);
	jw_field_opt(&w, "o", "y");
	jw_field_int(&w, "i", INT64_MIN);
	jw_field_bool(&w, "t", true);
	jw_field_time(&w, "at", 1795225657253);
	jw_key(&w, "empty");
	jw_open(&w, '{');
	jw_close(&w, '}');
	jw_key(&w, "list");
	jw_open(&w, '[');
	jw_open(&w, '[');
	jw_close(&w, ']');
	jw_int(&w, 1);
	jw_bool(&w, false);
	jw_null(&w);
	jw_raw(&w, SPAN("{\"raw\":1}"));
	jw_span(&w, SPAN("z"));
	jw_open(&w, '{');
	jw_field_int(&w, "k", 2);
	jw_close(&w, '}');
	jw_close(&w, ']');
	jw_field_int(&w, "last", 0);
	jw_close(&w, '}');
	assert_string_equal(buf_cstr(&b),
	    "{\"s\":\"x\",\"n\":null,\"o\":\"y\",\"i\":-9223372036854775808,\"t\":true,"
	    "\"at\":1795225657.253,\"empty\":{},\"list\":[[],1,false,null,{\"raw\":1},"
	    "\"z\","
	    "{\"k\":2}],\"last\":0}");
	auto_json *v = NULL;

	assert_int_equal(json_read(&v, buf_span(&b), NULL), 0);
}

static void
t_strings(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		const char *want;
	} t[] = {
		{ "plain", SPAN("abc/<>&'"), "\"abc/<>&'\"" },
		{ "empty", SPAN(""), "\"\"" },
		{ "none", { NULL, 0 }, "\"\"" },
		{ "quotes and backslash", SPAN("\"\\"), "\"\\\"\\\\\"" },
		{ "white space", SPAN("\n\r\t"), "\"\\n\\r\\t\"" },
		{ "control bytes", SPAN("\x01\x1f\x7f"), "\"\\u0001\\u001f\\u007f\"" },
		{ "NUL", SPAN("a\0b"), "\"a\\u0000b\"" },
		{ "UTF-8 stays", SPAN("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
		    "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"" },
		{ "invalid bytes, one each", SPAN("a\xff\x80z"),
		    "\"a\xef\xbf\xbd\xef\xbf\xbdz\"" },
		{ "surrogate", SPAN("\xed\xa0\x80"),
		    "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "cut character at the end", SPAN("a\xe2\x82"),
		    "\"a\xef\xbf\xbd\xef\xbf\xbd\"" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct jsonw w;
		auto_buf b;

		row(t[i].what);
		buf_init(&b, 1000);
		jw_init(&w, &b);
		jw_span(&w, t[i].in);
		assert_string_equal(buf_cstr(&b), t[i].want);
	}
}

static void
t_time(void **state)
{
	static const struct {
		int64_t ms;
		const char *want;
	} t[] = { { 0, "0.000" }, { 7, "0.007" }, { -1, "-0.001" }, { -1500, "-1.500" },
		{ INT64_MAX, "9223372036854775.807" },
		{ INT64_MIN, "-9223372036854775.808" } };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct jsonw w;
		auto_buf b;

		row(t[i].want);
		buf_init(&b, 100);
		jw_init(&w, &b);
		jw_time(&w, t[i].ms);
		assert_string_equal(buf_cstr(&b), t[i].want);
	}
}

static void
t_limit_sticks(void **state)
{
	struct jsonw w;
	auto_buf b;
	(void)state;

	buf_init(&b, 8);
	jw_init(&w, &b);
	jw_open(&w, '[');
	jw_str(&w, "too long for it");
	jw_close(&w, ']');
	assert_int_equal(buf_check(&b), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_structure),
		cmocka_unit_test(t_strings),
		cmocka_unit_test(t_time),
		cmocka_unit_test(t_limit_sticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
