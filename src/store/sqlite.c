/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing the database, and the way of results back to the loop.
 *
 * deliver() is posted to the loop with the number of the store, not its address: a post
 * that arrives after store_close() finds nothing in the table of open stores.
 */
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "store/migrate.h"

/* --- the way back --------------------------------------------------------- */

static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list open_stores = { &open_stores, &open_stores };
static uint64_t open_serial;

static void
register_open(struct store *s)
{
	pthread_mutex_lock(&open_lock);
	s->id = ++open_serial;
	list_add_tail(&open_stores, &s->open_link);
	pthread_mutex_unlock(&open_lock);
}

static void
unregister_open(struct store *s)
{
	pthread_mutex_lock(&open_lock);
	list_del(&s->open_link);
	pthread_mutex_unlock(&open_lock);
}

/* Stores are closed by their loop's thread only, so the pointer stays good. */
static struct store *
find_open(uint64_t id)
{
	struct store *found = NULL;

	pthread_mutex_lock(&open_lock);
	LIST_EACH(s, &open_stores, struct store, open_link)
	if (s->id == id)
		found = s;
	pthread_mutex_unlock(&open_lock);
	return found;
}

/* Calls done() for what is finished; false when nothing was. */
static bool
deliver_some(struct store *s)
{
	struct list ready;

	list_init(&ready);
	pthread_mutex_lock(&s->lock);
	s->posted = false;
	while (!list_empty(&s->finished)) {
		struct list *l = s->finished.next;

		list_del(l);
		list_add_tail(&ready, l);
	}
	pthread_mutex_unlock(&s->lock);
	if (list_empty(&ready))
		return false;
	LIST_EACH(c, &ready, struct change, link)
	{
		list_del(&c->link);
		pthread_mutex_lock(&s->lock);
		s->pending--;
		pthread_mutex_unlock(&s->lock);
		c->done(c->arg, c->r, &c->fault);
		free(c);
	}
	return true;
}

static void
deliver(void *arg)
{
	struct store *s = find_open((uint64_t)(uintptr_t)arg);

	if (s != NULL)
		(void)deliver_some(s);
}

void
store_finished(struct store *s, struct list *batch)
{
	bool post = false;

	pthread_mutex_lock(&s->lock);
	LIST_EACH(c, batch, struct change, link)
	{
		list_del(&c->link);
		if (c->finished != NULL) { /* the change is on the waiter's stack */
			*c->finished = true;
			continue;
		}
		list_add_tail(&s->finished, &c->link);
		post = true;
	}
	post = post && !s->posted;
	s->posted = s->posted || post;
	pthread_cond_broadcast(&s->ended);
	pthread_mutex_unlock(&s->lock);
	if (!post)
		return;
	if (s->is_inline)
		ev_defer(s->loop, deliver, (void *)(uintptr_t)s->id);
	else
		ev_post(s->loop, deliver, (void *)(uintptr_t)s->id);
}

/* --- submitting ------------------------------------------------------------ */

static void
run_inline(struct store *s, struct change *c)
{
	struct list batch;

	list_init(&batch);
	list_add_tail(&batch, &c->link);
	writer_batch(&s->writer, &batch);
	store_finished(s, &batch);
}

