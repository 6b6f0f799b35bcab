/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent: credentials, heartbeats, the control channel and the sessions that it
 * starts.  One loop, no globals: a simulation runs a fleet of them.
 */
#pragma once

#include "agent/credentials.h"
#include "agent/platform.h"
#include "agent/spawner.h"

struct agent;

enum { AGENT_SESSIONS_MAX = SPAWN_SESSIONS_MAX };

/* Everything is copied, except what is said to be borrowed. */
struct agent_options {
	const char *node_id, *endpoint, *region;
	struct agent_creds_options credentials;
	struct tls_ctx *tls;             /* borrowed; NULL: plain, for simulation */
	const char *proxy, *no_proxy;    /* or NULL */
	struct spawner *spawner;         /* borrowed */
	struct agent_user_policy policy; /* session_user is borrowed */
	const char *deny_forward;        /* as in the registration; NULL: nothing more */
	/* NULL: agent_platform_read().  Simulation says what it likes. */
	void (*platform)(struct agent_platform *p);
	/* Give memory back when idle; not in simulation. */
	bool trim;
	/* Keep status.json up to date through the spawner. */
	bool keep_status;
};

/* What an agent is doing, for `status` and for tests. */
struct agent_state {
	bool connected;         /* the control channel is open */
	int64_t since_ms;       /* wall clock, of connected */
	int64_t heartbeat_ms;   /* last one that arrived; 0: none */
	int64_t credentials_ms; /* when they expire; 0: static or none */
	size_t sessions;
	size_t untold;       /* ended sessions that the server has not acknowledged */
	const char *trouble; /* what is wrong now; "" when all is well */
};

int agent_new(struct agent **out, struct ev_loop *l, const struct agent_options *o,
    struct fault *f) MUST_USE;
void agent_free(struct agent *a); /* ends all sessions */
void agent_state_get(const struct agent *a, struct agent_state *out);
/*
 * Says goodbye: ends all sessions and tells the server.  done runs when that is out, or
 * after a moment.
 */
void agent_stop(struct agent *a, ev_cb *done, void *arg);
