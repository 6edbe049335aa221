import fc from "fast-check";
import { test } from "tap";
import {
  brokerStates,
  parseBrokerState,
  parseStateNumber,
} from "../../src/brokers/broker-state.ts";
import {
  parseBrokerQueue,
  parseBrokerStatus,
  parseMembersUpdate,
  replicatedDepth,
} from "../../src/brokers/broker-status.ts";
import { binary, haBrokerValues, member, memberValues, systemId } from "./statuses.ts";

test("states have the names and numbers of the wire", (t) => {
  t.same(
    brokerStates.map((name, number) => [parseBrokerState(name), parseStateNumber(number)]),
    brokerStates.map((name) => [name, name]),
  );
  for (const number of [-1, 6, 1.5, Number.NaN, "2", null]) t.equal(parseStateNumber(number), null);
  t.equal(parseBrokerState("catch-up"), null);
  t.equal(parseBrokerState("constructor"), null);
  t.end();
});

test("reads what a broker says of itself", (t) => {
  t.same(parseBrokerStatus(haBrokerValues()), {
    ok: true,
    value: {
      state: "ready",
      systemId: systemId(2),
      members: [member(1, "active"), member(2, "ready")],
      brokersUrl: "amqp:tcp:node1:5672,tcp:node2:5672",
      publicUrl: "",
      replicateDefault: "all",
    },
  });
  const alone = { ...memberValues(2, 0), "host-name": binary(""), port: 0 };
  const joining = parseMembersUpdate({ members: [alone] });
  t.match(joining, { ok: true, value: [{ host: "", port: 0, state: "joining" }] });
  t.end();
});

test("STATUS1: says which part does not fit", (t) => {
  const parts: readonly (readonly [Readonly<Record<string, unknown>>, string])[] = [
    [{ status: binary("primary") }, "status"],
    [{ status: 2 }, "status"],
    [{ systemId: Buffer.alloc(15) }, "systemId"],
    [{ systemId: systemId(1) }, "systemId"],
    [{ members: "none" }, "members"],
    [{ members: [memberValues(1, 4), memberValues(2, 9)] }, "members[1].status"],
    [{ members: [{ ...memberValues(1, 4), port: 65_536 }] }, "members[0].port"],
    [{ brokersUrl: undefined }, "brokersUrl"],
    [{ replicateDefault: binary("some") }, "replicateDefault"],
  ];
  for (const [wrong, part] of parts) {
    t.match(parseBrokerStatus({ ...haBrokerValues(), ...wrong }), { ok: false, problem: { part } });
  }
  t.match(parseBrokerStatus(null), { ok: false, problem: { part: "", text: "is not an object" } });
  t.end();
});

test("STATUS1: any value is read or refused", (t) => {
  const anything = fc.anything({ withTypedArray: true, withNullPrototype: true });
  fc.assert(
    fc.property(anything, fc.constantFrom(...Object.keys(haBrokerValues())), (value, key) => {
      parseBrokerStatus(value);
      parseBrokerQueue(value);
      const read = parseBrokerStatus({ ...haBrokerValues(), [key]: value });
      return read.ok || read.problem.text !== "";
    }),
  );
  t.end();
});

test("reads queues", (t) => {
  const queue = parseBrokerQueue({
    name: binary("orders"),
    msgDepth: 7,
    arguments: { "qpid.replicate": binary("all") },
  });
  t.same(queue, { ok: true, value: { name: "orders", depth: 7, replicate: "all" } });
  const plain = parseBrokerQueue({ name: binary("answers"), msgDepth: 3, arguments: {} });
  t.same(plain, { ok: true, value: { name: "answers", depth: 3, replicate: null } });
  if (queue.ok && plain.ok) t.equal(replicatedDepth([queue.value, plain.value]), 7);
  t.end();
});
