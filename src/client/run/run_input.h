/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a session's input from our standard input to the node: as much is read as the
 * window takes, and what the end of it means.
 *
 *	INPUT_TERMINAL  the program there has a terminal; the end is a Ctrl-D
 *	INPUT_PIPE      it has a pipe, and a Flag of ours closes it
 *	INPUT_NONE      the protocol has no input; what stands there is left to others
 *
 * Owner: struct run.
 */
#pragma once

#include "base/buf.h"
#include "client/session/session.h"
#include "client/terminal/terminal.h"

enum run_input_kind { INPUT_NONE, INPUT_TERMINAL, INPUT_PIPE };

struct run_input {
	struct ev_loop *loop;
	struct stdio *io;
	struct client_session *session; /* NULL until the session is ready */
	enum run_input_kind kind;
	bool own;   /* one of our agents: large payloads, flags */
	bool shell; /* a login shell, not a command: what Ctrl-D means in a line */
	struct buf pending; /* what the window had no room for */
	uint8_t last; /* byte of the input; to know whether its last line is whole */
	bool eof, end_told, stopped;
	uint32_t eofs; /* Ctrl-D sent for the end of our input */
	uint32_t key;  /* a Flag that stands behind what is pending; 0: none */
	uint64_t key_ms;
	struct ev_timer again, look; /* at how a key fares */
	ev_cb *stuck;                /* a key cannot reach the program; with arg */
	void *arg;
};

void run_input_init(
    struct run_input *in, struct ev_loop *l, struct stdio *io, ev_cb *stuck, void *arg);
void run_input_fini(struct run_input *in);

/* The session is ready: reading begins, unless our standard input is to be left alone. */
void run_input_start(struct run_input *in, struct client_session *s, bool leave_alone);
void run_input_add(struct run_input *in, struct span bytes);
void run_input_eof(struct run_input *in);
/* There is room in the window again, or the connection is back. */
void run_input_go(struct run_input *in);
/* Output came: the program may look at its terminal anew. */
void run_input_heard(struct run_input *in);
/* No more is read or sent: nobody wants it there, or we are leaving. */
void run_input_stop(struct run_input *in);
/*
 * Not for INPUT_TERMINAL: Ctrl-C or Ctrl-\, for the program.  False when the last one is
 * still on its way.  stuck() comes when it stays there: behind input that nobody reads.
 */
bool run_input_key(struct run_input *in, uint8_t key);

/* Is there something on standard input that nobody will read? */
bool run_input_is_wasted(void);
