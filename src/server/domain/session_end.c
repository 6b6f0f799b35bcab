/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How sessions end, and how agents that were away then hear of it.
 *
 * A stock agent that lost its data channel for more than a few seconds keeps the shell
 * until channel_closed comes on the control channel.  So an end that the agent has not
 * confirmed leaves a farewell: when the node's control channel opens within the hour, it
 * is told.  The row remembers it across a restart of the server.
 */
#include "base/log.h"
#include "base/text.h"
#include "proto/control.h"
#include "server/domain/session_priv.h"

struct farewell {
	struct list all, at_seat;
	struct session_seat *seat;
	char session_id[97];
	uint64_t until_ms; /* loop clock */
};

int
session_tell_closed(struct sessions *s, const char *node_id, const char *session_id)
{
	struct control_head head = { .created_ms = (uint64_t)ev_wall_ms(s->loop) };
	struct control_closed body = { .destination_id = node_id,
		.session_id = session_id };
	auto_buf msg = { .max = CONTROL_MESSAGE_MAX };
	int r;

	ev_random(s->loop, head.id, sizeof(head.id));
	control_closed_build(&msg, &head, &body);
	if ((r = buf_check(&msg)) != 0)
		return r;
	return node_send(s->nodes, node_id, buf_span(&msg));
}

/* --- farewells ------------------------------------------------------------------- */

static void
farewell_drop(struct sessions *s, struct farewell *w)
{
	list_del(&w->all);
	list_del(&w->at_seat);
	s->nfarewells--;
	session_seat_leave(s, w->seat);
	free(w);
}

static void
farewell_add(
    struct sessions *s, const char *node_id, const char *session_id, uint64_t left_ms)
{
	struct farewell *w, *oldest;
	uint64_t now = ev_now_ms(s->loop);

	while ((oldest = LIST_FIRST(&s->farewells, struct farewell, all)) != NULL &&
	    (s->nfarewells >= SESSION_FAREWELLS_MAX || oldest->until_ms <= now))
		farewell_drop(s, oldest);
	w = xcalloc(1, sizeof(*w));
	if (str_copy(w->session_id, sizeof(w->session_id), session_id) != 0) {
		free(w);
		return;
	}
	w->until_ms = now + left_ms;
	w->seat = session_seat(s, node_id);
	list_init(&w->all);
	list_init(&w->at_seat);
	list_add_tail(&s->farewells, &w->all);
	list_add_tail(&w->seat->farewells, &w->at_seat);
	s->nfarewells++;
}

static bool
load_farewell(void *arg, const struct store_session *row)
{
	struct sessions *s = arg;
	int64_t left = row->end_ms + SESSION_FAREWELL_MS - ev_wall_ms(s->loop);

	if (left > 0)
		farewell_add(s, row->target, row->id, (uint64_t)left);
	return true;
}

int
farewells_load(struct sessions *s, struct fault *f)
{
	int r = store_sessions_farewell(store_reader(s->store),
	    ev_wall_ms(s->loop) - SESSION_FAREWELL_MS, load_farewell, s);

	return r == 0 ? 0 : fault_set(f, r, "ended sessions could not be read");
}

void
farewells_free(struct sessions *s)
{
	LIST_EACH(w, &s->farewells, struct farewell, all)
	free(w);
	list_init(&s->farewells);
	s->nfarewells = 0;
}

/* The last farewell of a seat without sessions frees the seat: it is looked up each time.
 */
static void
say_farewells(struct sessions *s, const char *node_id)
{
	struct session_seat *seat;
	struct farewell *w;

	while ((seat = map_get(&s->seats, span_str(node_id))) != NULL &&
	    (w = LIST_FIRST(&seat->farewells, struct farewell, at_seat)) != NULL) {
		if (w->until_ms > ev_now_ms(s->loop)) {
			if (session_tell_closed(s, node_id, w->session_id) != 0)
				return; /* next time */
			log_info("agent told of an ended session", "id=%s node=%s",
			    w->session_id, node_id);
			session_write_told(s, w->session_id);
		}
		farewell_drop(s, w);
	}
}

