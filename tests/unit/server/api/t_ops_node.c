/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet: SSM's and EC2's lists with their filters, pages and errors; tags; leaving.
 */
#include "world.h"

/* Nodes of different kinds: two mi- (the first online), three i-. */
struct fleet {
	struct world w;
	const char *ids[5];
};

static const char *
add_node(struct world *w, const char *prefix, const char *name, const char *env)
{
	struct node n;

	node_make(w, &n,
	    arena_printf(&w->mem,
		",\"DefaultInstanceName\":\"n\",\"Tags\":[{\"Key\":\"Name\",\"Value\":\"%"
		"s\"},"
		"{\"Key\":\"Env\",\"Value\":\"%s\"},{\"Key\":\"sallyport:instance-id-"
		"prefix\","
		"\"Value\":\"%s\"}]",
		name, env, prefix));
	node_ping(w, &n,
	    arena_printf(&w->mem,
		",\"AgentVersion\":\"3.%zu.0.0\",\"PlatformType\":\"Linux\","
		"\"IPAddress\":"
		"\"10.0.0.%zu\",\"ComputerName\":\"%s.example\"",
		strlen(name), strlen(name), name));
	return n.id;
}

static void
fleet_up(struct fleet *f)
{
	world_up(&f->w);
	f->ids[0] = add_node(&f->w, "mi-", "a", "prod");
	f->ids[1] = add_node(&f->w, "mi-", "bb", "test");
	f->ids[2] = add_node(&f->w, "i-", "demo-app-prod-1", "prod");
	f->ids[3] = add_node(&f->w, "i-", "demo-app-prod-22", "prod");
	f->ids[4] = add_node(&f->w, "i-", "demo-db", "test");
	node_connect(&f->w, f->ids[0]);
}

/* Which of the fleet are in the answer, as digits. */
static const char *
who(struct fleet *f)
{
	char text[8] = "";
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(f->ids); i++) {
		if (strstr(f->w.body, f->ids[i]) != NULL)
			text[n++] = (char)('0' + i);
	}
	return arena_strdup(&f->w.mem, text);
}

