/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport admin document: the session documents of the account, over the same operations
 * of the API that the AWS CLI uses.
 */
#include "client/command/admin.h"
#include "client/terminal/slurp.h"
#include "client/terminal/table.h"
#include "codec/json.h"
#include "proto/document.h"

/* --- calls ------------------------------------------------------------------------------ */

static int
call(struct cli *c, const char *operation, const struct cli_field *m, size_t n,
    json_t **out, struct fault *f)
{
	return cli_json_fields(c, AWS_SSM, operation, m, n, out, f);
}

/* The version in the answer of an operation that makes or describes one; "" without. */
static const char *
version_of(const json_t *answer, const char *member)
{
	const char *v = json_get_str(json_get_obj(answer, member), "DocumentVersion");

	return v != NULL ? v : "";
}

/* --- put -------------------------------------------------------------------------------- */

struct put {
	const char *name;
	struct buf content;
	const char *done; /* what was done, in a word */
	char version[32];
};

static int
read_content(struct buf *out, const char *path, struct fault *f)
{
	int r = slurp_path(out, path, f);

	return r != ERR_LIMIT ? r
			      : fault_set(f, r, "%s: a document has at most %d bytes",
				    path, DOCUMENT_CONTENT_MAX);
}

/* The server says the same, but not of which file. */
static int
check_content(const struct put *p, const char *path, struct fault *f)
{
	struct fault why = { 0 };
	int r = document_check(buf_span(&p->content), &why);

	return r == 0 ? 0 : fault_set(f, r, "%s: %.200s", path, fault_text(&why));
}

static int
make_default(struct cli *c, const struct put *p, struct fault *f)
{
	const struct cli_field m[] = { { "Name", p->name },
		{ "DocumentVersion", p->version } };
	auto_json *answer = NULL;

	return call(c, "UpdateDocumentDefaultVersion", m, ARRAY_LEN(m), &answer, f);
}

/* The same text again makes no version; the latest is it. */
static int
find_latest(struct cli *c, struct put *p, struct fault *f)
{
	const struct cli_field m[] = { { "Name", p->name },
		{ "DocumentVersion", "$LATEST" } };
	auto_json *answer = NULL;
	int r;

	if ((r = call(c, "DescribeDocument", m, ARRAY_LEN(m), &answer, f)) != 0)
		return r;
	p->done = "unchanged";
	return str_copy(p->version, sizeof(p->version), version_of(answer, "Document"));
}

static int
update(struct cli *c, struct put *p, struct fault *f)
{
	const struct cli_field m[] = { { "Name", p->name },
		{ "Content", buf_cstr(&p->content) }, { "DocumentFormat", "JSON" },
		{ "DocumentVersion", "$LATEST" } };
	auto_json *answer = NULL;
	int r = call(c, "UpdateDocument", m, ARRAY_LEN(m), &answer, f);

	p->done = "updated";
	if (r == 0)
		r = str_copy(p->version, sizeof(p->version),
		    version_of(answer, "DocumentDescription"));
	else if (cli_is_error(f, "DuplicateDocumentContent"))
		r = find_latest(c, p, f);
	return r == 0 ? make_default(c, p, f) : r;
}

static int
create_or_update(struct cli *c, struct put *p, struct fault *f)
{
	const struct cli_field m[] = { { "Name", p->name },
		{ "Content", buf_cstr(&p->content) }, { "DocumentFormat", "JSON" },
		{ "DocumentType", "Session" } };
	auto_json *answer = NULL;
	int r = call(c, "CreateDocument", m, ARRAY_LEN(m), &answer, f);

	if (r != 0 && cli_is_error(f, "DocumentAlreadyExists"))
		return update(c, p, f);
	p->done = "created";
	return r != 0 ? r
		      : str_copy(p->version, sizeof(p->version),
			    version_of(answer, "DocumentDescription"));
}

static int
put_document(struct cli *c, struct put *p, const char *path)
{
	auto_json *result = NULL;
	struct fault f = { 0 };

	if (read_content(&p->content, path, &f) != 0 || check_content(p, path, &f) != 0)
		return cli_fail(&f);
	if (cli_open(c) != 0)
		return CLI_FAILED;
	if (create_or_update(c, p, &f) != 0)
		return cli_fail(&f);
	if (c->json) {
		result = json_pack("{s:s, s:s, s:s}", "Name", p->name, "DocumentVersion",
		    p->version, "Result", p->done);
		cli_print_json(result);
	} else {
		printf("%s %s, version %s\n", p->name, p->done, p->version);
	}
	return CLI_OK;
}

static int
document_put(struct cli *c, int argc, char **argv)
{
	const struct cli_usage u = {
		.command = "admin document put",
		.synopsis = "NAME FILE",
		.what =
		    "Makes a session document from a JSON file (- is standard input), or "
		    "a new version\nof it that becomes the default.  The content is "
		    "checked before anything is sent,\nand the same content again "
		    "changes nothing.",
		.examples = "  sallyport admin document put TailLogs tail-logs.json\n"
			    "  sallyport admin document put SSM-SessionManagerRunShell "
			    "preferences.json\n",
		.exits = CLI_EXITS,
	};
	struct put p = { .content = { .max = DOCUMENT_CONTENT_MAX + 1 } };
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (c->nargs != 2)
		return cli_misused(&u, "a name and a file are needed");
	p.name = c->args[0];
	r = put_document(c, &p, c->args[1]);
	buf_fini(&p.content);
	return r;
}

