# SPDX-License-Identifier: Apache-2.0
"""What the parts of ./bench share: a server with an agent, an sshd beside it, and the lines that are
printed.  A part is a function without arguments that prints rows; bench.py has their table.

SALLYPORT_BIN   folder of the programs (stripped)
SALLYPORT_LOAD  folder of the load_* tools
PYTHONPATH      tests/e2e
"""
import functools
import os
import pathlib
import shutil
import sys

from e2e import World, aws_clis
from sshd import Sshd

LOAD = pathlib.Path(os.environ["SALLYPORT_LOAD"]).resolve()
ROUNDS = int(os.environ.get("SALLYPORT_BENCH_ROUNDS", "11"))


def row(what, value, target=None, worse=None):
    verdict = ""
    if target is not None:
        verdict = f"  target {target}  {'MISSED' if worse else 'ok'}"
    print(f"{what:<44} {value:>24}{verdict}", flush=True)


def at_most(what, ours, theirs, limit, unit="us"):
    """A ratio that should be small."""
    r = ours / theirs
    row(what, f"{ours:.0f} / {theirs:.0f} {unit} = {r:.2f}", f"<= {limit}", r > limit)


def at_least(what, ours, theirs, limit, unit="MB/s"):
    """A ratio that should be large."""
    r = ours / theirs
    shown = f"{theirs:.0f}" if theirs >= 10 else f"{theirs:.2f}"
    row(what, f"{ours:.0f} / {shown} {unit} = {r:.2f}", f">= {limit}", r < limit)


class Rig:
    """A server with one agent, and an sshd for the same user when it is asked for."""

    def __init__(self, conf=""):
        self.world = World("bench", "log_level = warn\n" + conf)
        self.node, self.agent = self.world.agent("bench")
        self.env = self.world.env(TERM="xterm-256color", HOME=os.environ["HOME"])
        self.ours = [str(self.world.bin / "sallyport"), "connect", self.node]
        self.aws = [*aws_clis()[0][1], "--endpoint-url", self.world.endpoint, "ssm", "start-session",
                    "--target", self.node]

    @functools.cached_property
    def sshd(self):
        if not shutil.which("ssh"):
            sys.exit("bench: ssh is missing")
        return Sshd(self.world.dir)

    @functools.cached_property
    def ssh(self):
        return self.sshd.shell()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if "sshd" in self.__dict__:
            self.sshd.close()
        self.world.close()
