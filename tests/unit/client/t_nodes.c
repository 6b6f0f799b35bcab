/* SPDX-License-Identifier: Apache-2.0 */
/* Which node a word means, filters, and the names in EC2's answer. */
#include "unit/check.h"

#include "client/command/nodes.h"
#include "codec/json.h"

#define NODE(id, name, host, ping)                                                  \
	"{\"InstanceId\":\"" id "\",\"Name\":\"" name "\",\"ComputerName\":\"" host \
	"\",\"PingStatus\":\"" ping "\"}"

static const char fleet[] = "[" NODE("mi-0a", "web-1", "alpha", "Online") "," NODE(
    "mi-0b", "web-2", "beta", "Online") "," NODE("mi-1c", "web-2", "gamma",
    "ConnectionLost") "," NODE("mi-1d", "db", "delta", "Online") "," NODE("mi-1e", "db",
    "epsilon", "Online") "," NODE("mi-1f", "", "zeta", "Online") "," NODE("mi-20", "web",
    "eta", "ConnectionLost") "," NODE("mi-21", "gone", "",
    "ConnectionLost") "," NODE("mi-22", "gone", "", "ConnectionLost") "]";

static void
t_pick(void **state)
{
	static const struct {
		const char *what, *word;
		size_t n;
		const char *first;
	} t[] = {
		{ "an id", "mi-0a", 1, "mi-0a" },
		{ "a name", "web-1", 1, "mi-0a" },
		{ "a name that others begin with", "web", 1, "mi-20" },
		{ "of two with one name, the one online", "web-2", 1, "mi-0b" },
		{ "two with one name, both online", "db", 2, "mi-1d" },
		{ "two with one name, both away", "gone", 2, "mi-21" },
		{ "a host", "gamma", 1, "mi-1c" },
		{ "the beginning of a name", "go", 2, "mi-21" },
		{ "the beginning of an id", "mi-0", 2, "mi-0a" },
		{ "the beginning of one id", "mi-20", 1, "mi-20" },
		{ "of a host without a name", "zet", 1, "mi-1f" },
		{ "a beginning does not prefer who is online", "web-", 3, "mi-0a" },
		{ "nobody", "nobody", 0, NULL },
		{ "nothing", "", 0, NULL },
		{ "another case", "WEB-1", 0, NULL },
	};
	auto_json *nodes = NULL;
	(void)state;

	assert_int_equal(json_read(&nodes, span_str(fleet), NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_json *found = nodes_pick(nodes, t[i].word);

		row(t[i].what);
		assert_int_equal(json_array_size(found), t[i].n);
		if (t[i].n > 0)
			assert_string_equal(
			    node_id(json_array_get(found, 0)), t[i].first);
	}
}

static void
t_filter(void **state)
{
	static const struct {
		const char *text, *key;
		size_t n;
	} t[] = {
		{ "Key=tag:Environment,Values=prod", "tag:Environment", 1 },
		{ "Key=tag:Environment,Values=prod,test", "tag:Environment", 2 },
		{ "tag:Name=web-*", "tag:Name", 1 },
		{ "PingStatus=Online", "PingStatus", 1 },
		{ "tag:a=b=c", "tag:a", 1 },
		{ "tag:Name=", NULL, 0 },
		{ "Key=tag:Name", NULL, 0 },
		{ "Key=,Values=x", NULL, 0 },
		{ "=x", NULL, 0 },
		{ "nonsense", NULL, 0 },
		{ "", NULL, 0 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_json *values = NULL;
		auto_free char *key = NULL;

		row(t[i].text);
		assert_int_equal(nodes_filter(&key, &values, t[i].text),
		    t[i].key != NULL ? 0 : ERR_INVALID);
		if (t[i].key == NULL)
			continue;
		assert_string_equal(key, t[i].key);
		assert_int_equal(json_array_size(values), t[i].n);
	}
}

static void
note(void *arg, const char *id, const char *name)
{
	buf_addf(arg, "%s=%s;", id, name);
}

static void
t_tags(void **state)
{
	static const struct {
		const char *what, *xml, *want;
	} t[] = {
		{ "nothing", "", "" },
		{ "no instances", "<r><reservationSet></reservationSet></r>", "" },
		{ "one without tags", "<instanceId>i-1</instanceId><tagSet></tagSet>",
		    "i-1=;" },
		{ "Name behind another",
		    "<instanceId>i-1</instanceId><tagSet><item><key>A</key><value>x</"
		    "value>"
		    "</item><item><key>Name</key><value>web</value></item></tagSet>",
		    "i-1=web;" },
		{ "a name belongs to its own instance",
		    "<instanceId>i-1</instanceId><tagSet></tagSet><instanceId>i-2</"
		    "instanceId>"
		    "<tagSet><item><key>Name</key><value>b "
		    "&lt;key&gt;</value></item></tagSet>",
		    "i-1=;i-2=b <key>;" },
		{ "a value that looks like a key",
		    "<instanceId>i-1</instanceId><item><key>x</key><value>Name</value></"
		    "item>",
		    "i-1=;" },
		{ "cut off in the middle",
		    "<instanceId>i-1</instanceId><item><key>Name</key><val", "i-1=;" },
		{ "cut off in an id", "<instanceId>i-", "" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_buf got = { .max = 1000 };

		row(t[i].what);
		nodes_each_tag(span_str(t[i].xml), note, &got);
		check_text(buf_span(&got), t[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_pick),
		cmocka_unit_test(t_filter),
		cmocka_unit_test(t_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
