/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP client in a simulated world, against scripted answers.  TLS, proxies and the
 * WebSocket handshake are in t_http_client_tls.c.
 */
#include "http_bench.h"

static int
on_body(void *arg, struct span piece)
{
	struct outcome *o = arg;

	buf_add(&o->body, piece);
	return o->body.len > 100 ? ERR_CANCELLED : 0;
}

static const struct {
	const char *what, *method;
	struct span say;
	bool close;
	int err, status;
	const char *body, *why;
} rows[] = {
	{ "with a length", "GET",
	    SPAN("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), false, 0, 200,
	    "hello", "" },
	{ "chunked", "GET",
	    SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
	    false, 0, 200, "hello", "" },
	{ "until the end", "GET", SPAN("HTTP/1.1 200 OK\r\n\r\nhello"), true, 0, 200,
	    "hello", "" },
	{ "HTTP/1.0 until the end", "GET", SPAN("HTTP/1.0 200 OK\r\n\r\nhello"), true, 0,
	    200, "hello", "" },
	{ "HEAD", "HEAD", SPAN("HTTP/1.1 200 OK\r\nContent-Length: 500000000\r\n\r\n"),
	    false, 0, 200, "", "" },
	{ "204", "GET", SPAN("HTTP/1.1 204 No Content\r\n\r\n"), false, 0, 204, "", "" },
	{ "an error is an answer", "GET",
	    SPAN("HTTP/1.1 500 Oops\r\nContent-Length: 1\r\n\r\nx"), false, 0, 500, "x",
	    "" },
	{ "interim answers", "POST",
	    SPAN(
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
	    false, 0, 200, "ok", "" },
	{ "a redirect is not followed", "GET",
	    SPAN("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"),
	    false, 0, 302, "", "" },
	{ "too short", "GET", SPAN("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"),
	    true, ERR_CLOSED, 0, "", "before the answer was complete" },
	{ "chunked and cut", "GET",
	    SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
	    true, ERR_CLOSED, 0, "", "before the answer was complete" },
	{ "no answer", "GET", SPAN(""), true, ERR_CLOSED, 0, "",
	    "before the answer was complete" },
	{ "half a head", "GET", SPAN("HTTP/1.1 200 OK\r\nX: "), true, ERR_CLOSED, 0, "",
	    "before" },
	{ "not HTTP", "GET", SPAN("SSH-2.0-OpenSSH_9.2\r\n"), false, ERR_PROTOCOL, 0, "",
	    "not valid HTTP" },
	{ "length and chunked", "GET",
	    SPAN("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n0\r\n\r\n"),
	    false, ERR_PROTOCOL, 0, "", "not valid HTTP" },
	{ "announced too large", "GET",
	    SPAN("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"), false, ERR_LIMIT, 0,
	    "", "larger than allowed" },
	{ "unasked upgrade", "GET",
	    SPAN("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: "
		 "websocket\r\n\r\n"),
	    false, ERR_PROTOCOL, 0, "", "without being asked" },
	{ "silence", "GET", SPAN_NONE, false, ERR_TIMEOUT, 0, "",
	    "waiting for the answer" },
};

static void
t_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct script x;
		struct outcome o;

		row(rows[i].what);
		script_init(&x, rows[i].say, rows[i].close);
		outcome_init(&o);
		http_call(x.c,
		    &(struct http_request){ .method = rows[i].method,
			.url = "http://server/a?b",
			.timeout_ms = 3000,
			.response_max = 1000 },
		    outcome_done, &o);
		assert_false(o.done);
		assert_true(world_until(&x.w, &o.done, 5000));
		assert_int_equal(o.err, rows[i].err);
		assert_int_equal(o.status, rows[i].status);
		check_text(buf_span(&o.body), rows[i].body);
		if (strstr(o.why, rows[i].why) == NULL)
			fail_msg("why: %s", o.why);
		buf_fini(&o.body);
		script_fini(&x);
	}
}

