# SPDX-License-Identifier: Apache-2.0
"""The server dies with ten thousand agents and some hundred sessions on it, and comes back."""
import os
import time

from crowd import Fleet, People
from e2e import World
from procmem import cpu_seconds
from rig import row

AGENTS = int(os.environ.get("SALLYPORT_BENCH_AGENTS", "10000"))
SESSIONS = min(500, AGENTS)
KEYS_A_MINUTE = 30
SECONDS = 60  # of typing, from before the crash until well after it
LIMIT = 30


def storm():
    with World("bench", "log_level = warn\n") as world, Fleet(world, AGENTS) as fleet:
        if fleet.wait_online(600) is None:
            raise RuntimeError(f"{fleet.total()} of {AGENTS} agents came online")
        with People(world, fleet.nodes, SESSIONS, KEYS_A_MINUTE, SECONDS) as people:
            people.ready()
            time.sleep(5)
            began = time.monotonic()
            world.crash_server()
            down = time.monotonic() - began
            fleet.wait(lambda: fleet.total() < AGENTS // 2, 10)
            back = fleet.wait(lambda: fleet.total() == AGENTS, 10 * LIMIT)
            took = time.monotonic() - began
            used = cpu_seconds([world.server.child.pid])
            got = people.result()
    if back is None:
        row(f"{AGENTS} agents after kill -9", f"only {fleet.total()} are back", f"<= {LIMIT} s", True)
    else:
        row(f"{AGENTS} agents after kill -9, all back", f"{took:.1f} s", f"<= {LIMIT} s", took > LIMIT)
    row("   server down, its processor time until then", f"{down:.1f} s, {used:.1f} s")
    broken = got["ended"] + got["wrong"] + got["missing"]
    row(f"   of {SESSIONS} sessions ended, keys wrong or missing", f"{broken}", "0", broken > 0)
