/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the notation of shape.h.  The text is ours, so a mistake in it is reported once
 * at start-up with its place; the parser is plain recursive descent.
 */
#include "server/api/shape.h"

#include <ctype.h>

struct reader {
	const char *start, *p;
	struct arena *mem;
	struct fault *f;
};

static int parse_shape(struct reader *r, struct shape *s);

static int
bad(struct reader *r, const char *what)
{
	return fault_set(
	    r->f, ERR_INVALID, "input notation, offset %zd: %s", r->p - r->start, what);
}

static void
skip_blanks(struct reader *r)
{
	while (*r->p == ' ' || *r->p == '\n' || *r->p == '\t')
		r->p++;
}

static bool
accept(struct reader *r, const char *text)
{
	size_t n = strlen(text);

	if (strncmp(r->p, text, n) != 0)
		return false;
	r->p += n;
	return true;
}

static int
expect(struct reader *r, const char *text)
{
	skip_blanks(r);
	return accept(r, text) ? 0 : bad(r, text);
}

static const char *
until(struct reader *r, const char *stop)
{
	size_t n = strcspn(r->p, stop);
	const char *s = arena_str(r->mem, span_of(r->p, n));

	r->p += n;
	return s;
}

/* "a..b", "a..", "..b" at the front of a constraint. */
static bool
parse_range(struct reader *r, struct shape *s)
{
	char *end;
	int64_t min = strtoll(r->p, &end, 10);

	if (strncmp(end, "..", 2) != 0)
		return false;
	s->has_min = end != r->p;
	s->min = s->has_min ? min : 0;
	r->p = end + 2;
	s->max = strtoll(r->p, &end, 10);
	s->has_max = end != r->p;
	r->p = end;
	return true;
}

static int
parse_pattern(struct reader *r, struct shape *s)
{
	const char *end = strstr(r->p, "/}");

	if (end == NULL)
		return bad(r, "pattern without end");
	s->pattern = arena_str(r->mem, span_of(r->p, (size_t)(end - r->p)));
	r->p = end + 1;
	return regex_new(&s->re, s->pattern, r->f);
}

static void
parse_words(struct reader *r, struct shape *s)
{
	size_t n = 1;

	for (const char *p = r->p; *p != '\0' && *p != '}'; p++)
		n += *p == '|';
	s->words = arena_alloc(r->mem, n * sizeof(*s->words));
	while (s->nwords < n) {
		s->words[s->nwords++] = until(r, "|}");
		if (!accept(r, "|"))
			break;
	}
}

static int
parse_constraint(struct reader *r, struct shape *s)
{
	int err;

	if (!accept(r, "{"))
		return 0;
	if (parse_range(r, s))
		skip_blanks(r);
	if (accept(r, "/")) {
		if ((err = parse_pattern(r, s)) != 0)
			return err;
	} else if (*r->p != '}') {
		parse_words(r, s);
	}
	return expect(r, "}");
}

/* EC2 writes a form name with a capital, and so does every structure member. */
static const char *
capital(struct arena *mem, const char *name)
{
	char *s = arena_strdup(mem, name);

	s[0] = (char)toupper((unsigned char)s[0]);
	return s;
}

static int
parse_member(struct reader *r, struct shape_member *m)
{
	char *label;

	skip_blanks(r);
	m->name = until(r, "*~=(: ");
	if (m->name[0] == '\0')
		return bad(r, "member name");
	m->required = accept(r, "*");
	m->secret = accept(r, "~");
	m->form = m->name;
	if (accept(r, "=<")) {
		m->form = capital(r->mem, until(r, ">"));
		if (!accept(r, ">"))
			return bad(r, ">");
	}
	if (accept(r, "(q:")) {
		m->form = until(r, ")");
		if (!accept(r, ")"))
			return bad(r, ")");
	}
	label = arena_strdup(r->mem, m->name);
	label[0] = (char)tolower((unsigned char)label[0]);
	m->label = label;
	if (expect(r, ":") != 0)
		return ERR_INVALID;
	return parse_shape(r, &m->shape);
}

