/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of a data channel against scripted peers.  Numbers like 9.3.4 name the known
 * traps of the protocol that a test stands for (docs/protocol.md).
 */
#include "base/text.h"
#include "chan.h"
#include "proto/control.h"
#include "vec.h"

static const enum channel_role AGENT = CHANNEL_AGENT, CLIENT = CHANNEL_CLIENT;

/* --- receiving --------------------------------------------------------------------- */

/* The acknowledgement of a recorded message, byte for byte. */
static void
id_m2(void *arg, void *p, size_t n)
{
	(void)arg;
	assert_int_equal(n, 16);
	assert_int_equal(uuid_parse(p, SPAN(VEC_M2)), 0);
}

static void
t_ack_bytes(void **state)
{
	struct channel_ops ops = chan_ops;
	struct chan_end e = { .rng = 1 };
	auto_buf in, want;
	(void)state;

	ops.random = id_m2;
	buf_init(&e.got, CHAN_GOT_MAX);
	e.ch = channel_new(&(struct channel_config){ .role = CHANNEL_AGENT }, &ops, &e);
	channel_up(e.ch, 1000, (int64_t)vec_ms);
	/* The vector has number 7; seven before it, whose acks do not matter. */
	for (int i = 0; i < 7; i++)
		assert_int_equal(chan_feed(&e, AGENT, 1000, i, "x"), 0);
	chan_forget(&e);
	buf_init(&in, 4096);
	buf_init(&want, 4096);
	vec_read(&in, 1);
	vec_read(&want, 2);
	assert_int_equal(channel_receive(e.ch, 1005, buf_span(&in)), 0);
	assert_int_equal(e.nout, 1);
	check_span(buf_span(&e.out[0]), buf_span(&want));
	check_text(buf_span(&e.got), "xxxxxxxls\n");
	chan_stop(&e);
}

/* The first message of an agent, byte for byte: SYN on number 0, digest, id. */
static void
t_first_bytes(void **state)
{
	struct channel_ops ops = chan_ops;
	struct chan_end e = { .rng = 1 };
	struct agentmsg m;
	auto_buf want;
	(void)state;

	ops.random = id_m2;
	buf_init(&e.got, CHAN_GOT_MAX);
	buf_init(&want, 4096);
	vec_read(&want, 3);
	assert_int_equal(agentmsg_decode(&m, buf_span(&want)), 0);
	e.ch = channel_new(&(struct channel_config){ .role = CHANNEL_AGENT }, &ops, &e);
	assert_int_equal(channel_send(e.ch, 5, PAYLOAD_HANDSHAKE_REQUEST, m.payload), 0);
	row("nothing leaves before the transport is up");
	assert_int_equal(e.nout, 0);
	channel_up(e.ch, 1000, (int64_t)vec_ms);
	assert_int_equal(e.nout, 1);
	check_span(buf_span(&e.out[0]), buf_span(&want));
	chan_stop(&e);
}

