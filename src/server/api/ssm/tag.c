/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tags as SSM writes them.  Nodes of both kinds and documents have tags here; the other
 * resource types of the model exist at AWS only, so no id of theirs is valid.
 */
#include "proto/arn.h"
#include "proto/ids.h"
#include "server/api/call.h"
#include "server/api/tags.h"

#define TEXT_RESOURCE                                                                  \
	"The resource ID isn't valid. Verify that you entered the correct ID and try " \
	"again."

static int
bad_resource(struct api_call *c)
{
	return api_fail_text(c, "InvalidResourceId", TEXT_RESOURCE);
}

static bool
is_node(struct api_call *c)
{
	return strcmp(api_str(c, "ResourceType"), "ManagedInstance") == 0;
}

/* The name under which the tags of this resource are kept; fails when it does not exist.
 */
static int
find_resource(struct store_tx *tx, struct api_call *c, const char **resource)
{
	const char *type = api_str(c, "ResourceType"), *id = api_str(c, "ResourceId");
	struct store_document d;
	struct store_node n;
	int err = ERR_NOTFOUND;

	if (is_node(c) && id_node_valid(span_str(id)))
		err = store_node_get(tx, &c->mem, id, &n);
	else if (strcmp(type, "Document") == 0 && id_document_valid(span_str(id)))
		err = store_document_get(tx, &c->mem, id, 0, &d);
	if (err != 0)
		return err == ERR_NOTFOUND ? bad_resource(c) : err;
	*resource = tags_resource(&c->mem, type, id);
	return 0;
}

/* Which ARN tags are written on: its form follows the type. */
static int
tag_resource_arn(struct api_call *c)
{
	const char *type = api_str(c, "ResourceType"), *id = api_str(c, "ResourceId");
	const char *account = c->env->account;

	if (is_node(c))
		return resource_add(c, arn_node(&c->mem, c->region, account, id));
	if (strcmp(type, "Document") == 0)
		return resource_add(c, arn_document(&c->mem, c->region, account, id));
	return resource_add(c,
	    arn_make(&c->mem, "ssm", c->region, account,
		arena_printf(&c->mem, "%s/%s", type, id)));
}

/* ---- AddTagsToResource ---- */

static int
add_change(struct store_tx *tx, struct api_call *c)
{
	const char *resource;
	int err;

	if ((err = find_resource(tx, c, &resource)) != 0)
		return err;
	err = tags_put_list(tx, &c->mem, resource, json_object_get(c->in, "Tags"));
	if (err == ERR_LIMIT)
		return api_fail(c, "TooManyTagsError",
		    "The resource would have more than %d tags.", TAGS_MAX);
	return err;
}

static int
add_tags(struct api_call *c)
{
	const json_t *list = json_object_get(c->in, "Tags"), *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		if (strncmp(json_get_str(one, "Key"), "aws:", 4) == 0)
			return api_fail(c, "ValidationException",
			    "Tag keys that begin with aws: are reserved.");
	}
	return api_write(c, add_change, NULL);
}

/* ---- RemoveTagsFromResource ---- */

static int
remove_change(struct store_tx *tx, struct api_call *c)
{
	const json_t *keys = json_object_get(c->in, "TagKeys"), *key;
	const char *resource;
	size_t i;
	int err;

	if ((err = find_resource(tx, c, &resource)) != 0)
		return err;
	json_array_foreach(keys, i, key)
	{
		err = store_tag_del(tx, resource, json_string_value(key));
		if (err != 0 && err != ERR_NOTFOUND)
			return err;
	}
	return 0;
}

static int
remove_tags(struct api_call *c)
{
	return api_write(c, remove_change, NULL);
}

/* ---- ListTagsForResource ---- */

static int
list_tags(struct api_call *c)
{
	const char *resource;
	struct tags t;
	int err;

	if ((err = find_resource(api_reader(c), c, &resource)) != 0 ||
	    (err = tags_load(api_reader(c), &c->mem, resource, &t)) != 0)
		return err;
	tags_write(&c->w, "TagList", &t);
	return 0;
}

#define RESOURCE_TYPE                                                                 \
	"ResourceType*: string{Document|ManagedInstance|MaintenanceWindow|Parameter|" \
	"PatchBaseline|OpsItem|OpsMetadata|Automation|Association}; ResourceId*: string"
#define TAG_CHARS "/^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$/"

const struct api_op ssm_tag_ops[] = {
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "AddTagsToResource",
	    .action = "ssm:AddTagsToResource",
	    .review = true,
	    .find = tag_resource_arn,
	    .input = "{ " RESOURCE_TYPE
		     "; Tags*: list{..1000}[struct { Key*: string{1..128 " TAG_CHARS
		     "}; Value*: string{0..256 " TAG_CHARS "} }] }",
	    .run = add_tags,
	},
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "RemoveTagsFromResource",
	    .action = "ssm:RemoveTagsFromResource",
	    .review = true,
	    .find = tag_resource_arn,
	    .input =
		"{ " RESOURCE_TYPE "; TagKeys*: list[string{1..128 " TAG_CHARS "}] }",
	    .run = remove_tags,
	},
	{
	    .service = API_SSM,
	    .access = API_READ,
	    .name = "ListTagsForResource",
	    .action = "ssm:ListTagsForResource",
	    .find = tag_resource_arn,
	    .input = "{ " RESOURCE_TYPE " }",
	    .run = list_tags,
	},
	{ 0 },
};
