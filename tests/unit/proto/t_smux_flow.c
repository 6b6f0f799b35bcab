/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smux under load, one end: whose turn it is, room, windows and bounds of memory.
 */
#include "proto/smux_int.h"

#include "unit/proto/smux_app.h"

static const struct smux_config stock_agent = { 0 };
static const struct smux_config own_agent = { .own = true };
static const struct smux_config own_client = { .own = true, .is_client = true };

static uint8_t zeros[1 << 20];

static size_t
occupied(const struct smux *m)
{
	struct smux_stats st;

	smux_stats(m, &st);
	return st.mem;
}

/* --- whose turn ------------------------------------------------------------------- */

static void
t_small_ones_first(void **state)
{
	struct app a;
	uint8_t out[65536];
	struct span in;
	struct frame f;
	unsigned bulk = 0, frames = 0;
	(void)state;

	app_init(&a, &stock_agent);
	push_frame(a.m, 1, SYN, 3, SPAN_NONE);
	push_frame(a.m, 1, SYN, 5, SPAN_NONE);
	row("a keystroke does not wait for a download");
	assert_int_equal(smux_write(a.m, 3, span_of(zeros, SMUX_QUEUE)), SMUX_QUEUE);
	assert_int_equal(smux_write(a.m, 5, SPAN("k")), 1);
	in = span_of(out, smux_pull(a.m, out, sizeof(out)));
	assert_true(next_frame(&in, &f));
	assert_int_equal(f.id, 5);
	row("but the download goes on under any number of keystrokes");
	for (uint32_t id = 7; id < 87; id += 2)
		push_frame(a.m, 1, SYN, id, SPAN_NONE);
	for (int i = 0; i < 100; i++) {
		for (uint32_t id = 7; id < 87; id += 2)
			assert_int_equal(smux_write(a.m, id, SPAN("k")), 1);
		in = span_of(out, smux_pull(a.m, out, 20 * (SMUX_HEAD + 1)));
		while (next_frame(&in, &f)) {
			frames++;
			bulk += f.id == 3;
		}
	}
	assert_true(bulk * (SMALL_RUN + 2) >= frames && bulk > 0);
	app_fini(&a);
}

static void
t_equal_turns(void **state)
{
	struct app a;
	uint8_t out[32768];
	size_t got[4] = { 0 };
	struct span in;
	struct frame f;
	(void)state;

	app_init(&a, &stock_agent);
	for (uint32_t i = 0; i < 4; i++)
		push_frame(a.m, 1, SYN, 3 + 2 * i, SPAN_NONE);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(
		    smux_write(a.m, 3 + 2 * i, span_of(zeros, SMUX_QUEUE)), SMUX_QUEUE);
	for (int i = 0; i < 18; i++) {
		in = span_of(out, smux_pull(a.m, out, sizeof(out)));
		assert_true(in.n > 32768 - BODY_MIN - SMUX_HEAD);
		while (next_frame(&in, &f))
			got[(f.id - 3) / 2] += f.body.n;
		for (int j = 1; j < 4; j++)
			assert_in_range(
			    got[j] + SMUX_FRAME, got[0], got[0] + 2 * SMUX_FRAME);
	}
	app_fini(&a);
}

static void
t_room(void **state)
{
	struct smux_config cfg = { .send_max = 300 * 1024 };
	struct app a;
	uint8_t out[65536], *p;
	size_t n;
	(void)state;

	app_init(&a, &cfg);
	for (uint32_t id = 3; id <= 9; id += 2)
		push_frame(a.m, 1, SYN, id, SPAN_NONE);
	buf_reset(&a.log);
	row("the queue of a stream, then what is left for all, then its share");
	assert_int_equal(smux_write(a.m, 3, span_of(zeros, 1 << 20)), 256 * 1024);
	assert_int_equal(smux_write(a.m, 3, SPAN("x")), 0);
	assert_int_equal(smux_write(a.m, 5, span_of(zeros, 1 << 20)), 44 * 1024);
	assert_int_equal(smux_write(a.m, 7, span_of(zeros, 1 << 20)), SMUX_SHARE);
	row("reserve: room to read into, nothing copied");
	p = smux_reserve(a.m, 9, &n);
	assert_int_equal(n, SMUX_SHARE);
	memset(p, 'r', n);
	smux_commit(a.m, 9, 0);
	smux_commit(a.m, 9, n);
	assert_null(smux_reserve(a.m, 9, &n));
	assert_int_equal(n, 0);
	row("each is told once when there is room");
	while (smux_pull(a.m, out, sizeof(out)) > 0)
		continue;
	n = a.log.len;
	assert_int_equal(n, 4 * strlen("room 3;"));
	assert_int_equal(occupied(a.m), 0);
	row("many small reads are packed");
	for (int i = 0; i < 100; i++) {
		assert_non_null(smux_reserve(a.m, 5, &n));
		smux_commit(a.m, 5, 100);
	}
	assert_true(occupied(a.m) <= 2 * 100 * 100 + CHUNK_MIN);
	row("a large read is queued as it is");
	p = smux_reserve(a.m, 3, &n);
	assert_int_equal(n, CHUNK_MAX);
	smux_commit(a.m, 3, n);
	assert_true(smux_reserve(a.m, 3, &n) != p);
	app_fini(&a);
}

