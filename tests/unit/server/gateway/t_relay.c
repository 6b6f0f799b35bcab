/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay between peers that behave like the stock ones (data-channel pitfalls 9.1):
 * when things leave, in which order, and what never gets through.
 */
#include "../domain/world.h"

#include "proto/ack.h"
#include "proto/handshake.h"
#include "server/gateway/relay.h"

enum { HEARD_MAX = 4096, QUEUE_MAX = 2 * 1024 * 1024 };

/* One message as it reached a peer. */
struct heard {
	char type[33];
	int64_t seq; /* of the message, or of what it acknowledges */
	uint32_t payload_type;
	uint64_t at_ms;
	char text[80];
};

/* A peer's socket, seen from the peer. */
struct peer {
	struct test *t;
	struct wsconn *ws;
	struct heard heard[HEARD_MAX];
	size_t n;
	bool closed, mute; /* mute: does not read */
};

struct test {
	struct world w;
	struct ev_listener *ln;
	uint16_t port;
	struct wsconn *accepted; /* the server side of the newest connection */
	struct relay *relay;
	struct relay_counters counters;
	bool gone;
	struct peer client, agent;
};

/* --- peers -------------------------------------------------------------------------- */

static void
on_heard(void *arg, uint8_t op, struct span body)
{
	struct peer *p = arg;
	struct control_closed closed;
	struct agentmsg m;
	auto_arena mem = { 0 };
	struct heard *h;

	(void)op;
	assert_true(p->n < HEARD_MAX);
	OK(agentmsg_decode(&m, body));
	OK(agentmsg_check_digest(&m));
	h = &p->heard[p->n++];
	*h = (struct heard){
		.seq = m.seq,
		.payload_type = m.payload_type,
		.at_ms = sim_now_ms(p->t->w.sim),
	};
	OK(str_copy(h->type, sizeof(h->type), m.type));
	if (agentmsg_is(&m, MSG_ACKNOWLEDGE)) {
		OK(ack_parse(&h->seq, m.payload));
	} else if (agentmsg_is(&m, MSG_CHANNEL_CLOSED)) {
		OK(control_closed_parse(&closed, &mem, m.payload, NULL));
		snprintf(h->text, sizeof(h->text), "%s",
		    closed.output != NULL ? closed.output : "");
	}
}

static void
on_gone(void *arg, int err, uint16_t code)
{
	struct peer *p = arg;

	(void)err;
	(void)code;
	p->closed = true;
	wsconn_close(STEAL(p->ws), 0);
}

static const struct wsconn_handler peer_handler = {
	.on_message = on_heard,
	.on_close = on_gone,
};

static void
send_msg(struct peer *p, const char *type, int64_t seq, uint32_t payload_type,
    struct span payload)
{
	struct agentmsg m = {
		.created_ms = 1,
		.seq = seq,
		.payload_type = payload_type,
		.payload = payload,
	};
	auto_buf out = { .max = 1 << 20 };

	OK(str_copy(m.type, sizeof(m.type), type));
	agentmsg_encode(&out, &m);
	OK(wsconn_send(p->ws, WS_BINARY, buf_span(&out)));
}

static void
send_data(struct peer *p, int64_t seq, uint32_t payload_type)
{
	bool client = p == &p->t->client;

	send_msg(p, client ? MSG_INPUT_STREAM : MSG_OUTPUT_STREAM, seq, payload_type,
	    SPAN("data"));
}

static void
send_ack(struct peer *p, int64_t seq)
{
	struct agentmsg m = { .seq = seq };
	auto_buf out = { .max = 4096 };
	uint8_t id[16] = { 1 };

	OK(str_copy(m.type, sizeof(m.type),
	    p == &p->t->client ? MSG_OUTPUT_STREAM : MSG_INPUT_STREAM));
	ack_build(&out, &m, 1, id);
	OK(wsconn_send(p->ws, WS_BINARY, buf_span(&out)));
}

