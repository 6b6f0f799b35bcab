/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sending half of a data channel: windows, timers, reconnects, lost bursts, and peers
 * that do not acknowledge twice.
 */
#include "chan.h"

static const enum channel_role AGENT = CHANNEL_AGENT, CLIENT = CHANNEL_CLIENT;

static void
say_n(struct chan_end *e, uint64_t now, int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(chan_say(e, now, "x"), 0);
}

/* Ticks whenever the channel wants to, up to that time; returns the number of ticks. */
static unsigned
run_until(struct chan_end *e, uint64_t end)
{
	unsigned n = 0;
	uint64_t at, last = 0;

	while ((at = channel_next_ms(e->ch)) <= end) {
		assert_true(at >= last); /* time goes on: a tick always moves the timer */
		last = at;
		channel_tick(e->ch, at);
		assert_true(channel_next_ms(e->ch) > at);
		n++;
	}
	return n;
}

static void
ack_inside_transmit(struct chan_end *e, const struct agentmsg *m)
{
	chan_ack(e, 0, m->seq);
}

static void
t_insert_first(void **state)
{
	struct chan_end e;
	(void)state;

	row("9.3.1 insert into the unacked list before sending (4.5, the ack race)");
	chan_start(&e, CLIENT);
	e.hook_transmit = ack_inside_transmit;
	say_n(&e, 0, 3);
	assert_true(channel_drained(e.ch));
	assert_int_equal(channel_next_ms(e.ch), CHANNEL_NO_TIMER);
	chan_stop(&e);
}

static void
t_sizes(void **state)
{
	struct chan_end e;
	static uint8_t big[128 * 1024];
	(void)state;

	chan_start(&e, CLIENT);
	row("9.3.6 no empty payloads");
	assert_int_equal(channel_send(e.ch, 0, PAYLOAD_OUTPUT, SPAN_NONE), ERR_INVALID);
	row("32 KiB towards a stock peer");
	assert_int_equal(channel_payload_max(e.ch), CHANNEL_PAYLOAD_STOCK);
	assert_int_equal(channel_send(e.ch, 0, PAYLOAD_OUTPUT,
			     span_of(big, CHANNEL_PAYLOAD_STOCK + 1)),
	    ERR_INVALID);
	assert_int_equal(
	    channel_send(e.ch, 0, PAYLOAD_OUTPUT, span_of(big, CHANNEL_PAYLOAD_STOCK)),
	    0);
	row("what our own announces, within limits");
	channel_set_own_peer(e.ch, 65536, 1 << 20);
	assert_int_equal(channel_payload_max(e.ch), 65536);
	assert_int_equal(channel_send(e.ch, 0, PAYLOAD_OUTPUT, span_of(big, 65536)), 0);
	channel_set_own_peer(e.ch, 1, 1);
	assert_true(channel_payload_max(e.ch) >= 1024);
	channel_set_own_peer(e.ch, SIZE_MAX, SIZE_MAX);
	assert_true(channel_payload_max(e.ch) < AGENTMSG_PAYLOAD_MAX);
	chan_stop(&e);
}

static void
t_window(void **state)
{
	struct channel_config cfg = { .role = CHANNEL_AGENT, .window = 64 * 1024 };
	static uint8_t kib[1024];
	struct chan_end e;
	int n = 0, r;
	(void)state;

	chan_open(&e, &cfg);
	channel_up(e.ch, 0, chan_wall);
	while (
	    (r = channel_send(e.ch, 0, PAYLOAD_OUTPUT, span_of(kib, sizeof(kib)))) == 0)
		n++;
	assert_int_equal(r, ERR_AGAIN);
	assert_int_equal(n, 64 * 1024 / (1024 + CHANNEL_MESSAGE_COST));
	assert_int_equal(e.nout, n);
	assert_true(channel_room(e.ch) < sizeof(kib));
	row("told once, when a quarter is free");
	for (int i = 0; i < n; i++)
		chan_ack(&e, 0, i);
	assert_int_equal(e.writable, 1);
	assert_int_equal(channel_room(e.ch), CHANNEL_PAYLOAD_STOCK);
	chan_stop(&e);

	row("messages in flight stay far under the plugin's 10,000");
	chan_start(&e, AGENT);
	for (n = 0; chan_say(&e, 0, "x") == 0;)
		n++;
	assert_true(n <= CHANNEL_IN_FLIGHT && n > CHANNEL_IN_FLIGHT - 100);
	chan_stop(&e);

	row("no transport: queues up to the window, no more");
	chan_open(&e, &cfg);
	for (n = 0; channel_send(e.ch, 0, PAYLOAD_OUTPUT, span_of(kib, 1024)) == 0;)
		n++;
	assert_int_equal(n, 51);
	assert_int_equal(e.nout, 0);
	assert_int_equal(channel_next_ms(e.ch), CHANNEL_NO_TIMER);
	chan_stop(&e);
}

