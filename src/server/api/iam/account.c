/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IAM across the kinds: whom a policy is attached to, and everything at once.  A page of these
 * answers goes through several lists, one kind after the other.
 */
#include "server/api/iam/managed.h"

/* Behind the last kind of entities. */
enum { KIND_AWS_POLICY = STORE_ENTITY_KINDS };

/* Positions are the number of the kind and the name. */
struct walk {
	struct api_call *c;
	struct page page;
	int kind;          /* of the list that is open */
	int64_t from_kind; /* where the page begins */
	const char *from_name;
	bool (*is_wanted)(struct walk *w, const struct store_entity *e);
	int (*write)(struct walk *w, const struct store_entity *e);
	int err;

	/* ListEntitiesForPolicy */
	const char *policy, *prefix;
	bool attached, bounded; /* which of the two count */
	const char **owners;    /* it is attached to, in order */
	size_t nowners, cap;
};

static int
walk_open(struct walk *w, struct api_call *c)
{
	int err;

	w->c = c;
	if ((err = page_open(&w->page, c, NULL, api_int(c, "MaxItems", IAM_PAGE))) != 0)
		return err;
	w->from_kind = w->page.after[0] != '\0' ? w->page.after[0] - '0' : 0;
	w->from_name = w->from_kind != 0 ? w->page.after + 1 : "";
	return 0;
}

static bool
walk_take(struct walk *w, const char *name)
{
	return page_take(&w->page, arena_printf(&w->c->mem, "%d%s", w->kind, name));
}

static bool
walk_one(void *arg, const struct store_entity *e)
{
	struct walk *w = arg;

	if (w->is_wanted != NULL && !w->is_wanted(w, e))
		return w->err == 0;
	if (!walk_take(w, e->name))
		return false;
	xw_open(&w->c->out, "member");
	w->err = w->write(w, e);
	xw_close(&w->c->out, "member");
	return w->err == 0;
}

/* What is left of one kind. */
static int
walk_kind(struct walk *w, enum store_entity_kind kind)
{
	int err;

	w->kind = (int)kind;
	if (w->page.more || w->from_kind > w->kind)
		return 0;
	err = store_entities(api_reader(w->c), kind,
	    w->from_kind == w->kind ? w->from_name : "", walk_one, w);
	return err != 0 ? err : w->err;
}

static int
walk_list(struct walk *w, enum store_entity_kind kind, const char *list, bool wanted)
{
	int err = 0;

	xw_open(&w->c->out, list);
	if (wanted)
		err = walk_kind(w, kind);
	xw_close(&w->c->out, list);
	return err;
}

/* ---- ListEntitiesForPolicy ---- */

static bool
collect_owner(void *arg, const char *owner, const char *policy_arn)
{
	struct walk *w = arg;

	(void)policy_arn;
	if (w->nowners == w->cap) {
		size_t cap = w->cap == 0 ? 64 : 2 * w->cap;
		const char **list = arena_alloc(&w->c->mem, cap * sizeof(*list));

		for (size_t i = 0; i < w->nowners; i++)
			list[i] = w->owners[i];
		w->owners = list;
		w->cap = cap;
	}
	w->owners[w->nowners++] = arena_strdup(&w->c->mem, owner);
	return true;
}

static int
compare_owner(const void *a, const void *b)
{
	return strcmp(a, *(const char *const *)b);
}

static bool
holds_policy(struct walk *w, const struct store_entity *e)
{
	auto_arena mem = { 0 };

	if (strncmp(e->path, w->prefix, strlen(w->prefix)) != 0)
		return false;
	if (w->bounded && strcmp(e->boundary, w->policy) == 0)
		return true;
	return w->attached && w->nowners > 0 &&
	    bsearch(store_owner(&mem, (enum store_entity_kind)e->kind, e->name),
		w->owners, w->nowners, sizeof(*w->owners), compare_owner) != NULL;
}

static int
write_name(struct walk *w, const struct store_entity *e)
{
	const char *kind = store_kind_name((enum store_entity_kind)e->kind);
	struct arena *mem = &w->c->mem;

	xw_elem(&w->c->out, arena_printf(mem, "%sName", kind), e->name);
	xw_elem(&w->c->out, arena_printf(mem, "%sId", kind), e->id);
	return 0;
}

