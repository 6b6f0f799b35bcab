/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions through the API: starting with every kind of document, resuming, ending, lists.
 */
#include "world.h"

#include "proto/control.h"

/* A node that is online, and what was last sent down its control channel. */
struct stage {
	struct world w;
	struct node node;
	struct node_link *link;
	struct buf sent;
	size_t nsent;
};

static struct stage *stage; /* where link_keep() puts messages */

static int
link_keep(struct node_link *l, struct span msg)
{
	(void)l;
	buf_reset(&stage->sent);
	buf_add(&stage->sent, msg);
	stage->nsent++;
	return 0;
}

static void
stage_up(struct stage *s)
{
	stage = s;
	s->nsent = 0;
	buf_init(&s->sent, 1024 * 1024);
	world_up(&s->w);
	node_make(&s->w, &s->node, "");
	s->link = node_connect(&s->w, s->node.id);
	s->link->send = link_keep;
}

static void
stage_down(struct stage *s)
{
	world_down(&s->w);
	buf_fini(&s->sent);
}

static void
start(struct stage *s, const char *more)
{
	ssm(&s->w, "StartSession",
	    arena_printf(&s->w.mem, "{\"Target\":\"%s\"%s}", s->node.id, more));
}

/* The interactive_shell that the agent got for the last StartSession. */
static struct control_shell
shell_of(struct stage *s)
{
	struct control_shell shell;
	struct agentmsg m;
	struct fault f = { 0 };

	assert_int_equal(agentmsg_decode(&m, buf_span(&s->sent)), 0);
	assert_string_equal(m.type, MSG_INTERACTIVE_SHELL);
	if (control_shell_parse(&shell, &s->w.mem, m.payload, &f) != 0)
		fail_msg("%s", f.text);
	return shell;
}

/* Puts a document or a tag into the store, as later operations will. */
struct put {
	const char *a, *b, *c;
};

static int
put_document(struct store_tx *tx, void *arg, struct fault *f)
{
	const struct put *p = arg;
	struct store_document d = {
		.name = (char *)(uintptr_t)p->a,
		.type = (char *)(uintptr_t)p->b,
		.content = (char *)(uintptr_t)p->c,
	};
	int64_t version;

	(void)f;
	return store_document_put(tx, &d, &version);
}

static void
document(struct stage *s, const char *name, const char *type, const char *content)
{
	struct put p = { name, type, content };

	assert_int_equal(store_apply(s->w.store, put_document, &p, NULL), 0);
}

static int
put_tag(struct store_tx *tx, void *arg, struct fault *f)
{
	const struct put *p = arg;

	(void)f;
	return store_tag_put(tx, p->a, p->b, p->c);
}

static void
tag_admin(struct stage *s, const char *value)
{
	struct put p = { "User/admin", "SSMSessionRunAs", value };

	assert_int_equal(store_apply(s->w.store, put_tag, &p, NULL), 0);
}

static bool
content_has(struct stage *s, const char *text)
{
	struct span c = shell_of(s).document_content;

	return memmem(c.p, c.n, text, strlen(text)) != NULL;
}

/* ---- StartSession ---- */

static void
t_start(void **state)
{
	struct control_shell shell;
	const char *id, *url;
	struct stage s;
	(void)state;

	stage_up(&s);
	start(&s, ",\"Reason\":\"a look\"");
	expect_ok(&s.w);
	id = str(&s.w, "SessionId");
	assert_true(strncmp(id, "admin-", 6) == 0);
	assert_int_equal(strlen(id), 6 + 26);
	assert_int_equal(strlen(str(&s.w, "TokenValue")), SESSION_TOKEN_LEN);
	url = str(&s.w, "StreamUrl");
	check_text(span_str(url),
	    arena_printf(
		&s.w.mem, "ws://" HOST "/v1/data-channel/%s?role=publish_subscribe", id));
	shell = shell_of(&s);
	check_text(span_str(shell.session_id), id);
	check_text(span_str(shell.document_name), "SSM-SessionManagerRunShell");
	check_text(span_str(shell.run_as_user), "");
	assert_true(strstr(shell.session_owner, ":user/admin") != NULL);

	row("it is listed");
	ssm(&s.w, "DescribeSessions", "{\"State\":\"Active\"}");
	check_text(span_str(each(&s.w, "Sessions", "SessionId")), id);
	check_text(span_str(each(&s.w, "Sessions", "Status")), "Connecting");
	check_text(span_str(each(&s.w, "Sessions", "Reason")), "a look");
	check_text(span_str(each(&s.w, "Sessions", "Target")), s.node.id);
	check_text(span_str(each(&s.w, "Sessions", "AccessType")), "Standard");
	assert_false(body_has(&s.w, "TokenValue"));

	row("GetConnectionStatus");
	ssm(&s.w, "GetConnectionStatus",
	    arena_printf(&s.w.mem, "{\"Target\":\"%s\"}", s.node.id));
	check_text(span_str(str(&s.w, "Status")), "connected");
	stage_down(&s);
}

