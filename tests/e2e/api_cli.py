#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: the guides' commands and every operation work with every AWS CLI here: pages, filters,
tags, tables and texts; and a mistake is answered with AWS's error code and words.

Each command line has a server and two nodes of its own, so that they run side by side.
"""
import json
import re
import threading
import time

import e2e
import wire
from e2e import REGION, equal, ok, starts

GONE = "mi-0123456789abcdef0"
GONE_I = "i-0123456789abcdef0"
UNKNOWN = "The security token included in the request is invalid."
VALIDATION = "1 validation error detected: Value "


class Cli:
    """One AWS CLI against one world."""

    def __init__(self, world, name, argv):
        self.world, self.name, self.argv = world, name, argv
        self.exit_service = 255 if name == "v1" else 254
        self.runner = e2e.aws_runner_of(argv)

    def run(self, *args, env=None, endpoint=True):
        extra = ["--endpoint-url", self.world.endpoint] if endpoint else []
        return self.runner.run([*extra, *args], env or self.world.env())

    def text(self, *args, **kwargs):
        p = self.run(*args, **kwargs)
        if p.returncode != 0:
            print(f"    {self.name}: aws {' '.join(args)}: {p.stderr.strip()}")
        return p.stdout.strip()

    def json(self, *args, **kwargs):
        out = self.text("--output", "json", *args, **kwargs)
        return json.loads(out) if out else {}

    def ok(self, condition, what):
        return ok(condition, f"{self.name}: {what}")

    def equal(self, got, want, what):
        return equal(got, want, f"{self.name}: {what}")

    def fails(self, code, message, *args, what=None, exact=True, env=None):
        """The call must end with this error; message None: no matter which."""
        p = self.run(*args, env=env)
        what = f"{self.name}: {what or ' '.join(args[:2])}: {code}"
        m = re.search(r"An error occurred \(([^)]*)\) when calling the \w+ operation"
                      r"(?: \(reached max retries: \d+\))?: ?(.*)", p.stderr, re.S)
        if m is None:
            print(f"    exit {p.returncode}, stderr {p.stderr!r}")
            return ok(False, what)
        equal((m.group(1), p.returncode), (code, self.exit_service), what)
        if message is not None:
            (equal if exact else starts)(m.group(2).rstrip("\n"), message, f"{what}, the message")
        return True


def guides(c, web):
    """The guides' commands, as they are written there."""
    me = c.json("sts", "get-caller-identity")
    c.ok(re.fullmatch(r"\d{12}", me["Account"]) and
         me["Arn"] == f"arn:aws:iam::{me['Account']}:user/admin" and me["UserId"].startswith("AIDA"),
         "who am I")
    table = c.text("ssm", "describe-instance-information", "--region", REGION, "--output", "table")
    c.ok("DescribeInstanceInformation" in table and web in table and "Online" in table,
         "the fleet as a table")
    table = c.text("ssm", "describe-instance-information", "--region", REGION,
                   "--filters", "Key=tag:Environment,Values=prod", "--output", "table")
    c.equal(re.findall(r"\bm?i-[0-9a-f]{17}\b", table), [web, web], "the fleet by a tag as a table")
    running = ["--filters", "Name=tag:Name,Values=demo-app-prod-*",
               "Name=instance-state-name,Values=running"]
    c.equal(c.text("ec2", "describe-instances", "--region", REGION, *running, "--query",
                   "Reservations[0].Instances[0].InstanceId", "--output", "text"),
            web, "an instance id by name tag")
    c.equal(c.text("ec2", "describe-instances", "--filters", "Name=tag:Environment,Values=prod",
                   "Name=instance-state-name,Values=running", "--query",
                   "Reservations[*].Instances[*].InstanceId", "--output", "text", "--region", REGION),
            web, "all instance ids as text")
    status = c.json("ec2", "describe-instance-status", "--instance-ids", web, "--region", REGION)
    s = status["InstanceStatuses"][0]
    c.equal((s["InstanceId"], s["InstanceState"]["Name"], s["InstanceStatus"]["Status"],
             s["SystemStatus"]["Status"]), (web, "running", "ok", "ok"), "describe-instance-status")
    found = c.json("ssm", "describe-instance-information", "--filters",
                   f"Key=InstanceIds,Values={web}", "--region", REGION)["InstanceInformationList"]
    c.equal([i["InstanceId"] for i in found], [web], "one node by its id")
    p = c.run("ssm", "describe-sessions", "--filters", "key=SessionId,value=a-0123")
    c.ok(p.returncode in (2, 252) and "--state" in p.stderr,
         "describe-sessions without --state is refused by the command line itself")
    c.equal(c.json("ssm", "describe-sessions", "--state", "History", "--filters", "key=SessionId,value=a-0123"),
            {"Sessions": []}, "and with it finds the session, or none")
    log_config = ["--name", f"MySessionLogConfig-{c.name}", "--document-type", "Session", "--content",
                  '{"schemaVersion": "1.0", "description": "Log all session activity", "sessionType": '
                  '"Standard_Stream", "inputs": {"s3BucketName": "my-log-bucket", "cloudWatchLogGroupName": '
                  '"ssm-session-logs"}}']
    p = c.run("ssm", "put-document", *log_config)
    c.ok(p.returncode in (2, 252) and "put-document" in p.stderr, "put-document is no command of the command line")
    c.equal(c.json("ssm", "create-document", *log_config)["DocumentDescription"]["DocumentType"], "Session",
            "create-document with the same options is what was meant")
    missing = [("ssm", "send-command", "--document-name", "AWS-RunShellScript", "--instance-ids", web)]
    if c.name != "v1":  # which has no "logs tail"
        missing.append(("logs", "tail", "/aws/ssm/session-logs"))
    for words in missing:
        p = c.run(*words)
        c.ok(p.returncode != 0 and "UnknownOperationException" in p.stderr, f"{words[1]}: not there, and said so")
    c.equal(c.text("ec2", "describe-instances", "--region", "us-west-2", "--query",
                   "length(Reservations)", "--output", "text"), "2", "another region sees all nodes")


