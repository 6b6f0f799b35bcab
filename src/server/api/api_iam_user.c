/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users and their tags.  The tag SSMSessionRunAs names the OS user of their sessions.
 */
#include "server/api/iam.h"

/* ---- GetUser ---- */

static int
get_user(struct api_call *c)
{
	struct store_entity u;
	struct tags t;
	int err;

	if ((err = iam_subject(api_reader(c), c, STORE_USER, &u)) != 0 ||
	    (err = tags_load(api_reader(c), &c->mem,
		 store_owner(&c->mem, STORE_USER, u.name), &t)) != 0)
		return err;
	xw_open(&c->out, "User");
	iam_write_head(c, &u);
	iam_write_boundary(c, &u);
	iam_write_tags(c, &t);
	xw_close(&c->out, "User");
	return 0;
}

/* ---- tags ---- */

static int
tag_user(struct api_call *c)
{
	return iam_tag(c, STORE_USER);
}

static int
untag_user(struct api_call *c)
{
	return iam_untag(c, STORE_USER);
}

static int
list_user_tags(struct api_call *c)
{
	return iam_list_tags(c, STORE_USER);
}

const struct api_op api_iam_user_ops[] = {
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "GetUser",
	    .action = "iam:GetUser",
	    .find = iam_user_resource,
	    .input = "{ UserName: " IAM_NAME " }",
	    .run = get_user,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "TagUser",
	    .action = "iam:TagUser",
	    .find = iam_user_resource,
	    .input = "{ UserName*: " IAM_NAME "; Tags*: " IAM_TAGS " }",
	    .no_result = true,
	    .run = tag_user,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "UntagUser",
	    .action = "iam:UntagUser",
	    .find = iam_user_resource,
	    .input = "{ UserName*: " IAM_NAME "; TagKeys*: " IAM_TAG_KEYS " }",
	    .no_result = true,
	    .run = untag_user,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "ListUserTags",
	    .action = "iam:ListUserTags",
	    .find = iam_user_resource,
	    .input = "{ UserName*: " IAM_NAME "; " IAM_PAGING " }",
	    .run = list_user_tags,
	},
	{ 0 },
};
