/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared parts of the EC2 operations, see ec2.h.
 */
#include "server/api/ec2/ec2.h"

#include "proto/ids.h"

int
ec2_state_code(const struct api_call *c, const struct store_node *n)
{
	return node_ping(c, n) == NODE_ONLINE ? EC2_RUNNING : EC2_STOPPED;
}

const char *
ec2_state_name(int code)
{
	return code == EC2_RUNNING ? "running" : "stopped";
}

const char *
ec2_zone(struct api_call *c, const struct store_node *n)
{
	return n->zone[0] != '\0' ? n->zone : arena_printf(&c->mem, "%sa", c->region);
}

const struct ec2_filter_key *
ec2_key(const struct ec2_filter_key *keys, const char *name)
{
	for (; keys->name != NULL; keys++) {
		if (strcmp(keys->name, name) == 0)
			return keys;
	}
	return NULL;
}

static bool
is_tag_filter(const char *name)
{
	return (strncmp(name, "tag:", 4) == 0 && name[4] != '\0') ||
	    strcmp(name, "tag-key") == 0 || strcmp(name, "tag-value") == 0;
}

static int
read_one(struct api_call *c, const struct ec2_filter_key *keys, const json_t *in,
    struct ec2_filter *f)
{
	const json_t *values = json_get_arr(in, "Values"), *v;
	size_t i;

	f->name = json_get_str(in, "Name");
	if (f->name == NULL || json_array_size(values) == 0)
		return api_fail(c, "InvalidParameterValue", "The filter '%s' is invalid",
		    f->name != NULL ? f->name : "null");
	f->key = ec2_key(keys, f->name);
	if (f->key == NULL && !is_tag_filter(f->name))
		return api_fail(
		    c, "InvalidParameterValue", "The filter '%s' is invalid", f->name);
	if (json_array_size(values) > EC2_VALUES_MAX)
		return api_fail(c, "FilterLimitExceeded",
		    "The maximum number of filter values specified on a single call is "
		    "%d",
		    EC2_VALUES_MAX);
	f->values = arena_alloc(&c->mem, json_array_size(values) * sizeof(*f->values));
	json_array_foreach(values, i, v)
	{
		if (json_is_string(v))
			f->values[f->n++] = json_string_value(v);
	}
	return 0;
}

int
ec2_filters_read(
    struct api_call *c, const struct ec2_filter_key *keys, struct ec2_filters *f)
{
	const json_t *list = json_object_get(c->in, "Filters"), *one;
	size_t i;
	int err;

	*f = (struct ec2_filters){ 0 };
	if (json_array_size(list) > EC2_FILTERS_MAX)
		return api_fail(c, "FilterLimitExceeded",
		    "The maximum number of filters specified on a single call is %d",
		    EC2_FILTERS_MAX);
	f->v = arena_alloc(&c->mem, (json_array_size(list) + 1) * sizeof(*f->v));
	json_array_foreach(list, i, one)
	{
		if ((err = read_one(c, keys, one, &f->v[f->n])) != 0)
			return err;
		f->tags = f->tags || f->v[f->n].key == NULL;
		f->n++;
	}
	return 0;
}

bool
ec2_values_match(const struct ec2_filter *f, const char *have)
{
	for (size_t i = 0; have != NULL && i < f->n; i++) {
		if (wildcard_match(f->values[i], have))
			return true;
	}
	return false;
}

static bool
match_tags(const struct ec2_filter *f, const struct tags *t)
{
	bool by_key = strcmp(f->name, "tag-key") == 0;

	if (strncmp(f->name, "tag:", 4) == 0)
		return ec2_values_match(f, tags_get(t, f->name + 4));
	for (size_t i = 0; i < t->n; i++) {
		if (ec2_values_match(f, by_key ? t->v[i].key : t->v[i].value))
			return true;
	}
	return false;
}

static bool
match_key(const struct ec2_filter *f, struct api_call *c, const struct store_node *n,
    struct arena *scratch)
{
	return f->key->get != NULL && ec2_values_match(f, f->key->get(c, n, scratch));
}

