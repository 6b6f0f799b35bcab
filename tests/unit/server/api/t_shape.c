/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The notation of inputs, types, and the words of every violation.
 */
#include "unit/check.h"

#include "base/text.h"
#include "server/api/shape.h"

struct fixture {
	struct arena mem;
	struct shape *s;
};

static void
open_shape(struct fixture *x, const char *text)
{
	struct fault f = { 0 };

	arena_init(&x->mem);
	if (shape_parse(&x->s, &x->mem, text, &f) != 0)
		fail_msg("%s: %s", text, f.text);
}

static void
close_shape(struct fixture *x)
{
	shape_fini(x->s);
	arena_fini(&x->mem);
}

static json_t *
parse_json(const char *text)
{
	json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);

	if (v == NULL)
		fail_msg("not JSON: %s", text);
	return v;
}

#define TAG_KEY "^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$"
#define START                                               \
	"{ Target*: string{1..400}; DocumentName: "         \
	"string{/^[a-zA-Z0-9_\\-.:/]{3,128}$/}; "           \
	"Reason: string{1..256 /^.{1,256}$/}; Parameters: " \
	"map<string{1..5},list[string{1..3}]> }"
#define LISTS                                                                      \
	"{ State*: string{Active|History}; MaxResults: integer{1..200}; Filters: " \
	"list{1..2}[struct { key*: string{A|B}; value*: string{1..4} }]; Ids: "    \
	"list{0..2}[string{/i-\\d/}]; Secret~: string{4..}; When: timestamp; On: " \
	"boolean }"

