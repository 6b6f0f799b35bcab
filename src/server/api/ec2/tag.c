/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tags as EC2 writes them; the same tags that SSM shows.
 */
#include "server/api/ec2/ec2.h"
#include "server/api/record.h"

enum { TAG_KEY_MAX = 127, TAG_VALUE_MAX = 255 };

/* Whether every resource exists; what is not shaped like an instance id is no id at all.
 */
static int
check_resources(struct store_tx *tx, struct api_call *c)
{
	const json_t *list = json_object_get(c->in, "Resources"), *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		const char *id = json_is_string(one) ? json_string_value(one) : "";
		int err;

		if (strncmp(id, "i-", 2) != 0 && strncmp(id, "mi-", 3) != 0)
			return api_fail(c, "InvalidID", "The ID '%s' is not valid", id);
		if ((err = ec2_id_check(tx, c, id)) != 0)
			return err;
	}
	return 0;
}

static int
check_tag(struct api_call *c, const char *key, const char *value)
{
	if (key == NULL || key[0] == '\0' || utf8_length(span_str(key)) > TAG_KEY_MAX)
		return api_fail(c, "InvalidParameterValue",
		    "Tag keys must be between 1 and %d characters in length.",
		    TAG_KEY_MAX);
	if (strncmp(key, "aws:", 4) == 0)
		return api_fail(c, "InvalidParameterValue",
		    "Value ( %s ) for parameter key is invalid. Tag keys starting with "
		    "'aws:' "
		    "are reserved for internal use",
		    key);
	if (value != NULL && utf8_length(span_str(value)) > TAG_VALUE_MAX)
		return api_fail(c, "InvalidParameterValue",
		    "Tag value exceeds the maximum length of %d characters",
		    TAG_VALUE_MAX);
	return 0;
}

/* ---- CreateTags ---- */

struct new_tags {
	struct tag *v;
	size_t n;
};

static int
create_change(struct store_tx *tx, struct api_call *c)
{
	const json_t *list = json_object_get(c->in, "Resources"), *one;
	struct new_tags *t = c->user;
	size_t i;
	int err;

	if ((err = check_resources(tx, c)) != 0)
		return err;
	json_array_foreach(list, i, one)
	{
		err = tags_put(tx, &c->mem,
		    tags_resource(&c->mem, "ManagedInstance", json_string_value(one)),
		    t->v, t->n);
		if (err == ERR_LIMIT)
			return api_fail(c, "TagLimitExceeded",
			    "The maximum number of Tags for a resource has been "
			    "reached.");
		if (err != 0)
			return err;
	}
	return 0;
}

static int
said_true(struct api_call *c)
{
	xw_elem(&c->out, "return", "true");
	return 0;
}

static void
record_true(struct api_call *c, struct jsonw *w)
{
	record_text(w, "RequestId", c->request_id);
	record_bool(w, "_return", true); /* CloudTrail's name for it */
}

static int
create_tags(struct api_call *c)
{
	const json_t *list = json_object_get(c->in, "Tags"), *one;
	struct new_tags *t = arena_alloc(&c->mem, sizeof(*t));
	size_t i;
	int err;

	t->v = arena_alloc(&c->mem, (json_array_size(list) + 1) * sizeof(*t->v));
	json_array_foreach(list, i, one)
	{
		const char *key = json_get_str(one, "Key"),
			   *value = json_get_str(one, "Value");

		if ((err = check_tag(c, key, value)) != 0)
			return err;
		t->v[t->n++] = (struct tag){ key, value != NULL ? value : "" };
	}
	if (t->n > TAGS_MAX)
		return api_fail(c, "TagLimitExceeded",
		    "The maximum number of Tags for a resource has been reached.");
	c->user = t;
	return api_write(c, create_change, said_true);
}

/* ---- DeleteTags ---- */

/* Without tags all go; with a value only a tag that has it. */
static int
delete_from(struct store_tx *tx, struct api_call *c, const char *resource)
{
	const json_t *list = json_object_get(c->in, "Tags"), *one;
	struct tags *have = arena_alloc(&c->mem, sizeof(*have));
	size_t i;
	int err;

	if (json_array_size(list) == 0)
		return store_tags_del(tx, resource);
	if ((err = tags_load(tx, &c->mem, resource, have)) != 0)
		return err;
	json_array_foreach(list, i, one)
	{
		const char *key = json_get_str(one, "Key"),
			   *value = json_get_str(one, "Value");
		const char *now = key != NULL ? tags_get(have, key) : NULL;

		if (now == NULL || (value != NULL && strcmp(now, value) != 0))
			continue;
		err = store_tag_del(tx, resource, key);
		if (err != 0 && err != ERR_NOTFOUND)
			return err;
	}
	return 0;
}