/* --- get -------------------------------------------------------------------------------- */

static int
document_get(struct cli *c, int argc, char **argv)
{
	struct cli_field m[] = { { "Name", NULL }, { "DocumentVersion", NULL } };
	const struct cli_option options[] = {
		{ "document-version", 0, "N", "not the default one; also $LATEST",
		    .text = &m[1].value },
	};
	const struct cli_usage u = {
		.command = "admin document get",
		.synopsis = "NAME [--document-version N]",
		.what =
		    "Prints the content of a document as it was put: of its default "
		    "version, but of the\npreferences, SSM-SessionManagerRunShell, the "
		    "latest, which is the one that counts.",
		.examples = "  sallyport admin document get SSM-SessionManagerRunShell\n",
		.exits = CLI_EXITS,
		CLI_OPTIONS(options),
		.one_word = "which document",
	};
	auto_json *answer = NULL;
	struct fault f = { 0 };
	const char *content;
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	m[0].value = c->args[0];
	/* Of the preferences the latest version is in force, whichever is the default. */
	if (m[1].value == NULL && strcmp(m[0].value, DOCUMENT_PREFERENCES) == 0)
		m[1].value = "$LATEST";
	if (cli_open(c) != 0)
		return CLI_FAILED;
	if (call(c, "GetDocument", m, ARRAY_LEN(m), &answer, &f) != 0)
		return cli_fail(&f);
	content = json_get_str(answer, "Content");
	if (c->json)
		cli_print_json(answer);
	else if (content != NULL)
		printf("%s%s", content,
		    *content != '\0' && content[strlen(content) - 1] == '\n' ? "" : "\n");
	return CLI_OK;
}

/* --- list ------------------------------------------------------------------------------- */

static void
own_only(struct jsonw *w, const void *arg)
{
	(void)arg;
	jw_key(w, "Filters");
	jw_raw(w, SPAN("[{\"Key\":\"Owner\",\"Values\":[\"Self\"]}]"));
}

static void
add_document(struct table *t, const json_t *d, int64_t now_ms)
{
	(void)now_ms;
	table_add(t, json_get_str(d, "Name"), NULL);
	table_add(t, json_get_str(d, "DocumentType"), NULL);
	table_add(t, json_get_str(d, "DocumentVersion"), NULL);
	table_add(t, json_get_str(d, "Owner"), NULL);
}

static int
document_list(struct cli *c, int argc, char **argv)
{
	bool all = false;
	const struct cli_option options[] = {
		{ "all", 0, NULL, "also those that come with the server", .flag = &all },
	};
	const struct cli_usage u = {
		.command = "admin document list",
		.synopsis = "[--all]",
		.what =
		    "Lists the documents of the account, and which version of each is "
		    "the default.",
		.examples = "  sallyport admin document list --all\n",
		.exits = CLI_EXITS,
		CLI_OPTIONS(options),
		.wordless = true,
	};
	static const char *const head[] = { "NAME", "TYPE", "VERSION", "OWNER" };
	static const struct cli_columns columns = { head, ARRAY_LEN(head), add_document };
	struct cli_pages pages = {
		.service = AWS_SSM,
		.operation = "ListDocuments",
		.list = "DocumentIdentifiers",
		.input = own_only,
	};
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (all)
		pages.input = NULL;
	return cli_print_pages(c, &pages, &columns);
}

/* --- delete ----------------------------------------------------------------------------- */

static int
document_delete(struct cli *c, int argc, char **argv)
{
	const struct cli_usage u = {
		.command = "admin document delete",
		.synopsis = "NAME...",
		.what = "Deletes documents with all their versions.  Sessions that run "
			"keep theirs.",
		.examples = "  sallyport admin document delete TailLogs\n",
		.exits = CLI_EXITS,
		.some_words = "which document",
	};
	auto_json *done = json_array();
	int r, worst = CLI_OK;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (cli_open(c) != 0)
		return CLI_FAILED;
	for (size_t i = 0; i < c->nargs; i++) {
		const struct cli_field m = { "Name", c->args[i] };
		auto_json *answer = NULL;
		struct fault f = { 0 };

		if (call(c, "DeleteDocument", &m, 1, &answer, &f) != 0) {
			cli_say("%s: %s", c->args[i], fault_text(&f));
			worst = CLI_FAILED;
			continue;
		}
		json_array_append_new(done, json_string(c->args[i]));
		if (!c->json)
			printf("%s deleted\n", c->args[i]);
	}
	if (c->json)
		cli_print_json(done);
	return worst;
}

const struct cli_action admin_documents[] = {
	{ "put", document_put, NULL },
	{ "get", document_get, NULL },
	{ "list", document_list, NULL },
	{ "delete", document_delete, NULL },
	{ NULL, NULL, NULL },
};
