/* SPDX-License-Identifier: Apache-2.0 */
/* See relay.h.  The queue of one end is in relay_queue.c. */
#include "server/gateway/relay.h"

#include "base/log.h"
#include "proto/ack.h"
#include "proto/control.h"
#include "proto/document.h"
#include "proto/handshake.h"
#include "proto/own.h"
#include "server/gateway/relay_queue.h"

/* One socket and what is known of the peer behind it. */
struct relay_end {
	struct relay *relay;
	enum session_end which;
	struct wsconn *conn; /* NULL while away; owned */
	bool own;    /* our own program: needs no protection from fast acknowledgements */
	bool hears;  /* a client that understands proto/own.h */
	bool paused; /* not read, because the other end is slow or away */
	bool ends;   /* client: it sent TerminateSession */
	struct relay_queue out; /* towards this end */
	struct ackbook *acked;  /* of what this end sent; stock peers only; owned */
	int64_t last_seq;       /* newest data message from this end, -1: none */
	uint64_t last_us;       /* when it came */
	int64_t response_seq;   /* client: its HandshakeResponse, -1: not seen */
	bool response_acked;
	/* A stock client that came back, and whether it has something already. */
	bool came_back;
	int64_t suspect_seq;   /* sent again by the agent, not acknowledged; -1: none */
	unsigned pongs;        /* since it was forwarded */
	int64_t duplicate_seq; /* everything up to here it has, -1: not known */
};

struct relay {
	struct session_channel channel; /* what the domain closes */
	struct ev_loop *loop;
	struct sessions *sessions;
	size_t queue_max; /* towards an end that is away */
	struct relay_counters *counters;
	relay_gone_fn *gone;
	void *gone_arg;
	struct relay_end ends[2]; /* by enum session_end */
	struct ev_timer closing;  /* the last words leave, or RELAY_LEFT_MS */
	bool agent_paused; /* a stock agent was told to stop reading its terminal */
	bool never_pause;  /* it would take that for the end of the session */
	bool closed;       /* channel_closed was sent: nothing is relayed any more */
	bool late;         /* made after a restart, for a session under way */
	char session_id[97];
};

static void on_message(void *arg, uint8_t op, struct span body);
static void on_drain(void *arg);
static void on_close(void *arg, int err, uint16_t code);
static void on_pong(void *arg, uint64_t rtt_us);

static const struct wsconn_handler relay_handler = {
	.on_message = on_message,
	.on_drain = on_drain,
	.on_close = on_close,
	.on_pong = on_pong,
};

static struct relay_end *
far_end(struct relay_end *e)
{
	return &e->relay->ends[!e->which];
}

/* --- back-pressure ------------------------------------------------------------ */

/* Whether more waits for this end than may, in its queue and in its socket. */
static bool
is_behind(const struct relay_end *e)
{
	if (e->conn == NULL)
		return relay_queue_bytes(&e->out) > e->relay->queue_max;
	return relay_queue_bytes(&e->out) + wsconn_queued(e->conn) > STREAM_HIGH;
}

/*
 * Something left towards this end: its far end may be read again.  What still waits leaves
 * by the queue's timer or when the socket drains, and both come here.
 */
static void
let_go(void *arg)
{
	struct relay_end *e = arg, *near = far_end(e);

	if (!near->paused || is_behind(e))
		return;
	near->paused = false;
	if (near->conn != NULL)
		wsconn_pause(near->conn, false);
}

/* --- life cycle ------------------------------------------------------------- */

static void
end_drop(struct relay_end *e, uint16_t code)
{
	if (e->conn == NULL)
		return;
	e->relay->counters->sockets--;
	relay_queue_detach(&e->out);
	wsconn_close(STEAL(e->conn), code);
	e->paused = false;
}

void
relay_free(struct relay *r)
{
	struct session *se = session_find(r->sessions, r->session_id);

	if (se != NULL && se->channel == &r->channel)
		se->channel = NULL;
	ev_timer_clear(&r->closing);
	for (size_t i = 0; i < ARRAY_LEN(r->ends); i++) {
		end_drop(&r->ends[i], 0);
		relay_queue_fini(&r->ends[i].out);
		free(r->ends[i].acked);
	}
	free(r);
}