static void
t_too_much_in_chunks(void **state)
{
	struct script x;
	struct outcome o;
	(void)state;

	for (int stream = 0; stream < 2; stream++) {
		script_init(&x,
		    SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			 "a\r\n0123456789\r\na\r\n0123456789\r\n"),
		    false);
		outcome_init(&o);
		http_call(x.c,
		    &(struct http_request){ .method = "GET",
			.url = "http://server/",
			.response_max = 15,
			.on_body = stream ? on_body : NULL },
		    outcome_done, &o);
		assert_true(world_until(&x.w, &o.done, 5000));
		assert_int_equal(o.err, ERR_LIMIT);
		buf_fini(&o.body);
		script_fini(&x);
	}
}

static void
t_request_bytes(void **state)
{
	static const struct http_header headers[] = {
		{ "Host", "ignored" },
		{ "X-Amz-Date", "20261121T014737Z" },
		{ "Content-Length", "99" },
	};
	struct script x;
	struct outcome o;
	(void)state;

	script_init(&x, rows[0].say, false);
	outcome_init(&o);
	http_call(x.c,
	    &(struct http_request){ .method = "POST",
		.url = "http://server",
		.headers = headers,
		.nheaders = 3,
		.body = SPAN("{}") },
	    outcome_done, &o);
	assert_true(world_until(&x.w, &o.done, 5000));
	check_text(buf_span(&x.heard),
	    "POST / HTTP/1.1\r\nHost: server\r\nX-Amz-Date: 20261121T014737Z\r\n"
	    "User-Agent: sallyport/" SALLYPORT_VERSION "\r\nContent-Length: 2\r\n\r\n{}");
	buf_fini(&o.body);
	script_fini(&x);
}

static void
t_kept_connections(void **state)
{
	struct script x;
	struct outcome o;
	(void)state;

	script_init(&x, rows[0].say, false);
	for (int i = 0; i < 5; i++) {
		outcome_init(&o);
		http_call(x.c,
		    &(struct http_request){ .method = "GET", .url = "http://server/" },
		    outcome_done, &o);
		assert_true(world_until(&x.w, &o.done, 5000));
		assert_int_equal(o.status, 200);
		assert_int_equal(x.accepted, 1);
		buf_fini(&o.body);
	}
	row("dropped on request");
	http_client_drop_idle(x.c);
	world_run(&x.w, 100);
	assert_null(x.s[0]);
	row("dropped by age");
	outcome_init(&o);
	http_call(x.c, &(struct http_request){ .method = "GET", .url = "http://server/" },
	    outcome_done, &o);
	assert_true(world_until(&x.w, &o.done, 5000));
	buf_fini(&o.body);
	assert_int_equal(x.accepted, 2);
	world_run(&x.w, 30000);
	assert_null(x.s[1]);
	row("a server that closes is noticed");
	outcome_init(&o);
	http_call(x.c, &(struct http_request){ .method = "GET", .url = "http://server/" },
	    outcome_done, &o);
	assert_true(world_until(&x.w, &o.done, 5000));
	buf_fini(&o.body);
	ev_close(x.s[2]);
	x.s[2] = NULL;
	world_run(&x.w, 100);
	outcome_init(&o);
	http_call(x.c, &(struct http_request){ .method = "GET", .url = "http://server/" },
	    outcome_done, &o);
	assert_true(world_until(&x.w, &o.done, 5000));
	assert_int_equal(o.status, 200);
	assert_int_equal(x.accepted, 4);
	buf_fini(&o.body);
	script_fini(&x);
}

