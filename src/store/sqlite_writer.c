/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer thread: takes what waits, up to STORE_BATCH_MAX changes, and commits it
 * together.  While one batch is being synced the next one gathers, so throughput grows
 * with load without anybody waiting for a timer.
 */
#include "store/sqlite.h"

#include <errno.h>
#include <signal.h>

#include "base/log.h"
#include "store/sqlite_audit.h"

static int
exec(struct store_tx *tx, const char *sql)
{
	if (sqlite3_exec(tx->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	sql_note_full(tx);
	snprintf(tx->why, sizeof(tx->why), "%s", sqlite3_errmsg(tx->db));
	log_error("database", "statement=%s reason=%s", sql, log_q(tx->why));
	return ERR_STORE;
}

static void
fail(struct change *c, const char *why)
{
	c->r = fault_set(&c->fault, ERR_STORE, "the database failed: %s", why);
}

/* What ran since start, up to and without end, did not become durable. */
static void
undo(struct store_tx *tx, struct list *start, const struct list *end)
{
	char why[sizeof(tx->why)];

	memcpy(why, tx->why, sizeof(why));
	audit_undone(tx);
	if (!sqlite3_get_autocommit(tx->db))
		(void)exec(tx, "ROLLBACK");
	for (struct list *l = start; l != end; l = l->next) {
		struct change *c = CONTAINER_OF(l, struct change, link);

		if (c->r == 0)
			fail(c, why);
	}
}

/* One change in its savepoint.  ERR_STORE: the transaction itself is gone. */
static int
run_change(struct store_tx *tx, struct change *c)
{
	struct audit_chain trail = audit_place(tx);

	if (exec(tx, "SAVEPOINT change") != 0) {
		fail(c, tx->why);
		return sqlite3_get_autocommit(tx->db) ? ERR_STORE : 0;
	}
	tx->why[0] = '\0';
	c->r = c->run(tx, c->arg, &c->fault);
	if (c->r == ERR_STORE && c->fault.code == 0)
		fail(c, tx->why[0] != '\0' ? tx->why : "no reason given");
	/* SQLite rolls everything back by itself when the disk is full, for example. */
	if (sqlite3_get_autocommit(tx->db)) {
		if (c->r == 0)
			fail(c, tx->why);
		return ERR_STORE;
	}
	if (c->r != 0) {
		if (exec(tx, "ROLLBACK TO change") != 0)
			return ERR_STORE;
		audit_back_to(tx, &trail);
	}
	if (exec(tx, "RELEASE change") != 0) {
		fail(c, tx->why);
		return ERR_STORE;
	}
	return 0;
}

void
writer_batch(struct store_tx *tx, struct list *batch)
{
	struct list *start = batch->next; /* first change of the open transaction */
	bool open = false;

	tx->met_full = false;
	LIST_EACH(c, batch, struct change, link)
	{
		if (!open) {
			if (exec(tx, "BEGIN IMMEDIATE") != 0) {
				fail(c, tx->why);
				continue;
			}
			start = &c->link;
		}
		open = run_change(tx, c) == 0;
		if (!open)
			undo(tx, start, c->link.next);
	}
	if (!open)
		return;
	if (audit_seal(tx) == 0 && exec(tx, "COMMIT") == 0) {
		audit_committed(tx);
		atomic_store(&tx->full, tx->met_full);
	} else {
		undo(tx, start, batch);
	}
}

/* Waits for work; false when there is none and never will be. */
static bool
take_batch(struct store *s, struct list *batch)
{
	size_t n = 0;

	pthread_mutex_lock(&s->lock);
	while (list_empty(&s->queue) && !s->stopping)
		pthread_cond_wait(&s->work, &s->lock);
	while (!list_empty(&s->queue) && n++ < STORE_BATCH_MAX) {
		struct list *l = s->queue.next;

		list_del(l);
		list_add_tail(batch, l);
	}
	pthread_mutex_unlock(&s->lock);
	return !list_empty(batch);
}

static void *
writer_main(void *arg)
{
	struct store *s = arg;
	struct list batch;

	list_init(&batch);
	while (take_batch(s, &batch)) {
		writer_batch(&s->writer, &batch);
		store_finished(s, &batch);
	}
	return NULL;
}

/* Signals are the loop's: the thread starts with all of them blocked. */
int
writer_start(struct store *s, struct fault *f)
{
	sigset_t all, old;
	int e;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	e = pthread_create(&s->thread, NULL, writer_main, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (e != 0)
		return fault_set(f, ERR_STORE, "no writer thread: %s", strerror(e));
	return 0;
}

void
writer_stop(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
}
