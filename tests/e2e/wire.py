# SPDX-License-Identifier: Apache-2.0
"""Bytes by hand, for what no honest client would send: TLS sockets, a SigV4 signer whose every
part can be wrong, a node that registers itself, WebSocket frames and AgentMessages.
"""
import base64
import collections
import datetime
import hashlib
import hmac
import http.client
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import uuid

from e2e import REGION

JSON = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded; charset=utf-8"
Answer = collections.namedtuple("Answer", "status headers body")


def pss_sign(keyfile, text):
    """RSA-PSS with SHA-256 in base64, as a node signs with its key."""
    return base64.b64encode(subprocess.run(
        ["openssl", "dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt",
         "rsa_pss_saltlen:32", "-sign", keyfile], input=text.encode(), check=True,
        capture_output=True).stdout).decode()


def context(world):
    return ssl.create_default_context(cafile=str(world.ca))


def connect(world, timeout=15):
    raw = socket.create_connection(("localhost", world.port), timeout=timeout)
    # Small pieces leave at once: tests decide where a request is cut.
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context(world).wrap_socket(raw, server_hostname="localhost")


def read_all(sock, limit=1 << 20):
    """What comes until the peer closes, or until its silence outlasts the timeout (None)."""
    data = b""
    try:
        while len(data) < limit:
            more = sock.recv(65536)
            if not more:
                return data
            data += more
    except (ConnectionError, ssl.SSLError):
        return data
    except socket.timeout:
        return None
    return data


def exchange(world, data, timeout=15):
    """Sends bytes as they are; what came back until the server closed (None: it did not)."""
    with connect(world, timeout) as s:
        try:
            s.sendall(data)
        except (ConnectionError, ssl.SSLError):
            pass  # refused while we were still talking; the answer may be there
        return read_all(s)


def status_of(data):
    """The status of the first answer in these bytes, 0 without one."""
    m = re.match(rb"HTTP/1\.1 (\d{3}) ", data or b"")
    return int(m.group(1)) if m else 0


def now(shift_s=0):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=shift_s)


def amz(t):
    return t.strftime("%Y%m%dT%H%M%SZ")


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _canonical_query(query):
    pairs = [p.partition("=") for p in query.split("&") if p]
    return "&".join(f"{k}={v}" for k, _, v in sorted(pairs))


class Signer:
    """SigV4 over one request.  rsa: a Node, whose key then signs instead of the secret."""

    def __init__(self, key, secret, token=None, service="ssm", region=REGION, when=None,
                 end="aws4_request", scope_day=None, skip=(), rsa=None):
        self.key, self.secret, self.token, self.rsa = key, secret, token, rsa
        self.service, self.region, self.end = service, region, end
        self.when, self.scope_day, self.skip = when or now(), scope_day, skip

    def sign(self, method, path, query, headers, body):
        """Adds X-Amz-Date, the token and Authorization to headers."""
        day = self.scope_day or self.when.strftime("%Y%m%d")
        headers["X-Amz-Date"] = amz(self.when)
        if self.token:
            headers["X-Amz-Security-Token"] = self.token
        signed = {k.lower(): " ".join(v.split()) for k, v in headers.items()
                  if k.lower() not in self.skip}
        names = ";".join(sorted(signed))
        canonical = "\n".join([method, path, _canonical_query(query),
                               *(f"{k}:{signed[k]}" for k in sorted(signed)), "", names,
                               hashlib.sha256(body).hexdigest()])
        scope = f"{day}/{self.region}/{self.service}/{self.end}"
        text = "\n".join(["AWS4-HMAC-SHA256", amz(self.when), scope,
                          hashlib.sha256(canonical.encode()).hexdigest()])
        headers["Authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.key}/{scope}, "
                                    f"SignedHeaders={names}, Signature={self._signature(day, text)}")

    def _signature(self, day, text):
        if self.rsa is not None:
            return self.rsa.sign(text)
        k = _hmac(("AWS4" + self.secret).encode(), day)
        for part in (self.region, self.service, self.end):
            k = _hmac(k, part)
        return _hmac(k, text).hex()


def request(world, method="POST", path="/", query="", headers=None, body=b"", signer=None,
            chunked=False):
    """One request on a connection of its own."""
    body = body.encode() if isinstance(body, str) else body
    headers = {"Host": f"localhost:{world.port}", **(headers or {})}
    if signer is not None:
        signer.sign(method, path, query, headers, body)
    c = http.client.HTTPSConnection("localhost", world.port, context=context(world), timeout=20)
    target = path + ("?" + query if query else "")
    c.request(method, target, iter([body]) if chunked else body, headers)
    r = c.getresponse()
    answer = Answer(r.status, r.headers, r.read().decode())
    c.close()
    return answer