/* 4.4: only the oldest, after the RTO, with back-off. */
static void
t_timer(void **state)
{
	static const uint64_t stock[] = { 200, 600, 1400, 2400, 3400 };
	static const uint64_t own[] = { 200, 600, 1400, 3000, 6200, 12600, 22600, 32600 };
	struct chan_end e;
	(void)state;

	row("stock peer: at most a second");
	chan_start(&e, CLIENT);
	say_n(&e, 0, 3);
	for (size_t i = 0; i < ARRAY_LEN(stock); i++) {
		assert_int_equal(channel_next_ms(e.ch), stock[i]);
		channel_tick(e.ch, stock[i]);
	}
	assert_string_equal(chan_trace(&e), "d0 d1 d2 d0 d0 d0 d0 d0");
	row("the same bytes each time");
	check_span(buf_span(&e.out[0]), buf_span(&e.out[7]));
	chan_stop(&e);

	row("own peer: at most ten seconds");
	chan_start(&e, CLIENT);
	channel_set_own_peer(e.ch, 65536, 1 << 20);
	say_n(&e, 0, 2);
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		assert_int_equal(channel_next_ms(e.ch), own[i]);
		channel_tick(e.ch, own[i]);
	}
	assert_int_equal(e.nout, 2 + ARRAY_LEN(own));
	chan_stop(&e);

	row("9.3.5 retransmit patiently: an hour, and nothing is given up");
	chan_start(&e, AGENT);
	say_n(&e, 0, 1);
	assert_true(run_until(&e, 3600 * 1000) > 3500);
	assert_false(channel_drained(e.ch));
	chan_ack(&e, 3600 * 1000, 0);
	assert_true(channel_drained(e.ch));
	chan_stop(&e);
}

static void
t_samples(void **state)
{
	struct channel_stats st;
	struct chan_end e;
	(void)state;

	chan_start(&e, CLIENT);
	say_n(&e, 0, 1);
	chan_ack(&e, 20, 0);
	channel_stats(e.ch, &st);
	assert_int_equal(st.rto_ms, 170);
	row("Karn: no sample from a message that was sent twice");
	say_n(&e, 1000, 1);
	channel_tick(e.ch, 1170);
	chan_ack(&e, 1180, 1);
	say_n(&e, 2000, 1);
	channel_down(e.ch);
	channel_up(e.ch, 9000, chan_wall);
	chan_ack(&e, 9001, 2);
	channel_stats(e.ch, &st);
	assert_int_equal(st.rto_ms, 170);
	chan_stop(&e);
}

static void
t_reconnect(void **state)
{
	struct chan_end e;
	(void)state;

	chan_start(&e, CLIENT);
	say_n(&e, 0, 5);
	chan_ack(&e, 10, 2);
	channel_down(e.ch);
	row("9.2.7 survive outages: keep the unacked list");
	assert_int_equal(channel_next_ms(e.ch), CHANNEL_NO_TIMER);
	say_n(&e, 5000, 1);
	chan_forget(&e);
	channel_up(e.ch, 60000, chan_wall);
	row("everything unacked at once, in order, then what is new");
	say_n(&e, 60000, 1);
	assert_string_equal(chan_trace(&e), "d0 d1 d3 d4 d5 d6");
	row("and the timers begin anew");
	assert_int_equal(channel_next_ms(e.ch), 60000 + 178);
	chan_stop(&e);

	row("a connection that moved nothing, and one that did");
	chan_start(&e, CLIENT);
	say_n(&e, 0, 2);
	assert_false(channel_moved(e.ch));
	chan_ack(&e, 10, 0);
	assert_true(channel_moved(e.ch));
	channel_down(e.ch);
	channel_up(e.ch, 50, chan_wall);
	assert_false(channel_moved(e.ch));
	chan_stop(&e);

	row("CreatedDate follows the clock of the new connection");
	chan_start(&e, CLIENT);
	channel_down(e.ch);
	channel_up(e.ch, 50, chan_wall + 7777);
	say_n(&e, 51, 1);
	assert_int_equal(chan_out(&e, 0).created_ms, chan_wall + 7778);
	chan_stop(&e);
}

