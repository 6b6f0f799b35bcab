/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of just-in-time access requests. */
#include "store/access_request.h"
#include "store/sql.h"

#define REQUEST_COLUMNS                                                            \
	"id, requester_arn, requester_id, person, reason, targets_json, minutes,"  \
	" status, approvals_json, policy, created_ms, expires_ms"

static void
request_read(struct sql *q, struct arena *mem, struct store_access_request *r)
{
	r->id = sql_col_text(q, mem);
	r->requester_arn = sql_col_text(q, mem);
	r->requester_id = sql_col_text(q, mem);
	r->person = sql_col_text(q, mem);
	r->reason = sql_col_text(q, mem);
	r->targets_json = sql_col_text(q, mem);
	r->minutes = sql_col_int(q);
	r->status = sql_col_text(q, mem);
	r->approvals_json = sql_col_text(q, mem);
	r->policy = sql_col_text(q, mem);
	r->created_ms = sql_col_int(q);
	r->expires_ms = sql_col_int(q);
}

int
store_access_request_put(struct store_tx *tx, const struct store_access_request *r)
{
	struct sql q;

	sql_open(&q, tx,
	    "INSERT INTO access_requests (" REQUEST_COLUMNS
	    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");
	sql_text(&q, r->id);
	sql_text(&q, r->requester_arn);
	sql_text(&q, r->requester_id);
	sql_text(&q, r->person);
	sql_text(&q, r->reason);
	sql_text(&q, r->targets_json);
	sql_int(&q, r->minutes);
	sql_text(&q, r->status);
	sql_text(&q, r->approvals_json);
	sql_text(&q, r->policy);
	sql_int(&q, r->created_ms);
	sql_int(&q, r->expires_ms);
	return sql_run(&q, NULL);
}

int
store_access_request_get(struct store_tx *tx, struct arena *mem, const char *id,
    struct store_access_request *r)
{
	struct sql q;

	sql_open(
	    &q, tx, "SELECT " REQUEST_COLUMNS " FROM access_requests WHERE id = ?1");
	sql_text(&q, id);
	if (sql_row(&q))
		request_read(&q, mem, r);
	return sql_close_one(&q);
}

int
store_access_request_set(struct store_tx *tx, const struct store_access_request *r)
{
	struct sql q;

	sql_open(&q, tx,
	    "UPDATE access_requests SET minutes = ?2, status = ?3, approvals_json = ?4,"
	    " policy = ?5, expires_ms = ?6 WHERE id = ?1");
	sql_text(&q, r->id);
	sql_int(&q, r->minutes);
	sql_text(&q, r->status);
	sql_text(&q, r->approvals_json);
	sql_text(&q, r->policy);
	sql_int(&q, r->expires_ms);
	return sql_run_one(&q);
}

int
store_access_requests(struct store_tx *tx, int64_t before_ms, const char *before_id,
    store_access_request_fn *fn, void *arg)
{
	struct store_access_request r = { 0 };
	struct sql q;
	bool more = true;

	sql_open(&q, tx,
	    "SELECT " REQUEST_COLUMNS " FROM access_requests"
	    " WHERE ?1 = 0 OR (created_ms, id) < (?1, ?2)"
	    " ORDER BY created_ms DESC, id DESC");
	sql_int(&q, before_ms);
	sql_text(&q, before_id);
	while (more && sql_row(&q)) {
		request_read(&q, NULL, &r);
		more = fn(arg, &r);
	}
	return sql_close(&q);
}

int
store_access_requests_pending(
    struct store_tx *tx, const char *requester_id, int64_t now_ms, int64_t *n)
{
	struct sql q;

	*n = 0;
	sql_open(&q, tx,
	    "SELECT count(*) FROM access_requests WHERE requester_id = ?1"
	    " AND status = 'Pending' AND expires_ms > ?2");
	sql_text(&q, requester_id);
	sql_int(&q, now_ms);
	if (sql_row(&q))
		*n = sql_col_int(&q);
	return sql_close(&q);
}

int
store_access_requests_purge(struct store_tx *tx, int64_t expired_before_ms)
{
	struct sql q;

	sql_open(&q, tx, "DELETE FROM access_requests WHERE expires_ms < ?1");
	sql_int(&q, expired_before_ms);
	return sql_run(&q, NULL);
}
