/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session says and hears on its data channel: the handshake, sizes, input, and
 * the way of output from the shell.
 */
#include "agent/session_int.h"

#include "base/log.h"
#include "proto/agentmsg.h"

static uint64_t
now_ms(const struct agent_session *s)
{
	return ev_now_ms(s->env->loop);
}

/* --- the handshake ------------------------------------------------------ */

/* Sessions without a terminal whose input can end while the rest goes on. */
static bool
takes_input(const struct session_document *doc)
{
	if (doc->type == DOCUMENT_PORT) /* one connection: SSH */
		return strcmp(doc->forward_type, "LocalPortForwarding") != 0;
	return doc->type == DOCUMENT_COPY ||
	    (doc->type == DOCUMENT_NONINTERACTIVE && doc->standard_input);
}

static void
request_of(struct handshake_request *r, const struct agent_session *s)
{
	*r = (struct handshake_request){
		.agent_version = HANDSHAKE_AGENT_VERSION,
		.nactions = 1,
		.ext = handshake_ext_ours(CHANNEL_PAYLOAD_OWN, CHANNEL_WINDOW_MAX),
	};
	r->ext.input = takes_input(&s->doc);
	r->actions[0] = (struct handshake_action){
		.type = ACTION_SESSION_TYPE,
		.session_type = document_type_name(s->doc.type),
		.properties =
		    s->doc.type == DOCUMENT_PORT ? s->doc.properties : SPAN_NONE,
	};
}

static void
on_handshake_late(void *arg)
{
	struct agent_session *s = arg;

	session_over(s, "Failed",
	    "Handshake timed out. Please ensure that you have the latest version of the "
	    "session manager plugin.");
}

void
session_ask(struct agent_session *s)
{
	struct handshake_request r;
	auto_buf json = { 0 };

	request_of(&r, s);
	buf_init(&json, HANDSHAKE_TEXT_MAX);
	handshake_request_build(&json, &r);
	if (buf_check(&json) != 0 ||
	    channel_send(s->ch, now_ms(s), PAYLOAD_HANDSHAKE_REQUEST, buf_span(&json)) !=
		0) {
		session_over(s, "Failed", "the handshake could not be sent");
		return;
	}
	s->phase = SESSION_ASKED;
	s->asked_us = ev_now_us(s->env->loop);
	ev_timer_set(s->env->loop, &s->step, HANDSHAKE_MAX_MS, on_handshake_late, s);
}

static void
start_program(void *arg)
{
	struct agent_session *s = arg;
	struct fault f = { 0 };

	ev_timer_clear(&s->step);
	s->phase = SESSION_RUNNING;
	if (s->doc.type == DOCUMENT_PORT) {
		session_port_start(s);
		return;
	}
	if (agent_shell_start(&s->shell, s->env->spawner,
		&(struct agent_shell_options){
		    .doc = &s->doc,
		    .user = s->user,
		    .session_id = s->id,
		    .size = s->size,
		    .input = s->input,
		},
		&session_shell_ops, s, &f) != 0) {
		session_over(s, "Failed", fault_text(&f));
		return;
	}
	session_input_ready(
	    s); /* a client need not wait for us: see session_port_start() */
}

static void
complete(struct agent_session *s)
{
	uint64_t us = ev_now_us(s->env->loop) - s->asked_us;
	bool has_terminal = s->doc.type == DOCUMENT_STANDARD_STREAM ||
	    s->doc.type == DOCUMENT_INTERACTIVE;
	bool wait = has_terminal && s->size.cols == 0;
	auto_buf json = { 0 };

	buf_init(&json, HANDSHAKE_TEXT_MAX);
	handshake_complete_build(&json,
	    &(struct handshake_complete){
		.elapsed_ns = (int64_t)us * 1000, .customer_message = "" });
	if (buf_check(&json) != 0 ||
	    channel_send(s->ch, now_ms(s), PAYLOAD_HANDSHAKE_COMPLETE, buf_span(&json)) !=
		0) {
		session_over(s, "Failed", "the handshake could not be completed");
		return;
	}
	s->phase = SESSION_SIZING;
	ev_timer_set(s->env->loop, &s->step, wait ? SIZE_WAIT_MS : 0, start_program, s);
}

