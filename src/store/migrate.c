/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the migrations that a database has not seen yet.  The table schema_version has one
 * row for each; application_id in the file header says whose database it is.
 */
#include "store/migrate.h"

#include "base/log.h"
#include "base/text.h"

enum { APPLICATION_ID = 0x53706f72 }; /* "Spor" */

static int
db_fault(sqlite3 *db, const char *what, struct fault *f)
{
	return fault_set(f, ERR_STORE, "%s: %s", what, sqlite3_errmsg(db));
}

static int
query_int(sqlite3 *db, const char *sql, int64_t *out, struct fault *f)
{
	sqlite3_stmt *st = NULL;
	int r = 0;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK ||
	    sqlite3_step(st) != SQLITE_ROW)
		r = db_fault(db, "database cannot be read", f);
	else
		*out = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return r;
}

static int
exec(sqlite3 *db, const char *sql, struct fault *f)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return db_fault(db, "schema", f);
	return 0;
}

/* The version recorded in the file: 0 for an empty one. */
static int
current_version(sqlite3 *db, int64_t *version, struct fault *f)
{
	int64_t app = 0, tables = 0;
	int r;

	if ((r = query_int(db, "PRAGMA application_id", &app, f)) != 0 ||
	    (r = query_int(db, "SELECT count(*) FROM sqlite_schema", &tables, f)) != 0)
		return r;
	*version = 0;
	if (app == 0 && tables == 0)
		return 0;
	if (app != APPLICATION_ID)
		return fault_set(f, ERR_STORE, "this is not a Sallyport database");
	return query_int(
	    db, "SELECT coalesce(max(version), 0) FROM schema_version", version, f);
}

static int
record_step(sqlite3 *db, int64_t version, const char *name, struct fault *f)
{
	sqlite3_stmt *st = NULL;
	int r = 0;

	if (sqlite3_prepare_v2(db,
		"INSERT INTO schema_version (version, name) VALUES (?1, ?2)", -1, &st,
		NULL) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 1, version) != SQLITE_OK ||
	    sqlite3_bind_text(st, 2, name, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_step(st) != SQLITE_DONE)
		r = db_fault(db, "schema_version", f);
	sqlite3_finalize(st);
	return r;
}

/* The first step makes the file ours. */
static int
claim(sqlite3 *db, struct fault *f)
{
	char mark[64];
	int r;

	snprintf(mark, sizeof(mark), "PRAGMA application_id = %d", APPLICATION_ID);
	if ((r = exec(db, mark, f)) != 0)
		return r;
	return exec(db,
	    "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, name TEXT NOT "
	    "NULL)"
	    " STRICT",
	    f);
}

static int
run_step(sqlite3 *db, int64_t version, const struct store_migration *m, struct fault *f)
{
	struct fault inner = { 0 };
	int r;

	if ((r = exec(db, "BEGIN IMMEDIATE", f)) != 0)
		return r;
	r = version == 1 ? claim(db, &inner) : 0;
	if (r == 0 && (r = exec(db, m->text, &inner)) == 0 &&
	    (r = record_step(db, version, m->name, &inner)) == 0 &&
	    (r = exec(db, "COMMIT", &inner)) == 0)
		return 0;
	if (!sqlite3_get_autocommit(db))
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return fault_set(f, r, "migration %s: %s", m->name, fault_text(&inner));
}

/*
 * *last: the version of the last one.  A name that comes twice or leaves a number out would be
 * taken for another version by databases that exist.
 */
static int
check_names(const struct store_migration *m, int64_t *last, struct fault *f)
{
	for (*last = 0; m->name != NULL; m++) {
		int64_t version;

		if (strlen(m->name) < 5 || m->name[4] != '_' ||
		    num_parse(span_of(m->name, 4), 1, 9999, &version) != 0)
			return fault_set(
			    f, ERR_STORE, "migration %s has no number", m->name);
		if (version != *last + 1)
			return fault_set(f, ERR_STORE,
			    "migration %s is not the one that follows %04lld", m->name,
			    (long long)*last);
		*last = version;
	}
	return 0;
}

int
store_migrate(sqlite3 *db, const struct store_migration *m, struct fault *f)
{
	int64_t version = 0, last;
	int r;

	if ((r = check_names(m, &last, f)) != 0 ||
	    (r = current_version(db, &version, f)) != 0)
		return r;
	if (version > last)
		return fault_set(f, ERR_STORE,
		    "the database has schema version %lld, this program knows only up to "
		    "%lld: "
		    "it was used with a newer Sallyport",
		    (long long)version, (long long)last);
	for (; version < last; version++) {
		if ((r = run_step(db, version + 1, &m[version], f)) != 0)
			return r;
		log_debug("schema migrated", "to=%s", m[version].name);
	}
	return 0;
}
