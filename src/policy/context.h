/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request brings along for conditions and policy variables: condition keys with one
 * or more values, all of them text ("true", "1700000000", "2026-11-21T08:00:00Z",
 * "198.51.100.7"; binary keys in base64).  The operator of a condition says how a value is read.
 *
 * Names are compared without regard to case, tag keys included.  A key that is not there and
 * a key with no value at all are the same.
 */
#pragma once

#include "base/arena.h"

struct policy_key {
	struct span name;
	const struct span *values;
	size_t nvalues;
	bool many; /* a key that is a set by nature, like aws:TagKeys: never a variable */
};

/*
 * Owner: the caller, who also owns the arena that holds all of it and the text of names and
 * values, which is not copied.
 */
struct policy_context {
	struct arena *mem;
	uint32_t *hashes; /* of the names: searched first */
	struct policy_key *keys;
	size_t n, cap;
};

void policy_context_init(struct policy_context *c, struct arena *mem);
/* Sets a key with one value.  Adding a name again replaces what was there. */
void policy_context_add(struct policy_context *c, const char *name, struct span value);
/* Sets a key that is a set: its values are kept, not copied. */
void policy_context_add_set(
    struct policy_context *c, const char *name, const struct span *values, size_t n);
/* All keys of another context, whose texts must live as long. */
void policy_context_add_all(struct policy_context *c, const struct policy_context *from);
/* "aws:ResourceTag/" and "Environment": one tag of something. */
void policy_context_add_tag(
    struct policy_context *c, const char *prefix, struct span tag, struct span value);

/* The hash of a name, for policy_context_find(); case is folded. */
uint32_t policy_key_hash(struct span name);
/* NULL when the request does not have the key, or has it without values. */
const struct policy_key *policy_context_find(
    const struct policy_context *c, struct span name, uint32_t hash);
