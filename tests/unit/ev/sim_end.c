/* SPDX-License-Identifier: Apache-2.0 */
/* See sim_end.h. */
#include "sim_end.h"

static void
end_readable(void *arg)
{
	struct end *x = arg;
	size_t got;
	int r;

	while ((r = ev_read(x->s, x->in + x->n, sizeof(x->in) - x->n, &got)) == 0) {
		x->n += got;
		x->max_piece = MAX(x->max_piece, got);
		x->at_ms = ev_now_ms(ev_stream_loop(x->s));
	}
	if (r != ERR_AGAIN) {
		x->err = r;
		x->over = true;
		ev_stream_want(x->s, false, false);
	}
}

static const struct ev_stream_ops end_ops = { end_readable, NULL };

void
end_set(struct end *x, struct ev_stream *s)
{
	x->s = s;
	ev_stream_set(s, &end_ops, x);
	ev_stream_want(s, true, false);
}
