/* SPDX-License-Identifier: Apache-2.0 */
/* See run.h. */
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "client/port/port.h"
#include "client/run/run.h"
#include "client/run/run_input.h"
#include "client/session/resume.h"
#include "client/terminal/terminal.h"

enum {
	TERMINATE_WAIT_MS = 3000, /* TerminateSession on the way out */
	LEAVE_AFTER_MS = 2000,    /* from then on Ctrl-C leaves a session that is away */
	CTRL_C = 0x03,
	CTRL_Z = 0x1a,
	CTRL_BACKSLASH = 0x1c,
};

/* What the stock plugin announces when standard output is no terminal. */
static const struct term_size no_terminal = { .cols = 300, .rows = 100 };

struct run {
	struct ev_loop *loop;
	const struct run_options *o;
	struct client_session *session;
	struct stdio *io;
	struct port_session *port; /* of a session of type Port; else NULL */
	struct port_host port_host;
	struct resume resume;
	struct term_size size;
	enum document_type type;
	struct run_input input;
	uint64_t lost_ms; /* when the connection went away; 0: it is there */
	bool ready, size_due, leaving;
	bool tells_status; /* the node's agent says how the command ended */
	bool told_wasted;  /* that our standard input goes nowhere */
	int status;        /* -1: the node said nothing */
	int exit_code;
};

/* --- words ------------------------------------------------------------------------- */

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

/* --- window size ------------------------------------------------------------------- */

static void
send_size(struct run *r)
{
	auto_buf json = { .max = 64 };

	term_size_build(&json, r->size);
	r->size_due = client_session_send(r->session, PAYLOAD_SIZE, buf_span(&json)) != 0;
}

/* --- input ------------------------------------------------------------------------- */

static void terminate(struct run *r);

/* Ctrl-C, while nobody is there to take it. */
static bool
wants_to_leave(const struct run *r)
{
	return r->lost_ms != 0 && ev_now_ms(r->loop) - r->lost_ms >= LEAVE_AFTER_MS;
}

static void
typed(struct run *r, struct span in)
{
	if (r->input.kind == INPUT_TERMINAL && span_find(in, CTRL_C) >= 0 &&
	    wants_to_leave(r))
		terminate(r);
	else
		run_input_add(&r->input, in);
}

static void
on_input(void *arg, struct span in)
{
	struct run *r = arg;

	if (r->port != NULL)
		port_session_input(r->port, in);
	else
		typed(r, in);
}

static void
on_eof(void *arg)
{
	struct run *r = arg;

	if (r->port != NULL)
		port_session_eof(r->port);
	else
		run_input_eof(&r->input);
}

static void
on_stdout_writable(void *arg)
{
	struct run *r = arg;

	client_session_pump(r->session);
}

/* Ctrl-C does not get through to the program: it ends the session instead, as with ssh. */
static void
on_stuck(void *arg)
{
	terminate(arg);
}

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

/* --- signals ----------------------------------------------------------------------- */

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

/* A port session has no keys; a pipe may be suspended like any program. */
static void
stop_port(struct run *r, int signum)
{
	if (signum == SIGTSTP && port_session_is_stdio(r->port))
		(void)raise(SIGSTOP);
	else if (r->leaving)
		leave(r, r->o->style == RUN_PLUGIN ? 0 : RUN_EXIT_LOST);
	else
		port_session_stop(r->port);
}

/*
 * A key that our terminal turned into a signal: it was not raw.  Where the other end has
 * a terminal, it is one for that.  Else it is for the program, or, when that is not to be
 * reached, for us.
 */
static void
send_control(struct run *r, uint8_t key)
{
	if (r->port != NULL)
		stop_port(r, key == CTRL_Z ? SIGTSTP : SIGINT);
	else if (key == CTRL_Z && r->input.kind != INPUT_TERMINAL)
		(void)raise(SIGSTOP);
	else if (r->ready && r->input.kind == INPUT_TERMINAL)
		typed(r, span_of(&key, 1));
	else if (!r->ready || wants_to_leave(r) || !run_input_key(&r->input, key))
		terminate(r);
}

static void
on_sigint(void *arg)
{
	send_control(arg, CTRL_C);
}

static void
on_sigquit(void *arg)
{
	send_control(arg, CTRL_BACKSLASH);
}

static void
on_sigtstp(void *arg)
{
	send_control(arg, CTRL_Z);
}