static bool
has(const struct peer *p, const char *type, int64_t seq)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->heard[i].type, type) == 0 && p->heard[i].seq == seq)
			return true;
	return false;
}

/* --- the scene -------------------------------------------------------------------------
 */

static const struct wsconn_options options = { .message_max = 2 << 20 };

static void
on_accept(void *arg, struct ev_stream *s)
{
	struct test *t = arg;

	t->accepted = wsconn_new(stream_new(s, NULL, NULL, NULL, NULL), false, SPAN_NONE,
	    &options, NULL, NULL);
}

static void
on_connected(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct peer *p = arg;

	(void)why;
	assert_int_equal(err, 0);
	p->ws = wsconn_new(stream_new(s, NULL, NULL, NULL, NULL), true, SPAN_NONE,
	    &options, &peer_handler, p);
}

static void
pass_ms(struct test *t, uint64_t ms)
{
	sim_run_for(t->w.sim, ms);
}

static void
join(struct test *t, struct peer *p, bool own)
{
	p->t = t;
	p->closed = false;
	t->accepted = NULL;
	(void)ev_connect(t->w.loop, "server", t->port, 1000, on_connected, p);
	pass_ms(t, 5);
	assert_non_null(p->ws);
	assert_non_null(t->accepted);
	relay_attach(t->relay, p == &t->client ? SESSION_CLIENT : SESSION_AGENT,
	    t->accepted, own, own);
	pass_ms(t, 5);
}

static void
on_relay_gone(void *arg, const char *id)
{
	struct test *t = arg;

	assert_string_equal(id, SESSION);
	t->gone = true;
	t->relay = NULL;
}

static void
leave_peer(struct peer *p)
{
	if (p->ws != NULL)
		wsconn_close(STEAL(p->ws), 0);
}

static int
setup(void **state)
{
	struct test *t = xcalloc(1, sizeof(*t));
	auto_arena mem = { 0 };
	struct fault f = { 0 };

	world_init(&t->w, 7);
	node_up(&t->w);
	OK(start(&t->w, &mem, SESSION, NODE, 0, NULL));
	OK(ev_listen(&t->ln, t->w.loop, "", 0, on_accept, t, &f));
	t->port = ev_listener_port(t->ln);
	t->relay = relay_new(
	    t->w.loop, t->w.sessions, SESSION, QUEUE_MAX, &t->counters, on_relay_gone, t);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct test *t = *state;

	leave_peer(&t->client);
	leave_peer(&t->agent);
	if (t->relay != NULL)
		relay_free(t->relay);
	ev_listener_close(t->ln);
	pass_ms(t, 5);
	world_fini(&t->w);
	free(t);
	return 0;
}

/* --- tests
 * -------------------------------------------------------------------------------- */

static void
t_forwards_in_order(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, true);
	join(t, &t->client, true);
	for (int64_t i = 0; i < 200; i++) {
		send_data(&t->agent, i, PAYLOAD_OUTPUT);
		send_data(&t->client, i, PAYLOAD_OUTPUT);
	}
	pass_ms(t, 50);
	assert_int_equal(t->client.n, 200);
	assert_int_equal(t->agent.n, 200);
	for (int64_t i = 0; i < 200; i++) {
		assert_int_equal(t->client.heard[i].seq, i);
		assert_string_equal(t->agent.heard[i].type, MSG_INPUT_STREAM);
	}
}

/* 9.1.8: what is said to an absent peer waits for it, acknowledgements included. */
static void
t_absent_peer(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, true);
	send_data(&t->agent, 0, PAYLOAD_HANDSHAKE_REQUEST);
	send_data(&t->agent, 1, PAYLOAD_OUTPUT);
	pass_ms(t, 50);
	join(t, &t->client, true);
	assert_int_equal(t->client.n, 2);
	send_data(&t->client, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 5);
	leave_peer(&t->client);
	pass_ms(t, 5);
	send_ack(&t->agent, 0);
	send_data(&t->agent, 2, PAYLOAD_OUTPUT);
	pass_ms(t, 5);
	t->client.n = 0;
	join(t, &t->client, true);
	assert_true(has(&t->client, MSG_ACKNOWLEDGE, 0));
	assert_true(has(&t->client, MSG_OUTPUT_STREAM, 2));
}

