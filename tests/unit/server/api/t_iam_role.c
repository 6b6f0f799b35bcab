/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles and instance profiles.
 */
#include "iam_bench.h"

static void
t_roles(void **state)
{
	static const struct step steps[] = {
		{ "GetRole", "RoleName=r", 404, "NoSuchEntity",
		    "The role with name r cannot be found." },
		{ "CreateRole",
		    "RoleName=r&Path=/team/"
		    "&Description=d&Tags.member.1.Key=k&Tags.member.1."
		    "Value=v&AssumeRolePolicyDocument=" TRUST,
		    200, NULL, "<Arn>arn:aws:iam::ACCOUNT:role/team/r</Arn>" },
		{ "CreateRole", "RoleName=r&AssumeRolePolicyDocument=" TRUST, 409,
		    "EntityAlreadyExists", "Role with name r already exists." },
		{ "CreateRole", "RoleName=R&AssumeRolePolicyDocument=" TRUST, 409,
		    "EntityAlreadyExists", "Role with name R already exists." },
		{ "CreateRole", "RoleName=s&AssumeRolePolicyDocument=%7B", 400,
		    "MalformedPolicyDocument", NULL },
		{ "CreateRole", "RoleName=s&AssumeRolePolicyDocument=" ALLOW, 400,
		    "MalformedPolicyDocument", NULL },
		{ "CreateRole",
		    "RoleName=s&PermissionsBoundary=arn:aws:iam::ACCOUNT:policy/gone&"
		    "AssumeRolePolicyDocument=" TRUST,
		    404, "NoSuchEntity",
		    "Scope ARN: arn:aws:iam::ACCOUNT:policy/gone does not exist or is "
		    "not "
		    "attachable." },
		{ "GetRole", "RoleName=r", 200, NULL,
		    "<Description>d</Description><MaxSessionDuration>3600</"
		    "MaxSessionDuration>"
		    "<Tags><member><Key>k</Key><Value>v</Value></member></Tags>"
		    "<RoleLastUsed></RoleLastUsed></Role>" },
		{ "GetRole", "RoleName=r", 200, NULL,
		    "<AssumeRolePolicyDocument>" TRUST "</AssumeRolePolicyDocument>" },
		{ "ListRoles", "PathPrefix=/team/", 200, NULL,
		    "</member></Roles><IsTruncated>false</IsTruncated>" },
		{ "ListRoles", "PathPrefix=/none/", 200, NULL, "<Roles></Roles>" },
		{ "UpdateRole", "RoleName=r&MaxSessionDuration=7200", 200, NULL,
		    "<UpdateRoleResult></UpdateRoleResult>" },
		{ "UpdateRoleDescription", "RoleName=r&Description=e", 200, NULL,
		    "<Description>e</Description>" },
		{ "GetRole", "RoleName=r", 200, NULL,
		    "<Description>e</Description><MaxSessionDuration>7200</"
		    "MaxSessionDuration>" },
		{ "UpdateAssumeRolePolicy", "RoleName=r&PolicyDocument=%7B", 400,
		    "MalformedPolicyDocument", NULL },
		{ "UpdateAssumeRolePolicy", "RoleName=r&PolicyDocument=" TRUST, 200, NULL,
		    NULL },
		{ "TagRole",
		    "RoleName=r&Tags.member.1.Key=K&Tags.member.1.Value=w&Tags.member.2."
		    "Key=a"
		    "&Tags.member.2.Value=",
		    200, NULL, NULL },
		{ "ListRoleTags", "RoleName=r&MaxItems=1", 200, NULL,
		    "<Tags><member><Key>K</Key><Value>w</Value></member></Tags>"
		    "<IsTruncated>true</IsTruncated><Marker>" },
		{ "UntagRole", "RoleName=r&TagKeys.member.1=k", 200, NULL, NULL },
		{ "ListRoleTags", "RoleName=r", 200, NULL,
		    "<Tags><member><Key>a</Key><Value></Value></member></Tags>" },
		{ "AttachRolePolicy", "RoleName=r&PolicyArn=" CORE, 200, NULL, NULL },
		{ "DeleteRole", "RoleName=r", 409, "DeleteConflict",
		    "Cannot delete entity, must detach all policies first." },
		{ "AttachRolePolicy", "RoleName=r&PolicyArn=no-arn-but-long-enough", 400,
		    "ValidationError", "Invalid ARN:  Could not be parsed!" },
		{ "DetachRolePolicy", "RoleName=r&PolicyArn=no-arn-but-long-enough", 400,
		    "ValidationError", "Invalid ARN:  Could not be parsed!" },
		{ "TagRole", "RoleName=r&Tags.member.1.Key=x!&Tags.member.1.Value=w", 400,
		    "ValidationError",
		    "1 validation error detected: Value at &apos;tags.1.member.key&apos; failed to "
		    "satisfy constraint: Member must satisfy regular expression pattern: "
		    "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+" },
		{ "UpdateRole", "RoleName=r", 200, NULL, NULL }, /* changes nothing */
		{ "GetRole", "RoleName=r", 200, NULL,
		    "<Description>e</Description><MaxSessionDuration>7200</"
		    "MaxSessionDuration>" },
		{ "DetachRolePolicy", "RoleName=r&PolicyArn=" CORE, 200, NULL, NULL },
		{ "PutRolePolicy", "RoleName=r&PolicyName=p&PolicyDocument=" ALLOW, 200,
		    NULL, NULL },
		{ "DeleteRole", "RoleName=r", 409, "DeleteConflict",
		    "Cannot delete entity, must delete policies first." },
		{ "DeleteRolePolicy", "RoleName=r&PolicyName=p", 200, NULL, NULL },
		{ "DeleteRole", "RoleName=r", 200, NULL, NULL },
		{ "DeleteRole", "RoleName=r", 404, "NoSuchEntity",
		    "The role with name r cannot be found." },
	};
	(void)state;

	RUN_ALONE(steps);
}

