/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables, and a scan through them: the linter is in no hurry.
 */
#include "policy/vocabulary.h"

/* clang-format off */
static const struct vocabulary_action ssm[] = {
	{ "AddTagsToResource", "association automation-execution document instance maintenancewindow managed-instance opsitem opsmetadata parameter patchbaseline task" },
	{ "AssociateOpsItemRelatedItem", "opsitem" },
	{ "CancelCommand", "" },
	{ "CancelMaintenanceWindowExecution", "maintenancewindow" },
	{ "CreateActivation", "" },
	{ "CreateAssociation", "association document instance managed-instance" },
	{ "CreateAssociationBatch", "document instance managed-instance" },
	{ "CreateDocument", "document" },
	{ "CreateMaintenanceWindow", "" },
	{ "CreateOpsItem", "" },
	{ "CreateOpsMetadata", "" },
	{ "CreatePatchBaseline", "" },
	{ "CreateResourceDataSync", "resourcedatasync" },
	{ "DeleteActivation", "" },
	{ "DeleteAssociation", "association document instance managed-instance" },
	{ "DeleteDocument", "document" },
	{ "DeleteInventory", "" },
	{ "DeleteMaintenanceWindow", "maintenancewindow" },
	{ "DeleteOpsItem", "opsitem" },
	{ "DeleteOpsMetadata", "opsmetadata" },
	{ "DeleteParameter", "parameter" },
	{ "DeleteParameters", "parameter" },
	{ "DeletePatchBaseline", "patchbaseline" },
	{ "DeleteResourceDataSync", "resourcedatasync" },
	{ "DeleteResourcePolicy", "document opsitemgroup parameter" },
	{ "DeregisterManagedInstance", "managed-instance" },
	{ "DeregisterPatchBaselineForPatchGroup", "patchbaseline" },
	{ "DeregisterTargetFromMaintenanceWindow", "maintenancewindow windowtarget" },
	{ "DeregisterTaskFromMaintenanceWindow", "maintenancewindow windowtask" },
	{ "DescribeActivations", "" },
	{ "DescribeAssociation", "association document instance managed-instance" },
	{ "DescribeAssociationExecutionTargets", "association" },
	{ "DescribeAssociationExecutions", "association" },
	{ "DescribeAutomationExecutions", "" },
	{ "DescribeAutomationStepExecutions", "automation-execution" },
	{ "DescribeAvailablePatches", "" },
	{ "DescribeDocument", "document" },
	{ "DescribeDocumentParameters", "document" },
	{ "DescribeDocumentPermission", "document" },
	{ "DescribeEffectiveInstanceAssociations", "instance managed-instance" },
	{ "DescribeEffectivePatchesForPatchBaseline", "patchbaseline" },
	{ "DescribeInstanceAssociationsStatus", "instance managed-instance" },
	{ "DescribeInstanceInformation", "" },
	{ "DescribeInstancePatchStates", "instance managed-instance" },
	{ "DescribeInstancePatchStatesForPatchGroup", "" },
	{ "DescribeInstancePatches", "instance managed-instance" },
	{ "DescribeInstanceProperties", "" },
	{ "DescribeInventoryDeletions", "" },
	{ "DescribeMaintenanceWindowExecutionTaskInvocations", "" },
	{ "DescribeMaintenanceWindowExecutionTasks", "" },
	{ "DescribeMaintenanceWindowExecutions", "maintenancewindow" },
	{ "DescribeMaintenanceWindowSchedule", "" },
	{ "DescribeMaintenanceWindowTargets", "maintenancewindow" },
	{ "DescribeMaintenanceWindowTasks", "maintenancewindow" },
	{ "DescribeMaintenanceWindows", "" },
	{ "DescribeMaintenanceWindowsForTarget", "" },
	{ "DescribeOpsItems", "" },
	{ "DescribeParameters", "" },
	{ "DescribePatchBaselines", "" },
	{ "DescribePatchGroupState", "" },
	{ "DescribePatchGroups", "" },
	{ "DescribePatchProperties", "" },
	{ "DescribeSessions", "" },
	{ "DisassociateOpsItemRelatedItem", "opsitem" },
	{ "ExecuteAPI", "" },
	{ "GetAccessToken", "opsitem" },
	{ "GetAutomationExecution", "automation-execution" },
	{ "GetCalendar [permission only]", "document" },
	{ "GetCalendarState", "document" },
	{ "GetCommandInvocation", "" },
	{ "GetConnectionStatus", "instance managed-instance task" },
	{ "GetDefaultPatchBaseline", "patchbaseline" },
	{ "GetDeployablePatchSnapshotForInstance", "" },
	{ "GetDocument", "document" },
	{ "GetExecutionPreview", "" },
	{ "GetInventory", "" },
	{ "GetInventorySchema", "" },
	{ "GetMaintenanceWindow", "maintenancewindow" },
	{ "GetMaintenanceWindowExecution", "" },
	{ "GetMaintenanceWindowExecutionTask", "" },
	{ "GetMaintenanceWindowExecutionTaskInvocation", "" },
	{ "GetMaintenanceWindowTask", "maintenancewindow" },
	{ "GetManifest [permission only]", "" },
	{ "GetOpsItem", "opsitem" },
	{ "GetOpsMetadata", "opsmetadata" },
	{ "GetOpsSummary", "resourcedatasync" },
	{ "GetParameter", "parameter" },
	{ "GetParameterHistory", "parameter" },
	{ "GetParameters", "parameter" },
	{ "GetParametersByPath", "parameter" },
	{ "GetPatchBaseline", "patchbaseline" },
	{ "GetPatchBaselineForPatchGroup", "" },
	{ "GetResourcePolicies", "document opsitemgroup parameter" },
	{ "GetServiceSetting", "servicesetting" },
	{ "LabelParameterVersion", "parameter" },
	{ "ListAssociationVersions", "association" },
	{ "ListAssociations", "" },
	{ "ListCommandInvocations", "" },
	{ "ListCommands", "" },
	{ "ListComplianceItems", "" },
	{ "ListComplianceSummaries", "" },
	{ "ListDocumentMetadataHistory", "document" },
	{ "ListDocumentVersions", "document" },
	{ "ListDocuments", "" },
	{ "ListInstanceAssociations", "instance managed-instance" },
	{ "ListInventoryEntries", "" },
	{ "ListNodes", "resourcedatasync" },
	{ "ListNodesSummary", "resourcedatasync" },
	{ "ListOpsItemEvents", "" },
	{ "ListOpsItemRelatedItems", "" },
	{ "ListOpsMetadata", "" },
	{ "ListResourceComplianceSummaries", "" },
	{ "ListResourceDataSync", "" },
	{ "ListTagsForResource", "association automation-execution document maintenancewindow managed-instance opsitem opsmetadata parameter patchbaseline" },
	{ "ModifyDocumentPermission", "document" },
	{ "PutCalendar [permission only]", "document" },
	{ "PutComplianceItems", "instance managed-instance" },
	{ "PutConfigurePackageResult [permission only]", "" },
	{ "PutInventory", "" },
	{ "PutParameter", "parameter" },
	{ "PutResourcePolicy", "document opsitemgroup parameter" },
	{ "RegisterDefaultPatchBaseline", "patchbaseline" },
	{ "RegisterManagedInstance", "" },
	{ "RegisterPatchBaselineForPatchGroup", "patchbaseline" },
	{ "RegisterTargetWithMaintenanceWindow", "maintenancewindow" },
	{ "RegisterTaskWithMaintenanceWindow", "maintenancewindow" },
	{ "RemoveTagsFromResource", "association automation-execution document instance maintenancewindow managed-instance opsitem opsmetadata parameter patchbaseline task" },
	{ "ResetServiceSetting", "servicesetting" },
	{ "ResumeSession", "session" },
	{ "SendAutomationSignal", "automation-execution" },
	{ "SendCommand", "document bucket instance managed-instance" },
	{ "StartAccessRequest", "instance managed-instance" },
	{ "StartAssociationsOnce", "association" },
	{ "StartAutomationExecution", "automation-execution document automation-definition" },
	{ "StartChangeRequestExecution", "automation-execution document automation-definition" },
	{ "StartExecutionPreview", "" },
	{ "StartSession", "document instance managed-instance task" },
	{ "StopAutomationExecution", "automation-execution" },
	{ "TerminateSession", "session" },
	{ "UnlabelParameterVersion", "parameter" },
	{ "UpdateAssociation", "association document instance managed-instance" },
	{ "UpdateAssociationStatus", "document instance managed-instance" },
	{ "UpdateDocument", "document" },
	{ "UpdateDocumentDefaultVersion", "document" },
	{ "UpdateDocumentMetadata", "document" },
	{ "UpdateInstanceAssociationStatus [permission only]", "association instance managed-instance" },
	{ "UpdateInstanceInformation", "instance managed-instance" },
	{ "UpdateMaintenanceWindow", "maintenancewindow" },
	{ "UpdateMaintenanceWindowTarget", "maintenancewindow windowtarget" },
	{ "UpdateMaintenanceWindowTask", "maintenancewindow windowtask" },
	{ "UpdateManagedInstanceRole", "iam-role managed-instance" },
	{ "UpdateOpsItem", "opsitem" },
	{ "UpdateOpsMetadata", "opsmetadata" },
	{ "UpdatePatchBaseline", "patchbaseline" },
	{ "UpdateResourceDataSync", "resourcedatasync" },
	{ "UpdateServiceSetting", "servicesetting" },
	{ 0 },
};

