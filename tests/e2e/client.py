#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: the command line "sallyport" reaches a node by name, brings back what a command
printed and its exit status, survives a dead server and a cut network without losing a byte,
and always leaves the terminal as it found it."""
import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import pty
import re
import signal
import socket
import subprocess
import termios
import threading
import time

import pexpect

import e2e
from e2e import equal, ok

PASTE = 10 * 1024 * 1024
SLEEP = f"100.{os.getpid()}"  # which nobody else sleeps


class Proxy:
    """A TCP proxy on loopback whose connections can be cut."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.pairs = []
        self.drop = 0  # so many are cut when something was said
        self.slow = 0  # seconds that an answer takes
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near = self.listener.accept()[0]
                if self.drop > 0:
                    self.drop -= 1
                    near.recv(1)
                    near.close()
                    continue
                try:
                    far = socket.create_connection(("127.0.0.1", self.target))
                except OSError:
                    near.close()
                    continue
                self.pairs.append((near, far))
                for a, b, slow in ((near, far, 0), (far, near, self.slow)):
                    threading.Thread(target=self._copy, args=(a, b, slow), daemon=True).start()

    def _copy(self, a, b, slow):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                time.sleep(slow)
                b.sendall(data)
        for s in (a, b):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def cut(self):
        pairs, self.pairs = self.pairs, []  # who comes back meanwhile is for the next time
        for pair in pairs:
            for s in pair:
                with contextlib.suppress(OSError):
                    s.shutdown(socket.SHUT_RDWR)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # accept() returns
        self.listener.close()
        self.cut()


def sallyport(world, *args, env=None, stdin=subprocess.DEVNULL, timeout=30):
    return subprocess.run([str(world.bin / "sallyport"), *args], env=env or world.env(), stdin=stdin,
                          capture_output=True, timeout=timeout, check=False)


def spawn(world, *args, env=None, **kwargs):
    child = pexpect.spawn(str(world.bin / "sallyport"), list(args), env=env or world.env(),
                          timeout=20, dimensions=(31, 97), **kwargs)
    child.delaybeforesend = None
    child.logfile_read = open(world.dir / "terminal.log", "ab")
    return child


def ready(child):
    child.expect(rb"[#$>] ")
    child.sendline(b"PS1='rea''dy> '; unset PROMPT_COMMAND; "
                   b"bind 'set enable-bracketed-paste off' 2>/dev/null")
    child.expect(b"\nready> |ready> ")


def run(child, command):
    child.sendline(command)
    child.expect(rb"\r\n(.*?)\r*\n?ready> ")
    return child.match.group(1).strip()


def leave(child, code=0):
    child.sendline(b"exit %d" % code)
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus


# --- lists ----------------------------------------------------------------------------

def lists(world, node, other):
    table = sallyport(world, "ls").stdout.decode()
    ok(re.search(rf"^web-1 +{node} +Online ", table, re.M), "ls: name, id and status in a table")
    nodes = json.loads(sallyport(world, "--output", "json", "ls").stdout)
    equal([(n["Name"], n["InstanceId"]) for n in nodes], [("web-1", node), ("web-2", other)],
          "ls --output json: the same as JSON, tags of i- nodes included")
    nodes = json.loads(sallyport(world, "ls", "--filter", "Key=tag:Environment,Values=test", "--output",
                                 "json").stdout)
    equal([n["InstanceId"] for n in nodes], [other], "ls --filter Key=tag:...,Values=...")
    nodes = json.loads(sallyport(world, "ls", "--filter", "tag:Name=web-*", "--online", "--output",
                                 "json").stdout)
    equal(len(nodes), 2, "ls --filter tag:Name=web-* takes wildcards")
    p = sallyport(world, "ls", "--filter", "nonsense")
    ok(p.returncode == 2 and b"not understood" in p.stderr, "ls: a wrong filter is explained")