/* One violation and the words AWS has for it. */
static const struct {
	const char *what, *shape, *in, *message;
} messages[] = {
	{ "nothing wrong", START, "{\"Target\":\"i-1\"}", NULL },
	{ "required", START, "{}",
	    "1 validation error detected: Value null at 'target' failed to "
	    "satisfy "
	    "constraint: Member must not be null" },
	{ "null counts as absent", START, "{\"Target\":null}",
	    "1 validation error detected: Value null at 'target' failed to "
	    "satisfy "
	    "constraint: Member must not be null" },
	{ "too short", START, "{\"Target\":\"\"}",
	    "1 validation error detected: Value '' at 'target' failed to satisfy "
	    "constraint: Member must have length greater than or equal to 1" },
	{ "pattern", START, "{\"Target\":\"x\",\"DocumentName\":\"a b\"}",
	    "1 validation error detected: Value 'a b' at 'documentName' failed "
	    "to "
	    "satisfy constraint: Member must satisfy regular expression pattern: "
	    "^[a-zA-Z0-9_\\-.:/]{3,128}$" },
	{ "pattern before length", START, "{\"Target\":\"x\",\"Reason\":\"\"}",
	    "2 validation errors detected: Value '' at 'reason' failed to "
	    "satisfy "
	    "constraint: Member must satisfy regular expression pattern: "
	    "^.{1,256}$; "
	    "Value '' at 'reason' failed to satisfy constraint: Member must have "
	    "length greater than or equal to 1" },
	{ "a line feed is no character for '.'", START,
	    "{\"Target\":\"x\",\"Reason\":\"a\\n\"}",
	    "1 validation error detected: Value 'a\n' at 'reason' failed to "
	    "satisfy "
	    "constraint: Member must satisfy regular expression pattern: "
	    "^.{1,256}$" },
	{ "map keys", START, "{\"Target\":\"x\",\"Parameters\":{\"longer\":[\"a\"]}}",
	    "1 validation error detected: Value '{longer=[a]}' at 'parameters' "
	    "failed "
	    "to satisfy constraint: Map keys must satisfy constraint: [Member "
	    "must have "
	    "length less than or equal to 5, Member must have length greater "
	    "than or "
	    "equal to 1]" },
	{ "map values", START, "{\"Target\":\"x\",\"Parameters\":{\"k\":[\"\"]}}",
	    "1 validation error detected: Value '{k=[]}' at 'parameters' failed "
	    "to "
	    "satisfy constraint: Map value must satisfy constraint: [Member must "
	    "satisfy constraint: [Member must have length less than or equal to "
	    "3, "
	    "Member must have length greater than or equal to 1]]" },
	{ "enum", LISTS, "{\"State\":\"active\"}",
	    "1 validation error detected: Value 'active' at 'state' failed to "
	    "satisfy "
	    "constraint: Member must satisfy enum value set: [Active, History]" },
	{ "value too large", LISTS, "{\"State\":\"Active\",\"MaxResults\":201}",
	    "1 validation error detected: Value '201' at 'maxResults' failed to "
	    "satisfy "
	    "constraint: Member must have value less than or equal to 200" },
	{ "value too small", LISTS, "{\"State\":\"Active\",\"MaxResults\":-1}",
	    "1 validation error detected: Value '-1' at 'maxResults' failed to "
	    "satisfy "
	    "constraint: Member must have value greater than or equal to 1" },
	{ "empty list", LISTS, "{\"State\":\"Active\",\"Filters\":[]}",
	    "1 validation error detected: Value '[]' at 'filters' failed to "
	    "satisfy "
	    "constraint: Member must have length greater than or equal to 1" },
	{ "a structure in a list", LISTS,
	    "{\"State\":\"Active\",\"Filters\":[{\"key\":\"A\",\"value\":\"x\"},"
	    "{\"key\":\"C\",\"value\":\"12345\"}]}",
	    "2 validation errors detected: Value 'C' at 'filters.2.member.key' "
	    "failed "
	    "to satisfy constraint: Member must satisfy enum value set: [A, B]; "
	    "Value "
	    "'12345' at 'filters.2.member.value' failed to satisfy constraint: "
	    "Member "
	    "must have length less than or equal to 4" },
	{ "a missing member of a structure", LISTS,
	    "{\"State\":\"Active\",\"Filters\":[{\"key\":\"A\"}]}",
	    "1 validation error detected: Value null at 'filters.1.member.value' "
	    "failed "
	    "to satisfy constraint: Member must not be null" },
	{ "a null among structures", LISTS, "{\"State\":\"Active\",\"Filters\":[null]}",
	    "1 validation error detected: Value null at 'filters.1.member' "
	    "failed to "
	    "satisfy constraint: Member must not be null" },
	{ "elements of a plain list", LISTS,
	    "{\"State\":\"Active\",\"Ids\":[\"i-1\",\"x\"]}",
	    "1 validation error detected: Value '[i-1, x]' at 'ids' failed to "
	    "satisfy "
	    "constraint: Member must satisfy constraint: [Member must satisfy "
	    "regular "
	    "expression pattern: i-\\d]" },
	{ "too many elements", LISTS,
	    "{\"State\":\"Active\",\"Ids\":[\"i-1\",\"i-2\",\"i-3\"]}",
	    "1 validation error detected: Value '[i-1, i-2, i-3]' at 'ids' "
	    "failed to "
	    "satisfy constraint: Member must have length less than or equal to "
	    "2" },
	{ "a secret is not repeated", LISTS, "{\"State\":\"Active\",\"Secret\":\"abc\"}",
	    "1 validation error detected: Value at 'secret' failed to satisfy "
	    "constraint: Member must have length greater than or equal to 4" },
	{ "several, in the order of the model", LISTS,
	    "{\"MaxResults\":0,\"Ids\":[\"x\"],\"Filters\":[]}",
	    "4 validation errors detected: Value null at 'state' failed to "
	    "satisfy "
	    "constraint: Member must not be null; Value '0' at 'maxResults' "
	    "failed to "
	    "satisfy constraint: Member must have value greater than or equal to "
	    "1; "
	    "Value '[]' at 'filters' failed to satisfy constraint: Member must "
	    "have "
	    "length greater than or equal to 1; Value '[x]' at 'ids' failed to "
	    "satisfy "
	    "constraint: Member must satisfy constraint: [Member must satisfy "
	    "regular "
	    "expression pattern: i-\\d]" },
	{ "letters of any script", "{ Key: string{1..128 /" TAG_KEY "/} }",
	    "{\"Key\":\"\\u0416\\u00e9 \\u5b57\"}", NULL },
	{ "but no signs", "{ Key: string{1..128 /" TAG_KEY "/} }", "{\"Key\":\"a*\"}",
	    "1 validation error detected: Value 'a*' at 'key' failed to satisfy "
	    "constraint: Member must satisfy regular expression "
	    "pattern: " TAG_KEY },
	{ "length counts characters", "{ Key: string{..2} }",
	    "{\"Key\":\"\\u5b57\\u5b57\"}", NULL },
	{ "the whole value must match", "{ Key: string{/a|ab/} }", "{\"Key\":\"ab\"}",
	    NULL },
	{ "not a part of it", "{ Key: string{/[ab]+/} }", "{\"Key\":\"xaby\"}",
	    "1 validation error detected: Value 'xaby' at 'key' failed to "
	    "satisfy "
	    "constraint: Member must satisfy regular expression pattern: [ab]+" },
	{ "quantifiers beyond what PCRE counts", "{ Key: string{/^.{1,100000}$/} }",
	    "{\"Key\":\"x\"}", NULL },
	{ "structures inside structures", "{ A: struct { B*: struct { C*: string } } }",
	    "{\"A\":{\"B\":{}}}",
	    "1 validation error detected: Value null at 'a.b.c' failed to "
	    "satisfy "
	    "constraint: Member must not be null" },
};

