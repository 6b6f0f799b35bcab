/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The account's password policy.
 */
#include "server/api/iam/iam.h"

#include "server/domain/password_policy.h"

enum { LENGTH_DEFAULT = 6 }; /* AWS's, of a policy that names none */

/* What is not named gets its default, not what it was before. */
static int
update_change(struct store_tx *tx, struct api_call *c)
{
	const struct password_policy p = {
		.given = true,
		.length_min = api_int(c, "MinimumPasswordLength", LENGTH_DEFAULT),
		.symbols = api_bool(c, "RequireSymbols"),
		.numbers = api_bool(c, "RequireNumbers"),
		.uppercase = api_bool(c, "RequireUppercaseCharacters"),
		.lowercase = api_bool(c, "RequireLowercaseCharacters"),
		.users_change = api_bool(c, "AllowUsersToChangePassword"),
		.age_max_days = api_int(c, "MaxPasswordAge", 0),
		.remembered = api_int(c, "PasswordReusePrevention", 0),
		.hard_expiry = api_bool(c, "HardExpiry"),
	};

	return password_policy_store(tx, &c->mem, &p);
}

static int
update_policy(struct api_call *c)
{
	return api_write(c, update_change, NULL);
}

static int
get_policy(struct api_call *c)
{
	struct password_policy p;
	int err = password_policy_load(api_reader(c), &c->mem, &p);

	if (err != 0)
		return err;
	if (!p.given)
		return api_fail(c, "NoSuchEntity",
		    "The Password Policy with domain name %s cannot be found.",
		    c->env->account);
	xw_open(&c->out, "PasswordPolicy");
	xw_elem_int(&c->out, "MinimumPasswordLength", p.length_min);
	xw_elem_bool(&c->out, "RequireSymbols", p.symbols);
	xw_elem_bool(&c->out, "RequireNumbers", p.numbers);
	xw_elem_bool(&c->out, "RequireUppercaseCharacters", p.uppercase);
	xw_elem_bool(&c->out, "RequireLowercaseCharacters", p.lowercase);
	xw_elem_bool(&c->out, "AllowUsersToChangePassword", p.users_change);
	xw_elem_bool(&c->out, "ExpirePasswords", p.age_max_days > 0);
	if (p.age_max_days > 0)
		xw_elem_int(&c->out, "MaxPasswordAge", p.age_max_days);
	if (p.remembered > 0)
		xw_elem_int(&c->out, "PasswordReusePrevention", p.remembered);
	if (p.hard_expiry)
		xw_elem_bool(&c->out, "HardExpiry", true);
	xw_close(&c->out, "PasswordPolicy");
	return 0;
}

static int
delete_change(struct store_tx *tx, struct api_call *c)
{
	struct password_policy p;
	int err = password_policy_load(tx, &c->mem, &p);

	if (err != 0)
		return err;
	if (!p.given)
		return api_fail(c, "NoSuchEntity",
		    "The account policy with name PasswordPolicy cannot be found.");
	return password_policy_del(tx);
}

static int
delete_policy(struct api_call *c)
{
	return api_write(c, delete_change, NULL);
}

const struct api_op iam_password_ops[] = {
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "GetAccountPasswordPolicy",
	    .action = "iam:GetAccountPasswordPolicy",
	    .resource = "*",
	    .input = "{ }",
	    .run = get_policy,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "UpdateAccountPasswordPolicy",
	    .action = "iam:UpdateAccountPasswordPolicy",
	    .resource = "*",
	    /* in the order in which AWS tells of faults, here and with identity providers */
	    .input =
		"{ MinimumPasswordLength: integer{6..128}; RequireSymbols: boolean; "
		"RequireNumbers: boolean; RequireUppercaseCharacters: boolean; "
		"RequireLowercaseCharacters: boolean; AllowUsersToChangePassword: "
		"boolean; PasswordReusePrevention: integer{1..24}; MaxPasswordAge: "
		"integer{1..1095}; HardExpiry: boolean }",
	    .no_result = true,
	    .run = update_policy,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "DeleteAccountPasswordPolicy",
	    .action = "iam:DeleteAccountPasswordPolicy",
	    .resource = "*",
	    .input = "{ }",
	    .no_result = true,
	    .run = delete_policy,
	},
	{ 0 },
};
