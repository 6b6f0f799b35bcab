# SPDX-License-Identifier: Apache-2.0
"""Hours of use in one: shells, commands, forwarded ports, copies in and out, again and again, while
connections are cut, bytes come late and clients are killed, and in the first third the server as well.
Everything that arrives is compared.  Between two cycles, when only what lasts is there, the memory of
server, agent and of a client that lives all the time is read; the last line is the verdict.

SALLYPORT_BENCH_SOAK_MINUTES  how long (default 60)
"""
import concurrent.futures
import os
import random
import re
import signal
import statistics
import subprocess
import threading
import time

import terminal
from faults import Forward, at_once, through
from lossy import Network
from e2e import wait_until
from portkit import MB, Service
from procmem import family, memory
from rig import Rig, row

MINUTES = float(os.environ.get("SALLYPORT_BENCH_SOAK_MINUTES", "60"))
KILLS_UNTIL = 1 / 3   # of the time; from then on nothing that is measured begins anew
SETTLE_S = 7          # the agent gives memory back after five seconds without work
GROWTH_MIN = 1024     # KiB an hour that nobody calls a leak
NOTICE = re.compile(rb"\r+\n\[sallyport\] [^\r\n]*\r+\n")
NOISE_KIB = 512       # and what one reading and the next may differ by


class Soak:
    def __init__(self, rig, near, client, agent, service, port, pids):
        self.rig, self.world, self.near = rig, rig.world, near
        self.nets = (client, agent)
        self.service, self.port, self.pids = service, port, pids
        self.random = random.Random(1)
        self.done, self.wrong = {}, []
        self.folder = self.world.dir / "copies"
        self.folder.mkdir()
        self.lock = threading.Lock()

    def note(self, what, right):
        with self.lock:
            self.done[what] = self.done.get(what, 0) + 1
            if not right:
                self.wrong.append(what)
                print(f"    WRONG: {what}", flush=True)

    def run(self, *argv, data=b"", timeout=120):
        return subprocess.run([str(self.world.bin / "sallyport"), *argv], env=self.near.env(), input=data,
                              capture_output=True, timeout=timeout, check=False)

    # --- what people do ---

    def shell(self):
        word = f"{self.random.getrandbits(60):x}"
        with terminal.Session(self.near, self.rig.node) as s:
            s.shell()
            begin = len(s.data)
            s.send(f"echo {word}; seq 1 20000; echo all''done\r")
            s.wait(lambda data: b"alldone" in data[-100:], 90)
            # What the client tells of losses stands between the output, also within a line.
            lines = NOTICE.sub(b"", bytes(s.data[begin:])).split()
            s.send("exit\r")
            want = [word.encode(), *(b"%d" % n for n in range(1, 20001)), b"alldone"]
            self.note("shells", lines[:len(want)] == want and s.wait_exit(90) == 0)

    def killed_shell(self):
        s = terminal.Session(self.near, self.rig.node)
        s.shell()
        s.close()
        self.world.ssm.terminate_session(SessionId=s.id)
        self.note("killed clients", True)

    def command(self):
        data = self.random.randbytes(2 * MB)
        p = self.run("exec", self.rig.node, "--", "sh", "-c", "cat; exit 7", data=data)
        self.note("commands", p.stdout == data and p.returncode == 7)

    def ports(self):
        self.note("rounds of forwarded connections", at_once(self.port, 3 * MB) == 5)

    def copy(self):
        name = f"{self.random.getrandbits(40):x}"
        here, there, back = (self.folder / f"{name}.{x}" for x in ("here", "there", "back"))
        here.write_bytes(self.random.randbytes(5 * MB))
        p = self.run("cp", "-q", str(here), f"{self.rig.node}:{there}")
        # By now the node's own channel may be cut, too, and a session that cannot begin is no loss.
        for _ in range(10):
            q = self.run("cp", "-q", f"{self.rig.node}:{there}", str(back))
            if b"TargetNotConnected" not in q.stderr:
                break
            wait_until(lambda: self.world.online(self.rig.node), 30)
        same = p.returncode == q.returncode == 0 and here.read_bytes() == back.read_bytes()
        if not same:
            print(f"    {p.stderr[-300:]} {q.stderr[-300:]}")
        self.note("copies there and back", same)
        for path in (here, there, back):
            path.unlink(missing_ok=True)

    # --- what goes wrong meanwhile ---

    def disturb(self, stop, kills):
        for net in self.nets:
            net("delay 3")
        while not stop.wait(self.random.uniform(1, 4)):
            # The agent's side more seldom: without its control channel nothing begins.
            net = self.nets[self.random.random() < 0.2]
            net(self.random.choice(("cut", "late 500")))
        if kills:
            self.world.crash_server()
        for net in self.nets:
            net.calm()

    def cycle(self, kills):
        wait_until(lambda: self.world.online(self.rig.node), 90)
        stop = threading.Event()
        trouble = threading.Thread(target=self.disturb, args=(stop, kills))
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            work = [pool.submit(w) for w in (self.shell, self.shell, self.command, self.ports, self.copy,
                                             self.killed_shell)]
            concurrent.futures.wait(work, timeout=2)  # each has begun: StartSession needs the node
            trouble.start()
            for w in concurrent.futures.as_completed(work):
                if w.exception() is not None:
                    self.note(f"{type(w.exception()).__name__}: {w.exception()}"[:200], False)
            stop.set()
            trouble.join()

    def read(self):
        """Private KiB of server, agent (with what it forked), client."""
        time.sleep(SETTLE_S)
        return [memory(family(pid, only))[0] for pid, only in (
            (self.world.server.child.pid, None), (self.rig.agent.child.pid, ("sallyport-agent",)),
            (self.pids, None))]


