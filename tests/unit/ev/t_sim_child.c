/* SPDX-License-Identifier: Apache-2.0 */
/* The children of simulated hosts: terminals, pipes, output without end. */
#include "sim_end.h"

#include <signal.h>

struct shell {
	uint32_t lines;
};

static void
shell_start(struct sim_child *c, const struct ev_spawn *sp)
{
	char text[64];

	snprintf(text, sizeof(text), "%ux%u $ ", sp->rows, sp->cols);
	sim_child_output(c, 1, span_str(text));
}

/* Echoes; "q" ends it. */
static void
shell_input(struct sim_child *c, struct span in)
{
	struct shell *sh = sim_child_data(c, sizeof(*sh));

	if (in.n == 0) {
		sim_child_exit(c, 4);
		return;
	}
	sim_child_output(c, 1, in);
	if (span_find(in, 'q') >= 0)
		sim_child_exit(c, (int)++sh->lines);
}

static void
shell_resize(struct sim_child *c, uint16_t rows, uint16_t cols)
{
	char text[32];

	snprintf(text, sizeof(text), "<%ux%u>", rows, cols);
	sim_child_output(c, 2, span_str(text));
}

static void
shell_signal(struct sim_child *c, int signum)
{
	if (signum == SIGHUP)
		sim_child_exit(c, 99);
	else
		sim_child_output(c, 1, SPAN("<sig>"));
}

static const struct sim_program shell = { shell_start, shell_input, shell_resize,
	shell_signal };
static const struct sim_program plain = { .input = shell_input };

struct kid {
	struct ev_child *c;
	struct end *out;
	int status, signum;
	bool exited;
};

static void
kid_exit(void *arg, int status, int signum)
{
	struct kid *k = arg;

	assert_false(k->exited);
	k->exited = true;
	k->status = status;
	k->signum = signum;
}

static void
kid_start(struct kid *k, struct ev_loop *l, const char *path, bool pty)
{
	const char *const argv[] = { path, NULL };
	const struct ev_spawn sp = { .argv = argv, .pty = pty, .rows = 24, .cols = 80 };

	*k = (struct kid){ .out = xcalloc(1, sizeof(*k->out)) };
	assert_int_equal(ev_child_start(&k->c, l, &sp, kid_exit, k, NULL), 0);
	end_set(k->out, ev_child_take(k->c, pty ? 0 : 1));
}

static void
kid_end(struct kid *k)
{
	ev_close(k->out->s);
	ev_child_close(k->c);
	free(k->out);
}

static void
t_child_pty(void **state)
{
	struct sim_options o = { .seed = 1, .segment_max = 3 };
	struct sim_world *w = sim_new(&o);
	struct ev_loop *l = sim_host(w, "h");
	struct kid k;
	size_t put;

	(void)state;
	sim_register(w, "/bin/sh", &shell);
	kid_start(&k, l, "/bin/sh", true);
	assert_int_equal(k.out->n, 0);
	sim_run_for(w, 1);
	ev_pty_resize(k.out->s, 50, 132);
	ev_child_signal(k.c, SIGINT);
	assert_int_equal(ev_write(k.out->s, "hello", 5, &put), 0);
	sim_run_for(w, 1);
	assert_int_equal(ev_write(k.out->s, "q", 1, &put), 0);
	sim_run_for(w, 1);
	assert_string_equal((char *)k.out->in, "24x80 $ <50x132><sig>helloq");
	assert_int_equal(k.out->err, ERR_CLOSED);
	assert_true(k.exited);
	assert_int_equal(k.status, 1);
	kid_end(&k);
	kid_start(&k, l, "/bin/sh", true);
	ev_close(k.out->s); /* hangs up */
	k.out->s = NULL;
	sim_run_for(w, 1);
	assert_int_equal(k.status, 99);
	kid_end(&k);
	ev_loop_free(l);
	sim_free(w);
}

static void
t_child_pipes(void **state)
{
	struct sim_options o = { .seed = 1, .buffer = 100 };
	struct sim_world *w = sim_new(&o);
	struct ev_loop *l = sim_host(w, "h");
	struct kid k;

	(void)state;
	sim_register(w, "/bin/plain", &plain);
	kid_start(&k, l, "/bin/plain", false);
	ev_child_signal(k.c, SIGTERM);
	sim_run_for(w, 1);
	assert_int_equal(k.status, -1);
	assert_int_equal(k.signum, SIGTERM);
	kid_end(&k);

	kid_start(&k, l, "/bin/plain", false);
	ev_close(ev_child_take(k.c, 0)); /* end of file on stdin */
	sim_run_for(w, 1);
	assert_int_equal(k.status, 4);
	kid_end(&k);

	kid_start(&k, l, "/bin/none", false);
	sim_run_for(w, 1);
	assert_int_equal(k.status, 127);
	kid_end(&k);

	kid_start(&k, l, "/bin/plain", false);
	kid_end(&k); /* while it runs: no callback */
	sim_run_for(w, 1);
	assert_false(k.exited);
	ev_loop_free(l);
	sim_free(w);
}

/* More output than fits waits for the reader, and the exit waits for the output. */
static void
flood_start(struct sim_child *c, const struct ev_spawn *sp)
{
	static const uint8_t block[5000];

	(void)sp;
	sim_child_output(c, 1, span_of(block, sizeof(block)));
	sim_child_exit(c, 0);
}

static void
t_child_flood(void **state)
{
	static const struct sim_program flood = { .start = flood_start };
	struct sim_options o = { .seed = 1, .buffer = 100 };
	struct sim_world *w = sim_new(&o);
	struct ev_loop *l = sim_host(w, "h");
	struct kid k;

	(void)state;
	sim_register(w, "/bin/flood", &flood);
	kid_start(&k, l, "/bin/flood", false);
	ev_stream_want(k.out->s, false, false);
	sim_run_for(w, 100);
	assert_false(k.exited);
	ev_stream_want(k.out->s, true, false);
	sim_run_for(w, 100);
	assert_int_equal(k.out->n, 5000);
	assert_true(k.exited);
	kid_end(&k);
	ev_loop_free(l);
	sim_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_child_pty),
		cmocka_unit_test(t_child_pipes),
		cmocka_unit_test(t_child_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
