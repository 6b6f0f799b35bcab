/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STS: who am I, a session of my own, whose key is this.
 */
#include "server/api/sts/sts.h"

enum { SESSION_LIFE_S = 43200 };

static int
get_caller_identity(struct api_call *c)
{
	xw_elem(&c->out, "Arn", c->auth.who.arn);
	xw_elem(&c->out, "UserId", c->auth.who.user_id);
	xw_elem(&c->out, "Account", c->env->account);
	return 0;
}

/* ---- GetSessionToken ---- */

static int
session_written(struct api_call *c)
{
	sts_write_credentials(c, c->user);
	return 0;
}

static int
get_session_token(struct api_call *c)
{
	const struct principal *who = &c->auth.who;
	struct sts_grant *g = sts_grant_new(c);
	int err;

	if (who->kind != PRINCIPAL_USER)
		return api_fail(c, "AccessDenied",
		    "Cannot call GetSessionToken with session credentials");
	if ((err = sts_read_mfa(c, g)) != 0)
		return err;
	g->kind = STORE_KEY_USER;
	g->owner = who->name;
	g->session.owner_id = who->user_id;
	return sts_give(
	    c, g, api_int(c, "DurationSeconds", SESSION_LIFE_S) * 1000, session_written);
}

/* ---- GetAccessKeyInfo ---- */

/* One account: whoever knows a key that is there learns nothing that an ARN does not say. */
static int
get_access_key_info(struct api_call *c)
{
	struct store_key k;
	int err = store_key_get(api_reader(c), &c->mem, api_str(c, "AccessKeyId"), &k);

	if (err == ERR_NOTFOUND)
		return api_fail(c, "ValidationError", "Access key %s does not exist.",
		    api_str(c, "AccessKeyId"));
	if (err == 0)
		xw_elem(&c->out, "Account", c->env->account);
	return err;
}

const struct api_op sts_caller_ops[] = {
	{
	    .service = API_STS,
	    .access = API_READ,
	    .name = "GetCallerIdentity",
	    .action = "sts:GetCallerIdentity",
	    .resource = "*",
	    .input = "{ }",
	    .run = get_caller_identity,
	},
	{
	    .service = API_STS,
	    .access = API_WRITE,
	    .name = "GetSessionToken",
	    .action = "sts:GetSessionToken",
	    .resource = "*",
	    .input = "{ DurationSeconds: integer{900..129600}; "
		     "SerialNumber: string{9..256 /[\\w+=\\/:,.@-]*/}; "
		     "TokenCode~: string{6..6 /[\\d]*/} }",
	    .run = get_session_token,
	    .response = sts_record,
	},
	{
	    .service = API_STS,
	    .access = API_READ,
	    .name = "GetAccessKeyInfo",
	    .action = "sts:GetAccessKeyInfo",
	    .resource = "*",
	    .input = "{ AccessKeyId*: string{16..128 /[\\w]*/} }",
	    .run = get_access_key_info,
	},
	{ 0 },
};
