/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store promises about changes: order, group commit, undoing only what failed,
 * and that nothing acknowledged is lost, also to kill -9.
 */
#include "world.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int
touch(struct store_tx *tx, struct arena *mem)
{
	(void)mem;
	return store_meta_put(tx, "touched", "yes");
}

/* --- changes that wait together ------------------------------------------------------
 */

enum { MANY = 1000 };

struct many {
	struct world *w;
	int64_t next;      /* the number that must come next */
	int64_t committed; /* successes so far */
	int64_t last;      /* stop the loop behind this one */
};

struct numbered {
	struct many *all;
	int64_t n;
};

static void
put_number(struct store_tx *tx, int64_t n)
{
	char name[32], value[32];

	snprintf(name, sizeof(name), "n%lld", (long long)n);
	snprintf(value, sizeof(value), "%lld", (long long)n);
	OK(store_meta_put(tx, name, value));
	OK(store_meta_put(tx, "newest", value));
}

static bool
has_number(struct store *s, int64_t n)
{
	auto_arena mem = { 0 };
	char name[32], *value;
	int r;

	snprintf(name, sizeof(name), "n%lld", (long long)n);
	r = store_meta_get(store_reader(s), &mem, name, &value);
	assert_true(r == 0 || r == ERR_NOTFOUND);
	return r == 0;
}

/* Every third fails after it has changed something. */
static int
numbered_run(struct store_tx *tx, void *arg, struct fault *f)
{
	struct numbered *c = arg;

	put_number(tx, c->n);
	if (c->n % 3 == 0)
		return fault_set(f, ERR_CONFLICT, "number %lld", (long long)c->n);
	return 0;
}

static void
numbered_done(void *arg, int r, const struct fault *f)
{
	struct numbered *c = arg;
	struct many *m = c->all;
	char expect[32];

	assert_int_equal(c->n, m->next);
	m->next++;
	snprintf(expect, sizeof(expect), "number %lld", (long long)c->n);
	assert_int_equal(r, c->n % 3 == 0 ? ERR_CONFLICT : 0);
	if (r != 0)
		assert_string_equal(f->text, expect);
	else
		assert_true(has_number(m->w->store, c->n)); /* readers see it by now */
	if (c->n == m->last)
		ev_stop(m->w->loop);
	free(c);
}

static void
submit_number(struct many *m, int64_t n)
{
	struct numbered *c = xcalloc(1, sizeof(*c));

	*c = (struct numbered){ m, n };
	store_submit(m->w->store, numbered_run, numbered_done, c);
}

static void
t_group(void **state)
{
	(void)state;

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct world w;
		struct many m = { .w = &w, .last = MANY - 1 };
		auto_arena mem = { 0 };
		char *newest;

		print_message("  %s\n", kinds[k]);
		world_init(&w, kinds[k]);
		world_open(&w);
		for (int64_t n = 0; n < MANY; n++)
			submit_number(&m, n);
		assert_int_equal(m.next, 0); /* never from inside store_submit() */
		world_run(&w);
		assert_int_equal(m.next, MANY);
		for (int64_t n = 0; n < MANY; n++)
			assert_int_equal(has_number(w.store, n), n % 3 != 0);
		OK(store_meta_get(store_reader(w.store), &mem, "newest", &newest));
		assert_string_equal(newest, "998"); /* 999 failed: undone */
		world_fini(&w);
	}
}

static void
t_close_finishes(void **state)
{
	(void)state;

	for (size_t k = 1; k < ARRAY_LEN(kinds); k++) {
		struct world w;
		struct many m = { .w = &w, .last = -1 };

		print_message("  %s\n", kinds[k]);
		world_init(&w, kinds[k]);
		world_open(&w);
		for (int64_t n = 0; n < MANY; n++)
			submit_number(&m, n);
		world_close(&w); /* the loop never ran */
		assert_int_equal(m.next, MANY);
		world_open(&w);
		assert_true(has_number(w.store, MANY - 2));
		world_close(&w);
		/* A call that was on its way to the loop finds no store, and no memory.
		 */
		ev_run(w.loop);
		world_fini(&w);
	}
}

/* done() may submit, and store_apply() may be called while changes are under way. */
static void
chain_done(void *arg, int r, const struct fault *f)
{
	struct numbered *c = arg;
	struct many *m = c->all;

	(void)f;
	OK(r);
	m->committed++;
	if (m->committed < 50) {
		c->n = m->committed * 3 + 1;
		store_submit(m->w->store, numbered_run, chain_done, c);
		OK(apply(m->w, touch));
		return;
	}
	free(c);
	ev_stop(m->w->loop);
}

static void
t_chain(void **state)
{
	(void)state;

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct world w;
		struct many m = { .w = &w };
		struct numbered *c = xcalloc(1, sizeof(*c));

		world_init(&w, kinds[k]);
		world_open(&w);
		*c = (struct numbered){ &m, 1 };
		store_submit(w.store, numbered_run, chain_done, c);
		world_run(&w);
		assert_int_equal(m.committed, 50);
		assert_true(has_number(w.store, 49 * 3 + 1));
		world_fini(&w);
	}
}

static int
bad_row(struct store_tx *tx, void *arg, struct fault *f)
{
	struct store_key k = { .access_key = str("A"),
		.secret = str(""),
		.kind = 9, /* no such kind */
		.owner = str("x"),
		.token_sha256 = str("") };

	(void)arg;
	(void)f;
	return store_key_put(tx, &k);
}

