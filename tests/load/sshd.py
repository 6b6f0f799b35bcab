# SPDX-License-Identifier: Apache-2.0
"""An sshd of our own on loopback: own key, own configuration, unprivileged port."""
import getpass
import os
import pathlib
import shutil
import socket
import subprocess
import time

from e2e import free_port, wait_until

SERVER = """
Port {port}
ListenAddress 127.0.0.1
HostKey {dir}/host
AuthorizedKeysFile {dir}/user.pub
PidFile {dir}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
PrintMotd no
PrintLastLog no
UseDNS no
LogLevel ERROR
"""

CLIENT = """
Host host
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {dir}/user
  IdentitiesOnly yes
  StrictHostKeyChecking no
  UserKnownHostsFile {dir}/known
  LogLevel ERROR
  IgnoreUnknown ObfuscateKeystrokeTiming
  ObfuscateKeystrokeTiming no
"""


class Sshd:
    """As a person would set it up: defaults, a key, nothing that slows it down."""

    def __init__(self, folder):
        self.dir = pathlib.Path(folder) / "ssh"
        self.dir.mkdir()
        program = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.dir / name],
                           check=True)
        self.port = free_port()
        fill = {"port": self.port, "dir": self.dir, "user": getpass.getuser()}
        (self.dir / "sshd_config").write_text(SERVER.format(**fill))
        (self.dir / "ssh_config").write_text(CLIENT.format(**fill))
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)  # it insists on this one
        self.log = open(self.dir / "log", "wb")
        self.child = subprocess.Popen([program, "-D", "-e", "-f", self.dir / "sshd_config"],
                                      stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        if not wait_until(self.listening, step=0.05):
            raise RuntimeError(f"sshd: {(self.dir / 'log').read_text()}")

    def listening(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def shell(self):
        """The command that opens a login shell."""
        return ["ssh", "-F", str(self.dir / "ssh_config"), "-tt", "host"]

    def close(self):
        self.child.terminate()
        self.child.wait(10)
        self.log.close()
        time.sleep(0.1)
