/* SPDX-License-Identifier: Apache-2.0 */
/* StartSession for our own commands, and what to say when there is none. */
#pragma once

#include "client/cli/cli.h"

struct starting {
	const char *target; /* id */
	const char *document;
	const char *reason;
	json_t *parameters; /* object of lists; NULL: none */
	bool leave_stdin;   /* as if it were /dev/null */
};

enum { START_BODY_MAX = 512 * 1024 };

#define START_EXIT_WORDS                                              \
	"  255  there was no session, or it was lost or terminated\n" \
	"  2    the command line is wrong, or the name fits several nodes\n"

/* As ssh: what happens on this side must not look like the remote command's status. */
int start_failure(int cli_status);

void start_body(struct buf *out, const struct starting *s);
/* Blocks until the session is over; returns the exit status. */
int start_and_run(struct cli *c, const struct starting *s);
