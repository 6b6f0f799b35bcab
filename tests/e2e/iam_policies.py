#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: boto3 and the AWS CLI make, show, page and delete roles, instance profiles, policies of every
kind and identity providers as at AWS, with AWS's errors; the shapes of answers are those that others have
recorded there.
"""
import json

import e2e
from e2e import equal, ok

TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}
OWNERS = (("user", "UserName"), ("group", "GroupName"), ("role", "RoleName"))

ROLE = {"Arn", "AssumeRolePolicyDocument", "CreateDate", "Path", "RoleId", "RoleName"}
POLICY = {"Arn", "AttachmentCount", "CreateDate", "DefaultVersionId", "IsAttachable", "Path",
          "PermissionsBoundaryUsageCount", "PolicyId", "PolicyName", "UpdateDate"}
PROFILE = {"Arn", "CreateDate", "InstanceProfileId", "InstanceProfileName", "Path", "Roles"}


def refused(what, call, code, status, text=None, **kwargs):
    got = e2e.refusal(call, **kwargs)
    equal((got.code, got.status), (code, status), f"{what}: {code}")
    if text is not None:
        equal(got.text, text, f"{what}: the message")


def pages(iam, operation, size, **kwargs):
    """The pages of a list.  Not every botocore knows which operations have pages."""
    found, more = [], {}
    while True:
        found.append(getattr(iam, operation)(MaxItems=size, **kwargs, **more))
        if not found[-1]["IsTruncated"]:
            return found
        more = {"Marker": found[-1]["Marker"]}


def walk(iam, operation, key, size=1, **kwargs):
    """All rows of a list, in pages of this size; and how many pages."""
    found = pages(iam, operation, size, **kwargs)
    return [row for page in found for row in page[key]], len(found)


def roles(iam):
    made = iam.create_role(RoleName="r1", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
    equal((set(made), made["AssumeRolePolicyDocument"]), (ROLE, TRUST), "CreateRole answers as recorded")
    got = iam.get_role(RoleName="r1")["Role"]
    equal((set(got), got["MaxSessionDuration"], got["RoleLastUsed"]),
          (ROLE | {"MaxSessionDuration", "RoleLastUsed"}, 3600, {}), "so does GetRole")
    for i in range(2, 6):
        iam.create_role(RoleName=f"r{i}", Path="/some/where/", AssumeRolePolicyDocument=json.dumps(TRUST))
    rows, n = walk(iam, "list_roles", "Roles", 2, PathPrefix="/some/")
    equal(([r["RoleName"] for r in rows], n, set(rows[0])),
          (["r2", "r3", "r4", "r5"], 2, ROLE | {"MaxSessionDuration"}), "ListRoles has pages and prefixes")
    iam.update_role(RoleName="r1", Description="one", MaxSessionDuration=7200)
    got = iam.update_role_description(RoleName="r1", Description="two")["Role"]
    equal((set(got), got["Description"]), (ROLE | {"Description"}, "two"), "UpdateRoleDescription answers the role")
    other = json.loads(json.dumps(TRUST).replace("ec2", "ssm"))
    iam.update_assume_role_policy(RoleName="r1", PolicyDocument=json.dumps(other))
    got = iam.get_role(RoleName="r1")["Role"]
    equal((got["MaxSessionDuration"], got["AssumeRolePolicyDocument"]), (7200, other), "what is updated stays")
    for document, what in ((json.dumps(ALLOW), "an identity policy"), ("{", "half a document")):
        refused(f"{what} as a trust policy", iam.update_assume_role_policy, "MalformedPolicyDocument", 400,
                RoleName="r1", PolicyDocument=document)
    refused("an action that is not AssumeRole", iam.update_assume_role_policy, "MalformedPolicyDocument", 400,
            RoleName="r1", PolicyDocument=json.dumps(TRUST).replace("sts:AssumeRole", "s3:ListBucket"))
    tag_role(iam)
    for i in range(2, 6):
        iam.delete_role(RoleName=f"r{i}")


def tag_role(iam):
    iam.tag_role(RoleName="r1", Tags=[{"Key": "somekey", "Value": "x"}, {"Key": "other", "Value": ""}])
    iam.tag_role(RoleName="r1", Tags=[{"Key": "Somekey", "Value": "y"}])
    rows, n = walk(iam, "list_role_tags", "Tags", RoleName="r1")
    equal((sorted((t["Key"], t["Value"]) for t in rows), n), ([("Somekey", "y"), ("other", "")], 2),
          "tags of a role: case does not make another key")
    refused("a key given twice", iam.tag_role, "InvalidInput", 400,
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            RoleName="r1", Tags=[{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}])
    iam.untag_role(RoleName="r1", TagKeys=["somekey", "other"])
    ok("Tags" not in iam.get_role(RoleName="r1")["Role"], "tags go")


def profiles(iam):
    made = iam.create_instance_profile(InstanceProfileName="p1", Path="/x/")["InstanceProfile"]
    equal((set(made), made["Roles"]), (PROFILE, []), "CreateInstanceProfile answers as recorded")
    iam.create_instance_profile(InstanceProfileName="p2", Path="/x/")
    for name in ("p1", "p2"):
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName="r1")
    got = iam.get_instance_profile(InstanceProfileName="p1")["InstanceProfile"]
    equal((set(got), [set(r) for r in got["Roles"]]), (PROFILE | {"Tags"}, [ROLE]), "a profile shows its role")
    for operation, more in (("list_instance_profiles", {"PathPrefix": "/x/"}),
                            ("list_instance_profiles_for_role", {"RoleName": "r1"})):
        rows, n = walk(iam, operation, "InstanceProfiles", **more)
        equal(([r["InstanceProfileName"] for r in rows], n), (["p1", "p2"], 2), f"{operation} in pages")
    refused("a second role", iam.add_role_to_instance_profile, "LimitExceeded", 409,
            "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
            InstanceProfileName="p1", RoleName="SallyportNode")
    refused("a profile with a role", iam.delete_instance_profile, "DeleteConflict", 409,
            "Cannot delete entity, must remove roles from instance profile first.", InstanceProfileName="p1")
    for name in ("p1", "p2"):
        iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName="r1")
    iam.delete_instance_profile(InstanceProfileName="p2")


def policies(iam):
    made = iam.create_policy(PolicyName="one", Path="/team/", Description="d", PolicyDocument=json.dumps(ALLOW),
                             Tags=[{"Key": "k", "Value": "v"}])["Policy"]
    equal(set(made), POLICY | {"Tags"}, "CreatePolicy answers as recorded")
    arn = made["Arn"]
    got = iam.get_policy(PolicyArn=arn)["Policy"]
    equal((set(got), got["Description"], got["Tags"]),
          (POLICY | {"Tags", "Description"}, "d", [{"Key": "k", "Value": "v"}]), "so does GetPolicy")
    refused("a key given twice", iam.tag_policy, "InvalidInput", 400, "Duplicate tag keys found.", PolicyArn=arn,
            Tags=[{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}])
    iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "K", "Value": "upper"}])
    equal([(t["Key"], t["Value"]) for t in walk(iam, "list_policy_tags", "Tags", PolicyArn=arn)[0]],
          [("K", "upper"), ("k", "v")], "of a policy's tags case makes another key")
    two = iam.create_policy(PolicyName="two", PolicyDocument=json.dumps(ALLOW))["Policy"]["Arn"]
    equal(iam.get_policy(PolicyArn=two)["Policy"]["Tags"], [], "a policy without tags says so")
    rows, _ = walk(iam, "list_policies", "Policies", 2)
    names = [r["PolicyName"] for r in rows]
    equal((names[:2], "ReadOnlyAccess" in names, len(set(names)) == len(names)), (["one", "two"], True, True),
          "ListPolicies goes on from the account's own to AWS's")
    equal([r["PolicyName"] for r in walk(iam, "list_policies", "Policies", Scope="Local")[0]], ["one", "two"],
          "the account's own alone")
    equal([r["PolicyName"] for r in walk(iam, "list_policies", "Policies", OnlyAttached=True)[0]],
          ["AdministratorAccess", "AmazonSSMManagedInstanceCore"], "those that are attached")
    versions(iam, arn)
    return arn


def versions(iam, arn):
    for i in range(2, 6):
        got = iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(ALLOW), SetAsDefault=i == 3)
        equal((set(got["PolicyVersion"]), got["PolicyVersion"]["VersionId"]),
              ({"CreateDate", "IsDefaultVersion", "VersionId"}, f"v{i}"), f"version {i}")
    refused("a sixth version", iam.create_policy_version, "LimitExceeded", 409,
            "A managed policy can have up to 5 versions. Before you create a new version, you must delete an "
            "existing version.", PolicyArn=arn, PolicyDocument=json.dumps(ALLOW))
    rows, n = walk(iam, "list_policy_versions", "Versions", 2, PolicyArn=arn)
    equal(([(v["VersionId"], v["IsDefaultVersion"]) for v in rows], n),
          ([("v5", False), ("v4", False), ("v3", True), ("v2", False), ("v1", False)], 3), "newest first, in pages")
    equal(iam.get_policy_version(PolicyArn=arn, VersionId="v3")["PolicyVersion"]["Document"], ALLOW,
          "a version's document")
    refused("the version in force", iam.delete_policy_version, "DeleteConflict", 409,
            "Cannot delete the default version of a policy.", PolicyArn=arn, VersionId="v3")
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    refused("a policy with versions", iam.delete_policy, "DeleteConflict", 409, PolicyArn=arn)
    for i in range(2, 6):
        iam.delete_policy_version(PolicyArn=arn, VersionId=f"v{i}")
    equal(iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"], "v1", "the first one is in force again")


def owners(iam, arn):
    """The same calls for users, groups and roles."""
    iam.create_user(UserName="r1")
    iam.create_group(GroupName="r1")
    for kind, member in OWNERS:
        def call(verb, what="policy", member=member, kind=kind, **more):
            return getattr(iam, f"{verb}_{kind}_{what}")(**{member: "r1"}, **more)
        who = {member: "r1"}
        for name in ("a", "b"):
            call("put", PolicyName=name, PolicyDocument=json.dumps(ALLOW))
        got = call("get", PolicyName="a")
        equal((got[member], got["PolicyName"], got["PolicyDocument"]), ("r1", "a", ALLOW), f"{kind}: a policy of its own")
        equal(walk(iam, f"list_{kind}_policies", "PolicyNames", **who), (["a", "b"], 2), f"{kind}: a list of them")
        refused(f"{kind}: one that is not there", getattr(iam, f"get_{kind}_policy"), "NoSuchEntity", 404,
                f"The {kind} policy with name c cannot be found.", **who, PolicyName="c")
        for one in (arn, "arn:aws:iam::aws:policy/ReadOnlyAccess"):
            call("attach", PolicyArn=one)
        equal(sorted(p["PolicyName"] for p in walk(iam, f"list_attached_{kind}_policies", "AttachedPolicies", **who)[0]),
              ["ReadOnlyAccess", "one"], f"{kind}: what is attached")
        equal([p["PolicyName"] for p in walk(iam, f"list_attached_{kind}_policies", "AttachedPolicies",
                                             PathPrefix="/team/", **who)[0]], ["one"], f"{kind}: under a path")
    entities(iam, arn)
    details(iam)
    for kind, member in OWNERS:
        who = {member: "r1"}
        refused(f"{kind} with policies", getattr(iam, f"delete_{kind}"), "DeleteConflict", 409,
                "Cannot delete entity, must detach all policies first.", **who)
        for one in (arn, "arn:aws:iam::aws:policy/ReadOnlyAccess"):
            getattr(iam, f"detach_{kind}_policy")(**who, PolicyArn=one)
        refused(f"{kind} with a policy of its own", getattr(iam, f"delete_{kind}"), "DeleteConflict", 409,
                "Cannot delete entity, must delete policies first.", **who)
        for name in ("a", "b"):
            getattr(iam, f"delete_{kind}_policy")(**who, PolicyName=name)
        getattr(iam, f"delete_{kind}")(**who)
        ok(True, f"{kind}: gone")


def entities(iam, arn):
    got = iam.list_entities_for_policy(PolicyArn=arn)
    equal([(k, [set(e) for e in got[k]]) for k in ("PolicyGroups", "PolicyRoles", "PolicyUsers")],
          [("PolicyGroups", [{"GroupName", "GroupId"}]), ("PolicyRoles", [{"RoleName", "RoleId"}]),
           ("PolicyUsers", [{"UserName", "UserId"}])], "ListEntitiesForPolicy shows all three kinds")
    found = pages(iam, "list_entities_for_policy", 1, PolicyArn=arn)
    equal((len(found), [sum(len(p[k]) for p in found) for k in ("PolicyGroups", "PolicyRoles", "PolicyUsers")]),
          (3, [1, 1, 1]), "in pages as well")
    iam.put_role_permissions_boundary(RoleName="r1", PermissionsBoundary=arn)
    got = iam.list_entities_for_policy(PolicyArn=arn, PolicyUsageFilter="PermissionsBoundary")
    equal((len(got["PolicyRoles"]), got["PolicyUsers"]), (1, []), "and whom it bounds")
    equal(iam.get_role(RoleName="r1")["Role"]["PermissionsBoundary"],
          {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}, "a role shows its boundary")
    iam.delete_role_permissions_boundary(RoleName="r1")
    refused("a policy that is attached", iam.delete_policy, "DeleteConflict", 409,
            "Cannot delete a policy attached to entities.", PolicyArn=arn)


def details(iam):
    got = iam.get_account_authorization_details()
    role = next(r for r in got["RoleDetailList"] if r["RoleName"] == "r1")
    equal(role["RolePolicyList"], [{"PolicyName": n, "PolicyDocument": ALLOW} for n in ("a", "b")],
          "GetAccountAuthorizationDetails: a role's policies")
    equal(sorted(p["PolicyName"] for p in role["AttachedManagedPolicies"]), ["ReadOnlyAccess", "one"],
          "and what is attached")
    user = next(u for u in got["UserDetailList"] if u["UserName"] == "r1")
    equal((user["GroupList"], len(user["UserPolicyList"])), ([], 2), "users")
    own = next(p for p in got["Policies"] if p["PolicyName"] == "one")
    equal((own["AttachmentCount"], [v["Document"] for v in own["PolicyVersionList"]]), (3, [ALLOW]), "policies")
    lists = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
    found = pages(iam, "get_account_authorization_details", 2)
    equal([sum(len(p[k]) for p in found) for k in lists], [len(got[k]) for k in lists], "page by page the same")
    got = iam.get_account_authorization_details(Filter=["LocalManagedPolicy"])
    equal([len(got[k]) for k in lists[:3]] + [[p["PolicyName"] for p in got["Policies"]]],
          [0, 0, 0, ["one", "two"]], "one kind alone")


def simulation(iam, account):
    document = json.dumps({"Version": "2012-10-17", "Statement": {
        "Sid": "", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}})
    arn = iam.create_policy(PolicyName="sim", PolicyDocument=document)["Policy"]["Arn"]
    iam.create_user(UserName="sim")
    iam.attach_user_policy(UserName="sim", PolicyArn=arn)
    got = iam.simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::{account}:user/sim", ActionNames=["s3:PutObject", "s3:GetObjectVersion"],
        ResourceArns=["arn:aws:s3:::bucket"])
    matched = [{"SourcePolicyId": "sim", "SourcePolicyType": "IAM Policy",
                "StartPosition": {"Line": 1, "Column": 41}, "EndPosition": {"Line": 1, "Column": 113}}]

    def result(action, decision, statements):
        return {"EvalActionName": action, "EvalResourceName": "arn:aws:s3:::bucket", "EvalDecision": decision,
                "MatchedStatements": statements, "MissingContextValues": [],
                "OrganizationsDecisionDetail": {"AllowedByOrganizations": True}, "EvalDecisionDetails": {},
                "ResourceSpecificResults": [{
                    "EvalResourceName": "arn:aws:s3:::bucket", "EvalResourceDecision": decision,
                    "MatchedStatements": statements, "MissingContextValues": []}]}
    equal((got["EvaluationResults"], got["IsTruncated"]),
          ([result("s3:PutObject", "allowed", matched), result("s3:GetObjectVersion", "implicitDeny", [])], False),
          "SimulatePrincipalPolicy answers what AWS was recorded to answer")
    found = pages(iam, "simulate_custom_policy", 2, PolicyInputList=[document],
                  ActionNames=["s3:A", "s3:B", "s3:C"])
    equal([[r["EvalActionName"] for r in p["EvaluationResults"]] for p in found], [["s3:A", "s3:B"], ["s3:C"]],
          "SimulateCustomPolicy in pages")
    keys = iam.get_context_keys_for_custom_policy(PolicyInputList=[json.dumps({
        "Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::${aws:username}",
            "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}})])["ContextKeyNames"]
    equal(sorted(keys), ["aws:MultiFactorAuthPresent", "aws:username"], "the keys that a policy asks for")
    refused("a principal that is not there", iam.simulate_principal_policy, "NoSuchEntity", 404,
            PolicySourceArn=f"arn:aws:iam::{account}:role/none", ActionNames=["s3:A"])
    iam.detach_user_policy(UserName="sim", PolicyArn=arn)
    iam.delete_user(UserName="sim")
    iam.delete_policy(PolicyArn=arn)


def providers(iam):
    arn = iam.create_open_id_connect_provider(
        Url="https://token.actions.example.com", ClientIDList=["one"],
        ThumbprintList=["b" * 40])["OpenIDConnectProviderArn"]
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="two")
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="one")
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["c" * 40])
    got = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    equal((got["Url"], got["ClientIDList"], got["ThumbprintList"]),
          ("token.actions.example.com", ["two"], ["c" * 40]), "an identity provider")
    equal([p["Arn"] for p in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]], [arn], "in the list")
    refused("six thumbprints", iam.update_open_id_connect_provider_thumbprint, "InvalidInput", 400,
            "Thumbprint list must contain fewer than 5 entries.", OpenIDConnectProviderArn=arn,
            ThumbprintList=[c * 40 for c in "abcdef"])
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    refused("one that is gone", iam.get_open_id_connect_provider, "NoSuchEntity", 404,
            f"OpenIDConnect Provider not found for arn {arn}", OpenIDConnectProviderArn=arn)


def command_line(world, name, argv):
    """The usual way, with each CLI."""
    runner = e2e.aws_runner_of(argv)

    def aws(*args):
        p = runner.run(["--endpoint-url", world.endpoint, "--output", "json", "iam", *args], world.env())
        if p.returncode != 0:
            print(f"    {name}: {' '.join(args[:1])}: {p.stderr.strip()}")
        return json.loads(p.stdout) if p.stdout.strip() else {}
    trust, allow = world.dir / "trust.json", world.dir / "allow.json"
    trust.write_text(json.dumps(TRUST, indent=4))
    allow.write_text(json.dumps(ALLOW, indent=4))
    aws("create-role", "--role-name", "cli", "--assume-role-policy-document", f"file://{trust}")
    arn = aws("create-policy", "--policy-name", "cli", "--policy-document", f"file://{allow}")["Policy"]["Arn"]
    aws("attach-role-policy", "--role-name", "cli", "--policy-arn", arn)
    aws("put-role-policy", "--role-name", "cli", "--policy-name", "in", "--policy-document", f"file://{allow}")
    equal(aws("get-role", "--role-name", "cli")["Role"]["AssumeRolePolicyDocument"], TRUST, f"{name}: get-role")
    equal(aws("get-role-policy", "--role-name", "cli", "--policy-name", "in")["PolicyDocument"], ALLOW,
          f"{name}: get-role-policy")
    equal(aws("list-attached-role-policies", "--role-name", "cli")["AttachedPolicies"],
          [{"PolicyName": "cli", "PolicyArn": arn}], f"{name}: list-attached-role-policies")
    equal(aws("get-policy-version", "--policy-arn", arn, "--version-id", "v1")["PolicyVersion"]["Document"], ALLOW,
          f"{name}: get-policy-version")
    names = [r["RoleName"] for r in aws("list-roles", "--page-size", "1")["Roles"]]
    ok("cli" in names and "SallyportNode" in names, f"{name}: list-roles")
    ok(len(aws("get-account-authorization-details")["RoleDetailList"]) == len(names),
       f"{name}: get-account-authorization-details")
    aws("detach-role-policy", "--role-name", "cli", "--policy-arn", arn)
    aws("delete-role-policy", "--role-name", "cli", "--policy-name", "in")
    aws("delete-role", "--role-name", "cli")
    aws("delete-policy", "--policy-arn", arn)
    ok("cli" not in [r["RoleName"] for r in aws("list-roles")["Roles"]], f"{name}: delete-role")


def main():
    with e2e.World("iam-policies") as world:
        iam = world.boto("iam", parameter_validation=False)
        roles(iam)
        profiles(iam)
        arn = policies(iam)
        iam.delete_instance_profile(InstanceProfileName="p1")
        owners(iam, arn)
        iam.delete_policy(PolicyArn=arn)
        simulation(iam, world.boto("sts").get_caller_identity()["Account"])
        providers(iam)
        for name, argv in e2e.aws_clis():
            command_line(world, name, argv)
    e2e.finish()


if __name__ == "__main__":
    main()
