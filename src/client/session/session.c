/* SPDX-License-Identifier: Apache-2.0 */
/* See session.h. */
#include "client/session/session.h"

#include "base/log.h"
#include "base/text.h"
#include "client/session/comeback.h"
#include "client/session/greeting.h"
#include "proto/channel.h"
#include "proto/control.h"

enum state {
	STATE_CONNECTING,
	STATE_WAITING, /* connected; no handshake or output seen yet */
	STATE_READY,
	STATE_LOST, /* connecting again, asking for a token, or not accepted yet */
	STATE_ENDED,
};

struct client_session {
	struct ev_loop *loop;
	struct http_client *http;
	const struct client_session_ops *ops;
	void *arg;
	char *session_id, *url, *token, *client_id, *client_version; /* owned */
	struct channel *ch;
	struct wsconn *ws; /* NULL while away */
	struct http_call *opening;
	struct ev_timer tick; /* of the channel */
	struct ev_timer retry;
	enum state state;
	struct comeback back;
	bool ready;       /* on_ready ran */
	bool resuming;    /* resume() was asked and not answered */
	bool paused;      /* not read: too much waits for on_data */
	bool held;        /* the last on_data said ERR_AGAIN */
	char *farewell;   /* owned; closed by the server, but held data is to go first */
	uint32_t tries;   /* since the last connection that was of use */
	uint64_t up_ms;   /* when the connection came up */
	uint64_t lost_ms; /* when it was lost */
	struct greeting greeting;
	enum session_why why; /* with text: for the deferred end */
	char *text;
	struct ev_timer end;
};

static void session_connect(struct client_session *s);
static void session_retry(struct client_session *s, const char *why);

/* --- the end ----------------------------------------------------------------------- */

static void
deliver_end(void *arg)
{
	struct client_session *s = arg;

	s->ops->on_end(s->arg, s->why, s->text);
}

/* on_end comes from the loop, so that the owner may free us there. */
static void
session_end(struct client_session *s, enum session_why why, const char *text)
{
	if (s->state == STATE_ENDED)
		return;
	s->state = STATE_ENDED;
	s->why = why;
	s->text = xstrdup(text);
	ev_timer_clear(&s->retry);
	ev_timer_clear(&s->tick);
	ev_timer_set(s->loop, &s->end, 0, deliver_end, s);
}

/* --- the channel ------------------------------------------------------------------- */

static void rearm(struct client_session *s);

static void
on_tick(void *arg)
{
	struct client_session *s = arg;

	channel_tick(s->ch, ev_now_ms(s->loop));
	rearm(s);
}

/* After each call into the channel: its timer, and whether to go on reading. */
static void
rearm(struct client_session *s)
{
	uint64_t next = channel_next_ms(s->ch), now = ev_now_ms(s->loop);
	bool full = channel_recv_queued(s->ch) > CHANNEL_RECV_HIGH;

	if (s->state == STATE_ENDED)
		return;
	if (next == CHANNEL_NO_TIMER)
		ev_timer_clear(&s->tick);
	else
		ev_timer_set(s->loop, &s->tick, next > now ? next - now : 0, on_tick, s);
	if (s->ws != NULL && full != s->paused) {
		s->paused = full;
		wsconn_pause(s->ws, full);
	}
}

static void
ch_transmit(void *arg, struct span msg)
{
	struct client_session *s = arg;

	/* A failed send shows as on_close; the channel keeps the message. */
	if (s->ws != NULL && wsconn_send(s->ws, WS_BINARY, msg) != 0)
		log_debug("message not sent", "session=%s", s->session_id);
}

static void
ch_random(void *arg, void *p, size_t n)
{
	struct client_session *s = arg;

	ev_random(s->loop, p, n);
}

static void
become_ready(struct client_session *s, const char *customer_message)
{
	struct session_info info;

	greeting_info(&s->greeting, &info);
	info.own_peer = channel_is_own_peer(s->ch);
	info.customer_message = customer_message;
	s->ready = true;
	s->state = STATE_READY;
	s->ops->on_ready(s->arg, &info);
}

