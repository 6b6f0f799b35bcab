/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates: compiled once to parts, matched by going back to the last star.
 *
 * Going back to the last star alone is enough as long as every later star reaches at least as
 * far from an earlier place, which holds for stars of one kind and for stars that stay inside
 * a field before stars that do not.  For the one order that breaks it (a star that crosses
 * fields, then one that does not) the last crossing star is remembered as well.
 */
#include "policy/template.h"

#include <strings.h>

/* --- compiling -------------------------------------------------------------------- */

enum { ARN_FIELDS = 6 };

struct compiler {
	struct template *t;
	enum template_mode mode;
	size_t field; /* of an ARN, from 0 */
};

static bool
inside_field(const struct compiler *c)
{
	return c->mode >= TEMPLATE_ARN && c->field < ARN_FIELDS - 1;
}

static struct template_part *
add_part(struct compiler *c, enum part_kind kind)
{
	struct template_part *p = &c->t->parts[c->t->nparts++];

	*p = (struct template_part){ .kind = kind, .inside = inside_field(c) };
	return p;
}

/* One literal byte: lengthens the text part before it, which lies in the same copy. */
static void
add_byte(struct compiler *c, const uint8_t *at)
{
	struct template_part *last =
	    c->t->nparts > 0 ? &c->t->parts[c->t->nparts - 1] : NULL;

	if (last == NULL || last->kind != PART_TEXT ||
	    last->text.p + last->text.n != at) {
		last = add_part(c, PART_TEXT);
		last->text.p = at;
	}
	last->text.n++;
	if (*at == ':' && c->field < ARN_FIELDS - 1)
		c->field++;
}

static void
add_star(struct compiler *c, struct span rest)
{
	struct template_part *p = add_part(c, PART_STAR);

	if (c->mode == TEMPLATE_RESOURCE && (rest.n == 0 || rest.p[0] == ':'))
		p->inside = false;
}

/* The inside of ${...}: a key, or a key and a default in single quotes. */
static int
add_variable(struct compiler *c, struct span in, struct fault *f)
{
	ptrdiff_t comma = span_find(in, ',');
	struct span key = span_trim(comma < 0 ? in : span_sub(in, 0, (size_t)comma));
	struct span rest =
	    comma < 0 ? SPAN_NONE : span_trim(span_sub(in, (size_t)comma + 1, in.n));
	struct template_part *p;

	if (key.n == 0 || span_find(key, '$') >= 0 || span_find(key, '{') >= 0)
		return fault_set(f, ERR_INVALID, "a policy variable needs a name");
	if (comma >= 0 && (rest.n < 2 || rest.p[0] != '\'' || rest.p[rest.n - 1] != '\''))
		return fault_set(f, ERR_INVALID,
		    "the default of a policy variable stands in single quotes");
	if (c->t->nvariables >= TEMPLATE_VARIABLES_MAX)
		return fault_set(f, ERR_INVALID,
		    "more than %d policy variables in one value", TEMPLATE_VARIABLES_MAX);
	p = add_part(c, PART_VARIABLE);
	p->text = key;
	p->hash = policy_key_hash(key);
	p->has_fallback = comma >= 0;
	if (p->has_fallback)
		p->fallback = span_sub(rest, 1, rest.n - 2);
	c->t->nvariables++;
	return 0;
}

/* "${" at the front of in; *used is how much it takes. */
static int
compile_variable(struct compiler *c, struct span in, size_t *used, struct fault *f)
{
	ptrdiff_t end = span_find(in, '}');
	struct span name;

	if (end < 0)
		return fault_set(
		    f, ERR_INVALID, "a policy variable has no closing brace");
	name = span_sub(in, 2, (size_t)end - 2);
	*used = (size_t)end + 1;
	if (span_eq_str(name, "*") || span_eq_str(name, "?") || span_eq_str(name, "$")) {
		add_byte(c, name.p);
		return 0;
	}
	return add_variable(c, name, f);
}

/* The fields that an ARN does not name. */
static void
add_missing_fields(struct compiler *c)
{
	static const uint8_t colon[] = ":";

	while (c->field < ARN_FIELDS - 1) {
		add_byte(c, colon);
		add_star(c, SPAN_NONE);
	}
}

/* Each special character makes one part and begins another; so does each missing field. */
static size_t
parts_bound(struct span s)
{
	size_t n = 1 + 2 * (ARN_FIELDS - 1);

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '*' || s.p[i] == '?' || s.p[i] == '$')
			n += 2;
	return n;
}

int
template_compile(struct template *t, struct arena *mem, struct span text,
    enum template_mode mode, bool variables, struct fault *f)
{
	struct compiler c = { .t = t, .mode = mode };
	struct span s = arena_copy(mem, text);
	size_t used;
	int r;

