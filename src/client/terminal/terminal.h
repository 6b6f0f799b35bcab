/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The person's terminal and standard streams.
 *
 * Raw mode is restored at every way out: terminal_restore(), exit(), and the signals that
 * end a program.  Standard input and output are opened anew where the kernel allows it,
 * so that non-blocking mode never leaks to the shell or the AWS CLI that share them.
 */
#pragma once

#include "ev/ev.h"
#include "proto/handshake.h"

/* Puts the terminal on standard input into raw mode; false when it is none. */
bool terminal_raw(void);
/* Back to what it was; harmless when it never was raw. */
void terminal_restore(void);
/* Raw again, if it should be: the shell changed it while we were stopped. */
void terminal_again(void);
/* Of the terminal on standard output (or input); false when there is none: 80 x 24 then.
 */
bool terminal_size(struct term_size *out);

/* --- standard streams ------------------------------------------------------------ */

struct stdio;

struct stdio_ops {
	void (*on_input)(void *arg, struct span in); /* good for the call */
	void (*on_eof)(void *arg);
	void (*on_writable)(void *arg); /* after stdio_write() said ERR_AGAIN */
	void (*on_broken)(void *arg);   /* nobody reads our standard output any more */
};

/* Reads fd 0 and writes fd 1 (and 2); works for terminals, pipes, sockets and files. */
struct stdio *stdio_new(struct ev_loop *l, const struct stdio_ops *ops, void *arg);
void stdio_free(struct stdio *s);
/* How much on_input may bring next: 0 stops reading until it is raised again. */
void stdio_allow(struct stdio *s, size_t bytes);
/* Reads no more, and lets whoever writes into our standard input know. */
void stdio_end_input(struct stdio *s);
/*
 * Takes all of data (which: 1 or 2), or ERR_AGAIN and nothing of it while more than
 * STDIO_QUEUE_MAX waits; ERR_CLOSED when the reader is gone.
 */
enum { STDIO_QUEUE_MAX = 256 * 1024, STDIO_READ_MAX = 64 * 1024 };
int stdio_write(struct stdio *s, int which, struct span data) MUST_USE;
/* Writes out what waits, blocking: for the end of a program. */
void stdio_flush(struct stdio *s);
