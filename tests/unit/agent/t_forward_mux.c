/* SPDX-License-Identifier: Apache-2.0 */
/* Port sessions of many connections over smux, by themselves and over a data channel. */
#include "forward_bench.h"
#include "unit/proto/smux_app.h"
#include "world.h"

/* Carries frames both ways for so long. */
static void
talk_for(struct bench *b, struct app *a, uint64_t ms)
{
	uint8_t frames[PIECE];
	size_t n;

	for (uint64_t end = sim_now_ms(b->sim) + ms; sim_now_ms(b->sim) < end;) {
		while (smux_pending(a->m) &&
		    (n = smux_pull(a->m, frames, sizeof(frames))) > 0)
			if (!give(b, span_of(frames, n), 10000))
				fail_msg("the agent takes no frames any more");
		sim_run_for(b->sim, STEP_MS);
		if (b->out.len > 0)
			assert_int_equal(smux_push(a->m, buf_span(&b->out)), 0);
		buf_reset(&b->out);
	}
}

static void
mux_init(struct bench *b, struct app *a, bool own)
{
	bench_init(b);
	bench_start(b, own ? NULL : "1.2.677.0", false, "db.internal");
	app_init(a, &(struct smux_config){ .is_client = true, .own = own });
}

static void
mux_fini(struct bench *b, struct app *a)
{
	app_fini(a);
	bench_fini(b);
}

static void
say(struct app *a, uint32_t id, struct span s)
{
	assert_int_equal(smux_write(a->m, id, s), s.n);
}

static void
t_streams(void **state)
{
	const struct span ends[] = {
		SPAN("data 3 \0\7\16\25;data 5 \0\7\16\25;close 3 0;close 5 0;"),
		SPAN("data 3 \0\7\16\25;data 5 \0\7\16\25;half 3;half 5;"),
	};
	struct bench b;
	struct app a;

	(void)state;
	for (int own = 0; own < 2; own++) {
		row(own ? "own" : "stock");
		mux_init(&b, &a, own);
		b.db.manner.say = 4;
		sim_run_for(b.sim, 60 * 1000);
		assert_int_equal(b.out.len, 0); /* 9.1.1: deaf until it spoke */
		say(&a, must_open(a.m), SPAN("first"));
		talk_for(&b, &a, 100);
		say(&a, must_open(a.m), SPAN("second"));
		talk_for(&b, &a, 100);
		check_text(buf_span(&b.db.peers[0].in), "first");
		check_text(buf_span(&b.db.peers[1].in), "second");
		peer_close(&b.db.peers[0]);
		talk_for(&b, &a, 100);
		peer_close(&b.db.peers[1]);
		talk_for(&b, &a, 100);
		check_span(buf_span(&a.log), own ? ends[1] : ends[0]);
		check_flags(&b, "");
		mux_fini(&b, &a);
	}
}

/* Clients up to 1.2.331.0 send a frame every ten seconds, or are gone. */
static void
t_keepalive(void **state)
{
	struct bench b;
	struct app a;

	(void)state;
	bench_init(&b);
	bench_start(&b, "1.2.331.0", false, "db.internal");
	app_init(&a,
	    &(struct smux_config){
		.is_client = true, .keepalive_ms = SMUX_KEEPALIVE_MS });
	(void)must_open(a.m);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(smux_tick(a.m, sim_now_ms(b.sim)), 0);
		talk_for(&b, &a, 3000);
	}
	assert_false(b.failed);
	assert_false(b.db.peers[0].eof);
	row("silence");
	sim_run_for(b.sim, 2 * 3 * SMUX_KEEPALIVE_MS);
	assert_true(b.failed);
	assert_string_equal(b.why, "The client has been silent for too long.");
	assert_true(b.db.peers[0].eof);
	mux_fini(&b, &a);
}

/* "echo x | nc -N": the answer comes after the end of the question. */
static void
t_half_close(void **state)
{
	struct bench b;
	struct app a;

	(void)state;
	mux_init(&b, &a, true);
	b.db.manner.answers = true;
	say(&a, must_open(a.m), SPAN("question"));
	smux_shutdown_write(a.m, 3);
	talk_for(&b, &a, 500);
	check_text(buf_span(&b.db.peers[0].in), "question");
	assert_null(b.db.peers[0].s);
	assert_int_equal(a.log.len, strlen("data 3 ......;half 3;close 3 0;"));
	mux_fini(&b, &a);
}

