#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: port sessions with a stock agent from before multiplexing (3.0.196.0) carry every byte, one
connection after the other, and with our client they outlive the server.  Only where such an old
agent is the one on PATH.
"""
import re
import threading
import time

import e2e
import portkit
import stock
from e2e import equal, ok
from portkit import FORWARD, KB, MB, Plugin, Service, dial, echo


def local_port(s):
    """Neither client says here that it waits for connections."""
    return int(re.search(r"Port (\d+) opened", s.text).group(1)) if s.says(r"Port \d+ opened") else None


def in_turn(port, pause):
    """Some connections; with a moment between them for the stock plugin, which else loses one now and then."""
    for i in range(5):
        yield echo(port, f"w{i}")
        time.sleep(pause)


def one_after_the_other(port, what, pause):
    equal(list(in_turn(port, pause)), [f"echo w{i}" for i in range(5)], f"{what}: five connections in turn")
    ok(portkit.down(port, 2 * MB), f"{what}: 2 MB down are the same")
    time.sleep(pause)
    ok(portkit.up(port, 200 * KB), f"{what}: 200 kB up are the same")
    time.sleep(pause)
    with dial(port) as c:
        c.sendall(b"bye\n")
        time.sleep(0.5)  # nobody says that the service has closed (docs/compatibility.md)
    time.sleep(pause)
    equal(echo(port, "after"), "echo after", f"{what}: behind one that the service closed, a new one")


def waits_for_its_turn(port, what):
    with dial(port) as first:
        first.sendall(b"echo one\n")
        equal(first.recv(100), b"echo one\n", f"{what}: one connection is there")
        second = dial(port)
        second.sendall(b"echo two\n")
    with second:
        equal(second.makefile().readline(), "echo two\n", f"{what}: a second one is served when that has ended")


def outlives_the_server(world, port, what):
    right = []
    work = threading.Thread(target=lambda: right.append(portkit.down(port, 3 * MB)))
    work.start()
    time.sleep(1)
    world.crash_server()
    work.join(60)
    equal(right, [True], f"{what}: a download over kill -9 of the server is the same")
    equal(echo(port), "echo hello", f"{what}: and the next connection works")


def sessions(world, node, plugin):
    what = f"{plugin} plugin"
    service = Service()
    with Plugin(world, node, plugin, FORWARD, portNumber=service.port, localPortNumber=0) as s:
        port = local_port(s)
        if not ok(port, f"{what}: a local port opens"):
            print(s.text)
            return
        one_after_the_other(port, what, 0 if plugin == "ours" else 0.5)
        if plugin == "ours":  # of the stock one it is lost
            waits_for_its_turn(port, what)
            outlives_the_server(world, port, what)
    row = world.wait_status(s.id, "Terminated")
    equal(row and row["Status"], "Terminated", f"{what}: Ctrl-C ends the session")


def main():
    if stock.obstacle() or stock.multiplexes():
        e2e.skip("no stock agent before 3.0.196.0 is on PATH")
        ok(True, "no old agent is here: nothing to try")
        e2e.finish()
    with e2e.World("old-agent") as world, stock.beside(world) as nodes:
        # Ours last: after the server's end such an agent stays away for minutes.
        for plugin in (["stock"] if e2e.STOCK_PLUGIN else []) + ["ours"]:
            sessions(world, nodes["stock"], plugin)
    e2e.finish()


if __name__ == "__main__":
    main()