/* The second one does not wait for the service. */
static void
on_sigterm(void *arg)
{
	struct run *r = arg;

	if (r->port != NULL)
		stop_port(r, SIGTERM);
	else if (r->leaving)
		leave(r, r->o->style == RUN_PLUGIN ? 0 : RUN_EXIT_LOST);
	else
		terminate(r);
}

static void
on_continue(void *arg)
{
	(void)arg;
	terminal_again();
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
	ev_on_signal(r->loop, SIGCONT, on_continue, r);
}

/* --- calls to the service ---------------------------------------------------------- */

/* For somebody who did not wait for the connection. */
static void
say_left(struct run *r, bool ended)
{
	if (r->lost_ms == 0 || r->o->style != RUN_OWN)
		return;
	if (ended)
		say(r, "sallyport: the session was ended\n");
	else
		say(r,
		    "sallyport: left while the connection was away.  The session ends by "
		    "itself after ten\nminutes, or when the server answers again by: "
		    "sallyport terminate %s\n",
		    r->o->session_id);
}

static void
on_terminated(void *arg, const struct aws_answer *a)
{
	struct run *r = arg;

	r->resume.call = NULL;
	say_left(r, a->err == 0 && a->status == 200);
	leave(r, r->o->style == RUN_PLUGIN ? 0 : RUN_EXIT_LOST);
}

/* We must go: tell the service, so that nothing stays behind on the node. */
static void
terminate(struct run *r)
{
	if (r->leaving)
		return;
	r->leaving = true;
	run_input_stop(&r->input);
	terminal_restore();
	resume_terminate(&r->resume, TERMINATE_WAIT_MS, on_terminated, r);
}

static void
on_resume(void *arg)
{
	struct run *r = arg;

	if (!r->leaving)
		resume_ask(&r->resume);
}

/* --- the session ------------------------------------------------------------------- */

static void
port_say(void *arg, const char *text)
{
	say(arg, "%s", text);
}

static void
port_terminate(void *arg)
{
	terminate(arg);
}

/* Somebody meant this input for a command that gets none. */
static void
say_wasted(struct run *r)
{
	if (r->input.kind != INPUT_NONE || r->o->style != RUN_OWN || r->o->leave_stdin ||
	    r->told_wasted || !run_input_is_wasted())
		return;
	r->told_wasted = true;
	say(r,
	    "sallyport: standard input was not sent: the document, or the agent on this "
	    "node, has none for commands\n");
}

