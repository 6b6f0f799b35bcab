/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session documents: what is refused when one is created, what parameters do, and what
 * the agent gets.
 */
#include "unit/check.h"

#include "codec/json.h"
#include "proto/document.h"

enum { OUT_MAX = DOCUMENT_RESOLVED_MAX };

#define BAD           "Parameters provided in document are invalid or not supported."
#define DOC(rest)     "{\"schemaVersion\":\"1.0\",\"sessionType\":" rest "}"
#define SHELL(inputs) DOC("\"Standard_Stream\",\"inputs\":{" inputs "}")

static void
t_builtins(void **state)
{
	(void)state;

	assert_int_equal(document_builtins_len, 9);
	for (size_t i = 0; i < document_builtins_len; i++) {
		const struct document_builtin *b = &document_builtins[i];
		struct fault f = { 0 };

		row(b->name);
		assert_int_equal(document_check(span_str(b->content), &f), 0);
		assert_string_equal(b->type, "Session");
		assert_int_equal(b->account_owned, strncmp(b->name, "SSM-", 4) == 0);
	}
}

static const char *
builtin(const char *name)
{
	for (size_t i = 0; i < document_builtins_len; i++) {
		if (strcmp(document_builtins[i].name, name) == 0)
			return document_builtins[i].content;
	}
	fail_msg("no document %s", name);
	return NULL;
}

#define FORWARD "AWS-StartPortForwardingSession"
#define REMOTE  "AWS-StartPortForwardingSessionToRemoteHost"