static void
t_information(void **state)
{
	static const struct {
		const char *what, *filters, *who; /* who NULL: an error, by code */
		const char *code;
	} t[] = {
		{ "all", "[]", "01234", NULL },
		{ "by tag", "[{\"Key\":\"tag:Env\",\"Values\":[\"prod\"]}]", "023",
		    NULL },
		{ "by either value",
		    "[{\"Key\":\"tag:Env\",\"Values\":[\"prod\",\"test\"]}]", "01234",
		    NULL },
		{ "tags have no wildcards here",
		    "[{\"Key\":\"tag:Name\",\"Values\":[\"demo-*\"]}]", "", NULL },
		{ "by tag key", "[{\"Key\":\"tag-key\",\"Values\":[\"Env\"]}]", "01234",
		    NULL },
		{ "online", "[{\"Key\":\"PingStatus\",\"Values\":[\"Online\"]}]", "0",
		    NULL },
		{ "not online",
		    "[{\"Key\":\"PingStatus\",\"Values\":[\"ConnectionLost\"]}]", "1234",
		    NULL },
		{ "both kinds of types",
		    "[{\"Key\":\"ResourceType\",\"Values\":[\"EC2Instance\"]}]", "234",
		    NULL },
		{ "as source type",
		    "[{\"Key\":\"SourceTypes\",\"Values\":[\"AWS::SSM::ManagedInstance\"]"
		    "}]",
		    "01", NULL },
		{ "by role", "[{\"Key\":\"IamRole\",\"Values\":[\"SallyportNode\"]}]",
		    "01234", NULL },
		{ "by version", "[{\"Key\":\"AgentVersion\",\"Values\":[\"3.1.0.0\"]}]",
		    "0", NULL },
		{ "filters add up",
		    "[{\"Key\":\"tag:Env\",\"Values\":[\"prod\"]},{\"Key\":"
		    "\"PlatformTypes\","
		    "\"Values\":[\"Linux\"]},{\"Key\":\"ResourceType\",\"Values\":"
		    "[\"ManagedInstance\"]}]",
		    "0", NULL },
		{ "an unknown id",
		    "[{\"Key\":\"InstanceIds\",\"Values\":[\"mi-0123456789abcdef0\"]}]",
		    "", NULL },
		{ "associations there are none",
		    "[{\"Key\":\"AssociationStatus\",\"Values\":[\"Success\"]}]", "",
		    NULL },
		{ "no such key", "[{\"Key\":\"Bogus\",\"Values\":[\"x\"]}]", NULL,
		    "InvalidFilterKey" },
		{ "no tag", "[{\"Key\":\"tag:\",\"Values\":[\"x\"]}]", NULL,
		    "InvalidFilterKey" },
		{ "no such status", "[{\"Key\":\"PingStatus\",\"Values\":[\"Up\"]}]",
		    NULL, "InvalidInstanceInformationFilterValue" },
		{ "no such platform",
		    "[{\"Key\":\"PlatformTypes\",\"Values\":[\"BeOS\"]}]", NULL,
		    "InvalidInstanceInformationFilterValue" },
		{ "no id", "[{\"Key\":\"InstanceIds\",\"Values\":[\"web\"]}]", NULL,
		    "InvalidInstanceId" },
		{ "no values", "[{\"Key\":\"InstanceIds\",\"Values\":[]}]", NULL,
		    "ValidationException" },
	};
	struct fleet f;
	(void)state;

	fleet_up(&f);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		ssm(&f.w, "DescribeInstanceInformation",
		    arena_printf(&f.w.mem, "{\"Filters\":%s}", t[i].filters));
		if (t[i].who != NULL)
			expect_ok(&f.w);
		else
			expect_error(&f.w, t[i].code, NULL);
		check_text(span_str(who(&f)), t[i].who != NULL ? t[i].who : "");
	}
	row("the older list");
	ssm(&f.w, "DescribeInstanceInformation",
	    arena_printf(&f.w.mem,
		"{\"InstanceInformationFilterList\":[{\"key\":\"InstanceIds\","
		"\"valueSet\":"
		"[\"%s\",\"%s\",\"%s\"]}]}",
		f.ids[4], f.ids[1], f.ids[4]));
	check_text(span_str(who(&f)), "14");
	row("not both");
	ssm(&f.w, "DescribeInstanceInformation",
	    "{\"InstanceInformationFilterList\":[{\"key\":\"PingStatus\",\"valueSet\":"
	    "[\"Online\"]}],\"Filters\":[{\"Key\":\"PingStatus\",\"Values\":[\"Online\"]}"
	    "]}");
	expect_error(&f.w, "ValidationException", NULL);
	world_down(&f.w);
}

static void
t_information_members(void **state)
{
	struct fleet f;
	json_t *i;
	(void)state;

	fleet_up(&f);
	ssm(&f.w, "DescribeInstanceInformation",
	    arena_printf(&f.w.mem,
		"{\"Filters\":[{\"Key\":\"InstanceIds\",\"Values\":[\"%s\"]}]}",
		f.ids[0]));
	i = json_array_get(json_get_arr(f.w.json, "InstanceInformationList"), 0);
	assert_string_equal(json_get_str(i, "PingStatus"), "Online");
	assert_string_equal(json_get_str(i, "Name"), "n");
	assert_string_equal(json_get_str(i, "IamRole"), "SallyportNode");
	assert_string_equal(json_get_str(i, "ComputerName"), "a.example");
	assert_string_equal(json_get_str(i, "SourceId"), f.ids[0]);
	assert_non_null(json_get_str(i, "ActivationId"));
	assert_true(json_is_number(json_object_get(i, "LastPingDateTime")));
	row("what only mi- nodes have");
	ssm(&f.w, "DescribeInstanceInformation",
	    arena_printf(&f.w.mem,
		"{\"Filters\":[{\"Key\":\"InstanceIds\",\"Values\":[\"%s\"]}]}",
		f.ids[2]));
	i = json_array_get(json_get_arr(f.w.json, "InstanceInformationList"), 0);
	assert_null(json_object_get(i, "Name"));
	assert_null(json_object_get(i, "RegistrationDate"));
	row("inactive after thirty days");
	sim_run_for(f.w.sim, 31ULL * 24 * 3600 * 1000);
	ssm(&f.w, "DescribeInstanceInformation",
	    "{\"Filters\":[{\"Key\":\"PingStatus\",\"Values\":[\"Inactive\"]}]}");
	check_text(span_str(who(&f)), "1234");
	world_down(&f.w);
}

