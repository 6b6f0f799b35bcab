/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the audit trail: in its own order, and by what events say. */
#include "base/text.h"
#include "store/sqlite_audit.h"

/* Text that somebody may have changed: a hash that is none is zeros, and matches nothing. */
static void
col_hex(struct sql *q, uint8_t *out, size_t size)
{
	size_t n = 0;

	if (hex_decode(out, size, span_str(sql_col_text(q, NULL)), &n) != 0 || n != size)
		memset(out, 0, size);
}

static int
each(struct sql *q, store_audit_fn *fn, void *arg)
{
	struct store_audit_event e;
	int64_t last = 0;
	bool more = true;

	while (more && sql_row(q)) {
		e.seq = sql_col_int(q);
		e.time_s = sql_col_int(q);
		e.event = sql_col_text(q, NULL);
		col_hex(q, e.hash, sizeof(e.hash));
		if (e.seq != last) /* two resources of one name */
			more = fn(arg, &e);
		last = e.seq;
	}
	return sql_close(q);
}

int
store_audit_events(
    struct store_tx *tx, int64_t after, int64_t last, store_audit_fn *fn, void *arg)
{
	struct sql q;

	sql_open(&q, tx,
	    "SELECT seq, time_s, event, hash FROM audit_events"
	    " WHERE seq > ?1 AND seq <= ?2 ORDER BY seq");
	sql_int(&q, after);
	sql_int(&q, last);
	return each(&q, fn, arg);
}

int
store_audit_is_findable(struct store_tx *tx, int64_t seq, bool *findable)
{
	struct sql q;

	*findable = false;
	sql_open(&q, tx,
	    "SELECT time_s = " AUDIT_TIME("event") " AND event_id = " AUDIT_ID("event")
	    " AND event_name = " AUDIT_NAME("event") " AND event_source = " AUDIT_SOURCE(
		"event") " AND access_key = " AUDIT_KEY("event") " AND read_only = "
	    AUDIT_READ("event") " AND username = " AUDIT_USER("event")
	    " FROM audit_events WHERE seq = ?1 AND json_valid(event)");
	sql_int(&q, seq);
	if (sql_row(&q))
		*findable = sql_col_int(&q) != 0;
	return sql_close(&q);
}

int
store_audit_has_resource(
    struct store_tx *tx, int64_t seq, const struct audit_resource *r, bool *has)
{
	struct sql q;

	*has = false;
	sql_open(&q, tx,
	    "SELECT 1 FROM audit_resources r JOIN audit_events e ON e.seq = r.seq"
	    " WHERE r.seq = ?1 AND r.type = ?2 AND r.name = ?3 AND r.time_s = e.time_s");
	sql_int(&q, seq);
	sql_text(&q, r->type);
	sql_text(&q, r->name);
	*has = sql_row(&q);
	return sql_close(&q);
}

int
store_audit_last_before(struct store_tx *tx, int64_t time_s, int64_t *seq)
{
	struct sql q;

	*seq = 0;
	sql_open(&q, tx,
	    "SELECT seq FROM audit_events WHERE time_s < ?1"
	    " ORDER BY time_s DESC, seq DESC LIMIT 1");
	sql_int(&q, time_s);
	if (sql_row(&q))
		*seq = sql_col_int(&q);
	return sql_close(&q);
}

int
store_audit_at(struct store_tx *tx, int64_t seq, struct audit_chain *out)
{
	struct sql q;

	out->seq = seq;
	sql_open(&q, tx, "SELECT hash FROM audit_events WHERE seq = ?1");
	sql_int(&q, seq);
	if (sql_row(&q))
		col_hex(&q, out->hash, sizeof(out->hash));
	return sql_close_one(&q);
}

/* --- marks ---------------------------------------------------------------------------- */

void
audit_read_mark(struct sql *q, enum audit_mark_kind kind, struct audit_mark *m)
{
	*m = (struct audit_mark){ .kind = kind };
	m->at.seq = sql_col_int(q);
	col_hex(q, m->at.hash, sizeof(m->at.hash));
	m->time_ms = sql_col_int(q);
	col_hex(q, m->signature, sizeof(m->signature));
}

int
store_audit_mark(struct store_tx *tx, enum audit_mark_kind kind, struct audit_mark *out)
{
	struct sql q;

	sql_open(&q, tx,
	    "SELECT seq, hash, time_ms, signature FROM audit_marks WHERE kind = ?1"
	    " ORDER BY seq DESC LIMIT 1");
	sql_text(&q, audit_mark_name(kind));
	if (sql_row(&q))
		audit_read_mark(&q, kind, out);
	return sql_close_one(&q);
}

int
store_audit_checkpoints(struct store_tx *tx, int64_t after, int64_t last,
    store_audit_mark_fn *fn, void *arg)
{
	struct audit_mark m;
	bool more = true;
	struct sql q;

	sql_open(&q, tx,
	    "SELECT seq, hash, time_ms, signature FROM audit_marks"
	    " WHERE kind = 'checkpoint' AND seq > ?1 AND seq <= ?2 ORDER BY seq");
	sql_int(&q, after);
	sql_int(&q, last);
	while (more && sql_row(&q)) {
		audit_read_mark(&q, AUDIT_CHECKPOINT, &m);
		more = fn(arg, &m);
	}
	return sql_close(&q);
}

/* --- looking up ----------------------------------------------------------------------- */

/* ?1 value, ?2 and ?3 the range of time, ?4 the number before which it begins at ?3. */
#define IN_ORDER(t)                                                  \
	" " t "time_s BETWEEN ?2 AND ?3 AND (" t "time_s < ?3 OR " t \
	"seq < ?4) ORDER BY " t "time_s DESC, " t "seq DESC"
#define BY(condition)                                                \
	"SELECT seq, time_s, event, hash FROM audit_events WHERE " \
	condition " AND" IN_ORDER("")
#define BY_RESOURCE(condition)                                                      \
	"SELECT e.seq, e.time_s, e.event, e.hash FROM audit_resources r"            \
	" JOIN audit_events e ON e.seq = r.seq WHERE " condition " AND" IN_ORDER( \
	    "r.")

static const char *const lookups[] = {
	[STORE_AUDIT_ALL] = BY("?1 = ''"),
	[STORE_AUDIT_EVENT_ID] = BY("event_id = ?1"),
	[STORE_AUDIT_EVENT_NAME] = BY("event_name = ?1"),
	[STORE_AUDIT_READ_ONLY] = BY("read_only = CAST(?1 AS INTEGER)"),
	[STORE_AUDIT_USERNAME] = BY("username = ?1"),
	[STORE_AUDIT_RESOURCE_TYPE] = BY_RESOURCE("r.type = ?1"),
	[STORE_AUDIT_RESOURCE_NAME] = BY_RESOURCE("r.name = ?1"),
	[STORE_AUDIT_EVENT_SOURCE] = BY("event_source = ?1"),
	[STORE_AUDIT_ACCESS_KEY] = BY("access_key = ?1"),
};

int
store_audit_lookup(struct store_tx *tx, const struct store_audit_query *l,
    store_audit_fn *fn, void *arg)
{
	bool within = l->before_s <= l->to_s;
	struct sql q;

	sql_open(&q, tx, lookups[l->by]);
	sql_text(&q, l->value);
	sql_int(&q, l->from_s);
	sql_int(&q, within ? l->before_s : l->to_s);
	sql_int(&q, within ? l->before_seq : INT64_MAX);
	return each(&q, fn, arg);
}