def ssm(world, operation, body=None, signer=None, raw=None, **more):
    """An SSM call; body is a dict, raw the bytes instead of it."""
    text = raw if raw is not None else json.dumps(body or {})
    headers = {"Content-Type": JSON, "X-Amz-Target": f"AmazonSSM.{operation}"}
    return request(world, headers=headers, body=text, signer=signer, **more)


def admin(world, **more):
    return Signer(more.pop("key", world.key), more.pop("secret", world.secret), **more)


def error_of(answer):
    """(code, message) of a failure in any of the four envelopes."""
    if answer.body.startswith("{"):
        body = json.loads(answer.body)
        return body.get("__type"), body.get("message", body.get("Message", ""))
    code = re.search(r"<Code>([^<]*)</Code>", answer.body)
    text = re.search(r"<Message>([^<]*)</Message>", answer.body)
    if code is None:  # the gateway's: the code is the root
        code = re.match(r"(?:<\?xml[^>]*>\s*)?<(\w+)", answer.body)
    return code and code.group(1), text.group(1) if text else ""


class Node:
    """A machine that registers and signs by hand, without an agent program."""

    def __init__(self, world, keyfile=None):
        self.world = world
        self.keyfile = keyfile or world.dir / f"{uuid.uuid4()}.key"
        if keyfile is None:
            subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
                            "-out", self.keyfile], check=True, stderr=subprocess.DEVNULL)
        self.public = base64.b64encode(subprocess.run(
            ["openssl", "pkey", "-in", self.keyfile, "-pubout", "-outform", "DER"],
            check=True, capture_output=True).stdout).decode()
        self.fingerprint = str(uuid.uuid4())
        self.id = self.keys = None

    def sign(self, text):
        return pss_sign(self.keyfile, text)

    def register(self, ident, code):
        answer = ssm(self.world, "RegisterManagedInstance", {
            "ActivationId": ident, "ActivationCode": code, "Fingerprint": self.fingerprint,
            "PublicKey": self.public, "PublicKeyType": "Rsa"})
        if answer.status == 200:
            self.id = json.loads(answer.body)["InstanceId"]
        return answer

    def rsa_call(self, operation, body, **how):
        """As the stock agent: RSASSA-PSS instead of HMAC, and a chunked body."""
        signer = Signer(self.id, None, rsa=self, skip=("user-agent",), **how)
        return ssm(self.world, operation, body, signer, chunked=True)

    def role_token(self):
        answer = self.rsa_call("RequestManagedInstanceRoleToken", {"Fingerprint": self.fingerprint})
        if answer.status == 200:
            self.keys = json.loads(answer.body)
        return answer

    def signer(self, service="ssm"):
        return Signer(self.keys["AccessKeyId"], self.keys["SecretAccessKey"],
                      self.keys["SessionToken"], service)

    def channel_token(self, kind, ident):
        """CreateControlChannel or CreateDataChannel: the raw answer."""
        body = json.dumps({"MessageSchemaVersion": "1.0", "RequestId": str(uuid.uuid4())})
        return request(self.world, path=f"/v1/{kind}-channel/{ident}", body=body,
                       headers={"Content-Type": "application/json"}, signer=self.signer("ssmmessages"))

    def control_channel(self):
        """An open control channel: the node is online while it is."""
        token = token_of(self.channel_token("control", self.id))
        ws = WebSocket(self.world, f"/v1/control-channel/{self.id}", "role=subscribe&stream=input",
                       self.signer("ssmmessages"))
        ws.text({"MessageSchemaVersion": "1.0", "RequestId": str(uuid.uuid4()), "TokenValue": token,
                 "AgentVersion": "3.3.0.0", "PlatformType": "linux"})
        return ws


def token_of(answer):
    return re.search(r"<TokenValue>([^<]+)</TokenValue>", answer.body).group(1)


# ---- AgentMessages ----

def agent_message(kind, payload, seq=0, flags=0, payload_type=1, header=116, digest=None,
                  created=None, length=None, version=1, ident=None):
    """One encoded message; any field can be given a wrong value."""
    payload = json.dumps(payload).encode() if isinstance(payload, dict) else payload
    ident = ident or uuid.uuid4().bytes
    return (struct.pack(">I32sIQqQ", header, kind.encode().ljust(32), version,
                        int(now().timestamp() * 1000) if created is None else created, seq, flags) +
            ident[8:] + ident[:8] + (digest or hashlib.sha256(payload).digest()) +
            struct.pack(">II", payload_type, len(payload) if length is None else length) + payload)


