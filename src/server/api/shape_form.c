/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Form bodies of the Query protocols as the JSON they stand for: X.member.1.Y for Query,
 * X.1.Y for EC2.
 *
 * The shape leads, not the body: a name is looked up when the shape has room for it, so
 * unknown names cost nothing.  Names are sorted once; a lookup is a binary search.
 */
#include "server/api/shape.h"

#include "base/text.h"

enum { FORM_NAME_MAX = 512, FORM_ELEMENTS_MAX = QUERY_PAIRS_MAX };

struct form {
	struct query_pair *pairs; /* sorted by name */
	size_t n;
	enum shape_form kind;
	struct fault *f;
};

static int read_value(
    const struct form *fm, const struct shape *s, const char *name, json_t **out);

static int
pair_cmp(const void *a, const void *b)
{
	return strcmp(
	    ((const struct query_pair *)a)->name, ((const struct query_pair *)b)->name);
}

/* Index of the first pair whose name is not before text. */
static size_t
lower_bound(const struct form *fm, const char *text)
{
	size_t lo = 0, hi = fm->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(fm->pairs[mid].name, text) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static const char *
form_get(const struct form *fm, const char *name)
{
	size_t i = lower_bound(fm, name);

	return i < fm->n && strcmp(fm->pairs[i].name, name) == 0 ? fm->pairs[i].value
								 : NULL;
}

/* Is there "name" or anything below "name."? */
static bool
form_has(const struct form *fm, const char *name)
{
	char below[FORM_NAME_MAX + 2];
	size_t i;

	if (form_get(fm, name) != NULL)
		return true;
	snprintf(below, sizeof(below), "%s.", name);
	i = lower_bound(fm, below);
	return i < fm->n && strncmp(fm->pairs[i].name, below, strlen(below)) == 0;
}

static int
name_join(char out[FORM_NAME_MAX], const char *a, const char *b)
{
	int n = a[0] == '\0' ? snprintf(out, FORM_NAME_MAX, "%s", b)
			     : snprintf(out, FORM_NAME_MAX, "%s.%s", a, b);

	return n < FORM_NAME_MAX ? 0 : ERR_LIMIT;
}

static int
malformed(const struct form *fm, const char *name, const char *what)
{
	return fault_set(
	    fm->f, ERR_INVALID, "Invalid value for %s parameter %.100s", what, name);
}

static int
read_scalar(const struct form *fm, const struct shape *s, const char *name, json_t **out)
{
	const char *text = form_get(fm, name);
	int64_t n;

	if (text == NULL)
		return 0;
	switch (s->kind) {
	case SHAPE_INTEGER:
	case SHAPE_LONG:
		if (num_parse(span_str(text), INT32_MIN, INT32_MAX, &n) != 0)
			return malformed(fm, name, "integer");
		*out = json_integer(n);
		return 0;
	case SHAPE_BOOLEAN:
		if (!span_eq_ci(span_str(text), "true") &&
		    !span_eq_ci(span_str(text), "false"))
			return malformed(fm, name, "boolean");
		*out = json_boolean(span_eq_ci(span_str(text), "true"));
		return 0;
	case SHAPE_TIMESTAMP:
		if (time_parse_iso(span_str(text), &n) != 0)
			return malformed(fm, name, "timestamp");
		*out = json_real((double)n / 1000.0);
		return 0;
	case SHAPE_DOUBLE:
		return malformed(fm, name, "number");
	default:
		*out = json_string(text);
		return *out == NULL ? malformed(fm, name, "string") : 0;
	}
}

/* Elements 1, 2, 3 ... until one is missing. */
static int
read_list(const struct form *fm, const struct shape *s, const char *name, json_t **out)
{
	char base[FORM_NAME_MAX], at[FORM_NAME_MAX];
	bool flat = s->flat || fm->kind == SHAPE_FORM_EC2;
	json_t *list = NULL;
	int err;

	if (flat)
		err = str_copy(base, sizeof(base), name);
	else
		err =
		    name_join(base, name, s->item_form != NULL ? s->item_form : "member");
	for (int i = 1; err == 0 && i <= FORM_ELEMENTS_MAX; i++) {
		json_t *e = NULL;
		char number[12];

		snprintf(number, sizeof(number), "%d", i);
		if ((err = name_join(at, base, number)) != 0 || !form_has(fm, at))
			break;
		if ((err = read_value(fm, s->item, at, &e)) != 0) {
			json_decref(e);
			break;
		}
		if (list == NULL)
			list = json_array();
		json_array_append_new(list, e != NULL ? e : json_null());
	}
	*out = list;
	return err;
}

static int
read_map(const struct form *fm, const struct shape *s, const char *name, json_t **out)
{
	char at[FORM_NAME_MAX];
	json_t *map = NULL;
	int err = 0;

	for (int i = 1; err == 0 && i <= FORM_ELEMENTS_MAX; i++) {
		char entry[24];
		const char *key;
		json_t *e = NULL;

		snprintf(entry, sizeof(entry), s->flat ? "%d.key" : "entry.%d.key", i);
		if ((err = name_join(at, name, entry)) != 0 ||
		    (key = form_get(fm, at)) == NULL)
			break;
		snprintf(
		    entry, sizeof(entry), s->flat ? "%d.value" : "entry.%d.value", i);
		if ((err = name_join(at, name, entry)) != 0)
			break;
		if ((err = read_value(fm, s->item, at, &e)) != 0) {
			json_decref(e);
			break;
		}
		if (map == NULL)
			map = json_object();
		if (json_object_set_new(map, key, e != NULL ? e : json_null()) != 0)
			err = malformed(fm, name, "map");
	}
	*out = map;
	return err;
}

static int
read_struct(const struct form *fm, const struct shape *s, const char *name, json_t **out)
{
	char at[FORM_NAME_MAX];
	int err = 0;

	*out = json_object();
	for (size_t i = 0; err == 0 && i < s->nmembers; i++) {
		const struct shape_member *m = &s->members[i];
		json_t *v = NULL;

		if ((err = name_join(at, name, m->form)) != 0 || !form_has(fm, at))
			continue;
		err = read_value(fm, &m->shape, at, &v);
		if (v != NULL)
			json_object_set_new(*out, m->name, v);
	}
	return err;
}

/* On failure *out may hold a part; the caller's tree takes it and is freed as a whole. */
static int
read_value(const struct form *fm, const struct shape *s, const char *name, json_t **out)
{
	switch (s->kind) {
	case SHAPE_STRUCT:
		return read_struct(fm, s, name, out);
	case SHAPE_LIST:
		return read_list(fm, s, name, out);
	case SHAPE_MAP:
		return read_map(fm, s, name, out);
	default:
		return read_scalar(fm, s, name, out);
	}
}

int
shape_from_form(json_t **out, const struct shape *s, enum shape_form form,
    const struct query *q, struct fault *f)
{
	struct form fm = { .n = q->n, .kind = form, .f = f };
	json_t *v = NULL;
	int err;

	*out = NULL;
	fm.pairs = xcalloc(q->n > 0 ? q->n : 1, sizeof(*fm.pairs));
	if (q->n > 0)
		memcpy(fm.pairs, q->pairs, q->n * sizeof(*fm.pairs));
	qsort(fm.pairs, fm.n, sizeof(*fm.pairs), pair_cmp);
	err = read_struct(&fm, s, "", &v);
	free(fm.pairs);
	if (err != 0) {
		json_decref(v);
		return err == ERR_LIMIT
		    ? fault_set(f, err, "A parameter name is too long")
		    : err;
	}
	*out = v;
	return 0;
}