static void
enqueue(struct store *s, struct change *c)
{
	pthread_mutex_lock(&s->lock);
	list_add_tail(&s->queue, &c->link);
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

void
store_submit(struct store *s, store_run *run, store_done *done, void *arg)
{
	struct change *c = xcalloc(1, sizeof(*c));

	assert(done != NULL);
	*c = (struct change){ .run = run, .done = done, .arg = arg };
	pthread_mutex_lock(&s->lock);
	s->pending++;
	pthread_mutex_unlock(&s->lock);
	if (s->is_inline)
		run_inline(s, c);
	else
		enqueue(s, c);
}

int
store_apply(struct store *s, store_run *run, void *arg, struct fault *f)
{
	bool finished = false;
	struct change c = { .run = run, .arg = arg, .finished = &finished };

	if (s->is_inline) {
		run_inline(s, &c);
	} else {
		enqueue(s, &c);
		pthread_mutex_lock(&s->lock);
		while (!finished)
			pthread_cond_wait(&s->ended, &s->lock);
		pthread_mutex_unlock(&s->lock);
	}
	if (f != NULL && c.r != 0)
		*f = c.fault;
	return c.r;
}

bool
store_is_full(const struct store *s)
{
	return atomic_load(&s->writer.full);
}

struct store_tx *
store_reader(struct store *s)
{
	return &s->reader;
}

/* Inline, the reader is the writer's connection, and nothing is committed meanwhile. */
int
store_freeze(struct store *s)
{
	if (s->is_inline)
		return 0;
	return sqlite3_exec(s->reader.db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK
	    ? 0
	    : ERR_STORE;
}

void
store_thaw(struct store *s)
{
	if (!s->is_inline &&
	    sqlite3_exec(s->reader.db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
		log_error("the reader stays behind", "reason=%s",
		    log_q(sqlite3_errmsg(s->reader.db)));
}

/* --- opening and closing ---------------------------------------------------- */

/* SQLite gives the -wal and -shm files the mode of the database. */
static int
create_file(const char *path, struct fault *f)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (errno != EEXIST)
		return fault_set(f, ERR_STORE, "%s: %s", path, strerror(errno));
	if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
		log_warn("database is open to others", "path=%s mode=%o", log_q(path),
		    (unsigned)st.st_mode & 0777);
	return 0;
}

static int
connect_db(struct store_tx *tx, const char *path, const char *pragmas, struct fault *f)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;

	if (strcmp(path, ":memory:") == 0)
		flags |= SQLITE_OPEN_MEMORY;
	if (sqlite3_open_v2(path, &tx->db, flags, NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(tx->db, STORE_BUSY_MS) != SQLITE_OK ||
	    sqlite3_exec(tx->db, pragmas, NULL, NULL, NULL) != SQLITE_OK)
		return fault_set(f, ERR_STORE, "%s: %s", path,
		    tx->db != NULL ? sqlite3_errmsg(tx->db) : "out of memory");
	return 0;
}

/*
 * KiB of pages that each connection keeps.  What it does not have is in the system's cache;
 * SQLite's own 2 MiB would fill with history, a KiB for each session.
 */
#define CACHE "PRAGMA cache_size = -512;"

static int
connect_both(struct store *s, const char *path, struct fault *f)
{
	static const char writer_pragmas[] =
	    "PRAGMA journal_mode = WAL;"
	    "PRAGMA synchronous = FULL;"
	    "PRAGMA foreign_keys = ON;"
	    "PRAGMA trusted_schema = OFF;"
	    "PRAGMA secure_delete = FAST;"
	    "PRAGMA wal_autocheckpoint = 1000;"
	    "PRAGMA journal_size_limit = 67108864;" CACHE;
	static const char reader_pragmas[] = "PRAGMA query_only = ON;"
					     "PRAGMA trusted_schema = OFF;" CACHE;
	struct fault inner = { 0 };
	int r;

	s->writer.writable = true;
	if ((r = connect_db(&s->writer, path, writer_pragmas, f)) != 0)
		return r;
	if ((r = store_migrate(s->writer.db, store_migrations, &inner)) != 0)
		return fault_set(f, r, "%s: %s", path, fault_text(&inner));
	if (s->is_inline) { /* a simulated crash is no power cut: nothing to sync */
		s->reader.db = s->writer.db;
		(void)sqlite3_exec(
		    s->writer.db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
		return 0;
	}
	return connect_db(&s->reader, path, reader_pragmas, f);
}

static void
disconnect_both(struct store *s)
{
	sql_fini(&s->reader);
	sql_fini(&s->writer);
	free(s->writer.audit);
	if (s->reader.db != s->writer.db)
		sqlite3_close(s->reader.db);
	if (sqlite3_close(s->writer.db) != SQLITE_OK)
		abort(); /* a statement was forgotten */
}

static void
store_free(struct store *s)
{
	disconnect_both(s);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->ended);
	free(s);
}

int
store_open(struct store **out, struct ev_loop *l, const char *path, struct fault *f)
{
	struct store *s = xcalloc(1, sizeof(*s));
	bool memory = strcmp(path, ":memory:") == 0;
	int r;

	*out = NULL;
	s->loop = l;
	s->is_inline = memory;
	if (strncmp(path, "inline:", 7) == 0) {
		s->is_inline = true;
		path += 7;
	}
	list_init(&s->queue);
	list_init(&s->finished);
	list_init(&s->open_link);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	pthread_cond_init(&s->ended, NULL);
	if ((!memory && (r = create_file(path, f)) != 0) ||
	    (r = connect_both(s, path, f)) != 0 ||
	    (!s->is_inline && (r = writer_start(s, f)) != 0)) {
		store_free(s);
		return r;
	}
	register_open(s);
	*out = s;
	return 0;
}

/* Every done() is called, here at the latest: it may own what its arg points to. */
void
store_close(struct store *s)
{
	bool waiting;

	if (s == NULL)
		return;
	do {
		pthread_mutex_lock(&s->lock);
		while (s->pending > 0 && list_empty(&s->finished))
			pthread_cond_wait(&s->ended, &s->lock);
		waiting = s->pending > 0;
		pthread_mutex_unlock(&s->lock);
	} while (waiting && deliver_some(s));
	unregister_open(s);
	if (!s->is_inline)
		writer_stop(s);
	store_free(s);
}