/* However pages are cut, everyone is on exactly one. */
static void
t_pages(void **state)
{
	static const struct {
		const char *op, *list;
		bool filter;
	} t[] = {
		{ "DescribeInstanceInformation", "InstanceInformationList", false },
		{ "DescribeInstanceInformation", "InstanceInformationList", true },
		{ "DescribeInstanceProperties", "InstanceProperties", false },
	};
	struct fleet f;
	(void)state;

	fleet_up(&f);
	for (int i = 0; i < 9; i++)
		add_node(&f.w, i % 2 == 0 ? "mi-" : "i-", "more", "prod");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const char *token = NULL, *seen = "";
		size_t total = 0, pages = 0;

		row(t[i].op);
		do {
			const char *ids;

			ssm(&f.w, t[i].op,
			    arena_printf(&f.w.mem, "{\"MaxResults\":5%s%s%s%s}",
				t[i].filter
				    ? ",\"Filters\":[{\"Key\":\"tag:Env\",\"Values\":"
				      "[\"prod\"]}]"
				    : "",
				token != NULL ? ",\"NextToken\":\"" : "",
				token != NULL ? token : "", token != NULL ? "\"" : ""));
			expect_ok(&f.w);
			ids = each(&f.w, t[i].list, "InstanceId");
			total += json_array_size(json_get_arr(f.w.json, t[i].list));
			/* In order and never again: ids only grow. */
			assert_true(strcmp(seen, ids) < 0);
			seen = ids;
			token = json_get_str(f.w.json, "NextToken");
			token = token != NULL ? arena_strdup(&f.w.mem, token) : NULL;
			pages++;
		} while (token != NULL);
		assert_int_equal(total, t[i].filter ? 12 : 14);
		assert_int_equal(pages, 3);
	}
	world_down(&f.w);
}

static void
t_properties(void **state)
{
	static const struct {
		const char *what, *filter, *who, *code;
	} t[] = {
		{ "newer",
		    "\"Key\":\"AgentVersion\",\"Values\":[\"3.9\"],\"Operator\":"
		    "\"GreaterThan\"",
		    "23", NULL },
		{ "older",
		    "\"Key\":\"AgentVersion\",\"Values\":[\"3.2\"],\"Operator\":"
		    "\"LessThan\"",
		    "0", NULL },
		{ "by the beginning",
		    "\"Key\":\"tag:Name\",\"Values\":[\"demo-app\"],\"Operator\":"
		    "\"BeginWith\"",
		    "23", NULL },
		{ "not",
		    "\"Key\":\"tag:Env\",\"Values\":[\"prod\"],\"Operator\":\"NotEqual\"",
		    "14", NULL },
		{ "equal is the default", "\"Key\":\"tag:Env\",\"Values\":[\"test\"]",
		    "14", NULL },
		{ "a wrong value", "\"Key\":\"PingStatus\",\"Values\":[\"Up\"]", NULL,
		    "InvalidInstancePropertyFilterValue" },
	};
	struct fleet f;
	(void)state;

	fleet_up(&f);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		ssm(&f.w, "DescribeInstanceProperties",
		    arena_printf(
			&f.w.mem, "{\"FiltersWithOperator\":[{%s}]}", t[i].filter));
		if (t[i].code != NULL)
			expect_error(&f.w, t[i].code, NULL);
		else
			check_text(span_str(who(&f)), t[i].who);
	}
	row("state and name");
	ssm(&f.w, "DescribeInstanceProperties", "{}");
	assert_true(body_has(&f.w, "\"InstanceState\":\"running\""));
	assert_true(body_has(&f.w, "\"Name\":\"demo-db\""));
	world_down(&f.w);
}

