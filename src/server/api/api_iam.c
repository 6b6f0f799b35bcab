/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IAM, as far as there is any: the users and their tags.  The tag SSMSessionRunAs names
 * the OS user of their sessions.
 */
#include "proto/arn.h"
#include "server/api/call.h"
#include "server/api/tags.h"

/* The user that is named; without a name the caller. */
static int
find_user(struct store_tx *tx, struct api_call *c, struct store_entity *u)
{
	const char *name = api_str(c, "UserName");
	int err;

	if (name == NULL)
		name = c->auth.who.name;
	err = store_entity_get(tx, &c->mem, STORE_USER, name, u);
	if (err == ERR_NOTFOUND)
		return api_fail(
		    c, "NoSuchEntity", "The user with name %s cannot be found.", name);
	return err;
}

static int
user_arn(struct api_call *c)
{
	const char *name = api_str(c, "UserName");

	if (name == NULL)
		return resource_add(c, c->auth.who.arn);
	return resource_add(c, arn_iam(&c->mem, c->env->account, "user", "/", name));
}

static const char *
tags_of(struct api_call *c, const struct store_entity *u)
{
	return tags_resource(&c->mem, "User", u->name);
}

static void
write_tags(struct api_call *c, const struct tags *t, size_t begin, size_t end)
{
	xw_open(&c->out, "Tags");
	for (size_t i = begin; i < end; i++) {
		xw_open(&c->out, "member");
		xw_elem(&c->out, "Key", t->v[i].key);
		xw_elem(&c->out, "Value", t->v[i].value);
		xw_close(&c->out, "member");
	}
	xw_close(&c->out, "Tags");
}

/* ---- GetUser ---- */

static int
get_user(struct api_call *c)
{
	char created[TIME_ISO_LEN + 1];
	struct store_entity u;
	struct tags t;
	int err;

	if ((err = find_user(api_reader(c), c, &u)) != 0 ||
	    (err = tags_load(api_reader(c), &c->mem, tags_of(c, &u), &t)) != 0)
		return err;
	time_iso(created, u.created_ms);
	xw_open(&c->out, "User");
	xw_elem(&c->out, "Path", u.path);
	xw_elem(&c->out, "UserName", u.name);
	xw_elem(&c->out, "UserId", u.id);
	xw_elem(
	    &c->out, "Arn", arn_iam(&c->mem, c->env->account, "user", u.path, u.name));
	xw_elem(&c->out, "CreateDate", created);
	if (t.n > 0)
		write_tags(c, &t, 0, t.n);
	xw_close(&c->out, "User");
	return 0;
}

/* ---- TagUser ---- */

static int
check_tags(struct api_call *c)
{
	const json_t *list = json_object_get(c->in, "Tags"), *one;
	size_t i, k;

	json_array_foreach(list, i, one)
	{
		const char *key = json_get_str(one, "Key");

		if (strncasecmp(key, "aws:", 4) == 0)
			return api_fail(c, "InvalidInput",
			    "Tag keys that begin with aws: are reserved.");
		for (k = 0; k < i; k++) {
			if (strcasecmp(
				key, json_get_str(json_array_get(list, k), "Key")) == 0)
				return api_fail(c, "InvalidInput",
				    "Duplicate tag keys found. Please note that Tag keys "
				    "are case insensitive.");
		}
	}
	return 0;
}

/* Keys that differ in case only are the same key: the new one replaces the old one. */
static int
drop_other_case(
    struct store_tx *tx, const char *resource, const struct tags *have, const char *key)
{
	for (size_t i = 0; i < have->n; i++) {
		int err = 0;

		if (strcasecmp(have->v[i].key, key) == 0 &&
		    strcmp(have->v[i].key, key) != 0)
			err = store_tag_del(tx, resource, have->v[i].key);
		if (err != 0)
			return err;
	}
	return 0;
}

