#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: boto3 as Debian has it works with endpoint_url alone: clients, paginators and waiters
over a live node, from activation to the end of a session; and whoever signs wrongly, too early,
too late, for something else or not at all is told so in AWS's words.

What each operation answers in detail is in api_operations.py, which needs no node.
"""
import json
import time

import e2e
import terminal
import wire
from e2e import REGION, equal, ok, starts, wait_until

NOT_MATCHING = ("The request signature we calculated does not match the signature you provided. Check your "
                "AWS Secret Access Key and signing method. Consult the service documentation for details.")
INVALID = "The security token included in the request is invalid."


# ---- clients ----

def fleet(world, node):
    ssm, ec2, sts = world.ssm, world.boto("ec2"), world.boto("sts")
    account = sts.get_caller_identity()["Account"]
    for name in ("instance_exists", "instance_running", "instance_status_ok", "system_status_ok"):
        ec2.get_waiter(name).wait(InstanceIds=[node], WaiterConfig={"Delay": 1, "MaxAttempts": 5})
    ok(True, "EC2's waiters find the node existing, running and healthy")
    one = ec2.describe_instances(InstanceIds=[node])["Reservations"][0]
    equal((one["OwnerId"], one["Instances"][0]["State"], one["Instances"][0]["Placement"]["AvailabilityZone"]),
          (account, {"Code": 16, "Name": "running"}, REGION + "a"), "as an instance of this account")
    for _ in range(11):
        ssm.create_activation(IamRole="SallyportNode")
    seen = [a["ActivationId"] for page in ssm.get_paginator("describe_activations").paginate(
        PaginationConfig={"PageSize": 4}) for a in page["ActivationList"]]
    equal((len(seen), len(set(seen))), (12, 12), "a paginator walks activations in pages of four")
    token = next(iter(ssm.get_paginator("describe_activations").paginate(
        PaginationConfig={"PageSize": 4, "MaxItems": 4}).search("NextToken")), None)
    ok(token, "and its token is one to go on with")
    found = [i["InstanceId"] for page in ssm.get_paginator("describe_instance_information").paginate(
        Filters=[{"Key": "tag:Environment", "Values": ["prod"]}]) for i in page["InstanceInformationList"]]
    equal(found, [node], "and another the nodes")
    client = world.boto("ssm", connect_timeout=7)
    before = world.get("/_metrics")
    client.get_connection_status(Target=node)
    client.get_connection_status(Target=node)
    ok(before != world.get("/_metrics"), "calls are counted")


def a_session(world, node):
    ssm = world.ssm
    started = ssm.start_session(Target=node, DocumentName="SSM-SessionManagerRunShell", Reason="boto3")
    equal(sorted(k for k in started if k != "ResponseMetadata"), ["SessionId", "StreamUrl", "TokenValue"],
          "StartSession answers with three members")
    equal(started["StreamUrl"], f"wss://localhost:{world.port}/v1/data-channel/{started['SessionId']}"
          "?role=publish_subscribe", "the stream is where the caller reached us")
    with terminal.Session(world, node, started=started) as s:
        equal(s.shell().run("echo $((2**16))"), "65536", "and opens a shell")
        pages = ssm.get_paginator("describe_sessions").paginate(
            State="Active", Filters=[{"key": "Target", "value": node}])
        equal([x["SessionId"] for p in pages for x in p["Sessions"]], [s.id], "a paginator finds the session")
        equal(ssm.terminate_session(SessionId=s.id)["SessionId"], s.id, "TerminateSession")
        s.expect(f"Exiting session with sessionId: {s.id}")
    ok(world.wait_status(started["SessionId"], "Terminated"), "and it is history")
    resumed = ssm.resume_session(SessionId=started["SessionId"])
    ok("TokenValue" not in resumed, "which cannot be resumed")


# ---- signatures ----

def tells(world, answer, status, code, text, what):
    got = wire.error_of(answer)
    equal((answer.status, got[0]), (status, code), f"{what}: {code}")
    if text is not None:
        (starts if text.endswith("...") else equal)(got[1], text.removesuffix("..."), f"{what}: the words")
    ok(len(answer.headers.get("x-amzn-RequestId") or "") == 36 and answer.headers.get("Date"),
       f"{what}: a request id and the time")


def wrong_signatures(world):
    def call(**signer):
        return wire.ssm(world, "DescribeActivations", {}, wire.admin(world, **signer))
    equal(call().status, 200, "our own signer is right, if it wants to be")
    tells(world, call(secret="x" * 40), 400, "InvalidSignatureException", NOT_MATCHING, "a wrong secret")
    tells(world, call(key="AKIA" + "A" * 16), 400, "UnrecognizedClientException", INVALID, "an unknown key")
    tells(world, call(token="made-up"), 400, "UnrecognizedClientException", INVALID.rstrip("."),
          "a token where there is none")
    old, new = wire.now(-1000), wire.now(1000)
    tells(world, call(when=old), 400, "InvalidSignatureException",
          f"Signature expired: {wire.amz(old)} is now earlier than ...", "a clock that is late")
    tells(world, call(when=new), 400, "InvalidSignatureException",
          f"Signature not yet current: {wire.amz(new)} is still later than ...", "a clock that is early")
    equal(call(when=wire.now(-240)).status, 200, "four minutes are forgiven")
    tells(world, call(when=wire.now(-420)), 400, "InvalidSignatureException", None, "seven are not")
    equal(wire.request(world, headers={"Content-Type": wire.FORM}, signer=wire.admin(
        world, service="sts", when=wire.now(-420)), body="Action=GetCallerIdentity&Version=2011-06-15").status,
        200, "but at STS, which allows fifteen")
    tells(world, call(service="ec2"), 400, "InvalidSignatureException",
          "Credential should be scoped to correct service: 'ssm'.", "the scope of another service")
    tells(world, call(end="aws5_request"), 400, "InvalidSignatureException",
          "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'.",
          "a scope with another end")
    tells(world, call(scope_day="20200101"), 400, "InvalidSignatureException",
          "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: ...",
          "a scope of another day")
    tells(world, call(skip=("host",)), 400, "InvalidSignatureException",
          "'Host' must be a 'SignedHeader' in the AWS Authorization.", "a host that is not signed")
    tells(world, wire.ssm(world, "DescribeActivations", {}), 400, "MissingAuthenticationTokenException",
          "Missing Authentication Token", "nothing signed")
    equal(call(region="moon-base-1").status, 200, "any region is ours")


def changed_on_the_way(world):
    class Tampering(wire.Signer):
        """Signs, then changes the request."""

        def __init__(self, change, **more):
            super().__init__(world.key, world.secret, **more)
            self.change = change

        def sign(self, method, path, query, headers, body):
            super().sign(method, path, query, headers, body)
            self.change(headers)

    def call(change):
        return wire.ssm(world, "DescribeActivations", {}, Tampering(change))
    tells(world, call(lambda h: h.update({"X-Amz-Target": "AmazonSSM.DescribeSessions"})), 400,
          "InvalidSignatureException", NOT_MATCHING, "another operation than signed")
    tells(world, call(lambda h: h.update(Authorization=h["Authorization"].replace("Signature=", "Sig="))), 400,
          "IncompleteSignatureException", None, "an Authorization without a signature")
    tells(world, call(lambda h: h.update(Authorization="Basic YTpi")), 400,
          "MissingAuthenticationTokenException", "Missing Authentication Token", "Basic authentication")
    tells(world, call(lambda h: h.update(Authorization=h["Authorization"].replace("HMAC", "HMEC"))), 400,
          "IncompleteSignatureException", None, "an unknown algorithm")
    tells(world, call(lambda h: h.pop("X-Amz-Date")), 400, "IncompleteSignatureException", None, "no date")
    tells(world, call(lambda h: h.update({"X-Amz-Content-Sha256": "0" * 64})), 400,
          "InvalidSignatureException", None, "a digest that is not the body's")
    signer = wire.admin(world)
    headers = {"Host": f"localhost:{world.port}", "Content-Type": wire.JSON,
               "X-Amz-Target": "AmazonSSM.DescribeActivations"}
    signer.sign("POST", "/", "", headers, b"{}")
    tells(world, wire.request(world, headers=headers, body='{"MaxResults":1}'), 400,
          "InvalidSignatureException", NOT_MATCHING, "another body than signed")
    equal(wire.request(world, headers=headers, body="{}", chunked=True).status, 200, "a signed body may be chunked")


def other_envelopes(world):
    """The same failures as STS and EC2 tell them: in XML, with their own codes and states."""
    body = {"sts": "Action=GetCallerIdentity&Version=2011-06-15",
            "ec2": "Action=DescribeInstances&Version=2016-11-15"}

    def call(service, **signer):
        return wire.request(world, headers={"Content-Type": wire.FORM}, body=body[service],
                            signer=wire.admin(world, **{"service": service, **signer}) if signer != {"no": 1} else None)
    denied = "AWS was not able to validate the provided access credentials"
    tells(world, call("sts", secret="x"), 403, "SignatureDoesNotMatch", NOT_MATCHING, "STS: a wrong secret")
    tells(world, call("sts", key="AKIA" + "B" * 16), 403, "InvalidClientTokenId", INVALID, "STS: an unknown key")
    tells(world, call("sts", when=wire.now(-3600)), 403, "SignatureDoesNotMatch", "Signature expired: ...",
          "STS: a late clock")
    tells(world, call("sts", no=1), 403, "MissingAuthenticationToken",
          "Request is missing Authentication Token", "STS: nothing signed")
    tells(world, call("ec2", secret="x"), 401, "AuthFailure", denied, "EC2: a wrong secret")
    tells(world, call("ec2", key="AKIA" + "B" * 16), 401, "AuthFailure", denied, "EC2: an unknown key")
    tells(world, call("ec2", when=wire.now(-3600)), 400, "RequestExpired", "Request has expired.",
          "EC2: a late clock")


def malformed(world):
    def call(raw, operation="DescribeActivations"):
        return wire.ssm(world, operation, raw=raw, signer=wire.admin(world))
    for raw, what in (("", "no body"), ("{", "half a body"), ("[]", "a list"), ('"x"', "a string"),
                      ('{"MaxResults":"ten"}', "a string for a number"), ('{"Filters":{}}', "a map for a list"),
                      ('{"MaxResults":1e400}', "a number without end"), ("\x00", "a NUL"),
                      ('{"a":' * 5000 + "1" + "}" * 5000, "five thousand levels"),
                      (b'{"NextToken":"\xff\xfe"}', "bytes that are no UTF-8")):
        tells(world, call(raw), 400, "SerializationException", None, what)
    equal(call('{"Unknown":{"x":[1]},"NextToken":null}').status, 200,
          "members that nobody knows are ignored, null is absent")
    tells(world, call("{}", "NoSuchOperation"), 400, "UnknownOperationException", None, "an unknown operation")
    answer = wire.request(world, headers={"Content-Type": wire.JSON, "X-Amz-Target": "Nonsense"}, body="{}",
                          signer=wire.admin(world))
    tells(world, answer, 400, "UnknownOperationException", None, "a target without a service")
    answer = wire.request(world, headers={"Content-Type": "text/plain",
                                          "X-Amz-Target": "AmazonSSM.DescribeActivations"}, body="{}",
                          signer=wire.admin(world))
    equal(answer.status, 404, "JSON under another content type is no operation")
    answer = wire.request(world, headers={"Content-Type": wire.FORM}, body="Action=Nonsense&Version=2011-06-15",
                          signer=wire.admin(world, service="sts"))
    tells(world, answer, 400, "InvalidAction", None, "an unknown action")
    equal(wire.ssm(world, "DescribeActivations", {}, wire.admin(world), path="//").status in (200, 400), True,
          "a path with two slashes is answered")


def presigned(world):
    """As boto3 presigns GetCallerIdentity."""
    sts = world.boto("sts")
    url = sts.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    path, query = url.removeprefix(world.endpoint).split("?", 1)
    answer = wire.request(world, "GET", path, query)
    equal((answer.status, ":user/admin" in answer.body), (200, True), "a presigned URL works")
    answer = wire.request(world, "GET", path, query[:-1] + ("0" if query[-1] != "0" else "1"))
    equal((answer.status, wire.error_of(answer)[0]), (403, "SignatureDoesNotMatch"),
          "one whose signature was changed does not")
    answer = wire.request(world, "GET", path, query.replace("X-Amz-Expires=60", "X-Amz-Expires=600"))
    equal(wire.error_of(answer)[0], "SignatureDoesNotMatch", "nor one that was made to last longer")
    short = sts.generate_presigned_url("get_caller_identity", ExpiresIn=1, HttpMethod="GET")
    expired = wait_until(lambda: (lambda a: a if a.status != 200 else None)(
        wire.request(world, "GET", path, short.split("?", 1)[1])), 5, 0.5)
    equal(expired and expired.status, 403, "nor an expired one")


def other_stream_host(world, node):
    """For plugins that check the host of the stream: a name of one's own, from the configuration."""
    host = f"ssmmessages.{REGION}.example.org:443"
    world.conf.write_text(world.conf.read_text() + f"stream_url_host = {host}\n")
    world.server.kill(e2e.signal.SIGTERM)
    world.start_server()
    wait_until(lambda: world.online(node))
    started = world.ssm.start_session(Target=node)
    starts(started["StreamUrl"], f"wss://{host}/v1/data-channel/{started['SessionId']}?",
           "the host in StreamUrl is configurable")


def main():
    with e2e.World("boto3") as world:
        node, _ = world.agent("web", "Environment=prod", prefix="i-")
        began = time.monotonic()
        fleet(world, node)
        a_session(world, node)
        wrong_signatures(world)
        changed_on_the_way(world)
        other_envelopes(world)
        malformed(world)
        presigned(world)
        other_stream_host(world, node)
        ok(json.loads(world.get("/_health")), "and the server is well")
        print(f"    {time.monotonic() - began:.0f} s")
    e2e.finish()


if __name__ == "__main__":
    main()
