/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups and who is in them.
 */
#include "server/api/iam/iam.h"

enum { GROUPS_PER_USER_MAX = 10 }; /* AWS's limit */

static const char *
group_owner(struct api_call *c, const char *name)
{
	return store_owner(&c->mem, STORE_GROUP, name);
}

static const char *
user_owner(struct api_call *c, const char *name)
{
	return store_owner(&c->mem, STORE_USER, name);
}

/* ---- CreateGroup, ListGroups, UpdateGroup, DeleteGroup ---- */

static int
create_change(struct store_tx *tx, struct api_call *c)
{
	return iam_create(tx, c, c->user);
}

static void
write_group(struct api_call *c, const struct store_entity *g)
{
	xw_open(&c->out, "Group");
	iam_write_head(c, g);
	xw_close(&c->out, "Group");
}

static int
created(struct api_call *c)
{
	write_group(c, c->user);
	return 0;
}

static int
create_group(struct api_call *c)
{
	struct store_entity *g;
	int err = iam_new(c, STORE_GROUP, &g);

	c->user = g;
	return err != 0 ? err : api_write(c, create_change, created);
}

static int
list_groups(struct api_call *c)
{
	return iam_list(c, STORE_GROUP, "Groups", iam_write_head);
}

static bool
count_one(void *arg, const char *holder, const char *member)
{
	(void)holder;
	(void)member;
	++*(size_t *)arg;
	return true;
}

static int
delete_change(struct store_tx *tx, struct api_call *c)
{
	struct store_entity g;
	size_t members = 0;
	int err;

	if ((err = iam_subject(tx, c, STORE_GROUP, &g)) != 0 ||
	    (err = store_members(tx, group_owner(c, g.name), "", count_one, &members)) !=
		0)
		return err;
	if (members > 0)
		return iam_conflict(c, "remove users from group");
	err = iam_bare(tx, c, group_owner(c, g.name));
	return err != 0 ? err : store_entity_del(tx, STORE_GROUP, g.name);
}

static int
delete_group(struct api_call *c)
{
	return api_write(c, delete_change, NULL);
}

/* ---- AddUserToGroup, RemoveUserFromGroup ---- */

/* AWS looks for the user first. */
static int
find_both(struct store_tx *tx, struct api_call *c, struct store_entity *u,
    struct store_entity *g)
{
	int err = iam_subject(tx, c, STORE_USER, u);

	return err != 0 ? err : iam_subject(tx, c, STORE_GROUP, g);
}

static int
add_change(struct store_tx *tx, struct api_call *c)
{
	struct store_entity u, g;
	size_t groups = 0;
	int err;

	if ((err = find_both(tx, c, &u, &g)) != 0 ||
	    (err = store_member_put(tx, group_owner(c, g.name), user_owner(c, u.name))) !=
		0 ||
	    (err = store_member_of(tx, user_owner(c, u.name), "", count_one, &groups)) !=
		0)
		return err;
	if (groups > GROUPS_PER_USER_MAX)
		return api_fail(c, "LimitExceeded",
		    "Cannot exceed quota for GroupsPerUser: %d", GROUPS_PER_USER_MAX);
	return 0;
}

static int
add_user_to_group(struct api_call *c)
{
	return api_write(c, add_change, NULL);
}

/* Who is not in it is out of it: no error at AWS either. */
static int
remove_change(struct store_tx *tx, struct api_call *c)
{
	struct store_entity u, g;
	int err = find_both(tx, c, &u, &g);

	if (err != 0)
		return err;
	err = store_member_del(tx, group_owner(c, g.name), user_owner(c, u.name));
	return err == ERR_NOTFOUND ? 0 : err;
}

static int
remove_user_from_group(struct api_call *c)
{
	return api_write(c, remove_change, NULL);
}

/* ---- GetGroup, ListGroupsForUser: both sides of a membership ---- */

struct listing {
	struct api_call *c;
	struct page page;
	enum store_entity_kind kind; /* of what is listed */
	int err;
};