/* ---- EC2 ---- */

static void
t_instances(void **state)
{
	static const struct {
		const char *what, *form, *who;
		int status;
		const char *code, *message;
	} t[] = {
		{ "all", "", "01234", 200, NULL, NULL },
		{ "as the guide asks",
		    "Filter.1.Name=tag%3AName&Filter.1.Value.1=demo-app-prod-%2A&Filter."
		    "2.Name="
		    "instance-state-name&Filter.2.Value.1=running",
		    "", 200, NULL, NULL },
		{ "with a star",
		    "Filter.1.Name=tag%3AName&Filter.1.Value.1=demo-app-prod-%2A", "23",
		    200, NULL, NULL },
		{ "with question marks",
		    "Filter.1.Name=tag%3AName&Filter.1.Value.1=demo-%3F%3F", "4", 200,
		    NULL, NULL },
		{ "case matters", "Filter.1.Name=tag%3AName&Filter.1.Value.1=Demo%2A", "",
		    200, NULL, NULL },
		{ "running", "Filter.1.Name=instance-state-name&Filter.1.Value.1=running",
		    "0", 200, NULL, NULL },
		{ "by code", "Filter.1.Name=instance-state-code&Filter.1.Value.1=80",
		    "1234", 200, NULL, NULL },
		{ "by address",
		    "Filter.1.Name=private-ip-address&Filter.1.Value.1=10.0.0.1", "0",
		    200, NULL, NULL },
		{ "by id", "Filter.1.Name=instance-id&Filter.1.Value.1=i-%2A", "234", 200,
		    NULL, NULL },
		{ "by tag value", "Filter.1.Name=tag-value&Filter.1.Value.1=te%2A", "14",
		    200, NULL, NULL },
		{ "by name", "Filter.1.Name=private-dns-name&Filter.1.Value.1=bb.%2A",
		    "1", 200, NULL, NULL },
		{ "what nobody has", "Filter.1.Name=vpc-id&Filter.1.Value.1=%2A", "", 200,
		    NULL, NULL },
		{ "an unknown filter", "Filter.1.Name=bogus&Filter.1.Value.1=x", "", 400,
		    "InvalidParameterValue", "The filter &apos;bogus&apos; is invalid" },
		{ "no values", "Filter.1.Name=vpc-id", "", 400, "InvalidParameterValue",
		    NULL },
		{ "an unknown id", "InstanceId.1=i-0123456789abcdef0", "", 400,
		    "InvalidInstanceID.NotFound", NULL },
		{ "a malformed id", "InstanceId.1=x", "", 400,
		    "InvalidInstanceID.Malformed", NULL },
		{ "a dry run", "DryRun=true", "", 412, "DryRunOperation",
		    "Request would have succeeded, but DryRun flag is set." },
		{ "too small a page", "MaxResults=1", "", 400, "InvalidParameterValue",
		    NULL },
		{ "a made-up token", "NextToken=abcd", "", 400, "InvalidParameterValue",
		    NULL },
	};
	struct fleet f;
	(void)state;

	fleet_up(&f);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		ec2(&f.w, "DescribeInstances", t[i].form);
		if (t[i].code != NULL) {
			/* Quotes may be escaped or not; compare what is between. */
			expect_xml_error(&f.w, t[i].status, t[i].code,
			    t[i].message != NULL && strchr(t[i].message, '&') == NULL
				? t[i].message
				: NULL);
			continue;
		}
		expect_ok(&f.w);
		check_text(span_str(who(&f)), t[i].who);
	}
	row("pages");
	add_node(&f.w, "i-", "sixth", "prod");
	ec2(&f.w, "DescribeInstances", "MaxResults=5");
	assert_true(body_has(&f.w, "<nextToken>"));
	world_down(&f.w);
}

