/* SPDX-License-Identifier: Apache-2.0 */
/* See authorise.h. */
#include "server/authorise.h"

#include "base/log.h"
#include "proto/arn.h"
#include "proto/document.h"
#include "server/authz_context.h"
#include "server/domain/access.h"

#define KEY_DOCUMENT_CHECK "ssm:SessionDocumentAccessCheck"

/* What agents sign with their private key, before there are any other keys. */
bool
authorise_node_key_action(const char *action)
{
	static const char *const actions[] = {
		"ssm:RequestManagedInstanceRoleToken",
		"ssm:UpdateManagedInstancePublicKey",
	};

	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		if (strcmp(actions[i], action) == 0)
			return true;
	}
	return false;
}

/* A resource that names a node must name this one; documents and "*" name none. */
static bool
is_own(const struct principal *who, const char *resource)
{
	struct span id;
	struct arn a;

	if (arn_parse(&a, span_str(resource)) != 0)
		return true; /* "*" */
	if (arn_resource_id(&a, "instance", &id) ||
	    arn_resource_id(&a, "managed-instance", &id))
		return span_eq_str(id, who->name);
	return true;
}

/*
 * A trust policy that names a user asks for none of the user's policies: it would lead out of what
 * an access request allows, and beyond its time.
 */
static bool
is_borrowed(const struct principal *who)
{
	return who->session != NULL && who->session->access_request[0] != '\0';
}

static const char *
caller_name(const struct principal *who)
{
	return who->kind == PRINCIPAL_NONE ? "anonymous" : who->arn;
}

static int
refuse(struct arena *mem, const char **message, const struct authz_request *q,
    const char *resource, const char *because)
{
	*message = arena_printf(mem,
	    "User: %s is not authorized to perform: %s on resource: %s %s",
	    caller_name(q->who), q->action, resource, because);
	return ERR_DENIED;
}

/* The rules that no policy can lift; *settled: nothing else needs to be asked. */
static int
before_policies(const struct server_env *env, const struct authz_request *q,
    struct arena *mem, const char **message, bool *settled)
{
	const struct store_lock *lock = access_lock(env->access, q->who);

	*settled = false;
	if (lock != NULL)
		return refuse(mem, message, q, q->resources[0],
		    arena_printf(
			mem, "with an explicit deny in a principal lock: %s", lock->reason));
	if (q->who->kind == PRINCIPAL_NONE && q->provider == NULL)
		return refuse(mem, message, q, q->resources[0],
		    arena_printf(mem,
			"because no identity-based policy allows the %s action", q->action));
	for (size_t i = 0; q->who->kind == PRINCIPAL_NODE && i < q->nresources; i++) {
		if (!is_own(q->who, q->resources[i]))
			return refuse(mem, message, q, q->resources[i],
			    "because a node acts for itself only");
	}
	if (q->trust != NULL && is_borrowed(q->who))
		return refuse(mem, message, q, q->resources[0],
		    "because the keys of an access request take no role");
	/*
	 * AWS answers these always: the one tells nobody anything new, the other gives nothing that
	 * the caller does not have, and is there for second factors.
	 */
	*settled = strcmp(q->action, "sts:GetCallerIdentity") == 0 ||
	    strcmp(q->action, "sts:GetSessionToken") == 0 ||
	    (q->who->kind == PRINCIPAL_NODE && authorise_node_key_action(q->action));
	return 0;
}

/* AWS says of roles that are refused only that they are, unless something denies it. */
static char *
denial(const struct authz_request *q, const struct policy_result *r, struct arena *mem,
    const char *resource)
{
	if (q->trust != NULL && r->decision == POLICY_IMPLICIT_DENY)
		return arena_printf(mem,
		    "User: %s is not authorized to perform: %s on resource: %s",
		    caller_name(q->who), q->action, resource);
	return policy_denial(mem, r, caller_name(q->who), q->action, resource);
}

/*
 * Stored trust policies name by id; an ARN in one is of somebody who was not there.  A node whose
 * role is gone is nobody, though the id of the role can still be told from its name.
 */
