/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents through the API: made, changed, listed, deleted; and that what is not ours to
 * change stays.
 */
#include "world.h"

#define BODY(text)                                                                 \
	"{\\\"schemaVersion\\\":\\\"1.0\\\",\\\"description\\\":\\\"" text "\\\"," \
	"\\\"sessionType\\\":\\\"Standard_Stream\\\",\\\"inputs\\\":{}}"
#define OWN   "\"Name\":\"Own\""
#define PREFS "SSM-SessionManagerRunShell"

static void
create(struct world *w, const char *more)
{
	ssm(w, "CreateDocument",
	    arena_printf(&w->mem,
		"{" OWN ",\"DocumentType\":\"Session\",\"Content\":\"" BODY("1") "\"%s}",
		more));
}

static void
update(struct world *w, const char *text, const char *more)
{
	ssm(w, "UpdateDocument",
	    arena_printf(&w->mem,
		"{" OWN ",\"Content\":\"{\\\"schemaVersion\\\":\\\"1.0\\\","
		"\\\"description\\\":\\\"%s\\\",\\\"sessionType\\\":\\\"Standard_"
		"Stream\\\","
		"\\\"inputs\\\":{}}\"%s}",
		text, more));
}

/* A member of the one object in the answer. */
static void
expect_in(struct world *w, const char *object, const char *member, const char *want)
{
	const char *got = json_get_str(json_get_obj(w->json, object), member);

	if (got == NULL || strcmp(got, want) != 0)
		fail_msg("%s: wanted %s in %s", member, want, w->body);
}

static void
t_create(void **state)
{
	static const struct {
		const char *what, *in, *code, *message;
	} t[] = {
		{ "no type means Command", "\"Name\":\"A-1\",\"Content\":\"{}\"",
		    "InvalidDocumentContent",
		    "Documents of type Command are not supported by this server, only "
		    "documents of type Session." },
		{ "YAML",
		    "\"Name\":\"A-1\",\"Content\":\"a: 1\",\"DocumentType\":\"Session\","
		    "\"DocumentFormat\":\"YAML\"",
		    "InvalidDocumentContent",
		    "The format YAML is not supported by this server, only JSON." },
		{ "no JSON",
		    "\"Name\":\"A-1\",\"Content\":\"a: 1\",\"DocumentType\":\"Session\"",
		    "InvalidDocumentContent", NULL },
		{ "another schema",
		    "\"Name\":\"A-1\",\"Content\":\"{\\\"schemaVersion\\\":\\\"2.2\\\"}"
		    "\","
		    "\"DocumentType\":\"Session\"",
		    "InvalidDocumentSchemaVersion", "schemaVersion must be 1.0" },
		{ "a session type that is none",
		    "\"Name\":\"A-1\",\"Content\":\"{\\\"schemaVersion\\\":\\\"1.0\\\","
		    "\\\"sessionType\\\":\\\"X\\\"}\",\"DocumentType\":\"Session\"",
		    "InvalidDocumentContent", NULL },
		{ "an idle time that is too long",
		    "\"Name\":\"A-1\",\"Content\":\"{\\\"schemaVersion\\\":\\\"1.0\\\","
		    "\\\"sessionType\\\":\\\"Standard_Stream\\\",\\\"inputs\\\":{"
		    "\\\"idleSessionTimeout\\\":\\\"61\\\"}}\","
		    "\"DocumentType\":\"Session\"",
		    "InvalidDocumentContent",
		    "idleSessionTimeout must be between 1 and 60 minutes" },
		{ "Amazon's prefix",
		    "\"Name\":\"Aws-x\",\"Content\":\"{}\",\"DocumentType\":\"Session\"",
		    "ValidationException",
		    "The name Aws-x isn't valid: the prefix aws is reserved." },
		{ "our own prefix",
		    "\"Name\":\"Sallyport-x\",\"Content\":\"{}\","
		    "\"DocumentType\":\"Session\"",
		    "ValidationException", NULL },
		{ "attachments",
		    "\"Name\":\"A-1\",\"Content\":\"{}\",\"DocumentType\":\"Session\","
		    "\"Attachments\":[{\"Key\":\"SourceUrl\"}]",
		    "ValidationException", NULL },
		{ "a reserved tag",
		    "\"Name\":\"A-1\",\"Content\":\"{}\",\"DocumentType\":\"Session\","
		    "\"Tags\":[{\"Key\":\"aws:x\",\"Value\":\"\"}]",
		    "ValidationException", NULL },
		{ "the preferences are there from the start",
		    "\"Name\":\"" PREFS
		    "\",\"Content\":\"" BODY("1") "\",\"DocumentType\":\"Session\"",
		    "DocumentAlreadyExists",
		    "Document with same name " PREFS " already exists" },
		{ "a name that is none",
		    "\"Name\":\"a b\",\"Content\":\"{}\",\"DocumentType\":\"Session\"",
		    "ValidationException", NULL },
	};
	struct world w;
	(void)state;

	world_up(&w);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		ssm(&w, "CreateDocument", arena_printf(&w.mem, "{%s}", t[i].in));
		expect_error(&w, t[i].code, t[i].message);
	}
	world_down(&w);
}

