/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only door: may this principal do this action on these resources?  Every AWS
 * operation, every control channel and every data channel asks here.
 *
 * The answer is what the principal's policies say (policy/evaluate.h, docs/policies.md), with
 * two rules before them: a principal that is locked may do nothing, and a node may do nothing
 * to another node, whatever its role allows.
 */
#pragma once

#include "policy/context.h"
#include "server/authn.h"
#include "server/env.h"

enum { AUTHZ_RESOURCES_MAX = 1000 }; /* of one request; ours */

/* What a request brings along besides who signed it.  Strings may be "". */
struct authz_facts {
	const char *region; /* of the credential scope: aws:RequestedRegion */
	const char *source_ip, *user_agent;
	bool tls;
	int64_t now_ms;
	/* The age of a second factor counts to here: 0 for now, or the start of a session
	 * that is authorised again. */
	int64_t mfa_age_at_ms;
	bool mfa_shown; /* a second factor comes with this very call */
};

struct authz_request {
	const struct principal *who;
	const char *action;           /* "ssm:StartSession" */
	const char *const *resources; /* ARNs; all must be allowed */
	size_t nresources;            /* at least one */
	const struct authz_facts *facts;
	/* Condition keys of the action itself (aws:RequestTag/..., ...), or NULL.  In mem. */
	const struct policy_context *more;
	bool unless_denied; /* nothing has to allow it, but nothing may deny it */
	/*
	 * The trust policy of the role that is asked for, which has to let the caller in, or NULL.
	 * provider: ARN of the identity provider that vouches for a caller who is not signed
	 * in, or NULL.
	 */
	const struct policy_source *trust;
	const char *provider;
};

/*
 * 0, or ERR_DENIED with AWS's sentence in *message ("User: ... is not authorized to
 * perform ..."), which lives in mem.  What cannot be looked up is denied.
 */
int authorise(const struct server_env *env, const struct authz_request *q,
    struct arena *mem, const char **message) MUST_USE;

/*
 * The rule of StartSession.  A document that was named (not NULL) must be allowed with the
 * node, both under ssm:SessionDocumentAccessCheck "true".  Without one the node alone is asked
 * for under "false", and nothing may deny the default document; where that is refused, the
 * node and the default document under "true".  A refusal names the node then.
 */
int authorise_start(const struct server_env *env, const struct principal *who,
    const struct authz_facts *facts, const char *node_arn, const char *document_arn,
    struct arena *mem, const char **message) MUST_USE;

/* What an agent signs with the key of its node; its role is not asked. */
bool authorise_node_key_action(const char *action);