static int
list_holders(struct api_call *c)
{
	const char *filter = api_str(c, "EntityFilter");
	const char *usage = api_str(c, "PolicyUsageFilter");
	const char *prefix = api_str(c, "PathPrefix");
	struct walk w = {
		.is_wanted = holds_policy,
		.write = write_name,
		.policy = api_str(c, "PolicyArn"),
		.prefix = prefix != NULL ? prefix : "/",
		.attached = usage == NULL || strcmp(usage, "PermissionsBoundary") != 0,
		.bounded = usage == NULL || strcmp(usage, "PermissionsPolicy") != 0,
	};
	int err;

	if ((err = iam_check_managed(api_reader(c), c, w.policy)) != 0 ||
	    (err = walk_open(&w, c)) != 0 ||
	    (err = store_attached_to(api_reader(c), w.policy, "", collect_owner, &w)) !=
		0 ||
	    (err = walk_list(&w, STORE_USER, "PolicyUsers",
		 filter == NULL || strcmp(filter, "User") == 0)) != 0 ||
	    (err = walk_list(&w, STORE_GROUP, "PolicyGroups",
		 filter == NULL || strcmp(filter, "Group") == 0)) != 0 ||
	    (err = walk_list(&w, STORE_ROLE, "PolicyRoles",
		 filter == NULL || strcmp(filter, "Role") == 0)) != 0)
		return err;
	page_close(&w.page);
	return 0;
}

/* ---- GetAccountAuthorizationDetails: an owner's policies ---- */

static bool
write_inline(void *arg, const char *name, const char *document)
{
	struct api_call *c = arg;

	xw_open(&c->out, "member");
	xw_elem(&c->out, "PolicyName", name);
	iam_write_document(c, "PolicyDocument", document);
	xw_close(&c->out, "member");
	return true;
}

/* UserPolicyList, and what is attached. */
static int
write_policies(struct api_call *c, const char *list, const char *owner)
{
	int err;

	xw_open(&c->out, list);
	err = store_inlines(api_reader(c), owner, "", write_inline, c);
	xw_close(&c->out, list);
	return err != 0 ? err : iam_write_attached(c, "AttachedManagedPolicies", owner);
}

static int
write_owner_tags(struct api_call *c, const char *owner)
{
	struct tags t;
	int err = tags_load(api_reader(c), &c->mem, owner, &t);

	if (err == 0)
		iam_write_tags(c, &t);
	return err;
}

static bool
write_group_name(void *arg, const char *holder, const char *member)
{
	struct api_call *c = arg;

	(void)member;
	xw_elem(&c->out, "member", iam_owner_name(holder));
	return true;
}

static int
write_user(struct walk *w, const struct store_entity *e)
{
	struct api_call *c = w->c;
	const char *owner = store_owner(&c->mem, STORE_USER, e->name);
	int err;

	iam_write_head(c, e);
	if ((err = write_policies(c, "UserPolicyList", owner)) != 0)
		return err;
	xw_open(&c->out, "GroupList");
	err = store_member_of(api_reader(c), owner, "", write_group_name, c);
	xw_close(&c->out, "GroupList");
	iam_write_boundary(c, e);
	return err != 0 ? err : write_owner_tags(c, owner);
}

static int
write_group(struct walk *w, const struct store_entity *e)
{
	iam_write_head(w->c, e);
	return write_policies(
	    w->c, "GroupPolicyList", store_owner(&w->c->mem, STORE_GROUP, e->name));
}

struct profiles {
	struct api_call *c;
	int err;
};

static bool
write_holder(void *arg, const char *holder, const char *member)
{
	struct profiles *p = arg;
	struct store_entity e;

	(void)member;
	p->err = store_entity_get(
	    api_reader(p->c), &p->c->mem, STORE_PROFILE, iam_owner_name(holder), &e);
	if (p->err != 0)
		return false;
	xw_open(&p->c->out, "member");
	p->err = iam_write_profile(p->c, &e);
	xw_close(&p->c->out, "member");
	return p->err == 0;
}

static int
write_role(struct walk *w, const struct store_entity *e)
{
	struct api_call *c = w->c;
	const char *owner = store_owner(&c->mem, STORE_ROLE, e->name);
	struct profiles p = { .c = c };
	int err;

	iam_write_head(c, e);
	iam_write_trust(c, e);
	xw_open(&c->out, "InstanceProfileList");
	err = store_member_of(api_reader(c), owner, "", write_holder, &p);
	xw_close(&c->out, "InstanceProfileList");
	if (err != 0 || (err = p.err) != 0 ||
	    (err = write_policies(c, "RolePolicyList", owner)) != 0)
		return err;
	iam_write_boundary(c, e);
	xw_open(&c->out, "RoleLastUsed");
	xw_close(&c->out, "RoleLastUsed");
	return write_owner_tags(c, owner);
}

/* ---- GetAccountAuthorizationDetails: policies ---- */

struct versions {
	struct api_call *c;
	int64_t in_force;
};

