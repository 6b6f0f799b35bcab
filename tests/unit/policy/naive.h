/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second evaluator, for comparison: it reads the rules of docs/policies.md off the JSON tree
 * each time, without compiling anything and without caring how long it takes.  It shares no
 * code with src/policy.
 */
#pragma once

#include <jansson.h>

#include "unit/policy/policy_test.h"

/* Policies of each layer; NULL: there is none. */
struct naive_set {
	const json_t *identity, *boundary, *session;
};

enum policy_decision naive_decide(const struct naive_set *set, const char *action,
    const char *resource, const struct pair *context);
