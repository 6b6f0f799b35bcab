#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: ports behind a node are reached as if they were here: many connections at once, each
byte as it was sent, through a dead server and beside a stalled neighbour; by the AWS CLI with
our plugin, by sallyport forward, by SOCKS, and by ssh."""
import contextlib
import hashlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import e2e
from e2e import equal, ok, wait_until

MB = 1000 * 1000
_blobs = {}


def blob(size):
    if size not in _blobs:
        _blobs[size] = random.Random(size).randbytes(size)
    return _blobs[size]


def receive(s, size):
    out = bytearray()
    while len(out) < size and (data := s.recv(min(1 << 18, size - len(out)))):
        out += data
    return bytes(out)


class Service:
    """What is behind the node: D sends so many bytes, U answers with the digest of so many, H with
    that of all until the end of the input."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self.listener.accept()[0],), daemon=True).start()

    @staticmethod
    def _serve(s):
        with contextlib.suppress(OSError), s:
            head = receive(s, 9)
            size = int.from_bytes(head[1:], "big")
            if head[:1] == b"D":
                s.sendall(blob(size))
            else:
                digest = hashlib.sha256()
                got = 0
                while (head[:1] == b"H" or got < size) and (data := s.recv(1 << 16)):
                    digest.update(data)
                    got += len(data)
                s.sendall(digest.digest())
            s.recv(1)


def dial(where, order, size):
    if isinstance(where, str):
        s = socket.socket(socket.AF_UNIX)
        s.connect(where)
    else:
        s = socket.create_connection(("127.0.0.1", where))
    s.settimeout(90)
    s.sendall(order + size.to_bytes(8, "big"))
    return s


def down(where, size):
    with dial(where, b"D", size) as s:
        return receive(s, size) == blob(size)


def up(where, size):
    with dial(where, b"U", size) as s:
        s.sendall(blob(size))
        return receive(s, 32) == hashlib.sha256(blob(size)).digest()


def half(where, size):
    with dial(where, b"H", size) as s:
        s.sendall(blob(size))
        s.shutdown(socket.SHUT_WR)
        return receive(s, 32) == hashlib.sha256(blob(size)).digest()


def together(work, count, where, size, meanwhile=lambda: None):
    """How many of so many connections at once were right, and the MB/s of all."""
    blob(size)
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


class Program:
    """A client in the background whose words are waited for."""

    def __init__(self, world, name, *argv):
        self.log = world.dir / name
        with open(self.log, "wb") as out:
            self.child = subprocess.Popen([str(a) for a in argv], env=world.env(), stdout=out, stderr=out,
                                          stdin=subprocess.DEVNULL, start_new_session=True)

    def text(self):
        return self.log.read_text(errors="replace")

    def says(self, pattern, seconds=10):
        return wait_until(lambda: re.search(pattern, self.text()), seconds, 0.05)

    def interrupt(self):
        os.killpg(self.child.pid, signal.SIGINT)
        try:
            return self.child.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
            return None


def active(world):
    return len(world.ssm.describe_sessions(State="Active")["Sessions"])


def start_session(world, node, document, **parameters):
    text = ",".join(f"{k}={v}" for k, v in parameters.items())
    return [*e2e.aws_clis()[0][1], "--endpoint-url", world.endpoint, "ssm", "start-session", "--target", node,
            "--document-name", document, "--parameters", text]