static void
t_messages(void **state)
{
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		struct fixture x;
		struct fault f = { 0 };
		json_t *in = parse_json(messages[i].in);
		char *message;

		row(messages[i].what);
		open_shape(&x, messages[i].shape);
		assert_int_equal(shape_clean(x.s, in, &f), 0);
		if (messages[i].message == NULL) {
			assert_int_equal(shape_check(x.s, in, SHAPE_FULL, &x.mem, &message), 0);
			assert_null(message);
		} else {
			assert_int_equal(
			    shape_check(x.s, in, SHAPE_FULL, &x.mem, &message), ERR_INVALID);
			check_text(span_str(message), messages[i].message);
		}
		json_decref(in);
		close_shape(&x);
	}
}

/* As recorded from IAM. */
static void
t_brief(void **state)
{
	struct fixture x;
	json_t *in = parse_json("{\"S\":\"x\",\"K\":\"!\",\"L\":[\"abc\"]}");
	char *message;

	(void)state;
	open_shape(&x, "{ S: string{A|B}; K: string{/[a-z]/}; L: list[string{..2}]; M*: long }");
	assert_int_equal(shape_check(x.s, in, SHAPE_BRIEF, &x.mem, &message), ERR_INVALID);
	check_text(span_str(message),
	    "4 validation errors detected: "
	    "Value at 's' failed to satisfy constraint: Member must satisfy enum value set; "
	    "Value at 'k' failed to satisfy constraint: Member must satisfy regular "
	    "expression pattern: [a-z]; "
	    "Value at 'l' failed to satisfy constraint: Member must satisfy constraint: "
	    "[Member must have length less than or equal to 2]; "
	    "Value at 'm' failed to satisfy constraint: Member must not be null");
	json_decref(in);
	close_shape(&x);
}

static void
t_at_most_ten(void **state)
{
	struct fixture x;
	char *message, text[600] = "{\"L\":[";
	json_t *in;
	size_t n = strlen(text);

	(void)state;
	for (int i = 0; i < 30; i++)
		n += (size_t)snprintf(
		    text + n, sizeof(text) - n, "%s{\"a\":\"x\"}", i > 0 ? "," : "");
	snprintf(text + n, sizeof(text) - n, "]}");
	in = parse_json(text);
	open_shape(&x, "{ L: list[struct { a: string{2..} }] }");
	assert_int_equal(shape_check(x.s, in, SHAPE_FULL, &x.mem, &message), ERR_INVALID);
	assert_true(strncmp(message, "10 validation errors detected: ", 31) == 0);
	assert_null(strstr(message, "l.11.member"));
	json_decref(in);
	close_shape(&x);
}

/* A long value is cut at a character, so the message stays UTF-8. */
static void
t_long_value(void **state)
{
	enum { N = 3000 };
	struct fixture x;
	auto_free char *value = xmalloc(2 * N + 2);
	char *message;
	json_t *in;

	(void)state;
	value[0] = 'a';
	for (size_t i = 0; i < N; i++)
		memcpy(value + 1 + 2 * i, "\xc3\xa9", 2);
	value[2 * N + 1] = '\0';
	in = json_pack("{s:s}", "K", value);
	open_shape(&x, "{ K: string{..10} }");
	assert_int_equal(shape_check(x.s, in, SHAPE_FULL, &x.mem, &message), ERR_INVALID);
	assert_true(strlen(message) < SHAPE_VALUE_MAX + 200);
	assert_non_null(strstr(message, "...' at 'k'"));
	assert_true(utf8_valid(span_str(message)));
	assert_non_null(strstr(message, "\xc3\xa9..."));
	json_decref(in);
	close_shape(&x);
}

