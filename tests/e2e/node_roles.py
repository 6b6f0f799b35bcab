#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise: a node may do what its role allows, from one second to the next, and only for itself: with
the keys of one machine, and whatever its role says, nobody speaks for another one.
"""
import json
import time

import e2e
import stock
import terminal
import wire
from e2e import equal, ok, refusal, starts, wait_until

CORE = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"


def passing(world):
    """Who may give nodes which role."""
    iam, account = world.boto("iam"), world.boto("sts").get_caller_identity()["Account"]
    sentence = "Nonexistent role or missing ssm service principal in trust policy: "
    equal(refusal(world.ssm.create_activation, IamRole="None")[:2],
          ("ValidationException", f"{sentence}arn:aws:iam::{account}:role/None"), "an activation needs a role that exists")
    world.role("Machines", service="ec2.amazonaws.com")
    equal(refusal(world.ssm.create_activation, IamRole="Machines")[:2],
          ("ValidationException", f"{sentence}arn:aws:iam::{account}:role/Machines"),
          "and trusts Systems Manager")
    key, secret = world.user("carl", "AmazonSSMFullAccess")
    ssm = world.boto("ssm", key, secret)
    code, text, _ = refusal(ssm.create_activation, IamRole="SallyportNode")
    equal(code, "AccessDeniedException", "full access to ssm is not enough to hand a role on")
    starts(text, f"User: arn:aws:iam::{account}:user/carl is not authorized to perform: iam:PassRole on "
           f"resource: arn:aws:iam::{account}:role/SallyportNode", "it takes iam:PassRole on it")
    iam.put_user_policy(UserName="carl", PolicyName="pass", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "iam:PassRole", "Resource": f"arn:aws:iam::{account}:role/SallyportNode",
            "Condition": {"StringEquals": {"iam:PassedToService": "ssm.amazonaws.com"}}}}))
    ok(ssm.create_activation(IamRole="SallyportNode")["ActivationId"], "to ssm.amazonaws.com")


def start_agent(world, name, role):
    """An agent that is not waited for; returns (node, process)."""
    ident, code = world.activation(f"Name={name}", role=role)
    equal(world.register(name, ident, code).returncode, 0, f"{name}: registers with a role that allows nothing")
    node = world.node_id(name)
    return node, world.spawn([e2e.BIN / "sallyport-agent", "run", "--state-dir", world.dir / name],
                             f"{name}.log", leaks=False)


def gone_within(world, node, change):
    """Seconds from the change until the node is offline."""
    change()
    began = time.monotonic()
    wait_until(lambda: not world.online(node), 10, 0.02)
    return time.monotonic() - began


def follows(world):
    """Our agent with a role that gets the policy of nodes, and loses it."""
    iam = world.boto("iam")
    world.role("Bare")
    node, agent = start_agent(world, "bare", "Bare")
    denied = "is not authorized to perform: ssmmessages:CreateControlChannel"
    ok(wait_until(lambda: denied in agent.text()), "the agent says which permission it lacks")
    ok(not world.online(node), "and is not online")
    code, text, _ = refusal(world.ssm.start_session, Target=node)
    equal(code, "TargetNotConnected", "nobody gets a session there")
    iam.attach_role_policy(RoleName="Bare", PolicyArn=CORE)
    ok(wait_until(lambda: world.online(node), 45), "with AmazonSSMManagedInstanceCore it comes in by itself")
    with terminal.Session(world, node) as t:
        equal(t.shell().run("echo $((6*7))"), "42", "and has sessions")
        took = gone_within(world, node, lambda: iam.detach_role_policy(RoleName="Bare", PolicyArn=CORE))
        ok(took < 1, f"without it the node is out in less than a second ({took:.2f} s)")
        row = world.wait_status(t.id, "Terminating", "Terminated", seconds=1)
        equal(row and row["Details"], "the node is not allowed any more", "and its session ends with the reason")
    ok("node is not allowed any more" in world.server.text(), "the server's log says why")
    world.ssm.update_managed_instance_role(InstanceId=node, IamRole="SallyportNode")
    ok(wait_until(lambda: world.online(node), 60), "another role lets it in again")
    equal(world.ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [node]}])[
        "InstanceInformationList"][0]["IamRole"], "SallyportNode", "which is shown")
    took = gone_within(world, node, lambda: iam.put_role_policy(
        RoleName="SallyportNode", PolicyName="closed", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "ssmmessages:*", "Resource": "*"}})))
    ok(took < 1, f"a Deny in the role drops it as quickly ({took:.2f} s)")
    iam.delete_role_policy(RoleName="SallyportNode", PolicyName="closed")
    ok(wait_until(lambda: world.online(node), 60), "until it is taken away")


def stock_follows(world):
    """The stock agent.  Denied at its start it sleeps for minutes, whatever happens meanwhile."""
    if stock.obstacle():
        e2e.skip(stock.obstacle())
        return
    iam = world.boto("iam")
    world.role("StockBare")
    agent = stock.Agent(world, "stock")
    try:
        equal(agent.register(*world.activation("Name=stock", role="StockBare")).returncode, 0, "the stock agent registers")
        agent.start()
        node, denied = agent.node_id(), "is not authorized to perform: ssm:UpdateInstanceInformation"
        ok(wait_until(lambda: denied in agent.text(), 40), "stock agent: says which permission it lacks")
        ok(not world.online(node), "stock agent: is not online")
        agent.stop()
        iam.attach_role_policy(RoleName="StockBare", PolicyArn=CORE)
        agent.start()
        ok(wait_until(lambda: world.online(node), 40), "stock agent: started with the policy of nodes it comes in")
        took = gone_within(world, node, lambda: iam.detach_role_policy(RoleName="StockBare", PolicyArn=CORE))
        ok(took < 1, f"stock agent: without it is out in less than a second ({took:.2f} s)")
        iam.attach_role_policy(RoleName="StockBare", PolicyArn=CORE)
        ok(wait_until(lambda: world.online(node), 60), "stock agent: with it again it comes back by itself")
    finally:
        agent.stop()


def thief(world, victim):
    """A machine by hand, whose role may do everything, with its own keys against another one."""
    world.role("Mighty", "AdministratorAccess")
    ident, code = world.activation(role="Mighty")
    n = wire.Node(world)
    equal((n.register(ident, code).status, n.role_token().status), (200, 200),
          "a node with AdministratorAccess as its role")
    equal(wire.ssm(world, "UpdateInstanceInformation", {"InstanceId": n.id}, n.signer()).status, 200,
          "speaks for itself")
    with n.control_channel():
        ok(wait_until(lambda: world.online(n.id), 5), "and has a control channel")
    other = "because a node acts for itself only"
    for what, answer in (
            ("UpdateInstanceInformation", wire.ssm(world, "UpdateInstanceInformation", {"InstanceId": victim}, n.signer())),
            ("DeregisterManagedInstance", wire.ssm(world, "DeregisterManagedInstance", {"InstanceId": victim}, n.signer())),
            ("StartSession", wire.ssm(world, "StartSession", {"Target": victim}, n.signer())),
            ("AddTagsToResource", wire.ssm(world, "AddTagsToResource", {
                "ResourceType": "ManagedInstance", "ResourceId": victim, "Tags": [{"Key": "a", "Value": "b"}]}, n.signer())),
            ("CreateControlChannel", n.channel_token("control", victim))):
        code, text = wire.error_of(answer)
        equal(code, "AccessDeniedException", f"{what} for another node is refused")
        ok(other in text, "for a reason that no policy can lift")
        if other not in text:
            print("   ", text)
    with wire.WebSocket(world, f"/v1/control-channel/{victim}", "role=subscribe&stream=input",
                        n.signer("ssmmessages")) as ws:
        equal(ws.status, 403, "so is its control channel")
    mine, n.id = n.id, victim
    answer = n.role_token()
    ok(answer.status != 200, "its key does not sign for the keys of another node")
    n.id = mine
    data_channels(world, n, victim)


def data_channels(world, n, victim):
    """The end of a session that belongs to the other node's agent."""
    started = world.ssm.start_session(Target=victim)
    ident = started["SessionId"]
    answer = n.channel_token("data", ident)
    equal(answer.status, 403, "nor does it get a token for the data channel of that node's session")
    with wire.WebSocket(world, f"/v1/data-channel/{ident}", signer=n.signer("ssmmessages")) as ws:
        if ws.status == 101:
            ws.text({"MessageSchemaVersion": "1.0", "RequestId": "0", "TokenValue": "A" * 64})
            ok(ws.close_code() is not None, "nor the channel itself: it is closed again")
        else:
            equal(ws.status, 403, "nor the channel itself")
    world.ssm.terminate_session(SessionId=ident)


def main():
    with e2e.World("node-roles") as world:
        passing(world)
        follows(world)
        stock_follows(world)
        victim, _ = world.agent("victim")
        thief(world, victim)
        ok(world.online(victim), "the other node is online all the time")
    e2e.finish()


if __name__ == "__main__":
    main()
