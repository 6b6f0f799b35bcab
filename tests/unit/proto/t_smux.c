/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smux on the wire: what the stock peers send and expect, our extension, every broken
 * rule, limits, keep-alive, and callbacks that end streams.
 */
#include "proto/smux_int.h"

#include "unit/proto/smux_app.h"

/* As observed from both stock peers. */
#define SYN3  "\1\0\0\0\3\0\0\0"
#define HI3   "\1\2\2\0\3\0\0\0hi"
#define FIN3  "\1\1\0\0\3\0\0\0"
#define NOP0  "\1\3\0\0\0\0\0\0"
#define OSYN3 "\2\0\0\0\3\0\0\0"
#define OHI3  "\2\2\2\0\3\0\0\0hi"
#define OFIN3 "\2\1\0\0\3\0\0\0"
#define ORST3 "\2\5\4\0\3\0\0\0"
#define OUPD3 "\2\4\10\0\3\0\0\0"

static const struct smux_config stock_agent = { 0 };
static const struct smux_config stock_client = { .is_client = true };
static const struct smux_config own_agent = { .own = true };
static const struct smux_config own_client = { .own = true, .is_client = true };

static void
t_stock_client_writes_the_vectors(void **state)
{
	struct app a;
	auto_buf out;
	(void)state;

	app_init(&a, &stock_client);
	buf_init(&out, 1 << 20);
	row("9.2.4: ids start at 3, SYN and FIN have no body");
	assert_int_equal(must_open(a.m), 3);
	assert_int_equal(smux_write(a.m, 3, SPAN("hi")), 2);
	smux_shutdown_write(a.m, 3);
	pull_all(a.m, &out, 4096);
	check_span(buf_span(&out), SPAN(SYN3 HI3 FIN3));
	row("then 5, 7");
	assert_int_equal(must_open(a.m), 5);
	assert_int_equal(must_open(a.m), 7);
	check_out(&a, "SYN 5;SYN 7;");
	row("9.2.4: keep-alive is off unless asked for");
	assert_true(smux_next_ms(a.m) == SMUX_NO_TIMER);
	app_fini(&a);
}

struct in_row {
	const char *what;
	struct span in;
	int ret;
	const char *log, *out;
};

/* Each row at once, and by single bytes. */
static void
check_rows(const struct smux_config *cfg, const struct in_row *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		row(t[i].what);
		for (int cut = 0; cut < 2; cut++) {
			struct app a;
			size_t step = cut == 0 ? t[i].in.n : 1;
			int r = 0;

			app_init(&a, cfg);
			for (size_t at = 0; at < t[i].in.n && r == 0; at += step)
				r = smux_push(a.m, span_sub(t[i].in, at, step));
			assert_int_equal(r, t[i].ret);
			check_log(&a, t[i].log);
			check_out(&a, t[i].out);
			app_fini(&a);
		}
	}
}