/* A value that makes a pattern work for ever does not match. */
static void
t_step_limit(void **state)
{
	struct regex *re;
	char text[64];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(regex_new(&re, "(a|aa|aaa)+b", NULL), 0);
	assert_false(regex_matches(re, span_of(text, sizeof(text))));
	regex_free(re);
}

static void
t_types(void **state)
{
	static const char shape[] =
	    "{ S: string; I: integer; L: list[string]; M: map<string,integer>; T: "
	    "struct { B: boolean }; W: timestamp; D: double }";
	static const struct {
		const char *what, *in, *text; /* text NULL: fine, and then: */
		const char *out;
	} t[] = {
		{ "unknown members and nulls go", "{\"X\":1,\"S\":null,\"I\":1}", NULL,
		    "{\"I\":1}" },
		{ "inside structures too", "{\"T\":{\"X\":1,\"B\":true}}", NULL,
		    "{\"T\":{\"B\":true}}" },
		{ "a whole real is an integer", "{\"I\":7.0}", NULL, "{\"I\":7}" },
		{ "fractions are dropped", "{\"I\":7.9}", NULL, "{\"I\":7}" },
		{ "in maps as well", "{\"M\":{\"a\":1.5,\"b\":null}}", NULL,
		    "{\"M\":{\"a\":1}}" },
		{ "times may be either", "{\"W\":1795225285.25}", NULL,
		    "{\"W\":1795225285.25}" },
		{ "number for string", "{\"S\":1}",
		    "NUMBER_VALUE can not be converted to a String", NULL },
		{ "boolean for string", "{\"S\":true}",
		    "TRUE_VALUE can not be converted to a String", NULL },
		{ "string for integer", "{\"I\":\"1\"}",
		    "STRING_VALUE can not be converted to an Integer", NULL },
		{ "too large an integer", "{\"I\":3000000000}",
		    "NUMBER_VALUE can not be converted to an Integer", NULL },
		{ "infinitely large", "{\"I\":1e300}",
		    "NUMBER_VALUE can not be converted to an Integer", NULL },
		{ "string for boolean", "{\"T\":{\"B\":\"true\"}}",
		    "STRING_VALUE can not be converted to a Boolean", NULL },
		{ "string for list", "{\"L\":\"a\"}", "Expected list or null", NULL },
		{ "object for list", "{\"L\":{}}",
		    "Start of structure or map found where not expected.", NULL },
		{ "list for string", "{\"S\":[]}",
		    "Start of list found where not expected", NULL },
		{ "list for map", "{\"M\":[]}", "Start of list found where not expected",
		    NULL },
		{ "string for map", "{\"M\":\"a\"}", "Expected map or null", NULL },
		{ "wrong type in a list", "{\"L\":[1]}",
		    "NUMBER_VALUE can not be converted to a String", NULL },
		{ "no object at all", "[]", "Start of list found where not expected",
		    NULL },
		{ "a string at the top", "\"a\"", "Expected structure or null", NULL },
	};
	struct fixture x;
	(void)state;

	open_shape(&x, shape);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct fault f = { 0 };
		json_t *in = parse_json(t[i].in);

		row(t[i].what);
		if (t[i].text != NULL) {
			assert_int_equal(shape_clean(x.s, in, &f), ERR_INVALID);
			check_text(span_str(f.text), t[i].text);
		} else {
			char *out;

			assert_int_equal(shape_clean(x.s, in, &f), 0);
			out = json_dumps(in, JSON_COMPACT | JSON_SORT_KEYS);
			check_text(span_str(out), t[i].out);
			free(out);
		}
		json_decref(in);
	}
	close_shape(&x);
}