/* 9.1.2, 4.5: an acknowledgement reaches a stock sender only when it has noted its message. */
static void
t_ack_is_held(void **state)
{
	struct test *t = *state;
	uint64_t acked_ms;

	join(t, &t->agent, false);
	join(t, &t->client, true);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	for (int i = 0; i < 5 && t->client.n == 0; i++)
		sim_run_for(t->w.sim, 0);
	if (t->client.n == 0)
		pass_ms(t, 1);
	assert_int_equal(t->client.n, 1);
	acked_ms = sim_now_ms(t->w.sim);
	send_ack(&t->client, 0);
	pass_ms(t, 20);
	assert_true(has(&t->agent, MSG_ACKNOWLEDGE, 0));
	assert_true(t->agent.heard[t->agent.n - 1].at_ms > acked_ms);
}

/* 4.5: and one of our own senders is not kept waiting. */
static void
t_own_ack_is_not_held(void **state)
{
	struct test *t = *state;
	uint64_t sent_ms;

	join(t, &t->agent, true);
	join(t, &t->client, true);
	sent_ms = sim_now_ms(t->w.sim);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	send_ack(&t->client, 0);
	pass_ms(t, 20);
	assert_true(has(&t->agent, MSG_ACKNOWLEDGE, 0));
	assert_true(t->agent.heard[t->agent.n - 1].at_ms <= sent_ms + 1);
}

/* 9.1.2, agent-protocol 10.13: the stock client ignores duplicates, so the relay acknowledges in its place. */
static void
t_duplicate_is_answered(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, false);
	join(t, &t->client, false);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 5);
	send_ack(&t->client, 0);
	pass_ms(t, 20);
	t->agent.n = t->client.n = 0;
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 20);
	assert_int_equal(t->client.n, 0);
	assert_true(has(&t->agent, MSG_ACKNOWLEDGE, 0));
	assert_int_equal(t->counters.acks_synthesised, 1);
}

/* 9.1.2: one that repeats itself and does not read fills no queue. */
static void
t_duplicates_unread(void **state)
{
	struct test *t = *state;
	uint64_t answered;

	join(t, &t->agent, false);
	join(t, &t->client, false);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 5);
	send_ack(&t->client, 0);
	pass_ms(t, 20);
	wsconn_pause(t->agent.ws, true);
	for (int i = 0; i < 20000; i++) {
		send_data(&t->agent, 0, PAYLOAD_OUTPUT);
		if (i % 100 == 0)
			pass_ms(t, 1);
	}
	pass_ms(t, 1000);
	answered = t->counters.acks_synthesised;
	assert_true(answered < 10000);
	wsconn_pause(t->agent.ws, false);
	t->agent.n = 0;
	pass_ms(t, 1000);
	assert_true(t->agent.n > 0);
	t->agent.n = 0;
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 20);
	assert_true(has(&t->agent, MSG_ACKNOWLEDGE, 0));
}

/* 9.1.9: a repeated message that nobody acknowledged yet is passed on, not judged. */
static void
t_unacked_duplicate_passes(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, false);
	join(t, &t->client, false);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 20);
	assert_int_equal(t->client.n, 2);
}

/* 9.1.1: the acknowledgement of the response goes first, then HandshakeComplete, then
 * quiet. */
