# SPDX-License-Identifier: Apache-2.0
"""Two thousand people who type into shells through one server."""
import os

from crowd import Fleet, People
from e2e import World
from procmem import cpu_seconds
from rig import row

SESSIONS = int(os.environ.get("SALLYPORT_BENCH_SESSIONS", "2000"))
NODES = 200
KEYS_A_MINUTE = 120
SECONDS = 30


def sessions():
    conf = f"log_level = warn\nsessions_per_principal_max = {SESSIONS}\n"  # here they are one person
    with World("bench", conf) as world, Fleet(world, NODES) as fleet:
        if fleet.wait_online(120) is None:
            raise RuntimeError("the agents do not come online")
        server = world.server.child.pid
        with People(world, fleet.nodes, SESSIONS, KEYS_A_MINUTE, SECONDS) as people:
            opened = people.ready()
            before = cpu_seconds([server])
            got = people.result()
            load = (cpu_seconds([server]) - before) / SECONDS
    row(f"{SESSIONS} sessions on {NODES} nodes, to open them", f"{opened:.1f} s")
    row("   keys a second, server's processors", f"{got['keys'] / SECONDS:.0f}, {load:.2f}")
    row("   echo p50 / p99 / max", f"{got['p50'] / 1e3:.1f} / {got['p99'] / 1e3:.1f} / {got['max'] / 1e3:.0f} ms",
        "p99 < 20 ms", got["p99"] >= 20000)
    broken = got["ended"] + got["wrong"] + got["missing"]
    row("   sessions ended, keys wrong or missing", f"{broken}", "0", broken > 0)
