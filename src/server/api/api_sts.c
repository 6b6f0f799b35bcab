/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STS: who am I.
 */
#include "server/api/call.h"

static int
get_caller_identity(struct api_call *c)
{
	xw_elem(&c->out, "Arn", c->auth.who.arn);
	xw_elem(&c->out, "UserId", c->auth.who.user_id);
	xw_elem(&c->out, "Account", c->env->account);
	return 0;
}

const struct api_op api_sts_ops[] = {
	{
	    .service = API_STS,
	    .access = API_READ,
	    .name = "GetCallerIdentity",
	    .action = "sts:GetCallerIdentity",
	    .resource = "*",
	    .input = "{ }",
	    .run = get_caller_identity,
	},
	{ 0 },
};
