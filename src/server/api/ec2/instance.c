/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet as EC2 shows it: every registered node is an instance, running while it is
 * online and stopped otherwise.  What a node does not have (subnets, volumes, prices) is
 * left out rather than invented.
 */
#include "proto/arn.h"
#include "server/api/ec2/ec2.h"

#define IMAGE_ID "ami-00000000000000000"
#define TYPE     "sallyport.node"
#define ARCH     "x86_64"

/* ---- filters ---- */

static const char *
get_id(struct api_call *c, const struct store_node *n, struct arena *scratch)
{
	(void)c;
	(void)scratch;
	return n->id;
}

static const char *
get_state(struct api_call *c, const struct store_node *n, struct arena *scratch)
{
	(void)scratch;
	return ec2_state_name(ec2_state_code(c, n));
}

static const char *
get_state_code(struct api_call *c, const struct store_node *n, struct arena *scratch)
{
	return arena_printf(scratch, "%d", ec2_state_code(c, n));
}

static const char *
get_ip(struct api_call *c, const struct store_node *n, struct arena *scratch)
{
	(void)c;
	(void)scratch;
	return n->ip[0] != '\0' ? n->ip : NULL;
}

static const char *
get_dns(struct api_call *c, const struct store_node *n, struct arena *scratch)
{
	(void)c;
	(void)scratch;
	return n->hostname[0] != '\0' ? n->hostname : NULL;
}

static const char *
get_zone(struct api_call *c, const struct store_node *n, struct arena *scratch)
{
	(void)scratch;
	return ec2_zone(c, n);
}

static const char *
get_type(struct api_call *c, const struct store_node *n, struct arena *scratch)
{
	(void)c;
	(void)n;
	(void)scratch;
	return TYPE;
}

static const char *
get_image(struct api_call *c, const struct store_node *n, struct arena *scratch)
{
	(void)c;
	(void)n;
	(void)scratch;
	return IMAGE_ID;
}

static const char *
get_arch(struct api_call *c, const struct store_node *n, struct arena *scratch)
{
	(void)c;
	(void)n;
	(void)scratch;
	return ARCH;
}

static bool
is_windows(const struct store_node *n)
{
	return strcmp(n->platform_type, "Windows") == 0;
}

/* EC2 has this for Windows only. */
static const char *
get_platform(struct api_call *c, const struct store_node *n, struct arena *scratch)
{
	(void)c;
	(void)scratch;
	return is_windows(n) ? "windows" : NULL;
}

static const char *
get_platform_details(
    struct api_call *c, const struct store_node *n, struct arena *scratch)
{
	(void)c;
	(void)scratch;
	return is_windows(n) ? "Windows" : "Linux/UNIX";
}

static const char *
profile_arn(struct api_call *c, const struct store_node *n, struct arena *mem)
{
	const char *role = n->iam_role;

	if (role[0] == '\0')
		return NULL;
	return arn_iam(mem, c->env->account, "instance-profile", "/", role);
}

static const char *
get_owner(struct api_call *c, const struct store_node *n, struct arena *scratch)
{
	(void)n;
	(void)scratch;
	return c->env->account;
}

static const struct ec2_filter_key instance_keys[] = {
	{ "instance-id", get_id },
	{ "instance-state-name", get_state },
	{ "instance-state-code", get_state_code },
	{ "private-ip-address", get_ip },
	{ "ip-address", get_ip },
	{ "private-dns-name", get_dns },
	{ "dns-name", get_dns },
	{ "availability-zone", get_zone },
	{ "instance-type", get_type },
	{ "image-id", get_image },
	{ "architecture", get_arch },
	{ "platform", get_platform },
	{ "platform-details", get_platform_details },
	{ "iam-instance-profile.arn", profile_arn },
	{ "owner-id", get_owner },
	{ "vpc-id", NULL },
	{ "subnet-id", NULL },
	{ "key-name", NULL },
	{ NULL, NULL },
};

/* ---- DescribeInstances ---- */

static void
write_tag_set(struct buf *out, const struct tags *t)
{
	xw_open(out, "tagSet");
	for (size_t i = 0; i < t->n; i++) {
		xw_open(out, "item");
		xw_elem(out, "key", t->v[i].key);
		xw_elem(out, "value", t->v[i].value);
		xw_close(out, "item");
	}
	xw_close(out, "tagSet");
}

static void
write_state(struct buf *out, int code)
{
	xw_open(out, "instanceState");
	xw_elem_int(out, "code", code);
	xw_elem(out, "name", ec2_state_name(code));
	xw_close(out, "instanceState");
}

