/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clocks of a session: what could keep it alive for ever ends it, and before that the
 * person is told, where the client understands.
 *
 * One timer for each session is set to the nearest clock.  Data does not move it: it only
 * moves last_data_ms, and a timer that fires too early for that is set again.
 */
#include <stdarg.h>

#include "base/log.h"
#include "proto/own.h"
#include "server/domain/session_priv.h"

enum clock {
	CLOCK_NONE,
	CLOCK_OPEN,
	CLOCK_AWAY,
	CLOCK_IDLE,
	CLOCK_MAX,
	CLOCK_CLOSE,
	CLOCK_WARN_IDLE,
	CLOCK_WARN_MAX,
	CLOCK_SAY_AWAY,
};

static uint64_t
now_ms(const struct session *se)
{
	return ev_now_ms(se->owner->loop);
}

static uint64_t
idle_by(const struct session *se)
{
	return se->last_data_ms + (uint64_t)se->row.idle_min * 60000;
}

/* A stock agent never opens a data channel again that it lost for more than seconds. */
static uint64_t
away_by(const struct session *se, enum session_end end)
{
	bool gave_up =
	    end == SESSION_AGENT && node_is_stock(se->owner->nodes, se->row.target);

	return se->away_since_ms[end] +
	    (gave_up ? SESSION_STOCK_GRACE_MS : SESSION_GRACE_MS);
}

/* --- which is next ------------------------------------------------------------------ */

static void
nearer(enum clock *c, uint64_t *due_ms, enum clock other, uint64_t other_ms)
{
	if (other_ms != 0 && (*c == CLOCK_NONE || other_ms < *due_ms)) {
		*c = other;
		*due_ms = other_ms;
	}
}

/* A minute before, or half of what is very short; once for each stretch of idleness. */
static uint64_t
warn_idle_at(const struct session *se)
{
	uint64_t lead =
	    MIN((uint64_t)SESSION_WARN_MS, (uint64_t)se->row.idle_min * 30000);

	return se->warned_of_ms == se->last_data_ms ? 0 : idle_by(se) - lead;
}

static uint64_t
warn_max_at(const struct session *se)
{
	uint64_t lead =
	    MIN((uint64_t)SESSION_WARN_MS, (uint64_t)se->row.max_duration_min * 30000);

	return se->max_by_ms == 0 || se->warned_max ? 0 : se->max_by_ms - lead;
}

/* What is said to a client that is there. */
static void
next_word(const struct session *se, enum clock *c, uint64_t *due_ms)
{
	if (!se->joined[SESSION_CLIENT])
		return;
	nearer(c, due_ms, CLOCK_WARN_IDLE, warn_idle_at(se));
	nearer(c, due_ms, CLOCK_WARN_MAX, warn_max_at(se));
	if (!se->joined[SESSION_AGENT] && !se->said_away)
		nearer(c, due_ms, CLOCK_SAY_AWAY,
		    se->away_since_ms[SESSION_AGENT] + SESSION_SAY_AWAY_MS);
}

/* Which clock runs out next, and when.  Every state that is not final has one. */
static enum clock
next_clock(const struct session *se, uint64_t *due_ms)
{
	enum clock c = CLOCK_NONE;

	*due_ms = 0;
	switch (se->state) {
	case SESSION_CONNECTING:
		nearer(&c, due_ms, CLOCK_OPEN, se->open_by_ms);
		nearer(&c, due_ms, CLOCK_MAX, se->max_by_ms);
		break;
	case SESSION_DISCONNECTED:
		for (int end = 0; end < 2; end++)
			if (!se->joined[end])
				nearer(&c, due_ms, CLOCK_AWAY, away_by(se, end));
		/* fall through */
	case SESSION_CONNECTED:
		nearer(&c, due_ms, CLOCK_IDLE, idle_by(se));
		nearer(&c, due_ms, CLOCK_MAX, se->max_by_ms);
		next_word(se, &c, due_ms);
		break;
	case SESSION_TERMINATING:
		nearer(&c, due_ms, CLOCK_CLOSE, se->close_by_ms);
		break;
	case SESSION_TERMINATED:
	case SESSION_FAILED:
		break;
	}
	return c;
}

