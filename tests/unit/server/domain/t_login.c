/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords: hashed and remembered, verified for a login, and what guessing them costs.
 */
#include "world.h"

#include "unit/check.h"

#include "server/domain/login.h"
#include "server/domain/password_policy.h"
#include "server/domain/throttle.h"

#define GOOD   "Correct horse 1"
#define SOURCE "192.0.2.66"
#define DAY_MS (24 * 60 * 60 * 1000LL)

static char *
str(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* A record with this password before those in an older one; NULL: refused with r. */
static char *
next_record(struct world *w, const char *record, const char *old, const char *password,
    int64_t remembered, int r)
{
	struct login_work *work =
	    login_work_new(w->loop, record, old, password, remembered);
	char *made;

	login_work_run(work);
	assert_int_equal(work->r, r);
	made = work->new_record;
	work->new_record = NULL;
	login_work_free(work);
	return made;
}

static void
t_records(void **state)
{
	auto_secret *one = NULL, *two = NULL, *three = NULL;
	int64_t began;
	struct world w;
	(void)state;

	world_init(&w, 1);
	one = next_record(&w, "", NULL, "first", 24, 0);
	began = login_set_ms(one);
	assert_true(began >= 1800000000000);
	sim_run_for(w.sim, 5);
	row("only with the old one");
	assert_null(next_record(&w, one, "guess", "second", 0, ERR_DENIED));
	two = next_record(&w, one, "first", "second", 0, 0);
	assert_int_equal(login_set_ms(two), began + 5);
	row("as many as are remembered must not come again");
	assert_null(next_record(&w, two, NULL, "second", 1, ERR_EXISTS));
	assert_null(next_record(&w, two, NULL, "first", 2, ERR_EXISTS));
	three = next_record(&w, two, "second", "first", 1, 0);
	assert_null(next_record(&w, three, "second", "x", 0, ERR_DENIED));
	row("without a password none is right");
	assert_null(next_record(&w, "", "", "x", 0, ERR_DENIED));
	assert_int_equal(login_set_ms(""), 0);
	world_fini(&w);
}

struct scene {
	struct world w;
	struct throttle *t;
	struct login_verdict v;
	int told;
	char *record;
};

static int
login_run(struct store_tx *tx, void *arg, struct fault *f)
{
	struct scene *s = arg;

	(void)f;
	return store_login_put(tx,
	    &(struct store_login){
		.user = str("alice"), .hash = s->record, .created_ms = 1 });
}

static void
up(struct scene *s)
{
	struct fault f = { 0 };

	*s = (struct scene){ 0 };
	world_init(&s->w, 1);
	s->t = throttle_new(s->w.loop);
	s->record = next_record(&s->w, "", NULL, GOOD, 0, 0);
	OK(store_apply(s->w.store, login_run, s, &f));
}

static void
down(struct scene *s)
{
	throttle_free(s->t);
	secret_free(s->record);
	world_fini(&s->w);
}

static void
on_verdict(void *arg, const struct login_verdict *v)
{
	struct scene *s = arg;

	s->v = *v;
	s->told++;
}

/* One attempt; returns how long its answer took. */
static uint64_t
attempt(struct scene *s, const char *source, const char *user, const char *password)
{
	uint64_t began = ev_now_ms(s->w.loop);
	int told = s->told;

	login_verify(s->w.loop, s->w.store, s->t, source, user, password, on_verdict, s);
	while (s->told == told)
		sim_run_for(s->w.sim, 1);
	return ev_now_ms(s->w.loop) - began;
}

static void
t_verify(void **state)
{
	static const struct {
		const char *what, *user, *password;
		int r;
	} t[] = {
		{ "right", "alice", GOOD, 0 },
		{ "wrong", "alice", "Correct horse 2", ERR_DENIED },
		{ "empty", "alice", "", ERR_DENIED },
		{ "no such user", "bob", GOOD, ERR_DENIED },
	};
	struct store_login row_ = { 0 };
	auto_arena mem = { 0 };
	struct scene s;
	(void)state;

	up(&s);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		(void)attempt(&s, SOURCE, t[i].user, t[i].password);
		assert_int_equal(s.v.r, t[i].r);
		assert_false(s.v.change);
	}
	OK(store_login_get(store_reader(s.w.store), &mem, "alice", &row_));
	assert_true(row_.used_ms >= 1800000000000);
	down(&s);
}