static void
t_stream_url_host(void **state)
{
	static const struct {
		const char *what, *setting, *url;
	} t[] = {
		{ "as the client said", "", "ws://" HOST "/v1/data-channel/admin-" },
		{ "another host is behind TLS, if this server is or not",
		    "sally.example:444",
		    "wss://sally.example:444/v1/data-channel/admin-" },
		{ "said to be plain", "ws://sally.example",
		    "ws://sally.example/v1/data-channel/admin-" },
		{ "said to be TLS", "wss://[::1]:444",
		    "wss://[::1]:444/v1/data-channel/admin-" },
	};
	struct stage s;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		stage_up(&s);
		s.w.config.stream_url_host = t[i].setting;
		start(&s, "");
		assert_true(span_starts(span_str(str(&s.w, "StreamUrl")), t[i].url));
		stage_down(&s);
	}
}

static void
t_documents(void **state)
{
	static const struct {
		const char *what, *more, *code, *message,
		    *has; /* has: in what the agent gets */
	} t[] = {
		{ "ssh", ",\"DocumentName\":\"AWS-StartSSHSession\"", NULL, NULL,
		    "\"22\"" },
		{ "a port",
		    ",\"DocumentName\":\"AWS-StartPortForwardingSession\",\"Parameters\":"
		    "{\"portNumber\":[\"8080\"],\"localPortNumber\":[\"9\"]}",
		    NULL, NULL, "\"8080\"" },
		{ "a port behind it",
		    ",\"DocumentName\":\"AWS-StartPortForwardingSessionToRemoteHost\","
		    "\"Parameters\":{\"host\":[\"db.example\"],\"portNumber\":[\"5432\"],"
		    "\"localPortNumber\":[\"0\"]}",
		    NULL, NULL, "db.example" },
		{ "metadata behind it, in disguise",
		    ",\"DocumentName\":\"AWS-StartPortForwardingSessionToRemoteHost\","
		    "\"Parameters\":{\"host\":[\"0xa9fea9fe\"]}",
		    "InvalidParameters",
		    "Forwarding to IP address 169.254.169.254 is forbidden.", NULL },
		{ "by ARN",
		    ",\"DocumentName\":\"arn:aws:ssm:eu-north-1::document/"
		    "AWS-StartSSHSession\"",
		    NULL, NULL, "\"22\"" },
		{ "not there", ",\"DocumentName\":\"Nope\"", "InvalidDocument",
		    "Document with name Nope does not exist.", NULL },
		{ "another kind", ",\"DocumentName\":\"Script\"", "InvalidDocument",
		    "Document type: 'Command' is not supported. Only type: 'Session' is "
		    "supported.",
		    NULL },
		{ "an ARN of something else",
		    ",\"DocumentName\":\"arn:aws:ssm:eu-north-1::parameter/x\"",
		    "InvalidDocument", NULL, NULL },
		{ "an unknown parameter",
		    ",\"DocumentName\":\"AWS-StartSSHSession\",\"Parameters\":{\"x\":["
		    "\"1\"]}",
		    "InvalidParameters",
		    "Parameters provided in document are invalid or not supported.",
		    NULL },
		{ "a port that is none",
		    ",\"DocumentName\":\"AWS-StartSSHSession\",\"Parameters\":{"
		    "\"portNumber\":"
		    "[\"22; id\"]}",
		    "InvalidParameters", NULL, NULL },
		{ "a parameter of the wrong type",
		    ",\"DocumentName\":\"AWS-StartSSHSession\",\"Parameters\":{"
		    "\"portNumber\":"
		    "\"22\"}",
		    "SerializationException", "Expected list or null", NULL },
	};
	struct stage s;
	(void)state;

	stage_up(&s);
	document(&s, "Script", "Command", "{\"schemaVersion\":\"2.2\"}");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		size_t before = s.nsent;

		row(t[i].what);
		start(&s, t[i].more);
		if (t[i].code == NULL) {
			expect_ok(&s.w);
			assert_true(content_has(&s, t[i].has));
		} else {
			expect_error(&s.w, t[i].code, t[i].message);
			assert_int_equal(s.nsent, before);
		}
	}
	stage_down(&s);
}