def endpoint_from_environment(c):
    if c.json("sts", "get-caller-identity", endpoint=False):
        c.ok(True, "AWS_ENDPOINT_URL is enough")


def platform(c, web, local):
    by_id = {i["InstanceId"]: i for i in
             c.json("ssm", "describe-instance-information")["InstanceInformationList"]}
    c.equal(sorted(by_id), sorted([web, local]), "both nodes are there")
    release = dict(line.rstrip().replace('"', "").split("=", 1) for line in open("/etc/os-release")
                   if "=" in line)
    i = by_id[web]
    c.equal((i["PingStatus"], i["PlatformType"], i["PlatformName"], i["PlatformVersion"],
             i["ResourceType"], i["SourceType"]),
            ("Online", "Linux", release["NAME"], release["VERSION_ID"], "EC2Instance",
             "AWS::EC2::Instance"), "an i- node's platform is the real one")
    c.ok(i["AgentVersion"] in c.world.get("/_health") and i["IsLatestVersion"] is True,
         "our agent names its own release, and that it is the latest")
    c.ok(i["ComputerName"] and "Name" not in i and "IamRole" not in i,
         "as at AWS an i- node shows no role and no name")
    i = by_id[local]
    c.equal((i["ResourceType"], i["SourceType"], i["IamRole"], i["Name"]),
            ("ManagedInstance", "AWS::SSM::ManagedInstance", "SallyportNode", "cellar"),
            "an mi- node shows both")


def node_filters(c, web, local):
    def find(*filters):
        return c.text("ssm", "describe-instance-information", "--filters", *filters, "--query",
                      "InstanceInformationList[].InstanceId", "--output", "text")
    activation = c.world.ssm.describe_instance_information(
        Filters=[{"Key": "InstanceIds", "Values": [local]}])["InstanceInformationList"][0]["ActivationId"]
    both = "\t".join(sorted([web, local]))
    c.equal(find("Key=PingStatus,Values=Online", f"Key=ActivationIds,Values={activation}"), local,
            "filters PingStatus and ActivationIds")
    c.equal(find("Key=IamRole,Values=SallyportNode", "Key=ResourceType,Values=ManagedInstance"), local,
            "filters IamRole and ResourceType")
    c.equal(find("Key=PlatformTypes,Values=Linux", "Key=tag-key,Values=Name"), both,
            "filters PlatformTypes and tag-key")
    c.equal(find("Key=tag:Environment,Values=test,prod"), web, "values of one filter are alternatives")
    c.equal(find("Key=tag:Environment,Values=test"), "", "nothing found is no error")
    c.equal(c.text("ssm", "describe-instance-information", "--instance-information-filter-list",
                   f"key=InstanceIds,valueSet={local}", "--query",
                   "InstanceInformationList[].InstanceId", "--output", "text"), local,
            "the older filter list")
    c.fails("InvalidFilterKey", None, "ssm", "describe-instance-information", "--filters",
            "Key=Bogus,Values=x")
    c.fails("InvalidInstanceInformationFilterValue", None, "ssm", "describe-instance-information",
            "--filters", "Key=PingStatus,Values=Up")


