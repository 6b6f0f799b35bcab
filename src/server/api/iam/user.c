/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users and their tags.  The tag SSMSessionRunAs names the OS user of their sessions.
 */
#include "server/api/iam/iam.h"

/* ---- CreateUser, GetUser, ListUsers ---- */

/* With all that AWS tells of one user. */
static int
write_whole(struct api_call *c, const struct store_entity *u)
{
	struct store_login login = { 0 };
	struct tags t;
	int err = store_login_get(api_reader(c), &c->mem, u->name, &login);

	if ((err != 0 && err != ERR_NOTFOUND) ||
	    (err = tags_load(api_reader(c), &c->mem,
		 store_owner(&c->mem, STORE_USER, u->name), &t)) != 0)
		return err;
	xw_open(&c->out, "User");
	iam_write_head(c, u);
	if (login.used_ms != 0)
		iam_write_date(c, "PasswordLastUsed", login.used_ms);
	iam_write_boundary(c, u);
	iam_write_tags(c, &t);
	xw_close(&c->out, "User");
	return 0;
}

static int
create_change(struct store_tx *tx, struct api_call *c)
{
	return iam_create(tx, c, c->user);
}

static int
created(struct api_call *c)
{
	return write_whole(c, c->user);
}

static int
create_user(struct api_call *c)
{
	struct store_entity *u;
	int err = iam_new(c, STORE_USER, &u);

	c->user = u;
	return err != 0 ? err : api_write(c, create_change, created);
}

static int
get_user(struct api_call *c)
{
	struct store_entity u;
	int err = iam_subject(api_reader(c), c, STORE_USER, &u);

	return err != 0 ? err : write_whole(c, &u);
}

static int
list_users(struct api_call *c)
{
	return iam_list(c, STORE_USER, "Users", iam_write_head);
}

/* ---- UpdateUser, DeleteUser ---- */

static bool
found_key(void *arg, const struct store_key *k)
{
	*(bool *)arg = k->expires_ms == 0;
	return !*(bool *)arg;
}

static bool
found_mfa(void *arg, const struct store_mfa *m)
{
	(void)m;
	*(bool *)arg = true;
	return false;
}

static bool
found_group(void *arg, const char *holder, const char *member)
{
	(void)holder;
	(void)member;
	*(bool *)arg = true;
	return false;
}

/* Whoever deletes a user has to take away first what was given; temporary keys go along. */
static int
check_free(struct store_tx *tx, struct api_call *c, const char *name)
{
	const char *owner = store_owner(&c->mem, STORE_USER, name);
	bool keys = false, devices = false, groups = false;
	struct store_login login;
	int err = store_login_get(tx, &c->mem, name, &login);

	if (err == 0)
		return iam_conflict(c, "delete login profile");
	if (err != ERR_NOTFOUND ||
	    (err = store_keys(tx, STORE_KEY_USER, name, "", found_key, &keys)) != 0 ||
	    (err = store_mfas(tx, name, "", found_mfa, &devices)) != 0 ||
	    (err = store_member_of(tx, owner, "", found_group, &groups)) != 0)
		return err;
	if (keys)
		return iam_conflict(c, "delete access keys");
	if (devices)
		return iam_conflict(c, "delete MFA device");
	if (groups)
		return iam_conflict(c, "remove users from group");
	return iam_bare(tx, c, owner);
}

static int
delete_change(struct store_tx *tx, struct api_call *c)
{
	struct store_entity u;
	int err;

	if ((err = iam_subject(tx, c, STORE_USER, &u)) != 0 ||
	    (err = check_free(tx, c, u.name)) != 0 ||
	    (err = store_keys_del_owner(tx, STORE_KEY_USER, u.name)) != 0)
		return err;
	return store_entity_del(tx, STORE_USER, u.name);
}

static int
delete_user(struct api_call *c)
{
	return api_write(c, delete_change, NULL);
}

const struct api_op iam_user_ops[] = {
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "CreateUser",
	    .action = "iam:CreateUser",
	    .find = iam_user_resource,
	    .input = "{ Path: " IAM_PATH "; UserName*: " IAM_NAME_64
		     "; PermissionsBoundary: " IAM_ARN "; Tags: " IAM_TAGS " }",
	    .run = create_user,
	    .response = iam_record_entity,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "ListUsers",
	    .action = "iam:ListUsers",
	    .resource = "*",
	    .input = "{ " IAM_PREFIX "; " IAM_PAGING " }",
	    .run = list_users,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "UpdateUser",
	    .action = "iam:UpdateUser",
	    .find = iam_user_resource,
	    .input = "{ UserName*: " IAM_NAME "; NewPath: " IAM_PATH
		     "; NewUserName: " IAM_NAME_64 " }",
	    .no_result = true,
	    .run = iam_update,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "DeleteUser",
	    .action = "iam:DeleteUser",
	    .find = iam_user_resource,
	    .input = "{ UserName*: " IAM_NAME " }",
	    .no_result = true,
	    .run = delete_user,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "GetUser",
	    .action = "iam:GetUser",
	    .find = iam_user_resource,
	    .input = "{ UserName: " IAM_NAME " }",
	    .run = get_user,
	},
	{ 0 },
};