def mistakes(world):
    p = sallyport(world, "conect")
    ok(p.returncode == 2 and b"did you mean connect?" in p.stderr, "a mistyped command is suggested")
    p = sallyport(world, "connect", "web-")
    ok(p.returncode == 2 and p.stderr.count(b"web-") >= 3, "an ambiguous name lists the candidates, exit 2")
    p = sallyport(world, "connect", "nobody")
    ok(p.returncode == 255 and b"sallyport ls" in p.stderr, "an unknown name is explained")
    p = sallyport(world, "ls", env=world.env(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY=""))
    ok(p.returncode == 1 and b"AWS_ACCESS_KEY_ID" in p.stderr, "without credentials: what to set")
    p = sallyport(world, "ls", env=world.env(AWS_SECRET_ACCESS_KEY="wrong"))
    ok(p.returncode == 1 and b"check AWS_SECRET_ACCESS_KEY" in p.stderr, "a wrong key: what to check")
    for command in ("ls", "connect", "exec", "sessions", "terminate", "register-command", "policy", "doctor", "completion"):
        p = sallyport(world, command, "--help")
        ok(p.returncode == 0 and b"exit status:" in p.stdout and b"examples:" in p.stdout,
           f"{command} --help: usage, examples, exit status")


def little_rights(world, other):
    """Names are looked up with the rights of whoever uses them."""
    iam = world.boto("iam")
    iam.create_user(UserName="newcomer")
    key = iam.create_access_key(UserName="newcomer")["AccessKey"]
    env = world.env(AWS_ACCESS_KEY_ID=key["AccessKeyId"], AWS_SECRET_ACCESS_KEY=key["SecretAccessKey"])
    p = sallyport(world, "exec", "web-2", "--", "true", env=env)
    ok(p.returncode == 255 and b"ssm:DescribeInstanceInformation" in p.stderr and b"the id of the node" in p.stderr,
       "a name that may not be looked up: the permission, and that an id needs none")
    iam.put_user_policy(UserName="newcomer", PolicyName="nodes", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", "Action": [
            "ssm:DescribeInstanceInformation", "ssm:StartSession"]}]}))
    p = sallyport(world, "exec", "web-2", "--", "true", env=env)
    ok(p.returncode == 255 and b"ec2:DescribeInstances" in p.stderr,
       "a name in a tag of an i- node that may not be looked up: the permission")
    p = sallyport(world, "exec", other, "--", "true", env=env)
    equal(p.returncode, 0, "and by its id the node is reached")


# --- exec ------------------------------------------------------------------------------

