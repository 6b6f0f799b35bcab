/* SPDX-License-Identifier: Apache-2.0 */
/* See run.h. */
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "client/run.h"
#include "client/terminal.h"
#include "codec/json.h"
#include "codec/jsonw.h"

enum {
	INPUT_STOCK = 4 * 1024, /* one paste chunk towards a stock agent's terminal */
	INPUT_OWN = 32 * 1024,
	TERMINATE_WAIT_MS = 3000, /* TerminateSession on the way out */
};

/* What the stock plugin announces when standard output is no terminal. */
static const struct term_size no_terminal = { .cols = 300, .rows = 100 };

struct run {
	struct ev_loop *loop;
	struct aws_api *api;
	struct aws_settings *settings;
	const struct run_options *o;
	struct client_session *session;
	struct stdio *io;
	struct aws_call *call; /* ResumeSession or TerminateSession under way */
	struct term_size size;
	enum document_type type;
	size_t input_max;
	bool ready, own_peer, eof, eof_sent, leaving;
	int status; /* -1: the node said nothing */
	int exit_code;
};

/* --- words --------------------------------------------------------------------- */

/* To the person, beside the remote output; the terminal may be raw. */
static void
notice(struct run *r, const char *text)
{
	auto_buf line = { .max = 1024 };

	buf_addf(&line, "\r\n[sallyport] %s\r\n", text);
	if (stdio_write(r->io, 2, buf_span(&line)) != 0)
		log_debug("notice not shown", "text=%s", log_q(text));
}

static void PRINTF(2, 3) say(struct run *r, const char *fmt, ...)
{
	va_list ap;
	char text[1024];

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (stdio_write(r->io, r->o->style == RUN_PLUGIN ? 1 : 2, span_str(text)) != 0)
		log_debug("text not shown", "text=%s", log_q(text));
}

static void
leave(struct run *r, int exit_code)
{
	r->exit_code = exit_code;
	ev_stop(r->loop);
}

/* --- input ------------------------------------------------------------------------ */

/* As much input as the window takes; the end of input is a Ctrl-D to a terminal, as with
 * ssh. */
static void
feed(struct run *r)
{
	if (!r->ready || r->leaving)
		return;
	if (!r->eof) {
		stdio_allow(r->io, MIN(client_session_room(r->session), r->input_max));
		return;
	}
	if (r->eof_sent || r->type == DOCUMENT_NONINTERACTIVE)
		return;
	if (client_session_send(r->session, PAYLOAD_OUTPUT, SPAN("\x04")) == 0)
		r->eof_sent = true;
}

static void
on_input(void *arg, struct span in)
{
	struct run *r = arg;

	/* Never more than the window had room for. */
	if (client_session_send(r->session, PAYLOAD_OUTPUT, in) != 0)
		log_warn("input was not sent", "bytes=%zu", in.n);
	feed(r);
}

static void
on_eof(void *arg)
{
	struct run *r = arg;

	r->eof = true;
	feed(r);
}

static void
on_stdout_writable(void *arg)
{
	struct run *r = arg;

	client_session_pump(r->session);
}

static void terminate(struct run *r);

static void
on_broken(void *arg)
{
	terminate(arg); /* nobody reads any more: like a pipe into head(1) */
}

static const struct stdio_ops stdio_ops = {
	.on_input = on_input,
	.on_eof = on_eof,
	.on_writable = on_stdout_writable,
	.on_broken = on_broken,
};

static void
send_size(struct run *r)
{
	auto_buf json = { .max = 64 };

	term_size_build(&json, r->size);
	if (client_session_send(r->session, PAYLOAD_SIZE, buf_span(&json)) != 0)
		log_debug("size not sent");
}

/* --- signals -------------------------------------------------------------------------
 */

static void
on_resize(void *arg)
{
	struct run *r = arg;
	struct term_size now;

	if (!terminal_size(&now) ||
	    (now.cols == r->size.cols && now.rows == r->size.rows))
		return;
	r->size = now;
	if (r->ready)
		send_size(r);
}

