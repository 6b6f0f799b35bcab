/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS's managed policies, as published (July 2026), with one exception: ReadOnlyAccess is
 * abridged.  AWS's has some 2,900 actions, and a statement for S3 Express;
 * here are its lines for the services that a session manager has to do with.
 */
#include "policy/managed.h"

/* clang-format off */

static const char administrator_access[] =
    "{\n"
    "    \"Version\": \"2012-10-17\",\n"
    "    \"Statement\": [\n"
    "        {\n"
    "            \"Effect\": \"Allow\",\n"
    "            \"Action\": \"*\",\n"
    "            \"Resource\": \"*\"\n"
    "        }\n"
    "    ]\n"
    "}";

static const char amazon_ssm_full_access[] =
    "{\n"
    "    \"Version\": \"2012-10-17\",\n"
    "    \"Statement\": [\n"
    "        {\n"
    "            \"Effect\": \"Allow\",\n"
    "            \"Action\": [\n"
    "                \"cloudwatch:PutMetricData\",\n"
    "                \"ds:CreateComputer\",\n"
    "                \"ds:DescribeDirectories\",\n"
    "                \"ec2:DescribeInstanceStatus\",\n"
    "                \"logs:*\",\n"
    "                \"ssm:*\",\n"
    "                \"ec2messages:*\"\n"
    "            ],\n"
    "            \"Resource\": \"*\"\n"
    "        },\n"
    "        {\n"
    "            \"Effect\": \"Allow\",\n"
    "            \"Action\": [\n"
    "                \"iam:CreateServiceLinkedRole\"\n"
    "            ],\n"
    "            \"Resource\": \"arn:aws:iam::*:role/aws-service-role/ssm.amazonaws.com/AWSServiceRoleForAmazonSSM*\",\n"
    "            \"Condition\": {\n"
    "                \"StringLike\": {\n"
    "                    \"iam:AWSServiceName\": \"ssm.amazonaws.com\"\n"
    "                }\n"
    "            }\n"
    "        },\n"
    "        {\n"
    "            \"Effect\": \"Allow\",\n"
    "            \"Action\": [\n"
    "                \"iam:DeleteServiceLinkedRole\",\n"
    "                \"iam:GetServiceLinkedRoleDeletionStatus\"\n"
    "            ],\n"
    "            \"Resource\": \"arn:aws:iam::*:role/aws-service-role/ssm.amazonaws.com/AWSServiceRoleForAmazonSSM*\"\n"
    "        },\n"
    "        {\n"
    "            \"Effect\": \"Allow\",\n"
    "            \"Action\": [\n"
    "                \"ssmmessages:CreateControlChannel\",\n"
    "                \"ssmmessages:CreateDataChannel\",\n"
    "                \"ssmmessages:OpenControlChannel\",\n"
    "                \"ssmmessages:OpenDataChannel\"\n"
    "            ],\n"
    "            \"Resource\": \"*\"\n"
    "        }\n"
    "    ]\n"
    "}";

static const char amazon_ssm_managed_instance_core[] =
    "{\n"
    "    \"Version\": \"2012-10-17\",\n"
    "    \"Statement\": [\n"
    "        {\n"
    "            \"Effect\": \"Allow\",\n"
    "            \"Action\": [\n"
    "                \"ssm:DescribeAssociation\",\n"
    "                \"ssm:GetDeployablePatchSnapshotForInstance\",\n"
    "                \"ssm:GetDocument\",\n"
    "                \"ssm:DescribeDocument\",\n"
    "                \"ssm:GetManifest\",\n"
    "                \"ssm:GetParameter\",\n"
    "                \"ssm:GetParameters\",\n"
    "                \"ssm:ListAssociations\",\n"
    "                \"ssm:ListInstanceAssociations\",\n"
    "                \"ssm:PutInventory\",\n"
    "                \"ssm:PutComplianceItems\",\n"
    "                \"ssm:PutConfigurePackageResult\",\n"
    "                \"ssm:UpdateAssociationStatus\",\n"
    "                \"ssm:UpdateInstanceAssociationStatus\",\n"
    "                \"ssm:UpdateInstanceInformation\"\n"
    "            ],\n"
    "            \"Resource\": \"*\"\n"
    "        },\n"
    "        {\n"
    "            \"Effect\": \"Allow\",\n"
    "            \"Action\": [\n"
    "                \"ssmmessages:CreateControlChannel\",\n"
    "                \"ssmmessages:CreateDataChannel\",\n"
    "                \"ssmmessages:OpenControlChannel\",\n"
    "                \"ssmmessages:OpenDataChannel\"\n"
    "            ],\n"
    "            \"Resource\": \"*\"\n"
    "        },\n"
    "        {\n"
    "            \"Effect\": \"Allow\",\n"
    "            \"Action\": [\n"
    "                \"ec2messages:AcknowledgeMessage\",\n"
    "                \"ec2messages:DeleteMessage\",\n"
    "                \"ec2messages:FailMessage\",\n"
    "                \"ec2messages:GetEndpoint\",\n"
    "                \"ec2messages:GetMessages\",\n"
    "                \"ec2messages:SendReply\"\n"
    "            ],\n"
    "            \"Resource\": \"*\"\n"
    "        }\n"
    "    ]\n"
    "}";

