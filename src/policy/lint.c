/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linter's frame: reads the text, walks the statements, puts the better policy together.
 */
#include "policy/lint_int.h"

#include <stdarg.h>

#include "policy/parse_int.h"

void
lint_say(struct linter *l, const char *code, struct policy_place at, const char *fmt, ...)
{
	struct policy_finding *f = arena_alloc(l->mem, sizeof(*f));
	auto_free char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort(); /* out of memory */
	va_end(ap);
	*f = (struct policy_finding){ code, at, arena_strdup(l->mem, text), NULL };
	*l->tail = f;
	l->tail = &f->next;
}

void
lint_edit(struct linter *l, size_t from, size_t to, const char *text)
{
	struct lint_edit *e = arena_alloc(l->mem, sizeof(*e)), **p = &l->edits;

	/* Behind those of the same place: they are made in the order of the text. */
	while (*p != NULL && (*p)->from <= from)
		p = &(*p)->next;
	*e = (struct lint_edit){ from, to, text, *p };
	*p = e;
}

struct span
lint_raw(const struct linter *l, const struct tree_node *n)
{
	return span_sub(l->text, n->begin.offset, n->end.offset - n->begin.offset);
}

/* --- comparing names ------------------------------------------------------------------ */

/* A copy in which ${...} is *. */
static struct span
plain_pattern(struct arena *mem, struct span s)
{
	uint8_t *out = arena_alloc(mem, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		ptrdiff_t end = -1;

		if (span_starts(span_sub(s, i, s.n), "${"))
			end = span_find(span_sub(s, i, s.n), '}');
		out[n++] = end > 0 ? '*' : s.p[i];
		i += end > 0 ? (size_t)end : 0;
	}
	return span_of(out, n);
}

bool
lint_overlap(struct arena *mem, struct span a, struct span b)
{
	auto_free bool *ok = NULL;
	size_t w;

	a = plain_pattern(mem, a);
	b = plain_pattern(mem, b);
	w = b.n + 1;
	/* ok[i][j]: the rests from i and from j have a text in common. */
	ok = xcalloc(a.n + 1, w);
	for (size_t i = a.n + 1; i-- > 0;) {
		for (size_t j = w; j-- > 0;) {
			int ca = i < a.n ? a.p[i] : -1, cb = j < b.n ? b.p[j] : -1;
			bool *here = &ok[i * w + j];

			if (ca < 0 && cb < 0)
				*here = true;
			else if (ca == '*')
				*here = ok[(i + 1) * w + j] || (cb >= 0 && here[1]);
			else if (cb == '*')
				*here = here[1] || (ca >= 0 && ok[(i + 1) * w + j]);
			else if (ca >= 0 && cb >= 0 &&
			    (ca == cb || ca == '?' || cb == '?'))
				*here = ok[(i + 1) * w + j + 1];
		}
	}
	return ok[0];
}

enum { NEAREST_MAX = 64, NEAREST_DISTANCE = 2 };

/* Letters to insert, remove or change; case does not count. */
static size_t
distance(struct span a, struct span b)
{
	size_t row[NEAREST_MAX + 1];

	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			bool same = (a.p[i - 1] | 0x20) == (b.p[j - 1] | 0x20);
			size_t next = MIN(MIN(row[j], row[j - 1]) + 1, diagonal + !same);

			diagonal = row[j];
			row[j] = next;
		}
	}
	return row[b.n];
}

void
lint_nearest(struct lint_nearest *n, const char *candidate)
{
	struct span c = span_str(candidate);
	size_t d;

	if (c.n > NEAREST_MAX || n->name.n > NEAREST_MAX)
		return;
	d = distance(n->name, c);
	if (d <= NEAREST_DISTANCE && (n->best == NULL || d < n->distance)) {
		n->best = candidate;
		n->distance = d;
	}
}

/* --- the text ----------------------------------------------------------------------- */

enum { ROUNDS = 4 };

