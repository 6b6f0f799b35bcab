#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: our client and the stock plugin, our agent and the stock agent work together in all four
pairings: through the unmodified AWS CLI, with resize, Ctrl-C and UTF-8, to the end by exit, by
TerminateSession, and through a kill -9 of the server; and the stock agent registers by an
activation and shows what it is.
"""
import re
import signal
import time

import e2e
import shell_session
import stock
import terminal
from e2e import equal, ok, wait_until


def registers(world, agent):
    ident, code = world.activation("Name=stock", "Environment=prod")
    done = agent.register(ident, code)
    if not ok(done.returncode == 0, "the stock agent registers by its activation"):
        print(done.stdout[-2000:], done.stderr[-2000:], agent.text()[-2000:])
    node = agent.node_id()
    ok(re.fullmatch(r"mi-[0-9a-f]{17}", node), "under an mi- id")
    agent.start()
    began = time.monotonic()
    if not ok(wait_until(lambda: world.online(node), 40), f"the stock agent is online ({time.monotonic() - began:.1f} s)"):
        print(agent.text()[-4000:])
    ok(wait_until(lambda: "credentials" in agent.text().lower(), 10) and world.online(node),
       "with the credentials of its RSA-signed, chunked call")
    info = lambda: world.ssm.describe_instance_information(  # noqa: E731
        Filters=[{"Key": "InstanceIds", "Values": [node]}])["InstanceInformationList"][0]
    wait_until(lambda: info().get("PlatformName"), 10)
    release = dict(line.rstrip().replace('"', "").split("=", 1) for line in open("/etc/os-release", encoding="utf-8")
                   if "=" in line)
    i = info()
    equal((i["PingStatus"], i["PlatformType"], i["PlatformName"], i["PlatformVersion"].split(".")[0],
           i["ResourceType"]),
          ("Online", "Linux", release["NAME"], release["VERSION_ID"], "ManagedInstance"),
          "its heartbeat shows the real platform")
    equal(i["AgentVersion"], agent.version(), "and its own version")
    ok(i["ComputerName"] and i["IPAddress"] and
       abs(time.time() - i["LastPingDateTime"].timestamp()) < 60, "name, address and the time of its ping")
    return node


def ends_by_terminate(world, node, plugin, pair):
    with terminal.Session(world, node, plugin) as s:
        s.shell()
        world.ssm.terminate_session(SessionId=s.id)
        s.expect(f"Exiting session with sessionId: {s.id}.", 15)
        equal(s.wait_exit(10), 0, f"{pair}: TerminateSession ends the client with its words and status 0")
        ok(world.wait_status(s.id, "Terminated", seconds=15), f"{pair}: and the session is over")


def counted(s):
    """The numbers of the lines "n 1", "n 2" ...; the stock plugin leaves its terminal's line ends on."""
    return [int(n) for n in re.findall(rb"n (\d+)\r+\n", bytes(s.data))]


def much_output(world, node, plugin, pair):
    with terminal.Session(world, node, plugin) as s:
        s.shell()
        s.send("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo \"n $i\"; done; echo counted\r")
        s.expect(b"counted\r", 30)
        numbers = counted(s)
        equal((len(numbers), numbers == list(range(1, 20001))), (20000, True),
              f"{pair}: 20000 lines arrive once and in order")
        s.send("exit\r")
        s.expect(f"Exiting session with sessionId: {s.id}.", 15)
        equal(s.wait_exit(10), 0, f"{pair}: exit ends it")


def server_dies(world, node, plugin, pair):
    with terminal.Session(world, node, plugin) as s:
        s.shell()
        s.send("i=0; while [ $i -lt 150 ]; do i=$((i+1)); echo \"n $i\"; sleep 0.03; done; echo counted\r")
        s.expect(b"n 40\r")
        world.crash_server()
        s.mark = 0
        try:
            s.expect(b"counted\r", 30)
        except TimeoutError as e:
            ok(False, f"{pair}: the output goes on through kill -9 of the server")
            print(f"    {e}\n    the last lines: {counted(s)[-5:]}")
            return
        numbers = counted(s)
        equal((len(numbers), numbers == list(range(1, 151))), (150, True),
              f"{pair}: every line once and in order through kill -9 of the server")
        s.expect(terminal.PROMPT, 30)
        equal(s.run("echo still here", 30), "still here", f"{pair}: and the shell still answers")
        s.send("exit\r")
        s.expect(f"Exiting session with sessionId: {s.id}.", 20)
        equal(s.wait_exit(10), 0, f"{pair}: to its end")


def one_pair(world, node, plugin, agents):
    pair = f"{plugin} client, {agents} agent"
    if (plugin, agents) != ("ours", "ours"):  # which shell_session.py runs with every command line
        shell_session.full_session(world, f"AWS CLI, {agents} agent,", e2e.aws_clis()[-1][1], node, plugin)
    ends_by_terminate(world, node, plugin, pair)
    much_output(world, node, plugin, pair)
    server_dies(world, node, plugin, pair)
    ok(wait_until(lambda: world.online(node), 60), f"{pair}: the node is back")


def main():
    clients = ["ours"] + (["stock"] if e2e.STOCK_PLUGIN else [])
    if not e2e.STOCK_PLUGIN:
        e2e.skip("the stock plugin is not on PATH")
    why = stock.obstacle()
    if why:
        e2e.skip(why)
    if why and not e2e.STOCK_PLUGIN:
        ok(True, "nothing stock is here: nothing to pair")
        e2e.finish()
    with e2e.World("stock") as world:
        theirs = None if why else stock.Agent(world, "stock-agent")
        try:
            nodes = {"ours": world.agent("own")[0]}
            if theirs is not None:
                nodes["stock"] = registers(world, theirs)
            for agents, node in nodes.items():
                for plugin in clients:
                    one_pair(world, node, plugin, agents)
        finally:
            if theirs is not None:
                theirs.stop()
    e2e.finish()


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main()
