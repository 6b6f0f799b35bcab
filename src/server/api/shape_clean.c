/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types of an input: what AWS's JSON reader accepts and how it words what it does not.
 */
#include "server/api/shape.h"

#include <math.h>

static int clean(const struct shape *s, json_t *v, json_t **replace, struct fault *f);

static const char *
type_name(enum shape_kind k)
{
	switch (k) {
	case SHAPE_STRING:
		return "a String";
	case SHAPE_INTEGER:
		return "an Integer";
	case SHAPE_LONG:
		return "a Long";
	case SHAPE_DOUBLE:
		return "a Double";
	case SHAPE_BOOLEAN:
		return "a Boolean";
	case SHAPE_TIMESTAMP:
		return "a Timestamp";
	default:
		return "a Blob";
	}
}

static int
wrong_scalar(const struct shape *s, const json_t *v, struct fault *f)
{
	static const char *const token[] = {
		[JSON_STRING] = "STRING_VALUE",
		[JSON_INTEGER] = "NUMBER_VALUE",
		[JSON_REAL] = "NUMBER_VALUE",
		[JSON_TRUE] = "TRUE_VALUE",
		[JSON_FALSE] = "FALSE_VALUE",
	};

	if (json_is_array(v))
		return fault_set(
		    f, ERR_INVALID, "Start of list found where not expected");
	if (json_is_object(v))
		return fault_set(f, ERR_INVALID,
		    "Start of structure or map found where not expected.");
	return fault_set(f, ERR_INVALID, "%s can not be converted to %s",
	    token[json_typeof(v)], type_name(s->kind));
}

/* Fractions are dropped; what no integer holds is refused. */
static int
clean_integer(const struct shape *s, json_t *v, json_t **replace, struct fault *f)
{
	double d, limit = s->kind == SHAPE_INTEGER ? 2147483648.0 : 9007199254740992.0;

	if (!json_is_number(v))
		return wrong_scalar(s, v, f);
	d = trunc(json_number_value(v));
	if (!(d >= -limit && d < limit))
		return wrong_scalar(s, v, f);
	if (json_is_real(v))
		*replace = json_integer((json_int_t)d);
	return 0;
}

static int
clean_list(const struct shape *s, json_t *v, struct fault *f)
{
	size_t i;
	json_t *e;

	if (json_is_object(v))
		return wrong_scalar(s, v, f);
	if (!json_is_array(v))
		return fault_set(f, ERR_INVALID, "Expected list or null");
	json_array_foreach(v, i, e)
	{
		json_t *replace = NULL;
		int err;

		if (json_is_null(e)) /* told by shape_check() */
			continue;
		if ((err = clean(s->item, e, &replace, f)) != 0)
			return err;
		if (replace != NULL)
			json_array_set_new(v, i, replace);
	}
	return 0;
}

/* The shape of one entry; NULL: the model does not know it. */
static const struct shape *
entry_shape(const struct shape *s, const char *key)
{
	const struct shape_member *m;

	if (s->kind == SHAPE_MAP)
		return s->item;
	m = shape_member(s, key);
	return m != NULL ? &m->shape : NULL;
}

/* Maps and structures. */
static int
clean_object(const struct shape *s, json_t *v, struct fault *f)
{
	const char *key;
	json_t *e;
	void *tmp;

	if (json_is_array(v))
		return wrong_scalar(s, v, f);
	if (!json_is_object(v))
		return fault_set(f, ERR_INVALID, "Expected %s or null",
		    s->kind == SHAPE_MAP ? "map" : "structure");
	json_object_foreach_safe(v, tmp, key, e)
	{
		const struct shape *inner = entry_shape(s, key);
		json_t *replace = NULL;
		int err;

		if (inner == NULL || json_is_null(e)) {
			json_object_del(v, key);
			continue;
		}
		if ((err = clean(inner, e, &replace, f)) != 0)
			return err;
		if (replace != NULL)
			json_object_set_new(v, key, replace);
	}
	return 0;
}

static int
clean(const struct shape *s, json_t *v, json_t **replace, struct fault *f)
{
	switch (s->kind) {
	case SHAPE_STRUCT:
	case SHAPE_MAP:
		return clean_object(s, v, f);
	case SHAPE_LIST:
		return clean_list(s, v, f);
	case SHAPE_STRING:
	case SHAPE_BLOB:
		return json_is_string(v) ? 0 : wrong_scalar(s, v, f);
	case SHAPE_BOOLEAN:
		return json_is_boolean(v) ? 0 : wrong_scalar(s, v, f);
	case SHAPE_INTEGER:
	case SHAPE_LONG:
		return clean_integer(s, v, replace, f);
	default:
		return json_is_number(v) ? 0 : wrong_scalar(s, v, f);
	}
}

int
shape_clean(const struct shape *s, json_t *in, struct fault *f)
{
	return clean(s, in, NULL, f);
}
