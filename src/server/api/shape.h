/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of an operation's input, read once at start-up from the notation in which the
 * rows of the operation tables state it:
 *
 *	{ Target*: string{1..400}; Filters: list{1..6}[struct { key*: string{A|B} }] }
 *
 *	Name*             must be present
 *	Name~             never repeated in a message (a secret)
 *	=<Xml> (q:Xml)    its name in Query and EC2 forms, where that differs
 *	{a..b}            length of strings, lists and maps; value of numbers
 *	{/re/}            the whole value matches; {1..9 /re/} both
 *	{A|B}             one of these words
 *	list(flat)        Query lists without ".member"
 *
 * The same tree reads form bodies, checks types and words every violation as AWS does.
 * Inputs are jansson trees whatever the wire protocol was; time stamps are numbers
 * (seconds).
 */
#pragma once

#include "codec/json.h"
#include "codec/uri.h"
#include "server/api/regex.h"

enum {
	SHAPE_VIOLATIONS_MAX = 10,     /* AWS stops there as well */
	SHAPE_MESSAGE_MAX = 64 * 1024, /* a message repeats the values */
	SHAPE_VALUE_MAX = 4096,        /* of one value in a message */
};

enum shape_kind {
	SHAPE_STRING,
	SHAPE_INTEGER,
	SHAPE_LONG,
	SHAPE_DOUBLE,
	SHAPE_BOOLEAN,
	SHAPE_TIMESTAMP,
	SHAPE_BLOB,
	SHAPE_LIST,
	SHAPE_MAP,
	SHAPE_STRUCT,
};

struct shape_member;

struct shape {
	enum shape_kind kind;
	bool has_min, has_max, flat;
	int64_t min, max;
	const char *pattern; /* as written, or NULL */
	struct regex *re;
	const char **words; /* enum */
	size_t nwords;
	struct shape *key;  /* of a map */
	struct shape *item; /* of a list or map */
	const char
	    *item_form; /* list(<item>): name of an element in Query forms, or NULL */
	struct shape_member *members;
	size_t nmembers;
};

struct shape_member {
	const char *name;  /* as in JSON */
	const char *label; /* as in messages: first letter lower case */
	const char *form;  /* as in forms */
	bool required, secret;
	struct shape shape;
};

/* Parses one notation; *out lives in mem.  ERR_INVALID says where. */
int shape_parse(
    struct shape **out, struct arena *mem, const char *text, struct fault *f) MUST_USE;
/* Frees the compiled patterns. */
void shape_fini(struct shape *s);
const struct shape_member *shape_member(const struct shape *s, const char *name);

/*
 * Types: removes nulls and members the model does not know, makes whole numbers of reals
 * where an integer is wanted.  ERR_INVALID with the text of a SerializationException.
 */
int shape_clean(const struct shape *s, json_t *in, struct fault *f) MUST_USE;

enum shape_voice {
	SHAPE_FULL,
	SHAPE_BRIEF, /* as IAM: neither the values that were sent nor the words of an enum */
};
/*
 * Constraints, on a cleaned input: 0, or ERR_INVALID and the text of a
 * ValidationException
 * ("2 validation errors detected: Value '..' at ...") in the arena.
 */
int shape_check(const struct shape *s, const json_t *in, enum shape_voice voice,
    struct arena *mem, char **message) MUST_USE;

enum shape_form { SHAPE_FORM_QUERY, SHAPE_FORM_EC2 };
/* A form body as the JSON it stands for; the caller owns *out.  ERR_INVALID, ERR_LIMIT.
 */
int shape_from_form(json_t **out, const struct shape *s, enum shape_form form,
    const struct query *q, struct fault *f) MUST_USE;
