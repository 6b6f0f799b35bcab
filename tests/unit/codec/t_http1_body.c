/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/http1.h, bodies: lengths, chunks, trailers, responses that end with the
 * connection.  Every row runs with the bytes in one piece, one by one, and in threes.
 */
#include "codec/http1.h"

#include "unit/check.h"
#include "unit/codec/http1_trace.h"

enum { MAX_HEAD = 512 };

#define CHUNKED "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"

static void
expect(struct http1 *(*make)(void), const char *what, struct span in, const char *want)
{
	static const size_t steps[] = { 100000, 1, 3 };

	row(what);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct http1 *h = make();
		struct trace t = { 0 };

		buf_init(&t.out, 1 << 20);
		trace_run(&t, h, in, steps[i], true);
		check_text(buf_span(&t.out), want);
		buf_fini(&t.out);
		http1_free(h);
	}
}

static struct http1 *
server(void)
{
	return http1_new(true, MAX_HEAD);
}

static struct http1 *
client(void)
{
	return http1_new(false, MAX_HEAD);
}

static struct http1 *
client_of_head(void)
{
	struct http1 *h = http1_new(false, MAX_HEAD);

	http1_expect_no_body(h);
	return h;
}

struct body_row {
	const char *what;
	struct span in;
	const char *want;
};