static void
t_failures_before_the_answer(void **state)
{
	static const struct {
		const char *what, *url;
		int err;
		const char *why;
	} t[] = {
		{ "nobody listens", "http://server:81/", ERR_REFUSED,
		    "cannot connect to server port 81" },
		{ "no such host", "http://nowhere/", ERR_RESOLVE,
		    "cannot connect to nowhere" },
		{ "no URL", "server:80", ERR_INVALID, "URL" },
		{ "another scheme", "ftp://server/", ERR_UNSUPPORTED,
		    "\"ftp\" is not supported" },
		{ "no TLS here", "https://server/", ERR_TLS, "TLS" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct script x;
		struct outcome o;

		row(t[i].what);
		script_init(&x, rows[0].say, false);
		outcome_init(&o);
		http_call(x.c, &(struct http_request){ .method = "GET", .url = t[i].url },
		    outcome_done, &o);
		assert_false(o.done);
		assert_true(world_until(&x.w, &o.done, 60000));
		assert_int_equal(o.err, t[i].err);
		if (strstr(o.why, t[i].why) == NULL)
			fail_msg("why: %s", o.why);
		script_fini(&x);
	}
}

/* All but this address; none at all without one. */
static bool
all_but(void *arg, const char *ip)
{
	const char *not_this = arg;

	return *not_this != '\0' && strcmp(ip, not_this) != 0;
}

static void
t_allowed_addresses(void **state)
{
	static const struct {
		const char *what, *not_this;
		int err;
	} t[] = {
		{ "any other", "192.0.2.1", 0 },
		{ "none", "", ERR_DENIED },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct script x;
		struct outcome o;

		row(t[i].what);
		script_init(&x, rows[0].say, false);
		outcome_init(&o);
		http_client_allow(x.c, all_but, (void *)(uintptr_t)t[i].not_this);
		http_call(x.c, &(struct http_request){ .method = "GET", .url = "http://server/" },
		    outcome_done, &o);
		assert_true(world_until(&x.w, &o.done, 60000));
		assert_int_equal(o.err, t[i].err);
		assert_int_equal(x.accepted, t[i].err == 0);
		buf_fini(&o.body);
		script_fini(&x);
	}
}

static void
t_cancel_and_free(void **state)
{
	static const struct http_header evil = { "X", "a\r\nY: b" };
	struct script x;
	struct outcome o;
	(void)state;

	row("cancelled at every stage");
	for (uint64_t ms = 0; ms < 10; ms++) {
		struct http_call *call;

		script_init(&x, rows[1].say, false);
		x.silent = true;
		outcome_init(&o);
		call = http_call(x.c,
		    &(struct http_request){ .method = "GET", .url = "http://server/" },
		    outcome_done, &o);
		world_run(&x.w, ms);
		http_call_cancel(call);
		world_run(&x.w, 1000);
		assert_false(o.done);
		script_fini(&x);
	}
	row("client freed inside the callback");
	script_init(&x, rows[0].say, false);
	outcome_init(&o);
	o.free_it = x.c;
	x.c = NULL;
	http_call(o.free_it,
	    &(struct http_request){ .method = "GET", .url = "http://server/" },
	    outcome_done, &o);
	assert_true(world_until(&x.w, &o.done, 5000));
	buf_fini(&o.body);
	script_fini(&x);
	row("client freed under a call");
	script_init(&x, rows[0].say, false);
	outcome_init(&o);
	http_call(x.c, &(struct http_request){ .method = "GET", .url = "http://server/" },
	    outcome_done, &o);
	script_fini(&x);
	assert_false(o.done);
	row("line end in a header");
	script_init(&x, rows[0].say, false);
	outcome_init(&o);
	http_call(x.c,
	    &(struct http_request){ .method = "GET",
		.url = "http://server/",
		.headers = &evil,
		.nheaders = 1 },
	    outcome_done, &o);
	assert_true(world_until(&x.w, &o.done, 5000));
	assert_int_equal(o.err, ERR_INVALID);
	script_fini(&x);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_answers),
		cmocka_unit_test(t_too_much_in_chunks),
		cmocka_unit_test(t_request_bytes),
		cmocka_unit_test(t_kept_connections),
		cmocka_unit_test(t_failures_before_the_answer),
		cmocka_unit_test(t_allowed_addresses),
		cmocka_unit_test(t_cancel_and_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