static void
on_ready(void *arg, const struct session_info *info)
{
	struct run *r = arg;

	if (info->customer_message[0] != '\0')
		say(r, "%s\n", info->customer_message);
	r->type = info->type;
	if (info->type == DOCUMENT_PORT) {
		r->port_host = (struct port_host){ .loop = r->loop,
			.session = r->session,
			.io = r->io,
			.session_id = r->o->session_id,
			.say = port_say,
			.terminate = port_terminate };
		r->port = port_session_new(&r->port_host, r, info);
		return;
	}
	r->tells_status = info->own_peer || info->type == DOCUMENT_NONINTERACTIVE;
	r->ready = true;
	r->input.own = info->own_peer;
	r->input.shell = info->type == DOCUMENT_STANDARD_STREAM;
	if (info->type != DOCUMENT_NONINTERACTIVE)
		r->input.kind = INPUT_TERMINAL;
	else if (info->takes_input)
		r->input.kind = INPUT_PIPE;
	if (!terminal_size(&r->size))
		r->size = no_terminal;
	send_size(r);
	if (r->input.kind == INPUT_TERMINAL)
		terminal_raw();
	run_input_start(&r->input, r->session, r->o->leave_stdin);
	say_wasted(r);
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

/* The program closed its standard input: whoever writes into ours is to know. */
static int
on_flag(struct run *r, struct span data)
{
	uint32_t flag;

	if (r->input.kind == INPUT_PIPE && flag_decode(&flag, data) == 0 &&
	    flag == FLAG_END_OF_INPUT) {
		run_input_stop(&r->input);
		stdio_end_input(r->io);
	}
	return 0;
}

static int
on_data(void *arg, uint32_t payload_type, struct span data)
{
	struct run *r = arg;
	int err;

	if (r->leaving)
		return 0;
	if (r->port != NULL)
		return port_session_data(r->port, payload_type, data);
	run_input_heard(&r->input);
	if (payload_type == PAYLOAD_EXIT_CODE)
		err = on_exit_code(r, data);
	else if (payload_type == PAYLOAD_STDERR && r->o->style == RUN_OWN)
		err = stdio_write(r->io, 2, data);
	else if (payload_type == PAYLOAD_FLAG)
		err = on_flag(r, data);
	else
		err = stdio_write(r->io, 1, data);
	return err == ERR_AGAIN ? ERR_AGAIN : 0;
}

/* There is room: a size that had none goes first. */
static void
go(struct run *r)
{
	if (r->ready && r->size_due)
		send_size(r);
	run_input_go(&r->input);
}

static void
on_window(void *arg)
{
	struct run *r = arg;

	if (r->port != NULL)
		port_session_go(r->port);
	else
		go(r);
}

static void
on_lost(void *arg, bool lost, const char *why)
{
	struct run *r = arg;
	char text[400];

	if (!lost) {
		r->lost_ms = 0;
		resume_back(&r->resume);
		notice(r, "connection restored");
		go(r);
		return;
	}
	r->lost_ms = ev_now_ms(r->loop);
	snprintf(text, sizeof(text),
	    "connection lost (%s); reconnecting, Ctrl-C ends the session", why);
	notice(r, text);
}

/* The last words of the stock plugin, which scripts look for. */
static void
say_end_as_plugin(struct run *r, enum session_why why, const char *text)
{
	const char *id = r->o->session_id;

	if (why == SESSION_CLOSED && text[0] != '\0')
		say(r, "\n\nSessionId: %s : %s\n\n", id, text);
	else if (why == SESSION_CLOSED)
		say(r, "\n\nExiting session with sessionId: %s.\n\n", id);
	else if (why == SESSION_TIMED_OUT)
		say(r, "Session: %s timed out.\n", id);
	else
		say(r, "Cannot perform start session: %s\n", text);
}

/* The same for our own commands; returns the exit status. */
static int
say_end(struct run *r, enum session_why why, const char *text)
{
	bool ended = r->status >= 0 || !r->tells_status;

	if (why == SESSION_CLOSED && text[0] != '\0')
		say(r, "sallyport: the session ended: %s\n", text);
	else if (why == SESSION_CLOSED && !ended)
		say(r, "sallyport: the session was terminated\n");
	else if (why == SESSION_TIMED_OUT)
		say(r, "sallyport: the session was over when the connection came back\n");
	else if (why != SESSION_CLOSED)
		say(r, "sallyport: the session failed: %s\n", text);
	if (r->status >= 0)
		return r->status;
	return why == SESSION_CLOSED && text[0] == '\0' && ended ? 0 : RUN_EXIT_LOST;
}

static void
on_end(void *arg, enum session_why why, const char *text)
{
	struct run *r = arg;

	if (r->leaving)
		return;
	terminal_restore();
	say_wasted(r);
	if (r->o->style == RUN_OWN) {
		leave(r, say_end(r, why, text));
		return;
	}
	say_end_as_plugin(r, why, text);
	leave(r, 0);
}

static void
on_notice(void *arg, const char *text)
{
	notice(arg, text);
}

static const struct client_session_ops session_ops = {
	.on_ready = on_ready,
	.on_data = on_data,
	.on_writable = on_window,
	.on_lost = on_lost,
	.on_end = on_end,
	.on_notice = on_notice,
	.resume = on_resume,
};

int
run_session(struct ev_loop *l, struct aws_api *api, struct aws_settings *settings,
    const struct run_options *o)
{
	struct run r = { .loop = l, .o = o, .status = -1 };
	char client_id[UUID_LEN + 1];
	uint8_t raw[16];

	ev_random(l, raw, sizeof(raw));
	uuid_format(client_id, raw);
	r.io = stdio_new(l, &stdio_ops, &r);
	run_input_init(&r.input, l, r.io, on_stuck, &r);
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
	r.resume = (struct resume){ .api = api,
		.settings = settings,
		.session = r.session,
		.session_id = o->session_id,
		.notice = on_notice,
		.arg = &r };
	ev_run(l);
	terminal_restore();
	run_input_fini(&r.input);
	port_session_free(r.port);
	client_session_free(r.session);
	resume_cancel(&r.resume);
	stdio_free(r.io);
	return r.exit_code;
}
