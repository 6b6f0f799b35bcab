#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: ssh, scp, sftp and rsync reach a node through ProxyCommand, with the ssh configuration of AWS's
guides to the letter, byte for byte and with the remote's exit code; and with `sallyport ssh-config` and
`sallyport ssh`.  In all four pairings with the stock plugin and agent where they are on PATH.
"""
import os
import re
import shutil
import subprocess

import e2e
import portkit
import stock
from e2e import equal, ok, wait_until
from portkit import KB, MB


class Tools:
    """OpenSSH's programs in one pairing."""

    def __init__(self, world, sshd, node, plugin, agents):
        self.world, self.sshd, self.node, self.plugin = world, sshd, node, plugin
        self.what = f"{plugin} plugin, {agents} agent"
        own = (plugin, agents) == ("ours", "ours")
        self.config = sshd.client_config(f"client-{plugin}", portkit.GUIDE)
        # The AWS CLI takes its second to start: in the other pairings the copies share a connection.
        self.copying = self.config if own else sshd.client_config(
            f"client-{plugin}-{agents}", portkit.GUIDE + "Host *\n  ControlMaster auto\n  ControlPersist 10\n"
            f"  ControlPath {sshd.dir}/{plugin}-{agents}\n")
        self.env = world.env(plugin)
        self.env["PATH"] = f"{portkit.aws_command(world)}:{self.env['PATH']}"
        # A stock peer says 1 KiB each millisecond, from its side.
        self.up = world.dir / f"up-{plugin}-{agents}"
        self.up.write_bytes(os.urandom(200 * KB if plugin == "stock" else 5 * MB))
        self.down = world.dir / f"down-{plugin}-{agents}"
        self.down.write_bytes(os.urandom(200 * KB if agents == "stock" else 5 * MB))
        self.copy = world.dir / f"copy-{plugin}-{agents}"

    def run(self, *argv, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL) if "input" not in kwargs else None
        return subprocess.run([str(a) for a in argv], env=self.env, capture_output=True, timeout=60, check=False,
                              **kwargs)

    def copied(self, p, original, how):
        same = self.copy.exists() and self.copy.read_bytes() == original.read_bytes()
        if not equal((p.returncode, same), (0, True), f"{self.what}: {how}, {original.stat().st_size // KB} kB"):
            print(p.stderr.decode(errors="replace")[-1000:])
        self.copy.unlink(missing_ok=True)

    def said(self, p):
        """Standard error.  When ssh has left, a stock plugin that still prints is killed by SIGPIPE, and the
        AWS CLI says so."""
        return p.stderr.split(b"\nCommand '")[0] if self.plugin == "stock" else p.stderr

    def ssh(self):
        p = self.run("ssh", "-F", self.config, self.node, "echo out; echo err >&2; exit 7")
        if not equal((p.returncode, p.stdout, self.said(p)), (7, b"out\n", b"err\n"),
                     f"{self.what}: ssh runs a command and has its exit code"):
            print(p.stderr.decode(errors="replace"))
        p = self.run("ssh", "-F", self.config, self.node, "cat; echo over >&2", input=self.up.read_bytes()[:100 * KB])
        equal((p.returncode, p.stdout == self.up.read_bytes()[:100 * KB], self.said(p)), (0, True, b"over\n"),
              f"{self.what}: ssh as a pipe, to the end of its input")

    def copies(self):
        far = f"{self.node}:{self.copy}"
        self.copied(self.run("scp", "-F", self.copying, self.up, far), self.up, "scp up")
        self.copied(self.run("scp", "-F", self.copying, f"{self.node}:{self.down}", self.copy), self.down, "scp down")
        self.copied(self.run("sftp", "-q", "-F", self.copying, "-b", "-", self.node,
                             input=f"put {self.up} {self.copy}\n".encode()), self.up, "sftp put")
        self.copied(self.run("sftp", "-q", "-F", self.copying, f"{self.node}:{self.down}", self.copy), self.down,
                    "sftp get")
        if shutil.which("rsync") is None:
            e2e.skip("rsync is not installed")
            return
        rsh = f"ssh -F {self.copying}"
        self.copied(self.run("rsync", "-e", rsh, self.up, far), self.up, "rsync up")
        self.copied(self.run("rsync", "-e", rsh, f"{self.node}:{self.down}", self.copy), self.down, "rsync down")
        self.run("ssh", "-F", self.copying, "-O", "exit", self.node)


def ours_alone(world, sshd, name):
    """The block that `sallyport ssh-config` writes, and ssh itself by the node's name."""
    def run(*argv, **kwargs):
        return subprocess.run([str(a) for a in argv], env=world.env(), capture_output=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL, **kwargs)
    p = run(world.bin / "sallyport", "ssh-config")
    ok(re.match(rf"Host i-\* mi-\*.* {name}\b.*\n  ProxyCommand .*sallyport proxy %n %p\n", p.stdout.decode()),
       "ssh-config: ids and names")
    config = sshd.client_config("client-block", p.stdout.decode())
    for host in (name, world.nodes[name]):
        p = run("ssh", "-F", config, host, "echo there; exit 3")
        equal((p.returncode, p.stdout), (3, b"there\n"), f"ssh-config: ssh -F, {'by name' if host == name else 'by id'}")
    p = run("scp", "-F", config, sshd.dir / "key.pub", f"{name}:{sshd.dir}/copy")
    equal((p.returncode, (sshd.dir / "copy").read_text()), (0, (sshd.dir / "key.pub").read_text()), "ssh-config: scp -F")
    p = run(world.bin / "sallyport", "ssh", name, "-F", sshd.client_config("client-none", ""), "echo there; exit 5")
    equal((p.returncode, p.stdout), (5, b"there\n"), "sallyport ssh, by name")
    ok(wait_until(lambda: not world.ssm.describe_sessions(State="Active")["Sessions"]),
       "each session ended with its connection")


def main():
    if portkit.SSHD is None or os.getuid() != 0:
        e2e.skip("OpenSSH's server is not installed, or this is not root")
        ok(True, "nothing to connect to")
        e2e.finish()
    plugins = ["ours"] + (["stock"] if e2e.STOCK_PLUGIN else [])
    with e2e.World("openssh") as world, stock.beside(world) as nodes:
        nodes = {"ours": world.agent("web-1")[0], **nodes}
        sshd = portkit.Sshd(world)
        ours_alone(world, sshd, "web-1")
        for agents, node in nodes.items():
            for plugin in plugins:
                tools = Tools(world, sshd, node, plugin, agents)
                tools.ssh()
                tools.copies()
    e2e.finish()


if __name__ == "__main__":
    main()