/* --- windows ---------------------------------------------------------------------- */

static void
t_window_of_the_peer(void **state)
{
	struct app a;
	auto_buf b;
	(void)state;

	app_init(&a, &own_client);
	must_open(a.m);
	must_open(a.m);
	check_out(&a, "SYN 3;SYN 5;");
	row("256 KiB, then not a byte until UPD; the other stream goes on");
	assert_int_equal(smux_write(a.m, 3, span_of(zeros, SMUX_QUEUE)), SMUX_QUEUE);
	check_out(&a,
	    "PSH 3 32768;PSH 3 32752;PSH 3 32768;PSH 3 32752;PSH 3 32768;PSH 3 32752;"
	    "PSH 3 32768;PSH 3 32752;PSH 3 64;");
	assert_int_equal(smux_write(a.m, 3, SPAN("more")), 4);
	assert_int_equal(smux_write(a.m, 5, SPAN("other")), 5);
	check_out(&a, "PSH 5 other;");
	row("FIN waits for the data before it");
	smux_shutdown_write(a.m, 3);
	check_out(&a, "");
	buf_init(&b, 4096);
	add_upd(&b, 3, 2, SMUX_WINDOW);
	assert_int_equal(smux_push(a.m, buf_span(&b)), 0);
	check_out(&a, "PSH 3 mo;");
	row("a window that shrinks");
	buf_reset(&b);
	add_upd(&b, 3, 4, 10);
	assert_int_equal(smux_push(a.m, buf_span(&b)), 0);
	check_out(&a, "");
	buf_reset(&b);
	add_upd(&b, 3, SMUX_WINDOW, 10);
	assert_int_equal(smux_push(a.m, buf_span(&b)), 0);
	check_out(&a, "PSH 3 re;FIN 3;");
	row("more than was sent");
	buf_reset(&b);
	add_upd(&b, 3, SMUX_WINDOW + 5, 10);
	assert_int_equal(smux_push(a.m, buf_span(&b)), ERR_PROTOCOL);
	app_fini(&a);
}

static void
t_turn_taken_back(void **state)
{
	struct app a;
	auto_buf b;
	(void)state;

	app_init(&a, &own_client);
	must_open(a.m);
	must_open(a.m);
	check_out(&a, "SYN 3;SYN 5;");
	row("a window that shrinks below what waits for its turn holds up nobody");
	assert_int_equal(smux_write(a.m, 3, SPAN("waits")), 5);
	assert_int_equal(smux_write(a.m, 5, SPAN("other")), 5);
	buf_init(&b, 4096);
	add_upd(&b, 3, 0, 0);
	assert_int_equal(smux_push(a.m, buf_span(&b)), 0);
	check_out(&a, "PSH 5 other;");
	assert_false(smux_pending(a.m));
	row("and it goes on when the window is back");
	buf_reset(&b);
	add_upd(&b, 3, 0, SMUX_WINDOW);
	assert_int_equal(smux_push(a.m, buf_span(&b)), 0);
	check_out(&a, "PSH 3 waits;");
	app_fini(&a);
}

static void
t_our_window(void **state)
{
	struct app a;
	(void)state;

	app_init(&a, &own_agent);
	push_frame(a.m, 2, SYN, 3, SPAN_NONE);
	row("buffered up to the window, never past it");
	a.take = 0;
	for (size_t n = 0; n < SMUX_WINDOW; n += 32768)
		push_frame(a.m, 2, PSH, 3, span_of(zeros, 32768));
	assert_true(occupied(a.m) <= 2 * SMUX_WINDOW);
	assert_false(smux_recv_blocked(a.m));
	check_out(&a, "");
	row("a quarter of it consumed: UPD");
	smux_consumed(a.m, 3, 32768);
	smux_consumed(a.m, 3, SMUX_WINDOW / CREDIT - 32769);
	check_out(&a, "");
	smux_consumed(a.m, 3, 1);
	smux_consumed(a.m, 3, 1);
	{
		struct smux_stream *s = smux_find(a.m, 3);

		assert_true(s->upd_due);
		assert_int_equal(s->consumed, SMUX_WINDOW / CREDIT + 1);
	}
	assert_int_equal(smux_pull(a.m, (uint8_t[16]){ 0 }, 16), 16);
	row("past it: the session ends");
	for (size_t n = 0; n < SMUX_WINDOW / CREDIT; n += 32768)
		push_frame(a.m, 2, PSH, 3, span_of(zeros, 32768));
	push_frame(a.m, 2, PSH, 3, SPAN("x"));
	assert_int_equal(smux_push(a.m, SPAN("\2\2\1\0\3\0\0\0x")), ERR_PROTOCOL);
	app_fini(&a);
}