static void
t_created(void **state)
{
	struct world w;
	(void)state;

	world_up(&w);
	create(&w,
	    ",\"VersionName\":\"one\",\"DisplayName\":\"Mine\","
	    "\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}]");
	expect_ok(&w);
	expect_in(&w, "DocumentDescription", "Status", "Creating");
	expect_in(&w, "DocumentDescription", "DocumentVersion", "1");
	expect_in(&w, "DocumentDescription", "DefaultVersion", "1");
	expect_in(&w, "DocumentDescription", "LatestVersion", "1");
	expect_in(&w, "DocumentDescription", "Owner", w.account.account);
	expect_in(&w, "DocumentDescription", "Description", "1");
	expect_in(&w, "DocumentDescription", "SchemaVersion", "1.0");
	expect_in(&w, "DocumentDescription", "VersionName", "one");
	expect_in(&w, "DocumentDescription", "HashType", "Sha256");
	expect_in(&w, "DocumentDescription", "Hash",
	    "8fd2b6f488bec1281ecdc96b9971878c560554294bef17ec2d7051dfd01d3f03");
	ssm(&w, "ListTagsForResource",
	    "{\"ResourceType\":\"Document\",\"ResourceId\":\"Own\"}");
	check_text(span_str(w_tags(&w)), "k=v");
	create(&w, "");
	expect_error(
	    &w, "DocumentAlreadyExists", "Document with same name Own already exists");
	world_down(&w);
}

static void
t_too_large(void **state)
{
	char *big = xcalloc(1, 66 * 1024);
	struct world w;
	(void)state;

	world_up(&w);
	memset(big, 'x', 65 * 1024);
	update(&w, big, "");
	expect_error(&w, "MaxDocumentSizeExceeded", NULL);
	free(big);
	world_down(&w);
}

#define LATE                                                                          \
	"Version provided for document Own is not latest. Please provide the latest " \
	"version to update document Own"

static void
t_update(void **state)
{
	static const struct {
		const char *what, *text, *more, *code, *message, *version;
	} t[] = {
		{ "the same text", "1", "", "DuplicateDocumentContent",
		    "The content of the association document matches another document. "
		    "Change the content of the document and try again.",
		    NULL },
		{ "without a version while the default is the latest", "2",
		    ",\"VersionName\":\"two\"", NULL, NULL, "2" },
		{ "without a version, the default is not the latest", "3", "",
		    "InvalidDocumentVersion", LATE, NULL },
		{ "the default by name", "3", ",\"DocumentVersion\":\"$DEFAULT\"",
		    "InvalidDocumentVersion", LATE, NULL },
		{ "an old number", "3", ",\"DocumentVersion\":\"1\"",
		    "InvalidDocumentVersion", LATE, NULL },
		{ "a number to come", "3", ",\"DocumentVersion\":\"3\"",
		    "InvalidDocumentVersion", LATE, NULL },
		{ "a number that is none", "3",
		    ",\"DocumentVersion\":\"99999999999999999999\"",
		    "InvalidDocumentVersion", LATE, NULL },
		{ "the name of another version", "3",
		    ",\"DocumentVersion\":\"2\",\"VersionName\":\"two\"",
		    "DuplicateDocumentVersionName", NULL, NULL },
		{ "the latest number", "3", ",\"DocumentVersion\":\"2\"", NULL, NULL,
		    "3" },
		{ "the latest", "4", ",\"DocumentVersion\":\"$LATEST\"", NULL, NULL,
		    "4" },
		{ "an earlier text again", "1", ",\"DocumentVersion\":\"$LATEST\"", NULL,
		    NULL, "5" },
	};
	struct world w;
	(void)state;

	world_up(&w);
	update(&w, "1", "");
	expect_error(&w, "InvalidDocument", "Document with name Own does not exist.");
	create(&w, "");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		update(&w, t[i].text, t[i].more);
		if (t[i].code != NULL) {
			expect_error(&w, t[i].code, t[i].message);
			continue;
		}
		expect_ok(&w);
		expect_in(&w, "DocumentDescription", "Status", "Updating");
		expect_in(&w, "DocumentDescription", "DocumentVersion", t[i].version);
		expect_in(&w, "DocumentDescription", "LatestVersion", t[i].version);
		expect_in(&w, "DocumentDescription", "DefaultVersion", "1");
	}
	world_down(&w);
}

