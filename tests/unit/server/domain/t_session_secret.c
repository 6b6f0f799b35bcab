/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resume secrets: which are good when, and that no crash of the server and no cut of the
 * connection, at whatever moment, leaves the client without one that is.
 */
#include "proto/ids.h"
#include "script.h"

/* A session whose client, one of ours, has joined and was told its first secret. */
static void
begin(struct world *w, uint64_t seed)
{
	auto_arena mem = { 0 };

	world_init(w, seed);
	node_up(w);
	OK(start(w, &mem, SESSION, NODE, 0, NULL));
	play(w, "ac");
	session_secret_renew(session_find(w->sessions, SESSION), SPAN_NONE);
	settle(w);
}

static int
check(struct world *w, const char *secret)
{
	return session_secret_check(session_find(w->sessions, SESSION), span_str(secret));
}

static void
keep(struct world *w, char secret[64])
{
	memcpy(secret, w->channel.secret, 64);
}

/* The client comes back; the new secret is in w->channel.secret once settled. */
static void
show(struct world *w, const char *secret)
{
	struct session *se = session_find(w->sessions, SESSION);

	OK(session_secret_check(se, span_str(secret)));
	session_joined(se, SESSION_CLIENT, &w->channel.channel);
	session_secret_renew(se, span_str(secret));
}

static void
arrived(struct world *w)
{
	settle(w);
	session_secret_arrived(session_find(w->sessions, SESSION));
	settle(w);
}

static void
t_first(void **state)
{
	struct store_session row;
	struct world w;
	auto_arena mem = { 0 };
	(void)state;

	begin(&w, 1);
	assert_int_equal(strlen(w.channel.secret), ID_TOKEN_LEN);
	assert_string_equal(buf_cstr(&w.channel.told), MSG_OWN_RESUME "| ");
	OK(check(&w, w.channel.secret));
	row_of(&w, &mem, &row);
	assert_int_equal(strlen(row.resume_sha256), 64);
	assert_string_equal(row.resume_prev_sha256, "");
	assert_null(strstr(row.resume_sha256, w.channel.secret)); /* never the secret */
	world_fini(&w);
}

static void
t_wrong(void **state)
{
	struct world w;
	char secret[64], longer[65];
	auto_arena mem = { 0 };
	struct store_session row;
	(void)state;

	begin(&w, 2);
	keep(&w, secret);
	row_of(&w, &mem, &row);
	assert_int_equal(check(&w, ""), ERR_DENIED);
	assert_int_equal(check(&w, row.resume_sha256), ERR_DENIED);
	snprintf(longer, sizeof(longer), "%sA", secret);
	assert_int_equal(check(&w, longer), ERR_DENIED);
	for (size_t i = 0; i < strlen(secret); i++) {
		char other = secret[i] == 'x' ? 'y' : 'x', was = secret[i];

		secret[i] = other;
		assert_int_equal(check(&w, secret), ERR_DENIED);
		secret[i] = was;
	}
	OK(check(&w, secret));
	world_fini(&w);
}

/* Both are good until the new one was seen; then only the new one. */
static void
t_rotation(void **state)
{
	struct world w;
	char a[64], b[64], c[64];
	(void)state;

	begin(&w, 3);
	keep(&w, a);
	play(&w, "C");
	show(&w, a);
	settle(&w);
	keep(&w, b);
	assert_string_not_equal(a, b);
	OK(check(&w, a));
	OK(check(&w, b));
	arrived(&w);
	assert_int_equal(check(&w, a), ERR_DENIED);
	OK(check(&w, b));
	play(&w, "C");
	show(&w, b);
	settle(&w);
	keep(&w, c);
	assert_int_equal(check(&w, a), ERR_DENIED);
	OK(check(&w, b)); /* c may not have arrived */
	play(&w, "C");
	show(&w, c); /* it had, although nobody said so */
	settle(&w);
	assert_int_equal(check(&w, b), ERR_DENIED);
	OK(check(&w, c));
	world_fini(&w);
}

/* The word that it arrived counts only for what was told. */
static void
t_arrived_too_soon(void **state)
{
	struct world w;
	char a[64];
	(void)state;

	begin(&w, 4);
	keep(&w, a);
	play(&w, "C");
	show(&w, a);
	session_secret_arrived(session_find(w.sessions, SESSION)); /* not committed yet */
	settle(&w);
	OK(check(&w, a));
	world_fini(&w);
}

/*
 * A rotation, cut short.  Whatever the client holds then opens the session, through any
 * number of crashes, and what it held before that does not.
 */
