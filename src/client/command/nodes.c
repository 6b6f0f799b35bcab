/* SPDX-License-Identifier: Apache-2.0 */
/* See nodes.h. */
#include "client/command/nodes.h"

#include "base/log.h"
#include "codec/json.h"
#include "codec/jsonw.h"
#include "codec/uri.h"
#include "codec/xmlw.h"
#include "proto/ids.h"

enum {
	FORM_MAX = 64 * 1024,
	XML_MAX = 4 * 1024 * 1024,
	PAGES_MAX = 10000,
	PAGE = 50, /* AWS's most for DescribeInstanceInformation */
};

/* --- one node ---------------------------------------------------------------------- */

static const char *
text_of(const json_t *o, const char *key)
{
	const char *v = json_get_str(o, key);

	return v != NULL ? v : "";
}

const char *
node_name(const json_t *node)
{
	const char *name = text_of(node, "Name");

	return name[0] != '\0' ? name : text_of(node, "ComputerName");
}

const char *
node_id(const json_t *node)
{
	return text_of(node, "InstanceId");
}

bool
node_is_online(const json_t *node)
{
	return strcmp(text_of(node, "PingStatus"), "Online") == 0;
}

/* --- filters ----------------------------------------------------------------------- */

static int
split_values(json_t **out, struct span s)
{
	struct span one;

	*out = json_array();
	while (span_cut(&s, ',', &one))
		if (one.n > 0)
			json_array_append_new(
			    *out, json_stringn((const char *)one.p, one.n));
	if (json_array_size(*out) > 0)
		return 0;
	json_decref(STEAL(*out));
	return ERR_INVALID;
}

int
nodes_filter(char **key, json_t **values, const char *text)
{
	static const char values_is[] = "Values=";
	struct span s = span_str(text), head;

	if (span_starts(s, "Key=")) {
		s = span_sub(s, 4, s.n);
		if (!span_cut(&s, ',', &head) || !span_starts(s, values_is))
			return ERR_INVALID;
		s = span_sub(s, sizeof(values_is) - 1, s.n);
	} else if (span_find(s, '=') < 1 || !span_cut(&s, '=', &head)) {
		return ERR_INVALID;
	}
	if (head.n == 0 || split_values(values, s) != 0)
		return ERR_INVALID;
	*key = span_dup(head);
	return 0;
}

static bool
is_tag(const char *key)
{
	return strncmp(key, "tag:", 4) == 0 || strcmp(key, "tag-key") == 0;
}

/* The filters of a query in the two forms of the two services. */
struct filters {
	json_t *ssm; /* array for DescribeInstanceInformation */
	struct buf ec2;
	bool tags;
};

static void
filters_fini(struct filters *fs)
{
	json_decref(fs->ssm);
	buf_fini(&fs->ec2);
}

static void
add_ec2(struct filters *fs, size_t no, const char *key, const json_t *values)
{
	size_t i;
	json_t *v;

	buf_addf(&fs->ec2, "&Filter.%zu.Name=", no);
	uri_encode(&fs->ec2, span_str(key), false);
	json_array_foreach((json_t *)(uintptr_t)values, i, v)
	{
		buf_addf(&fs->ec2, "&Filter.%zu.Value.%zu=", no, i + 1);
		uri_encode(&fs->ec2, span_str(json_string_value(v)), false);
	}
	fs->tags = true;
}

static int
filters_init(struct filters *fs, const struct node_query *q, struct fault *f)
{
	size_t n = q->filters != NULL ? q->filters->n : 0;

	*fs = (struct filters){ .ssm = json_array() };
	buf_init(&fs->ec2, FORM_MAX);
	for (size_t i = 0; i < n; i++) {
		json_t *values = NULL;
		char *key = NULL;

		if (nodes_filter(&key, &values, q->filters->v[i]) != 0)
			return fault_set(f, ERR_INVALID,
			    "the filter %s is not understood: write "
			    "Key=tag:Environment,Values=prod or tag:Environment=prod",
			    q->filters->v[i]);
		if (is_tag(key))
			add_ec2(fs, i + 1, key, values);
		else
			json_array_append_new(fs->ssm,
			    json_pack("{s:s, s:O}", "Key", key, "Values", values));
		json_decref(values);
		free(key);
	}
	if (q->online)
		json_array_append_new(fs->ssm,
		    json_pack("{s:s, s:[s]}", "Key", "PingStatus", "Values", "Online"));
	return buf_check(&fs->ec2);
}

/* --- tags, from EC2 ---------------------------------------------------------------- */

/* The first place of text in s, or s.n. */
static size_t
find_text(struct span s, const char *text)
{
	const uint8_t *p = s.n > 0 ? memmem(s.p, s.n, text, strlen(text)) : NULL;

	return p != NULL ? (size_t)(p - s.p) : s.n;
}