def commands(world, node):
    """Data-channel 9.2.3: no byte is changed.  9.2.6: whoever leaves ends its session."""
    p = sallyport(world, "exec", "web-1", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    equal((p.stdout, p.stderr, p.returncode), (b"out\n", b"err\n", 3),
          "exec: both outputs apart, and the exit status")
    words = ["a b", "it's", "$HOME", "`id`", "two\nlines", "", "*", "{{ x }}", "#", "A=1", "\\", '"', "grüße"]
    p = sallyport(world, "exec", node, "--", "printf", "%s|", *words)
    equal(p.stdout.decode(), "".join(w + "|" for w in words), "exec: every word arrives as it was given")
    p = sallyport(world, "exec", "tag:Environment=prod", "--", "sh", "-c",
                  "head -c 3000000 /dev/urandom | tee /dev/stderr")
    ok(len(p.stdout) == 3000000 and p.stdout == p.stderr, "exec: three million bytes on each, untouched")
    equal(sallyport(world, "exec", "web-1", "--", "sh", "-c", "kill -TERM $$").returncode, 143,
          "exec: a signal is 128 + its number")
    equal(sallyport(world, "exec", "web-1", "--", "no-such-program").returncode, 127,
          "exec: no such program is 127")
    p = subprocess.run(["sh", "-c", "sallyport exec web-1 -- seq 1 100000000 | head -1"], env=world.env(),
                       capture_output=True, timeout=30, check=False)
    ok(p.stdout == b"1\n" and e2e.wait_until(lambda: not active(world), 10),
       "exec into head -1: ends, and so does the session")


def slow_reader(world):
    """The last output is not lost when the session is over before it was read."""
    with subprocess.Popen([str(world.bin / "sallyport"), "exec", "web-1", "--", "seq", "1", "400000"],
                          env=world.env(), stdout=subprocess.PIPE) as p:
        time.sleep(2)
        data = p.stdout.read()
        equal((data.count(b"\n"), p.wait(20)), (400000, 0), "exec: a slow reader gets all of it")


def active(world):
    return json.loads(sallyport(world, "sessions", "--output", "json").stdout)


# --- standard input ------------------------------------------------------------------------

def inputs(world):
    """Data-channel 9.2.1: what is there before the handshake is over waits, and is not lost."""
    argv = [str(world.bin / "sallyport"), "connect", "web-1"]
    script = world.dir / "script"
    script.write_text("echo from-$((40+2)); exit 4\n")
    for what, kwargs, want in (
            ("a pipe", {"input": script.read_bytes()}, (b"from-42", 4)),
            ("a pipe without a last newline", {"input": b"echo from-$((40+2)); exit 5"}, (b"from-42", 5)),
            ("a file", {"stdin": script.open("rb")}, (b"from-42", 4)),
            ("/dev/null", {"stdin": subprocess.DEVNULL}, (b"", 0)),
            ("a closed descriptor", {"preexec_fn": lambda: os.close(0)}, (b"", 0))):
        p = subprocess.run(argv, env=world.env(), capture_output=True, timeout=30, check=False, **kwargs)
        ok(want[0] in p.stdout and p.returncode == want[1], f"connect: standard input from {what}")
    p = subprocess.run(["sh", "-c", "sallyport connect web-1 >&- </dev/null"], env=world.env(), timeout=30,
                       check=False)
    ok(p.returncode in (0, 255), "connect: standard output closed")


# --- terminals --------------------------------------------------------------------------------

def sleeper(child, more=b""):
    """Starts one; a key that comes before it runs is the shell's."""
    child.sendline(b"sleep %s%s" % (SLEEP.encode(), more))
    ok(e2e.wait_until(lambda: e2e.runs("sleep", SLEEP), 10, 0.02), "connect: a command runs")


def interactive(world):
    child = spawn(world, "connect", "web-1")
    ready(child)
    equal(run(child, b"stty size"), b"31 97", "connect: the window size arrived")
    child.setwinsize(44, 111)
    ok(e2e.wait_until(lambda: run(child, b"stty size") == b"44 111", 5), "connect: a resize arrives")
    sleeper(child, b"; echo status $?")
    child.send(b"\x03")
    child.expect(b"ready> ")
    sleeper(child)
    child.send(b"\x1a")
    child.expect(b"Stopped")
    child.expect(b"ready> ")
    child.sendline(b"kill -9 %1; wait")
    child.expect(b"ready> ")
    sleeper(child, b"; echo status $?")
    child.send(b"\x1c")
    child.expect(b"ready> ")
    ok(not e2e.runs("sleep", SLEEP), "connect: Ctrl-C, Ctrl-Z and Ctrl-\\ go to the remote")
    equal(run(child, b"printf 'gr\\303\\274\\303\\237e \\342\\202\\254'").decode(), "grüße €",
          "connect: UTF-8 is untouched")
    child.sendline(b"stty raw -echo; echo ra''w; head -c 255 | od -An -tx1; stty sane; echo do''ne")
    child.expect(b"raw\r?\n")
    child.send(bytes(range(1, 256)))
    child.expect(b"done")
    equal(bytes.fromhex(child.before.decode().replace("\r", "").strip()),
          bytes(range(1, 256)), "connect: every byte from 1 to 255 arrives")
    child.expect(b"ready> ")
    equal(leave(child, 7), 7, "connect: the exit status of the remote shell")


def terminal_after(world, what, end, *args, env=None, ignored=()):
    """Whatever ends the program, the modes of its terminal are as before (data-channel 9.2.5)."""
    def prepare():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    argv = [str(world.bin / "sallyport"), *(args or ("connect", "web-1"))]
    with subprocess.Popen(argv, env=env or world.env(), stdin=slave, stdout=slave, stderr=slave,
                          start_new_session=True, preexec_fn=prepare) as p:
        seen = bytearray()
        reader = threading.Thread(target=drain, args=(master, seen), daemon=True)
        reader.start()
        e2e.wait_until(lambda: re.search(rb"[#$] ", seen) and
                       not termios.tcgetattr(slave)[3] & termios.ICANON, 15)
        raw = termios.tcgetattr(slave) != before
        end(p, master)
        try:
            status = p.wait(20)
        except subprocess.TimeoutExpired:
            p.kill()
            status = None
    ok(raw and status is not None and termios.tcgetattr(slave) == before,
       f"connect: the terminal is restored after {what} (exit {status})")
    os.close(slave)
    os.close(master)
    return bytes(seen), status


def drain(fd, into):
    with contextlib.suppress(OSError):
        while data := os.read(fd, 65536):
            into += data


def terminals(world):
    terminal_after(world, "exit", lambda p, m: os.write(m, b"exit\r"))
    for name in ("SIGTERM", "SIGHUP", "SIGSEGV", "SIGABRT"):
        terminal_after(world, name, lambda p, m, name=name: p.send_signal(getattr(signal, name)))
    terminal_after(world, "a SIGTERM that its parent ignored", lambda p, m: p.send_signal(signal.SIGTERM),
                   ignored=(signal.SIGTERM,))
    ok(e2e.wait_until(lambda: len(active(world)) <= 2, 10),
       "connect: SIGTERM and SIGHUP end the session on the node, too")
    seen, status = terminal_after(world, "terminate", lambda p, m: sallyport(
        world, "terminate", "--all", "--target", "web-1"))
    ok(status == 255 and b"was terminated" in seen, "terminate: the person is told, exit status 255")
    ok(e2e.wait_until(lambda: not active(world), 10), "terminate --all --target: none is left")
    table = sallyport(world, "sessions", "--history", "--limit", "1").stdout.decode()
    ok(re.search(r"^SESSION +NODE +STATUS +DOCUMENT +OWNER +STARTED \(UTC\) .*\n"
                 r"\S+ +mi-\w+ +Terminated +SSM-SessionManagerRunShell +admin +20\d\d-", table),
       "sessions: a table that shows the kind of session")
    history = json.loads(sallyport(world, "sessions", "--history", "--limit", "3", "--output", "json").stdout)
    ok(len(history) == 3 and all(s["Status"] == "Terminated" for s in history),
       "sessions --history --limit")


def idle(world):
    """An idle session costs no CPU."""
    child = spawn(world, "connect", "web-1")
    ready(child)
    def cpu():
        fields = open(f"/proc/{child.pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])
    before = cpu()
    time.sleep(3)
    ok(cpu() - before <= 1, "connect: no CPU while idle")
    leave(child)


# --- losses ------------------------------------------------------------------------------------

def cut_often(proxy):
    for _ in range(5):
        time.sleep(0.4)
        proxy.cut()


def paste(world, node_dir, env=None, disturb=None, what=""):
    """10 MB through a terminal, with its echo switched off; optionally with trouble on the way."""
    target = node_dir / "pasted"
    target.unlink(missing_ok=True)
    child = spawn(world, "connect", "web-1", env=env)
    child.logfile_read = None
    ready(child)
    child.sendline(f"stty raw -echo; echo go; head -c {PASTE} > {target}; stty sane; echo fin''ished".encode())
    child.expect(b"go\r?\n")
    data = os.urandom(PASTE)
    writer = threading.Thread(target=write_all, args=(child.child_fd, data), daemon=True)
    writer.start()
    if disturb:
        disturb()
    child.expect(b"finished", timeout=120)
    writer.join(10)
    equal(hashlib.sha256(target.read_bytes()).hexdigest(), hashlib.sha256(data).hexdigest(),
          f"connect: a paste of 10 MB is intact{what}")
    child.expect(b"ready> ")
    return child


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view[:65536]):]


