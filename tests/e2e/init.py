#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: `sallyportd init` may be killed at any moment and run again; then there is one account
whose administrator's key is in admin-credentials, and a certificate that fits its key.  And it
refuses a folder that is not its owner's alone.
"""
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import time

import e2e
from e2e import BIN, equal, ok

ROUNDS = 16


def init(state, *options, **kwargs):
    return subprocess.run([BIN / "sallyportd", "init", "--state-dir", state, "--host", "localhost", *options],
                          capture_output=True, text=True, check=False, timeout=60, **kwargs)


def killed_after(state, seconds, *options):
    with subprocess.Popen([BIN / "sallyportd", "init", "--state-dir", state, "--host", "localhost", *options],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
        time.sleep(seconds)
        p.kill()


def check_config(state):
    conf = state.with_suffix(".conf")
    conf.write_text(f"state_dir = {state}\n")
    return subprocess.run([BIN / "sallyportd", "--config", conf, "--check-config"], capture_output=True, text=True,
                          check=False, timeout=60)


def admin_key(state):
    """The key that the file names, if the database has it with that secret, and no other."""
    values = dict(line.split(" = ") for line in (state / "admin-credentials").read_text().splitlines() if " = " in line)
    with sqlite3.connect(state / "sallyport.db") as db:
        table, = [t for t, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'") if "key" in t]
        rows = db.execute(f"SELECT access_key, secret FROM {table}").fetchall()
    return rows == [(values["aws_access_key_id"], values["aws_secret_access_key"])]


def first_start(top):
    began = time.monotonic()
    p = init(top / "whole")
    whole = time.monotonic() - began
    ok(p.returncode == 0 and admin_key(top / "whole"), "init makes an account and its administrator's key")
    equal((top / "whole").stat().st_mode & 0o777, 0o700, "in a folder for its owner alone")
    good = 0
    for i in range(ROUNDS):
        state = top / f"cut-{i}"
        killed_after(state, whole * (i + 1) / ROUNDS)
        p = init(state)
        good += p.returncode == 0 and admin_key(state) and check_config(state).returncode == 0
    equal(good, ROUNDS, f"killed at {ROUNDS} moments of the first init, the second one ends the work")
    return whole


def between_commit_and_file(top):
    """The one moment that a clock hardly hits."""
    state = top / "whole"
    (state / "admin-credentials").rename(state / "admin-credentials.new")
    p = init(state)
    ok(p.returncode == 0 and "admin-credentials (" in p.stdout and admin_key(state),
       "killed after the account was stored, the credentials get their name by the next init")
    (state / "admin-credentials").unlink()
    ok(init(state).returncode == 0 and not list(state.glob("admin-credentials*")),
       "credentials that were taken away do not come back")


def new_certificate(top, whole):
    state, good = top / "whole", 0
    for i in range(ROUNDS):
        killed_after(state, whole * (i + 1) / ROUNDS, "--force-new-cert")
        p = init(state)
        good += p.returncode == 0 and check_config(state).returncode == 0
    equal(good, ROUNDS, "killed while a certificate was made anew, the next init leaves one that fits its key")


def refusals(top):
    state = top / "open"
    state.mkdir(mode=0o755)
    os.chmod(state, 0o755)
    p = init(state)
    ok(p.returncode == 1 and "open to others (mode 755): chmod 700" in p.stderr, "a folder open to others is refused")
    equal(list(state.iterdir()), [], "and nothing is made in it")
    if os.getuid() == 0:
        os.chmod(state, 0o700)
        os.chown(state, 65534, -1)
        p = init(state)
        ok(p.returncode == 1 and "belongs to user 65534" in p.stderr, "a folder of somebody else is refused")
    (top / "whole/server.pem").unlink()
    p = check_config(top / "whole")
    ok(p.returncode == 1 and "there is no certificate" in p.stderr and "server.pem: run 'sallyportd init' first" in p.stderr,
       "--check-config says in plain words that the certificate is missing")
    (top / "whole/server.pem").write_text("nonsense\n")
    ok("server.pem: it is not in PEM" in check_config(top / "whole").stderr, "or is none")


def main():
    base = os.environ.get("SALLYPORT_TMP") or tempfile.gettempdir()
    pathlib.Path(base).mkdir(parents=True, exist_ok=True)
    top = pathlib.Path(tempfile.mkdtemp(prefix="init-", dir=base))
    whole = first_start(top)
    between_commit_and_file(top)
    new_certificate(top, whole)
    refusals(top)
    if e2e.failures():
        print(f"    kept {top}")
    else:
        shutil.rmtree(top)
    e2e.finish()


if __name__ == "__main__":
    main()
