/* SPDX-License-Identifier: Apache-2.0 */
/* The data channels of world.h: the server and the client of each session in one. */
#include "world_int.h"

#include "proto/ack.h"
#include "proto/own.h"
#include "proto/own_event.h"

struct talk *
world_talk(struct world *w, const char *id)
{
	struct talk *t;

	for (size_t i = 0; i < w->ntalks; i++)
		if (strcmp(w->talks[i].id, id) == 0)
			return &w->talks[i];
	assert_true(w->ntalks < WORLD_TALKS);
	t = &w->talks[w->ntalks++];
	*t = (struct talk){ .w = w, .exit_code = -1 };
	(void)snprintf(t->id, sizeof(t->id), "%s", id);
	buf_init(&t->out, 64 * 1024 * 1024);
	buf_init(&t->err, 1024 * 1024);
	buf_init(&t->reports, 1024 * 1024);
	buf_init(&t->log, 1024 * 1024);
	return t;
}

static uint64_t
now_ms(const struct world *w)
{
	return ev_now_ms(w->server);
}

static void on_tick(void *arg);

static void
arm(struct talk *t)
{
	uint64_t due = channel_next_ms(t->ch), now = now_ms(t->w);

	if (due == CHANNEL_NO_TIMER)
		ev_timer_clear(&t->tick);
	else
		ev_timer_set(
		    t->w->server, &t->tick, due > now ? due - now : 0, on_tick, t);
}

static void
on_tick(void *arg)
{
	struct talk *t = arg;

	channel_tick(t->ch, now_ms(t->w));
	arm(t);
}

static void
talk_transmit(void *arg, struct span msg)
{
	struct talk *t = arg;

	if (t->ws != NULL)
		(void)!wsconn_send(t->ws, WS_BINARY, msg);
}

static void
talk_answer(struct talk *t, struct span payload)
{
	struct handshake_request q;
	struct handshake_response r;
	const struct handshake_action *type;
	struct fault f = { 0 };
	auto_arena mem = { 0 };
	auto_buf json = { 0 };

	t->asked = true;
	assert_int_equal(handshake_request_parse(&q, &mem, payload, &f), 0);
	(void)snprintf(t->agent_version, sizeof(t->agent_version), "%s", q.agent_version);
	assert_true(q.ext.present);
	if (t->silent)
		return;
	assert_int_equal(handshake_answer(&r, &type, &q, &mem, &f), 0);
	r.client_version = HANDSHAKE_CLIENT_VERSION;
	r.ext = t->own ? handshake_ext_ours(CHANNEL_PAYLOAD_OWN, CHANNEL_WINDOW)
		       : (struct handshake_ext){ 0 };
	r.ext.input = t->own && t->input && q.ext.input;
	t->input = q.ext.input;
	if (t->own)
		channel_set_own_peer(t->ch, q.ext.max_payload, q.ext.window);
	buf_init(&json, HANDSHAKE_TEXT_MAX);
	handshake_response_build(&json, &r);
	assert_int_equal(channel_send(t->ch, now_ms(t->w), PAYLOAD_HANDSHAKE_RESPONSE,
			     buf_span(&json)),
	    0);
	if (t->own)
		channel_set_no_digest(
		    t->ch); /* from the next one on: the agent knows then */
}

static void
talk_complete(struct talk *t)
{
	auto_buf json = { 0 };

	t->complete = true;
	if (t->size.cols == 0)
		return;
	buf_init(&json, 100);
	term_size_build(&json, t->size);
	assert_int_equal(
	    channel_send(t->ch, now_ms(t->w), PAYLOAD_SIZE, buf_span(&json)), 0);
}

static int
talk_deliver(void *arg, uint32_t type, struct span payload)
{
	struct talk *t = arg;

	assert_true(payload.n > 0); /* data-channel 9.3.6: no empty payloads */
	if (type == PAYLOAD_HANDSHAKE_REQUEST)
		talk_answer(t, payload);
	else if (type == PAYLOAD_HANDSHAKE_COMPLETE)
		talk_complete(t);
	else if (type == PAYLOAD_OUTPUT)
		buf_add(&t->out, payload);
	else if (type == PAYLOAD_STDERR)
		buf_add(&t->err, payload);
	else if (type == PAYLOAD_EXIT_CODE)
		assert_int_equal(exit_code_parse(&t->exit_code, payload), 0);
	return 0;
}

static void
talk_random(void *arg, void *p, size_t n)
{
	struct talk *t = arg;

	ev_random(t->w->server, p, n);
}

static const struct channel_ops talk_ops = {
	.transmit = talk_transmit,
	.deliver = talk_deliver,
	.random = talk_random,
};

static void
tell_recorded(struct talk *t)
{
	const struct control_head head = { .created_ms = 1 };
	auto_buf msg = { .max = 4096 };

	own_recorded_build(&msg, &head, t->id, t->recorded);
	assert_int_equal(wsconn_send(t->ws, WS_BINARY, buf_span(&msg)), 0);
}

static void
note_report(struct talk *t, struct span payload)
{
	auto_arena mem = { 0 };
	struct own_events e;

	assert_int_equal(own_events_parse(&e, &mem, payload), 0);
	assert_string_equal(e.session_id, t->id);
	buf_addf(&t->log, "event %lld+%zu;", (long long)e.number, e.n);
	for (size_t i = 0; i < e.n; i++)
		buf_addf(&t->reports, "%s%s:%lld %s;", e.events[i].host, e.events[i].address,
		    (long long)e.events[i].port, e.events[i].error);
	if (t->forgets)
		return;
	t->recorded = e.number + (int64_t)e.n - 1;
	tell_recorded(t);
}

