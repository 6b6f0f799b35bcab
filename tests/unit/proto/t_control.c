/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts and messages of the gateway: written as recorded peers write them, read with
 * their liberties (case of keys, absent members) and none more.
 */
#include "crypto/crypto.h"
#include "proto/control.h"
#include "vec.h"

enum { OUT_MAX = 600 * 1024 };

#define SID "alice-0a1b2c3d4e5f60718"

static struct control_head
head(void)
{
	struct control_head h = { .created_ms = vec_ms };

	assert_int_equal(uuid_parse(h.id, SPAN(VEC_M2)), 0);
	return h;
}

/* The payload of the one message in b, which must be of that type. */
static struct span
payload_of(const struct buf *b, const char *type, uint64_t flags)
{
	struct agentmsg m;

	assert_int_equal(agentmsg_decode(&m, buf_span(b)), 0);
	assert_int_equal(agentmsg_check_digest(&m), 0);
	assert_string_equal(m.type, type);
	assert_int_equal(m.flags, flags);
	assert_int_equal(m.seq, 0);
	assert_int_equal(m.payload_type, 0);
	assert_int_equal(m.created_ms, vec_ms);
	return m.payload;
}

static void
t_vectors(void **state)
{
	struct control_head h = head();
	struct control_closed c = {
		.destination_id = "i-0123456789abcdef0", .session_id = SID, .output = ""
	};
	auto_buf out, want;
	(void)state;

	buf_init(&out, OUT_MAX);
	buf_init(&want, OUT_MAX);
	row("pause_publication");
	control_publication_build(&out, &h, true);
	vec_read(&want, 7);
	check_span(buf_span(&out), buf_span(&want));

	row("channel_closed");
	buf_reset(&out);
	buf_reset(&want);
	control_closed_build(&out, &h, &c);
	vec_read(&want, 8);
	check_span(buf_span(&out), buf_span(&want));

	row("start_publication");
	buf_reset(&out);
	control_publication_build(&out, &h, false);
	check_text(payload_of(&out, MSG_START, 3), "{}");
}

