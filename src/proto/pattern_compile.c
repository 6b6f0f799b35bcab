/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns to steps, by recursive descent; see pattern_int.h. */
#include "proto/pattern_int.h"

struct compiler {
	struct span in;
	size_t at;
	struct pattern_step *steps;
	size_t n, cap;
	unsigned depth;
	int err;
};

static int parse_alternatives(struct compiler *c);

/* --- sets ------------------------------------------------------------------------- */

static void
set_add(uint8_t set[32], uint8_t c)
{
	set[c / 8] = (uint8_t)(set[c / 8] | 1U << c % 8);
}

static void
set_add_range(uint8_t set[32], unsigned from, unsigned to)
{
	for (unsigned c = from; c <= to; c++)
		set_add(set, (uint8_t)c);
}

static void
set_invert(uint8_t set[32])
{
	for (size_t i = 0; i < 32; i++)
		set[i] = (uint8_t)~set[i];
}

/* \d \w \s and their opposites; false for any other letter. */
static bool
set_add_class(uint8_t set[32], uint8_t name)
{
	uint8_t s[32] = { 0 };

	switch (name | 0x20) {
	case 'd':
		set_add_range(s, '0', '9');
		break;
	case 'w':
		set_add_range(s, '0', '9');
		set_add_range(s, 'a', 'z');
		set_add_range(s, 'A', 'Z');
		set_add(s, '_');
		break;
	case 's':
		set_add_range(s, '\t', '\r');
		set_add(s, ' ');
		break;
	default:
		return false;
	}
	if ((name & 0x20) == 0)
		set_invert(s);
	for (size_t i = 0; i < 32; i++)
		set[i] |= s[i];
	return true;
}

/* --- compiler --------------------------------------------------------------------- */

static int
peek(const struct compiler *c)
{
	return c->at < c->in.n ? c->in.p[c->at] : -1;
}

static bool
accept(struct compiler *c, int ch)
{
	if (peek(c) != ch)
		return false;
	c->at++;
	return true;
}

static int
invalid(struct compiler *c)
{
	if (c->err == 0)
		c->err = ERR_INVALID;
	return c->err;
}

/* Opens a gap of one step at the place; what follows moves up. */
static struct pattern_step *
insert(struct compiler *c, size_t place, enum pattern_op op)
{
	struct pattern_step *s;

	if (c->n >= PATTERN_STEPS_MAX) {
		c->err = ERR_LIMIT;
		return NULL;
	}
	if (c->n == c->cap) {
		c->cap = c->cap > 0 ? c->cap * 2 : 32;
		c->steps = xrealloc(c->steps, c->cap * sizeof(*c->steps));
	}
	s = &c->steps[place];
	memmove(s + 1, s, (c->n - place) * sizeof(*s));
	c->n++;
	*s = (struct pattern_step){ .op = (uint8_t)op, .x = 1 };
	return s;
}

static struct pattern_step *
emit(struct compiler *c, enum pattern_op op)
{
	return insert(c, c->n, op);
}

/* The character that an escape stands for, or -1 (then it may be a class, or nothing). */
static int
escaped(uint8_t c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case 'r':
		return '\r';
	case 'f':
		return '\f';
	case 'v':
		return '\v';
	default:
		break;
	}
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return -1;
	return c;
}

/*
 * One member of [..]: a character in *ch, or -1 there when a class went into the set.
 */
static int
parse_member(struct compiler *c, uint8_t set[32], int *ch)
{
	int b = peek(c);

	if (b < 0)
		return invalid(c);
	c->at++;
	*ch = b;
	if (b == '[' && (peek(c) == ':' || peek(c) == '.' || peek(c) == '='))
		return invalid(c); /* POSIX classes mean something else here */
	if (b != '\\')
		return 0;
	if ((b = peek(c)) < 0)
		return invalid(c);
	c->at++;
	*ch = escaped((uint8_t)b);
	if (*ch < 0 && b == 'b')
		*ch = '\b';
	if (*ch < 0 && !set_add_class(set, (uint8_t)b))
		return invalid(c);
	return 0;
}

static int
parse_set(struct compiler *c)
{
	bool inverted = accept(c, '^');
	uint8_t set[32] = { 0 };
	struct pattern_step *s;
	int from, to;

	if (peek(c) == ']')
		return invalid(c);
	while (!accept(c, ']')) {
		if (parse_member(c, set, &from) != 0)
			return c->err;
		if (from < 0)
			continue;
		to = from;
		if (peek(c) == '-' && c->at + 1 < c->in.n && c->in.p[c->at + 1] != ']') {
			c->at++;
			if (parse_member(c, set, &to) != 0)
				return c->err;
			if (to < from)
				return invalid(c);
		}
		set_add_range(set, (unsigned)from, (unsigned)to);
	}
	if (inverted)
		set_invert(set);
	if ((s = emit(c, STEP_SET)) != NULL)
		memcpy(s->set, set, sizeof(set));
	return c->err;
}

static int
parse_group(struct compiler *c)
{
	if (++c->depth > PATTERN_DEPTH_MAX)
		return c->err = ERR_LIMIT;
	if (accept(c, '?') && !accept(c, ':'))
		return invalid(c);
	emit(c, STEP_JUMP); /* a group is never empty, so that its repetition costs */
	if (c->err != 0 || parse_alternatives(c) != 0)
		return c->err;
	c->depth--;
	return accept(c, ')') ? 0 : invalid(c);
}

