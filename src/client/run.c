/* SPDX-License-Identifier: Apache-2.0 */
/* See run.h. */
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "client/port.h"
#include "client/resume.h"
#include "client/run.h"
#include "client/terminal.h"

enum {
	INPUT_STOCK = 4 * 1024, /* one paste chunk towards a stock agent's terminal */
	INPUT_OWN = 32 * 1024,
	TERMINATE_WAIT_MS = 3000, /* TerminateSession on the way out */
	EOF_QUIET_MS = 300,       /* after output; then a shell waits for input again */
	EOF_MAX = 50,
	LEAVE_AFTER_MS = 2000, /* from then on Ctrl-C leaves a session that is away */
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
	struct buf pending; /* input that the window had no room for */
	uint8_t last; /* byte of the input; to know whether its last line is whole */
	size_t input_max;
	uint64_t lost_ms; /* when the connection went away; 0: it is there */
	bool ready, size_due, eof, leaving;
	bool tells_status; /* the node's agent says how the command ended */
	uint32_t eofs;     /* Ctrl-D sent for the end of our input */
	struct ev_timer eof_again;
	int status; /* -1: the node said nothing */
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

static bool
has_terminal(const struct run *r)
{
	return r->type != DOCUMENT_NONINTERACTIVE;
}

/*
 * The end of our input is a Ctrl-D to the terminal there.  It ends a program only at the
 * beginning of a line: elsewhere a shell needs the line to be ended first (its editor
 * takes Ctrl-D for "delete"), and a plain program wants it twice.
 */
static void
queue_eof(struct run *r)
{
	bool whole = r->last == '\n' || r->last == '\r' || r->last == '\0';

	if (!whole && r->eofs == 0)
		buf_add_str(
		    &r->pending, r->type == DOCUMENT_STANDARD_STREAM ? "\n" : "\x04");
	buf_add_str(&r->pending, "\x04");
	r->eofs++;
}

static void feed(struct run *r);

/* A Ctrl-D is lost when the program changes the terminal's mode meanwhile, as shells do
 * before each prompt; but an end of input lasts. */
static void
on_quiet(void *arg)
{
	struct run *r = arg;

	if (r->pending.len == 0 && r->eofs < EOF_MAX)
		queue_eof(r);
	feed(r);
}

/* Sends what waits while the window takes it, and reads on once nothing waits. */
static void
feed(struct run *r)
{
	if (!r->ready || r->leaving)
		return;
	if (r->size_due)
		send_size(r);
	if (r->eof && r->eofs == 0 && has_terminal(r))
		queue_eof(r);
	while (r->pending.len > 0) {
		size_t n = MIN(r->pending.len, r->input_max);

		if (client_session_send(
			r->session, PAYLOAD_OUTPUT, span_of(r->pending.p, n)) != 0)
			break; /* on_window comes */
		buf_consume(&r->pending, n);
	}
	/* The protocol has no input for commands without a terminal; what stands there is
	 * left to the next reader, as in "while read". */
	if (has_terminal(r) && !r->eof)
		stdio_allow(r->io, r->pending.len == 0 ? r->input_max : 0);
}

/* Ctrl-C, while nobody is there to take it. */
static bool
wants_to_leave(const struct run *r, struct span in)
{
	return r->lost_ms != 0 && ev_now_ms(r->loop) - r->lost_ms >= LEAVE_AFTER_MS &&
	    span_find(in, 3) >= 0;
}

static void
queue_input(struct run *r, struct span in)
{
	if (wants_to_leave(r, in)) {
		terminate(r);
		return;
	}
	if (in.n > 0)
		r->last = in.p[in.n - 1];
	buf_add(&r->pending, in);
	feed(r);
}

static void
on_input(void *arg, struct span in)
{
	struct run *r = arg;

	if (r->port != NULL)
		port_session_input(r->port, in);
	else
		queue_input(r, in);
}

static void
on_eof(void *arg)
{
	struct run *r = arg;

	if (r->port != NULL) {
		port_session_eof(r->port);
		return;
	}
	r->eof = true;
	feed(r);
}

static void
on_stdout_writable(void *arg)
{
	struct run *r = arg;

	client_session_pump(r->session);
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

/* A key that our terminal turned into a signal: it was not raw. */
static void
send_control(struct run *r, const char *byte)
{
	if (r->port != NULL)
		stop_port(r, byte[0] == 0x1a ? SIGTSTP : SIGINT);
	else if (r->ready)
		queue_input(r, span_of(byte, 1));
	else if (byte[0] != 0x1a) /* nothing to suspend yet */
		terminate(r);
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

static void
on_terminated(void *arg, const struct aws_answer *a)
{
	struct run *r = arg;

	(void)a;
	r->resume.call = NULL;
	leave(r, r->o->style == RUN_PLUGIN ? 0 : RUN_EXIT_LOST);
}

/* We must go: tell the service, so that nothing stays behind on the node. */
static void
terminate(struct run *r)
{
	if (r->leaving)
		return;
	r->leaving = true;
	stdio_allow(r->io, 0);
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
	r->input_max = info->own_peer ? INPUT_OWN : INPUT_STOCK;
	r->ready = true;
	if (!terminal_size(&r->size))
		r->size = no_terminal;
	send_size(r);
	if (has_terminal(r))
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
	if (r->port != NULL)
		return port_session_data(r->port, payload_type, data);
	if (r->eofs > 0)
		ev_timer_set(r->loop, &r->eof_again, EOF_QUIET_MS, on_quiet, r);
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
	struct run *r = arg;

	if (r->port != NULL)
		port_session_go(r->port);
	else
		feed(r);
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
		feed(r);
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

	buf_init(
	    &r.pending, STDIO_READ_MAX + 16); /* one read, and the Ctrl-D behind it */
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
	r.resume = (struct resume){ .api = api,
		.settings = settings,
		.session = r.session,
		.session_id = o->session_id,
		.notice = on_notice,
		.arg = &r };
	ev_run(l);
	terminal_restore();
	ev_timer_clear(&r.eof_again);
	port_session_free(r.port);
	client_session_free(r.session);
	resume_cancel(&r.resume);
	stdio_free(r.io);
	buf_fini(&r.pending);
	return r.exit_code;
}