def server_dies(world):
    child = spawn(world, "connect", "web-1")
    ready(child)
    child.sendline(b"for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line-$i; sleep 0.3; done; echo all''done")
    child.expect(b"line-2")
    world.server.kill(signal.SIGKILL)
    child.expect(rb"connection lost \(.*?\); reconnecting")
    text = child.before
    child.send(b"echo typed''-meanwhile\r")
    time.sleep(1)
    world.server.start()
    child.expect(b"connection restored")
    ok(True, "a killed server: the loss and the return are shown")
    child.expect(b"alldone")
    text += child.before
    ok(all(b"line-%d\r\n" % i in text for i in range(6, 13)), "a killed server: no output is lost")
    child.expect(b"typed-meanwhile")
    ok(True, "a killed server: what was typed meanwhile arrives")
    equal(leave(child, 3), 3, "a killed server: the session goes on to its end")


def slow_service(world, node):
    """Ctrl-C while nothing has been answered yet; what was begun is ended by the server."""
    proxy = Proxy(world.port)
    proxy.slow = 2
    env = world.env(AWS_ENDPOINT_URL=f"https://localhost:{proxy.port}")
    child = spawn(world, "connect", node, env=env)
    e2e.wait_until(lambda: proxy.pairs)
    child.sendintr()
    child.expect(pexpect.EOF, timeout=1.5)
    child.close()
    equal((child.signalstatus, active(world)), (signal.SIGINT, []), "Ctrl-C before the service answered: over at once")
    child = spawn(world, "connect", node, env=env)
    e2e.wait_until(lambda: active(world))
    child.sendintr()
    child.expect(pexpect.EOF, timeout=1.5)
    child.close()
    equal((child.signalstatus, len(active(world))), (signal.SIGINT, 1), "Ctrl-C while a session is made: over at once")
    proxy.close()
    os.kill(world.server.child.pid, signal.SIGSTOP)
    child = spawn(world, "forward", node, "0:80")
    time.sleep(1)
    began = time.monotonic()
    child.sendintr()
    child.expect(pexpect.EOF, timeout=20)
    ok(time.monotonic() - began < 6, "Ctrl-C of forward while the server does not answer: three seconds")
    os.kill(world.server.child.pid, signal.SIGCONT)
    ok(e2e.wait_until(lambda: not active(world), 90, 1), "and no session is left")