static void
write_placement(struct api_call *c, const struct store_node *n)
{
	xw_open(&c->out, "placement");
	xw_elem(&c->out, "availabilityZone", ec2_zone(c, n));
	xw_elem(&c->out, "groupName", "");
	xw_elem(&c->out, "tenancy", "default");
	xw_close(&c->out, "placement");
	xw_open(&c->out, "monitoring");
	xw_elem(&c->out, "state", "disabled");
	xw_close(&c->out, "monitoring");
}

static void
write_profile(struct api_call *c, const struct store_node *n, struct arena *scratch)
{
	const char *arn = profile_arn(c, n, scratch);

	if (arn == NULL)
		return;
	xw_open(&c->out, "iamInstanceProfile");
	xw_elem(&c->out, "arn", arn);
	xw_elem(&c->out, "id", n->iam_role);
	xw_close(&c->out, "iamInstanceProfile");
}

/* Empty lists and fixed words that clients index without asking. */
static void
write_fixed(struct buf *out)
{
	static const char *const empty[] = { "groupSet", "blockDeviceMapping",
		"networkInterfaceSet" };

	xw_elem(out, "sourceDestCheck", "true");
	xw_elem(out, "architecture", ARCH);
	xw_elem(out, "rootDeviceType", "ebs");
	xw_elem(out, "rootDeviceName", "/dev/xvda");
	xw_elem(out, "virtualizationType", "hvm");
	xw_elem(out, "hypervisor", "xen");
	xw_elem(out, "clientToken", "");
	for (size_t i = 0; i < ARRAY_LEN(empty); i++)
		xw_elem(out, empty[i], "");
	xw_open(out, "metadataOptions");
	xw_elem(out, "state", "applied");
	xw_elem(out, "httpTokens", "required");
	xw_elem_int(out, "httpPutResponseHopLimit", 1);
	xw_elem(out, "httpEndpoint", "disabled");
	xw_close(out, "metadataOptions");
}

static void
write_instance(struct api_call *c, const struct store_node *n, struct arena *scratch)
{
	struct buf *out = &c->out;
	char when[TIME_ISO_LEN + 1];
	struct tags t = { .n = 0 };

	if (node_tags(c, scratch, n->id, &t) != 0)
		t.n = 0;
	time_iso(when, n->registered_ms);
	xw_open(out, "item");
	xw_elem(out, "instanceId", n->id);
	xw_elem(out, "imageId", IMAGE_ID);
	write_state(out, ec2_state_code(c, n));
	xw_elem(out, "privateDnsName", n->hostname);
	xw_elem(out, "dnsName", n->hostname);
	xw_elem(out, "reason", "");
	xw_elem_int(out, "amiLaunchIndex", 0);
	xw_elem(out, "productCodes", "");
	xw_elem(out, "instanceType", TYPE);
	xw_elem(out, "launchTime", when);
	write_placement(c, n);
	xw_elem_opt(out, "privateIpAddress", get_ip(c, n, scratch));
	xw_elem_opt(out, "ipAddress", get_ip(c, n, scratch));
	xw_elem_opt(out, "platform", get_platform(c, n, scratch));
	xw_elem(out, "platformDetails", get_platform_details(c, n, scratch));
	write_fixed(out);
	write_profile(c, n, scratch);
	write_tag_set(out, &t);
	xw_close(out, "item");
}

/* One reservation for each instance, named after it. */
static void
write_reservation(struct node_walk *w, const struct store_node *n, struct arena *scratch)
{
	struct buf *out = &w->c->out;

	xw_open(out, "item");
	xw_elem(
	    out, "reservationId", arena_printf(scratch, "r-%s", strchr(n->id, '-') + 1));
	xw_elem(out, "ownerId", w->c->env->account);
	xw_elem(out, "groupSet", "");
	xw_open(out, "instancesSet");
	write_instance(w->c, n, scratch);
	xw_close(out, "instancesSet");
	xw_close(out, "item");
}

static bool
instance_matches(struct node_walk *w, const struct store_node *n, struct arena *scratch)
{
	return ec2_filters_match(w->c, w->arg, n, scratch);
}

/* One page of nodes inside the element "set". */
static int
list_instances(struct api_call *c, const char *set, struct node_walk *w)
{
	int64_t limit;
	int err;

	w->c = c;
	if ((err = ec2_ids_read(c, &w->ids, &w->nids)) != 0 ||
	    (err = ec2_limit(c, w->ids != NULL, &limit)) != 0)
		return err;
	return node_walk(w, set, limit);
}

