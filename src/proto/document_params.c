/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters of session documents: declarations, values, insertion.
 *
 * Only names that the document declares are replaced; other text in double braces (a
 * template for docker, {{ssm:...}} for the agent) stays as it is.  Inserted values are
 * never looked at again, and the resolved document declares nothing, so that no agent
 * does either.
 */
#include "base/text.h"
#include "codec/json.h"
#include "proto/document_int.h"
#include "proto/pattern.h"

enum { NAME_MAX_LEN = 255, REFERENCE_MAX = 512 };

enum param_type { PARAM_STRING, PARAM_LIST, PARAM_BOOLEAN, PARAM_INTEGER, PARAM_BAD };

static enum param_type
type_of(const json_t *decl)
{
	static const char *const names[] = {
		[PARAM_STRING] = "String",
		[PARAM_LIST] = "StringList",
		[PARAM_BOOLEAN] = "Boolean",
		[PARAM_INTEGER] = "Integer",
	};
	const char *s = json_get_str(decl, "type");

	for (size_t i = 0; s != NULL && i < ARRAY_LEN(names); i++) {
		if (strcmp(s, names[i]) == 0)
			return (enum param_type)i;
	}
	return PARAM_BAD;
}

static bool
name_ok(const char *name)
{
	size_t n = strspn(
	    name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

	return n > 0 && n <= NAME_MAX_LEN && name[n] == '\0';
}

/* --- references ------------------------------------------------------------------------
 */

/*
 * The first {{ name }} in s: its place, its length and the name.  False when there is
 * none.
 */
static bool
find_reference(struct span s, size_t *at, size_t *len, struct span *name)
{
	for (size_t i = 0; i + 4 <= s.n; i++) {
		const uint8_t *end;

		if (s.p[i] != '{' || s.p[i + 1] != '{')
			continue;
		end =
		    memmem(s.p + i + 2, MIN(s.n - i - 2, (size_t)REFERENCE_MAX), "}}", 2);
		if (end == NULL)
			continue;
		*at = i;
		*len = (size_t)(end + 2 - s.p) - i;
		*name = span_trim(span_sub(s, i + 2, *len - 4));
		if (name->n > 0 && name->n <= NAME_MAX_LEN)
			return true;
	}
	return false;
}

/* The value (or declaration) of a name that is not NUL-terminated. */
static json_t *
lookup(const json_t *o, struct span name)
{
	char key[NAME_MAX_LEN + 1];

	return span_copy(key, sizeof(key), name) == 0 ? json_object_get(o, key) : NULL;
}

/* --- declarations
 * ------------------------------------------------------------------------ */

static int
check_declaration(struct document_ctx *c, const char *name, const json_t *decl)
{
	const json_t *pattern = json_object_get(decl, "allowedPattern");
	const json_t *values = json_object_get(decl, "allowedValues");

	if (!name_ok(name))
		return fault_set(c->f, ERR_INVALID,
		    "a parameter's name has characters that are not allowed");
	if (!json_is_object(decl) || type_of(decl) == PARAM_BAD)
		return fault_set(c->f, ERR_INVALID,
		    "parameter %s: type must be String, StringList, Boolean or Integer",
		    name);
	if (pattern != NULL &&
	    (!json_is_string(pattern) ||
		pattern_check(span_str(json_string_value(pattern))) != 0))
		return fault_set(c->f, ERR_INVALID,
		    "parameter %s: allowedPattern is not a usable expression", name);
	if (values != NULL && !json_is_array(values))
		return fault_set(c->f, ERR_INVALID,
		    "parameter %s: allowedValues must be a list", name);
	return 0;
}

static int
declarations(struct document_ctx *c, const json_t *content, json_t **out)
{
	json_t *decls = json_object_get(content, "parameters"), *decl;
	const char *name;
	int r;

	*out = NULL;
	if (decls == NULL || json_is_null(decls))
		return 0;
	if (!json_is_object(decls))
		return fault_set(c->f, ERR_INVALID, "parameters must be an object");
	if (json_object_size(decls) > DOCUMENT_PARAMETERS_MAX)
		return fault_set(
		    c->f, ERR_LIMIT, "more than %d parameters", DOCUMENT_PARAMETERS_MAX);
	json_object_foreach(decls, name, decl)
	{
		if ((r = check_declaration(c, name, decl)) != 0)
			return r;
	}
	*out = decls;
	return 0;
}

int
document_params_check(struct document_ctx *c, const json_t *content)
{
	json_t *decls;

	return declarations(c, content, &decls);
}

/* --- values
 * ------------------------------------------------------------------------------- */

static bool
value_allowed(const json_t *decl, const char *value)
{
	const char *pattern = json_get_str(decl, "allowedPattern");
	const json_t *allowed = json_get_arr(decl, "allowedValues"), *it;
	struct span v = span_str(value);
	bool found = allowed == NULL;
	int64_t n;
	size_t i;

	if (v.n > DOCUMENT_VALUE_MAX)
		return false;
	if (type_of(decl) == PARAM_BOOLEAN && strcmp(value, "true") != 0 &&
	    strcmp(value, "false") != 0)
		return false;
	if (type_of(decl) == PARAM_INTEGER && num_parse(v, INT64_MIN, INT64_MAX, &n) != 0)
		return false;
	json_array_foreach(allowed, i, it)
	{
		if (json_is_string(it) && strcmp(json_string_value(it), value) == 0)
			found = true;
	}
	if (!found || (int64_t)utf8_length(v) < json_get_int(decl, "minChars", 0) ||
	    (int64_t)utf8_length(v) > json_get_int(decl, "maxChars", INT64_MAX))
		return false;
	return pattern == NULL ||
	    (v.n <= DOCUMENT_PATTERN_VALUE_MAX &&
		pattern_match(span_str(pattern), v) == 0);
}

/* The value as it will be inserted (a string, or a list of strings); NULL when not
 * allowed. */
static json_t *
value_given(const json_t *decl, const json_t *given)
{
	const json_t *one = given, *it;
	size_t i;

	if (type_of(decl) == PARAM_LIST) {
		json_array_foreach(given, i, it)
		{
			if (!json_is_string(it) ||
			    !value_allowed(decl, json_string_value(it)))
				return NULL;
		}
		return json_is_array(given) ? json_deep_copy(given) : NULL;
	}
	if (json_is_array(given))
		one = json_array_size(given) == 1 ? json_array_get(given, 0) : NULL;
	if (!json_is_string(one) || !value_allowed(decl, json_string_value(one)))
		return NULL;
	return json_string(json_string_value(one));
}

/* Defaults were the author's choice and are taken as they are. */
static json_t *
value_default(const json_t *decl)
{
	const json_t *v = json_object_get(decl, "default");
	char text[24];

	if (json_is_string(v) || (json_is_array(v) && type_of(decl) == PARAM_LIST))
		return json_deep_copy(v);
	if (json_is_boolean(v))
		return json_string(json_is_true(v) ? "true" : "false");
	if (json_is_integer(v)) {
		snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(v));
		return json_string(text);
	}
	return NULL;
}

