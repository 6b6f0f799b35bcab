#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: our client comes back to its session without credentials, through kill -9 of the server and
a proxy that hangs; not when whoever started it may not any more, which it says; a dead peer is noticed
within 30 seconds; limits and clocks end or refuse sessions in words.
"""
import concurrent.futures
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import time

import e2e
import terminal
from e2e import equal, ok, wait_until

NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": ""}


class Keyless(terminal.Session):
    """Our plugin with no credentials at all: whatever it does after its start, it does by the secret."""

    def __init__(self, world, node, started=None, **request):
        super().__init__(world, node, started=started, env=NO_KEYS, **request)


def edit(world, sql, *values):
    with sqlite3.connect(world.state / "sallyport.db") as db:
        db.execute(sql, values)
    db.close()


def metric(world, name):
    found = re.search(rf"^{re.escape(name)} (\d+)$", world.get("/_metrics"), re.M)
    return int(found.group(1)) if found else None


def secrets_of(world, ident):
    with sqlite3.connect(f"file:{world.state}/sallyport.db?mode=ro", uri=True) as db:
        row = db.execute("SELECT resume_sha256, resume_prev_sha256 FROM sessions WHERE id = ?", (ident,)).fetchone()
    db.close()
    return row


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def leave(world, s):
    s.send("exit\r")
    s.expect(f"Exiting session with sessionId: {s.id}.")
    equal(s.wait_exit(), 0, "and the session ends as any other")
    world.wait_status(s.id, "Terminated", seconds=10)


def without_credentials(world, node):
    with Keyless(world, node) as s:
        s.shell()
        ok(wait_until(lambda: all(len(h) == n for h, n in zip(secrets_of(world, s.id), (64, 0))), 5),
           "the row keeps the digest of one secret")
        seen = {secrets_of(world, s.id)[0]}
        for n in range(3):
            world.crash_server()
            s.expect("connection restored", 30)
            equal(s.run(f"echo back {n}", 30).split("\n")[-1], f"back {n}",
                  f"kill -9 of the server: the client without credentials is back ({n + 1})")
            wait_until(lambda: secrets_of(world, s.id)[1] == "" and secrets_of(world, s.id)[0] not in seen, 10)
            seen.add(secrets_of(world, s.id)[0])
        equal(len(seen), 4, "with another secret each time")
        ok(metric(world, "sallyport_sessions_resumed_total") >= 1, "which is counted")
        leave(world, s)


def refused(world, node):
    wait_until(lambda: world.online(node), 60)
    with Keyless(world, node) as s:
        s.shell()
        world.server.kill(signal.SIGKILL)
        edit(world, "UPDATE access_keys SET active = 0 WHERE access_key = ?", world.key)
        world.start_server()
        s.expect("The access key that started the session is not active any more", 20)
        ok(True, "a deactivated key: the client is told why it may not come back")
        ok(wait_until(lambda: "session not resumed" in world.server.text(), 5), "and the log of the server says so")
        world.server.kill(signal.SIGKILL)
        edit(world, "UPDATE access_keys SET active = 1 WHERE access_key = ?", world.key)
        world.start_server()
        s.expect("connection restored", 30)
        equal(s.run("echo again", 30).split("\n")[-1], "again", "active again: the same secret opens the session")
        wait_until(lambda: world.online(node))
        world.server.kill(signal.SIGKILL)
        edit(world, "UPDATE sessions SET end_ms = ?, status = 'Terminated', details = 'ended for a test' WHERE id = ?",
             int(time.time() * 1000), s.id)
        world.start_server()
        s.expect(f"SessionId: {re.escape(s.id)} : ended for a test", 30)
        equal(s.wait_exit(), 0, "a session that ended meanwhile: the client hears why")
    wait_until(lambda: world.online(node))


def hung_proxy(world, node):
    """A relay that is stopped keeps its sockets open, acknowledges on TCP and passes nothing on."""
    port = e2e.free_port()
    proxy = subprocess.Popen(["/usr/bin/python3", "-c", PROXY, str(port), str(world.port)], start_new_session=True)
    wait_until(lambda: listens(port), 5)
    try:
        started = world.ssm.start_session(Target=node)
        started["StreamUrl"] = started["StreamUrl"].replace(f":{world.port}/", f":{port}/")
        with Keyless(world, node, started=started) as s:
            s.shell()
            proxy.send_signal(signal.SIGSTOP)
            began = time.monotonic()
            s.expect("connection lost \\(the server does not answer\\)", 32)
            took = time.monotonic() - began
            ok(took < 30, f"a proxy that hangs is noticed by the client ({took:.0f} s)")
            row = world.wait_status(s.id, "Disconnected", seconds=32 - took)
            took = time.monotonic() - began
            ok(row and took < 30, f"and by the server ({took:.0f} s)")
            ok(wait_until(lambda: "it did not answer any more" in world.server.text(), 5), "whose log says why")
            proxy.send_signal(signal.SIGCONT)
            s.expect("connection restored", 30)
            equal(s.run("echo alive").split("\n")[-1], "alive", "when it goes on, so does the session")
            leave(world, s)
    finally:
        proxy.send_signal(signal.SIGCONT)
        proxy.kill()
        proxy.wait()


PROXY = """
import socket, sys, threading
ln = socket.create_server(("127.0.0.1", int(sys.argv[1])))
def pump(a, b):
    try:
        while (data := a.recv(65536)):
            b.sendall(data)
    except OSError:
        pass
    for s in (a, b):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
