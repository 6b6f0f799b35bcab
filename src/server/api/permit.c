/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Permission: from a valid call to the question that authorise() is asked.
 */
#include "server/api/call.h"

#include "server/api/error.h"
#include "server/authorise.h"

struct authz_facts
api_facts(const struct api_call *c)
{
	return (struct authz_facts){
		.region = c->region,
		.source_ip = c->source_ip,
		.user_agent = c->user_agent,
		.tls = c->tls,
		.now_ms = c->now_ms,
	};
}

void
api_request_tags(struct api_call *c, struct policy_context *more)
{
	const json_t *tags = json_object_get(c->in, "Tags"), *one;
	const json_t *names = json_object_get(c->in, "TagKeys");
	size_t n = 0, i;
	struct span *keys = arena_alloc(
	    &c->mem, (json_array_size(tags) + json_array_size(names) + 1) * sizeof(*keys));

	json_array_foreach(tags, i, one)
	{
		const char *key = json_get_str(one, "Key");
		const char *value = json_get_str(one, "Value");

		if (key == NULL)
			continue;
		keys[n++] = span_str(key);
		policy_context_add_tag(more, "aws:RequestTag/", span_str(key),
		    span_str(value != NULL ? value : ""));
	}
	json_array_foreach(names, i, one)
	{
		if (json_is_string(one))
			keys[n++] = span_str(json_string_value(one));
	}
	if (n > 0)
		policy_context_add_set(more, "aws:TagKeys", keys, n);
}

int
api_ask(struct api_call *c, const char *action, const char *const *resources, size_t n,
    struct policy_context *more)
{
	const struct authz_facts facts = api_facts(c);
	const char *message;

	if (authorise(c->env,
		&(struct authz_request){ .who = &c->auth.who,
		    .action = action,
		    .resources = resources,
		    .nresources = n,
		    .facts = &facts,
		    .more = more },
		&c->mem, &message) != 0)
		return error_denied(c, message);
	return 0;
}

/* What lets people hand out permissions, but only some: which policy, under which boundary. */
static void
add_iam(struct api_call *c, struct policy_context *more)
{
	const char *policy = api_str(c, "PolicyArn");
	const char *boundary = api_str(c, "PermissionsBoundary");
	struct span name = span_str(c->op->name);

	if (c->service != API_IAM)
		return;
	if (boundary != NULL)
		policy_context_add(more, "iam:PermissionsBoundary", span_str(boundary));
	if (policy != NULL && (span_starts(name, "Attach") || span_starts(name, "Detach")))
		policy_context_add(more, "iam:PolicyARN", span_str(policy));
}

static int
ask_row(struct api_call *c)
{
	struct policy_context more;

	policy_context_init(&more, &c->mem);
	api_request_tags(c, &more);
	add_iam(c, &more);
	return api_ask(c, c->op->action, c->resources, c->nresources, &more);
}

/* What the keys of GetSessionToken are not good for. */
static int
check_session(struct api_call *c)
{
	const struct principal *who = &c->auth.who;
	const char *name = c->op->name;

	if (who->kind != PRINCIPAL_USER || who->session == NULL)
		return 0;
	if (c->service == API_IAM && who->session->mfa_ms == 0)
		return api_fail(c, "InvalidClientTokenId",
		    "The security token included in the request is invalid");
	if (c->service == API_STS && strcmp(name, "AssumeRole") != 0 &&
	    strcmp(name, "GetCallerIdentity") != 0)
		return api_fail(
		    c, "AccessDenied", "Cannot call %s with session credentials", name);
	return 0;
}

int
permit_call(struct api_call *c)
{
	int err;

	if (c->op->auth == API_UNSIGNED)
		return 0; /* the handler checks the proof in the input */
	if ((err = check_session(c)) != 0 || (err = resource_find(c)) != 0)
		return err;
	err = c->op->permit != NULL ? c->op->permit(c) : ask_row(c);
	if (err != 0)
		return err;
	if (c->service == API_EC2 && api_bool(c, "DryRun"))
		return api_fail(c, "DryRunOperation",
		    "Request would have succeeded, but DryRun flag is set.");
	return 0;
}
