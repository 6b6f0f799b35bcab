/* SPDX-License-Identifier: Apache-2.0 */
/* See backoff.h. */
#include "agent/backoff.h"

enum { DOUBLINGS_MAX = 20 };

uint64_t
agent_backoff_next(struct agent_backoff *b, struct ev_loop *l)
{
	uint64_t range = b->base_ms << MIN(b->attempt, (uint32_t)DOUBLINGS_MAX);

	range = MIN(range, b->cap_ms);
	if (b->attempt < DOUBLINGS_MAX)
		b->attempt++;
	return range - ev_random_below(l, (uint32_t)(range / 2) + 1);
}

void
agent_backoff_reset(struct agent_backoff *b)
{
	b->attempt = 0;
}

void
agent_backoff_ease(struct agent_backoff *b, uint64_t most_ms)
{
	while (b->attempt > 0 && b->base_ms << b->attempt > most_ms)
		b->attempt--;
}
