/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server against raw bytes, in a simulated world: what each request is answered,
 * whole, in pieces, cut off and in a crash; smuggling; limits; the WebSocket handshake.
 * How it bears its peers is in t_http_server_peers.c.
 */
#include "http_server_bench.h"

#include "crypto/crypto.h"

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

	site_up(&site, segment);
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
	site_down(&site);
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

			site_up(&site, 0);
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
			site_down(&site);
		}
	}
}

static void
t_answer_bytes(void **state)
{
	struct site site;
	struct raw r = { 0 };
	(void)state;

	site_up(&site, 0);
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
	site_down(&site);
}

/* 9.1.5: nothing but "upgrade" in Connection, no extensions.  9.1.6: a ping may come first. */
static void
t_handshake_bytes(void **state)
{
	struct site site;
	struct raw r = { 0 };
	(void)state;

	site_up(&site, 0);
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
	site_down(&site);
}

static void
t_head_limit(void **state)
{
	struct site site;
	struct raw r = { 0 };
	(void)state;

	site_up(&site, 0);
	raw_connect(&r, &site.w, 80);
	raw_say(&r, SPAN("GET / HTTP/1.1\r\nX: "));
	for (int i = 0; i < 200; i++)
		raw_say(&r, SPAN("aaaaaaaaaa"));
	world_run(&site.w, 100);
	assert_true(raw_heard(&r, "HTTP/1.1 431 "));
	assert_true(r.eof);
	raw_close(&r);
	site_down(&site);
}

static void
t_chunked_body_limit(void **state)
{
	struct site site;
	struct raw r = { 0 };
	(void)state;

	site_up(&site, 0);
	raw_connect(&r, &site.w, 80);
	raw_say(&r, SPAN("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"));
	for (int i = 0; i < 501; i++)
		raw_say(&r, SPAN("a\r\n0123456789\r\n"));
	world_run(&site.w, 2000);
	assert_true(raw_heard(&r, "HTTP/1.1 413 "));
	assert_true(r.eof);
	assert_int_equal(site.requests, 0);
	raw_close(&r);
	site_down(&site);
}

static void
t_expect_continue(void **state)
{
	struct site site;
	struct raw r = { 0 };
	(void)state;

	site_up(&site, 0);
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
	site_down(&site);
}

/* Whatever is cut whenever: nothing leaks and nothing is used after its end. */
static void
t_cut_connections(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 100; seed++) {
		struct site site;
		struct raw r[3] = { 0 };

		site_up_in(&site,
		    &(struct sim_options){ .seed = seed,
			.segment_max = 50,
			.latency_max_ms = 30,
			.cut_per_million = 30000 });
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
		site_down(&site);
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

		site_up(&site, 20);
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
		site_down(&site);
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
		cmocka_unit_test(t_cut_connections),
		cmocka_unit_test(t_crash),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
