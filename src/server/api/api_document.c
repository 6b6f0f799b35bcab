/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents, reading.
 */
#include "proto/arn.h"
#include "server/api/call.h"

enum { VERSION_MAX = 1000000 };

/* 0: the latest.  There is no default version apart from it yet. */
static int
read_version(struct api_call *c, int64_t *version)
{
	const char *text = api_str(c, "DocumentVersion");

	*version = 0;
	if (text == NULL || text[0] == '$')
		return 0;
	if (num_parse(span_str(text), 1, VERSION_MAX, version) != 0)
		return api_fail(
		    c, "InvalidDocumentVersion", "The document version isn't valid.");
	return 0;
}

static int
no_document(struct api_call *c, int64_t version)
{
	struct store_document d;
	struct span bare;

	if (version != 0 && arn_document_name(&bare, span_str(api_str(c, "Name"))) == 0 &&
	    store_document_get(api_reader(c), &c->mem, arena_str(&c->mem, bare), 0, &d) ==
		0)
		return api_fail(
		    c, "InvalidDocumentVersion", "The document version isn't valid.");
	return api_fail(c, "InvalidDocument", "Document with name %s does not exist.",
	    api_str(c, "Name"));
}

static int
get_document(struct api_call *c)
{
	const char *format = api_str(c, "DocumentFormat");
	struct store_document d;
	int64_t version;
	struct span bare;
	int err;

	if ((err = read_version(c, &version)) != 0)
		return err;
	if (api_str(c, "VersionName") != NULL)
		return api_fail(
		    c, "InvalidDocumentVersion", "The document has no named versions.");
	if (arn_document_name(&bare, span_str(api_str(c, "Name"))) != 0)
		return no_document(c, 0);
	err = store_document_get(
	    api_reader(c), &c->mem, arena_str(&c->mem, bare), version, &d);
	if (err != 0)
		return err == ERR_NOTFOUND ? no_document(c, version) : err;
	jw_field_str(&c->w, "Name", d.name);
	jw_field_time(&c->w, "CreatedDate", d.created_ms);
	jw_field_str(&c->w, "DocumentVersion",
	    arena_printf(&c->mem, "%lld", (long long)d.version));
	jw_field_str(&c->w, "Status", "Active");
	/* JSON is YAML as well. */
	jw_field_str(&c->w, "Content", d.content);
	jw_field_str(&c->w, "DocumentType", d.type);
	jw_field_str(&c->w, "DocumentFormat", format != NULL ? format : "JSON");
	return 0;
}

const struct api_op api_document_ops[] = {
	{
	    .service = API_SSM,
	    .access = API_READ,
	    .name = "GetDocument",
	    .action = "ssm:GetDocument",
	    .resource = "document:{Name}",
	    .input = "{ Name*: string{/^[a-zA-Z0-9_\\-.:/]{3,128}$/}; VersionName: "
		     "string{/^[a-zA-Z0-9_\\-.]{1,128}$/}; DocumentVersion: "
		     "string{/([$]LATEST|[$]DEFAULT|^[1-9][0-9]*$)/}; DocumentFormat: "
		     "string{YAML|JSON|TEXT} }",
	    .run = get_document,
	},
	{ 0 },
};
