/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control channel: one WebSocket that is always there or on its way.
 *
 *	WAITING --> CREATING --> UPGRADING --> OPEN
 *	   ^___________|____________|___________|      lost, refused, timed out
 *
 * Waits between attempts grow to a minute and start over once a connection has held for
 * STABLE_MS.
 *
 * Owner: the agent.
 */
#pragma once

#include "agent/aws.h"
#include "proto/agentmsg.h"

struct agent_control;

struct agent_control_options {
	const char *node_id;
	void (*opened)(void *arg);
	/* why: for a person.  denied: the server refused our credentials. */
	void (*lost)(void *arg, const char *why, bool denied);
	void (*message)(void *arg, const struct agentmsg *m);
	void *arg;
};

struct agent_control *agent_control_new(struct ev_loop *l, struct agent_aws *w,
    const struct agent_control_options *o) __attribute__((returns_nonnull));
void agent_control_start(struct agent_control *c);
void agent_control_free(struct agent_control *c);
bool agent_control_is_open(const struct agent_control *c);
int agent_control_send(struct agent_control *c, struct span msg) MUST_USE;

/* What both kinds of channel tell the server when they open; for session_link.c, too. */
enum {
	AGENT_PING_MS =
	    12 * 1000, /* our server is first; stock ones want one within 54 s */
	AGENT_DEAD_MS = 25 * 1000,
};
