/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket connections in a simulated world, both roles against each other: limits, pings,
 * silence, back-pressure.  Raw bytes are in t_wsconn_raw.c.
 */
#include "wsconn_bench.h"

static void
t_echo(void **state)
{
	static uint8_t big[60000];
	struct bench f;
	(void)state;

	for (uint64_t seed = 1; seed < 30; seed++) {
		uint32_t n = 0;

		bench_up(&f,
		    &(struct sim_options){ .seed = seed,
			.latency_max_ms = 20,
			.segment_max = (uint32_t)(seed * 37) });
		f.server_o.message_max = f.client_o.message_max = sizeof(big);
		f.server.echo = true;
		f.server.pause_every = seed % 3 == 0 ? 2 : 0;
		f.client.pause_every = seed % 5 == 0 ? 3 : 0;
		bench_dial(&f);
		for (size_t size = 0; size <= sizeof(big); size = size * 3 + 1) {
			assert_int_equal(
			    wsconn_send(f.client.c, WS_TEXT, span_of(big, size)), 0);
			n++;
		}
		wsconn_cork(f.client.c);
		for (size_t i = 0; i < 20; i++) {
			assert_int_equal(
			    wsconn_send(f.client.c, WS_BINARY, SPAN("corked")), 0);
			n++;
		}
		wsconn_uncork(f.client.c);
		for (int i = 0; i < 1000 && f.client.messages < n; i++) {
			world_run(&f.w, 20);
			wsconn_pause(f.server.c, false);
			wsconn_pause(f.client.c, false);
		}
		assert_int_equal(f.client.messages, n);
		check_span(buf_span(&f.client.log), buf_span(&f.server.log));
		assert_false(f.server.closed || f.client.closed);
		bench_down(&f);
	}
}

static void
t_pause_holds_messages_back(void **state)
{
	struct bench f;
	(void)state;

	bench_up(&f, &(struct sim_options){ .seed = 3 });
	f.server.pause_every = 1;
	bench_dial(&f);
	for (int i = 0; i < 5; i++)
		assert_int_equal(wsconn_send(f.client.c, WS_TEXT, SPAN("m")), 0);
	world_run(&f.w, 100);
	for (uint32_t i = 1; i <= 5; i++) {
		assert_int_equal(f.server.messages, i);
		wsconn_pause(f.server.c, false);
		assert_int_equal(f.server.messages, i); /* never from inside the call */
		world_run(&f.w, 100);
	}
	bench_down(&f);
}

static void
t_handler_that_comes_late(void **state)
{
	struct bench f;
	(void)state;

	bench_up(&f, &(struct sim_options){ .seed = 3 });
	f.late_handler = true;
	bench_dial(&f);
	assert_int_equal(wsconn_send(f.client.c, WS_TEXT, SPAN("early")), 0);
	world_run(&f.w, 100);
	assert_int_equal(f.server.messages, 0);
	wsconn_set_handler(f.server.c, &bench_handler, &f.server);
	world_run(&f.w, 100);
	check_text(buf_span(&f.server.log), "T:early;");
	bench_down(&f);
}

static void
t_close_codes(void **state)
{
	static const struct {
		const char *what;
		uint16_t code, seen;
		int err;
	} t[] = {
		{ "normal", 1000, 1000, ERR_CLOSED },
		{ "private use", 4001, 4001, ERR_CLOSED },
		{ "dropped", 0, 0, ERR_CLOSED },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct bench f;

		row(t[i].what);
		bench_up(&f, &(struct sim_options){ .seed = 3 });
		bench_dial(&f);
		assert_int_equal(wsconn_send(f.client.c, WS_TEXT, SPAN("last words")), 0);
		wsconn_close(f.client.c, t[i].code);
		f.client.c = NULL;
		world_run(&f.w, 100);
		check_text(buf_span(&f.server.log), "T:last words;");
		assert_int_equal(f.server.err, t[i].err);
		assert_int_equal(f.server.code, t[i].seen);
		bench_down(&f);
	}
}

static void
t_close_inside_a_message(void **state)
{
	struct bench f;
	(void)state;

	bench_up(&f, &(struct sim_options){ .seed = 3 });
	f.server.close_on_message = 1008;
	bench_dial(&f);
	wsconn_cork(f.client.c);
	for (int i = 0; i < 10; i++)
		assert_int_equal(wsconn_send(f.client.c, WS_TEXT, SPAN("x")), 0);
	wsconn_uncork(f.client.c);
	world_run(&f.w, 100);
	assert_int_equal(f.server.messages, 1);
	assert_int_equal(f.client.code, 1008);
	bench_down(&f);
}