static void
t_forms(void **state)
{
	static const char ec2[] =
	    "{ InstanceIds=<InstanceId>: list(<InstanceId>)[string]; DryRun=<dryRun>: "
	    "boolean; Filters=<Filter>: list(<Filter>)[struct { Name: string; "
	    "Values=<Value>: list(<item>)[string] }]; MaxResults=<maxResults>: integer; "
	    "When: timestamp; Odd(q:Even): string }";
	static const char query[] =
	    "{ Tags: list[struct { Key*: string; Value: string }]; Names: "
	    "list(flat)[string]; "
	    "N: integer; M: map<string,string>; S: struct { A: string } }";
	static const struct {
		const char *what, *shape, *form, *out; /* out NULL: refused */
		bool ec2;
	} t[] = {
		{ "lists of EC2 are flat", ec2, "InstanceId.1=i-1&InstanceId.2=i-2",
		    "{\"InstanceIds\":[\"i-1\",\"i-2\"]}", true },
		{ "filters", ec2,
		    "Filter.1.Name=tag%3AName&Filter.1.Value.1=a*&Filter.1.Value.2=b&"
		    "Filter.2.Name=x",
		    "{\"Filters\":[{\"Name\":\"tag:Name\",\"Values\":[\"a*\",\"b\"]},"
		    "{\"Name\":\"x\"}]}",
		    true },
		{ "switches and numbers", ec2, "DryRun=true&MaxResults=7",
		    "{\"DryRun\":true,\"MaxResults\":7}", true },
		{ "a name of its own", ec2, "Even=1&Odd=2", "{\"Odd\":\"1\"}", true },
		{ "a time", ec2, "When=2026-11-21T00:00:00Z", "{\"When\":1795219200.0}",
		    true },
		{ "no number", ec2, "MaxResults=many", NULL, true },
		{ "no switch", ec2, "DryRun=maybe", NULL, true },
		{ "ten elements in their order", ec2,
		    "InstanceId.10=j&InstanceId.1=a&InstanceId.2=b&InstanceId.3=c&"
		    "InstanceId.4=d&"
		    "InstanceId.5=e&InstanceId.6=f&InstanceId.7=g&InstanceId.8=h&"
		    "InstanceId.9=i",
		    "{\"InstanceIds\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\","
		    "\"i\","
		    "\"j\"]}",
		    true },
		{ "a hole ends a list", ec2, "InstanceId.1=a&InstanceId.3=c",
		    "{\"InstanceIds\":[\"a\"]}", true },
		{ "unknown names are nothing", ec2,
		    "Action=X&Version=1&InstanceId=1&Filter.x=1", "{}", true },
		{ "members of Query lists", query,
		    "Tags.member.1.Key=a&Tags.member.1.Value=",
		    "{\"Tags\":[{\"Key\":\"a\",\"Value\":\"\"}]}", false },
		{ "flat Query lists", query, "Names.1=x&Names.2=y",
		    "{\"Names\":[\"x\",\"y\"]}", false },
		{ "Query maps", query, "M.entry.1.key=a&M.entry.1.value=b",
		    "{\"M\":{\"a\":\"b\"}}", false },
		{ "structures", query, "S.A=1", "{\"S\":{\"A\":\"1\"}}", false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct fixture x;
		struct fault f = { 0 };
		struct query q;
		json_t *out = NULL;
		char *text;
		int err;

		row(t[i].what);
		open_shape(&x, t[i].shape);
		assert_int_equal(query_parse(&q, &x.mem, span_str(t[i].form)), 0);
		err = shape_from_form(
		    &out, x.s, t[i].ec2 ? SHAPE_FORM_EC2 : SHAPE_FORM_QUERY, &q, &f);
		assert_int_equal(err, t[i].out == NULL ? ERR_INVALID : 0);
		if (t[i].out != NULL) {
			text = json_dumps(out, JSON_COMPACT | JSON_SORT_KEYS);
			check_text(span_str(text), t[i].out);
			free(text);
		}
		json_decref(out);
		close_shape(&x);
	}
}

static void
t_bad_notation(void **state)
{
	static const char *const t[] = { "", "string", "{", "{ A }", "{ A: }",
		"{ A: strung }", "{ A: string{/a/ }", "{ A: string{/(/} }",
		"{ A: list[string }", "{ A: map<string> }", "{ A: string } x",
		"{ A: string B: string }", "{ : string }", "{ A=<x: string }" };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct fault f = { 0 };
		struct shape *s;
		auto_arena mem;

		arena_init(&mem);
		row(t[i]);
		assert_int_equal(shape_parse(&s, &mem, t[i], &f), ERR_INVALID);
		assert_true(f.text[0] != '\0');
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_messages),
		cmocka_unit_test(t_brief),
		cmocka_unit_test(t_at_most_ten),
		cmocka_unit_test(t_long_value),
		cmocka_unit_test(t_step_limit),
		cmocka_unit_test(t_types),
		cmocka_unit_test(t_forms),
		cmocka_unit_test(t_bad_notation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
