// SPDX-License-Identifier: Apache-2.0
// The AWS SDK for JavaScript against the server that the environment names; run by api_sdk.py.
// Prints "ok"/"not ok" lines.  NODE is the id of a live node, an i- one.
import {
  AddTagsToResourceCommand, CreateActivationCommand, DeleteActivationCommand, DescribeActivationsCommand,
  DescribeInstanceInformationCommand, DescribeSessionsCommand, GetConnectionStatusCommand,
  GetServiceSettingCommand, ListTagsForResourceCommand, RemoveTagsFromResourceCommand,
  ResumeSessionCommand, SSMClient, StartSessionCommand, TerminateSessionCommand,
  paginateDescribeActivations, paginateDescribeInstanceInformation, paginateDescribeSessions,
} from "@aws-sdk/client-ssm";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import {
  CreateTagsCommand, DeleteTagsCommand, DescribeInstancesCommand, DescribeInstanceStatusCommand,
  DescribeTagsCommand, EC2Client, paginateDescribeInstances, waitUntilInstanceRunning,
} from "@aws-sdk/client-ec2";

const node = process.env.NODE;
const gone = "mi-0123456789abcdef0";

function ok(condition, what) {
  console.log(`${condition ? "ok" : "not ok"} SDK: ${what}`);
}

function equal(got, want, what) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  if (a !== b) console.log(`    got  ${a}\n    want ${b}`);
  ok(a === b, what);
}

// What went over the wire: which headers were signed.
const signed = new Set();
function watch(client) {
  client.middlewareStack.add((next) => async (args) => {
    const auth = args.request.headers.authorization ?? "";
    for (const name of (/SignedHeaders=([^,]*)/.exec(auth)?.[1] ?? "").split(";")) signed.add(name);
    return next(args);
  }, { step: "finalizeRequest", priority: "low" });
  return client;
}

async function refused(promise, name, status, text, what) {
  try {
    await promise;
    ok(false, `${what}: ${name}`);
  } catch (e) {
    equal([e.name, e.$metadata?.httpStatusCode], [name, status], `${what}: ${name}`);
    if (text !== null) ok(e.message.startsWith(text), `${what}: its words (${e.message})`);
    ok(typeof e.$metadata?.requestId === "string" && e.$metadata.requestId.length === 36, `${what}: a request id`);
  }
}

async function collect(pages, member) {
  const all = [];
  let n = 0;
  for await (const page of pages) {
    all.push(...(page[member] ?? []));
    n++;
  }
  return [all, n];
}

const ssm = watch(new SSMClient({}));
const sts = watch(new STSClient({}));
const ec2 = watch(new EC2Client({}));

async function identity() {
  const me = await sts.send(new GetCallerIdentityCommand({}));
  ok(/^\d{12}$/.test(me.Account) && me.Arn === `arn:aws:iam::${me.Account}:user/admin`, "who am I");
}

async function activations() {
  const made = await ssm.send(new CreateActivationCommand({
    IamRole: "Sdk", DefaultInstanceName: "sdk", RegistrationLimit: 3,
    ExpirationDate: new Date(Date.now() + 3600e3), Tags: [{ Key: "Name", Value: "sdk" }],
  }));
  ok(made.ActivationCode.length >= 20 && made.ActivationId.length === 36, "an activation");
  for (let i = 0; i < 4; i++) await ssm.send(new CreateActivationCommand({ IamRole: "Sdk" }));
  const [all, n] = await collect(paginateDescribeActivations({ client: ssm, pageSize: 2 }, {
    Filters: [{ FilterKey: "IamRole", FilterValues: ["Sdk"] }],
  }), "ActivationList");
  equal([all.length, n], [5, 3], "five activations in three pages");
  const mine = all.find((a) => a.ActivationId === made.ActivationId);
  ok(mine.ExpirationDate instanceof Date && Math.abs(mine.ExpirationDate - Date.now() - 3600e3) < 60e3,
    "its date is a date");
  await ssm.send(new DeleteActivationCommand({ ActivationId: made.ActivationId }));
  await refused(ssm.send(new DeleteActivationCommand({ ActivationId: made.ActivationId })),
    "InvalidActivationId", 400, null, "an activation that is gone");
  await refused(ssm.send(new DescribeActivationsCommand({ NextToken: "bm9uZQ==" })),
    "InvalidNextToken", 400, null, "a made-up page token");
}