static void
t_status(void **state)
{
	struct fleet f;
	(void)state;

	fleet_up(&f);
	row("running ones only");
	ec2(&f.w, "DescribeInstanceStatus", "");
	check_text(span_str(who(&f)), "0");
	assert_true(body_has(&f.w, "<status>ok</status>"));
	row("all");
	ec2(&f.w, "DescribeInstanceStatus", "IncludeAllInstances=true");
	check_text(span_str(who(&f)), "01234");
	row("a stopped one by id");
	ec2(&f.w, "DescribeInstanceStatus",
	    arena_printf(&f.w.mem, "InstanceId.1=%s", f.ids[3]));
	check_text(span_str(who(&f)), "");
	world_down(&f.w);
}

/* Six tags whose keys are as long as SSM takes them, four bytes a character. */
static void
tag_long_keys(struct fleet *f, const char *id)
{
	char key[127 * 4 + 1] = "";

	for (int i = 0; i < 127; i++)
		memcpy(key + i * 4, "\xf0\xa0\x80\x80", 5);
	for (int i = 0; i < 6; i++) {
		ssm(&f->w, "AddTagsToResource",
		    arena_printf(&f->w.mem,
			"{\"ResourceType\":\"ManagedInstance\",\"ResourceId\":\"%s\","
			"\"Tags\":[{\"Key\":\"%d%s\",\"Value\":\"\"}]}",
			id, i, key));
		expect_ok(&f->w);
	}
}

static void
t_ec2_tags(void **state)
{
	struct fleet f;
	(void)state;

	fleet_up(&f);
	row("one tag on two");
	ec2(&f.w, "CreateTags",
	    arena_printf(&f.w.mem,
		"ResourceId.1=%s&ResourceId.2=%s&Tag.1.Key=Team&Tag.1.Value=ops&Tag.2."
		"Key=Empty",
		f.ids[2], f.ids[4]));
	expect_ok(&f.w);
	assert_true(body_has(&f.w, "<return>true</return>"));
	ec2(&f.w, "DescribeTags", "Filter.1.Name=tag%3ATeam&Filter.1.Value.1=op%2A");
	check_text(span_str(who(&f)), "24");
	row("seen by SSM");
	ssm(&f.w, "DescribeInstanceInformation",
	    "{\"Filters\":[{\"Key\":\"tag:Team\",\"Values\":[\"ops\"]}]}");
	check_text(span_str(who(&f)), "24");
	row("a change on an unknown resource changes nothing at all");
	ec2(&f.w, "CreateTags",
	    arena_printf(&f.w.mem,
		"ResourceId.1=%s&ResourceId.2=i-0123456789abcdef0&Tag.1.Key=Half&Tag.1."
		"Value=x",
		f.ids[2]));
	expect_xml_error(&f.w, 400, "InvalidInstanceID.NotFound", NULL);
	ec2(&f.w, "DescribeTags", "Filter.1.Name=key&Filter.1.Value.1=Half");
	check_text(span_str(who(&f)), "");
	row("deleting by key and value");
	ec2(&f.w, "DeleteTags",
	    arena_printf(
		&f.w.mem, "ResourceId.1=%s&Tag.1.Key=Team&Tag.1.Value=dev", f.ids[2]));
	expect_ok(&f.w);
	ec2(&f.w, "DeleteTags",
	    arena_printf(&f.w.mem, "ResourceId.1=%s&Tag.1.Key=Team", f.ids[4]));
	ec2(&f.w, "DescribeTags", "Filter.1.Name=key&Filter.1.Value.1=Team");
	check_text(span_str(who(&f)), "2");
	row("pages end behind the longest keys too");
	tag_long_keys(&f, f.ids[0]);
	ec2(&f.w, "DescribeTags",
	    arena_printf(&f.w.mem,
		"MaxResults=5&Filter.1.Name=resource-id&Filter.1.Value.1=%s", f.ids[0]));
	expect_ok(&f.w);
	assert_true(body_has(&f.w, "<nextToken>"));
	row("no resource");
	ec2(&f.w, "CreateTags", "Tag.1.Key=a");
	expect_xml_error(&f.w, 400, "MissingParameter",
	    "The request must contain the parameter ResourceId");
	world_down(&f.w);
}

