#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: every policy that the guides print is taken as AWS takes it, and does to people at an AWS
CLI what AWS documents: no more where the guide promises more, and what was meant once it is mended as
docs/policies.md says.
"""
import base64
import hashlib
import hmac
import json
import re
import struct
import subprocess
import time

import e2e
import terminal
from e2e import REGION, equal, ok, starts, wait_until

# The access policy of the guide.
REGIONAL = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow",
     "Action": ["ssm:StartSession", "ssm:TerminateSession", "ssm:ResumeSession", "ssm:DescribeSessions",
                "ssm:GetConnectionStatus"],
     "Resource": ["arn:aws:ec2:eu-north-1:*:instance/*", "arn:aws:ssm:eu-north-1::document/AWS-StartSSHSession"],
     "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-north-1"}}},
    {"Effect": "Allow",
     "Action": ["ssm:DescribeInstanceInformation", "ssm:GetCommandInvocation", "ssm:ListCommandInvocations",
                "ssm:ListCommands"], "Resource": "*"},
    {"Effect": "Allow", "Action": ["ec2:DescribeInstances"], "Resource": "*"}]}

# And what was meant.
REGIONAL_MENDED = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["ssm:StartSession", "ssm:GetConnectionStatus"],
     "Resource": ["arn:aws:ec2:eu-north-1:*:instance/*", "arn:aws:ssm:eu-north-1:*:managed-instance/*",
                  "arn:aws:ssm:eu-north-1::document/AWS-StartSSHSession",
                  "arn:aws:ssm:eu-north-1::document/AWS-StartPortForwardingSession",
                  "arn:aws:ssm:eu-north-1::document/AWS-StartPortForwardingSessionToRemoteHost"]},
    {"Effect": "Allow", "Action": ["ssm:TerminateSession", "ssm:ResumeSession"],
     "Resource": "arn:aws:ssm:*:*:session/${aws:username}-*"},
    {"Effect": "Allow", "Action": ["ssm:DescribeSessions", "ssm:DescribeInstanceInformation"], "Resource": "*"}]}

BY_TAG = {"Version": "2012-10-17", "Statement": [
    {"Sid": "AllowSessionsOnProductionInstances", "Effect": "Allow", "Action": ["ssm:StartSession"],
     "Resource": "arn:aws:ec2:eu-north-1:*:instance/*",
     "Condition": {"StringEquals": {"ssm:resourceTag/Environment": "prod"}}},
    {"Sid": "AllowSessionDocuments", "Effect": "Allow", "Action": ["ssm:StartSession"],
     "Resource": ["arn:aws:ssm:eu-north-1::document/AWS-StartSSHSession",
                  "arn:aws:ssm:eu-north-1::document/AWS-StartPortForwardingSession"]}]}

# Statements that the guides print without a policy around them.
READ_ONLY = {"Effect": "Allow", "Action": ["ssm:DescribeSessions", "ssm:GetConnectionStatus",
                                           "ssm:DescribeInstanceInformation"], "Resource": "*"}
MFA = {"Effect": "Allow", "Action": "ssm:StartSession", "Resource": "*",
       "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}}
HOURS = {"Effect": "Allow", "Action": "ssm:StartSession", "Resource": "*",
         "Condition": {"DateGreaterThan": {"aws:CurrentTime": "2024-01-01T09:00:00Z"},
                       "DateLessThan": {"aws:CurrentTime": "2024-12-31T18:00:00Z"}}}
OPERATOR = {"Effect": "Allow", "Action": ["ssm:StartSession", "ssm:DescribeInstanceInformation", "ssm:SendCommand",
                                          "ssm:TerminateSession", "ssm:GetConnectionStatus"], "Resource": "*"}
PROFILE = {"Action": ["ssm:UpdateInstanceInformation", "ssmmessages:*", "ec2messages:*",
                      "cloudwatch:PutMetricData", "logs:*"]}


def prefix(node):
    return node.split("-")[0] + "-"


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


class Person:
    """A user with keys and one policy at a time, at a real AWS CLI."""

    def __init__(self, world, argv):
        self.world, self.argv = world, argv
        self.runner = e2e.aws_runner_of(argv)
        self.keys = world.user("alice")
        self.account = world.boto("sts").get_caller_identity()["Account"]
        self.attached = None
        self.n = 0

    def env(self):
        return self.world.env(AWS_ACCESS_KEY_ID=self.keys[0], AWS_SECRET_ACCESS_KEY=self.keys[1])

    def aws(self, *args, env=None):
        """"" for a success, else the error's code and, behind a blank, its message."""
        p = self.runner.run(["--endpoint-url", self.world.endpoint, *args], env or self.env())
        return "" if p.returncode == 0 else p.stderr.strip().replace("An error occurred (", "", 1).replace(
            ") when calling the ", " ", 1)

    def create(self, document):
        """As the administrator: (error, ARN)."""
        self.n += 1
        path = self.world.dir / f"policy-{self.n}.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document, indent=2))
        p = self.runner.run(["--endpoint-url", self.world.endpoint, "iam", "create-policy", "--policy-name",
                             f"guide-{self.n}", "--policy-document", f"file://{path}", "--query", "Policy.Arn",
                             "--output", "text"], self.world.env())
        return p.stderr.strip(), p.stdout.strip()

    def has(self, document):
        """From now on exactly this policy."""
        error, arn = self.create(document)
        equal(error, "", "create-policy takes the policy")
        self.only(arn)

    def only(self, arn):
        for verb, one in (("detach", self.attached), ("attach", arn)):
            if one:
                self.admin_aws("iam", f"{verb}-user-policy", "--user-name", "alice", "--policy-arn", one)
        self.attached = arn

    def admin_aws(self, *args):
        error = self.aws(*args, env=self.world.env())
        if error:
            ok(False, f"aws {' '.join(args[:2])}: {error}")

    def may(self, what, *args, env=None):
        equal(self.aws(*args, env=env), "", f"may {what}")

    def may_not(self, what, *args, env=None, action=None):
        error = self.aws(*args, env=env)
        starts(error, ("AccessDeniedException ", "UnauthorizedOperation ")[args[0] == "ec2"], f"may not {what}")
        if action:
            ok(f"is not authorized to perform: {action} on resource: " in error, f"and is told: {action}")

    def shell(self, what, node, env=None):
        """aws ssm start-session as a person types it: a shell, and the end of it."""
        with terminal.Terminal([*self.argv, "--endpoint-url", self.world.endpoint, "ssm", "start-session",
                                "--target", node], dict(env or self.env(), TERM="xterm")) as t:
            try:
                t.expect(r"Starting session with SessionId: (\S+)")
                t.expect(rb"[#$>] ")
                t.send("exit\r")
                equal(t.wait_exit(), 0, f"a shell on {what}")
            except TimeoutError as e:
                ok(False, f"a shell on {what}: {e}")


