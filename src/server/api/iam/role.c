/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IAM: roles.  Nodes act as them, and whoever a trust policy lets in.
 */
#include "server/api/iam/iam.h"

enum { SESSION_DEFAULT_S = 3600 };

/* What an answer shows besides the rest: AWS leaves out more in some than in others. */
enum detail {
	ROLE_DESCRIPTION = 1,
	ROLE_LIMITS = 2, /* how long a session may be */
	ROLE_USE = 4,
};

static void
write_role(struct api_call *c, const struct store_entity *e, unsigned detail)
{
	iam_write_head(c, e);
	iam_write_trust(c, e);
	if ((detail & ROLE_DESCRIPTION) != 0 && e->description[0] != '\0')
		xw_elem(&c->out, "Description", e->description);
	if ((detail & ROLE_LIMITS) != 0)
		xw_elem_int(&c->out, "MaxSessionDuration", e->max_session_s);
}

static int
answer_role(struct api_call *c, unsigned detail)
{
	struct store_entity e;
	struct tags t;
	int err;

	if ((err = iam_subject(api_reader(c), c, STORE_ROLE, &e)) != 0 ||
	    (err = tags_load(api_reader(c), &c->mem,
		 store_owner(&c->mem, STORE_ROLE, e.name), &t)) != 0)
		return err;
	xw_open(&c->out, "Role");
	write_role(c, &e, detail);
	iam_write_boundary(c, &e);
	iam_write_tags(c, &t);
	if ((detail & ROLE_USE) != 0) {
		xw_open(&c->out, "RoleLastUsed"); /* not kept */
		xw_close(&c->out, "RoleLastUsed");
	}
	xw_close(&c->out, "Role");
	return 0;
}

/* ---- CreateRole ---- */

static int
create_change(struct store_tx *tx, struct api_call *c)
{
	struct store_entity *e = c->user;
	int err = iam_bind_trust(
	    tx, c, api_str(c, "AssumeRolePolicyDocument"), &e->trust);

	if (err != 0 || (err = iam_create(tx, c, e)) != 0)
		return err;
	return iam_show_trust(tx, c, e);
}

static int
create_done(struct api_call *c)
{
	return answer_role(c, 0);
}

static int
create_role(struct api_call *c)
{
	const char *description = api_str(c, "Description");
	struct store_entity *e;
	int err;

	if ((err = iam_check_policy(
		 c, POLICY_TRUST, api_str(c, "AssumeRolePolicyDocument"))) != 0 ||
	    (err = iam_new(c, STORE_ROLE, &e)) != 0)
		return err;
	e->description = arena_strdup(&c->mem, description != NULL ? description : "");
	e->max_session_s = api_int(c, "MaxSessionDuration", SESSION_DEFAULT_S);
	c->user = e;
	return api_write(c, create_change, create_done);
}

/* ---- GetRole, ListRoles ---- */

static int
get_role(struct api_call *c)
{
	return answer_role(c, ROLE_DESCRIPTION | ROLE_LIMITS | ROLE_USE);
}

static void
write_listed(struct api_call *c, const struct store_entity *e)
{
	write_role(c, e, ROLE_DESCRIPTION | ROLE_LIMITS);
}

static int
list_roles(struct api_call *c)
{
	return iam_list(c, STORE_ROLE, "Roles", write_listed);
}

/* ---- UpdateRole, UpdateRoleDescription, UpdateAssumeRolePolicy ---- */

/* What the input does not name stays as it is. */
static int
update_change(struct store_tx *tx, struct api_call *c)
{
	const char *description = api_str(c, "Description");
	const char *trust = api_str(c, "PolicyDocument");
	struct store_entity *e = arena_alloc(&c->mem, sizeof(*e));
	int err;

	if ((err = iam_subject(tx, c, STORE_ROLE, e)) != 0)
		return err;
	if (description != NULL)
		e->description = arena_strdup(&c->mem, description);
	if (trust != NULL && (err = iam_bind_trust(tx, c, trust, &e->trust)) != 0)
		return err;
	e->max_session_s = api_int(c, "MaxSessionDuration", e->max_session_s);
	e->updated_ms = c->now_ms;
	c->user = e;
	err = store_entity_set(tx, e);
	return err != 0 ? err : iam_show_trust(tx, c, e);
}