static void
t_profiles(void **state)
{
	static const struct step steps[] = {
		{ "CreateInstanceProfile", "InstanceProfileName=p", 200, NULL,
		    "<Roles></Roles></InstanceProfile>" },
		{ "CreateInstanceProfile", "InstanceProfileName=p", 409,
		    "EntityAlreadyExists", "Instance Profile p already exists." },
		{ "GetInstanceProfile", "InstanceProfileName=q", 404, "NoSuchEntity",
		    "Instance Profile q cannot be found." },
		{ "AddRoleToInstanceProfile", "InstanceProfileName=p&RoleName=r", 404,
		    "NoSuchEntity", "The role with name r cannot be found." },
		{ "AddRoleToInstanceProfile",
		    "InstanceProfileName=p&RoleName=SallyportNode", 200, NULL, NULL },
		{ "AddRoleToInstanceProfile",
		    "InstanceProfileName=p&RoleName=SallyportNode", 409, "LimitExceeded",
		    "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1" },
		{ "GetInstanceProfile", "InstanceProfileName=p", 200, NULL,
		    "<RoleName>SallyportNode</RoleName>" },
		{ "ListInstanceProfilesForRole", "RoleName=SallyportNode", 200, NULL,
		    "<InstanceProfileName>p</InstanceProfileName>" },
		{ "ListInstanceProfiles", "", 200, NULL,
		    "<RoleName>SallyportNode</RoleName>" },
		{ "DeleteInstanceProfile", "InstanceProfileName=p", 409, "DeleteConflict",
		    "Cannot delete entity, must remove roles from instance profile "
		    "first." },
		{ "DeleteRole", "RoleName=SallyportNode", 409, "DeleteConflict",
		    "Cannot delete entity, must remove roles from instance profile "
		    "first." },
		{ "RemoveRoleFromInstanceProfile",
		    "InstanceProfileName=p&RoleName=SallyportNode", 200, NULL, NULL },
		{ "RemoveRoleFromInstanceProfile",
		    "InstanceProfileName=p&RoleName=SallyportNode", 404, "NoSuchEntity",
		    "Role SallyportNode in Instance Profile p cannot be found." },
		{ "DeleteInstanceProfile", "InstanceProfileName=p", 200, NULL, NULL },
	};
	(void)state;

	RUN_ALONE(steps);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_roles),
		cmocka_unit_test(t_profiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
