/* SPDX-License-Identifier: Apache-2.0 */
/* See shell.h. */
#include "agent/shell.h"

#include <signal.h>

#include "agent/copy_log.h"
#include "agent/launch.h"
#include "agent/pump.h"
#include "agent/words.h"
#include "base/log.h"
#include "proto/agentmsg.h"

enum {
	LAST_OUTPUT_MS = 1000, /* from the exit until output is taken as complete */
	INTERRUPT = 0x03,      /* Ctrl-C and Ctrl-\ reach programs without a terminal */
	QUIT = 0x1c,
};

struct agent_shell {
	struct ev_loop *loop;
	const struct agent_shell_ops *ops;
	void *arg;
	struct spawned *child;
	bool pty, has_input, started, exited;
	bool catching_up; /* standard error is read whatever waits */
	bool deaf_due; /* the client is to be told that nobody reads its input */
	int status;
	struct agent_pump out, err; /* a terminal has only out, for both directions */
	struct ev_stream *in;       /* a pipe; NULL: none, or not any more */
	const char *prefix[2];      /* in the document */
	uint32_t err_type;
	struct agent_copy_log *log; /* a copy: for standard error; NULL: over, or none */
	const char *profile;       /* typed into the new shell, in the document */
	struct term_size size;
	struct buf input;     /* what the program did not take yet */
	bool refused;         /* somebody was told ERR_AGAIN */
	struct ev_timer last; /* after the exit */
};

/* --- the end ------------------------------------------------------------ */

static void
end_copy(struct agent_shell *sh)
{
	if (sh->log == NULL)
		return;
	agent_copy_log_end(sh->log);
	agent_copy_log_fini(sh->log);
	free(STEAL(sh->log));
	sh->ops->reported(sh->arg);
}

static void
check_end(struct agent_shell *sh)
{
	if (!sh->exited || sh->out.s != NULL || sh->err.s != NULL)
		return;
	ev_timer_clear(&sh->last);
	end_copy(sh);
	sh->ops->ended(sh->arg, sh->status);
}

/* Somebody beyond our reach holds the other side open: enough is enough. */
static void
on_last(void *arg)
{
	struct agent_shell *sh = arg;

	if (sh->out.stalled || sh->err.stalled) { /* it is the channel that is slow */
		ev_timer_set(sh->loop, &sh->last, LAST_OUTPUT_MS, on_last, sh);
		return;
	}
	if (sh->err.s != NULL)
		agent_pump_finish(&sh->err);
	if (sh->out.s != NULL)
		agent_pump_finish(&sh->out); /* perhaps ended() runs in it: last */
}

static void
on_exited(void *arg, int status)
{
	struct agent_shell *sh = arg;

	sh->exited = true;
	sh->status = status;
	ev_timer_set(sh->loop, &sh->last, LAST_OUTPUT_MS, on_last, sh);
	check_end(sh);
}

/* --- output ------------------------------------------------------------- */

/*
 * Results of files to the node wait until the last report is recorded, so that the next ones
 * gather.  Data from the node waits for nothing but a full report.
 */
static bool
may_tell(struct agent_shell *sh)
{
	return sh->ops->may_report(sh->arg) &&
	    (!sh->log->to_node || sh->ops->is_recorded(sh->arg));
}

static size_t
pump_room(void *arg)
{
	struct agent_shell *sh = arg;

	if (sh->log != NULL && !may_tell(sh))
		return 0;
	return sh->ops->room(sh->arg);
}

/* Everything that the program has said about files. */
static void
catch_up(struct agent_shell *sh)
{
	sh->catching_up = true;
	agent_pump_catch_up(&sh->err);
	sh->catching_up = false;
}

static void
pump_send(void *arg, uint32_t type, struct span payload)
{
	struct agent_shell *sh = arg;

	if (sh->log != NULL) /* payload was said behind it */
		catch_up(sh);
	sh->ops->send(sh->arg, type, payload);
}

static void
pump_ended(void *arg)
{
	struct agent_shell *sh = arg;

	if (sh->pty && sh->input.len > 0)
		buf_reset(&sh->input); /* nobody reads it any more */
	check_end(sh);
}

/* Sends the word that is due as soon as there is room. */
static void
tell_deaf(struct agent_shell *sh)
{
	uint8_t flag[4];

	if (!sh->deaf_due || sh->ops->room(sh->arg) < sizeof(flag))
		return;
	sh->deaf_due = false;
	flag_encode(flag, FLAG_END_OF_INPUT);
	sh->ops->send(sh->arg, PAYLOAD_FLAG, span_of(flag, sizeof(flag)));
}

void
agent_shell_go(struct agent_shell *sh)
{
	tell_deaf(sh);
	agent_pump_go(&sh->err);
	agent_pump_go(&sh->out);
}

/* --- input -------------------------------------------------------------- */

