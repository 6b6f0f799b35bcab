/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a request to what fork and exec need: argv of one of the fixed kinds, a fresh
 * environment, the supervisor.  Used by both spawning sides.
 */
#pragma once

#include "agent/spawner.h"
#include "agent/supervise.h"
#include "base/arena.h"

struct launch {
	struct ev_spawn spawn; /* points into this struct */
	struct supervise supervise;
	struct arena mem;
};

/* The request's form: kind, lengths, words.  ERR_INVALID or ERR_LIMIT. */
int launch_check(const struct spawn_request *r, struct fault *f) MUST_USE;
/*
 * drop: become user in the child.  contain: with a supervisor.  r has been checked.
 * Release with launch_fini() once the child runs.
 */
void launch_init(struct launch *l, const struct spawn_request *r,
    const struct agent_user *user, bool drop, bool contain);
void launch_fini(struct launch *l);
/* What an exit status below 128 says about a program that never ran, or NULL. */
const char *launch_status_words(int status);