static void
t_first_message_deadline(void **state)
{
	struct bench f;
	(void)state;

	bench_up(&f, &(struct sim_options){ .seed = 3 });
	f.server_o.start_ms = 5000;
	bench_dial(&f);
	world_run(&f.w, 4000);
	assert_false(f.server.closed);
	world_run(&f.w, 2000);
	assert_int_equal(f.server.err, ERR_TIMEOUT);
	assert_int_equal(f.client.code, 1008);
	bench_down(&f);

	bench_up(&f, &(struct sim_options){ .seed = 3 });
	f.server_o.start_ms = 5000;
	bench_dial(&f);
	assert_int_equal(wsconn_send(f.client.c, WS_TEXT, SPAN("here")), 0);
	world_run(&f.w, 20000);
	assert_false(f.server.closed);
	bench_down(&f);
}

static void
t_own_pings(void **state)
{
	struct bench f;
	(void)state;

	bench_up(&f,
	    &(struct sim_options){
		.seed = 3, .latency_min_ms = 10, .latency_max_ms = 10 });
	f.server_o.ping_ms = 1000;
	f.server_o.dead_ms = 3000;
	bench_dial(&f);
	world_run(&f.w, 10500);
	assert_in_range(f.server.pongs, 9, 11);
	assert_in_range(f.server.rtt_us, 20000, 30000);
	assert_false(f.server.closed || f.client.closed);
	bench_down(&f);
}

static void
t_silence_is_death(void **state)
{
	struct bench f;
	struct raw r = { 0 };
	(void)state;

	bench_up(&f, &(struct sim_options){ .seed = 3 });
	f.server_o.ping_ms = 1000;
	f.server_o.dead_ms = 3000;
	raw_connect(&r, &f.w, 9);
	world_run(&f.w, 2900);
	assert_false(f.server.closed);
	world_run(&f.w, 500);
	assert_true(f.server.closed);
	assert_int_equal(f.server.err, ERR_TIMEOUT);
	raw_close(&r);
	bench_down(&f);
}

/* The kernel of a program that hangs takes our pings; that is no sign of life. */
static void
t_hung_peer_is_dead(void **state)
{
	struct bench f;
	(void)state;

	bench_up(&f, &(struct sim_options){ .seed = 3, .latency_max_ms = 10 });
	f.server_o.ping_ms = 1000;
	f.server_o.dead_ms = 2500;
	bench_dial(&f);
	world_run(&f.w, 10000);
	assert_false(f.server.closed);
	wsconn_pause(f.client.c, true);
	world_run(&f.w, 1400);
	assert_false(f.server.closed);
	world_run(&f.w, 1600);
	assert_int_equal(f.server.err, ERR_TIMEOUT);
	bench_down(&f);
}

/* The pong waits behind megabytes that go through a thin line: bytes arrive, so it lives. */
static void
t_slow_peer_lives(void **state)
{
	static uint8_t chunk[60000];
	struct bench f;
	(void)state;

	bench_up(&f, &(struct sim_options){ .seed = 3, .buffer = 1 << 20 });
	f.server_o.ping_ms = 1000;
	f.server_o.dead_ms = 2500;
	f.client_o.message_max = 1 << 20;
	bench_dial(&f);
	sim_slow(f.w.client, 30000);
	for (int i = 0; i < 16; i++)
		assert_int_equal(
		    wsconn_send(f.server.c, WS_BINARY, span_of(chunk, sizeof(chunk))), 0);
	world_run(&f.w, 25000);
	assert_in_range(f.client.messages, 10, 15); /* the first pong is 30 s away */
	assert_false(f.server.closed);
	world_run(&f.w, 20000);
	assert_int_equal(f.client.messages, 16);
	assert_false(f.server.closed);
	bench_down(&f);
}

/* A peer that we do not read cannot be heard; that it takes nothing any more is seen. */
static void
t_paused_peer(void **state)
{
	static uint8_t chunk[60000];
	struct bench f;
	(void)state;

	bench_up(&f, &(struct sim_options){ .seed = 3 });
	f.server_o.ping_ms = 1000;
	f.server_o.dead_ms = 2500;
	bench_dial(&f);
	wsconn_pause(f.server.c, true);
	world_run(&f.w, 60000);
	assert_false(f.server.closed);
	sim_slow(f.w.client, 1); /* from now on next to nothing arrives there */
	assert_int_equal(
	    wsconn_send(f.server.c, WS_BINARY, span_of(chunk, sizeof(chunk))), 0);
	world_run(&f.w, 2000);
	assert_false(f.server.closed);
	world_run(&f.w, 2000);
	assert_int_equal(f.server.err, ERR_TIMEOUT);
	bench_down(&f);
}