/* Tags are loaded when everything cheaper has matched. */
bool
ec2_filters_match(struct api_call *c, const struct ec2_filters *f,
    const struct store_node *n, struct arena *scratch)
{
	struct tags t;

	for (size_t i = 0; i < f->n; i++) {
		const struct ec2_filter *one = &f->v[i];

		if (one->key != NULL && !match_key(one, c, n, scratch))
			return false;
	}
	if (!f->tags)
		return true;
	if (node_tags(c, scratch, n->id, &t) != 0)
		return false;
	for (size_t i = 0; i < f->n; i++) {
		if (f->v[i].key == NULL && !match_tags(&f->v[i], &t))
			return false;
	}
	return true;
}

int
ec2_id_check(struct store_tx *tx, struct api_call *c, const char *id)
{
	struct store_node n;
	int err;

	if (!id_node_valid(span_str(id)))
		return api_fail(
		    c, "InvalidInstanceID.Malformed", "Invalid id: \"%s\"", id);
	err = store_node_get(tx, &c->mem, id, &n);
	if (err == ERR_NOTFOUND)
		return api_fail(c, "InvalidInstanceID.NotFound",
		    "The instance ID '%s' does not exist", id);
	return err;
}

static int
text_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Every unknown id is named. */
static int
check_known(struct api_call *c, const char **ids, size_t n)
{
	const char *missing = NULL;
	size_t nmissing = 0;
	struct store_node row;

	for (size_t i = 0; i < n; i++) {
		int err = store_node_get(api_reader(c), &c->mem, ids[i], &row);

		if (err == 0)
			continue;
		if (err != ERR_NOTFOUND)
			return err;
		missing = nmissing++ == 0
		    ? ids[i]
		    : arena_printf(&c->mem, "%s, %s", missing, ids[i]);
	}
	if (nmissing == 0)
		return 0;
	return api_fail_text(c, "InvalidInstanceID.NotFound",
	    arena_printf(&c->mem,
		nmissing == 1 ? "The instance ID '%s' does not exist"
			      : "The instance IDs '%s' do not exist",
		missing));
}

int
ec2_ids_read(struct api_call *c, const char ***ids, size_t *n)
{
	const json_t *list = json_object_get(c->in, "InstanceIds"), *one;
	size_t i, len = json_array_size(list), used = 0;

	*ids = NULL;
	*n = 0;
	if (len == 0)
		return 0;
	if (len > EC2_PAGE_MAX)
		return api_fail(c, "InvalidParameterValue", "Too many instance IDs.");
	*ids = arena_alloc(&c->mem, len * sizeof(**ids));
	json_array_foreach(list, i, one)
	{
		const char *id = json_is_string(one) ? json_string_value(one) : "";

		if (!id_node_valid(span_str(id)))
			return api_fail(
			    c, "InvalidInstanceID.Malformed", "Invalid id: \"%s\"", id);
		(*ids)[i] = id;
	}
	qsort(*ids, len, sizeof(**ids), text_cmp);
	for (i = 0; i < len; i++) {
		if (used == 0 || strcmp((*ids)[used - 1], (*ids)[i]) != 0)
			(*ids)[used++] = (*ids)[i];
	}
	*n = used;
	return check_known(c, *ids, used);
}

int
ec2_limit(struct api_call *c, bool with_ids, int64_t *limit)
{
	int64_t n = api_int(c, "MaxResults", -1);

	*limit = EC2_PAGE_MAX;
	if (n == -1)
		return 0;
	if (with_ids)
		return api_fail(c, "InvalidParameterCombination",
		    "The parameter instancesSet cannot be used with the parameter "
		    "maxResults");
	if (n < 5)
		return api_fail(c, "InvalidParameterValue",
		    "Value ( %lld ) for parameter maxResults is invalid. Expecting a "
		    "value "
		    "greater than 5.",
		    (long long)n);
	*limit = MIN(n, EC2_PAGE_MAX);
	return 0;
}
