/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Codes of second factors: when they are good, that each is good once, and what guessing costs.
 */
#include "world.h"

#include "unit/check.h"

#include "crypto/totp.h"
#include "server/domain/mfa.h"

#define SEED   "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
#define SERIAL "arn:aws:iam::123456789012:mfa/phones/alice"
#define T0     1795225285000

static char *
str(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* One attempt, or the making of the device, as a transaction. */
struct attempt {
	const char *user, *serial;
	char code[TOTP_DIGITS + 1], next[TOTP_DIGITS + 1]; /* next "": mfa_check() */
	int64_t now_ms;
	int r;
};

static int
make_run(struct store_tx *tx, void *arg, struct fault *f)
{
	struct store_mfa m = { .name = str("alice"),
		.path = str("/phones/"),
		.user = str("alice"),
		.seed = str(SEED) };

	(void)arg;
	(void)f;
	OK(store_meta_put(tx, "account-id", "123456789012"));
	return store_mfa_put(tx, &m);
}

static int
attempt_run(struct store_tx *tx, void *arg, struct fault *f)
{
	struct attempt *a = arg;
	struct store_mfa m = { 0 };
	auto_arena mem = { 0 };

	(void)f;
	if (a->next[0] == '\0') {
		a->r = mfa_check(tx, &mem, a->user, a->serial, a->code, a->now_ms);
	} else {
		OK(mfa_find(tx, &mem, a->serial, &m));
		a->r = mfa_sync(tx, &m, a->code, a->next, a->now_ms);
	}
	return 0; /* a refusal is stored as well */
}

static int
try(struct world *w, const char *user, const char *serial, int64_t now_ms,
    int64_t code_ms)
{
	struct attempt a = { .user = user, .serial = serial, .now_ms = now_ms };
	struct fault f = { 0 };

	OK(totp_code(a.code, SEED, code_ms / TOTP_STEP_MS));
	OK(store_apply(w->store, attempt_run, &a, &f));
	return a.r;
}

static int
try_pair(struct world *w, int64_t now_ms, int64_t first_ms, int64_t second_ms)
{
	struct attempt a = { .serial = SERIAL, .now_ms = now_ms };
	struct fault f = { 0 };

	OK(totp_code(a.code, SEED, first_ms / TOTP_STEP_MS));
	OK(totp_code(a.next, SEED, second_ms / TOTP_STEP_MS));
	OK(store_apply(w->store, attempt_run, &a, &f));
	return a.r;
}

static void
up(struct world *w)
{
	struct fault f = { 0 };

	world_init(w, 1);
	OK(store_apply(w->store, make_run, NULL, &f));
}

static void
t_window(void **state)
{
	static const struct {
		const char *what;
		int64_t off_ms;
		int r;
	} t[] = {
		{ "of this step", 0, 0 },
		{ "of the one before", -30000, 0 },
		{ "of the next one", 30000, 0 },
		{ "older", -60000, ERR_DENIED },
		{ "far ahead", 60000, ERR_DENIED },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct world w;

		row(t[i].what);
		up(&w);
		assert_int_equal(try(&w, "alice", SERIAL, T0, T0 + t[i].off_ms), t[i].r);
		world_fini(&w);
	}
}

static void
t_once(void **state)
{
	struct world w;
	(void)state;

	up(&w);
	assert_int_equal(try(&w, "alice", SERIAL, T0, T0), 0);
	row("again, at once and in the next step");
	assert_int_equal(try(&w, "alice", SERIAL, T0, T0), ERR_DENIED);
	assert_int_equal(try(&w, "alice", SERIAL, T0 + 30000, T0), ERR_DENIED);
	row("nor one that is older than the one taken");
	assert_int_equal(try(&w, "alice", SERIAL, T0, T0 - 30000), ERR_DENIED);
	row("the next one");
	assert_int_equal(try(&w, "alice", SERIAL, T0 + 30000, T0 + 30000), 0);
	world_fini(&w);
}

static void
t_whose(void **state)
{
	static const struct {
		const char *what, *user, *serial;
	} t[] = {
		{ "another user's", "bob", SERIAL },
		{ "nobody's", "", SERIAL },
		{ "another path", "alice", "arn:aws:iam::123456789012:mfa/alice" },
		{ "another account", "alice",
		    "arn:aws:iam::210987654321:mfa/phones/alice" },
		{ "unknown", "alice", "arn:aws:iam::123456789012:mfa/phones/bob" },
		{ "no ARN", "alice", "GAHT12345678" },
	};
	struct world w;
	(void)state;

	up(&w);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		assert_int_equal(try(&w, t[i].user, t[i].serial, T0, T0), ERR_NOTFOUND);
	}
	row("and none of that has cost the device anything");
	assert_int_equal(try(&w, "alice", SERIAL, T0, T0), 0);
	world_fini(&w);
}

