#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: each connection that a port session makes on a node, and each file that sallyport cp copies,
is one event of the audit trail, with what became of it; no more and no less than one, whenever the
server is killed; it is there before anybody hears of it.
"""
import collections
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import e2e
import portkit
import stock
from e2e import equal, ok, wait_until
from portkit import Service, echo


def lookup(world, name, **more):
    """Events of this name, newest first, as LookupEvents gives them."""
    pages = world.boto("cloudtrail").get_paginator("lookup_events").paginate(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}], **more)
    return [json.loads(e["CloudTrailEvent"]) for p in pages for e in p["Events"]]


def verified(world):
    p = subprocess.run([str(world.bin / "sallyport"), "admin", "audit", "verify", "--key",
                        str(world.state / "audit.pub")], env=world.env(), capture_output=True, text=True, check=False)
    return ok(p.returncode == 0, f"the chain is whole: {(p.stdout + p.stderr).strip().splitlines()[0]}")


class Forward:
    """sallyport forward in the background."""

    def __init__(self, world, *specs, node="node"):
        self.log = world.dir / f"forward-{time.monotonic_ns()}.txt"
        with open(self.log, "wb") as out:
            self.child = subprocess.Popen([str(world.bin / "sallyport"), "forward", node, *map(str, specs)],
                                          env=world.env(), stdout=out, stderr=out, stdin=subprocess.DEVNULL)

    def says(self, pattern):
        wait_until(lambda: re.search(pattern, self.log.read_text()) or self.child.poll() is not None, 30, 0.05)
        found = re.search(pattern, self.log.read_text())
        if not found:
            print(f"    {pattern} is not in {self.log.read_text()!r}")
        return found

    def port(self, to):
        return int(self.says(rf"forwarding \S+:(\d+) to {re.escape(to)}\n").group(1))

    def socks(self):
        return int(self.says(r"SOCKS 5 on 127\.0\.0\.1:(\d+),").group(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGINT)
        self.child.wait(20)
        return False


def socks(port, host, target):
    """The answer of the SOCKS server, and the connection."""
    s = socket.create_connection(("127.0.0.1", port), timeout=30)
    s.sendall(b"\5\1\0")
    s.recv(2, socket.MSG_WAITALL)
    s.sendall(b"\5\1\0\3" + bytes([len(host)]) + host.encode() + target.to_bytes(2, "big"))
    return s.recv(10, socket.MSG_WAITALL)[1], s


class Ports:
    """What PortOpened says since this was made."""

    def __init__(self, world):
        self.world = world
        self.old = {e["eventID"] for e in lookup(world, "PortOpened")}

    def events(self):
        return [e for e in lookup(self.world, "PortOpened") if e["eventID"] not in self.old]

    def counts(self):
        """(host, address, port or socket, error) -> how many"""
        c = collections.Counter()
        for e in self.events():
            d = e["serviceEventDetails"]
            c[d.get("host"), d.get("address"), d.get("portNumber", d.get("socket")), e.get("errorCode")] += 1
        return dict(c)


# ---- ports ----

def ports(world, node, service):
    other, seen = Service(), Ports(world)
    with Forward(world, f"0:{service.port}", "-L", f"0:localhost:{other.port}", "-D", "0") as f:
        first, second, proxy = f.port(f"node:{service.port}"), f.port(f"localhost:{other.port} through node"), f.socks()
        for _ in range(3):
            equal(echo(first), "echo hello", "a connection")
        equal(echo(second), "echo hello", "another port of the same program")
        answer, s = socks(proxy, "localhost", service.port)
        with s, portkit.closed_port() as closed:
            equal(answer, 0, "SOCKS: a name")
            # Told means recorded: no waiting here.
            got = {k[:1] + k[2:]: n for k, n in seen.counts().items()}
            equal(got, {(None, str(service.port), None): 3, ("localhost", str(other.port), None): 1,
                        ("localhost", str(service.port), None): 1},
                  "each connection is an event before its client hears of it, whatever session it is of")
            answer, refused = socks(proxy, "127.0.0.1", closed)
            refused.close()
            equal(answer, 5, "SOCKS: an address that refuses")
            event = next((e for e in seen.events() if "errorCode" in e), {})
            equal((event.get("errorCode"), event.get("serviceEventDetails", {}).get("portNumber")),
                  ("ConnectionRefused", str(closed)), "and so is the connection that was refused")
            ok("refused" in event.get("errorMessage", ""), f"with words: {event.get('errorMessage')}")
    addresses = {e["serviceEventDetails"].get("address") for e in seen.events() if "errorCode" not in e}
    ok(addresses <= {"127.0.0.1", "::1"} and addresses, f"with the address that a name had: {addresses}")
    p = subprocess.run([str(world.bin / "sallyport"), "audit", "search", "--event", "PortOpened"], env=world.env(),
                       capture_output=True, text=True, check=False)
    ok(re.search(rf"PortOpened +admin +127\.0\.0\.1 +localhost:{other.port} through {node} +ok\n", p.stdout) and
       re.search(rf"127\.0\.0\.1:{closed} through {node} +ConnectionRefused\n", p.stdout),
       "audit search shows where to, and what became of it")
    event = seen.events()[0]
    equal((event["userIdentity"]["userName"], event["eventType"], event["serviceEventDetails"]["target"],
           [r["type"] for r in event["resources"]], event["sourceIPAddress"]),
          ("admin", "AwsServiceEvent", node, ["AWS::SSM::Session", "AWS::SSM::ManagedInstance"], "127.0.0.1"),
          "an event of the session's owner, about session and node")


def unix_sockets(world):
    path, seen = world.dir / "service.sock", Ports(world)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    os.chmod(path, 0o777)
    listener.listen()
    threading.Thread(target=lambda: [listener.accept()[0].sendall(b"hello") for _ in range(2)], daemon=True).start()
    with Forward(world, f"0:{path}", "-L", f"0:{world.dir}/none.sock") as f:
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", f.port(f"node:{path}"))) as c:
                equal(c.recv(5, socket.MSG_WAITALL), b"hello", "a unix socket")
        with socket.create_connection(("127.0.0.1", f.port(f"node:{world.dir}/none.sock"))) as c:
            c.settimeout(20)
            equal(c.recv(1), b"", "one that is not there")
    equal(seen.counts(), {(None, None, str(path), None): 2, (None, None, f"{world.dir}/none.sock", "NotFound"): 1},
          "connections to unix sockets are events with their path")


# ---- files ----

def cp(world, *argv):
    return subprocess.run([str(world.bin / "sallyport"), "cp", *map(str, argv)], env=world.env(), timeout=120,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


class Files:
    """What FileCopied says since this was made."""

    def __init__(self, world):
        self.world = world
        self.old = {e["eventID"] for e in lookup(world, "FileCopied")}

    def events(self):
        return [e for e in lookup(self.world, "FileCopied") if e["eventID"] not in self.old]

    def paths(self):
        """(path, direction, error) -> how many"""
        return dict(collections.Counter((e["serviceEventDetails"].get("path"), e["serviceEventDetails"]["direction"],
                                         e.get("errorCode")) for e in self.events()))


def files(world, node):
    here, there, seen = world.dir / "here", world.dir / "there", Files(world)
    here.mkdir()
    there.mkdir()
    data = os.urandom(6_000_000)
    (here / "f").write_bytes(data)
    equal(cp(world, here / "f", f"node:{there}/g").returncode, 0, "cp: to the node")
    event, = seen.events()
    details = event["serviceEventDetails"]
    equal((details["path"], details["direction"], details["bytes"], details["sha256"], details["target"],
           event["userIdentity"]["userName"]),
          (f"{there}/g", "to-node", len(data), hashlib.sha256(data).hexdigest(), node, "admin"),
          "its event is there when the command ends: path, direction, size and digest")
    odd = os.fsdecode(b"a\nb\\n\x1b[2J\xff")
    (there / odd).write_bytes(b"odd")
    equal(cp(world, f"node:{there}/{odd}", f"node:{there}/g", f"node:{there}/none", here).returncode, 1,
          "cp: from the node, one of them missing")
    shown = odd.encode(errors="surrogateescape").decode(errors="replace")
    equal(seen.paths(), {(f"{there}/g", "to-node", None): 1, (f"{there}/{shown}", "from-node", None): 1,
                         (f"{there}/g", "from-node", None): 1, (f"{there}/none", "from-node", "CopyFailed"): 1},
          "an event for each, with the bytes of its name as far as they are text, and for the one that failed")
    event = next(e for e in seen.events() if "errorCode" in e)
    equal(event["errorMessage"], f"{there}/none: no such file or directory", "which says why")
    seen = Files(world)
    equal(cp(world, here / "f", here / "none", f"node:{there}/no/dir").returncode, 1, "cp: into a folder that is not there")
    paths = seen.paths()
    ok(set(paths) == {(f"{there}/no/dir", "to-node", "CopyFailed")}, f"what the node refused is an event: {paths}")
    p = subprocess.run([str(world.bin / "sallyport"), "audit", "search", "--event", "FileCopied"], env=world.env(),
                       capture_output=True, text=True, check=False)
    ok(f"{node}:{there}/g" in p.stdout and "CopyFailed" in p.stdout and "\x1b" not in p.stdout,
       "audit search shows file and outcome, and no character that moves the cursor")


def trees(world):
    here, there = world.dir / "tree", world.dir / "tree2"
    for i in range(3000):
        d = here / str(i % 30)
        d.mkdir(parents=True, exist_ok=True)
        (d / str(i)).write_bytes(b"x" * (i % 7))
    seen, began = Files(world), time.monotonic()
    equal(cp(world, "-r", here, f"node:{there}").returncode, 0, "cp -r: 3000 files to the node")
    took = time.monotonic() - began
    paths = seen.paths()
    equal((len(paths), set(paths.values())), (3000, {1}), f"and 3000 events, each once ({took:.1f} s)")
    seen = Files(world)
    equal(cp(world, "-r", f"node:{there}", world.dir / "tree3").returncode, 0, "cp -r: and from it")
    paths = seen.paths()
    equal((len(paths), set(paths.values())), (3000, {1}), "the same")
    seen = Files(world)
    run = subprocess.Popen([str(world.bin / "sallyport"), "cp", "-r", str(here), f"node:{world.dir}/tree4"],
                           env=world.env(), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: (world.dir / "tree4").exists() or run.poll() is not None, 20, 0.01)
    world.crash_server()
    equal(run.wait(60), 0, "cp -r: through kill -9 of the server")
    paths = seen.paths()
    equal((len(paths), set(paths.values())), (3000, {1}), "each file is there once")
    verified(world)


def interrupted(world):
    """Who takes the data and leaves before saying that it has them took them all the same."""
    there, seen = world.dir / "large", Files(world)
    there.write_bytes(b"0" * 80_000_000)
    run = subprocess.Popen([str(world.bin / "sallyport"), "cp", f"node:{there}", str(world.dir / "taken")],
                           env=world.env(), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    partial = world.dir / ".taken.sallyport-partial"
    wait_until(lambda: partial.exists() and partial.stat().st_size > 1_000_000, 20, 0.002)
    run.send_signal(signal.SIGINT)
    run.wait(20)
    wait_until(seen.events, 15)
    paths = seen.paths()
    ok(len(paths) == 1 and set(paths.values()) == {1} and
       next(iter(paths))[:2] == (str(there), "from-node") and next(iter(paths))[2] in ("CopyInterrupted", "CopyFailed"),
       f"a copy that was interrupted is an event: {paths}")


def stock_agent(world, service):
    """It tells nothing: the session's document is all there is, once."""
    why = stock.obstacle()
    if why:
        e2e.skip(f"stock agent: {why}")
        return
    agent, seen = stock.Agent(world, "stocknode"), Ports(world)
    try:
        agent.register(*world.activation("Name=stocknode"))
        agent.start()
        ok(wait_until(lambda: world.online(agent.node_id()), 40), "stock agent: online")
        with Forward(world, f"0:{service.port}", node="stocknode") as f:
            port = f.port(f"stocknode:{service.port}")
            equal([echo(port) for _ in range(3)], ["echo hello"] * 3, "stock agent: three connections")
        wait_until(seen.events, 5)
        equal(seen.counts(), {(None, None, str(service.port), None): 1}, "stock agent: one event for the session")
    finally:
        agent.stop()


def killed(world, service):
    """kill -9 of the server while connections are made: each that was made is there once."""
    seen, done = Ports(world), []
    with Forward(world, f"0:{service.port}") as f:
        port, stop = f.port(f"node:{service.port}"), threading.Event()

        def work():
            while not stop.is_set():
                if echo(port) == "echo hello":
                    done.append(1)
        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for _ in range(4):
            time.sleep(0.8)
            world.crash_server()
        time.sleep(1)
        stop.set()
        for t in threads:
            t.join(60)
        n = len(seen.events())
        equal(n, len(done), f"{len(done)} connections through four kill -9, an event for each")
    wait_until(lambda: world.online(world.nodes["node"]))
    verified(world)


def main():
    service = Service()
    with e2e.World("reports") as world:
        node, _ = world.agent("node")
        ports(world, node, service)
        unix_sockets(world)
        files(world, node)
        trees(world)
        interrupted(world)
        killed(world, service)
        stock_agent(world, service)
    e2e.finish()


if __name__ == "__main__":
    main()
