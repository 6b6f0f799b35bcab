#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: whatever a stranger, a client or a node sends, the answer is a clear error or a clean
close, nobody else notices, no descriptor is lost, and the next session works as ever.

By hand over TLS sockets: HTTP, WebSocket upgrades and frames, tokens, AgentMessages.
"""
import contextlib
import json
import os
import socket
import ssl
import threading
import time
import uuid

import e2e
import terminal
import wire
from e2e import equal, ok, wait_until

BODY_LIMIT = 10 * 1024 * 1024


class Channel(wire.WebSocket):
    """One end of a session's data channel, driven message by message."""

    def __init__(self, world, session, token, agent=None, signer=None):
        super().__init__(world, f"/v1/data-channel/{session}", signer=signer)
        self.seq, self.next, self.early, self.out = 0, 0, {}, b""
        self.acks = []
        frame = {"MessageSchemaVersion": "1.0", "RequestId": str(uuid.uuid4()), "TokenValue": token,
                 "ClientId": str(uuid.uuid4())}
        if agent is not None:
            frame.update(ClientInstanceId=agent, ClientId="")
        else:
            frame.update(ClientVersion="1.2.677.0")
        self.text(frame)

    def data(self, payload, payload_type=1, seq=None, **wrong):
        """One input_stream_data; seq None: the next one."""
        at = self.seq if seq is None else seq
        self.seq += seq is None
        self.binary(wire.agent_message("input_stream_data", payload, at, payload_type=payload_type, **wrong))

    def _take(self, m):
        if m.kind == "acknowledge":
            self.acks.append(json.loads(m.payload)["AcknowledgedMessageSequenceNumber"])
        if m.kind != "output_stream_data":
            return m.kind
        self.binary(wire.ack_of(m))
        self.early[m.seq] = m
        while self.next in self.early:
            self._deliver(self.early.pop(self.next))
            self.next += 1
        return m.kind

    def _deliver(self, m):
        if m.payload_type == 5:
            self.data({"ClientVersion": "1.2.677.0", "ProcessedClientActions": [
                {"ActionType": "SessionType", "ActionStatus": 1, "ActionResult": None, "Error": ""}],
                "Errors": []}, 6)
        elif m.payload_type == 1:
            self.out += m.payload

    def until(self, condition, seconds=15):
        """Takes messages until condition() holds."""
        end = time.monotonic() + seconds
        self.sock.settimeout(0.5)
        while not condition() and time.monotonic() < end:
            try:
                m = self.message()
            except socket.timeout:
                continue
            if m is None or self._take(m) == "channel_closed":
                break
        return condition()

    def shell(self):
        """Over the handshake, if there is one, to a prompt."""
        ok(self.until(lambda: any(c in self.out for c in (b"# ", b"$ "))), "a shell by hand: the prompt comes")
        self.data({"cols": 80, "rows": 24}, 3)
        return self

    def says(self, command, answer):
        self.data(command.encode() + b"\r")
        return self.until(lambda: answer in self.out)


# ---- HTTP ----