/* The session is over and its last words had their time. */
static void
relay_finish(void *arg)
{
	struct relay *r = arg;

	for (size_t i = 0; i < ARRAY_LEN(r->ends); i++)
		end_drop(&r->ends[i], WS_CLOSE_NORMAL);
	r->gone(r->gone_arg, r->session_id);
	relay_free(r);
}

static void
finish_when_empty(struct relay *r)
{
	if (!r->closed)
		return;
	for (size_t i = 0; i < ARRAY_LEN(r->ends); i++)
		if (r->ends[i].conn != NULL && !relay_queue_empty(&r->ends[i].out))
			return;
	/* The peers drop the connection by themselves when they read channel_closed. */
	if (r->ends[0].conn == NULL && r->ends[1].conn == NULL)
		ev_timer_set(r->loop, &r->closing, 0, relay_finish, r);
}

static struct control_head
new_head(struct relay *r)
{
	struct control_head h = { .created_ms = (uint64_t)ev_wall_ms(r->loop) };

	ev_random(r->loop, h.id, sizeof(h.id));
	return h;
}

/* Queues channel_closed behind all that is on its way. */
static void
send_closed(struct relay_end *e, const char *output)
{
	struct relay *r = e->relay;
	const struct session *se = session_find(r->sessions, r->session_id);
	struct control_head head = new_head(r);
	auto_buf msg = { .max = CONTROL_MESSAGE_MAX };

	control_closed_build(&msg, &head,
	    &(struct control_closed){
		.session_id = r->session_id,
		.destination_id = se != NULL ? se->row.target : "",
		.output = output,
	    });
	if (buf_check(&msg) == 0)
		relay_queue_add(&e->out, RELAY_PLAIN, -1, 0, buf_span(&msg));
	relay_queue_flush(&e->out);
}

/* The domain ends the session. */
static void
relay_close(struct session_channel *c, const char *output)
{
	struct relay *r = CONTAINER_OF(c, struct relay, channel);

	if (r->closed)
		return;
	send_closed(&r->ends[SESSION_CLIENT], output);
	send_closed(&r->ends[SESSION_AGENT], "");
	r->closed = true;
	for (size_t i = 0; i < ARRAY_LEN(r->ends); i++)
		relay_queue_hurry(&r->ends[i].out);
	ev_timer_set(r->loop, &r->closing, RELAY_CLOSE_MS, relay_finish, r);
	finish_when_empty(r);
}

/*
 * Past the queue: what is said here is for this connection, and must not wait for the next.
 */
static void
relay_tell(struct session_channel *c, const char *type, const struct own_words *w)
{
	struct relay *r = CONTAINER_OF(c, struct relay, channel);
	struct relay_end *client = &r->ends[SESSION_CLIENT];
	struct control_head head = new_head(r);
	auto_buf msg = { .max = OWN_MESSAGE_MAX };

	if (r->closed || client->conn == NULL || !client->hears)
		return;
	own_build(&msg, type, &head, w);
	if (buf_check(&msg) != 0 ||
	    wsconn_send(client->conn, WS_BINARY, buf_span(&msg)) != 0)
		log_debug("client not told", "session=%s type=%s", r->session_id, type);
}

/* A stock agent with separate output gives up when it is paused (9.1.14). */
static bool
breaks_on_pause(const struct session *se)
{
	struct session_document d;
	auto_arena mem = { 0 };

	return document_resolve(
		   &d, NULL, &mem, span_str(se->row.content_json), NULL, NULL) == 0 &&
	    d.type == DOCUMENT_NONINTERACTIVE && d.separate_output;
}

