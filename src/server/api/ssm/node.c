/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet as SSM shows it, and taking a node out of it.
 */
#include "server/api/ssm/node_filter.h"
#include "server/api/ssm/node_role.h"

#include "base/log.h"
#include "server/domain/node.h"
#include "server/domain/session.h"

enum { PAGE_DEFAULT = 50, PROPERTIES_PAGE_DEFAULT = 50 };

/* ---- DescribeInstanceInformation, DescribeInstanceProperties ---- */

static bool
node_matches(struct node_walk *w, const struct store_node *n, struct arena *scratch)
{
	return filters_match(w->c, w->arg, n, scratch);
}

static const char *
or_null(const char *s)
{
	return s[0] != '\0' ? s : NULL;
}

/* What both operations show of a node. */
static void
write_common(struct api_call *c, const struct store_node *n)
{
	struct jsonw *w = &c->w;

	jw_field_str(w, "InstanceId", n->id);
	jw_field_str(w, "PingStatus", node_ping_name(node_ping(c, n)));
	if (node_seen_ms(n) != 0)
		jw_field_time(w, "LastPingDateTime", node_seen_ms(n));
	jw_field_opt(w, "AgentVersion", or_null(n->agent_version));
	jw_field_opt(w, "PlatformType", or_null(n->platform_type));
	jw_field_opt(w, "PlatformName", or_null(n->platform_name));
	jw_field_opt(w, "PlatformVersion", or_null(n->platform_version));
	jw_field_str(w, "ResourceType", node_resource_type(n));
	jw_field_opt(w, "IPAddress", or_null(n->ip));
	jw_field_opt(w, "ComputerName", or_null(n->hostname));
	jw_field_str(w, "SourceId", n->id);
	jw_field_str(w, "SourceType", node_source_type(n));
	if (!node_is_managed(n))
		return;
	jw_field_opt(w, "ActivationId", or_null(n->activation_id));
	jw_field_opt(w, "IamRole", or_null(n->iam_role));
	jw_field_time(w, "RegistrationDate", n->registered_ms);
	jw_field_opt(w, "Name", or_null(n->name));
}

/* Only of our own agents do we know the latest version. */
static bool
is_latest(const struct store_node *n)
{
	return strcmp(n->agent_name, "sallyport-agent") != 0 ||
	    strcmp(n->agent_version, SALLYPORT_VERSION) == 0;
}

static void
write_information(struct node_walk *w, const struct store_node *n, struct arena *scratch)
{
	(void)scratch;
	jw_open(&w->c->w, '{');
	write_common(w->c, n);
	if (n->agent_version[0] != '\0')
		jw_field_bool(&w->c->w, "IsLatestVersion", is_latest(n));
	jw_close(&w->c->w, '}');
}

static void
write_properties(struct node_walk *w, const struct store_node *n, struct arena *scratch)
{
	struct jsonw *j = &w->c->w;
	struct tags t = { .n = 0 };
	const char *name = NULL;

	if (!node_is_managed(n) && node_tags(w->c, scratch, n->id, &t) == 0)
		name = tags_get(&t, "Name");
	jw_open(j, '{');
	write_common(w->c, n);
	jw_field_opt(j, "Name", name);
	jw_field_str(j, "InstanceState",
	    node_ping(w->c, n) == NODE_ONLINE ? "running" : "stopped");
	jw_field_time(j, "LaunchTime", n->registered_ms);
	jw_close(j, '}');
}

/* One page of nodes under "list", MaxResults or limit of them. */
static int
list_nodes(struct api_call *c, const char *list, struct node_filters *f,
    node_write_fn *write, int64_t limit)
{
	struct node_walk w = {
		.c = c,
		.matches = node_matches,
		.write = write,
		.arg = f,
		.ids = f->ids,
		.nids = f->nids,
	};

	return node_walk(&w, list, api_int(c, "MaxResults", limit));
}

static int
describe_information(struct api_call *c)
{
	static const struct filter_style plain = { "Filters", "Key", "Values", NULL,
		"InvalidInstanceInformationFilterValue" };
	static const struct filter_style legacy = { "InstanceInformationFilterList",
		"key", "valueSet", NULL, "InvalidInstanceInformationFilterValue" };
	struct node_filters f = { .v = NULL };
	int err;

	if (json_array_size(json_object_get(c->in, plain.list)) > 0 &&
	    json_array_size(json_object_get(c->in, legacy.list)) > 0)
		return api_fail(c, "ValidationException",
		    "Filters and InstanceInformationFilterList can't be used in one "
		    "request.");
	if ((err = filters_read(c, &plain, &f)) != 0 ||
	    (err = filters_read(c, &legacy, &f)) != 0)
		return err;
	return list_nodes(
	    c, "InstanceInformationList", &f, write_information, PAGE_DEFAULT);
}

