#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: port sessions with our agent carry every byte, many connections at once, none of which waits
for another; remote hosts by name and address, the forbidden ones refused in words; OpenSSH through
ProxyCommand.  With the stock plugin where it is on PATH.
"""
import concurrent.futures
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
from e2e import equal, ok, wait_until

ENV = "AWS_SSM_START_SESSION_RESPONSE"
FORWARD = "AWS-StartPortForwardingSession"
REMOTE = "AWS-StartPortForwardingSessionToRemoteHost"
SSH = "AWS-StartSSHSession"
DOWN_MB, UP_KB = 200, 700  # a stock plugin sends less than 1 MB/s


# ---- what is forwarded to ----

class Service:
    """A TCP server on loopback; handler(connection) in a thread of its own."""

    def __init__(self, handler, host="127.0.0.1"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.create_server((host, 0), family=family, backlog=200)
        self.port = self.socket.getsockname()[1]
        self.handler = handler
        self.count = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                c, _ = self.socket.accept()
            except OSError:
                return
            self.count += 1
            threading.Thread(target=self._serve, args=(c,), daemon=True).start()

    def _serve(self, c):
        try:
            with c:
                self.handler(c)
        except OSError:
            pass

    def close(self):
        self.socket.close()


def pattern(n):
    """n bytes that differ everywhere and hold every value."""
    block = b"".join(i.to_bytes(4, "big") for i in range(1 << 16))
    return (block * (n // len(block) + 1))[:n]


def serve(c):
    """Commands, a line each: "get N", "put N", "echo", "hang", "bye"."""
    f = c.makefile("rb")
    while line := f.readline():
        words = line.decode().split()
        if words[0] == "get":
            c.sendall(pattern(int(words[1])))
        elif words[0] == "put":
            digest, left = hashlib.sha256(), int(words[1])
            while left and (more := f.read(min(left, 1 << 16))):
                digest.update(more)
                left -= len(more)
            c.sendall(digest.hexdigest().encode() + b"\n")
        elif words[0] == "echo":
            c.sendall(line)
        elif words[0] == "flood":
            while True:
                c.sendall(bytes(1 << 16))
        elif words[0] == "hang":
            time.sleep(120)
        else:
            return


def read_exactly(c, n):
    digest = hashlib.sha256()
    while n and (more := c.recv(min(n, 1 << 18))):
        digest.update(more)
        n -= len(more)
    return digest.hexdigest() if n == 0 else f"{n} bytes are missing"


def echo(port, word):
    with socket.create_connection(("127.0.0.1", port), 10) as c:
        c.settimeout(20)
        c.sendall(f"echo {word}\n".encode())
        return c.makefile().readline().strip()


# ---- the client ----

class Forward:
    """A session of the plugin, until the end of the block."""

    def __init__(self, world, node, plugin, document, **parameters):
        self.world = world
        given = {k: [str(v)] for k, v in parameters.items()}
        answer = world.ssm.start_session(Target=node, DocumentName=document, Parameters=given)
        self.id = answer["SessionId"]
        program = e2e.STOCK_PLUGIN if plugin == "stock" else str(world.bin / "session-manager-plugin")
        answer = {k: answer[k] for k in ("SessionId", "TokenValue", "StreamUrl")}
        request = {"Target": node, "DocumentName": document, "Parameters": given}
        self.p = subprocess.Popen(
            [program, ENV, e2e.REGION, "StartSession", "", json.dumps(request), world.endpoint],
            env=world.env(plugin, **{ENV: json.dumps(answer)}), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.text = ""
        self.port = None
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.p.stdout:
            self.text += line.decode(errors="replace")

    def listening(self):
        found = wait_until(lambda: re.search(r"Port (\d+) opened", self.text), 20, 0.02)
        self.port = int(found.group(1)) if found else None
        wait_until(lambda: "Waiting for connections" in self.text, 5, 0.02)
        return self.port

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
            self.p.send_signal(signal.SIGINT)
            if self.wait(10) is None:
                self.p.kill()


def connections(world, node, plugin, service):
    what = f"{plugin} plugin"
    with Forward(world, node, plugin, FORWARD, portNumber=service.port, localPortNumber=0) as f:
        if not ok(f.listening(), f"{what}: a local port opens"):
            print(f.text)
            return
        equal(echo(f.port, "hello"), "echo hello", f"{what}: a connection answers")
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            words = [f"w{i}" for i in range(100)]
            got = list(pool.map(lambda w: echo(f.port, w), words))
        equal(got, [f"echo {w}" for w in words], f"{what}: 100 connections, 50 at once, each its own")
        stuck = [socket.create_connection(("127.0.0.1", f.port)) for _ in range(5)]
        for c in stuck:
            c.sendall(b"hang\n" + bytes(200))
        began = time.monotonic()
        equal(echo(f.port, "past"), "echo past", f"{what}: connections that do nothing hold back nobody")
        ok(time.monotonic() - began < 5, f"{what}: and not for a moment")
        for c in stuck:
            c.close()
        with socket.create_connection(("127.0.0.1", f.port)) as c:
            c.sendall(b"bye\n")
            c.settimeout(10)
            equal(c.recv(1), b"", f"{what}: what the service closes is closed here")
    row = world.wait_status(f.id, "Terminated")
    equal(row and row["Status"], "Terminated", f"{what}: Ctrl-C ends the session")


def transfers(world, node, plugin, service):
    what = f"{plugin} plugin"
    size = DOWN_MB << 20
    want = hashlib.sha256(pattern(size)).hexdigest()
    with Forward(world, node, plugin, FORWARD, portNumber=service.port, localPortNumber=0) as f:
        f.listening()
        with socket.create_connection(("127.0.0.1", f.port)) as c:
            c.settimeout(60)
            began = time.monotonic()
            c.sendall(f"get {size}\n".encode())
            got = read_exactly(c, size)
            took = time.monotonic() - began
            equal(got, want, f"{what}: {DOWN_MB} MB down are the same ({DOWN_MB / took:.0f} MB/s)")
            up = UP_KB << 10 if plugin == "stock" else size
            # A chunk of one newline is what the stock plugin changes: none can come about here.
            data = pattern(up).replace(b"\n", b"\x0b")
            c.settimeout(120)
            began = time.monotonic()
            c.sendall(f"put {up}\n".encode() + data)
            got = c.makefile().readline().strip()
            took = time.monotonic() - began
            equal(got, hashlib.sha256(data).hexdigest(),
                  f"{what}: {up >> 10} kB up are the same ({up / took / 1e6:.1f} MB/s)")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            def get(_):
                with socket.create_connection(("127.0.0.1", f.port)) as c:
                    c.settimeout(60)
                    c.sendall(f"get {size // 8}\n".encode())
                    return read_exactly(c, size // 8)
            began = time.monotonic()
            got = set(pool.map(get, range(8)))
            took = time.monotonic() - began
        equal(got, {hashlib.sha256(pattern(size // 8)).hexdigest()},
              f"{what}: eight at once, each the same ({DOWN_MB / took:.0f} MB/s together)")


def crash(world, node, plugin, service):
    """kill -9 of the server in the middle of a download."""
    what = f"{plugin} plugin"
    size = DOWN_MB << 20
    with Forward(world, node, plugin, FORWARD, portNumber=service.port, localPortNumber=0) as f:
        f.listening()
        with socket.create_connection(("127.0.0.1", f.port)) as c:
            c.settimeout(60)
            c.sendall(f"get {size}\n".encode())
            digest = hashlib.sha256(first := c.recv(1 << 16))
            world.crash_server()
            left = size - len(first)
            while left and (more := c.recv(1 << 18)):
                digest.update(more)
                left -= len(more)
            equal((left, digest.hexdigest()), (0, hashlib.sha256(pattern(size)).hexdigest()),
                  f"{what}: {DOWN_MB} MB are the same through kill -9 of the server")
    ok(wait_until(lambda: world.online(node)), "the node is back, too")


def refusals(world, node, plugin, service):
    """Agent-protocol 10.26: a closed port ends nothing.  10.27: no spelling of an address gets around."""
    what = f"{plugin} plugin"
    closed = e2e.free_port()
    with Forward(world, node, plugin, FORWARD, portNumber=closed, localPortNumber=0) as f:
        f.listening()
        with socket.create_connection(("127.0.0.1", f.port)) as c:
            c.settimeout(10)
            equal(c.recv(1), b"", f"{what}: a connection that nobody answers is closed")
        ok(wait_until(lambda: "failed" in f.text.lower() or "refused" in f.text.lower(), 5),
           f"{what}: and the person is told: {f.text.strip().splitlines()[-1]}")
        equal(f.p.poll(), None, f"{what}: the session stays")
    hosts = ["169.254.169.254", "0.0.0.0", "::ffff:169.254.169.254", "fd00:ec2::254", "0xa9fea9fe"]
    for host in hosts:
        try:
            world.ssm.start_session(Target=node, DocumentName=REMOTE, Parameters={"host": [host]})
            said = "a session"
        except world.ssm.exceptions.ClientError as e:
            said = str(e)
        ok(re.search(r"\(InvalidParameters\).*: Forwarding to IP address [0-9a-f.:]+ is forbidden\.", said),
           f"{host} is forbidden, in words" + ("" if "forbidden" in said else f": {said}"))
    with Forward(world, node, plugin, REMOTE, host="nosuch.invalid", portNumber=80) as f:
        f.wait()
        ok("Unable to connect to specified port: name does not resolve: nosuch.invalid" in f.text,
           f"{what}: an unknown name is told" + ("" if "resolve" in f.text else f": {f.text}"))


def remote_hosts(world, node, plugin, service):
    v6 = Service(serve, "::1")
    for host, s in (("localhost", service), ("127.0.0.1", service), ("::1", v6)):
        with Forward(world, node, plugin, REMOTE, host=host, portNumber=s.port) as f:
            equal(echo(f.listening(), "far"), "echo far", f"{plugin} plugin: to {host}, port of {s.socket.family.name}")
    with Forward(world, node, plugin, FORWARD, portNumber=v6.port) as f:
        equal(echo(f.listening(), "near"), "echo near", f"{plugin} plugin: a service on ::1 only is reached without a host")
    v6.close()


# ---- SSH ----

class Sshd:
    """A real OpenSSH server on loopback."""

    def __init__(self, world):
        self.dir = world.dir / "ssh"
        self.dir.mkdir(mode=0o700)
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.port = e2e.free_port()
        for name in ("host", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.dir / name], check=True)
        shutil.copy(self.dir / "key.pub", self.dir / "authorized")
        (self.dir / "config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.dir}/host\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {self.dir}/authorized\nStrictModes no\nPermitRootLogin yes\n"
            "PasswordAuthentication no\nSubsystem sftp internal-sftp\n")
        if os.getuid() == 0:
            pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        self.p = subprocess.Popen([shutil.which("sshd", path="/usr/sbin:" + os.environ["PATH"]), "-D", "-e", "-f",
                                   self.dir / "config"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=open(self.dir / "log", "wb"))
        wait_until(self.answers, 10, 0.05)

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                return True
        except OSError:
            return False

    def client_config(self, world, plugin):
        """As the guide has it: ProxyCommand is the AWS CLI."""
        path = self.dir / f"client-{plugin}"
        aws = " ".join(e2e.aws_clis()[0][1])
        path.write_text(
            f"Host mi-*\n  User {self.user}\n  IdentityFile {self.dir}/key\n  Port {self.port}\n"
            f"  UserKnownHostsFile {self.dir}/known\n  StrictHostKeyChecking no\n  LogLevel ERROR\n"
            f"  ProxyCommand sh -c \"{aws} --endpoint-url {world.endpoint} ssm start-session --target %h "
            "--document-name AWS-StartSSHSession --parameters 'portNumber=%p'\"\n")
        return ["-F", str(path)]

    def close(self):
        self.p.terminate()
        self.p.wait()


def ssh_tools(world, node, plugin, sshd):
    what = f"{plugin} plugin"
    config = sshd.client_config(world, plugin)
    env = world.env(plugin)

    def run(*argv, **kwargs):
        return subprocess.run(argv, env=env, capture_output=True, timeout=120, check=False, **kwargs)

    p = run("ssh", *config, node, "echo out; echo err >&2; exit 7")
    equal((p.returncode, p.stdout), (7, b"out\n"), f"{what}: ssh runs a command and has its exit code")
    if p.returncode != 7:
        print(p.stderr.decode(errors="replace"))
    size = 100 << 20
    p = run("ssh", *config, node, f"head -c {size} /dev/zero | tr '\\0' x")
    equal((len(p.stdout), p.stdout.count(b"x")), (size, size), f"{what}: ssh brings {size >> 20} MB of output")
    small, big = sshd.dir / "small", sshd.dir / "big"
    small.write_bytes(os.urandom(300_000))
    big.write_bytes(os.urandom(50 << 20))
    p = run("scp", *config, str(small), f"{node}:{sshd.dir}/small.up")
    equal((p.returncode, (sshd.dir / "small.up").read_bytes() == small.read_bytes()), (0, True), f"{what}: scp up")
    p = run("scp", *config, f"{node}:{big}", str(sshd.dir / "big.down"))
    equal((p.returncode, (sshd.dir / "big.down").read_bytes() == big.read_bytes()), (0, True), f"{what}: scp down")
    p = run("sftp", *config, "-b", "-", node, input=f"get {big} {sshd.dir}/big.sftp\nput {small} {sshd.dir}/small.sftp\n".encode())
    equal((p.returncode, (sshd.dir / "big.sftp").read_bytes() == big.read_bytes(),
           (sshd.dir / "small.sftp").read_bytes() == small.read_bytes()), (0, True, True), f"{what}: sftp both ways")
    if shutil.which("rsync"):
        p = run("rsync", "-e", " ".join(["ssh", *config]), str(small), f"{node}:{sshd.dir}/small.rsync")
        equal((p.returncode, (sshd.dir / "small.rsync").read_bytes() == small.read_bytes()), (0, True), f"{what}: rsync up")
    else:
        e2e.skip("rsync: it is not installed")
    if plugin == "ours":  # a stock plugin leaves without a word: the idle time ends its sessions
        ok(wait_until(lambda: not world.ssm.describe_sessions(State="Active")["Sessions"]),
           f"{what}: each session ended with its connection")


def ssh_refused(world, node, plugin):
    closed = e2e.free_port()
    with Forward(world, node, plugin, SSH, portNumber=closed) as f:
        f.wait()
        ok(f"Unable to connect to specified port: connection refused by 127.0.0.1:{closed}" in f.text,
           f"{plugin} plugin: SSH to a closed port is told at once" + ("" if "refused" in f.text else f": {f.text}"))


def denied_by_registration(world, plugin):
    ident, code = world.activation("Name=strict")
    world.register("strict", ident, code, "--no-loopback-forward", "--deny-forward", "10.0.0.0/8",
                   "--deny-forward", "192.0.2.0/24")
    world.run_agent("strict")
    for host, ip in (("localhost", "(127.0.0.1|::1)"), ("10.9.9.9", "10.9.9.9"), ("192.0.2.9", "192.0.2.9")):
        with Forward(world, world.nodes["strict"], plugin, REMOTE, host=host, portNumber=80) as f:
            f.wait()
            ok(re.search(f"Forwarding to IP address {ip} is forbidden", f.text),
               f"{plugin} plugin: {host} is denied by the registration")
    bad = world.register("bad", ident, code, "--deny-forward", "10.0.0.0/99")
    equal((bad.returncode, "10.0.0.0/99" in bad.stderr), (2, True), "a prefix that is none is refused at registration")


def ours_forwards(world):
    """Whether our own client has port sessions."""
    p = subprocess.run([world.bin / "sallyport", "--help"], capture_output=True, text=True, check=False)
    return "forward" in p.stdout


def main():
    with e2e.World("ports") as world:
        node, _ = world.agent("node")
        service = Service(serve)
        sshd = Sshd(world) if shutil.which("sshd", path="/usr/sbin:" + os.environ["PATH"]) else None
        plugins = (["ours"] if ours_forwards(world) else []) + (["stock"] if e2e.STOCK_PLUGIN else [])
        for name in {"ours", "stock"} - set(plugins):
            e2e.skip(f"{name} plugin: it is not here, or cannot forward")
        for plugin in plugins:
            connections(world, node, plugin, service)
            transfers(world, node, plugin, service)
            remote_hosts(world, node, plugin, service)
            refusals(world, node, plugin, service)
            ssh_refused(world, node, plugin)
            if sshd:
                ssh_tools(world, node, plugin, sshd)
            if plugin == "ours":  # a stock plugin gives up within seconds
                crash(world, node, plugin, service)
            denied_by_registration(world, plugin) if plugin == plugins[0] else None
        if not plugins:
            ok(world.online(node), "the node is online")
        if sshd:
            sshd.close()
    e2e.finish()


if __name__ == "__main__":
    main()