Message = collections.namedtuple("Message", "kind seq payload_type ident payload")


def parse_message(data):
    """None for what is no AgentMessage."""
    if len(data) < 120:
        return None
    _, kind, _, _, seq, _ = struct.unpack(">I32sIQqQ", data[:64])
    ident = data[72:80] + data[64:72]
    return Message(kind.strip(b" \0").decode("latin1"), seq, struct.unpack(">I", data[112:116])[0],
                   str(uuid.UUID(bytes=ident)), data[120:])


def ack_of(m):
    return agent_message("acknowledge", {
        "AcknowledgedMessageType": m.kind, "AcknowledgedMessageId": m.ident,
        "AcknowledgedMessageSequenceNumber": m.seq, "IsSequentialMessage": True},
        flags=3, payload_type=0)


# ---- WebSocket ----

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class WebSocket:
    """A client that can be as rude as a test likes."""

    def __init__(self, world, path, query="role=publish_subscribe", signer=None, timeout=15,
                 **headers):
        self.sock = connect(world, timeout)
        self.buffer = b""
        key = base64.b64encode(os.urandom(16)).decode()
        head = {"Host": f"localhost:{world.port}"}
        if signer is not None:
            signer.sign("GET", path, query, head, b"")
        head.update({"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": key,
                     "Sec-WebSocket-Version": "13", "User-Agent": "Go-http-client/1.1"})
        head.update({k.replace("_", "-"): v for k, v in headers.items()})
        lines = "".join(f"{k}: {v}\r\n" for k, v in head.items() if v is not None)
        self.sock.sendall(f"GET {path}?{query} HTTP/1.1\r\n{lines}\r\n".encode())
        self.head = self._read_head()
        self.status = status_of(self.head)
        accept = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest())
        self.accepted = self.status == 101 and accept in self.head

    def _read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            more = self.sock.recv(65536)
            if not more:
                break
            self.buffer += more
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return head

    def frame(self, opcode, data=b"", fin=True, mask=True, rsv=0, length=None):
        n = len(data) if length is None else length
        first = (0x80 if fin else 0) | rsv << 4 | opcode
        size = (struct.pack(">B", n) if n < 126 else struct.pack(">BH", 126, n) if n < 65536
                else struct.pack(">BQ", 127, n))
        if not mask:
            self.sock.sendall(bytes([first]) + size + data)
            return
        key = os.urandom(4)
        masked = bytes(b ^ key[i % 4] for i, b in enumerate(data))
        self.sock.sendall(bytes([first, size[0] | 0x80]) + size[1:] + key + masked)

    def text(self, data):
        self.frame(TEXT, (json.dumps(data) if isinstance(data, dict) else data).encode())

    def binary(self, data):
        self.frame(BINARY, data)

    def _need(self, n):
        while len(self.buffer) < n:
            more = self.sock.recv(65536)
            if not more:
                raise ConnectionError("closed")
            self.buffer += more

    def recv(self):
        """(opcode, data) of the next frame; (None, b"") when the peer is gone."""
        try:
            self._need(2)
            n, at = self.buffer[1] & 0x7F, 2
            if n >= 126:
                wide = 2 if n == 126 else 8
                self._need(2 + wide)
                n, at = int.from_bytes(self.buffer[2:2 + wide], "big"), 2 + wide
            self._need(at + n)
        except (ConnectionError, ssl.SSLError):
            return None, b""
        opcode, data = self.buffer[0] & 0x0F, self.buffer[at:at + n]
        self.buffer = self.buffer[at + n:]
        return opcode, data

    def close_code(self):
        """The code of the close frame, skipping what comes before; 0: dropped without one."""
        while True:
            opcode, data = self.recv()
            if opcode is None:
                return 0
            if opcode == CLOSE:
                return int.from_bytes(data[:2], "big") if len(data) >= 2 else 1005

    def message(self):
        """The next AgentMessage, pings answered on the way; None when the peer is gone."""
        while True:
            opcode, data = self.recv()
            if opcode in (None, CLOSE):
                return None
            if opcode == PING:
                self.frame(PONG, data)
            elif opcode in (TEXT, BINARY):
                return parse_message(data)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
