#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: an unmodified `aws ssm start-session` opens an interactive shell on a node whose
agent dialled out, with every AWS CLI here, and the terminal is as before afterwards."""
import os
import re

import pexpect

import e2e
from e2e import equal, ok


def start(world, cli, node, plugin="ours", **kwargs):
    argv = [*cli, "--endpoint-url", world.endpoint, "ssm", "start-session", "--target", node]
    child = pexpect.spawn(argv[0], argv[1:], env=world.env(plugin), encoding="utf-8", timeout=20,
                          dimensions=(31, 97), **kwargs)
    # Not our stdout: "ok" and "not ok" must begin their lines there.
    child.logfile_read = open(world.dir / "terminal.log", "a", encoding="utf-8")
    return child


def shell(child):
    """Waits for the shell and gives it a prompt of our own."""
    child.expect("Starting session with SessionId: (admin-[a-z0-9]+)")
    session = child.match.group(1)
    child.expect(r"[#$>] ")
    child.sendline("PS1='rea''dy> '; unset PROMPT_COMMAND; bind 'set enable-bracketed-paste off' 2>/dev/null")
    child.expect("\nready> |ready> ")
    return session


def run(child, command):
    child.sendline(command)
    child.expect(r"\r\n(.*?)\r*\n?ready> ")
    return child.match.group(1).strip()


def full_session(world, name, cli, node, plugin):
    child = start(world, cli, node, plugin)
    session = shell(child)
    what = f"{name} with the {plugin} plugin"
    equal(run(child, "echo $((6*7))"), "42", f"{what}: a command answers")
    equal(run(child, "stty size"), "31 97", f"{what}: the window size arrived")
    child.setwinsize(44, 111)
    ok(e2e.wait_until(lambda: run(child, "stty size") == "44 111", 5), f"{what}: a resize arrives")
    seconds = f"100.{os.getpid()}"
    child.sendline(f"sleep {seconds}; echo status $?")
    e2e.wait_until(lambda: e2e.runs("sleep", seconds), 10, 0.02)  # before, the key is the shell's
    child.send("\x03")
    child.expect("ready> ")
    ok(not e2e.runs("sleep", seconds), f"{what}: Ctrl-C goes to the remote")
    equal(run(child, "printf 'gr\\303\\274\\303\\237e \\342\\202\\254'"), "grüße €", f"{what}: UTF-8 is untouched")
    listed = world.aws("ssm", "describe-sessions", "--state", "Active")["Sessions"]
    ok(any(s["SessionId"] == session and s["Status"] == "Connected" for s in listed),
       f"{what}: the session is listed as Connected")
    child.sendline("exit")
    child.expect(re.escape(f"Exiting session with sessionId: {session}."))
    child.expect(pexpect.EOF)
    child.close()
    equal(child.exitstatus, 0, f"{what}: exit status 0")
    ok(e2e.wait_until(lambda: any(s["SessionId"] == session and s["Status"] == "Terminated" for s in
                                  world.aws("ssm", "describe-sessions", "--state", "History")["Sessions"]), 10),
       f"{what}: the session is history")


def main():
    with e2e.World("shell") as world:
        node, _ = world.agent("web-1", "Environment=prod")
        for name, cli in e2e.aws_clis():
            full_session(world, f"AWS CLI ({name})", cli, node, "ours")
        if e2e.STOCK_PLUGIN:
            full_session(world, "AWS CLI", e2e.aws_clis()[-1][1], node, "stock")
        else:
            e2e.skip("the stock plugin is not on PATH")
    e2e.finish()


if __name__ == "__main__":
    main()