static void
get(struct world *w, const char *more)
{
	ssm(w, "GetDocument", arena_printf(&w->mem, "{" OWN "%s}", more));
}

static void
t_versions(void **state)
{
	static const struct {
		const char *more, *version; /* NULL: InvalidDocumentVersion */
	} t[] = {
		{ "", "2" },
		{ ",\"DocumentVersion\":\"$DEFAULT\"", "2" },
		{ ",\"DocumentVersion\":\"$LATEST\"", "3" },
		{ ",\"DocumentVersion\":\"1\"", "1" },
		{ ",\"DocumentVersion\":\"4\"", NULL },
		{ ",\"VersionName\":\"three\"", "3" },
		{ ",\"VersionName\":\"four\"", NULL },
		{ ",\"VersionName\":\"three\",\"DocumentVersion\":\"3\"", "3" },
		{ ",\"VersionName\":\"three\",\"DocumentVersion\":\"1\"", NULL },
	};
	struct world w;
	(void)state;

	world_up(&w);
	create(&w, "");
	update(&w, "2", "");
	update(&w, "3", ",\"DocumentVersion\":\"$LATEST\",\"VersionName\":\"three\"");
	ssm(&w, "UpdateDocumentDefaultVersion", "{" OWN ",\"DocumentVersion\":\"9\"}");
	expect_error(&w, "InvalidDocumentVersion", NULL);
	ssm(&w, "UpdateDocumentDefaultVersion", "{" OWN ",\"DocumentVersion\":\"2\"}");
	expect_ok(&w);
	expect_in(&w, "Description", "DefaultVersion", "2");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].more);
		get(&w, t[i].more);
		if (t[i].version == NULL) {
			expect_error(&w, "InvalidDocumentVersion", NULL);
			continue;
		}
		expect_ok(&w);
		check_text(span_str(str(&w, "DocumentVersion")), t[i].version);
		assert_true(body_has(
		    &w, arena_printf(&w.mem, "description\\\":\\\"%s", t[i].version)));
	}
	row("the list, newest first, in pages");
	ssm(&w, "ListDocumentVersions", "{" OWN ",\"MaxResults\":2}");
	check_text(span_str(each(&w, "DocumentVersions", "DocumentVersion")), "3,2");
	ssm(&w, "ListDocumentVersions",
	    arena_printf(&w.mem, "{" OWN ",\"MaxResults\":2,\"NextToken\":\"%s\"}",
		str(&w, "NextToken")));
	check_text(span_str(each(&w, "DocumentVersions", "DocumentVersion")), "1");
	ssm(&w, "ListDocumentVersions", "{\"Name\":\"Nope\"}");
	expect_error(&w, "InvalidDocument", NULL);
	row("one description");
	ssm(&w, "DescribeDocument", "{" OWN ",\"DocumentVersion\":\"1\"}");
	expect_in(&w, "Document", "DocumentVersion", "1");
	expect_in(&w, "Document", "DefaultVersion", "2");
	expect_in(&w, "Document", "LatestVersion", "3");
	world_down(&w);
}

static void
del(struct world *w, const char *more)
{
	ssm(w, "DeleteDocument", arena_printf(&w->mem, "{" OWN "%s}", more));
}

