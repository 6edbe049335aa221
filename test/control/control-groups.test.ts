/** Process groups over HTTP: streams, messages, refusals, and clients that misbehave. */
import { type Test, test } from "tap";
import { groupLimits } from "../../src/groups/group-events.ts";
import { GroupClient, post } from "./group-client.ts";
import { type Served, serve, until } from "./served.ts";

async function joined(t: Test, { socketPath }: Served, body = ""): Promise<GroupClient> {
  const client = new GroupClient({ socketPath, group: "my group" }, body);
  t.teardown(() => client.close());
  await until("the join", () => client.types.includes("configuration"));
  return client;
}

test("a client joins, receives its own message in order, and leaves", async (t) => {
  const served = await serve(t);
  const stream = await joined(t, served, '{"process": 77}');
  t.equal(stream.status, 200);
  const member = { node: 1, process: 77 };
  const [joining, configuration] = stream.lines;
  t.match(joining, { type: "joining", group: "my group", member, ticket: /^[0-9a-f]{32}$/ });
  t.match(configuration, { members: [member], left: [], joined: [{ ...member, reason: "join" }] });
  const payload = Buffer.from([0, 255, 10, 13]);
  const sent = await stream.multicast(payload);
  t.equal(sent.status, 200);
  await until("the message", () => stream.types.includes("message"));
  const message = stream.lines.find(({ type }) => type === "message");
  t.same(message, { ...sent.body, type: "message", from: member, payload: "AP8KDQ==" });
  t.same(await stream.leave(), { status: 200, body: { accepted: true } });
  await until("the end", () => stream.ended);
  const [left, ended] = stream.lines.slice(-2);
  t.match(left, { type: "configuration", members: [], left: [{ ...member, reason: "leave" }] });
  t.match(ended, { type: "ended", reason: "left" });
  const late = await stream.multicast("x");
  t.match(late, { status: 404, body: { type: "not-exist", text: /join first/ } });
});

test("the listing shows groups, members and counters", async (t) => {
  const served = await serve(t);
  await joined(t, served, '{"process": 77}');
  t.match(served.backend.groups.listing(), {
    groups: [{ name: "my group", members: [{ node: 1, process: 77 }] }],
    clients: 1,
  });
});

test("a client that closes its stream is no member any more", async (t) => {
  const served = await serve(t);
  const stays = await joined(t, served, '{"process": 1}');
  const goes = await joined(t, served, '{"process": 2}');
  goes.close();
  await until("the other sees it", () => stays.lines.length === 4);
  t.match(stays.lines[3], {
    left: [{ process: 2, reason: "procdown" }],
    members: [{ process: 1 }],
  });
});

test("refusals have the status of their kind, a cause and a remedy", async (t) => {
  const served = await serve(t);
  const { socketPath, backend } = served;
  const stream = await joined(t, served, '{"process": 5}');
  const join = "/v1/groups/my%20group/join";
  const cases: readonly (readonly [string, string, number, string])[] = [
    [join, '{"process": 5}', 409, "exist"],
    [join, '{"process": 0}', 400, "bad-request"],
    [join, '{"process": 4194305}', 400, "bad-request"],
    [join, '{"proces": 5}', 400, "bad-request"],
    [`/v1/groups/${"x".repeat(129)}/join`, "", 400, "bad-request"],
    ["/v1/groups//join", "", 400, "bad-request"],
    ["/v1/groups/g/h/i/join", "", 404, "not-found"],
    ["/v1/groups/g/abc/multicast", "x", 404, "not-exist"],
    ["/v1/groups/g/abc/leave", "", 404, "not-exist"],
    [`/v1/groups/other/${stream.ticket}/multicast`, "x", 404, "not-exist"],
    [stream.path("multicast"), "x".repeat(groupLimits.messageBytesMax + 1), 413, "body-too-large"],
    ["/v1/groups", "", 405, "method-not-allowed"],
  ];
  for (const [to, body, status, type] of cases) {
    t.match(await post(socketPath, to, body), { status, body: { type, text: String } }, to);
  }
  backend.lone.form([2]);
  const waiting = await post(socketPath, join, "");
  t.match(waiting, { status: 503, body: { type: "try-again", text: /exchanging.*try again/ } });
});

test("a message of one mebibyte arrives whole", async (t) => {
  const served = await serve(t);
  const stream = await joined(t, served);
  const payload = Buffer.alloc(groupLimits.messageBytesMax, "0123456789");
  const sent = await stream.multicast(payload);
  t.equal(sent.status, 200);
  await until("the message", () => stream.types.includes("message"));
  const message = stream.lines.find(({ type }) => type === "message");
  t.ok(payload.equals(Buffer.from(String(message?.["payload"]), "base64")));
});

test("a stream that is not read is ended with a reason, and the others see it", async (t) => {
  const served = await serve(t, { groupBacklogBytesMax: 100_000 });
  const reader = await joined(t, served, '{"process": 1}');
  const sleeper = await joined(t, served, '{"process": 2}');
  sleeper.pause();
  const gone = () => reader.lines.some(({ left }) => JSON.stringify(left)?.includes("procdown"));
  const payload = Buffer.alloc(60_000);
  for (let sent = 0; sent < 200 && !gone(); sent += 1) {
    await reader.multicast(payload);
  }
  t.ok(gone(), "procdown");
  await until("its connection is closed", () => served.backend.groups.listing().clients === 1);
});

test("a member that does not read its own stream may not send on", async (t) => {
  const served = await serve(t, { groupSenderBacklogBytesMax: 100_000 });
  const sleeper = await joined(t, served);
  sleeper.pause();
  const payload = Buffer.alloc(60_000);
  let status = 200;
  for (let sent = 0; sent < 200 && status === 200; sent += 1) {
    const reply = await sleeper.multicast(payload);
    status = reply.status;
    if (status !== 200) t.match(reply.body, { type: "try-again", text: /own stream; read them/ });
  }
  t.equal(status, 503);
});

test("all streams together have a bounded backlog too", async (t) => {
  const served = await serve(t, { groupBacklogsBytesMax: 300_000 });
  const reader = await joined(t, served, '{"process": 1}');
  const sleepers = [await joined(t, served), await joined(t, served), await joined(t, served)];
  for (const sleeper of sleepers) sleeper.pause();
  const listing = () => served.backend.groups.listing().clients;
  const payload = Buffer.alloc(60_000);
  for (let sent = 0; sent < 200 && listing() === 4; sent += 1) {
    await reader.multicast(payload);
  }
  t.ok(listing() < 4, "somebody was cut off");
  t.notOk(reader.ended, "but not the one who reads");
});

test("group clients leave connections for other requests", async (t) => {
  const served = await serve(t, { groupRequestsMax: 2 });
  await joined(t, served);
  await joined(t, served);
  const third = await post(served.socketPath, "/v1/groups/g/join");
  t.match(third, { status: 503, body: { type: "busy" } });
  t.match(await post(served.socketPath, "/v1/leave"), { status: 200 });
});

test("when the life of the node ends, streams end and waiting messages are answered", async (t) => {
  const served = await serve(t);
  const stream = await joined(t, served);
  served.backend.lone.hold();
  const sent = stream.multicast("x");
  await until("it waits", () => served.backend.groups.listing().counters.queuedBytes > 0);
  served.backend.groups.end();
  t.match(await sent, { status: 500, body: { type: "outcome-unknown", text: /may have been/ } });
  await until("the stream ends", () => stream.ended);
  t.match(stream.lines.at(-1), { type: "ended", reason: "life-ended" });
  t.match(await post(served.socketPath, "/v1/groups/g/join"), { status: 503 });
});