static void
t_handshake_complete(void **state)
{
	struct test *t = *state;
	const struct heard *h = t->client.heard;

	join(t, &t->agent, false);
	join(t, &t->client, false);
	send_data(&t->agent, 0, PAYLOAD_HANDSHAKE_REQUEST);
	pass_ms(t, 5);
	send_ack(&t->client, 0);
	send_data(&t->client, 0, PAYLOAD_HANDSHAKE_RESPONSE);
	pass_ms(t, 5);
	send_data(&t->agent, 1, PAYLOAD_HANDSHAKE_COMPLETE); /* overtakes its own ack */
	send_data(&t->agent, 2, PAYLOAD_OUTPUT);
	pass_ms(t, 50);
	assert_int_equal(t->client.n, 1);
	send_ack(&t->agent, 0);
	pass_ms(t, 20);
	assert_int_equal(t->client.n, 3);
	assert_string_equal(h[1].type, MSG_ACKNOWLEDGE);
	assert_int_equal(h[2].payload_type, PAYLOAD_HANDSHAKE_COMPLETE);
	pass_ms(t, RELAY_QUIET_MS + 10);
	assert_int_equal(t->client.n, 4);
	assert_true(h[3].at_ms >= h[2].at_ms + RELAY_QUIET_MS - 2);
}

/* 9.1.1: the client's first words end the quiet. */
static void
t_quiet_ends(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, true);
	join(t, &t->client, false);
	send_data(&t->agent, 0, PAYLOAD_HANDSHAKE_COMPLETE);
	send_data(&t->agent, 1, PAYLOAD_OUTPUT);
	pass_ms(t, 20);
	assert_int_equal(t->client.n, 1);
	send_data(&t->client, 0, PAYLOAD_SIZE);
	pass_ms(t, 5);
	assert_int_equal(t->client.n, 2);
}

/* 9.1.1: nor may the end of a session that failed at once break it: the client would hang. */
static void
t_quiet_to_the_end(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, true);
	join(t, &t->client, false);
	send_data(&t->agent, 0, PAYLOAD_HANDSHAKE_COMPLETE);
	pass_ms(t, 5);
	session_terminate(
	    session_find(t->w.sessions, SESSION), SESSION_FAILED, "no such host");
	pass_ms(t, RELAY_QUIET_MS - 30);
	assert_int_equal(t->client.n, 1);
	pass_ms(t, 60);
	assert_int_equal(t->client.n, 2);
	assert_string_equal(t->client.heard[1].type, MSG_CHANNEL_CLOSED);
}

/* 9.1.3, 9.1.10: nothing garbled, no state message and no unknown type is passed on. */
static void
t_never_forwarded(void **state)
{
	struct test *t = *state;
	uint8_t frame[200] = { 0, 0, 0xff, 0xff };

	join(t, &t->agent, false);
	join(t, &t->client, false);
	OK(wsconn_send(t->agent.ws, WS_BINARY, span_of(frame, sizeof(frame))));
	OK(wsconn_send(t->agent.ws, WS_TEXT, SPAN("{\"hello\":\"world\"}")));
	send_msg(&t->agent, MSG_SESSION_STATE, 0, 0,
	    SPAN("{\"SchemaVersion\":1,\"SessionState\":\"Connected\",\"SessionId\":"
		 "\"" SESSION "\"}"));
	send_msg(&t->agent, "something_else", 0, 0, SPAN("{}"));
	send_data(&t->client, 0, PAYLOAD_OUTPUT); /* still works */
	send_msg(&t->client, MSG_OUTPUT_STREAM, 0, 1, SPAN("the wrong way"));
	send_msg(&t->client, MSG_ACKNOWLEDGE, 0, 0, SPAN("{\"no\":\"number\"}"));
	pass_ms(t, 20);
	assert_int_equal(t->client.n, 0);
	assert_int_equal(t->agent.n, 1);
	assert_int_equal(t->counters.malformed, 3);
}

