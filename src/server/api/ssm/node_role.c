/* SPDX-License-Identifier: Apache-2.0 */
/* See node_role.h. */
#include "server/api/ssm/node_role.h"

#include "policy/evaluate.h"
#include "proto/arn.h"
#include "store/iam.h"

#define SERVICE "ssm.amazonaws.com"

/* Does the role's trust policy let Systems Manager in?  The keys are those that AWS names. */
static bool
trusts_service(struct api_call *c, const struct store_entity *role, const char *arn)
{
	struct policy_source trust = { .id = "trust policy" };
	struct policy_context context;
	auto_policy *p = NULL;
	struct policy_flaw flaw;
	const struct policy_set set = {
		.resource = { &trust, 1 },
		.caller = { .service = SPAN(SERVICE) },
	};
	const struct policy_request q = { SPAN("sts:AssumeRole"), span_str(arn),
		&context };

	if (policy_parse(&p, POLICY_TRUST, span_str(role->trust), &flaw) != 0)
		return false;
	trust.policy = p;
	policy_context_init(&context, &c->mem);
	policy_context_add(&context, "aws:SourceAccount", span_str(c->env->account));
	policy_context_add(&context, "aws:SourceArn",
	    span_str(arn_make(&c->mem, "ssm", c->region, c->env->account, "*")));
	return policy_decide(&set, &q, NULL).decision == POLICY_ALLOWED;
}

static int
find_role(struct api_call *c, const char *name, struct store_entity *role, char **arn)
{
	int err = store_entity_get(api_reader(c), &c->mem, STORE_ROLE, name, role);

	*arn =
	    arn_iam(&c->mem, c->env->account, "role", err == 0 ? role->path : "/", name);
	return err;
}

int
node_role_check(struct api_call *c, const char *name)
{
	struct store_entity role;
	char *arn;
	int err = find_role(c, name, &role, &arn);

	if (err != 0)
		return err;
	return trusts_service(c, &role, arn) ? 0 : ERR_DENIED;
}

/* Permission comes first: who may not pass a role does not learn whether there is one. */
int
node_role_pass(struct api_call *c, const char **name)
{
	const char *given = api_str(c, "IamRole");
	const char *slash = strrchr(given, '/');
	struct policy_context more;
	struct store_entity role;
	char *arn;
	int found, err;

	*name = slash != NULL ? slash + 1 : given;
	found = find_role(c, *name, &role, &arn);
	if (found != 0 && found != ERR_NOTFOUND)
		return found;
	policy_context_init(&more, &c->mem);
	policy_context_add(&more, "iam:PassedToService", SPAN(SERVICE));
	if ((err = api_ask(c, "iam:PassRole", (const char *const[]){ arn }, 1, &more)) !=
	    0)
		return err;
	if (found == 0 && trusts_service(c, &role, arn))
		return 0;
	return api_fail_text(c, "ValidationException",
	    arena_printf(&c->mem,
		"Nonexistent role or missing ssm service principal in trust policy: "
		"arn:aws:iam::%s:role/%s",
		c->env->account, given));
}
