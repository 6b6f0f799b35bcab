/* SPDX-License-Identifier: Apache-2.0 */
/* Commands with standard input: who has one, how it ends, and lost connections meanwhile. */
#include "unit/check.h"

#include "world.h"
#include "base/log.h"
#include "proto/agentmsg.h"

static const struct world_options plain = { .seed = 1 };

#define COMMAND(text, more)                                                      \
	"{\"schemaVersion\":\"1.0\",\"sessionType\":\"NonInteractiveCommands\"," \
	"\"properties\":{\"linux\":{\"commands\":\"" text "\"," more             \
	"\"separateOutputStream\":true}}}"

static const char with_input[] = COMMAND("cat", "\"standardInput\":true,");

static bool
finish(struct world *w)
{
	return world_until(w, &w->task_seen, 60000);
}

static struct talk *
order(struct world *w, const char *id, const char *document, bool own, bool input)
{
	struct talk *t = world_talk(w, id);

	t->own = own;
	t->input = input;
	w->task_seen = false;
	assert_ptr_equal(world_order(w, id, document), t);
	assert_true(world_until(w, &t->complete, 5000));
	return t;
}

static void
t_pipe(void **state)
{
	static const char text[] = "every \x03 byte \x1c is a byte, \x04 too";
	struct world w;
	struct talk *t;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	row("both ends agree: bytes, and the end of them");
	t = order(&w, "a-1", with_input, true, true);
	assert_true(t->input);
	talk_type(t, text);
	assert_true(talk_expect(t, text, 5000));
	assert_int_equal(t->exit_code, -1);
	talk_flag(t, FLAG_END_OF_INPUT);
	assert_true(finish(&w));
	assert_int_equal(t->out.len, sizeof(text) - 1);
	assert_int_equal(t->exit_code, 0);
	row("an end and nothing else, as early as it can come");
	t = order(&w, "a-2", with_input, true, true);
	talk_flag(t, FLAG_END_OF_INPUT);
	assert_true(finish(&w));
	assert_int_equal(t->exit_code, 0);
	row("a flag that means nothing changes nothing");
	t = order(&w, "a-3", with_input, true, true);
	talk_flag(t, 0x5399);
	talk_type(t, "still here");
	assert_true(talk_expect(t, "still here", 5000));
	row("Ctrl-C");
	talk_flag(t, FLAG_INTERRUPT);
	assert_true(finish(&w));
	assert_int_equal(t->exit_code, 130);
	world_fini(&w);
}

/* Without the word of both a command has no input, and no client can force one on it. */
static void
t_no_input(void **state)
{
	static const struct {
		const char *what, *document;
		bool own, input;
	} t[] = {
		{ "a stock client", with_input, false, false },
		{ "one of ours that does not want to", with_input, true, false },
		{ "a document without", COMMAND("cat", ""), true, true },
	};
	struct world w;

	(void)state;
	world_init(&w, &plain);
	assert_true(world_online(&w));
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char id[8];
		struct talk *k;

		row(t[i].what);
		(void)snprintf(id, sizeof(id), "b-%zu", i);
		k = order(&w, id, t[i].document, t[i].own, t[i].input);
		assert_int_equal(k->input, t[i].document == with_input);
		assert_true(finish(&w)); /* cat finds the end at once */
		assert_int_equal(k->out.len, 0);
		assert_int_equal(k->exit_code, 0);
	}
	world_fini(&w);
}

/* Connections are cut at random; what comes back is what was sent. */
static void
t_cuts(void **state)
{
	char *text = xmalloc(200001);

	(void)state;
	for (size_t i = 0; i < 200000; i++)
		text[i] = (char)('a' + i * 7 % 26);
	text[200000] = '\0';
	for (uint64_t seed = 1; seed <= 8; seed++) {
		struct world_options o = { .seed = seed, .segment_max = 900 };
		struct world w;
		struct talk *t;

		print_message("  seed %llu\n", (unsigned long long)seed);
		world_init(&w, &o);
		assert_true(world_online(&w));
		t = order(&w, "c-1", with_input, true, true);
		for (int i = 0; i < 4; i++) {
			talk_type(t, text);
			(void)sim_cut_random(w.sim);
			world_run(&w, sim_random_below(w.sim, 100));
		}
		talk_flag(t, FLAG_END_OF_INPUT);
		(void)sim_cut_random(w.sim);
		assert_true(finish(&w));
		assert_int_equal(t->out.len, 800000);
		for (size_t i = 0; i < 4; i++)
			assert_memory_equal(t->out.p + i * 200000, text, 200000);
		world_fini(&w);
	}
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_pipe),
		cmocka_unit_test(t_no_input),
		cmocka_unit_test(t_cuts),
	};

	log_setup(LOG_ERROR, LOG_FORMAT_TEXT, "t_exec");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