static int
describe_properties(struct api_call *c)
{
	static const struct filter_style plain = { "InstancePropertyFilterList", "key",
		"valueSet", NULL, "InvalidInstancePropertyFilterValue" };
	static const struct filter_style with_op = { "FiltersWithOperator", "Key",
		"Values", "Operator", "InvalidInstancePropertyFilterValue" };
	struct node_filters f = { .v = NULL };
	int err;

	if ((err = filters_read(c, &plain, &f)) != 0 ||
	    (err = filters_read(c, &with_op, &f)) != 0)
		return err;
	return list_nodes(
	    c, "InstanceProperties", &f, write_properties, PROPERTIES_PAGE_DEFAULT);
}

/* ---- DeregisterManagedInstance ---- */

static int
find_node(struct store_tx *tx, struct api_call *c, struct store_node *n)
{
	const char *id = api_str(c, "InstanceId");
	int err = store_node_get(tx, &c->mem, id, n);

	if (err == ERR_NOTFOUND)
		return api_fail(
		    c, "InvalidInstanceId", "The instance %s isn't registered.", id);
	return err;
}

static int
deregister_change(struct store_tx *tx, struct api_call *c)
{
	struct store_node n;
	int err = find_node(tx, c, &n);

	return err != 0 ? err : store_node_del(tx, n.id);
}

/* Its keys are gone with the row; what is open is closed now. */
static int
deregister_done(struct api_call *c)
{
	const char *id = api_str(c, "InstanceId");

	sessions_terminate_node(c->env->sessions, id, "the node was deregistered");
	node_evict(c->env->nodes, id, "deregistered");
	log_info("node deregistered", "node=%s by=%s", id, log_q(c->auth.who.name));
	return 0;
}

static int
deregister(struct api_call *c)
{
	return api_write(c, deregister_change, deregister_done);
}

/* ---- UpdateManagedInstanceRole ---- */

static int
role_change(struct store_tx *tx, struct api_call *c)
{
	struct store_node n;
	int err;

	if ((err = find_node(tx, c, &n)) != 0)
		return err;
	n.iam_role = arena_strdup(&c->mem, c->user);
	return store_node_put(tx, &n);
}

static int
update_role(struct api_call *c)
{
	const char *role;
	int err;

	if ((err = node_role_pass(c, &role)) != 0)
		return err;
	c->user = arena_strdup(&c->mem, role);
	return api_write(c, role_change, NULL);
}

#define LEGACY_KEYS                                                                \
	"InstanceIds|AgentVersion|PingStatus|PlatformTypes|ActivationIds|IamRole|" \
	"ResourceType|"                                                            \
	"AssociationStatus"
#define PROPERTY_KEYS                                                                   \
	"InstanceIds|AgentVersion|PingStatus|PlatformTypes|DocumentName|ActivationIds|" \
	"IamRole|"                                                                      \
	"ResourceType|AssociationStatus"
#define PROPERTY_VALUE "string{1..100000 /^.{1,100000}$/}"

/* AWS takes mi- only; nodes with i- ids are ours as well. */
#define NODE_ID                                                                          \
	"string{10..124 /(^mi-[0-9a-f]{17}$)|(^i-([0-9a-f]{8}|[0-9a-f]{17})$)/}"

const struct api_op ssm_node_ops[] = {
	{
	    .service = API_SSM,
	    .access = API_READ,
	    .name = "DescribeInstanceInformation",
	    .action = "ssm:DescribeInstanceInformation",
	    .resource = "*",
	    .input = "{ InstanceInformationFilterList: list{0..}[struct { key*: "
		     "string{" LEGACY_KEYS
		     "}; valueSet*: list{1..100}[string{1..}] }]; Filters: "
		     "list{0..}[struct { Key*: string{1..}; Values*: "
		     "list{1..100}[string{1..}] "
		     "}]; MaxResults: integer{5..50}; NextToken: string }",
	    .run = describe_information,
	},
	{
	    .service = API_SSM,
	    .access = API_READ,
	    .name = "DescribeInstanceProperties",
	    .action = "ssm:DescribeInstanceProperties",
	    .resource = "*",
	    .input =
		"{ InstancePropertyFilterList: list{1..40}[struct { key*: "
		"string{" PROPERTY_KEYS "}; valueSet*: list{1..40}[" PROPERTY_VALUE
		"] }]; FiltersWithOperator: list{1..40}[struct { Key*: " PROPERTY_VALUE
		"; Values*: list{1..40}[" PROPERTY_VALUE "]; Operator: "
		"string{Equal|NotEqual|BeginWith|LessThan|GreaterThan} }]; MaxResults: "
		"integer{5..1000}; NextToken: string }",
	    .run = describe_properties,
	},
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "DeregisterManagedInstance",
	    .action = "ssm:DeregisterManagedInstance",
	    .resource = "node:{InstanceId}",
	    .input = "{ InstanceId*: " NODE_ID " }",
	    .run = deregister,
	},
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "UpdateManagedInstanceRole",
	    .action = "ssm:UpdateManagedInstanceRole",
	    .resource = "node:{InstanceId}",
	    .input = "{ InstanceId*: " NODE_ID "; IamRole*: string{..64} }",
	    .review = true,
	    .run = update_role,
	},
	{ 0 },
};