/* Each row is one script: messages by number, in capitals while deliver() is not ready. */
static void
t_order(void **state)
{
	static const struct {
		const char *what;
		bool own;
		const char *script; /* 0..9 arrive; - not ready; + ready and pump */
		const char *acks, *got;
	} t[] = {
		{ "in order", false, "012", "a0 a1 a2", "012" },
		{ "stock: out of order is acked on arrival", false, "021", "a0 a2 a1",
		    "012" },
		{ "own: acked when consumed", true, "021", "a0 a1 a2", "012" },
		{ "9.3.4 re-ack duplicates", false, "0001", "a0 a0 a0 a1", "01" },
		{ "9.3.4 re-ack duplicates, own", true, "0001", "a0 a0 a0 a1", "01" },
		{ "9.2.2 re-ack duplicates that wait, stock", false, "0220",
		    "a0 a2 a2 a0", "0" },
		{ "own: what waits is answered with the last consumed", true, "0220",
		    "a0 a0 a0", "0" },
		{ "9.3.4 leave unacked while not ready", false, "0-1+", "a0 a1", "01" },
		{ "not ready, repeated", false, "-000+0", "a0 a0", "0" },
		{ "stock: later ones are acked while the first waits", false, "-012+",
		    "a1 a2 a0", "012" },
		{ "own: none is", true, "-012+", "a0 a1 a2", "012" },
		{ "the repetition finds it ready", false, "-0=0", "a0", "0" },
		{ "backwards", false, "43210", "a4 a3 a2 a1 a0", "01234" },
		{ "backwards, own", true, "43210", "a0 a1 a2 a3 a4", "01234" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct chan_end e;

		row(t[i].what);
		chan_start(&e, CLIENT);
		if (t[i].own)
			channel_set_own_peer(e.ch, 65536, 1 << 20);
		for (const char *s = t[i].script; *s != '\0'; s++) {
			char text[2] = { *s, '\0' };

			if (*s == '-' || *s == '=') {
				e.not_ready = *s == '-';
			} else if (*s == '+') {
				e.not_ready = false;
				assert_int_equal(channel_pump(e.ch, 0), 0);
			} else {
				assert_int_equal(
				    chan_feed(&e, CLIENT, 0, *s - '0', text), 0);
			}
		}
		assert_string_equal(chan_trace(&e), t[i].acks);
		check_text(buf_span(&e.got), t[i].got);
		chan_stop(&e);
	}
}

/* What our own peers tell each other beyond the number. */
static void
t_own_ack(void **state)
{
	static const struct {
		const char *what;
		int64_t seq;
		bool ready;
		const char *tail; /* of the ack; NULL: none */
	} t[] = {
		{ "nothing is consumed yet", 0, false, NULL },
		{ "nor now", 0, false, NULL },
		{ "a gap", 2, false, NULL },
		{ "no gap any more", 1, false, NULL },
		{ "all three are consumed", 0, true,
		    "Number\":2,\"IsSequentialMessage\":true,\"SallyportReceived\":2,"
		    "\"SallyportLatest\":1}" },
		{ "one waits", 3, false, NULL },
		{ "and is repeated", 3, false,
		    "Number\":2,\"IsSequentialMessage\":true,\"SallyportReceived\":3,"
		    "\"SallyportLatest\":1}" },
		{ "an old one", 0, false,
		    "Number\":2,\"IsSequentialMessage\":true,\"SallyportReceived\":3,"
		    "\"SallyportLatest\":1}" },
	};
	struct chan_end e;
	(void)state;

	chan_start(&e, CLIENT);
	channel_set_own_peer(e.ch, 65536, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		chan_forget(&e);
		e.not_ready = !t[i].ready;
		assert_int_equal(chan_feed(&e, CLIENT, 0, t[i].seq, "x"), 0);
		if (t[i].tail == NULL) {
			assert_int_equal(e.nout, 0);
			continue;
		}
		assert_true(e.nout > 0);
		assert_true(span_ends(chan_out(&e, e.nout - 1).payload, t[i].tail));
	}
	chan_stop(&e);
}

/* Towards our own peer the acks of a moment leave as one, and no later than it takes. */
static void
t_ack_hold(void **state)
{
	const struct channel_config cfg = { .role = AGENT,
		.ack_hold_ms = CHANNEL_ACK_HOLD_MS };
	char big[CHANNEL_ACK_HELD_BYTES / 2 + 1] = { 0 };
	struct chan_end e;
	(void)state;

	chan_open(&e, &cfg);
	channel_up(e.ch, 100, chan_wall);
	row("a stock peer waits for nothing");
	assert_int_equal(chan_feed(&e, AGENT, 100, 0, "x"), 0);
	assert_string_equal(chan_trace(&e), "a0");
	channel_set_own_peer(e.ch, 65536, 1 << 20);
	row("three of a moment");
	chan_forget(&e);
	for (int64_t i = 1; i <= 3; i++)
		assert_int_equal(
		    chan_feed(&e, AGENT, 100 + (uint64_t)(i == 3), i, "x"), 0);
	assert_int_equal(e.nout, 0);
	assert_int_equal(channel_next_ms(e.ch), 100 + CHANNEL_ACK_HOLD_MS);
	channel_tick(e.ch, 100 + CHANNEL_ACK_HOLD_MS - 1);
	assert_int_equal(e.nout, 0);
	channel_tick(e.ch, 100 + CHANNEL_ACK_HOLD_MS);
	assert_string_equal(chan_trace(&e), "a3");
	assert_int_equal(channel_next_ms(e.ch), CHANNEL_NO_TIMER);
	row("many do not wait");
	chan_forget(&e);
	for (int64_t i = 4; i < 4 + CHANNEL_ACKS_HELD; i++)
		assert_int_equal(chan_feed(&e, AGENT, 200, i, "x"), 0);
	assert_string_equal(chan_trace(&e), "a19");
	row("a lost connection takes them along");
	chan_forget(&e);
	assert_int_equal(chan_feed(&e, AGENT, 300, 20, "x"), 0);
	channel_down(e.ch);
	assert_int_equal(channel_next_ms(e.ch), CHANNEL_NO_TIMER);
	channel_up(e.ch, 400, chan_wall);
	channel_tick(e.ch, 500);
	assert_int_equal(e.nout, 0);
	assert_int_equal(chan_feed(&e, AGENT, 500, 20, "x"), 0);
	channel_tick(e.ch, 500 + CHANNEL_ACK_HOLD_MS);
	assert_string_equal(chan_trace(&e), "a20");
	row("nor does an eighth of the window");
	chan_forget(&e);
	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(chan_feed(&e, AGENT, 600, 21, big), 0);
	assert_int_equal(e.nout, 0);
	assert_int_equal(chan_feed(&e, AGENT, 600, 22, big), 0);
	assert_string_equal(chan_trace(&e), "a22");
	chan_stop(&e);
}

/* Between our own ends stream data may come without its digest; nothing else may. */
static void
t_no_digest(void **state)
{
	struct agentmsg m = { .type = "input_stream_data",
		.created_ms = 1,
		.payload_type = PAYLOAD_OUTPUT,
		.payload = SPAN("x"),
		.no_digest = true };
	struct chan_end e;
	auto_buf wire = { .max = 1024 };
	(void)state;

	chan_start(&e, AGENT);
	agentmsg_encode(&wire, &m);
	row("not before both ends said so");
	assert_int_equal(channel_receive(e.ch, 0, buf_span(&wire)), ERR_INVALID);
	channel_set_own_peer(e.ch, 65536, 1 << 20);
	assert_int_equal(channel_receive(e.ch, 0, buf_span(&wire)), ERR_INVALID);
	channel_set_no_digest(e.ch);
	assert_int_equal(channel_receive(e.ch, 0, buf_span(&wire)), 0);
	row("a wrong one is still wrong");
	wire.p[AGENTMSG_HEAD - 40]++;
	assert_int_equal(channel_receive(e.ch, 0, buf_span(&wire)), ERR_INVALID);
	row("nothing else goes without");
	snprintf(m.type, sizeof(m.type), "%s", MSG_CHANNEL_CLOSED);
	buf_reset(&wire);
	agentmsg_encode(&wire, &m);
	assert_int_equal(channel_receive(e.ch, 0, buf_span(&wire)), ERR_INVALID);
	row("what we send has none");
	chan_forget(&e);
	assert_int_equal(channel_send(e.ch, 0, PAYLOAD_OUTPUT, SPAN("y")), 0);
	assert_true(chan_out(&e, 0).no_digest);
	chan_stop(&e);
}

/* 4.1: the plugin's unlocked counter can give two messages one number; the first counts. */
static void
t_same_number_twice(void **state)
{
	struct chan_end e;
	(void)state;

	chan_start(&e, AGENT);
	assert_int_equal(chan_feed(&e, AGENT, 0, 0, "key"), 0);
	assert_int_equal(chan_feed(&e, AGENT, 0, 0, "size"), 0);
	check_text(buf_span(&e.got), "key");
	assert_string_equal(chan_trace(&e), "a0 a0");
	chan_stop(&e);
}

static void
answer_handshake(struct chan_end *e, uint32_t type)
{
	if (type == PAYLOAD_HANDSHAKE_RESPONSE)
		assert_int_equal(
		    channel_send(e->ch, 0, PAYLOAD_HANDSHAKE_COMPLETE, SPAN("{}")), 0);
}

static void
t_ack_before_complete(void **state)
{
	struct chan_end e;
	auto_buf b;
	(void)state;

	row("9.3.1 ack HandshakeResponse before HandshakeComplete");
	chan_start(&e, AGENT);
	e.hook_deliver = answer_handshake;
	assert_false(channel_peer_spoke(e.ch));
	chan_data(&b, AGENT, 0, PAYLOAD_HANDSHAKE_RESPONSE, SPAN("{}"));
	assert_int_equal(channel_receive(e.ch, 0, buf_span(&b)), 0);
	assert_string_equal(chan_trace(&e), "a0 d0");
	assert_true(channel_peer_spoke(e.ch));
	chan_stop(&e);

	row("also when the response had to wait");
	chan_start(&e, AGENT);
	e.hook_deliver = answer_handshake;
	e.not_ready = true;
	assert_int_equal(channel_receive(e.ch, 0, buf_span(&b)), 0);
	e.not_ready = false;
	assert_int_equal(channel_pump(e.ch, 0), 0);
	assert_string_equal(chan_trace(&e), "a0 d0");
	chan_stop(&e);
}

/* A code of deliver() other than 0 and ERR_AGAIN: consumed, acked, and told. */
static void
t_deliver_code(void **state)
{
	struct chan_end e;
	(void)state;

	chan_start(&e, AGENT);
	e.deliver_code = ERR_CANCELLED;
	assert_int_equal(chan_feed(&e, AGENT, 0, 0, "a"), ERR_CANCELLED);
	assert_string_equal(chan_trace(&e), "a0");
	chan_stop(&e);
}

static void
t_bounds(void **state)
{
	struct channel_config cfg = { .role = CHANNEL_CLIENT, .recv_max = 64 * 1024 };
	static uint8_t kib[1024];
	struct channel_stats st;
	struct chan_end e;
	int r = 0;
	(void)state;

	row("bytes");
	chan_open(&e, &cfg);
	channel_up(e.ch, 0, chan_wall);
	for (int i = 1; i < 100; i++) {
		auto_buf b;

		chan_data(&b, CLIENT, i, PAYLOAD_OUTPUT, span_of(kib, sizeof(kib)));
		r = channel_receive(e.ch, 0, buf_span(&b));
		assert_true(channel_recv_queued(e.ch) <= cfg.recv_max);
	}
	assert_int_equal(r, ERR_LIMIT);
	channel_stats(e.ch, &st);
	assert_int_equal(st.received + st.dropped, 99);
	row("what is next in order still comes through");
	assert_int_equal(chan_feed(&e, CLIENT, 0, 0, "x"), 0);
	assert_int_equal(channel_recv_queued(e.ch), 0);
	chan_stop(&e);

	row("messages");
	chan_start(&e, CLIENT);
	for (int i = 1; i < CHANNEL_QUEUE_MESSAGES + 10; i++)
		r = chan_feed(&e, CLIENT, 0, i, "x");
	assert_int_equal(r, ERR_LIMIT);
	chan_stop(&e);
}

static void
t_refused(void **state)
{
	static const struct {
		const char *what;
		int64_t seq;
		size_t at; /* byte to spoil, 0: none */
		size_t cut;
		int want;
	} t[] = {
		{ "good", 0, 0, 0, 0 },
		{ "cut short", 0, 0, 1, ERR_INVALID },
		{ "header only", 0, 0, 4, ERR_INVALID },
		{ "9.1.3 a HeaderLength beyond the end", 0, 1, 0, ERR_INVALID },
		{ "another PayloadLength", 0, 119, 0, ERR_INVALID },
		{ "a wrong digest", 0, 80, 0, ERR_INVALID },
		{ "another payload", 0, 121, 0, ERR_INVALID },
		{ "an unknown type", 0, 4, 0, 0 },
		{ "a negative number", -1, 0, 0, ERR_INVALID },
		{ "the lowest number", INT64_MIN, 0, 0, ERR_INVALID },
		{ "the highest number", INT64_MAX, 0, 0, ERR_INVALID },
		{ "far ahead", CHANNEL_AHEAD_MAX + 1, 0, 0, ERR_INVALID },
		{ "ahead", CHANNEL_AHEAD_MAX, 0, 0, 0 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct channel_stats st;
		struct chan_end e;
		auto_buf b;

		row(t[i].what);
		chan_start(&e, AGENT);
		chan_data(&b, AGENT, t[i].seq, PAYLOAD_OUTPUT, SPAN("text"));
		if (t[i].at > 0)
			b.p[t[i].at] ^= 0x20;
		assert_int_equal(
		    channel_receive(e.ch, 0, span_sub(buf_span(&b), 0, b.len - t[i].cut)),
		    t[i].want);
		channel_stats(e.ch, &st);
		assert_int_equal(st.invalid, t[i].want != 0);
		if (t[i].want != 0 || t[i].at == 4)
			assert_int_equal(e.nout, 0);
		chan_stop(&e);
	}
}

/* Data of our own direction, session states and the like are not ours to judge. */
static void
t_ignored(void **state)
{
	static const char *const types[] = { MSG_OUTPUT_STREAM, MSG_SESSION_STATE,
		MSG_INTERACTIVE_SHELL, "tomorrow" };
	struct chan_end e;
	(void)state;

	chan_start(&e, AGENT);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct agentmsg m = { .created_ms = 1, .payload = SPAN("{}") };
		auto_buf b;

		snprintf(m.type, sizeof(m.type), "%s", types[i]);
		buf_init(&b, 4096);
		agentmsg_encode(&b, &m);
		assert_int_equal(channel_receive(e.ch, 0, buf_span(&b)), 0);
	}
	assert_int_equal(e.nout, 0);
	assert_int_equal(e.delivered, 0);
	chan_stop(&e);
}

static void
t_bad_acks(void **state)
{
	static const struct {
		const char *json;
		int want;
	} t[] = {
		{ "", ERR_INVALID },
		{ "{}", ERR_INVALID },
		{ "{\"AcknowledgedMessageSequenceNumber\":-1}", ERR_INVALID },
		{ "{\"AcknowledgedMessageSequenceNumber\":\"0\"}", ERR_INVALID },
		{ "{\"AcknowledgedMessageSequenceNumber\":1e3}", ERR_INVALID },
		{ "{\"AcknowledgedMessageSequenceNumber\":99999999999999999999}",
		    ERR_INVALID },
		{ "{\"AcknowledgedMessageSequenceNumber\":5}", 0 }, /* never sent */
		{ "{\"AcknowledgedMessageSequenceNumber\":0}", 0 },
	};
	struct chan_end e;
	(void)state;

	chan_start(&e, CLIENT);
	assert_int_equal(chan_say(&e, 0, "x"), 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct agentmsg m = { .type = MSG_ACKNOWLEDGE,
			.created_ms = 1,
			.payload = span_str(t[i].json) };
		auto_buf b;

		row(t[i].json);
		assert_false(channel_drained(e.ch));
		buf_init(&b, 4096);
		agentmsg_encode(&b, &m);
		assert_int_equal(channel_receive(e.ch, 0, buf_span(&b)), t[i].want);
	}
	assert_true(channel_drained(e.ch));
	chan_stop(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_ack_bytes),
		cmocka_unit_test(t_first_bytes),
		cmocka_unit_test(t_order),
		cmocka_unit_test(t_own_ack),
		cmocka_unit_test(t_ack_hold),
		cmocka_unit_test(t_no_digest),
		cmocka_unit_test(t_same_number_twice),
		cmocka_unit_test(t_ack_before_complete),
		cmocka_unit_test(t_deliver_code),
		cmocka_unit_test(t_bounds),
		cmocka_unit_test(t_refused),
		cmocka_unit_test(t_ignored),
		cmocka_unit_test(t_bad_acks),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