static int
tag_change(struct store_tx *tx, struct api_call *c)
{
	const json_t *list = json_object_get(c->in, "Tags"), *one;
	struct tag add[TAGS_MAX];
	const char *resource;
	struct store_entity u;
	struct tags have;
	size_t i, n = 0;
	int err;

	if ((err = find_user(tx, c, &u)) != 0)
		return err;
	resource = tags_of(c, &u);
	if ((err = tags_load(tx, &c->mem, resource, &have)) != 0)
		return err;
	json_array_foreach(list, i, one)
	{
		add[n].key = json_get_str(one, "Key");
		add[n].value = json_get_str(one, "Value");
		if ((err = drop_other_case(tx, resource, &have, add[n++].key)) != 0)
			return err;
	}
	err = tags_put(tx, &c->mem, resource, add, n);
	if (err == ERR_LIMIT)
		return api_fail(c, "LimitExceeded",
		    "Cannot exceed quota for TagsPerUser: %d", TAGS_MAX);
	return err;
}

static int
tag_user(struct api_call *c)
{
	int err = check_tags(c);

	return err != 0 ? err : api_write(c, tag_change, NULL);
}

/* ---- UntagUser ---- */

static int
untag_change(struct store_tx *tx, struct api_call *c)
{
	const json_t *keys = json_object_get(c->in, "TagKeys"), *key;
	struct store_entity u;
	struct tags have;
	size_t i;
	int err;

	if ((err = find_user(tx, c, &u)) != 0 ||
	    (err = tags_load(tx, &c->mem, tags_of(c, &u), &have)) != 0)
		return err;
	json_array_foreach(keys, i, key)
	{
		const char *name = json_string_value(key);

		if ((err = drop_other_case(tx, tags_of(c, &u), &have, name)) != 0 ||
		    (err = store_tag_del(tx, tags_of(c, &u), name)) != 0)
			return err;
	}
	return 0;
}

static int
untag_user(struct api_call *c)
{
	return api_write(c, untag_change, NULL);
}

/* ---- ListUserTags ---- */

/* A Marker is the number of the first tag of the page. */
static int
list_user_tags(struct api_call *c)
{
	const char *marker = api_str(c, "Marker");
	int64_t begin = 0, end;
	struct store_entity u;
	struct tags t;
	int err;

	if ((err = find_user(api_reader(c), c, &u)) != 0 ||
	    (err = tags_load(api_reader(c), &c->mem, tags_of(c, &u), &t)) != 0)
		return err;
	if (marker != NULL && num_parse(span_str(marker), 1, TAGS_MAX, &begin) != 0)
		return api_fail(c, "ValidationError", "Invalid Marker.");
	if (begin > (int64_t)t.n)
		begin = (int64_t)t.n;
	end = begin + api_int(c, "MaxItems", TAGS_MAX);
	if (end > (int64_t)t.n)
		end = (int64_t)t.n;
	write_tags(c, &t, (size_t)begin, (size_t)end);
	xw_elem_bool(&c->out, "IsTruncated", end < (int64_t)t.n);
	if (end < (int64_t)t.n)
		xw_elem_int(&c->out, "Marker", end);
	return 0;
}

#define USER_NAME "string{1..128 /[\\w+=,.@-]+/}"
#define TAG_KEY   "string{1..128 /[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+/}"
#define TAG_VALUE "string{0..256 /[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*/}"

const struct api_op api_iam_ops[] = {
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "GetUser",
	    .action = "iam:GetUser",
	    .find = user_arn,
	    .input = "{ UserName: " USER_NAME " }",
	    .run = get_user,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "TagUser",
	    .action = "iam:TagUser",
	    .find = user_arn,
	    .input =
		"{ UserName*: " USER_NAME "; Tags*: list{..50}[struct { Key*: " TAG_KEY
		"; Value*: " TAG_VALUE " }] }",
	    .no_result = true,
	    .run = tag_user,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "UntagUser",
	    .action = "iam:UntagUser",
	    .find = user_arn,
	    .input = "{ UserName*: " USER_NAME "; TagKeys*: list{..50}[" TAG_KEY "] }",
	    .no_result = true,
	    .run = untag_user,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "ListUserTags",
	    .action = "iam:ListUserTags",
	    .find = user_arn,
	    .input = "{ UserName*: " USER_NAME "; Marker: string{1..320 "
		     "/[ -\\x{FF}]+/}; MaxItems: integer{1..1000} }",
	    .run = list_user_tags,
	},
	{ 0 },
};
