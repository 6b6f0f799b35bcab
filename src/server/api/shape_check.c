/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constraints, in AWS's words.
 *
 * Order as recorded from real services: members as the model lists them, for each value
 * the pattern before the length; at most SHAPE_VIOLATIONS_MAX are told.  What sits inside
 * a list or map of plain values is not told one by one: the whole list is repeated and
 * all constraints of its elements are named (maximum, minimum, pattern).
 */
#include "server/api/shape.h"

#include <inttypes.h>

#include "base/text.h"

struct check {
	struct buf items;
	size_t n;
	enum shape_voice voice;
};

static void check_members(struct check *c, const struct shape *s, const json_t *v,
    const char *path, struct arena *mem);

static struct span
text_of(const json_t *v)
{
	return span_of(json_string_value(v), json_string_length(v));
}

/* ---- values as they are repeated ---- */

static void
show_value(struct buf *out, const json_t *v)
{
	const char *key;
	json_t *item;
	size_t i, n = 0;

	switch (json_typeof(v)) {
	case JSON_STRING:
		buf_add(out, text_of(v));
		break;
	case JSON_INTEGER:
		buf_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		break;
	case JSON_REAL:
		buf_addf(out, "%.15g", json_real_value(v));
		break;
	case JSON_ARRAY:
		buf_add_str(out, "[");
		json_array_foreach(v, i, item)
		{
			buf_add_str(out, i > 0 ? ", " : "");
			show_value(out, item);
		}
		buf_add_str(out, "]");
		break;
	case JSON_OBJECT:
		buf_add_str(out, "{");
		json_object_foreach((json_t *)(uintptr_t)v, key, item)
		{
			buf_addf(out, "%s%s=", n++ > 0 ? ", " : "", key);
			show_value(out, item);
		}
		buf_add_str(out, "}");
		break;
	default:
		buf_add_str(out,
		    json_is_true(v)        ? "true"
			: json_is_false(v) ? "false"
					   : "null");
	}
}

/* The value cut to its limit at a character; what does not fit ends in "...". */
static void
add_value(struct buf *out, const json_t *v)
{
	auto_buf b;

	buf_init(&b, SHAPE_MESSAGE_MAX);
	show_value(&b, v);
	if (buf_check(&b) == 0 && b.len <= SHAPE_VALUE_MAX) {
		buf_add(out, buf_span(&b));
		return;
	}
	struct span cut = span_sub(buf_span(&b), 0, SHAPE_VALUE_MAX);

	cut.n -= utf8_incomplete_tail(cut);
	buf_add(out, cut);
	buf_add_str(out, "...");
}

/* Begins one violation; NULL when enough were told. */
static struct buf *
violation(
    struct check *c, const struct shape_member *m, const char *path, const json_t *v)
{
	if (c->n == SHAPE_VIOLATIONS_MAX)
		return NULL;
	buf_add_str(&c->items, c->n++ > 0 ? "; Value" : "Value");
	if (c->voice == SHAPE_BRIEF) {
		/* no value */
	} else if (v == NULL) {
		buf_add_str(&c->items, " null");
	} else if (m == NULL || !m->secret) {
		buf_add_str(&c->items, " '");
		add_value(&c->items, v);
		buf_add_str(&c->items, "'");
	}
	buf_addf(&c->items, " at '%s' failed to satisfy constraint: ", path);
	return &c->items;
}

/* ---- one value against one shape, without its elements ---- */

static bool
has_length(enum shape_kind k)
{
	return k == SHAPE_STRING || k == SHAPE_LIST || k == SHAPE_MAP || k == SHAPE_BLOB;
}

static int64_t
measure(const struct shape *s, const json_t *v)
{
	switch (s->kind) {
	case SHAPE_STRING:
	case SHAPE_BLOB:
		return (int64_t)utf8_length(text_of(v));
	case SHAPE_LIST:
		return (int64_t)json_array_size(v);
	case SHAPE_MAP:
		return (int64_t)json_object_size(v);
	default:
		return json_integer_value(v);
	}
}

static bool
min_ok(const struct shape *s, const json_t *v)
{
	return !s->has_min || measure(s, v) >= s->min;
}

static bool
max_ok(const struct shape *s, const json_t *v)
{
	return !s->has_max || measure(s, v) <= s->max;
}

static bool
word_ok(const struct shape *s, const json_t *v)
{
	for (size_t i = 0; i < s->nwords; i++) {
		if (span_eq_str(text_of(v), s->words[i]))
			return true;
	}
	return s->nwords == 0;
}