static void
t_ssm_tags(void **state)
{
	struct fleet f;
	char *many, *p;
	(void)state;

	fleet_up(&f);
	row("documents have tags too");
	ssm(&f.w, "AddTagsToResource",
	    "{\"ResourceType\":\"Document\",\"ResourceId\":\"SSM-"
	    "SessionManagerRunShell\","
	    "\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}]}");
	expect_ok(&f.w);
	ssm(&f.w, "ListTagsForResource",
	    "{\"ResourceType\":\"Document\",\"ResourceId\":\"SSM-"
	    "SessionManagerRunShell\"}");
	check_text(span_str(w_tags(&f.w)), "k=v");
	row("what does not exist here");
	ssm(&f.w, "ListTagsForResource",
	    "{\"ResourceType\":\"Parameter\",\"ResourceId\":\"p\"}");
	expect_error(&f.w, "InvalidResourceId", NULL);
	row("fifty fit, one more does not, and nothing was written");
	many = arena_alloc(&f.w.mem, 4096);
	p = many;
	for (int i = 0; i < 49; i++)
		p += snprintf(
		    p, 64, "%s{\"Key\":\"k%d\",\"Value\":\"\"}", i > 0 ? "," : "", i);
	ssm(&f.w, "AddTagsToResource",
	    arena_printf(&f.w.mem,
		"{\"ResourceType\":\"ManagedInstance\",\"ResourceId\":\"%s\",\"Tags\":[%"
		"s]}",
		f.ids[0], many));
	expect_error(&f.w, "TooManyTagsError", NULL);
	ssm(&f.w, "ListTagsForResource",
	    arena_printf(&f.w.mem,
		"{\"ResourceType\":\"ManagedInstance\",\"ResourceId\":\"%s\"}",
		f.ids[0]));
	check_text(span_str(w_tags(&f.w)), "Env=prod,Name=a");
	world_down(&f.w);
}

/* ---- leaving ---- */

static void
t_deregister(void **state)
{
	struct fleet f;
	(void)state;

	fleet_up(&f);
	ssm(&f.w, "DeregisterManagedInstance",
	    arena_printf(&f.w.mem, "{\"InstanceId\":\"%s\"}", f.ids[0]));
	expect_ok(&f.w);
	row("its channel was dropped");
	assert_string_equal(f.w.links[0].node_id, "");
	assert_false(node_online(server_env(f.w.server)->nodes, f.ids[0]));
	row("with its tags");
	ec2(&f.w, "DescribeTags", "");
	check_text(span_str(who(&f)), "1234");
	row("twice");
	ssm(&f.w, "DeregisterManagedInstance",
	    arena_printf(&f.w.mem, "{\"InstanceId\":\"%s\"}", f.ids[0]));
	expect_error(&f.w, "InvalidInstanceId", NULL);
	row("i- nodes leave the same way");
	ssm(&f.w, "DeregisterManagedInstance",
	    arena_printf(&f.w.mem, "{\"InstanceId\":\"%s\"}", f.ids[2]));
	expect_ok(&f.w);
	ssm(&f.w, "DescribeInstanceInformation", "{}");
	check_text(span_str(who(&f)), "134");
	world_down(&f.w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_information),
		cmocka_unit_test(t_information_members),
		cmocka_unit_test(t_pages),
		cmocka_unit_test(t_properties),
		cmocka_unit_test(t_instances),
		cmocka_unit_test(t_status),
		cmocka_unit_test(t_ec2_tags),
		cmocka_unit_test(t_ssm_tags),
		cmocka_unit_test(t_deregister),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	rsa_free(node_rsa_key());
	return failed;
}
