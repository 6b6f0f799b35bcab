/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents: the rows, and reading one.
 */
#include "server/api/ssm/document_view.h"

static int
get_document(struct api_call *c)
{
	const char *format = api_str(c, "DocumentFormat");
	struct store_document d;
	int err;

	if ((err = document_find(api_reader(c), c, &d)) != 0)
		return err;
	jw_field_str(&c->w, "Name", d.name);
	jw_field_time(&c->w, "CreatedDate", d.created_ms);
	jw_field_opt(
	    &c->w, "DisplayName", d.display_name[0] != '\0' ? d.display_name : NULL);
	jw_field_opt(
	    &c->w, "VersionName", d.version_name[0] != '\0' ? d.version_name : NULL);
	jw_field_str(&c->w, "DocumentVersion", document_number(c, d.version));
	jw_field_str(&c->w, "Status", "Active");
	/* JSON is YAML as well. */
	jw_field_str(&c->w, "Content", d.content);
	jw_field_str(&c->w, "DocumentType", d.type);
	jw_field_str(&c->w, "DocumentFormat", format != NULL ? format : "JSON");
	return 0;
}

static int
describe_document(struct api_call *c)
{
	struct store_document d;
	int err;

	if ((err = document_find(api_reader(c), c, &d)) == 0)
		document_write(c, "Document", &d, "Active");
	return err;
}

#define NAME         "string{/^[a-zA-Z0-9_\\-.]{3,128}$/}"
#define NAME_OR_ARN  "string{/^[a-zA-Z0-9_\\-.:/]{3,128}$/}"
#define VERSION      "string{/([$]LATEST|[$]DEFAULT|^[1-9][0-9]*$)/}"
#define VERSION_NAME "string{/^[a-zA-Z0-9_\\-.]{1,128}$/}"
#define TAG_CHARS    "/^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$/"
#define ATTACHMENTS                                                          \
	"Attachments: list{0..20}[struct { Key: string{SourceUrl|S3FileUrl|" \
	"AttachmentReference}; Values: list{1..1}[string{1..1024}]; Name: " NAME " }]; "
#define TEXTS                                                   \
	"DisplayName: string{..1024 /^[\\w\\.\\-\\:\\/ ]*$/}; " \
	"VersionName: " VERSION_NAME "; "                       \
	"DocumentFormat: string{YAML|JSON|TEXT}; "              \
	"TargetType: string{..200 /^\\/[\\w\\.\\-\\:\\/]*$/}"

const struct api_op ssm_document_ops[] = {
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "CreateDocument",
	    .action = "ssm:CreateDocument",
	    .review = true,
	    .resource = "document:{Name}",
	    .input =
		"{ Content*: string{1..}; Requires: list{1..}[struct { "
		"Name*: " NAME_OR_ARN "; Version: " VERSION
		"; RequireType: string{..128 /^[a-zA-Z0-9_\\-.]{1,128}$/}; "
		"VersionName: " VERSION_NAME " }]; " ATTACHMENTS "Name*: " NAME "; "
		"DocumentType: string{Command|Policy|Automation|Session|Package|"
		"ApplicationConfiguration|ApplicationConfigurationSchema|"
		"DeploymentStrategy|ChangeCalendar|Automation.ChangeTemplate|"
		"ProblemAnalysis|ProblemAnalysisTemplate|CloudFormation|"
		"ConformancePackTemplate|QuickSetup|ManualApprovalPolicy|"
		"AutoApprovalPolicy}; " TEXTS "; Tags: list{..1000}[struct { Key*: "
		"string{1..128 " TAG_CHARS "}; Value*: string{0..256 " TAG_CHARS "} }] }",
	    .run = create_document,
	    .response = document_record,
	},
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "UpdateDocument",
	    .action = "ssm:UpdateDocument",
	    .review = true,
	    .resource = "document:{Name}",
	    .input = "{ Content*: string{1..}; " ATTACHMENTS "Name*: " NAME
		     "; DocumentVersion: " VERSION "; " TEXTS " }",
	    .run = update_document,
	    .response = document_record,
	},
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "UpdateDocumentDefaultVersion",
	    .action = "ssm:UpdateDocumentDefaultVersion",
	    .review = true,
	    .resource = "document:{Name}",
	    .input = "{ Name*: " NAME "; DocumentVersion*: string{/(^[1-9][0-9]*$)/} }",
	    .run = update_document_default_version,
	    .response = document_default_record,
	},
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "DeleteDocument",
	    .action = "ssm:DeleteDocument",
	    .review = true,
	    .resource = "document:{Name}",
	    .input = "{ Name*: " NAME "; DocumentVersion: " VERSION
		     "; VersionName: " VERSION_NAME "; Force: boolean }",
	    .run = delete_document,
	},
	{
	    .service = API_SSM,
	    .access = API_READ,
	    .name = "DescribeDocument",
	    .action = "ssm:DescribeDocument",
	    .resource = "document:{Name}",
	    .input = "{ Name*: " NAME_OR_ARN "; DocumentVersion: " VERSION
		     "; VersionName: " VERSION_NAME " }",
	    .run = describe_document,
	},
	{
	    .service = API_SSM,
	    .access = API_READ,
	    .name = "GetDocument",
	    .action = "ssm:GetDocument",
	    .resource = "document:{Name}",
	    .input = "{ Name*: " NAME_OR_ARN "; VersionName: " VERSION_NAME
		     "; DocumentVersion: " VERSION
		     "; DocumentFormat: string{YAML|JSON|TEXT} }",
	    .run = get_document,
	},
	{
	    .service = API_SSM,
	    .access = API_READ,
	    .name = "ListDocuments",
	    .action = "ssm:ListDocuments",
	    .resource = "*",
	    .input = "{ DocumentFilterList: list{1..}[struct { key*: "
		     "string{Name|Owner|PlatformTypes|DocumentType}; value*: string{1..} "
		     "}]; Filters: list{0..6}[struct { Key: string{1..128}; Values: "
		     "list[string{1..256}] }]; MaxResults: integer{1..50}; NextToken: "
		     "string }",
	    .run = list_documents,
	},
	{
	    .service = API_SSM,
	    .access = API_READ,
	    .name = "ListDocumentVersions",
	    .action = "ssm:ListDocumentVersions",
	    .resource = "document:{Name}",
	    .input = "{ Name*: " NAME_OR_ARN
		     "; MaxResults: integer{1..50}; NextToken: string }",
	    .run = list_document_versions,
	},
	{ 0 },
};
