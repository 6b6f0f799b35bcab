/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IAM: managed policies.  Those of AWS are there for everybody to attach, and for nobody to
 * change; they come behind the account's own in a list.
 */
#include "server/api/iam/managed.h"

#include "server/api/error.h"

/* ---- CreatePolicy ---- */

static int
answer_policy(struct api_call *c, const struct iam_policy *p, bool whole)
{
	const char *owner = store_owner(&c->mem, STORE_POLICY, p->name);
	struct iam_usage u;
	struct tags t = { .n = 0 };
	int err;

	if ((err = iam_policy_usage(api_reader(c), p->arn, &u)) != 0 ||
	    (p->aws == NULL && (err = tags_load(api_reader(c), &c->mem, owner, &t)) != 0))
		return err;
	xw_open(&c->out, "Policy");
	iam_write_policy(c, p, &u);
	if (whole && p->description[0] != '\0')
		xw_elem(&c->out, "Description", p->description);
	if (whole || t.n > 0)
		iam_write_tag_list(c, &t);
	xw_close(&c->out, "Policy");
	return 0;
}

static int
create_change(struct store_tx *tx, struct api_call *c)
{
	const struct store_entity *e = c->user;
	int err;

	if ((err = iam_create(tx, c, e)) != 0)
		return err;
	return store_policy_version_put(tx,
	    &(struct store_policy_version){ .policy = e->name,
		.version = 1,
		.document = arena_strdup(&c->mem, api_str(c, "PolicyDocument")),
		.created_ms = e->created_ms });
}

static int
create_done(struct api_call *c)
{
	struct iam_policy p;

	iam_policy_of_entity(c, c->user, &p);
	return answer_policy(c, &p, false);
}

static int
create_policy(struct api_call *c)
{
	const char *description = api_str(c, "Description");
	struct store_entity *e;
	int err;

	if ((err = iam_check_policy(c, POLICY_MANAGED, api_str(c, "PolicyDocument"))) !=
		0 ||
	    (err = iam_new(c, STORE_POLICY, &e)) != 0)
		return err;
	e->description = arena_strdup(&c->mem, description != NULL ? description : "");
	e->default_version = e->last_version = 1;
	c->user = e;
	return api_write(c, create_change, create_done);
}

/* ---- GetPolicy ---- */

static int
get_policy(struct api_call *c)
{
	struct iam_policy p;
	int err = iam_policy_find(api_reader(c), c, api_str(c, "PolicyArn"), &p);

	return err != 0 ? err : answer_policy(c, &p, true);
}

/* ---- ListPolicies ---- */

/* Positions: the account's own begin with "1", AWS's with "2"; the name follows. */
struct listing {
	struct api_call *c;
	struct page page;
	const char *prefix, *usage;
	bool only_attached;
	int err;
};

static bool
is_wanted(const struct listing *l, const struct iam_policy *p, const struct iam_usage *u)
{
	if (strncmp(p->path, l->prefix, strlen(l->prefix)) != 0)
		return false;
	if (l->usage != NULL && strcmp(l->usage, "PermissionsBoundary") == 0)
		return u->bounding > 0;
	return u->attached > 0 || (l->usage == NULL && !l->only_attached);
}

static bool
list_policy(struct listing *l, const struct iam_policy *p)
{
	struct api_call *c = l->c;
	struct iam_usage u;

	l->err = iam_policy_usage(api_reader(c), p->arn, &u);
	if (l->err != 0)
		return false;
	if (!is_wanted(l, p, &u))
		return true;
	if (!page_take(
		&l->page, arena_printf(&c->mem, "%d%s", p->aws != NULL ? 2 : 1, p->name)))
		return false;
	xw_open(&c->out, "member");
	iam_write_policy(c, p, &u);
	xw_close(&c->out, "member");
	return true;
}

static bool
list_own(void *arg, const struct store_entity *e)
{
	struct listing *l = arg;
	struct iam_policy p;

	iam_policy_of_entity(l->c, e, &p);
	return list_policy(l, &p);
}

