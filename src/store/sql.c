/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prepared statements, kept for each connection.  A connection belongs to one thread at a
 * time, so nothing here locks.
 */
#include "store/sql.h"

#include "base/log.h"

static struct sql_slot *
find_slot(struct store_tx *tx, const char *text)
{
	uint64_t h = (uint64_t)(uintptr_t)text * 0x9e3779b97f4a7c15u;

	for (uint32_t n = 0; n < SQL_SLOTS; n++) {
		struct sql_slot *s = &tx->slots[((h >> 40) + n) & (SQL_SLOTS - 1)];

		if (s->text == text || s->text == NULL)
			return s;
	}
	abort(); /* more statements than slots: raise SQL_SLOTS */
}

void
sql_note_full(struct store_tx *tx)
{
	if ((sqlite3_errcode(tx->db) & 0xff) != SQLITE_FULL)
		return;
	tx->met_full = true;
	atomic_store(&tx->full, true);
}

static void
failed(struct sql *q, int rc)
{
	sql_note_full(q->tx);
	if (q->rc == SQLITE_OK || q->rc == SQLITE_ROW)
		q->rc = rc;
	snprintf(q->tx->why, sizeof(q->tx->why), "%s", sqlite3_errmsg(q->tx->db));
}

void
sql_open(struct sql *q, struct store_tx *tx, const char *text)
{
	struct sql_slot *s = find_slot(tx, text);
	int rc;

	*q = (struct sql){ .tx = tx };
	if (s->text == text && !s->busy) {
		q->st = s->st;
		q->slot = s;
		s->busy = true;
	} else {
		rc = sqlite3_prepare_v3(tx->db, text, -1,
		    s->text == NULL ? SQLITE_PREPARE_PERSISTENT : 0, &q->st, NULL);
		if (rc != SQLITE_OK) {
			failed(q, rc);
			return;
		}
		if (s->text == NULL) {
			*s = (struct sql_slot){ .text = text, .st = q->st, .busy = true };
			q->slot = s;
		}
	}
	/* A programmer's mistake: a change through the reader. */
	assert(tx->writable || sqlite3_stmt_readonly(q->st));
}

void
sql_text(struct sql *q, const char *s)
{
	int rc;

	if (q->rc != SQLITE_OK)
		return;
	rc = sqlite3_bind_text(q->st, ++q->param, s != NULL ? s : "", -1, SQLITE_STATIC);
	if (rc != SQLITE_OK)
		failed(q, rc);
}

void
sql_int(struct sql *q, int64_t v)
{
	int rc;

	if (q->rc != SQLITE_OK)
		return;
	if ((rc = sqlite3_bind_int64(q->st, ++q->param, v)) != SQLITE_OK)
		failed(q, rc);
}

bool
sql_row(struct sql *q)
{
	int rc;

	if (q->rc != SQLITE_OK && q->rc != SQLITE_ROW)
		return false;
	rc = sqlite3_step(q->st);
	q->col = 0;
	if (rc == SQLITE_ROW) {
		q->rc = rc;
		q->nrows++;
		return true;
	}
	if (rc == SQLITE_DONE)
		q->rc = rc;
	else
		failed(q, rc);
	return false;
}

char *
sql_col_text(struct sql *q, struct arena *mem)
{
	static char empty[1];
	const unsigned char *p = sqlite3_column_text(q->st, q->col++);

	if (p == NULL) /* columns are NOT NULL: out of memory */
		return mem != NULL ? arena_strdup(mem, "") : empty;
	if (mem != NULL)
		return arena_strdup(mem, (const char *)p);
	return (char *)(uintptr_t)p;
}

int64_t
sql_col_int(struct sql *q)
{
	return sqlite3_column_int64(q->st, q->col++);
}

/* What an outcome means for the caller; the cause of ERR_STORE is logged here. */
static int
result(const struct sql *q)
{
	switch (q->rc) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_ROWID:
		return ERR_EXISTS;
	case SQLITE_CONSTRAINT_FOREIGNKEY:
		return ERR_CONFLICT;
	default:
		log_error("database", "code=%d reason=%s", q->rc, log_q(q->tx->why));
		return ERR_STORE;
	}
}

int
sql_close(struct sql *q)
{
	if (q->slot != NULL) {
		sqlite3_reset(q->st);
		sqlite3_clear_bindings(q->st);
		q->slot->busy = false;
	} else {
		sqlite3_finalize(q->st);
	}
	q->st = NULL;
	return result(q);
}

int
sql_run(struct sql *q, int64_t *changed)
{
	while (sql_row(q))
		;
	if (changed != NULL)
		*changed = q->rc == SQLITE_DONE ? sqlite3_changes64(q->tx->db) : 0;
	return sql_close(q);
}

int
sql_run_one(struct sql *q)
{
	int64_t changed;
	int r = sql_run(q, &changed);

	return r == 0 && changed == 0 ? ERR_NOTFOUND : r;
}

int
sql_close_one(struct sql *q)
{
	int r = sql_close(q);

	return r == 0 && q->nrows == 0 ? ERR_NOTFOUND : r;
}

void
sql_fini(struct store_tx *tx)
{
	for (size_t i = 0; i < SQL_SLOTS; i++)
		sqlite3_finalize(tx->slots[i].st);
	memset(tx->slots, 0, sizeof(tx->slots));
}