static int
update_role(struct api_call *c)
{
	return api_write(c, update_change, NULL);
}

static int
description_done(struct api_call *c)
{
	return answer_role(c, ROLE_DESCRIPTION);
}

static int
update_description(struct api_call *c)
{
	return api_write(c, update_change, description_done);
}

static int
update_trust(struct api_call *c)
{
	int err = iam_check_policy(c, POLICY_TRUST, api_str(c, "PolicyDocument"));

	return err != 0 ? err : api_write(c, update_change, NULL);
}

/* ---- DeleteRole ---- */

/* Its sessions end with it: a role that is made again under the name is another one. */
static int
delete_change(struct store_tx *tx, struct api_call *c)
{
	struct store_entity e;
	bool held = false;
	char *owner;
	int err;

	if ((err = iam_subject(tx, c, STORE_ROLE, &e)) != 0)
		return err;
	owner = store_owner(&c->mem, STORE_ROLE, e.name);
	if ((err = store_member_of(tx, owner, "", iam_found, &held)) != 0)
		return err;
	if (held)
		return iam_conflict(c, "remove roles from instance profile");
	if ((err = iam_bare(tx, c, owner)) != 0 ||
	    (err = store_keys_del_owner(tx, STORE_KEY_ROLE, e.name)) != 0)
		return err;
	return store_entity_del(tx, STORE_ROLE, e.name);
}

static int
delete_role(struct api_call *c)
{
	return api_write(c, delete_change, NULL);
}

#define DESCRIPTION \
	"string{..1000 /[\\x{09}\\x{0A}\\x{0D}\\x{20}-\\x{7E}\\x{A1}-\\x{FF}]*/}"
#define DURATION "integer{3600..43200}"
#define ROLE     .service = API_IAM, .find = iam_role_resource

const struct api_op iam_role_ops[] = {
	{
	    ROLE,
	    .access = API_WRITE,
	    .name = "CreateRole",
	    .action = "iam:CreateRole",
	    .input = "{ Path: " IAM_PATH "; RoleName*: " IAM_NAME_64
		     "; AssumeRolePolicyDocument*: " IAM_DOCUMENT
		     "; Description: " DESCRIPTION "; MaxSessionDuration: " DURATION
		     "; PermissionsBoundary: " IAM_ARN "; Tags: " IAM_TAGS " }",
	    .run = create_role,
	    .response = iam_record_entity,
	},
	{
	    ROLE,
	    .access = API_READ,
	    .name = "GetRole",
	    .action = "iam:GetRole",
	    .input = "{ RoleName*: " IAM_NAME_64 " }",
	    .run = get_role,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "ListRoles",
	    .action = "iam:ListRoles",
	    .resource = "*",
	    .input = "{ " IAM_PREFIX "; " IAM_PAGING " }",
	    .run = list_roles,
	},
	{
	    ROLE,
	    .access = API_WRITE,
	    .name = "UpdateRole",
	    .action = "iam:UpdateRole",
	    .input = "{ RoleName*: " IAM_NAME_64 "; Description: " DESCRIPTION
		     "; MaxSessionDuration: " DURATION " }",
	    .run = update_role,
	},
	{
	    ROLE,
	    .access = API_WRITE,
	    .name = "UpdateRoleDescription",
	    .action = "iam:UpdateRoleDescription",
	    .input = "{ RoleName*: " IAM_NAME_64 "; Description*: " DESCRIPTION " }",
	    .run = update_description,
	    .response = iam_record_entity,
	},
	{
	    ROLE,
	    .access = API_WRITE,
	    .name = "UpdateAssumeRolePolicy",
	    .action = "iam:UpdateAssumeRolePolicy",
	    .input = "{ RoleName*: " IAM_NAME_64 "; PolicyDocument*: " IAM_DOCUMENT " }",
	    .no_result = true,
	    .run = update_trust,
	},
	{
	    ROLE,
	    .access = API_WRITE,
	    .name = "DeleteRole",
	    .action = "iam:DeleteRole",
	    .input = "{ RoleName*: " IAM_NAME_64 " }",
	    .no_result = true,
	    .run = delete_role,
	},
	{ 0 },
};