static void
t_stock_agent_reads(void **state)
{
	static const struct in_row t[] = {
		{ "a connection", SPAN(SYN3 HI3 FIN3), 0, "open 3;data 3 hi;close 3 0;",
		    "FIN 3;" },
		{ "half a head", SPAN("\1\0\0"), 0, "", "" },
		{ "NOP is not answered", SPAN(NOP0), 0, "", "" },
		{ "9.2.4: PSH of length 0 is ignored", SPAN(SYN3 "\1\2\0\0\3\0\0\0" HI3),
		    0, "open 3;data 3 hi;", "" },
		{ "9.2.4: PSH for an unknown stream is skipped", SPAN(HI3 SYN3 HI3), 0,
		    "open 3;data 3 hi;", "" },
		{ "9.2.4: SYN for a known stream is ignored", SPAN(SYN3 SYN3 HI3), 0,
		    "open 3;data 3 hi;", "" },
		{ "9.2.4: FIN for an unknown stream is ignored", SPAN(FIN3 SYN3), 0,
		    "open 3;", "" },
		{ "data after FIN is skipped", SPAN(SYN3 FIN3 HI3 FIN3), 0,
		    "open 3;close 3 0;", "FIN 3;" },
		{ "9.2.4: SYN with a length", SPAN("\1\0\1\0\3\0\0\0"), ERR_PROTOCOL, "",
		    "" },
		{ "9.2.4: FIN with a length", SPAN(SYN3 "\1\1\1\0\3\0\0\0"), ERR_PROTOCOL,
		    "open 3;", "" },
		{ "9.2.4: NOP with a length", SPAN("\1\3\1\0\0\0\0\0"), ERR_PROTOCOL, "",
		    "" },
		{ "version 2", SPAN(OSYN3), ERR_PROTOCOL, "", "" },
		{ "version 0", SPAN("\0\0\0\0\3\0\0\0"), ERR_PROTOCOL, "", "" },
		{ "command 6", SPAN("\1\6\0\0\3\0\0\0"), ERR_PROTOCOL, "", "" },
		{ "our RST", SPAN("\1\5\4\0\3\0\0\0\1\0\0\0"), ERR_PROTOCOL, "", "" },
		{ "UPD is read over, as xtaci does in version 1",
		    SPAN(SYN3 "\1\4\10\0\3\0\0\0abcdefgh" HI3), 0, "open 3;data 3 hi;",
		    "" },
		{ "an id that only we may open", SPAN("\1\0\0\0\2\0\0\0"), 0, "",
		    "FIN 2;" },
		{ "an id used again", SPAN(SYN3 FIN3 SYN3 HI3), 0,
		    "open 3;close 3 0;open 3;data 3 hi;", "FIN 3;" },
	};
	(void)state;

	check_rows(&stock_agent, t, ARRAY_LEN(t));
}

static void
t_own_agent_reads(void **state)
{
	static const struct in_row t[] = {
		{ "FIN ends one direction only", SPAN(OSYN3 OHI3 OFIN3), 0,
		    "open 3;data 3 hi;half 3;", "" },
		{ "version 1", SPAN(SYN3), ERR_PROTOCOL, "", "" },
		{ "data after FIN", SPAN(OSYN3 OFIN3 OHI3), ERR_PROTOCOL,
		    "open 3;half 3;", "" },
		{ "FIN twice", SPAN(OSYN3 OFIN3 OFIN3), ERR_PROTOCOL, "open 3;half 3;",
		    "" },
		{ "SYN twice", SPAN(OSYN3 OSYN3), ERR_PROTOCOL, "open 3;", "" },
		{ "SYN with an id that only we may open", SPAN("\2\0\0\0\4\0\0\0"),
		    ERR_PROTOCOL, "", "" },
		{ "SYN that goes back", SPAN("\2\0\0\0\5\0\0\0" OSYN3), ERR_PROTOCOL,
		    "open 5;", "" },
		{ "ids may be left out", SPAN(OSYN3 "\2\0\0\0\11\0\0\0"), 0,
		    "open 3;open 9;", "" },
		{ "RST with a code", SPAN(OSYN3 OHI3 ORST3 "\12\0\0\0"), 0,
		    "open 3;data 3 hi;close 3 -10;", "" },
		{ "RST without a code", SPAN(OSYN3 ORST3 "\0\0\0\0"), 0,
		    "open 3;close 3 -7;", "" },
		{ "RST with a code nobody knows", SPAN(OSYN3 ORST3 "\377\377\377\377"), 0,
		    "open 3;close 3 -7;", "" },
		{ "RST for a stream that is gone", SPAN(ORST3 "\12\0\0\0"), 0, "", "" },
		{ "RST of a wrong length", SPAN(OSYN3 "\2\5\0\0\3\0\0\0"), ERR_PROTOCOL,
		    "open 3;", "" },
		{ "data and UPD after RST crossed our own", SPAN(OHI3 OUPD3 "abcdefgh"),
		    0, "", "" },
		{ "UPD of a wrong length", SPAN("\2\4\4\0\3\0\0\0abcd"), ERR_PROTOCOL, "",
		    "" },
		{ "UPD for more than was sent", SPAN(OSYN3 OUPD3 "\1\0\0\0\0\0\4\0"),
		    ERR_PROTOCOL, "open 3;", "" },
		{ "UPD that goes back", SPAN(OSYN3 OUPD3 "\377\377\377\377\0\0\4\0"),
		    ERR_PROTOCOL, "open 3;", "" },
	};
	(void)state;

	check_rows(&own_agent, t, ARRAY_LEN(t));
}

