/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and applying node filters.
 */
#include "server/api/ssm/node_filter.h"

#include "proto/ids.h"

enum { FILTERS_MAX = 100 };

enum key_kind {
	KEY_INSTANCE_ID,
	KEY_AGENT_VERSION,
	KEY_PING_STATUS,
	KEY_PLATFORM,
	KEY_ACTIVATION,
	KEY_ROLE,
	KEY_RESOURCE_TYPE,
	KEY_ASSOCIATION_STATUS,
	KEY_DOCUMENT,
	KEY_SOURCE_ID,
	KEY_SOURCE_TYPE,
	KEY_TAG_KEY,
	KEY_TAG,
	KEY_UNKNOWN,
};

static enum key_kind
key_kind(const char *key)
{
	static const struct {
		const char *name;
		enum key_kind kind;
	} keys[] = {
		{ "InstanceIds", KEY_INSTANCE_ID },
		{ "AgentVersion", KEY_AGENT_VERSION },
		{ "PingStatus", KEY_PING_STATUS },
		{ "PlatformTypes", KEY_PLATFORM },
		{ "PlatformType", KEY_PLATFORM },
		{ "ActivationIds", KEY_ACTIVATION },
		{ "IamRole", KEY_ROLE },
		{ "ResourceType", KEY_RESOURCE_TYPE },
		{ "AssociationStatus", KEY_ASSOCIATION_STATUS },
		{ "DocumentName", KEY_DOCUMENT },
		{ "SourceIds", KEY_SOURCE_ID },
		{ "SourceTypes", KEY_SOURCE_TYPE },
		{ "tag-key", KEY_TAG_KEY },
	};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strcmp(keys[i].name, key) == 0)
			return keys[i].kind;
	}
	return strncmp(key, "tag:", 4) == 0 && key[4] != '\0' ? KEY_TAG : KEY_UNKNOWN;
}

static bool
one_of(const char *value, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i], value) == 0)
			return true;
	}
	return false;
}

static bool
value_ok(enum key_kind k, const char *value)
{
	static const char *const ping[] = { "Online", "ConnectionLost", "Inactive",
		"Connection Lost" };
	static const char *const platform[] = { "Linux", "Windows", "MacOS" };
	static const char *const resource[] = { "ManagedInstance", "EC2Instance",
		"AWS::EC2::Instance", "AWS::IoT::Thing", "AWS::SSM::ManagedInstance" };

	switch (k) {
	case KEY_PING_STATUS:
		return one_of(value, ping, ARRAY_LEN(ping));
	case KEY_PLATFORM:
		return one_of(value, platform, ARRAY_LEN(platform));
	case KEY_RESOURCE_TYPE:
	case KEY_SOURCE_TYPE:
		return one_of(value, resource, ARRAY_LEN(resource));
	case KEY_ACTIVATION:
		return id_uuid_valid(span_str(value));
	default:
		return true;
	}
}

static enum filter_op
op_of(const char *name)
{
	static const char *const names[] = {
		[FILTER_EQUAL] = "Equal",
		[FILTER_NOT_EQUAL] = "NotEqual",
		[FILTER_BEGIN] = "BeginWith",
		[FILTER_LESS] = "LessThan",
		[FILTER_GREATER] = "GreaterThan",
	};

	for (size_t i = 0; name != NULL && i < ARRAY_LEN(names); i++) {
		if (strcmp(names[i], name) == 0)
			return (enum filter_op)i;
	}
	return FILTER_EQUAL;
}

static int
read_values(struct api_call *c, const struct filter_style *s, const json_t *list,
    struct node_filter *f)
{
	enum key_kind k = key_kind(f->key);
	const json_t *v;
	size_t i;

	f->values =
	    arena_alloc(&c->mem, (json_array_size(list) + 1) * sizeof(*f->values));
	json_array_foreach(list, i, v)
	{
		const char *value = json_string_value(v);

		if (k == KEY_INSTANCE_ID && !id_node_valid(span_str(value)) &&
		    f->op == FILTER_EQUAL)
			return api_fail(c, "InvalidInstanceId",
			    "The instance ID %s isn't valid.", value);
		if (f->op == FILTER_EQUAL && !value_ok(k, value))
			return api_fail(c, s->bad_value,
			    "The specified filter value %s isn't valid.", value);
		/* The console's spelling. */
		f->values[f->n++] =
		    strcmp(value, "Connection Lost") == 0 ? "ConnectionLost" : value;
	}
	return 0;
}

static int
text_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The ids to look up instead of walking all nodes. */
static void
note_ids(struct api_call *c, struct node_filters *f, const struct node_filter *one)
{
	if (f->ids != NULL || one->op != FILTER_EQUAL ||
	    key_kind(one->key) != KEY_INSTANCE_ID)
		return;
	f->ids = arena_alloc(&c->mem, (one->n + 1) * sizeof(*f->ids));
	memcpy(f->ids, one->values, one->n * sizeof(*f->ids));
	qsort(f->ids, one->n, sizeof(*f->ids), text_cmp);
	for (size_t i = 0; i < one->n; i++) {
		if (f->nids == 0 || strcmp(f->ids[f->nids - 1], f->ids[i]) != 0)
			f->ids[f->nids++] = f->ids[i];
	}
}

