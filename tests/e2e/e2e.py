# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end scripts share: a server and agents of their own on loopback, the AWS
command lines, and the "ok"/"not ok" lines that ./check counts.

SALLYPORT_BIN     folder of the programs (default build/src/cmd)
SALLYPORT_AWSCLI  folder with a second AWS CLI (tools/fetch-awscli), may be missing
SALLYPORT_TMP     where the worlds live (default a temporary folder)
"""
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(os.environ.get("SALLYPORT_BIN", TOP / "build/src/cmd")).resolve()
REGION = "eu-north-1"
# Ours never stands in for the stock programs.
STOCK_PLUGIN = shutil.which("session-manager-plugin")
STOCK_AGENT = shutil.which("amazon-ssm-agent")

_counts = {"ok": 0, "not ok": 0}


def ok(condition, what):
    """One promise; prints and counts it."""
    verdict = "ok" if condition else "not ok"
    _counts[verdict] += 1
    print(f"{verdict} {what}", flush=True)
    return bool(condition)


def equal(got, want, what):
    if got != want:
        print(f"    got  {got!r}\n    want {want!r}")
    return ok(got == want, what)


def skip(what):
    print(f"skipped {what}", flush=True)


def finish():
    print(f"{_counts['ok']} passed, {_counts['not ok']} failed")
    sys.exit(1 if _counts["not ok"] or not _counts["ok"] else 0)


def wait_until(condition, seconds=20, step=0.1):
    """Polls until condition() is true; returns its last value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(step)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def aws_clis():
    """(name, command) of every AWS CLI here."""
    found = []
    if os.access("/usr/bin/aws", os.X_OK):
        found.append(("installed", ["/usr/bin/aws"]))
    second = os.environ.get("SALLYPORT_AWSCLI")
    if second and os.access(f"{second}/aws", os.X_OK):
        found.append(("backports", [f"{second}/aws"]))
    other = shutil.which("aws")
    if other and os.path.realpath(other) != os.path.realpath("/usr/bin/aws"):
        version = subprocess.run([other, "--version"], capture_output=True, text=True, check=False)
        if "aws-cli/1." in version.stdout + version.stderr:
            found.append(("v1", [other]))
    return found


class Process:
    """A program of ours in the background, its output in a file."""

    def __init__(self, argv, log, env=None):
        self.log = log
        self.argv = argv
        self.env = env
        self.child = None
        self.start()

    def start(self):
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=out, env=self.env, start_new_session=True)

    def alive(self):
        return self.child.poll() is None

    def kill(self, signum=signal.SIGKILL):
        if self.alive():
            self.child.send_signal(signum)
            try:
                self.child.wait(15)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        return self.child.returncode

    def text(self):
        return pathlib.Path(self.log).read_text(errors="replace")


