/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role that a node acts as: given with an activation, changed, and gone.
 */
#include "iam_bench.h"

#define TRUST_SSM(more)                                                                  \
	"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":" \
	"{\"Service\":\"ssm.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"" more "}}"
#define TRUST_EC2                                                                        \
	"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":" \
	"{\"Service\":\"ec2.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}}"

static void
role_make(struct world *w, const char *name, const char *path, const char *trust)
{
	iam(w, "CreateRole",
	    arena_printf(&w->mem, "RoleName=%s&Path=%s&AssumeRolePolicyDocument=%s", name,
		path, form_encoded(w, trust)));
	expect_ok(w);
}

static void
activate_as(struct world *w, const struct signer *s, const char *role)
{
	call_as(w, s, "AmazonSSM.CreateActivation",
	    arena_printf(&w->mem, "{\"IamRole\":\"%s\"}", role));
}

static void
expect_no_role(struct world *w, const char *role)
{
	expect_error(w, "ValidationException",
	    arena_printf(&w->mem,
		"Nonexistent role or missing ssm service principal in trust policy: "
		"arn:aws:iam::%s:role/%s",
		w->account.account, role));
}

static void
t_which_roles(void **state)
{
	struct world w;
	(void)state;

	world_up(&w);
	row("none of that name");
	activate_as(&w, &w.admin, "None");
	expect_no_role(&w, "None");
	row("one for another service");
	role_make(&w, "Other", "/", TRUST_EC2);
	activate_as(&w, &w.admin, "Other");
	expect_no_role(&w, "Other");
	row("one with a path, and the path in the name");
	role_make(&w, "Pathed", "/service-role/", TRUST_SSM(""));
	activate_as(&w, &w.admin, "service-role/Pathed");
	expect_ok(&w);
	activate_as(&w, &w.admin, "Pathed");
	expect_ok(&w);
	ssm(&w, "DescribeActivations", "{}");
	assert_string_equal(each(&w, "ActivationList", "IamRole"), "Pathed,Pathed");
	row("for this account only, as AWS's guide recommends it");
	role_make(&w, "Mine", "/",
	    arena_printf(&w.mem,
		TRUST_SSM(
		    ",\"Condition\":{\"StringEquals\":{\"aws:SourceAccount\":\"%s\"},"
		    "\"ArnEquals\":{\"aws:SourceArn\":\"arn:aws:ssm:" REGION ":%s:*\"}}"),
		w.account.account, w.account.account));
	activate_as(&w, &w.admin, "Mine");
	expect_ok(&w);
	row("for another account");
	role_make(&w, "Theirs", "/",
	    TRUST_SSM(",\"Condition\":{\"StringEquals\":{\"aws:SourceAccount\":"
		      "\"999999999999\"}}"));
	activate_as(&w, &w.admin, "Theirs");
	expect_no_role(&w, "Theirs");
	world_down(&w);
}

#define USER_MAY(more)                                                                  \
	"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":"  \
	"[\"ssm:CreateActivation\",\"ssm:UpdateManagedInstanceRole\"],\"Resource\":\"*" \
	"\"}" more "]}"
#define PASS(service)                                                             \
	",{\"Effect\":\"Allow\",\"Action\":\"iam:PassRole\",\"Resource\":"        \
	"\"arn:aws:iam::*:role/SallyportNode\",\"Condition\":{\"StringEquals\":{" \
	"\"iam:PassedToService\":\"" service "\"}}}"

/* Otherwise whoever may register a node could act as any role. */
static void
t_pass_role(void **state)
{
	struct world w;
	struct signer s;
	struct node n;
	(void)state;

	world_up(&w);
	node_make(&w, &n, "");
	role_make(&w, "Powerful", "/", TRUST_SSM(""));
	row("without iam:PassRole");
	s = user_with(&w, "a", USER_MAY(""));
	activate_as(&w, &s, "SallyportNode");
	expect_error(&w, "AccessDeniedException",
	    arena_printf(&w.mem,
		"User: arn:aws:iam::%s:user/a is not authorized to perform: iam:PassRole "
		"on "
		"resource: arn:aws:iam::%s:role/SallyportNode because no identity-based "
		"policy allows the iam:PassRole action",
		w.account.account, w.account.account));
	row("whether a role exists is not told");
	activate_as(&w, &s, "None");
	expect_error(&w, "AccessDeniedException", NULL);
	row("to another service");
	s = user_with(&w, "b", USER_MAY(PASS("ec2.amazonaws.com")));
	activate_as(&w, &s, "SallyportNode");
	expect_error(&w, "AccessDeniedException", NULL);
	row("this role and no other");
	s = user_with(&w, "c", USER_MAY(PASS("ssm.amazonaws.com")));
	activate_as(&w, &s, "SallyportNode");
	expect_ok(&w);
	activate_as(&w, &s, "Powerful");
	expect_error(&w, "AccessDeniedException", NULL);
	row("nor to a node that is there");
	call_as(&w, &s, "AmazonSSM.UpdateManagedInstanceRole",
	    arena_printf(
		&w.mem, "{\"InstanceId\":\"%s\",\"IamRole\":\"Powerful\"}", n.id));
	expect_error(&w, "AccessDeniedException", NULL);
	world_down(&w);
}

static void
node_role(struct world *w, struct node *n, const char *role)
{
	ssm(w, "UpdateManagedInstanceRole",
	    arena_printf(
		&w->mem, "{\"InstanceId\":\"%s\",\"IamRole\":\"%s\"}", n->id, role));
}

static void
ping(struct world *w, struct node *n)
{
	call_as(w, &n->keys, "AmazonSSM.UpdateInstanceInformation",
	    arena_printf(&w->mem, "{\"InstanceId\":\"%s\"}", n->id));
}

/* Keys that a node has follow its role at once. */
static void
t_change(void **state)
{
	struct world w;
	struct node n;
	(void)state;

	world_up(&w);
	node_make(&w, &n, "");
	ping(&w, &n);
	expect_ok(&w);
	row("to one that may do nothing");
	role_make(&w, "Bare", "/", TRUST_SSM(""));
	node_role(&w, &n, "Bare");
	expect_ok(&w);
	ping(&w, &n);
	expect_error(&w, "AccessDeniedException", NULL);
	row("which gets the policy of nodes");
	iam(&w, "AttachRolePolicy",
	    "RoleName=Bare&PolicyArn=arn:aws:iam::aws:policy/"
	    "AmazonSSMManagedInstanceCore");
	ping(&w, &n);
	expect_ok(&w);
	row("mistakes");
	node_role(&w, &n, "None");
	expect_no_role(&w, "None");
	ssm(&w, "UpdateManagedInstanceRole",
	    "{\"InstanceId\":\"mi-0123456789abcdef0\",\"IamRole\":\"Bare\"}");
	expect_error(&w, "InvalidInstanceId", NULL);
	row("a role that is gone gives no keys");
	iam(&w, "DetachRolePolicy",
	    "RoleName=Bare&PolicyArn=arn:aws:iam::aws:policy/"
	    "AmazonSSMManagedInstanceCore");
	iam(&w, "DeleteRole", "RoleName=Bare");
	expect_ok(&w);
	node_token(&w, &n, "finger");
	expect_error(&w, "AccessDeniedException", NULL);
	row("nor does one that trusts somebody else");
	role_make(&w, "Bare", "/", TRUST_EC2);
	node_token(&w, &n, "finger");
	expect_error(&w, "AccessDeniedException", NULL);
	iam(&w, "UpdateAssumeRolePolicy",
	    arena_printf(&w.mem, "RoleName=Bare&PolicyDocument=%s",
		form_encoded(&w, TRUST_SSM(""))));
	node_token(&w, &n, "finger");
	expect_ok(&w);
	world_down(&w);
}

static void
assume_target(struct world *w, struct node *n)
{
	query_as(w, &n->keys, "sts", "2011-06-15", "AssumeRole",
	    with_account(
		w, "RoleArn=arn:aws:iam::ACCOUNT:role/Target&RoleSessionName=x1"));
}

/* The id of a role that nobody made by hand can be told from its name: it must open nothing. */
static void
t_gone(void **state)
{
	static const struct step steps[] = {
		{ "DetachRolePolicy", "RoleName=SallyportNode&PolicyArn=" CORE, 200, NULL,
		    NULL },
		{ "DeleteRole", "RoleName=SallyportNode", 200, NULL, NULL },
	};
	struct world w;
	struct node n;
	(void)state;

	world_up(&w);
	node_make(&w, &n, "");
	role_make(&w, "Target", "/",
	    with_account(&w,
		"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\","
		"\"Principal\":{\"AWS\":\"arn:aws:iam::ACCOUNT:role/SallyportNode\"},"
		"\"Action\":\"sts:AssumeRole\"}}"));
	row("trusted");
	assume_target(&w, &n);
	expect_ok(&w);
	RUN(&w, steps);
	row("by a role that is gone");
	assume_target(&w, &n);
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	row("and by the next of its name");
	role_make(&w, "SallyportNode", "/", TRUST_SSM(""));
	assume_target(&w, &n);
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	world_down(&w);
}

/* Whatever its role says. */
static void
t_only_itself(void **state)
{
	struct world w;
	struct node a, b;
	(void)state;

	world_up(&w);
	node_make(&w, &a, "");
	node_make(&w, &b, "");
	iam(&w, "AttachRolePolicy",
	    "RoleName=SallyportNode&PolicyArn=arn:aws:iam::aws:policy/"
	    "AdministratorAccess");
	row("of itself");
	call_as(&w, &a.keys, "AmazonSSM.UpdateInstanceInformation",
	    arena_printf(&w.mem, "{\"InstanceId\":\"%s\"}", a.id));
	expect_ok(&w);
	row("of another node");
	call_as(&w, &a.keys, "AmazonSSM.UpdateInstanceInformation",
	    arena_printf(&w.mem, "{\"InstanceId\":\"%s\"}", b.id));
	expect_error(&w, "AccessDeniedException", NULL);
	call_as(&w, &a.keys, "AmazonSSM.StartSession",
	    arena_printf(&w.mem, "{\"Target\":\"%s\"}", b.id));
	expect_error(&w, "AccessDeniedException", NULL);
	call_as(&w, &a.keys, "AmazonSSM.DeregisterManagedInstance",
	    arena_printf(&w.mem, "{\"InstanceId\":\"%s\"}", b.id));
	expect_error(&w, "AccessDeniedException", NULL);
	call_as(&w, &a.keys, "AmazonSSM.UpdateManagedInstanceRole",
	    arena_printf(
		&w.mem, "{\"InstanceId\":\"%s\",\"IamRole\":\"SallyportNode\"}", b.id));
	expect_error(&w, "AccessDeniedException", NULL);
	world_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_which_roles),
		cmocka_unit_test(t_pass_role),
		cmocka_unit_test(t_change),
		cmocka_unit_test(t_gone),
		cmocka_unit_test(t_only_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