/* Where input goes: the terminal or the pipe; NULL: nowhere any more. */
static struct ev_stream *
sink(const struct agent_shell *sh)
{
	return sh->pty ? sh->out.s : sh->in;
}

static void
want_write(struct agent_shell *sh, bool write)
{
	if (sh->pty)
		agent_pump_want_write(&sh->out, write);
	else if (sh->in != NULL)
		ev_stream_want(sh->in, false, write);
}

/* The program has closed its standard input, or is gone. */
static void
not_read(struct agent_shell *sh)
{
	if (sh->pty) /* seen by reading, when all its output was read */
		return;
	ev_close(STEAL(sh->in));
	sh->deaf_due = true;
	tell_deaf(sh);
}

/* Writes what the program takes; the rest of in is left. */
static void
write_some(struct agent_shell *sh, struct span *in)
{
	while (in->n > 0 && sink(sh) != NULL) {
		size_t put = 0;
		int r = ev_write(sink(sh), in->p, in->n, &put);

		if (r == ERR_AGAIN)
			return;
		if (r != 0) {
			not_read(sh);
			break;
		}
		*in = span_sub(*in, put, in->n);
	}
	*in = SPAN_NONE; /* nobody is there: so it is with what was typed */
}

static void
pump_writable(void *arg)
{
	struct agent_shell *sh = arg;
	struct span rest = buf_span(&sh->input);

	write_some(sh, &rest);
	buf_consume(&sh->input, sh->input.len - rest.n);
	if (sh->input.len > 0)
		return;
	buf_fini(&sh->input); /* an idle session keeps no buffer */
	want_write(sh, false);
	if (sh->refused) {
		sh->refused = false;
		sh->ops->input_ready(sh->arg);
	}
}

static void
put_input(struct agent_shell *sh, struct span in)
{
	if (sh->input.len == 0)
		write_some(sh, &in);
	if (in.n == 0 || sink(sh) == NULL)
		return;
	buf_add(&sh->input, in);
	if (buf_check(&sh->input) != 0)
		log_error("input lost", "bytes=%zu", in.n); /* max is one payload: no */
	want_write(sh, true);
}

/* One thing after the other: not before the program is there and took what came before. */
static bool
is_busy(struct agent_shell *sh)
{
	bool busy = !sh->started || sh->input.len > 0;

	sh->refused = sh->refused || busy;
	return busy;
}

int
agent_shell_input(struct agent_shell *sh, struct span in)
{
	if (is_busy(sh))
		return ERR_AGAIN;
	if (sh->pty || sh->has_input) {
		put_input(sh, in);
		return 0;
	}
	if (sh->exited)
		return 0;
	if (span_find(in, INTERRUPT) != -1)
		spawned_signal(sh->child, SIGINT);
	if (span_find(in, QUIT) != -1)
		spawned_signal(sh->child, SIGQUIT);
	return 0;
}

int
agent_shell_flag(struct agent_shell *sh, uint32_t flag)
{
	if (!sh->has_input)
		return 0;
	if (is_busy(sh))
		return ERR_AGAIN;
	if (flag == FLAG_END_OF_INPUT && sh->in != NULL)
		ev_close(STEAL(sh->in));
	else if (flag == FLAG_INTERRUPT && !sh->exited)
		spawned_signal(sh->child, SIGINT);
	else if (flag == FLAG_QUIT && !sh->exited)
		spawned_signal(sh->child, SIGQUIT);
	return 0;
}

void
agent_shell_resize(struct agent_shell *sh, struct term_size size)
{
	sh->size = size;
	if (sh->pty && sh->out.s != NULL)
		ev_pty_resize(sh->out.s, size.rows, size.cols);
}

/* --- the beginning ------------------------------------------------------ */

static const struct pump_ops shell_pump = {
	.room = pump_room,
	.send = pump_send,
	.ended = pump_ended,
	.writable = pump_writable,
};

static size_t
log_room(void *arg)
{
	struct agent_shell *sh = arg;

	return sh->catching_up || sh->ops->may_report(sh->arg) ? PUMP_CHUNK : 0;
}

static void
log_send(void *arg, uint32_t type, struct span payload)
{
	struct agent_shell *sh = arg;

	(void)type;
	if (sh->log == NULL)
		return;
	agent_copy_log_add(sh->log, payload);
	sh->ops->reported(sh->arg);
}

static const struct pump_ops log_pump = {
	.room = log_room,
	.send = log_send,
	.ended = pump_ended,
};

/* Without the word of both ends such a command reads nothing. */
static void
take_input(struct agent_shell *sh, struct ev_stream *in)
{
	static const struct ev_stream_ops ops = { .writable = pump_writable };

	if (!sh->has_input) {
		ev_close(in);
		return;
	}
	sh->in = in;
	ev_stream_set(in, &ops, sh);
}

