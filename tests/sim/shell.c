/* SPDX-License-Identifier: Apache-2.0 */
/* The program in every session: what it says depends on the session and on what was typed. */
#include "fleet.h"

#include "base/siphash.h"
#include "base/text.h"

enum { LINE_MAX = 64, OUTPUT_MAX = 1 << 22 };

struct shell {
	uint64_t salt, pos;
	uint8_t line[LINE_MAX];
	size_t n;
};

uint64_t
shell_salt(const char *session_id)
{
	static const uint64_t key[2] = { 1, 2 };

	return siphash13(key, span_str(session_id));
}

void
shell_hello(struct buf *out)
{
	buf_add_str(out, "$ ");
}

/* Bytes of every value, also such as no text holds. */
static void
stream(struct buf *out, uint64_t salt, uint64_t *pos, size_t n)
{
	for (size_t i = 0; i < n; i++, ++*pos) {
		uint64_t z = salt + *pos / 8 * 0x9e3779b97f4a7c15u;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
		buf_add_u8(out, (uint8_t)(z >> 8 * (*pos % 8)));
	}
}

bool
shell_answer(struct buf *out, uint64_t salt, uint64_t *pos, struct span line, int *status)
{
	int64_t n;

	if (line.n > 5 && memcmp(line.p, "exit ", 5) == 0 &&
	    num_parse(span_sub(line, 5, line.n), 0, 255, &n) == 0) {
		*status = (int)n;
		buf_add_str(out, "logout\n");
		return true;
	}
	if (num_parse(line, 0, 1 << 20, &n) == 0)
		stream(out, salt, pos, (size_t)n);
	else
		buf_add_str(out, "garbled\n"); /* nobody expects that */
	shell_hello(out);
	return false;
}

static void
on_start(struct sim_child *c, const struct ev_spawn *sp)
{
	static const char name[] = "SALLYPORT_SESSION_ID=";
	struct shell *sh = sim_child_data(c, sizeof(*sh));
	auto_buf out = { .max = 16 };

	for (const char *const *e = sp->envp; *e != NULL; e++)
		if (strncmp(*e, name, sizeof(name) - 1) == 0)
			sh->salt = shell_salt(*e + sizeof(name) - 1);
	shell_hello(&out);
	sim_child_output(c, 1, buf_span(&out));
}

static void
on_input(struct sim_child *c, struct span in)
{
	struct shell *sh = sim_child_data(c, sizeof(*sh));

	for (size_t i = 0; i < in.n; i++) {
		auto_buf out = { .max = OUTPUT_MAX };
		int status;
		bool over;

		if (in.p[i] != '\n') {
			if (sh->n < LINE_MAX)
				sh->line[sh->n++] = in.p[i];
			continue;
		}
		over = shell_answer(
		    &out, sh->salt, &sh->pos, span_of(sh->line, sh->n), &status);
		sim_child_output(c, 1, buf_span(&out));
		sh->n = 0;
		if (over) {
			sim_child_exit(c, status);
			return;
		}
	}
}

const struct sim_program shell_program = { .start = on_start, .input = on_input };
