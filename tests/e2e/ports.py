#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: port sessions with our agent carry every byte, hundreds of connections at once, none of which
waits for another, and leave nothing behind; remote hosts by name and address, the forbidden ones refused in
words.  With our plugin, and with the stock one where it is on PATH.
"""
import concurrent.futures
import contextlib
import re
import resource
import threading
import time

import e2e
import portkit
from e2e import equal, ok, wait_until
from portkit import FORWARD, KB, MB, REMOTE, SSH, Plugin, Service, dial, echo

DOWN = 30 * MB


def up_size(plugin):
    return 400 * KB if plugin == "stock" else DOWN  # it sends 1 KiB each millisecond


def connections(world, node, plugin, service):
    what = f"{plugin} plugin"
    with Plugin(world, node, plugin, FORWARD, portNumber=service.port, localPortNumber=0) as s:
        port = s.listening()
        if not ok(port, f"{what}: a local port opens"):
            print(s.text)
            return
        equal(echo(port), "echo hello", f"{what}: a connection answers")
        stuck = [dial(port) for _ in range(5)]
        for c in stuck:
            c.sendall(b"hang\n" + bytes(200))
        began = time.monotonic()
        equal(echo(port, "past"), "echo past", f"{what}: connections that do nothing hold back nobody")
        ok(time.monotonic() - began < 5, f"{what}: and not for a moment")
        for c in stuck:
            c.close()
        with dial(port, 10) as c:
            c.sendall(b"bye\n")
            equal(c.recv(1), b"", f"{what}: what the service closes is closed here")
        refused(port, what)
        half_close(port, plugin)
    row = world.wait_status(s.id, "Terminated")
    equal(row and row["Status"], "Terminated", f"{what}: Ctrl-C ends the session")


def refused(port, what):
    """An upload that the service refuses with an answer, and a reset."""
    answer = b""
    with dial(port, 10) as c, contextlib.suppress(OSError):
        c.sendall(b"refuse 20000\n" + bytes(100 * KB))
        while more := c.recv(1 << 16):
            answer += more
    ok(answer == portkit.pattern(20000), f"{what}: the answer to an upload that is cut short arrives ({len(answer)})")


def half_close(port, plugin):
    if plugin == "ours":
        ok(portkit.half(port, MB), "ours plugin: an answer after the end of the question")
        return
    # Data-channel 7.4: it ends both directions.  The limit is in docs/compatibility.md.
    with dial(port, 10) as c:
        c.sendall(b"all\n" + bytes(1000))
        c.shutdown(1)
        equal(c.recv(1), b"", "stock plugin: the end of the question is the end of the answer, by its smux")
    equal(echo(port, "after"), "echo after", "stock plugin: and of nothing else")


def transfers(world, node, plugin, service):
    what, size = f"{plugin} plugin", up_size(plugin)
    with Plugin(world, node, plugin, FORWARD, portNumber=service.port, localPortNumber=0) as s:
        port = s.listening()
        equal(portkit.together(portkit.down, 1, port, DOWN)[0], 1, f"{what}: {DOWN // MB} MB down are the same")
        equal(portkit.together(portkit.up, 1, port, size)[0], 1, f"{what}: {size // KB} kB up are the same")
        equal(portkit.together(portkit.down, 8, port, DOWN // 8)[0], 8, f"{what}: eight downloads at once")
        equal(portkit.together(portkit.up, 8, port, size // 8)[0], 8, f"{what}: eight uploads at once")
        slow_reader(world, port, plugin)


def slow_reader(world, port, plugin):
    what = f"{plugin} plugin"
    with dial(port) as stalled:
        stalled.sendall(f"get {DOWN}\n".encode())
        world.quiet()  # it has filled what there is to fill
        if plugin == "ours":
            ok(portkit.down(port, MB), f"{what}: one that does not read holds back nobody")
        else:  # without windows the 4 MiB of its session are full; see docs/compatibility.md
            late = threading.Thread(target=lambda: echo(port))
            late.start()
            late.join(2)
            ok(late.is_alive(), f"{what}: one that does not read holds back the others, by its smux")
        equal(portkit.hash_of(stalled, DOWN), portkit.digest(DOWN), f"{what}: and gets all of it when it reads")
    equal(echo(port, "on"), "echo on", f"{what}: and so do the others")


@contextlib.contextmanager
def few_descriptors():
    """What is started here finds a limit that is lower than what it needs, as under systemd."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def churn(world, node, plugin, service, agent):
    """Two hundred at once, and hundreds that come and go, and then nothing is left of them."""
    what = f"{plugin} plugin"
    pids = e2e.processes(str(agent))
    ok(pids, "the agent's processes are known")
    with few_descriptors():
        s = Plugin(world, node, plugin, FORWARD, portNumber=service.port, localPortNumber=0)
    with s:
        port = s.listening()
        echo(port)
        count = lambda: (portkit.descriptors(*pids), portkit.descriptors(s.p.pid))  # noqa: E731
        world.quiet()  # both ends of that one are closed
        before = count()
        open_ones = [dial(port) for _ in range(200)]
        for i, c in enumerate(open_ones):
            c.sendall(f"echo w{i}\n".encode())
        got = [c.makefile().readline() for c in open_ones]
        equal(got, [f"echo w{i}\n" for i in range(200)], f"{what}: 200 connections at once, each its own")
        during = count()
        ok(all(d - b >= 200 for d, b in zip(during, before)), f"{what}: they are connections of their own ({during})")
        for c in open_ones:
            c.close()
        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            words = list(pool.map(lambda i: echo(port, f"v{i}"), range(400)))
        equal(words, [f"echo v{i}" for i in range(400)], f"{what}: 400 that come and go, 40 at once")
        for _ in range(30):  # in the middle of a download, which is still in every buffer
            with dial(port) as c:
                c.sendall(b"get 5000000\n")
                c.recv(1)
        ok(wait_until(lambda: all(a <= b for a, b in zip(count(), before)), 15),
           f"{what}: no descriptor is left of them ({before}, {count()})")