static void
list_aws(struct listing *l)
{
	const struct policy_managed *m = policy_managed_list();
	bool on = l->page.after[0] != '2';

	for (; m->name != NULL; m++) {
		struct iam_policy p;

		iam_policy_of_aws(l->c, m, &p);
		if (on && !list_policy(l, &p))
			return;
		on = on || strcmp(l->page.after + 1, m->name) == 0;
	}
}

static int
list_policies(struct api_call *c)
{
	const char *scope = api_str(c, "Scope"), *prefix = api_str(c, "PathPrefix");
	struct listing l = {
		.c = c,
		.prefix = prefix != NULL ? prefix : "/",
		.usage = api_str(c, "PolicyUsageFilter"),
		.only_attached = api_bool(c, "OnlyAttached"),
	};
	bool own = scope == NULL || strcmp(scope, "AWS") != 0;
	bool aws = scope == NULL || strcmp(scope, "Local") != 0;
	const char *after;
	int err;

	if ((err = page_open(&l.page, c, "Policies", api_int(c, "MaxItems", IAM_PAGE))) !=
	    0)
		return err;
	after = l.page.after;
	if (own && after[0] != '2')
		err = store_entities(api_reader(c), STORE_POLICY,
		    after[0] == '1' ? after + 1 : "", list_own, &l);
	if (err == 0 && l.err == 0 && aws && !l.page.more)
		list_aws(&l);
	if (err != 0 || (err = l.err) != 0)
		return err;
	page_close(&l.page);
	return 0;
}

/* ---- DeletePolicy ---- */

static int
delete_change(struct store_tx *tx, struct api_call *c)
{
	struct store_entity e;
	struct iam_usage u;
	int versions, err;

	if ((err = iam_subject(tx, c, STORE_POLICY, &e)) != 0 ||
	    (err = iam_policy_usage(tx, api_str(c, "PolicyArn"), &u)) != 0 ||
	    (err = iam_policy_versions(tx, e.name, &versions)) != 0)
		return err;
	if (u.attached > 0 || u.bounding > 0)
		return api_fail(
		    c, "DeleteConflict", "Cannot delete a policy attached to entities.");
	if (versions > 1)
		return api_fail(c, "DeleteConflict",
		    "This policy has more than one version. Before you delete a policy, "
		    "you "
		    "must delete the policy's versions. The default version is deleted "
		    "with "
		    "the policy.");
	return store_entity_del(tx, STORE_POLICY, e.name);
}

static int
delete_policy(struct api_call *c)
{
	if (policy_managed_find(span_str(api_str(c, "PolicyArn"))) != NULL)
		return error_denied(
		    c, "Cannot delete policies outside your own account.");
	return api_write(c, delete_change, NULL);
}

#define POLICY .service = API_IAM, .find = iam_policy_resource
#define BY_ARN "PolicyArn*: " IAM_ARN

const struct api_op iam_policy_ops[] = {
	{
	    POLICY,
	    .access = API_WRITE,
	    .name = "CreatePolicy",
	    .action = "iam:CreatePolicy",
	    .input = "{ PolicyName*: " IAM_NAME "; Path: " IAM_POLICY_PATH
		     "; PolicyDocument*: " IAM_DOCUMENT
		     "; Description: string{..1000}; Tags: " IAM_TAGS " }",
	    .run = create_policy,
	    .response = iam_record_entity,
	},
	{
	    POLICY,
	    .access = API_READ,
	    .name = "GetPolicy",
	    .action = "iam:GetPolicy",
	    .input = "{ " BY_ARN " }",
	    .run = get_policy,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "ListPolicies",
	    .action = "iam:ListPolicies",
	    .resource = "*",
	    .input = "{ Scope: string{All|AWS|Local}; OnlyAttached: boolean; PathPrefix: "
		     "" IAM_POLICY_PATH "; PolicyUsageFilter: "
		     "string{PermissionsPolicy|PermissionsBoundary}; " IAM_PAGING " }",
	    .run = list_policies,
	},
	{
	    POLICY,
	    .access = API_WRITE,
	    .name = "DeletePolicy",
	    .action = "iam:DeletePolicy",
	    .input = "{ " BY_ARN " }",
	    .no_result = true,
	    .run = delete_policy,
	},
	{ 0 },
};
