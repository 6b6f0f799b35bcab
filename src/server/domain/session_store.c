/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of session rows that nobody waits for.  Each carries copies of what it writes,
 * since the session may change before its turn comes; the store keeps their order.  The one
 * that tells the end outlives the session: until then memory is asked, not the row.
 */
#include "base/log.h"
#include "server/domain/audit_service.h"
#include "server/domain/session_priv.h"

enum write_what { WRITE_STATUS, WRITE_TOKEN, WRITE_TOLD, WRITE_LOST, WRITE_PURGE };

struct row_write {
	enum write_what what;
	struct store_session row; /* strings in mem */
	struct session *ended;    /* forgotten when this is written, or NULL */
	int64_t ended_before_ms;  /* WRITE_PURGE */
	struct audit *audit;           /* or NULL */
	struct audit_record events[2]; /* what the move means for the trail */
	size_t nevents;
	struct audit_event losing; /* WRITE_LOST */
	struct arena mem;
};

static int
told(struct store_tx *tx, const char *id)
{
	auto_arena mem = { 0 };
	struct store_session row = { 0 };
	int r;

	if ((r = store_session_get(tx, &mem, id, &row)) != 0)
		return r;
	row.farewell = false;
	return store_session_set_status(tx, &row);
}

/* Unless it was closed while this waited. */
static int
lost(struct store_tx *tx, struct row_write *w)
{
	static char details[] = "The server lost track of the session.";
	auto_arena mem = { 0 };
	struct store_session row = { 0 };
	struct audit_record event;
	int r;

	if ((r = store_session_get(tx, &mem, w->row.id, &row)) != 0)
		return r == ERR_NOTFOUND ? 0 : r;
	if (row.end_ms != 0)
		return 0;
	row.status = arena_strdup(&mem, session_state_name(SESSION_TERMINATED));
	row.details = details;
	row.end_ms = w->row.end_ms;
	row.farewell = true;
	if ((r = store_session_set_status(tx, &row)) != 0 || w->audit == NULL)
		return r;
	audit_session_lost(&event, &mem, w->losing, &row);
	return audit_record_append(tx, &event);
}

/* The status, and the events of the move with it. */
static int
write_status(struct store_tx *tx, const struct row_write *w)
{
	int r = store_session_set_status(tx, &w->row);

	for (size_t i = 0; r == 0 && i < w->nevents; i++)
		r = audit_record_append(tx, &w->events[i]);
	return r;
}

static int
write_run(struct store_tx *tx, void *arg, struct fault *f)
{
	struct row_write *w = arg;

	(void)f;
	switch (w->what) {
	case WRITE_STATUS:
		return write_status(tx, w);
	case WRITE_TOKEN:
		return store_session_set_token(
		    tx, w->row.id, w->row.token_sha256, w->row.token_expires_ms);
	case WRITE_TOLD:
		return told(tx, w->row.id);
	case WRITE_LOST:
		return lost(tx, w);
	case WRITE_PURGE:
		return store_sessions_purge(tx, w->ended_before_ms);
	}
	return ERR_INTERNAL;
}

static void
write_done(void *arg, int r, const struct fault *f)
{
	struct row_write *w = arg;

	if (r != 0)
		log_error("session row not written", "id=%s status=%s reason=%s",
		    w->row.id != NULL ? w->row.id : "",
		    w->row.status != NULL ? w->row.status : "",
		    log_q(f->code != 0 ? fault_text(f) : err_text(r)));
	if (r != 0 && w->nevents > 0)
		audit_failed(w->audit);
	if (w->ended != NULL)
		session_forget(w->ended);
	arena_fini(&w->mem);
	free(w);
}

static struct row_write *
write_new(enum write_what what, const char *id)
{
	struct row_write *w = xcalloc(1, sizeof(*w));

	w->what = what;
	arena_init(&w->mem);
	if (id != NULL)
		w->row.id = arena_strdup(&w->mem, id);
	return w;
}

void
session_write_status(struct session *se, enum session_state from)
{
	struct audit *audit = nodes_audit(se->owner->nodes);
	struct row_write *w = write_new(WRITE_STATUS, se->row.id);

	w->audit = audit;
	w->row.status = arena_strdup(&w->mem, se->row.status);
	w->row.details = arena_strdup(&w->mem, se->row.details);
	w->row.end_ms = se->row.end_ms;
	w->row.farewell = se->row.farewell;
	w->ended = se->row.end_ms != 0 ? se : NULL;
	if (audit_session_moved(audit, &w->events[w->nevents], &w->mem, se, from))
		w->nevents++;
	if (from == SESSION_CONNECTING && se->state == SESSION_CONNECTED && !se->reports &&
	    audit_session_port(audit, &w->events[w->nevents], &w->mem, se))
		w->nevents++;
	store_submit(se->owner->store, write_run, write_done, w);
}

void
session_write_token(struct session *se)
{
	struct row_write *w = write_new(WRITE_TOKEN, se->row.id);

	w->row.token_sha256 = arena_strdup(&w->mem, se->row.token_sha256);
	w->row.token_expires_ms = se->row.token_expires_ms;
	store_submit(se->owner->store, write_run, write_done, w);
}

void
session_write_told(struct sessions *s, const char *session_id)
{
	store_submit(s->store, write_run, write_done, write_new(WRITE_TOLD, session_id));
}

void
session_write_lost(struct sessions *s, const char *session_id)
{
	struct row_write *w = write_new(WRITE_LOST, session_id);

	w->row.end_ms = MAX(ev_wall_ms(s->loop), 1);
	w->audit = nodes_audit(s->nodes);
	if (w->audit != NULL)
		w->losing = audit_session_losing(w->audit);
	store_submit(s->store, write_run, write_done, w);
}

void
sessions_write_purge(struct sessions *s)
{
	struct row_write *w = write_new(WRITE_PURGE, NULL);

	w->ended_before_ms = ev_wall_ms(s->loop) - SESSION_HISTORY_MS;
	store_submit(s->store, write_run, write_done, w);
}
