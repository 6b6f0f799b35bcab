# SPDX-License-Identifier: Apache-2.0
"""Runs one AWS CLI many times without paying for Python's imports and the CLI's models each time.

Started with that CLI's own interpreter and import path and the path of its "aws" script.
Each line on stdin is {"args", "env", "out", "err"}; a child is forked, which runs the script
unchanged with these arguments and this environment, its output in the named files.  The answer
is a line with the exit status.

Runner is for the scripts; main() is the other side.
"""
import functools
import gc
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


def _read_models_once():
    """Files of the CLI's own data are read and parsed here; the children inherit the result."""
    # pylint: disable=import-error,import-outside-toplevel
    import awscli.clidriver
    import awscli.handlers  # noqa: F401
    import botocore.endpoint  # noqa: F401
    import botocore.httpsession  # noqa: F401
    loader = awscli.clidriver.create_clidriver().session.get_component("data_loader")
    kind, files = type(loader), type(loader.file_loader)
    parsed = functools.cache(functools.partial(files.load_file, loader.file_loader))
    listed = functools.cache(functools.partial(kind.list_available_services, loader))
    files.load_file = lambda _, path: parsed(path)
    kind.list_available_services = lambda _, type_name: listed(type_name=type_name)
    for service in ("ec2", "ssm", "sts"):
        for name in ("service-2", "paginators-1", "waiters-2", "endpoint-rule-set-1"):
            try:
                loader.load_service_model(service, name)
            except Exception:  # pylint: disable=broad-except
                pass  # not every service has each of them
    for name in ("endpoints", "partitions"):
        loader.load_data(name)


def main():
    _read_models_once()
    gc.disable()  # a child is too short-lived to collect anything, and a copy of all this is dear
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _child(sys.argv[1], json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