/* 9.1.7: channel_closed ends a session, behind everything that was on its way. */
static void
t_close(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, true);
	join(t, &t->client, true);
	for (int64_t i = 0; i < 50; i++)
		send_data(&t->agent, i, PAYLOAD_OUTPUT);
	pass_ms(t, 20);
	session_terminate(
	    session_find(t->w.sessions, SESSION), SESSION_TERMINATED, "by the admin");
	pass_ms(t, 20);
	assert_int_equal(t->client.n, 51);
	assert_string_equal(t->client.heard[50].type, MSG_CHANNEL_CLOSED);
	assert_true(has(&t->agent, MSG_CHANNEL_CLOSED, 0));
	leave_peer(&t->client);
	leave_peer(&t->agent);
	pass_ms(t, RELAY_CLOSE_MS + 100);
	assert_true(t->gone);
	assert_int_equal(t->counters.sockets, 0);
}

/* Terminating from a shell closes the client right away. */
static void
t_terminating(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, false);
	join(t, &t->client, false);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	send_msg(&t->agent, MSG_SESSION_STATE, 0, 0,
	    SPAN("{\"SchemaVersion\":1,\"SessionState\":\"Terminating\",\"SessionId\":"
		 "\"" SESSION "\"}"));
	pass_ms(t, 50);
	assert_int_equal(t->client.n, 2);
	assert_string_equal(t->client.heard[1].type, MSG_CHANNEL_CLOSED);
	assert_string_equal(t->client.heard[1].text, "");
}

/* 9.1.7: the end of the stream is no end of the session: another socket may take its place. */
static void
t_replaced(void **state)
{
	struct test *t = *state;
	struct peer second = { 0 };

	join(t, &t->agent, true);
	join(t, &t->client, true);
	second = t->client;
	t->client = (struct peer){ 0 };
	wsconn_set_handler(second.ws, &peer_handler, &second);
	join(t, &t->client, true);
	assert_true(second.closed);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 5);
	assert_int_equal(t->client.n, 1);
	assert_int_equal(t->counters.sockets, 2);
}

/* Its acknowledgement died with the connection, and it is silent about duplicates. */
static void
t_lost_acknowledgement(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, false);
	join(t, &t->client, false);
	send_data(&t->agent, 7, PAYLOAD_OUTPUT);
	send_data(&t->agent, 7, PAYLOAD_OUTPUT);
	pass_ms(t, 100);
	assert_false(has(&t->agent, MSG_ACKNOWLEDGE, 7)); /* it may be on its way */
	leave_peer(&t->client);
	join(t, &t->client, false);
	t->client.n = 0;
	send_data(&t->agent, 7, PAYLOAD_OUTPUT);
	pass_ms(t, 100);
	assert_int_equal(t->client.n, 1);
	send_data(&t->agent, 7, PAYLOAD_OUTPUT);
	pass_ms(t, 100);
	assert_true(has(&t->agent, MSG_ACKNOWLEDGE, 7));
	assert_int_equal(t->client.n, 1);
	send_data(&t->agent, 8, PAYLOAD_OUTPUT);
	pass_ms(t, 5);
	assert_true(has(&t->client, MSG_OUTPUT_STREAM, 8));
}

/* A client that does not read holds the agent back; nothing is dropped. */
static void
t_back_pressure(void **state)
{
	static uint8_t big[32 * 1024];
	struct test *t = *state;
	int64_t sent = 0;

	join(t, &t->agent, true);
	join(t, &t->client, true);
	wsconn_pause(t->client.ws, true);
	while (wsconn_queued(t->agent.ws) < 1024 * 1024 && sent < 1000) {
		send_msg(&t->agent, MSG_OUTPUT_STREAM, sent++, PAYLOAD_OUTPUT,
		    span_of(big, sizeof(big)));
		pass_ms(t, 1);
	}
	assert_true(sent < 1000); /* the agent was stopped */
	wsconn_pause(t->client.ws, false);
	pass_ms(t, 2000);
	assert_int_equal(t->client.n, sent);
	for (int64_t i = 0; i < sent; i++)
		assert_int_equal(t->client.heard[i].seq, i);
}

