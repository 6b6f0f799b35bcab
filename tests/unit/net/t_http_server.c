/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server against raw bytes, in a simulated world: what each request is answered,
 * whole and cut into pieces; smuggling; slow peers; pipelines; the WebSocket handshake.
 */
#include "net_test.h"

#include "crypto/crypto.h"
#include "net/wsconn.h"

struct site {
	struct world w;
	struct http_server *s;
	struct http_req *kept; /* a request that /keep holds back */
	struct wsconn *ws;
	struct ev_timer later;
	struct buf log; /* "GET /path body;" */
	uint32_t aborted, ws_messages, ws_closed;
	uint32_t requests;
};

static const struct http_limits limits = {
	.head_max = 2000,
	.body_max = 5000,
	.head_ms = 10000,
	.body_ms = 20000,
	.idle_ms = 60000,
	.connections_max = 3,
};

static void
answer_later(void *arg)
{
	struct site *site = arg;

	http_reply(site->kept, 200, "text/plain", SPAN("later"));
	site->kept = NULL;
}

static void
on_abort(struct http_req *r)
{
	struct site *site = r->user;

	site->aborted++;
	site->kept = NULL;
	ev_timer_clear(&site->later);
}

static void
ws_message(void *arg, uint8_t op, struct span body)
{
	struct site *site = arg;

	site->ws_messages++;
	(void)!wsconn_send(site->ws, op, body);
}

static void
ws_close(void *arg, int err, uint16_t code)
{
	struct site *site = arg;

	(void)err;
	(void)code;
	site->ws_closed++;
	wsconn_close(site->ws, 0);
	site->ws = NULL;
}

static void
handle(void *arg, struct http_req *r)
{
	static const struct wsconn_handler wsh = { .on_message = ws_message,
		.on_close = ws_close };
	static const struct wsconn_options wso = { .message_max = 1000 };
	struct site *site = arg;

	site->requests++;
	buf_addf(&site->log, "%s " SPAN_FMT " ", r->head->method, SPAN_ARG(r->path));
	buf_add(&site->log, span_sub(r->body, 0, 40));
	buf_add_str(&site->log, ";");
	r->user = site;
	if (span_eq_str(r->path, "/ws")) {
		site->ws = http_upgrade(r, &wso, &wsh, site);
	} else if (span_eq_str(r->path, "/later")) {
		site->kept = r;
		r->on_abort = on_abort;
		ev_timer_set(site->w.server, &site->later, 100, answer_later, site);
	} else if (span_eq_str(r->path, "/keep")) {
		site->kept = r;
	} else if (span_eq_str(r->path, "/204")) {
		http_reply(r, 204, NULL, SPAN_NONE);
	} else if (span_eq_str(r->path, "/close")) {
		http_reply_close(r, 200, "text/plain", SPAN("bye"));
	} else if (span_eq_str(r->path, "/evil")) {
		const struct http_field f = { "X-Name", "a\r\nX-Other: b" };

		http_reply_fields(r, 200, "text/plain", &f, 1, SPAN("x"));
	} else if (span_eq_str(r->path, "/big")) {
		http_reply(r, 200, NULL, span_of(arena_alloc(&r->mem, 6 << 20), 6 << 20));
	} else {
		http_reply(r, 200, "text/plain", r->body);
	}
}

static void
setup(struct site *site, uint32_t segment)
{
	*site = (struct site){ 0 };
	world_sim(&site->w,
	    &(struct sim_options){ .seed = 11,
		.segment_max = segment,
		.latency_min_ms = segment == 0 ? 1 : 0,
		.wall_start_ms = 1795225657000 });
	buf_init(&site->log, 1 << 20);
	assert_int_equal(http_server_new(&site->s, site->w.server, "", 80, NULL, &limits,
			     handle, site, NULL),
	    0);
}

static void
teardown(struct site *site)
{
	ev_timer_clear(&site->later);
	if (site->ws != NULL)
		wsconn_close(site->ws, 1001);
	http_server_free(site->s);
	if (site->kept != NULL) /* its connection is gone; the answer frees it */
		http_reply(site->kept, 200, NULL, SPAN_NONE);
	buf_fini(&site->log);
	world_fini(&site->w);
}

