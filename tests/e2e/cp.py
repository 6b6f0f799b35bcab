#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: sallyport cp copies files and trees both ways, each byte as it was, whatever happens
to the connection; the same command goes on where an interrupted one stopped; what cannot be
copied is named, and the rest is copied; with no more rights than the session's user has."""
import contextlib
import grp
import hashlib
import os
import pathlib
import pwd
import random
import re
import shutil
import signal
import stat
import subprocess
import time

import e2e
import stock
import terminal
from e2e import equal, ok, wait_until

MB = 1000 * 1000
LARGE = 60 * MB


def fill(path, size, seed=1):
    block = random.Random(seed).randbytes(MB)
    with open(path, "wb") as f:
        for i in range(0, size, MB):
            f.write(i.to_bytes(8, "big") + block[: min(MB, size - i) - 8])
    return path


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else \
            hashlib.sha256(f.read()).hexdigest()


class Copy:
    """sallyport cp, running."""

    def __init__(self, world, *argv, cwd=None):
        self.p = subprocess.Popen([world.bin / "sallyport", "cp", *map(str, argv)], env=world.env(),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True, errors="surrogateescape", cwd=cwd)

    def end(self, seconds=60):
        out, err = self.p.communicate(timeout=seconds)
        return self.p.returncode, out, err


def cp(world, *argv, cwd=None):
    return Copy(world, *argv, cwd=cwd).end()


def fresh(path):
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path


# ---- files and trees ----

def files(world):
    here, there = fresh(world.dir / "here"), fresh(world.dir / "there")
    fill(here / "f", 8 * MB)
    equal(cp(world, here / "f", f"node:{there}/g"), (0, "", ""), "file: to the node; nothing is said")
    equal(cp(world, f"node:{there}/g", here / "h"), (0, "", ""), "file: from the node")
    ok(digest(here / "f") == digest(there / "g") == digest(here / "h"), "file: 8 MB, byte for byte both ways")
    (here / "empty").touch()
    equal((cp(world, here / "empty", f"node:{there}/")[0], (there / "empty").stat().st_size), (0, 0), "file: an empty one")
    odd = os.fsdecode(b" -n\xff\n\x1b[2J")
    (here / odd).write_bytes(b"odd")
    done = cp(world, here / odd, f"node:{there}")
    equal((done[0], (there / odd).read_bytes()), (0, b"odd"), "file: a name of any bytes")
    done = cp(world, f"node:{there}/{odd}", f"node:{there}/g", here, cwd=here)
    equal(done, (0, "", ""), "file: several into a directory")
    (here / "g").chmod(0o751)
    (here / "g").write_bytes(b"new")
    os.utime(here / "g", (1600000000, 1600000001))
    (there / "g").chmod(0o600)
    cp(world, here / "g", f"node:{there}/g")
    equal(stat.S_IMODE((there / "g").stat().st_mode), 0o600, "mode: a file that is replaced keeps its own")
    cp(world, "-p", here / "g", f"node:{there}/g")
    s = (there / "g").stat()
    equal((stat.S_IMODE(s.st_mode), int(s.st_mtime), (there / "g").read_bytes()), (0o751, 1600000001, b"new"),
          "mode: -p brings mode and time")
    left = [p.name for d in (here, there) for p in d.iterdir() if "partial" in p.name]
    equal(left, [], "file: nothing else stays")


