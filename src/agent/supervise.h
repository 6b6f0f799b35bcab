/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One small process for each session, between the agent and the session's program:
 *
 *	agent (or monitor) --fork--> supervisor --fork--> shell, as its user
 *	                             ^ stays who it was, adopts every orphan of
 *	                               the session
 *
 * The supervisor is the subreaper of the session, so whatever the session starts stays
 * below it, however often it forks and whatever sessions it opens.  When the program
 * ends, or the supervisor is hung up on, or its parent dies, it ends everything below it
 * (SIGHUP, a moment, SIGKILL) and exits with the program's status.  No process of a
 * session outlives it.
 *
 * The supervisor is forked from the agent and executes nothing: it shares the agent's
 * memory and adds a few pages.  It makes system calls only (the agent has threads).
 */
#pragma once

#include "agent/user.h"

enum {
	SUPERVISE_FAILED = 118,  /* exit status: no supervisor */
	SUPERVISE_NO_USER = 119, /* exit status: the user could not be changed */
	SUPERVISE_HUNG_UP = 129, /* exit status: ended from outside */
	SUPERVISE_HUP_MS = 200,  /* between SIGHUP and SIGKILL */
	SUPERVISE_KILL_MS = 600, /* and then until it gives up on what does not die */
};

struct supervise {
	bool pty;
	bool drop; /* become user; else stay who we are */
	pid_t parent;
	struct agent_user user;
	char cgroup[256]; /* leaf of this session, "" : none */
};

/*
 * Becomes a user for good, groups and all; system calls only.  0 or SUPERVISE_NO_USER.
 */
int supervise_become(const struct agent_user *u) MUST_USE;

/* The setup function of struct ev_spawn; arg is a struct supervise. */
int supervise_setup(void *arg);

/*
 * Kills what was left to this process when a supervisor itself was killed: each child
 * that is not one of the known ones.  Returns how many there were.
 */
size_t supervise_kill_strays(const pid_t *known, size_t n);
/* Kills everything below this process, supervisors and all; for the very end. */
void supervise_kill_all(void);

/* Makes a cgroup leaf for a session where that is possible; else out is "". */
void supervise_cgroup(char *out, size_t size, const char *session_id);
