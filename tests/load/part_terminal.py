# SPDX-License-Identifier: Apache-2.0
"""A shell session beside ssh: keystrokes, the way to the first prompt, output."""
import os
import pwd
import statistics
import subprocess

from rig import LOAD, ROUNDS, Rig, at_most, row

KEYS = 1000  # for each round
PIPE = 16 << 20


def driver(env, *args):
    return subprocess.run([LOAD / "load_echo", *[str(a) for a in args]], env=env, cwd=env["HOME"], check=True,
                          stdout=subprocess.PIPE, timeout=90).stdout


def echo():
    rounds = []
    with Rig() as b:
        for _ in range(ROUNDS):
            lines = driver(b.env, "echo", KEYS, *b.ours, "--", *b.ssh).split(b"\n")
            rounds.append([[int(x) for x in line.split()] for line in lines[:2]])
    for i, what in enumerate(("p50", "p99")):
        ours, ssh = (statistics.median(r[k][i] for r in rounds) for k in (0, 1))
        at_most(f"keystroke echo {what}, ours / ssh", ours, ssh, 1.2)


def last_line(text):
    """The prompt as it stands on the screen, without what only the first one shows."""
    return text.decode(errors="replace").replace("\r", "\n").rsplit("\n", 1)[-1]


def start():
    with Rig() as b:
        prompt = last_line(driver(b.env, "prompt", *b.ssh))
        if prompt.strip() == "":
            print("start: there is no prompt")
            return
        shell = [pwd.getpwuid(os.getuid()).pw_shell, "-l"]
        commands = {"ours": b.ours, "ssh": b.ssh, "aws": b.aws, "shell": shell}
        got = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                got[name].append(int(driver(b.env, "start", prompt, *command)))
    ours, ssh, aws, alone = (statistics.median(got[n]) / 1000 for n in commands)
    at_most("start to first prompt, ours / ssh", ours, ssh, 0.5, "ms")
    row("   aws ssm start-session", f"{aws:.0f} ms")
    row("   the login shell alone", f"{alone:.0f} ms")


def pipe():
    got = {"ours": [], "ssh": []}
    with Rig() as b:
        for _ in range(3):
            for name, command in (("ours", b.ours), ("ssh", b.ssh)):
                got[name].append(PIPE / int(driver(b.env, "pipe", PIPE, *command)))
    ours, ssh = (statistics.median(got[n]) for n in ("ours", "ssh"))
    row("terminal output, ours / ssh", f"{ours:.0f} / {ssh:.0f} MB/s = {ours / ssh:.2f}")
