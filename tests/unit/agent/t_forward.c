/* SPDX-License-Identifier: Apache-2.0 */
/* Port sessions of one connection: raw bytes, and its end. */
#include "forward_bench.h"

#define OLD_CLIENT "1.1.61.0" /* before the multiplexing */

static void
t_one_connection(void **state)
{
	struct bench b;
	auto_buf data;

	(void)state;
	buf_init(&data, 1 << 20);
	pattern(&data, 1 << 20);
	for (int ssh = 0; ssh < 2; ssh++) {
		row(ssh ? "SSH" : "a client from before the multiplexing");
		bench_init(&b);
		b.db.manner.say = 1 << 20;
		bench_start(&b, OLD_CLIENT, ssh, "db.internal");
		for (size_t i = 0; i < data.len; i += PIECE)
			assert_true(give(&b, span_of(data.p + i, PIECE), 5000));
		sim_run_for(b.sim, 5000);
		check_span(buf_span(&b.db.peers[0].in), buf_span(&data));
		check_span(buf_span(&b.out), buf_span(&data));
		check_flags(&b, ""); /* 9.3.3: a stock client would write it down */
		assert_int_equal(b.db.npeers, 1);
		bench_fini(&b);
	}
}

/* Data-channel 7.2: Flag 1 drops the connection, and the next data makes another. */
static void
t_disconnect(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	bench_start(&b, OLD_CLIENT, false, "db.internal");
	assert_true(give(&b, SPAN("one"), 1000));
	assert_int_equal(agent_forward_flag(b.w, FLAG_DISCONNECT_TO_PORT), 0);
	sim_run_for(b.sim, 100);
	check_text(buf_span(&b.db.peers[0].in), "one");
	assert_true(b.db.peers[0].eof);
	sim_run_for(b.sim, 60 * 1000);
	assert_int_equal(b.db.npeers, 1); /* not before there is something to say */
	assert_true(give(&b, SPAN("two"), 1000));
	sim_run_for(b.sim, 100);
	check_text(buf_span(&b.db.peers[1].in), "two");

	row("while it is being made, and twice");
	assert_int_equal(agent_forward_flag(b.w, FLAG_DISCONNECT_TO_PORT), 0);
	assert_int_equal(agent_forward_input(b.w, SPAN("three")), ERR_AGAIN);
	assert_int_equal(agent_forward_flag(b.w, FLAG_DISCONNECT_TO_PORT), 0);
	assert_int_equal(agent_forward_flag(b.w, FLAG_DISCONNECT_TO_PORT), 0);
	assert_true(give(&b, SPAN("three"), 1000));
	sim_run_for(b.sim, 100);
	check_text(buf_span(&b.db.peers[b.db.npeers - 1].in), "three");
	assert_false(b.ended || b.failed);

	row("a flag that nobody knows is nothing");
	assert_int_equal(agent_forward_flag(b.w, 77), 0);
	sim_run_for(b.sim, 100);
	assert_false(b.db.peers[b.db.npeers - 1].eof);
	bench_fini(&b);
}

/* What the client said before its flag gets there, for ten seconds. */
static void
t_linger(void **state)
{
	static const uint32_t flags[] = { FLAG_DISCONNECT_TO_PORT,
		FLAG_TERMINATE_SESSION };
	struct bench b;
	auto_buf data;
	size_t given;

	(void)state;
	buf_init(&data, 1 << 20);
	pattern(&data, 1 << 20);
	for (size_t i = 0; i < 2 * ARRAY_LEN(flags); i++) {
		bool reads = i % 2 == 0;

		row(reads ? "a service that reads late" : "one that never does");
		bench_init(&b);
		b.db.manner.deaf = true;
		bench_start(&b, OLD_CLIENT, false, "db.internal");
		for (given = 0; give(&b, span_of(data.p + given, PIECE), 200);)
			given += PIECE;
		assert_in_range(given, SOCKET, SOCKET + 2 * PIECE);
		assert_int_equal(agent_forward_flag(b.w, flags[i / 2]), ERR_AGAIN);
		sim_run_for(b.sim, 5000);
		if (reads) {
			b.db.peers[0].deaf = false;
			peer_go(&b.db.peers[0]);
		}
		b.ready = 0;
		sim_run_for(b.sim, reads ? 100 : 6000);
		assert_true(b.ready > 0);
		assert_int_equal(agent_forward_flag(b.w, flags[i / 2]), 0);
		if (reads) {
			sim_run_for(b.sim, 100);
			check_span(buf_span(&b.db.peers[0].in), span_of(data.p, given));
			assert_true(b.db.peers[0].eof);
		}
		bench_fini(&b);
	}
}

