/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only door: may this principal do this action on these resources?  Every AWS
 * operation, every control channel and every data channel asks here.
 *
 * Until the policy engine comes, the user "admin" may do everything, a node may do what
 * an agent needs and only as itself, and everybody else nothing.
 */
#pragma once

#include "server/authn.h"

enum { AUTHZ_RESOURCES_MAX = 1000 };

struct authz_request {
	const struct principal *who;
	const char *action;           /* "ssm:StartSession" */
	const char *const *resources; /* ARNs; all must be allowed */
	size_t nresources;            /* at least one */
};

/*
 * 0, or ERR_DENIED with AWS's sentence in *message ("User: ... is not authorized to
 * perform
 * ..."), which lives in mem.
 */
int authorise(
    const struct authz_request *q, struct arena *mem, const char **message) MUST_USE;

/* Whether an agent may call this action at all (as itself): for the table test. */
bool authorise_node_action(const char *action);