struct relay *
relay_new(struct ev_loop *l, struct sessions *sessions, const char *session_id,
    size_t queue_max, struct relay_counters *counters, relay_gone_fn *gone, void *arg)
{
	struct relay *r = xcalloc(1, sizeof(*r));
	const struct session *se = session_find(sessions, session_id);

	r->late = se != NULL && (se->client_was_joined || se->agent_was_joined);
	r->never_pause = se != NULL && breaks_on_pause(se);
	r->channel.close = relay_close;
	r->channel.tell = relay_tell;
	r->loop = l;
	r->sessions = sessions;
	r->queue_max = queue_max;
	r->counters = counters;
	r->gone = gone;
	r->gone_arg = arg;
	if (str_copy(r->session_id, sizeof(r->session_id), session_id) != 0)
		assert(0 && "session ids are checked before they get here");
	for (int i = 0; i < 2; i++) {
		struct relay_end *e = &r->ends[i];

		e->relay = r;
		e->which = i;
		e->last_seq = e->response_seq = -1;
		e->suspect_seq = e->duplicate_seq = -1;
		relay_queue_init(&e->out, l, let_go, e);
	}
	return r;
}

size_t
relay_buffered(const struct relay *r)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(r->ends); i++) {
		const struct relay_end *e = &r->ends[i];

		n += relay_queue_bytes(&e->out);
		n += e->conn != NULL ? wsconn_queued(e->conn) : 0;
	}
	return n;
}

/* Stock agents stop reading their terminal while nobody listens; any later message undoes
 * it. */
static void
tell_agent(struct relay *r, bool pause)
{
	struct relay_end *agent = &r->ends[SESSION_AGENT];
	struct control_head head;
	auto_buf msg = { .max = CONTROL_MESSAGE_MAX };

	if (agent->conn == NULL || agent->own || r->never_pause ||
	    r->agent_paused == pause)
		return;
	r->agent_paused = pause;
	head = new_head(r);
	control_publication_build(&msg, &head, pause);
	if (buf_check(&msg) == 0)
		relay_queue_add(&agent->out, RELAY_PLAIN, -1, 0, buf_span(&msg));
	relay_queue_flush(&agent->out);
}

void
relay_attach(
    struct relay *r, enum session_end which, struct wsconn *c, bool own, bool hears)
{
	struct relay_end *e = &r->ends[which];
	struct session *se = session_find(r->sessions, r->session_id);

	if (se == NULL || r->closed) {
		wsconn_close(c, WS_CLOSE_NORMAL);
		return;
	}
	end_drop(e, WS_CLOSE_GOING_AWAY);
	e->conn = c;
	e->own = own;
	e->hears = hears;
	if (!own && e->acked == NULL) {
		e->acked = xcalloc(1, sizeof(*e->acked));
		e->acked->late = r->late;
	}
	e->came_back = !own && which == SESSION_CLIENT && se->client_was_joined;
	e->suspect_seq = -1;
	r->counters->sockets++;
	relay_queue_attach(&e->out, c, !own && which == SESSION_CLIENT);
	wsconn_set_handler(c, &relay_handler, e);
	session_joined(se, which, &r->channel);
	if (which == SESSION_CLIENT) {
		tell_agent(r, false);
		ev_timer_clear(&r->closing);
	}
	relay_queue_flush(&e->out);
	let_go(e);
}

/* --- forwarding --------------------------------------------------------------- */

/* The far end is slow or away: hold back the near one. */
static void
push_back(struct relay_end *near)
{
	if (near->paused || near->conn == NULL || !is_behind(far_end(near)))
		return;
	near->paused = true;
	wsconn_pause(near->conn, true);
}

/* Not for a peer that repeats itself but does not read: it is told when it asks again. */
static void
synthesise_ack(struct relay_end *to, const struct agentmsg *m)
{
	struct relay *r = to->relay;
	struct control_head head = new_head(r);
	auto_buf msg = { .max = ACK_MESSAGE_MAX };

	if (relay_queue_bytes(&to->out) > STREAM_HIGH)
		return;
	ack_build(&msg, m, head.created_ms, head.id);
	if (buf_check(&msg) != 0)
		return;
	r->counters->acks_synthesised++;
	relay_queue_add(&to->out, RELAY_PLAIN, -1, 0, buf_span(&msg));
	relay_queue_flush(&to->out);
}

