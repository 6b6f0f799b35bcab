# SPDX-License-Identifier: Apache-2.0
"""Many seeds of the simulated fleet (tests/sim), on every core.  A seed that fails is printed with the
command that repeats it.

SALLYPORT_BENCH_SIM_SEEDS    how many (default 10000)
SALLYPORT_BENCH_SIM_FROM     the first one (default 1)
SALLYPORT_BENCH_SIM_MINUTES  what is not begun by then is left out (default 120)
"""
import concurrent.futures
import os
import re
import subprocess
import time

from rig import LOAD, row

SEEDS = int(os.environ.get("SALLYPORT_BENCH_SIM_SEEDS", "10000"))
FIRST = int(os.environ.get("SALLYPORT_BENCH_SIM_FROM", "1"))
MINUTES = float(os.environ.get("SALLYPORT_BENCH_SIM_MINUTES", "120"))
CHUNK = 16
PROGRAM = LOAD.parent / "sim/t_sim_fleet"
TOLD = re.compile(r"seed (\d+): (ok|FAILED), (\d+) sessions .*?(\d+) forwarded connections, (\d+) bytes, (\d+) losses")


def chunk(first, count, until):
    """[(seed, ok, sessions, connections, bytes, losses)] of some seeds; none when the time is over."""
    if time.monotonic() > until:
        return []
    done = subprocess.run([PROGRAM, "--from", str(first), "--seeds", str(count)], capture_output=True, text=True,
                          check=False)
    told = [(int(m[1]), m[2] == "ok", *(int(x) for x in m.groups()[2:])) for m in TOLD.finditer(done.stdout)]
    if done.returncode != 0:
        print(done.stderr.strip(), flush=True)
    if len(told) < count:  # it crashed in the next one
        told.append((first + len(told), False, 0, 0, 0, 0))
    for seed in (t[0] for t in told if not t[1]):
        print(f"FAILED: repeat it with {PROGRAM} --seed {seed}", flush=True)
    return told


def sim():
    began = time.monotonic()
    seen, shown = [], began
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        work = [pool.submit(chunk, first, min(CHUNK, FIRST + SEEDS - first), began + MINUTES * 60)
                for first in range(FIRST, FIRST + SEEDS, CHUNK)]
        for done in concurrent.futures.as_completed(work):
            seen += done.result()
            if time.monotonic() - shown > 30:
                shown = time.monotonic()
                print(f"    {len(seen)} of {SEEDS} seeds, {sum(not s[1] for s in seen)} failures, "
                      f"{shown - began:.0f} s", flush=True)
    sessions, connections, size, losses = (sum(s[i] for s in seen) for i in range(2, 6))
    failed = sum(not s[1] for s in seen)
    row("simulated: sessions, forwarded connections", f"{sessions}, {connections}")
    row("   bytes compared, connections lost on the way", f"{size / 1e6:.0f} MB, {losses}")
    row(f"simulated fleets that failed, of {len(seen)}", f"{failed}", "0", failed > 0 or not seen)
