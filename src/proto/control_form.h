/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the JSON texts of control.h: what their kinds have in common, and tables of those of
 * their members that are strings.  For control*.c alone.
 */
#pragma once

#include "base/text.h"
#include "proto/control.h"
#include "proto/member.h"

/*
 * How a text says which schema it follows: the gateway's own carry "1.0" as a string, control
 * messages a number.
 */
enum control_schema { SCHEMA_NONE, SCHEMA_TEXT, SCHEMA_NUMBER };

struct control_form {
	const char *what; /* its name in a fault */
	size_t max;       /* bytes */
	enum control_schema schema;
};

struct control_field {
	const char **out; /* in the arena */
	const char *key;
	size_t max;           /* bytes */
	const char *fallback; /* NULL: required, not empty */
};

/*
 * The object of a text of this form (the caller's) and those n of its members.  ERR_INVALID,
 * ERR_LIMIT.
 */
int control_read_form(json_t **o, const struct control_form *form, struct span json,
    struct arena *mem, const struct control_field *t, size_t n, struct fault *f) MUST_USE;
/* Members of an object that was read; what: as in a form. */
int control_read_fields(struct arena *mem, const json_t *o, const struct control_field *t,
    size_t n, const char *what, struct fault *f) MUST_USE;

/* For members that peers want even when there is nothing in them. */
static inline const char *
text_or_empty(const char *s)
{
	return s != NULL ? s : "";
}