static void
note_message(struct talk *t, const struct agentmsg *m)
{
	struct control_state st;
	auto_arena mem = { 0 };
	int64_t seq;

	if (!t->own || !m->no_digest)
		assert_int_equal(agentmsg_check_digest(m), 0); /* data-channel 9.3.6 */
	if (agentmsg_is(m, MSG_OUTPUT_STREAM)) {
		buf_addf(
		    &t->log, "data %lld type %u;", (long long)m->seq, m->payload_type);
	} else if (agentmsg_is(m, MSG_ACKNOWLEDGE)) {
		assert_int_equal(ack_parse(&seq, m->payload), 0);
		buf_addf(&t->log, "ack %lld;", (long long)seq);
	} else if (agentmsg_is(m, MSG_SESSION_STATE)) {
		assert_int_equal(control_state_parse(&st, &mem, m->payload, NULL), 0);
		t->connected += !st.terminating;
		t->terminating += st.terminating;
		buf_addf(&t->log, "%s;", st.terminating ? "terminating" : "connected");
	} else if (agentmsg_is(m, MSG_OWN_EVENT)) {
		note_report(t, m->payload);
	}
}

static void
on_data_message(void *arg, uint8_t op, struct span body)
{
	struct talk *t = arg;
	struct agentmsg m;

	if (op == WS_TEXT) {
		buf_add_str(&t->log, "open;");
		if (t->w->records)
			tell_recorded(t);
		channel_up(t->ch, now_ms(t->w), ev_wall_ms(t->w->server));
		arm(t);
		return;
	}
	assert_int_equal(agentmsg_decode(&m, body), 0);
	note_message(t, &m);
	if (!t->no_acks && channel_receive(t->ch, now_ms(t->w), body) != 0)
		assert_false("the agent's message is malformed");
	arm(t);
}

static void
on_data_close(void *arg, int err, uint16_t code)
{
	struct talk *t = arg;

	(void)err;
	(void)code;
	if (t->ws != NULL)
		wsconn_close(STEAL(t->ws), 0);
	channel_down(t->ch);
	ev_timer_clear(&t->tick);
}

static const struct wsconn_handler data_handler = {
	.on_message = on_data_message,
	.on_close = on_data_close,
};

const struct wsconn_options world_ws = { .message_max = 2 * 1024 * 1024 };

void
world_data_upgrade(struct world *w, struct http_req *r, const char *id)
{
	struct talk *t = world_talk(w, id);

	assert_true(span_eq_str(http1_get(r->head, OWN_HEADER), OWN_HEADER_VALUE));
	if (t->ws != NULL)
		wsconn_close(t->ws, WS_CLOSE_GOING_AWAY);
	if (t->ch == NULL)
		t->ch = channel_new(
		    &(struct channel_config){ .role = CHANNEL_CLIENT }, &talk_ops, t);
	channel_down(t->ch);
	t->ws = http_upgrade(r, &world_ws, &data_handler, t);
	assert_non_null(t->ws);
	t->opens++;
}

bool
talk_expect(struct talk *t, const char *text, uint64_t ms)
{
	for (uint64_t end = sim_now_ms(t->w->sim) + ms; sim_now_ms(t->w->sim) < end;) {
		if (t->out.len > 0 &&
		    memmem(t->out.p, t->out.len, text, strlen(text)) != NULL)
			return true;
		sim_run_for(t->w->sim, 5);
	}
	print_error("not seen: \"%s\" in \"" SPAN_FMT "\"\n", text,
	    SPAN_ARG(span_sub(
		buf_span(&t->out), t->out.len > 200 ? t->out.len - 200 : 0, t->out.len)));
	return false;
}

void
talk_flag(struct talk *t, uint32_t flag)
{
	uint8_t bytes[4];

	flag_encode(bytes, flag);
	assert_int_equal(channel_send(t->ch, now_ms(t->w), PAYLOAD_FLAG,
			     span_of(bytes, sizeof(bytes))),
	    0);
	arm(t);
}

void
talk_type(struct talk *t, const char *text)
{
	struct span s = span_str(text);

	while (s.n > 0) {
		size_t n = MIN(MIN(s.n, channel_room(t->ch)), (size_t)1024);

		if (n == 0) {
			sim_run_for(t->w->sim, 5);
			continue;
		}
		assert_int_equal(
		    channel_send(t->ch, now_ms(t->w), PAYLOAD_OUTPUT, span_sub(s, 0, n)),
		    0);
		s = span_sub(s, n, s.n);
	}
	arm(t);
}

void
talk_cut(struct talk *t)
{
	assert_non_null(t->ws);
	on_data_close(t, 0, 0);
}

void
talk_send_raw(struct talk *t, const char *type, int64_t seq, uint32_t payload_type,
    struct span payload)
{
	struct agentmsg m = { .created_ms = 1,
		.seq = seq,
		.payload_type = payload_type,
		.payload = payload };
	auto_buf b = { 0 };

	buf_init(&b, 1024 * 1024);
	(void)snprintf(m.type, sizeof(m.type), "%s", type);
	agentmsg_encode(&b, &m);
	assert_int_equal(wsconn_send(t->ws, WS_BINARY, buf_span(&b)), 0);
}
