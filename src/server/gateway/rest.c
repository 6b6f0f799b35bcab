/* SPDX-License-Identifier: Apache-2.0 */
/* See rest.h. */
#include "server/gateway/rest.h"

static void
on_look(void *arg)
{
	struct rest *r = arg;

	if (*r->work != r->seen) {
		r->due = true;
	} else if (r->due) {
		r->due = false;
		r->at_rest();
	}
	r->seen = *r->work;
	ev_timer_set(r->loop, &r->timer, REST_LOOK_MS, on_look, r);
}

void
rest_start(struct rest *r, struct ev_loop *l, const uint64_t *work, void (*at_rest)(void))
{
	*r = (struct rest){ .loop = l, .work = work, .seen = *work, .at_rest = at_rest };
	ev_timer_set(l, &r->timer, REST_LOOK_MS, on_look, r);
}

void
rest_stop(struct rest *r)
{
	ev_timer_clear(&r->timer);
}
