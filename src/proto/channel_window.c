/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many bytes may be in flight to our own peer.
 *
 * The path decides: what was acknowledged within the shortest round trip is what it carries,
 * and twice that keeps it full while acknowledgements travel.  Over a long fast path this
 * doubles the window with each round trip up to what the peer takes.  Over a slow one, and over
 * a short one, it stays at the minimum: more would only be a queue somewhere on the way, which
 * every keystroke and every other connection of the session would have to wait for.
 *
 * Acknowledgements come on consumption, so a consumer that is slow counts as a slow path.
 */
#include "proto/channel_int.h"

enum { MEASURE_MIN_MS = 20 };

void
channel_window_init(struct channel_window *w, size_t first, size_t max)
{
	*w = (struct channel_window){ .now = first, .min = first, .max = max };
}

void
channel_window_up(struct channel_window *w)
{
	channel_window_init(w, w->min, w->max);
}

void
channel_window_trip(struct channel_window *w, uint64_t trip_ms)
{
	trip_ms = MAX(trip_ms, (uint64_t)1);
	w->trip_ms = w->trip_ms == 0 ? trip_ms : MIN(w->trip_ms, trip_ms);
}

void
channel_window_acked(struct channel_window *w, uint64_t now_ms, size_t bytes)
{
	uint64_t took = now_ms - w->since_ms;

	if (w->since_ms == 0) {
		w->since_ms = now_ms;
		return;
	}
	w->acked += bytes;
	if (w->trip_ms == 0 || took < MAX(w->trip_ms, (uint64_t)MEASURE_MIN_MS))
		return;
	w->now = (size_t)(2 * w->acked * w->trip_ms / took);
	w->now = MIN(MAX(w->now, w->min), w->max);
	w->since_ms = now_ms;
	w->acked = 0;
}
