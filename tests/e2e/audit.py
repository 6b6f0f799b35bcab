#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: every call is an event of the audit trail with its outcome, found by LookupEvents and never
holding a secret; an event that was answered survives kill -9; whoever changes, removes or moves one by
hand is found out, and the first broken event is named.
"""
import base64
import contextlib
import datetime
import json
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import time
import uuid

import botocore.exceptions

import e2e
import terminal
import wire
from e2e import equal, ok, wait_until

ADMIN = ("admin", "audit")
ALLOW_ALL = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "*", "Resource": "*"}]})
TRUST_ALL = ('{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
             '"Principal": {"AWS": "%s"}}]}')


def sallyport(world, *args, **env):
    return subprocess.run([str(world.bin / "sallyport"), *args], env=world.env(**env), timeout=60,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)


def verify(world, *args):
    """Exit status and what it said."""
    p = sallyport(world, *ADMIN, "verify", "--key", str(world.state / "audit.pub"), *args)
    return p.returncode, (p.stdout + p.stderr).strip()


def trail(world):
    """All events as they stand in the database."""
    with contextlib.closing(sqlite3.connect(f"file:{world.state}/sallyport.db?mode=ro", uri=True)) as db:
        return [json.loads(e) for (e,) in db.execute("SELECT event FROM audit_events ORDER BY seq")]


def tls(world):
    """The connection as both ends see it, for each version and suite that the client asks for."""
    host = f"localhost:{world.port}"
    for version, suite in ((ssl.TLSVersion.TLSv1_3, None), (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-GCM-SHA384"),
                           (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-CHACHA20-POLY1305")):
        context = ssl.create_default_context(cafile=str(world.ca))
        context.minimum_version = context.maximum_version = version
        if suite is not None:
            context.set_ciphers(suite)
        with socket.create_connection(("localhost", world.port)) as plain, \
                context.wrap_socket(plain, server_hostname="localhost") as s:
            s.sendall(f"POST / HTTP/1.1\r\nHost: {host}\r\nX-Amz-Target: AmazonSSM.DescribeSessions\r\n"
                      "Content-Type: application/x-amz-json-1.1\r\nContent-Length: 2\r\n\r\n{}".encode())
            ok(b"MissingAuthentication" in s.recv(4096), f"{s.version()} with {s.cipher()[0]}, unsigned, is refused")
            equal(trail(world)[-1].get("tlsDetails"),
                  {"tlsVersion": s.version(), "cipherSuite": s.cipher()[0], "clientProvidedHostHeader": host},
                  "and the event says what was negotiated")


# ---- what is recorded ----

def guide(world, node):
    """The two commands of the guide, with the real AWS CLI."""
    since = (datetime.datetime.utcnow() - datetime.timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%S")
    with terminal.Session(world, node) as s:
        s.shell()
        s.send("exit\r")
        s.wait_exit()
    attributes = "AttributeKey=EventName,AttributeValue=StartSession"
    for name, cli in e2e.aws_clis():
        events = world.aws("cloudtrail", "lookup-events", "--lookup-attributes", attributes, "--start-time",
                           since, cli=cli)["Events"]
        event = json.loads(events[0]["CloudTrailEvent"])
        equal((events[0]["EventName"], events[0]["Username"], events[0]["ReadOnly"], events[0]["EventSource"]),
              ("StartSession", "admin", "false", "ssm.amazonaws.com"),
              f"{name}: lookup-events finds StartSession since a week ago")
        equal((event["requestParameters"]["target"], event["responseElements"]["tokenValue"],
               event["responseElements"]["sessionId"]),
              (node, "Value hidden due to security reasons.", s.id),
              f"{name}: with target and session, and the token hidden")
        p = world.aws("cloudtrail", "lookup-events", "--lookup-attributes", attributes, "--query",
                      "Events[*].[EventTime,Username]", "--output", "table", cli=cli, check=False)
        ok(p.returncode == 0 and re.search(r"\|\s+[\dT:.+-]+\s+\|\s+admin\s+\|", p.stdout),
           f"{name}: who started sessions, as a table")


def attributes(world, node):
    """Every attribute, paging and the refusals, with boto3."""
    trail_client = world.boto("cloudtrail")

    def look(key, value, **more):
        return trail_client.lookup_events(LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}],
                                          **more)["Events"]
    one = look("EventName", "StartSession")[0]
    for key, value in (("EventId", one["EventId"]), ("Username", "admin"), ("EventSource", "ssm.amazonaws.com"),
                       ("AccessKeyId", world.key), ("ReadOnly", "false"), ("ResourceName", node),
                       ("ResourceType", one["Resources"][0]["ResourceType"]),
                       ("ResourceName", json.loads(one["CloudTrailEvent"])["resources"][0]["ARN"])):
        ok(one["EventId"] in [e["EventId"] for e in look(key, value)], f"found by {key} {value[:40]}")
    equal(look("EventName", "NoSuchEvent"), [], "and not by what it is not")
    pages = list(trail_client.get_paginator("lookup_events").paginate(PaginationConfig={"PageSize": 3}))
    ids = [e["EventId"] for p in pages for e in p["Events"]]
    times = [e["EventTime"] for p in pages for e in p["Events"]]
    ok(len(pages) > 3 and len(ids) == len(set(ids)) and times == sorted(times, reverse=True),
       f"{len(pages)} pages of 3, each event once, newest first")
    now = datetime.datetime.now(datetime.timezone.utc)
    equal(trail_client.lookup_events(StartTime=now + datetime.timedelta(hours=1))["Events"], [],
          "nothing from the future")
    for code, arguments in (
            ("InvalidTimeRangeException", {"StartTime": now, "EndTime": now - datetime.timedelta(hours=1)}),
            ("InvalidLookupAttributesException",
             {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "a"}] * 2}),
            ("InvalidLookupAttributesException",
             {"LookupAttributes": [{"AttributeKey": "Colour", "AttributeValue": "a"}]}),
            ("InvalidMaxResultsException", {"MaxResults": 51}),
            ("InvalidNextTokenException", {"NextToken": "nonsense"}),
            ("InvalidEventCategoryException", {"EventCategory": "data"})):
        equal(e2e.refusal(trail_client.lookup_events, **arguments).code, code, f"{code} for {list(arguments)[0]}")


def denials(world):
    """Refused, failed and unauthenticated calls are events as well."""
    stranger = world.boto("ssm", secret="wrong" * 8)
    for _ in range(3):
        try:
            stranger.describe_sessions(State="Active")
        except botocore.exceptions.ClientError:
            pass
    try:
        world.ssm.start_session(Target="mi-00000000000000000")
    except botocore.exceptions.ClientError:
        pass
    events = trail(world)
    refused = [e for e in events if e.get("errorCode") == "InvalidSignatureException"]
    ok(len(refused) >= 3 and all(e["userIdentity"] == {"type": "Unknown", "accessKeyId": world.key} for e in refused),
       f"{len(refused)} calls with a wrong signature are there, of nobody that is known, with the key they named")
    found = world.boto("cloudtrail").lookup_events(LookupAttributes=[
        {"AttributeKey": "AccessKeyId", "AttributeValue": world.key}])["Events"]
    ok(refused[0]["eventID"] in [e["EventId"] for e in found if "Username" not in e],
       "found by that key, without a user name")
    failed = [e for e in events if e["eventName"] == "StartSession" and "errorCode" in e]
    equal([(e["errorCode"], e["requestParameters"]["target"]) for e in failed],
          [("TargetNotConnected", "mi-00000000000000000")], "a call that failed is there with its error")


def temporary(words, name, credentials):
    words[f"secret of {name}"] = credentials["SecretAccessKey"]
    words[f"token of {name}"] = credentials["SessionToken"]


def identity_secrets(world):
    """What IAM and STS hand out, and what they are told."""
    iam, words = world.boto("iam"), {"password": "Corr3ct-horse-battery", "wrong password": "Wr0ng-horse-battery"}
    iam.create_user(UserName="sybil")
    iam.put_user_policy(UserName="sybil", PolicyName="all", PolicyDocument=ALLOW_ALL)
    iam.create_login_profile(UserName="sybil", Password=words["password"])
    key = iam.create_access_key(UserName="sybil")["AccessKey"]
    words["key of a user"] = key["SecretAccessKey"]
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="sybil")["VirtualMFADevice"]
    words["seed of a second factor"] = device["Base32StringSeed"].decode()
    words["picture of a second factor"] = base64.b64encode(device["QRCodePNG"]).decode()
    sybil = (key["AccessKeyId"], key["SecretAccessKey"])
    for call, args in ((world.boto("iam", *sybil).change_password,
                        {"OldPassword": words["wrong password"], "NewPassword": words["password"]}),
                       (iam.create_login_profile, {"UserName": "sybil", "Password": words["password"] + "\x07"})):
        try:
            call(**args)
            ok(False, "a password that is wrong is refused")
        except botocore.exceptions.ClientError:
            pass
    temporary(words, "GetSessionToken", world.boto("sts", *sybil).get_session_token()["Credentials"])
    account = world.boto("sts").get_caller_identity()["Account"]
    iam.create_role(RoleName="sybil", AssumeRolePolicyDocument=TRUST_ALL % account)
    temporary(words, "AssumeRole", world.boto("sts", *sybil).assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/sybil", RoleSessionName="sybil")["Credentials"])
    return words


def secrets(world):
    """Everything that was handed out, against everything that was written down."""
    activation = world.ssm.create_activation(IamRole="SallyportNode")
    node = world.node_id("node")
    token = world.ssm.start_session(Target=node)["TokenValue"]
    words = {"activation code": activation["ActivationCode"], "session token": token,
             "secret key": world.secret, **identity_secrets(world)}
    text = json.dumps(trail(world))
    log = world.server.text()
    ok(activation["ActivationId"] in text, "the activation is there by its id")
    for what, secret in words.items():
        ok(secret not in text, f"no {what} in {len(text)} bytes of events")
        ok(secret not in log, f"no {what} in the log of the server")
    answers = {e["eventName"]: e["responseElements"] for e in trail(world) if "errorCode" not in e}
    equal((answers["CreateUser"]["user"]["userName"], answers["CreateAccessKey"]["accessKey"]["status"],
           answers["CreateRole"]["role"]["roleName"], list(answers["CreateVirtualMFADevice"]["virtualMFADevice"]),
           answers["AssumeRole"]["credentials"]["sessionToken"], answers["PutUserPolicy"]),
          ("sybil", "Active", "sybil", ["serialNumber"], "HIDDEN_DUE_TO_SECURITY_REASONS", None),
          "what was answered is there, without the secrets")
    registered = [e for e in trail(world) if e["eventName"] == "RegisterManagedInstance"]
    equal((registered[0]["requestParameters"]["activationCode"], registered[0]["responseElements"]["instanceId"]),
          ("HIDDEN_DUE_TO_SECURITY_REASONS", node), "the registration is there, its code hidden")


# ---- channels ----

def channels(world, node):
    """What the gateway refuses is in the trail by the time the peer hears of it."""
    def last(action):
        e = [e for e in trail(world) if e["eventName"] == action][-1:]
        return (e[0].get("errorCode"), e[0].get("errorMessage", ""), e[0]["userIdentity"]) if e else None

    started = world.ssm.start_session(Target=node)
    session = f"/v1/data-channel/{started['SessionId']}"
    wrong = wire.Signer(world.key, "wrong", service="ssmmessages")
    stranger = {"type": "Unknown", "accessKeyId": world.key}
    for path, action in ((f"/v1/control-channel/{node}", "CreateControlChannel"), (session, "CreateDataChannel")):
        equal((wire.request(world, path=path, signer=wrong).status, last(action)[0], last(action)[2]),
              (403, "InvalidSignatureException", stranger), f"{action} with a wrong signature is there")
    admin = wire.Signer(world.key, world.secret, service="ssmmessages")
    for path, action, words in ((f"/v1/control-channel/{node}", "CreateControlChannel", "belongs to the node"),
                                (session, "CreateDataChannel", "only a node")):
        equal(wire.request(world, path=path, signer=admin).status, 403, f"{action} for a node of somebody else")
        code, text, who = last(action)
        ok(code == "AccessDeniedException" and words in text and who["userName"] == "admin", f"is there: {text}")
    for what, token, words in (("a wrong token", "x" * 60, "token not valid"), ("none", None, "TokenValue")):
        with wire.WebSocket(world, session) as ws:
            ws.text({"MessageSchemaVersion": "1.0", "RequestId": str(uuid.uuid4()), "ClientId": str(uuid.uuid4()),
                     **({"TokenValue": token} if token else {})})
            equal(ws.close_code(), 1003, f"a data channel with {what} is closed")
        code, text, who = last("OpenDataChannel")
        ok(code == "AccessDeniedException" and words in text and who == {"type": "Unknown"}, f"and is there: {text}")
    world.ssm.terminate_session(SessionId=started["SessionId"])


# ---- what happens without a call ----

def services(world, node, agent):
    """Sessions and agents; ports are in audit_sessions.py."""
    with terminal.Session(world, node) as s:
        s.shell()
        s.send("exit\r")
        s.wait_exit()
    ended = wait_until(lambda: [e for e in trail(world) if e["eventName"] == "SessionEnded"
                                and e["serviceEventDetails"]["sessionId"] == s.id])
    opened = [e for e in trail(world) if e["eventName"] == "SessionOpened"
              and e["serviceEventDetails"]["sessionId"] == s.id]
    details = (ended or [{}])[0].get("serviceEventDetails", {})
    ok(len(opened) == 1 and opened[0]["userIdentity"]["userName"] == "admin" and
       opened[0]["eventType"] == "AwsServiceEvent", "a session that opened is an event, of its owner")
    ok(details.get("bytesFromNode", 0) > 0 and details.get("reason") and "durationSeconds" in details,
       f"and so is its end: {details}")
    agent.kill(signal.SIGKILL)
    ok(wait_until(lambda: [e for e in trail(world) if e["eventName"] == "AgentDisconnected"]),
       "an agent that goes is an event")
    agent.start()
    ok(wait_until(lambda: len([e for e in trail(world) if e["eventName"] == "AgentConnected"]) == 2),
       "and so is one that comes")
    wait_until(lambda: world.online(node))


# ---- our own commands ----

def commands(world, node):
    p = sallyport(world, "audit", "tail", "-n", "5")
    ok(p.returncode == 0 and p.stdout.startswith("TIME (UTC)") and len(p.stdout.splitlines()) == 6,
       "audit tail shows the newest five")
    p = sallyport(world, "audit", "search", "--event", "StartSession", "--resource", node, "--user", "admin",
                  "--since", "1h", "--output", "json")
    events = json.loads(p.stdout)
    ok(events and all(e["eventName"] == "StartSession" for e in events), "audit search with three filters")
    follower = subprocess.Popen([str(world.bin / "sallyport"), "audit", "search", "--event", "DescribeActivations",
                                 "--follow", "--output", "json"], env=world.env(), stdout=subprocess.PIPE,
                                text=True)
    time.sleep(1.5)
    world.ssm.describe_activations()
    event = json.loads(follower.stdout.readline())
    equal(event["eventName"], "DescribeActivations", "audit search --follow shows what happens now")
    follower.send_signal(signal.SIGINT)
    follower.wait()
    follower.stdout.close()
    equal(sallyport(world, "audit", "search", "--since", "yesterday").returncode, 2, "no such time: exit status 2")


# ---- kill -9 ----

def survives_kill(world):
    """Each call that was answered is in the trail, whenever the server dies."""
    answered, stop = [], threading.Event()
    client = world.boto("ssm")

    def call():
        n = 0
        while not stop.is_set():
            n += 1
            name = f"kill-{threading.get_ident()}-{n}"
            try:
                client.create_activation(IamRole="SallyportNode", DefaultInstanceName=name)
                answered.append(name)
                client.get_connection_status(Target=name)
                answered.append("read " + name)
            except Exception:
                time.sleep(0.02)
    threads = [threading.Thread(target=call) for _ in range(3)]
    for t in threads:
        t.start()
    for _ in range(4):
        time.sleep(0.7)
        world.crash_server()
    time.sleep(0.5)
    stop.set()
    for t in threads:
        t.join()
    events = trail(world)
    made = {e["requestParameters"]["defaultInstanceName"] for e in events if e["eventName"] == "CreateActivation"
            and "errorCode" not in e and "defaultInstanceName" in e["requestParameters"]}
    read = {"read " + e["requestParameters"]["target"] for e in events if e["eventName"] == "GetConnectionStatus"}
    lost = [n for n in answered if n not in made | read]
    ok(len(answered) > 20 and not lost, f"{len(answered)} calls were answered through four kill -9, {len(lost)} lost")
    status, said = verify(world)
    ok(status == 0, f"and the chain is whole: {said.splitlines()[0]}")


# ---- tampering ----

def change(world, tamper=None):
    """What somebody with the file does to it while the server is away; returns what it was before."""
    path = world.state / "sallyport.db"
    world.server.kill(signal.SIGTERM)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = path.read_bytes()
    if tamper is not None:
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.executescript(tamper)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    world.start_server()
    return kept


def put_back(world, kept):
    world.server.kill(signal.SIGTERM)
    for suffix in ("-wal", "-shm"):
        (world.state / ("sallyport.db" + suffix)).unlink(missing_ok=True)
    (world.state / "sallyport.db").write_bytes(kept)
    world.start_server()


def tampering(world):
    """Each kind of change by hand is named."""
    db = sqlite3.connect(f"file:{world.state}/sallyport.db?mode=ro", uri=True)
    last = db.execute("SELECT max(seq) FROM audit_events").fetchone()[0]
    ident = json.loads(db.execute("SELECT event FROM audit_events WHERE seq = 7").fetchone()[0])["eventID"]
    db.close()
    cases = (
        ("an event that was changed", 7, "UPDATE audit_events SET event = replace(event, 'admin', 'nobody') "
                                         "WHERE seq = 7"),
        ("an event that was removed", 7, "DELETE FROM audit_events WHERE seq = 7"),
        ("the oldest events removed", 1, "DELETE FROM audit_events WHERE seq < 4"),
        ("two events that were swapped", 7, "UPDATE audit_events SET seq = -1 WHERE seq = 7;"
                                            "UPDATE audit_events SET seq = 7 WHERE seq = 8;"
                                            "UPDATE audit_events SET seq = 8 WHERE seq = -1"),
        ("the newest events removed", None, f"DELETE FROM audit_events WHERE seq > {last - 2}"),
        ("an event hidden from lookups", 7, "UPDATE audit_events SET username = 'nobody' WHERE seq = 7"),
        ("the head put back with the events", None,
         f"DELETE FROM audit_events WHERE seq > {last - 5}; UPDATE audit_marks SET seq = {last - 5}, hash = "
         f"(SELECT hash FROM audit_events WHERE seq = {last - 5}) WHERE kind = 'head'"),
        ("a trail without its head", None, "DELETE FROM audit_marks"),
        ("an empty trail", 1, "DELETE FROM audit_marks; DELETE FROM audit_events; DELETE FROM audit_resources"),
    )
    for what, seq, sql in cases:
        kept = change(world, sql)
        status, said = verify(world)
        put_back(world, kept)
        ok(status == 1 and said.startswith(f"broken at event {seq}" if seq else "broken at event "),
           f"{what}: {said}")
        if what.endswith("changed"):
            ok(ident in said, "with its id")
    status, said = verify(world)
    ok(status == 0, f"and as it was: {said.splitlines()[0]}")


def elsewhere(world):
    """Exports and checkpoints kept elsewhere."""
    p = sallyport(world, *ADMIN, "export")
    whole = world.dir / "trail.jsonl"
    whole.write_text(p.stdout)
    lines = [json.loads(line) for line in p.stdout.splitlines()]
    ok(p.returncode == 0 and any("event" in line for line in lines) and "mark" in lines[-1],
       f"an export is {len(lines)} lines of JSON, the signed head the last one")
    status, said = verify(world, "--file", str(whole))
    ok(status == 0, f"its file verifies without a server: {said.splitlines()[0]}")
    cut = world.dir / "cut.jsonl"
    cut.write_text("".join(p.stdout.splitlines(True)[:-3]))
    status, said = verify(world, "--file", str(cut))
    ok(status == 1, f"and not when its end is cut off: {said}")
    cut.write_text(p.stdout.replace('"StartSession"', '"StopSession"', 1))
    status, said = verify(world, "--file", str(cut))
    ok(status == 1, f"nor when a word is changed: {said}")
    since = sallyport(world, *ADMIN, "export", "--since", "1s")
    cut.write_text(since.stdout)
    status, said = verify(world, "--file", str(cut))
    ok(status == 0 and "what came before" in said, "a part verifies as a part")
    other = world.dir / "other.pub"
    other.write_text(subprocess.run("openssl genpkey -algorithm ed25519 | openssl pkey -pubout", shell=True,
                                    capture_output=True, text=True).stdout)
    p = sallyport(world, *ADMIN, "verify", "--key", str(other))
    ok(p.returncode == 1 and "signature" in p.stdout, "and nothing does with another key")

    head = world.dir / "head"
    old = change(world)
    for _ in range(5):
        world.ssm.describe_activations()
    equal(verify(world, "--save-checkpoint", str(head))[0], 0, "the signed head is kept")
    put_back(world, old)
    equal(verify(world)[0], 0, "a database that was put back as a whole looks right")
    status, said = verify(world, "--checkpoint", str(head))
    ok(status == 1 and "older state" in said or "another hash" in said, f"but not to who kept a checkpoint: {said}")


def sign_base(world, seq, digest, event):
    """As docs/audit.md describes it, with the server's own key; the values of a row."""
    account = json.loads(event)["recipientAccountId"]
    text = world.dir / "mark"
    text.write_text(f"sallyport audit base v1\naccount {account}\nseq {seq}\nhash {digest}\ntime 1700000000000\n")
    signature = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", str(world.state / "audit.key"), "-in",
                                str(text)], check=True, capture_output=True).stdout.hex()
    return f"('base', {seq}, '{digest}', 1700000000000, '{signature}')"


