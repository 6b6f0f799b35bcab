/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nobody looks after by itself: history that is old enough to be forgotten, and rows
 * that are live although no session is.  The latter come from writes that failed (a full
 * disk, say); every live session is in the table, and what was live before a restart comes
 * into it when the server starts.
 */
#include "base/log.h"
#include "server/domain/session_priv.h"

static bool
look_at(void *arg, const struct store_session *row)
{
	struct sessions *s = arg;

	/* A new row is there a little before its session. */
	if (session_find(s, row->id) == NULL &&
	    ev_wall_ms(s->loop) - row->start_ms > SESSION_OPEN_MS) {
		log_warn("row of a session that nobody knows", "id=%s", row->id);
		s->swept++;
		session_write_lost(s, row->id);
	}
	return true;
}

static void
on_sweep(void *arg)
{
	struct sessions *s = arg;

	if (store_sessions(store_reader(s->store), true, 0, "", look_at, s) != 0)
		log_error("live sessions could not be read", "");
	ev_timer_set(s->loop, &s->sweep, SESSION_SWEEP_MS, on_sweep, s);
}

static void
on_purge(void *arg)
{
	struct sessions *s = arg;

	sessions_write_purge(s);
	ev_timer_set(s->loop, &s->purge, SESSION_PURGE_MS, on_purge, s);
}

void
sessions_sweep_start(struct sessions *s)
{
	ev_timer_set(s->loop, &s->sweep, SESSION_SWEEP_MS, on_sweep, s);
	ev_timer_set(s->loop, &s->purge, SESSION_PURGE_MS, on_purge, s);
}

void
sessions_sweep_stop(struct sessions *s)
{
	ev_timer_clear(&s->sweep);
	ev_timer_clear(&s->purge);
}
