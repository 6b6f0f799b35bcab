#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: `sallyport forward` brings ports behind a node here: several at once, bound where they are
wanted, by SOCKS, through unix sockets, by the name, id or tag of the node; through a dead server with
a notice; it says when it listens, why it cannot, and leaves nothing behind.  And the AWS CLI with our
plugin prints what scripts wait for.
"""
import contextlib
import os
import re
import signal
import socket
import subprocess
import time

import e2e
import portkit
from e2e import equal, ok, wait_until
from portkit import FORWARD, MB, Service, down, echo, half, together, up


class Program:
    """A client in the background whose words are waited for."""

    def __init__(self, world, name, *argv):
        self.log = world.dir / f"{name}.txt"
        with open(self.log, "wb") as out:
            self.child = subprocess.Popen([str(a) for a in argv], env=world.env(), stdout=out, stderr=out,
                                          stdin=subprocess.DEVNULL, start_new_session=True)

    def text(self):
        return self.log.read_text(errors="replace")

    def says(self, pattern, seconds=30):
        found = wait_until(lambda: re.search(pattern, self.text()) or self.child.poll() is not None, seconds, 0.05)
        return re.search(pattern, self.text()) if found else None

    def port(self, to):
        return int(self.says(rf"forwarding \S+:(\d+) to {to}\n").group(1))

    def interrupt(self, signum=signal.SIGINT):
        os.killpg(self.child.pid, signum)
        return self.wait()

    def wait(self, seconds=10):
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
            return None


def forward(world, name, *words):
    return Program(world, name, world.bin / "sallyport", "forward", *words)


def active(world):
    return len(world.ssm.describe_sessions(State="Active")["Sessions"])


def nothing_left(world, what):
    ok(wait_until(lambda: active(world) == 0, 5), f"{what}: and nothing stays behind")


# ---- the plugin under the AWS CLI ----

def aws(world, node, name, **parameters):
    text = ",".join(f"{k}={v}" for k, v in parameters.items())
    return Program(world, name, *e2e.aws_clis()[0][1], "--endpoint-url", world.endpoint, "ssm", "start-session",
                   "--target", node, "--document-name", FORWARD, "--parameters", text)


def plugin(world, node, service):
    p = aws(world, node, "plugin", portNumber=service.port, localPortNumber=0)
    m = p.says(r"\nPort (\d+) opened for sessionId (\S+)\.\nWaiting for connections\.\.\.\n")
    if not ok(m, "plugin: the texts that scripts wait for, with the real port"):
        print(p.text())
        return
    port, ident = int(m.group(1)), m.group(2)
    equal(echo(port), "echo hello", "plugin: a connection")
    ok(p.says(re.escape(f"\nConnection accepted for session [{ident}]\n"), 5), "plugin: the first connection is told of")
    equal(p.interrupt(), 0, "plugin: Ctrl-C ends it with 0")
    ok(p.text().endswith("Terminate signal received, exiting.\n\n\nExiting session with sessionId: "
                         f"{ident}.\n\n"), "plugin: with the stock words")
    nothing_left(world, "plugin")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        p = aws(world, node, "taken", portNumber=service.port, localPortNumber=port)
        if not ok(p.says(f"Cannot perform start session: listen tcp 127.0.0.1:{port}: bind: address already in use\n"),
                  "plugin: a port that is taken is told as the stock plugin does"):
            print(p.text())
        equal(p.wait(), 0, "plugin: and ends it with 0")
    nothing_left(world, "plugin: a port that is taken")


# ---- sallyport forward ----

def many(world, service):
    path = str(world.dir / "local.sock")
    p = forward(world, "many", "node", f"0:{service.port}", "-L", f"{path}:localhost:{service.port}", "-D", "0")
    port = p.port(f"node:{service.port}")
    ok(p.says(rf"forwarding {path} to localhost:{service.port} through node\n"),
       "forward: a line for each when it is ready, with the port that was chosen")
    for work in (up, down, half):
        right, rate = together(work, 8, port, 5 * MB)
        equal(right, 8, f"forward: {work.__name__}, eight at once ({rate} MB/s)")
    equal(together(up, 200, port, 50 * 1000)[0], 200, "forward: 200 connections at once")
    ok(half(path, MB), "forward: a unix socket at this end")

    def crashes():
        for _ in range(2):
            time.sleep(0.3)
            world.crash_server()
    equal(together(up, 4, port, 30 * MB, crashes)[0], 4, "forward: kill -9 of the server loses no byte up")
    equal(together(down, 4, port, 30 * MB, crashes)[0], 4, "nor down")
    ok(p.says(r"node:\d+: connection lost \(.+\); reconnecting\n[^$]*node:\d+: connection restored\n"),
       "forward: and each time it is said")
    wait_until(lambda: world.online(world.nodes["node"]))  # new sessions need its control channel
    socks_clients(int(p.says(r"SOCKS 5 on 127\.0\.0\.1:(\d+),").group(1)), service)
    ok(p.says("connection refused"), "forward: an address that refuses is told in words")
    ok(active(world) >= 3, "forward: a session for each destination")
    equal(p.interrupt(), 0, "forward: Ctrl-C ends it with 0")
    nothing_left(world, "forward")
    ok(not os.path.exists(path), "forward: the socket is removed")


def socks_connect(port, host, target):
    s = socket.create_connection(("127.0.0.1", port), timeout=20)
    s.sendall(b"\5\1\0")
    equal(s.recv(2, socket.MSG_WAITALL), b"\5\0", f"SOCKS: {host} without a password")
    s.sendall(b"\5\1\0\3" + bytes([len(host)]) + host.encode() + target.to_bytes(2, "big"))
    return s, s.recv(10, socket.MSG_WAITALL)


def socks_clients(port, service):
    s, answer = socks_connect(port, "localhost", service.port)
    equal(answer[:2], b"\5\0", "SOCKS: a name that the node resolves")
    with s:
        s.sendall(f"get {MB}\n".encode())
        equal(portkit.hash_of(s, MB), portkit.digest(MB), "SOCKS: and the bytes")
    with portkit.closed_port() as closed:
        s, answer = socks_connect(port, "127.0.0.1", closed)
        equal(answer[:2], b"\5\5", "SOCKS: an address that refuses is told in its words")
        with s, contextlib.suppress(OSError):
            equal(s.recv(1), b"", "SOCKS: and closes")


def where_it_listens(world, node, service):
    """Addresses to bind to, and how a node may be named."""
    some, v6 = e2e.free_port(), Service(host="::1")
    p = forward(world, "where", "tag:Role=db", f"0.0.0.0:0:{service.port}", f"[::1]:0:[::1]:{v6.port}",
                f"{some}:127.0.0.1:{service.port}")
    port = p.port(f"tag:Role=db:{service.port}")
    equal(echo(("127.0.0.2", port)), "echo hello", "forward: bound to all addresses, by a tag of the node")
    port = p.port(rf"\[::1\]:{v6.port} through tag:Role=db")
    equal(echo(("::1", port)), "echo hello", "forward: addresses in brackets at both ends")
    equal(echo(some), "echo hello", "forward: the port that was asked for")
    equal(p.interrupt(signal.SIGTERM), 0, "forward: SIGTERM ends it with 0")
    p = forward(world, "id", node, f"0:{service.port}")
    equal(echo(p.port(f"{node}:{service.port}")), "echo hello", "forward: by the id of the node")
    equal(p.interrupt(signal.SIGHUP), 0, "forward: SIGHUP ends it with 0")
    nothing_left(world, "forward: by signals")


def mistakes(world, service):
    def fails(status, words, what, *args):
        p = forward(world, "mistake", *args)
        equal((p.wait(20), bool(re.search(words, p.text()))), (status, True), f"forward: {what}")
        if not re.search(words, p.text()):
            print(p.text())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        fails(255, rf"127\.0\.0\.1:{port}.* in use", "a local port that is taken", "node",
              f"0:{service.port}", "-L", f"{port}:80")
    fails(2, "nonsense is not", "what is no port", "node", "nonsense")
    fails(2, "which ports", "no ports at all", "node")
    fails(255, "nosuch", "a node that is not there", "nosuch", "0:80")
    fails(255, "metadata|forbidden", "an address that is denied", "node", "0:169.254.169.254:80")
    fails(255, "does not resolve: nosuch.invalid", "a host that nobody knows", "node", "0:nosuch.invalid:80")
    fails(255, "cannot|no such|not found|No such", "a socket in a folder that is not there", "node",
          f"/nonexistent/socket:{service.port}")
    nothing_left(world, "forward: mistakes")


def lost(world, service):
    p = forward(world, "lost", "node", f"0:{service.port}")
    p.says("forwarding")
    ident = world.ssm.describe_sessions(State="Active")["Sessions"][0]["SessionId"]
    world.ssm.terminate_session(SessionId=ident)
    equal(p.wait(), 255, "forward: a session that is ended from outside ends it with 255")
    ok("the session ended" in p.text(), "forward: in words")


def main():
    service = Service()
    with e2e.World("forward") as world:
        node, _ = world.agent("node", "Role=db")
        plugin(world, node, service)
        many(world, service)
        where_it_listens(world, node, service)
        mistakes(world, service)
        lost(world, service)
    e2e.finish()


if __name__ == "__main__":
    main()
