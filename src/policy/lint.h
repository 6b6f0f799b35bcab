/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy does not do, although its author will think so.
 *
 * The engine decides by AWS's rules and bends none of them.  Here is where people are told: with
 * the line, an explanation, and, where one can be given, the policy that does what was meant.
 */
#pragma once

#include "policy/policy.h"

struct policy_finding {
	const char *code; /* "mfa-if-exists": stable, for tests and scripts */
	struct policy_place at;
	const char *text;
	struct policy_finding *next;
};

/* Owner: the arena of policy_lint(). */
struct policy_lint {
	struct policy_finding *first; /* in the order of the text; NULL: nothing to say */
	const char *better; /* a policy with the flaws mended that can be; or NULL */
};

/* A text that is no policy at all has one finding, "malformed". */
void policy_lint(
    struct policy_lint *out, struct arena *mem, enum policy_kind kind, struct span text);
