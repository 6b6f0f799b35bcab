#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: temporary keys work as at AWS: sessions of users with a second factor, roles in profiles of the
AWS CLI, chains with tags, session policies; they survive a crash of the server, work presigned, open shells, and
are worth nothing as soon as the role is changed or gone.
"""
import base64
import contextlib
import hashlib
import hmac
import json
import re
import sqlite3
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import e2e
import terminal
from e2e import equal, ok, starts

STEP = 30


class Device:
    """A virtual second factor.  A code is good once, so each one is of a later step than the last."""

    def __init__(self, iam, user):
        made = iam.create_virtual_mfa_device(VirtualMFADeviceName=user)["VirtualMFADevice"]
        self.serial = made["SerialNumber"]
        self.seed = base64.b32decode(made["Base32StringSeed"])
        self.last = int(time.time()) // STEP - 1
        # The step before this one and this one: the next is good already, for clocks may differ.
        iam.enable_mfa_device(UserName=user, SerialNumber=self.serial,
                              AuthenticationCode1=self.at(self.last), AuthenticationCode2=self.at(self.last + 1))
        self.last += 1

    def at(self, step):
        sum_ = hmac.new(self.seed, step.to_bytes(8, "big"), hashlib.sha1).digest()
        at = sum_[-1] & 15
        return f"{(int.from_bytes(sum_[at:at + 4], 'big') & 0x7fffffff) % 1000000:06d}"

    def code(self):
        """The next one, when it is its time; one step ahead is allowed."""
        self.last += 1
        e2e.wait_until(lambda: int(time.time()) // STEP + 1 >= self.last, STEP + 5)
        return self.at(self.last)

    def wrong(self):
        now = int(time.time()) // STEP
        good = {self.at(now + i) for i in range(-2, 3)}
        return next(c for c in ("000000", "111111", "222222", "333333", "444444", "555555") if c not in good)


class Scene:
    def __init__(self, world):
        self.world = world
        self.iam = world.boto("iam")
        self.account = world.boto("sts").get_caller_identity()["Account"]

    def user(self, name, *statements):
        self.iam.create_user(UserName=name)
        if statements:
            self.iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return {"AccessKeyId": key["AccessKeyId"], "SecretAccessKey": key["SecretAccessKey"]}

    def role(self, name, trust, *statements, **more):
        arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(*trust), **more)["Role"]["Arn"]
        if statements:
            self.iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
        return arn

    def here(self, condition=None, action="sts:*"):
        """A statement of a trust policy: this account."""
        s = {"Effect": "Allow", "Action": action, "Principal": {"AWS": self.account}}
        return [dict(s, Condition=condition) if condition else s]

    def client(self, service, keys):
        return self.world.boto(service, keys["AccessKeyId"], keys["SecretAccessKey"], keys.get("SessionToken"))

    def assume(self, keys, role, name="deploy", **more):
        return self.client("sts", keys).assume_role(RoleArn=role, RoleSessionName=name, **more)

    def env(self, keys):
        more = {"AWS_ACCESS_KEY_ID": keys["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"]}
        if keys.get("SessionToken"):
            more["AWS_SESSION_TOKEN"] = keys["SessionToken"]
        return self.world.env(**more)


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*"):
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def refused(call, code, text, what, **args):
    got = e2e.refusal(call, **args)
    equal(got.code, code, f"{what}: {code}")
    if text:
        equal(got.text, text, f"{what}: in AWS's words")


def run_cli(command, args, env, typed=None):
    """The CLI asks for a code on the terminal, and without one on its input."""
    return subprocess.run([*command, "--output", "json", *args], env=env, text=True, capture_output=True, input=typed,
                          timeout=60, check=False, start_new_session=True)


def user_sessions(scene):
    """get-session-token with and without a code, and what the keys may not."""
    world = scene.world
    keys = scene.user("alice", allow(["sts:*", "iam:*", "ssm:*"]))
    device = Device(scene.iam, "alice")
    command = e2e.aws_clis()[0][1]
    done = run_cli(command, ["--endpoint-url", world.endpoint, "sts", "get-session-token", "--serial-number",
                             device.serial, "--token-code", device.code()], scene.env(keys))
    if not ok(done.returncode == 0, "aws sts get-session-token with a code"):
        print(done.stderr)
        return keys, device
    strong = json.loads(done.stdout)["Credentials"]
    weak = scene.client("sts", keys).get_session_token(DurationSeconds=900)["Credentials"]
    equal(scene.client("iam", strong).get_user()["User"]["UserName"], "alice", "with a code IAM answers")
    refused(scene.client("iam", weak).get_user, "InvalidClientTokenId",
            "The security token included in the request is invalid", "IAM without a code")
    refused(scene.client("sts", weak).get_session_token, "AccessDenied",
            "Cannot call GetSessionToken with session credentials", "a session of a session")
    refused(scene.client("sts", keys).get_session_token, "AccessDenied",
            "MultiFactorAuthentication failed with invalid MFA one time pass code. ", "a wrong code",
            SerialNumber=device.serial, TokenCode=device.wrong())
    refused(scene.client("sts", keys).get_session_token, "AccessDenied",
            "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is "
            "valid and associated with this user.", "another's device",
            SerialNumber=device.serial.replace("alice", "bob"), TokenCode="123456")
    presigned(scene, weak)
    return keys, device


def presigned(scene, keys):
    url = scene.client("sts", keys).generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    context = ssl.create_default_context(cafile=str(scene.world.ca))
    with urllib.request.urlopen(url, context=context, timeout=10) as r:
        ok(b":user/alice</Arn>" in r.read(), "a presigned request with a session token")
    try:
        urllib.request.urlopen(re.sub("X-Amz-Security-Token=...", "X-Amz-Security-Token=AAA", url), context=context,
                               timeout=10)
        ok(False, "a presigned request with another token is refused")
    except urllib.error.HTTPError as e:
        equal(e.code, 403, "a presigned request with another token is refused")


def profiles(scene, keys, device):
    """role_arn, source_profile, mfa_serial, external_id: what people have in their files."""
    world = scene.world
    role = scene.role("deploy", scene.here({"Bool": {"aws:MultiFactorAuthPresent": "true"},
                                            "StringEquals": {"sts:ExternalId": "acme"}}), allow("ssm:*"))
    plain = scene.role("plain", scene.here(), allow("ssm:DescribeSessions"))
    config = world.dir / "aws-config"
    config.write_text(f"[profile alice]\naws_access_key_id = {keys['AccessKeyId']}\n"
                      f"aws_secret_access_key = {keys['SecretAccessKey']}\n"
                      f"[profile deploy]\nrole_arn = {role}\nsource_profile = alice\nrole_session_name = alice-laptop\n"
                      f"mfa_serial = {device.serial}\nexternal_id = acme\n"
                      f"[profile no-code]\nrole_arn = {role}\nsource_profile = alice\nexternal_id = acme\n"
                      f"[profile plain]\nrole_arn = {plain}\nsource_profile = alice\n")
    for name, command in e2e.aws_clis():
        if name == "installed":  # it would ask AWS itself for the role
            e2e.skip(f"AWS CLI ({name}) does not know AWS_ENDPOINT_URL")
            continue
        env = world.env(AWS_CONFIG_FILE=str(config))
        del env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]
        who = ["sts", "get-caller-identity"]
        done = run_cli(command, ["--profile", "plain", *who], env)
        starts(json.loads(done.stdout or "{}").get("Arn", done.stderr),
               f"arn:aws:sts::{scene.account}:assumed-role/plain/", f"AWS CLI ({name}): a profile with a role")
        done = run_cli(command, ["--profile", "deploy", *who], env, typed=device.code() + "\n")
        equal(json.loads(done.stdout or "{}").get("Arn", done.stderr),
              f"arn:aws:sts::{scene.account}:assumed-role/deploy/alice-laptop",
              f"AWS CLI ({name}): a role with a second factor and an external id")
        if name == "backports":
            own = world.dir / "own-config"
            own.write_text(f"{config.read_text()}[profile own]\ncredential_process = {command[0]} configure "
                           "export-credentials --profile plain\n")
            said = subprocess.run([world.bin / "sallyport", "--profile", "own", "sessions"], text=True, check=False,
                                  env=dict(env, AWS_CONFIG_FILE=str(own)), capture_output=True, timeout=60)
            if not ok(said.returncode == 0, "sallyport sessions, with a role by way of credential_process"):
                print(said.stdout, said.stderr)
        done = run_cli(command, ["--profile", "no-code", *who], env)
        ok("(AccessDenied)" in done.stderr and f"not authorized to perform: sts:AssumeRole on resource: {role}"
           in done.stderr, f"AWS CLI ({name}): not without the second factor")


def roles(scene, keys):
    """Chains, tags, source identities, session policies, durations, with boto3."""
    any_tag = allow(["sts:*", "ssm:*"])
    one = scene.role("one", scene.here(), any_tag, MaxSessionDuration=7200)
    two = scene.role("two", scene.here(), any_tag)
    got = scene.assume(keys, one, DurationSeconds=7200, SourceIdentity="alice", TransitiveTagKeys=["Team"],
                       Tags=[{"Key": "Team", "Value": "red"}, {"Key": "Cost", "Value": "7"}])
    first = got["Credentials"]
    equal(got["SourceIdentity"], "alice", "a source identity")
    starts(got["AssumedRoleUser"]["AssumedRoleId"], "AROA", "the id of the session begins with the role's")
    second = scene.assume(first, two)["Credentials"]
    refused(scene.client("sts", second).assume_role, "InvalidParameterValue",
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from "
            "the calling session.", "another value for a tag that goes on", RoleArn=one, RoleSessionName="x1",
            Tags=[{"Key": "team", "Value": "blue"}])
    refused(scene.client("sts", second).assume_role, "ValidationError",
            "The source identity is already set for this assume role session", "another source identity",
            RoleArn=one, RoleSessionName="x1", SourceIdentity="bob")
    refused(scene.client("sts", first).assume_role, "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
            "more than an hour in a chain", RoleArn=two, RoleSessionName="x1", DurationSeconds=7200)
    refused(scene.client("sts", keys).assume_role, "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            "longer than the role allows", RoleArn=two, RoleSessionName="x1", DurationSeconds=7200)
    got = scene.assume(keys, one, Policy=policy(allow("ssm:DescribeDocument")))
    ok(got["PackedPolicySize"] > 0, "a session policy has a packed size")
    ssm = scene.client("ssm", got["Credentials"])
    ok(ssm.describe_document(Name="AWS-StartSSHSession"), "what the session policy allows")
    refused(ssm.describe_sessions, "AccessDeniedException", None, "what the role allows and the session policy does not",
            State="Active")
    got = scene.assume(keys, one, PolicyArns=[{"arn": "arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess"}])
    ok("Sessions" in scene.client("ssm", got["Credentials"]).describe_sessions(State="Active"),
       "a managed policy as session policy")
    trust_bob = {"Effect": "Allow", "Action": "sts:AssumeRole",
                 "Principal": {"AWS": f"arn:aws:iam::{scene.account}:user/bob"}}
    refused(scene.iam.create_role, "MalformedPolicyDocument",
            f'Invalid principal in policy: "AWS":"{trust_bob["Principal"]["AWS"]}"', "trust in somebody who is not there",
            RoleName="for-bob", AssumeRolePolicyDocument=policy(trust_bob))
    bob = scene.user("bob")
    named = scene.role("for-bob", [trust_bob])
    ok(scene.assume(bob, named), "who is named in a trust policy needs no policy")
    refused(scene.client("sts", keys).assume_role, "AccessDenied",
            f"User: arn:aws:iam::{scene.account}:user/alice is not authorized to perform: sts:AssumeRole on resource: "
            f"{named}", "who is not", RoleArn=named, RoleSessionName="x1")
    gone = scene.iam.get_user(UserName="bob")["User"]["UserId"]
    scene.iam.delete_access_key(UserName="bob", AccessKeyId=bob["AccessKeyId"])
    scene.iam.delete_user(UserName="bob")
    refused(scene.client("sts", scene.user("bob")).assume_role, "AccessDenied", None,
            "the next of that name", RoleArn=named, RoleSessionName="x1")
    shown = scene.iam.get_role(RoleName="for-bob")["Role"]["AssumeRolePolicyDocument"]
    equal(shown["Statement"][0]["Principal"], {"AWS": gone}, "the trust policy shows the id of who is gone")
    scene.world.crash_server()
    ok(scene.client("sts", second).get_caller_identity(), "temporary keys survive a crash of the server")


def ends_soon(scene, session, what, change):
    begin = time.monotonic()
    change()
    row = scene.world.wait_status(session.id, "Terminated", seconds=5)
    seconds = time.monotonic() - begin
    ok(row and seconds < 2, f"{what}: the shell ends ({seconds:.1f} s)")


def with_cli(scene, node, keys):
    for name, command in e2e.aws_clis():
        argv = [*command, "--endpoint-url", scene.world.endpoint, "ssm", "start-session", "--target", node]
        with terminal.Terminal(argv, dict(scene.env(keys), TERM="xterm")) as t:
            t.expect("Starting session with SessionId: alice-at-work-", 60)
            t.expect(rb"[#$>] ")
            t.send("exit\r")
            equal(t.wait_exit(), 0, f"AWS CLI ({name}): start-session with the keys of a role")


def expired(scene, opened):
    """Fifteen minutes is the shortest life at AWS and here: the row is made older by hand."""
    scene.iam.put_role_policy(RoleName="shells", PolicyName="own", PolicyDocument=policy(allow("ssm:*")))
    session, temp = opened()
    with session as s:
        s.shell()
        with contextlib.closing(sqlite3.connect(scene.world.state / "sallyport.db", timeout=10)) as db, db:
            db.execute("UPDATE access_keys SET expires_ms = 1 WHERE access_key = ?", (temp["AccessKeyId"],))
        refused(scene.client("ssm", temp).describe_sessions, "ExpiredTokenException",
                "The security token included in the request is expired", "expired keys", State="Active")
        scene.iam.tag_role(RoleName="shells", Tags=[{"Key": "team", "Value": "red"}])  # everybody is judged again
        scene.client("sts", scene.keys).get_session_token()  # and expired keys are forgotten
        time.sleep(1.5)
        equal(s.run("echo alive"), "alive", "a shell outlives the keys it was opened with")
        ends_soon(scene, s, "with expired keys, not allowed any more",
                  lambda: scene.iam.delete_role_policy(RoleName="shells", PolicyName="own"))


def live(scene, keys):
    """Shells that were opened with a role, and what takes them away."""
    world = scene.world
    node, _ = world.agent("web-1", "Environment=prod")
    role = scene.role("shells", scene.here(), allow("ssm:*"))

    def opened(plugin="ours"):
        temp = scene.assume(keys, role, name="alice-at-home")["Credentials"]
        started = scene.client("ssm", temp).start_session(Target=node)
        return terminal.Session(world, node, plugin, started=started), temp

    for plugin in ("ours", "stock") if e2e.STOCK_PLUGIN else ("ours",):
        session, _ = opened(plugin)
        with session as s:
            ok(s.id.startswith("alice-at-home-"), f"{plugin} plugin: the session is named after the role session")
            equal(s.shell().run("echo $((6*7))"), "42", f"{plugin} plugin: a shell with a role")
            row = world.session(s.id)
            equal(row["Owner"], f"arn:aws:sts::{scene.account}:assumed-role/shells/alice-at-home",
                  f"{plugin} plugin: and owned by it")
    with_cli(scene, node, scene.assume(keys, role, name="alice-at-work")["Credentials"])
    session, temp = opened()
    with session as s:
        s.shell()
        deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"DateLessThan": {
            "aws:TokenIssueTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))}}}
        ends_soon(scene, s, "revoked by the time of issue", lambda: scene.iam.put_role_policy(
            RoleName="shells", PolicyName="revoke", PolicyDocument=policy(deny)))
    refused(scene.client("ssm", temp).describe_sessions, "AccessDeniedException", None, "revoked keys", State="Active")
    time.sleep(1.5)
    session, _ = opened()
    with session as s:
        equal(s.shell().run("echo new"), "new", "keys that were issued later are not revoked")
        ends_soon(scene, s, "the role's policy is taken away",
                  lambda: scene.iam.delete_role_policy(RoleName="shells", PolicyName="own"))
    scene.iam.delete_role_policy(RoleName="shells", PolicyName="revoke")
    expired(scene, opened)
    scene.iam.put_role_policy(RoleName="shells", PolicyName="own", PolicyDocument=policy(allow("ssm:*")))
    session, temp = opened()
    with session as s:
        s.shell()
        scene.iam.attach_role_policy(RoleName="shells", PolicyArn="arn:aws:iam::aws:policy/AmazonSSMFullAccess")
        scene.iam.delete_role_policy(RoleName="shells", PolicyName="own")
        equal(s.run("echo still"), "still", "allowed by another policy: the shell lives")

        def gone():
            scene.iam.detach_role_policy(RoleName="shells",
                                         PolicyArn="arn:aws:iam::aws:policy/AmazonSSMFullAccess")
            scene.iam.delete_role(RoleName="shells")
        ends_soon(scene, s, "the role is deleted", gone)
    refused(scene.client("ssm", temp).describe_sessions, "UnrecognizedClientException", None, "keys of a deleted role",
            State="Active")
    scene.role("shells", scene.here(), allow("ssm:*"))
    refused(scene.client("ssm", temp).describe_sessions, "UnrecognizedClientException", None,
            "keys of the role that had the name before", State="Active")


def main():
    with e2e.World("sts") as world:
        scene = Scene(world)
        keys, device = user_sessions(scene)
        scene.keys = keys
        profiles(scene, keys, device)
        roles(scene, keys)
        live(scene, keys)
    e2e.finish()


if __name__ == "__main__":
    main()
