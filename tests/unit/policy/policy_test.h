/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of policies: JSON with ' for ", policies that must parse, and contexts written as
 * a table.
 */
#pragma once

#include "unit/check.h"

#include "policy/evaluate.h"

/* A copy in which ' is ". */
static inline struct span
quoted(struct arena *mem, const char *text)
{
	char *s = arena_strdup(mem, text);

	for (size_t i = 0; s[i] != '\0'; i++)
		if (s[i] == '\'')
			s[i] = '"';
	return span_str(s);
}

static inline struct policy *
must_parse(enum policy_kind kind, struct span text)
{
	struct policy_flaw flaw;
	struct policy *p;
	auto_arena mem = { 0 };

	if (policy_parse(&p, kind, text, &flaw) != 0)
		fail_msg("%s", policy_flaw_text(&mem, &flaw));
	return p;
}

struct pair {
	const char *key, *value;
};

/* Pairs up to a NULL key; a key that is there twice becomes a set. */
static inline void
fill_context(struct policy_context *c, struct arena *mem, const struct pair *pairs)
{
	policy_context_init(c, mem);
	for (size_t i = 0; pairs != NULL && pairs[i].key != NULL; i++) {
		struct span *values = arena_alloc(mem, 16 * sizeof(*values));
		size_t n = 0;

		for (size_t j = 0; pairs[j].key != NULL; j++)
			if (strcmp(pairs[j].key, pairs[i].key) == 0 && n < 16)
				values[n++] = span_str(pairs[j].value);
		if (n > 1)
			policy_context_add_set(c, pairs[i].key, values, n);
		else
			policy_context_add(c, pairs[i].key, values[0]);
	}
}