/* '<' is escaped in values, so that a tag in the text is a tag. */
static void
read_name(char *out, size_t size, struct span instance)
{
	char key[300];
	size_t at;

	out[0] = '\0';
	while ((at = find_text(instance, "<key>")) < instance.n) {
		instance = span_sub(instance, at, instance.n);
		if (xml_find_text(key, sizeof(key), instance, "key") == 0 &&
		    strcmp(key, "Name") == 0) {
			if (xml_find_text(out, size, instance, "value") != 0)
				out[0] = '\0';
			return;
		}
		instance = span_sub(instance, 5, instance.n);
	}
}

void
nodes_each_tag(struct span xml, nodes_tag_cb *cb, void *arg)
{
	static const char tag[] = "<instanceId>";
	size_t at = find_text(xml, tag);

	while (at < xml.n) {
		struct span rest = span_sub(xml, at + sizeof(tag) - 1, xml.n);
		size_t next = find_text(rest, tag);
		struct span one = span_sub(xml, at, sizeof(tag) - 1 + next);
		char id[64], name[1024];

		if (xml_find_text(id, sizeof(id), one, "instanceId") == 0) {
			read_name(name, sizeof(name), one);
			cb(arg, id, name);
		}
		at = next < rest.n ? at + sizeof(tag) - 1 + next : xml.n;
	}
}

static void
note_tag(void *arg, const char *id, const char *name)
{
	json_object_set_new(arg, id, json_string(name));
}

/* *names: id -> name of every node that passes the tag filters. */
static int
list_tags(struct cli *c, const struct filters *fs, json_t **names, struct fault *f)
{
	char token[1024] = "";

	*names = json_object();
	for (int page = 0; page < PAGES_MAX; page++) {
		auto_buf form = { .max = FORM_MAX }, xml = { .max = XML_MAX };
		int r;

		buf_add_str(
		    &form, "Action=DescribeInstances&Version=2016-11-15&MaxResults=1000");
		buf_add(&form, buf_span(&fs->ec2));
		if (token[0] != '\0') {
			buf_add_str(&form, "&NextToken=");
			uri_encode(&form, span_str(token), false);
		}
		if ((r = cli_query(c, "ec2", buf_cstr(&form), &xml, f)) != 0)
			return r;
		nodes_each_tag(buf_span(&xml), note_tag, *names);
		if (xml_find_text(token, sizeof(token), buf_span(&xml), "nextToken") !=
			0 ||
		    token[0] == '\0')
			break;
	}
	return 0;
}

/* --- the list ---------------------------------------------------------------------- */

static void
filters_input(struct jsonw *w, const void *arg)
{
	const json_t *filters = arg;
	auto_buf list = { .max = FORM_MAX };

	jw_field_int(w, "MaxResults", PAGE);
	if (json_array_size(filters) > 0) {
		json_dump(&list, filters);
		jw_key(w, "Filters");
		jw_raw(w, buf_span(&list));
	}
}

static int
list_nodes(struct cli *c, const json_t *filters, json_t *out, struct fault *f)
{
	const struct cli_pages pages = {
		.service = AWS_SSM,
		.operation = "DescribeInstanceInformation",
		.list = "InstanceInformationList",
		.input = filters_input,
		.arg = filters,
	};

	return cli_json_pages(c, &pages, out, f);
}

/* Puts the tag Name into each node; with tag filters, drops those that did not pass. */
static void
merge_tags(json_t *nodes, const json_t *names, bool only)
{
	size_t i = 0;

	while (i < json_array_size(nodes)) {
		json_t *node = json_array_get(nodes, i);
		const char *name = json_get_str(names, node_id(node));

		if (name == NULL && only) {
			json_array_remove(nodes, i);
			continue;
		}
		if (name != NULL && name[0] != '\0')
			json_object_set_new(node, "Name", json_string(name));
		i++;
	}
}

static int
by_name(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	int r = strcmp(node_name(x), node_name(y));

	return r != 0 ? r : strcmp(node_id(x), node_id(y));
}

static json_t *
sorted(const json_t *nodes)
{
	size_t n = json_array_size(nodes);
	json_t **v = xcalloc(n + 1, sizeof(json_t *)), *out = json_array();

	for (size_t i = 0; i < n; i++)
		v[i] = json_array_get(nodes, i);
	qsort(v, n, sizeof(json_t *), by_name);
	for (size_t i = 0; i < n; i++)
		json_array_append(out, v[i]);
	free(v);
	return out;
}

/* Who may not ask EC2 sees the fleet without the names in tags; "untagged" says why. */
static int
list_named(struct cli *c, const struct node_query *q, json_t **out,
    struct fault *untagged, struct fault *f)
{
	auto_json *nodes = json_array(), *names = NULL;
	struct filters fs;
	int r;