def shell_refused(person, what, node, env=None):
    person.may_not(f"start a shell on {what}", "ssm", "start-session", "--target", node, env=env,
                   action="ssm:StartSession")


def open_session(world, person, node):
    """A session of the person's own that nobody joins; its id."""
    return world.boto("ssm", *person.keys).start_session(Target=node)["SessionId"]


def by_document(world, person, node, document, **parameters):
    """Whether StartSession with a document is allowed; the session is ended again."""
    try:
        ident = world.boto("ssm", *person.keys).start_session(
            Target=node, DocumentName=document,
            Parameters={k: [v] for k, v in parameters.items()})["SessionId"]
    except world.ssm.exceptions.ClientError as e:
        return e.response["Error"]["Code"]
    world.ssm.terminate_session(SessionId=ident)
    return "allowed"


def bare_statements(person):
    for name, statement in (("read-only", READ_ONLY), ("MFA", MFA), ("business hours", HOURS),
                            ("the operator's", OPERATOR), ("the instance profile's", PROFILE)):
        error, _ = person.create(statement)
        ok("(MalformedPolicyDocument)" in error, f"{name} statement alone is refused: MalformedPolicyDocument")
        ok(re.search(r"Syntax errors in policy\. Line \d+, column \d+", error), "and the place is named")
    error, _ = person.create('{\n  "Version": "2012-10-17",\n  "Statement": [\n    {\n      "Effect": "allow",\n'
                             '      "Action": "*",\n      "Resource": "*"\n    }\n  ]\n}\n')
    ok("Line 5, column 17, Statement[0].Effect" in error, "a mistake inside has line, column and path")