static int
parse_literal(struct compiler *c, int b)
{
	uint8_t set[32] = { 0 };
	struct pattern_step *s;

	if (b == '.') {
		set_add(set, '\n');
		set_add(set, '\r');
		set_invert(set);
	} else if (b == '\\') {
		if ((b = peek(c)) < 0)
			return invalid(c);
		c->at++;
		if (escaped((uint8_t)b) >= 0)
			set_add(set, (uint8_t)escaped((uint8_t)b));
		else if (!set_add_class(set, (uint8_t)b))
			return invalid(c);
	} else {
		set_add(set, (uint8_t)b);
	}
	if ((s = emit(c, STEP_SET)) != NULL)
		memcpy(s->set, set, sizeof(set));
	return c->err;
}

/* Sets *repeatable when a quantifier may follow. */
static int
parse_atom(struct compiler *c, bool *repeatable)
{
	int b = peek(c);

	c->at++;
	*repeatable = true;
	switch (b) {
	case '(':
		return parse_group(c);
	case '[':
		return parse_set(c);
	case '^':
	case '$':
		*repeatable = false;
		emit(c, b == '^' ? STEP_BEGIN : STEP_END);
		return c->err;
	case '*':
	case '+':
	case '?':
	case '{':
		return invalid(c);
	default:
		return parse_literal(c, b);
	}
}

static int
parse_number(struct compiler *c, int *out)
{
	int b;

	*out = 0;
	if (peek(c) < '0' || peek(c) > '9')
		return invalid(c);
	while ((b = peek(c)) >= '0' && b <= '9') {
		c->at++;
		*out = *out * 10 + (b - '0');
		if (*out > PATTERN_STEPS_MAX)
			return c->err = ERR_LIMIT;
	}
	return 0;
}

/* *max -1: without end.  *min -1: there is no quantifier. */
static int
parse_quantifier(struct compiler *c, int *min, int *max)
{
	*min = -1;
	if (accept(c, '*')) {
		*min = 0;
		*max = -1;
	} else if (accept(c, '+')) {
		*min = 1;
		*max = -1;
	} else if (accept(c, '?')) {
		*min = 0;
		*max = 1;
	} else if (accept(c, '{')) {
		if (parse_number(c, min) != 0)
			return c->err;
		*max = *min;
		if (accept(c, ',')) {
			*max = -1;
			if (peek(c) != '}' && parse_number(c, max) != 0)
				return c->err;
		}
		if (!accept(c, '}') || (*max >= 0 && *max < *min))
			return invalid(c);
	} else {
		return 0;
	}
	accept(c, '?');
	return 0;
}

static void
append(struct compiler *c, const struct pattern_step *frag, size_t n)
{
	for (size_t i = 0; i < n && c->err == 0; i++) {
		struct pattern_step *s = emit(c, STEP_JUMP);

		if (s != NULL)
			*s = frag[i];
	}
}

/* Repeats the fragment that begins at step "from" and reaches to the end. */
static int
repeat(struct compiler *c, size_t from, int min, int max)
{
	size_t n = c->n - from;
	auto_free struct pattern_step *frag = xmalloc(n * sizeof(*frag) + 1);
	struct pattern_step *s;

	memcpy(frag, c->steps + from, n * sizeof(*frag));
	c->n = from;
	for (int i = 0; i < min && c->err == 0; i++)
		append(c, frag, n);
	if (max < 0 && min > 0) {
		if ((s = emit(c, STEP_SPLIT)) != NULL) {
			s->x = -(int32_t)n;
			s->y = 1;
		}
	} else if (max < 0) {
		if ((s = emit(c, STEP_SPLIT)) != NULL)
			s->y = (int32_t)n + 2;
		append(c, frag, n);
		if ((s = emit(c, STEP_JUMP)) != NULL)
			s->x = -(int32_t)n - 1;
	}
	for (int i = min; i < max && c->err == 0; i++) {
		if ((s = emit(c, STEP_SPLIT)) != NULL)
			s->y = (int32_t)n + 1;
		append(c, frag, n);
	}
	return c->err;
}

static int
parse_sequence(struct compiler *c)
{
	bool repeatable;
	int min = 0, max = 0;

	while (peek(c) >= 0 && peek(c) != '|' && peek(c) != ')') {
		size_t from = c->n;

		if (parse_atom(c, &repeatable) != 0)
			return c->err;
		if (!repeatable)
			continue;
		if (parse_quantifier(c, &min, &max) != 0)
			return c->err;
		if (min >= 0 && repeat(c, from, min, max) != 0)
			return c->err;
	}
	return 0;
}

static int
parse_alternatives(struct compiler *c)
{
	size_t from = c->n, jump;
	struct pattern_step *s;

	if (parse_sequence(c) != 0)
		return c->err;
	while (accept(c, '|')) {
		if ((s = insert(c, from, STEP_SPLIT)) == NULL)
			return c->err;
		s->y = (int32_t)(c->n - from) + 1; /* behind the jump that comes now */
		jump = c->n;
		if (emit(c, STEP_JUMP) == NULL || parse_sequence(c) != 0)
			return c->err;
		c->steps[jump].x = (int32_t)(c->n - jump);
	}
	return 0;
}

int
pattern_compile(struct pattern_step **steps, size_t *n, struct span pattern)
{
	struct compiler c = { .in = pattern };

	if (pattern.n > PATTERN_MAX)
		return ERR_LIMIT;
	if (parse_alternatives(&c) == 0 && c.at < c.in.n)
		invalid(&c); /* a lone ) */
	if (c.err == 0)
		emit(&c, STEP_MATCH);
	if (c.err != 0) {
		free(c.steps);
		return c.err;
	}
	*steps = c.steps;
	*n = c.n;
	return 0;
}