static void
on_started(void *arg, struct ev_stream *io[3])
{
	struct agent_shell *sh = arg;

	sh->started = true;
	if (sh->pty) {
		agent_pump_start(&sh->out, io[0], PAYLOAD_OUTPUT, "", &shell_pump, sh);
		if (sh->size.cols != 0) /* it may have changed since the request */
			ev_pty_resize(io[0], sh->size.rows, sh->size.cols);
		if (*sh->profile != '\0') {
			put_input(sh, span_str(sh->profile));
			put_input(sh, SPAN("\n"));
		}
	} else {
		take_input(sh, io[0]);
		agent_pump_start(
		    &sh->out, io[1], PAYLOAD_OUTPUT, sh->prefix[0], &shell_pump, sh);
		sh->out.bytes = sh->log != NULL;
		agent_pump_start(&sh->err, io[2], sh->err_type, sh->prefix[1],
		    sh->log != NULL ? &log_pump : &shell_pump, sh);
		sh->err.bytes = sh->log != NULL;
	}
	if (sh->refused && sh->input.len == 0) {
		sh->refused = false;
		sh->ops->input_ready(sh->arg);
	}
}

static void
on_failed(void *arg, int err, const char *why)
{
	struct agent_shell *sh = arg;

	(void)err;
	sh->ops->failed(sh->arg, why);
}

static const struct spawn_handler shell_handler = {
	.started = on_started,
	.failed = on_failed,
	.exited = on_exited,
};

/* What the document asks for, as a request. */
static int
request_of(struct spawn_request *r, struct buf *words, const struct session_document *doc,
    struct fault *f)
{
	int e;

	switch (doc->type) {
	case DOCUMENT_STANDARD_STREAM:
		r->kind = SPAWN_LOGIN;
		return 0;
	case DOCUMENT_COPY:
		r->kind = SPAWN_COPY;
		return 0;
	case DOCUMENT_INTERACTIVE:
		r->kind = SPAWN_COMMAND;
		r->text = span_str(doc->commands);
		break;
	case DOCUMENT_NONINTERACTIVE:
		r->kind = SPAWN_EXEC;
		r->merge_stderr = !doc->separate_output;
		if ((e = agent_words_split(words, span_str(doc->commands), f)) != 0)
			return e;
		r->text = buf_span(words);
		break;
	default:
		return fault_set(f, ERR_UNSUPPORTED,
		    "sessions of type %s are not supported by this agent",
		    document_type_name(doc->type));
	}
	if (r->text.n == 0)
		return fault_set(f, ERR_INVALID,
		    "Commands cannot be empty for session type %s",
		    document_type_name(doc->type));
	return 0;
}

int
agent_shell_start(struct agent_shell **out, struct spawner *sp,
    const struct agent_shell_options *o, const struct agent_shell_ops *ops, void *arg,
    struct fault *f)
{
	struct spawn_request r = { .user = o->user,
		.session_id = o->session_id,
		.rows = o->size.rows,
		.cols = o->size.cols };
	struct agent_shell *sh;
	auto_buf words = { 0 };
	int e;

	buf_init(&words, SPAWN_TEXT_MAX);
	if ((e = request_of(&r, &words, o->doc, f)) != 0 ||
	    (e = launch_check(&r, f)) != 0)
		return e;
	sh = xcalloc(1, sizeof(*sh));
	sh->loop = sp->loop;
	sh->ops = ops;
	sh->arg = arg;
	sh->pty = spawn_has_terminal(r.kind);
	if (r.kind == SPAWN_COPY) {
		sh->log = xmalloc(sizeof(*sh->log));
		agent_copy_log_init(sh->log, o->session_id, ops->report, arg);
	}
	sh->has_input = !sh->pty && o->input;
	sh->size = o->size;
	sh->profile = r.kind == SPAWN_LOGIN ? o->doc->shell_profile : "";
	sh->prefix[0] = o->doc->separate_output ? o->doc->stdout_prefix : "";
	sh->prefix[1] = o->doc->separate_output ? o->doc->stderr_prefix : "";
	sh->err_type = o->doc->separate_output ? PAYLOAD_STDERR : PAYLOAD_OUTPUT;
	buf_init(&sh->input, AGENTMSG_PAYLOAD_MAX + DOCUMENT_VALUE_MAX);
	sh->child = spawner_spawn(sp, &r, &shell_handler, sh);
	*out = sh;
	return 0;
}

void
agent_shell_last_report(struct agent_shell *sh)
{
	if (sh == NULL || sh->log == NULL)
		return;
	if (sh->err.s != NULL)
		catch_up(sh);
	end_copy(sh);
}

void
agent_shell_close(struct agent_shell *sh)
{
	if (sh == NULL)
		return;
	if (sh->log != NULL)
		agent_copy_log_fini(sh->log);
	free(sh->log);
	ev_timer_clear(&sh->last);
	if (sh->in != NULL)
		ev_close(sh->in);
	agent_pump_close(&sh->out);
	agent_pump_close(&sh->err);
	spawned_close(sh->child);
	buf_fini(&sh->input);
	free(sh);
}
