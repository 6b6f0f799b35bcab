/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbered migrations: schema/NNNN_name.sql, embedded at build time.  The number, from 0001 on
 * without a gap, is the schema version that a database has after it.  A file that has shipped
 * never changes; a change of the schema is a new file.
 */
#pragma once

#include <sqlite3.h>

#include "base/err.h"

struct store_migration {
	const char *name; /* file name; NULL closes the table */
	const char *text;
	size_t len;
};
extern const struct store_migration store_migrations[];

/*
 * Brings the database up to the last of m, each step in a transaction of its own.
 * Refuses (ERR_STORE) one that a newer program wrote, or that is not ours at all, and before
 * anything else a list whose numbers do not count up from 1.
 */
int store_migrate(sqlite3 *db, const struct store_migration *m, struct fault *f) MUST_USE;
