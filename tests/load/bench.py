#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The figures of docs/performance.md, as ratios between programs on this machine: they are
printed and never asserted.  ./bench builds everything and calls this.

SALLYPORT_BIN   folder of the programs (stripped)
SALLYPORT_LOAD  folder of load_echo and load_agents
"""
import os
import pathlib
import pwd
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import stock  # noqa: E402
from e2e import BIN, REGION, World, aws_clis, wait_until  # noqa: E402
from procmem import family, memory  # noqa: E402
from sshd import Sshd  # noqa: E402

LOAD = pathlib.Path(os.environ["SALLYPORT_LOAD"]).resolve()
ROUNDS = int(os.environ.get("SALLYPORT_BENCH_ROUNDS", "11"))
KEYS = 1000  # for each round
SESSIONS = 10
AGENTS = int(os.environ.get("SALLYPORT_BENCH_AGENTS", "10000"))
PIPE = 16 << 20


def row(what, value, target=None, worse=None):
    verdict = ""
    if target is not None:
        verdict = f"  target {target}  {'MISSED' if worse else 'ok'}"
    print(f"{what:<44} {value:>24}{verdict}", flush=True)


def ratio_row(what, ours, theirs, limit, unit="us"):
    r = ours / theirs
    row(what, f"{ours:.0f} / {theirs:.0f} {unit} = {r:.2f}", f"<= {limit}", r > limit)


def driver(env, *args):
    return subprocess.run([LOAD / "load_echo", *[str(a) for a in args]], env=env, cwd=env["HOME"], check=True,
                          stdout=subprocess.PIPE, timeout=90).stdout


class Bench:
    """A server with one agent, and an sshd for the same user."""

    def __init__(self):
        self.world = World("bench", "log_level = warn\n")
        self.node, self.agent = self.world.agent("bench")
        self.sshd = Sshd(self.world.dir)
        self.env = self.world.env(TERM="xterm-256color", HOME=os.environ["HOME"])
        self.ssh = self.sshd.shell()
        self.ours = [str(self.world.bin / "sallyport"), "connect", self.node]
        self.aws = [*aws_clis()[0][1], "--endpoint-url", self.world.endpoint, "ssm", "start-session",
                    "--target", self.node]

    def close(self):
        self.sshd.close()
        self.world.close()


def bench_echo(b):
    rounds = []
    for _ in range(ROUNDS):
        lines = driver(b.env, "echo", KEYS, *b.ours, "--", *b.ssh).split(b"\n")
        rounds.append([[int(x) for x in line.split()] for line in lines[:2]])
    for i, what in enumerate(("p50", "p99")):
        ours, ssh = (statistics.median(r[k][i] for r in rounds) for k in (0, 1))
        ratio_row(f"keystroke echo {what}, ours / ssh", ours, ssh, 1.2)


def last_line(text):
    """The prompt as it stands on the screen, without what only the first one shows."""
    return text.decode(errors="replace").replace("\r", "\n").rsplit("\n", 1)[-1]


def bench_start(b):
    prompt = last_line(driver(b.env, "prompt", *b.ssh))
    if prompt.strip() == "":
        print("start: there is no prompt")
        return
    shell = [pwd.getpwuid(os.getuid()).pw_shell, "-l"]
    commands = {"ours": b.ours, "ssh": b.ssh, "aws": b.aws, "shell": shell}
    got = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            got[name].append(int(driver(b.env, "start", prompt, *command)))
    ours, ssh, aws, alone = (statistics.median(got[n]) / 1000 for n in commands)
    ratio_row("start to first prompt, ours / ssh", ours, ssh, 0.5, "ms")
    row("   aws ssm start-session", f"{aws:.0f} ms")
    row("   the login shell alone", f"{alone:.0f} ms")


def bench_pipe(b):
    got = {"ours": [], "ssh": []}
    for _ in range(3):
        for name, command in (("ours", b.ours), ("ssh", b.ssh)):
            got[name].append(PIPE / int(driver(b.env, "pipe", PIPE, *command)))
    ours, ssh = (statistics.median(got[n]) for n in ("ours", "ssh"))
    row("terminal output, ours / ssh", f"{ours:.0f} / {ssh:.0f} MB/s = {ours / ssh:.2f}")


def agent_memory(b):
    return memory(family(b.agent.child.pid, ("sallyport-agent",)))


def settle(read, seconds=30):
    """The median of (private, rss) over a while, from when start-up is over; the highest RSS."""
    time.sleep(10)
    seen = []
    for _ in range(seconds // 2):
        seen.append(read())
        time.sleep(2)
    return [statistics.median(x) for x in zip(*seen)], max(rss for _, rss in seen)


def bench_memory(b):
    (private, rss), highest = settle(lambda: agent_memory(b), 60)
    count = len(family(b.agent.child.pid, ("sallyport-agent",)))
    row(f"idle agent, private ({count} processes)", f"{private:.0f} KiB", "< 3072 KiB", private >= 3072)
    row(f"idle agent, RSS (at most {highest} KiB)", f"{rss:.0f} KiB", "<= 9216 KiB", rss > 9216)
    size = (BIN / "sallyport-agent").stat().st_size // 1024
    row("sallyport-agent, stripped", f"{size} KiB", "< 1024 KiB", size >= 1024)
    one = [subprocess.Popen([LOAD / "load_echo", "prompt", *b.ours], env=b.env,
                            stdout=subprocess.DEVNULL)]
    one[0].wait(30)
    before = settle(lambda: agent_memory(b))[0][0]
    idle = [subprocess.Popen([*b.ours], env=b.env, stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(SESSIONS)]
    wait_until(lambda: len(family(b.agent.child.pid)) >= count + 2 * SESSIONS)
    after = settle(lambda: agent_memory(b))[0][0]
    for p in idle:
        p.kill()
        p.wait()
    added = (after - before) / SESSIONS
    row("an idle shell session adds, private", f"{added:.0f} KiB", "< 1024 KiB", added >= 1024)


def bench_stock(b):
    why = stock.obstacle()
    if why:
        row(f"stock agent: {why}", "")
        return
    s = stock.Agent(b.world, "stock")
    s.register(*b.world.activation())
    s.start()
    try:
        wait_until(lambda: b.world.online(s.node_id()), 60)
        (private, rss), _ = settle(lambda: memory(family(
            s.process.child.pid, ("amazon-ssm-agent", *stock.WORKERS))), 40)
        row("stock agent, private", f"{private:.0f} KiB")
        row("stock agent, RSS", f"{rss:.0f} KiB")
    finally:
        s.stop()


def bench_fleet(b):
    server = b.world.server.child.pid
    # An activation is good for a thousand.
    codes = [x for _ in range(0, AGENTS, 1000) for x in b.world.activation(limit=1000)]
    before = settle(lambda: memory([server]), 4)[0][0]
    load = subprocess.Popen([LOAD / "load_agents", b.world.endpoint, str(b.world.ca), REGION,
                             str(AGENTS), "30", *codes], stdout=subprocess.PIPE, text=True)
    began = time.monotonic()
    try:
        line = load.stdout.readline().strip()
        print(f"    {line} ({time.monotonic() - began:.0f} s)", flush=True)
        online = int(line.split()[1]) if line.startswith("online") else 0
        time.sleep(10)
        after = memory([server])[0]
        print(f"    {load.stdout.readline().strip()}", flush=True)
    finally:
        load.kill()
        load.wait()
    if online:
        each = (after - before) / online
        row(f"server, private, each of {online} idle agents", f"{each:.1f} KiB", "< 20 KiB", each >= 20)


PARTS = {"echo": bench_echo, "start": bench_start, "pipe": bench_pipe, "memory": bench_memory,
         "stock": bench_stock, "fleet": bench_fleet}


def main():
    wanted = sys.argv[1:] or ["all"]
    if wanted == ["all"]:
        wanted = list(PARTS)
    if not shutil.which("ssh"):
        sys.exit("bench: ssh is missing")
    for name in wanted:
        b = Bench()
        try:
            PARTS[name](b)
        finally:
            b.close()


main()