/* Of types that ssm authorises on. */
static const struct {
	const char *type, *arn;
} types[] = {
	{ "association", "arn:aws:ssm:*:*:association/*" },
	{ "automation-definition", "arn:aws:ssm:*:*:automation-definition/*:*" },
	{ "automation-execution", "arn:aws:ssm:*:*:automation-execution/*" },
	{ "bucket", "arn:aws:s3:::*" },
	{ "document", "arn:aws:ssm:*:*:document/*" },
	{ "iam-role", "arn:aws:iam::*:role/*" },
	{ "instance", "arn:aws:ec2:*:*:instance/*" },
	{ "maintenancewindow", "arn:aws:ssm:*:*:maintenancewindow/*" },
	{ "managed-instance", "arn:aws:ssm:*:*:managed-instance/*" },
	{ "managed-instance-inventory", "arn:aws:ssm:*:*:managed-instance-inventory/*" },
	{ "opsitem", "arn:aws:ssm:*:*:opsitem/*" },
	{ "opsitemgroup", "arn:aws:ssm:*:*:opsitemgroup/default" },
	{ "opsmetadata", "arn:aws:ssm:*:*:opsmetadata/*" },
	{ "parameter", "arn:aws:ssm:*:*:parameter/*" },
	{ "patchbaseline", "arn:aws:ssm:*:*:patchbaseline/*" },
	{ "resourcedatasync", "arn:aws:ssm:*:*:resource-data-sync/*" },
	{ "servicesetting", "arn:aws:ssm:*:*:servicesetting/*" },
	{ "session", "arn:aws:ssm:*:*:session/*" },
	{ "task", "arn:aws:ecs:*:*:task/*" },
	{ "windowtarget", "arn:aws:ssm:*:*:windowtarget/*" },
	{ "windowtask", "arn:aws:ssm:*:*:windowtask/*" },
};
/* clang-format on */

