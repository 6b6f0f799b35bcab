#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: boto3 and every AWS CLI find each operation complete, errors and pages included.

Nodes are registered by hand here (an RSA key from openssl, the token call signed with
RSASSA-PSS), so no agent runs and no node is online.
"""
import base64
import datetime
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.error

import boto3
from botocore.config import Config

import wire
from e2e import BIN, REGION, World, aws_clis, equal, finish, ok, refusal, skip, wait_until

MISSING = "mi-0123456789abcdef0"


class Node:
    """A machine as the registration protocol sees it."""

    def __init__(self, world, name, fingerprint="11111111-2222-3333-4444-555555555555"):
        self.world = world
        self.fingerprint = fingerprint
        self.keyfile = world.dir / f"{name}.key"
        subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt",
                        "rsa_keygen_bits:2048", "-out", self.keyfile], check=False,
                       stderr=subprocess.DEVNULL)
        if not self.keyfile.exists():  # before OpenSSL 3 there is no -quiet
            subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt",
                            "rsa_keygen_bits:2048", "-out", self.keyfile], check=True,
                           stderr=subprocess.DEVNULL)
        self.public = base64.b64encode(subprocess.run(
            ["openssl", "pkey", "-in", self.keyfile, "-pubout", "-outform", "DER"],
            check=True, capture_output=True).stdout).decode()
        self.id = None

    def post(self, op, body, headers=None):
        """An SSM call by hand; returns (status, parsed body)."""
        context = ssl.create_default_context(cafile=str(self.world.ca))
        c = http.client.HTTPSConnection("localhost", self.world.port, context=context, timeout=10)
        c.request("POST", "/", body, {"Content-Type": "application/x-amz-json-1.1",
                                      "X-Amz-Target": f"AmazonSSM.{op}", **(headers or {})})
        r = c.getresponse()
        text = r.read().decode()
        c.close()
        return r.status, json.loads(text) if text else {}

    def register(self, activation, code):
        status, answer = self.post("RegisterManagedInstance", json.dumps({
            "ActivationCode": code, "ActivationId": activation, "Fingerprint": self.fingerprint,
            "PublicKey": self.public, "PublicKeyType": "Rsa"}))
        self.id = answer.get("InstanceId")
        return status, answer

    def sign(self, text):
        return wire.pss_sign(self.keyfile, text)

    def rsa_call(self, op, body, chunked=True):
        """As the stock agent signs: RSASSA-PSS over the SigV4 string to sign, chunked body."""
        now = datetime.datetime.now(datetime.timezone.utc)
        amz, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        text = json.dumps(body)
        target, host = f"AmazonSSM.{op}", f"localhost:{self.world.port}"
        names = "content-type;host;x-amz-date;x-amz-target"
        digest = hashlib.sha256(text.encode()).hexdigest()
        canonical = (f"POST\n/\n\ncontent-type:application/x-amz-json-1.1\nhost:{host}\n"
                     f"x-amz-date:{amz}\nx-amz-target:{target}\n\n{names}\n{digest}")
        scope = f"{day}/{REGION}/ssm/aws4_request"
        to_sign = ("AWS4-HMAC-SHA256\n" + amz + "\n" + scope + "\n" +
                   hashlib.sha256(canonical.encode()).hexdigest())
        headers = {"X-Amz-Date": amz, "X-Amz-Content-Sha256": digest,
                   "Authorization": f"AWS4-HMAC-SHA256 Credential={self.id}/{scope}, "
                                    f"SignedHeaders={names}, Signature={self.sign(to_sign)}"}
        return self.post(op, iter([text.encode()]) if chunked else text, headers)

    def token(self):
        return self.rsa_call("RequestManagedInstanceRoleToken", {"Fingerprint": self.fingerprint})


def client(world, service, key=None, secret=None, token=None):
    return boto3.client(service, region_name=REGION, endpoint_url=world.endpoint,
                        verify=str(world.ca), aws_access_key_id=key or world.key,
                        aws_secret_access_key=secret or world.secret, aws_session_token=token,
                        config=Config(retries={"max_attempts": 0}, parameter_validation=False))


def refused(what, call, code, text=None, status=400, **kwargs):
    got = refusal(call, **kwargs)
    equal((got.code, got.status), (code, status), f"{what}: {code}")
    if text is not None:
        equal(got.text, text, f"{what}: the message")


def pages(call, key, size, **kwargs):
    """Everything page by page: (items, number of pages)."""
    items, token, n = [], None, 0
    while n < 100:
        more = {"NextToken": token} if token else {}
        answer = call(MaxResults=size, **kwargs, **more)
        items += answer[key]
        n += 1
        token = answer.get("NextToken")
        if not token:
            break
    return items, n


def activations(world, ssm):
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=2)
    a = ssm.create_activation(IamRole="SallyportNode", Description="d", DefaultInstanceName="web",
                              RegistrationLimit=2, ExpirationDate=soon,
                              Tags=[{"Key": "Name", "Value": "web"}, {"Key": "Env", "Value": "prod"}])
    ok(len(a["ActivationCode"]) >= 20 and len(a["ActivationId"]) == 36, "an activation has id and code")
    for i in range(4):
        world.role(f"Role{i}")
        ssm.create_activation(IamRole=f"Role{i}")
    all_, n = pages(ssm.describe_activations, "ActivationList", 2)
    equal((len(all_), n), (5, 3), "activations come in pages")
    mine = ssm.describe_activations(Filters=[{"FilterKey": "ActivationIds",
                                              "FilterValues": [a["ActivationId"]]}])["ActivationList"]
    equal([(m["DefaultInstanceName"], m["RegistrationLimit"], m["RegistrationsCount"], m["Expired"])
           for m in mine], [("web", 2, 0, False)], "an activation is found by its id")
    equal(len(ssm.describe_activations(Filters=[{"FilterKey": "IamRole", "FilterValues":
                                                 ["Role1", "Role2"]}])["ActivationList"]), 2,
          "activations are found by role, values are alternatives")
    refused("an expiration in the past", ssm.create_activation, "InvalidParameters",
            IamRole="Role0", ExpirationDate=datetime.datetime(2020, 1, 1))
    refused("no role", ssm.create_activation, "ValidationException",
            "1 validation error detected: Value null at 'iamRole' failed to satisfy constraint: "
            "Member must not be null")
    refused("a limit of 1001", ssm.create_activation, "ValidationException",
            "1 validation error detected: Value '1001' at 'registrationLimit' failed to satisfy "
            "constraint: Member must have value less than or equal to 1000", IamRole="Role0",
            RegistrationLimit=1001)
    refused("a bad tag", ssm.create_activation, "ValidationException",
            "1 validation error detected: Value 'a!b' at 'tags.1.member.key' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: "
            "^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$", IamRole="Role0", Tags=[{"Key": "a!b", "Value": "v"}])
    refused("an unknown filter", ssm.describe_activations, "ValidationException",
            Filters=[{"FilterKey": "Bogus", "FilterValues": ["x"]}])
    refused("a made-up page token", ssm.describe_activations, "InvalidNextToken", NextToken="abcd")
    gone = ssm.create_activation(IamRole="Role0")["ActivationId"]
    ssm.delete_activation(ActivationId=gone)
    refused("an activation that is gone", ssm.delete_activation, "InvalidActivationId",
            ActivationId=gone)
    return a


def registration(world, ssm, activation):
    n = Node(world, "n1")
    status, answer = n.register(activation["ActivationId"], "A" * 20)
    equal((status, answer["__type"]), (400, "InvalidActivation"), "a wrong code does not register")
    status, answer = n.register(activation["ActivationId"], activation["ActivationCode"])
    ok(status == 200 and n.id.startswith("mi-") and len(n.id) == 20, "the right code registers")
    m = Node(world, "n2", "99999999-2222-3333-4444-555555555555")
    ok(m.register(activation["ActivationId"], activation["ActivationCode"])[0] == 200, "a second one too")
    status, answer = Node(world, "n3").register(activation["ActivationId"], activation["ActivationCode"])
    equal((status, answer["__type"]), (400, "InvalidActivation"), "the third is one too many")
    ok("no registrations left" in answer["message"], "and is told so")
    listed = ssm.describe_activations(Filters=[{"FilterKey": "ActivationIds", "FilterValues":
                                                [activation["ActivationId"]]}])["ActivationList"][0]
    equal(listed["RegistrationsCount"], 2, "registrations are counted")
    status, t = n.token()
    equal(sorted(t), ["AccessKeyId", "SecretAccessKey", "SessionToken", "TokenExpirationDate",
                      "UpdateKeyPair"], "the token answer has all five members")
    ok(t["AccessKeyId"].startswith("ASIA") and t["UpdateKeyPair"] is False and
       3500 < t["TokenExpirationDate"] - time.time() < 3700, "for an hour")
    old = n.fingerprint
    n.fingerprint = "other"
    equal(n.token()[1]["__type"], "MachineFingerprintDoesNotMatch", "another fingerprint is refused")
    n.fingerprint = old
    rotated = Node(world, "n1b")
    status, answer = n.rsa_call("UpdateManagedInstancePublicKey",
                                {"NewPublicKey": rotated.public, "NewPublicKeyType": "Rsa"})
    equal(status, 200, "a key is rotated")
    equal(n.token()[1]["__type"], "InvalidSignatureException", "the old key is no good then")
    rotated.id = n.id
    equal(rotated.token()[0], 200, "the new one is")
    return rotated, m, t


def as_node(world, n, other, t):
    keys = (t["AccessKeyId"], t["SecretAccessKey"], t["SessionToken"])
    ssm, sts = client(world, "ssm", *keys), client(world, "sts", *keys)
    me = sts.get_caller_identity()
    ok(me["Arn"].endswith(f":assumed-role/SallyportNode/{n.id}") and me["UserId"].endswith(f":{n.id}"),
       "a node's keys are an assumed role")
    refused("keys without their token", client(world, "ssm", *keys[:2]).list_associations,
            "UnrecognizedClientException")
    refused("another token", client(world, "ssm", *keys[:2], "x" * 43).list_associations,
            "UnrecognizedClientException")
    refused("a node that lists nodes", ssm.describe_instance_information, "AccessDeniedException",
            f"User: {me['Arn']} is not authorized to perform: ssm:DescribeInstanceInformation on "
            f"resource: arn:aws:ssm:{REGION}:{me['Account']}:* because no identity-based policy "
            "allows the ssm:DescribeInstanceInformation action")
    refused("a node that starts sessions", ssm.start_session, "AccessDeniedException", Target=n.id)
    item = {"TypeName": "AWS:Application", "SchemaVersion": "1.1", "CaptureTime":
            "2026-11-21T02:09:32Z", "ContentHash": "x", "Content": [{"Name": "a"}]}
    ssm.put_inventory(InstanceId=n.id, Items=[item])
    refused("inventory of another node", ssm.put_inventory, "AccessDeniedException",
            InstanceId=other.id, Items=[item])
    ssm.put_compliance_items(ResourceId=n.id, ResourceType="ManagedInstance", ComplianceType=
                             "Association", ExecutionSummary={"ExecutionTime": time.time()}, Items=[])
    equal(ssm.list_associations()["Associations"], [], "no associations")
    refused("an association", ssm.describe_association, "AssociationDoesNotExist",
            InstanceId=n.id, Name="Doc")
    refused("its status", ssm.update_association_status, "AssociationDoesNotExist", InstanceId=n.id,
            Name="Doc", AssociationStatus={"Date": time.time(), "Name": "Success", "Message": "m"})
    equal(ssm.get_parameters(Names=["a", "/b/c"])["InvalidParameters"], ["a", "/b/c"],
          "parameters are unknown")
    d = ssm.get_document(Name="SSM-SessionManagerRunShell")
    ok(json.loads(d["Content"])["sessionType"] == "Standard_Stream" and d["DocumentType"] == "Session",
       "the preferences document is there")
    return ssm


def heartbeat(world, n, t, **more):
    """UpdateInstanceInformation is no public operation: by CLI credentials and by hand."""
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials
    body = json.dumps({"InstanceId": n.id, "AgentName": "amazon-ssm-agent", **more})
    r = botocore.awsrequest.AWSRequest("POST", world.endpoint + "/", data=body, headers={
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "AmazonSSM.UpdateInstanceInformation"})
    c = botocore.credentials.Credentials(t["AccessKeyId"], t["SecretAccessKey"], t["SessionToken"])
    botocore.auth.SigV4Auth(c, "ssm", REGION).add_auth(r)
    headers = {k: v for k, v in r.headers.items()}
    context = ssl.create_default_context(cafile=str(world.ca))
    h = http.client.HTTPSConnection("localhost", world.port, context=context, timeout=10)
    h.request("POST", "/", body, headers)
    a = h.getresponse()
    text = a.read().decode()
    h.close()
    return a.status, json.loads(text)


FULL = {"AgentVersion": "3.3.0.0", "AgentStatus": "Active", "PlatformType": "Linux", "PlatformName":
        "Debian GNU/Linux", "PlatformVersion": "12", "IPAddress": "10.0.0.5", "ComputerName":
        "web.example", "AvailabilityZone": "", "SSMConnectionChannel": "ssmmessages"}


def fleet(world, ssm, n, m, t):
    equal(heartbeat(world, n, t, **FULL), (200, {}), "a heartbeat")
    equal(heartbeat(world, n, t, AgentVersion="3.3.0.0", PlatformType="Linux")[0], 200,
          "an empty heartbeat")
    status, answer = heartbeat(world, m, t, **FULL)
    equal((status, answer["__type"]), (400, "AccessDeniedException"), "a heartbeat for another node")
    info = ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [n.id]}])
    i = info["InstanceInformationList"][0]
    equal((i["InstanceId"], i["PingStatus"], i["PlatformType"], i["PlatformName"], i["PlatformVersion"],
           i["IPAddress"], i["ComputerName"], i["AgentVersion"], i["ResourceType"], i["Name"],
           i["IamRole"], i["SourceType"]),
          (n.id, "ConnectionLost", "Linux", "Debian GNU/Linux", "12", "10.0.0.5", "web.example",
           "3.3.0.0", "ManagedInstance", "web", "SallyportNode", "AWS::SSM::ManagedInstance"),
          "a node is described, and the empty heartbeat took nothing away")
    find = lambda *f: sorted(x["InstanceId"] for x in ssm.describe_instance_information(  # noqa: E731
        Filters=[{"Key": k, "Values": v} for k, v in f])["InstanceInformationList"])
    both = sorted([n.id, m.id])
    equal(find(("tag:Env", ["prod"])), both, "found by tag")
    equal(find(("tag:Env", ["test"])), [], "not found by another value")
    equal(find(("tag-key", ["Env"])), both, "found by tag key")
    equal(find(("PingStatus", ["ConnectionLost"])), [n.id], "found by ping status")
    equal(find(("tag:Env", ["prod"]), ("PlatformTypes", ["Linux"])), [n.id], "filters add up")
    equal(find(("InstanceIds", [MISSING])), [], "an unknown id is no error")
    equal(find(("ResourceType", ["ManagedInstance"])), both, "found by resource type")
    legacy = ssm.describe_instance_information(InstanceInformationFilterList=[
        {"key": "InstanceIds", "valueSet": [m.id]}])["InstanceInformationList"]
    equal([x["InstanceId"] for x in legacy], [m.id], "the older filter list works")
    refused("both filter lists", ssm.describe_instance_information, "ValidationException",
            Filters=[{"Key": "InstanceIds", "Values": [n.id]}],
            InstanceInformationFilterList=[{"key": "InstanceIds", "valueSet": [m.id]}])
    refused("an unknown filter key", ssm.describe_instance_information, "InvalidFilterKey",
            Filters=[{"Key": "Bogus", "Values": ["x"]}])
    refused("a wrong status", ssm.describe_instance_information,
            "InvalidInstanceInformationFilterValue", Filters=[{"Key": "PingStatus", "Values": ["Up"]}])
    refused("a malformed id", ssm.describe_instance_information, "InvalidInstanceId",
            Filters=[{"Key": "InstanceIds", "Values": ["i-xyz"]}])
    refused("pages of 4", ssm.describe_instance_information, "ValidationException",
            "1 validation error detected: Value '4' at 'maxResults' failed to satisfy constraint: "
            "Member must have value greater than or equal to 5", MaxResults=4)
    if not hasattr(ssm, "describe_instance_properties"):
        skip("DescribeInstanceProperties: this boto3 is older than the operation")
        return
    p = ssm.describe_instance_properties(FiltersWithOperator=[
        {"Key": "AgentVersion", "Values": ["3.2"], "Operator": "GreaterThan"}])["InstanceProperties"]
    equal([x["InstanceId"] for x in p], [n.id], "properties by a newer version")
    equal(len(ssm.describe_instance_properties(InstancePropertyFilterList=[
        {"key": "IamRole", "valueSet": ["SallyportNode"]}])["InstanceProperties"]), 2,
          "properties by role")


def many_nodes(world, ssm):
    """Pages over more nodes than one page holds."""
    a = ssm.create_activation(IamRole="SallyportNode", RegistrationLimit=20, Tags=[
        {"Key": "Name", "Value": "many"}, {"Key": "sallyport:instance-id-prefix", "Value": "i-"}])
    one = Node(world, "many")
    ids = []
    for _ in range(12):
        status, _ = one.register(a["ActivationId"], a["ActivationCode"])
        ok(status == 200 and one.id.startswith("i-") and len(one.id) == 19, "an i- node registers")
        ids.append(one.id)
    got, n = pages(ssm.describe_instance_information, "InstanceInformationList", 5,
                   Filters=[{"Key": "tag:Name", "Values": ["many"]}])
    equal(([x["InstanceId"] for x in got], n), (sorted(ids), 3), "three pages of nodes, each once")
    first = ssm.describe_instance_information(MaxResults=5)
    refused("a token with other parameters", ssm.describe_instance_information, "InvalidNextToken",
            MaxResults=5, NextToken=first["NextToken"], Filters=[{"Key": "tag-key", "Values": ["Name"]}])
    bad = first["NextToken"][:-4] + ("AAAA" if first["NextToken"][-4:] != "AAAA" else "BBBB")
    refused("a token that was touched", ssm.describe_instance_information, "InvalidNextToken",
            MaxResults=5, NextToken=bad)
    refused("a token of another operation", ssm.describe_activations, "InvalidNextToken",
            NextToken=first["NextToken"])
    return ids


def tags(world, ssm, ec2, n, ids):
    kind = {"ResourceType": "ManagedInstance", "ResourceId": n.id}
    ssm.add_tags_to_resource(**kind, Tags=[{"Key": "Team", "Value": "a b"}, {"Key": "Env", "Value": "x"}])
    read = lambda: {t["Key"]: t["Value"] for t in ssm.list_tags_for_resource(**kind)["TagList"]}  # noqa: E731
    equal(read(), {"Name": "web", "Env": "x", "Team": "a b"}, "tags are added and replaced")
    ssm.remove_tags_from_resource(**kind, TagKeys=["Team", "NotThere"])
    equal(read(), {"Name": "web", "Env": "x"}, "and removed")
    refused("tags of no node", ssm.list_tags_for_resource, "InvalidResourceId",
            ResourceType="ManagedInstance", ResourceId=MISSING)
    refused("tags of a wrong type", ssm.list_tags_for_resource, "ValidationException",
            ResourceType="Bogus", ResourceId="x")
    refused("too many tags", ssm.add_tags_to_resource, "TooManyTagsError", **kind,
            Tags=[{"Key": f"k{i}", "Value": ""} for i in range(51)])
    ec2.create_tags(Resources=ids[:2], Tags=[{"Key": "Name", "Value": "demo-app-prod-1"},
                                             {"Key": "Env", "Value": ""}])
    equal([t["Value"] for t in ssm.list_tags_for_resource(
        ResourceType="ManagedInstance", ResourceId=ids[0])["TagList"]], ["", "demo-app-prod-1"],
          "EC2 tags are visible in SSM")
    found = ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": ["demo-app-prod-*"]}])
    equal([i["InstanceId"] for r in found["Reservations"] for i in r["Instances"]], sorted(ids[:2]),
          "instances are found by a tag with a wildcard")
    listed = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [ids[0]]}])["Tags"]
    equal([(t["Key"], t["Value"], t["ResourceType"]) for t in listed],
          [("Env", "", "instance"), ("Name", "demo-app-prod-1", "instance")], "DescribeTags by resource")
    all_, n_pages = pages(ec2.describe_tags, "Tags", 5, Filters=[{"Name": "key", "Values": ["Name"]}])
    equal((len(all_), len({t["ResourceId"] for t in all_}), n_pages), (14, 14, 3), "DescribeTags in pages")
    ec2.delete_tags(Resources=[ids[0]], Tags=[{"Key": "Env", "Value": "other"}])
    equal(len(ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [ids[0]]}])["Tags"]), 2,
          "a tag with another value stays")
    ec2.delete_tags(Resources=[ids[0]])
    equal(ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [ids[0]]}])["Tags"], [],
          "DeleteTags without tags takes all")
    refused("a tag on nothing", ec2.create_tags, "InvalidInstanceID.NotFound",
            "The instance ID 'i-0123456789abcdef0' does not exist", Resources=["i-0123456789abcdef0"],
            Tags=[{"Key": "a", "Value": "b"}])
    refused("a tag on a volume", ec2.create_tags, "InvalidID", "The ID 'vol-1' is not valid",
            Resources=["vol-1"], Tags=[{"Key": "a", "Value": "b"}])
    refused("a reserved tag", ec2.create_tags, "InvalidParameterValue", Resources=[ids[0]],
            Tags=[{"Key": "aws:x", "Value": "b"}])
    refused("no resource", ec2.create_tags, "MissingParameter",
            "The request must contain the parameter ResourceId", Tags=[{"Key": "a", "Value": "b"}])


def instances(ec2, ids):
    one = ec2.describe_instances(InstanceIds=[ids[3]])["Reservations"][0]
    i = one["Instances"][0]
    equal((i["InstanceId"], i["State"], one["ReservationId"]), (ids[3], {"Code": 80, "Name": "stopped"},
                                                                "r-" + ids[3][2:]),
          "an instance that is not online is stopped")
    equal(ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
          ["Reservations"], [], "none is running")
    all_, n = pages(ec2.describe_instances, "Reservations", 5,
                    Filters=[{"Name": "instance-id", "Values": ["i-*"]}])
    equal((len(all_), n), (12, 3), "instances come in pages")
    equal(len(ec2.describe_instances(Filters=[{"Name": "tag-value", "Values": ["man?"]},
                                              {"Name": "tag-key", "Values": ["Name"]}])["Reservations"]),
          10, "filters by tag value with ? and by key")
    refused("an unknown instance", ec2.describe_instances, "InvalidInstanceID.NotFound",
            "The instance ID 'i-0123456789abcdef0' does not exist", InstanceIds=["i-0123456789abcdef0"])
    refused("two unknown instances", ec2.describe_instances, "InvalidInstanceID.NotFound",
            "The instance IDs 'i-0123456789abcdef0, i-0123456789abcdef1' do not exist",
            InstanceIds=["i-0123456789abcdef1", "i-0123456789abcdef0"])
    refused("a malformed instance id", ec2.describe_instances, "InvalidInstanceID.Malformed",
            'Invalid id: "web"', InstanceIds=["web"])
    refused("an unknown filter", ec2.describe_instances, "InvalidParameterValue",
            "The filter 'bogus' is invalid", Filters=[{"Name": "bogus", "Values": ["x"]}])
    refused("pages of 3", ec2.describe_instances, "InvalidParameterValue", MaxResults=3)
    refused("pages with ids", ec2.describe_instances, "InvalidParameterCombination", MaxResults=5,
            InstanceIds=[ids[0]])
    refused("a dry run", ec2.describe_instances, "DryRunOperation", status=412, DryRun=True)
    refused("a made-up page token", ec2.describe_instances, "InvalidParameterValue", NextToken="x")
    equal(ec2.describe_instance_status()["InstanceStatuses"], [], "status shows running ones only")
    s = ec2.describe_instance_status(IncludeAllInstances=True, InstanceIds=[ids[0]])["InstanceStatuses"]
    equal([(x["InstanceId"], x["InstanceState"]["Name"], x["InstanceStatus"]["Status"]) for x in s],
          [(ids[0], "stopped", "not-applicable")], "unless all are asked for")


def settings(ssm):
    tier = "/ssm/managed-instance/activation-tier"
    s = ssm.get_service_setting(SettingId=tier)["ServiceSetting"]
    equal((s["SettingValue"], s["Status"]), ("advanced", "Default"), "the tier is advanced by default")
    ssm.update_service_setting(SettingId=s["ARN"], SettingValue="standard")
    s = ssm.get_service_setting(SettingId=tier)["ServiceSetting"]
    equal((s["SettingValue"], s["Status"], s["LastModifiedUser"].split("/")[-1]),
          ("standard", "Customized", "admin"), "a setting is changed by its ARN")
    refused("a session in the standard tier", ssm.start_session, "BadRequest",
            "Enable advanced-instances tier to use Session Manager with your on-premises instances",
            Target=MISSING)
    equal(ssm.reset_service_setting(SettingId=tier)["ServiceSetting"]["SettingValue"], "advanced",
          "and reset")
    refused("an unknown setting", ssm.get_service_setting, "ServiceSettingNotFound",
            "Setting /bogus not found. Please refer documentation for available settings.",
            SettingId="/bogus")
    refused("a wrong value", ssm.update_service_setting, "ValidationException", SettingId=tier,
            SettingValue="golden")


def sessions(ssm, n):
    refused("a session with nobody", ssm.start_session, "TargetNotConnected",
            f"{MISSING} is not connected. (never registered)", Target=MISSING)
    got = refusal(ssm.start_session, Target=n.id)
    ok(got[0] == "TargetNotConnected" and got[1].startswith(f"{n.id} is not connected. ("),
       "a session with a node that is away says why")
    refused("an ECS task", ssm.start_session, "TargetNotConnected",
            "ecs:a_b_c is not connected.", Target="ecs:a_b_c")
    status = ssm.get_connection_status(Target=MISSING)
    equal((status["Target"], status["Status"]), (MISSING, "notconnected"),
          "GetConnectionStatus of an unknown target")
    refused("resuming no session", ssm.resume_session, "DoesNotExistException", SessionId="a-1")
    refused("ending no session", ssm.terminate_session, "DoesNotExistException", SessionId="a-1")
    for state in ("Active", "History"):
        equal(ssm.describe_sessions(State=state)["Sessions"], [], f"no {state} sessions")
    refused("a state that is none", ssm.describe_sessions, "ValidationException",
            "1 validation error detected: Value 'Bogus' at 'state' failed to satisfy constraint: "
            "Member must satisfy enum value set: [Active, History]", State="Bogus")
    refused("two mistakes", ssm.describe_sessions, "ValidationException",
            "2 validation errors detected: Value null at 'state' failed to satisfy constraint: "
            "Member must not be null; Value 'x' at 'filters.1.member.key' failed to satisfy "
            "constraint: Member must satisfy enum value set: [InvokedAfter, InvokedBefore, Target, "
            "Owner, Status, SessionId, AccessType]", Filters=[{"key": "x", "value": "y"}])
    refused("a filter that is no time", ssm.describe_sessions, "ValidationException", State="Active",
            Filters=[{"key": "InvokedAfter", "value": "yesterday"}])


def strangers(world, ssm):
    refused("an unknown key", client(world, "ssm", "AKIAAAAAAAAAAAAAAAAA").describe_activations,
            "UnrecognizedClientException", "The security token included in the request is invalid.")
    wrong = "x" * 40
    refused("a wrong secret", client(world, "ssm", None, wrong).describe_activations,
            "InvalidSignatureException")
    refused("a wrong secret at STS", client(world, "sts", None, wrong).get_caller_identity,
            "SignatureDoesNotMatch", status=403)
    refused("a wrong secret at EC2", client(world, "ec2", None, wrong).describe_instances,
            "AuthFailure", "AWS was not able to validate the provided access credentials", status=401)
    refused("an operation that is not there", ssm.describe_ops_items, "UnknownOperationException")
    refused("the same at EC2", client(world, "ec2").describe_vpcs, "InvalidAction",
            "The action DescribeVpcs is not valid for this web service.")
    refused("the same at STS", client(world, "sts").decode_authorization_message, "InvalidAction",
            EncodedMessage="x")
    refused("the same at IAM", client(world, "iam").list_ssh_public_keys, "InvalidAction")
    refused("the same at Logs", client(world, "logs").describe_log_groups, "UnknownOperationException")
    refused("the same at CloudTrail", client(world, "cloudtrail").describe_trails,
            "UnknownOperationException")
    s3 = client(world, "s3")
    refused("S3", s3.list_buckets, "InvalidRequest")


def presigned(world):
    url = client(world, "sts").generate_presigned_url("get_caller_identity", HttpMethod="GET",
                                                      ExpiresIn=60)
    ok(":user/admin</Arn>" in world.get(url[len(world.endpoint):]), "a presigned GetCallerIdentity")
    try:
        world.get(url[len(world.endpoint):-1] + ("0" if url[-1] != "0" else "1"))
        ok(False, "a presigned URL that was touched is refused")
    except urllib.error.HTTPError as e:
        ok(e.code == 403 and b"SignatureDoesNotMatch" in e.read(),
           "a presigned URL that was touched is refused")


def command_lines(world, n):
    for name, cli in aws_clis():
        me = world.aws("sts", "get-caller-identity", cli=cli)
        ok(me["Arn"].endswith(":user/admin"), f"{name}: get-caller-identity")
        p = world.aws("ssm", "describe-instance-information", "--filters",
                      "Key=tag:Env,Values=x", "--query",
                      "InstanceInformationList[].InstanceId", cli=cli)
        equal(p, [n.id], f"{name}: describe-instance-information by tag")
        p = world.aws("ec2", "describe-instances", "--filters", "Name=tag:Name,Values=demo-app-*",
                      "--query", "length(Reservations)", cli=cli)
        equal(p, 1, f"{name}: describe-instances by tag")
        p = world.aws("ssm", "start-session", "--target", MISSING, cli=cli, check=False)
        ok(p.returncode != 0 and f"{MISSING} is not connected." in p.stderr,
           f"{name}: start-session tells that the target is not connected")
        p = world.aws("ssm", "describe-sessions", "--state", "Active", cli=cli)
        equal(p, {"Sessions": []}, f"{name}: describe-sessions")


def own_paths(world):
    health = json.loads(world.get("/_health"))
    equal((health["status"], health["nodesOnline"]), ("ok", 0), "/_health")
    metrics = world.get("/_metrics")
    ok('operation="StartSession",outcome="refused"' in metrics, "calls are counted by outcome")
    ok('sallyport_sessions_live{state="Connected"} 0' in metrics, "sessions are counted by state")
    (world.packages / ".ca.pem").symlink_to(world.state / "ca.pem")
    equal(world.get("/_ca.pem"), world.ca.read_text(), "/_ca.pem, also where ca_file is a link")
    (world.packages / "sallyport-agent.deb").write_text("not really")
    (world.packages / "link").symlink_to("/etc/passwd")
    digest = hashlib.sha256(b"not really").hexdigest()
    equal(world.get("/_agent/SHA256SUMS"), f"{digest}  sallyport-agent.deb\n", "/_agent/SHA256SUMS")
    equal(world.get("/_agent/sallyport-agent.deb"), "not really", "an agent package")
    big = os.urandom(5 << 20).hex()
    (world.packages / "sallyport-agent.deb").write_text(big)
    sums = {world.get("/_agent/SHA256SUMS") for _ in range(2)}
    equal(sums, {f"{hashlib.sha256(big.encode()).hexdigest()}  sallyport-agent.deb\n"},
          "a package that changed has another digest, each time it is asked for")
    ok(world.get("/_agent/sallyport-agent.deb") == big, "a large package arrives whole")
    for path in ("/_agent/link", "/_agent/", "/_agent/%2e%2e/admin-credentials", "/_agent/..",
                 "/_nothing"):
        try:
            world.get(path)
            ok(False, f"{path} is not served")
        except urllib.error.HTTPError as e:
            equal(e.code, 404, f"{path} is not served")


def life(world):
    """A new certificate without a restart, and an orderly end."""
    def fingerprint():
        return hashlib.sha256(ssl.get_server_certificate(("localhost", world.port)).encode()).digest()
    before = fingerprint()
    subprocess.run([BIN / "sallyportd", "init", "--state-dir", world.state, "--force-new-cert",
                    "--host", "localhost"], check=True, stdout=subprocess.DEVNULL)
    world.server.child.send_signal(signal.SIGHUP)
    ok(wait_until(lambda: fingerprint() != before), "SIGHUP loads a new certificate")
    second = subprocess.run([BIN / "sallyportd", "--config", world.conf], capture_output=True,
                            text=True, check=False)
    ok(second.returncode == 1 and "another sallyportd is running" in second.stderr,
       "a second server on the same state is refused")
    equal(world.server.kill(signal.SIGTERM), 0, "SIGTERM ends it with status 0")
    ok("stopped" in world.server.text(), "and it says so")


def main():
    packages = pathlib.Path(tempfile.mkdtemp(prefix="packages-"))
    with World("api", f"agent_dir = {packages}\nca_file = {packages}/.ca.pem\n") as world:
        world.packages = packages
        ssm, ec2 = client(world, "ssm"), client(world, "ec2")
        activation = activations(world, ssm)
        n, m, t = registration(world, ssm, activation)
        as_node(world, n, m, t)
        fleet(world, ssm, n, m, t)
        ids = many_nodes(world, ssm)
        tags(world, ssm, ec2, n, ids)
        instances(ec2, ids)
        settings(ssm)
        sessions(ssm, n)
        strangers(world, ssm)
        presigned(world)
        command_lines(world, n)
        ssm.deregister_managed_instance(InstanceId=m.id)
        refused("deregistering twice", ssm.deregister_managed_instance, "InvalidInstanceId",
                InstanceId=m.id)
        equal(m.token()[1]["__type"], "UnrecognizedClientException", "a deregistered node gets no keys")
        own_paths(world)
        life(world)
    shutil.rmtree(packages)
    finish()


if __name__ == "__main__":
    main()