def nothing_left():
    """Retention has removed all events: that is whole, and says when a checkpoint is too old to prove anything."""
    with e2e.World("empty") as world:
        head = world.dir / "head"
        equal(verify(world, "--save-checkpoint", str(head))[0], 0, "the head of a young trail is kept")
        world.ssm.describe_activations()
        with contextlib.closing(sqlite3.connect(f"file:{world.state}/sallyport.db?mode=ro", uri=True)) as db:
            last = db.execute("SELECT seq, hash, event FROM audit_events ORDER BY seq DESC LIMIT 1").fetchone()
        change(world, "DELETE FROM audit_events; DELETE FROM audit_resources; DELETE FROM audit_marks WHERE kind = "
                      f"'checkpoint'; INSERT INTO audit_marks VALUES {sign_base(world, *last)}")
        status, said = verify(world, "--checkpoint", str(head))
        ok(status == 0 and said.startswith("verified: 0 events") and "proves nothing" in said,
           f"a trail of which nothing is left verifies: {said}")
        status, said = verify(world, "--checkpoint", str(head))
        ok(status == 0 and said.startswith("verified: 1 events"), f"and goes on from there: {said.splitlines()[0]}")


# ---- a full disk ----

def full_disk():
    """The reserve is given back, and an administrator can work again."""
    place = tempfile.mkdtemp()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", place], check=False,
                      capture_output=True).returncode != 0:
        os.rmdir(place)
        e2e.skip("a full disk: no file system can be mounted here")
        return
    before = os.environ.get("SALLYPORT_TMP")
    os.environ["SALLYPORT_TMP"] = place
    try:
        with e2e.World("full") as world:
            reserve = world.state / "reserve"
            ok(wait_until(reserve.exists), "16 MiB are kept for a full disk")
            room = os.statvfs(place)
            with open(world.dir / "fill", "wb") as f:
                os.posix_fallocate(f.fileno(), 0, room.f_bavail * room.f_frsize - 300 * 1024)
            outcomes = []

            def works_again():
                try:
                    world.ssm.create_activation(IamRole="SallyportNode", Description="x" * 250)
                    outcomes.append(True)
                except botocore.exceptions.ClientError:
                    outcomes.append(False)
                return False in outcomes and outcomes[-1]
            ok(wait_until(works_again), f"the disk is full after {outcomes.index(False)} calls, and calls work again")
            ok(not reserve.exists() and "sallyport_reserve_released 1" in world.get("/_metrics"),
               "for the reserve was given back")
            (world.dir / "fill").unlink()
            ok(wait_until(reserve.exists), "it is kept again when there is room")
            status, said = verify(world)
            ok(status == 0, f"and the trail is whole: {said}")
    finally:
        if before is None:
            del os.environ["SALLYPORT_TMP"]
        else:
            os.environ["SALLYPORT_TMP"] = before
        subprocess.run(["umount", "-l", place], check=False)
        os.rmdir(place)


def main():
    with e2e.World("audit") as world:
        node, agent = world.agent()
        guide(world, node)
        attributes(world, node)
        tls(world)
        denials(world)
        secrets(world)
        channels(world, node)
        services(world, node, agent)
        commands(world, node)
        survives_kill(world)
        tampering(world)
        elsewhere(world)
    nothing_left()
    full_disk()


if __name__ == "__main__":
    main()
    e2e.finish()
