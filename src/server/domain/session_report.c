/* SPDX-License-Identifier: Apache-2.0 */
/* See session_report.h. */
#include "server/domain/session_report.h"

#include "base/log.h"
#include "server/domain/audit_service.h"
#include "server/domain/session_priv.h"

struct report {
	struct sessions *owner;
	struct own_events events;
	/* Of each, what the loop knows of it; id "": left out, or of an unknown kind. */
	struct audit_event *begun;
	struct arena mem;
	int64_t number; /* the last one that is in the trail */
	session_reported_fn *done;
	void *arg;
};

static int
append(struct store_tx *tx, const struct report *w, size_t i,
    const struct store_session *row)
{
	auto_arena mem = { 0 };
	struct audit_record record;

	if (w->begun[i].id[0] == '\0')
		return 0;
	audit_report_make(&record, &mem, &w->begun[i], row, &w->events.events[i]);
	return audit_record_append(tx, &record);
}

static int
report_run(struct store_tx *tx, void *arg, struct fault *f)
{
	struct report *w = arg;
	auto_arena mem = { 0 };
	struct store_session row = { 0 };
	int64_t last;
	int r;

	if ((r = store_session_get(tx, &mem, w->events.session_id, &row)) != 0)
		return r;
	w->number = row.reported;
	if (w->events.number > row.reported + 1)
		return fault_set(f, ERR_CONFLICT, "event %lld comes before %lld",
		    (long long)w->events.number, (long long)row.reported + 1);
	for (size_t i = 0; i < w->events.n; i++)
		if (w->events.number + (int64_t)i > row.reported &&
		    (r = append(tx, w, i, &row)) != 0)
			return r;
	last = w->events.number + (int64_t)w->events.n - 1;
	if (last <= row.reported)
		return 0;
	w->number = last;
	return store_session_set_reported(tx, row.id, last);
}

static void
report_done(void *arg, int r, const struct fault *f)
{
	struct report *w = arg;
	struct session *se = session_find(w->owner, w->events.session_id);

	if (r != 0)
		log_warn("what an agent reports was not recorded", "session=%s why=%s",
		    w->events.session_id,
		    log_q(f->code != 0 ? fault_text(f) : err_text(r)));
	if (r == ERR_STORE && nodes_audit(w->owner->nodes) != NULL)
		audit_failed(nodes_audit(w->owner->nodes));
	if (r == 0 && se != NULL)
		se->row.reported = MAX(se->row.reported, w->number);
	w->done(w->arg, r, w->number);
	arena_fini(&w->mem);
	free(w);
}

void
session_report(struct sessions *s, const struct own_events *events,
    struct arena *mem_take, session_reported_fn *done, void *arg)
{
	struct report *w = xcalloc(1, sizeof(*w));
	const struct session *se = session_find(s, events->session_id);
	struct audit *audit = nodes_audit(s->nodes);

	w->owner = s;
	w->events = *events;
	w->mem = *mem_take;
	arena_init(mem_take);
	w->done = done;
	w->arg = arg;
	w->begun = arena_alloc(&w->mem, events->n * sizeof(*w->begun));
	for (size_t i = 0; i < events->n; i++)
		if (events->events[i].kind != OWN_EVENT_OTHER)
			(void)audit_report_begin(audit, &w->begun[i],
			    se != NULL ? se->row.target : events->session_id);
	store_submit(s->store, report_run, report_done, w);
}