def plugin(world, node, service):
    p = Program(world, "plugin.txt", *start_session(
        world, node, "AWS-StartPortForwardingSession", portNumber=service.port, localPortNumber=0))
    m = p.says(r"\nPort (\d+) opened for sessionId (\S+)\.\nWaiting for connections\.\.\.\n")
    if not ok(m, "plugin: the texts that scripts wait for, with the real port"):
        print(p.text())
        return
    port, ident = int(m.group(1)), m.group(2)
    equal(together(up, 8, port, 3 * MB)[0], 8, "plugin: eight uploads at once")
    equal(together(down, 8, port, 3 * MB)[0], 8, "plugin: eight downloads at once")
    ok(f"\nConnection accepted for session [{ident}]\n" in p.text(), "plugin: the first connection is told of")
    equal(p.interrupt(), 0, "plugin: Ctrl-C ends it with 0")
    ok(p.text().endswith("Terminate signal received, exiting.\n\n\nExiting session with sessionId: "
                         f"{ident}.\n\n"), "plugin: with the stock words")
    ok(wait_until(lambda: active(world) == 0, 5), "and nothing stays behind")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        p = Program(world, "taken.txt", *start_session(
            world, node, "AWS-StartPortForwardingSession", portNumber=service.port, localPortNumber=port))
        ok(p.says(f"Cannot perform start session: listen tcp 127.0.0.1:{port}: bind: address already in use\n"),
           "plugin: a port that is taken is told as the stock plugin does")
        equal(p.child.wait(10), 0, "and ends it with 0")
    ok(wait_until(lambda: active(world) == 0, 5), "that session is ended, too")


def forward(world, node, service):
    path = str(world.dir / "local.sock")
    p = Program(world, "forward.txt", world.bin / "sallyport", "forward", "node", f"0:{service.port}",
                "-L", f"{path}:localhost:{service.port}", "-D", "0")
    first = p.says(rf"forwarding 127\.0\.0\.1:(\d+) to node:{service.port}\n")
    ok(first and p.says(rf"forwarding {path} to localhost:{service.port} through node\n"),
       "forward: a line for each when it is ready")
    port = int(first.group(1))
    socks = int(p.says(r"SOCKS 5 on 127\.0\.0\.1:(\d+),").group(1))
    for work in (up, down, half):
        right, rate = together(work, 8, port, 10 * MB)
        equal(right, 8, f"forward: {work.__name__}, eight at once ({rate} MB/s)")
    equal(together(up, 200, port, 50 * 1000)[0], 200, "forward: 200 connections at once")
    ok(half(path, MB), "forward: a unix socket at this end")
    with dial(port, b"D", 30 * MB) as stalled:
        time.sleep(0.3)  # it has filled what there is to fill
        ok(down(port, 5 * MB), "forward: one that does not read holds back nobody")
        ok(receive(stalled, 30 * MB) == blob(30 * MB), "and gets all of it when it reads")

    def crashes():
        for _ in range(2):
            time.sleep(0.4)
            world.crash_server()
    equal(together(up, 4, port, 60 * MB, crashes)[0], 4, "forward: kill -9 of the server loses no byte up")
    equal(together(down, 4, port, 60 * MB, crashes)[0], 4, "nor down")
    socks_clients(socks, service)
    ok(p.says("connection refused"), "forward: an address that refuses is told in words")
    ok(active(world) >= 3, "forward: a session for each destination")
    equal(p.interrupt(), 0, "forward: Ctrl-C ends it with 0")
    ok(wait_until(lambda: active(world) == 0, 5), "and all sessions")
    ok(not os.path.exists(path), "and removes the socket")
    lost(world, node, service)


def socks_connect(port, host, target):
    s = socket.create_connection(("127.0.0.1", port), timeout=20)
    s.sendall(b"\5\1\0")
    equal(receive(s, 2), b"\5\0", f"SOCKS: {host} without a password")
    s.sendall(b"\5\1\0\3" + bytes([len(host)]) + host.encode() + target.to_bytes(2, "big"))
    return s, receive(s, 10)


def socks_clients(port, service):
    s, answer = socks_connect(port, "localhost", service.port)
    equal(answer[:2], b"\5\0", "SOCKS: a name that the node resolves")
    with s:
        s.sendall(b"D" + MB.to_bytes(8, "big"))
        ok(receive(s, MB) == blob(MB), "SOCKS: and the bytes")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        s, answer = socks_connect(port, "127.0.0.1", unused.getsockname()[1])
        with s:
            equal(s.recv(1), b"", "SOCKS: an address that refuses closes")