def instance_filters(c, web, local):
    info = c.world.boto("ec2").describe_instances(InstanceIds=[web])["Reservations"][0]["Instances"][0]

    def find(*filters):
        return c.text("ec2", "describe-instances", "--filters", *filters, "--query",
                      "Reservations[].Instances[].InstanceId", "--output", "text")
    c.equal(find("Name=instance-id,Values=i-*", f"Name=private-ip-address,Values={info['PrivateIpAddress']}",
                 f"Name=private-dns-name,Values={info['PrivateDnsName']}"), web,
            "EC2 filters by id, address and name")
    c.equal(find("Name=tag-key,Values=Env*", "Name=tag-value,Values=pro?", "Name=instance-state-code,Values=16",
                 "Name=architecture,Values=x86_64"), web, "EC2 filters by tags, state code and architecture")
    c.equal(find("Name=tag:Name,Values=demo-app-prod-*,cellar").split(), sorted([web, local]),
            "EC2 filter values are alternatives")
    c.equal(find("Name=tag:Name,Values=DEMO-*"), "", "EC2 filter values are case-sensitive")
    c.fails("InvalidParameterValue", "The filter 'bogus' is invalid", "ec2", "describe-instances",
            "--filters", "Name=bogus,Values=x")
    c.fails("InvalidInstanceID.NotFound", f"The instance ID '{GONE_I}' does not exist", "ec2",
            "describe-instances", "--instance-ids", GONE_I)
    c.fails("InvalidInstanceID.Malformed", 'Invalid id: "web"', "ec2", "describe-instance-status",
            "--instance-ids", "web")
    p = c.run("ec2", "describe-instances", "--dry-run")
    c.ok("DryRunOperation" in p.stderr, "a dry run")


def tags(c, web, local):
    kind = ("--resource-type", "ManagedInstance", "--resource-id")

    def read(node):
        return {t["Key"]: t["Value"] for t in
                c.json("ssm", "list-tags-for-resource", *kind, node)["TagList"]}
    c.text("ssm", "add-tags-to-resource", *kind, local, "--tags", "Key=Team,Value=data base",
           "Key=Name,Value=attic")
    c.equal(read(local), {"Name": "attic", "Team": "data base"}, "tags of an mi- node")
    c.text("ssm", "remove-tags-from-resource", *kind, local, "--tag-keys", "Team", "NotThere")
    c.equal(read(local), {"Name": "attic"}, "a tag is removed")
    c.text("ssm", "add-tags-to-resource", *kind, local, "--tags", "Key=Name,Value=cellar")
    c.text("ec2", "create-tags", "--resources", web, "--tags", "Key=Team,Value=web", "Key=Empty,Value=")
    c.equal(read(web), {"Name": "demo-app-prod-1", "Environment": "prod", "Team": "web", "Empty": ""},
            "EC2 tags of an i- node are its tags in SSM")
    listed = c.json("ec2", "describe-tags", "--filters", f"Name=resource-id,Values={web}",
                    "Name=key,Values=Team,Empty")["Tags"]
    c.equal([(t["Key"], t["Value"], t["ResourceType"]) for t in listed],
            [("Empty", "", "instance"), ("Team", "web", "instance")], "describe-tags")
    c.equal(c.text("ec2", "describe-tags", "--filters", "Name=resource-type,Values=instance",
                   "Name=value,Values=w*", "--query", "Tags[].Key", "--output", "text"), "Team",
            "describe-tags by type and value")
    c.text("ec2", "delete-tags", "--resources", web, "--tags", "Key=Team,Value=other", "Key=Empty")
    c.equal(sorted(read(web)), ["Environment", "Name", "Team"],
            "delete-tags takes a tag only with its value")
    c.text("ec2", "delete-tags", "--resources", web, "--tags", "Key=Team")
    c.equal(sorted(read(web)), ["Environment", "Name"], "or without one")
    c.fails("InvalidResourceId", None, "ssm", "list-tags-for-resource", *kind, GONE)
    c.fails("InvalidInstanceID.NotFound", f"The instance ID '{GONE_I}' does not exist", "ec2",
            "create-tags", "--resources", GONE_I, "--tags", "Key=a,Value=b")


