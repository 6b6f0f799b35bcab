# SPDX-License-Identifier: Apache-2.0
"""Runs one AWS CLI many times without paying for Python's imports each time.

Started with that CLI's own interpreter and import path and the path of its "aws" script.
Each line on stdin is {"args", "env", "out", "err"}; a child is forked, which runs the script
unchanged with these arguments and this environment, its output in the named files.  The answer
is a line with the exit status.

Forked and Runner are for the scripts; main() is the other side.
"""
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import threading


def _interpreter(argv):
    """(interpreter, script, environment) behind a command, None when it is something else."""
    path = argv[0]
    text = open(path, encoding="utf-8", errors="replace").read(4096)
    if "PYENV_ROOT" in text:  # a shim
        path = subprocess.run(["pyenv", "which", "aws"], capture_output=True, text=True,
                              check=False).stdout.strip() or path
        text = open(path, encoding="utf-8", errors="replace").read(4096)
    first = text.split("\n", 1)[0]
    if first.startswith("#!") and "python" in first:
        return first[2:].split(), path, {}
    wrapped = re.search(r"PYTHONPATH='([^']*)'[^\n]*\\\nexec (\S+) '([^']*)'", text)
    if wrapped:
        return [wrapped.group(2)], wrapped.group(3), {"PYTHONPATH": wrapped.group(1),
                                                      "PYTHONNOUSERSITE": "1"}
    return None


class Runner:
    """One CLI, warm.  Falls back to starting it each time when its interpreter is not found."""

    def __init__(self, argv):
        self.argv = argv
        self.lock = threading.Lock()
        self.child = None
        self.extra = {}
        found = _interpreter(argv)
        if found is not None:
            python, script, self.extra = found
            self.child = subprocess.Popen([*python, os.path.abspath(__file__), script], text=True,
                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                          env=dict(os.environ, **self.extra))

    def run(self, args, env):
        if self.child is None:
            return subprocess.run([*self.argv, *args], env=env, text=True, capture_output=True,
                                  timeout=60, check=False)
        folder = tempfile.mkdtemp(prefix="aws-")
        out, err = os.path.join(folder, "out"), os.path.join(folder, "err")
        with self.lock:
            self.child.stdin.write(json.dumps({"args": args, "env": dict(env, **self.extra),
                                               "out": out, "err": err}) + "\n")
            self.child.stdin.flush()
            line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(f"the runner of {self.argv[0]} ended")
        done = subprocess.CompletedProcess([*self.argv, *args], json.loads(line),
                                           open(out, encoding="utf-8").read(),
                                           open(err, encoding="utf-8").read())
        shutil.rmtree(folder)
        return done

    def close(self):
        if self.child is not None:
            self.child.stdin.close()
            self.child.wait()
            self.child.stdout.close()


def _child(script, call):
    for fd, path in ((1, call["out"]), (2, call["err"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), fd)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    data = os.environ.get("AWS_DATA_PATH")  # the CLI's package sets it when it is imported
    os.environ.clear()
    os.environ.update(call["env"])
    if data is not None:
        os.environ["AWS_DATA_PATH"] = data
    sys.argv = [script, *call["args"]]
    status = 1
    try:
        runpy.run_path(script, run_name="__main__")
        status = 0
    except SystemExit as e:
        status = e.code if isinstance(e.code, int) else 0 if e.code is None else 1
    except BaseException:  # pylint: disable=broad-except
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status & 0xFF)


def main():
    import awscli.clidriver  # pylint: disable=import-error,import-outside-toplevel
    import botocore.endpoint  # noqa: F401
    import botocore.httpsession  # noqa: F401
    del awscli
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _child(sys.argv[1], json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
