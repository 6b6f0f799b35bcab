#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: what the stock plugin and the stock agent lose or corrupt by themselves is what
docs/compatibility.md says, no more and no less, and the server cleans up after them.  A test that fails
here because a newer release does better is good news: change the page.
"""
import json
import os
import re
import signal
import subprocess
import termios
import time

import e2e
import portkit
import stock
import terminal
from e2e import equal, ok, wait_until


def echo(c):
    """Whatever comes goes back."""
    while more := c.recv(65536):
        c.sendall(more)


def answer(c, sent):
    """What comes back for these bytes."""
    c.sendall(sent)
    got = b""
    while len(got) < len(sent) and (more := c.recv(4096)):
        got += more
    return got


# ---- the plugin ----

def line_feed(world, node):
    """Behind a frame's 8 bytes, 1017 make a message of 1024 and one of a single byte."""
    service = portkit.Service(echo)
    sent = b"x" * 1016 + b"\n"
    for plugin, last in (("stock", b"\r"), ("ours", b"\n")):
        with portkit.Plugin(world, node, plugin, portkit.FORWARD, portNumber=service.port, localPortNumber=0) as s:
            with portkit.dial(s.listening()) as c:
                answer(c, b"the frame that opens the stream leaves before")
                got = answer(c, sent)
        equal(got[-3:], b"xx" + last, f"{plugin} plugin: a line feed that is a message of its own arrives as {last!r}")
    service.close()


def ends(world, node):
    for plugin, cooked in (("stock", False), ("ours", True)):
        with terminal.Session(world, node, plugin) as s:
            s.shell()
            s.send("exit 3\r")
            s.expect(f"Exiting session with sessionId: {s.id}.", 15)
            equal(s.wait_exit(10), 0, f"{plugin} plugin: the exit status is 0, whatever it was there")
            equal(bool(s.line()[3] & termios.ICANON), cooked,
                  f"{plugin} plugin: the terminal is {'' if cooked else 'not '}put back into line mode")
        started = world.ssm.start_session(Target=node)
        argv, env = command(world, node, plugin, started)
        p = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
                           check=False)
        equal("Cannot perform start session: EOF" in p.stdout, plugin == "stock",
              f"{plugin} plugin: the end of standard input is {'an error' if plugin == 'stock' else 'a Ctrl-D'}")
        if plugin == "stock":
            world.ssm.terminate_session(SessionId=started["SessionId"])


def command(world, node, plugin, started):
    answer = json.dumps({k: started[k] for k in ("SessionId", "TokenValue", "StreamUrl")})
    program = e2e.STOCK_PLUGIN if plugin == "stock" else str(world.bin / "session-manager-plugin")
    return ([program, terminal.ENV, e2e.REGION, "StartSession", "", json.dumps({"Target": node}), world.endpoint],
            world.env(plugin, **{terminal.ENV: answer}))


def typing_while_away(world, node):
    """Its first write that fails ends it; ours keeps what was typed."""
    sessions = {p: terminal.Session(world, node, p).shell() for p in ("stock", "ours")}
    world.server.kill(signal.SIGKILL)
    time.sleep(0.5)
    for s in sessions.values():
        for c in "echo typed\r":
            s.send(c)
            time.sleep(0.05)
    equal(sessions["stock"].wait_exit(10), 0, "stock plugin: typing while the server is away ends it, with status 0")
    world.start_server()
    sessions["ours"].expect("typed\r", 30)
    ok(True, "ours plugin: what was typed meanwhile arrives")
    row = world.wait_status(sessions["stock"].id, "Disconnected", seconds=10)
    ok(row, "stock plugin: its session waits to be resumed, for ten minutes at most")
    for s in sessions.values():
        world.ssm.terminate_session(SessionId=s.id)
        s.close()
    wait_until(lambda: world.online(node), 30)


def budget(world, node):
    """ResumeSession six times, each with three retries of the SDK's own: most of a minute, if nobody types."""
    with terminal.Session(world, node, "stock") as s:
        s.shell()
        world.server.kill(signal.SIGKILL)
        time.sleep(12)
        world.start_server()
        ok(world.wait_status(s.id, "Connected", seconds=20), "stock plugin: it comes back after an outage of 12 s")
        equal(s.run("echo still here"), "still here", "stock plugin: to the same shell, of our agent")
        s.send("exit\r")
        equal(s.wait_exit(15), 0, "stock plugin: and to its end")


# ---- the agent ----

def orphan(world, node):
    """Agent-protocol 10.9: a data channel that is lost for more than about five seconds is never opened
    again, and the shell would live for ever: the server ends the session, and so the shell."""
    mark = f"{7000000 + os.getpid()}"
    with terminal.Session(world, node) as s:
        s.shell()
        s.send(f"sleep {mark}\r")
        ok(wait_until(lambda: e2e.processes(mark), 10), "stock agent: a command runs")
        world.server.kill(signal.SIGKILL)
        time.sleep(12)
        world.start_server()
        ok(wait_until(lambda: world.online(node), 90), "stock agent: the node is back after an outage of 12 s")
        s.expect(f"SessionId: {re.escape(s.id)} : The agent was away for more than 1 minute", 90)
        equal(s.wait_exit(), 0, "stock agent: its session is given up, and the client is told why")
        ok(world.wait_status(s.id, "Terminated", seconds=15), "stock agent: the row is closed")
        ok(wait_until(lambda: not e2e.processes(mark), 30), "stock agent: and its orphaned shell is gone")


def with_plugin(world, node):
    line_feed(world, node)
    ends(world, node)
    typing_while_away(world, node)
    budget(world, node)


def with_agent(world):
    theirs = stock.Agent(world, "stock-agent")
    try:
        done = theirs.register(*world.activation("Name=stock"))
        if not ok(done.returncode == 0, "the stock agent registers"):
            print(done.stdout[-2000:], done.stderr[-2000:], theirs.text()[-2000:])
            return
        node = theirs.node_id()
        theirs.start()
        if ok(wait_until(lambda: world.online(node), 40), "and comes online"):
            orphan(world, node)
    finally:
        theirs.stop()


def main():
    why = stock.obstacle()
    if e2e.STOCK_PLUGIN is None:
        e2e.skip("the stock plugin is not on PATH")
    else:
        with e2e.World("stock-plugin") as world:
            with_plugin(world, world.agent("own")[0])
    if why:
        e2e.skip(why)
    else:
        with e2e.World("stock-agent") as world:
            with_agent(world)
    if why and e2e.STOCK_PLUGIN is None:
        ok(True, "nothing stock is here: nothing to look at")
    e2e.finish()


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main()