static int
on_request(struct client_session *s, struct span json)
{
	const struct handshake_ext *ext = &s->greeting.request.ext;
	auto_buf out = { .max = HANDSHAKE_TEXT_MAX };
	struct fault f = { 0 };
	int r;

	if (greeting_begun(&s->greeting)) /* a second one would desynchronise a stock agent */
		return 0;
	r = greeting_answer(&s->greeting, json, s->client_version, &out, &f);
	if (out.len > 0 && buf_check(&out) == 0 &&
	    channel_send(s->ch, ev_now_ms(s->loop), PAYLOAD_HANDSHAKE_RESPONSE,
		buf_span(&out)) != 0)
		log_warn("handshake response not sent", "session=%s", s->session_id);
	if (r != 0) {
		session_end(s, SESSION_UNUSABLE, fault_text(&f));
	} else if (ext->present) {
		channel_set_own_peer(s->ch, ext->max_payload, ext->window);
		if (ext->no_digest)
			channel_set_no_digest(s->ch);
	}
	return r;
}

static int
on_complete(struct client_session *s, struct span json)
{
	if (s->ready)
		return 0;
	if (!greeting_begun(&s->greeting)) {
		session_end(s, SESSION_UNUSABLE, "unable to determine SessionType");
		return ERR_PROTOCOL;
	}
	become_ready(s, greeting_message(&s->greeting, json));
	return 0;
}

static int
ch_deliver(void *arg, uint32_t type, struct span data)
{
	struct client_session *s = arg;
	int r;

	switch (type) {
	case PAYLOAD_HANDSHAKE_REQUEST:
		return on_request(s, data);
	case PAYLOAD_HANDSHAKE_COMPLETE:
		return on_complete(s, data);
	case PAYLOAD_ENC_CHALLENGE_REQUEST:
		return 0;
	default:
		break;
	}
	if (!s->ready) {
		if (greeting_begun(&s->greeting)) /* nothing may come before its end */
			return 0;
		become_ready(s, ""); /* a stock agent's shell does without a handshake */
	}
	r = s->ops->on_data(s->arg, type, data);
	s->held = r == ERR_AGAIN;
	return r;
}

static void
ch_writable(void *arg)
{
	struct client_session *s = arg;

	s->ops->on_writable(s->arg);
}

static void
ch_closed(void *arg, const char *output)
{
	struct client_session *s = arg;

	if (s->held) /* client_session_pump() goes on */
		s->farewell = xstrdup(output);
	else
		session_end(s, SESSION_CLOSED, output);
}

/* --- what a server of ours says besides the stream ----------------------------------- */

/* The server let us in: from here on the connection counts as restored. */
static void
accepted(struct client_session *s)
{
	s->back.shown = false;
	s->state = s->ready ? STATE_READY : STATE_WAITING;
	s->up_ms = ev_now_ms(s->loop);
	s->ops->on_lost(s->arg, false, "");
}

static void
ch_other(void *arg, const struct agentmsg *m)
{
	struct client_session *s = arg;
	struct own_words w;
	auto_arena mem = { 0 };
	auto_buf answer = { .max = OWN_MESSAGE_MAX };
	bool silent = false;

	if (own_parse(&w, &mem, m->payload) != 0 ||
	    strcmp(w.session_id, s->session_id) != 0)
		return;
	if (agentmsg_is(m, MSG_OWN_RESUME)) {
		comeback_keep(&s->back, &w, s->loop, &answer);
		if (answer.len > 0)
			ch_transmit(s, buf_span(&answer));
	} else if (agentmsg_is(m, MSG_OWN_REFUSED)) {
		silent = comeback_refused(&s->back);
	}
	if (!silent && w.message[0] != '\0' && s->ops->on_notice != NULL)
		s->ops->on_notice(s->arg, w.message);
}

static const struct channel_ops channel_ops = {
	.transmit = ch_transmit,
	.deliver = ch_deliver,
	.on_writable = ch_writable,
	.on_closed = ch_closed,
	.on_other = ch_other,
	.random = ch_random,
};

/* --- the connection ---------------------------------------------------------------- */

static void
drop_ws(struct client_session *s)
{
	if (s->ws != NULL)
		wsconn_close(STEAL(s->ws), 0);
	s->paused = false;
	channel_down(s->ch);
}

static void
ws_message(void *arg, uint8_t op, struct span body)
{
	struct client_session *s = arg;
	int r;

	(void)op;
	r = channel_receive(s->ch, ev_now_ms(s->loop), body);
	if (r == ERR_INVALID)
		log_warn("malformed message dropped", "session=%s bytes=%zu",
		    s->session_id, body.n);
	if (s->state == STATE_LOST && !s->back.refused)
		accepted(s);
	rearm(s);
}