/* --- what follows --------------------------------------------------------------------- */

void
session_say(struct session *se, const char *text)
{
	if (se->channel != NULL && se->joined[SESSION_CLIENT])
		se->channel->tell(se->channel, MSG_OWN_NOTICE,
		    &(struct own_words){ .session_id = se->row.id, .message = text });
}

static void PRINTF(2, 3) say(struct session *se, const char *fmt, ...)
{
	va_list ap;
	char text[300];

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	session_say(se, text);
}

static unsigned
seconds_until(const struct session *se, uint64_t due_ms)
{
	return due_ms > now_ms(se) ? (unsigned)((due_ms - now_ms(se) + 999) / 1000) : 0;
}

static const char *
plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

static const char *
open_words(const struct session *se)
{
	if (!se->start_sent)
		return "The node could not be reached within 60 seconds.";
	if (!se->joined[SESSION_AGENT])
		return "The agent did not open its data channel within 60 seconds.";
	return "The client did not connect within 60 seconds.";
}

static void
away_words(const struct session *se, char *out, size_t size)
{
	enum session_end end =
	    !se->joined[SESSION_AGENT] && away_by(se, SESSION_AGENT) <= now_ms(se)
	    ? SESSION_AGENT
	    : SESSION_CLIENT;
	const char *why = se->away_why[end];
	uint64_t min = (now_ms(se) - se->away_since_ms[end]) / 60000;

	snprintf(out, size, "The %s was away for more than %llu minute%s%s%s.",
	    end == SESSION_AGENT ? "agent" : "client", (unsigned long long)min,
	    plural((int64_t)min), why != NULL ? ": " : "", why != NULL ? why : "");
}

static void
warn(struct session *se, enum clock c)
{
	const char *why = se->away_why[SESSION_AGENT];

	if (c == CLOCK_WARN_IDLE) {
		se->warned_of_ms = se->last_data_ms;
		say(se, "the session is idle and will end in %u seconds",
		    seconds_until(se, idle_by(se)));
	} else if (c == CLOCK_WARN_MAX) {
		se->warned_max = true;
		say(se, "the session will reach its maximum duration in %u seconds",
		    seconds_until(se, se->max_by_ms));
	} else {
		se->said_away = true;
		say(se, "the node is away (%s); the session waits for it",
		    why != NULL ? why : "its connection was lost");
	}
	session_set_clock(se);
}

static void
run_out(struct session *se, enum clock c)
{
	char why[200];

	switch (c) {
	case CLOCK_OPEN:
		session_end(se, SESSION_FAILED, open_words(se), open_words(se));
		return;
	case CLOCK_CLOSE:
		session_finish(se, false);
		return;
	case CLOCK_AWAY:
		away_words(se, why, sizeof(why));
		break;
	case CLOCK_IDLE:
		snprintf(why, sizeof(why), "The session was idle for %lld minute%s.",
		    (long long)se->row.idle_min, plural(se->row.idle_min));
		break;
	case CLOCK_MAX:
		snprintf(why, sizeof(why),
		    "The maximum duration of %lld minute%s is over.",
		    (long long)se->row.max_duration_min,
		    plural(se->row.max_duration_min));
		break;
	default:
		warn(se, c);
		return;
	}
	session_end(se, SESSION_TERMINATED, why, why);
}

static void
on_timer(void *arg)
{
	struct session *se = arg;
	uint64_t due;
	enum clock c = next_clock(se, &due);

	if (c != CLOCK_NONE && due <= now_ms(se))
		run_out(se, c);
	else
		session_set_clock(se);
}

void
session_set_clock(struct session *se)
{
	uint64_t due, now = now_ms(se);

	if (next_clock(se, &due) == CLOCK_NONE)
		ev_timer_clear(&se->timer);
	else
		ev_timer_set(
		    se->owner->loop, &se->timer, due > now ? due - now : 0, on_timer, se);
}