/* "Group/ops" is the group ops. */
static bool
list_one(struct listing *l, const char *owner)
{
	struct api_call *c = l->c;
	struct store_entity e;

	if (!page_take(&l->page, owner))
		return false;
	l->err =
	    store_entity_get(api_reader(c), &c->mem, l->kind, strchr(owner, '/') + 1, &e);
	if (l->err != 0)
		return false;
	xw_open(&c->out, "member");
	iam_write_head(c, &e);
	xw_close(&c->out, "member");
	return true;
}

static bool
list_member(void *arg, const char *holder, const char *member)
{
	(void)holder;
	return list_one(arg, member);
}

static bool
list_holder(void *arg, const char *holder, const char *member)
{
	(void)member;
	return list_one(arg, holder);
}

static int
get_group(struct api_call *c)
{
	struct listing l = { .c = c, .kind = STORE_USER };
	struct store_entity g;
	int err;

	if ((err = iam_subject(api_reader(c), c, STORE_GROUP, &g)) != 0)
		return err;
	write_group(c, &g);
	if ((err = page_open(&l.page, c, "Users", api_int(c, "MaxItems", IAM_PAGE))) !=
		0 ||
	    (err = store_members(api_reader(c), group_owner(c, g.name), l.page.after,
		 list_member, &l)) != 0)
		return err;
	page_close(&l.page);
	return l.err;
}

static int
list_groups_for_user(struct api_call *c)
{
	struct listing l = { .c = c, .kind = STORE_GROUP };
	struct store_entity u;
	int err;

	if ((err = iam_subject(api_reader(c), c, STORE_USER, &u)) != 0 ||
	    (err = page_open(&l.page, c, "Groups", api_int(c, "MaxItems", IAM_PAGE))) !=
		0 ||
	    (err = store_member_of(api_reader(c), user_owner(c, u.name), l.page.after,
		 list_holder, &l)) != 0)
		return err;
	page_close(&l.page);
	return l.err;
}

#define GROUP_AND_USER "{ GroupName*: " IAM_NAME "; UserName*: " IAM_NAME " }"

const struct api_op iam_group_ops[] = {
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "CreateGroup",
	    .action = "iam:CreateGroup",
	    .find = iam_group_resource,
	    .input = "{ Path: " IAM_PATH "; GroupName*: " IAM_NAME " }",
	    .run = create_group,
	    .response = iam_record_entity,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "GetGroup",
	    .action = "iam:GetGroup",
	    .find = iam_group_resource,
	    .input = "{ GroupName*: " IAM_NAME "; " IAM_PAGING " }",
	    .run = get_group,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "ListGroups",
	    .action = "iam:ListGroups",
	    .resource = "*",
	    .input = "{ " IAM_PREFIX "; " IAM_PAGING " }",
	    .run = list_groups,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "UpdateGroup",
	    .action = "iam:UpdateGroup",
	    .find = iam_group_resource,
	    .input = "{ GroupName*: " IAM_NAME "; NewPath: " IAM_PATH
		     "; NewGroupName: " IAM_NAME " }",
	    .no_result = true,
	    .run = iam_update,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "DeleteGroup",
	    .action = "iam:DeleteGroup",
	    .find = iam_group_resource,
	    .input = "{ GroupName*: " IAM_NAME " }",
	    .no_result = true,
	    .run = delete_group,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "AddUserToGroup",
	    .action = "iam:AddUserToGroup",
	    .find = iam_group_resource,
	    .input = GROUP_AND_USER,
	    .no_result = true,
	    .run = add_user_to_group,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "RemoveUserFromGroup",
	    .action = "iam:RemoveUserFromGroup",
	    .find = iam_group_resource,
	    .input = GROUP_AND_USER,
	    .no_result = true,
	    .run = remove_user_from_group,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "ListGroupsForUser",
	    .action = "iam:ListGroupsForUser",
	    .find = iam_user_resource,
	    .input = "{ UserName*: " IAM_NAME "; " IAM_PAGING " }",
	    .run = list_groups_for_user,
	},
	{ 0 },
};