static int
read_one(struct api_call *c, const struct filter_style *s, const json_t *in,
    struct node_filters *f)
{
	struct node_filter *one = &f->v[f->n];
	enum key_kind k;
	int err;

	one->key = json_get_str(in, s->key);
	k = key_kind(one->key);
	if (k == KEY_UNKNOWN)
		return api_fail(
		    c, "InvalidFilterKey", "The specified key %s isn't valid.", one->key);
	one->op = op_of(s->op != NULL ? json_get_str(in, s->op) : NULL);
	if ((err = read_values(c, s, json_get_arr(in, s->values), one)) != 0)
		return err;
	f->tags = f->tags || k == KEY_TAG || k == KEY_TAG_KEY;
	note_ids(c, f, one);
	f->n++;
	return 0;
}

int
filters_read(struct api_call *c, const struct filter_style *s, struct node_filters *f)
{
	const json_t *list = json_object_get(c->in, s->list), *one;
	size_t i;
	int err;

	if (f->v == NULL)
		f->v = arena_alloc(&c->mem, FILTERS_MAX * sizeof(*f->v));
	json_array_foreach(list, i, one)
	{
		if (f->n == FILTERS_MAX)
			return api_fail(
			    c, "InvalidFilterKey", "The request has too many filters.");
		if ((err = read_one(c, s, one, f)) != 0)
			return err;
	}
	return 0;
}

/* ---- applying ---- */

/* 3.10.0 comes after 3.9.1; text where numbers end. */
static int
version_cmp(const char *a, const char *b)
{
	while (*a != '\0' && *b != '\0') {
		char *ea, *eb;
		long x = strtol(a, &ea, 10), y = strtol(b, &eb, 10);

		if (ea == a || eb == b)
			return strcmp(a, b);
		if (x != y)
			return x < y ? -1 : 1;
		a = *ea == '.' ? ea + 1 : ea;
		b = *eb == '.' ? eb + 1 : eb;
	}
	return (*a != '\0') - (*b != '\0');
}

static bool
compare(enum filter_op op, const char *have, const char *want)
{
	switch (op) {
	case FILTER_BEGIN:
		return strncmp(have, want, strlen(want)) == 0;
	case FILTER_LESS:
		return version_cmp(have, want) < 0;
	case FILTER_GREATER:
		return version_cmp(have, want) > 0;
	default:
		return strcmp(have, want) == 0;
	}
}

static bool
any_value(const struct node_filter *f, const char *have)
{
	for (size_t i = 0; have != NULL && i < f->n; i++) {
		if (compare(f->op, have, f->values[i]))
			return true;
	}
	return false;
}

/* Both spellings of the same fact. */
static bool
match_type(const struct node_filter *f, const struct store_node *n)
{
	return any_value(f, node_resource_type(n)) || any_value(f, node_source_type(n));
}

static bool
match_tag_key(const struct node_filter *f, const struct tags *t)
{
	for (size_t i = 0; i < t->n; i++) {
		if (any_value(f, t->v[i].key))
			return true;
	}
	return false;
}

static bool
match_one(struct api_call *c, const struct node_filter *f, const struct store_node *n,
    const struct tags *t)
{
	switch (key_kind(f->key)) {
	case KEY_INSTANCE_ID:
	case KEY_SOURCE_ID:
		return any_value(f, n->id);
	case KEY_AGENT_VERSION:
		return any_value(f, n->agent_version);
	case KEY_PING_STATUS:
		return any_value(f, node_ping_name(node_ping(c, n)));
	case KEY_PLATFORM:
		return any_value(f, n->platform_type);
	case KEY_ACTIVATION:
		return any_value(f, n->activation_id);
	case KEY_ROLE:
		return any_value(f, n->iam_role);
	case KEY_RESOURCE_TYPE:
	case KEY_SOURCE_TYPE:
		return match_type(f, n);
	case KEY_TAG_KEY:
		return match_tag_key(f, t);
	case KEY_TAG:
		return any_value(f, tags_get(t, f->key + 4));
	default:
		return false; /* no associations here: no status, no document */
	}
}

bool
filters_match(struct api_call *c, const struct node_filters *f,
    const struct store_node *n, struct arena *scratch)
{
	struct tags t = { .n = 0 };

	if (f->tags && node_tags(c, scratch, n->id, &t) != 0)
		return false;
	for (size_t i = 0; i < f->n; i++) {
		bool hit = match_one(c, &f->v[i], n, &t);

		if (hit == (f->v[i].op == FILTER_NOT_EQUAL))
			return false;
	}
	return true;
}
