#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: what a node may forward to is decided by the address that is dialled, not by what its name meant a
moment ago: a name that moves to a forbidden address, in whatever form, or has one beside a good one, leads
nobody there, and the session goes on when it moves back.

The agent runs in a mount namespace, in which /etc/hosts is a file of the test: glibc reads it at each look.
"""
import contextlib
import os
import re
import subprocess

import e2e
import portkit
from e2e import equal, ok, wait_until
from portkit import REMOTE, Plugin, dial, echo

NAME = "moving.test"
GOOD, DENIED = "127.0.0.1", "127.0.0.2"
# In the second one the user stays who it is, and keeps the right to mount until the agent starts.
AS_ROOT = ["unshare", "--mount", "--propagation", "private", "--"]
AS_USER = ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "--"]
NAMESPACE = AS_ROOT if os.getuid() == 0 else AS_USER
MOUNTED = ["sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"']
WITHOUT_CAPS = [] if os.getuid() == 0 else ["setpriv", "--inh-caps=-all", "--ambient-caps=-all", "--"]


class Hosts:
    """What the node finds under NAME."""

    def __init__(self, world):
        self.file = world.dir / "hosts"
        self.say(GOOD)
        os.chmod(self.file, 0o644)

    def say(self, *addresses):
        # In place: the mount is of this very file.
        self.file.write_text("127.0.0.1 localhost\n" + "".join(f"{a} {NAME}\n" for a in addresses))

    def obstacle(self):
        """Why the node cannot be given names of our own; None when it can."""
        p = subprocess.run([*self.within(), "getent", "ahosts", NAME], capture_output=True, text=True, check=False)
        return None if GOOD in p.stdout else f"no namespace with names of its own ({p.stderr.strip() or 'no answer'})"

    def within(self):
        return [*NAMESPACE, *MOUNTED, str(self.file), *WITHOUT_CAPS]


class Counted(portkit.Service):
    """Knows how many came."""

    def __init__(self, host, port=0):
        self.came = 0
        super().__init__(self._count, host, port)

    def _count(self, c):
        self.came += 1
        portkit.serve(c)


def two_services():
    """The same port at both addresses: (the good one, the one where nobody may go)."""
    while True:
        good = Counted(GOOD)
        with contextlib.suppress(OSError):
            return good, Counted(DENIED, good.port)
        good.close()


def closed(port):
    """A connection that ends without a word."""
    with dial(port, 20) as c:
        c.sendall(b"echo hello\n")
        return c.recv(100) == b""


def moves(world, agent, plugin, hosts, port):
    what = f"{plugin} plugin"
    hosts.say(GOOD)
    with Plugin(world, world.nodes["node"], plugin, REMOTE, host=NAME, portNumber=port) as s:
        here = s.listening()
        equal(echo(here), "echo hello", f"{what}: a good address is reached")
        for address in (DENIED, f"::ffff:{DENIED}", "169.254.169.254", "fd00:ec2::254"):
            hosts.say(address)
            ok(closed(here), f"{what}: the name moves to {address}: the connection ends")
            words = rf'"session":"{s.id}".*Forwarding to IP address {re.escape(address)} is forbidden\.'
            ok(wait_until(lambda w=words: re.search(w, agent.text()), 5), f"{what}: {address}: the node's log says why")
            ok(s.says("Connection to destination port failed", 5), f"{what}: {address}: and the person is told")
            hosts.say(GOOD)
            equal(echo(here), "echo hello", f"{what}: it moves back: the session is of use")
        hosts.say(DENIED, GOOD)
        equal(echo(here), "echo hello", f"{what}: of two addresses the good one is dialled")
        hosts.say(GOOD, DENIED)
        equal(echo(here), "echo hello", f"{what}: in either order")


def refused(world, plugin, hosts, port):
    hosts.say(DENIED)
    with Plugin(world, world.nodes["node"], plugin, REMOTE, host=NAME, portNumber=port) as s:
        s.wait()
        ok(f"Forwarding to IP address {DENIED} is forbidden" in s.text,
           f"{plugin} plugin: a name that is forbidden from the start begins no session")


def main():
    plugins = ["ours"] + (["stock"] if e2e.STOCK_PLUGIN else [])
    with e2e.World("rebinding") as world:
        hosts = Hosts(world)
        why = hosts.obstacle()
        if why:
            e2e.skip(why)
            ok(True, "nothing to rebind")
            return
        good, denied = two_services()
        ident, code = world.activation("Name=node")
        equal(world.register("node", ident, code, "--deny-forward", f"{DENIED}/32").returncode, 0, "the node registers")
        agent = world.run_agent("node", within=hosts.within())
        for plugin in plugins:
            moves(world, agent, plugin, hosts, good.port)
            refused(world, plugin, hosts, good.port)
        equal((good.came, denied.came), (7 * len(plugins), 0), "nobody ever came where nobody may go")


if __name__ == "__main__":
    main()
    e2e.finish()
