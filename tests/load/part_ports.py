# SPDX-License-Identifier: Apache-2.0
"""Forwarded ports beside ssh -L, and beside the stock pair where it is here."""
import contextlib
import statistics
import subprocess

import e2e
import stock as stock_agent
from e2e import free_port, wait_until
from portkit import FORWARD, Plugin
from procmem import cpu_seconds, family
from rig import LOAD, ROUNDS, Rig, at_least, row

MB = 1000 * 1000
SIZE = 200 * MB  # for each round, shared by its connections
SLOW_SIZE = 2 * MB  # where a stock program on both sides allows 1 MB/s
SLOW_ROUNDS = 3
WORK = [(way, streams) for streams in (1, 8) for way in ("up", "down")]


class FarEnd:
    """What is behind the forwarded port."""

    def __enter__(self):
        self.child = subprocess.Popen([LOAD / "load_pump", "serve"], stdout=subprocess.PIPE, text=True)
        self.port = int(self.child.stdout.readline())
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()


def pump(way, streams, size, port):
    """MB/s."""
    done = subprocess.run([LOAD / "load_pump", way, str(streams), str(size // streams), str(port)],
                          stdout=subprocess.PIPE, check=True, timeout=300)
    return float(done.stdout)


@contextlib.contextmanager
def background(b, *argv):
    """A client that is ready once its local port, which it yields, takes connections."""
    port = free_port()
    argv = [a.format(port=port) for a in argv]
    log = b.world.dir / f"client-{port}.log"
    with open(log, "wb") as out:
        child = subprocess.Popen(argv, env=b.env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        if not wait_until(lambda: listens(port), 20, 0.05):
            raise RuntimeError(f"{argv[0]} does not listen: {log.read_text()}")
        yield port, child.pid
    finally:
        child.terminate()
        child.wait(20)


def listens(port):
    """Without a connection, which would be forwarded: from the kernel's table."""
    with open("/proc/net/tcp", encoding="ascii") as f:
        return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
                   for line in f.readlines()[1:])


def ours(b, node, far):
    return background(b, str(b.world.bin / "sallyport"), "forward", node, f"{{port}}:{far.port}")


def ssh(b, far):
    return background(b, "ssh", "-F", str(b.sshd.dir / "ssh_config"), "-N", "-L",
                      f"127.0.0.1:{{port}}:127.0.0.1:{far.port}", "host")


def beside_ssh(b, far):
    got = {}
    with ours(b, b.node, far) as (our_port, client), ssh(b, far) as (ssh_port, ssh_client):
        pids = {"ours": [client, b.world.server.child.pid, b.agent.child.pid],
                "ssh": [ssh_client, b.sshd.child.pid]}
        used = {k: [0.0] * len(v) for k, v in pids.items()}
        for _ in range(max(3, ROUNDS // 2)):
            for work in WORK:
                for name, port in (("ours", our_port), ("ssh", ssh_port)):
                    before = [cpu_seconds(family(p)) for p in pids[name]]
                    got.setdefault((name, *work), []).append(pump(*work, SIZE, port))
                    after = [cpu_seconds(family(p)) for p in pids[name]]
                    used[name] = [u + y - x for u, x, y in zip(used[name], before, after)]
    for way, streams in WORK:
        mine, theirs = (statistics.median(got[name, way, streams]) for name in ("ours", "ssh"))
        at_least(f"port, {streams} stream{'s' * (streams > 1)} {way}, ours / ssh -L", mine, theirs, 0.8)
    total = SIZE * sum(len(v) for k, v in got.items() if k[0] == "ours") / 1e9
    for name, parts in (("ours", "client, server, agent"), ("ssh", "client, sshd")):
        each = " + ".join(f"{u / total:.2f}" for u in used[name])
        row(f"   CPU seconds for a GB, {name} ({parts})", each)


def beside_stock(b, far):
    """The target is a hundred times what the stock pair does."""
    why = stock_agent.obstacle() or (None if e2e.STOCK_PLUGIN else "its plugin is not on PATH")
    if why:
        row(f"ports beside the stock pair: {why}", "")
        return
    s = stock_agent.Agent(b.world, "stock")
    s.register(*b.world.activation())
    s.start()
    got = {}
    try:
        wait_until(lambda: b.world.online(s.node_id()), 60)
        plugin = lambda node: Plugin(b.world, node, "stock", FORWARD, portNumber=far.port,  # noqa: E731
                                      localPortNumber=0)
        with plugin(s.node_id()) as pair, plugin(b.node) as half, ours(b, s.node_id(), far) as (port, _):
            slow, fast = pair.listening(), half.listening()
            if not slow or not fast:
                raise RuntimeError(f"the stock plugin: {pair.text} {half.text}")
            for _ in range(SLOW_ROUNDS):
                for way, name, at in (("down", "our agent", fast), ("up", "our client", port)):
                    got.setdefault((way, name), []).append(pump(way, 1, SIZE // 2, at))
                    got.setdefault((way, "pair"), []).append(pump(way, 1, SLOW_SIZE, slow))
    finally:
        s.stop()
    for way, what in (("down", "our agent"), ("up", "our client")):
        mine, theirs = (statistics.median(got[way, n]) for n in (what, "pair"))
        other = "stock plugin" if way == "down" else "stock agent"
        at_least(f"port {way}, {what} with {other} / stock pair", mine, theirs, 100)


def ports():
    with Rig() as b, FarEnd() as far:
        beside_ssh(b, far)
        beside_stock(b, far)
