/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting times between attempts: they double from base to cap, and each is drawn from
 * the upper half of its range, so that a fleet that lost its server together does not
 * come back together.
 */
#pragma once

#include "ev/ev.h"

struct agent_backoff {
	uint64_t base_ms;
	uint64_t cap_ms; /* no wait is longer */
	uint32_t attempt;
};

/* The next wait.  Calling it counts as one attempt. */
uint64_t agent_backoff_next(struct agent_backoff *b, struct ev_loop *l);
void agent_backoff_reset(struct agent_backoff *b);
/* There was some success: the next wait is no longer than most_ms. */
void agent_backoff_ease(struct agent_backoff *b, uint64_t most_ms);
