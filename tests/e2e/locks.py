#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: one command cuts a principal off everywhere at once, and another one lets it in again:
a node and its open sessions, all nodes of a role.
"""
import json
import subprocess
import time

import e2e
import terminal
from e2e import equal, ok, wait_until


def lock(world, *args, check=True):
    p = subprocess.run([str(world.bin / "sallyport"), "admin", "lock", *args], env=world.env(),
                       capture_output=True, text=True, timeout=60)
    if check and p.returncode != 0:
        ok(False, f"admin lock {' '.join(args)}: {p.stderr}")
    return p


def a_node(world, agent):
    node = world.node_id("node")
    with terminal.Terminal([str(world.bin / "sallyport"), "connect", node], world.env()) as t:
        t.send("echo lo''ck\n")
        ok(t.expect("lock\r\n"), "a session on the node")
        began = time.monotonic()
        lock(world, "add", node, "--reason", "does not answer to its owner")
        status = t.wait_exit()
        ok(time.monotonic() - began < 15, "its session ends")
        ok(status != 0, f"the client does not call that a success ({status})")
    ok(wait_until(lambda: not world.online(node), 5), "the node is cut off")
    rows = json.loads(lock(world, "list", "--output", "json").stdout)
    equal([(r["PrincipalId"], r["Reason"]) for r in rows], [(node, "does not answer to its owner")],
          "list")
    table = lock(world, "list").stdout.splitlines()
    ok(table[0].split() == ["PRINCIPAL", "SINCE", "BY", "REASON"] and len(table) == 2, "list as a table")
    time.sleep(3)
    ok(not world.online(node), "it does not come back by itself")
    ok("principal lock" in agent.text(), "its agent says why")
    lock(world, "remove", node)
    found = subprocess.run([str(world.bin / "sallyport"), "audit", "search", "--resource", node, "--source",
                            "sallyport.amazonaws.com", "--output", "json"], env=world.env(), capture_output=True,
                           text=True, timeout=30)
    equal([e["eventName"] for e in json.loads(found.stdout)], ["LockPrincipal", "UnlockPrincipal"],
          "the audit trail tells who was locked, and let go")
    ok(wait_until(lambda: world.online(node), 70), "let in again it comes back")
    equal(json.loads(lock(world, "list", "--output", "json").stdout), [], "no lock is left")


def a_role(world):
    node = world.node_id("node")
    lock(world, "add", "role/SallyportNode", "--reason", "all of them")
    ok(wait_until(lambda: not world.online(node), 5), "a role: its nodes are cut off")
    lock(world, "remove", "role/SallyportNode")
    ok(wait_until(lambda: world.online(node), 70), "a role: its nodes come back")


def words(world):
    p = lock(world, "add", "user/nobody", "--reason", "x", check=False)
    ok(p.returncode == 1 and "There is no principal user/nobody" in p.stderr, "nobody of that name")
    p = lock(world, "add", "user/admin", "--reason", "x", check=False)
    ok(p.returncode == 1 and "lock the caller out" in p.stderr, "not oneself")
    p = lock(world, "add", "user/admin", check=False)
    ok(p.returncode == 2 and "--reason" in p.stderr, "a reason is needed")
    p = lock(world, "break", check=False)
    ok(p.returncode == 2 and "add, list or remove" in p.stderr, "no such action")
    p = lock(world, "remove", "role/SallyportNode", check=False)
    ok(p.returncode == 1 and "is not locked" in p.stderr, "nothing to remove")


def main():
    with e2e.World("locks") as world:
        world.agent("node")
        a_node(world, world.processes[1])
        a_role(world)
        words(world)
    e2e.finish()


if __name__ == "__main__":
    main()