static void
node_came(struct session *se)
{
	if (se->state == SESSION_CONNECTING && !se->start_sent) {
		if (session_send_start(se) != 0)
			log_warn("session not started yet", "id=%s", se->row.id);
	} else if (se->state == SESSION_DISCONNECTED) {
		session_set_clock(se); /* which depends on the kind of the agent */
	} else if (se->state == SESSION_TERMINATING && se->start_sent) {
		if (session_tell_closed(se->owner, se->row.target, se->row.id) != 0)
			log_warn("agent not told of the end", "id=%s", se->row.id);
	}
}

void
session_node_online(void *arg, const char *node_id)
{
	struct sessions *s = arg;
	struct session_seat *seat = map_get(&s->seats, span_str(node_id));

	if (seat == NULL)
		return;
	LIST_EACH(se, &seat->live, struct session, at_seat)
	node_came(se);
	say_farewells(s, node_id);
}

/* --- the end ------------------------------------------------------------------------ */

static void
set_details(struct session *se, const char *why)
{
	struct span s = span_str(why);

	if (s.n > SESSION_DETAILS_MAX) {
		s.n = SESSION_DETAILS_MAX;
		s.n -= utf8_incomplete_tail(s);
	}
	se->row.details = arena_str(&se->mem, s);
}

static void
close_channel(struct session *se, const char *output)
{
	struct session_channel *ch = STEAL(se->channel);

	if (ch != NULL)
		ch->close(ch, output);
}

/* The last move. */
static void
finish(struct session *se, enum session_state final, bool confirmed)
{
	se->row.end_ms = MAX(ev_wall_ms(se->owner->loop), 1);
	se->row.farewell = se->start_sent && !confirmed;
	session_move(se, final);
	if (se->row.farewell)
		farewell_add(se->owner, se->row.target, se->row.id, SESSION_FAREWELL_MS);
	session_remove(se);
}

void
session_finish(struct session *se, bool confirmed)
{
	finish(se, SESSION_TERMINATED, confirmed);
}

void
session_end(
    struct session *se, enum session_state final, const char *why, const char *output)
{
	bool told = false;

	if (session_is_over(se))
		return;
	set_details(se, why);
	if (se->start_sent)
		told = session_tell_closed(se->owner, se->row.target, se->row.id) == 0;
	if (final == SESSION_FAILED && se->state == SESSION_CONNECTING) {
		close_channel(se, output);
		finish(se, SESSION_FAILED, false);
		return;
	}
	se->close_by_ms = ev_now_ms(se->owner->loop) + SESSION_CLOSE_MS;
	session_move(se, SESSION_TERMINATING);
	close_channel(se, output);
	if (!told)
		session_finish(se, false); /* nobody there who could confirm */
}

void
session_terminate(struct session *se, enum session_state final, const char *why)
{
	assert(final == SESSION_TERMINATED || final == SESSION_FAILED);
	session_end(se, final, why, final == SESSION_FAILED ? why : "");
}

void
session_revoke(struct session *se, const char *why)
{
	session_end(se, SESSION_TERMINATED, why, why);
}

void
sessions_terminate_node(struct sessions *s, const char *node_id, const char *why)
{
	const struct session_seat *seat = map_get(&s->seats, span_str(node_id));
	auto_free struct session **all = NULL;
	size_t n = 0;

	if (seat == NULL)
		return;
	/* The last to go takes the seat with it; sessions stay until the turn is over. */
	all = xcalloc(seat->nlive, sizeof(struct session *));
	LIST_EACH(se, &seat->live, struct session, at_seat)
	all[n++] = se;
	for (size_t i = 0; i < n; i++)
		session_terminate(all[i], SESSION_TERMINATED, why);
}

void
session_agent_done(struct session *se, bool failed, const char *output)
{
	const char *why = output[0] != '\0' ? output
	    : failed                        ? "The agent reported a failure."
					    : "The agent ended the session.";

	if (se->state > SESSION_TERMINATING)
		return;
	if (se->state == SESSION_TERMINATING) {
		session_finish(se, true);
		return;
	}
	set_details(se, why);
	if (failed && se->state == SESSION_CONNECTING) {
		close_channel(se, why);
		finish(se, SESSION_FAILED, true);
		return;
	}
	session_move(se, SESSION_TERMINATING);
	close_channel(se, failed ? why : "");
	session_finish(se, true);
}
