#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The figures of docs/performance.md, as ratios between programs on this machine: they are
printed and never asserted.  ./bench builds everything, checks the names and calls this.
"""
import sys

import part_memory
import part_policy
import part_ports
import part_relay
import part_rtt
import part_sessions
import part_sim
import part_soak
import part_storm
import part_terminal

# In the order in which all of them run.
PARTS = {
    "echo": part_terminal.echo,
    "start": part_terminal.start,
    "pipe": part_terminal.pipe,
    "ports": part_ports.ports,
    "relay": part_relay.relay,
    "policy": part_policy.policy,
    "rtt": part_rtt.rtt,
    "sessions": part_sessions.sessions,
    "storm": part_storm.storm,
    "memory": part_memory.memory,
    "stock": part_memory.stock,
    "fleet": part_memory.fleet,
}
# Those that take so long that they run only when they are named.
LONG = {
    "sim": part_sim.sim,
    "soak": part_soak.soak,
}


def main():
    wanted = sys.argv[1:] or ["all"]
    if wanted == ["all"]:
        wanted = list(PARTS)
    for name in wanted:
        ({**PARTS, **LONG})[name]()


main()
