# SPDX-License-Identifier: Apache-2.0
"""The stock amazon-ssm-agent, where it is on PATH with its workers beside it.

It keeps its state in fixed places, creates a user, and stops other agents that it sees.  So it
runs from a folder of the world, in mount and process namespaces of its own (agent-protocol
10.31), and trusts our CA by SSL_CERT_FILE (10.18): nothing of it is
left on the machine, and its whole tree ends with it.  That needs root.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess

import e2e
from e2e import REGION

WORKERS = ("ssm-agent-worker", "ssm-session-worker", "ssm-document-worker", "ssm-session-logger")
# Only the first two are needed for sessions; the others come along where they are.
NEEDED = WORKERS[:2]
NAMESPACES = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "--"]

INSIDE = r"""
set -e
mount -t proc proc /proc
for d in etc var/lib var/log home; do mount --bind "$STATE/$d" "/$d"; done
cd /usr/bin
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME="$STATE/root" \
	AWS_SHARED_CREDENTIALS_FILE="$STATE/root/credentials" AWS_EC2_METADATA_DISABLED=true \
	SSL_CERT_FILE="$STATE/ca.pem" "$STATE/agent/amazon-ssm-agent" "$@"
"""


def folder():
    """Where the stock agent and its workers are; None without."""
    found = shutil.which("amazon-ssm-agent")
    if found is None:
        return None
    where = pathlib.Path(os.path.realpath(found)).parent
    return where if all(os.access(where / w, os.X_OK) for w in NEEDED) else None


def version():
    """"3.3.1142.0"; "" of one that is too old to say."""
    p = subprocess.run([folder() / "amazon-ssm-agent", "-version"], capture_output=True, text=True,
                       check=False, cwd="/", timeout=20)
    found = re.search(r"\d+(?:\.\d+){3}", p.stdout)
    return found.group() if found else ""


def multiplexes():
    """Whether its port sessions carry more than one connection at once."""
    return tuple(int(n) for n in version().split(".") if n) >= (3, 0, 196, 0)


def obstacle():
    """Why the stock agent cannot be tested here; None when it can."""
    if folder() is None:
        return "the stock agent is not on PATH, or its workers are not beside it"
    if os.getuid() != 0:
        return "the stock agent needs root"
    if subprocess.run([*NAMESPACES, "true"], capture_output=True, check=False).returncode != 0:
        return "this machine allows no namespaces, in which the stock agent would run"
    return None


class Agent:
    """One stock agent of a world: registered by an activation, then running."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.state = world.dir / name
        for d in ("agent/configuration", "var/lib", "var/log/amazon/ssm", "home", "root"):
            (self.state / d).mkdir(parents=True)
        for program in ("amazon-ssm-agent", *WORKERS):
            if (folder() / program).exists():
                self._take(folder() / program)
        shutil.copytree("/etc", self.state / "etc", symlinks=True,
                        ignore=shutil.ignore_patterns("amazon", "ssl", "alternatives"))
        shutil.copy(world.ca, self.state / "ca.pem")
        self._configure()
        self.process = None
        self.log = self.state / "var/log/amazon/ssm/amazon-ssm-agent.log"

    def _take(self, program):
        target = self.state / "agent" / program.name
        try:
            os.link(program, target)
        except OSError:
            shutil.copy(program, target)
            os.chmod(target, 0o755)

    def _configure(self):
        """Beside the program, where it is looked for first.  Every endpoint is named, and the domain as
        well, so that nothing ever goes anywhere else.  Agent-protocol 10.17: that of Mgs needs its
        scheme, that of S3 must have none."""
        at, host = self.world.endpoint, self.world.endpoint.removeprefix("https://")
        config = {"Profile": {"ShareCreds": True, "ShareProfile": "sallyport-e2e"},
                  "Ssm": {"Endpoint": at}, "Mds": {"Endpoint": at}, "Kms": {"Endpoint": at},
                  "Mgs": {"Endpoint": at, "Region": REGION}, "S3": {"Endpoint": host},
                  "Agent": {"Region": REGION, "ServiceDomain": host, "SelfUpdate": False},
                  "Identity": {"ConsumptionOrder": ["OnPrem"], "Ec2SystemInfoDetectionResponse": "false"}}
        path = self.state / "agent/configuration/amazon-ssm-agent.json"
        path.write_text(json.dumps(config))
        old = self.state / "etc/amazon/ssm"  # agents before 3.0.413.0 look nowhere else
        old.mkdir(parents=True)
        shutil.copy(path, old)
        if json.loads(path.read_text())["Ssm"]["Endpoint"] != at:  # a broken file would mean AWS itself
            raise RuntimeError("the stock agent's configuration is not what it must be")

    def _command(self, *args):
        return [*NAMESPACES, "sh", "-c", INSIDE, "sh", *args]

    def version(self):
        return version()

    def register(self, ident, code):
        return subprocess.run(self._command("-register", "-code", code, "-id", ident, "-region", REGION, "-y"),
                              env=dict(os.environ, STATE=str(self.state)), capture_output=True, text=True,
                              check=False, timeout=60)

    def node_id(self):
        path = self.state / "var/lib/amazon/ssm/registration"
        return json.loads(path.read_text())["ManagedInstanceID"]

    def start(self):
        self.process = e2e.Process(self._command(), self.world.dir / f"{self.name}.log",
                                   dict(os.environ, STATE=str(self.state)))

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else self.process.text()

    def stop(self):
        if self.process is not None:
            self.process.kill()


@contextlib.contextmanager
def beside(world):
    """{"stock": node} with an online stock agent for the block; {} and a word about it without."""
    why = obstacle()
    if why:
        e2e.skip(why)
        yield {}
        return
    agent = Agent(world, "stock-agent")
    try:
        done = agent.register(*world.activation("Name=stock"))
        if done.returncode != 0:
            raise RuntimeError(f"the stock agent could not register: {agent.text()[-1000:]}")
        agent.start()
        if not e2e.wait_until(lambda: world.online(agent.node_id()), 40):
            raise RuntimeError(f"the stock agent did not come online: {agent.text()[-2000:]}")
        yield {"stock": agent.node_id()}
    finally:
        agent.stop()
