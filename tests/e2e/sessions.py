#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: a session loses and doubles no byte, not even when the server is killed; it ends on both
sides when it should, is listed in the state that it is in, leaves no process behind however it
ends, and its token opens it once.
"""
import hashlib
import json
import os
import pwd
import re
import signal
import sqlite3
import time

import e2e
import terminal
from e2e import equal, ok, wait_until

PASTE_MB = 10
NOT_ROOT = os.getuid() != 0


# ---- bytes ----

def counter_survives_crash(world, node):
    """A stream of numbers out, and lines in, while the server dies and comes back."""
    with terminal.Session(world, node) as s:
        s.shell()
        s.send("i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo \"n $i\"; [ $((i%10)) -gt 0 ] || sleep 0.01; "
               "done; echo counted\r")
        s.expect(b"n 500\r")
        world.server.kill(signal.SIGKILL)
        time.sleep(1)  # the outage: the shell goes on meanwhile
        world.start_server()
        s.mark = 0
        s.expect(b"n 1\r.*counted\r", 40)
        numbers = [int(n) for n in re.findall(rb"n (\d+)\r\n", bytes(s.data))]
        equal((len(numbers), numbers == list(range(1, 3001))), (3000, True),
              "3000 lines arrive once and in order through kill -9 of the server")
        lost = re.search(rb"[^\n]*(lost|reconnect)[^\n]*", bytes(s.data), re.I)
        ok(lost, f"the loss is shown to the person ({lost.group(0).decode() if lost else 'nothing'})")
        s.expect(terminal.PROMPT)
        # Raw: what is typed must not meet the line limit of a terminal while the shell waits.
        s.send("stty raw; echo typing; i=0; while [ $i -lt 600 ]; do IFS= read -r l || break; i=$((i+1)); "
               "echo \"got $l\"; done; stty sane -echo; echo typed\r")
        s.expect(b"typing")
        for i in range(1, 601):
            s.send(f"line {i}\n")
            if i == 200:
                world.server.kill(signal.SIGKILL)
            if i == 400:
                world.start_server()
        s.expect(b"typed\r", 40)
        lines = re.findall(rb"got (line \d+)\n", bytes(s.data))
        equal((len(lines), lines == [f"line {i}".encode() for i in range(1, 601)]), (600, True),
              "600 lines typed before, in and after the outage arrive once and in order")
        s.send("exit\r")
        s.expect(f"Exiting session with sessionId: {s.id}.")
        equal(s.wait_exit(), 0, "and the session ends as any other")
    ok(wait_until(lambda: world.online(node)), "the node is back by then, or soon")


def ping_pong_through_crashes(world, node):
    """Two short outages in a row with something on its way both ways."""
    with terminal.Session(world, node) as s:
        s.shell()
        for n in range(2):
            s.send(f"echo before {n}; sleep 0.3; echo after {n}\r")
            s.expect(f"before {n}\r")
            world.crash_server()
            s.expect(f"after {n}\r", 30)
            s.expect(terminal.PROMPT)
        text = bytes(s.data).decode(errors="replace")
        equal([len(re.findall(rf"(?:before|after) {n}\r", text)) for n in range(2)], [2, 2],
              "two outages in a row, every line once")
    ok(wait_until(lambda: world.online(node)), "the node is back, too")


def paste(world, node):
    lines = [os.urandom(40).hex() for _ in range(PASTE_MB * 1024 * 1024 // 81)]
    text = "".join(line + "\n" for line in lines).encode()
    with terminal.Session(world, node) as s:
        s.shell()
        target = world.dir / "paste"
        # The shell must have put its terminal into line mode before Ctrl-D counts as an end.
        s.send(f"echo pasting; cat > {target}; echo stored\r")
        s.expect("pasting\r")
        began = time.monotonic()
        s.send(text.replace(b"\n", b"\r"))  # as a terminal pastes
        s.send(b"\x04")
        s.expect("stored\r", 60)
        took = time.monotonic() - began
        got = hashlib.sha256(target.read_bytes()).hexdigest()
        equal(got, hashlib.sha256(text).hexdigest(),
              f"a paste of {PASTE_MB} MB into cat has the same digest ({took:.1f} s)")
        target.unlink()


def control_bytes(world, node):
    data = bytes(range(256)) * 40
    with terminal.Session(world, node) as s:
        s.shell()
        s.send("stty raw -echo; echo cat; head -c %d; stty sane -echo; echo; echo over\r" % len(data))
        s.expect(b"cat\n")
        at = s.mark
        s.send(data)
        s.wait(lambda d: len(d) >= at + len(data))
        equal(bytes(s.data[at:at + len(data)]) == data, True, "every byte value returns untouched from stty raw; cat")
        s.expect("over\r")


def big_output(world, node):
    with terminal.Session(world, node) as s:
        s.shell()
        s.send("stty raw -echo; echo begin; head -c 8000000 /dev/zero | tr '\\0' x; stty sane -echo; echo; echo ended\r")
        s.expect(b"begin\n")
        at = s.mark
        s.expect(b"ended\r", 60)
        body = bytes(s.data[at:]).split(b"\n")[0].rstrip(b"\r")
        equal((len(body), set(body) == {ord("x")}), (8000000, True), "8 MB of output arrive whole")


# ---- ends ----

def terminate(world, node):
    with terminal.Session(world, node) as s:
        s.shell()
        world.ssm.terminate_session(SessionId=s.id)
        s.expect(f"\r\n\r\nExiting session with sessionId: {s.id}.\r\n\r\n", 10)
        equal(s.wait_exit(10), 0, "terminate-session ends the client with its usual words and status 0")
        row = world.wait_status(s.id, "Terminated", seconds=10)
        ok(row and "terminated by arn:aws:iam::" in row.get("Details", "") and row["EndDate"] >= row["StartDate"],
           "and the history says by whom")


def states(world, node):
    started = world.ssm.start_session(Target=node, Reason="states")
    ident = started["SessionId"]
    equal(world.session(ident)["Status"], "Connecting", "a session that nobody opened is Connecting")
    with terminal.Session(world, node, started=started) as s:
        s.shell()
        row = world.wait_status(ident, "Connected", seconds=5)
        ok(row, "an open one is Connected")
        find = lambda state, **f: [x["SessionId"] for x in world.ssm.describe_sessions(  # noqa: E731
            State=state, Filters=[{"key": k, "value": v} for k, v in f.items()])["Sessions"]]
        equal((find("Active", Status="Connected", SessionId=ident), find("Active", Status="Connecting", SessionId=ident)),
              ([ident], []), "the filter Status agrees")
        equal((find("Active", Target=node, Owner=row["Owner"], SessionId=ident), find("Active", Target="mi-" + "0" * 17),
               find("History", SessionId=ident)), ([ident], [], []), "as do Target, Owner and State")
        s.kill()
        ok(world.wait_status(ident, "Disconnected", seconds=5), "one whose client was killed is Disconnected")
    resumed = world.ssm.resume_session(SessionId=ident)
    with terminal.Session(world, node, started=resumed) as s:
        ok(world.wait_status(ident, "Connected", seconds=5), "a resumed one is Connected again")
    world.ssm.terminate_session(SessionId=ident)
    row = world.wait_status(ident, "Terminated")
    equal((row["Reason"], row["DocumentName"], find("Active", SessionId=ident)),
          ("states", "SSM-SessionManagerRunShell", []), "a terminated one is history")


def token_once(world, node):
    started = world.ssm.start_session(Target=node)
    with terminal.Session(world, node, started=started) as s:
        s.shell()
        with terminal.Session(world, node, started=started) as thief:
            equal(s.run("echo still mine"), "still mine", "a second client with the same token changes nothing")
            ok(b"still mine" not in thief.data, "and sees nothing")
            ok(wait_until(lambda: "token not valid" in world.server.text(), 10), "the server noted the refusal")
        equal(s.run("echo and after"), "and after", "the session goes on")
        s.send("exit\r")
        equal(s.wait_exit(), 0, "to its end")


def exits(world, node):
    with terminal.Session(world, node) as s:
        s.shell()
        s.send("exit 3\r")
        s.expect(f"Exiting session with sessionId: {s.id}.")
        equal(s.wait_exit(), 0, "exit 3 in the shell: the plugin ends with 0, as the stock one")
        ok(world.wait_status(s.id, "Terminated", seconds=10), "and the session is over")
    with terminal.Session(world, node) as s:
        s.shell()
        s.send("kill -9 $$\r")
        s.expect(f"Exiting session with sessionId: {s.id}.")
        equal(s.wait_exit(), 0, "a shell that was killed ends it, too")


# ---- what is left behind ----

LEAVERS = {
    "a background job": "sleep {mark} &",
    "nohup": "nohup sleep {mark} >/dev/null 2>&1 &",
    "setsid": "setsid sleep {mark} </dev/null >/dev/null 2>&1 &",
    "a double-forked daemon": "(setsid sh -c 'sleep {mark} & exec sleep {mark}' </dev/null >/dev/null 2>&1 &)",
}


def leave_some(s, mark):
    for text in LEAVERS.values():
        s.run(text.format(mark=mark))
    wait_until(lambda: len(e2e.processes(mark)) >= len(LEAVERS) + 1, 5)
    return len(e2e.processes(mark))


def nothing_left(world, node, agent, who):
    """Agent-protocol 10.24: stopping the stock agent leaves shells running, ours none."""
    def gone(mark, how):
        ok(wait_until(lambda: not e2e.processes(mark), 8),
           f"{who}: {how}: no process is left ({len(e2e.processes(mark))} of them)")
        for pid in e2e.processes(mark):
            os.kill(pid, signal.SIGKILL)
    marks = (f"{8000000 + os.getpid()}.{n}" for n in range(1, 9))
    mark = next(marks)
    with terminal.Session(world, node) as s:
        s.shell()
        ok(leave_some(s, mark) > len(LEAVERS), f"{who}: background jobs and daemons run")
        s.send("exit\r")
        s.wait_exit()
        gone(mark, "after exit")
    mark = next(marks)
    with terminal.Session(world, node) as s, terminal.Session(world, node) as other:
        s.shell(), other.shell()
        leave_some(s, mark)
        world.ssm.terminate_session(SessionId=s.id)
        gone(mark, "after terminate-session")
        equal(other.run("echo here"), "here", f"{who}: the other session of the node is untouched")
        mark = next(marks)
        leave_some(other, mark)
        agent.kill(signal.SIGTERM)
        gone(mark, "after the agent was stopped")
    agent.start()
    wait_until(lambda: world.online(node))
    mark = next(marks)
    with terminal.Session(world, node) as s:
        s.shell()
        leave_some(s, mark)
        agent.kill(signal.SIGKILL)
        gone(mark, "after the agent was killed")
    agent.start()
    wait_until(lambda: world.online(node))


# ---- who ----

def surroundings(s, entry):
    """What programs in the session find: a login shell's terminal, locale, files and signals."""
    equal(s.run("echo $TERM; tput colors"), "xterm-256color\n256", "TERM is one that this machine's terminfo knows")
    equal(s.run("locale charmap; printf '\\303\\274' | wc -m"), "UTF-8\n1", "the locale's characters are UTF-8")
    equal(s.run("echo $SHELL $0"), f"{entry.pw_shell} -{os.path.basename(entry.pw_shell)}",
          "the shell of passwd, named as login programs do")
    equal(s.run("shopt -q login_shell && echo login"), "login", "so that it is a login shell")
    equal(s.run("stty size; stty -a | grep -o '; erase = [^;]*'"), "31 97\n; erase = ^?", "the terminal is set up as usual")
    equal(s.run("grep -E 'Sig(Blk|Ign)' /proc/self/status | tr -d '\\t'"),
          "SigBlk:0000000000000000\nSigIgn:0000000000000000", "no signal is blocked or ignored")
    equal(s.run("ls -l /proc/$$/fd | grep -cv -e /dev/pts/ -e total"), "0", "no file of the agent is open")


