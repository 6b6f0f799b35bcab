/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program of a session: a login shell or a command on a terminal, a command on pipes,
 * or the node's end of a copy, which is like a command whose standard error is the log's.
 *
 *	STARTING --started--> RUNNING --exited, all output read--> ended
 *	    \__ failed
 *
 * Input is taken as fast as the program reads it, output as fast as the channel takes it;
 * what is in between is bounded by one payload each way.  A command on pipes has input only
 * where both ends agreed on it; for stock clients Ctrl-C and Ctrl-\ are read out of it.
 *
 * Owner: the session.  After ended or failed the shell makes no callback.
 */
#pragma once

#include "agent/spawner.h"
#include "proto/document.h"
#include "proto/handshake.h"
#include "proto/own_event.h"

struct agent_shell;

struct agent_shell_ops {
	size_t (*room)(void *arg); /* the longest payload that send() takes now */
	void (*send)(void *arg, uint32_t payload_type, struct span payload);
	void (*input_ready)(void *arg); /* after ERR_AGAIN: offer it again */
	void (*ended)(void *arg, int status);
	void (*failed)(void *arg, const char *why);
	/*
	 * Of a copy, for the audit trail: each file; behind one or some of them; whether more
	 * may come, and whether all that left is recorded (when not, agent_shell_go() comes
	 * later).  The output that tells of a file to the node comes behind it, and only when
	 * what was reported before is recorded.
	 */
	void (*report)(void *arg, const struct own_event *e);
	void (*reported)(void *arg);
	bool (*may_report)(void *arg);
	bool (*is_recorded)(void *arg);
};

struct agent_shell_options {
	const struct session_document *doc; /* borrowed */
	const char *user;                   /* as agent_user_choose() says */
	const char *session_id;
	struct term_size size; /* 0 x 0: not known */
	bool input;            /* a command on pipes reads what the client sends */
};

/* ERR_INVALID: the document's command is unusable. */
int agent_shell_start(struct agent_shell **out, struct spawner *sp,
    const struct agent_shell_options *o, const struct agent_shell_ops *ops, void *arg,
    struct fault *f) MUST_USE;
/* ERR_AGAIN: not now, input_ready() tells when. */
int agent_shell_input(struct agent_shell *sh, struct span in) MUST_USE;
/* A Flag of ours, in its turn among the input.  ERR_AGAIN as above. */
int agent_shell_flag(struct agent_shell *sh, uint32_t flag) MUST_USE;
void agent_shell_resize(struct agent_shell *sh, struct term_size size);
/* There may be room for output again. */
void agent_shell_go(struct agent_shell *sh);
/* The session ends: what a copy came to is reported now.  NULL is fine. */
void agent_shell_last_report(struct agent_shell *sh);
/* Ends whatever runs.  NULL is fine. */
void agent_shell_close(struct agent_shell *sh);