static void
add_trust(const struct server_env *env, const struct authz_request *q, struct policy_set *set)
{
	const struct principal *who = q->who;

	set->resource = (struct policy_sources){ q->trust, 1 };
	set->caller = (struct policy_caller){ .role_id = span_str(who->role_id),
		.provider = span_str(q->provider) };
	if (who->kind == PRINCIPAL_USER || who->role_id[0] != '\0')
		set->caller.id = span_str(who->user_id);
	if (who->kind != PRINCIPAL_NONE)
		set->caller.account = span_str(env->account);
}

static int
ask_policies(const struct server_env *env, const struct authz_request *q,
    const struct policy_set *set, struct policy_context *c, const char **message)
{
	size_t common = c->n;

	for (size_t i = 0; i < q->nresources; i++) {
		const struct policy_request ask = { span_str(q->action),
			span_str(q->resources[i]), c };
		struct policy_result r;
		int err;

		c->n = common; /* the keys of the last resource are not this one's */
		if ((err = authz_context_resource(env, q->resources[i], c)) != 0)
			return err;
		r = policy_decide(set, &ask, NULL);
		if (r.decision == POLICY_EXPLICIT_DENY ||
		    (r.decision == POLICY_IMPLICIT_DENY && !q->unless_denied)) {
			*message = denial(q, &r, c->mem, q->resources[i]);
			return ERR_DENIED;
		}
	}
	return 0;
}

int
authorise(const struct server_env *env, const struct authz_request *q, struct arena *mem,
    const char **message)
{
	struct policy_context c;
	struct policy_set set;
	bool settled;
	int err;

	assert(q->action != NULL && q->action[0] != '\0' && q->nresources > 0);
	if ((err = before_policies(env, q, mem, message, &settled)) != 0 || settled)
		return err;
	policy_context_init(&c, mem);
	if (q->more != NULL)
		policy_context_add_all(&c, q->more);
	if ((err = access_policies(env->access, mem, q->who, &set)) == 0 &&
	    (err = authz_context_caller(env, q->who, q->facts, &c)) == 0) {
		if (q->trust != NULL)
			add_trust(env, q, &set);
		err = ask_policies(env, q, &set, &c, message);
	}
	if (err == 0 || err == ERR_DENIED)
		return err;
	log_error("a permission cannot be looked up", "by=%s action=%s why=%s",
	    log_q(q->who->arn), q->action, err_text(err));
	return refuse(mem, message, q, q->resources[0],
	    "because its policies cannot be read");
}

/* One question of authorise_start(). */
static int
ask_start(const struct server_env *env, const struct authz_request *like,
    const char *const *resources, size_t n, const char *check, struct arena *mem,
    const char **message)
{
	struct authz_request q = *like;
	struct policy_context more;

	policy_context_init(&more, mem);
	policy_context_add(&more, KEY_DOCUMENT_CHECK, span_str(check));
	q.action = "ssm:StartSession";
	q.resources = resources;
	q.nresources = n;
	q.more = &more;
	return authorise(env, &q, mem, message);
}

int
authorise_start(const struct server_env *env, const struct principal *who,
    const struct authz_facts *facts, const char *node_arn, const char *document_arn,
    struct arena *mem, const char **message)
{
	const struct authz_request allowed = { .who = who, .facts = facts };
	const struct authz_request not_denied = { .who = who,
		.facts = facts,
		.unless_denied = true };
	const char *resources[] = { node_arn, document_arn };
	const char *also;

	if (document_arn != NULL)
		return ask_start(env, &allowed, resources, 2, "true", mem, message);
	resources[1] =
	    arn_document(mem, facts->region, env->account, DOCUMENT_PREFERENCES);
	if (ask_start(env, &allowed, resources, 1, "false", mem, message) == 0)
		return ask_start(
		    env, &not_denied, &resources[1], 1, "true", mem, message);
	return ask_start(env, &allowed, resources, 2, "true", mem, &also);
}
