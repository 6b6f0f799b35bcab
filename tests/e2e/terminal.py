# SPDX-License-Identifier: Apache-2.0
"""A person's terminal with a session-manager-plugin in it: the plugin is started as the AWS CLI
starts it, with the answer of StartSession in the environment, on a pty of its own.
"""
import fcntl
import json
import os
import pty
import re
import signal
import struct
import termios
import threading
import time

import e2e

ENV = "AWS_SSM_START_SESSION_RESPONSE"
PROMPT = b"ready> "
# The echo of this does not look like the prompt that it makes.
SET_PROMPT = ("PS1='rea''dy> '; unset PROMPT_COMMAND; "
              "bind 'set enable-bracketed-paste off' 2>/dev/null; stty -echo\r")


class Terminal:
    """What a program prints is kept from the beginning; expect() moves a mark through it."""

    def __init__(self, argv, env, rows=31, cols=97):
        self.data = bytearray()
        self.mark = 0
        self.status = None
        self.changed = threading.Condition()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], argv, env)
        self.resize(rows, cols)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while True:
            try:
                more = os.read(self.fd, 65536)
            except OSError:  # Linux's way to say that the other side is closed
                more = b""
            with self.changed:
                self.data += more
                self.changed.notify_all()
            if not more:
                return

    def resize(self, rows, cols):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def send(self, data):
        data = data.encode() if isinstance(data, str) else data
        while data:
            data = data[os.write(self.fd, data[:4096]):]

    def wait(self, condition, seconds=20):
        """Waits until condition(data behind the mark) is true; returns its last value."""
        end = time.monotonic() + seconds
        with self.changed:
            while True:
                value = condition(self.data)
                left = end - time.monotonic()
                if value or left <= 0 or not self.reader.is_alive():
                    return condition(self.data) if not value else value
                self.changed.wait(min(left, 0.5))

    def expect(self, pattern, seconds=20):
        """The match of a pattern behind the mark, which moves behind it; TimeoutError without."""
        pattern = re.compile(pattern.encode() if isinstance(pattern, str) else pattern, re.S)
        found = self.wait(lambda data: pattern.search(data, self.mark), seconds)
        if not found:
            tail = bytes(self.data[self.mark:][-600:])
            raise TimeoutError(f"{pattern.pattern!r} did not come; there is {tail!r}")
        self.mark = found.end()
        return found

    def line(self):
        """The local terminal's settings: what must be as before afterwards."""
        return termios.tcgetattr(self.fd)

    def wait_exit(self, seconds=20):
        """The exit status, negative for a signal; None while it lives."""
        def over():
            if self.status is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.status = os.waitstatus_to_exitcode(status)
            return self.status is not None
        e2e.wait_until(over, seconds, 0.05)
        return self.status

    def kill(self, signum=signal.SIGKILL):
        if self.wait_exit(0) is None:
            os.kill(self.pid, signum)
        return self.wait_exit()

    def close(self):
        self.kill()
        self.reader.join(5)
        os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Session(Terminal):
    """A shell on a node, through our plugin or the stock one."""

    def __init__(self, world, node, plugin="ours", started=None, env=None, **request):
        self.world = world
        self.request = {"Target": node, **request}
        self.started = started or world.ssm.start_session(**self.request)
        self.id = self.started["SessionId"]
        path = e2e.STOCK_PLUGIN if plugin == "stock" else str(world.bin / "session-manager-plugin")
        response = {k: self.started[k] for k in ("SessionId", "TokenValue", "StreamUrl")}
        super().__init__([path, ENV, e2e.REGION, "StartSession", "", json.dumps(self.request),
                          world.endpoint], world.env(plugin, TERM="xterm", **{ENV: json.dumps(response)}, **(env or {})))

    def shell(self):
        """Waits for the shell and gives it a prompt of our own, without echo."""
        self.expect(f"Starting session with SessionId: {re.escape(self.id)}")
        self.expect(rb"[#$>] ")
        self.send(SET_PROMPT)
        self.expect(b"\\n" + PROMPT + b"|\\x1b[^\\n]*" + PROMPT)
        return self

    def run(self, command, seconds=20):
        """The output of a command, line ends as on Unix."""
        self.send(command + "\r")
        out = self.expect(rb"(.*?)" + PROMPT, seconds).group(1)
        return out.replace(b"\r\n", b"\n").decode(errors="replace").strip()
