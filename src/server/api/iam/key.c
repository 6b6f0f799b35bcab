/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access keys of users.  The temporary ones, which STS gave, are kept in the same table and are
 * not shown here.
 */
#include "server/api/iam/iam.h"

#include "crypto/crypto.h"
#include "proto/ids.h"
#include "server/api/error.h"
#include "server/api/record.h"
#include "server/domain/key_usage.h"

enum { KEYS_PER_USER_MAX = 2 }; /* AWS's limit */

static const char *
status_of(const struct store_key *k)
{
	return k->active ? "Active" : "Inactive";
}

/* ---- CreateAccessKey ---- */

static bool
count_key(void *arg, const struct store_key *k)
{
	*(size_t *)arg += k->expires_ms == 0;
	return true;
}

static int
create_change(struct store_tx *tx, struct api_call *c)
{
	struct store_key *k = c->user;
	struct store_entity u;
	size_t n = 0;
	int err;

	if ((err = iam_subject(tx, c, STORE_USER, &u)) != 0 ||
	    (err = store_keys(tx, STORE_KEY_USER, u.name, "", count_key, &n)) != 0)
		return err;
	if (n >= KEYS_PER_USER_MAX)
		return api_fail(c, "LimitExceeded",
		    "Cannot exceed quota for AccessKeysPerUser: %d", KEYS_PER_USER_MAX);
	k->owner = u.name;
	return store_key_put(tx, k);
}

static int
created(struct api_call *c)
{
	const struct store_key *k = c->user;

	xw_open(&c->out, "AccessKey");
	xw_elem(&c->out, "UserName", k->owner);
	xw_elem(&c->out, "AccessKeyId", k->access_key);
	xw_elem(&c->out, "Status", status_of(k));
	xw_elem(&c->out, "SecretAccessKey", k->secret);
	iam_write_date(c, "CreateDate", k->created_ms);
	xw_close(&c->out, "AccessKey");
	return 0;
}

static void
record_created(struct api_call *c, struct jsonw *w)
{
	const struct store_key *k = c->user;

	record_open(w, "AccessKey", '{');
	record_text(w, "UserName", k->owner);
	record_text(w, "AccessKeyId", k->access_key);
	record_text(w, "Status", status_of(k));
	record_date(w, "CreateDate", k->created_ms);
	jw_close(w, '}');
}

static int
create_access_key(struct api_call *c)
{
	struct store_key *k = arena_alloc(&c->mem, sizeof(*k));
	uint8_t raw[30];

	*k = (struct store_key){
		.access_key = arena_alloc(&c->mem, ID_ACCESS_KEY_LEN + 1),
		.secret = arena_alloc(&c->mem, ID_SECRET_KEY_LEN + 1),
		.kind = STORE_KEY_USER,
		.active = true,
		.created_ms = c->now_ms,
	};
	ev_random(c->env->loop, raw, 10);
	id_access_key_format(k->access_key, false, raw);
	ev_random(c->env->loop, raw, sizeof(raw));
	id_secret_key_format(k->secret, raw);
	secret_wipe(raw, sizeof(raw));
	c->user = k;
	return api_write(c, create_change, created);
}

/* ---- ListAccessKeys ---- */

struct listing {
	struct api_call *c;
	struct page page;
};

static bool
list_one(void *arg, const struct store_key *k)
{
	struct listing *l = arg;
	struct api_call *c = l->c;

	if (k->expires_ms != 0)
		return true;
	if (!page_take(&l->page, k->access_key))
		return false;
	xw_open(&c->out, "member");
	xw_elem(&c->out, "UserName", k->owner);
	xw_elem(&c->out, "AccessKeyId", k->access_key);
	xw_elem(&c->out, "Status", status_of(k));
	iam_write_date(c, "CreateDate", k->created_ms);
	xw_close(&c->out, "member");
	return true;
}

static int
list_access_keys(struct api_call *c)
{
	struct listing l = { .c = c };
	struct store_entity u;
	int err;

	if ((err = iam_subject(api_reader(c), c, STORE_USER, &u)) != 0 ||
	    (err = page_open(&l.page, c, "AccessKeyMetadata",
		 api_int(c, "MaxItems", IAM_PAGE))) != 0 ||
	    (err = store_keys(
		 api_reader(c), STORE_KEY_USER, u.name, l.page.after, list_one, &l)) != 0)
		return err;
	page_close(&l.page);
	return 0;
}

/* ---- UpdateAccessKey, DeleteAccessKey ---- */