/* The same while the client is away. */
static void
t_absent_back_pressure(void **state)
{
	static uint8_t big[32 * 1024];
	struct test *t = *state;
	int64_t sent = 0;

	join(t, &t->agent, true);
	while (wsconn_queued(t->agent.ws) < 1024 * 1024 && sent < 1000) {
		send_msg(&t->agent, MSG_OUTPUT_STREAM, sent++, PAYLOAD_OUTPUT,
		    span_of(big, sizeof(big)));
		pass_ms(t, 1);
	}
	assert_true(sent < 1000);
	assert_in_range(relay_buffered(t->relay), QUEUE_MAX, QUEUE_MAX + 2 * sizeof(big));
	join(t, &t->client, true);
	pass_ms(t, 2000);
	assert_int_equal(t->client.n, sent);
	assert_int_equal(relay_buffered(t->relay), 0);
}

/* A stock sender that repeats itself for ever does not keep a session from being idle. */
static void
t_repetition_is_idle(void **state)
{
	struct test *t = *state;
	struct session *se = session_find(t->w.sessions, SESSION);
	uint64_t last;

	join(t, &t->agent, false);
	join(t, &t->client, true);
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 100);
	last = se->last_data_ms;
	send_data(&t->agent, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 100);
	assert_int_equal(se->last_data_ms, last);
	send_data(&t->client, 0, PAYLOAD_OUTPUT);
	pass_ms(t, 100);
	assert_true(se->last_data_ms > last);
}

/* What is said besides the stream: only to whom understands it, and never to a later one. */
static void
t_tell(void **state)
{
	struct test *t = *state;
	struct session *se = session_find(t->w.sessions, SESSION);
	const struct own_words words = { .session_id = SESSION, .message = "hello" };

	join(t, &t->agent, true);
	join(t, &t->client, false);
	se->channel->tell(se->channel, MSG_OWN_NOTICE, &words);
	pass_ms(t, 100);
	assert_int_equal(t->client.n, 0);
	leave_peer(&t->client);
	pass_ms(t, 20);
	se->channel->tell(se->channel, MSG_OWN_NOTICE, &words);
	join(t, &t->client, true);
	assert_int_equal(t->client.n, 0);
	se->channel->tell(se->channel, MSG_OWN_NOTICE, &words);
	pass_ms(t, 20);
	assert_int_equal(t->client.n, 1);
	assert_string_equal(t->client.heard[0].type, MSG_OWN_NOTICE);
	assert_int_equal(t->agent.n, 0);
}

/* --- a client that ends the session and leaves -------------------------------------- */

static void
send_flag(struct peer *p, int64_t seq, uint32_t flag)
{
	uint8_t bytes[4];

	flag_encode(bytes, flag);
	send_msg(p, MSG_INPUT_STREAM, seq, PAYLOAD_FLAG, span_of(bytes, sizeof(bytes)));
}

