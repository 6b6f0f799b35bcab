/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IAM: instance profiles, each of which holds one role at most.  They are kept for the tools that
 * want them; what a node may do is decided by the role of its activation.
 */
#include "server/api/iam/managed.h"
#include "policy/context.h"

/* ---- answers ---- */

struct writing {
	struct api_call *c;
	int err;
};

static bool
write_role(void *arg, const char *holder, const char *member)
{
	struct writing *w = arg;
	struct api_call *c = w->c;
	struct store_entity e;

	(void)holder;
	w->err = store_entity_get(
	    api_reader(c), &c->mem, STORE_ROLE, iam_owner_name(member), &e);
	if (w->err != 0)
		return false;
	xw_open(&c->out, "member");
	iam_write_head(c, &e);
	iam_write_trust(c, &e);
	xw_close(&c->out, "member");
	return true;
}

int
iam_write_profile(struct api_call *c, const struct store_entity *e)
{
	struct writing w = { .c = c };
	int err;

	iam_write_head(c, e);
	xw_open(&c->out, "Roles");
	err = store_members(api_reader(c), store_owner(&c->mem, STORE_PROFILE, e->name),
	    "", write_role, &w);
	xw_close(&c->out, "Roles");
	return err != 0 ? err : w.err;
}

static int
answer_profile(struct api_call *c, bool tagged)
{
	struct store_entity e;
	struct tags t;
	int err;

	if ((err = iam_subject(api_reader(c), c, STORE_PROFILE, &e)) != 0 ||
	    (err = tags_load(api_reader(c), &c->mem,
		 store_owner(&c->mem, STORE_PROFILE, e.name), &t)) != 0)
		return err;
	xw_open(&c->out, "InstanceProfile");
	err = iam_write_profile(c, &e);
	if (tagged || t.n > 0)
		iam_write_tag_list(c, &t);
	xw_close(&c->out, "InstanceProfile");
	return err;
}

/* ---- CreateInstanceProfile, GetInstanceProfile, ListInstanceProfiles ---- */

static int
create_change(struct store_tx *tx, struct api_call *c)
{
	return iam_create(tx, c, c->user);
}

static int
create_done(struct api_call *c)
{
	return answer_profile(c, false);
}

static int
create_profile(struct api_call *c)
{
	struct store_entity *e;
	int err;

	if ((err = iam_new(c, STORE_PROFILE, &e)) != 0)
		return err;
	c->user = e;
	return api_write(c, create_change, create_done);
}

static int
get_profile(struct api_call *c)
{
	return answer_profile(c, true);
}

static void
write_listed(struct api_call *c, const struct store_entity *e)
{
	int *err = c->user;

	if (*err == 0)
		*err = iam_write_profile(c, e);
}

static int
list_profiles(struct api_call *c)
{
	int err = 0, r;

	c->user = &err;
	r = iam_list(c, STORE_PROFILE, "InstanceProfiles", write_listed);
	return r != 0 ? r : err;
}

/* ---- ListInstanceProfilesForRole ---- */

struct listing {
	struct api_call *c;
	struct page page;
	int err;
};

static bool
list_holder(void *arg, const char *holder, const char *member)
{
	struct listing *l = arg;
	struct api_call *c = l->c;
	struct store_entity e;

	(void)member;
	l->err = store_entity_get(
	    api_reader(c), &c->mem, STORE_PROFILE, iam_owner_name(holder), &e);
	if (l->err != 0 || !page_take(&l->page, holder))
		return false;
	xw_open(&c->out, "member");
	l->err = iam_write_profile(c, &e);
	xw_close(&c->out, "member");
	return l->err == 0;
}

static int
list_for_role(struct api_call *c)
{
	struct listing l = { .c = c };
	struct store_entity e;
	int err;

	if ((err = iam_subject(api_reader(c), c, STORE_ROLE, &e)) != 0 ||
	    (err = page_open(&l.page, c, "InstanceProfiles",
		 api_int(c, "MaxItems", IAM_PAGE))) != 0 ||
	    (err = store_member_of(api_reader(c),
		 store_owner(&c->mem, STORE_ROLE, e.name), l.page.after, list_holder,
		 &l)) != 0 ||
	    (err = l.err) != 0)
		return err;
	page_close(&l.page);
	return 0;
}

/* ---- DeleteInstanceProfile ---- */

static int
delete_change(struct store_tx *tx, struct api_call *c)
{
	struct store_entity e;
	bool holds = false;
	int err;

	if ((err = iam_subject(tx, c, STORE_PROFILE, &e)) != 0 ||
	    (err = store_members(tx, store_owner(&c->mem, STORE_PROFILE, e.name), "",
		 iam_found, &holds)) != 0)
		return err;
	if (holds)
		return iam_conflict(c, "remove roles from instance profile");
	return store_entity_del(tx, STORE_PROFILE, e.name);
}