static void
on_response(struct agent_session *s, struct span payload)
{
	struct handshake_response answer;
	struct handshake_request asked;
	struct fault f = { 0 };
	auto_arena mem = { 0 };
	char text[300];

	if (s->phase != SESSION_ASKED)
		return; /* a second one, or one that nobody asked for */
	request_of(&asked, s);
	if (handshake_response_parse(&answer, &mem, payload, &f) != 0 ||
	    handshake_check(&asked, &answer, &f) != 0) {
		(void)snprintf(text, sizeof(text),
		    "Encountered error while initiating handshake. %s", fault_text(&f));
		session_over(s, "Failed", text);
		return;
	}
	if (answer.ext.present) {
		channel_set_own_peer(s->ch, answer.ext.max_payload, answer.ext.window);
		if (answer.ext.no_digest)
			channel_set_no_digest(s->ch);
		s->tell_status = answer.ext.exit_status;
		s->input = asked.ext.input && answer.ext.input;
	}
	s->tell_status = s->tell_status ||
	    (s->doc.type == DOCUMENT_NONINTERACTIVE && s->doc.separate_output);
	if (s->doc.type == DOCUMENT_PORT) /* has no exit status */
		s->tell_status = false;
	s->own_client = answer.ext.present;
	if (str_copy(
		s->client_version, sizeof(s->client_version), answer.client_version) != 0)
		s->client_version[0] = '\0';
	complete(s);
}

/* --- from the client ---------------------------------------------------- */

static void
on_size(struct agent_session *s, struct span payload)
{
	struct term_size size;

	if (term_size_parse(&size, payload) != 0) {
		log_debug("size not understood", "session=%s", s->id);
		return;
	}
	s->size = size;
	if (s->shell != NULL)
		agent_shell_resize(s->shell, size);
	else if (s->phase == SESSION_SIZING)
		ev_timer_set(s->env->loop, &s->step, 0, start_program, s);
}

static int
on_input(struct agent_session *s, struct span payload)
{
	int r = 0;

	if (s->phase == SESSION_SIZING) { /* a client without a terminal */
		ev_timer_set(s->env->loop, &s->step, 0, start_program, s);
		return ERR_AGAIN;
	}
	/* Before the handshake is complete data is not wanted; stock agents drop it. */
	if (s->phase == SESSION_RUNNING && s->shell != NULL)
		r = agent_shell_input(s->shell, payload);
	else if (s->phase == SESSION_RUNNING && s->forward != NULL)
		r = agent_forward_input(s->forward, payload);
	if (r == 0)
		s->active_ms = now_ms(s);
	return r;
}

static int
on_flag(struct agent_session *s, struct span payload)
{
	uint32_t flag;

	if (flag_decode(&flag, payload) != 0)
		return 0;
	if (s->phase == SESSION_SIZING)
		return ERR_AGAIN;
	if (s->forward != NULL)
		return session_port_flag(s, flag);
	if (flag == FLAG_TERMINATE_SESSION)
		session_over(s, "Success", "");
	else if (s->shell != NULL && s->phase == SESSION_RUNNING)
		return agent_shell_flag(s->shell, flag);
	return 0;
}

static int
on_deliver(void *arg, uint32_t type, struct span payload)
{
	struct agent_session *s = arg;

	switch (type) {
	case PAYLOAD_OUTPUT:
		return on_input(s, payload);
	case PAYLOAD_SIZE:
		on_size(s, payload);
		return 0;
	case PAYLOAD_HANDSHAKE_RESPONSE:
		on_response(s, payload);
		return 0;
	case PAYLOAD_FLAG:
		return on_flag(s, payload);
	default:
		return 0;
	}
}

static void
on_transmit(void *arg, struct span msg)
{
	struct agent_session *s = arg;

	if (s->link.ws != NULL && wsconn_send(s->link.ws, WS_BINARY, msg) != 0)
		log_debug("message not sent", "session=%s", s->id); /* on_close follows */
}