def slope(times, values):
    """KiB an hour, by least squares."""
    if len(times) < 3:
        return 0.0
    return statistics.linear_regression([t / 3600 for t in times], values).slope


def verdict(soak, samples):
    flat = len(samples) >= 3
    times = [t for t, _ in samples]
    for i, who in enumerate(("server", "agent", "client")):
        values = [v[i] for _, v in samples]
        if len(values) < 3:
            continue
        each_hour = slope(times, values)
        third = max(1, len(values) // 3)
        # Over a short time the noise of single readings makes a steep slope: the growth has to show.
        growth = statistics.median(values[-third:]) - statistics.median(values[:third])
        leaks = each_hour > GROWTH_MIN and growth > NOISE_KIB
        flat = flat and not leaks
        row(f"   {who}, private: start, end, slope",
            f"{values[0]}, {values[-1]} KiB, {each_hour:+.0f} KiB/h", "flat", leaks)
    for what, count in sorted(soak.done.items()):
        row(f"   {what}", f"{count}")
    minutes = (times[-1] - times[0]) / 60 if times else 0
    right = flat and not soak.wrong
    print(f"soak: {'ok' if right else 'FAILED'}: memory {'flat' if flat else 'grew'} over {minutes:.0f} minutes, "
          f"{len(soak.wrong)} wrong results of {sum(soak.done.values())}", flush=True)


def soak():
    began = time.monotonic()
    end = began + MINUTES * 60
    service = Service()
    with Rig() as b, Network(b.world.port, seed=1) as client, Network(b.world.port, seed=2) as agent:
        # The agent of the rig goes straight to the server; this one has a network before it.
        b.agent.kill(signal.SIGTERM)
        b.node, b.agent = through(b.world, agent).agent("soak")
        near = through(b.world, client)
        near.attempts = 3  # what a network cuts is asked again, as every SDK does
        forward = Forward(near, b.node, service)
        with forward as port:
            s = Soak(b, near, client, agent, service, port, forward.p.pid)
            samples = []
            while time.monotonic() < end:
                kills = time.monotonic() < began + KILLS_UNTIL * MINUTES * 60
                s.cycle(kills)
                got = s.read()
                at = time.monotonic() - began
                print(f"    {at / 60:5.1f} min: server {got[0]}, agent {got[1]}, client {got[2]} KiB private, "
                      f"{sum(s.done.values())} done, {len(s.wrong)} wrong", flush=True)
                if not kills:
                    samples.append((at, got))
            verdict(s, samples)
