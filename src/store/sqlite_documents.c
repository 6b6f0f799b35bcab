/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of documents.  Versions are never changed, only added.
 */
#include "store/sql.h"

int
store_document_put(struct store_tx *tx, const struct store_document *d, int64_t *version)
{
	struct sql q;
	int r;

	*version = 0;
	sql_open(
	    &q, tx, "SELECT coalesce(max(version), 0) FROM documents WHERE name = ?1");
	sql_text(&q, d->name);
	if (sql_row(&q))
		*version = sql_col_int(&q) + 1;
	if ((r = sql_close_one(&q)) != 0)
		return r;
	sql_open(&q, tx,
	    "INSERT INTO documents (name, version, type, content, created_ms, builtin)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
	sql_text(&q, d->name);
	sql_int(&q, *version);
	sql_text(&q, d->type);
	sql_text(&q, d->content);
	sql_int(&q, d->created_ms);
	sql_int(&q, d->builtin);
	return sql_run(&q, NULL);
}

int
store_document_get(struct store_tx *tx, struct arena *mem, const char *name,
    int64_t version, struct store_document *d)
{
	struct sql q;

	sql_open(&q, tx,
	    "SELECT name, type, content, version, created_ms, builtin FROM documents"
	    " WHERE name = ?1 AND (?2 = 0 OR version = ?2) ORDER BY version DESC LIMIT "
	    "1");
	sql_text(&q, name);
	sql_int(&q, version);
	if (sql_row(&q)) {
		d->name = sql_col_text(&q, mem);
		d->type = sql_col_text(&q, mem);
		d->content = sql_col_text(&q, mem);
		d->version = sql_col_int(&q);
		d->created_ms = sql_col_int(&q);
		d->builtin = sql_col_int(&q) != 0;
	}
	return sql_close_one(&q);
}