static void
t_lengths(void **state)
{
	static uint8_t body[65535];
	struct app a;
	auto_buf out;
	struct span in;
	struct frame f;
	size_t total = 0;
	(void)state;

	app_init(&a, &stock_agent);
	row("a frame of 65535 is accepted");
	push_frame(a.m, 1, SYN, 3, SPAN_NONE);
	check_log(&a, "open 3;");
	push_frame(a.m, 1, PSH, 3, span_of(body, sizeof(body)));
	assert_int_equal(a.log.len, strlen("data 3 ;") + sizeof(body));
	row("none over 32768 is sent");
	assert_int_equal(smux_write(a.m, 3, span_of(body, sizeof(body))), sizeof(body));
	buf_init(&out, 1 << 20);
	pull_all(a.m, &out, 1 << 18);
	in = buf_span(&out);
	while (next_frame(&in, &f)) {
		assert_in_range(f.body.n, 1, 32768);
		total += f.body.n;
	}
	assert_int_equal(total, sizeof(body));
	app_fini(&a);
}

/* --- ends ------------------------------------------------------------------------- */

static void
t_stock_fin(void **state)
{
	struct app a;
	(void)state;

	app_init(&a, &stock_client);
	row("our FIN: what still comes is offered, gone with the peer's FIN");
	must_open(a.m);
	smux_shutdown_write(a.m, 3);
	assert_int_equal(smux_write(a.m, 3, SPAN("x")), ERR_CLOSED);
	check_out(&a, "SYN 3;FIN 3;");
	assert_int_equal(smux_push(a.m, SPAN(HI3 FIN3)), 0);
	check_log(&a, "data 3 hi;close 3 0;");
	check_out(&a, "");

	row("FINs that cross: none is answered twice");
	must_open(a.m);
	check_out(&a, "SYN 5;");
	smux_shutdown_write(a.m, 5);
	assert_int_equal(smux_push(a.m, SPAN("\1\1\0\0\5\0\0\0")), 0);
	check_log(&a, "close 5 0;");
	check_out(&a, "FIN 5;");

	row("the peer's FIN: buffered data is flushed first, ours is not sent any more");
	must_open(a.m);
	check_out(&a, "SYN 7;");
	assert_int_equal(smux_write(a.m, 7, SPAN("late")), 4);
	a.take = 1;
	assert_int_equal(smux_push(a.m, SPAN("\1\2\3\0\7\0\0\0abc\1\1\0\0\7\0\0\0")), 0);
	check_log(&a, "data 7 a;");
	check_out(&a, "FIN 7;");
	assert_int_equal(smux_write(a.m, 7, SPAN("x")), ERR_CLOSED);
	smux_shutdown_write(a.m, 7);
	smux_resume(a.m, 7);
	check_log(&a, "data 7 b;");
	check_span(smux_peek(a.m, 7), SPAN("c"));
	smux_consumed(a.m, 7, 1);
	check_log(&a, "close 7 0;");
	check_out(&a, "");

	row("abort: FIN at once, or nothing when the peer never heard of it");
	must_open(a.m);
	must_open(a.m);
	smux_abort(a.m, 9, ERR_IO);
	check_out(&a, "SYN 11;");
	assert_int_equal(smux_write(a.m, 11, SPAN("x")), 1);
	smux_abort(a.m, 11, ERR_IO);
	smux_abort(a.m, 11, ERR_IO);
	assert_int_equal(smux_write(a.m, 11, SPAN("x")), ERR_NOTFOUND);
	check_out(&a, "FIN 11;");
	check_log(&a, "");
	row("abort after FIN: one was enough");
	must_open(a.m);
	smux_shutdown_write(a.m, 13);
	check_out(&a, "SYN 13;FIN 13;");
	smux_abort(a.m, 13, ERR_IO);
	check_out(&a, "");
	app_fini(&a);
}