def network_fails(world):
    """Data-channel 9.2.7."""
    proxy = Proxy(world.port)
    env = world.env(AWS_ENDPOINT_URL=f"https://localhost:{proxy.port}")
    child = spawn(world, "connect", "web-1", env=env)
    ready(child)
    for _ in range(3):
        proxy.cut()
        child.expect(b"connection lost")
        child.expect(b"connection restored")
    child.send(b"\r")
    child.expect(b"ready> ")
    equal(run(child, b"echo $((6*7))"), b"42", "a cut connection: restored, three times")
    equal(leave(child), 0, "a cut connection: the session ends as usual")
    leave(paste(world, world.dir, env, lambda: cut_often(proxy), ", with cuts on the way"))
    for command in (("ls",), ("exec", "web-1", "--", "true")):
        proxy.drop = 2
        p = sallyport(world, *command, env=env)
        equal((p.returncode, p.stderr, proxy.drop), (0, b"", 0), f"{command[0]}: calls that are cut are made again")
    proxy.drop = 3
    p = sallyport(world, "ls", env=env)
    equal((p.returncode, proxy.drop), (1, 0), "ls: three times")
    proxy.drop = 1
    p = sallyport(world, "terminate", "admin-" + "0" * 26, env=env)
    ok(p.returncode == 1 and p.stderr != b"" and b"DoesNotExist" not in p.stderr,
       "terminate: what changes something is asked once")
    child = spawn(world, "connect", "web-1", env=env)
    ready(child)
    proxy.close()
    child.expect(b"connection lost")
    time.sleep(2.5)
    child.send(b"\x03")
    child.expect(rb"left while the connection was away.*ends by itself.*sallyport terminate (\S+)", timeout=10)
    ident = child.match.group(1).decode()
    child.expect(pexpect.EOF, timeout=10)
    child.close()
    equal(child.exitstatus, 255, "a network that stays away: Ctrl-C leaves, and it is said what becomes of the session")
    p = sallyport(world, "terminate", ident)
    equal((p.returncode, p.stdout.decode()), (0, f"terminated {ident}\n"), "and how it is ended is right")