def trees(world):
    here, there = fresh(world.dir / "here"), fresh(world.dir / "there")
    for i in range(1500):
        d = here / "tree" / str(i % 30)
        d.mkdir(parents=True, exist_ok=True)
        (d / str(i)).write_bytes(random.Random(i).randbytes(i % 5000))
    fill(here / "tree" / "large", 12 * MB)
    began = time.monotonic()
    equal(cp(world, "-r", here / "tree", f"node:{there}/up"), (0, "", ""), "tree: to the node")
    took = time.monotonic() - began
    equal(cp(world, "-r", f"node:{there}/up", here), (0, "", ""), "tree: from the node")
    same = subprocess.run(["diff", "-r", here / "tree", here / "up"], capture_output=True, check=False)
    equal(same.stdout, b"", f"tree: 1500 files and a large one, the same after both ways (up: {took:.1f} s)")
    os.symlink("large", here / "tree" / "link")
    os.symlink("..", here / "tree" / "0" / "loop")
    os.mkfifo(here / "tree" / "fifo")
    status, _, err = cp(world, "-r", f"{here}/tree/.", f"node:{there}")
    ok(status == 1 and "0/loop: a symbolic link to a directory that it is in: skipped" in err and
       "fifo: not a regular file: skipped" in err and err.count("\n") == 2, "tree: a loop and a pipe are named")
    ok(digest(there / "link") == digest(here / "tree" / "large") and not (there / "link").is_symlink() and
       (there / "29" / "1499").exists(), "tree: the rest is copied, what a link leads to as well")
    status, _, err = cp(world, here / "tree", f"node:{there}")
    equal((status, err), (1, f"sallyport: {here}/tree: is a directory: to copy it use -r\n"), "tree: not without -r")


# ---- what does not work ----

def refusals(world):
    here, there = fresh(world.dir / "here"), fresh(world.dir / "there")
    (here / "f").write_bytes(b"f")
    rows = [
        ((f"node:{there}/no", here), 1, f"node:{there}/no: no such file or directory"),
        ((here / "no", here / "f", f"node:{there}"), 1, f"{here}/no: no such file or directory"),
        ((here / "f", f"node:{there}/no/f"), 1, f"node:{there}/no: no such directory: make it first"),
        ((here / "f", f"node:{there}/no/"), 1, f"node:{there}/no: no such directory: make it first"),
        ((here / "f", here / "f", f"node:{there}/no"), 1, f"node:{there}/no: no such directory: several files need one"),
        ((here / "f", "node:/dev/null"), 1, "node:/dev/null: not a regular file: it is not replaced"),
        ((f"node:{here}/f", "/dev/null"), 1, "/dev/null: not a regular file: it is not replaced"),
        ((here / "f", here), 2, "are both on this machine: use cp"),
        (("node:a", "node:b"), 2, "are both on nodes"),
        (("node:a", "other:b", here), 2, "are two nodes"),
        ((here / "f", "nobody:x"), 1, "nobody"),
        ((here / "f",), 2, "to where"),
    ]
    for argv, status, words in rows:
        got, out, err = cp(world, *argv)
        if not ok(got == status and out == "" and words in err and err.startswith("sallyport"), f"refused: {words}"):
            print(f"    {got} {err!r}")
    ok((there / "f").read_bytes() == b"f", "refused: beside a file that is missing the other one is copied")
    equal(stat.S_ISCHR(os.stat("/dev/null").st_mode), True, "refused: a device stays one")


@contextlib.contextmanager
def small_disk(path, size):
    path.mkdir(exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], capture_output=True,
                      check=False).returncode != 0:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", path], check=True)


def disk_full(world):
    here = fresh(world.dir / "here")
    fill(here / "big", 12 * MB)
    (here / "small").write_bytes(b"small")
    with small_disk(world.dir / "disk", "6m") as mounted:
        if not mounted:
            e2e.skip("disk full: nothing can be mounted here")
            return
        disk = world.dir / "disk"
        words = "no space left there: make room and repeat the command"
        status, _, err = cp(world, here / "big", here / "small", f"node:{disk}")
        equal((status, err), (1, f"sallyport: node:{disk}/big: {words}\n"), "disk full: on the node, in words")
        equal(sorted(p.name for p in disk.iterdir()), ["small"], "disk full: the next file is copied, of the first nothing stays")
        status, _, err = cp(world, f"node:{here}/big", disk)
        equal((status, err), (1, f"sallyport: {disk}/big: {words}\n"), "disk full: here")