#define PREFS "SSM-SessionManagerRunShell"
#define PREFS_TEXT(inputs)                                                             \
	"{\"schemaVersion\":\"1.0\",\"description\":\"d\",\"sessionType\":\"Standard_" \
	"Stream\",\"inputs\":{" inputs "}}"

/* Who the shell runs as, and that Amazon's documents are no way around it. */
static void
t_run_as(void **state)
{
	static const char off[] =
	    PREFS_TEXT("\"runAsEnabled\":false,\"runAsDefaultUser\":\"d\"");
	static const char on[] =
	    PREFS_TEXT("\"runAsEnabled\":true,\"runAsDefaultUser\":\"deploy\"");
	static const char bare[] =
	    PREFS_TEXT("\"runAsEnabled\":true,\"runAsDefaultUser\":\"\"");
	static const char command[] = ",\"DocumentName\":\"AWS-StartInteractiveCommand\","
				      "\"Parameters\":{\"command\":"
				      "[\"id\"]}";
	static const char port[] = ",\"DocumentName\":\"AWS-StartSSHSession\"";
	static const struct {
		const char *what, *prefs, *tag, *more, *user; /* user NULL: refused */
	} t[] = {
		{ "off", off, "", "", "" },
		{ "off, with a tag", off, "alice", "", "" },
		{ "the default", on, "", "", "deploy" },
		{ "the tag goes first", on, "alice", "", "alice" },
		{ "nobody", bare, "", "", NULL },
		{ "the tag alone", bare, "alice", "", "alice" },
		{ "a tag that is no user", on, "root; id", "", NULL },
		{ "Amazon's document", on, "", command, "deploy" },
		{ "Amazon's document, nobody", bare, "", command, NULL },
		{ "a port is nobody's", bare, "", port, "" },
	};
	struct stage s;
	(void)state;

	stage_up(&s);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		document(&s, PREFS, "Session", t[i].prefs);
		tag_admin(&s, t[i].tag);
		start(&s, t[i].more);
		if (t[i].user == NULL) {
			expect_error(&s.w, "BadRequest", NULL);
			continue;
		}
		expect_ok(&s.w);
		check_text(span_str(shell_of(&s).run_as_user), t[i].user);
	}
	stage_down(&s);
}

static void
t_limits(void **state)
{
	struct session *se;
	struct stage s;
	(void)state;

	stage_up(&s);
	document(&s, PREFS, "Session",
	    PREFS_TEXT("\"idleSessionTimeout\":\"7\",\"maxSessionDuration\":\"90\""));
	start(&s, ",\"DocumentName\":\"AWS-StartSSHSession\"");
	expect_ok(&s.w);
	se = session_find(server_env(s.w.server)->sessions, str(&s.w, "SessionId"));
	assert_int_equal(se->row.idle_min, 7);
	assert_int_equal(se->row.max_duration_min, 90);
	ssm(&s.w, "DescribeSessions", "{\"State\":\"Active\"}");
	check_text(span_str(each(&s.w, "Sessions", "MaxSessionDuration")), "90");
	stage_down(&s);
}

static void
t_not_connected(void **state)
{
	struct stage s;
	(void)state;

	stage_up(&s);
	row("never registered");
	ssm(&s.w, "StartSession", "{\"Target\":\"mi-0123456789abcdef0\"}");
	expect_error(&s.w, "TargetNotConnected",
	    "mi-0123456789abcdef0 is not connected. (never registered)");
	row("no id at all");
	ssm(&s.w, "StartSession", "{\"Target\":\"ecs:c_t_r\"}");
	expect_error(&s.w, "TargetNotConnected", "ecs:c_t_r is not connected.");
	row("it left");
	node_detach(
	    server_env(s.w.server)->nodes, s.link, "the agent closed the connection");
	sim_run_for(s.w.sim, 100);
	start(&s, "");
	expect_error(&s.w, "TargetNotConnected", NULL);
	assert_true(body_has(&s.w, " is not connected. ("));
	assert_true(body_has(&s.w, "the agent closed the connection"));
	row("the standard tier");
	ssm(&s.w, "UpdateServiceSetting",
	    "{\"SettingId\":\"/ssm/managed-instance/activation-tier\",\"SettingValue\":"
	    "\"standard\"}");
	start(&s, "");
	expect_error(&s.w, "BadRequest",
	    "Enable advanced-instances tier to use Session Manager with your on-premises "
	    "instances");
	row("is about mi- only");
	ssm(&s.w, "StartSession", "{\"Target\":\"i-0123456789abcdef0\"}");
	expect_error(&s.w, "TargetNotConnected", NULL);
	stage_down(&s);
}