def activations(c):
    made = c.json("ssm", "create-activation", "--iam-role", "RoleA", "--default-instance-name", "web",
                  "--description", "for tests", "--registration-limit", "3", "--expiration-date",
                  wire.now(7200).strftime("%Y-%m-%dT%H:%M:%SZ"), "--tags", "Key=Name,Value=web")
    c.ok(len(made["ActivationCode"]) >= 20 and len(made["ActivationId"]) == 36,
         "create-activation gives id and code")
    for role in ("RoleA", "RoleB"):
        c.json("ssm", "create-activation", "--iam-role", role)

    def find(*args):
        return c.json("ssm", "describe-activations", *args)
    a = find("--filters", f"FilterKey=ActivationIds,FilterValues={made['ActivationId']}")["ActivationList"]
    c.equal([(x["DefaultInstanceName"], x["Description"], x["RegistrationLimit"], x["RegistrationsCount"],
              x["Expired"], x["Tags"]) for x in a],
            [("web", "for tests", 3, 0, False, [{"Key": "Name", "Value": "web"}])],
            "describe-activations by id")
    c.equal((len(find("--filters", "FilterKey=IamRole,FilterValues=RoleA,RoleB")["ActivationList"]),
             len(find("--filters", "FilterKey=DefaultInstanceName,FilterValues=web")["ActivationList"])),
            (3, 1), "describe-activations by role and by name")
    everything = [x["ActivationId"] for x in find("--page-size", "2")["ActivationList"]]
    c.equal((len(everything), len(set(everything))), (5, 5), "pages of two, each activation once")
    first = find("--page-size", "2", "--max-items", "3")
    c.equal(len(first["ActivationList"]), 3, "--max-items ends the list")
    rest = find("--page-size", "2", "--starting-token", first["NextToken"])
    c.equal([x["ActivationId"] for x in first["ActivationList"] + rest["ActivationList"]], everything,
            "--starting-token goes on where it ended")
    c.fails("InvalidNextToken", None, "ssm", "describe-activations", "--next-token", "bm8gdG9rZW4=")
    c.text("ssm", "delete-activation", "--activation-id", made["ActivationId"])
    c.equal(len(find()["ActivationList"]), 4, "delete-activation")
    c.fails("InvalidActivationId", None, "ssm", "delete-activation", "--activation-id", made["ActivationId"])
    c.fails("InvalidParameters", None, "ssm", "create-activation", "--iam-role", "RoleA",
            "--expiration-date", "2020-01-01T00:00:00Z")
    c.fails("ValidationException", VALIDATION + "'1001' at 'registrationLimit' failed to satisfy "
            "constraint: Member must have value less than or equal to 1000", "ssm", "create-activation",
            "--iam-role", "RoleA", "--registration-limit", "1001")


def node_pages(c):
    """Seven more nodes, made by heartbeats of an agent with static keys."""
    for i in range(7):
        wire.ssm(c.world, "UpdateInstanceInformation",
                 {"InstanceId": f"i-{i:017x}", "AgentName": "amazon-ssm-agent", "AgentVersion": "3.3.0.0",
                  "PlatformType": "Linux"}, wire.admin(c.world))
    ids = c.text("ssm", "describe-instance-information", "--page-size", "5", "--query",
                 "InstanceInformationList[].InstanceId", "--output", "text").split()
    c.equal((len(ids), len(set(ids))), (9, 9), "nine nodes in pages of five, each once")
    ids = c.text("ec2", "describe-instances", "--page-size", "5", "--query",
                 "Reservations[].Instances[].InstanceId", "--output", "text").split()
    c.equal((len(ids), len(set(ids))), (9, 9), "and as instances")
    first = c.json("ec2", "describe-instances", "--page-size", "5", "--max-items", "6")
    rest = c.json("ec2", "describe-instances", "--page-size", "5", "--starting-token", first["NextToken"])
    c.equal((len(first["Reservations"]), len(rest["Reservations"])), (6, 3), "--max-items of instances")
    c.equal(c.text("ssm", "describe-instance-information", "--filters", "Key=PingStatus,Values=ConnectionLost",
                   "--query", "length(InstanceInformationList)", "--output", "text"), "7",
            "those that never connected are ConnectionLost")
    c.equal(c.text("ec2", "describe-instance-status", "--query", "length(InstanceStatuses)", "--output",
                   "text"), "2", "describe-instance-status shows running ones only")
    all_ = c.json("ec2", "describe-instance-status", "--include-all-instances", "--page-size", "5")
    c.equal(len(all_["InstanceStatuses"]), 9, "unless all are asked for, in pages")
    if c.name != "installed":  # which is older than the operation
        c.equal(c.text("ssm", "describe-instance-properties", "--filters-with-operator",
                       "Key=AgentVersion,Values=3.3.0.0,Operator=Equal", "--query",
                       "length(InstanceProperties)", "--output", "text"), "7", "describe-instance-properties")
    # The clients let no id of less than 20 characters through here.
    for i in range(7):
        wire.ssm(c.world, "DeregisterManagedInstance", {"InstanceId": f"i-{i:017x}"}, wire.admin(c.world))