def as_user(world):
    """On the node the session's user reads and writes, and nobody else."""
    if os.getuid() != 0:
        e2e.skip("users: not root")
        return
    here = fresh(world.dir / "here")
    (here / "f").write_bytes(b"f")
    with e2e.TemporaryUser("sallyport-cp") as user:
        group = grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
        world.agent("usernode", session_user=user)
        home = pathlib.Path(pwd.getpwnam(user).pw_dir)
        equal(cp(world, here / "f", "usernode:"), (0, "", ""), "user: into the home")
        equal(cp(world, here / "f", "usernode:~/g")[0], 0, "user: ~ is the home")
        equal(((home / "f").owner(), (home / "f").group(), (home / "g").owner()), (user, group, user), "user: who owns what arrived")
        for argv, path in (((here / "f", "usernode:/etc/x"), "/etc/x"), (("usernode:/etc/shadow", here), "/etc/shadow"),
                           ((here / "f", "usernode:/etc/passwd"), "/etc/passwd")):
            status, _, err = cp(world, *argv)
            equal((status, err), (1, f"sallyport: usernode:{path}: permission denied (as user {user})\n"), f"user: {path} is refused")
        ok(not os.path.exists("/etc/x") and not (here / "shadow").exists(), "user: and nothing was made")
        wait_until(lambda: not e2e.processes("copy-session"), 5)


# ---- interruptions ----

def large(world, name, source, target, interrupt, again):
    """A copy that is interrupted when some of it is there; the rest is checked by its digest."""
    partial = target.parent / f".{target.name}.sallyport-partial"
    run = Copy(world, *again)

    def under_way():
        with contextlib.suppress(OSError):
            return partial.stat().st_size > LARGE // 10
        return False
    if not ok(wait_until(under_way, 30, 0.002), f"{name}: it is under way"):
        run.p.kill()
        print(run.end())
        return
    ok(not target.exists(), f"{name}: no name before it is complete")
    interrupt(run)
    return run, source, target, partial


def resume(world):
    here, there = fresh(world.dir / "here"), fresh(world.dir / "there")
    source = fill(here / "source", LARGE)
    for name, target, argv in (("up", there / "target", (source, f"node:{there}/target")),
                               ("down", there / "target2", (f"node:{source}", there / "target2"))):
        found = large(world, f"resume {name}", source, target, lambda run: run.p.kill(), argv)
        if not found:
            continue
        found[0].end()
        ok(world.quiet() and not target.exists(), f"resume {name}: killed, it does not get its name")
        began = world.relayed()
        equal(cp(world, *argv), (0, "", ""), f"resume {name}: the same command after kill -9")
        ok(digest(source) == digest(target), f"resume {name}: byte for byte")
        ok(world.relayed() - began < LARGE * 0.95, f"resume {name}: what was there was not sent again")
        ok(not found[3].exists(), f"resume {name}: nothing else stays")
        began = world.relayed()
        equal((cp(world, *argv)[0], world.relayed() - began < MB), (0, True), f"resume {name}: a third time nothing is sent")


def crash(world):
    """kill -9 of the server in the middle."""
    here, there = fresh(world.dir / "here"), fresh(world.dir / "there")
    source = fill(here / "source", LARGE)
    for name, target, argv in (("up", there / "target", (source, f"node:{there}/target")),
                               ("down", there / "target2", (f"node:{source}", there / "target2"))):
        found = large(world, f"crash {name}", source, target, lambda _: world.crash_server(), argv)
        if not found:
            continue
        status, out, err = found[0].end()
        equal((status, out), (0, ""), f"crash {name}: it goes on by itself")
        ok("reconnecting" in err and "restored" in err, f"crash {name}: and says so")
        ok(digest(source) == digest(target), f"crash {name}: byte for byte")
        # New sessions need the agent's control channel, which comes back by its own clock.
        wait_until(lambda: cp(world, f"node:{source}.none", here)[2].endswith("no such file or directory\n"), 60)


