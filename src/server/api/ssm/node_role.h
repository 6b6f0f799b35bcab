/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roles that nodes act as.  ssm.amazonaws.com has to be let in by the role's trust policy, and
 * who gives a role to a node has to be allowed to hand it on (iam:PassRole).
 */
#pragma once

#include "server/api/call.h"

/*
 * The role of the input's IamRole, a name that may have a path before it, for nodes that are to
 * get it: *name is the name alone, in c->mem.  AccessDeniedException, ValidationException.
 */
int node_role_pass(struct api_call *c, const char **name) MUST_USE;

/* May a node still act as this role?  0, ERR_NOTFOUND (no such role), ERR_DENIED. */
int node_role_check(struct api_call *c, const char *name) MUST_USE;
