import fc from "fast-check";
import { test } from "tap";
import {
  parseErrorText,
  parseKillBody,
  parseLeaveBody,
  parseRoute,
  parseServiceBody,
  parseServiceReply,
  servicePath,
} from "../../src/control/protocol.ts";
import { requestCodes } from "../../src/control/request-codes.ts";
import { parseClusterStatus } from "../../src/control/status-shape.ts";
import { parseServiceName } from "../../src/model/ids.ts";
import { serviceStateNumbers } from "../../src/model/status.ts";
import { exampleFailover, exampleService, exampleStatus } from "./fake-backend.ts";

test("each path and method leads to its route", (t) => {
  t.same(parseRoute("GET", "/v1/status"), { ok: true, value: { type: "status" } });
  t.same(parseRoute("GET", "/v1/events"), { ok: true, value: { type: "events" } });
  for (const type of ["leave", "lock", "unlock"]) {
    t.same(parseRoute("POST", `/v1/${type}`), { ok: true, value: { type } });
  }
  const operations = "enable disable stop restart relocate freeze unfreeze".split(" ");
  for (const operation of operations) {
    t.same(parseRoute("POST", `/v1/services/web/${operation}`), {
      ok: true,
      value: { type: "service", service: "service:web", operation },
    });
  }
  t.end();
});

test("a wrong path, method or version is refused with its own type", (t) => {
  const cases = [
    ["GET", "/", "unknown-version"],
    ["GET", "/v2/status", "unknown-version"],
    ["GET", "*", "unknown-version"],
    ["GET", "/v1/", "not-found"],
    ["GET", "/v1/status/x", "not-found"],
    ["GET", "/v1/status?all=1", "not-found"],
    ["POST", "/v1/services/web", "not-found"],
    ["POST", "/v1/services/web/promote", "not-found"],
    ["POST", "/v1/lock/web", "not-found"],
    ["GET", "/v1/lock", "method-not-allowed"],
    ["POST", "/v1/services/web/enable/now", "not-found"],
    ["POST", "/v1/status", "method-not-allowed"],
    ["HEAD", "/v1/status", "method-not-allowed"],
    ["GET", "/v1/services/web/enable", "method-not-allowed"],
    ["POST", "/v1/services//enable", "bad-request"],
    ["POST", `/v1/services/${"x".repeat(64)}/enable`, "bad-request"],
  ] as const;
  for (const [method, url, type] of cases) {
    t.match(parseRoute(method, url), { ok: false, problem: { type } }, `${method} ${url}`);
  }
  t.end();
});

test("every service name survives the way through the path", (t) => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }), (text) => {
      const service = parseServiceName(text);
      if (service === null) return;
      const route = parseRoute("POST", servicePath(service, "stop"));
      t.same(route, { ok: true, value: { type: "service", service, operation: "stop" } });
    }),
    { numRuns: 200 },
  );
  t.end();
});

test("a path of any text is answered with a route or a problem", (t) => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      t.type(parseRoute("POST", `/v1/services/${text}/enable`).ok, "boolean");
    }),
    { numRuns: 300 },
  );
  t.end();
});

test("a request's body says at most a target or byDomain", (t) => {
  const none = { target: null, byDomain: false };
  t.same(parseServiceBody({}, "stop"), { ok: true, value: none });
  t.same(parseServiceBody({ target: "n2" }, "relocate"), {
    ok: true,
    value: { target: "n2", byDomain: false },
  });
  t.same(parseServiceBody({ target: null, byDomain: true }, "enable"), {
    ok: true,
    value: { target: null, byDomain: true },
  });
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [[], /body is not an object/],
    [null, /body is not an object/],
    ["x", /body is not an object/],
    [{ traget: "n2" }, /has no field "traget"/],
    [{ target: 2 }, /body.target is not a string/],
    [{ target: "" }, /not a node name/],
    [{ byDomain: "yes" }, /body.byDomain is not true or false/],
    [{ byDomain: true, target: "n2" }, /both target and byDomain/],
    [{ byDomain: true, target: null, extra: 1 }, /no field "extra"/],
  ];
  for (const [body, text] of refused) {
    const problem = { type: "bad-request", text };
    t.match(parseServiceBody(body, "enable"), { ok: false, problem }, JSON.stringify(body));
  }
  t.match(parseServiceBody({ byDomain: true }, "stop"), { ok: false });
  const forced = { target: "n2", byDomain: true };
  t.same(parseServiceBody(forced, "relocate"), { ok: true, value: forced });
  t.end();
});