static void
ws_drain(void *arg)
{
	rearm(arg);
}

static const char *
loss_text(int err)
{
	if (err == ERR_TIMEOUT)
		return "the server does not answer";
	return err == ERR_CLOSED || err == ERR_IO ? "the connection was cut"
						  : err_text(err);
}

static void
ws_close(void *arg, int err, uint16_t code)
{
	struct client_session *s = arg;

	drop_ws(s);
	comeback_failed(&s->back, code);
	if (s->state == STATE_ENDED || s->farewell != NULL)
		return;
	session_retry(s, loss_text(err));
}

static const struct wsconn_handler ws_handler = {
	.on_message = ws_message,
	.on_drain = ws_drain,
	.on_close = ws_close,
};

/* The opening frame; then everything unacknowledged leaves again. */
static void
session_up(struct client_session *s)
{
	struct control_open_data o = {
		.token = s->back.shown ? s->back.secret : s->token,
		.resumes = s->back.shown,
		.client_id = s->client_id,
		.client_version = s->client_version,
	};
	char request_id[UUID_LEN + 1];
	auto_buf text = { .max = CONTROL_OPEN_MAX };
	uint8_t raw[16];

	ev_random(s->loop, raw, sizeof(raw));
	uuid_format(request_id, raw);
	o.request_id = request_id;
	control_open_data_build(&text, &o);
	if (buf_check(&text) != 0 || wsconn_send(s->ws, WS_TEXT, buf_span(&text)) != 0) {
		drop_ws(s);
		session_retry(s, "the opening frame could not be sent");
		return;
	}
	channel_up(s->ch, ev_now_ms(s->loop), ev_wall_ms(s->loop));
	if (s->state == STATE_CONNECTING) {
		s->state = STATE_WAITING;
		s->up_ms = ev_now_ms(s->loop);
	} else if (!s->back.shown) { /* a token was made for us just now */
		accepted(s);
	}
	rearm(s);
}

/* A wrong address or an unknown certificate will not mend itself. */
static bool
is_final(int err)
{
	return err == ERR_INVALID || err == ERR_UNSUPPORTED || err == ERR_TLS;
}

static void
on_opened(void *arg, struct wsconn *ws, int err, int status, const char *why)
{
	struct client_session *s = arg;

	s->opening = NULL;
	if (err != 0) {
		log_debug("connection failed", "session=%s status=%d why=\"%s\"",
		    s->session_id, status, why);
		if (s->state == STATE_CONNECTING && is_final(err))
			session_end(s, SESSION_GAVE_UP, why);
		else
			session_retry(s, why);
		return;
	}
	s->ws = ws;
	wsconn_set_handler(ws, &ws_handler, s);
	session_up(s);
}

static void
session_connect(struct client_session *s)
{
	static const struct wsconn_options options = {
		.message_max = AGENTMSG_PAYLOAD_MAX + AGENTMSG_HEAD,
		.queue_max = CHANNEL_TRANSPORT_MAX,
		.ping_ms = SESSION_CLIENT_PING_MS,
		.dead_ms = SESSION_CLIENT_DEAD_MS,
	};
	static const struct http_header headers[] = { { OWN_HEADER, OWN_HEADER_VALUE } };

	s->opening = ws_open(s->http,
	    &(struct http_request){
		.method = "GET",
		.url = s->url,
		.headers = headers,
		.nheaders = ARRAY_LEN(headers),
		.timeout_ms = 15 * 1000,
	    },
	    &options, on_opened, s);
}

static void
on_retry(void *arg)
{
	struct client_session *s = arg;

	/* The first token is still unused, or there is a secret to show. */
	if (s->state == STATE_CONNECTING || comeback_show(&s->back)) {
		session_connect(s);
		return;
	}
	s->resuming = true;
	s->ops->resume(s->arg);
}

