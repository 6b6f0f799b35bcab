/* SPDX-License-Identifier: Apache-2.0 */
/* Thompson's simulation of a compiled pattern; see pattern.h. */
#include "proto/pattern_int.h"

struct threads {
	uint32_t *step; /* those that wait for a byte */
	uint32_t n;
};

struct machine {
	const struct pattern_step *steps;
	struct span text;
	uint32_t *seen;  /* for each step: the round in which it was reached */
	uint32_t *stack; /* steps to follow */
	uint32_t round;
};

/* Follows everything that needs no byte from step "first".  True: the pattern matches. */
static bool
follow(struct machine *m, struct threads *t, uint32_t first, size_t pos)
{
	uint32_t n = 0, i;

	m->stack[n++] = first;
	while (n > 0) {
		const struct pattern_step *s = &m->steps[i = m->stack[--n]];

		if (m->seen[i] == m->round)
			continue;
		m->seen[i] = m->round;
		switch (s->op) {
		case STEP_MATCH:
			return true;
		case STEP_SET:
			t->step[t->n++] = i;
			break;
		case STEP_SPLIT:
			m->stack[n++] = (uint32_t)((int32_t)i + s->y);
			m->stack[n++] = (uint32_t)((int32_t)i + s->x);
			break;
		case STEP_BEGIN:
			if (pos == 0)
				m->stack[n++] = i + 1;
			break;
		case STEP_END:
			if (pos == m->text.n)
				m->stack[n++] = i + 1;
			break;
		default:
			m->stack[n++] = (uint32_t)((int32_t)i + s->x);
			break;
		}
	}
	return false;
}

static bool
run(struct machine *m, struct threads *now, struct threads *next)
{
	for (size_t pos = 0;; pos++) {
		struct threads swap;

		/* Those that came here are in "now" already, reached in this round. */
		if (follow(m, now, 0, pos))
			return true;
		if (pos == m->text.n)
			return false;
		m->round++;
		next->n = 0;
		for (uint32_t i = 0; i < now->n; i++) {
			if (pattern_set_has(m->steps[now->step[i]].set, m->text.p[pos]) &&
			    follow(m, next, now->step[i] + 1, pos + 1))
				return true;
		}
		swap = *now;
		*now = *next;
		*next = swap;
	}
}

int
pattern_check(struct span pattern)
{
	auto_free struct pattern_step *steps = NULL;
	size_t n;

	return pattern_compile(&steps, &n, pattern);
}

int
pattern_match(struct span pattern, struct span text)
{
	auto_free struct pattern_step *steps = NULL;
	struct threads now = { 0 }, next = { 0 };
	struct machine m = { .text = text, .round = 1 };
	bool found;
	size_t n;
	int r;

	if ((r = pattern_compile(&steps, &n, pattern)) != 0)
		return r;
	m.steps = steps;
	m.seen = xcalloc(n, sizeof(*m.seen));
	m.stack = xcalloc(2 * n + 2, sizeof(*m.stack));
	now.step = xcalloc(n, sizeof(*now.step));
	next.step = xcalloc(n, sizeof(*next.step));
	found = run(&m, &now, &next);
	free(now.step);
	free(next.step);
	free(m.stack);
	free(m.seen);
	return found ? 0 : ERR_NOTFOUND;
}