test("a status survives the way through JSON", (t) => {
  const states = Object.keys(serviceStateNumbers);
  const nodes = [{ node: 1, fit: true, reason: "best, 0 services" }];
  const decisions = [{ at: 1, text: "started on node1: first of the domain", nodes }];
  const wait = { kind: "retry", nodes: [1], at: 5, remedy: "wait" };
  const waits = { waitingFor: "quorum", wait, candidates: nodes };
  const web = exampleService("web", { ...waits, decisions, failovers: [exampleFailover] });
  const kinds = [{ name: "node-lost", counts: [0, 1], count: 2, sumMs: 538 }];
  const status = exampleStatus({ services: [web], failovers: { kinds, parts: kinds } });
  t.same(parseClusterStatus(JSON.parse(JSON.stringify(status))), { ok: true, value: status });
  const unknown = exampleStatus({ services: null });
  t.same(parseClusterStatus(JSON.parse(JSON.stringify(unknown))), { ok: true, value: unknown });
  for (const state of states) {
    const services = [{ ...exampleService("web"), state }];
    t.ok(parseClusterStatus({ ...status, services }).ok, state);
  }
  t.end();
});

test("a status that lacks a field is refused with the path of the first one", (t) => {
  const status = exampleStatus();
  const cases: readonly (readonly [unknown, string])[] = [
    ["", "status is not an object"],
    [{ ...status, now: "10:00" }, "status.now is not a number"],
    [{ ...status, nodes: {} }, "status.nodes is not a list"],
    [{ ...status, nodes: [{ ...status.nodes[0], online: 1 }] }, "status.nodes[0].online is not"],
    [{ ...status, services: [{ ...exampleService("web"), state: "up" }] }, "services[0].state"],
    [{ ...status, ring: { ...status.ring, counters: { sent: "1" } } }, "ring.counters.sent"],
    [{ ...status, ring: { ...status.ring, state: "toString" } }, "status.ring.state"],
    [{ ...status, services: [{ ...exampleService("web"), state: "toString" }] }, "state"],
  ];
  for (const [value, text] of cases) {
    const parsed = parseClusterStatus(value);
    t.notOk(parsed.ok);
    t.ok(!parsed.ok && parsed.problem.includes(text), text);
  }
  t.end();
});

test("a field that a later daemon adds is ignored", (t) => {
  t.same(parseServiceReply({ code: -5, owner: 0, text: "x", since: 3 }), {
    ok: true,
    value: { code: -5, owner: 0, text: "x" },
  });
  t.end();
});

test("a reply has one of the known codes", (t) => {
  for (const code of Object.values(requestCodes)) {
    t.ok(parseServiceReply({ code, owner: 0, text: "" }).ok);
  }
  for (const code of [1, -20, 0.5, "0", null]) {
    t.notOk(parseServiceReply({ code, owner: 0, text: "" }).ok);
  }
  t.end();
});

test("an error reply gives its text, anything else none", (t) => {
  t.equal(parseErrorText({ error: { type: "busy", text: "later" } }), "later");
  t.equal(parseErrorText({ error: "later" }), null);
  t.equal(parseErrorText(7), null);
  t.end();
});

test("orders about a node lead to their route, by its name", (t) => {
  for (const type of ["acknowledge", "kill"]) {
    t.same(parseRoute("POST", `/v1/nodes/node1.example.com/${type}`), {
      ok: true,
      value: { type, node: "node1.example.com" },
    });
    t.match(parseRoute("GET", `/v1/nodes/n/${type}`), { problem: { type: "method-not-allowed" } });
    t.match(parseRoute("POST", `/v1/nodes/n/${type}/x`), { problem: { type: "not-found" } });
  }
  t.end();
});

test("a leave has an empty body, or one without misspelt fields", (t) => {
  const plain = { remove: false, force: false };
  t.same(parseLeaveBody({}), { ok: true, value: plain });
  t.same(parseLeaveBody({ remove: true }), { ok: true, value: { ...plain, remove: true } });
  for (const wrong of [{ removed: true }, { remove: "yes" }, { force: true }, [], null]) {
    t.match(parseLeaveBody(wrong), { ok: false, problem: { type: "bad-request" } });
  }
  t.match(parseKillBody({}), { ok: false });
  t.same(parseKillBody({ by: "root" }), { ok: true, value: { by: "root" } });
  t.end();
});