/* A stream that is refused says why, ends nothing else, and data for it is dropped. */
static void
t_refused(void **state)
{
	struct bench b;
	struct app a;

	(void)state;
	for (int own = 0; own < 2; own++) {
		row(own ? "own: a reason" : "stock: Flag 3, then FIN");
		mux_init(&b, &a, own);
		ev_listener_close(b.db.listener);
		say(&a, must_open(a.m), SPAN("nobody hears this"));
		b.room = own ? PIECE : 0; /* and the flag waits for room */
		talk_for(&b, &a, 100);
		check_flags(&b, "");
		b.room = PIECE;
		agent_forward_go(b.w);
		talk_for(&b, &a, 100);
		check_flags(&b, own ? "" : "3;");
		check_text(buf_span(&a.log), own ? "close 3 -10;" : "close 3 0;");
		service_listen(&b.db);
		say(&a, must_open(a.m), SPAN("somebody this"));
		talk_for(&b, &a, 100);
		check_text(buf_span(&b.db.peers[0].in), "somebody this");
		assert_false(b.failed);
		mux_fini(&b, &a);
	}
}

static void
fill(struct bench *b, struct app *a, uint32_t id, struct span data, size_t *done)
{
	for (int i = 0; i < 400 && *done < data.n; i++) {
		int n = smux_write(a->m, id, span_sub(data, *done, data.n));

		assert_true(n >= 0);
		*done += (size_t)n;
		talk_for(b, a, STEP_MS);
	}
}

/* One stalled connection: the others go on, and the agent keeps a window of it, no more. */
static void
t_slow_stream(void **state)
{
	size_t stalled = 0, quick = 0;
	struct bench b;
	struct app a;
	auto_buf data;

	(void)state;
	buf_init(&data, 4 << 20);
	pattern(&data, 4 << 20);
	mux_init(&b, &a, true);
	b.db.manner.deaf = true;
	(void)must_open(a.m);
	fill(&b, &a, 3, buf_span(&data), &stalled);
	/* Window, socket and our own queue. */
	assert_in_range(
	    stalled, SMUX_WINDOW, SMUX_WINDOW + SMUX_QUEUE + 2 * SOCKET + PIECE);
	b.db.manner.deaf = false;
	(void)must_open(a.m);
	fill(&b, &a, 5, buf_span(&data), &quick);
	assert_int_equal(quick, data.len);
	talk_for(&b, &a, 2000);
	check_span(buf_span(&b.db.peers[1].in), buf_span(&data));
	row("and it goes on where it was");
	b.db.peers[0].deaf = false;
	peer_go(&b.db.peers[0]);
	fill(&b, &a, 3, buf_span(&data), &stalled);
	talk_for(&b, &a, 2000);
	check_span(buf_span(&b.db.peers[0].in), buf_span(&data));
	mux_fini(&b, &a);
}

/* A stock client knows no windows: the session as a whole stops at 4 MiB. */
static void
t_stock_bound(void **state)
{
	struct bench b;
	struct app a;
	auto_buf frame;
	size_t pushed = 0;

	(void)state;
	mux_init(&b, &a, false);
	b.db.manner.deaf = true;
	buf_init(&frame, 1 << 20);
	(void)must_open(a.m);
	talk_for(&b, &a, 50);
	add_frame(&frame, 1, PSH, 3, SPAN_NONE);
	frame.p[2] = 0;
	frame.p[3] = 0x40; /* 16 KiB */
	pattern(&frame, 16 * 1024);
	while (give(&b, buf_span(&frame), 200))
		pushed += 16 * 1024;
	assert_in_range(pushed, SMUX_RECV_STOCK, SMUX_RECV_STOCK + 4 * SOCKET);
	row("and goes on when the service reads");
	b.db.peers[0].deaf = false;
	peer_go(&b.db.peers[0]);
	assert_true(give(&b, buf_span(&frame), 5000));
	sim_run_for(b.sim, 5000);
	assert_int_equal(b.db.peers[0].in.len, pushed + 16 * 1024);
	mux_fini(&b, &a);
}