	if ((r = filters_init(&fs, q, f)) == 0 &&
	    (r = list_nodes(c, fs.ssm, nodes, f)) == 0) {
		if (list_tags(c, &fs, &names, untagged) != 0 && fs.tags) {
			*f = *untagged;
			r = f->code;
		}
		merge_tags(nodes, names, fs.tags);
	}
	filters_fini(&fs);
	*out = r == 0 ? sorted(nodes) : NULL;
	return r;
}

int
nodes_list(struct cli *c, const struct node_query *q, json_t **out, struct fault *f)
{
	struct fault untagged = { 0 };
	int r = list_named(c, q, out, &untagged, f);

	if (r == 0 && untagged.code != 0)
		log_debug("no tags", "why=%s", log_q(fault_text(&untagged)));
	return r;
}

/* --- choosing ---------------------------------------------------------------------- */

enum how { BY_ID, BY_NAME, BY_HOST, BY_BEGINNING, HOWS };

static bool
fits(const json_t *node, const char *word, enum how how)
{
	switch (how) {
	case BY_ID:
		return strcmp(node_id(node), word) == 0;
	case BY_NAME:
		return strcmp(text_of(node, "Name"), word) == 0;
	case BY_HOST:
		return strcmp(text_of(node, "ComputerName"), word) == 0;
	default:
		return strncmp(node_name(node), word, strlen(word)) == 0 ||
		    strncmp(node_id(node), word, strlen(word)) == 0;
	}
}

static json_t *
only_online(const json_t *nodes)
{
	json_t *out = json_array(), *node;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)nodes, i, node)
	{
		if (node_is_online(node))
			json_array_append(out, node);
	}
	return out;
}

json_t *
nodes_pick(const json_t *nodes, const char *word)
{
	json_t *found = json_array(), *node, *online;
	size_t i;

	for (enum how how = BY_ID; how < HOWS; how++) {
		json_array_foreach((json_t *)(uintptr_t)nodes, i, node)
		{
			if (word[0] != '\0' && fits(node, word, how))
				json_array_append(found, node);
		}
		if (json_array_size(found) > 1 && how != BY_BEGINNING) {
			online = only_online(found);
			if (json_array_size(online) == 1) {
				json_decref(found);
				return online;
			}
			json_decref(online);
		}
		if (json_array_size(found) > 0)
			break;
	}
	return found;
}

static int
say_candidates(const char *word, const json_t *found)
{
	size_t i;
	json_t *node;

	cli_say(
	    "%s fits %zu nodes: say which one by its id", word, json_array_size(found));
	json_array_foreach((json_t *)(uintptr_t)found, i, node)
	{
		fprintf(stderr, "  %-20s  %s (%s)\n", node_id(node), node_name(node),
		    text_of(node, "PingStatus"));
	}
	return CLI_USAGE;
}

static int
pick_one(const char *word, json_t *found, const struct fault *untagged, char **id)
{
	if (json_array_size(found) > 1)
		return say_candidates(word, found);
	if (json_array_size(found) == 0) {
		cli_say("there is no node %s: sallyport ls shows all of them", word);
		if (untagged->code != 0)
			cli_say("names in tags could not be looked up: %s",
			    fault_text(untagged));
		return CLI_FAILED;
	}
	*id = xstrdup(node_id(json_array_get(found, 0)));
	return CLI_GO;
}

static int
not_looked_up(const char *word, const struct fault *f)
{
	cli_fail(f);
	if (cli_is_error(f, "AccessDeniedException") ||
	    cli_is_error(f, "UnauthorizedOperation"))
		cli_say("%s had to be looked up: with the id of the node (mi-...) "
			"nothing has to be",
		    word);
	return CLI_FAILED;
}

int
nodes_resolve(struct cli *c, const char *word, char **id)
{
	struct cli_list filter = { .v = { word }, .n = 1 };
	bool tag = strncmp(word, "tag:", 4) == 0;
	auto_json *nodes = NULL, *found = NULL, *online = NULL;
	struct fault f = { 0 }, untagged = { 0 };

	if (id_node_valid(span_str(word))) {
		*id = xstrdup(word);
		return CLI_GO;
	}
	if (list_named(c, &(struct node_query){ .filters = tag ? &filter : NULL }, &nodes,
		&untagged, &f) != 0)
		return not_looked_up(word, &f);
	if (!tag) {
		found = nodes_pick(nodes, word);
		return pick_one(word, found, &untagged, id);
	}
	online = only_online(nodes);
	return pick_one(
	    word, json_array_size(online) == 1 ? online : nodes, &untagged, id);
}