static void
t_own_half_close(void **state)
{
	struct app a;
	(void)state;

	app_init(&a, &own_client);
	row("9.2.4: echo x | nc -N: the answer comes after our FIN");
	must_open(a.m);
	assert_int_equal(smux_write(a.m, 3, SPAN("x")), 1);
	smux_shutdown_write(a.m, 3);
	check_out(&a, "SYN 3;PSH 3 x;FIN 3;");
	assert_int_equal(smux_push(a.m, SPAN(OHI3 OFIN3)), 0);
	check_log(&a, "data 3 hi;half 3;close 3 0;");

	row("the peer's FIN first, then we go on");
	must_open(a.m);
	check_out(&a, "SYN 5;");
	a.take = 0;
	assert_int_equal(smux_push(a.m, SPAN("\2\2\2\0\5\0\0\0hi\2\1\0\0\5\0\0\0")), 0);
	check_log(&a, "");
	a.take = -1;
	smux_resume(a.m, 5);
	check_log(&a, "data 5 hi;half 5;");
	assert_int_equal(smux_write(a.m, 5, SPAN("bye")), 3);
	smux_shutdown_write(a.m, 5);
	check_out(&a, "PSH 5 bye;FIN 5;");
	check_log(&a, "close 5 0;");

	row("shut down inside on_half_close");
	a.shut_on_half = must_open(a.m);
	check_out(&a, "SYN 7;");
	assert_int_equal(smux_push(a.m, SPAN("\2\1\0\0\7\0\0\0")), 0);
	check_log(&a, "half 7;");
	check_out(&a, "FIN 7;");
	check_log(&a, "close 7 0;");

	row("abort: RST with the code, also after FIN");
	must_open(a.m);
	smux_shutdown_write(a.m, 9);
	check_out(&a, "SYN 9;FIN 9;");
	smux_abort(a.m, 9, ERR_TIMEOUT);
	check_out(&a, "RST 9 8;");
	check_log(&a, "");
	app_fini(&a);
}

/* A reset has two sides: what was said before it is said, and what was said is heard. */
static void
t_resets(void **state)
{
	struct smux_stats st;
	struct app a;
	(void)state;

	app_init(&a, &own_agent);
	row("what is queued goes before the RST, what comes meanwhile is dropped");
	push_frame(a.m, 2, SYN, 3, SPAN_NONE);
	assert_int_equal(smux_write(a.m, 3, SPAN("sorry")), 5);
	smux_reset(a.m, 3, ERR_CLOSED);
	check_log(&a, "open 3;");
	push_frame(a.m, 2, PSH, 3, SPAN("unheard"));
	assert_int_equal(smux_write(a.m, 3, SPAN("x")), ERR_CLOSED);
	check_out(&a, "PSH 3 sorry;RST 3 7;");
	push_frame(a.m, 2, PSH, 3, SPAN("late"));
	check_log(&a, "");

	row("nothing is queued: at once");
	push_frame(a.m, 2, SYN, 5, SPAN_NONE);
	smux_reset(a.m, 5, ERR_CLOSED);
	check_out(&a, "RST 5 7;");

	row("the peer is quicker: silence");
	push_frame(a.m, 2, SYN, 7, SPAN_NONE);
	assert_int_equal(smux_write(a.m, 7, SPAN("sorry")), 5);
	smux_reset(a.m, 7, ERR_CLOSED);
	push_frame(a.m, 2, FIN, 7, SPAN_NONE);
	push_frame(a.m, 2, RST, 7, SPAN("\7\0\0\0"));
	check_out(&a, "");

	row("the peer's data before its RST is offered to the end");
	push_frame(a.m, 2, SYN, 9, SPAN_NONE);
	a.take = 2;
	push_frame(a.m, 2, PSH, 9, SPAN("abcd"));
	assert_int_equal(smux_write(a.m, 9, SPAN("unread")), 6);
	push_frame(a.m, 2, RST, 9, SPAN("\7\0\0\0"));
	assert_int_equal(smux_write(a.m, 9, SPAN("x")), ERR_CLOSED);
	check_log(&a, "open 5;open 7;open 9;data 9 ab;");
	smux_resume(a.m, 9);
	check_log(&a, "data 9 cd;close 9 -7;");
	check_out(&a, "");
	smux_stats(a.m, &st);
	assert_int_equal(st.streams, 0);
	assert_int_equal(st.buffered + st.queued, 0);
	app_fini(&a);

	row("a stock peer hears FIN, and its own is not news");
	app_init(&a, &stock_agent);
	push_frame(a.m, 1, SYN, 3, SPAN_NONE);
	assert_int_equal(smux_write(a.m, 3, SPAN("sorry")), 5);
	smux_reset(a.m, 3, ERR_CLOSED);
	push_frame(a.m, 1, PSH, 3, SPAN("unheard"));
	check_out(&a, "PSH 3 sorry;FIN 3;");
	push_frame(a.m, 1, FIN, 3, SPAN_NONE);
	check_log(&a, "open 3;");
	app_fini(&a);
}