/* One of the named user's long-term keys. */
static int
find_key(struct store_tx *tx, struct api_call *c, struct store_key *k)
{
	const char *id = api_str(c, "AccessKeyId");
	struct store_entity u;
	int err = iam_subject(tx, c, STORE_USER, &u);

	if (err != 0)
		return err;
	err = store_key_get(tx, &c->mem, id, k);
	if (err == ERR_NOTFOUND ||
	    (err == 0 &&
		(k->kind != STORE_KEY_USER || k->expires_ms != 0 ||
		    strcmp(k->owner, u.name) != 0)))
		return api_fail(
		    c, "NoSuchEntity", "The Access Key with id %s cannot be found.", id);
	return err;
}

static int
update_change(struct store_tx *tx, struct api_call *c)
{
	bool active = strcmp(api_str(c, "Status"), "Active") == 0;
	struct store_key k = { 0 };
	int err = find_key(tx, c, &k);

	return err != 0 ? err : store_key_set_active(tx, k.access_key, active);
}

static int
update_access_key(struct api_call *c)
{
	return api_write(c, update_change, NULL);
}

static int
delete_change(struct store_tx *tx, struct api_call *c)
{
	struct store_key k = { 0 };
	int err;

	if ((err = find_key(tx, c, &k)) != 0 ||
	    (err = key_usage_del(tx, k.access_key)) != 0)
		return err;
	return store_key_del(tx, k.access_key);
}

static int
deleted(struct api_call *c)
{
	key_usage_forget(c->env->key_usage, api_str(c, "AccessKeyId"));
	return 0;
}

static int
delete_access_key(struct api_call *c)
{
	return api_write(c, delete_change, deleted);
}

/* ---- GetAccessKeyLastUsed ---- */

/* The user behind the key.  What does not exist is denied, as at AWS. */
static int
ask_owner(struct api_call *c)
{
	const char *id = api_str(c, "AccessKeyId"), *arn;
	struct store_key k = { 0 };
	struct store_entity u = { 0 };
	int err = store_key_get(api_reader(c), &c->mem, id, &k);

	if (err == 0 && (k.kind != STORE_KEY_USER || k.expires_ms != 0))
		err = ERR_NOTFOUND;
	if (err == 0)
		err = store_entity_get(api_reader(c), &c->mem, STORE_USER, k.owner, &u);
	if (err == ERR_NOTFOUND)
		return error_denied(c,
		    arena_printf(&c->mem,
			"User: %s is not authorized to perform "
			"iam:GetAccessKeyLastUsed on resource: access key %s",
			c->auth.who.arn, id));
	if (err != 0)
		return err;
	arn = iam_arn(c, &u);
	return api_ask(c, c->op->action, &arn, 1, NULL);
}

static int
get_access_key_last_used(struct api_call *c)
{
	struct key_used used = { 0, "N/A", "N/A" };
	const char *id = api_str(c, "AccessKeyId");
	struct store_key k = { 0 };
	int err;

	if ((err = store_key_get(api_reader(c), &c->mem, id, &k)) != 0)
		return err;
	err = key_usage_find(c->env->key_usage, &c->mem, id, &used);
	if (err != 0 && err != ERR_NOTFOUND)
		return err;
	xw_elem(&c->out, "UserName", k.owner);
	xw_open(&c->out, "AccessKeyLastUsed");
	if (used.at_ms != 0)
		iam_write_date(c, "LastUsedDate", used.at_ms);
	xw_elem(&c->out, "ServiceName", used.service);
	xw_elem(&c->out, "Region", used.region);
	xw_close(&c->out, "AccessKeyLastUsed");
	return 0;
}

#define KEY_ID "AccessKeyId*: string{16..128 /[\\w]+/}"

const struct api_op iam_key_ops[] = {
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "CreateAccessKey",
	    .action = "iam:CreateAccessKey",
	    .find = iam_user_resource,
	    .input = "{ UserName: " IAM_NAME " }",
	    .run = create_access_key,
	    .response = record_created,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "ListAccessKeys",
	    .action = "iam:ListAccessKeys",
	    .find = iam_user_resource,
	    .input = "{ UserName: " IAM_NAME "; " IAM_PAGING " }",
	    .run = list_access_keys,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "UpdateAccessKey",
	    .action = "iam:UpdateAccessKey",
	    .find = iam_user_resource,
	    .input = "{ UserName: " IAM_NAME "; " KEY_ID
		     "; Status*: string{Active|Inactive} }",
	    .no_result = true,
	    .run = update_access_key,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "DeleteAccessKey",
	    .action = "iam:DeleteAccessKey",
	    .find = iam_user_resource,
	    .input = "{ UserName: " IAM_NAME "; " KEY_ID " }",
	    .no_result = true,
	    .run = delete_access_key,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "GetAccessKeyLastUsed",
	    .action = "iam:GetAccessKeyLastUsed",
	    .resource = "*",
	    .permit = ask_owner,
	    .input = "{ " KEY_ID " }",
	    .run = get_access_key_last_used,
	},
	{ 0 },
};
