/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Login profiles: the passwords of users, for the console.
 *
 * The hashing happens on a pool thread between two looks at the store, so the second one checks
 * again what the first one saw.
 */
#include "server/api/iam/iam.h"

#include "server/api/error.h"
#include "server/api/record.h"
#include "server/authorise.h"
#include "server/domain/login.h"
#include "server/domain/password_policy.h"
#include "server/domain/throttle.h"

/* A change on its way; in c->mem. */
struct change {
	struct store_entity user;
	struct store_login row;  /* what is to be stored */
	const char *seen_record; /* the record that the new one was made from; "" */
};

static int
no_profile(struct api_call *c, const char *user)
{
	return api_fail(
	    c, "NoSuchEntity", "Login Profile for User %s cannot be found.", user);
}

static int
profile_exists(struct api_call *c, const char *user)
{
	return api_fail(
	    c, "EntityAlreadyExists", "Login Profile for user %s already exists.", user);
}

/* The named user's profile. */
static int
find_profile(struct store_tx *tx, struct api_call *c, struct store_entity *u,
    struct store_login *row)
{
	int err = iam_subject(tx, c, STORE_USER, u);

	if (err != 0)
		return err;
	err = store_login_get(tx, &c->mem, u->name, row);
	return err == ERR_NOTFOUND ? no_profile(c, u->name) : err;
}

static int
write_profile(struct api_call *c, const struct store_login *row)
{
	xw_open(&c->out, "LoginProfile");
	xw_elem(&c->out, "UserName", row->user);
	iam_write_date(c, "CreateDate", row->created_ms);
	xw_elem_bool(&c->out, "PasswordResetRequired", row->reset);
	xw_close(&c->out, "LoginProfile");
	return 0;
}

/* ---- a new password: hashed aside, then stored ---- */

static int
check_password(struct api_call *c, const char *user, const char *password)
{
	struct password_policy p;
	const char *flaw;
	int err = password_policy_load(api_reader(c), &c->mem, &p);

	if (err != 0)
		return err;
	flaw = password_policy_flaw(&c->mem, &p, user, password);
	return flaw != NULL ? api_fail_text(c, "PasswordPolicyViolation", flaw) : 0;
}

/* Somebody else was faster: the record, or that there is one, is not what it was. */
static int
check_unchanged(struct store_tx *tx, struct api_call *c)
{
	struct change *ch = c->user;
	struct store_login now = { 0 };
	struct store_entity u;
	int err;

	if ((err = iam_find(tx, c, STORE_USER, ch->user.name, &u)) != 0)
		return err;
	err = store_login_get(tx, &c->mem, u.name, &now);
	if (err == 0 && ch->seen_record[0] == '\0')
		return profile_exists(c, u.name);
	if (err == ERR_NOTFOUND && ch->seen_record[0] != '\0')
		return no_profile(c, u.name);
	if (err == 0 && strcmp(now.hash, ch->seen_record) != 0)
		return api_fail(c, "EntityTemporarilyUnmodifiable",
		    "The password of user %s was changed meanwhile.", u.name);
	return err == ERR_NOTFOUND ? 0 : err;
}

static int
store_change(struct store_tx *tx, struct api_call *c)
{
	int err = check_unchanged(tx, c);

	return err != 0 ? err : store_login_put(tx, &((struct change *)c->user)->row);
}

static int
created(struct api_call *c)
{
	return write_profile(c, &((const struct change *)c->user)->row);
}

static void
record_created(struct api_call *c, struct jsonw *w)
{
	const struct store_login *row = &((const struct change *)c->user)->row;

	record_open(w, "LoginProfile", '{');
	record_text(w, "UserName", row->user);
	record_date(w, "CreateDate", row->created_ms);
	record_bool(w, "PasswordResetRequired", row->reset);
	jw_close(w, '}');
}

static int
hashed(struct api_call *c, void *arg)
{
	const struct login_work *w = arg;
	struct change *ch = c->user;
	bool create = ch->seen_record[0] == '\0';

	if (w->r == ERR_DENIED) {
		(void)error_denied(c, "The old password is not correct.");
		return api_guess_failed(c, ch->user.name);
	}
	if (w->r == ERR_EXISTS)
		return api_fail(c, "PasswordPolicyViolation",
		    "Password has been used before and may not be used again");
	if (w->r != 0)
		return api_internal(c, "password", w->r, NULL);
	ch->row.hash = arena_strdup(&c->mem, w->new_record);
	return api_write(c, store_change, create ? created : NULL);
}

/* ch->row is complete but for the hash. */
static int
hash(struct api_call *c, struct change *ch, const char *old_password,
    const char *new_password)
{
	struct password_policy p;
	int err;

	if ((err = check_password(c, ch->user.name, new_password)) != 0 ||
	    (err = password_policy_load(api_reader(c), &c->mem, &p)) != 0)
		return err;
	c->user = ch;
	return api_work(c,
	    &(struct api_work){ .run = login_work_run,
		.done = hashed,
		.free = login_work_free,
		.arg = login_work_new(c->env->loop, ch->seen_record, old_password,
		    new_password, p.remembered) });
}

