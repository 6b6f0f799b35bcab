/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one session between the person's terminal and the node, from the first connection
 * to the last word.  Serves the drop-in plugin and our own connect and exec; they differ
 * in what is printed and in the exit status.
 */
#pragma once

#include "client/aws/aws.h"
#include "client/session/session.h"

enum run_style {
	RUN_PLUGIN, /* the stock plugin's texts on stdout; exit status 0 */
	RUN_OWN,    /* quiet on stdout; stderr apart; the remote exit status */
};

enum { RUN_EXIT_LOST = 255 }; /* as ssh: the connection, not the command, failed */

struct run_options {
	enum run_style style;
	bool leave_stdin; /* as if it were /dev/null */
	const char *session_id, *stream_url, *token;
};

/*
 * Blocks on the loop until the session is over; returns the exit status.  The terminal is
 * as it was before.
 */
int run_session(struct ev_loop *l, struct aws_api *api, struct aws_settings *settings,
    const struct run_options *o);