/* 4.4: a window lost behind our back is not recovered at ten messages a second. */
static void
t_lost_burst(void **state)
{
	struct chan_end e;
	(void)state;

	chan_start(&e, CLIENT);
	say_n(&e, 0, 1);
	chan_ack(&e, 40, 0);
	say_n(&e, 100, 100); /* 1..100 are lost on the way */
	chan_forget(&e);
	channel_tick(e.ch, channel_next_ms(e.ch));
	assert_string_equal(chan_trace(&e), "d1");
	chan_ack(&e, 320, 1);                              /* the repetition arrived */
	assert_int_equal(channel_next_ms(e.ch), 320 + 76); /* half an RTO */
	channel_tick(e.ch, 396);
	assert_int_equal(e.nout, 1 + 99);
	for (int i = 2; i <= 100; i++)
		chan_ack(&e, 430, i);
	assert_true(channel_drained(e.ch));
	row("once");
	assert_int_equal(e.nout, 1 + 99);
	chan_stop(&e);
}

/* The round trip is longer than the first timeout: nothing was lost, nothing is repeated. */
static void
t_slow_link(void **state)
{
	struct chan_end e;
	(void)state;

	chan_start(&e, CLIENT);
	say_n(&e, 0, 100);
	run_until(&e, 299);
	assert_int_equal(e.nout, 101); /* the oldest, once */
	for (int i = 0; i < 100; i++) {
		chan_ack(&e, 300 + (uint64_t)i / 10, i);
		run_until(&e, 300 + (uint64_t)i / 10);
	}
	assert_int_equal(e.nout, 101);
	chan_stop(&e);
}

/* The consumer of our own peer takes a message a second: that is no loss either. */
static void
t_slow_consumer(void **state)
{
	struct channel_stats st;
	struct chan_end e;
	(void)state;

	chan_start(&e, CLIENT);
	channel_set_own_peer(e.ch, 65536, 1 << 20);
	say_n(&e, 0, 200);
	for (int i = 0; i < 200; i++) {
		uint64_t now = 950 + (uint64_t)i * 1000;

		run_until(&e, now);
		chan_ack_own(&e, now, i, 199, (uint64_t)chan_wall + now);
	}
	channel_stats(e.ch, &st);
	assert_true(channel_drained(e.ch));
	assert_int_equal(st.resent, 2); /* the oldest, before it was said to be there */
	chan_stop(&e);
}

/* Our own peer lost all but the first hundred, and its consumer takes nothing. */
static void
t_own_lost_burst(void **state)
{
	struct chan_end e;
	(void)state;

	chan_start(&e, CLIENT);
	channel_set_own_peer(e.ch, 65536, 1 << 20);
	say_n(&e, 0, 1);
	chan_ack_own(&e, 40, 0, 0, (uint64_t)chan_wall);
	say_n(&e, 100, 300);
	chan_forget(&e);
	channel_tick(e.ch, channel_next_ms(e.ch));
	assert_string_equal(chan_trace(&e), "d1");
	row("the repetition finds 1..100 there");
	chan_ack_own(&e, 310, 0, 100, (uint64_t)chan_wall + 300);
	assert_int_equal(e.nout, 1 + 200);
	assert_int_equal(chan_out(&e, 1).seq, 101);
	row("what is there is asked for every ten seconds, in case its ack was lost");
	assert_int_equal(channel_next_ms(e.ch), 10300);
	row("the same said again changes nothing");
	chan_ack_own(&e, 320, 0, 100, (uint64_t)chan_wall + 300);
	chan_ack_own(&e, 340, 0, 300, (uint64_t)chan_wall + 310);
	assert_int_equal(e.nout, 1 + 200);
	row("one ack for all");
	chan_ack_own(&e, 20000, 300, 300, (uint64_t)chan_wall + 310);
	assert_true(channel_drained(e.ch));
	chan_stop(&e);
}