/* A client that takes nothing: what the services say stays with them. */
static void
t_output_bound(void **state)
{
	enum { STREAMS = 8 };
	struct smux_stats st;
	size_t said = 0;
	struct bench b;
	struct app a;

	(void)state;
	mux_init(&b, &a, true);
	b.db.manner.say = 2 << 20;
	b.room = 0;
	for (int i = 0; i < STREAMS; i++)
		(void)must_open(a.m);
	talk_for(&b, &a, 20 * 1000);
	for (size_t i = 0; i < b.db.npeers; i++)
		said += b.db.peers[i].said;
	assert_int_equal(b.db.npeers, STREAMS);
	assert_in_range(
	    said, STREAMS * SOCKET, STREAMS * (SMUX_QUEUE + 2 * SOCKET + PIECE));
	b.room = PIECE;
	a.log.max = 32 << 20;
	agent_forward_go(b.w);
	talk_for(&b, &a, 20 * 1000);
	smux_stats(a.m, &st);
	assert_int_equal(st.bytes_in, STREAMS * (2 << 20));
	mux_fini(&b, &a);
}

static void
t_stream_limit(void **state)
{
	struct bench b;
	struct app a;
	struct smux_stats st;

	(void)state;
	mux_init(&b, &a, true);
	smux_free(a.m);
	a.m = smux_new(&(struct smux_config){ .is_client = true,
			   .own = true,
			   .max_streams = SMUX_STREAMS + 8,
			   .recv_max = (size_t)1 << 30 },
	    &app_ops, &a);
	for (int i = 0; i < SMUX_STREAMS + 8; i++)
		(void)must_open(a.m);
	talk_for(&b, &a, 1000);
	assert_int_equal(b.db.npeers, SMUX_STREAMS);
	smux_stats(a.m, &st);
	assert_int_equal(st.reset, 8);
	assert_non_null(memmem(a.log.p, a.log.len, "close 2051 -3;", 14));
	row("one that ends makes room for another");
	peer_close(&b.db.peers[0]);
	smux_shutdown_write(a.m, 3);
	talk_for(&b, &a, 500);
	(void)must_open(a.m);
	talk_for(&b, &a, 500);
	assert_int_equal(b.db.npeers, SMUX_STREAMS + 1);
	mux_fini(&b, &a);
}

/* The client gives up while the agent dials, or before it has heard that it could not. */
static void
t_gone_meanwhile(void **state)
{
	struct bench b;
	struct app a;

	(void)state;
	for (uint64_t ms = 0; ms < 10; ms++) {
		mux_init(&b, &a, true);
		say(&a, must_open(a.m), SPAN("x"));
		(void)must_open(a.m);
		talk_for(&b, &a, ms < 5 ? 1 : STEP_MS);
		sim_run_for(b.sim, ms % 5);
		smux_abort(a.m, 3, ERR_CANCELLED);
		talk_for(&b, &a, 100);
		say(&a, 5, SPAN("y"));
		talk_for(&b, &a, 100);
		check_text(buf_span(&b.db.peers[b.db.npeers - 1].in), "y");
		assert_true(b.db.npeers == 1 || b.db.peers[0].eof);
		mux_fini(&b, &a);
	}
}

/* Each connection is reported with its outcome; while nothing may be reported none is made. */
static void
t_reported(void **state)
{
	struct bench b;
	struct app a;

	(void)state;
	mux_init(&b, &a, true);
	(void)must_open(a.m);
	talk_for(&b, &a, 100);
	assert_int_equal(b.db.npeers, 1);
	assert_non_null(strstr(buf_cstr(&b.reports), "db.internal:5432 "));
	assert_null(strstr(buf_cstr(&b.reports), "Connection"));
	row("one that is refused");
	buf_reset(&b.reports);
	ev_listener_close(b.db.listener);
	(void)must_open(a.m);
	talk_for(&b, &a, 100);
	assert_string_equal(
	    buf_cstr(&b.reports), "db.internal:5432 ConnectionRefused;");
	service_listen(&b.db);
	row("not now");
	buf_reset(&b.reports);
	b.shut = true;
	say(&a, must_open(a.m), SPAN("x"));
	(void)must_open(a.m);
	talk_for(&b, &a, 1000);
	agent_forward_go(b.w);
	talk_for(&b, &a, 1000);
	assert_int_equal(b.db.npeers, 1);
	assert_int_equal(b.reports.len, 0);
	row("but later");
	b.shut = false;
	agent_forward_go(b.w);
	talk_for(&b, &a, 100);
	assert_int_equal(b.db.npeers, 3);
	check_text(buf_span(&b.db.peers[1].in), "x");
	mux_fini(&b, &a);
}