/* Its TerminateSession has the number of data that was faster: the agent never takes it. */
static void
t_terminate_lost(void **state)
{
	static const struct {
		const char *what;
		bool acked; /* the data, before the flag came */
		uint32_t flag;
		bool leaves, returns, ends;
	} t[] = {
		{ "behind data", false, FLAG_TERMINATE_SESSION, true, false, true },
		{ "behind data that was taken", true, FLAG_TERMINATE_SESSION, true, false,
		    true },
		{ "the client stays", false, FLAG_TERMINATE_SESSION, false, false,
		    false },
		{ "the client returns", false, FLAG_TERMINATE_SESSION, true, true,
		    false },
		{ "another flag", false, FLAG_DISCONNECT_TO_PORT, true, false, false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };
		struct store_session row;
		struct test *x;
		void *made;

		print_message("  %s\n", t[i].what);
		OK(setup(&made));
		x = made;
		join(x, &x->agent, false);
		join(x, &x->client, false);
		send_data(&x->client, 0, PAYLOAD_OUTPUT);
		pass_ms(x, 5);
		if (t[i].acked)
			send_ack(&x->agent, 0);
		pass_ms(x, 5);
		send_flag(&x->client, 0, t[i].flag);
		pass_ms(x, 5);
		if (t[i].leaves)
			leave_peer(&x->client);
		pass_ms(x, RELAY_LEFT_MS - 100);
		assert_non_null(session_find(x->w.sessions, SESSION));
		if (t[i].returns)
			join(x, &x->client, false);
		assert_false(has(&x->agent, MSG_CHANNEL_CLOSED, 0));
		pass_ms(x, 200);
		assert_int_equal(has(&x->agent, MSG_CHANNEL_CLOSED, 0), t[i].ends);
		pass_ms(x, SESSION_CLOSE_MS);
		OK(store_session_get(store_reader(x->w.store), &mem, SESSION, &row));
		assert_string_equal(
		    row.details, t[i].ends ? "The client ended the session." : "");
		teardown(&made);
	}
}

/* 4.8, agent-protocol 10.15: a stock agent is told to pause while its client is away. */
static void
t_pause(void **state)
{
	struct test *t = *state;

	join(t, &t->agent, false);
	join(t, &t->client, false);
	t->agent.n = 0;
	leave_peer(&t->client);
	pass_ms(t, 20);
	assert_true(has(&t->agent, MSG_PAUSE, 0));
	join(t, &t->client, false);
	assert_true(has(&t->agent, MSG_START, 0));
}

/* 9.1.14: but not one that would end its session for it. */
static void
t_never_paused(void **state)
{
	static char content[] =
	    "{\"schemaVersion\":\"1.0\",\"sessionType\":\"NonInteractiveCommands\","
	    "\"properties\":{\"linux\":{\"commands\":\"make\","
	    "\"separateOutputStream\":true}}}";
	struct test *t = *state;

	relay_free(t->relay);
	session_find(t->w.sessions, SESSION)->row.content_json = content;
	t->relay = relay_new(
	    t->w.loop, t->w.sessions, SESSION, QUEUE_MAX, &t->counters, on_relay_gone, t);
	join(t, &t->agent, false);
	join(t, &t->client, false);
	leave_peer(&t->client);
	pass_ms(t, 20);
	join(t, &t->client, false);
	assert_int_equal(t->agent.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(t_forwards_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(t_absent_peer, setup, teardown),
		cmocka_unit_test_setup_teardown(t_ack_is_held, setup, teardown),
		cmocka_unit_test_setup_teardown(t_own_ack_is_not_held, setup, teardown),
		cmocka_unit_test_setup_teardown(t_duplicate_is_answered, setup, teardown),
		cmocka_unit_test_setup_teardown(t_duplicates_unread, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    t_unacked_duplicate_passes, setup, teardown),
		cmocka_unit_test_setup_teardown(t_handshake_complete, setup, teardown),
		cmocka_unit_test_setup_teardown(t_quiet_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(t_quiet_to_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(t_never_forwarded, setup, teardown),
		cmocka_unit_test_setup_teardown(t_close, setup, teardown),
		cmocka_unit_test_setup_teardown(t_terminating, setup, teardown),
		cmocka_unit_test_setup_teardown(t_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(t_lost_acknowledgement, setup, teardown),
		cmocka_unit_test_setup_teardown(t_back_pressure, setup, teardown),
		cmocka_unit_test_setup_teardown(t_absent_back_pressure, setup, teardown),
		cmocka_unit_test_setup_teardown(t_repetition_is_idle, setup, teardown),
		cmocka_unit_test_setup_teardown(t_tell, setup, teardown),
		cmocka_unit_test(t_terminate_lost),
		cmocka_unit_test_setup_teardown(t_pause, setup, teardown),
		cmocka_unit_test_setup_teardown(t_never_paused, setup, teardown),
	};

	crypto_init();
	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