static void
t_delete(void **state)
{
	struct world w;
	(void)state;

	world_up(&w);
	create(&w, ",\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}]");
	update(&w, "2", "");
	row("the default version stays");
	del(&w, ",\"DocumentVersion\":\"1\"");
	expect_error(&w, "InvalidDocumentOperation",
	    "Default version of the document can't be deleted.");
	del(&w, ",\"DocumentVersion\":\"$DEFAULT\"");
	expect_error(&w, "InvalidDocumentOperation", NULL);
	del(&w, ",\"DocumentVersion\":\"7\"");
	expect_error(&w, "InvalidDocumentVersion", NULL);
	row("another one goes, and its number does not come again");
	del(&w, ",\"DocumentVersion\":\"$LATEST\"");
	expect_ok(&w);
	update(&w, "3", "");
	expect_in(&w, "DocumentDescription", "DocumentVersion", "3");
	row("all of it");
	del(&w, "");
	expect_ok(&w);
	check_text(span_str(w.body), "{}");
	del(&w, "");
	expect_error(&w, "InvalidDocument", "Document with name Own does not exist.");
	create(&w, "");
	expect_in(&w, "DocumentDescription", "DocumentVersion", "1");
	ssm(&w, "ListTagsForResource",
	    "{\"ResourceType\":\"Document\",\"ResourceId\":\"Own\"}");
	check_text(span_str(w_tags(&w)), "");
	world_down(&w);
}

/* Neither by updates nor by moving the default nor by deleting. */
static void
t_not_ours(void **state)
{
	static const struct {
		const char *op, *more;
	} t[] = {
		{ "UpdateDocument", ",\"Content\":\"" BODY("1") "\"" },
		{ "UpdateDocumentDefaultVersion", ",\"DocumentVersion\":\"1\"" },
		{ "DeleteDocument", "" },
	};
	struct world w;
	(void)state;

	world_up(&w);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].op);
		ssm(&w, t[i].op,
		    arena_printf(
			&w.mem, "{\"Name\":\"AWS-StartSSHSession\"%s}", t[i].more));
		expect_error(&w, "InvalidDocument",
		    "Document AWS-StartSSHSession is owned by Amazon and can't be "
		    "changed.");
	}
	ssm(&w, "DescribeDocument",
	    "{\"Name\":\"arn:aws:ssm:eu-north-1::document/AWS-StartSSHSession\"}");
	expect_in(&w, "Document", "Owner", "Amazon");
	expect_in(&w, "Document", "Name", "AWS-StartSSHSession");
	assert_true(body_has(&w,
	    "\"Parameters\":[{\"Name\":\"portNumber\",\"Type\":"
	    "\"String\""));
	world_down(&w);
}

