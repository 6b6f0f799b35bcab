/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to src/store: prepared statements as straight lines.
 *
 *	struct sql q;
 *	sql_open(&q, tx, "SELECT value FROM meta WHERE name = ?1");
 *	sql_text(&q, name);
 *	while (sql_row(&q))
 *		value = sql_col_text(&q, mem);
 *	return sql_close(&q);
 *
 * The text must be a literal: statements are prepared once for each connection and kept
 * under the literal's address.  Values come in through parameters only, in the order of
 * their numbers; columns come out in the order of the SELECT.  An error sticks and is
 * told by sql_close().
 */
#pragma once

#include <sqlite3.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "store/store.h"

enum { SQL_SLOTS = 256 }; /* a power of two, well above the number of statements */

struct sql_slot {
	const char *text;
	sqlite3_stmt *st;
	bool busy; /* a list callback may run the same statement again */
};

struct store_audit;

struct store_tx {
	sqlite3 *db;
	bool writable;
	atomic_bool full; /* the disk was, when something was written last */
	bool met_full;    /* in the transaction at hand */
	struct store_audit *audit; /* the writer's, once there is a key; owned */
	char why[200]; /* of the last failure, for the fault */
	struct sql_slot slots[SQL_SLOTS];
};

struct sql {
	struct store_tx *tx;
	sqlite3_stmt *st;
	struct sql_slot *slot; /* NULL: prepared for this use only */
	int param, col;
	int rc;    /* last SQLite code */
	int nrows; /* SELECT: rows seen */
};

void sql_open(struct sql *q, struct store_tx *tx, const char *text);
void sql_text(struct sql *q, const char *s); /* s outlives the statement's use */
void sql_int(struct sql *q, int64_t v);
bool sql_row(struct sql *q);
/* mem NULL: SQLite's own memory, good until the next row. */
char *sql_col_text(struct sql *q, struct arena *mem) __attribute__((returns_nonnull));
int64_t sql_col_int(struct sql *q);
int sql_close(struct sql *q) MUST_USE;

/* Runs to the end and closes; *changed (may be NULL) is the number of rows changed. */
int sql_run(struct sql *q, int64_t *changed) MUST_USE;
/* The same; ERR_NOTFOUND when no row was changed. */
int sql_run_one(struct sql *q) MUST_USE;
/* Closes a SELECT that wanted one row; ERR_NOTFOUND when there was none. */
int sql_close_one(struct sql *q) MUST_USE;

/* After each failure: was it for want of space? */
void sql_note_full(struct store_tx *tx);

void sql_fini(struct store_tx *tx); /* finalizes the kept statements */