static void
t_garbage(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	bench_start(&b, NULL, false, "db.internal");
	assert_int_equal(agent_forward_input(b.w, SPAN("GET / HTTP/1.1\r\n\r\n")), 0);
	assert_true(b.failed);
	assert_string_equal(b.why, "The client broke the rules of multiplexed sessions.");
	bench_fini(&b);
}

/* --- over a data channel ------------------------------------------------------------------------ */

static const char port_document[] =
    "{\"schemaVersion\":\"1.0\",\"sessionType\":\"Port\",\"properties\":{"
    "\"portNumber\":\"5432\",\"type\":\"LocalPortForwarding\",\"host\":\"db.internal\"}}";

/* As a client does: what came to smux, what smux has to the channel. */
static void
carry(struct talk *t, struct app *a, size_t *taken)
{
	uint8_t frames[PIECE];
	size_t n, room;

	if (t->out.len > *taken)
		assert_int_equal(
		    smux_push(a->m, span_of(t->out.p + *taken, t->out.len - *taken)), 0);
	*taken = t->out.len;
	while (smux_pending(a->m) && (room = channel_room(t->ch)) > 0 &&
	    (n = smux_pull(a->m, frames, MIN(room, sizeof(frames)))) > 0)
		assert_int_equal(channel_send(t->ch, ev_now_ms(t->w->server),
				     PAYLOAD_OUTPUT, span_of(frames, n)),
		    0);
	world_run(t->w, STEP_MS);
}

static int
keep(void *arg, uint32_t id, struct span data)
{
	struct app *a = arg;

	assert_int_equal(id, 3);
	buf_add(&a->log, data);
	return (int)data.n;
}

/* Cut as often as it likes, in the middle of everything: each byte arrives once. */
static void
t_cut(void **state)
{
	auto_buf data;

	(void)state;
	buf_init(&data, 3 << 20);
	pattern(&data, 3 << 20);
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct world_options o = { .seed = seed, .segment_max = 9000 };
		struct service db;
		size_t given = 0, taken = 0;
		struct smux_stats st;
		struct world w;
		struct talk *t;
		struct app a;

		print_message("  seed %llu\n", (unsigned long long)seed);
		world_init(&w, &o);
		service_init(&db, w.sim);
		db.manner.say = data.len;
		assert_true(world_online(&w));
		t = world_talk(&w, "alice-1");
		t->own = seed % 2 == 0;
		world_order_raw(&w, "alice-1", port_document, "{}", "");
		assert_true(world_until(&w, &t->complete, 5000));
		buf_init(&a.log, data.len);
		a.m = smux_new(&(struct smux_config){ .is_client = true, .own = t->own },
		    &(struct smux_ops){ .on_data = keep }, &a);
		(void)must_open(a.m);
		for (int i = 0; i < 20000; i++) {
			int n = smux_write(
			    a.m, 3, span_sub(buf_span(&data), given, data.len));

			given += n > 0 ? (size_t)n : 0;
			carry(t, &a, &taken);
			smux_stats(a.m, &st);
			if (st.bytes_in == data.len && db.npeers == 1 &&
			    db.peers[0].in.len == data.len)
				break;
			if (i % 4 == 3 && t->ws != NULL && t->opens < 8)
				talk_cut(t);
		}
		assert_int_equal(t->opens, 8);
		assert_int_equal(db.npeers, 1);
		check_span(buf_span(&db.peers[0].in), buf_span(&data));
		check_span(buf_span(&a.log), buf_span(&data));
		app_fini(&a);
		service_fini(&db);
		world_fini(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_streams),
		cmocka_unit_test(t_keepalive),
		cmocka_unit_test(t_half_close),
		cmocka_unit_test(t_refused),
		cmocka_unit_test(t_slow_stream),
		cmocka_unit_test(t_stock_bound),
		cmocka_unit_test(t_output_bound),
		cmocka_unit_test(t_stream_limit),
		cmocka_unit_test(t_gone_meanwhile),
		cmocka_unit_test(t_reported),
		cmocka_unit_test(t_garbage),
		cmocka_unit_test(t_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
