/* SPDX-License-Identifier: Apache-2.0 */
/* One end of a data channel: pauses, and how it ends. */
#include "chan.h"
#include "proto/control.h"

static void
feed_publication(struct chan_end *e, bool pause)
{
	struct control_head h = { .created_ms = 1 };
	auto_buf b;

	buf_init(&b, 4096);
	control_publication_build(&b, &h, pause);
	assert_int_equal(channel_receive(e->ch, 0, buf_span(&b)), 0);
}

static void
t_pause(void **state)
{
	struct chan_end e;
	(void)state;

	chan_start(&e, CHANNEL_AGENT);
	assert_int_equal(chan_say(&e, 0, "a"), 0);
	feed_publication(&e, true);
	assert_true(e.paused && channel_is_paused(e.ch));
	assert_int_equal(chan_say(&e, 0, "b"), 0);
	row("nothing new, nothing repeated");
	assert_int_equal(channel_next_ms(e.ch), CHANNEL_NO_TIMER);
	channel_tick(e.ch, 5000);
	assert_string_equal(chan_trace(&e), "d0");
	row("start: what was queued leaves, in order");
	feed_publication(&e, false);
	assert_false(e.paused);
	assert_string_equal(chan_trace(&e), "d0 d1");
	row("an ack ends a pause, as in the stock agent");
	feed_publication(&e, true);
	chan_ack(&e, 0, 0);
	assert_false(e.paused);
	row("so does input");
	feed_publication(&e, true);
	assert_int_equal(chan_feed(&e, CHANNEL_AGENT, 0, 0, "x"), 0);
	assert_false(e.paused);
	row("and a new connection");
	feed_publication(&e, true);
	channel_up(e.ch, 0, chan_wall);
	assert_false(e.paused);
	chan_stop(&e);

	row("a client does not care");
	chan_start(&e, CHANNEL_CLIENT);
	feed_publication(&e, true);
	assert_false(channel_is_paused(e.ch));
	assert_int_equal(chan_say(&e, 0, "a"), 0);
	assert_string_equal(chan_trace(&e), "d0");
	chan_stop(&e);
}

static void
t_closed(void **state)
{
	static const struct {
		const char *what;
		enum channel_role role;
		const char *json;
		int want;
		bool closed;
		const char *output;
	} t[] = {
		{ "client", CHANNEL_CLIENT,
		    "{\"MessageType\":\"channel_closed\",\"SchemaVersion\":1,"
		    "\"CreatedDate\":\"x\","
		    "\"Output\":\"gone\"}",
		    0, true, "gone" },
		{ "client, no output", CHANNEL_CLIENT, "{\"SchemaVersion\":1}", 0, true,
		    "" },
		{ "client, malformed: ends all the same", CHANNEL_CLIENT, "}", 0, true,
		    "" },
		{ "agent", CHANNEL_AGENT, "{\"SchemaVersion\":1}", 0, true, "" },
		{ "agent, SchemaVersion as a string: ignored", CHANNEL_AGENT,
		    "{\"SchemaVersion\":\"1\"}", ERR_INVALID, false, "" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct agentmsg m = { .type = MSG_CHANNEL_CLOSED,
			.created_ms = 1,
			.payload = span_str(t[i].json) };
		struct chan_end e;
		auto_buf b;

		row(t[i].what);
		chan_start(&e, t[i].role);
		assert_int_equal(chan_say(&e, 0, "x"), 0);
		e.not_ready = true;
		assert_int_equal(chan_feed(&e, t[i].role, 0, 0, "last words"), 0);
		buf_init(&b, 4096);
		agentmsg_encode(&b, &m);
		assert_int_equal(channel_receive(e.ch, 0, buf_span(&b)), t[i].want);
		assert_int_equal(e.closed, t[i].closed);
		assert_int_equal(channel_is_closed(e.ch), t[i].closed);
		if (!t[i].closed) {
			chan_stop(&e);
			continue;
		}
		assert_string_equal(e.closed_text, t[i].output);
		assert_int_equal(chan_say(&e, 0, "y"), ERR_CLOSED);
		assert_true(channel_drained(e.ch));
		assert_int_equal(channel_next_ms(e.ch), CHANNEL_NO_TIMER);
		row("  what had arrived before can still be read");
		e.not_ready = false;
		assert_int_equal(channel_pump(e.ch, 0), 0);
		check_text(buf_span(&e.got), "last words");
		assert_int_equal(channel_receive(e.ch, 0, buf_span(&b)), 0);
		assert_int_equal(e.closed, 1);
		chan_stop(&e);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_pause),
		cmocka_unit_test(t_closed),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
