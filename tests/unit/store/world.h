/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the store's tests: a store in a folder of its own, of each kind of path.  Uses
 * store.h only.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "store/store.h"

#define OK(call) assert_int_equal(call, 0)

static const char *const kinds[] = { "memory", "inline", "file" };

struct world {
	struct ev_loop *loop;
	struct store *store;
	struct ev_timer limit; /* a test that hangs stops here */
	char dir[32];
	char file[64];
	char path[96];
};

static inline void
world_init(struct world *w, const char *kind)
{
	memset(w, 0, sizeof(*w));
	memcpy(w->dir, "/tmp/t_store.XXXXXX", sizeof("/tmp/t_store.XXXXXX"));
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->file, sizeof(w->file), "%s/db", w->dir);
	if (strcmp(kind, "memory") == 0)
		snprintf(w->path, sizeof(w->path), ":memory:");
	else
		snprintf(w->path, sizeof(w->path), "%s%s",
		    strcmp(kind, "inline") == 0 ? "inline:" : "", w->file);
	w->loop = ev_loop_new();
}

static inline void
world_open(struct world *w)
{
	struct fault f = { 0 };

	if (store_open(&w->store, w->loop, w->path, &f) != 0)
		fail_msg("store_open: %s", f.text);
}

static inline void
world_close(struct world *w)
{
	store_close(w->store);
	w->store = NULL;
}

static inline void
world_fini(struct world *w)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char name[96];

	world_close(w);
	ev_timer_clear(&w->limit);
	ev_loop_free(w->loop);
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		snprintf(name, sizeof(name), "%s%s", w->file, suffixes[i]);
		(void)unlink(name);
	}
	assert_int_equal(rmdir(w->dir), 0);
}

static inline void
on_limit(void *arg)
{
	(void)arg;
	fail_msg("the loop did not come to an end");
}

static inline void
world_run(struct world *w)
{
	ev_timer_set(w->loop, &w->limit, 60000, on_limit, NULL);
	ev_run(w->loop);
	ev_timer_clear(&w->limit);
}

/* Applies one step, written as a function of the transaction. */
struct step {
	int (*fn)(struct store_tx *tx, struct arena *mem);
	struct arena mem;
};

static inline int
step_run(struct store_tx *tx, void *arg, struct fault *f)
{
	struct step *s = arg;

	(void)f;
	return s->fn(tx, &s->mem);
}

static inline int
apply(struct world *w, int (*fn)(struct store_tx *, struct arena *))
{
	struct step s = { .fn = fn };
	struct fault f = { 0 };
	int r = store_apply(w->store, step_run, &s, &f);

	arena_fini(&s.mem);
	return r;
}

/* String members are char *: the store never writes to them. */
static inline char *
str(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* One step in each kind of store, each in one of its own. */
struct rows {
	const char *what;
	int (*fn)(struct store_tx *tx, struct arena *mem);
};

static inline void
each_rows(const struct rows *t, size_t n)
{
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		for (size_t i = 0; i < n; i++) {
			struct world w;

			print_message("  %s: %s\n", kinds[k], t[i].what);
			world_init(&w, kinds[k]);
			world_open(&w);
			OK(apply(&w, t[i].fn));
			world_fini(&w);
		}
	}
}