#define WRONG(now) try(&w, "alice", SERIAL, now, (now) + 3600 * 1000)
#define RIGHT(now) try(&w, "alice", SERIAL, now, now)

static void
t_guessing(void **state)
{
	int64_t now = T0, block = MFA_BLOCK_MS;
	struct world w;
	(void)state;

	up(&w);
	for (int i = 0; i < MFA_FREE_FAILURES; i++)
		assert_int_equal(WRONG(now), ERR_DENIED);
	row("four are forgiven by a right one");
	assert_int_equal(RIGHT(now), 0);
	now += 30000;
	for (int i = 0; i < MFA_FREE_FAILURES + 1; i++)
		assert_int_equal(WRONG(now), ERR_DENIED);
	row("after the fifth nothing is looked at, for twice as long each time");
	for (int i = 0; i < 8; i++) {
		assert_int_equal(RIGHT(now), ERR_LIMIT);
		assert_int_equal(RIGHT(now + block - 1), ERR_LIMIT);
		now += block;
		assert_int_equal(WRONG(now), ERR_DENIED);
		block = MIN(2 * block, MFA_BLOCK_MAX_MS);
	}
	assert_int_equal(block, MFA_BLOCK_MAX_MS);
	row("a right one ends it");
	now += block;
	assert_int_equal(RIGHT(now), 0);
	assert_int_equal(WRONG(now), ERR_DENIED);
	assert_int_equal(RIGHT(now + 30000), 0);
	world_fini(&w);
}

static void
t_sync(void **state)
{
	static const struct {
		const char *what;
		int64_t first_ms, second_ms;
		int r;
	} t[] = {
		{ "the last two", -30000, 0, 0 },
		{ "this and the next", 0, 30000, 0 },
		{ "typed slowly", -60000, -30000, 0 },
		{ "the wrong way round", 0, -30000, ERR_DENIED },
		{ "one twice", 0, 0, ERR_DENIED },
		{ "with a gap", -30000, 30000, ERR_DENIED },
		{ "ten minutes behind", -630000, -600000, 0 },
		{ "ten minutes ahead", 570000, 600000, 0 },
		{ "too far behind", -660000, -630000, ERR_DENIED },
		{ "too far ahead", 600000, 630000, ERR_DENIED },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct world w;

		row(t[i].what);
		up(&w);
		assert_int_equal(
		    try_pair(&w, T0, T0 + t[i].first_ms, T0 + t[i].second_ms), t[i].r);
		if (t[i].r == 0) /* neither is good again */
			assert_int_equal(
			    try(&w, "alice", SERIAL, T0, T0 + t[i].second_ms),
			    ERR_DENIED);
		world_fini(&w);
	}
}

/* Once it is known how wrong a clock is, its codes are good and others are not. */
static void
t_clocks(void **state)
{
	static const int64_t off_ms[] = { -600000, -90000, -60000, -30000, 0, 30000,
		60000, 90000, 600000 };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(off_ms); i++) {
		int64_t later = T0 + 3600 * 1000, shown = later + off_ms[i];
		struct world w;

		print_message(
		    "  a clock that is %lld s off\n", (long long)off_ms[i] / 1000);
		up(&w);
		OK(try_pair(&w, T0, T0 + off_ms[i] - 30000, T0 + off_ms[i]));
		assert_int_equal(
		    try(&w, "alice", SERIAL, later, shown + 90000), ERR_DENIED);
		assert_int_equal(
		    try(&w, "alice", SERIAL, later, shown - 90000), ERR_DENIED);
		OK(try(&w, "alice", SERIAL, later, shown));
		world_fini(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_window),
		cmocka_unit_test(t_once),
		cmocka_unit_test(t_whose),
		cmocka_unit_test(t_guessing),
		cmocka_unit_test(t_sync),
		cmocka_unit_test(t_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