class World:
    """One server with its state, and what is needed to talk to it."""

    def __init__(self, name, extra_conf=""):
        base = os.environ.get("SALLYPORT_TMP") or tempfile.gettempdir()
        pathlib.Path(base).mkdir(parents=True, exist_ok=True)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=base))
        os.chmod(self.dir, 0o755)  # agents under another user must reach the CA
        self.state = self.dir / "server"
        self.port = free_port()
        self.endpoint = f"https://localhost:{self.port}"
        self.processes = []
        self.nodes = {}
        self.bin = self.dir / "bin"
        self.bin.mkdir()
        for program in ("sallyport", "sallyport-agent", "sallyportd"):
            (self.bin / program).symlink_to(BIN / program)
        (self.bin / "session-manager-plugin").symlink_to(BIN / "sallyport")
        subprocess.run([BIN / "sallyportd", "init", "--state-dir", self.state, "--host", "localhost",
                        "--host", "127.0.0.1"], check=True, stdout=subprocess.DEVNULL)
        self.conf = self.dir / "sallyportd.conf"
        self.conf.write_text(f"state_dir = {self.state}\nlisten = 127.0.0.1:{self.port}\n{extra_conf}")
        self.ca = self.dir / "ca.pem"
        shutil.copy(self.state / "ca.pem", self.ca)
        self.key, self.secret = self._admin()
        self.server = self.spawn([BIN / "sallyportd", "--config", self.conf], "sallyportd.log")
        if not wait_until(self.healthy):
            print(self.server.text()[-3000:])
            raise RuntimeError("sallyportd did not start")

    def _admin(self):
        values = {}
        for line in (self.state / "admin-credentials").read_text().splitlines():
            name, sep, value = line.partition("=")
            if sep:
                values[name.strip()] = value.strip()
        return values["aws_access_key_id"], values["aws_secret_access_key"]

    def spawn(self, argv, log, env=None):
        p = Process([str(a) for a in argv], self.dir / log, env)
        self.processes.append(p)
        return p

    def get(self, path):
        context = ssl.create_default_context(cafile=str(self.ca))
        with urllib.request.urlopen(self.endpoint + path, context=context, timeout=5) as r:
            return r.read().decode()

    def healthy(self):
        try:
            return bool(self.get("/_health"))
        except OSError:
            return False

    def env(self, plugin="ours", **more):
        """The environment of a person who uses this world."""
        path = f"{self.bin}:{os.environ['PATH']}"
        if plugin == "stock":
            path = f"{os.path.dirname(STOCK_PLUGIN)}:{path}"
        env = {k: v for k, v in os.environ.items()
               if not k.startswith("AWS_") and k not in ("SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")}
        env.update(PATH=path, AWS_ENDPOINT_URL=self.endpoint, AWS_ACCESS_KEY_ID=self.key,
                   AWS_SECRET_ACCESS_KEY=self.secret, AWS_REGION=REGION, AWS_DEFAULT_REGION=REGION,
                   AWS_CA_BUNDLE=str(self.ca), SSL_CERT_FILE=str(self.ca), AWS_PAGER="",
                   AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null",
                   AWS_EC2_METADATA_DISABLED="true", HOME=str(self.dir))
        env.update(more)
        return env

    def aws(self, *args, cli=None, check=True, plugin="ours"):
        """Runs the AWS CLI; returns its parsed JSON, or the completed process when not check."""
        cli = cli or aws_clis()[0][1]
        p = subprocess.run([*cli, "--endpoint-url", self.endpoint, "--output", "json", *args],
                           env=self.env(plugin), capture_output=True, text=True, timeout=60,
                           check=False)
        if not check:
            return p
        if p.returncode != 0:
            raise RuntimeError(f"aws {' '.join(args)}: {p.stderr.strip()}")
        return json.loads(p.stdout) if p.stdout.strip() else {}

    def activation(self, *tags, prefix=None, limit=10, role="SallyportNode"):
        tags = [f"Key={t.split('=')[0]},Value={t.split('=')[1]}" for t in tags]
        if prefix:
            tags.append(f"Key=sallyport:instance-id-prefix,Value={prefix}")
        extra = ["--tags", *tags] if tags else []
        a = self.aws("ssm", "create-activation", "--iam-role", role, "--registration-limit",
                     str(limit), *extra)
        return a["ActivationId"], a["ActivationCode"]

    def agent(self, name="node", *tags, prefix=None, user=None, session_user=None):
        """Registers and starts one of our agents; returns (node id, process)."""
        ident, code = self.activation(f"Name={name}", *tags, prefix=prefix)
        state = self.dir / name
        as_user = []
        if user:
            state.mkdir()
            os.chown(state, pwd.getpwnam(user).pw_uid, -1)
            as_user = ["setpriv", f"--reuid={user}", "--clear-groups", "--"]
        argv = [*as_user, str(BIN / "sallyport-agent"), "register", "--endpoint", self.endpoint,
                "--ca-file", str(self.ca), "--region", REGION, "--activation-id", ident,
                "--state-dir", str(state)]
        if session_user or (os.getuid() == 0 and not user):
            argv += ["--session-user", session_user or "root"]
        env = dict(os.environ, SALLYPORT_ACTIVATION_CODE=code)
        subprocess.run(argv, check=True, env=env, stdout=subprocess.DEVNULL)
        node = json.loads((state / "registration.json").read_text())["NodeId"]
        p = self.spawn([*as_user, BIN / "sallyport-agent", "run", "--state-dir", state],
                       f"{name}.log")
        self.nodes[name] = node
        if not wait_until(lambda: self.online(node)):
            print(p.text()[-3000:])
            raise RuntimeError(f"{name} did not come online")
        return node, p

    def online(self, node):
        return self.aws("ssm", "get-connection-status", "--target", node)["Status"] == "connected"

    def close(self):
        for p in reversed(self.processes):
            p.kill(signal.SIGTERM)
        if not _counts["not ok"]:
            shutil.rmtree(self.dir, ignore_errors=True)
        else:
            print(f"    kept {self.dir}")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            ok(False, f"the script ran to its end ({kind.__name__}: {value})")
        self.close()
        return False
