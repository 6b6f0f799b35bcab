# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end scripts share: a server and agents of their own on loopback, the AWS
command lines, and the "ok"/"not ok" lines that ./check counts.

The scripts run under Debian's python3: its boto3 does the housekeeping calls in this process,
because a command line takes half a second for each.

SALLYPORT_BIN     folder of the programs (default build/src/cmd)
SALLYPORT_AWSCLI  folder with a second AWS CLI (tools/fetch-awscli), may be missing
SALLYPORT_TMP     where the worlds live (default a temporary folder)
"""
import collections
import contextlib
import json
import os
import pathlib
import pwd
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import boto3
import botocore.config
import botocore.exceptions

import aws_runner

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(os.environ.get("SALLYPORT_BIN", TOP / "build/src/cmd")).resolve()
REGION = "eu-north-1"


def _stock_plugin():
    """The stock plugin on PATH.  Ours never stands in for it, under whatever name it is found."""
    for folder in os.environ["PATH"].split(os.pathsep):
        found = shutil.which("session-manager-plugin", path=folder)
        if found and os.path.basename(os.path.realpath(found)) != "sallyport":
            return found
    return None


STOCK_PLUGIN = _stock_plugin()

_counts = {"ok": 0, "not ok": 0}
_lock = threading.Lock()


def ok(condition, what):
    """One promise; prints and counts it."""
    verdict = "ok" if condition else "not ok"
    with _lock:
        _counts[verdict] += 1
        sys.stdout.write(f"{verdict} {what}\n")
        sys.stdout.flush()
    return bool(condition)


def equal(got, want, what):
    if got != want:
        print(f"    got  {got!r}\n    want {want!r}")
    return ok(got == want, what)


def starts(got, want, what):
    if not got.startswith(want):
        print(f"    got   {got!r}\n    start {want!r}")
    return ok(got.startswith(want), what)


Refusal = collections.namedtuple("Refusal", "code text status")


def refusal(call, *args, **kwargs):
    """What an AWS client is told by a call that must fail; the code "none" when it does not."""
    try:
        call(*args, **kwargs)
    except botocore.exceptions.ClientError as e:
        return Refusal(e.response["Error"]["Code"], e.response["Error"].get("Message", ""),
                       e.response["ResponseMetadata"]["HTTPStatusCode"])
    return Refusal("none", "", 200)


def failures():
    return _counts["not ok"]


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
    """A port for somebody else to listen on: not one of those that the kernel gives to connections,
    of which the scripts beside this one make hundreds."""
    first = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", random.randrange(min(10000, first - 1000), first)))
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


_runners = {}


def aws_runner_of(cli):
    """The warm process of an AWS CLI; it ends with this script."""
    key = tuple(cli)
    with _lock:
        if key not in _runners:
            _runners[key] = aws_runner.Runner(cli)
        return _runners[key]


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
        self.reports = self.dir / "sanitizers"
        self.reports.mkdir()
        os.chmod(self.reports, 0o1777)
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
        self.clients = {}
        self.attempts = 0  # that boto3 makes again
        self.server = self.spawn([BIN / "sallyportd", "--config", self.conf], "sallyportd.log")
        self.wait_healthy()

    def leaks_unknown(self, process):
        """LeakSanitizer stops all threads to look at them, and gives up, with an exit status, when one
        of them is just ending.  That says nothing about leaks, neither good nor bad."""
        report = self.reports / f"r.{process.child.pid}"
        text = report.read_text(errors="replace") if report.exists() else ""
        if "LeakSanitizer has encountered a fatal error" not in text or "ERROR:" in text:
            return False
        report.unlink()
        print(f"    {process.log.name}: leaks could not be examined this time")
        return True

    @staticmethod
    def says_something(report):
        """LeakSanitizer also mentions a thread that ended while it looked; that is no finding."""
        return any(line.strip() and "Unable to get registers from thread" not in line
                   for line in report.read_text(errors="replace").splitlines())

    def check_sanitizers(self):
        """No program of this world may have crashed, leaked or done what C does not define."""
        found = [p for p in self.reports.iterdir() if self.says_something(p)]
        for p in found:
            print(p.read_text(errors="replace")[:4000])
        broken = [p.log.name for p in self.processes
                  if "Assertion" in p.text() or "Sanitizer" in p.text() or "runtime error" in p.text()]
        if found or broken:
            ok(False, f"no report of a sanitizer or an assertion ({len(found)} files, {broken})")

    def wait_healthy(self):
        if not wait_until(self.healthy, step=0.05):
            print(self.server.text()[-3000:])
            raise RuntimeError("sallyportd did not start")

    def crash_server(self):
        """kill -9, and the same server again."""
        self.server.kill(signal.SIGKILL)
        self.start_server()

    def start_server(self):
        self.server.start()
        self.wait_healthy()

    def _admin(self):
        values = {}
        for line in (self.state / "admin-credentials").read_text().splitlines():
            name, sep, value = line.partition("=")
            if sep:
                values[name.strip()] = value.strip()
        return values["aws_access_key_id"], values["aws_secret_access_key"]

    def sanitizer_env(self, leaks=True):
        log = f"log_path={self.reports}/r"
        return {"ASAN_OPTIONS": f"detect_leaks={int(leaks)}:{log}",
                "UBSAN_OPTIONS": f"print_stacktrace=1:{log}"}

    def spawn(self, argv, log, env=None, leaks=True):
        p = Process([str(a) for a in argv], self.dir / log,
                    dict(env or os.environ, **self.sanitizer_env(leaks)))
        self.processes.append(p)
        return p

    def get(self, path):
        context = ssl.create_default_context(cafile=str(self.ca))
        with urllib.request.urlopen(self.endpoint + path, context=context, timeout=5) as r:
            return r.read().decode()

    def relayed(self):
        """Bytes that the server has passed on."""
        return int(re.search(r"^sallyport_relayed_bytes_total (\d+)$", self.get("/_metrics"), re.M).group(1))

    def quiet(self):
        """Waits until the server passes next to nothing on: what can be on its way has arrived, and the rest
        waits for a reader.  What nobody takes is sent again and again, some 60 KiB a second."""
        seen = self.relayed()

        def still():
            nonlocal seen
            time.sleep(1)
            before, seen = seen, self.relayed()
            return seen - before < 200_000
        return wait_until(still, 20)

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
                   AWS_EC2_METADATA_DISABLED="true", HOME=str(self.dir), **self.sanitizer_env())
        env.update(more)
        return env

    def aws(self, *args, cli=None, check=True, plugin="ours"):
        """Runs the AWS CLI; returns its parsed JSON, or the completed process when not check."""
        runner = aws_runner_of(cli or aws_clis()[0][1])
        p = runner.run(["--endpoint-url", self.endpoint, "--output", "json", *args], self.env(plugin))
        if not check:
            return p
        if p.returncode != 0:
            raise RuntimeError(f"aws {' '.join(args)}: {p.stderr.strip()}")
        return json.loads(p.stdout) if p.stdout.strip() else {}

    def boto(self, service, key=None, secret=None, token=None, **config):
        """A boto3 client of this world; kept, so that its connection is."""
        name = (service, key, secret, token, tuple(sorted(config.items())))
        if name not in self.clients:
            config = {"retries": {"max_attempts": self.attempts}, "connect_timeout": 5, "read_timeout": 20, **config}
            self.clients[name] = boto3.session.Session().client(
                service, region_name=REGION, endpoint_url=self.endpoint, verify=str(self.ca),
                aws_access_key_id=key or self.key, aws_secret_access_key=secret or self.secret,
                aws_session_token=token, config=botocore.config.Config(**config))
        return self.clients[name]

    @property
    def ssm(self):
        return self.boto("ssm")

    def role(self, name, *policies, service="ssm.amazonaws.com"):
        """Makes a role with AWS's policies of these names, which nodes may have; returns its ARN."""
        trust = {"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}}
        iam = self.boto("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        for policy in policies:
            iam.attach_role_policy(RoleName=name, PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
        return arn

    def user(self, name, *policies):
        """Makes a user with AWS's policies of these names; returns (access key, secret)."""
        iam = self.boto("iam")
        iam.create_user(UserName=name)
        for policy in policies:
            iam.attach_user_policy(UserName=name, PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def activation(self, *tags, prefix=None, limit=10, role="SallyportNode", **more):
        tags = [dict(zip(("Key", "Value"), t.split("=", 1))) for t in tags]
        if prefix:
            tags.append({"Key": "sallyport:instance-id-prefix", "Value": prefix})
        a = self.ssm.create_activation(IamRole=role, RegistrationLimit=limit, Tags=tags, **more)
        return a["ActivationId"], a["ActivationCode"]

    def register(self, name, ident, code, *options, user=None, session_user=None):
        """Registers one of our agents; returns the finished `sallyport-agent register`."""
        state = self.dir / name
        if user and not state.exists():
            state.mkdir()
            os.chown(state, pwd.getpwnam(user).pw_uid, -1)
        if session_user or (os.getuid() == 0 and not user):
            options += ("--session-user", session_user or "root")
        argv = [*self.as_user(user), str(BIN / "sallyport-agent"), "register",
                "--endpoint", self.endpoint, "--ca-file", str(self.ca), "--region", REGION,
                "--activation-id", ident, "--state-dir", str(state), *options]
        return subprocess.run(argv, check=False, env=dict(os.environ, SALLYPORT_ACTIVATION_CODE=code),
                              capture_output=True, text=True, timeout=30)

    @staticmethod
    def as_user(user):
        if not user:
            return []
        return ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--init-groups", "--"]

    def agent(self, name="node", *tags, prefix=None, user=None, session_user=None):
        """Registers and starts one of our agents; returns (node id, process)."""
        ident, code = self.activation(f"Name={name}", *tags, prefix=prefix)
        done = self.register(name, ident, code, user=user, session_user=session_user)
        if done.returncode != 0:
            raise RuntimeError(f"{name} could not register: {done.stderr.strip()}")
        return self.node_id(name), self.run_agent(name, user=user)

    def node_id(self, name):
        return json.loads((self.dir / name / "registration.json").read_text())["NodeId"]

    def run_agent(self, name, user=None, within=()):
        """Starts a registered agent, perhaps by a command before it, and waits until it is online."""
        # Who gave up root cannot be examined for leaks any more: LeakSanitizer would fail.
        p = self.spawn([*within, *self.as_user(user), BIN / "sallyport-agent", "run", "--state-dir",
                        self.dir / name], f"{name}.log", leaks=bool(user) or os.getuid() != 0)
        self.nodes[name] = self.node_id(name)
        if not wait_until(lambda: self.online(self.nodes[name])):
            print(p.text()[-3000:])
            raise RuntimeError(f"{name} did not come online")
        return p

    def online(self, node):
        return self.ssm.get_connection_status(Target=node)["Status"] == "connected"

    def session(self, ident):
        """The row of one session as DescribeSessions shows it, live or over; None without one."""
        for state in ("Active", "History"):
            found = self.ssm.describe_sessions(
                State=state, Filters=[{"key": "SessionId", "value": ident}])["Sessions"]
            if found:
                return found[0]
        return None

    def wait_status(self, ident, *status, seconds=20):
        """Polls until the session has one of these states; returns its row."""
        def there():
            row = self.session(ident)
            return row if row and row["Status"] in status else None
        return wait_until(there, seconds)

    def close(self):
        for p in reversed(self.processes):
            if p.alive() and p.kill(signal.SIGTERM) != 0 and not self.leaks_unknown(p):
                print(p.text()[-2000:])
                ok(False, f"{p.log.name}: a clean stop (exit {p.child.returncode})")
        self.check_sanitizers()
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


class TemporaryUser:
    """A login user that exists for the duration of a with block; for scripts that are root."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", self.name], check=True,
                       stderr=subprocess.DEVNULL)
        return self.name

    def __exit__(self, *_):
        subprocess.run(["userdel", "--remove", "--force", self.name], check=False,
                       stderr=subprocess.DEVNULL)


def runs(*argv):
    """Is a process with exactly this command line there?"""
    return processes("\0".join(argv) + "\0")


def processes(text):
    """The pids of the processes that have this text in their command line, zombies not."""
    found = []
    for p in pathlib.Path("/proc").iterdir():
        if not p.name.isdigit() or int(p.name) == os.getpid():
            continue
        try:
            if text.encode() in (p / "cmdline").read_bytes():
                found.append(int(p.name))
        except OSError:
            pass  # it ended meanwhile
    return found