static void
t_window_grows(void **state)
{
	struct smux_config cfg = {
		.own = true, .window = 1 << 20, .recv_max = (1 << 20) + 2 * SMUX_WINDOW
	};
	struct app a;
	struct smux_stats st;
	(void)state;

	app_init(&a, &cfg);
	for (uint32_t id = 3; id <= 7; id += 2)
		push_frame(a.m, 2, SYN, id, SPAN_NONE);
	row("a consumer that is always behind gets no more");
	a.take = 0;
	push_frame(a.m, 2, PSH, 7, span_of(zeros, 32768));
	for (int i = 0; i < 100; i++) {
		push_frame(a.m, 2, PSH, 7, span_of(zeros, 32768));
		smux_consumed(a.m, 7, 32768);
		(void)!smux_pull(a.m, (uint8_t[16]){ 0 }, 16);
	}
	assert_int_equal(smux_find(a.m, 7)->window, SMUX_WINDOW);
	a.take = -1;
	row("while its consumer keeps up, to what was configured");
	for (int i = 0; i < 200; i++) {
		push_frame(a.m, 2, PSH, 3, span_of(zeros, 32768));
		buf_reset(&a.log);
		a.data_id = 0;
		(void)!smux_pull(a.m, (uint8_t[16]){ 0 }, 16);
	}
	assert_int_equal(smux_find(a.m, 3)->window, 1 << 20);
	row("and not past the budget of the session");
	for (int i = 0; i < 200; i++) {
		push_frame(a.m, 2, PSH, 5, span_of(zeros, 32768));
		buf_reset(&a.log);
		a.data_id = 0;
		(void)!smux_pull(a.m, (uint8_t[16]){ 0 }, 16);
	}
	assert_int_equal(smux_find(a.m, 5)->window, SMUX_WINDOW);
	smux_stats(a.m, &st);
	assert_int_equal(st.windows, cfg.recv_max);
	push_frame(a.m, 2, SYN, 11, SPAN_NONE);
	row("which a stream that ends gives back");
	smux_abort(a.m, 3, ERR_CANCELLED);
	push_frame(a.m, 2, SYN, 13, SPAN_NONE);
	smux_stats(a.m, &st);
	assert_int_equal(st.refused, 1);
	assert_int_equal(st.windows, 3 * SMUX_WINDOW);
	app_fini(&a);
}

static void
t_stock_bucket(void **state)
{
	struct app a;
	size_t n = 0;
	(void)state;

	app_init(&a, &stock_agent);
	push_frame(a.m, 1, SYN, 3, SPAN_NONE);
	row("4 MiB undelivered, then nothing is taken any more");
	for (a.take = 0; !smux_recv_blocked(a.m); n += 32768)
		push_frame(a.m, 1, PSH, 3, span_of(zeros, 32768));
	assert_int_equal(n, SMUX_RECV_STOCK);
	assert_int_equal(smux_push(a.m, SPAN("\1\3\0\0\0\0\0\0")), ERR_AGAIN);
	row("bytes one by one cost no more than twice");
	smux_consumed(a.m, 3, smux_peek(a.m, 3).n);
	for (int i = 0; i < 30000; i++)
		push_frame(a.m, 1, PSH, 3, SPAN("x"));
	assert_true(occupied(a.m) <= 2 * SMUX_RECV_STOCK);
	row("consumed: it goes on");
	assert_false(smux_recv_blocked(a.m));
	smux_abort(a.m, 3, 0);
	assert_int_equal(occupied(a.m), 0);
	app_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_small_ones_first),
		cmocka_unit_test(t_equal_turns),
		cmocka_unit_test(t_room),
		cmocka_unit_test(t_window_of_the_peer),
		cmocka_unit_test(t_turn_taken_back),
		cmocka_unit_test(t_our_window),
		cmocka_unit_test(t_window_grows),
		cmocka_unit_test(t_stock_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