/* ---- ResumeSession, TerminateSession ---- */

static void
t_resume_and_end(void **state)
{
	const char *id, *token, *body;
	struct stage s;
	(void)state;

	stage_up(&s);
	start(&s, "");
	id = str(&s.w, "SessionId");
	token = str(&s.w, "TokenValue");
	body = arena_printf(&s.w.mem, "{\"SessionId\":\"%s\"}", id);
	row("9.1.11: a fresh token; the first one is no good then");
	ssm(&s.w, "ResumeSession", body);
	expect_ok(&s.w);
	check_text(span_str(str(&s.w, "SessionId")), id);
	assert_string_not_equal(str(&s.w, "TokenValue"), token);
	assert_non_null(strstr(str(&s.w, "StreamUrl"), id));
	assert_int_equal(
	    session_redeem_client(server_env(s.w.server)->sessions, id, span_str(token)),
	    ERR_DENIED);
	row("ending");
	ssm(&s.w, "TerminateSession", body);
	expect_ok(&s.w);
	check_text(span_str(s.w.body), body);
	row("ending twice is fine");
	ssm(&s.w, "TerminateSession", body);
	expect_ok(&s.w);
	sim_run_for(s.w.sim, SESSION_CLOSE_MS + 1000);
	ssm(&s.w, "TerminateSession", body);
	expect_ok(&s.w);
	row("9.1.11: an ended session has an answer, but no token");
	ssm(&s.w, "ResumeSession", body);
	expect_ok(&s.w);
	assert_null(json_get_str(s.w.json, "TokenValue"));
	row("it is in the history");
	ssm(&s.w, "DescribeSessions", "{\"State\":\"Active\"}");
	check_text(span_str(each(&s.w, "Sessions", "SessionId")), "");
	ssm(&s.w, "DescribeSessions", "{\"State\":\"History\"}");
	check_text(span_str(each(&s.w, "Sessions", "SessionId")), id);
	check_text(span_str(each(&s.w, "Sessions", "Status")), "Terminated");
	assert_true(strstr(each(&s.w, "Sessions", "Details"),
			"terminated by arn:aws:iam::") != NULL);
	row("unknown ones");
	ssm(&s.w, "TerminateSession", "{\"SessionId\":\"admin-x\"}");
	expect_error(&s.w, "DoesNotExistException", NULL);
	ssm(&s.w, "ResumeSession", "{\"SessionId\":\"../../etc/passwd\"}");
	expect_error(&s.w, "DoesNotExistException", NULL);
	stage_down(&s);
}

static void
t_deregistered(void **state)
{
	struct stage s;
	(void)state;

	stage_up(&s);
	start(&s, "");
	start(&s, "");
	ssm(&s.w, "DeregisterManagedInstance",
	    arena_printf(&s.w.mem, "{\"InstanceId\":\"%s\"}", s.node.id));
	expect_ok(&s.w);
	sim_run_for(s.w.sim, SESSION_CLOSE_MS + 1000);
	ssm(&s.w, "DescribeSessions", "{\"State\":\"History\"}");
	check_text(span_str(each(&s.w, "Sessions", "Details")),
	    "the node was deregistered,the node was deregistered");
	stage_down(&s);
}

/* ---- DescribeSessions ---- */

enum { LISTED = 7 };

/* A stage with seven sessions, a second apart. */
static void
list_up(struct stage *s, const char *ids[LISTED])
{
	stage_up(s);
	for (int i = 0; i < LISTED; i++) {
		start(s, arena_printf(&s->w.mem, ",\"Reason\":\"r%d\"", i));
		ids[i] = str(&s->w, "SessionId");
		sim_run_for(s->w.sim, 1000);
	}
}

