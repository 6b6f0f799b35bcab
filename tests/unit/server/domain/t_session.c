/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: which events lead to which state, what agent and client hear of it, and that
 * nothing lives for ever.
 */
#include "script.h"

static const struct {
	const char *what, *script, *status, *details;
	const char *agent;  /* what went over the control channel */
	const char *client; /* output of channel_closed, NULL: not closed */
} states[] = {
	{ "just started", "", "Connecting", "", "S", NULL },
	{ "one end is not enough", "c", "Connecting", "", "S", NULL },
	{ "both ends", "ca", "Connected", "", "S", NULL },
	{ "the other order", "ac", "Connected", "", "S", NULL },
	{ "an end that joins twice", "aac", "Connected", "", "S", NULL },
	{ "left before the other came", "cCa", "Connecting", "", "S", NULL },
	{ "client lost", "caC", "Disconnected", "", "S", NULL },
	{ "agent lost", "caA", "Disconnected", "", "S", NULL },
	{ "agent back", "caAa", "Connected", "", "S", NULL },
	{ "both lost, one back", "caCAa", "Disconnected", "", "S", NULL },
	{ "both back", "caCAac", "Connected", "", "S", NULL },
	{ "never leaves twice", "caCC", "Disconnected", "", "S", NULL },
	{ "shell exits", "cad", "Terminated", "The agent ended the session.", "S", "" },
	{ "shell exits, said twice", "cadd", "Terminated", "The agent ended the session.",
	    "S", "" },
	{ "failed start", "cf", "Failed", "boom", "S", "boom" },
	{ "failed start, said twice", "cff", "Failed", "boom", "S", "boom" },
	{ "failed start, no client yet", "f", "Failed", "boom", "S", NULL },
	{ "failed later", "caf", "Terminated", "boom", "S", "boom" },
	{ "done while the client is away", "caCd", "Terminated",
	    "The agent ended the session.", "S", "" },
	{ "by hand", "cat", "Terminating", "by hand", "SC", "" },
	{ "by hand, twice", "catt", "Terminating", "by hand", "SC", "" },
	{ "by hand, confirmed", "catd", "Terminated", "by hand", "SC", "" },
	{ "by hand, a failure confirms too", "catf", "Terminated", "by hand", "SC", "" },
	{ "by hand, not confirmed", "catm", "Terminated", "by hand", "SC", "" },
	{ "by hand, before anybody came", "t", "Terminating", "by hand", "SC", NULL },
	{ "by hand, node away", "caot", "Terminated", "by hand", "S", "" },
	{ "joins too late", "tc", "Terminating", "by hand", "SC", "" },
	{ "leaving does not matter any more", "catCA", "Terminating", "by hand", "SC",
	    "" },
	{ "revoked, and told why", "car", "Terminating", "by hand", "SC", "by hand" },
	{ "failed by hand", "cF", "Failed", "by hand", "SC", "by hand" },
	{ "failed by hand when connected", "caFd", "Terminated", "by hand", "SC",
	    "by hand" },
	{ "9.1.12, agent-protocol 10.5: agent did not come", "cm", "Failed",
	    "The agent did not open its data channel within 60 seconds.", "SC",
	    "The agent did not open its data channel within 60 seconds." },
	{ "client did not come", "am", "Failed",
	    "The client did not connect within 60 seconds.", "SC",
	    "The client did not connect within 60 seconds." },
	{ "client away too long", "caCg1", "Terminating",
	    "The client was away for more than 10 minutes.", "SC",
	    "The client was away for more than 10 minutes." },
	{ "agent away too long", "caAg1", "Terminating",
	    "The agent was away for more than 10 minutes: it did not answer any "
	    "more.",
	    "SC",
	    "The agent was away for more than 10 minutes: it did not answer any "
	    "more." },
	{ "back in time", "caAmmmmmmmmmag", "Connected", "", "S", NULL },
	{ "agent-protocol 10.7: idle", "cagg", "Terminating",
	    "The session was idle for 20 minutes.", "SC",
	    "The session was idle for 20 minutes." },
	{ "not idle", "cagxgxgx", "Connected", "", "S", NULL },
	{ "restart: connected", "caR", "Disconnected", "", "S", NULL },
	{ "restart: both back", "caROac", "Connected", "", "S", NULL },
	{ "restart: nobody back", "caRg1", "Terminated",
	    "The agent was away for more than 10 minutes.", "S", NULL },
	{ "restart: nobody back, node here", "caROg1", "Terminating",
	    "The agent was away for more than 10 minutes.", "SC", NULL },
	{ "restart: connecting, sent again", "RO", "Connecting", "", "SS", NULL },
	{ "restart: connecting, then both", "ROac", "Connected", "", "SS", NULL },
	{ "restart: connecting, node away", "Rm", "Failed",
	    "The node could not be reached within 60 seconds.", "S", NULL },
	{ "restart: terminating", "catR", "Terminated", "by hand", "SC", NULL },
	{ "restart: terminating, told again", "catRO", "Terminated", "by hand", "SCC",
	    NULL },
	{ "node flaps: nothing sent twice", "caoOoO", "Connected", "", "S", NULL },
};