/* --- duplicates that a stock client passes over in silence -------------------------- */

/* It was just forwarded again: is the client silent because it has it? */
static void
suspect(struct relay_end *client, int64_t seq)
{
	if (!client->came_back || client->suspect_seq == seq ||
	    relay_queue_bytes(&client->out) > 0)
		return;
	client->suspect_seq = seq;
	client->pongs = 0;
	if (wsconn_ping(client->conn, SPAN_NONE) != 0)
		client->suspect_seq = -1;
}

/*
 * Pongs come in order, and at most one answers a ping from before the message.  The stock
 * client acknowledges before it reads on, so the second one ends the doubt.
 */
static void
on_pong(void *arg, uint64_t rtt_us)
{
	struct relay_end *e = arg;

	(void)rtt_us;
	if (e->suspect_seq < 0)
		return;
	if (++e->pongs < 2) {
		if (wsconn_ping(e->conn, SPAN_NONE) != 0)
			e->suspect_seq = -1;
		return;
	}
	e->duplicate_seq = MAX(e->duplicate_seq, e->suspect_seq);
	e->suspect_seq = -1;
}

static bool
is_terminate(const struct agentmsg *m)
{
	uint32_t flag;

	return m->payload_type == PAYLOAD_FLAG && flag_decode(&flag, m->payload) == 0 &&
	    flag == FLAG_TERMINATE_SESSION;
}

static void
on_stream_data(struct relay_end *e, const struct agentmsg *m, struct span raw)
{
	struct relay *r = e->relay;
	struct relay_end *far = far_end(e);
	struct session *se = session_find(r->sessions, r->session_id);
	enum relay_kind kind = RELAY_PLAIN;
	bool again = m->seq <= e->last_seq;

	if (se == NULL)
		return;
	e->ends |= e->which == SESSION_CLIENT && is_terminate(m);
	if ((e->acked != NULL && ackbook_has(e->acked, m->seq)) ||
	    (m->seq >= 0 && m->seq <= far->duplicate_seq)) {
		synthesise_ack(e, m);
		return;
	}
	if (m->seq >= e->last_seq) {
		e->last_seq = m->seq;
		e->last_us = ev_now_us(r->loop);
	}
	relay_queue_release_acks(
	    &e->out, m->seq); /* a later message: the earlier one is noted */
	if (e->which == SESSION_CLIENT) {
		relay_queue_end_quiet(&e->out);
		if (m->payload_type == PAYLOAD_HANDSHAKE_RESPONSE)
			e->response_seq = m->seq;
	} else if (m->payload_type == PAYLOAD_HANDSHAKE_COMPLETE && !far->own) {
		kind = far->response_seq >= 0 && !far->response_acked
		    ? RELAY_COMPLETE_HELD
		    : RELAY_COMPLETE;
	}
	if (!again) /* a sender that repeats itself for ever is idle */
		session_active(se, e->which, m->payload.n);
	r->counters->bytes += m->payload.n;
	relay_queue_add(&far->out, kind, -1, 0, raw);
	relay_queue_flush(&far->out);
	if (again)
		suspect(far, m->seq);
	push_back(e);
}

/* An acknowledgement from e, for what its far end sent. */
static void
on_ack(struct relay_end *e, const struct agentmsg *m, struct span raw)
{
	struct relay_end *sender = far_end(e);
	uint64_t not_before = 0;
	int64_t seq;

	if (ack_parse(&seq, m->payload) != 0) {
		e->relay->counters->malformed++;
		return;
	}
	if (sender->acked != NULL)
		ackbook_add(sender->acked, seq);
	if (e->suspect_seq == seq)
		e->suspect_seq = -1;
	if (!sender->own && seq >= sender->last_seq)
		not_before = sender->last_us + RELAY_ACK_HOLD_US;
	if (sender->which == SESSION_CLIENT && seq == sender->response_seq) {
		sender->response_acked = true;
		relay_queue_add_before_complete(&sender->out, seq, not_before, raw);
	} else {
		relay_queue_add(&sender->out, RELAY_ACK, seq, not_before, raw);
	}
	relay_queue_flush(&sender->out);
	push_back(e);
}