/* All that the service said arrives, however slow the client. */
static void
t_service_leaves(void **state)
{
	struct bench b;

	(void)state;
	for (int ssh = 0; ssh < 2; ssh++) {
		row(ssh ? "SSH: it is the end" : "a port: the session stays");
		bench_init(&b);
		b.db.manner.say = SOCKET / 2;
		b.db.manner.leaves = true;
		b.room = 0;
		bench_start(&b, OLD_CLIENT, ssh, "db.internal");
		sim_run_for(b.sim, 3000);
		assert_null(b.db.peers[0].s);
		assert_false(b.ended);
		assert_int_equal(b.out.len, 0);
		b.room = 1000;
		agent_forward_go(b.w);
		sim_run_for(b.sim, 1000);
		assert_int_equal(b.out.len, SOCKET / 2);
		assert_true(is_pattern(buf_span(&b.out)));
		assert_int_equal(b.ended, ssh);
		if (!ssh) {
			b.db.manner.leaves = false;
			assert_true(give(&b, SPAN("again"), 1000));
			sim_run_for(b.sim, 100);
			check_text(buf_span(&b.db.peers[1].in), "again");
		}
		assert_false(b.failed);
		bench_fini(&b);
	}
}

/* Nothing is read for a client that takes nothing, nor taken for a deaf service. */
static void
t_back_pressure(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	b.db.manner.say = 4 << 20;
	b.room = 0;
	bench_start(&b, OLD_CLIENT, false, "db.internal");
	sim_run_for(b.sim, 60 * 1000);
	assert_in_range(b.db.peers[0].said, 1, SOCKET);
	assert_int_equal(b.out.len, 0);
	b.room = PIECE;
	agent_forward_go(b.w);
	sim_run_for(b.sim, 60 * 1000);
	assert_int_equal(b.out.len, 4 << 20);
	assert_true(is_pattern(buf_span(&b.out)));
	bench_fini(&b);
}

/* --- what cannot be reached ---------------------------------------------------------------- */

static void
t_unreachable(void **state)
{
	static const struct {
		const char *what, *version, *host, *deny, *why; /* why NULL: stays */
	} t[] = {
		{ "nobody there", OLD_CLIENT, "node", "",
		    "Unable to connect to specified port: connection refused by "
		    "node:5432" },
		{ "no such name", OLD_CLIENT, "nosuch", "",
		    "Unable to connect to specified port: name does not resolve: "
		    "nosuch" },
		{ "forbidden", OLD_CLIENT, "127.0.0.1", DIAL_LOOPBACK,
		    "Forwarding to IP address 127.0.0.1 is forbidden." },
		{ "many: no such name", NULL, "nosuch", "",
		    "Unable to connect to specified port: name does not resolve: "
		    "nosuch" },
		{ "many: forbidden", NULL, "127.0.0.1", DIAL_LOOPBACK,
		    "Forwarding to IP address 127.0.0.1 is forbidden." },
		{ "many: forbidden, a stock client", "1.2.677.0", "127.0.0.1",
		    DIAL_LOOPBACK, "Forwarding to IP address 127.0.0.1 is forbidden." },
		{ "many: nobody there, now", NULL, "node", "", NULL },
	};
	struct bench b;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		bench_init(&b);
		assert_int_equal(dial_policy_parse(&b.policy, t[i].deny, NULL), 0);
		bench_start(&b, t[i].version, false, t[i].host);
		sim_run_for(b.sim, 30 * 1000);
		assert_int_equal(b.failed, t[i].why != NULL);
		if (t[i].why != NULL)
			assert_string_equal(b.why, t[i].why);
		bench_fini(&b);
	}
}

/* The service has gone when the next connection is wanted: the session is over. */
static void
t_not_again(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	bench_start(&b, OLD_CLIENT, false, "db.internal");
	assert_true(give(&b, SPAN("one"), 1000));
	ev_listener_close(b.db.listener);
	assert_int_equal(agent_forward_flag(b.w, FLAG_DISCONNECT_TO_PORT), 0);
	assert_int_equal(agent_forward_input(b.w, SPAN("two")), ERR_AGAIN);
	sim_run_for(b.sim, 1000);
	assert_true(b.failed);
	assert_int_equal(agent_forward_input(b.w, SPAN("two")), 0); /* to nobody */
	service_listen(&b.db);
	bench_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_one_connection),
		cmocka_unit_test(t_disconnect),
		cmocka_unit_test(t_linger),
		cmocka_unit_test(t_service_leaves),
		cmocka_unit_test(t_back_pressure),
		cmocka_unit_test(t_unreachable),
		cmocka_unit_test(t_not_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