static void
on_closed(void *arg, const char *output)
{
	(void)output; /* for clients */
	session_over(arg, "Success", "");
}

static void
on_random(void *arg, void *p, size_t n)
{
	struct agent_session *s = arg;

	ev_random(s->env->loop, p, n);
}

/* What our server says besides the stream. */
static void
on_other(void *arg, const struct agentmsg *m)
{
	struct agent_session *s = arg;

	if (!agentmsg_is(m, MSG_OWN_RECORDED))
		return;
	agent_report_recorded(&s->report, m->payload);
	if (!agent_report_in_flight(&s->report))
		agent_report_send(&s->report, s->link.ws);
}

const struct channel_ops session_channel_ops = {
	.transmit = on_transmit,
	.deliver = on_deliver,
	.on_closed = on_closed,
	.on_other = on_other,
	.random = on_random,
};

/* --- from the shell ----------------------------------------------------- */

/* Small payloads at the edge of a full window would only cost acknowledgements. */
size_t
session_room(const struct agent_session *s)
{
	size_t room = channel_room(s->ch);

	return room >= channel_payload_max(s->ch) / 4 ? room : 0;
}

size_t
session_output_room(void *arg)
{
	struct agent_session *s = arg;

	return s->phase == SESSION_RUNNING && !channel_is_paused(s->ch) ? session_room(s)
									: 0;
}

void
session_output(void *arg, uint32_t type, struct span payload)
{
	struct agent_session *s = arg;
	int r;

	s->active_ms = now_ms(s);
	r = channel_send(s->ch, now_ms(s), type, payload);
	if (r != 0 && r != ERR_CLOSED)
		log_error("output lost", "session=%s bytes=%zu", s->id, payload.n);
	s->said_something = true;
	session_arm(s);
}

bool
session_may_report(void *arg)
{
	struct agent_session *s = arg;

	return !agent_report_is_full(&s->report);
}

void
session_input_ready(void *arg)
{
	struct agent_session *s = arg;

	if (s->phase == SESSION_OVER)
		return;
	if (channel_pump(s->ch, now_ms(s)) != 0)
		log_debug("input refused", "session=%s", s->id);
	session_turn(s);
}

/* A program that never ran has a status of ours and says nothing itself. */
static const char *
never_ran(const struct agent_session *s, int status)
{
	if (s->said_something || now_ms(s) - s->started_ms > NEVER_RAN_MS)
		return NULL;
	if (s->doc.type == DOCUMENT_STANDARD_STREAM && (status == 126 || status == 127))
		return "the login shell of the session's user cannot be executed";
	return launch_status_words(status);
}

static void
shell_ended(void *arg, int status)
{
	struct agent_session *s = arg;
	const char *words = never_ran(s, status);

	if (s->phase != SESSION_RUNNING)
		return;
	log_info("program ended", "session=%s status=%d", s->id, status);
	if (words != NULL) {
		session_over(s, "Failed", words);
		return;
	}
	s->status = status;
	session_drain(s);
}

static void
shell_failed(void *arg, const char *why)
{
	session_over(arg, "Failed", why);
}

static void
shell_report(void *arg, const struct own_event *e)
{
	struct agent_session *s = arg;

	agent_report_add(&s->report, e);
}

/* Many small files: those of one round trip share a message and a commit. */
static void
shell_reported(void *arg)
{
	struct agent_session *s = arg;

	if (!agent_report_in_flight(&s->report))
		agent_report_send(&s->report, s->link.ws);
}

static bool
shell_is_recorded(void *arg)
{
	struct agent_session *s = arg;

	return !agent_report_in_flight(&s->report);
}

const struct agent_shell_ops session_shell_ops = {
	.room = session_output_room,
	.send = session_output,
	.input_ready = session_input_ready,
	.ended = shell_ended,
	.failed = shell_failed,
	.report = shell_report,
	.reported = shell_reported,
	.may_report = session_may_report,
	.is_recorded = shell_is_recorded,
};
