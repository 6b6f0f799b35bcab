/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict door in front of jansson.  Every JSON text a stranger sends comes in here.
 * Nesting is measured before jansson sees the text, because its parser recurses.
 * jansson itself refuses duplicate keys (when told), NUL, invalid UTF-8, integers over 64
 * bits and bytes after the value.
 */
#include "codec/json.h"

#include <malloc.h>

static void
free_wiped(void *p)
{
	if (p != NULL)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

void
json_setup(void)
{
	json_set_alloc_funcs(malloc, free_wiped);
}

/* Whether brackets outside of strings ever nest deeper than JSON_DEPTH_MAX. */
static bool
too_deep(struct span in)
{
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < in.n; i++) {
		uint8_t c = in.p[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			depth++;
		else if (!quoted && (c == '}' || c == ']') && depth > 0)
			depth--;
		if (depth > JSON_DEPTH_MAX)
			return true;
	}
	return false;
}

int
json_read(json_t **out, struct span in, struct fault *f)
{
	json_error_t e;
	char *near;

	*out = NULL;
	if (too_deep(in))
		return fault_set(
		    f, ERR_LIMIT, "JSON nests deeper than %d", JSON_DEPTH_MAX);
	*out = json_loadb(in.n > 0 ? (const char *)in.p : "", in.n,
	    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (*out != NULL)
		return 0;
	/* jansson quotes the input, which may be a secret. */
	if ((near = strstr(e.text, " near ")) != NULL)
		*near = '\0';
	return fault_set(
	    f, ERR_INVALID, "JSON line %d, column %d: %s", e.line, e.column, e.text);
}

const char *
json_get_str(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

json_t *
json_get_obj(const json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	return json_is_object(v) ? v : NULL;
}

json_t *
json_get_arr(const json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	return json_is_array(v) ? v : NULL;
}

int64_t
json_get_int(const json_t *o, const char *key, int64_t fallback)
{
	const json_t *v = json_object_get(o, key);

	return json_is_integer(v) ? json_integer_value(v) : fallback;
}

bool
json_get_bool(const json_t *o, const char *key, bool fallback)
{
	const json_t *v = json_object_get(o, key);
	const char *s = json_string_value(v);

	if (json_is_boolean(v))
		return json_is_true(v);
	if (s != NULL && strcmp(s, "true") == 0)
		return true;
	if (s != NULL && strcmp(s, "false") == 0)
		return false;
	return fallback;
}

const char *
json_get_str_ci(const json_t *o, const char *key)
{
	const char *exact = json_get_str(o, key), *name;
	json_t *v;

	if (exact != NULL)
		return exact;
	json_object_foreach((json_t *)o, name, v) if (json_is_string(v) &&
	    span_eq_ci(span_str(name), key)) return json_string_value(v);
	return NULL;
}

static int
dump_piece(const char *p, size_t n, void *ctx)
{
	struct buf *out = ctx;

	buf_add(out, span_of(p, n));
	return buf_check(out);
}

void
json_dump(struct buf *out, const json_t *v)
{
	/* Fails only when the buffer is full, and that is kept there. */
	if (v == NULL)
		buf_add_str(out, "null");
	else if (json_dump_callback(v, dump_piece, out, JSON_COMPACT | JSON_ENCODE_ANY) !=
		0 &&
	    out->err == 0)
		out->err = ERR_INTERNAL;
}
