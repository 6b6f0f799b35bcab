/* SPDX-License-Identifier: Apache-2.0 */
/* See relay_bench.h. */
#include "relay_bench.h"

#include "proto/ack.h"

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

const struct wsconn_handler bench_peer = {
	.on_message = on_heard,
	.on_close = on_gone,
};

void
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

void
send_data(struct peer *p, int64_t seq, uint32_t payload_type)
{
	bool client = p == &p->t->client;

	send_msg(p, client ? MSG_INPUT_STREAM : MSG_OUTPUT_STREAM, seq, payload_type,
	    SPAN("data"));
}

void
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

bool
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
	    &options, &bench_peer, p);
}

void
pass_ms(struct test *t, uint64_t ms)
{
	sim_run_for(t->w.sim, ms);
}

static void
attach(struct test *t, struct peer *p, bool own, bool hears)
{
	p->t = t;
	p->closed = false;
	t->accepted = NULL;
	(void)ev_connect(t->w.loop, "server", t->port, 1000, on_connected, p);
	pass_ms(t, 5);
	assert_non_null(p->ws);
	assert_non_null(t->accepted);
	relay_attach(t->relay, p == &t->client ? SESSION_CLIENT : SESSION_AGENT,
	    t->accepted, own, hears);
	pass_ms(t, 5);
}

void
join(struct test *t, struct peer *p, bool own)
{
	attach(t, p, own, own && p == &t->client);
}

void
join_reporting(struct test *t)
{
	attach(t, &t->agent, true, true);
}

void
bench_relay_gone(void *arg, const char *id)
{
	struct test *t = arg;

	assert_string_equal(id, SESSION);
	t->gone = true;
	t->relay = NULL;
}

void
leave_peer(struct peer *p)
{
	if (p->ws != NULL)
		wsconn_close(STEAL(p->ws), 0);
}

int
bench_up(void **state)
{
	struct test *t = xcalloc(1, sizeof(*t));
	auto_arena mem = { 0 };
	struct fault f = { 0 };

	world_init(&t->w, 7);
	node_up(&t->w);
	OK(start(&t->w, &mem, SESSION, NODE, 0, NULL));
	OK(ev_listen(&t->ln, t->w.loop, "", 0, on_accept, t, &f));
	t->port = ev_listener_port(t->ln);
	t->relay = relay_new(t->w.loop, t->w.sessions, SESSION, QUEUE_MAX, &t->counters,
	    bench_relay_gone, t);
	*state = t;
	return 0;
}

int
bench_down(void **state)
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
