/* SPDX-License-Identifier: Apache-2.0 */
/* See relay.h.  The queue of one end is in relay_queue.c, what the relay says in relay_say.c. */
#include "server/gateway/relay_int.h"

#include "base/log.h"
#include "proto/ack.h"
#include "proto/document.h"
#include "proto/handshake.h"
#include "proto/own_event.h"

static void on_message(void *arg, uint8_t op, struct span body);
static void on_drain(void *arg);
static void on_close(void *arg, int err, uint16_t code);
static void on_pong(void *arg, uint64_t rtt_us);
static void on_released(void *arg, struct span body);
static void on_recorded(void *arg, int64_t number);
static void on_not_recorded(void *arg);

static const struct wsconn_handler relay_handler = {
	.on_message = on_message,
	.on_drain = on_drain,
	.on_close = on_close,
	.on_pong = on_pong,
};

static const struct relay_record_ops record_ops = {
	.pass = on_released,
	.recorded = on_recorded,
	.failed = on_not_recorded,
};

/* --- back-pressure ------------------------------------------------------------ */

/* Whether more waits for this end than may, in its queue, in its socket, or for the trail. */
static bool
is_behind(const struct relay_end *e)
{
	if (e->which == SESSION_CLIENT && e->relay->record.bytes > STREAM_HIGH)
		return true;
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
	struct relay_end *e = arg, *near = relay_far_end(e);

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
	relay_record_fini(&r->record);
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

/* The domain ends the session. */
static void
relay_close(struct session_channel *c, const char *output)
{
	struct relay *r = CONTAINER_OF(c, struct relay, channel);

	if (r->closed)
		return;
	relay_say_closed(&r->ends[SESSION_CLIENT], output);
	relay_say_closed(&r->ends[SESSION_AGENT], "");
	r->closed = true;
	for (size_t i = 0; i < ARRAY_LEN(r->ends); i++)
		relay_queue_hurry(&r->ends[i].out);
	ev_timer_set(r->loop, &r->closing, RELAY_CLOSE_MS, relay_finish, r);
	finish_when_empty(r);
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
	r->channel.tell = relay_say_own;
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
	relay_record_init(&r->record, sessions, r->session_id, &record_ops, r);
	return r;
}

size_t
relay_buffered(const struct relay *r)
{
	size_t n = r->record.bytes;

	for (size_t i = 0; i < ARRAY_LEN(r->ends); i++) {
		const struct relay_end *e = &r->ends[i];

		n += relay_queue_bytes(&e->out);
		n += e->conn != NULL ? wsconn_queued(e->conn) : 0;
	}
	return n;
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
	if (which == SESSION_AGENT && hears) {
		se->reports = true;
		relay_say_recorded(r, se->row.reported);
	}
	session_joined(se, which, &r->channel);
	if (which == SESSION_CLIENT) {
		relay_say_pause(r, false);
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
	if (near->paused || near->conn == NULL || !is_behind(relay_far_end(near)))
		return;
	near->paused = true;
	wsconn_pause(near->conn, true);
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
	struct relay_end *far = relay_far_end(e);
	struct session *se = session_find(r->sessions, r->session_id);
	enum relay_kind kind = RELAY_PLAIN;
	bool again = m->seq <= e->last_seq;

	if (se == NULL)
		return;
	e->ends |= e->which == SESSION_CLIENT && is_terminate(m);
	if ((e->acked != NULL && ackbook_has(e->acked, m->seq)) ||
	    (m->seq >= 0 && m->seq <= far->duplicate_seq)) {
		relay_say_ack(e, m);
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
	struct relay_end *sender = relay_far_end(e);
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
on_event(struct relay_end *e, const struct agentmsg *m)
{
	struct relay *r = e->relay;
	int err = relay_record_take(&r->record, m->payload);

	if (err != 0) {
		r->counters->malformed++;
		log_warn("report of an agent dropped", "session=%s why=\"%s\" bytes=%zu",
		    r->session_id, err_text(err), m->payload.n);
	}
	push_back(e);
}

/* m: body, decoded. */
static void
on_relayed(struct relay_end *e, const struct agentmsg *m, struct span body)
{
	const char *data =
	    e->which == SESSION_CLIENT ? MSG_INPUT_STREAM : MSG_OUTPUT_STREAM;

	if (e->relay->closed)
		return;
	if (agentmsg_is(m, data))
		on_stream_data(e, m, body);
	else if (agentmsg_is(m, MSG_ACKNOWLEDGE))
		on_ack(e, m, body);
	else if (e->which == SESSION_AGENT && agentmsg_is(m, MSG_SESSION_STATE))
		on_state(e, m);
	else if (e->which == SESSION_CLIENT && e->hears && agentmsg_is(m, MSG_OWN_KEPT))
		on_kept(e);
	else
		log_debug("message type not relayed", "session=%s type=%s",
		    e->relay->session_id, log_q(m->type));
}

/* It was held, and is as good as when it came. */
static void
on_released(void *arg, struct span body)
{
	struct relay *r = arg;
	struct agentmsg m;

	if (agentmsg_decode(&m, body) == 0)
		on_relayed(&r->ends[SESSION_AGENT], &m, body);
	let_go(&r->ends[SESSION_CLIENT]);
}

static void
on_recorded(void *arg, int64_t number)
{
	struct relay *r = arg;

	relay_say_recorded(r, number);
	let_go(&r->ends[SESSION_CLIENT]);
}

/* It comes back and says all of it again. */
static void
on_not_recorded(void *arg)
{
	struct relay *r = arg;
	struct session *se = session_find(r->sessions, r->session_id);

	end_drop(&r->ends[SESSION_AGENT], WS_CLOSE_TRY_LATER);
	if (r->closed)
		finish_when_empty(r);
	else if (se != NULL)
		session_left(se, SESSION_AGENT, "what it did could not be recorded");
}

static void
on_message(void *arg, uint8_t op, struct span body)
{
	struct relay_end *e = arg;
	struct relay *r = e->relay;
	bool reports = e->which == SESSION_AGENT && e->hears;
	struct agentmsg m;

	(void)op; /* both peers put AgentMessages into text frames too */
	if (r->closed && !reports)
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
	if (reports && agentmsg_is(&m, MSG_OWN_EVENT)) {
		on_event(e, &m); /* also of a session that has just ended */
	} else if (reports && r->record.waits) {
		relay_record_hold(&r->record, body);
		push_back(e);
	} else {
		on_relayed(e, &m, body);
	}
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
		relay_say_pause(r, true);
	if (e->ends)
		ev_timer_set(r->loop, &r->closing, RELAY_LEFT_MS, end_for_client, r);
	if (se != NULL)
		session_left(se, e->which, leave_words(err));
}