static void
send_control(struct run *r, const char *byte)
{
	if (!r->ready)
		terminate(r);
	else if (client_session_send(r->session, PAYLOAD_OUTPUT, span_of(byte, 1)) != 0)
		log_debug("control byte not sent");
}

static void
on_sigint(void *arg)
{
	send_control(arg, "\x03");
}

static void
on_sigquit(void *arg)
{
	send_control(arg, "\x1c");
}

static void
on_sigtstp(void *arg)
{
	send_control(arg, "\x1a");
}

static void
on_sigterm(void *arg)
{
	terminate(arg);
}

static void
watch_signals(struct run *r)
{
	ev_on_signal(r->loop, SIGWINCH, on_resize, r);
	ev_on_signal(r->loop, SIGINT, on_sigint, r);
	ev_on_signal(r->loop, SIGQUIT, on_sigquit, r);
	ev_on_signal(r->loop, SIGTSTP, on_sigtstp, r);
	ev_on_signal(r->loop, SIGTERM, on_sigterm, r);
	ev_on_signal(r->loop, SIGHUP, on_sigterm, r);
}

/* --- calls to the service
 * ---------------------------------------------------------------- */

static void
session_body(const struct run *r, struct buf *out)
{
	struct jsonw w;

	jw_init(&w, out);
	jw_open(&w, '{');
	jw_field_str(&w, "SessionId", r->o->session_id);
	jw_close(&w, '}');
}

static void
on_terminated(void *arg, const struct aws_answer *a)
{
	struct run *r = arg;

	(void)a;
	r->call = NULL;
	leave(r, r->o->style == RUN_PLUGIN ? 0 : RUN_EXIT_LOST);
}

/* We must go: tell the service, so that nothing stays behind on the node. */
static void
terminate(struct run *r)
{
	auto_buf body = { .max = 1024 };

	if (r->leaving)
		return;
	r->leaving = true;
	stdio_allow(r->io, 0);
	terminal_restore();
	if (r->call != NULL)
		aws_call_cancel(STEAL(r->call));
	session_body(r, &body);
	r->call = aws_ssm(r->api, "TerminateSession", buf_span(&body), TERMINATE_WAIT_MS,
	    on_terminated, r);
}

static void
on_resumed(void *arg, const struct aws_answer *a)
{
	struct run *r = arg;
	const char *token, *url;

	r->call = NULL;
	if (a->err == 0 && a->status == 200) {
		token = json_get_str(a->out, "TokenValue");
		url = json_get_str(a->out, "StreamUrl");
		if (token != NULL && token[0] == '\0')
			token = NULL;
		client_session_resumed(r->session, token, url, 0, "");
	} else if (a->err == 0 && a->code != NULL &&
	    strcmp(a->code, "DoesNotExistException") == 0) {
		client_session_resumed(r->session, NULL, NULL, 0, "");
	} else {
		client_session_resumed(r->session, NULL, NULL,
		    a->err != 0 ? a->err : ERR_DENIED, a->message);
	}
}

static void
on_resume(void *arg)
{
	struct run *r = arg;
	auto_buf body = { .max = 1024 };
	struct fault f = { 0 };

	if (r->leaving)
		return;
	/* Credentials may have been renewed while we were connected. */
	if (aws_settings_keys(r->settings, &f) != 0)
		log_debug("credentials not read again", "why=%s", log_q(fault_text(&f)));
	session_body(r, &body);
	r->call = aws_ssm(r->api, "ResumeSession", buf_span(&body), 0, on_resumed, r);
}

/* --- the session
 * ----------------------------------------------------------------------------- */

static void
on_ready(void *arg, const struct session_info *info)
{
	struct run *r = arg;

	if (info->type == DOCUMENT_PORT) {
		say(r,
		    "Cannot perform start session: port sessions are not supported by "
		    "this client "
		    "yet\n");
		terminate(r);
		return;
	}
	if (info->customer_message[0] != '\0')
		say(r, "%s\n", info->customer_message);
	r->type = info->type;
	r->own_peer = info->own_peer;
	r->input_max = info->own_peer ? INPUT_OWN : INPUT_STOCK;
	r->ready = true;
	if (!terminal_size(&r->size))
		r->size = no_terminal;
	send_size(r);
	if (r->type != DOCUMENT_NONINTERACTIVE)
		terminal_raw();
	feed(r);
}

