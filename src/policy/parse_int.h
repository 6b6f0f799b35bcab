/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser's parts.  None of them stops at what it does not like: it complains, and goes on.
 *
 * AWS checks a document in rounds and answers with the first round that fails.  To give the
 * same sentence when several things are wrong, each complaint has a rank, and the one of the
 * lowest rank is kept, the first in the text among equals.
 */
#pragma once

#include "policy/policy_int.h"

enum complaint_rank {
	RANK_SYNTAX = 1, /* JSON, names, types */
	RANK_PRINCIPAL, /* Principal where there must be none; the parts of trust policies */
	RANK_VERSION,
	RANK_LEGACY, /* "The policy failed legacy parsing" */
	RANK_SID,
	RANK_NO_ACTION,
	RANK_NO_RESOURCE,
	RANK_RESOURCE,
	RANK_ACTION,
	RANK_NONE,
};

struct parser {
	struct policy *p;
	struct arena scratch; /* the tree */
	bool variables;       /* Version 2012-10-17 */
	enum complaint_rank rank;
	struct policy_flaw *flaw;
};

/* Keeps AWS's sentence, the place of "at", and why (may be NULL). */
void complain(struct parser *ps, enum complaint_rank rank, const struct tree_node *at,
    const char *why, const char *sentence, ...) PRINTF(5, 6);
/* "Syntax errors in policy." */
void complain_syntax(struct parser *ps, const struct tree_node *at, const char *why);

/*
 * A value that may be one or a list: for (item = items_first(v); ...; items_next(v, item)).
 */
const struct tree_node *items_first(const struct tree_node *v);
const struct tree_node *items_next(const struct tree_node *v, const struct tree_node *item);
size_t items_count(const struct tree_node *v);
/* Complains unless v is a string or a list of strings. */
bool items_are_strings(struct parser *ps, const struct tree_node *v);

void parse_statement(struct parser *ps, struct statement *s, const struct tree_node *n);
void parse_conditions(struct parser *ps, struct statement *s, const struct tree_node *n);
void parse_principals(struct parser *ps, struct statement *s, const struct tree_node *n);
