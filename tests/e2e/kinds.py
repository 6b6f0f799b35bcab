#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: every kind of session but the shell (stock_pairs.py) and SSH (openssh.py) works in all four
pairings of our client and the stock plugin, our agent and the stock agent: ports by a local port that is
chosen, given, or a unix socket, remote hosts by name and address, interactive commands, and commands
that are not, their two outputs together and apart.
"""
import concurrent.futures
import json
import os
import re

import e2e
import portkit
import stock
import terminal
from e2e import equal, ok
from portkit import FORWARD, KB, MB, REMOTE, Plugin, Service, echo

# What the public documents have no parameter for.
SOCKET = {"schemaVersion": "1.0", "sessionType": "Port", "description": "a port at a local socket",
          "parameters": {"portNumber": {"type": "String"}, "path": {"type": "String"}},
          "properties": {"portNumber": "{{ portNumber }}", "type": "LocalPortForwarding",
                         "localConnectionType": "unix", "localUnixSocket": "{{ path }}"}}
APART = {"schemaVersion": "1.0", "sessionType": "NonInteractiveCommands", "description": "two outputs",
         "parameters": {"command": {"type": "String"}},
         "properties": {"linux": {"commands": "{{ command }}", "runAsElevated": False, "separateOutputStream": True,
                                  "stdOutSeparatorPrefix": "OUT:", "stdErrSeparatorPrefix": "ERR:"}}}


class Pair:
    def __init__(self, world, node, plugin, agents):
        self.world, self.node, self.plugin, self.agents = world, node, plugin, agents
        self.what = f"{plugin} plugin, {agents} agent"
        # A stock peer says 1 KiB each millisecond, from its side.
        self.up = 200 * KB if plugin == "stock" else 5 * MB
        self.down = 200 * KB if agents == "stock" else 5 * MB

    def session(self, document, **parameters):
        return Plugin(self.world, self.node, self.plugin, document, **parameters)

    def ports(self, service):
        with self.session(FORWARD, portNumber=service.port, localPortNumber=0) as s:
            port = s.listening()
            equal(echo(port), "echo hello", f"{self.what}: a port, a local one is chosen")
            equal(portkit.together(portkit.down, 2, port, self.down)[0], 2, f"{self.what}: two downloads at once")
            equal(portkit.together(portkit.up, 2, port, self.up)[0], 2, f"{self.what}: two uploads at once")
            with concurrent.futures.ThreadPoolExecutor(25) as pool:
                got = list(pool.map(lambda i: echo(port, f"w{i}"), range(50)))
            equal(got, [f"echo w{i}" for i in range(50)], f"{self.what}: 50 connections, 25 at once")
        row = self.world.wait_status(s.id, "Terminated")
        equal(row and row["Status"], "Terminated", f"{self.what}: Ctrl-C ends the session")
        given = e2e.free_port()
        with self.session(FORWARD, portNumber=service.port, localPortNumber=given) as s:
            equal(s.listening(), given, f"{self.what}: a local port that is given")
            equal(echo(given), "echo hello", f"{self.what}: and a connection to it")
        path = str(self.world.dir / f"{self.plugin}-{self.agents}.sock")
        with self.session("Kinds-Socket", portNumber=service.port, path=path) as s:
            if ok(s.listening() == path, f"{self.what}: a local unix socket"):
                equal(echo(path), "echo hello", f"{self.what}: and a connection to it")
            else:
                print(s.text)
        ok(not os.path.exists(path) or self.plugin == "stock", f"{self.what}: which does not stay")

    def remote_hosts(self, service, v6):
        for host, s in (("localhost", service), ("127.0.0.1", service), ("::1", v6)):
            with self.session(REMOTE, host=host, portNumber=s.port) as f:
                equal(echo(f.listening()), "echo hello", f"{self.what}: the remote host {host}")
        with portkit.closed_port() as closed, self.session(REMOTE, host="localhost", portNumber=closed) as s:
            with portkit.dial(s.listening()) as c:
                equal(c.recv(1), b"", f"{self.what}: a connection that nobody answers is closed")
            ok(s.says("Connection to destination port failed", 5), f"{self.what}: and the person is told")

    def interactive(self):
        command = "printf 'name? '; read name; echo \"it is $name\"; stty size"
        with terminal.Session(self.world, self.node, self.plugin, DocumentName="AWS-StartInteractiveCommand",
                              Parameters={"command": [command]}) as t:
            t.expect(r"name\? ")
            t.send("gr\u00fc\u00dfe\r")
            t.expect("it is gr\u00fc\u00dfe\r+\n")
            ok(True, f"{self.what}: an interactive command asks and is answered")
            t.expect(r"31 97\r")
            t.expect(f"Exiting session with sessionId: {t.id}")
            equal(t.wait_exit(10), 0, f"{self.what}: its window is right, and its end the session's")

    def commands(self):
        command = "sh -c 'echo out; sleep 0.2; echo err >&2; exit 3'"
        with self.session("AWS-StartNonInteractiveCommand", command=command) as s:
            equal(s.wait(), 0, f"{self.what}: a command that is not interactive ends")
            ok(re.search(r"\nout\r?\nerr\r?\n", s.text), f"{self.what}: with both outputs as one")
        with self.session("Kinds-Apart", command=command) as s:
            equal(s.wait(), 0, f"{self.what}: outputs apart")
            ok("OUT:out\n" in s.text and "ERR:err\n" in s.text, f"{self.what}: each with its prefix")
            # The stock plugin prints the payload; ours keeps it for exec (docs/protocol.md).
            ok(self.plugin == "ours" or "EXIT_CODE: 3" in s.text, f"{self.what}: and the exit code arrives")
            if "OUT:out" not in s.text:
                print(s.text)


def main():
    plugins = ["ours"] + (["stock"] if e2e.STOCK_PLUGIN else [])
    service, v6 = Service(), Service(host="::1")
    with e2e.World("kinds") as world, stock.beside(world) as nodes:
        nodes = {"ours": world.agent("own")[0], **nodes}
        for name, content in (("Kinds-Socket", SOCKET), ("Kinds-Apart", APART)):
            world.ssm.create_document(Name=name, DocumentType="Session", DocumentFormat="JSON",
                                      Content=json.dumps(content))
        for agents, node in nodes.items():
            for plugin in plugins:
                pair = Pair(world, node, plugin, agents)
                pair.ports(service)
                pair.remote_hosts(service, v6)
                pair.interactive()
                pair.commands()
    e2e.finish()


if __name__ == "__main__":
    main()
