/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IAM: tags of entities, and the operations on them, which are the same for all kinds.  Unlike
 * those of SSM and EC2, keys of users and roles that differ only in case are the same key.
 */
#include "server/api/iam/iam.h"

bool
iam_tags_fold(enum store_entity_kind kind)
{
	return kind == STORE_USER || kind == STORE_ROLE;
}

static bool
same_key(const char *a, const char *b, bool fold)
{
	return (fold ? strcasecmp(a, b) : strcmp(a, b)) == 0;
}

int
iam_check_tags(struct api_call *c, bool fold)
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
			if (same_key(key, json_get_str(json_array_get(list, k), "Key"),
				fold))
				return api_fail(c, "InvalidInput",
				    "Duplicate tag keys found.%s",
				    fold ? " Please note that Tag keys are case "
					   "insensitive."
					 : "");
		}
	}
	return 0;
}

static const char *
resource_of(struct api_call *c, const struct store_entity *e)
{
	return store_owner(&c->mem, (enum store_entity_kind)e->kind, e->name);
}

/* The new key replaces the old one, whatever the case of either. */
static int
drop_other_case(struct store_tx *tx, const struct store_entity *e, const char *resource,
    const struct tags *have, const char *key)
{
	bool fold = iam_tags_fold((enum store_entity_kind)e->kind);

	for (size_t i = 0; fold && i < have->n; i++) {
		int err = 0;

		if (strcasecmp(have->v[i].key, key) == 0 &&
		    strcmp(have->v[i].key, key) != 0)
			err = store_tag_del(tx, resource, have->v[i].key);
		if (err != 0)
			return err;
	}
	return 0;
}

int
iam_put_tags(struct store_tx *tx, struct api_call *c, const struct store_entity *e)
{
	const json_t *list = json_object_get(c->in, "Tags"), *one;
	const char *resource = resource_of(c, e);
	struct tags have;
	size_t i;
	int err;

	if ((err = tags_load(tx, &c->mem, resource, &have)) != 0)
		return err;
	json_array_foreach(list, i, one)
	{
		err = drop_other_case(tx, e, resource, &have, json_get_str(one, "Key"));
		if (err != 0)
			return err;
	}
	return iam_put_resource_tags(tx, c, resource);
}

int
iam_put_resource_tags(struct store_tx *tx, struct api_call *c, const char *resource)
{
	int err =
	    tags_put_list(tx, &c->mem, resource, json_object_get(c->in, "Tags"));

	if (err == ERR_LIMIT)
		return api_fail(c, "LimitExceeded",
		    "The number of tags has reached the maximum limit.");
	return err;
}

/* ---- the handlers; c->user is the entity, of which a change knows only the kind at first */

static struct store_entity *
subject(struct api_call *c)
{
	struct store_entity *e = arena_alloc(&c->mem, sizeof(*e));

	e->kind = iam_subject_kind(c);
	c->user = e;
	return e;
}

static int
subject_find(struct store_tx *tx, struct api_call *c)
{
	struct store_entity *e = c->user;

	return iam_subject(tx, c, (enum store_entity_kind)e->kind, e);
}

static int
tag_change(struct store_tx *tx, struct api_call *c)
{
	int err = subject_find(tx, c);

	return err != 0 ? err : iam_put_tags(tx, c, c->user);
}

static int
tag(struct api_call *c)
{
	const struct store_entity *e = subject(c);
	int err = iam_check_tags(c, iam_tags_fold((enum store_entity_kind)e->kind));

	return err != 0 ? err : api_write(c, tag_change, NULL);
}

static int
untag_change(struct store_tx *tx, struct api_call *c)
{
	const json_t *keys = json_object_get(c->in, "TagKeys"), *key;
	const char *resource;
	struct tags have;
	size_t i;
	int err;

	if ((err = subject_find(tx, c)) != 0)
		return err;
	resource = resource_of(c, c->user);
	if ((err = tags_load(tx, &c->mem, resource, &have)) != 0)
		return err;
	json_array_foreach(keys, i, key)
	{
		const char *name = json_string_value(key);

		if ((err = drop_other_case(tx, c->user, resource, &have, name)) != 0 ||
		    (err = store_tag_del(tx, resource, name)) != 0)
			return err;
	}
	return 0;
}

static int
untag(struct api_call *c)
{
	(void)subject(c);
	return api_write(c, untag_change, NULL);
}

static void
write_tag(struct api_call *c, const struct tag *t)
{
	xw_open(&c->out, "member");
	xw_elem(&c->out, "Key", t->key);
	xw_elem(&c->out, "Value", t->value);
	xw_close(&c->out, "member");
}

void
iam_write_tag_list(struct api_call *c, const struct tags *t)
{
	xw_open(&c->out, "Tags");
	for (size_t i = 0; i < t->n; i++)
		write_tag(c, &t->v[i]);
	xw_close(&c->out, "Tags");
}

void
iam_write_tags(struct api_call *c, const struct tags *t)
{
	if (t->n > 0)
		iam_write_tag_list(c, t);
}

int
iam_list_resource_tags(struct api_call *c, const char *resource)
{
	struct page p;
	struct tags t;
	int err;

	if ((err = tags_load(api_reader(c), &c->mem, resource, &t)) != 0 ||
	    (err = page_open(&p, c, "Tags", api_int(c, "MaxItems", IAM_PAGE))) != 0)
		return err;
	for (size_t i = 0; i < t.n; i++) {
		if (strcmp(t.v[i].key, p.after) <= 0)
			continue;
		if (!page_take(&p, t.v[i].key))
			break;
		write_tag(c, &t.v[i]);
	}
	page_close(&p);
	return 0;
}

static int
list_tags(struct api_call *c)
{
	const struct store_entity *e = subject(c);
	int err = subject_find(api_reader(c), c);

	return err != 0 ? err : iam_list_resource_tags(c, resource_of(c, e));
}

#define ROWS(Kind, finder, name)                                                          \
	IAM_ROW(                                                                          \
	    API_WRITE, "Tag" Kind, finder, name "; Tags*: " IAM_TAGS, true, tag),         \
	    IAM_ROW(API_WRITE, "Untag" Kind, finder, name "; TagKeys*: " IAM_TAG_KEYS,    \
		true, untag),                                                             \
	    IAM_ROW(API_READ, "List" Kind "Tags", finder, name "; " IAM_PAGING, false,    \
		list_tags)

const struct api_op iam_tags_ops[] = {
	ROWS("User", iam_user_resource, "UserName*: " IAM_NAME),
	ROWS("Role", iam_role_resource, "RoleName*: " IAM_NAME_64),
	ROWS("Policy", iam_policy_resource, "PolicyArn*: " IAM_ARN),
	ROWS("InstanceProfile", iam_profile_resource, "InstanceProfileName*: " IAM_NAME),
	{ 0 },
};