static const char amazon_ssm_read_only_access[] =
    "{\n"
    "    \"Version\": \"2012-10-17\",\n"
    "    \"Statement\": [\n"
    "        {\n"
    "            \"Effect\": \"Allow\",\n"
    "            \"Action\": [\n"
    "                \"ssm:Describe*\",\n"
    "                \"ssm:Get*\",\n"
    "                \"ssm:List*\"\n"
    "            ],\n"
    "            \"Resource\": \"*\"\n"
    "        }\n"
    "    ]\n"
    "}";

static const char read_only_access[] =
    "{\n"
    "    \"Version\": \"2012-10-17\",\n"
    "    \"Statement\": [\n"
    "        {\n"
    "            \"Sid\": \"ReadOnlyActionsGroup1\",\n"
    "            \"Effect\": \"Allow\",\n"
    "            \"Action\": [\n"
    "                \"cloudtrail:Describe*\",\n"
    "                \"cloudtrail:Get*\",\n"
    "                \"cloudtrail:List*\",\n"
    "                \"cloudtrail:LookupEvents\",\n"
    "                \"cloudwatch:Describe*\",\n"
    "                \"cloudwatch:GenerateQuery\",\n"
    "                \"cloudwatch:GenerateQueryResultsSummary\",\n"
    "                \"cloudwatch:Get*\",\n"
    "                \"cloudwatch:List*\",\n"
    "                \"ec2:Describe*\",\n"
    "                \"ec2:DescribeInstanceImageMetadata\",\n"
    "                \"ec2:Get*\",\n"
    "                \"ec2:ListImagesInRecycleBin\",\n"
    "                \"ec2:ListSnapshotsInRecycleBin\",\n"
    "                \"ec2:SearchLocalGatewayRoutes\",\n"
    "                \"ec2:SearchTransitGatewayRoutes\",\n"
    "                \"ec2messages:Get*\",\n"
    "                \"iam:Generate*\",\n"
    "                \"iam:Get*\",\n"
    "                \"iam:List*\",\n"
    "                \"iam:Simulate*\",\n"
    "                \"kms:Describe*\",\n"
    "                \"kms:Get*\",\n"
    "                \"kms:List*\",\n"
    "                \"logs:Describe*\",\n"
    "                \"logs:FilterLogEvents\",\n"
    "                \"logs:Get*\",\n"
    "                \"logs:ListAggregateLogGroupSummaries\",\n"
    "                \"logs:ListAnomalies\",\n"
    "                \"logs:ListEntitiesForLogGroup\",\n"
    "                \"logs:ListIntegrations\",\n"
    "                \"logs:ListLogAnomalyDetectors\",\n"
    "                \"logs:ListLogDeliveries\",\n"
    "                \"logs:ListLogGroupsForEntity\",\n"
    "                \"logs:ListLogGroupsForQuery\",\n"
    "                \"logs:ListScheduledQueries\",\n"
    "                \"logs:ListSourcesForS3TableIntegration\",\n"
    "                \"logs:ListTagsForResource\",\n"
    "                \"logs:ListTagsLogGroup\",\n"
    "                \"logs:StartLiveTail\",\n"
    "                \"logs:StartQuery\",\n"
    "                \"logs:StopLiveTail\",\n"
    "                \"logs:StopQuery\",\n"
    "                \"logs:TestMetricFilter\",\n"
    "                \"s3:DescribeJob\",\n"
    "                \"s3:Get*\",\n"
    "                \"s3:List*\",\n"
    "                \"ssm:Describe*\",\n"
    "                \"ssm:Get*\",\n"
    "                \"ssm:List*\",\n"
    "                \"sts:GetAccessKeyInfo\",\n"
    "                \"sts:GetCallerIdentity\",\n"
    "                \"sts:GetSessionToken\",\n"
    "                \"tag:DescribeReportCreation\",\n"
    "                \"tag:Get*\"\n"
    "            ],\n"
    "            \"Resource\": \"*\"\n"
    "        }\n"
    "    ]\n"
    "}";
/* clang-format on */

static const struct policy_managed policies[] = {
	{ "AdministratorAccess", "v1", "2015-02-06T18:39:46Z",
	    "Provides full access to AWS services and resources.", administrator_access },
	{ "AmazonSSMFullAccess", "v4", "2019-11-20T20:08:56Z",
	    "Provides full access to Amazon SSM.", amazon_ssm_full_access },
	{ "AmazonSSMManagedInstanceCore", "v2", "2019-05-23T16:54:21Z",
	    "The policy for Amazon EC2 Role to enable AWS Systems Manager service core "
	    "functionality.",
	    amazon_ssm_managed_instance_core },
	{ "AmazonSSMReadOnlyAccess", "v1", "2015-05-29T17:44:19Z",
	    "Provides read only access to Amazon SSM.", amazon_ssm_read_only_access },
	{ "ReadOnlyAccess", "v188", "2026-07-21T18:42:30Z",
	    "Provides read-only access to AWS services and resources.",
	    read_only_access },
	{ 0 },
};

const struct policy_managed *
policy_managed_list(void)
{
	return policies;
}

const struct policy_managed *
policy_managed_find(struct span arn)
{
	const char prefix[] = POLICY_MANAGED_PREFIX;

	if (!span_starts(arn, prefix))
		return NULL;
	arn = span_sub(arn, strlen(prefix), arn.n);
	for (const struct policy_managed *p = policies; p->name != NULL; p++)
		if (span_eq_str(arn, p->name))
			return p;
	return NULL;
}
