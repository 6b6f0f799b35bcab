/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to src/store: the store itself.  sqlite.c opens connections and delivers
 * results on the loop; sqlite_writer.c is the writer thread.
 *
 * A change (struct change) walks through
 *
 *	store_submit() --> queue --> writer: savepoint, run() --> commit --> done list -->
 *done()
 *
 * lock guards queue, finished and the flags; everything else belongs to the loop's thread
 * (reader) or to the writer thread (writer).
 */
#pragma once

#include <pthread.h>

#include "base/list.h"
#include "store/sql.h"

enum {
	STORE_BATCH_MAX = 256, /* changes in one transaction */
	STORE_BUSY_MS = 10000, /* waiting for another process, a backup for example */
};

struct change {
	struct list link;
	store_run *run;
	store_done *done; /* NULL: somebody waits in store_apply() */
	void *arg;
	int r;
	bool *finished; /* store_apply() */
	struct fault fault;
};

struct store {
	struct ev_loop *loop;
	uint64_t id; /* in the table of open stores, see deliver() */
	struct list open_link;
	bool is_inline; /* no threads: changes run inside store_submit() */
	struct store_tx writer;
	struct store_tx reader; /* shares the writer's connection when inline */

	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work;  /* something in queue, or stopping */
	pthread_cond_t ended; /* something finished */
	struct list queue;
	struct list finished;
	size_t pending; /* submitted, and done() has not been called */
	bool posted;    /* a call of deliver() is on its way */
	bool stopping;
};

int writer_start(struct store *s, struct fault *f) MUST_USE;
void writer_stop(struct store *s); /* after the queue ran dry */
/* One transaction around the changes of batch; sets r and fault of each. */
void writer_batch(struct store_tx *tx, struct list *batch);
/* From the writer thread: these are committed (or failed). */
void store_finished(struct store *s, struct list *batch);
