#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: "sallyport exec" is a pipe to a command on a node.  Standard input arrives byte for byte and
ends when ours ends, both outputs come back apart, the exit status is the command's, a slow command
slows the sender down instead of filling memory, and a dead server in the middle costs nothing.
"sallyport proxy" ends its input in the same way.
"""
import contextlib
import hashlib
import os
import pathlib
import random
import signal
import socket
import subprocess
import threading
import time

import e2e
import stock
from e2e import equal, ok, wait_until

BIG = 48 * 1024 * 1024


def argv(world, *words):
    return [str(world.bin / "sallyport"), *words]


def exec_(world, *words, options=(), **kwargs):
    kwargs.setdefault("timeout", 60)
    return subprocess.run(argv(world, "exec", *options, "web-1", "--", *words), env=world.env(), capture_output=True,
                          check=False, **kwargs)


def shell(world, text, timeout=60):
    return subprocess.run(["sh", "-c", text], env=world.env(), cwd=world.dir, capture_output=True, timeout=timeout,
                          check=False)


def rss(pid):
    with contextlib.suppress(OSError):  # it has ended
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
    return 0


# --- the pipe ---------------------------------------------------------------------------

def bytes_and_ends(world):
    every = bytes(range(256)) * 1200 + b"no newline at the end"
    p = exec_(world, "cat", input=every)
    equal((p.stdout == every, p.stderr, p.returncode), (True, b"", 0), "exec: every byte there and back")
    p = exec_(world, "cat", input=b"")
    equal((p.stdout, p.returncode), (b"", 0), "exec: an empty pipe is an end of file")
    p = exec_(world, "sh", "-c", "cat >/dev/null; echo done", stdin=subprocess.DEVNULL)
    equal((p.stdout, p.returncode), (b"done\n", 0), "exec: and so is /dev/null")
    p = exec_(world, "cat", preexec_fn=lambda: os.close(0))
    equal((p.stdout, p.returncode), (b"", 0), "exec: and a closed descriptor")
    (world.dir / "every").write_bytes(every)
    p = shell(world, "sallyport exec web-1 -- cat < every | cmp - every")
    equal((p.returncode, p.stderr), (0, b""), "exec: from a file")
    p = exec_(world, "sh", "-c", "wc -c; echo read all >&2; kill -USR1 $$", input=every)
    equal((int(p.stdout), p.stderr, p.returncode), (len(every), b"read all\n", 128 + signal.SIGUSR1),
          "exec: the outputs apart, after the input's end, and the signal as a status")


def trees(world):
    shell(world, "mkdir -p tree/a/b target && seq 1 20000 > tree/a/n && ln -s n tree/a/link && "
                 "head -c 300000 /dev/urandom > tree/a/b/r")
    p = shell(world, f"tar c tree | sallyport exec web-1 -- tar x -C {world.dir}/target && diff -r tree target/tree && "
                     f"sallyport exec web-1 -- tar c -C {world.dir} tree | tar d")
    equal((p.returncode, p.stdout, p.stderr), (0, b"", b""), "exec: tar into tar, both ways")


def loops(world):
    script = "printf '1\\n2\\n3\\n' | while read n; do sallyport exec {} web-1 -- {}; done"
    equal(shell(world, script.format("-n", "echo got $n")).stdout, b"got 1\ngot 2\ngot 3\n",
          "exec -n: standard input is left alone")
    equal(shell(world, script.format("", "cat")).stdout, b"2\n3\n", "exec: without -n it is the command's, as with ssh")


def early_leavers(world):
    p = shell(world, "yes | sallyport exec web-1 -- head -2")
    equal((p.stdout, p.returncode), (b"y\ny\n", 0), "exec: a command that reads little ends by itself")
    equal(exec_(world, "sh", "-c", "exit 7", input=bytes(BIG)).returncode, 7, "exec: or reads nothing")
    p = shell(world, "sh -c 'yes; echo writer ended >&2' | sallyport exec web-1 -- sh -c 'exec <&-; sleep 1; echo on'", 20)
    equal((p.stdout, p.stderr), (b"on\n", b"writer ended\n"),
          "exec: a command that closes its input goes on, and our writer is told")
    p = shell(world, "seq 1 100000000 | sallyport exec web-1 -- cat | head -1")
    ok(p.stdout == b"1\n" and wait_until(lambda: not world.ssm.describe_sessions(State="Active")["Sessions"], 10),
       "exec: a pipeline that is cut behind us ends, and so does the session")


# --- slow ones and signals ------------------------------------------------------------------

def fill(p):
    """Writes until nothing is taken any more; how much was."""
    os.set_blocking(p.stdin.fileno(), False)
    block, taken, quiet = b"a" * 65536, 0, time.monotonic()
    while time.monotonic() - quiet < 1.5 and taken < BIG:
        try:
            taken += os.write(p.stdin.fileno(), block)
            quiet = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    os.set_blocking(p.stdin.fileno(), True)
    return taken


def back_pressure(world, agent):
    pid = agent.child.pid  # the monitor, and below it the worker; or the only process
    worker = [pid, *map(int, pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    go = world.dir / "go"
    wait = f"echo ready; until [ -e {go} ]; do sleep 0.1; done; exec wc -c"
    with subprocess.Popen(argv(world, "exec", "web-1", "--", "sh", "-c", wait), env=world.env(),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
        p.stdout.readline()
        before = rss(p.pid), sum(map(rss, worker))
        taken = fill(p)
        grown = rss(p.pid) - before[0], sum(map(rss, worker)) - before[1]
        ok(taken < 8 << 20, f"exec: a command that does not read stops the writer (after {taken >> 10} KiB)")
        ok(max(grown) < 32 << 20, f"exec: with little in memory ({[g >> 10 for g in grown]} KiB more)")
        go.touch()
        p.stdin.write(b"\nthe rest")
        p.stdin.close()
        equal((int(p.stdout.read()), p.wait(20)), (taken + 9, 0), "exec: and goes on, with nothing lost")


def signals(world):
    with subprocess.Popen(argv(world, "exec", "web-1", "--", "sh", "-c",
                               "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.1; done"),
                          env=world.env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
        p.stdout.readline()
        p.send_signal(signal.SIGINT)
        equal((p.stdout.read(), p.wait(20)), (b"caught\n", 9), "exec: Ctrl-C is a signal for the command")
    seconds = f"1000.{os.getpid()}"
    with subprocess.Popen(argv(world, "exec", "web-1", "--", "sh", "-c", f"echo ready; sleep {seconds}"), env=world.env(),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
        p.stdout.readline()
        fill(p)
        p.send_signal(signal.SIGINT)
        equal(p.wait(20), 255, "exec: where input that is not read is in its way, it ends the session")
        with contextlib.suppress(BrokenPipeError):
            p.stdin.close()
    ok(wait_until(lambda: not e2e.processes(seconds), 10), "exec: and nothing of the command stays")


# --- a dead server ---------------------------------------------------------------------------

def survives(world):
    """Up and down at once, three kills in the middle."""
    rng = random.Random(7)
    data = rng.randbytes(BIG)
    with subprocess.Popen(argv(world, "exec", "web-1", "--", "cat"), env=world.env(), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as p:
        def feed():
            step = len(data) // 4
            for i in range(4):
                p.stdin.write(data[i * step:(i + 1) * step])
                if i < 3:
                    world.crash_server()
            p.stdin.close()
        feeder = threading.Thread(target=feed)
        feeder.start()
        got = hashlib.sha256(p.stdout.read()).hexdigest()
        feeder.join()
        equal((got, p.wait(20)), (hashlib.sha256(data).hexdigest(), 0),
              f"exec: {BIG >> 20} MiB there and back through three kill -9 of the server, the same by hash")
    wait_until(lambda: world.online(world.nodes["web-1"]))  # new sessions need its control channel


# --- proxy ------------------------------------------------------------------------------------

def answers_at_the_end(listener):
    """Says how much it got, once the other side has said all."""
    with contextlib.suppress(OSError):
        while True:
            c = listener.accept()[0]
            n = 0
            while part := c.recv(65536):
                n += len(part)
            time.sleep(0.5)
            c.sendall(b"%d bytes\n" % n)
            c.close()


def proxy(world):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answers_at_the_end, args=(listener,), daemon=True).start()
        began = time.monotonic()
        p = subprocess.run(argv(world, "proxy", world.nodes["web-1"], str(listener.getsockname()[1])), env=world.env(),
                           input=bytes(3000000), capture_output=True, timeout=60, check=False)
        equal((p.stdout, p.returncode), (b"3000000 bytes\n", 0), "proxy: the end of standard input is told")
        ok(time.monotonic() - began < 10, "proxy: and nobody waits for more")


# --- a stock agent ---------------------------------------------------------------------------

def stock_agent(world):
    """It has no input for commands, no word for its end, and no unix sockets: said, not guessed."""
    with stock.beside(world) as nodes:
        if not nodes:
            return
        words = "standard input was not sent"
        p = subprocess.run(argv(world, "exec", nodes["stock"], "--", "sh", "-c", "cat; echo out; exit 5"), env=world.env(),
                           input=b"lost", capture_output=True, timeout=60, check=False)
        equal((p.stdout, p.returncode, words in p.stderr.decode()), (b"out\n", 5, True),
              "stock agent: exec runs without its input, and says so")
        p = subprocess.run(argv(world, "exec", nodes["stock"], "--", "true"), env=world.env(), stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=60, check=False)
        equal((p.stderr, p.returncode), (b"", 0), "stock agent: but not of an empty one")
        p = subprocess.run(argv(world, "forward", nodes["stock"], "0:/run/some.sock"), env=world.env(), stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=60, check=False)
        ok(p.returncode == 255 and b"only sallyport-agent connects to sockets" in p.stderr,
           "stock agent: forward to a socket fails in words")


def main():
    with e2e.World("exec") as world:
        _, agent = world.agent("web-1")
        bytes_and_ends(world)
        trees(world)
        loops(world)
        early_leavers(world)
        back_pressure(world, agent)
        signals(world)
        survives(world)
        proxy(world)
        stock_agent(world)
    e2e.finish()


if __name__ == "__main__":
    main()
