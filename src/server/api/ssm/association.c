/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State Manager as far as agents need it to stay healthy: there are no associations, and
 * what an agent reports about inventory and compliance is accepted and not kept.
 */
#include "server/api/call.h"

static int
accept(struct api_call *c)
{
	(void)c;
	return 0;
}

static int
no_associations(struct api_call *c)
{
	struct page page;
	int err = page_open(&page, c, "Associations", 0);

	if (err == 0)
		page_close(&page);
	return err;
}

static int
no_such_association(struct api_call *c)
{
	return api_fail(
	    c, "AssociationDoesNotExist", "The specified association doesn't exist.");
}

static int
put_inventory(struct api_call *c)
{
	jw_field_str(&c->w, "Message", "Inventory was accepted and is not kept.");
	return 0;
}

/* Nobody keeps parameters here yet: each of them is unknown. */
static int
get_parameters(struct api_call *c)
{
	const json_t *names = json_object_get(c->in, "Names"), *name;
	size_t i;

	jw_key(&c->w, "Parameters");
	jw_open(&c->w, '[');
	jw_close(&c->w, ']');
	jw_key(&c->w, "InvalidParameters");
	jw_open(&c->w, '[');
	json_array_foreach(names, i, name)
	{
		jw_str(&c->w, json_string_value(name));
	}
	jw_close(&c->w, ']');
	return 0;
}

#define NODE_ID  "string{/(^i-(\\w{8}|\\w{17})$)|(^mi-\\w{17}$)/}"
#define DOC_NAME "string{/^[a-zA-Z0-9_\\-.:/]{3,128}$/}"
#define ASSOCIATION_ID \
	"string{/"     \
	"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}/}"
#define ENTRY "map{0..50}<string{1..64},string{0..4096}>"

const struct api_op ssm_association_ops[] = {
	{
	    .service = API_SSM,
	    .access = API_READ,
	    .name = "ListInstanceAssociations",
	    .action = "ssm:ListInstanceAssociations",
	    .resource = "node:{InstanceId}",
	    .input = "{ InstanceId*: " NODE_ID
		     "; MaxResults: integer{1..50}; NextToken: string }",
	    .run = no_associations,
	    .poll = true,
	},
	{
	    .service = API_SSM,
	    .access = API_READ,
	    .name = "ListAssociations",
	    .action = "ssm:ListAssociations",
	    .resource = "*",
	    .input =
		"{ AssociationFilterList: list{1..}[struct { key*: "
		"string{InstanceId|Name|AssociationId|AssociationStatusName|"
		"LastExecutedBefore|LastExecutedAfter|AssociationName|ResourceGroupName};"
		" "
		"value*: string{1..} }]; MaxResults: integer{1..50}; NextToken: string }",
	    .run = no_associations,
	},
	{
	    .service = API_SSM,
	    .access = API_READ,
	    .name = "DescribeAssociation",
	    .action = "ssm:DescribeAssociation",
	    .resource =
		"association:{AssociationId?} document:{Name?} node:{InstanceId?}",
	    .input = "{ Name: " DOC_NAME "; InstanceId: " NODE_ID
		     "; AssociationId: " ASSOCIATION_ID
		     "; AssociationVersion: string{/([$]LATEST)|([1-9][0-9]*)/} }",
	    .run = no_such_association,
	},
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "UpdateInstanceAssociationStatus",
	    .action = "ssm:UpdateInstanceAssociationStatus",
	    .resource = "association:{AssociationId} node:{InstanceId}",
	    .input = "{ AssociationId*: " ASSOCIATION_ID "; InstanceId*: " NODE_ID
		     "; ExecutionResult: struct { Status: string; ErrorCode: string; "
		     "ExecutionDate: timestamp; ExecutionSummary: string } }",
	    .run = accept,
	},
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "UpdateAssociationStatus",
	    .action = "ssm:UpdateAssociationStatus",
	    .resource = "document:{Name} node:{InstanceId}",
	    .input = "{ Name*: " DOC_NAME "; InstanceId*: " NODE_ID
		     "; AssociationStatus*: struct { Date*: timestamp; Name*: "
		     "string{Pending|Success|Failed}; Message*: string{1..1024}; "
		     "AdditionalInfo: string{..1024} } }",
	    .run = no_such_association,
	},
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "PutInventory",
	    .action = "ssm:PutInventory",
	    .resource = "node:{InstanceId}",
	    .input = "{ InstanceId*: " NODE_ID
		     "; Items*: list{1..30}[struct { TypeName*: string{1..100 "
		     "/^(AWS|Custom):.*$/}; SchemaVersion*: "
		     "string{/^([0-9]{1,6})(\\.[0-9]{1,6})$/}; CaptureTime*: "
		     "string{/^(20)[0-9][0-9]-(0[1-9]|1[012])-([12][0-9]|3[01]|0[1-9])(T)"
		     "(2[0-3]|[0-1][0-9])(:[0-5][0-9])(:[0-5][0-9])(Z)$/}; ContentHash: "
		     "string{..256}; Content: list{0..10000}[" ENTRY "]; Context: " ENTRY
		     " }] }",
	    .run = put_inventory,
	},
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "PutComplianceItems",
	    .action = "ssm:PutComplianceItems",
	    .resource = "node:{ResourceId}",
	    .input =
		"{ ResourceId*: string{1..100}; ResourceType*: string{1..50}; "
		"ComplianceType*: string{1..100 "
		"/[A-Za-z0-9_\\-]\\w+|Custom:[a-zA-Z0-9_\\-]\\w+/}; ExecutionSummary*: "
		"struct { ExecutionTime*: timestamp; ExecutionId: string{..100}; "
		"ExecutionType: string{..50} }; Items*: list{0..10000}[struct { Id: "
		"string; Title: string{..500}; Severity*: "
		"string{CRITICAL|HIGH|MEDIUM|LOW|INFORMATIONAL|UNSPECIFIED}; Status*: "
		"string{COMPLIANT|NON_COMPLIANT}; Details: "
		"map<string{1..64},string{0..4096}> }]; ItemContentHash: string{..256}; "
		"UploadType: string{COMPLETE|PARTIAL} }",
	    .run = accept,
	},
	{
	    .service = API_SSM,
	    .access = API_READ,
	    .name = "GetParameters",
	    .action = "ssm:GetParameters",
	    .resource = "parameter:{Names}",
	    .input = "{ Names*: list{1..10}[string{1..2048}]; WithDecryption: boolean }",
	    .run = get_parameters,
	},
	{ 0 },
};
