# SPDX-License-Identifier: Apache-2.0
"""Forwarded ports and a terminal over 100 ms of round trip between client and server, by the proxy of
lossy.py; what one stream carries then depends on windows alone."""
import statistics

from lossy import Network
from part_ports import FarEnd, background, pump
from rig import Rig, row
from part_terminal import driver

MB = 1000 * 1000
ONE_WAY_MS = 50
BUFFER = 64 << 20  # of the proxy, each way: far above any bandwidth-delay product here
SIZE = 300 * MB
ROUNDS = 3
TARGET = 30  # MB/s, one stream
KEYS = 50


def rtt():
    with Rig() as b, FarEnd() as far, Network(b.world.port, f"delay {ONE_WAY_MS}", f"buffer {BUFFER}") as net:
        b.env["AWS_ENDPOINT_URL"] = net.endpoint
        with background(b, str(b.world.bin / "sallyport"), "forward", b.node, f"{{port}}:{far.port}") as (port, _):
            for streams in (1, 8):
                for way in ("up", "down"):
                    got = statistics.median(pump(way, streams, SIZE, port) for _ in range(ROUNDS))
                    target = (f">= {TARGET}", got < TARGET) if streams == 1 else ()
                    row(f"100 ms, {streams} stream{'s' * (streams > 1)} {way}", f"{got:.0f} MB/s", *target)
        lines = driver(b.env, "echo", KEYS, *b.ours).split(b"\n")
        p50, p99 = (int(x) / 1000 for x in lines[0].split()[:2])
        row("100 ms, keystroke echo p50, p99", f"{p50:.1f}, {p99:.1f} ms")