/* ---- CreateLoginProfile, GetLoginProfile, UpdateLoginProfile, DeleteLoginProfile ---- */

static int
create_profile(struct api_call *c)
{
	struct change *ch = arena_alloc(&c->mem, sizeof(*ch));
	struct store_login row = { 0 };
	int err;

	if ((err = iam_subject(api_reader(c), c, STORE_USER, &ch->user)) != 0)
		return err;
	err = store_login_get(api_reader(c), &c->mem, ch->user.name, &row);
	if (err == 0)
		return profile_exists(c, ch->user.name);
	if (err != ERR_NOTFOUND)
		return err;
	ch->seen_record = "";
	ch->row = (struct store_login){
		.user = ch->user.name,
		.reset = api_bool(c, "PasswordResetRequired"),
		.created_ms = c->now_ms,
	};
	return hash(c, ch, NULL, api_str(c, "Password"));
}

static int
get_profile(struct api_call *c)
{
	struct store_entity u;
	struct store_login row = { 0 };
	int err = find_profile(api_reader(c), c, &u, &row);

	return err != 0 ? err : write_profile(c, &row);
}

static int
update_profile(struct api_call *c)
{
	struct change *ch = arena_alloc(&c->mem, sizeof(*ch));
	const char *password = api_str(c, "Password");
	int err = find_profile(api_reader(c), c, &ch->user, &ch->row);

	if (err != 0)
		return err;
	ch->seen_record = ch->row.hash;
	if (json_object_get(c->in, "PasswordResetRequired") != NULL)
		ch->row.reset = api_bool(c, "PasswordResetRequired");
	if (password != NULL)
		return hash(c, ch, NULL, password);
	c->user = ch;
	return api_write(c, store_change, NULL);
}

static int
delete_change(struct store_tx *tx, struct api_call *c)
{
	struct store_entity u;
	struct store_login row = { 0 };
	int err = find_profile(tx, c, &u, &row);

	return err != 0 ? err : store_login_del(tx, u.name);
}

static int
delete_profile(struct api_call *c)
{
	return api_write(c, delete_change, NULL);
}

/* ---- ChangePassword: one's own ---- */

static int
own_resource(struct api_call *c)
{
	return resource_add(c, c->auth.who.arn);
}

/* The account's password policy may let everybody do it, unless something denies it. */
static int
may_change(struct api_call *c)
{
	const struct authz_facts facts = api_facts(c);
	struct password_policy p;
	const char *message;
	int err = password_policy_load(api_reader(c), &c->mem, &p);

	if (err != 0)
		return err;
	if (authorise(c->env,
		&(struct authz_request){ .who = &c->auth.who,
		    .action = c->op->action,
		    .resources = c->resources,
		    .nresources = c->nresources,
		    .facts = &facts,
		    .unless_denied = p.users_change },
		&c->mem, &message) != 0)
		return error_denied(c, message);
	return 0;
}

static int
change_password(struct api_call *c)
{
	struct change *ch = arena_alloc(&c->mem, sizeof(*ch));
	const char *user = c->auth.who.name;
	int err;

	if (c->auth.who.kind != PRINCIPAL_USER)
		return api_fail(c, "InvalidUserType",
		    "Only an IAM user can change his own password.");
	if (!throttle_admits(c->env->throttle, c->source_ip, user))
		return api_fail(c, "Throttling", "Rate exceeded");
	if ((err = find_profile(api_reader(c), c, &ch->user, &ch->row)) != 0)
		return err;
	ch->seen_record = ch->row.hash;
	ch->row.reset = false;
	return hash(c, ch, api_str(c, "OldPassword"), api_str(c, "NewPassword"));
}

#define PASSWORD "string{1..128 /[\\x{09}\\x{0A}\\x{0D}\\x{20}-\\x{FF}]+/}"

const struct api_op iam_login_ops[] = {
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "CreateLoginProfile",
	    .action = "iam:CreateLoginProfile",
	    .find = iam_user_resource,
	    .input = "{ UserName: " IAM_NAME_64 "; Password*~: " PASSWORD
		     "; PasswordResetRequired: boolean }",
	    .run = create_profile,
	    .response = record_created,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "GetLoginProfile",
	    .action = "iam:GetLoginProfile",
	    .find = iam_user_resource,
	    .input = "{ UserName: " IAM_NAME_64 " }",
	    .run = get_profile,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "UpdateLoginProfile",
	    .action = "iam:UpdateLoginProfile",
	    .find = iam_user_resource,
	    .input = "{ UserName*: " IAM_NAME_64 "; Password~: " PASSWORD
		     "; PasswordResetRequired: boolean }",
	    .no_result = true,
	    .run = update_profile,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "DeleteLoginProfile",
	    .action = "iam:DeleteLoginProfile",
	    .find = iam_user_resource,
	    .input = "{ UserName: " IAM_NAME_64 " }",
	    .no_result = true,
	    .run = delete_profile,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "ChangePassword",
	    .action = "iam:ChangePassword",
	    .find = own_resource,
	    .permit = may_change,
	    .input = "{ OldPassword*~: " PASSWORD "; NewPassword*~: " PASSWORD " }",
	    .no_result = true,
	    .run = change_password,
	},
	{ 0 },
};