static void
t_queue_limit(void **state)
{
	static uint8_t chunk[900];
	struct bench f;
	int r, n = 0;
	(void)state;

	bench_up(&f, &(struct sim_options){ .seed = 3, .buffer = 4096 });
	f.server_o.queue_max = 100000;
	bench_dial(&f);
	wsconn_pause(f.client.c, true);
	while ((r = wsconn_send(f.server.c, WS_BINARY, span_of(chunk, sizeof(chunk)))) ==
	    0) {
		n++;
		world_run(&f.w, 1);
		assert_in_range(wsconn_queued(f.server.c), 0, 100000);
	}
	assert_int_equal(r, ERR_LIMIT);
	assert_in_range(n, 100, 130);
	assert_false(f.server.closed); /* told later */
	world_run(&f.w, 10);
	assert_int_equal(f.server.err, ERR_LIMIT);
	wsconn_close(f.server.c, 0);
	f.server.c = NULL;
	wsconn_pause(f.client.c, false);
	world_run(&f.w, 1000);
	assert_int_equal(
	    f.client.messages, n); /* what was queued arrives, then the reason */
	assert_int_equal(f.client.code, 1013);
	bench_down(&f);
}

static void
t_back_pressure(void **state)
{
	static uint8_t chunk[1000];
	struct bench f;
	size_t sent = 0;
	(void)state;

	bench_up(&f, &(struct sim_options){ .seed = 3 });
	bench_dial(&f);
	sim_slow(f.w.client, 200000);
	while (wsconn_queued(f.server.c) < STREAM_HIGH) {
		assert_int_equal(
		    wsconn_send(f.server.c, WS_BINARY, span_of(chunk, sizeof(chunk))), 0);
		sent++;
	}
	assert_int_equal(f.server.drains, 0);
	world_run(&f.w, 60000);
	assert_int_equal(f.server.drains, 1);
	assert_int_equal(f.client.messages, sent);
	assert_int_equal(wsconn_queued(f.server.c), 0);
	bench_down(&f);
}

/* A peer that pings and does not read costs no memory. */
static void
t_pings_without_reading(void **state)
{
	struct bench f;
	struct raw r = { 0 };
	auto_buf b = { 0 };
	static char body[125];
	(void)state;

	bench_up(&f, &(struct sim_options){ .seed = 3, .buffer = 4096 });
	f.server_o.message_max = 1 << 20;
	buf_init(&b, 1 << 20);
	for (int i = 0; i < 5000; i++)
		add_frame(&b, 0x89, body, sizeof(body), true);
	raw_connect(&r, &f.w, 9);
	world_run(&f.w, 10);
	ev_stream_want(r.s, false, false);
	r.eof = true; /* the raw peer stops reading */
	raw_say(&r, buf_span(&b));
	world_run(&f.w, 10000);
	assert_int_equal(r.sent, b.len);
	assert_in_range(wsconn_queued(f.server.c), 1, STREAM_LOW + 1000);
	raw_close(&r);
	bench_down(&f);
}

static void
t_cut_connections(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 200; seed++) {
		struct bench f;
		static uint8_t chunk[700];

		bench_up(&f,
		    &(struct sim_options){ .seed = seed,
			.latency_max_ms = 5,
			.segment_max = 300,
			.cut_per_million = 20000 });
		bench_connect(&f);
		(void)world_until(&f.w, &f.client.up, 1000);
		f.server.echo = true;
		for (int i = 0; i < 50 && f.client.c != NULL; i++) {
			(void)!wsconn_send(
			    f.client.c, WS_BINARY, span_of(chunk, sizeof(chunk)));
			world_run(&f.w, 3);
			if (f.client.closed) {
				wsconn_close(f.client.c, (uint16_t)(seed % 2 ? 1000 : 0));
				f.client.c = NULL;
			}
		}
		bench_down(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_echo),
		cmocka_unit_test(t_pause_holds_messages_back),
		cmocka_unit_test(t_handler_that_comes_late),
		cmocka_unit_test(t_close_codes),
		cmocka_unit_test(t_close_inside_a_message),
		cmocka_unit_test(t_first_message_deadline),
		cmocka_unit_test(t_own_pings),
		cmocka_unit_test(t_hung_peer_is_dead),
		cmocka_unit_test(t_slow_peer_lives),
		cmocka_unit_test(t_paused_peer),
		cmocka_unit_test(t_silence_is_death),
		cmocka_unit_test(t_queue_limit),
		cmocka_unit_test(t_back_pressure),
		cmocka_unit_test(t_pings_without_reading),
		cmocka_unit_test(t_cut_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