/* A peer that lies about what arrived does not make us flood. */
static void
t_own_lies(void **state)
{
	struct chan_end e;
	(void)state;

	chan_start(&e, CLIENT);
	channel_set_own_peer(e.ch, 65536, 1 << 20);
	say_n(&e, 0, 100);
	for (uint64_t now = 0; now < 1000; now++)
		chan_ack_own(&e, now, 0, 0, INT64_MAX);
	assert_true(e.nout <= 100 + 10 * 99);
	row("or forget what it never got");
	say_n(&e, 1000, 1);
	channel_down(e.ch);
	say_n(&e, 1000, 1);
	chan_ack_own(&e, 1000, INT64_MAX - 1, INT64_MAX, 0);
	assert_false(channel_drained(e.ch));
	chan_ack(&e, 1000, 101);
	assert_false(channel_drained(e.ch));
	chan_stop(&e);
}

static void
t_barrier(void **state)
{
	struct chan_end e;
	(void)state;

	row("4.3: handshake messages must reach a stock plugin in order");
	chan_start(&e, AGENT);
	assert_int_equal(
	    channel_send(e.ch, 0, PAYLOAD_HANDSHAKE_COMPLETE, SPAN("{}")), 0);
	say_n(&e, 0, 2);
	assert_string_equal(chan_trace(&e), "d0");
	chan_ack(&e, 5, 0);
	assert_string_equal(chan_trace(&e), "d0 d1 d2");
	chan_stop(&e);

	row("but not for ever: its ack may be lost and is never repeated");
	chan_start(&e, AGENT);
	assert_int_equal(
	    channel_send(e.ch, 0, PAYLOAD_HANDSHAKE_COMPLETE, SPAN("{}")), 0);
	say_n(&e, 0, 1);
	run_until(&e, 1500);
	assert_string_equal(chan_trace(&e), "d0 d0 d0 d0 d1");
	chan_stop(&e);

	row("our own client does not need it, and a client has none");
	chan_start(&e, AGENT);
	assert_int_equal(
	    channel_send(e.ch, 0, PAYLOAD_HANDSHAKE_COMPLETE, SPAN("{}")), 0);
	say_n(&e, 0, 1);
	channel_set_own_peer(e.ch, 65536, 1 << 20);
	assert_string_equal(chan_trace(&e), "d0 d1");
	chan_stop(&e);
	chan_start(&e, CLIENT);
	assert_int_equal(
	    channel_send(e.ch, 0, PAYLOAD_HANDSHAKE_RESPONSE, SPAN("{}")), 0);
	say_n(&e, 0, 1);
	assert_string_equal(chan_trace(&e), "d0 d1");
	chan_stop(&e);
}

/* One message a consumer is not ready for must never be given up, whatever is acked later. */
static void
t_not_ready_is_kept(void **state)
{
	struct chan_end e;
	(void)state;

	row("9.3.5 the plugin discards everything until its local connection exists");
	chan_start(&e, AGENT);
	say_n(&e, 0, 2);
	for (int i = 1; i < 200; i++) {
		chan_ack(&e, (uint64_t)i * 1000, i);
		run_until(&e, (uint64_t)i * 1000);
		say_n(&e, (uint64_t)i * 1000, 1);
	}
	assert_false(channel_drained(e.ch));
	chan_ack(&e, 200000, 200);
	chan_ack(&e, 200000, 0);
	assert_true(channel_drained(e.ch));
	chan_stop(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_insert_first),
		cmocka_unit_test(t_sizes),
		cmocka_unit_test(t_window),
		cmocka_unit_test(t_timer),
		cmocka_unit_test(t_samples),
		cmocka_unit_test(t_reconnect),
		cmocka_unit_test(t_lost_burst),
		cmocka_unit_test(t_slow_link),
		cmocka_unit_test(t_slow_consumer),
		cmocka_unit_test(t_own_lost_burst),
		cmocka_unit_test(t_own_lies),
		cmocka_unit_test(t_barrier),
		cmocka_unit_test(t_not_ready_is_kept),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