static void
t_list(void **state)
{
	static const struct {
		const char *in, *names, *code;
	} t[] = {
		{ "\"Filters\":[{\"Key\":\"Owner\",\"Values\":[\"Self\"]}]", "Own," PREFS,
		    NULL },
		{ "\"Filters\":[{\"Key\":\"Owner\",\"Values\":[\"Private\"]},{\"Key\":"
		  "\"Name\",\"Values\":[\"SSM\"]}]",
		    PREFS, NULL },
		{ "\"DocumentFilterList\":[{\"key\":\"Name\",\"value\":\"Ow\"}]", "Own",
		    NULL },
		{ "\"DocumentFilterList\":[{\"key\":\"Owner\",\"value\":\"Amazon\"},"
		  "{\"key\":\"Name\",\"value\":\"AWS-StartS\"}]",
		    "AWS-StartSSHSession", NULL },
		{ "\"Filters\":[{\"Key\":\"Name\",\"Values\":[\"Own\",\"AWS-StartSSH\"]}"
		  "]",
		    "AWS-StartSSHSession,Own", NULL },
		{ "\"Filters\":[{\"Key\":\"DocumentType\",\"Values\":[\"Command\"]}]", "",
		    NULL },
		{ "\"Filters\":[{\"Key\":\"PlatformTypes\",\"Values\":[\"Linux\"]},"
		  "{\"Key\":\"Owner\",\"Values\":[\"ThirdParty\"]}]",
		    "Sallyport-CopyFiles,Sallyport-Exec,"
		    "Sallyport-StartSocketForwardingSession",
		    NULL },
		{ "\"Filters\":[{\"Key\":\"PlatformTypes\",\"Values\":[\"Plan9\"]}]", "",
		    NULL },
		{ "\"Filters\":[{\"Key\":\"tag:k\",\"Values\":[\"v\"]}]", "Own", NULL },
		{ "\"Filters\":[{\"Key\":\"tag:k\",\"Values\":[\"w\"]}]", "", NULL },
		{ "\"Filters\":[{\"Key\":\"SearchKeyword\",\"Values\":[\"ssh\"]}]",
		    "AWS-StartSSHSession", NULL },
		{ "\"Filters\":[{\"Key\":\"Colour\",\"Values\":[\"x\"]}]", NULL,
		    "InvalidFilterKey" },
		{ "\"Filters\":[{\"Key\":\"Owner\",\"Values\":[\"Me\"]}]", NULL,
		    "InvalidFilterValue" },
		{ "\"NextToken\":\"x\"", NULL, "InvalidNextToken" },
	};
	struct world w;
	int pages = 0, names = 0;
	const char *token = "";
	(void)state;

	world_up(&w);
	create(&w, ",\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}]");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].in);
		ssm(&w, "ListDocuments", arena_printf(&w.mem, "{%s}", t[i].in));
		if (t[i].code != NULL) {
			expect_error(&w, t[i].code, NULL);
			continue;
		}
		expect_ok(&w);
		check_text(span_str(each(&w, "DocumentIdentifiers", "Name")), t[i].names);
	}
	row("pages");
	for (; token != NULL && pages < 10; pages++) {
		ssm(&w, "ListDocuments",
		    arena_printf(&w.mem, "{\"MaxResults\":3%s%s%s}",
			token[0] != '\0' ? ",\"NextToken\":\"" : "", token,
			token[0] != '\0' ? "\"" : ""));
		expect_ok(&w);
		names +=
		    (int)json_array_size(json_get_arr(w.json, "DocumentIdentifiers"));
		token = json_get_str(w.json, "NextToken");
		token = token != NULL ? arena_strdup(&w.mem, token) : NULL;
	}
	assert_int_equal(names, 10);
	assert_int_equal(pages, 4);
	world_down(&w);
}

/* The row of a session that was just started. */
static const struct store_session *
started(struct world *w, const struct node *n)
{
	ssm(w, "StartSession", arena_printf(&w->mem, "{\"Target\":\"%s\"}", n->id));
	expect_ok(w);
	return &session_find(server_env(w->server)->sessions, str(w, "SessionId"))->row;
}

/* The latest version counts although the default stays; without any, the first ones. */
static void
t_preferences(void **state)
{
	static const char update_prefs[] =
	    "{\"Name\":\"" PREFS "\",\"Content\":\"{\\\"schemaVersion\\\":\\\"1.0\\\","
	    "\\\"sessionType\\\":\\\"Standard_Stream\\\",\\\"inputs\\\":{"
	    "\\\"idleSessionTimeout\\\":\\\"7\\\",\\\"maxSessionDuration\\\":"
	    "\\\"90\\\",\\\"runAsEnabled\\\":true,\\\"runAsDefaultUser\\\":"
	    "\\\"deploy\\\",\\\"shellProfile\\\":{\\\"linux\\\":\\\"echo hi\\\"}}}\"}";
	const struct store_session *s;
	struct node n = { 0 };
	struct world w;
	(void)state;

	world_up(&w);
	node_make(&w, &n, "");
	node_connect(&w, n.id);
	ssm(&w, "UpdateDocument", update_prefs);
	expect_ok(&w);
	s = started(&w, &n);
	assert_int_equal(s->idle_min, 7);
	assert_int_equal(s->max_duration_min, 90);
	assert_string_equal(s->run_as, "deploy");
	assert_non_null(strstr(s->content_json, "echo hi"));
	ssm(&w, "DeleteDocument", "{\"Name\":\"" PREFS "\"}");
	expect_ok(&w);
	s = started(&w, &n);
	assert_int_equal(s->idle_min, 20);
	assert_string_equal(s->run_as, "");
	world_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_create),
		cmocka_unit_test(t_created),
		cmocka_unit_test(t_too_large),
		cmocka_unit_test(t_update),
		cmocka_unit_test(t_versions),
		cmocka_unit_test(t_delete),
		cmocka_unit_test(t_not_ours),
		cmocka_unit_test(t_list),
		cmocka_unit_test(t_preferences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
