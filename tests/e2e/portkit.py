# SPDX-License-Identifier: Apache-2.0
"""What the scripts about port sessions share: services on loopback, the clients of those services,
a port session of a plugin, and a real OpenSSH server."""
import contextlib
import hashlib
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import e2e
from e2e import wait_until

KB, MB = 1000, 1000 * 1000
ENV = "AWS_SSM_START_SESSION_RESPONSE"
FORWARD = "AWS-StartPortForwardingSession"
REMOTE = "AWS-StartPortForwardingSessionToRemoteHost"
SSH = "AWS-StartSSHSession"


def pattern(n):
    """n bytes that differ everywhere.  No line feeds: the stock plugin changes one that is alone."""
    block = b"".join(i.to_bytes(4, "big") for i in range(1 << 16)).replace(b"\n", b"\x0b")
    return (block * (n // len(block) + 1))[:n]


def digest(n):
    return hashlib.sha256(pattern(n)).hexdigest()


# ---- what is forwarded to ----

class Service:
    """A TCP server on loopback; handler(connection) in a thread of its own."""

    def __init__(self, handler=None, host="127.0.0.1", port=0):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.create_server((host, port), family=family, backlog=512)
        self.port = self.socket.getsockname()[1]
        self.handler = handler or serve
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self.socket.accept()[0],), daemon=True).start()

    def _serve(self, c):
        with contextlib.suppress(OSError), c:
            self.handler(c)

    def close(self):
        self.socket.close()


