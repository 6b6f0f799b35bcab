/* SPDX-License-Identifier: Apache-2.0 */
/* See control_form.h. */
#include "proto/control_form.h"

int
control_read_fields(struct arena *mem, const json_t *o, const struct control_field *t, size_t n,
    const char *what, struct fault *f)
{
	for (size_t i = 0; i < n; i++) {
		int r = member_str(t[i].out, mem, o, t[i].key, t[i].max, t[i].fallback);

		if (r == 0 && t[i].fallback == NULL && **t[i].out == '\0')
			r = ERR_INVALID;
		if (r != 0)
			return fault_set(f, r, "%s: %s is %s", what, t[i].key,
			    r == ERR_LIMIT ? "too long" : "missing or not a string");
	}
	return 0;
}

static int
check_schema(const json_t *o, const struct control_form *form, struct fault *f)
{
	const json_t *v;

	if (form->schema == SCHEMA_NUMBER && !json_is_integer(member(o, "SchemaVersion")))
		return fault_set(
		    f, ERR_INVALID, "%s: SchemaVersion is not a number", form->what);
	if (form->schema != SCHEMA_TEXT)
		return 0;
	v = member(o, "MessageSchemaVersion");
	if (!json_is_string(v) || strcmp(json_string_value(v), "1.0") != 0)
		return fault_set(
		    f, ERR_INVALID, "%s: MessageSchemaVersion is not 1.0", form->what);
	return 0;
}

int
control_read_form(json_t **o, const struct control_form *form, struct span json, struct arena *mem,
    const struct control_field *t, size_t n, struct fault *f)
{
	int r;

	if ((r = member_object(o, json, form->max, form->what, f)) != 0 ||
	    (r = check_schema(*o, form, f)) != 0)
		return r;
	return control_read_fields(mem, *o, t, n, form->what, f);
}
