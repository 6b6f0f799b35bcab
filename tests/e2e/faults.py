#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: whatever the network does under the data channels of client and agent (pieces of a few bytes,
connections cut anywhere, delay, little bandwidth, standstill, silence, refusal, bytes of an old connection
behind those of a new one) and however often the server is killed, forwarded ports, pastes and commands
carry the same bytes.  With the stock plugin and agent within the seconds for which they try to come back.

SALLYPORT_FAULTS_ROUNDS  how often everything is done, with other seeds (default 1); from 2 on also what
                         takes half a minute each
"""
import contextlib
import copy
import hashlib
import os
import random
import re
import signal
import subprocess
import threading
import time

import e2e
import portkit
import stock
import terminal
from e2e import equal, ok, wait_until
from lossy import Network
from portkit import FORWARD, KB, MB, Plugin, Service

ROUNDS = int(os.environ.get("SALLYPORT_FAULTS_ROUNDS", "1"))
WORK = (portkit.up, portkit.up, portkit.down, portkit.down, portkit.half)
PASTE = 1500 * KB


def through(world, net):
    """The same world, reached through a network."""
    there = copy.copy(world)
    there.endpoint = net.endpoint
    there.clients = {}
    return there


class Forward:
    """sallyport forward to a service, until the end of the block."""

    def __init__(self, world, node, service):
        self.log = world.dir / f"forward-{time.monotonic_ns()}.txt"
        with open(self.log, "wb") as out:
            self.p = subprocess.Popen([str(world.bin / "sallyport"), "forward", node, f"0:{service.port}"],
                                      env=world.env(), stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        wait_until(lambda: " to " in self.log.read_text(), 20, 0.02)
        self.port = int(self.log.read_text().split(" to ")[0].rsplit(":", 1)[1])

    def __enter__(self):
        return self.port

    def __exit__(self, *_):
        self.p.send_signal(signal.SIGINT)
        self.p.wait(20)


def at_once(port, size, disturb=lambda: None):
    """Uploads, downloads and half-closed ones together; how many of them were right."""
    right = []

    def one(work):
        try:
            right.append(work(port, size))
        except OSError as e:
            print(f"    {work.__name__}: {e}")
    threads = [threading.Thread(target=one, args=(w,)) for w in WORK]
    for t in threads:
        t.start()
    disturb()
    for t in threads:
        t.join()
    return sum(right)


# --- what goes wrong -------------------------------------------------------------------------

class Trouble:
    """Two networks, a server, and a seed."""

    def __init__(self, world, client, agent, seed):
        self.world, self.client, self.agent = world, client, agent
        self.nets = (client, agent)
        self.seed, self.random = seed, random.Random(seed)

    def both(self, *commands):
        for net in self.nets:
            net(*commands)

    def calm(self):
        for net in self.nets:
            net.calm()

    def some(self, count, *commands):
        """On one side or the other, a few times."""
        for _ in range(count):
            time.sleep(self.random.uniform(0.1, 0.5))
            self.random.choice(self.nets)(*commands)

    def stand_still(self):
        for net in self.nets:
            net("stall 1")
            time.sleep(1)
            net("stall 0")

    def away(self):
        self.both("refuse 1", "cut")
        time.sleep(1.5)
        self.both("refuse 0")

    def kill_server(self):
        for _ in range(3):
            time.sleep(self.random.uniform(0.1, 0.5))
            self.world.crash_server()
            self.random.choice(self.nets)("cut")


# what, commands on both sides, bytes of each connection, what happens meanwhile
FAULTS = (
    ("pieces of 1 to 60 bytes", ("split 60",), 150 * KB, None),
    ("connections that last for two megabytes", ("cut-after 2000000", "cut"), 2 * MB, None),
    ("cuts at any moment", ("delay 5",), 3 * MB, lambda t: t.some(6, "cut")),
    ("a round trip of 100 ms on each side", ("delay 50", f"buffer {64 << 20}"), 1 * MB, None),
    ("four megabytes a second", ("rate 4000000", "buffer 32768"), 700 * KB, None),
    ("a standstill", ("delay 5",), 3 * MB, Trouble.stand_still),
    ("a network that refuses for a while", ("delay 5",), 3 * MB, Trouble.away),
    ("old bytes behind the new", ("delay 20", f"buffer {8 << 20}"), 3 * MB, lambda t: t.some(5, "late 600")),
    ("kills of the server and cuts", ("delay 5",), 3 * MB, Trouble.kill_server),
)


def ports(trouble, port):
    for what, commands, size, disturb in FAULTS:
        began = time.monotonic()
        before = sum(net.bytes for net in trouble.nets)
        trouble.both(*commands)
        right = at_once(port, size, lambda d=disturb: d and d(trouble))
        passed = sum(net.bytes for net in trouble.nets) - before
        trouble.calm()
        equal((right, passed > size), (len(WORK), True),
              f"ports: {what}: all bytes, both ways ({time.monotonic() - began:.1f} s)")


# --- shells and commands -----------------------------------------------------------------------

def paste(trouble, world, node, disturb, what):
    """Into a shell, whose terminal does not echo: what arrived is hashed there."""
    data = trouble.random.randbytes(PASTE)
    with terminal.Session(world, node) as s:
        s.shell()
        s.send(f"stty raw; echo go; head -c {PASTE} | sha256sum; stty -raw\r")
        s.expect(b"go\r?\n")
        writer = threading.Thread(target=s.send, args=(data,), daemon=True)
        writer.start()
        disturb(trouble)
        got = s.expect(rb"([0-9a-f]{64})", 60).group(1).decode()
        writer.join(5)
        equal(got, hashlib.sha256(data).hexdigest(), f"shell: a paste of {PASTE // KB} kB through {what}")
        s.expect(terminal.PROMPT)
        s.send("exit\r")
        s.wait_exit()


def command(trouble, world, node, disturb, what):
    """Standard input, output and status of a command."""
    data = trouble.random.randbytes(3 * MB)
    argv = [str(world.bin / "sallyport"), "exec", node, "--", "sh", "-c", "echo begun; tee /dev/stderr; exit 7"]
    with subprocess.Popen(argv, env=world.env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as p:
        p.stdout.readline()  # from now on there is a session that must survive
        got = []
        talk = threading.Thread(target=lambda: got.extend(p.communicate(data, 60)))
        talk.start()
        disturb(trouble)
        talk.join()
    # Beside the output the person is told of losses, in lines.
    err = got[1] if got else b""
    if not equal((got[:1] == [data], len(err) >= len(data), p.returncode), (True, True, 7),
                 f"exec: {len(data) // MB} MB in and out and the status through {what}"):
        print(err[-300:])


def shells(trouble, world, near_agent):
    trouble.both("delay 5")
    for i, (what, disturb) in enumerate((("cuts", lambda t: t.some(3, "cut")),
                                         ("old bytes behind the new", lambda t: t.some(3, "late 500")),
                                         ("kills of the server", Trouble.kill_server))):
        # A new one each time, that has no waits from the last trouble before it.
        node, agent = near_agent.agent(f"shells-{i}-{trouble.seed}")
        for work in (paste, command):
            ok(wait_until(lambda n=node: trouble.world.online(n), 30), f"{what}: the node is there")
            work(trouble, world, node, disturb, what)
        agent.kill(signal.SIGTERM)
    trouble.calm()


# --- silence -----------------------------------------------------------------------------------

class Silence(threading.Thread):
    """A connection that stays and says nothing any more, while the rest of the tests goes on."""

    def __init__(self, world, node, service, net, what):
        super().__init__(daemon=True)
        self.place, self.what = (world, node, service), what
        self.net, self.took, self.right = net, 0, False
        self.start()

    def run(self):
        with Forward(*self.place) as port:
            self.net("rate 3000000", f"buffer {64 << 10}")
            mute = threading.Timer(1, lambda: self.net("swallow", "rate 0"))
            mute.start()
            began = time.monotonic()
            self.right = portkit.down(port, 20 * MB)
            self.took = time.monotonic() - began

    def verdict(self):
        self.join(60)
        ok(self.right and self.took < 45, f"silence of {self.what}: noticed, and all bytes are there ({self.took:.0f} s)")


# --- stock programs -------------------------------------------------------------------------------

def soon(net, seconds=0.7):
    """One cut, while something is under way."""
    threading.Timer(seconds, lambda: net("cut")).start()


def fetch(port, size):
    with portkit.dial(port) as c:
        c.sendall(f"get {size}\n".encode())
        data = bytearray()
        while len(data) < size and (more := c.recv(1 << 18)):
            data += more
        c.settimeout(0.5)  # what comes twice shows at the end
        with contextlib.suppress(TimeoutError):
            while more := c.recv(1 << 18):
                data += more
        return data


def without_repetition(data, want):
    """Less what stands twice in a row, once: where data leaves want, it must have begun a piece anew."""
    extra = len(data) - len(want)
    if extra <= 0:
        return data
    at = len(os.path.commonprefix((bytes(data[:len(want)]), want)))
    return data[:at] + data[at + extra:] if data[at - extra:at] == data[at:at + extra] else data


def stock_plugin(trouble, world, node, service):
    """It takes the message whose acknowledgement it could not send for a new one when that comes again
    (docs/compatibility.md); nothing may be missing, and nothing else be wrong."""
    net, size = trouble.client, 20 * MB
    net("delay 5")
    with Plugin(world, node, "stock", FORWARD, portNumber=service.port, localPortNumber=0) as f:
        port = f.listening()
        soon(net)
        data, want = fetch(port, size), portkit.pattern(size)
        twice = len(data) - size
        ok(without_repetition(data, want) == want,
           f"stock plugin: a download through a cut connection: all is there ({twice} bytes of one message twice)")
        # Not an upload: what the plugin sends while its connection is away ends it.
    with terminal.Session(world, node, "stock") as s:
        s.shell()
        s.send("i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo \"n $i\"; sleep 0.02; done; echo counted\r")
        s.expect(b"n 9\r")
        net("cut")
        s.mark = 0
        s.expect(b"counted\r", 20)
        numbers = [int(n) for n in re.findall(rb"n (\d+)\r+\n", bytes(s.data))]
        equal(sorted(set(numbers)), list(range(1, 61)), "stock plugin: a shell's output through a cut connection")
    net.calm()


def stock_agent(trouble, world, node, service):
    with Forward(world, node, service) as port:
        soon(trouble.agent)
        ok(portkit.up(port, 60 * MB), "stock agent: an upload through a cut connection")
        soon(trouble.agent)
        ok(portkit.down(port, 900 * KB), "stock agent: a download through a cut connection")


def start_stock_agent(world):
    """Registered, but perhaps not online yet; None without."""
    if stock.obstacle():
        e2e.skip(stock.obstacle())
        return None
    agent = stock.Agent(world, "stock-agent")
    agent.register(*world.activation("Name=stock"))
    agent.start()
    return agent


def one_round(trouble, world, near_agent, node, service):
    near = through(world, trouble.client)
    with Forward(near, node, service) as port:
        ports(trouble, port)
    shells(trouble, near, near_agent)


def main():
    service = Service()
    with e2e.World("faults") as world, Network(world.port, seed=1) as client, \
            Network(world.port, seed=2) as agent, Network(world.port, seed=3) as mute:
        near_agent = through(world, agent)
        theirs = start_stock_agent(near_agent)
        try:
            node, _ = near_agent.agent("node")
            silences = [Silence(through(world, mute), node, service, mute, "the server's side of a client")]
            for seed in range(1, ROUNDS + 1):
                one_round(Trouble(world, client, agent, seed), world, near_agent, node, service)
            trouble = Trouble(world, client, agent, 0)
            if e2e.STOCK_PLUGIN:
                node, _ = near_agent.agent("plugin")
                stock_plugin(trouble, through(world, client), node, service)
            if theirs is not None and ok(wait_until(lambda: world.online(theirs.node_id()), 30),
                                         "stock agent: online"):
                stock_agent(trouble, through(world, client), theirs.node_id(), service)
            for s in silences:
                s.verdict()
            if ROUNDS > 1:
                s = Silence(world, node, service, agent, "the server's side of an agent")
                s.verdict()
        finally:
            if theirs is not None:
                theirs.stop()
    e2e.finish()


if __name__ == "__main__":
    main()