/* Parameters of the API: name -> list of one string. */
static void
t_parameters(void **state)
{
	static const struct {
		const char *what, *document, *params;
		int want;
		const char *properties; /* as resolved */
	} t[] = {
		{ "defaults", "AWS-StartSSHSession", NULL, 0, "{\"portNumber\":\"22\"}" },
		{ "ours: the path of a socket", "Sallyport-StartSocketForwardingSession",
		    "{\"path\":[\"/run/docker.sock\"]}", 0,
		    "{\"remoteUnixSocket\":\"/run/docker.sock\",\"type\":"
		    "\"LocalPortForwarding\",\"localPortNumber\":\"0\"}" },
		{ "no path", "Sallyport-StartSocketForwardingSession", NULL, ERR_INVALID,
		    NULL },
		{ "an abstract name", "Sallyport-StartSocketForwardingSession",
		    "{\"path\":[\"@docker\"]}", ERR_INVALID, NULL },
		{ "no parameters given", "AWS-StartSSHSession", "{}", 0,
		    "{\"portNumber\":\"22\"}" },
		{ "agent-protocol 10.6: a list becomes a scalar", "AWS-StartSSHSession",
		    "{\"portNumber\":[\"2222\"]}", 0, "{\"portNumber\":\"2222\"}" },
		{ "a plain string", "AWS-StartSSHSession", "{\"portNumber\":\"2222\"}", 0,
		    "{\"portNumber\":\"2222\"}" },
		{ "two values", "AWS-StartSSHSession", "{\"portNumber\":[\"1\",\"2\"]}",
		    ERR_INVALID, NULL },
		{ "no value", "AWS-StartSSHSession", "{\"portNumber\":[]}", ERR_INVALID,
		    NULL },
		{ "a number", "AWS-StartSSHSession", "{\"portNumber\":[22]}", ERR_INVALID,
		    NULL },
		{ "null", "AWS-StartSSHSession", "{\"portNumber\":null}", ERR_INVALID,
		    NULL },
		{ "an unknown parameter", "AWS-StartSSHSession", "{\"port\":[\"22\"]}",
		    ERR_INVALID, NULL },
		{ "another case of the name", "AWS-StartSSHSession",
		    "{\"PortNumber\":[\"22\"]}", ERR_INVALID, NULL },
		{ "port 0", FORWARD, "{\"portNumber\":[\"0\"]}", ERR_INVALID, NULL },
		{ "port 65535", FORWARD, "{\"portNumber\":[\"65535\"]}", 0,
		    "{\"portNumber\":\"65535\",\"type\":\"LocalPortForwarding\","
		    "\"localPortNumber\":\"0\"}" },
		{ "port 65536", FORWARD, "{\"portNumber\":[\"65536\"]}", ERR_INVALID,
		    NULL },
		{ "agent-protocol 10.7: allowedPattern, a port with more", FORWARD,
		    "{\"portNumber\":[\"80 \"]}", ERR_INVALID, NULL },
		{ "a port and a line", FORWARD, "{\"portNumber\":[\"80\\n\"]}",
		    ERR_INVALID, NULL },
		{ "local port 0", FORWARD, "{\"localPortNumber\":[\"0\"]}", 0,
		    "{\"portNumber\":\"80\",\"type\":\"LocalPortForwarding\","
		    "\"localPortNumber\":\"0\"}" },
		{ "a host", REMOTE,
		    "{\"host\":[\"db.internal\"],\"portNumber\":[\"5432\"]}", 0,
		    "{\"host\":\"db.internal\",\"portNumber\":\"5432\","
		    "\"type\":\"LocalPortForwarding\",\"localPortNumber\":\"0\"}" },
		{ "a host with shell in it", REMOTE, "{\"host\":[\"$(id)\"]}",
		    ERR_INVALID, NULL },
		{ "a missing parameter", "AWS-StartInteractiveCommand", NULL, ERR_INVALID,
		    NULL },
		{ "a list of parameters", "AWS-StartSSHSession", "[]", ERR_INVALID,
		    NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct session_document d;
		struct fault f = { 0 };
		auto_json *params = NULL;
		auto_arena mem;
		auto_buf out;

		row(t[i].what);
		arena_init(&mem);
		buf_init(&out, OUT_MAX);
		if (t[i].params != NULL)
			assert_int_equal(
			    json_read(&params, span_str(t[i].params), NULL), 0);
		assert_int_equal(document_resolve(&d, &out, &mem,
				     span_str(builtin(t[i].document)), params, &f),
		    t[i].want);
		if (t[i].want != 0) {
			assert_string_equal(f.text, BAD);
			continue;
		}
		check_text(d.properties, t[i].properties);
		assert_int_equal(d.type, DOCUMENT_PORT);
	}
}

/* Where {{ name }} is replaced and where not. */
static void
t_insertion(void **state)
{
	static const struct {
		const char *what, *commands, *value, *want;
	} t[] = {
		{ "alone", "{{ x }}", "ls", "ls" },
		{ "without blanks", "{{x}}", "ls", "ls" },
		{ "with more blanks", "{{   x }}", "ls", "ls" },
		{ "in the middle", "a {{ x }} b", "ls", "a ls b" },
		{ "twice", "{{x}}{{x}}", "l", "ll" },
		{ "an empty value", "[{{x}}]", "", "[]" },
		{ "inserted text is not looked at again", "{{ x }}", "{{ x }}",
		    "{{ x }}" },
		{ "not even when it meets a brace", "{{{ x }}", "{ x }}", "{{ x }}" },
		{ "other templates stay", "docker -f {{.State}} {{ssm:p}} {{ y }}", "v",
		    "docker -f {{.State}} {{ssm:p}} {{ y }}" },
		{ "an open end", "a {{ x", "v", "a {{ x" },
		{ "no name", "{{ }}{{}}", "v", "{{ }}{{}}" },
		{ "three braces", "{{{x}}}", "v", "{v}" },
		{ "a dollar is a dollar", "{{x}}", "a$$b", "a$$b" },
		{ "quotes", "echo '{{x}}'", "\"\\",
		    "echo '\"\\"
		    "'" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_json *doc =
		    json_pack("{s:s,s:s,s:{s:{s:s}},s:{s:{s:s}}}", "schemaVersion", "1.0",
			"sessionType", "InteractiveCommands", "parameters", "x", "type",
			"String", "properties", "linux", "commands", t[i].commands);
		auto_json *params = json_pack("{s:[s]}", "x", t[i].value);
		struct session_document d, agent;
		auto_arena mem;
		auto_buf text, out;

		row(t[i].what);
		arena_init(&mem);
		buf_init(&text, OUT_MAX);
		buf_init(&out, OUT_MAX);
		json_dump(&text, doc);
		assert_int_equal(
		    document_resolve(&d, &out, &mem, buf_span(&text), params, NULL), 0);
		assert_string_equal(d.commands, t[i].want);
		/* And the agent, who reads the result, finds the same. */
		assert_int_equal(
		    document_resolve(&agent, NULL, &mem, buf_span(&out), NULL, NULL), 0);
		assert_string_equal(agent.commands, t[i].want);
		check_span(agent.properties, d.properties);
	}
}

static void
t_inputs(void **state)
{
	static const char full[] = SHELL(
	    "\"s3BucketName\":\"b\",\"s3KeyPrefix\":\"k\",\"s3EncryptionEnabled\":"
	    "\"true\","
	    "\"cloudWatchLogGroupName\":\"g\",\"cloudWatchEncryptionEnabled\":false,"
	    "\"cloudWatchStreamingEnabled\":\"true\",\"kmsKeyId\":\"\",\"runAsEnabled\":"
	    "true,"
	    "\"runAsDefaultUser\":\"deploy\",\"idleSessionTimeout\":\"60\","
	    "\"maxSessionDuration\":\"1440\",\"shellProfile\":{\"linux\":\"exec bash\"},"
	    "\"somethingNew\":1");
	struct session_document d;
	auto_arena mem;
	auto_buf out;
	(void)state;

	arena_init(&mem);
	buf_init(&out, OUT_MAX);
	assert_int_equal(document_resolve(&d, &out, &mem, SPAN(full), NULL, NULL), 0);
	assert_int_equal(d.type, DOCUMENT_STANDARD_STREAM);
	assert_int_equal(d.idle_min, 60);
	assert_int_equal(d.max_min, 1440);
	assert_true(d.run_as_enabled && d.s3_encryption && d.log_streaming);
	assert_false(d.log_encryption);
	assert_string_equal(d.run_as_default_user, "deploy");
	assert_string_equal(d.shell_profile, "exec bash");
	assert_string_equal(d.s3_bucket, "b");
	assert_string_equal(d.log_group, "g");
	row("cloudWatchStreamingEnabled must be a JSON boolean for stock agents");
	check_text(buf_span(&out),
	    "{\"schemaVersion\":\"1.0\",\"sessionType\":\"Standard_Stream\",\"inputs\":{"
	    "\"s3BucketName\":\"b\",\"s3KeyPrefix\":\"k\",\"s3EncryptionEnabled\":true,"
	    "\"cloudWatchLogGroupName\":\"g\",\"cloudWatchEncryptionEnabled\":false,"
	    "\"cloudWatchStreamingEnabled\":true,\"kmsKeyId\":\"\",\"runAsEnabled\":true,"
	    "\"runAsDefaultUser\":\"deploy\",\"idleSessionTimeout\":\"60\","
	    "\"maxSessionDuration\":\"1440\",\"shellProfile\":{\"linux\":\"exec bash\"},"
	    "\"somethingNew\":1},\"properties\":{},\"parameters\":{}}");

	row("nothing said");
	assert_int_equal(document_resolve(&d, NULL, &mem,
			     SPAN(DOC("\"Standard_Stream\"")), NULL, NULL),
	    0);
	assert_int_equal(d.idle_min, DOCUMENT_IDLE_DEFAULT);
	assert_int_equal(d.max_min, 0);
	assert_string_equal(d.commands, "");
}

/* Numbers in properties make the stock agent fail; it gets strings. */
static void
t_ports_become_strings(void **state)
{
	struct session_document d;
	auto_arena mem;
	(void)state;

	arena_init(&mem);
	assert_int_equal(document_resolve(&d, NULL, &mem,
			     SPAN(DOC("\"Port\",\"properties\":{\"portNumber\":80,"
				      "\"localPortNumber\":0}")),
			     NULL, NULL),
	    0);
	check_text(d.properties, "{\"portNumber\":\"80\",\"localPortNumber\":\"0\"}");
	assert_string_equal(d.port, "80");
}

#define PARAM(decl)                                                     \
	DOC("\"Port\",\"parameters\":{\"p\":" decl "},\"properties\":{" \
	    "\"portNumber\":\"{{ p }}\"}")

static void
t_check(void **state)
{
	static const struct {
		const char *what, *json;
		int check, resolve;
	} t[] = {
		{ "the least", DOC("\"Standard_Stream\""), 0, 0 },
		{ "not JSON", "shell", ERR_INVALID, ERR_INVALID },
		{ "a list", "[]", ERR_INVALID, ERR_INVALID },
		{ "agent-protocol 10.5, 10.29: schema 2.2",
		    "{\"schemaVersion\":\"2.2\",\"sessionType\":\"Port\"}",
		    ERR_UNSUPPORTED, ERR_UNSUPPORTED },
		{ "schema as a number",
		    "{\"schemaVersion\":1.0,\"sessionType\":\"Port\"}", ERR_UNSUPPORTED,
		    ERR_UNSUPPORTED },
		{ "an unknown type", DOC("\"Video\""), ERR_INVALID, ERR_INVALID },
		{ "inputs are a list", DOC("\"Standard_Stream\",\"inputs\":[]"),
		    ERR_INVALID, ERR_INVALID },
		{ "idle 0", SHELL("\"idleSessionTimeout\":\"0\""), ERR_INVALID,
		    ERR_INVALID },
		{ "idle 1", SHELL("\"idleSessionTimeout\":\"1\""), 0, 0 },
		{ "idle 60, a number", SHELL("\"idleSessionTimeout\":60"), 0, 0 },
		{ "idle 61", SHELL("\"idleSessionTimeout\":\"61\""), ERR_INVALID,
		    ERR_INVALID },
		{ "idle empty", SHELL("\"idleSessionTimeout\":\"\""), 0, 0 },
		{ "idle long", SHELL("\"idleSessionTimeout\":\"20 min\""), ERR_INVALID,
		    ERR_INVALID },
		{ "duration 1441", SHELL("\"maxSessionDuration\":\"1441\""), ERR_INVALID,
		    ERR_INVALID },
		{ "a boolean that is a number", SHELL("\"runAsEnabled\":1"), ERR_INVALID,
		    ERR_INVALID },
		{ "a boolean that is yes", SHELL("\"runAsEnabled\":\"yes\""), ERR_INVALID,
		    ERR_INVALID },
		{ "a user with shell in it", SHELL("\"runAsDefaultUser\":\"a;id\""),
		    ERR_INVALID, ERR_INVALID },
		{ "a bucket that is an object", SHELL("\"s3BucketName\":{}"), ERR_INVALID,
		    ERR_INVALID },
		{ "shellProfile is empty text", SHELL("\"shellProfile\":\"\""), 0, 0 },
		{ "an open place is not judged",
		    SHELL("\"idleSessionTimeout\":\"{{ t }}\""), 0, ERR_INVALID },
		{ "a port session without port", DOC("\"Port\",\"properties\":{}"),
		    ERR_INVALID, ERR_INVALID },
		{ "a port session without properties", DOC("\"Port\""), ERR_INVALID,
		    ERR_INVALID },
		{ "port 0", DOC("\"Port\",\"properties\":{\"portNumber\":\"0\"}"),
		    ERR_INVALID, ERR_INVALID },
		{ "a prefix with other characters",
		    DOC("\"NonInteractiveCommands\",\"properties\":{\"linux\":{"
			"\"commands\":\"ls\","
			"\"stdOutSeparatorPrefix\":\"$\"}}"),
		    ERR_INVALID, ERR_INVALID },
		{ "a parameter without type", PARAM("{}"), ERR_INVALID, ERR_INVALID },
		{ "a parameter of another type", PARAM("{\"type\":\"StringMap\"}"),
		    ERR_INVALID, ERR_INVALID },
		{ "a pattern that does not compile",
		    PARAM("{\"type\":\"String\",\"default\":\"80\",\"allowedPattern\":\"("
			  "\"}"),
		    ERR_INVALID, ERR_INVALID },
		{ "no default", PARAM("{\"type\":\"String\"}"), 0, ERR_INVALID },
		{ "a default", PARAM("{\"type\":\"String\",\"default\":\"80\"}"), 0, 0 },
		{ "a default of the wrong sort",
		    PARAM("{\"type\":\"String\",\"default\":\"x\"}"), 0, ERR_INVALID },
		{ "an integer default", PARAM("{\"type\":\"Integer\",\"default\":80}"), 0,
		    0 },
		{ "a name with a dot",
		    DOC("\"Standard_Stream\",\"parameters\":{\"a.b\":{\"type\":"
			"\"String\"}}"),
		    ERR_INVALID, ERR_INVALID },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct session_document d;
		struct fault f = { 0 };
		auto_arena mem;

		row(t[i].what);
		arena_init(&mem);
		assert_int_equal(document_check(span_str(t[i].json), &f), t[i].check);
		assert_int_equal(f.text[0] != '\0', t[i].check != 0);
		assert_int_equal(
		    document_resolve(&d, NULL, &mem, span_str(t[i].json), NULL, NULL),
		    t[i].resolve);
	}
}

static void
t_allowed_values(void **state)
{
	static const char doc[] =
	    DOC("\"InteractiveCommands\",\"parameters\":{"
		"\"v\":{\"type\":\"String\",\"default\":\"a\",\"allowedValues\":[\"a\","
		"\"b\"]},"
		"\"b\":{\"type\":\"Boolean\",\"default\":false},"
		"\"n\":{\"type\":\"Integer\",\"default\":1},"
		"\"m\":{\"type\":\"String\",\"default\":\"xx\",\"minChars\":2,"
		"\"maxChars\":3}},"
		"\"properties\":{\"linux\":{\"commands\":\"{{v}} {{b}} {{n}} {{m}}\","
		"\"runAsElevated\":\"{{b}}\"}}");
	static const struct {
		const char *params;
		int want;
		const char *commands;
		bool elevated;
	} t[] = {
		{ "{}", 0, "a false 1 xx", false },
		{ "{\"v\":[\"b\"],\"b\":[\"true\"],\"n\":[\"-7\"]}", 0, "b true -7 xx",
		    true },
		{ "{\"v\":[\"c\"]}", ERR_INVALID, NULL, false },
		{ "{\"v\":[\"\"]}", ERR_INVALID, NULL, false },
		{ "{\"b\":[\"yes\"]}", ERR_INVALID, NULL, false },
		{ "{\"n\":[\"1.5\"]}", ERR_INVALID, NULL, false },
		{ "{\"m\":[\"x\"]}", ERR_INVALID, NULL, false },
		{ "{\"m\":[\"xxxx\"]}", ERR_INVALID, NULL, false },
		{ "{\"m\":[\"\u00e4\u00e4\u00e4\"]}", 0, "a false 1 \u00e4\u00e4\u00e4",
		    false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct session_document d;
		auto_json *params = NULL;
		auto_arena mem;

		row(t[i].params);
		arena_init(&mem);
		assert_int_equal(json_read(&params, span_str(t[i].params), NULL), 0);
		assert_int_equal(
		    document_resolve(&d, NULL, &mem, SPAN(doc), params, NULL), t[i].want);
		if (t[i].want != 0)
			continue;
		assert_string_equal(d.commands, t[i].commands);
		assert_int_equal(d.run_as_elevated, t[i].elevated);
	}
}

/* A long value in many places does not grow without end. */
static void
t_growth(void **state)
{
	auto_free char *value = xcalloc(1, DOCUMENT_VALUE_MAX + 2);
	struct session_document d;
	auto_json *params = NULL;
	auto_arena mem;
	auto_buf doc;
	(void)state;

	arena_init(&mem);
	buf_init(&doc, OUT_MAX);
	buf_add_str(&doc,
	    "{\"schemaVersion\":\"1.0\",\"sessionType\":\"InteractiveCommands\","
	    "\"parameters\":{\"x\":{\"type\":\"String\"}},\"properties\":{\"a\":[");
	for (int i = 0; i < 3000; i++)
		buf_addf(&doc, "\"{{x}}\",");
	buf_add_str(&doc, "\"\"]}}");
	memset(value, 'v', DOCUMENT_VALUE_MAX);
	params = json_pack("{s:[s]}", "x", value);
	assert_int_equal(
	    document_resolve(&d, NULL, &mem, buf_span(&doc), params, NULL), ERR_LIMIT);
	json_decref(params);
	value[DOCUMENT_VALUE_MAX] = 'v';
	params = json_pack("{s:[s]}", "x", value);
	assert_int_equal(
	    document_resolve(&d, NULL, &mem, buf_span(&doc), params, NULL), ERR_INVALID);
}

static void
t_types(void **state)
{
	enum document_type t;
	(void)state;

	for (int i = DOCUMENT_STANDARD_STREAM; i <= DOCUMENT_PORT; i++) {
		const char *name = document_type_name((enum document_type)i);

		row(name);
		assert_int_equal(document_type_parse(&t, span_str(name)), 0);
		assert_int_equal(t, i);
	}
	assert_int_equal(document_type_parse(&t, SPAN("port")), ERR_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_builtins),
		cmocka_unit_test(t_parameters),
		cmocka_unit_test(t_insertion),
		cmocka_unit_test(t_inputs),
		cmocka_unit_test(t_ports_become_strings),
		cmocka_unit_test(t_check),
		cmocka_unit_test(t_allowed_values),
		cmocka_unit_test(t_growth),
		cmocka_unit_test(t_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
