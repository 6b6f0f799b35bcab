/* SPDX-License-Identifier: Apache-2.0 */
/* See shell.h. */
#include "agent/shell.h"

#include <signal.h>

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
	bool pty, started, exited;
	int status;
	struct agent_pump out, err; /* a terminal has only out */
	const char *prefix[2];      /* in the document */
	uint32_t err_type;
	const char *profile; /* typed into the new shell, in the document */
	struct term_size size;
	struct buf input;     /* what the terminal did not take yet */
	bool refused;         /* somebody was told ERR_AGAIN */
	struct ev_timer last; /* after the exit */
};

/* --- the end ------------------------------------------------------------ */

static void
check_end(struct agent_shell *sh)
{
	if (!sh->exited || sh->out.s != NULL || sh->err.s != NULL)
		return;
	ev_timer_clear(&sh->last);
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

static size_t
pump_room(void *arg)
{
	struct agent_shell *sh = arg;

	return sh->ops->room(sh->arg);
}

static void
pump_send(void *arg, uint32_t type, struct span payload)
{
	struct agent_shell *sh = arg;

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

void
agent_shell_go(struct agent_shell *sh)
{
	agent_pump_go(&sh->err);
	agent_pump_go(&sh->out);
}

/* --- input -------------------------------------------------------------- */

/* Writes what the terminal takes; the rest of in is left. */
static void
write_some(struct agent_shell *sh, struct span *in)
{
	while (in->n > 0 && sh->out.s != NULL) {
		size_t put = 0;
		int r = ev_write(sh->out.s, in->p, in->n, &put);

		if (r == ERR_AGAIN)
			return;
		if (r != 0)
			break;
		*in = span_sub(*in, put, in->n);
	}
	*in = SPAN_NONE; /* the terminal is gone: so is what was typed */
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
	agent_pump_want_write(&sh->out, false);
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
	if (in.n == 0 || sh->out.s == NULL)
		return;
	buf_add(&sh->input, in);
	if (buf_check(&sh->input) != 0)
		log_error("input lost", "bytes=%zu", in.n); /* max is one payload: no */
	agent_pump_want_write(&sh->out, true);
}

int
agent_shell_input(struct agent_shell *sh, struct span in)
{
	if (!sh->started || sh->input.len > 0) {
		sh->refused = true;
		return ERR_AGAIN;
	}
	if (sh->pty) {
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
		ev_close(io[0]); /* such a command reads nothing */
		agent_pump_start(
		    &sh->out, io[1], PAYLOAD_OUTPUT, sh->prefix[0], &shell_pump, sh);
		agent_pump_start(
		    &sh->err, io[2], sh->err_type, sh->prefix[1], &shell_pump, sh);
	}
	if (sh->refused && sh->input.len == 0) {
		sh->refused = false;
		sh->ops->input_ready(sh->arg);
	}
}

static void
on_failed(void *arg, const char *why)
{
	struct agent_shell *sh = arg;

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
	sh->pty = r.kind != SPAWN_EXEC;
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
agent_shell_close(struct agent_shell *sh)
{
	if (sh == NULL)
		return;
	ev_timer_clear(&sh->last);
	agent_pump_close(&sh->out);
	agent_pump_close(&sh->err);
	spawned_close(sh->child);
	buf_fini(&sh->input);
	free(sh);
}
