/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of JSON objects from Go peers, which write and read keys without regard to
 * case. Private to this folder.
 */
#pragma once

#include "base/arena.h"
#include "codec/json.h"

/* By exact name, else by folded name; NULL when absent or null. */
static inline json_t *
member(const json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key), *it;
	const char *name;

	if (v == NULL) {
		json_object_foreach((json_t *)o, name, it)
		{
			if (span_eq_ci(span_str(name), key)) {
				v = it;
				break;
			}
		}
	}
	return json_is_null(v) ? NULL : v;
}

/*
 * A string member of at most max bytes, copied; fallback when absent or null (NULL: the
 * member is required).  ERR_INVALID when of another type or absent, ERR_LIMIT when too
 * long.
 */
static inline int
member_str(const char **out, struct arena *mem, const json_t *o, const char *key,
    size_t max, const char *fallback)
{
	const json_t *v = member(o, key);

	*out = fallback;
	if (v == NULL)
		return fallback == NULL ? ERR_INVALID : 0;
	if (!json_is_string(v))
		return ERR_INVALID;
	if (json_string_length(v) > max)
		return ERR_LIMIT;
	*out = arena_strdup(mem, json_string_value(v));
	return 0;
}

/* A JSON object of at most max bytes; what names it in a fault. */
static inline int
member_object(json_t **o, struct span json, size_t max, const char *what, struct fault *f)
{
	int r;

	if (json.n > max)
		return fault_set(f, ERR_LIMIT, "%s is too long", what);
	if ((r = json_read(o, json, f)) != 0)
		return r;
	if (!json_is_object(*o))
		return fault_set(f, ERR_INVALID, "%s is not an object", what);
	return 0;
}

/* The text of a value, in the arena; empty for NULL. */
static inline struct span
member_text(struct arena *mem, const json_t *v, size_t max)
{
	auto_buf b;

	buf_init(&b, max);
	if (v != NULL)
		json_dump(&b, v);
	return buf_check(&b) == 0 ? arena_copy(mem, buf_span(&b)) : SPAN_NONE;
}