static void
t_refusals(void **state)
{
	struct smux_config cfg = { .own = true, .max_streams = 2 };
	struct app a;
	struct smux_stats st;
	(void)state;

	app_init(&a, &cfg);
	row("the application says no");
	a.open_answer = ERR_DENIED;
	push_frame(a.m, 2, SYN, 3, SPAN_NONE);
	check_out(&a, "RST 3 5;");
	a.open_answer = 0;
	row("too many");
	for (uint32_t id = 5; id < 13; id += 2)
		push_frame(a.m, 2, SYN, id, SPAN_NONE);
	check_log(&a, "open 3;open 5;open 7;");
	check_out(&a, "RST 9 3;RST 11 3;");
	assert_int_equal(smux_open(a.m, &(uint32_t){ 0 }), ERR_LIMIT);
	smux_stats(a.m, &st);
	assert_int_equal(st.refused, 3);
	assert_int_equal(st.streams, 2);
	app_fini(&a);

	row("refusals that nobody pulls block, then go on");
	app_init(&a, &stock_agent);
	a.open_answer = ERR_DENIED;
	for (uint32_t id = 3; !smux_recv_blocked(a.m); id += 2) {
		assert_in_range(id, 3, 2 * SMUX_REPLIES + 1);
		push_frame(a.m, 1, SYN, id, SPAN_NONE);
	}
	assert_int_equal(smux_push(a.m, SPAN(NOP0)), ERR_AGAIN);
	assert_int_equal(smux_pull(a.m, (uint8_t[8]){ 0 }, 8), 8);
	assert_false(smux_recv_blocked(a.m));
	assert_int_equal(smux_push(a.m, SPAN(NOP0)), 0);
	app_fini(&a);
}