def sessions(c, web, local):
    """The operations on sessions; the shell itself is in shell_session.py."""
    env = c.world.env(PATH="/usr/bin:/bin")
    p = c.run("ssm", "start-session", "--target", web, env=env)
    c.ok(p.returncode == 255 and "SessionManagerPlugin is not found" in p.stderr,
         "start-session without a plugin says so")
    e2e.wait_until(lambda: not c.world.ssm.describe_sessions(State="Active")["Sessions"])
    history = c.json("ssm", "describe-sessions", "--state", "History", "--filters",
                     f"key=Target,value={web}")["Sessions"]
    c.equal([(s["Target"], s["DocumentName"]) for s in history], [(web, "SSM-SessionManagerRunShell")],
            "and ends the session")
    started = c.world.ssm.start_session(Target=local, Reason="a reason")
    ident = started["SessionId"]
    c.equal(c.json("ssm", "get-connection-status", "--target", local),
            {"Target": local, "Status": "connected"}, "get-connection-status")
    c.equal(c.json("ssm", "get-connection-status", "--target", GONE),
            {"Target": GONE, "Status": "notconnected"}, "get-connection-status of nobody")
    resumed = c.json("ssm", "resume-session", "--session-id", ident)
    c.ok(resumed["SessionId"] == ident and resumed["TokenValue"] != started["TokenValue"] and
         resumed["StreamUrl"] == started["StreamUrl"], "resume-session gives a new token")
    owner = c.json("sts", "get-caller-identity")["Arn"]
    hour_ago = wire.now(-3600).strftime("%Y-%m-%dT%H:%M:%SZ")

    def find(state, *filters):
        return c.json("ssm", "describe-sessions", "--state", state, "--filters", *filters)["Sessions"]
    found = find("Active", f"key=SessionId,value={ident}", f"key=Owner,value={owner}",
                 f"key=InvokedAfter,value={hour_ago}")
    c.equal([(s["SessionId"], s["Owner"], s["Reason"], s["Target"]) for s in found],
            [(ident, owner, "a reason", local)], "describe-sessions by id, owner and time")
    c.equal(find("Active", f"key=InvokedBefore,value={hour_ago}"), [], "none is older than an hour")
    c.equal(len(find("Active", f"key=Status,value={found[0]['Status']}", f"key=Target,value={local}")), 1,
            "describe-sessions by status and target")
    c.equal(c.json("ssm", "terminate-session", "--session-id", ident), {"SessionId": ident},
            "terminate-session")
    c.equal(c.json("ssm", "terminate-session", "--session-id", ident), {"SessionId": ident},
            "terminate-session twice")
    c.world.wait_status(ident, "Terminated", "Failed")
    all_ = c.text("ssm", "describe-sessions", "--state", "History", "--page-size", "1", "--query",
                  "Sessions[].SessionId", "--output", "text").split()
    c.equal((len(all_), all_[0]), (2, ident), "history in pages, newest first")
    c.equal(c.json("ssm", "resume-session", "--session-id", ident), {"SessionId": ident},
            "resuming a session that is over gives no token")
    c.fails("DoesNotExistException", None, "ssm", "terminate-session", "--session-id", "admin-0000")