def lost(world, node, service):
    p = Program(world, "lost.txt", world.bin / "sallyport", "forward", "node", f"0:{service.port}")
    p.says("forwarding")
    ident = world.ssm.describe_sessions(State="Active")["Sessions"][0]["SessionId"]
    world.ssm.terminate_session(SessionId=ident)
    equal(p.child.wait(10), 255, f"forward: a session that is ended from outside ends it with 255 ({node})")


@contextlib.contextmanager
def ssh_server(world):
    """An OpenSSH server on loopback; gives the options that a client of it needs."""
    folder = world.dir / "sshd"
    folder.mkdir(mode=0o700)
    port = e2e.free_port()
    for name in ("host", "id"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "id.pub", folder / "authorized")
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        "StrictModes no\nPermitRootLogin yes\nUsePAM no\nSubsystem sftp internal-sftp\n")
    os.makedirs("/run/sshd", exist_ok=True)
    server = world.spawn(["/usr/sbin/sshd", "-D", "-e", "-f", folder / "config"], "sshd.log")
    wait_until(lambda: "listening" in server.text(), 5)
    (folder / "client").write_text(
        f"Host i-* mi-*\n  ProxyCommand sh -c \"{e2e.aws_clis()[0][1][0]} ssm start-session --endpoint-url "
        f"{world.endpoint} --target %h --document-name AWS-StartSSHSession --parameters 'portNumber=%p'\"\n"
        f"Host *\n  Port {port}\n  IdentityFile {folder}/id\n  UserKnownHostsFile {folder}/known\n"
        "  StrictHostKeyChecking no\n  BatchMode yes\n  LogLevel ERROR\n")
    yield folder / "client"
    server.kill(signal.SIGKILL)


def ssh(world, node):
    if os.getuid() != 0 or not os.access("/usr/sbin/sshd", os.X_OK):
        e2e.skip("ssh: no OpenSSH server here, or not root")
        return
    data, back = world.dir / "data", world.dir / "back"
    data.write_bytes(blob(20 * MB))

    def run(*argv, **kwargs):
        return subprocess.run([str(a) for a in argv], env=world.env(), capture_output=True, timeout=60,
                              check=False, **kwargs)
    with ssh_server(world) as config:
        p = run("ssh", "-F", config, node, "echo there; exit 7", stdin=subprocess.DEVNULL)
        equal((p.returncode, p.stdout), (7, b"there\n"), "ssh: through the AWS CLI and our plugin, as in the guide")
        p = run(world.bin / "sallyport", "ssh", "node", "-F", config, "cat; exit 5", input=blob(MB))
        equal((p.returncode, p.stdout == blob(MB)), (5, True), "ssh: sallyport ssh, by name, byte for byte")
        for argv, what in ((("scp", "-F", config, data, f"{node}:{back}"), "scp up"),
                           (("scp", "-F", config, f"{node}:{data}", back), "scp down"),
                           (("sftp", "-q", "-F", config, f"{node}:{data}", back), "sftp")):
            back.unlink(missing_ok=True)
            p = run(*argv)
            ok(p.returncode == 0 and back.read_bytes() == data.read_bytes(), f"ssh: {what}, 20 MB")
    block = run(world.bin / "sallyport", "ssh-config").stdout.decode()
    ok(re.match(r"Host i-\* mi-\* node\n  ProxyCommand .*sallyport proxy %n %p\n", block),
       "ssh-config: ids and names")
    ok(wait_until(lambda: active(world) == 0, 10), "ssh: nothing stays behind")


def main():
    service = Service()
    with e2e.World("forward") as world:
        node, _ = world.agent("node")
        plugin(world, node, service)
        forward(world, node, service)
        ssh(world, node)
    e2e.finish()


main()
