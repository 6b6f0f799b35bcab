/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live re-evaluation: after a change of identities, policies or tags every open session and
 * every connected node is authorised again, and what is no longer allowed ends with a reason.
 *
 * Owner: the server; made after its parts and freed before them.
 */
#pragma once

#include "server/env.h"

enum {
	REVIEW_TURN = 64, /* judged in one turn of the loop, so that nobody waits for all */
};

struct review;

struct review *review_new(const struct server_env *env);
void review_free(struct review *v);
