# SPDX-License-Identifier: Apache-2.0
"""What an idle agent, its sessions, a stock agent and the server's idle agents occupy."""
import os
import statistics
import subprocess
import time

import stock as stock_agent
from crowd import Fleet
from e2e import BIN, World, wait_until
from procmem import family
from procmem import memory as used
from rig import LOAD, Rig, row

SESSIONS = 10
AGENTS = int(os.environ.get("SALLYPORT_BENCH_AGENTS", "10000"))


def agent_memory(b):
    return used(family(b.agent.child.pid, ("sallyport-agent",)))


def settle(read, seconds=30):
    """The median of (private, rss) over a while, from when start-up is over; the highest RSS."""
    time.sleep(10)
    seen = []
    for _ in range(seconds // 2):
        seen.append(read())
        time.sleep(2)
    return [statistics.median(x) for x in zip(*seen)], max(rss for _, rss in seen)


def memory():
    with Rig() as b:
        (private, rss), highest = settle(lambda: agent_memory(b), 60)
        count = len(family(b.agent.child.pid, ("sallyport-agent",)))
        row(f"idle agent, private ({count} processes)", f"{private:.0f} KiB", "< 3072 KiB", private >= 3072)
        row(f"idle agent, RSS (at most {highest} KiB)", f"{rss:.0f} KiB", "<= 9216 KiB", rss > 9216)
        size = (BIN / "sallyport-agent").stat().st_size // 1024
        row("sallyport-agent, stripped", f"{size} KiB", "< 1024 KiB", size >= 1024)
        session_memory(b, count)


def session_memory(b, count):
    subprocess.run([LOAD / "load_echo", "prompt", *b.ours], env=b.env, stdout=subprocess.DEVNULL,
                   timeout=30, check=False)
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


def stock():
    why = stock_agent.obstacle()
    if why:
        row(f"stock agent: {why}", "")
        return
    with Rig() as b:
        s = stock_agent.Agent(b.world, "stock")
        s.register(*b.world.activation())
        s.start()
        try:
            wait_until(lambda: b.world.online(s.node_id()), 60)
            (private, rss), _ = settle(lambda: used(family(
                s.process.child.pid, ("amazon-ssm-agent", *stock_agent.WORKERS))), 40)
            row("stock agent, private", f"{private:.0f} KiB")
            row("stock agent, RSS", f"{rss:.0f} KiB")
        finally:
            s.stop()


def fleet():
    with World("bench", "log_level = warn\n") as world:
        server = world.server.child.pid
        before = settle(lambda: used([server]), 4)[0][0]
        with Fleet(world, AGENTS) as agents:
            took = agents.wait_online(600)
            online = agents.total()
            print(f"    {online} of {AGENTS} agents online, in {took or 600:.0f} s", flush=True)
            time.sleep(10)
            after = used([server])[0]
    each = (after - before) / max(online, 1)
    row(f"server, private, each of {online} idle agents", f"{each:.1f} KiB", "< 20 KiB", each >= 20)
