/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule of the first days: the administrator and the agents, each as itself.
 */
#include "server/authorise.h"

#include "proto/arn.h"

/*
 * What an agent calls, as in AmazonSSMManagedInstanceCore, plus the calls that it signs
 * with its own key.
 */
static const char *const node_actions[] = {
	"ssm:DescribeAssociation",
	"ssm:GetDocument",
	"ssm:GetParameters",
	"ssm:ListAssociations",
	"ssm:ListInstanceAssociations",
	"ssm:PutComplianceItems",
	"ssm:PutInventory",
	"ssm:RequestManagedInstanceRoleToken",
	"ssm:UpdateAssociationStatus",
	"ssm:UpdateInstanceAssociationStatus",
	"ssm:UpdateInstanceInformation",
	"ssm:UpdateManagedInstancePublicKey",
	"ssmmessages:CreateControlChannel",
	"ssmmessages:CreateDataChannel",
	"ssmmessages:OpenControlChannel",
	"ssmmessages:OpenDataChannel",
	"ec2messages:AcknowledgeMessage",
	"ec2messages:DeleteMessage",
	"ec2messages:FailMessage",
	"ec2messages:GetEndpoint",
	"ec2messages:GetMessages",
	"ec2messages:SendReply",
	"sts:GetCallerIdentity",
};

bool
authorise_node_action(const char *action)
{
	for (size_t i = 0; i < ARRAY_LEN(node_actions); i++) {
		if (strcmp(node_actions[i], action) == 0)
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

	if (strcmp(resource, "*") == 0)
		return true;
	if (arn_parse(&a, span_str(resource)) != 0)
		return false;
	if (arn_resource_id(&a, "instance", &id) ||
	    arn_resource_id(&a, "managed-instance", &id))
		return span_eq_str(id, who->name);
	return true;
}

static bool
node_may(const struct authz_request *q, const char **resource)
{
	if (!authorise_node_action(q->action))
		return false;
	for (size_t i = 0; i < q->nresources; i++) {
		*resource = q->resources[i];
		if (!is_own(q->who, *resource))
			return false;
	}
	return true;
}

static bool
is_admin(const struct principal *who)
{
	return who->kind == PRINCIPAL_USER && strcmp(who->name, "admin") == 0;
}

int
authorise(const struct authz_request *q, struct arena *mem, const char **message)
{
	const char *resource;

	assert(q->action != NULL && q->action[0] != '\0' && q->nresources > 0);
	resource = q->resources[0];
	if (is_admin(q->who))
		return 0;
	if (q->who->kind == PRINCIPAL_NODE && node_may(q, &resource))
		return 0;
	*message = arena_printf(mem,
	    "User: %s is not authorized to perform: %s on resource: %s because no "
	    "identity-based "
	    "policy allows the %s action",
	    q->who->kind == PRINCIPAL_NONE ? "anonymous" : q->who->arn, q->action,
	    resource, q->action);
	return ERR_DENIED;
}