def http_requests(world):
    host = f"Host: localhost:{world.port}\r\n"
    post = f"POST / HTTP/1.1\r\n{host}"
    cases = [
        ("no HTTP at all", "GARBAGE\r\n\r\n", (400,)),
        ("a method alone", "GET\r\n\r\n", (400,)),
        ("an unknown method", f"BREW / HTTP/1.1\r\n{host}\r\n", (400, 403, 405, 501)),
        ("a version from the future", f"GET / HTTP/9.9\r\n{host}\r\n", (400, 505)),
        ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
        ("no Host", "GET /_health HTTP/1.1\r\n\r\n", (400,)),
        ("two Hosts", f"GET /_health HTTP/1.1\r\n{host}Host: other\r\n\r\n", (400,)),
        ("a header without a colon", f"GET / HTTP/1.1\r\n{host}nonsense\r\n\r\n", (400,)),
        ("a blank before the colon", f"GET / HTTP/1.1\r\n{host}A : b\r\n\r\n", (400,)),
        ("a NUL in a header", f"GET / HTTP/1.1\r\n{host}A: b\0c\r\n\r\n", (400,)),
        ("a folded header", f"GET / HTTP/1.1\r\n{host}A: b\r\n c\r\n\r\n", (400,)),
        ("two lengths", f"{post}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", (400,)),
        ("a length and chunks", f"{post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400,)),
        ("a negative length", f"{post}Content-Length: -1\r\n\r\n", (400,)),
        ("a length with a sign", f"{post}Content-Length: +1\r\n\r\na", (400,)),
        ("a length of twenty nines", f"{post}Content-Length: {'9' * 20}\r\n\r\n", (400, 413)),
        ("a length over the limit", f"{post}Content-Length: {BODY_LIMIT + 1}\r\n\r\n", (413,)),
        ("an unknown coding", f"{post}Transfer-Encoding: gzip\r\n\r\n", (400, 501)),
        ("chunked twice", f"{post}Transfer-Encoding: chunked, chunked\r\n\r\n", (400, 501)),
        ("a chunk size that is none", f"{post}Transfer-Encoding: chunked\r\n\r\nZZ\r\n", (400,)),
        ("a chunk size without end", f"{post}Transfer-Encoding: chunked\r\n\r\n{'F' * 17}\r\n", (400, 413)),
        ("a chunk longer than said", f"{post}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n", (400,)),
        ("a head of 100 KiB", f"GET / HTTP/1.1\r\n{host}A: {'a' * 102400}\r\n\r\n", (431,)),
        ("nine thousand headers", f"GET / HTTP/1.1\r\n{host}" +
         "".join(f"A{i}: {i}\r\n" for i in range(9000)) + "\r\n", (431,)),
        ("a target of 100 KiB", f"GET /{'a' * 102400} HTTP/1.1\r\n{host}\r\n", (414, 431)),
    ]
    for what, text, wanted in cases:
        got = wire.exchange(world, text.encode("latin1"), timeout=5)
        status = wire.status_of(got)
        ok(status in wanted and got is not None, f"HTTP: {what}: {status} and closed")
        if status not in wanted or got is None:
            print(f"    want {wanted}, got {got and got[:200]!r}")


def body_in_chunks(world):
    """Announces nothing, and does not end: refused where the limit is."""
    with wire.connect(world) as s:
        s.sendall(f"POST / HTTP/1.1\r\nHost: localhost:{world.port}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
        sent = 0
        try:
            while sent < 4 * BODY_LIMIT:
                s.sendall(chunk)
                sent += 0x10000
        except OSError:
            pass  # closed while we were talking, as it should
        equal(wire.status_of(wire.read_all(s)), 413, f"HTTP: chunks without end are refused (after {sent >> 20} MiB)")


def http_courtesies(world):
    host = f"Host: localhost:{world.port}\r\n"
    with wire.connect(world) as s:
        s.sendall(f"GET /_health HTTP/1.1\r\n{host}\r\nGET /nothing HTTP/1.1\r\n{host}Connection: close\r\n\r\n".encode())
        got = wire.read_all(s)
        equal((got.count(b"HTTP/1.1 "), wire.status_of(got)), (2, 200), "two requests in one piece get two answers")
    with wire.connect(world) as s:
        s.sendall(f"POST / HTTP/1.1\r\n{host}Content-Length: 2\r\nExpect: 100-continue\r\n\r\n".encode())
        ok(s.recv(1000).startswith(b"HTTP/1.1 100 "), "Expect: 100-continue is answered")
    with socket.create_connection(("localhost", world.port), timeout=5) as s:
        s.sendall(f"GET /_health HTTP/1.1\r\n{host}\r\n".encode())
        ok(b"200 OK" not in (wire.read_all(s) or b""), "plain HTTP on the TLS port gets nothing and is closed")
    with socket.create_connection(("localhost", world.port), timeout=5) as s:
        s.sendall(os.urandom(2000))
        equal(wire.read_all(s) is None, False, "noise on the TLS port is closed")
    for cut in (1, 20, 60):
        with wire.connect(world) as s:
            s.sendall(f"POST / HTTP/1.1\r\n{host}Content-Length: 100000\r\n\r\nabc".encode()[:cut])
    with wire.connect(world) as s:
        s.sendall(f"POST / HTTP/1.1\r\n{host}Content-Length: 1000000000\r\n\r\n".encode())
        sent = 0
        try:
            while sent < 1000000000:
                sent += s.send(bytes(65536))
        except (ConnectionError, ssl.SSLError):
            pass
        ok(sent < 32 << 20, f"a body of which nothing is wanted is not listened to for long ({sent >> 20} MiB)")
    crowd = [wire.connect(world) for _ in range(100)]
    ok(world.healthy(), "a hundred silent connections keep nobody out")
    for s in crowd:
        s.close()


def slow_peers(world, node):
    """In the background, because the deadlines are seconds: (name, verdict) when done."""
    verdicts = {}
    started = world.ssm.start_session(Target=node)

    def run(name, f):
        def guarded():
            began = time.monotonic()
            try:
                verdicts[name] = f(), time.monotonic() - began
            except OSError as e:
                verdicts[name] = repr(e), time.monotonic() - began
        t = threading.Thread(target=guarded)
        t.start()
        return t

    def slow_head():
        with wire.connect(world, 30) as s:
            s.sendall(b"GET /_health HTTP/1.1\r\n")
            for _ in range(40):
                time.sleep(0.5)
                try:
                    s.sendall(b"A: b\r\n")
                except OSError:
                    break
            return wire.status_of(wire.read_all(s))

    def no_tls():
        with socket.create_connection(("localhost", world.port), timeout=30) as s:
            return wire.read_all(s)

    def no_token():
        with wire.WebSocket(world, f"/v1/data-channel/{started['SessionId']}", timeout=30) as ws:
            return ws.close_code()
    threads = [run("a head that never ends", slow_head), run("a connection without TLS", no_tls),
               run("a WebSocket without a token", no_token)]

    def report():
        for t in threads:
            t.join(30)
        for name, (got, seconds) in verdicts.items():
            ok(got is not None and seconds < 20 and (name != "a head that never ends" or got in (0, 408)),
               f"slow: {name} is ended after {seconds:.0f} s ({got!r})")
        equal(len(verdicts), 3, "slow: all were")
        world.ssm.terminate_session(SessionId=started["SessionId"])
    return report


# ---- WebSocket ----

def upgrades(world):
    path = "/v1/data-channel/admin-" + "a" * 26
    for what, headers, wanted in (
            ("no key", {"Sec_WebSocket_Key": None}, (400,)),
            ("a short key", {"Sec_WebSocket_Key": "YWJj"}, (400,)),
            ("version 8", {"Sec_WebSocket_Version": "8"}, (426,)),
            ("no Upgrade", {"Upgrade": None}, (400, 426)),
            ("no Connection", {"Connection": "keep-alive"}, (400, 426)),
            ("another protocol", {"Upgrade": "h2c"}, (400, 426))):
        with wire.WebSocket(world, path, **headers) as ws:
            ok(ws.status in wanted, f"upgrade: {what}: {ws.status}")
    for what, bad, wanted in (("a session id with a slash", "/v1/data-channel/a%2Fb", (400,)),
                              ("a session id with a NUL", "/v1/data-channel/a%00b", (400,)),
                              ("no session id", "/v1/data-channel/", (400,)),
                              ("a session id of 97", "/v1/data-channel/" + "a" * 97, (400,)),
                              ("half an escape", "/v1/data-channel/a%2", (400,)),
                              ("an unsigned control channel", "/v1/control-channel/mi-" + "0" * 17, (403,))):
        with wire.WebSocket(world, bad) as ws:
            ok(ws.status in wanted, f"upgrade: {what}: {ws.status}")


def frames(world):
    path = "/v1/data-channel/admin-" + "a" * 26
    cases = (
        ("not masked", lambda w: w.frame(wire.TEXT, b"{}", mask=False), (1002,)),
        ("a reserved bit", lambda w: w.frame(wire.TEXT, b"{}", rsv=4), (1002,)),
        ("an unknown opcode", lambda w: w.frame(3, b"{}"), (1002,)),
        ("a ping of 126 bytes", lambda w: w.frame(wire.PING, b"p" * 126), (1002,)),
        ("a ping in pieces", lambda w: w.frame(wire.PING, b"p", fin=False), (1002,)),
        ("a continuation of nothing", lambda w: w.frame(0, b"x"), (1002,)),
        ("a text within a text", lambda w: (w.frame(wire.TEXT, b"{", fin=False), w.frame(wire.TEXT, b"}")), (1002,)),
        ("eight exbibytes announced", lambda w: w.frame(wire.BINARY, b"", length=2 ** 63 - 1), (1002, 1009)),
        ("a first frame of 100 KiB", lambda w: w.frame(wire.TEXT, b" " * 102400), (1009,)),
        ("a close frame of one byte", lambda w: w.frame(wire.CLOSE, b"x"), (1002,)),
        ("text that is no UTF-8", lambda w: w.frame(wire.TEXT, b"\xff\xfe"), (1003, 1007)),
        ("no JSON", lambda w: w.text("hello"), (1003,)),
        ("JSON without a token", lambda w: w.text({"MessageSchemaVersion": "1.0"}), (1003,)),
        ("a token that is a number", lambda w: w.text({"TokenValue": 5}), (1003,)),
        ("an unknown session", lambda w: w.text({"TokenValue": "x" * 43, "MessageSchemaVersion": "1.0",
                                                 "RequestId": "r", "ClientId": "c"}), (1003,)))
    for what, send, wanted in cases:
        with wire.WebSocket(world, path) as ws:
            if not ok(ws.accepted, f"frame: {what}: the upgrade itself is accepted"):
                continue
            try:
                send(ws)
            except OSError:
                pass  # closed before we were done
            code = ws.close_code()
            ok(code in wanted, f"frame: {what}: closed with {code}")
    with wire.WebSocket(world, path) as ws:
        ws.frame(wire.PING, b"are you there")
        equal(ws.recv(), (wire.PONG, b"are you there"), "frame: a ping is answered with its own words")
        ws.frame(wire.CLOSE, (1000).to_bytes(2, "big"))
        equal(ws.close_code(), 1000, "frame: a close is answered")


# ---- tokens ----

def pair(world, n, control, ssm=None):
    """A session on a node by hand: (id, client's token, agent's token).  Agent-protocol 10.1."""
    started = (ssm or world.ssm).start_session(Target=n.id)
    m = control.message()
    while m is not None and m.kind != "interactive_shell":
        m = control.message()
    equal(json.loads(m.payload)["TaskId"], started["SessionId"], "a node by hand is told of its session")
    created = n.channel_token("data", started["SessionId"])
    equal(created.status, 201, "CreateDataChannel is answered with 201 and XML")
    return started["SessionId"], started["TokenValue"], wire.token_of(created)


def tokens(world, n, control, other):
    a, a_client, a_agent = pair(world, n, control)
    b, b_client, b_agent = pair(world, n, control)
    me = wire.admin(world, service="ssmmessages")

    def refused(what, session, token, agent=None, signer=None):
        with Channel(world, session, token, agent, signer) as c:
            equal(c.close_code(), 1003, f"token: {what} is refused")
    refused("a made-up one", a, "x" * 43)
    refused("an empty one", a, "")
    refused("a long one", a, "x" * 2000)
    refused("that of another session", a, b_client)
    refused("the agent's, by a client", a, a_agent)
    refused("the client's, by the agent", a, a_client, n.id, n.signer("ssmmessages"))
    refused("the agent's, without its signature", a, a_agent, n.id)
    refused("the agent's, signed by another node", a, a_agent, n.id, other.signer("ssmmessages"))
    answer = other.channel_token("data", a)
    equal((answer.status, wire.error_of(answer)[0]), (403, "AccessDeniedException"),
          "token: another node gets none for this session")
    answer = other.channel_token("data", "admin-" + "0" * 26)
    ok(answer.status != 201, "token: nor for a session that is not there")
    with Channel(world, a, a_client) as client, Channel(world, a, a_agent, n.id, n.signer("ssmmessages")) as agent:
        agent.binary(wire.agent_message("output_stream_data", b"hello", 0, flags=1))
        ok(client.until(lambda: client.out == b"hello"), "token: after all that the right ones open both ends")
        refused("one that was used", a, a_client)
        refused("the agent's, used", a, a_agent, n.id, n.signer("ssmmessages"))
        agent.binary(wire.agent_message("output_stream_data", b" again", 1))
        ok(client.until(lambda: client.out == b"hello again"), "token: and the session did not notice")
        rogue_agent(world, client, agent)
    path = f"/v1/data-channel/{b}"
    for what, signer in (("a wrong secret", wire.admin(world, secret="x", service="ssmmessages")),
                         ("the scope of another service", wire.admin(world)),
                         ("a late clock", wire.admin(world, service="ssmmessages", when=wire.now(-3600)))):
        with wire.WebSocket(world, path, signer=signer) as ws:
            equal(ws.status, 403, f"token: a client that signs with {what} is refused before it shows one")
    with Channel(world, b, b_client, signer=me) as client, \
            Channel(world, b, b_agent, n.id, n.signer("ssmmessages")) as agent:
        agent.binary(wire.agent_message("output_stream_data", b"signed", 0, flags=1))
        ok(client.until(lambda: client.out == b"signed"), "token: a client may sign its upgrade, as newer plugins do")
    for ident in (a, b):
        world.ssm.terminate_session(SessionId=ident)
    with contextlib.closing(world.boto("iam")) as iam:  # which keeps no connection
        owners(world, n, control, iam)


def owners(world, n, control, iam):
    """A token is good for whoever started the session, as long as he may and the session lives."""
    iam.create_user(UserName="mallory")
    key = iam.create_access_key(UserName="mallory")["AccessKey"]
    own = (key["AccessKeyId"], key["SecretAccessKey"])
    statement = {"Effect": "Allow", "Action": "ssm:StartSession", "Resource": "*"}
    policy = {"UserName": "mallory", "PolicyName": "own"}
    iam.put_user_policy(**policy, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    ended, token, _ = pair(world, n, control)
    world.ssm.terminate_session(SessionId=ended)
    only_told(world, "of a session that has ended", ended, token)
    others, token, _ = pair(world, n, control)
    signer = wire.Signer(*own, service="ssmmessages")
    with Channel(world, others, token, signer=signer) as c:
        equal(c.close_code(), 1003, "token: that of somebody else's session, signed as oneself, is refused")
    world.ssm.terminate_session(SessionId=others)
    with contextlib.closing(world.boto("ssm", *own)) as ssm:
        mine, token, _ = pair(world, n, control, ssm)
    iam.delete_user_policy(**policy)
    only_told(world, "whose owner may not any more", mine, token)


def only_told(world, what, session, token):
    """The right token of a session that is over is worth a word why, once, and nothing else."""
    with Channel(world, session, token) as c:
        first, then = c.message(), c.message()
        print(f"    {first and first.payload.decode()}")
        equal((first and first.kind, then), ("channel_closed", None), f"token: one {what} opens nothing")


# ---- AgentMessages ----

BAD_MESSAGES = (
    ("half a header", lambda good: good[:60]),
    ("a header without its end", lambda good: good[:119]),
    ("nothing", lambda good: b""),
    ("one byte", lambda good: b"x"),
    ("JSON", lambda good: b'{"a":"' + b"b" * 300 + b'"}'),
)
BAD_HEADERS = (
    ("a header length of 0", {"header": 0}),
    ("a header length of 117", {"header": 117}),
    ("a header length beyond the message", {"header": 0x7FFFFFFF}),
    ("a header length with all bits", {"header": 0xFFFFFFFF}),
    ("a payload length that is too long", {"length": 100}),
    ("a payload length that is too short", {"length": 1}),
    ("a payload length with all bits", {"length": 0xFFFFFFFF}),
    ("no date", {"created": 0}),
    ("a wrong digest", {"digest": b"\1" * 32}),
)


def rogue_agent(world, client, agent):
    """What a node sends must not reach a client that it could deafen."""
    good = wire.agent_message("output_stream_data", b"bad", 2)
    for _, bad in BAD_MESSAGES:
        agent.binary(bad(good))
    for what, wrong in BAD_HEADERS:
        if "digest" not in wrong:  # the client judges that; the message has the right form
            agent.binary(wire.agent_message("output_stream_data", b"bad", 2, **wrong))
    for kind in ("", "no_such_type", "input_stream_data", "interactive_shell", "channel_closed"):
        agent.binary(wire.agent_message(kind, b"{}", 2))
    agent.binary(wire.agent_message("agent_session_state", b"no json", 0))
    agent.binary(wire.agent_message("acknowledge", b"no json", 0))
    agent.binary(wire.agent_message("output_stream_data", b"!", 2))
    seen = []
    take = client._take

    def note(m):
        seen.append(m.kind)
        return take(m)
    client._take = note
    ok(client.until(lambda: client.out == b"hello again!"), "a rogue node: the client gets what is in order")
    equal(set(seen), {"output_stream_data"}, "a rogue node: and nothing else")
    agent.frame(wire.BINARY, b"x" * (2 * 1024 * 1024))
    equal(agent.close_code(), 1009, "a rogue node: two mebibytes in a message are too many")


def control_channel(world, n, control, victim, session):
    for _, bad in BAD_MESSAGES:
        control.binary(bad(wire.agent_message("agent_task_complete", b"{}", 0)))
    for _, wrong in BAD_HEADERS:
        control.binary(wire.agent_message("agent_task_complete", b"{}", 0, **wrong))
    control.text("hello")
    for body in (b"no json", b"[]", b"{}", b'{"TaskId":5}', {"TaskId": "x" * 500, "FinalTaskStatus": "Success"}):
        control.binary(wire.agent_message("agent_task_complete", body, 0))
    done = {"SchemaVersion": 1, "TaskId": session, "Topic": "agent_task_complete", "FinalTaskStatus": "Failed",
            "Output": "not yours"}
    control.binary(wire.agent_message("agent_task_complete", done, 0))
    m = control.message()
    while m is not None and not (m.kind == "agent_task_acknowledge" and session.encode() in m.payload):
        m = control.message()
    ok(m, "control channel: an end is acknowledged after all the nonsense")
    equal(world.session(session)["Status"], "Connected", "control channel: a node cannot end the session of another")
    ok(world.online(n.id) and world.online(victim), "control channel: both nodes are still online")


def rude_client(world, node):
    """Our agent behind the relay, a client that breaks every rule, and a shell that goes on."""
    started = world.ssm.start_session(Target=node)
    with Channel(world, started["SessionId"], started["TokenValue"]) as c:
        c.shell()
        ok(c.says("echo $((6*7))", b"42"), "a rude client: the shell answers")
        good = wire.agent_message("input_stream_data", b"echo bad$((1+1))\r", c.seq)
        for _, bad in BAD_MESSAGES:
            c.binary(bad(good))
        for _, wrong in BAD_HEADERS:
            c.data(b"echo bad$((1+1))\r", seq=c.seq, **wrong)
        c.data(b"echo bad$((1+1))\r", seq=-1)
        c.data(b"echo bad$((1+1))\r", seq=-(2 ** 62))
        c.data(b"echo bad$((1+1))\r", seq=2 ** 62)
        for kind in ("", "no_such_type", "output_stream_data", "agent_session_state", "channel_closed",
                     "interactive_shell", "agent_task_complete"):
            c.binary(wire.agent_message(kind, {"SessionId": c.seq, "SessionState": "Terminating"}, c.seq))
        for body in (b"no json", b"{}", {"AcknowledgedMessageSequenceNumber": "x"},
                     {"AcknowledgedMessageSequenceNumber": 2 ** 62}, {"AcknowledgedMessageSequenceNumber": -1}):
            c.binary(wire.agent_message("acknowledge", body, 0))
        c.data(b"{", 3)
        c.data({"cols": 10 ** 9, "rows": -5}, 3)
        c.data(b"\xff\xff", 10)
        c.data(b"?", 77)
        ok(c.says("echo $((7*7))", b"49"), "a rude client: it still answers after all that")
        ok(b"bad2" not in c.out, "a rude client: and did none of it")
        c.data(b"cho early\r", seq=c.seq + 1)
        c.data(b"e")
        c.seq += 1
        ok(c.until(lambda: b"early\r\n" in c.out), "a rude client: what comes too early waits for its turn")
        before = len(c.acks)
        last = c.seq - 1
        c.data(b"echo twice\r", seq=last)
        ok(c.until(lambda: last in c.acks[before:]), "a rude client: a repetition is acknowledged again")
        ok(c.says("echo end", b"end\r\n") and b"twice" not in c.out, "a rude client: but not done again")
        ok(wait_until(lambda: world.session(started["SessionId"])["Status"] == "Connected", 2),
           "a rude client: the session is what it was")
    world.ssm.terminate_session(SessionId=started["SessionId"])


def flood(world, node):
    """A client that never reads: nothing may grow without bound, others are served."""
    started = world.ssm.start_session(Target=node)
    with Channel(world, started["SessionId"], started["TokenValue"]) as c:
        c.shell()
        before = memory_kb(world.server.child.pid)
        c.data(b"yes 0123456789012345678901234567890123456789012345678901234567890123\r")
        time.sleep(3)
        grown = memory_kb(world.server.child.pid) - before
        ok(grown < 64 * 1024, f"a client that does not read costs the server no more than its queue ({grown} KiB)")
        with terminal.Session(world, node) as s:
            equal(s.shell().run("echo others"), "others", "and others are served meanwhile")
    world.ssm.terminate_session(SessionId=started["SessionId"])


def memory_kb(pid):
    for line in open(f"/proc/{pid}/status", encoding="ascii"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def descriptors(world):
    return len(os.listdir(f"/proc/{world.server.child.pid}/fd"))


def main():
    with e2e.World("abuse") as world:
        node, _ = world.agent("web")
        ident, code = world.activation()
        n, other = wire.Node(world), wire.Node(world)
        for x in (n, other):
            equal((x.register(ident, code).status, x.role_token().status), (200, 200), "a node by hand registers")
        at_rest = descriptors(world)
        report = slow_peers(world, node)
        http_requests(world)
        body_in_chunks(world)
        http_courtesies(world)
        upgrades(world)
        frames(world)
        with n.control_channel() as control:
            tokens(world, n, control, other)
            with terminal.Session(world, node) as s:
                s.shell()
                control_channel(world, n, control, node, s.id)
                equal(s.run("echo calm"), "calm", "a session of somebody else went on through all this")
        rude_client(world, node)
        flood(world, node)
        report()
        with terminal.Session(world, node) as s:
            equal(s.shell().run("echo fine"), "fine", "and a session works as ever")
            s.send("exit\r")
            equal(s.wait_exit(), 0, "to its end")
        ok(wait_until(lambda: descriptors(world) <= at_rest + 2, 15),
           f"no descriptor was lost ({at_rest} before, {descriptors(world)} now)")
        equal(world.server.alive(), True, "the server is the same process as at the start")
    e2e.finish()


if __name__ == "__main__":
    main()
