/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's credentials.  With an activation: temporary ones, asked for with the node's
 * key, renewed at half their life, kept over restarts.  Static ones stay as they are.
 *
 *	          answer                      half of the life is over
 *	ASKING ----------> GOOD (ready) ------------------------------> ASKING ...
 *	   \__ error: wait with backoff, at most a minute __^
 *
 * Owner: the agent.
 */
#pragma once

#include "agent/aws.h"
#include "agent/spawner.h"

struct agent_creds;

struct agent_creds_options {
	const char *fingerprint;
	const char *access_key, *secret_key; /* static; "" with an activation */
	struct span key; /* the node's private key as stored; empty with static ones */
	struct span new_key; /* of a change of keys that a crash interrupted, or empty */
	struct span saved;   /* content of FILE_CREDENTIALS, or empty */
};

/* ready: the first usable credentials are there.  ERR_* when the key is unusable. */
int agent_creds_new(struct agent_creds **out, struct ev_loop *l, struct agent_aws *w,
    struct spawner *sp, const struct agent_creds_options *o, ev_cb *ready, void *arg,
    struct fault *f) MUST_USE;
void agent_creds_start(struct agent_creds *c);
void agent_creds_free(struct agent_creds *c);

bool agent_creds_good(const struct agent_creds *c);
/* ms since the epoch; 0: static, or none yet. */
int64_t agent_creds_expire_ms(const struct agent_creds *c);
/* Why there are none, or why the last renewal failed; "" when all is well. */
const char *agent_creds_trouble(const struct agent_creds *c);
/*
 * The server refused them although they should be good (it was restored from a backup,
 * say): ask for new ones now, though not more often than every half minute.
 */
void agent_creds_refused(struct agent_creds *c);