def profile_is_read(world, node, entry):
    path = os.path.join(entry.pw_dir, ".bash_profile")
    with open(path, "w", encoding="utf-8") as f:
        f.write("export FROM_PROFILE=yes\n")
    with terminal.Session(world, node) as s:
        s.shell()
        equal(s.run("echo $FROM_PROFILE"), "yes", "the profile of the user is read")
    os.unlink(path)


def identity(world, node, user):
    """Agent-protocol 10.25: HOME is what passwd names, not /home/USER."""
    with terminal.Session(world, node) as s:
        s.shell()
        entry = pwd.getpwnam(user)
        equal(s.run("id -un; pwd; echo $HOME $USER $LOGNAME"),
              f"{user}\n{entry.pw_dir}\n{entry.pw_dir} {user} {user}", f"a session as {user} is at home")
        equal(s.run("id -Gn").split(), os.popen(f"id -Gn {user}").read().split(), f"with the groups of {user}")
        equal(s.run("tty | cut -d/ -f1-3; stat -c %U $(tty)"), f"/dev/pts\n{user}", "on a terminal of its own")
        surroundings(s, entry)
        s.send("exit\r")
        s.wait_exit()


def edit(world, node, agent, *statements):
    """Changes rows while the server is down: the operations for these come later."""
    agent.kill(signal.SIGTERM)
    world.server.kill(signal.SIGTERM)
    with sqlite3.connect(world.state / "sallyport.db") as db:
        for sql, *values in statements:
            db.execute(sql, values)
    db.close()
    world.start_server()
    agent.start()
    wait_until(lambda: world.online(node))


