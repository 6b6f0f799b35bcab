/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/http1.h, heads: what is understood, what is refused, and the limits.  Every row
 * runs with the bytes in one piece, one by one, and in sevens.
 */
#include "codec/http1.h"

#include "unit/check.h"
#include "unit/codec/http1_trace.h"

enum { MAX_HEAD = 512 };

static void
expect(bool is_request, const char *what, struct span in, const char *want)
{
	static const size_t steps[] = { 100000, 1, 7 };

	row(what);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct http1 *h = http1_new(is_request, MAX_HEAD);
		struct trace t = { 0 };

		buf_init(&t.out, 1 << 20);
		trace_run(&t, h, in, steps[i], false);
		check_text(buf_span(&t.out), want);
		buf_fini(&t.out);
		http1_free(h);
	}
}

struct request_row {
	const char *what;
	struct span in;
	const char *want;
};

static void
t_requests(void **state)
{
	static const struct request_row t[] = {
		{ "no body", SPAN("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), "HEAD DONE" },
		{ "with a length",
		    SPAN("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"),
		    "HEAD BODY(abc) DONE" },
		{ "length of zero", SPAN("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"),
		    "HEAD DONE" },
		{ "half a head", SPAN("GET / HTTP/1.1\r\nHost: h\r\n"), "" },
		{ "two in one packet",
		    SPAN("GET /a HTTP/1.1\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: "
			 "1\r\n\r\nxGET /c HTTP/1.1\r\n\r\n"),
		    "HEAD DONE HEAD BODY(x) DONE HEAD DONE" },
		{ "empty lines first", SPAN("\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
		    "HEAD DONE" },
		{ "after close nothing is read",
		    SPAN("GET / HTTP/1.1\r\nConnection: close\r\n\r\nGET / "
			 "HTTP/1.1\r\n\r\n"),
		    "HEAD DONE INVALID" },
		{ "HTTP/1.0", SPAN("GET / HTTP/1.0\r\n\r\n"), "HEAD DONE" },
		{ "websocket upgrade",
		    SPAN("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: "
			 "Upgrade\r\n\r\n\x81\x00"),
		    "HEAD UPGRADE" },
		{ "other upgrades are ignored",
		    SPAN("GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade, "
			 "HTTP2-Settings\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
		    "HEAD DONE HEAD DONE" },
		{ "Upgrade without Connection",
		    SPAN("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\nGET / "
			 "HTTP/1.1\r\n\r\n"),
		    "HEAD DONE HEAD DONE" },
		{ "CONNECT", SPAN("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n\x16\x03"),
		    "HEAD UPGRADE" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		expect(true, t[i].what, t[i].in, t[i].want);
}

/* The rule each row breaks is in RFC 9112; two hops may differ in how they mend it. */
static const struct request_row smuggled[] = {
	{ "length and chunked",
	    SPAN("POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n"),
	    "INVALID" },
	{ "chunked and length",
	    SPAN("POST / HTTP/1.1\r\nTransfer-Encoding: "
		 "chunked\r\nContent-Length: "
		 "3\r\n\r\n"),
	    "INVALID" },
	{ "two lengths",
	    SPAN("POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: "
		 "4\r\n\r\n"),
	    "INVALID" },
	{ "two equal lengths",
	    SPAN("POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: "
		 "3\r\n\r\n"),
	    "INVALID" },
	{ "list of lengths", SPAN("POST / HTTP/1.1\r\nContent-Length: 3, 3\r\n\r\n"),
	    "INVALID" },
	{ "signed length", SPAN("POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\n"),
	    "INVALID" },
	{ "negative length", SPAN("POST / HTTP/1.1\r\nContent-Length: -3\r\n\r\n"),
	    "INVALID" },
	{ "hexadecimal length", SPAN("POST / HTTP/1.1\r\nContent-Length: 0x3\r\n\r\n"),
	    "INVALID" },
	{ "empty length", SPAN("POST / HTTP/1.1\r\nContent-Length:\r\n\r\n"), "INVALID" },
	{ "length over 63 bits",
	    SPAN("POST / HTTP/1.1\r\nContent-Length: 9223372036854775808\r\n\r\n"),
	    "INVALID" },
	{ "other encoding", SPAN("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"),
	    "INVALID" },
	{ "list of encodings",
	    SPAN("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
	    "INVALID" },
	{ "chunked twice",
	    SPAN("POST / HTTP/1.1\r\nTransfer-Encoding: "
		 "chunked\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n"),
	    "INVALID" },
	{ "hidden chunked",
	    SPAN("POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n"), "INVALID" },
	{ "chunked in HTTP/1.0",
	    SPAN("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), "INVALID" },
	{ "folded header", SPAN("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"), "INVALID" },
	{ "folded with a tab", SPAN("GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n"), "INVALID" },
	{ "blank before the first header", SPAN("GET / HTTP/1.1\r\n A: b\r\n\r\n"),
	    "INVALID" },
	{ "blank before the colon", SPAN("GET / HTTP/1.1\r\nA : b\r\n\r\n"), "INVALID" },
	{ "tab before the colon", SPAN("GET / HTTP/1.1\r\nA\t: b\r\n\r\n"), "INVALID" },
	{ "bare LF after the request line", SPAN("GET / HTTP/1.1\nA: b\r\n\r\n"),
	    "INVALID" },
	{ "bare LF after a header", SPAN("GET / HTTP/1.1\r\nA: b\n\r\n"), "INVALID" },
	{ "bare LF at the end", SPAN("GET / HTTP/1.1\r\nA: b\r\n\n"), "INVALID" },
	{ "bare CR in a value", SPAN("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n"), "INVALID" },
	{ "bare LF before the message", SPAN("\nGET / HTTP/1.1\r\n\r\n"), "INVALID" },
	{ "NUL in a value", SPAN("GET / HTTP/1.1\r\nA: b\0c\r\n\r\n"), "INVALID" },
	{ "NUL in a name", SPAN("GET / HTTP/1.1\r\nA\0: b\r\n\r\n"), "INVALID" },
	{ "control byte in a value", SPAN("GET / HTTP/1.1\r\nA: b\x01\r\n\r\n"),
	    "INVALID" },
	{ "no colon", SPAN("GET / HTTP/1.1\r\nAb\r\n\r\n"), "INVALID" },
	{ "empty name", SPAN("GET / HTTP/1.1\r\n: b\r\n\r\n"), "INVALID" },
	{ "two Hosts", SPAN("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), "INVALID" },
	{ "two blanks before the target", SPAN("GET  / HTTP/1.1\r\n\r\n"), "INVALID" },
	{ "two blanks before the version", SPAN("GET /  HTTP/1.1\r\n\r\n"), "INVALID" },
	{ "tab in the request line", SPAN("GET\t/ HTTP/1.1\r\n\r\n"), "INVALID" },
	{ "blank after the version", SPAN("GET / HTTP/1.1 \r\n\r\n"), "INVALID" },
	{ "blank before the method", SPAN(" GET / HTTP/1.1\r\n\r\n"), "INVALID" },
	{ "no version", SPAN("GET /\r\n\r\n"), "INVALID" },
	{ "HTTP/2.0", SPAN("GET / HTTP/2.0\r\n\r\n"), "INVALID" },
	{ "HTTP/1.2", SPAN("GET / HTTP/1.2\r\n\r\n"), "INVALID" },
	{ "HTTP/0.9", SPAN("GET / HTTP/0.9\r\n\r\n"), "INVALID" },
	{ "unknown method", SPAN("FROB / HTTP/1.1\r\n\r\n"), "INVALID" },
	{ "TLS on the plain port", SPAN("\x16\x03\x01\x02\x00\x01"), "INVALID" },
	{ "upgrade with a body",
	    SPAN("GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: "
		 "Upgrade\r\nContent-Length: 5\r\n\r\nhello"),
	    "INVALID" },
	{ "upgrade with chunks",
	    SPAN("GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: "
		 "Upgrade\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	    "INVALID" },
};

static void
t_smuggling(void **state)
{
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(smuggled); i++)
		expect(true, smuggled[i].what, smuggled[i].in, smuggled[i].want);
}

/* A head of exactly n bytes. */
static void
make_head(struct buf *b, size_t n)
{
	buf_reset(b);
	buf_add_str(b, "GET / HTTP/1.1\r\nA: ");
	while (b->len < n - 4)
		buf_add_u8(b, 'x');
	buf_add_str(b, "\r\n\r\n");
	assert_int_equal(b->len, n);
}

static void
t_limits(void **state)
{
	auto_buf b;
	(void)state;

	buf_init(&b, 1 << 20);
	make_head(&b, MAX_HEAD);
	expect(true, "head as large as allowed", buf_span(&b), "HEAD DONE");
	make_head(&b, MAX_HEAD + 1);
	expect(true, "one byte more", buf_span(&b), "LIMIT");
	make_head(&b, 100000);
	expect(true, "far more", buf_span(&b), "LIMIT");

	buf_reset(&b);
	for (int i = 0; i < 300; i++)
		buf_add_str(&b, "\r\n");
	expect(true, "empty lines for ever", buf_span(&b), "LIMIT");

	buf_reset(&b);
	make_head(&b, MAX_HEAD);
	auto_free char *one = span_dup(buf_span(&b));
	buf_add_str(&b, one);
	expect(true, "the limit is for each head", buf_span(&b), "HEAD DONE HEAD DONE");
}

static void
t_header_count(void **state)
{
	(void)state;

	for (int n = HTTP1_HEADERS_MAX; n <= HTTP1_HEADERS_MAX + 1; n++) {
		struct http1 *h = http1_new(true, 100000);
		struct span body;
		size_t used;
		auto_buf b;
		int want = n > HTTP1_HEADERS_MAX ? ERR_LIMIT : HTTP1_HEAD;

		buf_init(&b, 100000);
		buf_add_str(&b, "GET / HTTP/1.1\r\n");
		for (int i = 0; i < n; i++)
			buf_addf(&b, "N%d: %d\r\n", i, i * i);
		buf_add_str(&b, "\r\n");
		assert_int_equal(http1_feed(h, buf_span(&b), &used, &body), want);
		/* Errors stay. */
		if (want < 0)
			assert_int_equal(http1_feed(h, SPAN("x"), &used, &body), want);
		else
			check_text(http1_get(http1_head(h), "n99"), "9801");
		http1_free(h);
	}
}

static void
t_fields(void **state)
{
	struct span in =
	    SPAN("POST /a%20b?c=d HTTP/1.1\r\nHost: \t x.example \t\r\nEmpty:\r\n"
		 "X-UTF: \xc3\xa4\r\nExpect: 100-Continue\r\nx-two: 1\r\nX-TWO: "
		 "2\r\nContent-Length: 12\r\n\r\n");
	static const size_t steps[] = { 100000, 1, 5 };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct http1 *h = http1_new(true, MAX_HEAD);
		const struct http1_head *head = http1_head(h);
		struct trace t = { 0 };

		buf_init(&t.out, 1000);
		trace_run(&t, h, in, steps[i], false);
		check_text(buf_span(&t.out), "HEAD");
		buf_fini(&t.out);
		assert_string_equal(head->method, "POST");
		check_text(head->target, "/a%20b?c=d");
		assert_int_equal(head->minor, 1);
		assert_true(head->keep_alive);
		assert_false(head->chunked);
		assert_true(head->expect_continue);
		assert_false(head->upgrade);
		assert_int_equal(head->content_length, 12);
		assert_int_equal(head->nheaders, 7);
		check_text(http1_get(head, "host"), "x.example");
		check_text(http1_get(head, "EMPTY"), "");
		assert_non_null(http1_get(head, "empty").p);
		check_text(http1_get(head, "x-utf"), "\xc3\xa4");
		check_text(http1_get(head, "X-Two"), "1");
		check_text(head->headers[5].name, "X-TWO");
		assert_null(http1_get(head, "absent").p);
		http1_free(h);
	}
}

static void
t_keep_alive(void **state)
{
	static const struct {
		const char *what;
		bool is_request;
		struct span in;
		bool keep, upgrade;
	} t[] = {
		{ "1.1", true, SPAN("GET / HTTP/1.1\r\n\r\n"), true, false },
		{ "1.1 close", true, SPAN("GET / HTTP/1.1\r\nConnection: CLOSE\r\n\r\n"),
		    false, false },
		{ "1.0", true, SPAN("GET / HTTP/1.0\r\n\r\n"), false, false },
		{ "1.0 keep-alive", true,
		    SPAN("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), true,
		    false },
		{ "websocket in a list", true,
		    SPAN("GET / HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: "
			 "h2c, "
			 "WebSocket\r\n\r\n"),
		    true, true },
		{ "response without a length", false, SPAN("HTTP/1.1 200 OK\r\n\r\n"),
		    false, false },
		{ "response with one", false,
		    SPAN("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), true, false },
		{ "101", false,
		    SPAN("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: "
			 "upgrade\r\n\r\n"),
		    true, true },
		{ "426 only announces", false,
		    SPAN("HTTP/1.1 426 No\r\nUpgrade: websocket\r\nConnection: "
			 "upgrade\r\nContent-Length: 0\r\n\r\n"),
		    true, false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct http1 *h = http1_new(t[i].is_request, MAX_HEAD);
		struct span body;
		size_t used;

		row(t[i].what);
		assert_int_equal(http1_feed(h, t[i].in, &used, &body), HTTP1_HEAD);
		assert_int_equal(used, t[i].in.n);
		assert_int_equal(http1_head(h)->keep_alive, t[i].keep);
		assert_int_equal(http1_head(h)->upgrade, t[i].upgrade);
		http1_free(h);
	}
}

/* The head stays until the next message begins; shrinking drops it. */
static void
t_head_life(void **state)
{
	struct http1 *h = http1_new(true, MAX_HEAD);
	struct span body;
	size_t used;
	(void)state;

	assert_int_equal(
	    http1_feed(h, SPAN("GET /1 HTTP/1.1\r\nA: b\r\n\r\n"), &used, &body),
	    HTTP1_HEAD);
	http1_shrink(h); /* in the middle of a message: nothing happens */
	check_text(http1_head(h)->target, "/1");
	assert_int_equal(http1_feed(h, SPAN_NONE, &used, &body), HTTP1_DONE);
	assert_int_equal(http1_feed(h, SPAN_NONE, &used, &body), HTTP1_MORE);
	check_text(http1_head(h)->target, "/1");
	check_text(http1_get(http1_head(h), "a"), "b");
	http1_shrink(h);
	assert_int_equal(http1_head(h)->nheaders, 0);
	assert_int_equal(
	    http1_feed(h, SPAN("PUT /22 HTTP/1.1\r\n"), &used, &body), HTTP1_MORE);
	http1_shrink(h); /* begun: nothing happens */
	assert_int_equal(http1_feed(h, SPAN("\r\n"), &used, &body), HTTP1_HEAD);
	check_text(http1_head(h)->target, "/22");
	assert_string_equal(http1_head(h)->method, "PUT");
	http1_free(h);
	http1_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_requests),
		cmocka_unit_test(t_smuggling),
		cmocka_unit_test(t_limits),
		cmocka_unit_test(t_header_count),
		cmocka_unit_test(t_fields),
		cmocka_unit_test(t_keep_alive),
		cmocka_unit_test(t_head_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