static void
t_pages(void **state)
{
	const char *ids[LISTED], *token = "", *newest_first = "", *got = "";
	struct stage s;
	(void)state;

	list_up(&s, ids);
	for (int i = LISTED - 1; i >= 0; i--)
		newest_first = arena_printf(
		    &s.w.mem, "%s%s%s", newest_first, i < LISTED - 1 ? "," : "", ids[i]);
	row("newest first");
	ssm(&s.w, "DescribeSessions", "{\"State\":\"Active\"}");
	check_text(span_str(each(&s.w, "Sessions", "SessionId")), newest_first);

	row("pages of three");
	for (int page = 0; page < 3; page++) {
		ssm(&s.w, "DescribeSessions",
		    arena_printf(&s.w.mem,
			"{\"State\":\"Active\",\"MaxResults\":3%s%s%s}",
			token[0] != '\0' ? ",\"NextToken\":\"" : "", token,
			token[0] != '\0' ? "\"" : ""));
		expect_ok(&s.w);
		got = arena_printf(&s.w.mem, "%s%s%s", got, page > 0 ? "," : "",
		    each(&s.w, "Sessions", "SessionId"));
		token = page < 2 ? str(&s.w, "NextToken") : "";
	}
	check_text(span_str(got), newest_first);
	assert_null(json_get_str(s.w.json, "NextToken"));

	row("a token of the other list");
	ssm(&s.w, "DescribeSessions", "{\"State\":\"Active\",\"MaxResults\":1}");
	token = str(&s.w, "NextToken");
	ssm(&s.w, "DescribeSessions",
	    arena_printf(
		&s.w.mem, "{\"State\":\"History\",\"NextToken\":\"%s\"}", token));
	expect_error(&s.w, "InvalidNextToken", NULL);
	stage_down(&s);
}

static void
t_filters(void **state)
{
	static const char early[] = "2026-11-21T01:00:00Z";
	const char *ids[LISTED];
	struct stage s;
	(void)state;

	list_up(&s, ids);
	const char *owner =
	    arena_printf(&s.w.mem, "arn:aws:iam::%s:user/admin", s.w.account.account);
	const struct {
		const char *key, *value;
		int n;
	} t[] = {
		{ "SessionId", ids[3], 1 },
		{ "Target", s.node.id, LISTED },
		{ "Target", "mi-0123456789abcdef0", 0 },
		{ "Owner", owner, LISTED },
		{ "Owner", "arn:aws:iam::1:user/bob", 0 },
		{ "Status", "Connecting", LISTED },
		{ "Status", "Connected", 0 },
		{ "InvokedAfter", early, LISTED },
		{ "InvokedBefore", early, 0 },
		{ "AccessType", "Standard", LISTED },
		{ "AccessType", "JustInTime", 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].key);
		ssm(&s.w, "DescribeSessions",
		    arena_printf(&s.w.mem,
			"{\"State\":\"Active\",\"Filters\":[{\"key\":\"%s\",\"value\":\"%"
			"s\"}]}",
			t[i].key, t[i].value));
		expect_ok(&s.w);
		assert_int_equal(
		    json_array_size(json_get_arr(s.w.json, "Sessions")), t[i].n);
	}
	row("filters add up");
	ssm(&s.w, "DescribeSessions",
	    arena_printf(&s.w.mem,
		"{\"State\":\"Active\",\"Filters\":[{\"key\":\"SessionId\",\"value\":\"%"
		"s\"},"
		"{\"key\":\"Status\",\"value\":\"Connected\"}]}",
		ids[0]));
	assert_int_equal(json_array_size(json_get_arr(s.w.json, "Sessions")), 0);
	row("a time that is none");
	ssm(&s.w, "DescribeSessions",
	    "{\"State\":\"Active\",\"Filters\":[{\"key\":\"InvokedAfter\",\"value\":"
	    "\"now\"}]}");
	expect_error(&s.w, "ValidationException", NULL);
	stage_down(&s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_start),
		cmocka_unit_test(t_stream_url_host),
		cmocka_unit_test(t_documents),
		cmocka_unit_test(t_run_as),
		cmocka_unit_test(t_limits),
		cmocka_unit_test(t_not_connected),
		cmocka_unit_test(t_resume_and_end),
		cmocka_unit_test(t_deregistered),
		cmocka_unit_test(t_pages),
		cmocka_unit_test(t_filters),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	rsa_free(node_rsa_key());
	return failed;
}
