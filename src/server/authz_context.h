/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The condition keys of a request: who asks, when and from where, and what is known of the
 * resource.  One file for each half of docs/policies.md's table of keys.
 */
#pragma once

#include "server/authorise.h"

/* All keys but those of resources; the context's arena keeps the texts. */
int authz_context_caller(const struct server_env *env, const struct principal *who,
    const struct authz_facts *facts, struct policy_context *c) MUST_USE;
/* Tags and facts of what the ARN names; nothing for what is not there. */
int authz_context_resource(
    const struct server_env *env, const char *arn, struct policy_context *c) MUST_USE;