static void
t_guessing(void **state)
{
	struct scene s;
	(void)state;

	up(&s);
	for (int i = 0; i < THROTTLE_FREE; i++)
		assert_true(attempt(&s, SOURCE, "alice", "x") < 5);
	assert_in_range(attempt(&s, SOURCE, "alice", "x"), 250, 260);
	assert_in_range(attempt(&s, SOURCE, "alice", "x"), 500, 510);
	row("from another address as well: it is about the same user");
	assert_in_range(attempt(&s, "192.0.2.7", "alice", "x"), 1000, 1010);
	row("and from that address about another one");
	assert_in_range(attempt(&s, SOURCE, "bob", "x"), 1000, 1010);
	row("the right one is told at once, and ends it for the user");
	assert_true(attempt(&s, SOURCE, "alice", GOOD) < 5);
	OK(s.v.r);
	assert_true(attempt(&s, "192.0.2.7", "alice", "x") < 5);
	row("in parallel only so many are looked at");
	for (int i = 0; i < THROTTLE_FREE; i++)
		(void)attempt(&s, SOURCE, "alice", "x");
	for (int i = 0; i < THROTTLE_HELD_MAX; i++)
		login_verify(
		    s.w.loop, s.w.store, s.t, SOURCE, "alice", "x", on_verdict, &s);
	sim_run_for(s.w.sim, 1);
	login_verify(s.w.loop, s.w.store, s.t, SOURCE, "alice", GOOD, on_verdict, &s);
	sim_run_for(s.w.sim, 1);
	assert_int_equal(s.v.r, ERR_LIMIT);
	down(&s);
}

static int
policy_run(struct store_tx *tx, void *arg, struct fault *f)
{
	auto_arena mem = { 0 };

	(void)f;
	return password_policy_store(tx, &mem, arg);
}

static void
t_age(void **state)
{
	struct password_policy p = { .given = true, .length_min = 6, .age_max_days = 30 };
	struct fault f = { 0 };
	struct scene s;
	(void)state;

	up(&s);
	OK(store_apply(s.w.store, policy_run, &p, &f));
	(void)attempt(&s, SOURCE, "alice", GOOD);
	assert_int_equal(s.v.r, 0);
	assert_false(s.v.change);
	sim_run_for(s.w.sim, 31 * DAY_MS);
	row("too old: it has to be changed");
	(void)attempt(&s, SOURCE, "alice", GOOD);
	assert_int_equal(s.v.r, 0);
	assert_true(s.v.change);
	row("and with a hard end only an administrator can");
	p.hard_expiry = true;
	OK(store_apply(s.w.store, policy_run, &p, &f));
	(void)attempt(&s, SOURCE, "alice", GOOD);
	assert_int_equal(s.v.r, ERR_EXPIRED);
	down(&s);
}

static void
t_policy(void **state)
{
	static const struct {
		const char *what;
		struct password_policy p;
		const char *password, *flaw;
	} t[] = {
		{ "AWS's own: three kinds", { .length_min = 8 }, "abcdefg1", "three of" },
		{ "three kinds", { .length_min = 8 }, "Abcdefg1", NULL },
		{ "short", { .length_min = 8 }, "Abcdef1", "minimum length of 8" },
		{ "characters, not bytes", { .given = true, .length_min = 6 },
		    "\xc3\xa4\xc3\xa4\xc3\xa4", "minimum length of 6" },
		{ "given, and nothing asked", { .given = true, .length_min = 6 },
		    "abcdef", NULL },
		{ "the name", { .given = true, .length_min = 5 }, "ALICE",
		    "name of the user" },
		{ "upper", { .given = true, .uppercase = true }, "abc", "uppercase" },
		{ "lower", { .given = true, .lowercase = true }, "ABC", "lowercase" },
		{ "number", { .given = true, .numbers = true }, "abc", "one number" },
		{ "symbol", { .given = true, .symbols = true }, "abc", "one symbol" },
		{ "all of it",
		    { .given = true,
			.length_min = 6,
			.uppercase = true,
			.lowercase = true,
			.numbers = true,
			.symbols = true },
		    "aB3$ef", NULL },
	};
	auto_arena mem = { 0 };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const char *flaw =
		    password_policy_flaw(&mem, &t[i].p, "alice", t[i].password);

		row(t[i].what);
		if (t[i].flaw == NULL)
			assert_null(flaw);
		else
			assert_non_null(strstr(flaw, t[i].flaw));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_records),
		cmocka_unit_test(t_verify),
		cmocka_unit_test(t_guessing),
		cmocka_unit_test(t_age),
		cmocka_unit_test(t_policy),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