static int
parse_struct(struct reader *r, struct shape *s)
{
	size_t cap = 0;
	int err;

	s->kind = SHAPE_STRUCT;
	if ((err = expect(r, "{")) != 0)
		return err;
	for (skip_blanks(r); !accept(r, "}"); skip_blanks(r)) {
		if (s->nmembers == cap) {
			struct shape_member *more;

			cap = cap == 0 ? 8 : 2 * cap;
			more = arena_alloc(r->mem, cap * sizeof(*more));
			if (s->nmembers > 0)
				memcpy(more, s->members, s->nmembers * sizeof(*more));
			s->members = more;
		}
		if ((err = parse_member(r, &s->members[s->nmembers++])) != 0)
			return err;
		skip_blanks(r);
		if (!accept(r, ";") && *r->p != '}')
			return bad(r, "; or }");
	}
	return 0;
}

static int
parse_list(struct reader *r, struct shape *s)
{
	int err;

	s->kind = SHAPE_LIST;
	s->flat = accept(r, "(flat)");
	if (accept(r, "(<")) {
		s->item_form = until(r, ">");
		if (!accept(r, ">)"))
			return bad(r, ">)");
	}
	if ((err = parse_constraint(r, s)) != 0 || (err = expect(r, "[")) != 0)
		return err;
	s->item = arena_alloc(r->mem, sizeof(*s->item));
	if ((err = parse_shape(r, s->item)) != 0)
		return err;
	return expect(r, "]");
}

static int
parse_map(struct reader *r, struct shape *s)
{
	int err;

	s->kind = SHAPE_MAP;
	if ((err = parse_constraint(r, s)) != 0 || (err = expect(r, "<")) != 0)
		return err;
	s->key = arena_alloc(r->mem, sizeof(*s->key));
	s->item = arena_alloc(r->mem, sizeof(*s->item));
	if ((err = parse_shape(r, s->key)) != 0 || (err = expect(r, ",")) != 0 ||
	    (err = parse_shape(r, s->item)) != 0)
		return err;
	return expect(r, ">");
}

static int
parse_shape(struct reader *r, struct shape *s)
{
	static const struct {
		const char *name;
		enum shape_kind kind;
	} scalars[] = {
		{ "string", SHAPE_STRING },
		{ "integer", SHAPE_INTEGER },
		{ "long", SHAPE_LONG },
		{ "double", SHAPE_DOUBLE },
		{ "boolean", SHAPE_BOOLEAN },
		{ "timestamp", SHAPE_TIMESTAMP },
		{ "blob", SHAPE_BLOB },
	};

	skip_blanks(r);
	if (*r->p == '{' || accept(r, "struct"))
		return parse_struct(r, s);
	if (accept(r, "list"))
		return parse_list(r, s);
	if (accept(r, "map"))
		return parse_map(r, s);
	for (size_t i = 0; i < ARRAY_LEN(scalars); i++) {
		if (accept(r, scalars[i].name)) {
			s->kind = scalars[i].kind;
			return parse_constraint(r, s);
		}
	}
	return bad(r, "unknown type");
}

int
shape_parse(struct shape **out, struct arena *mem, const char *text, struct fault *f)
{
	struct reader r = { .start = text, .p = text, .mem = mem, .f = f };
	struct shape *s = arena_alloc(mem, sizeof(*s));
	int err = parse_shape(&r, s);

	skip_blanks(&r);
	if (err == 0 && (*r.p != '\0' || s->kind != SHAPE_STRUCT))
		err = bad(&r, "a structure and nothing behind it");
	if (err != 0) {
		shape_fini(s);
		return err;
	}
	*out = s;
	return 0;
}

void
shape_fini(struct shape *s)
{
	if (s == NULL)
		return;
	regex_free(s->re);
	s->re = NULL;
	shape_fini(s->key);
	shape_fini(s->item);
	for (size_t i = 0; i < s->nmembers; i++)
		shape_fini(&s->members[i].shape);
}

const struct shape_member *
shape_member(const struct shape *s, const char *name)
{
	for (size_t i = 0; i < s->nmembers; i++) {
		if (strcmp(s->members[i].name, name) == 0)
			return &s->members[i];
	}
	return NULL;
}
