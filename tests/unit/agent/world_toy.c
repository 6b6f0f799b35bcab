/* SPDX-License-Identifier: Apache-2.0 */
/* The shell of the simulated node. */
#include "world_int.h"

/*
 * A shell of few words, by lines:
 *	echo TEXT, exit N, flood N (bytes), size, raw HEX (as bytes)
 * and a prompt "$ " in between.
 */
struct toy {
	char line[70000];
	size_t n;
	uint16_t rows, cols;
	bool pipes, cat;
};

static void
toy_flood(struct sim_child *c, long n)
{
	auto_buf b = { 0 };

	buf_init(&b, 64 * 1024 * 1024);
	for (long i = 0; i < n; i++)
		buf_addf(&b, "%07ld\n", i);
	sim_child_output(c, 1, buf_span(&b));
}

static void
toy_line(struct sim_child *c, struct toy *t)
{
	char text[200];

	t->line[t->n] = '\0';
	t->n = 0;
	if (strncmp(t->line, "echo ", 5) == 0) {
		sim_child_output(c, 1, span_str(t->line + 5));
		sim_child_output(c, 1, SPAN("\n"));
	} else if (strncmp(t->line, "exit ", 5) == 0) {
		sim_child_exit(c, (int)strtol(t->line + 5, NULL, 10));
		return;
	} else if (strcmp(t->line, "size") == 0) {
		(void)snprintf(text, sizeof(text), "%u %u\n", t->rows, t->cols);
		sim_child_output(c, 1, span_str(text));
	} else if (strncmp(t->line, "flood ", 6) == 0) {
		toy_flood(c, strtol(t->line + 6, NULL, 10));
	} else {
		(void)snprintf(text, sizeof(text), "%zu bytes\n", strlen(t->line));
		sim_child_output(c, 1, span_str(text));
	}
	sim_child_output(c, 1, SPAN("$ "));
}

static void
toy_start(struct sim_child *c, const struct ev_spawn *sp)
{
	struct toy *t = sim_child_data(c, sizeof(*t));
	const char *words = NULL;

	t->rows = sp->rows;
	t->cols = sp->cols;
	t->pipes = !sp->pty;
	if (sp->argv[1] != NULL)
		words = t->pipes ? sp->argv[4] : sp->argv[2];
	if (words == NULL) {
		sim_child_output(c, 1, SPAN("$ "));
		return;
	}
	if (strcmp(words, "cat") == 0) {
		t->cat = true;
		return;
	}
	sim_child_output(c, 1, span_str(words));
	sim_child_output(c, 1, SPAN("\n"));
	if (t->pipes)
		sim_child_output(c, 2, SPAN("to stderr\n"));
	sim_child_exit(c, 7);
}

static void
toy_input(struct sim_child *c, struct span in)
{
	struct toy *t = sim_child_data(c, sizeof(*t));

	if (t->cat && in.n == 0)
		sim_child_exit(c, 0);
	else if (t->cat)
		sim_child_output(c, 1, in);
	for (size_t i = 0; i < in.n && !t->cat; i++) {
		if (in.p[i] == '\n')
			toy_line(c, t);
		else if (t->n + 1 < sizeof(t->line))
			t->line[t->n++] = (char)in.p[i];
	}
}

static void
toy_resize(struct sim_child *c, uint16_t rows, uint16_t cols)
{
	struct toy *t = sim_child_data(c, sizeof(*t));

	t->rows = rows;
	t->cols = cols;
}

const struct sim_program world_toy = {
	.start = toy_start,
	.input = toy_input,
	.resize = toy_resize,
};