static int
delete_change(struct store_tx *tx, struct api_call *c)
{
	const json_t *list = json_object_get(c->in, "Resources"), *one;
	size_t i;
	int err;

	if ((err = check_resources(tx, c)) != 0)
		return err;
	json_array_foreach(list, i, one)
	{
		err = delete_from(tx, c,
		    tags_resource(&c->mem, "ManagedInstance", json_string_value(one)));
		if (err != 0)
			return err;
	}
	return 0;
}

static int
delete_tags(struct api_call *c)
{
	return api_write(c, delete_change, said_true);
}

/* ---- DescribeTags ---- */

static const struct ec2_filter_key tag_keys[] = {
	{ "key", NULL },
	{ "resource-id", NULL },
	{ "resource-type", NULL },
	{ "value", NULL },
	{ NULL, NULL },
};

struct tag_list {
	struct api_call *c;
	struct ec2_filters f;
	struct page page; /* its positions: "<resource>\n<key>" */
};

static bool
tag_matches(const struct ec2_filter *f, const char *id, const struct store_tag *t)
{
	if (strcmp(f->name, "key") == 0 || strcmp(f->name, "tag-key") == 0)
		return ec2_values_match(f, t->key);
	if (strcmp(f->name, "value") == 0 || strcmp(f->name, "tag-value") == 0)
		return ec2_values_match(f, t->value);
	if (strcmp(f->name, "resource-id") == 0)
		return ec2_values_match(f, id);
	if (strcmp(f->name, "resource-type") == 0)
		return ec2_values_match(f, "instance");
	return strcmp(f->name + 4, t->key) == 0 && ec2_values_match(f, t->value);
}

static bool
list_one(void *arg, const struct store_tag *t)
{
	static const char prefix[] = "ManagedInstance/";
	struct tag_list *l = arg;
	const char *id = t->resource + sizeof(prefix) - 1;
	struct buf *out = &l->c->out;
	auto_arena scratch;
	char *position;

	arena_init(&scratch);
	if (strncmp(t->resource, prefix, sizeof(prefix) - 1) != 0)
		return true;
	position = arena_printf(&scratch, "%s\n%s", id, t->key);
	if (strcmp(position, l->page.after) <= 0)
		return true;
	for (size_t i = 0; i < l->f.n; i++) {
		if (!tag_matches(&l->f.v[i], id, t))
			return true;
	}
	if (!page_take(&l->page, position))
		return false;
	xw_open(out, "item");
	xw_elem(out, "resourceId", id);
	xw_elem(out, "resourceType", "instance");
	xw_elem(out, "key", t->key);
	xw_elem(out, "value", t->value);
	xw_close(out, "item");
	return true;
}

static int
describe_tags(struct api_call *c)
{
	struct tag_list l = { .c = c };
	int64_t limit;
	int err;

	if ((err = ec2_filters_read(c, tag_keys, &l.f)) != 0 ||
	    (err = ec2_limit(c, false, &limit)) != 0 ||
	    (err = page_open(&l.page, c, "tagSet", limit)) != 0 ||
	    (err = store_tags(api_reader(c), NULL, list_one, &l)) != 0)
		return err;
	page_close(&l.page);
	return 0;
}

const struct api_op ec2_tag_ops[] = {
	{
	    .service = API_EC2,
	    .access = API_WRITE,
	    .name = "CreateTags",
	    .action = "ec2:CreateTags",
	    .review = true,
	    .resource = "node:{Resources}",
	    .input =
		"{ DryRun=<dryRun>: boolean; Resources*=<ResourceId>: list[string]; "
		"Tags*=<Tag>: list(<item>)[struct { Key=<key>: string; Value=<value>: "
		"string }] }",
	    .run = create_tags,
	    .response = record_true,
	},
	{
	    .service = API_EC2,
	    .access = API_WRITE,
	    .name = "DeleteTags",
	    .action = "ec2:DeleteTags",
	    .review = true,
	    .resource = "node:{Resources}",
	    .input =
		"{ DryRun=<dryRun>: boolean; Resources*=<resourceId>: list[string]; "
		"Tags=<tag>: list(<item>)[struct { Key=<key>: string; Value=<value>: "
		"string }] }",
	    .run = delete_tags,
	    .response = record_true,
	},
	{
	    .service = API_EC2,
	    .access = API_READ,
	    .name = "DescribeTags",
	    .action = "ec2:DescribeTags",
	    .resource = "*",
	    .input =
		"{ DryRun=<dryRun>: boolean; Filters=<Filter>: list(<Filter>)[struct { "
		"Name: string; Values=<Value>: list(<item>)[string] }]; "
		"MaxResults=<maxResults>: integer; NextToken=<nextToken>: string }",
	    .run = describe_tags,
	},
	{ 0 },
};