def regional(world, person, web, cellar):
    """The access policy: two of its five actions work, in one region, on EC2 instances."""
    person.has(REGIONAL)
    person.shell("an instance", web)
    shell_refused(person, "a node that is no EC2 instance", cellar)
    person.may_not("do so in another region", "ssm", "start-session", "--target", web, "--region", "us-west-2",
                   action="ssm:StartSession")
    equal(by_document(world, person, web, "AWS-StartSSHSession"), "allowed", "SSH is allowed")
    equal(by_document(world, person, web, "AWS-StartPortForwardingSession", portNumber="80"),
          "AccessDeniedException", "the tunnels of the same guide are not")
    ident = open_session(world, person, web)
    person.may_not("end its own session", "ssm", "terminate-session", "--session-id", ident,
                   action="ssm:TerminateSession")
    world.ssm.terminate_session(SessionId=ident)
    person.may_not("list sessions", "ssm", "describe-sessions", "--state", "Active", action="ssm:DescribeSessions")
    person.may("ask for the connection", "ssm", "get-connection-status", "--target", web)
    person.may("see the fleet", "ssm", "describe-instance-information")
    person.may("see it as instances", "ec2", "describe-instances")
    person.may_not("tag them", "ec2", "create-tags", "--resources", web, "--tags", "Key=a,Value=b")


def regional_mended(world, person, web, cellar):
    person.has(REGIONAL_MENDED)
    for what, node in (("an instance", web), ("any other node", cellar)):
        person.shell(what, node)
        equal(by_document(world, person, node, "AWS-StartPortForwardingSession", portNumber="80"), "allowed",
              f"a tunnel to {what}")
        ident = open_session(world, person, node)
        person.may(f"end its own session on {what}", "ssm", "terminate-session", "--session-id", ident)
    person.may("list sessions", "ssm", "describe-sessions", "--state", "History")
    foreign = world.ssm.start_session(Target=web)["SessionId"]
    person.may_not("end somebody else's", "ssm", "terminate-session", "--session-id", foreign,
                   action="ssm:TerminateSession")
    world.ssm.terminate_session(SessionId=foreign)


def production(world, person, web, dev, cellar):
    person.has(BY_TAG)
    person.shell("production", web)
    shell_refused(person, "development", dev)
    shell_refused(person, "production that is no EC2 instance", cellar)
    equal(by_document(world, person, web, "AWS-StartSSHSession"), "allowed", "SSH to production")
    equal(by_document(world, person, dev, "AWS-StartSSHSession"), "AccessDeniedException", "not to development")
    equal(by_document(world, person, web, "AWS-StartPortForwardingSessionToRemoteHost", host="localhost",
                      portNumber="80"), "AccessDeniedException", "no document that is not named")
    person.may_not("list the fleet", "ssm", "describe-instance-information", action="ssm:DescribeInstanceInformation")
    print("    a tag is taken away from an instance with an open session")
    ident = open_session(world, person, web)
    world.boto("ec2").create_tags(Resources=[web], Tags=[{"Key": "Environment", "Value": "Prod"}])
    began = time.monotonic()
    row = world.wait_status(ident, "Terminating", "Terminated", seconds=5)
    took = time.monotonic() - began
    ok(row and took < 1.5, f"the session ends within a second ({took:.2f} s)")
    starts(row and row["Details"], "not allowed any more: ", "with the reason")
    shell_refused(person, "what is Prod, not prod", web)
    world.boto("ec2").create_tags(Resources=[web], Tags=[{"Key": "Environment", "Value": "prod"}])
    both = json.loads(json.dumps(BY_TAG))
    both["Statement"][0]["Resource"] = [both["Statement"][0]["Resource"],
                                        "arn:aws:ssm:eu-north-1:*:managed-instance/*"]
    person.has(both)
    person.shell("production of either kind, once the policy names it", cellar)
    shell_refused(person, "development", dev)


