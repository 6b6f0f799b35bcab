/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON with places: a tree in which every value knows line and column.
 *
 * A policy that is refused, a statement that matched and a flaw that is explained are all
 * named by their place in the text that a person wrote, and codec/json keeps none.  The text
 * goes through codec/json first (strictness lives there alone); this only reads again what
 * is valid JSON by then.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* Lines and columns count from 1; columns are characters. */
struct policy_place {
	uint32_t line, column;
	uint32_t offset; /* bytes from the start of the text */
};

enum node_kind {
	NODE_NULL,
	NODE_BOOL,
	NODE_NUMBER,
	NODE_STRING,
	NODE_ARRAY,
	NODE_OBJECT
};

/* Owner: the arena of tree_read().  Neither of the spans points into the input. */
struct tree_node {
	enum node_kind kind;
	struct span name; /* of a member of an object */
	struct span text; /* a string, decoded; of numbers and booleans as written */
	struct policy_place name_at;
	struct policy_place begin, end; /* end: behind the last character */
	const struct tree_node *parent;      /* NULL at the top */
	struct tree_node *first, *next;      /* members and elements, in their order */
	size_t index;                   /* among its siblings */
};

/* ERR_INVALID or ERR_LIMIT (nesting) with line and column in *f. */
int tree_read(
    struct tree_node **out, struct arena *mem, struct span in, struct fault *f) MUST_USE;

/* Member of an object; NULL when there is none. */
const struct tree_node *node_get(const struct tree_node *object, const char *name);
/* "Statement[1].Condition.Bool"; the top is "". */
void node_path(struct buf *out, const struct tree_node *n);