static void
on_state(struct relay_end *e, const struct agentmsg *m)
{
	struct session *se = session_find(e->relay->sessions, e->relay->session_id);
	struct control_state st;
	auto_arena mem = { 0 };

	if (se == NULL || control_state_parse(&st, &mem, m->payload, NULL) != 0)
		return;
	/* Only shells say so; what follows on the control channel is then a repetition.
	 */
	if (st.terminating)
		session_agent_done(se, false, "");
}

static void
on_kept(struct relay_end *e)
{
	struct session *se = session_find(e->relay->sessions, e->relay->session_id);

	if (se != NULL)
		session_secret_arrived(se);
}

static void
on_message(void *arg, uint8_t op, struct span body)
{
	struct relay_end *e = arg;
	struct relay *r = e->relay;
	const char *data =
	    e->which == SESSION_CLIENT ? MSG_INPUT_STREAM : MSG_OUTPUT_STREAM;
	struct agentmsg m;

	(void)op; /* both peers put AgentMessages into text frames too */
	if (r->closed)
		return;
	/* A malformed message must go no further: it would deafen a stock peer for ever.
	 */
	if (agentmsg_decode(&m, body) != 0) {
		r->counters->malformed++;
		log_warn("malformed message dropped", "session=%s from=%s bytes=%zu",
		    r->session_id, e->which == SESSION_CLIENT ? "client" : "agent",
		    body.n);
		return;
	}
	r->counters->messages++;
	if (agentmsg_is(&m, data))
		on_stream_data(e, &m, body);
	else if (agentmsg_is(&m, MSG_ACKNOWLEDGE))
		on_ack(e, &m, body);
	else if (e->which == SESSION_AGENT && agentmsg_is(&m, MSG_SESSION_STATE))
		on_state(e, &m);
	else if (e->hears && agentmsg_is(&m, MSG_OWN_KEPT))
		on_kept(e);
	else
		log_debug("message type not relayed", "session=%s type=%s", r->session_id,
		    log_q(m.type));
}

/* --- sockets come and go --------------------------------------------------------- */

static void
on_drain(void *arg)
{
	struct relay_end *e = arg;

	relay_queue_flush(&e->out);
	let_go(e);
	finish_when_empty(e->relay);
}

static const char *
leave_words(int err)
{
	switch (err) {
	case ERR_CLOSED:
		return "its connection was closed";
	case ERR_TIMEOUT:
		return "it did not answer any more";
	case ERR_PROTOCOL:
	case ERR_INVALID:
		return "it broke the protocol";
	case ERR_LIMIT:
		return "it did not take its messages";
	default:
		return "its connection was lost";
	}
}

static void
end_for_client(void *arg)
{
	struct relay *r = arg;
	struct session *se = session_find(r->sessions, r->session_id);

	if (se != NULL)
		session_terminate(
		    se, SESSION_TERMINATED, "The client ended the session.");
}

static void
on_close(void *arg, int err, uint16_t code)
{
	struct relay_end *e = arg;
	struct relay *r = e->relay;
	struct session *se = session_find(r->sessions, r->session_id);

	log_info("data channel closed", "session=%s end=%s why=\"%s\" code=%u",
	    r->session_id, e->which == SESSION_CLIENT ? "client" : "agent",
	    leave_words(err), code);
	r->counters->dead_peers += err == ERR_TIMEOUT;
	end_drop(e, 0);
	if (r->closed) {
		finish_when_empty(r);
		return;
	}
	if (e->which == SESSION_CLIENT)
		tell_agent(r, true);
	if (e->ends)
		ev_timer_set(r->loop, &r->closing, RELAY_LEFT_MS, end_for_client, r);
	if (se != NULL)
		session_left(se, e->which, leave_words(err));
}