/* Schedules another attempt, later each time, or gives up. */
static void
session_retry(struct client_session *s, const char *why)
{
	uint64_t now = ev_now_ms(s->loop), wait;

	if (s->state == STATE_READY || s->state == STATE_WAITING) {
		if (s->lost_ms == 0 || now - s->up_ms >= SESSION_LASTED_MS ||
		    channel_moved(s->ch)) {
			s->tries = 0;
			s->lost_ms = now;
		}
		s->state = STATE_LOST;
		s->ops->on_lost(s->arg, true, why);
		if (s->state == STATE_ENDED)
			return;
	}
	s->tries++;
	if (s->state == STATE_CONNECTING ? s->tries > SESSION_FIRST_TRIES
					 : now - s->lost_ms > SESSION_GIVE_UP_MS) {
		session_end(s, SESSION_GAVE_UP, why);
		return;
	}
	wait = (uint64_t)SESSION_RETRY_MIN_MS << MIN(s->tries - 1, 5);
	wait = MIN(wait, SESSION_RETRY_MAX_MS);
	wait += ev_random_below(
	    s->loop, (uint32_t)wait / 2); /* a fleet must not come in step */
	ev_timer_set(s->loop, &s->retry, wait, on_retry, s);
}

void
client_session_resumed(struct client_session *s, const char *token,
    const char *stream_url, int err, const char *why)
{
	if (!s->resuming || s->state == STATE_ENDED)
		return;
	s->resuming = false;
	comeback_resumed(&s->back, err == 0 && token != NULL);
	if (err != 0) {
		session_retry(s, why);
		return;
	}
	if (token == NULL) {
		session_end(s, SESSION_TIMED_OUT, "");
		return;
	}
	free(s->token);
	s->token = xstrdup(token);
	if (stream_url != NULL && stream_url[0] != '\0') {
		free(s->url);
		s->url = xstrdup(stream_url);
	}
	session_connect(s);
}

/* --- life cycle -------------------------------------------------------------------- */

struct client_session *
client_session_new(struct ev_loop *l, struct http_client *http,
    const struct client_session_options *o, const struct client_session_ops *ops,
    void *arg)
{
	struct client_session *s = xcalloc(1, sizeof(*s));

	s->loop = l;
	s->http = http;
	s->ops = ops;
	s->arg = arg;
	s->session_id = xstrdup(o->session_id);
	s->url = xstrdup(o->stream_url);
	s->token = xstrdup(o->token);
	s->client_id = xstrdup(o->client_id);
	s->client_version = xstrdup(o->client_version);
	s->ch = channel_new(&(struct channel_config){ .role = CHANNEL_CLIENT,
				.ack_hold_ms = CHANNEL_ACK_HOLD_MS },
	    &channel_ops, s);
	greeting_init(&s->greeting);
	session_connect(s);
	return s;
}

void
client_session_free(struct client_session *s)
{
	if (s == NULL)
		return;
	ev_timer_clear(&s->tick);
	ev_timer_clear(&s->retry);
	ev_timer_clear(&s->end);
	if (s->opening != NULL)
		http_call_cancel(s->opening);
	drop_ws(s);
	channel_free(s->ch);
	greeting_fini(&s->greeting);
	explicit_bzero(s->token, strlen(s->token));
	comeback_fini(&s->back);
	free(s->session_id);
	free(s->url);
	free(s->token);
	free(s->client_id);
	free(s->client_version);
	free(s->text);
	free(s->farewell);
	free(s);
}

int
client_session_send(struct client_session *s, uint32_t payload_type, struct span data)
{
	int r = channel_send(s->ch, ev_now_ms(s->loop), payload_type, data);

	rearm(s);
	return r;
}

size_t
client_session_room(const struct client_session *s)
{
	return channel_room(s->ch);
}

/*
 * Little room makes little payloads, each with the cost of a large one: wait for more.
 * The channel tells of room only after it had refused something, so it is made to.
 */
size_t
client_session_bulk_room(struct client_session *s)
{
	static const uint8_t probe[SESSION_BULK_MIN];
	size_t room = client_session_room(s);

	if (room >= sizeof(probe))
		return room;
	if (client_session_send(s, PAYLOAD_OUTPUT, span_of(probe, sizeof(probe))) == 0)
		assert(0 && "more was sent than there was room for");
	return 0;
}

void
client_session_pump(struct client_session *s)
{
	s->held = false;
	if (channel_pump(s->ch, ev_now_ms(s->loop)) != 0)
		log_debug("pump", "session=%s", s->session_id);
	if (s->farewell != NULL && !s->held)
		session_end(s, SESSION_CLOSED, s->farewell);
	rearm(s);
}

bool
client_session_drained(const struct client_session *s)
{
	return channel_drained(s->ch);
}

bool
client_session_is_ready(const struct client_session *s)
{
	return s->ready;
}