static bool
pattern_ok(const struct shape *s, const json_t *v)
{
	return s->re == NULL || regex_matches(s->re, text_of(v));
}

static void
say_min(struct buf *out, const struct shape *s)
{
	buf_addf(out, "Member must have %s greater than or equal to %" PRId64,
	    has_length(s->kind) ? "length" : "value", s->min);
}

static void
say_max(struct buf *out, const struct shape *s)
{
	buf_addf(out, "Member must have %s less than or equal to %" PRId64,
	    has_length(s->kind) ? "length" : "value", s->max);
}

static void
say_words(struct buf *out, const struct shape *s, enum shape_voice voice)
{
	buf_add_str(out, "Member must satisfy enum value set");
	if (voice == SHAPE_BRIEF)
		return;
	buf_add_str(out, ": [");
	for (size_t i = 0; i < s->nwords; i++)
		buf_addf(out, "%s%s", i > 0 ? ", " : "", s->words[i]);
	buf_add_str(out, "]");
}

static void
say_pattern(struct buf *out, const struct shape *s)
{
	buf_addf(out, "Member must satisfy regular expression pattern: %s", s->pattern);
}

/* ---- elements of lists and maps of plain values ---- */

/* Structures are walked with a path of their own; everything else is told as a whole. */
static bool
is_plain(const struct shape *s)
{
	if (s->kind == SHAPE_LIST || s->kind == SHAPE_MAP)
		return is_plain(s->item);
	return s->kind != SHAPE_STRUCT;
}

static bool satisfies(const struct shape *s, const json_t *v);

static bool
key_ok(const struct shape *key, const char *text)
{
	json_t *v = json_string(text);
	bool ok = v != NULL && satisfies(key, v);

	json_decref(v);
	return ok;
}

static bool
keys_ok(const struct shape *s, const json_t *v)
{
	const char *key;
	json_t *item;

	json_object_foreach((json_t *)(uintptr_t)v, key, item)
	{
		if (!key_ok(s->key, key))
			return false;
	}
	return true;
}

static bool
values_ok(const struct shape *s, const json_t *v)
{
	const char *key;
	json_t *item;

	json_object_foreach((json_t *)(uintptr_t)v, key, item)
	{
		if (!satisfies(s->item, item))
			return false;
	}
	return true;
}

static bool
elements_ok(const struct shape *s, const json_t *v)
{
	json_t *item;
	size_t i;

	json_array_foreach(v, i, item)
	{
		if (!satisfies(s->item, item))
			return false;
	}
	return true;
}

static bool
satisfies(const struct shape *s, const json_t *v)
{
	if (json_is_null(v))
		return false;
	if (!min_ok(s, v) || !max_ok(s, v) || !word_ok(s, v) || !pattern_ok(s, v))
		return false;
	if (s->kind == SHAPE_LIST && is_plain(s->item))
		return elements_ok(s, v);
	if (s->kind == SHAPE_MAP && is_plain(s->item))
		return keys_ok(s, v) && values_ok(s, v);
	return true;
}

static void say_all(struct buf *out, const struct shape *s, enum shape_voice voice);

static void
say_inner(struct buf *out, const char *which, const struct shape *s, size_t *n,
    enum shape_voice voice)
{
	size_t before = out->len;

	buf_addf(out, "%s%s must satisfy constraint: [", *n > 0 ? ", " : "", which);
	size_t inside = out->len;

	say_all(out, s, voice);
	if (out->len == inside) {
		out->len = before; /* nothing is asked of it */
		return;
	}
	buf_add_str(out, "]");
	++*n;
}

/* Every constraint of a shape, in the order of AWS's composed texts. */
static void
say_all(struct buf *out, const struct shape *s, enum shape_voice voice)
{
	size_t n = 0;

	if (s->has_max) {
		say_max(out, s);
		n++;
	}
	if (s->has_min) {
		buf_add_str(out, n++ > 0 ? ", " : "");
		say_min(out, s);
	}
	if (s->pattern != NULL) {
		buf_add_str(out, n++ > 0 ? ", " : "");
		say_pattern(out, s);
	}
	if (s->nwords > 0) {
		buf_add_str(out, n++ > 0 ? ", " : "");
		say_words(out, s, voice);
	}
	if (s->kind == SHAPE_LIST && is_plain(s->item))
		say_inner(out, "Member", s->item, &n, voice);
	if (s->kind == SHAPE_MAP && is_plain(s->item)) {
		say_inner(out, "Map keys", s->key, &n, voice);
		say_inner(out, "Map value", s->item, &n, voice);
	}
}

