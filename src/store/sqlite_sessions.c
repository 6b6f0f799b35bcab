/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of sessions.  A session is active while end_ms is 0 and history afterwards; both
 * have an index in the order in which DescribeSessions shows them.
 */
#include "store/sql.h"

#define SESSION_COLUMNS                                                              \
	"id, target, document, reason, owner_arn, owner_user_id, access_key,"        \
	" source_ip, region, status, details, content_json, run_as, token_sha256,"   \
	" token_expires_ms, start_ms, end_ms, max_duration_min, idle_min, farewell," \
	" resume_sha256, resume_prev_sha256, access_request, reported"

static void
session_read(struct sql *q, struct arena *mem, struct store_session *s)
{
	s->id = sql_col_text(q, mem);
	s->target = sql_col_text(q, mem);
	s->document = sql_col_text(q, mem);
	s->reason = sql_col_text(q, mem);
	s->owner_arn = sql_col_text(q, mem);
	s->owner_user_id = sql_col_text(q, mem);
	s->access_key = sql_col_text(q, mem);
	s->source_ip = sql_col_text(q, mem);
	s->region = sql_col_text(q, mem);
	s->status = sql_col_text(q, mem);
	s->details = sql_col_text(q, mem);
	s->content_json = sql_col_text(q, mem);
	s->run_as = sql_col_text(q, mem);
	s->token_sha256 = sql_col_text(q, mem);
	s->token_expires_ms = sql_col_int(q);
	s->start_ms = sql_col_int(q);
	s->end_ms = sql_col_int(q);
	s->max_duration_min = sql_col_int(q);
	s->idle_min = sql_col_int(q);
	s->farewell = sql_col_int(q) != 0;
	s->resume_sha256 = sql_col_text(q, mem);
	s->resume_prev_sha256 = sql_col_text(q, mem);
	s->access_request = sql_col_text(q, mem);
	s->reported = sql_col_int(q);
}

int
store_session_put(struct store_tx *tx, const struct store_session *s)
{
	struct sql q;

	sql_open(&q, tx,
	    "INSERT OR REPLACE INTO sessions (" SESSION_COLUMNS
	    ") VALUES (?1, ?2, ?3, ?4, ?5,"
	    " ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, "
	    "?21, ?22, ?23, ?24)");
	sql_text(&q, s->id);
	sql_text(&q, s->target);
	sql_text(&q, s->document);
	sql_text(&q, s->reason);
	sql_text(&q, s->owner_arn);
	sql_text(&q, s->owner_user_id);
	sql_text(&q, s->access_key);
	sql_text(&q, s->source_ip);
	sql_text(&q, s->region);
	sql_text(&q, s->status);
	sql_text(&q, s->details);
	sql_text(&q, s->content_json);
	sql_text(&q, s->run_as);
	sql_text(&q, s->token_sha256);
	sql_int(&q, s->token_expires_ms);
	sql_int(&q, s->start_ms);
	sql_int(&q, s->end_ms);
	sql_int(&q, s->max_duration_min);
	sql_int(&q, s->idle_min);
	sql_int(&q, s->farewell);
	sql_text(&q, s->resume_sha256);
	sql_text(&q, s->resume_prev_sha256);
	sql_text(&q, s->access_request);
	sql_int(&q, s->reported);
	return sql_run(&q, NULL);
}

int
store_session_get(
    struct store_tx *tx, struct arena *mem, const char *id, struct store_session *s)
{
	struct sql q;

	sql_open(&q, tx, "SELECT " SESSION_COLUMNS " FROM sessions WHERE id = ?1");
	sql_text(&q, id);
	if (sql_row(&q))
		session_read(&q, mem, s);
	return sql_close_one(&q);
}

int
store_session_set_status(struct store_tx *tx, const struct store_session *s)
{
	struct sql q;

	sql_open(&q, tx,
	    "UPDATE sessions SET status = ?2, details = ?3, end_ms = ?4, farewell = ?5"
	    " WHERE id = ?1");
	sql_text(&q, s->id);
	sql_text(&q, s->status);
	sql_text(&q, s->details);
	sql_int(&q, s->end_ms);
	sql_int(&q, s->farewell);
	return sql_run_one(&q);
}

int
store_session_set_token(
    struct store_tx *tx, const char *id, const char *token_sha256, int64_t expires_ms)
{
	struct sql q;

	sql_open(&q, tx,
	    "UPDATE sessions SET token_sha256 = ?2, token_expires_ms = ?3 WHERE id = ?1");
	sql_text(&q, id);
	sql_text(&q, token_sha256);
	sql_int(&q, expires_ms);
	return sql_run_one(&q);
}

int
store_session_set_resume(
    struct store_tx *tx, const char *id, const char *sha256, const char *prev_sha256)
{
	struct sql q;

	sql_open(&q, tx,
	    "UPDATE sessions SET resume_sha256 = ?2, resume_prev_sha256 = ?3"
	    " WHERE id = ?1");
	sql_text(&q, id);
	sql_text(&q, sha256);
	sql_text(&q, prev_sha256);
	return sql_run_one(&q);
}

int
store_session_set_reported(struct store_tx *tx, const char *id, int64_t number)
{
	struct sql q;

	sql_open(&q, tx, "UPDATE sessions SET reported = ?2 WHERE id = ?1");
	sql_text(&q, id);
	sql_int(&q, number);
	return sql_run_one(&q);
}

/* --- lists ---------------------------------------------------------------------- */

static int
each(struct sql *q, store_session_fn *fn, void *arg)
{
	struct store_session s = { 0 };
	bool more = true;

	while (more && sql_row(q)) {
		session_read(q, NULL, &s);
		more = fn(arg, &s);
	}
	return sql_close(q);
}

int
store_sessions(struct store_tx *tx, bool active, int64_t before_start_ms,
    const char *before_id, store_session_fn *fn, void *arg)
{
	struct sql q;

	/* Two texts, so that each finds its partial index. */
	if (active)
		sql_open(&q, tx,
		    "SELECT " SESSION_COLUMNS " FROM sessions WHERE end_ms = 0"
		    " AND (start_ms, id) < (?1, ?2) ORDER BY start_ms DESC, id DESC");
	else
		sql_open(&q, tx,
		    "SELECT " SESSION_COLUMNS " FROM sessions WHERE end_ms <> 0"
		    " AND (start_ms, id) < (?1, ?2) ORDER BY start_ms DESC, id DESC");
	sql_int(&q, before_start_ms != 0 ? before_start_ms : INT64_MAX);
	sql_text(&q, before_id);
	return each(&q, fn, arg);
}

int
store_sessions_farewell(
    struct store_tx *tx, int64_t ended_since_ms, store_session_fn *fn, void *arg)
{
	struct sql q;

	sql_open(&q, tx,
	    "SELECT " SESSION_COLUMNS " FROM sessions WHERE end_ms <> 0 AND end_ms >= ?1"
	    " AND farewell = 1 ORDER BY end_ms");
	sql_int(&q, ended_since_ms);
	return each(&q, fn, arg);
}

int
store_sessions_purge(struct store_tx *tx, int64_t ended_before_ms)
{
	struct sql q;

	sql_open(&q, tx, "DELETE FROM sessions WHERE end_ms <> 0 AND end_ms < ?1");
	sql_int(&q, ended_before_ms);
	return sql_run(&q, NULL);
}
