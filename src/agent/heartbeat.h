/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UpdateInstanceInformation: an empty one at start, a full one right after, and then one
 * every five minutes.  A failed one is repeated with backoff.
 * Owner: the agent.
 */
#pragma once

#include "agent/aws.h"
#include "agent/platform.h"

struct agent_heartbeat;

struct agent_heartbeat_options {
	const char *node_id;
	/* Reads the machine before each full one; NULL: agent_platform_read(). */
	void (*read)(struct agent_platform *p);
	/* The outcome of each; why is "" when it arrived, denied: our credentials. */
	void (*outcome)(void *arg, const char *why, bool denied);
	void *arg;
};

struct agent_heartbeat *agent_heartbeat_new(struct ev_loop *l, struct agent_aws *w,
    const struct agent_heartbeat_options *o) __attribute__((returns_nonnull));
void agent_heartbeat_start(struct agent_heartbeat *h);
/* The control channel came up: the next full one says so. */
void agent_heartbeat_connected(struct agent_heartbeat *h);
void agent_heartbeat_free(struct agent_heartbeat *h);

/* The body of one; p NULL: the empty one. */
void agent_heartbeat_build(
    struct buf *out, const char *node_id, const struct agent_platform *p, bool connected);