def read_only(world, person, web, cellar):
    person.has(policy(READ_ONLY))
    ident = world.ssm.start_session(Target=web)["SessionId"]
    person.may("list sessions", "ssm", "describe-sessions", "--state", "Active")
    for node in (web, cellar):
        person.may(f"ask whether {prefix(node)} is connected", "ssm", "get-connection-status", "--target", node)
        shell_refused(person, prefix(node), node)
    person.may("list the fleet", "ssm", "describe-instance-information")
    person.may_not("end a session", "ssm", "terminate-session", "--session-id", ident, action="ssm:TerminateSession")
    person.may_not("see instances", "ec2", "describe-instances")
    world.ssm.terminate_session(SessionId=ident)


def code_of(seed, step):
    """A code of the second factor for one of its steps of 30 seconds: RFC 6238."""
    digest = hmac.new(base64.b32decode(seed), struct.pack(">Q", step), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 10 ** 6:06d}"


def session_env(world, person, **how):
    """The environment with temporary keys of the person."""
    c = world.boto("sts", *person.keys).get_session_token(**how)["Credentials"]
    return world.env(AWS_ACCESS_KEY_ID=c["AccessKeyId"], AWS_SECRET_ACCESS_KEY=c["SecretAccessKey"],
                     AWS_SESSION_TOKEN=c["SessionToken"])


def second_factor(world, person):
    """Enables a device for the person; the keys it gives."""
    iam = world.boto("iam")
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="alice")["VirtualMFADevice"]
    seed, serial = device["Base32StringSeed"].decode(), device["SerialNumber"]
    now = int(time.time()) // 30
    iam.enable_mfa_device(UserName="alice", SerialNumber=serial, AuthenticationCode1=code_of(seed, now - 1),
                          AuthenticationCode2=code_of(seed, now))
    # Each code is good once; a clock may be one step off.
    return session_env(world, person, SerialNumber=serial, TokenCode=code_of(seed, now + 1))


def mfa(world, person, web, cellar):
    person.has(policy(MFA))
    with_code = second_factor(world, person)
    without = session_env(world, person)
    person.shell("an instance, with long-term keys: IfExists lets them in", web)
    shell_refused(person, "an instance with temporary keys without a code", web, without)
    person.shell("an instance with a code", web, with_code)
    mended = dict(MFA, Condition={"Bool": MFA["Condition"]["BoolIfExists"]})
    print("    Bool instead of BoolIfExists")
    person.has(policy(mended))
    for node in (web, cellar):
        shell_refused(person, f"{prefix(node)} with long-term keys", node)
        shell_refused(person, f"{prefix(node)} with temporary keys without a code", node, without)
        person.shell(f"{prefix(node)} with a code", node, with_code)


def hours(person, web, cellar):
    person.has(policy(HOURS))
    for node in (web, cellar):
        shell_refused(person, f"{prefix(node)} after 2024", node)
    year = time.gmtime().tm_year
    now = json.loads(json.dumps(HOURS).replace("2024-12-31", f"{year + 1}-12-31"))
    person.has(policy(now))
    for node in (web, cellar):
        person.shell(f"{prefix(node)} while the span lasts", node)


