#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: somebody without permission asks for a node, others agree, and for as long as they said,
or until they take it back, the keys of the request open sessions there and nothing else.
"""
import json
import subprocess

import e2e
import terminal
from e2e import equal, ok, wait_until

ASKS = ["ssm:StartAccessRequest", "ssm:GetAccessToken", "ssm:DescribeInstanceInformation",
        "ec2:DescribeInstances"]
DECIDES = ["sallyport:ListAccessRequests", "sallyport:ApproveAccessRequest",
           "sallyport:DenyAccessRequest", "sallyport:RevokeAccessRequest"]


class Person:
    """A user with keys who may do these things, and the command line with them."""

    def __init__(self, world, name, actions, **condition):
        iam = world.boto("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": actions, "Resource": "*", **condition}]}))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        self.world = world
        self.env = world.env() | {"AWS_ACCESS_KEY_ID": key["AccessKeyId"],
                                  "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    def run(self, *args):
        return subprocess.run([str(self.world.bin / "sallyport"), *args], env=self.env,
                              capture_output=True, text=True, timeout=60)

    def access(self, *args):
        p = self.run("access", *args)
        if p.returncode != 0:
            print(f"    {p.stderr}")
        return p.stdout.strip()

    def denied(self, what, *args):
        p = self.run(*args)
        if not ok(p.returncode != 0 and "AccessDenied" in p.stderr, what):
            print(f"    {p.returncode} {p.stderr}")


def with_keys(person, request):
    """The environment after eval of what "access token" prints."""
    env = dict(person.env)
    for line in person.access("token", request).splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        env[name] = value
    return env


def whole_way(world, alice, bob):
    alice.denied("without a request there is no session", "connect", "node")
    request = alice.access("request", "node", "--reason", "disk full", "--minutes", "30")
    ok(request.startswith("oi-"), "a request")
    p = alice.run("access", "token", request)
    ok(p.returncode == 1 and "Pending" in p.stderr, "no keys before it is approved")
    rows = json.loads(bob.access("list", "--output", "json"))
    equal([(r["AccessRequestId"], r["Reason"], r["DurationMinutes"]) for r in rows],
          [(request, "disk full", 30)], "the approver sees it")
    alice.denied("the requester cannot approve", "access", "approve", request)
    equal(bob.access("approve", request, "--comment", "go"), f"{request}: Approved", "approved")
    env = with_keys(alice, request)
    argv = [str(world.bin / "sallyport"), "connect", "node"]
    with terminal.Terminal(argv, env) as t:
        t.send("echo in''side\n")
        ok(t.expect("inside\r\n"), "a session with the keys of the request")
        row = world.ssm.describe_sessions(State="Active")["Sessions"][0]
        ok(row["Owner"].endswith(":user/alice") and 28 <= int(row["MaxSessionDuration"]) <= 30,
           "it is alice's, and has the time of the request")
        equal(bob.access("revoke", request), f"{request}: Revoked", "revoked")
        ok(t.wait_exit() not in (0, None), "the session ends")
    ok(wait_until(lambda: not world.ssm.describe_sessions(State="Active")["Sessions"], 10),
       "no session is left")
    p = subprocess.run(argv, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                       timeout=60)
    ok(p.returncode != 0 and "AccessDenied" in p.stderr, "the keys are worth nothing now")


def only_there(world, alice, bob):
    """Keys for one node, used on another; and an approver of other nodes."""
    request = alice.access("request", "node", "--reason", "r")
    team = Person(world, "dora", DECIDES, Condition={
        "StringEquals": {"ssm:resourceTag/Team": "blue"}})
    team.denied("an approver of another team", "access", "approve", request)
    world.ssm.add_tags_to_resource(ResourceType="ManagedInstance", ResourceId=world.node_id("node"),
                                   Tags=[{"Key": "Team", "Value": "blue"}])
    equal(team.access("approve", request), f"{request}: Approved", "an approver of this team")
    env = with_keys(alice, request)
    p = subprocess.run([str(world.bin / "sallyport"), "connect", world.node_id("other")], env=env,
                       capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    ok(p.returncode != 0 and "AccessDenied" in p.stderr, "not on another node")
    p = subprocess.run([str(world.bin / "sallyport"), "exec", world.node_id("node"), "--", "echo", "x"],
                       env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    equal((p.returncode, p.stdout), (0, "x\n"), "a command on the node")
    denied = alice.access("request", "node", "--reason", "again")
    equal(bob.access("deny", denied), f"{denied}: Rejected", "denied")
    listed = json.loads(bob.access("list", "--all", "--output", "json"))
    equal([r["AccessRequestStatus"] for r in listed], ["Rejected", "Approved", "Revoked"],
          "all of them, newest first")
    equal(len(bob.access("list", "--all").splitlines()), 4, "as a table")


def main():
    with e2e.World("access") as world:
        world.agent("node")
        world.agent("other")
        alice, bob = Person(world, "alice", ASKS), Person(world, "bob", DECIDES)
        whole_way(world, alice, bob)
        only_there(world, alice, bob)
        world.crash_server()
        ok(len(json.loads(bob.access("list", "--all", "--output", "json"))) == 3,
           "requests are there after a crash")
    e2e.finish()


if __name__ == "__main__":
    main()
