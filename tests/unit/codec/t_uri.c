/* SPDX-License-Identifier: Apache-2.0 */
/* codec/uri.h: percent encoding, targets, URLs, form bodies. */
#include "codec/uri.h"

#include "unit/check.h"

static void
t_encode(void **state)
{
	auto_buf b;
	(void)state;

	buf_init(&b, 2000);
	uri_encode(&b, SPAN("AZaz09-_.~/ +%\xc3\xa4\0"), false);
	assert_string_equal(buf_cstr(&b), "AZaz09-_.~%2F%20%2B%25%C3%A4%00");
	buf_reset(&b);
	uri_encode(&b, SPAN("/a/b c"), true);
	assert_string_equal(buf_cstr(&b), "/a/b%20c");
	buf_fini(&b);
	buf_init(&b, 2);
	uri_encode(&b, SPAN("a/"), false);
	assert_int_equal(buf_check(&b), ERR_LIMIT);
}

static void
t_decode(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		bool plus;
		int ret;
		const char *out;
	} t[] = {
		{ "plain", SPAN("abc"), false, 0, "abc" },
		{ "nothing", SPAN(""), false, 0, "" },
		{ "either case", SPAN("%2f%2F"), false, 0, "//" },
		{ "plus stays", SPAN("a+b"), false, 0, "a+b" },
		{ "plus is a blank", SPAN("a+b%2B"), true, 0, "a b+" },
		{ "decoded once only", SPAN("%2541"), false, 0, "%41" },
		{ "any byte", SPAN("%FF%01"), false, 0, "\xff\x01" },
		{ "percent at the end", SPAN("a%"), false, ERR_INVALID, "" },
		{ "one digit", SPAN("a%4"), false, ERR_INVALID, "" },
		{ "no digits", SPAN("%zz"), false, ERR_INVALID, "" },
		{ "second digit bad", SPAN("%4g"), false, ERR_INVALID, "" },
		{ "encoded NUL", SPAN("a%00"), false, ERR_INVALID, "" },
		{ "NUL", SPAN("a\0"), false, ERR_INVALID, "" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_buf b;

		row(t[i].what);
		buf_init(&b, 100);
		assert_int_equal(uri_decode(&b, t[i].in, t[i].plus), t[i].ret);
		check_text(buf_span(&b), t[i].out);
	}
	auto_buf small;

	buf_init(&small, 2);
	assert_int_equal(uri_decode(&small, SPAN("abc"), false), ERR_LIMIT);
}