static int
delete_profile(struct api_call *c)
{
	return api_write(c, delete_change, NULL);
}

/* ---- AddRoleToInstanceProfile, RemoveRoleFromInstanceProfile ---- */

struct pair {
	struct store_entity profile, role;
	char *holder, *member;
};

static int
find_pair(struct store_tx *tx, struct api_call *c, struct pair *p)
{
	int err;

	if ((err = iam_subject(tx, c, STORE_PROFILE, &p->profile)) != 0 ||
	    (err = iam_subject(tx, c, STORE_ROLE, &p->role)) != 0)
		return err;
	p->holder = store_owner(&c->mem, STORE_PROFILE, p->profile.name);
	p->member = store_owner(&c->mem, STORE_ROLE, p->role.name);
	return 0;
}

static int
add_change(struct store_tx *tx, struct api_call *c)
{
	bool holds = false;
	struct pair p;
	int err;

	if ((err = find_pair(tx, c, &p)) != 0 ||
	    (err = store_members(tx, p.holder, "", iam_found, &holds)) != 0)
		return err;
	if (holds)
		return api_fail(c, "LimitExceeded",
		    "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1");
	return store_member_put(tx, p.holder, p.member);
}

/* Who puts a role where a machine finds it hands it on. */
static int
add_role(struct api_call *c)
{
	struct policy_context more;
	const char *arn;
	struct pair p;
	int err;

	if ((err = find_pair(api_reader(c), c, &p)) != 0)
		return err;
	arn = iam_arn(c, &p.role);
	policy_context_init(&more, &c->mem);
	policy_context_add(&more, "iam:PassedToService", SPAN("ec2.amazonaws.com"));
	if ((err = api_ask(c, "iam:PassRole", &arn, 1, &more)) != 0)
		return err;
	return api_write(c, add_change, NULL);
}

static int
remove_change(struct store_tx *tx, struct api_call *c)
{
	struct pair p;
	int err;

	if ((err = find_pair(tx, c, &p)) != 0)
		return err;
	err = store_member_del(tx, p.holder, p.member);
	if (err == ERR_NOTFOUND)
		return api_fail(c, "NoSuchEntity",
		    "Role %s in Instance Profile %s cannot be found.", p.role.name,
		    p.profile.name);
	return err;
}

static int
remove_role(struct api_call *c)
{
	return api_write(c, remove_change, NULL);
}

#define PROFILE .service = API_IAM, .find = iam_profile_resource
#define NAME    "InstanceProfileName*: " IAM_NAME

const struct api_op iam_profile_ops[] = {
	{
	    PROFILE,
	    .access = API_WRITE,
	    .name = "CreateInstanceProfile",
	    .action = "iam:CreateInstanceProfile",
	    .input = "{ " NAME "; Path: " IAM_PATH "; Tags: " IAM_TAGS " }",
	    .run = create_profile,
	    .response = iam_record_entity,
	},
	{
	    PROFILE,
	    .access = API_READ,
	    .name = "GetInstanceProfile",
	    .action = "iam:GetInstanceProfile",
	    .input = "{ " NAME " }",
	    .run = get_profile,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "ListInstanceProfiles",
	    .action = "iam:ListInstanceProfiles",
	    .resource = "*",
	    .input = "{ " IAM_PREFIX "; " IAM_PAGING " }",
	    .run = list_profiles,
	},
	{
	    .service = API_IAM,
	    .find = iam_role_resource,
	    .access = API_READ,
	    .name = "ListInstanceProfilesForRole",
	    .action = "iam:ListInstanceProfilesForRole",
	    .input = "{ RoleName*: " IAM_NAME_64 "; " IAM_PAGING " }",
	    .run = list_for_role,
	},
	{
	    PROFILE,
	    .access = API_WRITE,
	    .name = "DeleteInstanceProfile",
	    .action = "iam:DeleteInstanceProfile",
	    .input = "{ " NAME " }",
	    .no_result = true,
	    .run = delete_profile,
	},
	{
	    PROFILE,
	    .access = API_WRITE,
	    .name = "AddRoleToInstanceProfile",
	    .action = "iam:AddRoleToInstanceProfile",
	    .input = "{ " NAME "; RoleName*: " IAM_NAME_64 " }",
	    .no_result = true,
	    .run = add_role,
	},
	{
	    PROFILE,
	    .access = API_WRITE,
	    .name = "RemoveRoleFromInstanceProfile",
	    .action = "iam:RemoveRoleFromInstanceProfile",
	    .input = "{ " NAME "; RoleName*: " IAM_NAME_64 " }",
	    .no_result = true,
	    .run = remove_role,
	},
	{ 0 },
};