/* name -> value for all that is declared. */
static int
collect(struct document_ctx *c, json_t *values, const json_t *decls, const json_t *given)
{
	const char *name;
	json_t *it;

	if (given != NULL && !json_is_object(given))
		return fault_set(c->f, ERR_INVALID, "%s", DOCUMENT_BAD_PARAMETERS);
	json_object_foreach((json_t *)given, name, it)
	{
		if (json_object_get(decls, name) == NULL)
			return fault_set(
			    c->f, ERR_INVALID, "%s", DOCUMENT_BAD_PARAMETERS);
	}
	json_object_foreach((json_t *)decls, name, it)
	{
		const json_t *g = json_object_get(given, name);
		json_t *v = g != NULL ? value_given(it, g) : value_default(it);

		if (v == NULL)
			return fault_set(
			    c->f, ERR_INVALID, "%s", DOCUMENT_BAD_PARAMETERS);
		json_object_set_new(values, name, v);
	}
	return 0;
}

/* --- insertion
 * ------------------------------------------------------------------------------- */

static int
grow(struct document_ctx *c, size_t n)
{
	c->grown += n;
	if (c->grown > DOCUMENT_RESOLVED_MAX)
		return fault_set(
		    c->f, ERR_LIMIT, "the document with its parameters is too long");
	return 0;
}

/* The text with its references replaced. */
static int
insert_text(struct document_ctx *c, json_t **out, struct span s, const json_t *values)
{
	struct span name;
	size_t at, len;
	auto_buf b;

	buf_init(&b, DOCUMENT_RESOLVED_MAX);
	while (find_reference(s, &at, &len, &name)) {
		const json_t *v = lookup(values, name);

		if (v == NULL)
			len = 1; /* not ours; the next brace may begin one */
		buf_add(&b, span_sub(s, 0, v != NULL ? at : at + len));
		if (json_is_string(v))
			buf_add_str(&b, json_string_value(v));
		else if (v != NULL)
			json_dump(&b, v);
		s = span_sub(s, at + len, s.n);
	}
	buf_add(&b, s);
	if (buf_check(&b) != 0)
		return grow(c, DOCUMENT_RESOLVED_MAX + 1);
	*out = json_stringn(buf_cstr(&b), b.len);
	return grow(c, b.len);
}

/* A new value: the same with its references replaced. */
static int
insert_value(struct document_ctx *c, json_t **out, const json_t *in, const json_t *values)
{
	struct span s = { (const uint8_t *)json_string_value(in),
		json_string_length(in) },
		    name;
	const char *key;
	size_t at, len, i;
	json_t *it, *v;
	int r = 0;

	if (json_is_string(in)) {
		v = find_reference(s, &at, &len, &name) && len == s.n
		    ? lookup(values, name)
		    : NULL;
		if (json_is_array(v)) {
			*out = json_deep_copy(v);
			return grow(c, DOCUMENT_VALUE_MAX);
		}
		return insert_text(c, out, s, values);
	}
	if (!json_is_object(in) && !json_is_array(in)) {
		*out = json_deep_copy(in);
		return 0;
	}
	*out = json_is_object(in) ? json_object() : json_array();
	json_object_foreach((json_t *)in, key, it)
	{
		v = NULL;
		if (r == 0)
			r = insert_value(c, &v, it, values);
		json_object_set_new(*out, key, v);
	}
	json_array_foreach(in, i, it)
	{
		v = NULL;
		if (r == 0)
			r = insert_value(c, &v, it, values);
		json_array_append_new(*out, v);
	}
	return r;
}

int
document_params_insert(struct document_ctx *c, json_t *content, const json_t *given)
{
	static const char *const parts[] = { "inputs", "properties" };
	auto_json *values = json_object();
	json_t *decls, *v;
	int r;

	if ((r = declarations(c, content, &decls)) != 0)
		return r;
	if ((r = collect(c, values, decls, given)) != 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		const json_t *part = json_object_get(content, parts[i]);

		if (part == NULL || json_is_null(part)) {
			json_object_set_new(content, parts[i], json_object());
			continue;
		}
		v = NULL;
		r = insert_value(c, &v, part, values);
		json_object_set_new(content, parts[i], v);
		if (r != 0)
			return r;
	}
	json_object_set_new(content, "parameters", json_object());
	return 0;
}
