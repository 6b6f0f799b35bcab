/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the person is told before a session ends by the clock, and while the node is away;
 * and that a stock agent, which never comes back, is not waited for.
 */
#include "script.h"

#define NOTICE MSG_OWN_NOTICE "|"

/* In the world of world.h, a session with these limits; 0 is the default of each. */
static void
begin(struct world *w, int64_t idle_min, int64_t max_min)
{
	auto_arena mem = { 0 };

	world_init(w, 3);
	node_up(w);
	OK(start_with(w, &mem, SESSION, NODE, idle_min, max_min, NULL));
}

static void
t_warnings(void **state)
{
	static const struct {
		const char *what;
		int64_t idle_min, max_min;
		const char *script; /* as in script.h */
		const char *told;
		bool live;
	} t[] = {
		{ "nothing too early", 20, 0, "cag8", "", true },
		{ "a minute before idleness", 20, 0, "cag8m",
		    NOTICE "the session is idle and will end in 60 seconds ", true },
		{ "which then comes", 20, 0, "cag8mmm",
		    NOTICE "the session is idle and will end in 60 seconds ", false },
		{ "once, however often it is looked at", 20, 0, "cag8mCc",
		    NOTICE "the session is idle and will end in 60 seconds ", true },
		{ "data puts it off", 20, 0, "cag8mxmmm",
		    NOTICE "the session is idle and will end in 60 seconds ", true },
		{ "and then there is another one", 20, 0, "cag8mxg8m",
		    NOTICE "the session is idle and will end in 60 seconds " NOTICE
			   "the session is idle and will end in 60 seconds ",
		    true },
		{ "output is activity as input is", 20, 0, "cag8yg8", "", true },
		{ "the shortest idle time", 1, 0, "ca3",
		    NOTICE "the session is idle and will end in 30 seconds ", true },
		{ "and its end", 1, 0, "cammm",
		    NOTICE "the session is idle and will end in 30 seconds ", false },
		{ "the longest idle time", 60, 0, "cagggggmmmmmmmm", "", true },
		{ "the longest idle time, warned", 60, 0, "cagggggmmmmmmmmm",
		    NOTICE "the session is idle and will end in 60 seconds ", true },
		{ "a minute before the maximum, whatever goes on", 20, 10,
		    "caxmxmxmxmxmxmxmxmxm",
		    NOTICE "the session will reach its maximum duration in 60 seconds ",
		    true },
		{ "who comes back late hears what is left", 20, 10, "caxmxmxmCmmmmmm3xc",
		    NOTICE "the session will reach its maximum duration in 29 seconds ",
		    true },
		{ "the shortest maximum", 20, 1, "ca3",
		    NOTICE "the session will reach its maximum duration in 30 seconds ",
		    true },
		{ "after a restart, too", 20, 10, "caxmxmxmROacxmxmxmxmxmxm",
		    NOTICE "the session will reach its maximum duration in 60 seconds ",
		    true },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct world w;

		print_message("  %s\n", t[i].what);
		begin(&w, t[i].idle_min, t[i].max_min);
		play(&w, t[i].script);
		assert_string_equal(buf_cstr(&w.channel.told), t[i].told);
		assert_int_equal(session_find(w.sessions, SESSION) != NULL, t[i].live);
		world_fini(&w);
	}
}

static void
t_node_away(void **state)
{
	static const struct {
		const char *what, *script, *told;
	} t[] = {
		{ "a blink is not worth a word", "caA1a111", "" },
		{ "the person hears that the node is away", "caA1111",
		    NOTICE "the node is away (it did not answer any more); the session "
			   "waits for it " },
		{ "once, and that it is back", "caA1111111a",
		    NOTICE "the node is away (it did not answer any more); the session "
			   "waits for it " NOTICE "the node is back " },
		{ "also who comes back meanwhile", "caAC1111c",
		    NOTICE "the node is away (it did not answer any more); the session "
			   "waits for it " },
		{ "after a restart nobody knows why", "caRc1111",
		    NOTICE "the node is away (its connection was lost); the session "
			   "waits for it " },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct world w;

		print_message("  %s\n", t[i].what);
		begin(&w, 20, 0);
		play(&w, t[i].script);
		assert_string_equal(buf_cstr(&w.channel.told), t[i].told);
		world_fini(&w);
	}
}

/* How long an agent may be away; "s": the node's agent is a stock one. */
static void
t_stock_agent(void **state)
{
	static const struct {
		const char *what, *script, *status, *details;
	} t[] = {
		{ "ours is waited for", "caAmmmmm", "Disconnected", "" },
		{ "a stock one for a minute", "scaAm1", "Terminating",
		    "The agent was away for more than 1 minute: it did not answer any "
		    "more." },
		{ "in which it may come back", "scaA3a", "Connected", "" },
		{ "its client is waited for as any", "scaCmmmmm", "Disconnected", "" },
		{ "a node that is away itself may be on the way", "scaAommmmm",
		    "Disconnected", "" },
		{ "and is told when it comes", "scaAommmmmO", "Terminating",
		    "The agent was away for more than 5 minutes: it did not answer any "
		    "more." },
		{ "after a restart as well", "scaRmmO1", "Terminating",
		    "The agent was away for more than 2 minutes." },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct world w;
		struct store_session row;
		auto_arena mem = { 0 };

		print_message("  %s\n", t[i].what);
		begin(&w, 60, 0);
		play(&w, t[i].script);
		row_of(&w, &mem, &row);
		assert_string_equal(row.status, t[i].status);
		assert_string_equal(row.details, t[i].details);
		world_fini(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_warnings),
		cmocka_unit_test(t_node_away),
		cmocka_unit_test(t_stock_agent),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