static bool
write_one_version(void *arg, const struct store_policy_version *v)
{
	struct versions *s = arg;
	struct api_call *c = s->c;

	xw_open(&c->out, "member");
	iam_write_version(c, v->document,
	    arena_printf(&c->mem, "v%lld", (long long)v->version),
	    v->version == s->in_force, v->created_ms);
	xw_close(&c->out, "member");
	return true;
}

static int
write_own_policy(struct walk *w, const struct store_entity *e)
{
	struct api_call *c = w->c;
	struct versions s = { c, e->default_version };
	struct iam_policy p;
	struct iam_usage u;
	int err;

	iam_policy_of_entity(c, e, &p);
	if ((err = iam_policy_usage(api_reader(c), p.arn, &u)) != 0)
		return err;
	iam_write_policy(c, &p, &u);
	xw_open(&c->out, "PolicyVersionList");
	err = store_policy_versions(api_reader(c), e->name, 0, write_one_version, &s);
	xw_close(&c->out, "PolicyVersionList");
	return err;
}

static int
write_aws_policy(struct walk *w, const struct policy_managed *m)
{
	struct api_call *c = w->c;
	struct iam_policy p;
	struct iam_usage u;
	int err;

	iam_policy_of_aws(c, m, &p);
	if ((err = iam_policy_usage(api_reader(c), p.arn, &u)) != 0 ||
	    (u.attached == 0 && u.bounding == 0) || !walk_take(w, m->name))
		return err;
	xw_open(&c->out, "member");
	iam_write_policy(c, &p, &u);
	xw_open(&c->out, "PolicyVersionList");
	xw_open(&c->out, "member");
	iam_write_version(c, m->document, m->version, true, p.created_ms);
	xw_close(&c->out, "member");
	xw_close(&c->out, "PolicyVersionList");
	xw_close(&c->out, "member");
	return 0;
}

/* Of AWS's policies those that are in use. */
static int
walk_aws(struct walk *w)
{
	const struct policy_managed *m = policy_managed_list();
	bool on = w->from_kind != KIND_AWS_POLICY;
	int err = 0;

	w->kind = KIND_AWS_POLICY;
	for (; m->name != NULL && err == 0 && !w->page.more; m++) {
		if (on)
			err = write_aws_policy(w, m);
		on = on || strcmp(w->from_name, m->name) == 0;
	}
	return err;
}

/* No filter is all of them. */
static bool
filter_has(struct api_call *c, const char *word)
{
	const json_t *filter = json_object_get(c->in, "Filter"), *one;
	size_t i;

	json_array_foreach(filter, i, one)
	{
		if (strcmp(json_string_value(one), word) == 0)
			return true;
	}
	return json_array_size(filter) == 0;
}

static int
list_policies(struct walk *w)
{
	int err = 0;

	w->write = write_own_policy;
	xw_open(&w->c->out, "Policies");
	if (filter_has(w->c, "LocalManagedPolicy"))
		err = walk_kind(w, STORE_POLICY);
	if (err == 0 && filter_has(w->c, "AWSManagedPolicy"))
		err = walk_aws(w);
	xw_close(&w->c->out, "Policies");
	return err;
}

static int
list_kind(struct walk *w, enum store_entity_kind kind, const char *list,
    int (*write)(struct walk *w, const struct store_entity *e))
{
	w->write = write;
	return walk_list(w, kind, list, filter_has(w->c, store_kind_name(kind)));
}

static int
account_details(struct api_call *c)
{
	struct walk w = { .c = c };
	int err;

	if ((err = walk_open(&w, c)) != 0 ||
	    (err = list_kind(&w, STORE_USER, "UserDetailList", write_user)) != 0 ||
	    (err = list_kind(&w, STORE_GROUP, "GroupDetailList", write_group)) != 0 ||
	    (err = list_kind(&w, STORE_ROLE, "RoleDetailList", write_role)) != 0 ||
	    (err = list_policies(&w)) != 0)
		return err;
	page_close(&w.page);
	return 0;
}

#define ENTITY "User|Role|Group|LocalManagedPolicy|AWSManagedPolicy"

const struct api_op iam_account_ops[] = {
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "ListEntitiesForPolicy",
	    .action = "iam:ListEntitiesForPolicy",
	    .find = iam_policy_resource,
	    .input = "{ PolicyArn*: " IAM_ARN "; EntityFilter: string{" ENTITY
		     "}; " IAM_PREFIX "; PolicyUsageFilter: "
		     "string{PermissionsPolicy|PermissionsBoundary}; " IAM_PAGING " }",
	    .run = list_holders,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "GetAccountAuthorizationDetails",
	    .action = "iam:GetAccountAuthorizationDetails",
	    .resource = "*",
	    .input = "{ Filter: list[string{" ENTITY "}]; " IAM_PAGING " }",
	    .run = account_details,
	},
	{ 0 },
};
