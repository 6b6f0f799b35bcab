/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text of a policy that is compared with text of a request: literal characters, wildcards
 * (* and ?) and policy variables (${aws:username}, ${aws:PrincipalTag/team, 'none'}, and
 * ${*} ${?} ${$} for the characters themselves).
 *
 * What a variable stands for is put in as it is: a * in it is a star and nothing else.  A
 * template with a variable that the request cannot fill in matches nothing; so does one whose
 * variable names a key with several values.
 *
 * Matching needs no memory and at most (pattern length * text length) steps, except where a
 * star that crosses fields of an ARN is followed by one that does not: then as much again for
 * each byte of the text.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "policy/context.h"

enum { TEMPLATE_VARIABLES_MAX = 16 }; /* in one value; ours */

enum template_mode {
	TEMPLATE_EXACT, /* no wildcards */
	TEMPLATE_LIKE,  /* wildcards match anything */
	/*
	 * Field by field between the first five colons; the sixth holds all that follows.  With
	 * fewer than six fields the rest is *.
	 */
	TEMPLATE_ARN,
	/* As ARN, but a star that ends a field also matches beyond its colon; "*" is anything. */
	TEMPLATE_RESOURCE,
};

enum part_kind { PART_TEXT, PART_ONE, PART_STAR, PART_VARIABLE };

struct template_part {
	enum part_kind kind;
	bool inside;       /* stays inside a field of an ARN: matches no colon */
	bool has_fallback; /* a variable with a default */
	struct span text;  /* PART_TEXT; the key of a variable */
	struct span fallback;
	uint32_t hash; /* of the key */
};

struct template
{
	struct template_part *parts;
	size_t nparts;
	size_t nvariables;
	bool anything; /* TEMPLATE_RESOURCE "*" */
};

/*
 * Compiles into mem.  variables: whether ${ means anything (Version 2012-10-17).
 * ERR_INVALID with the reason in *f: a variable without an end or a name, or too many.
 */
int template_compile(struct template *t, struct arena *mem, struct span text,
    enum template_mode mode, bool variables, struct fault *f) MUST_USE;

/* fold: ASCII case does not count. */
bool template_match(const struct template *t, const struct policy_context *c,
    struct span text, bool fold);
/* Whether the request has what the variables ask for. */
bool template_resolves(const struct template *t, const struct policy_context *c);