static void
t_closed(void **state)
{
	static const struct {
		const char *what, *json;
		int want;
		const char *output;
	} t[] = {
		{ "as the server writes it",
		    "{\"MessageType\":\"channel_closed\",\"MessageId\":\"m\","
		    "\"DestinationId\":"
		    "\"i-1\",\"SessionId\":\"s\",\"SchemaVersion\":1,\"CreatedDate\":"
		    "\"2026-11-21T00:00:00Z\",\"Output\":\"gone\"}",
		    0, "gone" },
		{ "to an agent, without output",
		    "{\"SessionId\":\"s\",\"SchemaVersion\":1}", 0, "" },
		{ "9.1.13: SchemaVersion as a string",
		    "{\"SessionId\":\"s\",\"SchemaVersion\":\"1\"}", ERR_INVALID, NULL },
		{ "no SchemaVersion", "{\"SessionId\":\"s\"}", ERR_INVALID, NULL },
		{ "output of another type", "{\"SchemaVersion\":1,\"Output\":{}}",
		    ERR_INVALID, NULL },
		{ "not JSON", "bye", ERR_INVALID, NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct control_closed c;
		auto_arena mem;

		row(t[i].what);
		arena_init(&mem);
		assert_int_equal(
		    control_closed_parse(&c, &mem, span_str(t[i].json), NULL), t[i].want);
		if (t[i].want == 0)
			assert_string_equal(c.output, t[i].output);
	}
}

static void
t_open_control(void **state)
{
	struct control_open_control o = { "108cef49-54ad-44f5-8710-bf5425bd8f3f",
		"opaque", "3.3.0.0", "linux" };
	struct control_open_control back;
	auto_arena mem;
	auto_buf out;
	(void)state;

	arena_init(&mem);
	buf_init(&out, OUT_MAX);
	control_open_control_build(&out, &o);
	check_text(buf_span(&out),
	    "{\"Cookie\":null,\"MessageSchemaVersion\":\"1.0\",\"RequestId\":"
	    "\"108cef49-54ad-44f5-8710-bf5425bd8f3f\",\"TokenValue\":\"opaque\","
	    "\"AgentVersion\":\"3.3.0.0\",\"PlatformType\":\"linux\"}");
	assert_int_equal(
	    control_open_control_parse(&back, &mem, buf_span(&out), NULL), 0);
	assert_string_equal(back.token, "opaque");
	assert_string_equal(back.platform_type, "linux");
}

static void
t_open_data(void **state)
{
	static const struct {
		const char *what, *json;
		int want;
		const char *instance, *client, *version;
	} t[] = {
		{ "a plugin",
		    "{\"MessageSchemaVersion\":\"1.0\",\"RequestId\":\"r\","
		    "\"TokenValue\":\"t\","
		    "\"ClientId\":\"c\",\"ClientVersion\":\"1.2.0.0\"}",
		    0, NULL, "c", "1.2.0.0" },
		{ "a plugin before 1.2.677",
		    "{\"MessageSchemaVersion\":\"1.0\",\"RequestId\":\"r\","
		    "\"TokenValue\":\"t\","
		    "\"ClientId\":\"c\"}",
		    0, NULL, "c", "" },
		{ "9.1.10: an agent, whose ClientId is empty",
		    "{\"MessageSchemaVersion\":\"1.0\",\"RequestId\":\"r\","
		    "\"TokenValue\":\"t\","
		    "\"ClientInstanceId\":\"mi-1\",\"ClientId\":\"\"}",
		    0, "mi-1", "", "" },
		{ "lower camel case",
		    "{\"messageSchemaVersion\":\"1.0\",\"requestId\":\"r\","
		    "\"tokenValue\":\"t\","
		    "\"clientId\":\"c\"}",
		    0, NULL, "c", "" },
		{ "an empty ClientInstanceId is nobody",
		    "{\"MessageSchemaVersion\":\"1.0\",\"RequestId\":\"r\","
		    "\"TokenValue\":\"t\","
		    "\"ClientInstanceId\":\"\"}",
		    ERR_INVALID, NULL, NULL, NULL },
		{ "no token", "{\"MessageSchemaVersion\":\"1.0\",\"RequestId\":\"r\"}",
		    ERR_INVALID, NULL, NULL, NULL },
		{ "an empty token",
		    "{\"MessageSchemaVersion\":\"1.0\",\"RequestId\":\"r\","
		    "\"TokenValue\":\"\"}",
		    ERR_INVALID, NULL, NULL, NULL },
		{ "a token that is a number",
		    "{\"MessageSchemaVersion\":\"1.0\",\"RequestId\":\"r\","
		    "\"TokenValue\":1}",
		    ERR_INVALID, NULL, NULL, NULL },
		{ "another schema",
		    "{\"MessageSchemaVersion\":\"2.0\",\"RequestId\":\"r\","
		    "\"TokenValue\":\"t\"}",
		    ERR_INVALID, NULL, NULL, NULL },
		{ "the token twice",
		    "{\"MessageSchemaVersion\":\"1.0\",\"RequestId\":\"r\","
		    "\"TokenValue\":\"t\","
		    "\"TokenValue\":\"u\"}",
		    ERR_INVALID, NULL, NULL, NULL },
		{ "a list", "[]", ERR_INVALID, NULL, NULL, NULL },
		{ "nothing", "", ERR_INVALID, NULL, NULL, NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct control_open_data o, back;
		auto_arena mem;
		auto_buf out;

		row(t[i].what);
		arena_init(&mem);
		buf_init(&out, OUT_MAX);
		assert_int_equal(
		    control_open_data_parse(&o, &mem, span_str(t[i].json), NULL),
		    t[i].want);
		if (t[i].want != 0)
			continue;
		assert_int_equal(o.client_instance_id == NULL, t[i].instance == NULL);
		if (t[i].instance != NULL)
			assert_string_equal(o.client_instance_id, t[i].instance);
		assert_string_equal(o.client_id, t[i].client);
		assert_string_equal(o.client_version, t[i].version);
		control_open_data_build(&out, &o);
		assert_int_equal(
		    control_open_data_parse(&back, &mem, buf_span(&out), NULL), 0);
		assert_string_equal(back.token, "t");
	}
}

/* Our own client says so when its token is the secret of a session; an agent cannot. */
static void
t_open_resumes(void **state)
{
	static const struct {
		const char *what, *member;
		bool resumes;
	} t[] = {
		{ "it does", "\"SallyportResume\":true", true },
		{ "it does not", "\"SallyportResume\":false", false },
		{ "a word is no answer", "\"SallyportResume\":\"yes\"", false },
		{ "an agent has no secret",
		    "\"SallyportResume\":true,\"ClientInstanceId\":\"mi-1\"", false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct control_open_data o;
		auto_arena mem = { 0 };
		auto_buf text = { .max = OUT_MAX }, out = { .max = OUT_MAX };

		row(t[i].what);
		buf_addf(&text,
		    "{\"MessageSchemaVersion\":\"1.0\",\"RequestId\":\"r\","
		    "\"TokenValue\":\"t\",%s}",
		    t[i].member);
		assert_int_equal(
		    control_open_data_parse(&o, &mem, buf_span(&text), NULL), 0);
		assert_int_equal(o.resumes, t[i].resumes);
		control_open_data_build(&out, &o);
		assert_int_equal(
		    memmem(out.p, out.len, "Sallyport", 9) != NULL, t[i].resumes);
	}
}

static void
t_limits(void **state)
{
	static const struct {
		size_t token;
		int want;
	} t[] = {
		{ CONTROL_TOKEN_MAX, 0 },
		{ CONTROL_TOKEN_MAX + 1, ERR_LIMIT },
		{ CONTROL_OPEN_MAX, ERR_LIMIT },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_free char *token = xcalloc(1, t[i].token + 1);
		struct control_open_data o = { .request_id = "r", .token = token };
		struct control_open_data back;
		auto_arena mem;
		auto_buf out;

		memset(token, 'x', t[i].token);
		arena_init(&mem);
		buf_init(&out, OUT_MAX);
		control_open_data_build(&out, &o);
		assert_int_equal(
		    control_open_data_parse(&back, &mem, buf_span(&out), NULL),
		    t[i].want);
	}
}

static void
t_create(void **state)
{
	struct control_create c = { .request_id = "r" }, back;
	const char *token;
	auto_arena mem;
	auto_buf out;
	(void)state;

	arena_init(&mem);
	buf_init(&out, OUT_MAX);
	control_create_build(&out, &c);
	check_text(
	    buf_span(&out), "{\"MessageSchemaVersion\":\"1.0\",\"RequestId\":\"r\"}");
	assert_int_equal(control_create_parse(&back, &mem, buf_span(&out), NULL), 0);
	assert_false(back.data);
	buf_reset(&out);
	c.data = true;
	control_create_build(&out, &c);
	check_text(buf_span(&out),
	    "{\"MessageSchemaVersion\":\"1.0\",\"RequestId\":\"r\",\"ClientId\":\"\"}");
	assert_int_equal(control_create_parse(&back, &mem, buf_span(&out), NULL), 0);
	assert_true(back.data);
	assert_int_equal(
	    control_create_parse(&back, &mem, SPAN("{}"), NULL), ERR_INVALID);

	buf_reset(&out);
	control_created_build(&out, false, "a<b");
	check_text(buf_span(&out),
	    "<CreateControlChannelResponse><MessageSchemaVersion>1.0</"
	    "MessageSchemaVersion>"
	    "<TokenValue>a&lt;b</TokenValue></CreateControlChannelResponse>");
	assert_int_equal(control_created_parse(&token, &mem, buf_span(&out)), 0);
	assert_string_equal(token, "a<b");
	buf_reset(&out);
	control_created_build(&out, true, "t");
	check_text(buf_span(&out),
	    "<CreateDataChannelResponse><MessageSchemaVersion>1.0</MessageSchemaVersion>"
	    "<TokenValue>t</TokenValue></CreateDataChannelResponse>");
	assert_int_not_equal(control_created_parse(&token, &mem, SPAN("<a></a>")), 0);
	assert_int_not_equal(
	    control_created_parse(&token, &mem, SPAN("<a><TokenValue></TokenValue></a>")),
	    0);
}

static void
t_shell(void **state)
{
	struct control_head h = head();
	struct control_shell s = {
		.document_name = "SSM-SessionManagerRunShell",
		.document_content =
		    SPAN("{\"schemaVersion\":\"1.0\",\"inputs\":{\"a\":\"\\\"\"}}"),
		.session_id = SID,
		.session_owner = "arn:aws:iam::000000000000:user/alice",
	};
	struct control_shell back;
	auto_arena mem;
	auto_buf out;
	(void)state;

	arena_init(&mem);
	buf_init(&out, OUT_MAX);
	control_shell_build(&out, &h, &s);
	check_text(payload_of(&out, MSG_INTERACTIVE_SHELL, 0),
	    "{\"Content\":\"{\\\"DocumentName\\\":\\\"SSM-SessionManagerRunShell\\\","
	    "\\\"DocumentContent\\\":{\\\"schemaVersion\\\":\\\"1.0\\\","
	    "\\\"inputs\\\":{\\\"a\\\":\\\"\\\\\\\"\\\"}},"
	    "\\\"SessionId\\\":\\\"" SID "\\\",\\\"Parameters\\\":{},"
	    "\\\"RunAsUser\\\":\\\"\\\",\\\"SessionOwner\\\":"
	    "\\\"arn:aws:iam::000000000000:user/alice\\\"}\","
	    "\"TaskId\":\"" SID
	    "\",\"Topic\":\"aws.ssm.startSession\",\"SchemaVersion\":1}");
	assert_int_equal(control_shell_parse(&back, &mem,
			     payload_of(&out, MSG_INTERACTIVE_SHELL, 0), NULL),
	    0);
	assert_string_equal(back.session_id, SID);
	assert_string_equal(back.document_name, s.document_name);
	check_span(back.document_content, s.document_content);
	check_text(back.parameters, "{}");
	assert_string_equal(back.run_as_user, "");
}

static void
t_shell_refused(void **state)
{
	static const struct {
		const char *what, *json;
	} t[] = {
		{ "Content is an object", "{\"SchemaVersion\":1,\"Content\":{}}" },
		{ "SchemaVersion is a string",
		    "{\"SchemaVersion\":\"1\",\"Content\":\"{\\\"SessionId\\\":\\\"s\\\","
		    "\\\"DocumentContent\\\":{}}\"}" },
		{ "no session id",
		    "{\"SchemaVersion\":1,\"Content\":\"{\\\"DocumentContent\\\":{}}"
		    "\"}" },
		{ "a session id that walks the tree",
		    "{\"SchemaVersion\":1,\"Content\":\"{\\\"SessionId\\\":\\\"../x\\\","
		    "\\\"DocumentContent\\\":{}}\"}" },
		{ "no document",
		    "{\"SchemaVersion\":1,\"Content\":\"{\\\"SessionId\\\":\\\"s\\\"}"
		    "\"}" },
		{ "document is a string",
		    "{\"SchemaVersion\":1,\"Content\":\"{\\\"SessionId\\\":\\\"s\\\","
		    "\\\"DocumentContent\\\":\\\"{}\\\"}\"}" },
		{ "parameters are a list",
		    "{\"SchemaVersion\":1,\"Content\":\"{\\\"SessionId\\\":\\\"s\\\","
		    "\\\"DocumentContent\\\":{},\\\"Parameters\\\":[]}\"}" },
		{ "Content is not JSON", "{\"SchemaVersion\":1,\"Content\":\"shell\"}" },
	};
	struct control_shell s;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct fault f = { 0 };
		auto_arena mem;

		row(t[i].what);
		arena_init(&mem);
		assert_int_equal(
		    control_shell_parse(&s, &mem, span_str(t[i].json), &f), ERR_INVALID);
		assert_int_not_equal(f.text[0], 0);
	}
}

static void
t_tasks(void **state)
{
	struct control_head h = head();
	struct control_task_complete t = { .task_id = SID,
		.status = "Failed",
		.instance_id = "mi-0123456789abcdef0",
		.output = "no",
		.retry_number = 1 };
	struct control_task_complete tb;
	struct control_task_ack a = { .message_id = VEC_M1, .task_id = SID }, ab;
	auto_arena mem;
	auto_buf out;
	(void)state;

	arena_init(&mem);
	buf_init(&out, OUT_MAX);
	control_task_complete_build(&out, &h, &t);
	check_text(payload_of(&out, MSG_TASK_COMPLETE, 0),
	    "{\"SchemaVersion\":1,\"TaskId\":\"" SID
	    "\",\"Topic\":\"agent_task_complete\","
	    "\"FinalTaskStatus\":\"Failed\",\"IsRoutingFailure\":false,\"AwsAccountId\":"
	    "\"\","
	    "\"InstanceId\":\"mi-0123456789abcdef0\",\"Output\":\"no\",\"S3Bucket\":\"\","
	    "\"S3UrlSuffix\":\"\",\"CwlGroup\":\"\",\"CwlStream\":\"\",\"RetryNumber\":"
	    "1}");
	assert_int_equal(control_task_complete_parse(
			     &tb, &mem, payload_of(&out, MSG_TASK_COMPLETE, 0), NULL),
	    0);
	assert_string_equal(tb.status, "Failed");
	assert_string_equal(tb.output, "no");
	assert_string_equal(tb.log_stream, "");
	assert_int_equal(tb.retry_number, 1);
	assert_int_equal(
	    control_task_complete_parse(&tb, &mem,
		SPAN("{\"TaskId\":\"a/b\",\"FinalTaskStatus\":\"Success\"}"), NULL),
	    ERR_INVALID);
	assert_int_equal(
	    control_task_complete_parse(&tb, &mem, SPAN("{\"TaskId\":\"a\"}"), NULL),
	    ERR_INVALID);

	row("agent-protocol 10.12: the acknowledgement that ends the repetitions");
	buf_reset(&out);
	control_task_ack_build(&out, &h, &a);
	check_text(payload_of(&out, MSG_TASK_ACKNOWLEDGE, 0),
	    "{\"SchemaVersion\":1,\"MessageId\":\"" VEC_M1 "\",\"TaskId\":\"" SID
	    "\",\"Topic\":\"agent_task_complete\"}");
	assert_int_equal(control_task_ack_parse(
			     &ab, &mem, payload_of(&out, MSG_TASK_ACKNOWLEDGE, 0), NULL),
	    0);
	assert_string_equal(ab.message_id, VEC_M1);
}

static void
t_state(void **state)
{
	struct control_head h = head();
	struct control_state s = { .session_id = SID }, back;
	auto_arena mem;
	auto_buf out;
	(void)state;

	arena_init(&mem);
	buf_init(&out, OUT_MAX);
	control_state_build(&out, &h, &s);
	check_text(payload_of(&out, MSG_SESSION_STATE, 3),
	    "{\"SchemaVersion\":1,\"SessionState\":\"Connected\",\"SessionId\":\"" SID
	    "\"}");
	buf_reset(&out);
	s.terminating = true;
	control_state_build(&out, &h, &s);
	assert_int_equal(control_state_parse(
			     &back, &mem, payload_of(&out, MSG_SESSION_STATE, 3), NULL),
	    0);
	assert_true(back.terminating);
	assert_int_equal(
	    control_state_parse(&back, &mem,
		SPAN("{\"SessionState\":\"Dancing\",\"SessionId\":\"s\"}"), NULL),
	    ERR_INVALID);
}

/* A builder that ran out of room says so in the buffer and adds nothing. */
static void
t_overflow(void **state)
{
	struct control_head h = head();
	struct control_state s = { .session_id = SID };
	auto_buf out;
	(void)state;

	buf_init(&out, 64);
	control_state_build(&out, &h, &s);
	assert_int_equal(buf_check(&out), ERR_LIMIT);
	assert_int_equal(out.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_vectors),
		cmocka_unit_test(t_closed),
		cmocka_unit_test(t_open_control),
		cmocka_unit_test(t_open_data),
		cmocka_unit_test(t_open_resumes),
		cmocka_unit_test(t_limits),
		cmocka_unit_test(t_create),
		cmocka_unit_test(t_shell),
		cmocka_unit_test(t_shell_refused),
		cmocka_unit_test(t_tasks),
		cmocka_unit_test(t_state),
		cmocka_unit_test(t_overflow),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
