/* SPDX-License-Identifier: Apache-2.0 */
/* See run_input.h. */
#include "client/run/run_input.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/agentmsg.h"

enum {
	CHUNK_STOCK = 4 * 1024, /* one paste chunk towards a stock agent's terminal */
	CHUNK_OWN = 32 * 1024,
	EOF_QUIET_MS = 300, /* after output; then a shell waits for input again */
	EOF_MAX = 50,
	KEY_LOOK_MS = 50,
	KEY_STUCK_MS = 1000,
	CTRL_C = 0x03,
};

/* --- the end of it ------------------------------------------------------------------- */

/*
 * The end of our input is a Ctrl-D to the terminal there.  It ends a program only at the
 * beginning of a line: elsewhere a shell needs the line to be ended first (its editor
 * takes Ctrl-D for "delete"), and a plain program wants it twice.
 */
static void
queue_eof(struct run_input *in)
{
	bool whole = in->last == '\n' || in->last == '\r' || in->last == '\0';

	if (!whole && in->eofs == 0)
		buf_add_str(&in->pending, in->shell ? "\n" : "\x04");
	buf_add_str(&in->pending, "\x04");
	in->eofs++;
}

/* A Ctrl-D is lost when the program changes the terminal's mode meanwhile, as shells do
 * before each prompt; but an end of input lasts. */
static void
on_quiet(void *arg)
{
	struct run_input *in = arg;

	if (in->pending.len == 0 && in->eofs < EOF_MAX)
		queue_eof(in);
	run_input_go(in);
}

void
run_input_heard(struct run_input *in)
{
	if (in->eofs > 0 && !in->stopped)
		ev_timer_set(in->loop, &in->again, EOF_QUIET_MS, on_quiet, in);
}

static int
send_flag(struct run_input *in, uint32_t flag)
{
	uint8_t bytes[4];

	flag_encode(bytes, flag);
	return client_session_send(
	    in->session, PAYLOAD_FLAG, span_of(bytes, sizeof(bytes)));
}

static void
tell_end(struct run_input *in)
{
	if (!in->end_told && in->pending.len == 0)
		in->end_told = send_flag(in, FLAG_END_OF_INPUT) == 0; /* else on_window */
}

/* --- keys ------------------------------------------------------------------------------- */

/*
 * A key takes its turn behind the input before it.  Until the program has taken both no
 * more is read, so that it can be seen whether it does.
 */
static void
send_key(struct run_input *in)
{
	if (in->key != 0 && in->pending.len == 0 && send_flag(in, in->key) == 0)
		in->key = 0;
}

static void
on_look(void *arg)
{
	struct run_input *in = arg;

	if (in->key == 0 && client_session_drained(in->session))
		run_input_go(in);
	else if (ev_now_ms(in->loop) - in->key_ms >= KEY_STUCK_MS)
		in->stuck(in->arg);
	else
		ev_timer_set(in->loop, &in->look, KEY_LOOK_MS, on_look, in);
}

bool
run_input_key(struct run_input *in, uint8_t key)
{
	/* For agents it is all the input that such a command has. */
	if (in->kind == INPUT_NONE)
		return client_session_send(
			   in->session, PAYLOAD_OUTPUT, span_of(&key, 1)) == 0;
	if (in->stopped || ev_timer_is_set(&in->look))
		return false;
	in->key = key == CTRL_C ? FLAG_INTERRUPT : FLAG_QUIT;
	in->key_ms = ev_now_ms(in->loop);
	ev_timer_set(in->loop, &in->look, KEY_LOOK_MS, on_look, in);
	stdio_allow(in->io, 0);
	run_input_go(in);
	return true;
}

/* --- the way -------------------------------------------------------------------------- */

void
run_input_go(struct run_input *in)
{
	size_t chunk = in->own ? CHUNK_OWN : CHUNK_STOCK;

	if (in->session == NULL || in->stopped || in->kind == INPUT_NONE)
		return;
	if (in->eof && in->eofs == 0 && in->kind == INPUT_TERMINAL)
		queue_eof(in);
	while (in->pending.len > 0) {
		size_t n = MIN(in->pending.len, chunk);

		if (client_session_send(
			in->session, PAYLOAD_OUTPUT, span_of(in->pending.p, n)) != 0)
			break; /* on_window comes */
		buf_consume(&in->pending, n);
	}
	send_key(in);
	if (ev_timer_is_set(&in->look))
		return;
	if (!in->eof)
		stdio_allow(in->io, in->pending.len == 0 ? chunk : 0);
	else if (in->kind == INPUT_PIPE)
		tell_end(in);
}

void
run_input_add(struct run_input *in, struct span bytes)
{
	if (in->stopped)
		return;
	if (bytes.n > 0)
		in->last = bytes.p[bytes.n - 1];
	buf_add(&in->pending, bytes);
	run_input_go(in);
}

void
run_input_eof(struct run_input *in)
{
	in->eof = true;
	run_input_go(in);
}

/* --- what is left ---------------------------------------------------------------------- */

bool
run_input_is_wasted(void)
{
	struct stat st;
	int n = 0;

	if (isatty(STDIN_FILENO) || fstat(STDIN_FILENO, &st) != 0)
		return false;
	if (S_ISREG(st.st_mode))
		return lseek(STDIN_FILENO, 0, SEEK_CUR) < st.st_size;
	return (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)) &&
	    ioctl(STDIN_FILENO, FIONREAD, &n) == 0 && n > 0;
}

/* --- life cycle ------------------------------------------------------------------------ */

void
run_input_start(struct run_input *in, struct client_session *s, bool leave_alone)
{
	in->session = s;
	in->eof = in->eof || leave_alone;
	run_input_go(in);
}

void
run_input_stop(struct run_input *in)
{
	in->stopped = true;
	ev_timer_clear(&in->again);
	ev_timer_clear(&in->look);
	stdio_allow(in->io, 0);
}

void
run_input_init(
    struct run_input *in, struct ev_loop *l, struct stdio *io, ev_cb *stuck, void *arg)
{
	*in = (struct run_input){ .loop = l, .io = io, .stuck = stuck, .arg = arg };
	/* one read, and the Ctrl-D behind it */
	buf_init(&in->pending, STDIO_READ_MAX + 16);
	stdio_allow(io, 0);
}

void
run_input_fini(struct run_input *in)
{
	ev_timer_clear(&in->again);
	ev_timer_clear(&in->look);
	buf_fini(&in->pending);
}