static const char *
apply_edits(const struct linter *l, bool bare)
{
	auto_buf b = { .max = 4 * POLICY_TEXT_MAX };
	size_t at = 0;

	if (bare)
		buf_add_str(&b, "{\n\"Version\": \"2012-10-17\",\n\"Statement\": [\n");
	for (const struct lint_edit *e = l->edits; e != NULL; e = e->next) {
		if (e->from < at) /* inside of what was replaced: the next round's */
			continue;
		buf_add(&b, span_sub(l->text, at, e->from - at));
		buf_add_str(&b, e->text);
		at = e->to;
	}
	buf_add(&b, span_sub(l->text, at, l->text.n));
	if (bare)
		buf_add_str(&b, "\n]\n}\n");
	return buf_check(&b) == 0 ? arena_str(l->mem, buf_span(&b)) : NULL;
}

/* The text when it is a policy, else NULL. */
static const char *
if_valid(enum policy_kind kind, const char *text, struct policy_flaw *flaw)
{
	struct policy *p = NULL;

	if (text == NULL || policy_parse(&p, kind, span_str(text), flaw) != 0)
		return NULL;
	policy_free(p);
	return text;
}

static void
walk(struct linter *l, const struct tree_node *top)
{
	const struct tree_node *list = node_get(top, "Statement");
	const struct tree_node *version = node_get(top, "Version");

	l->variables = version != NULL && span_eq_str(version->text, "2012-10-17");
	for (const struct tree_node *s = items_first(list); s != NULL; s = items_next(list, s))
		lint_statement(l, s);
}

static bool
is_bare(const struct tree_node *top)
{
	return top->kind == NODE_OBJECT && node_get(top, "Statement") == NULL &&
	    (node_get(top, "Effect") != NULL || node_get(top, "Action") != NULL);
}

static void
lint_bare(struct linter *l, enum policy_kind kind, const struct tree_node *top)
{
	struct policy_flaw flaw = { 0 };

	lint_say(l, "bare-statement", top->begin,
	    "This is a statement, not a policy: IAM refuses it with "
	    "MalformedPolicyDocument. "
	    "A policy is an object with a Version and a list of statements.");
	if (if_valid(kind, apply_edits(l, true), &flaw) == NULL) {
		lint_say(l, "malformed", top->begin, "Even inside a policy: %s%s%s",
		    flaw.message, flaw.why[0] != '\0' ? " " : "", flaw.why);
		return;
	}
	l->variables = true; /* as the better one will have it */
	lint_statement(l, top);
	l->out->better = if_valid(kind, apply_edits(l, true), &flaw);
}

static void
lint_once(
    struct policy_lint *out, struct arena *mem, enum policy_kind kind, struct span text)
{
	struct linter l = { .mem = mem, .text = text, .out = out, .tail = &out->first };
	struct policy_flaw flaw = { 0 };
	struct policy *p = NULL;
	struct tree_node *top = NULL;
	bool readable =
	    text.n <= POLICY_TEXT_MAX && tree_read(&top, mem, text, NULL) == 0;

	*out = (struct policy_lint){ 0 };
	if (readable && is_bare(top)) {
		lint_bare(&l, kind, top);
		return;
	}
	if (policy_parse(&p, kind, text, &flaw) != 0) {
		lint_say(&l, "malformed", flaw.at, "%s", policy_flaw_text(mem, &flaw));
		return;
	}
	policy_free(p);
	walk(&l, top);
	if (l.edits != NULL)
		out->better = if_valid(kind, apply_edits(&l, false), &flaw);
}

void
policy_lint(
    struct policy_lint *out, struct arena *mem, enum policy_kind kind, struct span text)
{
	struct policy_lint again;

	lint_once(out, mem, kind, text);
	for (int i = 0; i < ROUNDS && out->better != NULL; i++) {
		lint_once(&again, mem, kind, span_str(out->better));
		if (again.better == NULL)
			break;
		out->better = again.better;
	}
}