static const struct vocabulary_action ssmmessages[] = {
	{ "CreateControlChannel", "" },
	{ "CreateDataChannel", "" },
	{ "OpenControlChannel", "" },
	{ "OpenDataChannel", NULL }, /* newer policies name sessions here */
	{ 0 },
};

static const struct vocabulary_action ec2messages[] = {
	{ "AcknowledgeMessage", "" },
	{ "DeleteMessage", "" },
	{ "FailMessage", "" },
	{ "GetEndpoint", "" },
	{ "GetMessages", "" },
	{ "SendReply", "" },
	{ 0 },
};

static const struct vocabulary_action sts[] = {
	{ "AssumeRole", NULL },
	{ "AssumeRoleWithSAML", NULL },
	{ "AssumeRoleWithWebIdentity", NULL },
	{ "DecodeAuthorizationMessage", "" },
	{ "GetAccessKeyInfo", "" },
	{ "GetCallerIdentity", "" },
	{ "GetFederationToken", NULL },
	{ "GetServiceBearerToken", "" },
	{ "GetSessionToken", "" },
	{ "SetContext", NULL },
	{ "SetSourceIdentity", NULL },
	{ "TagSession", NULL },
	{ 0 },
};

static const struct vocabulary_service services[] = {
	{ "ssm", ssm },
	{ "ssmmessages", ssmmessages },
	{ "ec2messages", ec2messages },
	{ "sts", sts },
};

static const char *const keys[] = { "aws:CalledVia", "aws:CalledViaFirst",
	"aws:CalledViaLast", "aws:CurrentTime", "aws:EpochTime", "aws:FederatedProvider",
	"aws:MultiFactorAuthAge", "aws:MultiFactorAuthPresent", "aws:PrincipalAccount",
	"aws:PrincipalArn", "aws:PrincipalIsAWSService", "aws:PrincipalOrgID",
	"aws:PrincipalOrgPaths", "aws:PrincipalServiceName",
	"aws:PrincipalServiceNamesList", "aws:PrincipalTag/", "aws:PrincipalType",
	"aws:Referer", "aws:RequestTag/", "aws:RequestedRegion", "aws:ResourceAccount",
	"aws:ResourceOrgID", "aws:ResourceOrgPaths", "aws:ResourceTag/",
	"aws:SecureTransport", "aws:SourceAccount", "aws:SourceArn", "aws:SourceIdentity",
	"aws:SourceIp", "aws:SourceOrgID", "aws:SourceOrgPaths", "aws:SourceVpc",
	"aws:SourceVpcArn", "aws:SourceVpce", "aws:TagKeys", "aws:TokenIssueTime",
	"aws:UserAgent", "aws:ViaAWSService", "aws:VpcSourceIp", "aws:userid",
	"aws:username", "ssm:AccessRequestId", "ssm:AutoApprove",
	"ssm:DocumentCategories", "ssm:DocumentType", "ssm:DocumentVersion",
	"ssm:InventoryTypeName", "ssm:Overwrite", "ssm:Policies", "ssm:Recursive",
	"ssm:SessionDocumentAccessCheck", "ssm:SourceInstanceARN", "ssm:SyncType",
	"ssm:resourceTag/", "sts:ExternalId", "sts:RoleSessionName", "sts:SourceIdentity",
	"sts:TransitiveTagKeys", "sts:AWSServiceName", "sts:DurationSeconds", NULL };

const struct vocabulary_service *
vocabulary_service_find(struct span vendor)
{
	for (size_t i = 0; i < ARRAY_LEN(services); i++)
		if (span_eq_ci(vendor, services[i].vendor))
			return &services[i];
	return NULL;
}

const char *
vocabulary_type_arn(struct span type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (span_eq_str(type, types[i].type))
			return types[i].arn;
	return NULL;
}

const char *const *
vocabulary_keys(void)
{
	return keys;
}