# --- a new node ----------------------------------------------------------------------------------

# What the line runs on a node, replaced: nothing of this machine is touched.
STUBS = {
    "id": "echo 0",
    "sudo": 'exec "$@"',
    "dpkg": "echo testarch",
    "apt-get": 'for f; do :; done; cat "$f" >>"$LOG"',
    "mkdir": "echo mkdir >>\"$LOG\"",
    "install": "echo install >>\"$LOG\"",
    "sallyport-agent": 'echo "agent $* code=${SALLYPORT_ACTIVATION_CODE:+given}" >>"$LOG"',
    "systemctl": 'echo "systemctl $*" >>"$LOG"',
}


def new_node(world):
    packages = world.dir / "packages"
    packages.mkdir()
    p = sallyport(world, "register-command")
    ok(p.returncode == 1 and b"agent_dir" in p.stderr, "register-command: without packages, what to set")
    world.conf.write_text(world.conf.read_text() + f"agent_dir = {packages}\n")
    world.crash_server()
    package = packages / "sallyport-agent_1.2.3_testarch.deb"
    package.write_text("the package\n")
    before = len(world.aws("ssm", "describe-activations")["ActivationList"])
    p = sallyport(world, "register-command", "--name", "node one", "--tags", "Environment=prod,Team=a b",
                  "--limit", "3", "--id-prefix", "i-", "--expires", "2h")
    line = p.stdout.decode()
    ok(p.returncode == 0 and line.count("\n") == 1 and b"--agent-endpoint" in p.stderr,
       "register-command: one line, and a warning about localhost")
    made = world.aws("ssm", "describe-activations")["ActivationList"]
    made = max(made, key=lambda a: a["CreatedDate"])
    tags = {t["Key"]: t["Value"] for t in made["Tags"]}
    ok(len(world.aws("ssm", "describe-activations")["ActivationList"]) == before + 1 and
       made["RegistrationLimit"] == 3 and made["DefaultInstanceName"] == "node one" and
       tags["Team"] == "a b" and tags["sallyport:instance-id-prefix"] == "i-",
       "register-command: an activation as asked for")
    p = sallyport(world, "register-command", "--agent-endpoint", "https://h/'; touch owned; '")
    paste_on_node(world, p.stdout.decode())
    ok(p.returncode == 0 and not (world.dir / "owned").exists(), "register-command: an address is never a command")
    status, log = paste_on_node(world, line)
    ok(status == 0 and "the package\n" in log and "register --endpoint" in log and "code=given" in log and
       f"--activation-id {made['ActivationId']}" in log, "register-command: the line installs, registers, starts")
    world.server.kill()
    late = threading.Timer(3, world.server.start)
    late.start()
    began = time.monotonic()
    status, log = paste_on_node(world, line)
    late.join()
    ok(status == 0 and "register --endpoint" in log and time.monotonic() - began > 2.5,
       "register-command: the line waits for a server that is away")
    package.write_text("another package\n")
    status, log = paste_on_node(world, line)
    ok(status != 0 and "package" not in log and "register" not in log,
       "register-command: another package than meant is not installed")
    package.write_text("the package\n")
    status, log = paste_on_node(world, re.sub(r"(sallyport-install .*) [0-9a-f]{64} ", r"\1 " + "0" * 64 + " ", line))
    ok(status != 0 and log == "", "register-command: another CA than meant is not trusted")


def paste_on_node(world, line):
    stubs, log = world.dir / "stubs", world.dir / "stubs.log"
    agent_log = pathlib.Path("/var/log/sallyport-agent.log")  # where there is no systemd
    was_there = agent_log.exists()
    stubs.mkdir(exist_ok=True)
    log.write_text("")
    for name, body in STUBS.items():
        (stubs / name).write_text(f"#!/bin/sh\n{body}\n")
        (stubs / name).chmod(0o755)
    env = {"PATH": f"{stubs}:/usr/bin:/bin", "LOG": str(log), "HOME": str(world.dir)}
    p = subprocess.run(["sh", "-c", line], env=env, cwd=world.dir, capture_output=True, timeout=30, check=False)
    e2e.wait_until(lambda: "run" in log.read_text() or "systemctl restart" in log.read_text(), 1)
    if not was_there:
        agent_log.unlink(missing_ok=True)
    return p.returncode, log.read_text()


