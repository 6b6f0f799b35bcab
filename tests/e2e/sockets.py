#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: "sallyport forward" reaches unix sockets of a node, from a port or a socket here, with the
rights of the session's user and of nobody else: the modes of the path hold, and the service sees that
user.  What cannot be reached is told in words.  A node can forbid it.
"""
import os
import pwd
import re
import signal
import socket
import struct
import subprocess
import threading

import e2e
from e2e import equal, ok, wait_until

USER = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name


class Service:
    """Says who asks, then echoes; ends a connection when the other side does."""

    def __init__(self, path, mode):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        os.chmod(path, mode)
        self.listener.listen()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            c = self.listener.accept()[0]
            threading.Thread(target=self._serve, args=(c,), daemon=True).start()

    @staticmethod
    def _serve(c):
        _, uid, gid = struct.unpack("3i", c.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        c.sendall(b"%d %d\n" % (uid, gid))
        while data := c.recv(65536):
            c.sendall(data)
        c.close()


class Forward:
    def __init__(self, world, node, *specs):
        self.child = subprocess.Popen([str(world.bin / "sallyport"), "forward", node, *specs], env=world.env(),
                                      stderr=subprocess.PIPE, text=True, cwd=world.dir)
        self.lines = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.child.stderr:
            self.lines.append(line.strip())

    def said(self, text, seconds=15):
        found = wait_until(lambda: next((line for line in list(self.lines) if re.search(text, line)), None), seconds, 0.02)
        if not found:
            print(f"    said only {self.lines}")
        return found

    def port(self):
        return int(re.search(r":(\d+) to", self.said(r":\d+ to ")).group(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGINT)
        self.status = self.child.wait(15)
        self.reader.join(5)
        return False


def ask(c, data=b""):
    """The line that tells who asks, and what came back until the end."""
    c.settimeout(20)
    answer = c.makefile("rb")
    who = answer.readline()
    threading.Thread(target=lambda: (c.sendall(data), c.shutdown(socket.SHUT_WR)), daemon=True).start()
    return who.decode().strip(), answer.read()


def unix(path):
    c = socket.socket(socket.AF_UNIX)
    c.connect(str(path))
    return c


def reaches(world):
    user = pwd.getpwnam(USER)
    Service(world.dir / "open.sock", 0o777)
    data = os.urandom(3000000)
    with Forward(world, "node", f"./local.sock:{world.dir}/open.sock", f"0:{world.dir}/open.sock") as f:
        ok(f.said("local.sock to node:/"), "forward ./local.sock:/path: ready, and told so")
        local = world.dir / "local.sock"
        equal(os.stat(local).st_mode & 0o777, 0o600, "the socket here is its owner's alone")
        with unix(local) as c:
            who, back = ask(c, data)
        equal(who, f"{user.pw_uid} {user.pw_gid}", "the service sees the session's user")
        ok(back == data, "from socket to socket: the same bytes, and an end of each direction")
        with socket.create_connection(("127.0.0.1", f.port())) as c:
            ok(ask(c, data)[1] == data, "forward PORT:/path: from a port to a socket")
        conns = [unix(local) for _ in range(40)]
        equal({ask(c, b"x")[1] for c in conns}, {b"x"}, "forty connections at once")
        for c in conns:
            c.close()
    equal((f.status, local.exists()), (0, False), "Ctrl-C ends it with status 0, and the socket is gone")


def stale(world):
    """As ssh's StreamLocalBindUnlink, but only what nobody answers on."""
    path = world.dir / "old.sock"
    s = socket.socket(socket.AF_UNIX)
    s.bind(str(path))
    s.close()
    with Forward(world, "node", f"{path}:{world.dir}/open.sock") as f:
        ok(f.said("forwarding"), "a socket that a dead process left behind is replaced")
        with Forward(world, "node", f"{path}:{world.dir}/open.sock") as second:
            ok(second.said("in use by another process"), "one that lives is not")
    (world.dir / "file").write_text("precious")
    with Forward(world, "node", f"./file:{world.dir}/open.sock") as f:
        ok(f.said("exists and is no socket"), "and a file never is")


def refusals(world):
    root = os.getuid() == 0
    Service(world.dir / "closed.sock", 0o600 if root else 0o000)
    dead = world.dir / "dead.sock"
    s = socket.socket(socket.AF_UNIX)
    s.bind(str(dead))
    s.close()
    os.chmod(dead, 0o777)
    for path, want in ((world.dir / "closed.sock", "access denied"), (world.dir / "none.sock", "not found"),
                       (dead, "connection refused")):
        with Forward(world, "node", f"0:{path}") as f:
            with socket.create_connection(("127.0.0.1", f.port())) as c:
                c.settimeout(10)
                equal(c.recv(100), b"", f"{path.name}: closed")
            ok(f.said(f"node:{path}: {want}", 5), f"{path.name}: {want}")
    if root:
        words = f"user {USER} may not connect to the socket {world.dir}/closed.sock"
        ok(wait_until(lambda: words in (world.dir / "node.log").read_text(), 5),
           "the node's log has more words")
    with Forward(world, "node", "0:/" + "x" * 107) as f:
        ok(f.said("Parameter|allowed|pattern"), "a path that is too long is refused before anything starts")
    for spec in ("8080:@abstract", "8080:relative.sock", "8080:"):
        p = subprocess.run([str(world.bin / "sallyport"), "forward", "node", spec], env=world.env(), check=False,
                           capture_output=True, text=True, timeout=10)
        equal(p.returncode, 2, f"{spec}: a wrong command line")


def forbidden(world):
    ident, code = world.activation("Name=strict")
    done = world.register("strict", ident, code, "--no-socket-forward", session_user=USER if os.getuid() == 0 else None)
    ok(done.returncode == 0, "register --no-socket-forward")
    agent = world.run_agent("strict")
    f = Forward(world, "strict", f"0:{world.dir}/open.sock")
    equal(f.child.wait(20), 255, "the node forbids sockets: status 255")
    ok(wait_until(lambda: "Forwarding to sockets is forbidden." in agent.text(), 5), "in words")


def main():
    with e2e.World("sockets") as world:
        world.agent("node", session_user=USER if os.getuid() == 0 else None)
        reaches(world)
        stale(world)
        refusals(world)
        forbidden(world)
        if os.getuid() == 0:
            ok(wait_until(lambda: not [p for p in e2e.processes("sallyport-agent run") if is_zombie(p)], 5),
               "no process is left of the connections")
    e2e.finish()


def is_zombie(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return ") Z " in f.read()
    except OSError:
        return False


if __name__ == "__main__":
    main()