static int
describe_instances(struct api_call *c)
{
	struct ec2_filters f;
	struct node_walk w = {
		.matches = instance_matches,
		.write = write_reservation,
		.arg = &f,
	};
	int err = ec2_filters_read(c, instance_keys, &f);

	return err != 0 ? err : list_instances(c, "reservationSet", &w);
}

/* ---- DescribeInstanceStatus ---- */

static const char *
get_ok(struct api_call *c, const struct store_node *n, struct arena *scratch)
{
	(void)scratch;
	return ec2_state_code(c, n) == EC2_RUNNING ? "ok" : "not-applicable";
}

static const char *
get_passed(struct api_call *c, const struct store_node *n, struct arena *scratch)
{
	(void)scratch;
	return ec2_state_code(c, n) == EC2_RUNNING ? "passed" : NULL;
}

static const struct ec2_filter_key status_keys[] = {
	{ "availability-zone", get_zone },
	{ "instance-state-code", get_state_code },
	{ "instance-state-name", get_state },
	{ "instance-status.status", get_ok },
	{ "instance-status.reachability", get_passed },
	{ "system-status.status", get_ok },
	{ "system-status.reachability", get_passed },
	{ "event.code", NULL },
	{ "event.description", NULL },
	{ "event.instance-event-id", NULL },
	{ "event.not-after", NULL },
	{ "event.not-before", NULL },
	{ NULL, NULL },
};

static bool
status_matches(struct node_walk *w, const struct store_node *n, struct arena *scratch)
{
	bool all = api_bool(w->c, "IncludeAllInstances");

	if (!all && ec2_state_code(w->c, n) != EC2_RUNNING)
		return false;
	return ec2_filters_match(w->c, w->arg, n, scratch);
}

static void
write_check(struct api_call *c, const char *name, bool running)
{
	xw_open(&c->out, name);
	xw_elem(&c->out, "status", running ? "ok" : "not-applicable");
	xw_open(&c->out, "details");
	if (running) {
		xw_open(&c->out, "item");
		xw_elem(&c->out, "name", "reachability");
		xw_elem(&c->out, "status", "passed");
		xw_close(&c->out, "item");
	}
	xw_close(&c->out, "details");
	xw_close(&c->out, name);
}

static void
write_status(struct node_walk *w, const struct store_node *n, struct arena *scratch)
{
	struct buf *out = &w->c->out;
	int state = ec2_state_code(w->c, n);

	(void)scratch;
	xw_open(out, "item");
	xw_elem(out, "instanceId", n->id);
	xw_elem(out, "availabilityZone", ec2_zone(w->c, n));
	write_state(out, state);
	write_check(w->c, "systemStatus", state == EC2_RUNNING);
	write_check(w->c, "instanceStatus", state == EC2_RUNNING);
	xw_close(out, "item");
}

static int
describe_status(struct api_call *c)
{
	struct ec2_filters f;
	struct node_walk w = {
		.matches = status_matches,
		.write = write_status,
		.arg = &f,
	};
	int err = ec2_filters_read(c, status_keys, &f);

	return err != 0 ? err : list_instances(c, "instanceStatusSet", &w);
}

#define FILTERS                                                                    \
	"Filters=<Filter>: list(<Filter>)[struct { Name: string; Values=<Value>: " \
	"list(<item>)[string] }]"

const struct api_op ec2_instance_ops[] = {
	{
	    .service = API_EC2,
	    .access = API_READ,
	    .name = "DescribeInstances",
	    .action = "ec2:DescribeInstances",
	    .resource = "*",
	    .input =
		"{ InstanceIds=<InstanceId>: list(<InstanceId>)[string]; "
		"IncludeManagedResources: boolean; DryRun=<dryRun>: boolean; " FILTERS
		"; NextToken=<nextToken>: string; MaxResults=<maxResults>: integer }",
	    .run = describe_instances,
	},
	{
	    .service = API_EC2,
	    .access = API_READ,
	    .name = "DescribeInstanceStatus",
	    .action = "ec2:DescribeInstanceStatus",
	    .resource = "*",
	    .input =
		"{ InstanceIds=<InstanceId>: list(<InstanceId>)[string]; MaxResults: "
		"integer; NextToken: string; IncludeManagedResources: boolean; "
		"DryRun=<dryRun>: boolean; " FILTERS
		"; IncludeAllInstances=<includeAllInstances>: boolean }",
	    .run = describe_status,
	},
	{ 0 },
};