static void
t_fault(void **state)
{
	(void)state;

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct fault f = { 0 };
		struct world w;

		world_init(&w, kinds[k]);
		world_open(&w);
		assert_int_equal(store_apply(w.store, bad_row, NULL, &f), ERR_STORE);
		assert_int_equal(f.code, ERR_STORE);
		assert_non_null(strstr(f.text, "CHECK"));
		OK(apply(&w, touch)); /* and it goes on */
		world_fini(&w);
	}
}

/* --- files
 * ------------------------------------------------------------------------------ */

static void
t_reopen(void **state)
{
	(void)state;

	for (size_t k = 1; k < ARRAY_LEN(kinds); k++) {
		auto_arena mem = { 0 };
		struct world w;
		struct stat st;
		char *value;

		world_init(&w, kinds[k]);
		world_open(&w);
		OK(apply(&w, touch));
		OK(stat(w.file, &st));
		assert_int_equal(st.st_mode & 0777, 0600);
		world_close(&w);
		for (int i = 0; i < 3; i++) {
			world_open(&w);
			OK(store_meta_get(
			    store_reader(w.store), &mem, "touched", &value));
			assert_string_equal(value, "yes");
			world_close(&w);
		}
		world_fini(&w);
	}
}

static void
t_bad_path(void **state)
{
	struct ev_loop *l = ev_loop_new();
	struct store *s;
	struct fault f = { 0 };
	(void)state;

	assert_int_equal(store_open(&s, l, "/nonexistent/dir/db", &f), ERR_STORE);
	assert_null(s);
	assert_non_null(strstr(f.text, "/nonexistent/dir/db"));
	ev_loop_free(l);
}

/* --- kill -9
 * ------------------------------------------------------------------------------ */

enum { IN_FLIGHT = 64 };

struct ack {
	struct world *w;
	int fd;
	int64_t *next;
	int64_t n;
};

static int
ack_run(struct store_tx *tx, void *arg, struct fault *f)
{
	struct ack *a = arg;

	(void)f;
	put_number(tx, a->n);
	return 0;
}

/* Tells the parent, as an answer would be sent to a client, and goes on. */
static void
ack_done(void *arg, int r, const struct fault *f)
{
	struct ack *a = arg;

	(void)f;
	if (r != 0 || write(a->fd, &a->n, sizeof(a->n)) != sizeof(a->n))
		_exit(3);
	a->n = (*a->next)++;
	store_submit(a->w->store, ack_run, ack_done, a);
}

static _Noreturn void
writer_process(struct world *w, int fd, int64_t first)
{
	struct ack acks[IN_FLIGHT];
	struct fault f = { 0 };

	w->loop = ev_loop_new();
	if (store_open(&w->store, w->loop, w->path, &f) != 0)
		_exit(2);
	for (size_t i = 0; i < IN_FLIGHT; i++) {
		acks[i] = (struct ack){ w, fd, &first, first };
		first++;
		store_submit(w->store, ack_run, ack_done, &acks[i]);
	}
	for (;;) {
		ev_timer_set(w->loop, &w->limit, 1000, (ev_cb *)ev_stop, w->loop);
		ev_run(w->loop);
	}
}

/* Reads what the child acknowledged, kills it after "count", reads what was still in the
 * pipe. */
static int64_t
kill_after(struct world *w, int64_t first, int64_t count, bool *acked)
{
	int fds[2], status;
	int64_t n, got = 0;
	pid_t pid;

	OK(pipe(fds));
	if ((pid = fork()) == 0) {
		close(fds[0]);
		writer_process(w, fds[1], first);
	}
	assert_true(pid > 0);
	close(fds[1]);
	while (read(fds[0], &n, sizeof(n)) == sizeof(n)) {
		acked[n] = true;
		if (++got == count)
			OK(kill(pid, SIGKILL));
	}
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return got;
}

static void
t_kill(void **state)
{
	enum { ROUNDS = 6, SPAN_OF_ROUND = 100000 };
	bool *acked = xcalloc(ROUNDS * SPAN_OF_ROUND, sizeof(*acked));
	int64_t lost = 0, total = 0;
	struct world w;
	(void)state;

	world_init(&w, "file");
	ev_loop_free(w.loop); /* the child makes its own, before any thread exists here */
	for (int64_t i = 0; i < ROUNDS; i++)
		total += kill_after(&w, i * SPAN_OF_ROUND, 1 + i * 137, acked);
	w.loop = ev_loop_new();
	w.store = NULL;
	world_open(&w);
	for (int64_t n = 0; n < ROUNDS * SPAN_OF_ROUND; n++)
		lost += acked[n] && !has_number(w.store, n);
	print_message("  %lld acknowledged before kill -9, %lld lost\n", (long long)total,
	    (long long)lost);
	assert_int_equal(lost, 0);
	OK(apply(&w, touch)); /* and it takes changes */
	world_fini(&w);
	free(acked);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_kill), /* first: it forks */
		cmocka_unit_test(t_group),
		cmocka_unit_test(t_close_finishes),
		cmocka_unit_test(t_chain),
		cmocka_unit_test(t_fault),
		cmocka_unit_test(t_reopen),
		cmocka_unit_test(t_bad_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