static void
t_states(void **state)
{
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		struct world w;
		struct store_session row;
		auto_arena mem = { 0 };
		auto_buf agent = { .max = 4096 };

		print_message("  %s\n", states[i].what);
		world_init(&w, i);
		node_up(&w);
		OK(start(&w, &mem, SESSION, NODE, 0, NULL));
		play(&w, states[i].script);
		row_of(&w, &mem, &row);
		assert_string_equal(row.status, states[i].status);
		assert_string_equal(row.details, states[i].details);
		for (const char *p = states[i].agent; *p != '\0'; p++)
			buf_addf(
			    &agent, "%s " SESSION " ", *p == 'S' ? "start" : "closed");
		assert_string_equal(buf_cstr(&w.link.sent), buf_cstr(&agent));
		assert_int_equal(w.channel.closed, states[i].client != NULL);
		if (states[i].client != NULL)
			assert_string_equal(w.channel.output, states[i].client);
		world_fini(&w);
	}
}

/* --- nothing lives for ever
 * ------------------------------------------------------------- */

static void
t_ends(void **state)
{
	static const struct {
		const char *what, *script;
	} t[] = {
		{ "connecting", "" },
		{ "connecting, client there", "c" },
		{ "connecting, agent there", "a" },
		{ "connecting, node gone", "o" },
		{ "connecting, restarted", "R" },
		{ "connecting, restarted, node back", "RO" },
		{ "connected", "ca" },
		{ "connected, control channel gone", "cao" },
		{ "disconnected from the client", "caC" },
		{ "disconnected from the agent", "caA" },
		{ "disconnected from both", "caAC" },
		{ "disconnected, restarted", "caR" },
		{ "disconnected, restarted, node back", "caRO" },
		{ "disconnected, restarted, half back", "caROa" },
		{ "terminating", "cat" },
		{ "terminating, node gone", "cato" },
		{ "terminating, restarted", "catR" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct world w;
		struct store_session row;
		auto_arena mem = { 0 };

		print_message("  %s\n", t[i].what);
		world_init(&w, i);
		node_up(&w);
		OK(start(&w, &mem, SESSION, NODE, 0, NULL));
		play(&w, t[i].script);
		wait_s(&w, 20 * 60 + 10); /* the longest clock is idleness */
		assert_int_equal(sessions_live(w.sessions), 0);
		row_of(&w, &mem, &row);
		assert_true(row.details[0] != '\0');
		world_fini(&w);
	}
}

/* Agent-protocol 10.7: data that never stops is ended by the maximum duration, also over a
 * restart. */
static void
t_max_duration(void **state)
{
	static const struct {
		const char *what, *script;
	} t[] = { { "connected", "ca" }, { "restarted after a while", "caxgxgxgROac" } };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct world w;
		struct store_session row;
		auto_arena mem = { 0 };
		int64_t lived;

		print_message("  %s\n", t[i].what);
		world_init(&w, i);
		node_up(&w);
		OK(start(&w, &mem, SESSION, NODE, 90, NULL));
		play(&w, t[i].script);
		for (int min = 0; min < 91; min++)
			play(&w, "xm");
		row_of(&w, &mem, &row);
		assert_string_equal(
		    row.details, "The maximum duration of 90 minutes is over.");
		lived = row.end_ms - row.start_ms;
		assert_in_range(lived, 90 * 60000, 90 * 60000 + SESSION_CLOSE_MS + 1000);
		world_fini(&w);
	}
}

/* Whatever happens in whatever order: then silence, and it ends.  The seed replays. */
static void
t_random(void **state)
{
	static const char events[] = "cCaAcadftFoOOx1mR";
	(void)state;

	for (uint64_t seed = 0; seed < 400; seed++) {
		struct world w;
		struct store_session row;
		auto_arena mem = { 0 };
		char script[40] = "";
		size_t len;

		world_init(&w, seed);
		node_up(&w);
		OK(start(&w, &mem, SESSION, NODE, 0, NULL));
		len = sim_random_below(w.sim, sizeof(script) - 1);
		for (size_t i = 0; i < len; i++)
			script[i] = events[sim_random_below(w.sim, sizeof(events) - 1)];
		for (size_t i = 0; i < len; i++) {
			event(&w, script[i]);
			row_of(&w, &mem, &row);
		}
		wait_s(&w, 20 * 60 + 10);
		if (sessions_live(w.sessions) != 0)
			fail_msg("seed %llu, events %s: still live",
			    (unsigned long long)seed, script);
		row_of(&w, &mem, &row);
		world_fini(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_states),
		cmocka_unit_test(t_ends),
		cmocka_unit_test(t_max_duration),
		cmocka_unit_test(t_random),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