/* Agent-protocol 10.4: stock agents send chunks. */
static void
t_chunked(void **state)
{
	static const struct body_row t[] = {
		{ "one chunk", SPAN(CHUNKED "3\r\nabc\r\n0\r\n\r\n"),
		    "HEAD BODY(abc) DONE" },
		{ "several",
		    SPAN(CHUNKED "3\r\nabc\r\n0a\r\n0123456789\r\n1\r\nz\r\n0\r\n\r\n"),
		    "HEAD BODY(abc0123456789z) DONE" },
		{ "none", SPAN(CHUNKED "0\r\n\r\n"), "HEAD DONE" },
		{ "upper case size", SPAN(CHUNKED "A\r\n0123456789\r\n0\r\n\r\n"),
		    "HEAD BODY(0123456789) DONE" },
		{ "the body may hold anything",
		    SPAN(CHUNKED "6\r\n\r\n \n\r\t\r\n0\r\n\r\n"),
		    "HEAD BODY(\r\n \n\r\t) DONE" },
		{ "extension", SPAN(CHUNKED "3;a=b\r\nabc\r\n0\r\n\r\n"),
		    "HEAD BODY(abc) DONE" },
		{ "trailers are dropped",
		    SPAN(CHUNKED "1\r\na\r\n0\r\nX: y\r\nZ: w\r\n\r\n"),
		    "HEAD BODY(a) DONE" },
		{ "next message",
		    SPAN(CHUNKED "1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
		    "HEAD BODY(a) DONE HEAD DONE" },
		{ "cut in a chunk", SPAN(CHUNKED "5\r\nabc"), "HEAD BODY(abc) CLOSED" },
		{ "cut after a chunk", SPAN(CHUNKED "3\r\nabc\r\n"),
		    "HEAD BODY(abc) CLOSED" },
		{ "cut before the last line", SPAN(CHUNKED "0\r\n"), "HEAD CLOSED" },
		{ "size is no number", SPAN(CHUNKED "x\r\n"), "HEAD INVALID" },
		{ "no size", SPAN(CHUNKED "\r\n"), "HEAD INVALID" },
		{ "negative size", SPAN(CHUNKED "-1\r\n"), "HEAD INVALID" },
		{ "0x in front of the size", SPAN(CHUNKED "0x3\r\nabc\r\n"),
		    "HEAD INVALID" },
		{ "size over 64 bits", SPAN(CHUNKED "10000000000000000\r\n"),
		    "HEAD INVALID" },
		{ "bare LF after the size", SPAN(CHUNKED "3\nabc\r\n0\r\n\r\n"),
		    "HEAD INVALID" },
		{ "bare LF after an extension", SPAN(CHUNKED "3;a\nabc\r\n0\r\n\r\n"),
		    "HEAD INVALID" },
		{ "blank before the size", SPAN(CHUNKED " 3\r\nabc\r\n0\r\n\r\n"),
		    "HEAD INVALID" },
		{ "chunk longer than its size", SPAN(CHUNKED "3\r\nabcd\r\n0\r\n\r\n"),
		    "HEAD BODY(abc) INVALID" },
		{ "bare LF after the data", SPAN(CHUNKED "3\r\nabc\n0\r\n\r\n"),
		    "HEAD BODY(abc) INVALID" },
		{ "folded trailer", SPAN(CHUNKED "0\r\nX: y\r\n z\r\n\r\n"),
		    "HEAD INVALID" },
		{ "bare LF in trailers", SPAN(CHUNKED "0\r\nX: y\n\r\n"),
		    "HEAD INVALID" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		expect(server, t[i].what, t[i].in, t[i].want);
}

/* What a peer can send without ever delivering body is bounded by the head limit. */
static void
t_framing_limit(void **state)
{
	auto_buf b;
	(void)state;

	buf_init(&b, 100000);
	buf_add_str(&b, CHUNKED "3;");
	for (int i = 0; i < MAX_HEAD; i++)
		buf_add_u8(&b, 'e');
	buf_add_str(&b, "\r\nabc\r\n0\r\n\r\n");
	row("endless chunk extension");
	for (size_t step = 1; step < 100; step += 98) {
		struct http1 *h = server();
		struct trace t = { 0 };

		buf_init(&t.out, 1000);
		trace_run(&t, h, buf_span(&b), step, false);
		check_text(buf_span(&t.out), "HEAD LIMIT");
		buf_fini(&t.out);
		http1_free(h);
	}
	buf_reset(&b);
	buf_add_str(&b, CHUNKED "0\r\n");
	for (int i = 0; i < 200; i++)
		buf_add_str(&b, "T: v\r\n");
	buf_add_str(&b, "\r\n");
	expect(server, "endless trailers", buf_span(&b), "HEAD LIMIT");

	buf_reset(&b);
	buf_add_str(&b, CHUNKED);
	for (int i = 0; i < 1000; i++)
		buf_add_str(&b, "1\r\nx\r\n");
	buf_add_str(&b, "0\r\n\r\n");
	auto_free char *xs = xmalloc(1001);
	memset(xs, 'x', 1000);
	xs[1000] = '\0';
	auto_free char *want = xasprintf("HEAD BODY(%s) DONE", xs);
	expect(server, "many small chunks are no overhead", buf_span(&b), want);
}

static void
t_responses(void **state)
{
	static const struct body_row t[] = {
		{ "with a length", SPAN("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
		    "HEAD BODY(ok) DONE" },
		{ "no reason phrase", SPAN("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"),
		    "HEAD DONE" },
		{ "until the connection ends", SPAN("HTTP/1.1 200 OK\r\n\r\nall of it"),
		    "HEAD BODY(all of it) DONE" },
		{ "nothing until the end", SPAN("HTTP/1.1 200 OK\r\n\r\n"), "HEAD DONE" },
		{ "chunked",
		    SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: "
			 "chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
		    "HEAD BODY(ok) DONE" },
		{ "100 comes before the answer",
		    SPAN(
			"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
			"1\r\n\r\na"),
		    "HEAD DONE HEAD BODY(a) DONE" },
		{ "204 has no body",
		    SPAN("HTTP/1.1 204 No\r\n\r\nHTTP/1.1 204 No\r\n\r\n"),
		    "HEAD DONE HEAD DONE" },
		{ "304 has none whatever it says",
		    SPAN("HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\nHTTP/1.1 304 "
			 "No\r\n\r\n"),
		    "HEAD DONE HEAD DONE" },
		{ "101",
		    SPAN("HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: "
			 "Upgrade\r\n\r\n\x81\x01x"),
		    "HEAD UPGRADE" },
		{ "closed before any byte", SPAN(""), "" },
		{ "closed in the head", SPAN("HTTP/1.1 200 OK\r\nA: b\r\n"), "CLOSED" },
		{ "closed in the body",
		    SPAN("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"),
		    "HEAD BODY(abc) CLOSED" },
		{ "two lengths",
		    SPAN("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: "
			 "5\r\n\r\n"),
		    "INVALID" },
		{ "not HTTP", SPAN("SSH-2.0-OpenSSH_9.2\r\n"), "INVALID" },
		{ "status of two digits", SPAN("HTTP/1.1 20 OK\r\n\r\n"), "INVALID" },
		{ "status below 100", SPAN("HTTP/1.1 099 OK\r\n\r\n"), "INVALID" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		expect(client, t[i].what, t[i].in, t[i].want);
}

static void
t_no_body(void **state)
{
	static const struct body_row t[] = {
		{ "answer to HEAD, then another",
		    SPAN("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHTTP/1.1 200 "
			 "OK\r\nContent-Length: 2\r\n\r\nok"),
		    "HEAD DONE HEAD BODY(ok) DONE" },
		{ "an interim answer does not use it up",
		    SPAN(
			"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
			"2\r\n\r\n"),
		    "HEAD DONE HEAD DONE" },
		{ "chunked by name only",
		    SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
		    "HEAD DONE" },
	};
	struct http1 *h = client_of_head();
	struct span in = SPAN("HTTP/1.0 200 Connected\r\n\r\n\x16\x03\x01"), body;
	size_t used;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		expect(client_of_head, t[i].what, t[i].in, t[i].want);

	row("after CONNECT the tunnel's bytes are left alone");
	assert_int_equal(http1_feed(h, in, &used, &body), HTTP1_HEAD);
	assert_int_equal(used, in.n - 3);
	assert_int_equal(http1_head(h)->status, 200);
	assert_int_equal(
	    http1_feed(h, span_sub(in, used, in.n), &used, &body), HTTP1_DONE);
	assert_int_equal(used, 0);
	http1_free(h);
}

static void
t_body_points_into_input(void **state)
{
	struct http1 *h = server();
	struct span in = SPAN("PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"), body;
	size_t used, head;
	(void)state;

	assert_int_equal(http1_feed(h, in, &head, &body), HTTP1_HEAD);
	assert_null(body.p);
	in = span_sub(in, head, in.n);
	assert_int_equal(http1_feed(h, in, &used, &body), HTTP1_BODY);
	assert_int_equal(used, 5);
	assert_ptr_equal(body.p, in.p);
	assert_int_equal(http1_eof(h), HTTP1_DONE); /* complete, only not drained yet */
	assert_int_equal(http1_eof(h), HTTP1_MORE);
	assert_int_equal(http1_feed(h, SPAN("G"), &used, &body), ERR_INVALID);
	http1_free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_chunked),
		cmocka_unit_test(t_framing_limit),
		cmocka_unit_test(t_responses),
		cmocka_unit_test(t_no_body),
		cmocka_unit_test(t_body_points_into_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