# --- the rest --------------------------------------------------------------------------------------

def doctor(world):
    p = sallyport(world, "doctor")
    lines = p.stdout.decode().splitlines()
    ok(p.returncode == 0 and all(not x.startswith("FAIL") for x in lines), "doctor: all is well")
    bare = {"PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": world.endpoint, "SALLYPORT_CA_FILE": str(world.ca)}
    p = sallyport(world, "doctor", "--quiet", env=bare)
    equal((p.returncode, p.stdout + p.stderr), (0, b""), "doctor --quiet needs no credentials")
    for what, more, word in (
            ("an unknown CA", {"AWS_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt"}, "unknown authority"),
            ("a dead port", {"AWS_ENDPOINT_URL": f"https://localhost:{e2e.free_port()}"}, "is sallyportd running"),
            ("an unknown name", {"AWS_ENDPOINT_URL": "https://nowhere.invalid"}, "does not resolve"),
            ("a wrong name", {"AWS_ENDPOINT_URL": f"https://ip6-localhost:{world.port}"}, "FAIL"),
            ("a wrong key", {"AWS_SECRET_ACCESS_KEY": "x"}, "check AWS_SECRET_ACCESS_KEY"),
            ("no region", {"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, "set AWS_REGION")):
        p = sallyport(world, "doctor", env=world.env(**more))
        ok(p.returncode == 1 and word in p.stdout.decode(), f"doctor: {what} is named")
    p = sallyport(world, "doctor", "--quiet", env=dict(bare, AWS_ENDPOINT_URL="https://localhost:1"))
    equal((p.returncode, p.stdout + p.stderr), (1, b""), "doctor --quiet fails quietly")


def completion(world):
    script = sallyport(world, "completion", "bash").stdout.decode()
    def complete(*words):
        body = (f"{script}\nCOMP_WORDS=({' '.join(words)} '')\nCOMP_CWORD={len(words)}\n"
                "_sallyport\nprintf '%s\\n' \"${COMPREPLY[@]}\"")
        p = subprocess.run(["bash", "-c", body], env=world.env(), capture_output=True, text=True, check=False)
        return p.stdout.split()
    ok("register-command" in complete("sallyport"), "completion: commands")
    ok({"web-1", "web-2", *world.nodes.values()} <= set(complete("sallyport", "connect")),
       "completion: names and ids of nodes")
    equal(complete("sallyport", "ls", "--output"), ["text", "json"], "completion: values of options")
    equal((complete("sallyport", "admin", "lock", "remove"), complete("sallyport", "admin", "audit", "verify")), ([], []),
          "completion: no names where none is due")
    request = sallyport(world, "access", "request", "web-1", "--reason", "x").stdout.decode().strip()
    equal(complete("sallyport", "access", "approve"), [request], "completion: requests for access")
    os.kill(world.server.child.pid, signal.SIGSTOP)
    began = time.monotonic()
    complete("sallyport", "connect")
    ok(time.monotonic() - began < 8, "completion: gives up soon when the server does not answer")
    os.kill(world.server.child.pid, signal.SIGCONT)


def main():
    with e2e.World("client") as world:
        node, _ = world.agent("web-1", "Environment=prod")
        other, _ = world.agent("web-2", "Environment=test", prefix="i-")
        lists(world, node, other)
        mistakes(world)
        little_rights(world, other)
        commands(world, node)
        slow_reader(world)
        inputs(world)
        interactive(world)
        terminals(world)
        idle(world)
        leave(paste(world, world.dir))
        server_dies(world)
        network_fails(world)
        slow_service(world, node)
        doctor(world)
        completion(world)
        new_node(world)
    e2e.finish()


if __name__ == "__main__":
    main()
