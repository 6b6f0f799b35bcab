/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies: from the JSON that a person wrote to a compiled, read-only form.
 *
 * policy_parse() makes every check that AWS makes when a policy is written, so that nothing
 * in a stored policy is left to doubt when it is asked.  What it refuses it explains with AWS's
 * own sentence, where that is known, the place, and the reason in our words.
 *
 * A compiled policy does not change and may be shared: many principals, many threads.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "policy/tree.h"

enum {
	POLICY_TEXT_MAX = 131072, /* bytes, blanks included */
	POLICY_NAME_MAX = 128,    /* of an action in a request */
};

enum policy_kind {
	POLICY_MANAGED, /* customer managed; permission boundaries are of this kind */
	POLICY_INLINE, /* of a user, group or role; the sum of all is the caller's to bound */
	POLICY_SESSION, /* given at AssumeRole */
	POLICY_TRUST,   /* who may assume a role */
};

struct policy;

/* What is wrong with a text. */
struct policy_flaw {
	int code; /* ERR_INVALID: MalformedPolicyDocument; ERR_LIMIT: LimitExceeded */
	char message[512]; /* AWS's sentence; long values in it are cut */
	char why[240];     /* ours; may be empty */
	char path[160];    /* "Statement[1].Condition.Bool"; empty at the top */
	struct policy_place at;
};

/* 0, or flaw->code.  The caller owns *out. */
int policy_parse(struct policy **out, enum policy_kind kind, struct span text,
    struct policy_flaw *flaw) MUST_USE;
void policy_free(struct policy *p);

/* The message of the error: AWS's sentence, then the place and the reason. */
char *policy_flaw_text(struct arena *mem, const struct policy_flaw *flaw)
    __attribute__((returns_nonnull));

/* Characters that are not blank: what AWS's size limits count. */
size_t policy_size(struct span text);

struct policy_statement {
	struct span sid; /* empty when there is none */
	bool deny;
	struct policy_place begin, end;
	/* Where AWS's simulator says that it begins: behind the bracket that opens the statements,
	 * or behind the statement before it. */
	struct policy_place from;
};

size_t policy_statements(const struct policy *p);
struct policy_statement policy_statement_get(const struct policy *p, size_t i);
/* The Id of the document; empty when there is none. */
struct span policy_document_id(const struct policy *p);

/* Every condition key that the policy asks for, in conditions and variables, some twice. */
typedef void policy_key_cb(void *arg, struct span key);
void policy_keys(const struct policy *p, policy_key_cb *cb, void *arg);

static inline void
auto_policy_fn(struct policy **p)
{
	policy_free(*p);
}
#define auto_policy __attribute__((cleanup(auto_policy_fn))) struct policy