static void
t_cuts(void **state)
{
	static const struct {
		const char *what;
		bool commits, tells, arrives;
		const char *then; /* as in script.h */
	} t[] = {
		{ "the server dies before the commit", false, false, false, "R" },
		{ "the server dies after the commit", true, false, false, "R" },
		{ "the client is cut off before it hears", true, false, false, "C" },
		{ "the client is cut off when it has heard", true, true, false, "C" },
		{ "the server dies when the client has heard", true, true, false, "R" },
		{ "the client has said so, the server dies", true, true, true, "R" },
		{ "twice", true, true, true, "RR" },
		{ "and the node with it", true, true, false, "RoOa" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct world w;
		char a[64], b[64], held[64];

		print_message("  %s\n", t[i].what);
		begin(&w, 10 + i);
		keep(&w, a);
		play(&w, "C");
		show(&w, a);
		arrived(&w);
		keep(&w, b); /* a is void now, b the client's */
		play(&w, "C");
		if (t[i].commits) {
			show(&w, b);
			settle(&w);
		} else {
			OK(check(&w, b));
		}
		memcpy(held, t[i].tells ? w.channel.secret : b, sizeof(held));
		if (t[i].arrives)
			arrived(&w);
		play(&w, t[i].then);
		assert_non_null(session_find(w.sessions, SESSION));
		assert_int_equal(check(&w, a), ERR_DENIED);
		OK(check(&w, held));
		show(&w, held);
		arrived(&w);
		if (t[i].arrives || t[i].tells)
			assert_int_equal(check(&w, b), ERR_DENIED);
		OK(check(&w, w.channel.secret));
		world_fini(&w);
	}
}

/* A disk that is full: nothing new is told, and what the client has stays good. */
static void
t_not_stored(void **state)
{
	struct world w;
	char a[64];
	auto_arena mem = { 0 };
	struct store_session row;
	struct session *se;
	(void)state;

	begin(&w, 30);
	keep(&w, a);
	play(&w, "C");
	se = session_find(w.sessions, SESSION);
	row_of(&w, &mem, &row);
	se->row.id = arena_strdup(&mem, "no-such-row"); /* the write finds nothing */
	session_joined(se, SESSION_CLIENT, &w.channel.channel);
	session_secret_renew(se, span_str(a));
	se->row.id = row.id;
	settle(&w);
	assert_string_equal(w.channel.secret, a);
	OK(check(&w, a));
	world_fini(&w);
}

/* A client with a token is newer than whoever held a secret. */
static void
t_taken_over(void **state)
{
	struct world w;
	char a[64];
	(void)state;

	begin(&w, 5);
	keep(&w, a);
	session_secret_void(session_find(w.sessions, SESSION));
	settle(&w);
	assert_int_equal(check(&w, a), ERR_DENIED);
	play(&w, "R");
	assert_int_equal(check(&w, a), ERR_DENIED);
	world_fini(&w);

	begin(&w, 6);
	keep(&w, a);
	session_secret_renew(session_find(w.sessions, SESSION), SPAN_NONE);
	settle(&w);
	assert_int_equal(check(&w, a), ERR_DENIED);
	OK(check(&w, w.channel.secret));
	world_fini(&w);
}

/* What is committed when the client has gone is for nobody. */
static void
t_told_to_nobody(void **state)
{
	struct world w;
	char a[64];
	(void)state;

	begin(&w, 7);
	keep(&w, a);
	play(&w, "C");
	show(&w, a);
	session_left(session_find(w.sessions, SESSION), SESSION_CLIENT, NULL);
	settle(&w);
	assert_string_equal(w.channel.secret, a);
	OK(check(&w, a));
	world_fini(&w);
}

/* It dies with the session; for ten minutes it is good for hearing why. */
static void
t_dies_with_session(void **state)
{
	static const struct {
		const char *what, *script, *words;
	} t[] = {
		{ "by hand", "Ctd", "by hand" },
		{ "by hand, not confirmed yet", "Ct", "by hand" },
		{ "the shell ended", "Cd", "The agent ended the session." },
		{ "by hand, and a restart", "CtdR", "by hand" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct session_last last;
		struct world w;
		char a[64];
		auto_arena mem = { 0 };

		print_message("  %s\n", t[i].what);
		begin(&w, 40 + i);
		keep(&w, a);
		assert_int_equal(session_last_words(
				     w.sessions, &mem, SESSION, span_str(a), true, &last),
		    ERR_DENIED); /* not over yet */
		play(&w, t[i].script);
		OK(session_last_words(
		    w.sessions, &mem, SESSION, span_str(a), true, &last));
		assert_string_equal(last.words, t[i].words);
		assert_int_equal(session_last_words(w.sessions, &mem, SESSION,
				     SPAN("guess"), true, &last),
		    ERR_DENIED);
		assert_int_equal(session_last_words(w.sessions, &mem, SESSION,
				     span_str(a), false, &last),
		    ERR_DENIED); /* it is no token */
		play(&w, "gm");
		assert_int_equal(session_last_words(
				     w.sessions, &mem, SESSION, span_str(a), true, &last),
		    ERR_DENIED);
		world_fini(&w);
	}
}

/*
 * Any order of cuts, crashes and comings: the client always holds one that is good.  The
 * seed replays.
 */
static void
t_random(void **state)
{
	(void)state;

	for (uint64_t seed = 0; seed < 300; seed++) {
		struct world w;
		char held[64];

		begin(&w, seed);
		keep(&w, held);
		for (int step = 0; step < 12; step++) {
			uint32_t what = sim_random_below(w.sim, 6);

			play(&w, "C");
			if (check(&w, held) != 0)
				fail_msg("seed %llu, step %d: locked out",
				    (unsigned long long)seed, step);
			show(&w, held);
			if (what == 0) { /* cut before the commit */
				session_left(session_find(w.sessions, SESSION),
				    SESSION_CLIENT, NULL);
				settle(&w);
				continue;
			}
			settle(&w);
			if (what >= 2)
				keep(&w, held); /* else it is lost on the way */
			if (what >= 4)
				arrived(&w);
			if (what % 2 == 1)
				play(&w, "RoOa");
		}
		world_fini(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_first),
		cmocka_unit_test(t_wrong),
		cmocka_unit_test(t_rotation),
		cmocka_unit_test(t_arrived_too_soon),
		cmocka_unit_test(t_cuts),
		cmocka_unit_test(t_not_stored),
		cmocka_unit_test(t_taken_over),
		cmocka_unit_test(t_told_to_nobody),
		cmocka_unit_test(t_dies_with_session),
		cmocka_unit_test(t_random),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
