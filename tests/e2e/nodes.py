#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: a machine becomes a node by its activation and nothing else, is online exactly while
its agent is connected, says why when it is not, comes back by itself, and is gone once
deregistered.
"""
import datetime
import json
import os
import re
import signal
import stat
import subprocess
import threading
import time

import e2e
import terminal
import wire
from e2e import equal, ok, refusal, starts, wait_until


def reason(world, node):
    """Why StartSession says that this node is not connected."""
    code, text, _ = refusal(world.ssm.start_session, Target=node)
    equal(code, "TargetNotConnected", "a session with a node that is away is refused")
    starts(text, f"{node} is not connected.", "in AWS's words")
    return text


def row(world, node):
    found = world.ssm.describe_instance_information(
        Filters=[{"Key": "InstanceIds", "Values": [node]}])["InstanceInformationList"]
    return found[0] if found else None


def registration(world):
    ident, code = world.activation("Name=one", limit=2)
    wrong = world.register("wrong", ident, "A" * 20)
    ok(wrong.returncode == 1 and "InvalidActivation" in wrong.stderr + wrong.stdout,
       "a wrong code does not register, and the agent says why")
    ok(not (world.dir / "wrong/registration.json").exists(), "and leaves no registration behind")
    equal(world.register("one", ident, code).returncode, 0, "the right code registers")
    node = world.node_id("one")
    ok(re.fullmatch(r"mi-[0-9a-f]{17}", node), "under an mi- id")
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (world.dir / "one").iterdir()}
    ok(all(m & 0o077 == 0 for m in modes.values()) and stat.S_IMODE((world.dir / "one").stat().st_mode) &
       0o077 == 0, f"what it keeps is for its user only ({modes})")
    ok("never connected" in reason(world, node), "before it ran it is registered, but never connected")
    again = world.register("one", ident, code)
    ok(again.returncode == 1 and world.node_id("one") == node, "registering twice keeps the first")
    equal(world.register("one", ident, code, "--force").returncode, 0, "unless it is forced")
    ok(world.node_id("one") != node, "then the id is new")
    full = world.register("late", ident, code)
    ok(full.returncode == 1 and "registrations left" in full.stderr + full.stdout,
       "the activation is used up then")
    count = world.ssm.describe_activations(Filters=[{"FilterKey": "ActivationIds", "FilterValues": [ident]}])
    equal(count["ActivationList"][0]["RegistrationsCount"], 2, "only what registered was counted")


def activation_ends(world):
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    ident, code = world.activation(ExpirationDate=soon)
    gone, gone_code = world.activation()
    world.ssm.delete_activation(ActivationId=gone)
    deleted = world.register("deleted", gone, gone_code)
    ok(deleted.returncode == 1 and "InvalidActivation" in deleted.stderr + deleted.stdout,
       "a deleted activation does not register")
    wait_until(lambda: datetime.datetime.now(datetime.timezone.utc) > soon, 5)
    late = world.register("expired", ident, code)
    ok(late.returncode == 1 and "has expired" in late.stderr + late.stdout,
       "an expired activation does not register, and the agent says so")


def instance_ids(world):
    node, agent = world.agent("two", "Environment=prod", prefix="i-")
    ok(re.fullmatch(r"i-[0-9a-f]{17}", node), "an activation's tag makes i- ids")
    tags = {t["Key"]: t["Value"] for t in world.ssm.list_tags_for_resource(
        ResourceType="ManagedInstance", ResourceId=node)["TagList"]}
    equal(tags, {"Name": "two", "Environment": "prod"}, "the tag itself is not copied, the others are")
    equal(refusal(world.activation, prefix="x-")[0], "InvalidParameters", "another prefix is refused")
    return node, agent


def agent_says(world, command, *args):
    """`sallyport-agent status` or `doctor` of the node "two"."""
    return subprocess.run([e2e.BIN / "sallyport-agent", command, "--state-dir", world.dir / "two", *args],
                          capture_output=True, text=True, check=False, timeout=30)


def status_and_doctor(world, node):
    # The state is written a moment after it changed.
    ok(wait_until(lambda: agent_says(world, "status").returncode == 0, 5),
       "`sallyport-agent status` of a connected agent ends with 0")
    said = json.loads(agent_says(world, "status", "--json").stdout)
    equal((said["NodeId"], said["Running"], said["Connected"], said["Sessions"]), (node, True, True, 0),
          "and tells what it does")
    doctor = agent_says(world, "doctor")
    equal((doctor.returncode, doctor.stdout.count("FAIL")), (0, 0), "`sallyport-agent doctor` finds nothing wrong")


def comings_and_goings(world, node, agent):
    agent.kill(signal.SIGKILL)
    ok(wait_until(lambda: not world.online(node), 3), "a killed agent is offline within three seconds")
    why = reason(world, node)
    m = re.search(r"last seen (\S+Z): (.+)\)$", why)
    ok(m and abs(time.time() - datetime.datetime.fromisoformat(m.group(1).replace("Z", "+00:00")).timestamp())
       < 60, f"and TargetNotConnected says when it was seen and why it left ({why})")
    equal(row(world, node)["PingStatus"], "ConnectionLost", "DescribeInstanceInformation agrees")
    state = world.boto("ec2").describe_instances(InstanceIds=[node])["Reservations"][0]["Instances"][0]["State"]
    equal(state["Name"], "stopped", "and so does EC2")
    ok(wait_until(lambda: not e2e.processes(str(world.dir / "two")), 5), "nothing of the agent is left")
    agent.start()
    ok(wait_until(lambda: world.online(node)), "started again it is online")
    equal(agent.kill(signal.SIGTERM), 0, "stopped in order it ends with 0")
    ok(wait_until(lambda: not world.online(node), 3), "and is offline at once")
    ok("last seen" in reason(world, node), "with a reason, too")
    agent.start()
    ok(wait_until(lambda: world.online(node)), "and comes back")


def server_restarts(world, node, agent):
    world.crash_server()
    started = time.monotonic()
    ok(wait_until(lambda: world.online(node), 10), "after kill -9 of the server the agent comes back within "
       f"ten seconds ({time.monotonic() - started:.1f})")
    world.server.kill(signal.SIGKILL)
    doctor = agent_says(world, "doctor")
    ok(doctor.returncode == 1 and re.search("FAIL +connection", doctor.stdout),
       "its doctor finds out that the server is away")
    time.sleep(3)  # the outage itself: the agent's waiting times grow meanwhile
    os.killpg(agent.child.pid, signal.SIGSTOP)  # it shall not be back before we have asked
    world.start_server()
    why = reason(world, node)
    os.killpg(agent.child.pid, signal.SIGCONT)
    ok("restarted" in why, "right after the restart the server says that the node has not come back yet")
    ok(wait_until(lambda: world.online(node), 20), "after a longer outage it comes back as well")


def newest_channel_wins(world):  # CreateControlChannel: agent-protocol 10.1, 10.4
    """Two control channels of one node, opened by hand."""
    ident, code = world.activation()
    n = wire.Node(world)
    equal(n.register(ident, code).status, 200, "a node registers by hand")
    equal(n.role_token().status, 200, "and gets keys for an RSA-signed, chunked request")
    first = n.control_channel()
    ok(wait_until(lambda: world.online(n.id), 5), "its control channel makes it online")
    seen, stop = [], threading.Event()

    def watch():
        client = world.boto("ssm", connect_timeout=6)
        while not stop.is_set():
            seen.append(client.get_connection_status(Target=n.id)["Status"])
    watcher = threading.Thread(target=watch)
    watcher.start()
    wait_until(lambda: len(seen) > 3, 5)
    second = n.control_channel()
    equal(first.close_code(), 1001, "a second one closes the first")
    enough = len(seen) + 5
    wait_until(lambda: len(seen) > enough, 5)
    stop.set()
    watcher.join()
    equal(set(seen), {"connected"}, f"and the node was never offline between ({len(seen)} looks)")
    first.close()
    time.sleep(0.2)  # the end of the first must not count
    ok(world.online(n.id), "the end of the first changes nothing")
    second.close()
    ok(wait_until(lambda: not world.online(n.id), 5), "the end of the second does")
    stolen = n.channel_token("control", n.id)
    equal(stolen.status, 201, "CreateControlChannel is answered with 201")
    for token, what in (("x" * 43, "a made-up token"), (wire.token_of(stolen), "its token after that")):
        ws = wire.WebSocket(world, f"/v1/control-channel/{n.id}", "role=subscribe&stream=input",
                            n.signer("ssmmessages"))
        ws.text({"MessageSchemaVersion": "1.0", "RequestId": "r", "TokenValue": token})
        equal(ws.close_code(), 1003, f"{what} is refused")
    ok(not world.online(n.id), "and the node stays offline")
    return n


def others_channels(world, n, victim):
    answer = n.channel_token("control", victim)
    equal((answer.status, wire.error_of(answer)[0]), (403, "AccessDeniedException"),
          "a node cannot open the control channel of another")
    # The gateway asks the policy first, or compares the ids: both are AccessDenied.
    answer = wire.request(world, path=f"/v1/control-channel/{n.id}", body="{}",
                          signer=wire.admin(world, service="ssmmessages"))
    equal((answer.status, wire.error_of(answer)[0]), (403, "AccessDeniedException"),
          "and neither can a person")
    answer = wire.request(world, path=f"/v1/control-channel/{n.id}", body="{}")
    equal((answer.status, wire.error_of(answer)[0]), (403, "MissingAuthenticationTokenException"),
          "nor somebody without a signature")


def copied_state(world, n):
    """The fingerprint tells a copied key from the machine."""
    old, n.fingerprint = n.fingerprint, "another machine"
    equal(wire.error_of(n.role_token())[0], "MachineFingerprintDoesNotMatch",
          "a key on another machine gets no credentials")
    n.fingerprint = old
    new = wire.Node(world)
    equal(n.rsa_call("UpdateManagedInstancePublicKey", {"NewPublicKey": new.public, "NewPublicKeyType": "Rsa"})
          .status, 200, "a key is rotated")
    equal(wire.error_of(n.role_token())[0], "InvalidSignatureException", "the old one is worth nothing then")
    n.keyfile = new.keyfile
    equal(n.role_token().status, 200, "the new one is")


def deregistered(world, node, agent):
    started = world.ssm.start_session(Target=node)["SessionId"]
    client = wire.admin(world)
    answer = wire.ssm(world, "DeregisterManagedInstance", {"InstanceId": node}, client)
    equal(answer.status, 200, "an i- node is deregistered")
    ok(wait_until(lambda: not world.online(node), 3), "it is offline at once")
    equal(row(world, node), None, "and gone from the list")
    over = world.wait_status(started, "Terminated", "Failed", seconds=10)
    ok(over and "deregistered" in over.get("Details", ""), "its session ended, with the reason")
    ok("never registered" in reason(world, node), "for the server it was never registered")
    time.sleep(3)  # its first attempts to come back
    ok(not world.online(node) and row(world, node) is None, "its agent cannot bring it back")
    ok(agent.alive(), "but goes on trying")
    ok(re.search("FAIL +credentials.*deregistered", agent_says(world, "doctor").stdout, re.S),
       "and its doctor says that the node may have been deregistered")
    equal(refusal(world.ssm.list_tags_for_resource, ResourceType="ManagedInstance", ResourceId=node)[0],
          "InvalidResourceId", "its tags are gone as well")


def static_keys(world):
    """An agent without an activation, with the keys of a user who may do what nodes need."""
    node = "mi-" + "5" * 17
    state = world.dir / "static"
    key, secret = world.user("machine", "AmazonSSMManagedInstanceCore")
    p = subprocess.run(
        [e2e.BIN / "sallyport-agent", "register", "--endpoint", world.endpoint, "--ca-file", world.ca,
         "--region", e2e.REGION, "--node-id", node, "--access-key", key, "--state-dir", state,
         *(["--session-user", "root"] if os.getuid() == 0 else [])],
        env=dict(os.environ, SALLYPORT_SECRET_ACCESS_KEY=secret), capture_output=True, text=True,
        check=False, timeout=30)
    equal(p.returncode, 0, "an agent takes static credentials")
    agent = world.spawn([e2e.BIN / "sallyport-agent", "run", "--state-dir", state], "static.log",
                        leaks=os.getuid() != 0)
    if not ok(wait_until(lambda: world.online(node), 10), "and is online with them"):
        print(agent.text()[-1500:])
        return
    with terminal.Session(world, node) as session:
        equal(session.shell().run("echo $((6*7))"), "42", "a session runs on it")


def main():
    with e2e.World("nodes") as world:
        registration(world)
        activation_ends(world)
        node, agent = instance_ids(world)
        status_and_doctor(world, node)
        comings_and_goings(world, node, agent)
        server_restarts(world, node, agent)
        n = newest_channel_wins(world)
        others_channels(world, n, node)
        copied_state(world, n)
        static_keys(world)
        deregistered(world, node, agent)
    e2e.finish()


if __name__ == "__main__":
    main()