def crash(world, node, service):
    """kill -9 of the server in the middle of a download."""
    with Plugin(world, node, "ours", FORWARD, portNumber=service.port, localPortNumber=0) as s:
        right, _ = portkit.together(portkit.down, 2, s.listening(), 3 * DOWN, world.crash_server)
        equal(right, 2, f"ours plugin: {3 * DOWN // MB} MB are the same through kill -9 of the server")
    ok(wait_until(lambda: world.online(node)), "the node is back, too")


def refusals(world, node, plugin):
    """Agent-protocol 10.26: a closed port ends nothing."""
    what = f"{plugin} plugin"
    with portkit.closed_port() as closed:
        with Plugin(world, node, plugin, FORWARD, portNumber=closed, localPortNumber=0) as s:
            with dial(s.listening(), 10) as c:
                equal(c.recv(1), b"", f"{what}: a connection that nobody answers is closed")
            ok(s.says("Connection to destination port failed", 5), f"{what}: and the person is told")
            equal(s.p.poll(), None, f"{what}: the session stays")
        with Plugin(world, node, plugin, SSH, portNumber=closed) as s:
            s.wait()
            ok(f"Unable to connect to specified port: connection refused by 127.0.0.1:{closed}" in s.text,
               f"{what}: SSH to a closed port is told at once" + ("" if "refused" in s.text else f": {s.text}"))
    with Plugin(world, node, plugin, REMOTE, host="nosuch.invalid", portNumber=80) as s:
        s.wait()
        ok("Unable to connect to specified port: name does not resolve: nosuch.invalid" in s.text,
           f"{what}: an unknown name is told" + ("" if "resolve" in s.text else f": {s.text}"))


def forbidden(world, node):
    """Agent-protocol 10.27: no spelling of an address gets around."""
    for host in ("169.254.169.254", "169.254.0.1", "0.0.0.0", "::ffff:169.254.169.254", "fd00:ec2::254", "fe80::1%lo",
                 "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "64:ff9b::a9fe:a9fe"):
        try:
            portkit.start_session(world, node, REMOTE, host=host)
            said = "a session"
        except world.ssm.exceptions.ClientError as e:
            said = str(e)
        ok(re.search(r"\(InvalidParameters\).*: Forwarding to IP address [0-9a-f.:]+ is forbidden\.", said),
           f"{host} is forbidden, in words" + ("" if "forbidden" in said else f": {said}"))


def remote_hosts(world, node, plugin, service):
    v6 = Service(host="::1")
    for host, s in (("localhost", service), ("127.0.0.1", service), ("2130706433", service), ("::1", v6)):
        with Plugin(world, node, plugin, REMOTE, host=host, portNumber=s.port) as f:
            equal(echo(f.listening(), "far"), "echo far", f"{plugin} plugin: to {host}, port of {s.socket.family.name}")
    with Plugin(world, node, plugin, FORWARD, portNumber=v6.port) as f:
        equal(echo(f.listening(), "near"), "echo near",
              f"{plugin} plugin: a service on ::1 only is reached without a host")
    v6.close()


def denied_by_registration(world, plugin):
    """What the server cannot see: names, and the prefixes of one node."""
    ident, code = world.activation("Name=strict")
    world.register("strict", ident, code, "--no-loopback-forward", "--deny-forward", "10.0.0.0/8",
                   "--deny-forward", "192.0.2.0/24")
    world.run_agent("strict")
    for host, ip in (("localhost", "(127.0.0.1|::1)"), ("10.9.9.9", "10.9.9.9"), ("::ffff:192.0.2.9", "[:f]*192.0.2.9")):
        with Plugin(world, world.nodes["strict"], plugin, REMOTE, host=host, portNumber=80) as s:
            s.wait()
            ok(re.search(f"Forwarding to IP address {ip} is forbidden", s.text),
               f"{plugin} plugin: {host} is denied by the registration" + ("" if "forbidden" in s.text else s.text))
    bad = world.register("bad", ident, code, "--deny-forward", "10.0.0.0/99")
    equal((bad.returncode, "10.0.0.0/99" in bad.stderr), (2, True), "a prefix that is none is refused at registration")


def main():
    plugins = ["ours"] + (["stock"] if e2e.STOCK_PLUGIN else [])
    if not e2e.STOCK_PLUGIN:
        e2e.skip("the stock plugin is not on PATH")
    with e2e.World("ports") as world:
        with few_descriptors():
            node, _ = world.agent("node")
        service = Service()
        forbidden(world, node)
        for plugin in plugins:
            connections(world, node, plugin, service)
            transfers(world, node, plugin, service)
            churn(world, node, plugin, service, world.dir / "node")
            remote_hosts(world, node, plugin, service)
            refusals(world, node, plugin)
        crash(world, node, service)  # a stock plugin gives up within seconds
        denied_by_registration(world, "ours")
    e2e.finish()


if __name__ == "__main__":
    main()
