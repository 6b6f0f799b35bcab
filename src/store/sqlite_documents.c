/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of documents.  Versions are never changed, only added and deleted; the head of a
 * document says which one is the default.
 */
#include "store/sql.h"

#define SELECT_DOCUMENT                                                            \
	"SELECT d.name, d.type, d.content, d.version_name, d.display_name,"        \
	" d.target_type, d.version, d.created_ms, h.default_version,"              \
	" (SELECT max(version) FROM documents l WHERE l.name = d.name), d.builtin" \
	" FROM documents d JOIN document_heads h ON h.name = d.name "

static void
document_read(struct sql *q, struct arena *mem, struct store_document *d)
{
	d->name = sql_col_text(q, mem);
	d->type = sql_col_text(q, mem);
	d->content = sql_col_text(q, mem);
	d->version_name = sql_col_text(q, mem);
	d->display_name = sql_col_text(q, mem);
	d->target_type = sql_col_text(q, mem);
	d->version = sql_col_int(q);
	d->created_ms = sql_col_int(q);
	d->default_version = sql_col_int(q);
	d->latest_version = sql_col_int(q);
	d->builtin = sql_col_int(q) != 0;
}

/* The next number; what is built in is always used in its newest version. */
static int
next_version(struct store_tx *tx, const struct store_document *d, int64_t *version)
{
	struct sql q;
	int r;

	*version = 1;
	sql_open(&q, tx, "SELECT last_version + 1 FROM document_heads WHERE name = ?1");
	sql_text(&q, d->name);
	if (sql_row(&q))
		*version = sql_col_int(&q);
	if ((r = sql_close(&q)) != 0)
		return r;
	sql_open(&q, tx,
	    "INSERT INTO document_heads (name, default_version, last_version)"
	    " VALUES (?1, ?2, ?2) ON CONFLICT (name) DO UPDATE SET last_version = ?2,"
	    " default_version = CASE WHEN ?3 THEN ?2 ELSE default_version END");
	sql_text(&q, d->name);
	sql_int(&q, *version);
	sql_int(&q, d->builtin);
	return sql_run(&q, NULL);
}

static const char *
or_empty(const char *s)
{
	return s != NULL ? s : "";
}

int
store_document_put(struct store_tx *tx, const struct store_document *d, int64_t *version)
{
	struct sql q;
	int r;

	if ((r = next_version(tx, d, version)) != 0)
		return r;
	sql_open(&q, tx,
	    "INSERT INTO documents (name, version, type, content, created_ms, builtin,"
	    " version_name, display_name, target_type)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
	sql_text(&q, d->name);
	sql_int(&q, *version);
	sql_text(&q, d->type);
	sql_text(&q, d->content);
	sql_int(&q, d->created_ms);
	sql_int(&q, d->builtin);
	sql_text(&q, or_empty(d->version_name));
	sql_text(&q, or_empty(d->display_name));
	sql_text(&q, or_empty(d->target_type));
	return sql_run(&q, NULL);
}

int
store_document_get(struct store_tx *tx, struct arena *mem, const char *name,
    int64_t version, struct store_document *d)
{
	struct sql q;

	sql_open(&q, tx,
	    SELECT_DOCUMENT
	    "WHERE d.name = ?1 AND (?2 = 0 OR d.version = ?2 OR"
	    " (?2 = -1 AND d.version = h.default_version)) ORDER BY d.version DESC"
	    " LIMIT 1");
	sql_text(&q, name);
	sql_int(&q, version);
	if (sql_row(&q))
		document_read(&q, mem, d);
	return sql_close_one(&q);
}

int
store_document_named(
    struct store_tx *tx, const char *name, const char *version_name, int64_t *version)
{
	struct sql q;

	sql_open(&q, tx,
	    "SELECT version FROM documents WHERE name = ?1 AND version_name = ?2"
	    " AND version_name <> ''");
	sql_text(&q, name);
	sql_text(&q, version_name);
	if (sql_row(&q))
		*version = sql_col_int(&q);
	return sql_close_one(&q);
}

int
store_document_set_default(struct store_tx *tx, const char *name, int64_t version)
{
	struct sql q;

	sql_open(&q, tx,
	    "UPDATE document_heads SET default_version = ?2 WHERE name = ?1 AND EXISTS"
	    " (SELECT 1 FROM documents WHERE name = ?1 AND version = ?2)");
	sql_text(&q, name);
	sql_int(&q, version);
	return sql_run_one(&q);
}

int
store_document_del_version(struct store_tx *tx, const char *name, int64_t version)
{
	struct sql q;

	sql_open(&q, tx, "DELETE FROM documents WHERE name = ?1 AND version = ?2");
	sql_text(&q, name);
	sql_int(&q, version);
	return sql_run_one(&q);
}

int
store_document_del(struct store_tx *tx, const char *name)
{
	struct sql q;
	int r;

	sql_open(&q, tx, "DELETE FROM document_heads WHERE name = ?1");
	sql_text(&q, name);
	if ((r = sql_run_one(&q)) != 0)
		return r;
	sql_open(&q, tx, "DELETE FROM tags WHERE resource = 'Document/' || ?1");
	sql_text(&q, name);
	if ((r = sql_run(&q, NULL)) != 0)
		return r;
	sql_open(&q, tx, "DELETE FROM documents WHERE name = ?1");
	sql_text(&q, name);
	return sql_run(&q, NULL);
}

int
store_document_count(struct store_tx *tx, int64_t *n)
{
	struct sql q;

	sql_open(&q, tx, "SELECT count(DISTINCT name) FROM documents WHERE builtin = 0");
	if (sql_row(&q))
		*n = sql_col_int(&q);
	return sql_close_one(&q);
}

int
store_document_version_count(struct store_tx *tx, const char *name, int64_t *n)
{
	struct sql q;

	sql_open(&q, tx, "SELECT count(*) FROM documents WHERE name = ?1");
	sql_text(&q, name);
	if (sql_row(&q))
		*n = sql_col_int(&q);
	return sql_close_one(&q);
}

int
store_documents(
    struct store_tx *tx, const char *after_name, store_document_fn *fn, void *arg)
{
	struct store_document d = { 0 };
	struct sql q;
	bool more = true;

	sql_open(&q, tx,
	    SELECT_DOCUMENT
	    "WHERE d.version = h.default_version AND d.name > ?1 ORDER BY d.name");
	sql_text(&q, after_name);
	while (more && sql_row(&q)) {
		document_read(&q, NULL, &d);
		more = fn(arg, &d);
	}
	return sql_close(&q);
}

int
store_document_versions(struct store_tx *tx, const char *name, int64_t before,
    store_document_fn *fn, void *arg)
{
	struct store_document d = { 0 };
	struct sql q;
	bool more = true;

	sql_open(&q, tx,
	    SELECT_DOCUMENT
	    "WHERE d.name = ?1 AND (?2 = 0 OR d.version < ?2) ORDER BY d.version DESC");
	sql_text(&q, name);
	sql_int(&q, before);
	while (more && sql_row(&q)) {
		document_read(&q, NULL, &d);
		more = fn(arg, &d);
	}
	return sql_close(&q);
}
