# SPDX-License-Identifier: Apache-2.0
"""What the server's processor time moves: both ends of a session on one side, so to speak."""
import statistics
import subprocess

from e2e import REGION, World
from rig import LOAD, row

SECONDS = 4
RUNS = 3


def run(world, sessions, size):
    """(MB for each second of processor time, MB/s)."""
    done = subprocess.run(
        [LOAD / "load_relay", world.endpoint, str(world.ca), REGION, str(sessions), str(size), str(SECONDS),
         str(world.server.child.pid)], env=world.env(), stdout=subprocess.PIPE, check=True, timeout=120)
    count, cpu_ms, wall_ms = map(int, done.stdout.split())
    return count / 1000 / max(cpu_ms, 1), count / 1000 / wall_ms


def relay():
    for sessions, size, target in ((8, 1024, 500), (1, 1024, 500), (8, 64 << 10, None)):
        with World("bench", "log_level = warn\n") as world:
            got = [run(world, sessions, size) for _ in range(RUNS)]
        core, wall = (statistics.median(g[i] for g in got) for i in (0, 1))
        kind = f"{size >> 10} KiB messages, {sessions} session{'s' * (sessions > 1)}"
        row(f"relay, {kind}", f"{core:.0f} MB/s a core ({wall:.0f} MB/s)",
            target and f">= {target}", target and core < target)