def refused(c):
    what = f"{GONE} is not connected."
    c.fails("TargetNotConnected", f"{what} (never registered)", "ssm", "start-session", "--target", GONE)
    c.fails("InvalidDocument", "Document with name NoSuchDocument does not exist.", "ssm", "start-session",
            "--target", c.world.nodes["web"], "--document-name", "NoSuchDocument")
    c.fails("ValidationException", VALIDATION + "'Bogus' at 'state' failed to satisfy constraint: Member "
            "must satisfy enum value set: [Active, History]", "ssm", "describe-sessions", "--state", "Bogus")
    c.fails("ValidationException", VALIDATION + "'999' at 'maxResults' failed to satisfy constraint: "
            "Member must have value less than or equal to 200", "ssm", "describe-sessions", "--state",
            "Active", "--max-results", "999")
    c.fails("ValidationException", VALIDATION + f"'{'s' * 97}' at 'sessionId' failed to satisfy constraint: "
            "Member must have length less than or equal to 96", "ssm", "terminate-session",
            "--session-id", "s" * 97)
    c.fails("UnknownOperationException", None, "ssm", "describe-patch-baselines")
    c.fails("InvalidInstanceId", None, "ssm", "deregister-managed-instance", "--instance-id", GONE)


def settings(c):
    tier = ("--setting-id", "/ssm/managed-instance/activation-tier")
    s = c.json("ssm", "get-service-setting", *tier)["ServiceSetting"]
    c.equal((s["SettingValue"], s["Status"]), ("advanced", "Default"), "the tier is advanced")
    c.text("ssm", "update-service-setting", *tier, "--setting-value", "standard")
    c.fails("BadRequest", "Enable advanced-instances tier to use Session Manager with your on-premises "
            "instances", "ssm", "start-session", "--target", c.world.nodes["cellar"])
    s = c.json("ssm", "reset-service-setting", *tier)["ServiceSetting"]
    c.equal((s["SettingValue"], s["Status"]), ("advanced", "Default"), "reset-service-setting")
    c.fails("ServiceSettingNotFound", None, "ssm", "get-service-setting", "--setting-id", "/bogus")


def strangers(c):
    wrong, unknown = c.world.env(AWS_SECRET_ACCESS_KEY="x" * 40), c.world.env(AWS_ACCESS_KEY_ID="AKIA" + "A" * 16)
    text = ("The request signature we calculated does not match the signature you provided. Check your AWS "
            "Secret Access Key and signing method. Consult the service documentation for details.")
    c.fails("InvalidSignatureException", text, "ssm", "describe-activations", env=wrong, what="a wrong secret")
    c.fails("SignatureDoesNotMatch", text, "sts", "get-caller-identity", env=wrong, what="a wrong secret")
    c.fails("AuthFailure", "AWS was not able to validate the provided access credentials", "ec2",
            "describe-instances", env=wrong, what="a wrong secret")
    c.fails("UnrecognizedClientException", UNKNOWN, "ssm", "describe-activations", env=unknown,
            what="an unknown key")
    c.fails("InvalidClientTokenId", UNKNOWN, "sts", "get-caller-identity", env=unknown, what="an unknown key")


def whole_tour(name, argv):
    # A thread's mistake must not pass as success.
    try:
        with e2e.World(f"cli-{name}") as world:
            world.role("RoleA")
            world.role("RoleB")
            web, _ = world.agent("web", "Environment=prod", prefix="i-")
            world.boto("ec2").create_tags(Resources=[web], Tags=[{"Key": "Name", "Value": "demo-app-prod-1"}])
            ident, code = world.activation("Name=cellar", DefaultInstanceName="cellar")
            done = world.register("cellar", ident, code)
            equal(done.returncode, 0, f"{name}: the second node registers")
            world.run_agent("cellar")
            local = world.nodes["cellar"]
            c = Cli(world, name, argv)
            guides(c, web)
            if name != "installed":
                endpoint_from_environment(c)
            platform(c, web, local)
            for part in (node_filters, instance_filters, tags, sessions):
                part(c, web, local)
            for part in (activations, node_pages, refused, settings, strangers):
                part(c)
            c.text("ssm", "deregister-managed-instance", "--instance-id", local)
            c.equal(c.text("ec2", "describe-instances", "--query", "length(Reservations)", "--output",
                           "text"), "1", "a deregistered node is gone")
    except Exception as e:  # pylint: disable=broad-except
        ok(False, f"{name}: the tour ran to its end ({type(e).__name__}: {e})")


def main():
    started = time.monotonic()
    threads = [threading.Thread(target=whole_tour, args=a) for a in e2e.aws_clis()]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(f"    {len(threads)} command lines in {time.monotonic() - started:.0f} s")
    e2e.finish()


if __name__ == "__main__":
    main()