/* The elements' constraints, or that they must be there at all. */
static void
say_elements(struct buf *out, const char *which, const struct shape *s,
    enum shape_voice voice)
{
	size_t n = 0, before = out->len;

	say_inner(out, which, s, &n, voice);
	if (out->len == before)
		buf_addf(
		    out, "%s must satisfy constraint: [Member must not be null]", which);
}

/* ---- the walk ---- */

static void
check_own(
    struct check *c, const struct shape_member *m, const json_t *v, const char *path)
{
	const struct shape *s = &m->shape;
	struct buf *out;

	if (!pattern_ok(s, v) && (out = violation(c, m, path, v)) != NULL)
		say_pattern(out, s);
	if (!word_ok(s, v) && (out = violation(c, m, path, v)) != NULL)
		say_words(out, s, c->voice);
	if (!min_ok(s, v) && (out = violation(c, m, path, v)) != NULL)
		say_min(out, s);
	if (!max_ok(s, v) && (out = violation(c, m, path, v)) != NULL)
		say_max(out, s);
}

static void
check_list(struct check *c, const struct shape_member *m, const json_t *v,
    const char *path, struct arena *mem)
{
	const struct shape *item = m->shape.item;
	struct buf *out;
	json_t *e;
	size_t i;

	if (is_plain(item)) {
		if (!elements_ok(&m->shape, v) &&
		    (out = violation(c, m, path, v)) != NULL)
			say_elements(out, "Member", item, c->voice);
		return;
	}
	json_array_foreach(v, i, e)
	{
		const char *at = arena_printf(mem, "%s.%zu.member", path, i + 1);

		if (c->n == SHAPE_VIOLATIONS_MAX)
			return;
		if (json_is_null(e)) {
			if ((out = violation(c, m, at, NULL)) != NULL)
				buf_add_str(out, "Member must not be null");
		} else if (item->kind == SHAPE_STRUCT) {
			check_members(c, item, e, at, mem);
		}
	}
}

static void
check_map(struct check *c, const struct shape_member *m, const json_t *v,
    const char *path, struct arena *mem)
{
	struct buf *out;
	const char *key;
	json_t *e;

	if (!keys_ok(&m->shape, v) && (out = violation(c, m, path, v)) != NULL)
		say_elements(out, "Map keys", m->shape.key, c->voice);
	if (is_plain(m->shape.item)) {
		if (!values_ok(&m->shape, v) && (out = violation(c, m, path, v)) != NULL)
			say_elements(out, "Map value", m->shape.item, c->voice);
		return;
	}
	json_object_foreach((json_t *)(uintptr_t)v, key, e)
	{
		const char *at = arena_printf(mem, "%s.%s.member", path, key);

		if (c->n == SHAPE_VIOLATIONS_MAX)
			return;
		if (json_is_object(e) && m->shape.item->kind == SHAPE_STRUCT)
			check_members(c, m->shape.item, e, at, mem);
	}
}

static void
check_value(struct check *c, const struct shape_member *m, const json_t *v,
    const char *path, struct arena *mem)
{
	check_own(c, m, v, path);
	if (m->shape.kind == SHAPE_LIST)
		check_list(c, m, v, path, mem);
	else if (m->shape.kind == SHAPE_MAP)
		check_map(c, m, v, path, mem);
	else if (m->shape.kind == SHAPE_STRUCT)
		check_members(c, &m->shape, v, path, mem);
}

static void
check_members(struct check *c, const struct shape *s, const json_t *v, const char *path,
    struct arena *mem)
{
	for (size_t i = 0; i < s->nmembers && c->n < SHAPE_VIOLATIONS_MAX; i++) {
		const struct shape_member *m = &s->members[i];
		const json_t *value = json_object_get(v, m->name);
		const char *at = path[0] == '\0'
		    ? m->label
		    : arena_printf(mem, "%s.%s", path, m->label);
		struct buf *out;

		if (value != NULL)
			check_value(c, m, value, at, mem);
		else if (m->required && (out = violation(c, m, at, NULL)) != NULL)
			buf_add_str(out, "Member must not be null");
	}
}

int
shape_check(const struct shape *s, const json_t *in, enum shape_voice voice,
    struct arena *mem, char **message)
{
	struct check c = { .voice = voice };

	*message = NULL;
	buf_init(&c.items, SHAPE_MESSAGE_MAX);
	check_members(&c, s, in, "", mem);
	if (c.n > 0)
		*message = arena_printf(mem, "%zu validation error%s detected: %s", c.n,
		    c.n == 1 ? "" : "s", buf_cstr(&c.items));
	buf_fini(&c.items);
	return c.n > 0 ? ERR_INVALID : 0;
}
