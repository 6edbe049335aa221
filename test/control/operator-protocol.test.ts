/** The orders of operators on the control socket: paths, bodies, replies, and how many at once. */
import { test } from "tap";
import { operatorClient } from "../../src/control/operator-client.ts";
import {
  clusterOrderPath,
  nodeOrderPath,
  parseFencingStatus,
  parseOrderBody,
  parseRunReply,
} from "../../src/control/operator-protocol.ts";
import { parseRoute } from "../../src/control/protocol.ts";
import { parseNodeName } from "../../src/model/ids.ts";
import { exampleFencing } from "./fake-backend.ts";
import { serve, temporarySocket, until } from "./served.ts";

const node = parseNodeName("node2.example.com");

test("each path and method leads to its order", (t) => {
  t.same(parseRoute("GET", "/v1/fencing"), { ok: true, value: { type: "fencing" } });
  for (const order of ["check", "expected", "cancel-wait"] as const) {
    const route = parseRoute("POST", clusterOrderPath(order));
    t.same(route, { ok: true, value: { type: "cluster-order", order } });
  }
  for (const order of ["votes", "fence", "unfence", "device-status"] as const) {
    const route = parseRoute("POST", nodeOrderPath("node2.example.com", order));
    t.same(route, { ok: true, value: { type: "node-order", order, node } });
  }
  const cases = [
    ["POST", "/v1/fencing", "method-not-allowed"],
    ["GET", "/v1/fencing/check", "method-not-allowed"],
    ["GET", "/v1/nodes/node2/fence", "method-not-allowed"],
    ["POST", "/v1/nodes/node2/fence/now", "not-found"],
    ["POST", "/v1/quorum", "not-found"],
  ] as const;
  for (const [method, url, type] of cases) {
    t.match(parseRoute(method, url), { ok: false, problem: { type } }, `${method} ${url}`);
  }
  t.end();
});

test("a body says who orders, and what the order takes, and nothing else", (t) => {
  const votes = { order: "votes", node } as const;
  const fence = { order: "fence", node } as const;
  const expected = { order: "expected", node: null } as const;
  t.match(parseOrderBody({ by: "erika", expected: 3 }, expected), {
    value: { who: "erika", votes: 3, sentence: null },
  });
  t.match(parseOrderBody({ by: "x".repeat(100), votes: 0 }, votes), {
    value: { who: "x".repeat(64) },
  });
  t.match(parseOrderBody({ by: "erika", confirm: "node2.example.com" }, fence), { ok: true });
  const bad = [
    [{ expected: 3 }, expected, /body\.by is not a string/],
    [{ by: "erika", expected: 0 }, expected, /not a whole number from 1 to 16320/],
    [{ by: "erika", expected: 1.5 }, expected, /not a whole number/],
    [{ by: "erika", votes: "2" }, votes, /body\.votes is not a number/],
    [{ by: "erika", votes: 1, sentence: "" }, votes, /has no field "sentence"/],
    [{ by: "erika", confirm: "node3" }, fence, /confirms "node3", not "node2\.example\.com"/],
    [{ by: "erika" }, fence, /body\.confirm is not a string/],
    ["fence", fence, /body is not an object/],
  ] as const;
  for (const [value, order, text] of bad) {
    t.match(parseOrderBody(value, order), { ok: false, problem: { type: "bad-request", text } });
  }
  t.end();
});

test("statuses and replies are the same after JSON", (t) => {
  const fencing = exampleFencing();
  const parsed = parseFencingStatus(JSON.parse(JSON.stringify(fencing)));
  t.same(parsed, { ok: true, value: fencing });
  t.match(parseFencingStatus({ ...fencing, waitState: "coffee" }), { ok: false });
  const reply = { result: "failed", lines: ["a", "b"], text: "no" };
  t.same(parseRunReply(reply), { ok: true, value: reply });
  t.match(parseRunReply({ ...reply, lines: [1] }), {
    ok: false,
    problem: /reply\.lines\[0\] is not a string/,
  });
  t.end();
});

test("the client's orders reach the daemon, and an unknown node does not", async (t) => {
  const { backend, socketPath } = await serve(t);
  const client = operatorClient(socketPath);
  await client.expected(2, "erika", "node node3.example.com is powered off");
  await client.cancelWait("erika", null);
  await client.votes("node2.example.com", 2, "erika");
  await client.run("fence", "node2.example.com", "erika");
  await client.check("erika");
  const who = "erika";
  t.same(backend.ordered, [
    {
      change: { type: "expected", expected: 2 },
      sentence: "node node3.example.com is powered off",
      who,
    },
    { change: { type: "cancel-wait" }, sentence: null, who },
    { change: { type: "votes", node: 2, votes: 2 }, sentence: null, who },
    { type: "fence", node: 2, who },
    { type: "check", node: null, who },
  ]);
  t.match(await client.run("unfence", "nobody", who), { ok: false, problem: { type: "refused" } });
  t.same(await client.fencing(1000), { ok: true, value: backend.shownFencing });
  const nowhere = operatorClient(temporarySocket(t));
  t.match(await nowhere.check(who), { ok: false, problem: { type: "unreachable" } });
});

test("CONTROL4: more orders than are carried out at once are refused", async (t) => {
  const { backend, socketPath } = await serve(t, { ordersPendingMax: 1 });
  const client = operatorClient(socketPath);
  backend.holdRuns();
  const first = client.run("fence", "node2.example.com", "erika");
  await until("the first one runs", () => backend.ordered.length === 1);
  const second = await client.run("unfence", "node2.example.com", "erika");
  t.match(second, { ok: false, problem: { text: /1 orders are being carried out already/ } });
  backend.releaseRuns();
  t.match(await first, { ok: true });
});