	*t = (struct template){ 0 };
	t->anything = mode == TEMPLATE_RESOURCE && span_eq_str(s, "*");
	t->parts = arena_alloc(mem, parts_bound(s) * sizeof(*t->parts));
	for (size_t i = 0; i < s.n; i += used) {
		bool wild = mode != TEMPLATE_EXACT;

		used = 1;
		if (wild && s.p[i] == '*') {
			add_star(&c, span_sub(s, i + 1, s.n));
		} else if (wild && s.p[i] == '?') {
			add_part(&c, PART_ONE);
		} else if (variables && span_starts(span_sub(s, i, s.n), "${")) {
			r = compile_variable(&c, span_sub(s, i, s.n), &used, f);
			if (r != 0)
				return r;
		} else {
			add_byte(&c, s.p + i);
		}
	}
	if (mode >= TEMPLATE_ARN && !t->anything)
		add_missing_fields(&c);
	return 0;
}

/* --- matching --------------------------------------------------------------------- */

struct matcher {
	const struct template *t;
	struct span values[TEMPLATE_VARIABLES_MAX]; /* what the variables stand for */
	struct span text;
	bool fold;
	size_t part, variable, at; /* where we are */
};

/* A place to go back to: a star, and where the text that it swallowed ends. */
struct retreat {
	size_t part, variable, at;
	bool set;
};

static bool
resolve(const struct template_part *p, const struct policy_context *c, struct span *value)
{
	const struct policy_key *k = policy_context_find(c, p->text, p->hash);

	if (k != NULL) {
		*value = k->values[0];
		return !k->many && k->nvalues == 1;
	}
	*value = p->fallback;
	return p->has_fallback;
}

static bool
resolve_all(const struct template *t, const struct policy_context *c, struct span *values)
{
	size_t n = 0;

	for (size_t i = 0; i < t->nparts && n < t->nvariables; i++) {
		if (t->parts[i].kind != PART_VARIABLE)
			continue;
		if (!resolve(&t->parts[i], c, &values[n]))
			return false;
		/* Else a value with a colon could shift the fields of an ARN. */
		if (t->parts[i].inside && span_find(values[n], ':') >= 0)
			return false;
		n++;
	}
	return true;
}

static bool
take_text(struct matcher *m, struct span s)
{
	const uint8_t *p = m->text.p + m->at;

	if (m->text.n - m->at < s.n)
		return false;
	if (s.n > 0 &&
	    (m->fold ? strncasecmp((const char *)p, (const char *)s.p, s.n)
		     : memcmp(p, s.p, s.n)) != 0)
		return false;
	m->at += s.n;
	return true;
}

/* One step over a part that is not a star. */
static bool
take_part(struct matcher *m, const struct template_part *p)
{
	switch (p->kind) {
	case PART_TEXT:
		return take_text(m, p->text);
	case PART_VARIABLE:
		return take_text(m, m->values[m->variable++]);
	default:
		if (m->at == m->text.n || (p->inside && m->text.p[m->at] == ':'))
			return false;
		m->at++;
		return true;
	}
}

/* The star of r swallows one byte more, if it may. */
static bool
go_back(struct matcher *m, struct retreat *r)
{
	if (!r->set || r->at >= m->text.n ||
	    (m->t->parts[r->part].inside && m->text.p[r->at] == ':')) {
		r->set = false;
		return false;
	}
	r->at++;
	m->part = r->part + 1;
	m->variable = r->variable;
	m->at = r->at;
	return true;
}

static bool
run(struct matcher *m)
{
	struct retreat last = { 0 }, crossing = { 0 };

	for (;;) {
		const struct template_part *p = &m->t->parts[m->part];

		if (m->part == m->t->nparts) {
			if (m->at == m->text.n)
				return true;
		} else if (p->kind == PART_STAR) {
			if (!p->inside && m->part + 1 == m->t->nparts)
				return true;
			last = (struct retreat){ m->part++, m->variable, m->at, true };
			if (!p->inside) {
				crossing = last;
				last.set = false;
			}
			continue;
		} else if (take_part(m, p)) {
			m->part++;
			continue;
		}
		if (!go_back(m, &last) && !go_back(m, &crossing))
			return false;
	}
}

bool
template_match(
    const struct template *t, const struct policy_context *c, struct span text, bool fold)
{
	struct matcher m;

	if (t->anything)
		return true;
	if (t->nvariables > 0 && !resolve_all(t, c, m.values))
		return false;
	m.t = t;
	m.text = text.n > 0 ? text : SPAN("");
	m.fold = fold;
	m.part = m.variable = m.at = 0;
	return run(&m);
}

bool
template_resolves(const struct template *t, const struct policy_context *c)
{
	struct span values[TEMPLATE_VARIABLES_MAX];

	return t->nvariables == 0 || resolve_all(t, c, values);
}
