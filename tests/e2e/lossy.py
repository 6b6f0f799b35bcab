# SPDX-License-Identifier: Apache-2.0
"""A network that fails on command: tests/load/proxy.c between our programs and a server.

SALLYPORT_LOAD  folder of load_proxy (default beside the build of SALLYPORT_BIN)
"""
import os
import pathlib
import subprocess
import threading

from e2e import BIN

LOAD = pathlib.Path(os.environ.get("SALLYPORT_LOAD", BIN.parent.parent / "tests/load"))


class Network:
    """One proxy; net("delay 50") or net("cut") at any time.  The commands are in proxy.c."""

    def __init__(self, port, *commands, seed=1):
        self.child = subprocess.Popen([LOAD / "load_proxy", str(port), str(seed), *commands], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lock = threading.Lock()
        self.port = int(self.child.stdout.readline().split()[1])
        self.endpoint = f"https://localhost:{self.port}"

    def _ask(self, line):
        with self.lock:
            self.child.stdin.write(line + "\n")
            self.child.stdin.flush()
            return self.child.stdout.readline().split()

    def __call__(self, *commands):
        for command in commands:
            if self._ask(command) != ["ok"]:
                raise ValueError(f"load_proxy: {command}")

    def calm(self):
        """No more faults for connections that are made from now on."""
        self("delay 0", "rate 0", "split 0", "cut-after 0", "stall 0", "refuse 0", f"buffer {256 << 10}")

    @property
    def connections(self):
        return int(self._ask("count")[1])

    @property
    def bytes(self):
        return int(self._ask("count")[2])

    def close(self):
        self.child.stdin.close()
        self.child.wait(10)
        self.child.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