def interrupted(world):
    here, there = fresh(world.dir / "here"), fresh(world.dir / "there")
    source = fill(here / "source", LARGE)
    found = large(world, "interrupt", source, there / "t", lambda run: run.p.send_signal(signal.SIGINT),
                  (source, f"node:{there}/t"))
    if found:
        status, _, err = found[0].end()
        equal((status, err), (1, "sallyport: interrupted: the same command goes on where this one stopped\n"),
              "interrupt: Ctrl-C")
        ok(not found[2].exists(), "interrupt: it does not get its name")
    ok(wait_until(lambda: not world.ssm.describe_sessions(State="Active")["Sessions"], 10),
       "interrupt: no session stays")
    ok(wait_until(lambda: not e2e.processes("copy-session"), 10), "interrupt: no process stays")


# ---- what is seen ----

def progress(world):
    here, there = fresh(world.dir / "here"), fresh(world.dir / "there")
    fill(here / "f", 10 * MB)
    for options, shown in (((), True), (("-q",), False), (("--no-progress",), False)):
        argv = [str(world.bin / "sallyport"), "cp", *options, str(here / "f"), f"node:{there}/f{len(options)}"]
        with terminal.Terminal(argv, world.env()) as t:
            status = t.wait_exit()
            t.reader.join(5)
            text = bytes(t.data).decode()
        ok(status == 0 and ("100%" in text) == shown and (text != "") == shown, f"progress: on a terminal {options}")
        if shown:
            equal(len(re.split(r"[\r\n]+", text.strip())[-1].replace("\x1b[K", "")), 96, "progress: as wide as the terminal")
    (here / "g").write_bytes(b"g")
    cp(world, here / "g", f"node:{there}/g")
    wait_until(lambda: not world.ssm.describe_sessions(State="Active")["Sessions"], 10)
    row = world.ssm.describe_sessions(State="History", MaxResults=1)["Sessions"][0]
    equal((row["DocumentName"], row["Status"]), ("Sallyport-CopyFiles", "Terminated"), "history: the session and its document")
    # The copy program on the node reports through a pipe of its own, also after the client has left.
    line = r'"event":"file copied".*"direction":"to-node","bytes":"1","file":"[^"]*' + re.escape(f"{there}/g")
    ok(wait_until(lambda: re.search(line, world.processes[1].text()), 10),
       "log of the agent: direction, size and name")
    # Last: of so many at once the log tells the sum alone.
    for i in range(60):
        (here / f"small{i}").write_bytes(bytes(i * 1000))
    with terminal.Terminal([str(world.bin / "sallyport"), "cp", "-r", str(here), f"node:{there}/"], world.env()) as t:
        status = t.wait_exit()
        t.reader.join(5)
        text = bytes(t.data).decode()
    equal((status, text.count("100%"), " 0 B/s" in text), (0, 62, False), "progress: many small files have a line each")


def stock_agent(world):
    why = stock.obstacle()
    if why:
        e2e.skip(f"stock agent: {why}")
        return
    agent = stock.Agent(world, "stocknode")
    try:
        agent.register(*world.activation("Name=stocknode"))
        agent.start()
        ok(wait_until(lambda: world.online(agent.node_id()), 40), "stock agent: online")
        (world.dir / "f").write_bytes(b"f")
        began = time.monotonic()
        status, _, err = cp(world, world.dir / "f", "stocknode:/tmp/")
        ok(status == 1 and "the agent on stocknode cannot copy files: use scp or sftp" in err and
           time.monotonic() - began < 20, "stock agent: cp says what to do instead")
    finally:
        agent.stop()


def main():
    with e2e.World("copy") as world:
        world.agent("node")
        for part in (files, trees, refusals, disk_full, as_user, interrupted, resume, crash, progress, stock_agent):
            part(world)
    e2e.finish()


main()
