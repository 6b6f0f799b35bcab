/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the program of a copy session says on standard error (copy_program.h) becomes lines
 * of the agent's log, and events of the audit trail.  The program runs as the session's user:
 * its words are checked like a stranger's.
 *
 *	begun  to-node|from-node SIZE - PATH NUL
 *	ok     to-node|from-node BYTES SHA256 PATH NUL
 *	failed to-node|from-node 0 - PATH NUL REASON     without a path: of no file here
 *
 * A newline in a path or reason is "\n" and a backslash "\\".
 *
 * Owner: the shell.
 */
#pragma once

#include "base/arena.h"
#include "base/list.h"
#include "proto/own_event.h"

enum {
	/* A path, and words about one, each byte perhaps escaped. */
	COPY_LINE_MAX = 40 * 1024,
	/* Files under way; a program of ours has no more (COPY_PENDING_MAX). */
	COPY_LOG_BEGUN_MAX = 1100,
};

enum agent_copy_step { COPY_STEP_BEGUN, COPY_STEP_OK, COPY_STEP_FAILED };

struct agent_copy_line {
	enum agent_copy_step step;
	bool to_node;
	int64_t bytes;
	const char *digest, *path, *why; /* "": none; any bytes */
};

/* One line without its newline; texts in mem.  ERR_INVALID. */
int agent_copy_line_parse(
    struct agent_copy_line *l, struct arena *mem, struct span line) MUST_USE;

struct agent_copy_log {
	const char *session_id; /* borrowed */
	/* FileCopied, once for each file that came to something. */
	void (*report)(void *arg, const struct own_event *e);
	void *arg;
	uint64_t files, bytes, failed;
	bool to_node;      /* what the last line was about */
	struct list begun; /* struct copy_begun, owned: no outcome yet */
	size_t nbegun;
	struct buf line; /* so far; what is longer is cut */
};

void agent_copy_log_init(struct agent_copy_log *g, const char *session_id,
    void (*report)(void *arg, const struct own_event *e), void *arg);
void agent_copy_log_fini(struct agent_copy_log *g);
void agent_copy_log_add(struct agent_copy_log *g, struct span bytes);
/* Nothing more comes: of what is still under way the outcome is not known. */
void agent_copy_log_end(struct agent_copy_log *g);