while True:
    a, _ = ln.accept()
    b = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    for pair in ((a, b), (b, a)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"""


def node_away(world, node, agent):
    """The agent's machine stops dead (SIGSTOP: its kernel answers on TCP, nobody else does)."""
    with terminal.Session(world, node) as s:
        s.shell()
        os.killpg(agent.child.pid, signal.SIGSTOP)
        began = time.monotonic()
        try:
            s.expect(r"\[sallyport\] the node is away \(it did not answer any more\)", 35)
            took = time.monotonic() - began
            ok(took < 33, f"the person is told that the node hangs ({took:.0f} s)")
        finally:
            os.killpg(agent.child.pid, signal.SIGCONT)
        s.expect(r"\[sallyport\] the node is back", 30)
        equal(s.run("echo here", 30).split("\n")[-1], "here", "and that it is back")
        leave(world, s)
    wait_until(lambda: world.online(node))


def limits(world, node):
    live = [world.ssm.start_session(Target=node)["SessionId"] for _ in range(3)]
    equal(e2e.refusal(world.ssm.start_session, Target=node)[:2],
          ("ServiceQuotaExceededException", f"{node} has reached its maximum of 3 concurrent sessions."),
          "the limit of the node is told")
    equal(metric(world, 'sallyport_session_limit_hits_total{limit="node"}'), 1, "and counted")
    for ident in live:
        world.ssm.terminate_session(SessionId=ident)
        world.wait_status(ident, "Terminated", "Failed", seconds=10)


def idle(world, node):
    """The shortest there is: one minute, the warning after half of it."""
    content = {"schemaVersion": "1.0", "description": "", "sessionType": "Standard_Stream",
               "inputs": {"idleSessionTimeout": "1"}}
    world.ssm.create_document(Name="Idle", DocumentType="Session", Content=json.dumps(content))
    return terminal.Session(world, node, DocumentName="Idle").shell()


def idle_ends(world, s):
    s.expect(r"\[sallyport\] the session is idle and will end in \d+ seconds", 60)
    ok(True, "the person is warned before an idle session ends")
    s.expect(f"SessionId: {re.escape(s.id)} : The session was idle for 1 minute", 60)
    equal(s.wait_exit(), 0, "and then told why it did")
    equal(world.wait_status(s.id, "Terminated")["Details"], "The session was idle for 1 minute.", "as is the history")
    s.close()


def main():
    with e2e.World("resume", "sessions_per_node_max = 3\n") as world:
        node, _ = world.agent("one")
        hung, agent = world.agent("two")
        resting = idle(world, node)
        with concurrent.futures.ThreadPoolExecutor() as pool:  # each waits for half a minute
            waits = [pool.submit(hung_proxy, world, node), pool.submit(node_away, world, hung, agent)]
            for w in waits:
                w.result()
        idle_ends(world, resting)
        limits(world, node)
        without_credentials(world, node)
        refused(world, node)
    e2e.finish()


if __name__ == "__main__":
    main()
