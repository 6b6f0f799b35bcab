#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: ./demo in a fresh checkout builds, starts, opens a session and says what to try next; run
again it uses what is there; --no-session only starts; stop ends what was started, and only that.

It works in a copy of this checkout, kept under build/, so that only the first run compiles all.
"""
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import time

import pexpect

import e2e
from e2e import equal, ok, wait_until

COPY = pathlib.Path(os.environ.get("SALLYPORT_DEMO_COPY", e2e.TOP / "build/check/demo"))


def sources():
    """The files of the checkout, as Git or, without it, the folder has them."""
    p = subprocess.run(["git", "-C", e2e.TOP, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                       capture_output=True, text=True, check=False)
    if p.returncode == 0 and p.stdout:
        return [f for f in p.stdout.split("\0") if f]
    return [str(f.relative_to(e2e.TOP)) for f in e2e.TOP.rglob("*") if f.is_file() and not
            re.match(r"build|\.demo|\.git/|node_modules", str(f.relative_to(e2e.TOP)))]


def copy_checkout():
    """Only what changed is copied, times included: the build in the copy stays good."""
    names = {n for n in sources() if (e2e.TOP / n).is_file()}
    for old in COPY.rglob("*"):
        name = str(old.relative_to(COPY))
        if old.is_file() and name not in names and not re.match(r"build/|\.demo/", name):
            old.unlink()
    for name in names:
        source, target = e2e.TOP / name, COPY / name
        s = source.stat()
        if target.exists() and (target.stat().st_size, target.stat().st_mtime) == (s.st_size, s.st_mtime):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


class Demo:
    def __init__(self):
        self.port = e2e.free_port()
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SALLYPORT_", "SSL_"))}
        self.env = dict(keep, SALLYPORT_DEMO_PORT=str(self.port), AWS_EC2_METADATA_DISABLED="true",
                        AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null")

    def run(self, *args, seconds=500):
        return subprocess.run([COPY / "demo", *args], env=self.env, cwd="/", text=True, timeout=seconds,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)

    def person(self, command):
        """A command of somebody who read .demo/env, as the demo tells to."""
        return subprocess.run(["bash", "-c", f"cd {COPY} && . .demo/env && {command}"], env=self.env, text=True,
                              capture_output=True, check=False, timeout=60, stdin=subprocess.DEVNULL)

    def pids(self):
        found = {}
        for name in ("sallyportd", "agent"):
            path = COPY / f".demo/{name}.pid"
            found[name] = int(path.read_text()) if path.exists() else None
        return found


def must(done, what):
    if not ok(done.returncode == 0, what):
        print(done.stdout[-3000:], done.stderr[-3000:])
        raise RuntimeError(what)
    return done.stdout


def starts(d):
    out = must(d.run("--no-session"), "./demo --no-session builds and starts")
    ok("The demo is up" in out and ". .demo/env" in out and "./demo stop" in out, "and says what to try next")
    ok("hello from" not in out, "without a session")
    equal((stat.S_IMODE((COPY / ".demo/env").stat().st_mode), stat.S_IMODE((COPY / ".demo").stat().st_mode)),
          (0o600, 0o700), "the credentials are for this user only")
    shown = d.person("env -0").stdout.split("\0")
    values = dict(v.split("=", 1) for v in shown if "=" in v)
    equal((values.get("AWS_ENDPOINT_URL"), values.get("AWS_REGION"), values.get("AWS_DEFAULT_REGION")),
          (f"https://localhost:{d.port}", "eu-north-1", "eu-north-1"), ".demo/env names endpoint and region")
    ok(values["AWS_CA_BUNDLE"] == values["SSL_CERT_FILE"] and
       open(values["AWS_CA_BUNDLE"], encoding="utf-8").read().count("BEGIN CERTIFICATE") > 1,
       "the system's authorities and the demo's own")
    node = values["SALLYPORT_NODE"]
    aws = "aws --endpoint-url $AWS_ENDPOINT_URL --output text"
    equal(d.person(f"{aws} ssm get-connection-status --target $SALLYPORT_NODE --query Status").stdout.strip(),
          "connected", "the AWS CLI finds the node connected")
    ok(re.fullmatch(r"\d[\d.]*", d.person("session-manager-plugin --version").stdout.strip()),
       "a session-manager-plugin is on PATH")
    p = d.person("sallyport ls")
    ok(p.returncode == 0 and node in p.stdout, "sallyport ls shows the node")
    return node


def again(d, node):
    before = d.pids()
    out = must(d.run(), "./demo again, without a terminal")
    ok("hello from" in out and "Starting session with SessionId: admin-" in out, "runs a session and prints it")
    ok("already running" in out and d.pids() == before, "with the server and the agent that were there")
    ok(node in d.person("echo $SALLYPORT_NODE").stdout, "and the same node")


def on_a_terminal(d):
    child = pexpect.spawn(str(COPY / "demo"), env=d.env, cwd="/", encoding="utf-8", timeout=60, dimensions=(24, 80))
    child.expect("Starting session with SessionId: admin-")
    child.expect("[$#] ")
    child.sendline("echo $((6*7)) here")
    child.expect("42 here")
    child.sendline("exit")
    child.expect("Exiting session with sessionId")
    child.expect("The demo is up")
    child.expect(pexpect.EOF)
    child.close()
    equal(child.exitstatus, 0, "on a terminal ./demo lands in the shell, and goes on after exit")


def stops(d, node):
    pids = d.pids()
    must(d.run("stop"), "./demo stop")
    ok(wait_until(lambda: not any(os.path.exists(f"/proc/{p}") for p in pids.values()), 5), "ends what was started")
    ok(wait_until(lambda: not e2e.processes(str(COPY / ".demo")), 5), "all of it")
    must(d.run("stop"), "./demo stop once more is no mistake")
    must(d.run("--no-session"), "./demo --no-session after that")
    equal(d.person("echo $SALLYPORT_NODE").stdout.strip(), node, "finds its node again")
    must(d.run("stop"), "and stops")


def usage(d):
    equal(d.run("nonsense").returncode, 2, "an unknown word is refused")
    ok("usage: ./demo" in d.run("--help").stdout, "--help")


def main():
    began = time.monotonic()
    COPY.mkdir(parents=True, exist_ok=True)
    d = Demo()
    copy_checkout()
    try:
        usage(d)
        d.run("stop")  # of an earlier run that was cut short
        shutil.rmtree(COPY / ".demo", ignore_errors=True)
        node = starts(d)
        again(d, node)
        on_a_terminal(d)
        stops(d, node)
    except (RuntimeError, pexpect.ExceptionPexpect, subprocess.TimeoutExpired, OSError) as e:
        ok(False, f"the demo went to its end ({type(e).__name__}: {str(e)[:2000]})")
    finally:
        d.run("stop")
    print(f"    {time.monotonic() - began:.0f} s")
    e2e.finish()


if __name__ == "__main__":
    sys.exit(main())
