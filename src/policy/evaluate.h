/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision: may this principal do this action on this resource?  Pure: the same policies
 * and the same request give the same answer, and nothing is allocated.
 *
 * One account, in this order (docs/policies.md has the long form):
 *
 *	1. a Deny that matches anywhere                      explicit deny
 *	2. the account's root user                           allowed
 *	3. a resource policy (trust policy) that names the user or role session itself: allowed.
 *	   One that names the role, or the account, hands on to what follows.
 *	4. an identity policy must allow (unless the role was named)
 *	5. the permissions boundary must allow, if there is one
 *	6. a session policy must allow, if there are any
 *
 * An action on several resources is allowed when it is on each of them: the caller asks for
 * each.
 */
#pragma once

#include "policy/context.h"
#include "policy/policy.h"
#include "policy/principal.h"

/* A policy, and how it is called in answers.  Borrowed. */
struct policy_source {
	const struct policy *policy;
	const char *id; /* its ARN, or a name */
};

struct policy_sources {
	const struct policy_source *list;
	size_t n;
};

/* All that speaks for or against a principal. */
struct policy_set {
	struct policy_sources identity; /* the user's, its groups', or the role's */
	struct policy_sources boundary; /* n > 0: must allow */
	struct policy_sources session;  /* n > 0: must allow */
	struct policy_sources
	    resource;                /* n > 0: a trust policy, must let the caller in */
	struct policy_caller caller; /* for "resource" */
	bool root;
};

struct policy_request {
	struct span action;   /* "ssm:StartSession"; case does not count */
	struct span resource; /* an ARN, or "*" */
	const struct policy_context *context;
};

enum policy_decision { POLICY_ALLOWED, POLICY_EXPLICIT_DENY, POLICY_IMPLICIT_DENY };
enum policy_layer { LAYER_IDENTITY, LAYER_BOUNDARY, LAYER_SESSION, LAYER_RESOURCE };

struct policy_match {
	const struct policy_source *source; /* NULL: no statement */
	size_t statement;
	enum policy_layer layer;
};

struct policy_result {
	enum policy_decision decision;
	enum policy_layer layer; /* that refused; of an allowed one, that allowed */
	struct policy_match by;  /* the first statement that decided */
	bool boundary_allows;    /* true when there is none */
};

/* For the simulator: every statement that applies.  Owner: the caller. */
enum { POLICY_TRACE_MAX = 64 }; /* ours */
struct policy_trace {
	struct policy_match matched[POLICY_TRACE_MAX];
	size_t n; /* what does not fit is left out */
};

/* trace may be NULL, and is quicker so. */
struct policy_result policy_decide(const struct policy_set *set,
    const struct policy_request *q, struct policy_trace *trace);

/*
 * AWS's sentence for a denial: "User: <caller> is not authorized to perform: <action> on
 * resource: <resource> because no identity-based policy allows the <action> action".
 */
char *policy_denial(struct arena *mem, const struct policy_result *r, const char *caller,
    const char *action, const char *resource) __attribute__((returns_nonnull));

/* "allowed", "explicitDeny", "implicitDeny": as the simulator of AWS answers. */
const char *policy_decision_name(enum policy_decision d);

/*
 * The keys that the policies of the set ask for and the request does not have, each once,
 * without regard to case.  The list lives in mem, the names in the policies.
 */
const struct span *policy_missing_keys(struct arena *mem, const struct policy_set *set,
    const struct policy_context *context, size_t *n);