/* The statuses of all answers in order: "200 400 ". */
static void
statuses(struct buf *out, const struct buf *in)
{
	static const char mark[] = "HTTP/1.1 ";
	struct span rest = buf_span(in);

	while (rest.n >= sizeof(mark) + 3) {
		if (memcmp(rest.p, mark, sizeof(mark) - 1) == 0) {
			buf_add(out, span_sub(rest, sizeof(mark) - 1, 3));
			buf_add_str(out, " ");
		}
		rest = span_sub(rest, 1, rest.n);
	}
}

#define H "Host: h\r\n"

static const struct {
	const char *what;
	struct span in;
	const char *log;
	const char *statuses;
	bool closed;
} rows[] = {
	{ "plain GET", SPAN("GET /a?b HTTP/1.1\r\n" H "\r\n"), "GET /a ;", "200 ",
	    false },
	{ "HEAD", SPAN("HEAD /a HTTP/1.1\r\n" H "\r\n"), "HEAD /a ;", "200 ", false },
	{ "HTTP/1.0", SPAN("GET /a HTTP/1.0\r\n\r\n"), "GET /a ;", "200 ", true },
	{ "HTTP/1.0 kept alive",
	    SPAN("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), "GET /a ;", "200 ",
	    false },
	{ "asks to close", SPAN("GET /a HTTP/1.1\r\n" H "Connection: close\r\n\r\n"),
	    "GET /a ;", "200 ", true },
	{ "handler closes", SPAN("GET /close HTTP/1.1\r\n" H "\r\n"), "GET /close ;",
	    "200 ", true },
	{ "body with length",
	    SPAN("POST /a HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"),
	    "POST /a hello;", "200 ", false },
	{ "empty body", SPAN("POST /a HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"),
	    "POST /a ;", "200 ", false },
	{ "chunked body",
	    SPAN("POST /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
		 "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n"),
	    "POST /a hello;", "200 ", false },
	{ "chunked with a trailer",
	    SPAN("POST /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
		 "5\r\nhello\r\n0\r\nX: y\r\n\r\n"),
	    "POST /a hello;", "200 ", false },
	{ "expects 100-continue",
	    SPAN("POST /a HTTP/1.1\r\n" H
		 "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
	    "", "100 ", false },
	{ "expects something else",
	    SPAN("POST /a HTTP/1.1\r\n" H "Expect: magic\r\nContent-Length: 2\r\n\r\n"),
	    "", "417 ", true },
	{ "pipeline",
	    SPAN("GET /1 HTTP/1.1\r\n" H "\r\nPOST /2 HTTP/1.1\r\n" H
		 "Content-Length: 1\r\n\r\nx"
		 "GET /3 HTTP/1.1\r\n" H "\r\n"),
	    "GET /1 ;POST /2 x;GET /3 ;", "200 200 200 ", false },
	{ "pipeline behind a late answer",
	    SPAN("GET /later HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n" H "\r\n"),
	    "GET /later ;GET /2 ;", "200 200 ", false },
	{ "nothing after a close",
	    SPAN("GET /close HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n" H "\r\n"),
	    "GET /close ;", "200 ", true },
	{ "204", SPAN("GET /204 HTTP/1.1\r\n" H "\r\n"), "GET /204 ;", "204 ", false },
	{ "line end in an answer's header", SPAN("GET /evil HTTP/1.1\r\n" H "\r\n"),
	    "GET /evil ;", "500 ", false },

	{ "no Host", SPAN("GET / HTTP/1.1\r\n\r\n"), "", "400 ", true },
	{ "two Hosts", SPAN("GET / HTTP/1.1\r\n" H H "\r\n"), "", "400 ", true },
	{ "garbage", SPAN("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n"), "", "400 ",
	    true },
	{ "HTTP/2 preface", SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "", "400 ", true },
	{ "CONNECT", SPAN("CONNECT a:1 HTTP/1.1\r\n" H "\r\n"), "", "501 ", true },
	{ "body too large", SPAN("POST /a HTTP/1.1\r\n" H "Content-Length: 5001\r\n\r\n"),
	    "", "413 ", true },
	{ "absurd length",
	    SPAN("POST /a HTTP/1.1\r\n" H "Content-Length: 9223372036854775807\r\n\r\n"),
	    "", "413 ", true },
	{ "length and chunked",
	    SPAN("POST /a HTTP/1.1\r\n" H
		 "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	    "", "400 ", true },
	{ "two lengths",
	    SPAN("POST /a HTTP/1.1\r\n" H
		 "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx"),
	    "", "400 ", true },
	{ "length with a sign",
	    SPAN("POST /a HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\nx"), "", "400 ",
	    true },
	{ "negative length", SPAN("POST /a HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\nx"),
	    "", "400 ", true },
	{ "unknown transfer coding",
	    SPAN("POST /a HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n"), "",
	    "400 ", true },
	{ "blank before the colon",
	    SPAN("POST /a HTTP/1.1\r\n" H "Content-Length : 1\r\n\r\nx"), "", "400 ",
	    true },
	{ "folded header", SPAN("GET /a HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n"), "", "400 ",
	    true },
	{ "bare line feed", SPAN("GET /a HTTP/1.1\nHost: h\n\n"), "", "400 ", true },
	{ "NUL in a header", SPAN("GET /a HTTP/1.1\r\n" H "X: a\0b\r\n\r\n"), "", "400 ",
	    true },
	{ "bad chunk size",
	    SPAN("POST /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"),
	    "", "400 ", true },
	{ "chunked in HTTP/1.0",
	    SPAN("POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "",
	    "400 ", true },

	{ "upgrade",
	    SPAN("GET /ws HTTP/1.1\r\n" H
		 "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
		 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
		 "dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
	    "GET /ws ;", "101 ", false },
	{ "upgrade of another version",
	    SPAN("GET /ws HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\n"
		 "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: "
		 "dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
	    "GET /ws ;", "426 ", true },
	{ "upgrade with a bad key",
	    SPAN("GET /ws HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\n"
		 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n"),
	    "GET /ws ;", "400 ", true },
	{ "no upgrade at all", SPAN("GET /ws HTTP/1.1\r\n" H "\r\n"), "GET /ws ;", "400 ",
	    false },
	{ "upgrade that the handler ignores",
	    SPAN("GET /a HTTP/1.1\r\n" H
		 "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
	    "GET /a ;", "200 ", true },
	{ "upgrade to h2c is ignored",
	    SPAN("GET /a HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
	    "GET /a ;", "200 ", false },
};

static void
check_row(size_t i, uint32_t segment)
{
	struct site site;
	struct raw r = { 0 };
	auto_buf got = { 0 };

	setup(&site, segment);
	buf_init(&got, 1000);
	raw_connect(&r, &site.w, 80);
	raw_say(&r, rows[i].in);
	world_run(&site.w, 2000);
	check_text(buf_span(&site.log), rows[i].log);
	statuses(&got, &r.in);
	check_text(buf_span(&got), rows[i].statuses);
	assert_int_equal(r.eof, rows[i].closed);
	raw_close(&r);
	world_run(&site.w, 2000);
	assert_int_equal(http_server_connections(site.s), 0);
	teardown(&site);
}

static void
t_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		row(rows[i].what);
		check_row(i, 0);
		check_row(i, 1);
		check_row(i, 5);
	}
}

/* Two pieces, cut at every place; the second comes later. */
static void
t_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t cut = 1; cut < rows[i].in.n; cut += 1 + rows[i].in.n / 40) {
			struct site site;
			struct raw r = { 0 };
			auto_buf got = { 0 };

			setup(&site, 0);
			buf_init(&got, 1000);
			raw_connect(&r, &site.w, 80);
			raw_say(&r, span_sub(rows[i].in, 0, cut));
			world_run(&site.w, 1000);
			raw_say(&r, span_sub(rows[i].in, cut, rows[i].in.n));
			world_run(&site.w, 2000);
			statuses(&got, &r.in);
			/* Behind a refusal the rest may meet a closed door. */
			check_text(buf_span(&got), rows[i].statuses);
			check_text(buf_span(&site.log), rows[i].log);
			raw_close(&r);
			teardown(&site);
		}
	}
}

static void
t_answer_bytes(void **state)
{
	struct site site;
	struct raw r = { 0 };
	(void)state;

	setup(&site, 0);
	raw_connect(&r, &site.w, 80);
	raw_say(&r, SPAN("POST /a HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhi"));
	world_run(&site.w, 100);
	check_text(buf_span(&r.in),
	    "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 01:47:37 GMT\r\n"
	    "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi");
	buf_reset(&r.in);
	raw_say(&r, SPAN("HEAD /a HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhi"));
	world_run(&site.w, 100);
	check_text(buf_span(&r.in),
	    "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 01:47:37 GMT\r\n"
	    "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n");
	raw_close(&r);
	teardown(&site);
}

/* 9.1.5: nothing but "upgrade" in Connection, no extensions.  9.1.6: a ping may come first. */
static void
t_handshake_bytes(void **state)
{
	struct site site;
	struct raw r = { 0 };
	(void)state;

	setup(&site, 0);
	raw_connect(&r, &site.w, 80);
	raw_say(&r,
	    SPAN("GET /ws HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\n"
		 "Sec-WebSocket-Version: 13\r\n"
		 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
		 "\x89\x80\x01\x02\x03\x04" /* a ping right behind the head */
		 "\x82\x81\x00\x00\x00\x00x"));
	world_run(&site.w, 100);
	check_span(buf_span(&r.in),
	    SPAN("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		 "Connection: upgrade\r\n"
		 "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
		 "\x8a\x00\x82\x01x"));
	assert_int_equal(http_server_connections(site.s), 1);
	raw_close(&r);
	world_run(&site.w, 100);
	assert_int_equal(site.ws_closed, 1);
	assert_int_equal(http_server_connections(site.s), 0);
	teardown(&site);
}

static void
t_head_limit(void **state)
{
	struct site site;
	struct raw r = { 0 };
	(void)state;

	setup(&site, 0);
	raw_connect(&r, &site.w, 80);
	raw_say(&r, SPAN("GET / HTTP/1.1\r\nX: "));
	for (int i = 0; i < 200; i++)
		raw_say(&r, SPAN("aaaaaaaaaa"));
	world_run(&site.w, 100);
	assert_true(raw_heard(&r, "HTTP/1.1 431 "));
	assert_true(r.eof);
	raw_close(&r);
	teardown(&site);
}

static void
t_chunked_body_limit(void **state)
{
	struct site site;
	struct raw r = { 0 };
	(void)state;

	setup(&site, 0);
	raw_connect(&r, &site.w, 80);
	raw_say(&r, SPAN("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"));
	for (int i = 0; i < 501; i++)
		raw_say(&r, SPAN("a\r\n0123456789\r\n"));
	world_run(&site.w, 2000);
	assert_true(raw_heard(&r, "HTTP/1.1 413 "));
	assert_true(r.eof);
	assert_int_equal(site.requests, 0);
	raw_close(&r);
	teardown(&site);
}

static void
t_expect_continue(void **state)
{
	struct site site;
	struct raw r = { 0 };
	(void)state;

	setup(&site, 0);
	raw_connect(&r, &site.w, 80);
	raw_say(&r,
	    SPAN("POST /a HTTP/1.1\r\n" H
		 "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
	world_run(&site.w, 100);
	check_text(buf_span(&r.in), "HTTP/1.1 100 Continue\r\n\r\n");
	raw_say(&r, SPAN("hi"));
	world_run(&site.w, 100);
	assert_true(raw_heard(&r, "HTTP/1.1 200 OK"));
	check_text(buf_span(&site.log), "POST /a hi;");
	raw_close(&r);
	teardown(&site);
}

static void
t_slow_peers(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		uint64_t open_ms, closed_ms;
		const char *answer;
	} t[] = {
		{ "says nothing", SPAN(""), 59000, 61000, "" },
		{ "never ends its head", SPAN("GET / HT"), 9000, 10500, "HTTP/1.1 408 " },
		{ "stops in its body",
		    SPAN("POST /a HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhel"), 19000,
		    20500, "HTTP/1.1 408 " },
		{ "idle after an answer", SPAN("GET /a HTTP/1.1\r\n" H "\r\n"), 59000,
		    61000, "HTTP/1.1 200 " },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct site site;
		struct raw r = { 0 };

		row(t[i].what);
		setup(&site, 0);
		raw_connect(&r, &site.w, 80);
		raw_say(&r, t[i].in);
		world_run(&site.w, t[i].open_ms);
		assert_false(r.eof);
		world_run(&site.w, t[i].closed_ms - t[i].open_ms);
		assert_true(r.eof);
		assert_true(raw_heard(&r, t[i].answer));
		raw_close(&r);
		teardown(&site);
	}
}

/* Drips of a body count as progress; drips of a head do not. */
static void
t_drips(void **state)
{
	struct site site;
	struct raw r = { 0 };
	(void)state;

	setup(&site, 0);
	raw_connect(&r, &site.w, 80);
	raw_say(&r, SPAN("POST /a HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n"));
	for (int i = 0; i < 5; i++) {
		world_run(&site.w, 15000);
		raw_say(&r, SPAN("x"));
	}
	world_run(&site.w, 100);
	check_text(buf_span(&site.log), "POST /a xxxxx;");
	raw_close(&r);

	raw_connect(&r, &site.w, 80);
	raw_say(&r, SPAN("GET /"));
	for (int i = 0; i < 20; i++) {
		world_run(&site.w, 1000);
		raw_say(&r, SPAN("x"));
	}
	world_run(&site.w, 100);
	assert_true(raw_heard(&r, "HTTP/1.1 408 "));
	raw_close(&r);
	teardown(&site);
}

static void
t_abort(void **state)
{
	struct site site;
	struct raw r = { 0 };
	(void)state;

	setup(&site, 0);
	raw_connect(&r, &site.w, 80);
	raw_say(&r, SPAN("GET /later HTTP/1.1\r\n" H "\r\n"));
	world_run(&site.w, 50);
	assert_non_null(site.kept);
	raw_close(&r);
	world_run(&site.w, 500);
	assert_int_equal(site.aborted, 1);

	row("a handler without on_abort may answer when nobody listens");
	raw_connect(&r, &site.w, 80);
	raw_say(&r, SPAN("GET /keep HTTP/1.1\r\n" H "\r\n"));
	world_run(&site.w, 50);
	raw_close(&r);
	world_run(&site.w, 500);
	assert_int_equal(http_server_connections(site.s), 0);
	assert_non_null(site.kept);
	assert_true(span_eq_str(site.kept->path, "/keep"));
	http_reply(site.kept, 200, "text/plain", SPAN("x"));
	site.kept = NULL;
	teardown(&site);

	row("the server goes away under a request");
	setup(&site, 0);
	raw_connect(&r, &site.w, 80);
	raw_say(&r, SPAN("GET /later HTTP/1.1\r\n" H "\r\n"));
	world_run(&site.w, 50);
	teardown(&site);
	assert_int_equal(site.aborted, 1);
	buf_fini(&r.in);
	buf_fini(&r.out);
}

static void
t_pipeline_is_bounded(void **state)
{
	struct site site;
	struct raw r = { 0 };
	(void)state;

	setup(&site, 0);
	raw_connect(&r, &site.w, 80);
	raw_say(&r, SPAN("GET /keep HTTP/1.1\r\n" H "\r\n"));
	for (int i = 0; i < 100000; i++)
		raw_say(&r, SPAN("GET /2 HTTP/1.1\r\n" H "\r\n"));
	world_run(&site.w, 2000);
	assert_false(r.eof);
	assert_in_range(r.sent, 1, 800000); /* the rest waits in the network */
	http_reply(site.kept, 200, NULL, SPAN_NONE);
	site.kept = NULL;
	world_run(&site.w, 100000);
	assert_int_equal(site.requests, 100001);
	raw_close(&r);
	teardown(&site);
}

/* A peer that asks for much and reads nothing is not served on and on. */
static void
t_answers_nobody_reads(void **state)
{
	struct site site;
	struct raw r = { 0 };
	(void)state;

	setup(&site, 0);
	raw_connect(&r, &site.w, 80);
	world_run(&site.w, 100);
	r.eof = true; /* stop reading */
	for (int i = 0; i < 10; i++)
		raw_say(&r, SPAN("GET /big HTTP/1.1\r\n" H "\r\n"));
	world_run(&site.w, 30000);
	assert_int_equal(site.requests, 1);
	assert_int_equal(http_server_connections(site.s), 1);
	world_run(&site.w, 40000);
	assert_int_equal(http_server_connections(site.s), 0);
	raw_close(&r);
	teardown(&site);
}

static void
t_big_answers(void **state)
{
	struct site site;
	struct raw r = { 0 };
	(void)state;

	setup(&site, 0);
	raw_connect(&r, &site.w, 80);
	raw_say(&r, SPAN("GET /big HTTP/1.1\r\n" H "\r\nGET /big HTTP/1.1\r\n" H "\r\n"));
	world_run(&site.w, 60000);
	assert_int_equal(site.requests, 2);
	assert_in_range(r.in.len, 12 << 20, (12 << 20) + 1000);
	raw_close(&r);
	teardown(&site);
}

static void
t_connection_limit(void **state)
{
	struct site site;
	struct raw r[5] = { 0 };
	(void)state;

	setup(&site, 0);
	for (int i = 0; i < 5; i++) {
		raw_connect(&r[i], &site.w, 80);
		raw_say(&r[i], SPAN("GET /a HTTP/1.1\r\n" H "\r\n"));
		world_run(&site.w, 100);
	}
	assert_int_equal(http_server_connections(site.s), 3);
	assert_false(raw_heard(&r[3], "200"));
	raw_close(&r[0]);
	raw_close(&r[1]);
	world_run(&site.w, 1000);
	assert_int_equal(http_server_connections(site.s), 3);
	assert_true(raw_heard(&r[3], "200"));
	assert_true(raw_heard(&r[4], "200"));
	for (int i = 2; i < 5; i++)
		raw_close(&r[i]);
	teardown(&site);
}

static void
t_drain(void **state)
{
	struct site site;
	struct raw idle = { 0 }, busy = { 0 }, late = { 0 };
	(void)state;

	setup(&site, 0);
	raw_connect(&idle, &site.w, 80);
	raw_say(&idle, SPAN("GET /a HTTP/1.1\r\n" H "\r\n"));
	raw_connect(&busy, &site.w, 80);
	raw_say(&busy, SPAN("GET /later HTTP/1.1\r\n" H "\r\n"));
	world_run(&site.w, 50);
	http_server_drain(site.s);
	world_run(&site.w, 20);
	assert_true(idle.eof);
	assert_false(busy.eof);
	world_run(&site.w, 1000);
	assert_true(raw_heard(&busy, "Connection: close\r\n"));
	assert_true(raw_heard(&busy, "later"));
	assert_true(busy.eof);
	raw_connect(&late, &site.w, 80);
	world_run(&site.w, 1000);
	assert_true(late.failed);
	raw_close(&idle);
	raw_close(&busy);
	raw_close(&late);
	teardown(&site);
}

/* Whatever is cut whenever: nothing leaks and nothing is used after its end. */
static void
t_cut_connections(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 100; seed++) {
		struct site site = { 0 };
		struct raw r[3] = { 0 };

		world_sim(&site.w,
		    &(struct sim_options){ .seed = seed,
			.segment_max = 50,
			.latency_max_ms = 30,
			.cut_per_million = 30000 });
		buf_init(&site.log, 1 << 20);
		assert_int_equal(http_server_new(&site.s, site.w.server, "", 80, NULL,
				     &limits, handle, &site, NULL),
		    0);
		for (int i = 0; i < 3; i++) {
			raw_connect(&r[i], &site.w, 80);
			raw_say(
			    &r[i], rows[(seed + (uint64_t)i * 7) % ARRAY_LEN(rows)].in);
			raw_say(&r[i], rows[0].in);
		}
		world_run(&site.w, seed * 3);
		for (int i = 0; i < 3; i++)
			raw_close(&r[i]);
		if (seed % 2)
			world_run(&site.w, 500);
		teardown(&site);
	}
}

/* The server's process dies with requests, answers and a WebSocket under way. */
static void
t_crash(void **state)
{
	(void)state;
	for (uint64_t ms = 0; ms < 200; ms += 7) {
		struct site site;
		struct raw r[3] = { 0 };

		setup(&site, 20);
		for (size_t i = 0; i < 3; i++)
			raw_connect(&r[i], &site.w, 80);
		raw_say(&r[0], SPAN("GET /later HTTP/1.1\r\n" H "\r\n"));
		raw_say(&r[1], SPAN("GET /close HTTP/1.1\r\n" H "\r\n"));
		for (size_t i = 0; i < ARRAY_LEN(rows); i++)
			if (strcmp(rows[i].what, "upgrade") == 0)
				raw_say(&r[2], rows[i].in);
		world_run(&site.w, ms);
		sim_crash(site.w.server);
		world_run(&site.w, 100);
		for (int i = 0; i < 3; i++)
			raw_close(&r[i]);
		teardown(&site);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_requests),
		cmocka_unit_test(t_every_cut),
		cmocka_unit_test(t_answer_bytes),
		cmocka_unit_test(t_handshake_bytes),
		cmocka_unit_test(t_head_limit),
		cmocka_unit_test(t_chunked_body_limit),
		cmocka_unit_test(t_expect_continue),
		cmocka_unit_test(t_slow_peers),
		cmocka_unit_test(t_drips),
		cmocka_unit_test(t_abort),
		cmocka_unit_test(t_pipeline_is_bounded),
		cmocka_unit_test(t_answers_nobody_reads),
		cmocka_unit_test(t_big_answers),
		cmocka_unit_test(t_connection_limit),
		cmocka_unit_test(t_drain),
		cmocka_unit_test(t_cut_connections),
		cmocka_unit_test(t_crash),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