async function fleet() {
  const [nodes] = await collect(paginateDescribeInstanceInformation({ client: ssm }, {
    Filters: [{ Key: "tag:Environment", Values: ["prod"] }],
  }), "InstanceInformationList");
  equal(nodes.map((n) => [n.InstanceId, n.PingStatus, n.PlatformType]), [[node, "Online", "Linux"]],
    "the node by its tag");
  ok(nodes[0].LastPingDateTime instanceof Date, "with the time of its last ping");
  await refused(ssm.send(new DescribeInstanceInformationCommand({ Filters: [{ Key: "Bogus", Values: ["x"] }] })),
    "InvalidFilterKey", 400, null, "an unknown filter");
  const kind = { ResourceType: "ManagedInstance", ResourceId: node };
  await ssm.send(new AddTagsToResourceCommand({ ...kind, Tags: [{ Key: "Sdk", Value: "größer 水" }] }));
  let tags = await ssm.send(new ListTagsForResourceCommand(kind));
  equal(tags.TagList.find((t) => t.Key === "Sdk")?.Value, "größer 水", "a tag beyond ASCII");
  await ssm.send(new RemoveTagsFromResourceCommand({ ...kind, TagKeys: ["Sdk"] }));
  tags = await ssm.send(new ListTagsForResourceCommand(kind));
  equal(tags.TagList.map((t) => t.Key), ["Environment", "Name"], "a tag is removed");
  const setting = await ssm.send(new GetServiceSettingCommand({
    SettingId: "/ssm/managed-instance/activation-tier",
  }));
  equal(setting.ServiceSetting.SettingValue, "advanced", "the tier");
}

async function instances() {
  await waitUntilInstanceRunning({ client: ec2, maxWaitTime: 10, minDelay: 1 }, { InstanceIds: [node] });
  const [found] = await collect(paginateDescribeInstances({ client: ec2, pageSize: 5 }, {
    Filters: [{ Name: "instance-state-name", Values: ["running"] }],
  }), "Reservations");
  equal(found.flatMap((r) => r.Instances.map((i) => [i.InstanceId, i.State.Name])), [[node, "running"]],
    "the node as an instance");
  ok(found[0].Instances[0].LaunchTime instanceof Date, "with the time of its launch");
  const status = await ec2.send(new DescribeInstanceStatusCommand({ InstanceIds: [node] }));
  equal(status.InstanceStatuses.map((s) => s.InstanceStatus.Status), ["ok"], "its status");
  await ec2.send(new CreateTagsCommand({ Resources: [node], Tags: [{ Key: "Team", Value: "a&b <c>" }] }));
  const filters = [{ Name: "resource-id", Values: [node] }, { Name: "key", Values: ["Team"] }];
  const tags = await ec2.send(new DescribeTagsCommand({ Filters: filters }));
  equal(tags.Tags.map((t) => [t.ResourceId, t.Value]), [[node, "a&b <c>"]], "a tag with what XML escapes");
  await ec2.send(new DeleteTagsCommand({ Resources: [node], Tags: [{ Key: "Team" }] }));
  equal((await ec2.send(new DescribeTagsCommand({ Filters: filters }))).Tags ?? [], [], "and without it");
  await refused(ec2.send(new DescribeInstancesCommand({ InstanceIds: ["i-0123456789abcdef0"] })),
    "InvalidInstanceID.NotFound", 400, "The instance ID 'i-0123456789abcdef0' does not exist", "an unknown instance");
}

async function sessions() {
  await refused(ssm.send(new StartSessionCommand({ Target: gone })), "TargetNotConnected", 400,
    `${gone} is not connected.`, "a session with nobody");
  await refused(ssm.send(new DescribeSessionsCommand({ State: "Bogus" })), "ValidationException", 400,
    "1 validation error detected: Value 'Bogus' at 'state' failed to satisfy constraint: Member must " +
    "satisfy enum value set: [Active, History]", "a state that is none");
  const status = await ssm.send(new GetConnectionStatusCommand({ Target: node }));
  equal(status.Status, "connected", "the connection status");
  const started = await ssm.send(new StartSessionCommand({ Target: node, Reason: "sdk" }));
  ok(started.StreamUrl.startsWith("wss://") && started.TokenValue.length >= 43, "a session starts");
  const resumed = await ssm.send(new ResumeSessionCommand({ SessionId: started.SessionId }));
  ok(resumed.TokenValue !== started.TokenValue, "and is resumed with another token");
  const [live] = await collect(paginateDescribeSessions({ client: ssm, pageSize: 1 }, {
    State: "Active", Filters: [{ key: "Target", value: node }],
  }), "Sessions");
  equal(live.map((s) => [s.SessionId, s.Reason]), [[started.SessionId, "sdk"]], "it is listed");
  const over = await ssm.send(new TerminateSessionCommand({ SessionId: started.SessionId }));
  equal(over.SessionId, started.SessionId, "and terminated");
}

async function strangers() {
  const wrong = new SSMClient({ credentials: { accessKeyId: "AKIAAAAAAAAAAAAAAAAA", secretAccessKey: "x" } });
  await refused(wrong.send(new DescribeActivationsCommand({})), "UnrecognizedClientException", 400,
    "The security token included in the request is invalid.", "an unknown key");
  // The SDK reads our Date header and corrects its own clock.
  const late = new SSMClient({ systemClockOffset: -3600e3 });
  equal((await late.send(new DescribeActivationsCommand({ MaxResults: 1 }))).ActivationList.length, 1,
    "a clock that is an hour late corrects itself");
}

for (const part of [identity, activations, fleet, instances, sessions, strangers]) await part();
for (const name of ["amz-sdk-invocation-id", "amz-sdk-request", "x-amz-content-sha256", "x-amz-user-agent"]) {
  ok(signed.has(name), `${name} was among the signed headers`);
}
