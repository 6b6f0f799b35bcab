/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server and peers that are slow, leave, crowd in or do not read; its own end.
 */
#include "http_server_bench.h"

#include "crypto/crypto.h"

#define H "Host: h\r\n"

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
		site_up(&site, 0);
		raw_connect(&r, &site.w, 80);
		raw_say(&r, t[i].in);
		world_run(&site.w, t[i].open_ms);
		assert_false(r.eof);
		world_run(&site.w, t[i].closed_ms - t[i].open_ms);
		assert_true(r.eof);
		assert_true(raw_heard(&r, t[i].answer));
		raw_close(&r);
		site_down(&site);
	}
}

/* Drips of a body count as progress; drips of a head do not. */
static void
t_drips(void **state)
{
	struct site site;
	struct raw r = { 0 };
	(void)state;

	site_up(&site, 0);
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
	site_down(&site);
}

static void
t_abort(void **state)
{
	struct site site;
	struct raw r = { 0 };
	(void)state;

	site_up(&site, 0);
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
	site_down(&site);

	row("the server goes away under a request");
	site_up(&site, 0);
	raw_connect(&r, &site.w, 80);
	raw_say(&r, SPAN("GET /later HTTP/1.1\r\n" H "\r\n"));
	world_run(&site.w, 50);
	site_down(&site);
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

	site_up(&site, 0);
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
	site_down(&site);
}

/* A peer that asks for much and reads nothing is not served on and on. */
static void
t_answers_nobody_reads(void **state)
{
	struct site site;
	struct raw r = { 0 };
	(void)state;

	site_up(&site, 0);
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
	site_down(&site);
}

static void
t_big_answers(void **state)
{
	struct site site;
	struct raw r = { 0 };
	(void)state;

	site_up(&site, 0);
	raw_connect(&r, &site.w, 80);
	raw_say(&r, SPAN("GET /big HTTP/1.1\r\n" H "\r\nGET /big HTTP/1.1\r\n" H "\r\n"));
	world_run(&site.w, 60000);
	assert_int_equal(site.requests, 2);
	assert_in_range(r.in.len, 12 << 20, (12 << 20) + 1000);
	raw_close(&r);
	site_down(&site);
}

static void
t_connection_limit(void **state)
{
	struct site site;
	struct raw r[5] = { 0 };
	(void)state;

	site_up(&site, 0);
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
	site_down(&site);
}

static void
t_drain(void **state)
{
	struct site site;
	struct raw idle = { 0 }, busy = { 0 }, late = { 0 };
	(void)state;

	site_up(&site, 0);
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
	site_down(&site);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_slow_peers),
		cmocka_unit_test(t_drips),
		cmocka_unit_test(t_abort),
		cmocka_unit_test(t_pipeline_is_bounded),
		cmocka_unit_test(t_answers_nobody_reads),
		cmocka_unit_test(t_big_answers),
		cmocka_unit_test(t_connection_limit),
		cmocka_unit_test(t_drain),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