static int
on_exit_code(struct run *r, struct span data)
{
	if (exit_code_parse(&r->status, data) != 0)
		r->status = -1;
	/* Scripts around the stock plugin read this text where the document asked for it.
	 */
	if (r->o->style == RUN_PLUGIN && r->type == DOCUMENT_NONINTERACTIVE)
		return stdio_write(r->io, 1, data);
	return 0;
}

static int
on_data(void *arg, uint32_t payload_type, struct span data)
{
	struct run *r = arg;
	int err;

	if (r->leaving)
		return 0;
	if (payload_type == PAYLOAD_EXIT_CODE)
		err = on_exit_code(r, data);
	else if (payload_type == PAYLOAD_STDERR && r->o->style == RUN_OWN)
		err = stdio_write(r->io, 2, data);
	else if (payload_type == PAYLOAD_FLAG)
		err = 0;
	else
		err = stdio_write(r->io, 1, data);
	return err == ERR_AGAIN ? ERR_AGAIN : 0;
}

static void
on_window(void *arg)
{
	feed(arg);
}

static void
on_lost(void *arg, bool lost, const char *why)
{
	struct run *r = arg;
	char text[300];

	if (!lost) {
		notice(r, "connection restored");
		feed(r);
		return;
	}
	snprintf(text, sizeof(text), "connection lost (%s); reconnecting", why);
	notice(r, text);
}

static void
on_end(void *arg, enum session_why why, const char *text)
{
	struct run *r = arg;
	int code = r->status >= 0 ? r->status : 0;

	if (r->leaving)
		return;
	terminal_restore();
	switch (why) {
	case SESSION_CLOSED:
		if (text[0] != '\0')
			say(r, "\n\nSessionId: %s : %s\n\n", r->o->session_id, text);
		else if (r->o->style == RUN_PLUGIN)
			say(r, "\n\nExiting session with sessionId: %s.\n\n",
			    r->o->session_id);
		if (text[0] != '\0' && r->status < 0)
			code = RUN_EXIT_LOST;
		break;
	case SESSION_TIMED_OUT:
		say(r, "Session: %s timed out.\n", r->o->session_id);
		code = RUN_EXIT_LOST;
		break;
	case SESSION_GAVE_UP:
	case SESSION_UNUSABLE:
		say(r, "Cannot perform start session: %s\n", text);
		code = RUN_EXIT_LOST;
		break;
	}
	leave(r, r->o->style == RUN_PLUGIN ? 0 : code);
}

static const struct client_session_ops session_ops = {
	.on_ready = on_ready,
	.on_data = on_data,
	.on_writable = on_window,
	.on_lost = on_lost,
	.on_end = on_end,
	.resume = on_resume,
};

int
run_session(struct ev_loop *l, struct aws_api *api, struct aws_settings *settings,
    const struct run_options *o)
{
	struct run r = {
		.loop = l, .api = api, .settings = settings, .o = o, .status = -1
	};
	char client_id[UUID_LEN + 1];
	uint8_t raw[16];

	ev_random(l, raw, sizeof(raw));
	uuid_format(client_id, raw);
	r.io = stdio_new(l, &stdio_ops, &r);
	stdio_allow(r.io, 0);
	watch_signals(&r);
	if (o->style == RUN_PLUGIN)
		say(&r, "\nStarting session with SessionId: %s\n", o->session_id);
	r.session = client_session_new(l, aws_api_http(api),
	    &(struct client_session_options){
		.session_id = o->session_id,
		.stream_url = o->stream_url,
		.token = o->token,
		.client_id = client_id,
		.client_version = HANDSHAKE_CLIENT_VERSION,
	    },
	    &session_ops, &r);
	ev_run(l);
	terminal_restore();
	client_session_free(r.session);
	if (r.call != NULL)
		aws_call_cancel(r.call);
	stdio_free(r.io);
	return r.exit_code;
}
