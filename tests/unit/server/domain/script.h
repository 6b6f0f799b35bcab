/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripts of events for one session, SESSION on NODE, in the world of world.h.
 */
#pragma once

#include "world.h"

/*
 * One letter, one event:
 *	c C   the client joined, left          a A   the agent joined, left
 *	d     the agent says it is over        f     ... that it failed ("boom")
 *	t     terminated by hand               F     failed by hand
 *	r     revoked by hand
 *	o O   the node went, came              x y   data from the client, the agent
 *	1     a second                         m     a minute
 *	3     half a minute and a second       8     eight minutes and 40 seconds
 *	g     ten minutes and a second         h     an hour
 *	k     six days                         w     a week
 *	s     the node's agent is a stock one
 *	R     the server restarts (the node with it)
 */
static inline void
restart(struct world *w)
{
	server_down(w);
	memset(&w->channel.closed, 0, sizeof(w->channel.closed));
	server_up(w);
}

static inline void
event_of_session(struct world *w, struct session *se, char e)
{
	switch (e) {
	case 'c':
		session_joined(se, SESSION_CLIENT, &w->channel.channel);
		return;
	case 'C':
		session_left(se, SESSION_CLIENT, NULL);
		return;
	case 'a':
		session_joined(se, SESSION_AGENT, &w->channel.channel);
		return;
	case 'A':
		session_left(se, SESSION_AGENT, "it did not answer any more");
		return;
	case 'd':
		session_agent_done(se, false, "");
		return;
	case 'f':
		session_agent_done(se, true, "boom");
		return;
	case 't':
		session_terminate(se, SESSION_TERMINATED, "by hand");
		return;
	case 'r':
		session_revoke(se, "by hand");
		return;
	case 'F':
		session_terminate(se, SESSION_FAILED, "by hand");
		return;
	case 'x':
		session_active(se, SESSION_CLIENT, 10);
		return;
	case 'y':
		session_active(se, SESSION_AGENT, 10);
		return;
	default:
		fail_msg("no event '%c'", e);
	}
}

static inline void
event(struct world *w, char e)
{
	static const struct {
		char e;
		uint64_t s;
	} waits[] = { { '1', 1 }, { '3', 31 }, { 'm', 60 }, { '8', 520 }, { 'g', 601 },
		{ 'h', 3600 }, { 'k', 6 * 86400 }, { 'w', 7 * 86400 } };
	struct session *se;

	for (size_t i = 0; i < ARRAY_LEN(waits); i++)
		if (e == waits[i].e) {
			wait_s(w, waits[i].s);
			return;
		}
	if (e == 's') {
		w->link.link.own = false;
	} else if (e == 'R') {
		restart(w);
	} else if (e == 'o') {
		node_down(w);
	} else if (e == 'O') {
		node_up(w);
	} else if ((se = session_find(w->sessions, SESSION)) != NULL) {
		event_of_session(w, se, e);
	}
	settle(w);
}

static inline void
play(struct world *w, const char *script)
{
	for (; *script != '\0'; script++)
		event(w, *script);
}

/* Row and memory tell the same. */
static inline void
row_of(struct world *w, struct arena *mem, struct store_session *row)
{
	struct session *se = session_find(w->sessions, SESSION);

	OK(store_session_get(store_reader(w->store), mem, SESSION, row));
	if (se != NULL) {
		assert_string_equal(row->status, session_state_name(se->state));
		assert_int_equal(row->end_ms, 0);
	} else {
		assert_true(row->end_ms > 0);
		assert_true(strcmp(row->status, "Terminated") == 0 ||
		    strcmp(row->status, "Failed") == 0);
	}
}