def quick_setup(world, person, web, cellar):
    """What the guide attaches to administrators is the policy of nodes."""
    person.only("arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")
    shell_refused(person, "an instance with AmazonSSMManagedInstanceCore", web)
    person.has(policy(OPERATOR))
    for node in (web, cellar):
        person.shell(f"{prefix(node)} with the operator's statement", node)
        ident = open_session(world, person, node)
        person.may("end the session", "ssm", "terminate-session", "--session-id", ident)
    person.may_not("list sessions", "ssm", "describe-sessions", "--state", "Active")


def simulated(person, web, cellar):
    """The guide's advice for AccessDeniedException, which must say what happens."""
    def ask(node, *more):
        kind = "ec2:eu-north-1:%s:instance" if node.startswith("i-") else "ssm:eu-north-1:%s:managed-instance"
        p = person.runner.run(
            ["--endpoint-url", person.world.endpoint, "iam", "simulate-principal-policy", "--policy-source-arn",
             f"arn:aws:iam::{person.account}:user/alice", "--action-names", "ssm:StartSession", "--resource-arns",
             f"arn:aws:{kind % person.account}/{node}", *more], person.world.env())
        return json.loads(p.stdout)["EvaluationResults"][0] if p.returncode == 0 else {"EvalDecision": p.stderr}
    person.has(REGIONAL)
    got = ask(web)
    equal((got["EvalDecision"], got["MissingContextValues"]), ("implicitDeny", ["aws:RequestedRegion"]),
          "simulate-principal-policy fills nothing in, and says what is missing")
    region = ("--context-entries",
              f"ContextKeyName=aws:RequestedRegion,ContextKeyValues={REGION},ContextKeyType=string")
    got = ask(web, *region)
    equal((got["EvalDecision"], [m["SourcePolicyId"] for m in got["MatchedStatements"]]),
          ("allowed", [person.attached.rsplit("/", 1)[1]]), "with the region: allowed, by which policy")
    equal(ask(cellar, *region)["EvalDecision"], "implicitDeny", "not on a node that is no EC2 instance")
    error = person.aws("iam", "simulate-principal-policy", "--policy-source-arn",
                       f"arn:aws:iam::{person.account}:user/alice", "--action-names", "ssm:StartSession")
    ok(error.startswith("AccessDenied ") and "iam:SimulatePrincipalPolicy" in error,
       "asking takes a permission of its own")


def linted(world):
    """The flaws of the guides' policies have names."""
    for name, document, codes in (
            ("the access policy", REGIONAL, ("needs-session", "needs-star", "no-managed-nodes")),
            ("production by tag", BY_TAG, ("no-managed-nodes",)), ("MFA", policy(MFA), ("mfa-if-exists",)),
            ("business hours", policy(HOURS), ("one-span",)), ("a bare statement", MFA, ("bare-statement",))):
        done = subprocess.run([world.bin / "sallyport", "policy", "lint", "-"], input=json.dumps(document),
                              text=True, capture_output=True, check=False)
        missing = [c for c in codes if c not in done.stdout]
        ok(not missing, f"policy lint finds the flaws of {name}: {', '.join(codes)}")
        if missing:
            print(done.stdout, done.stderr)


def main():
    clis = e2e.aws_clis()
    if not clis:
        ok(False, "an AWS CLI is installed")
        e2e.finish()
    with e2e.World("policies") as world:
        web, _ = world.agent("web", "Environment=prod", prefix="i-")
        dev, _ = world.agent("dev", "Environment=dev", prefix="i-")
        cellar, _ = world.agent("cellar", "Environment=prod")
        person = Person(world, clis[0][1])
        shell_refused(person, "anything without a policy", web)
        bare_statements(person)
        regional(world, person, web, cellar)
        regional_mended(world, person, web, cellar)
        production(world, person, web, dev, cellar)
        read_only(world, person, web, cellar)
        hours(person, web, cellar)
        quick_setup(world, person, web, cellar)
        mfa(world, person, web, cellar)
        simulated(person, web, cellar)
        linted(world)
        ok(wait_until(lambda: all(world.online(n) for n in (web, dev, cellar)), 5), "the nodes are still there")
    e2e.finish()


if __name__ == "__main__":
    main()