static void
t_split(void **state)
{
	static const struct {
		struct span in;
		const char *path, *query;
	} t[] = {
		{ SPAN("/a"), "/a", "" },
		{ SPAN("/a?"), "/a", "" },
		{ SPAN("/a?b=c"), "/a", "b=c" },
		{ SPAN("/a?b?c"), "/a", "b?c" },
		{ SPAN("?b"), "", "b" },
		{ SPAN(""), "", "" },
		{ { NULL, 0 }, "", "" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct span path, query;

		uri_split_target(t[i].in, &path, &query);
		check_text(path, t[i].path);
		check_text(query, t[i].query);
	}
}

static void
t_url(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		int ret;
		const char *scheme, *host;
		uint16_t port;
		const char *target;
	} t[] = {
		{ "whole", SPAN("https://h.example:8443/a?b=c"), 0, "https", "h.example",
		    8443, "/a?b=c" },
		{ "bare", SPAN("http://h"), 0, "http", "h", 0, "" },
		{ "case of scheme and host", SPAN("WSS://H.Example/P"), 0, "wss",
		    "h.example", 0, "/P" },
		{ "IPv4", SPAN("http://127.0.0.1:80"), 0, "http", "127.0.0.1", 80, "" },
		{ "IPv6", SPAN("https://[::1]:443/"), 0, "https", "::1", 443, "/" },
		{ "IPv6 without a port", SPAN("https://[fe80::A]"), 0, "https", "fe80::a",
		    0, "" },
		{ "largest port", SPAN("http://h:65535"), 0, "http", "h", 65535, "" },
		{ "port 0", SPAN("http://h:0"), ERR_INVALID, NULL, NULL, 0, NULL },
		{ "port 65536", SPAN("http://h:65536"), ERR_INVALID, NULL, NULL, 0,
		    NULL },
		{ "empty port", SPAN("http://h:/"), ERR_INVALID, NULL, NULL, 0, NULL },
		{ "port with a sign", SPAN("http://h:+1/"), ERR_INVALID, NULL, NULL, 0,
		    NULL },
		{ "no scheme", SPAN("h/a"), ERR_INVALID, NULL, NULL, 0, NULL },
		{ "empty scheme", SPAN("://h"), ERR_INVALID, NULL, NULL, 0, NULL },
		{ "scheme too long", SPAN("abcdefgh://h"), ERR_INVALID, NULL, NULL, 0,
		    NULL },
		{ "one slash", SPAN("http:/h"), ERR_INVALID, NULL, NULL, 0, NULL },
		{ "no host", SPAN("http:///a"), ERR_INVALID, NULL, NULL, 0, NULL },
		{ "user", SPAN("http://u:p@h/"), ERR_INVALID, NULL, NULL, 0, NULL },
		{ "open bracket", SPAN("http://[::1"), ERR_INVALID, NULL, NULL, 0, NULL },
		{ "brackets around a name", SPAN("http://[abc]"), ERR_INVALID, NULL, NULL,
		    0, NULL },
		{ "text behind the bracket", SPAN("http://[::1]x"), ERR_INVALID, NULL,
		    NULL, 0, NULL },
		{ "escape in the host", SPAN("http://a%2e/"), ERR_INVALID, NULL, NULL, 0,
		    NULL },
		{ "backslash", SPAN("http://h\\@evil/"), ERR_INVALID, NULL, NULL, 0,
		    NULL },
		{ "query without a path", SPAN("http://h?x"), ERR_INVALID, NULL, NULL, 0,
		    NULL },
		{ "fragment", SPAN("http://h/#x"), ERR_INVALID, NULL, NULL, 0, NULL },
		{ "blank", SPAN("http://h/a b"), ERR_INVALID, NULL, NULL, 0, NULL },
		{ "line feed", SPAN("http://h/a\r\nX: y"), ERR_INVALID, NULL, NULL, 0,
		    NULL },
		{ "NUL", SPAN("http://h\0/"), ERR_INVALID, NULL, NULL, 0, NULL },
		{ "high byte", SPAN("http://h/\xc3\xa4"), ERR_INVALID, NULL, NULL, 0,
		    NULL },
		{ "nothing", SPAN(""), ERR_INVALID, NULL, NULL, 0, NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct fault f = { 0 };
		struct url u;

		row(t[i].what);
		assert_int_equal(url_parse(&u, t[i].in, &f), t[i].ret);
		if (t[i].ret != 0) {
			assert_true(strlen(f.text) > 0);
			continue;
		}
		assert_string_equal(u.scheme, t[i].scheme);
		assert_string_equal(u.host, t[i].host);
		assert_int_equal(u.port, t[i].port);
		check_text(u.target, t[i].target);
	}
}

static void
t_url_host_length(void **state)
{
	struct url u;
	(void)state;

	for (int n = 255; n <= 256; n++) {
		auto_free char *s = xasprintf("http://%0*d/", n, 1);

		assert_int_equal(
		    url_parse(&u, span_str(s), NULL), n == 255 ? 0 : ERR_INVALID);
	}
}

static void
t_query(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		int ret;
		const char *pairs; /* [name=value] */
	} t[] = {
		{ "two", SPAN("a=b&c=d"), 0, "[a=b][c=d]" },
		{ "nothing", SPAN(""), 0, "" },
		{ "none", { NULL, 0 }, 0, "" },
		{ "no value", SPAN("a&b="), 0, "[a=][b=]" },
		{ "no name", SPAN("=b"), 0, "[=b]" },
		{ "equals in the value", SPAN("a=b=c"), 0, "[a=b=c]" },
		{ "escapes and blanks", SPAN("a%26=%3D+%2b"), 0, "[a&== +]" },
		{ "empty pieces are dropped", SPAN("&&a=b&"), 0, "[a=b]" },
		{ "order and repetition are kept", SPAN("a=1&b=2&a=3"), 0,
		    "[a=1][b=2][a=3]" },
		{ "bad escape in a name", SPAN("a%=b"), ERR_INVALID, "" },
		{ "bad escape in a value", SPAN("a=%1"), ERR_INVALID, "" },
		{ "NUL", SPAN("a=%00"), ERR_INVALID, "" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct query q;
		auto_arena mem;
		auto_buf b;

		row(t[i].what);
		arena_init(&mem);
		buf_init(&b, 1000);
		assert_int_equal(query_parse(&q, &mem, t[i].in), t[i].ret);
		for (size_t k = 0; t[i].ret == 0 && k < q.n; k++)
			buf_addf(&b, "[%s=%s]", q.pairs[k].name, q.pairs[k].value);
		assert_string_equal(buf_cstr(&b), t[i].pairs);
	}
}

static void
t_query_get_and_limit(void **state)
{
	struct query q;
	auto_arena mem;
	auto_buf b;
	(void)state;

	arena_init(&mem);
	assert_int_equal(query_parse(&q, &mem, SPAN("a=1&b=2&a=3")), 0);
	assert_string_equal(query_get(&q, "a"), "1");
	assert_string_equal(query_get(&q, "b"), "2");
	assert_null(query_get(&q, "A"));

	buf_init(&b, 100000);
	for (int i = 0; i < QUERY_PAIRS_MAX; i++)
		buf_add_str(&b, i == 0 ? "x" : "&x");
	assert_int_equal(query_parse(&q, &mem, buf_span(&b)), 0);
	assert_int_equal(q.n, QUERY_PAIRS_MAX);
	buf_add_str(&b, "&x");
	assert_int_equal(query_parse(&q, &mem, buf_span(&b)), ERR_LIMIT);
	assert_int_equal(q.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_encode),
		cmocka_unit_test(t_decode),
		cmocka_unit_test(t_split),
		cmocka_unit_test(t_url),
		cmocka_unit_test(t_url_host_length),
		cmocka_unit_test(t_query),
		cmocka_unit_test(t_query_get_and_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
