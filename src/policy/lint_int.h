/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linter's parts: findings, and changes to the text that make the better policy.
 */
#pragma once

#include "policy/lint.h"

/* Bytes from..to of the text become "text"; they never overlap, and insertions are from == to. */
struct lint_edit {
	size_t from, to;
	const char *text;
	struct lint_edit *next;
};

struct linter {
	struct arena *mem;
	struct span text;
	struct policy_lint *out;
	struct policy_finding **tail;
	struct lint_edit *edits; /* in the order of the text */
	bool variables;          /* Version 2012-10-17 */
};

void lint_say(struct linter *l, const char *code, struct policy_place at, const char *fmt,
    ...) PRINTF(4, 5);
void lint_edit(struct linter *l, size_t from, size_t to, const char *text);

/* A value as it stands in the text: what is copied is copied so, escapes and all. */
struct span lint_raw(const struct linter *l, const struct tree_node *n);

/* Statements: actions and resources. */
void lint_statement(struct linter *l, const struct tree_node *statement);
/* One Condition element.  allow: of a statement that allows. */
void lint_conditions(struct linter *l, const struct tree_node *condition, bool allow);

/* Whether some text matches both patterns (* and ?; ${...} counts as *). */
bool lint_overlap(struct arena *mem, struct span a, struct span b);
/* The one of n names that is nearest, when at most two letters differ; else NULL. */
struct lint_nearest {
	struct span name;
	const char *best;
	size_t distance;
};
void lint_nearest(struct lint_nearest *n, const char *candidate);