static void
t_callbacks_that_end_streams(void **state)
{
	struct app a;
	(void)state;

	app_init(&a, &own_agent);
	row("abort in on_open");
	a.abort_on_open = 3;
	assert_int_equal(smux_push(a.m, SPAN(OSYN3 OHI3)), 0);
	check_log(&a, "open 3;");
	check_out(&a, "RST 3 10;");
	row("abort in on_data, the rest of the frame is skipped");
	a.abort_on_data = 5;
	push_frame(a.m, 2, SYN, 5, SPAN_NONE);
	assert_int_equal(smux_push(a.m, SPAN("\2\2\4\0\5\0\0\0a")), 0);
	assert_int_equal(smux_push(a.m, SPAN("bcd\2\3\0\0\0\0\0\0")), 0);
	check_log(&a, "open 5;data 5 a;");
	check_out(&a, "RST 5 9;");
	row("an error from on_data");
	push_frame(a.m, 2, SYN, 7, SPAN_NONE);
	a.data_code = ERR_REFUSED;
	push_frame(a.m, 2, PSH, 7, SPAN("x"));
	a.data_code = 0;
	check_out(&a, "RST 7 10;");
	row("abort in on_half_close");
	a.abort_on_half = 9;
	push_frame(a.m, 2, SYN, 9, SPAN_NONE);
	push_frame(a.m, 2, FIN, 9, SPAN_NONE);
	check_log(&a, "open 7;open 9;half 9;");
	check_out(&a, "RST 9 9;");
	row("the end of the session");
	push_frame(a.m, 2, SYN, 11, SPAN_NONE);
	push_frame(a.m, 2, SYN, 13, SPAN_NONE);
	smux_end(a.m, ERR_EXPIRED);
	check_log(&a, "open 11;open 13;close 11 -14;close 13 -14;");
	assert_int_equal(smux_push(a.m, SPAN(OSYN3)), ERR_EXPIRED);
	assert_int_equal(smux_open(a.m, &(uint32_t){ 0 }), ERR_EXPIRED);
	assert_int_equal(smux_tick(a.m, 1), ERR_EXPIRED);
	assert_false(smux_pending(a.m));
	app_fini(&a);
}

static void
t_ids_used_up(void **state)
{
	struct app a;
	(void)state;

	app_init(&a, &stock_client);
	a.m->next_id = UINT32_MAX - 2;
	assert_int_equal(must_open(a.m), UINT32_MAX - 2);
	assert_int_equal(smux_open(a.m, &(uint32_t){ 0 }), ERR_LIMIT);
	app_fini(&a);
}

/* --- keep-alive ------------------------------------------------------------------- */

static void
t_keepalive(void **state)
{
	struct smux_config cfg = {
		.keepalive_ms = SMUX_KEEPALIVE_MS, .now_ms = 500, .recv_max = 2
	};
	struct app a;
	(void)state;

	app_init(&a, &cfg);
	row("NOP every 10 s, never two that nobody pulled");
	assert_int_equal(smux_next_ms(a.m), 10500);
	assert_int_equal(smux_tick(a.m, 10499), 0);
	assert_false(smux_pending(a.m));
	assert_int_equal(smux_tick(a.m, 10500), 0);
	assert_int_equal(smux_next_ms(a.m), 20500);
	assert_int_equal(smux_tick(a.m, 20500), 0);
	check_out(&a, "NOP 0;");
	row("any frame keeps it alive for the next 30 s");
	assert_int_equal(smux_push(a.m, SPAN(NOP0)), 0);
	assert_int_equal(smux_tick(a.m, 30500), 0);
	row("a session that waits for its consumer is not judged");
	a.take = 0;
	assert_int_equal(smux_push(a.m, SPAN(SYN3 HI3)), 0);
	assert_int_equal(smux_tick(a.m, 60500), 0);
	assert_true(smux_recv_blocked(a.m));
	assert_int_equal(smux_tick(a.m, 90500), 0);
	assert_int_equal(smux_tick(a.m, 120500), 0);
	row("30 s of silence end it");
	smux_consumed(a.m, 3, 2);
	assert_int_equal(smux_tick(a.m, 150499), 0);
	assert_int_equal(smux_tick(a.m, 150500), ERR_TIMEOUT);
	assert_true(smux_next_ms(a.m) == SMUX_NO_TIMER);
	assert_int_equal(smux_push(a.m, SPAN(NOP0)), ERR_TIMEOUT);
	app_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_stock_client_writes_the_vectors),
		cmocka_unit_test(t_stock_agent_reads),
		cmocka_unit_test(t_own_agent_reads),
		cmocka_unit_test(t_lengths),
		cmocka_unit_test(t_stock_fin),
		cmocka_unit_test(t_own_half_close),
		cmocka_unit_test(t_resets),
		cmocka_unit_test(t_refusals),
		cmocka_unit_test(t_callbacks_that_end_streams),
		cmocka_unit_test(t_ids_used_up),
		cmocka_unit_test(t_keepalive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