def refused_start(world, node):
    return e2e.refusal(world.ssm.start_session, Target=node)[:2]


def run_as(world, node, agent, user):
    """By the preferences document, and by the tag of the principal, which wins."""
    def preferences(default):
        content = {"schemaVersion": "1.0", "description": "", "sessionType": "Standard_Stream",
                   "inputs": {"runAsEnabled": True, "runAsDefaultUser": default, "shellProfile": {
                       "linux": "echo profile-$((40+2))", "windows": ""}}}
        return ("UPDATE documents SET content = ? WHERE name = 'SSM-SessionManagerRunShell'", json.dumps(content))
    tag = "INSERT INTO tags (resource, key, value) VALUES ('User/admin', 'SSMSessionRunAs', ?)"
    edit(world, node, agent, preferences(user))
    with terminal.Session(world, node) as s:
        s.shell()
        equal(s.run("id -un"), user, "preferences with Run As: the session is its default user's")
        ok(b"profile-42" in s.data, "and the shell profile ran")
    edit(world, node, agent, preferences(""))
    code, text = refused_start(world, node)
    ok(code == "BadRequest" and "Run As" in text, "Run As without any user is refused with the reason")
    edit(world, node, agent, preferences("no-such-user"), (tag, user))
    with terminal.Session(world, node) as s:
        s.shell()
        equal(s.run("id -un"), user, "the tag of the principal wins")
    edit(world, node, agent, ("UPDATE tags SET value = 'no-such-user' WHERE key = 'SSMSessionRunAs'",))
    with terminal.Session(world, node) as s:
        s.expect("no-such-user", 15)
        equal(s.wait_exit(10), 0, "a user that the node does not have: the client hears it and ends")
        row = world.wait_status(s.id, "Failed", seconds=5)
        ok(row and "no-such-user" in row.get("Details", ""), "and the session has Failed with the reason")


def as_root(world):
    with e2e.TemporaryUser("sp-e2e") as user:
        node, agent = world.agent("rooted", session_user=user)
        identity(world, node, user)
        profile_is_read(world, node, pwd.getpwnam(user))
        nothing_left(world, node, agent, "an agent that is root")
        plain, plain_agent = world.agent("plain", user=user)
        identity(world, plain, user)
        nothing_left(world, plain, plain_agent, f"an agent that is {user}")
        run_as(world, node, agent, user)


def main():
    with e2e.World("sessions") as world:
        node, agent = world.agent("one")
        counter_survives_crash(world, node)
        ping_pong_through_crashes(world, node)
        control_bytes(world, node)
        paste(world, node)
        big_output(world, node)
        terminate(world, node)
        states(world, node)
        token_once(world, node)
        exits(world, node)
        if NOT_ROOT:
            nothing_left(world, node, agent, "an agent that is not root")
            e2e.skip("other users' sessions: this is not root")
        else:
            as_root(world)
    e2e.finish()


if __name__ == "__main__":
    main()
