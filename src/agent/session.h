/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One session on this node: a data channel and a shell, and what happens in which order.
 *
 *	          connected       response       first Size, or SIZE_WAIT_MS
 *	OPENING -----------> ASKED ---------> SIZING ----------------> RUNNING
 *	                                                                  | shell ended
 *	OVER <----- all output acknowledged, or a stock client gone ---- DRAINING
 *	  ^__ channel_closed, terminated, timed out, cannot start: from every state
 *
 * The data channel may come and go in every state (session_link.c); sequence numbers and
 * acknowledgements (proto/channel.h) make that invisible, except that a session whose
 * server is away for LINK_GRACE_MS ends.
 *
 * Owner: the agent's session table, until over() runs; then the session frees itself.
 */
#pragma once

#include "agent/aws.h"
#include "agent/dial.h"
#include "agent/spawner.h"
#include "base/list.h"
#include "proto/control.h"

struct agent_session;

struct agent_session_env {
	struct ev_loop *loop;
	struct agent_aws *aws;
	struct spawner *spawner;
	const char *node_id;
	struct agent_user_policy policy;
	struct dial_policy dial;
	/*
	 * The end, once.  status: Success, Failed, TimedOut or Cancelled; output: text
	 * for the person, or "".  The session is already out of reach.
	 */
	void (*over)(
	    void *arg, struct agent_session *s, const char *status, const char *output);
	void *arg;
	struct list ending; /* struct agent_session: over, and about to free itself */
};

/*
 * Starts a session.  ERR_* with words for the person when the document or the user make
 * it impossible; nothing was started then.  env is borrowed and outlives the session.
 */
int agent_session_new(struct agent_session **out, struct agent_session_env *env,
    const struct control_shell *order, struct fault *f) MUST_USE;
/* channel_closed on the control channel. */
void agent_session_terminate(struct agent_session *s);
/* The agent stops: ends at once, without over(). */
void agent_session_free(struct agent_session *s);
void agent_session_free_ending(struct agent_session_env *env);
/* Last input or output, loop clock. */
uint64_t agent_session_active_ms(const struct agent_session *s);
const char *agent_session_id(const struct agent_session *s);