@contextlib.contextmanager
def closed_port():
    """A port that refuses, and that nobody else gets meanwhile."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        yield s.getsockname()[1]


def serve(c):
    """Commands, a line each: "get N", "put N", "all" (until the end of input), "echo WORD", "hang",
    "refuse N" (an answer of N bytes, and the rest of the input unread), "bye"."""
    f = c.makefile("rb")
    while line := f.readline():
        words = line.decode().split()
        if words[0] == "get":
            c.sendall(pattern(int(words[1])))
        elif words[0] in ("put", "all"):
            hashed, left = hashlib.sha256(), int(words[1]) if words[0] == "put" else 1 << 60
            while left and (more := f.read1(min(left, 1 << 18))):
                hashed.update(more)
                left -= len(more)
            c.sendall(hashed.hexdigest().encode() + b"\n")
        elif words[0] == "echo":
            c.sendall(line)
        elif words[0] == "hang":
            time.sleep(120)
        elif words[0] == "refuse":
            c.sendall(pattern(int(words[1])))
            time.sleep(0.2)  # it has left; closing with input unread resets
            return
        else:
            return


# ---- its clients; where: a port of loopback, (host, port), or the path of a socket ----

def dial(where, timeout=60):
    if isinstance(where, str):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(timeout)
        s.connect(where)
        return s
    return socket.create_connection(where if isinstance(where, tuple) else ("127.0.0.1", where), timeout)


def hash_of(c, n):
    hashed = hashlib.sha256()
    while n and (more := c.recv(min(n, 1 << 18))):
        hashed.update(more)
        n -= len(more)
    return hashed.hexdigest() if n == 0 else f"{n} bytes are missing"


def echo(where, word="hello"):
    with dial(where) as c:
        c.sendall(f"echo {word}\n".encode())
        return c.makefile().readline().strip()


def down(where, size):
    with dial(where) as c:
        c.sendall(f"get {size}\n".encode())
        return hash_of(c, size) == digest(size)


def up(where, size):
    with dial(where) as c:
        c.sendall(f"put {size}\n".encode() + pattern(size))
        return c.makefile().readline().strip() == digest(size)


def half(where, size):
    """The answer comes when one direction has ended."""
    with dial(where) as c:
        c.sendall(b"all\n" + pattern(size))
        c.shutdown(socket.SHUT_WR)
        return c.makefile().readline().strip() == digest(size)


def together(work, count, where, size, meanwhile=lambda: None):
    """How many of so many connections at once were right, and the MB/s of all."""
    right = []

    def one():
        with contextlib.suppress(OSError):
            if work(where, size):
                right.append(1)
    threads = [threading.Thread(target=one) for _ in range(count)]
    start = time.monotonic()
    for t in threads:
        t.start()
    meanwhile()
    for t in threads:
        t.join()
    return len(right), round(count * size / MB / (time.monotonic() - start))


def descriptors(*pids):
    """How many files these processes have open."""
    count = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            count += len(os.listdir(f"/proc/{pid}/fd"))
    return count


# ---- a port session of a plugin ----

def start_session(world, node, document, **parameters):
    """The request, and the answer to it."""
    request = {"Target": node, "DocumentName": document, "Parameters": {k: [str(v)] for k, v in parameters.items()}}
    return request, world.ssm.start_session(**request)


class Plugin:
    """A plugin with a session, as the AWS CLI starts it; until the end of the block."""

    def __init__(self, world, node, plugin, document, **parameters):
        request, answer = start_session(world, node, document, **parameters)
        self.id, self.kind = answer["SessionId"], plugin
        program = e2e.STOCK_PLUGIN if plugin == "stock" else str(world.bin / "session-manager-plugin")
        answer = {k: answer[k] for k in ("SessionId", "TokenValue", "StreamUrl")}
        # Sessions of a stock plugin end with its standard input, so that stays open.
        self.p = subprocess.Popen(
            [program, ENV, e2e.REGION, "StartSession", "", json.dumps(request), world.endpoint],
            env=world.env(plugin, **{ENV: json.dumps(answer)}), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.text = ""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.p.stdout:
            self.text += line.decode(errors="replace")

    def says(self, words, seconds=20):
        return wait_until(lambda: re.search(words, self.text), seconds, 0.02)

    def listening(self):
        """The local port, when it takes connections; the path of a local socket."""
        found = self.says(r"(?:Port (\d+)|Unix socket (\S+)) opened[^\n]*\nWaiting for connections")
        return None if not found else int(found.group(1)) if found.group(1) else found.group(2)

    def wait(self, seconds=20):
        try:
            status = self.p.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self.reader.join(5)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.p.poll() is None:
            if self.kind == "stock":  # data on its way and its flag race for a number, and one is lost
                time.sleep(0.5)
            self.p.send_signal(signal.SIGINT)
            if self.wait(10) is None:
                self.p.kill()
        self.p.stdin.close()


# ---- OpenSSH ----

SSHD = shutil.which("sshd", path="/usr/sbin:" + os.environ["PATH"])

# As people have it in their ~/.ssh/config from AWS's guides, to the letter.
GUIDE = """Host i-* mi-*
  ProxyCommand sh -c "aws ssm start-session --target %h --document-name AWS-StartSSHSession \
--parameters 'portNumber=%p' --region eu-north-1"
"""


class Sshd:
    """A real OpenSSH server on loopback, one process for each connection."""

    def __init__(self, world):
        self.dir = world.dir / "ssh"
        self.dir.mkdir(mode=0o700)
        self.user = pwd.getpwuid(os.getuid()).pw_name
        for name in ("host", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.dir / name], check=True)
        shutil.copy(self.dir / "key.pub", self.dir / "authorized")
        (self.dir / "config").write_text(
            f"HostKey {self.dir}/host\nPidFile none\nUsePAM no\nStrictModes no\n"
            f"AuthorizedKeysFile {self.dir}/authorized\nPermitRootLogin yes\n"
            "PasswordAuthentication no\nSubsystem sftp internal-sftp\n")
        if os.getuid() == 0:
            pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        self.port = Service(self._connection).port

    def _connection(self, c):
        c.set_inheritable(True)
        with open(self.dir / "log", "ab") as log:
            subprocess.run([SSHD, "-i", "-e", "-f", self.dir / "config"], stdin=c, stdout=c, stderr=log, check=False)

    def login(self):
        """The part of a client's configuration that has to do with this server alone."""
        return (f"Host *\n  User {self.user}\n  Port {self.port}\n  IdentityFile {self.dir}/key\n"
                f"  UserKnownHostsFile {self.dir}/known\n  StrictHostKeyChecking no\n  BatchMode yes\n"
                "  LogLevel ERROR\n")

    def client_config(self, name, block):
        path = self.dir / name
        path.write_text(block + self.login())
        return str(path)


def aws_command(world):
    """A folder with an `aws` that knows its endpoint even if it is older than AWS_ENDPOINT_URL."""
    folder = world.dir / "aws"
    if not folder.exists():
        folder.mkdir()
        cli = " ".join(e2e.aws_clis()[0][1])
        (folder / "aws").write_text(f'#!/bin/sh\nexec {cli} --endpoint-url "$AWS_ENDPOINT_URL" "$@"\n')
        (folder / "aws").chmod(0o755)
    return str(folder)
