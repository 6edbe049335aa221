/**
 * Which broker is promoted, and what keeps it from being one too many or a stale one.
 * Cases: those of the list "broker" in test/cases.txt.
 */
import fc from "fast-check";
import { test } from "tap";
import type { BrokerSight, PromotionInput } from "../../src/brokers/broker-sight.ts";
import { brokerStates, isPrimaryState } from "../../src/brokers/broker-state.ts";
import { choosePromotion } from "../../src/brokers/promotion-choice.ts";
import {
  answering,
  decide,
  gone,
  input,
  inShort,
  nodeId,
  pending,
  seen,
  silent,
} from "./promotion-inputs.ts";
import { member, systemId } from "./statuses.ts";

const off = (...nodes: number[]) => ({ presumedOff: new Set(nodes.map(nodeId)) });

test("a ready broker is promoted when the primary is gone", (t) => {
  const cases: readonly (readonly [string, ReturnType<typeof decide>])[] = [
    ["promote 2 ready", decide([gone(1), answering(2, "ready"), answering(3, "ready")])],
    ["promote 3 ready", decide([gone(1), gone(2), answering(3, "ready")])],
    ["promote 3 ready", decide([answering(1, "joining"), gone(2), answering(3, "ready")])],
    ["promote 3 ready", decide([answering(1, "catchup"), gone(2), answering(3, "ready")])],
    ["promote 3 ready", decide([silent(1), gone(2), answering(3, "ready")], off(1))],
  ];
  for (const [expected, decision] of cases) t.equal(inShort(decision), expected, expected);
  t.end();
});

test("PROMOTE1: a primary is adopted, and two are a conflict", (t) => {
  const [b1, b2, b3] = [answering(1, "active"), answering(2, "recovering"), answering(3, "ready")];
  t.equal(inShort(decide([b1, gone(2), b3])), "adopt 1");
  t.equal(
    inShort(decide([gone(1), b2, b3], off(2))),
    "adopt 2",
    "though it was believed to be off",
  );
  t.equal(inShort(decide([b1, b2, b3], { owner: nodeId(2) })), "keep 2, kill 1");
  t.equal(inShort(decide([b1, b2, b3], { lastPrimary: nodeId(2) })), "keep 2, kill 1");
  const fuller = answering(2, "active", { depth: 5 });
  const conflict = decide([answering(1, "active", { depth: 3 }), fuller, b3]);
  t.match(conflict, { keep: 2, kill: [1], reason: /node1 active, node2 active/ });
  t.match(conflict, { lost: "3 messages of node1" });
  t.equal(inShort(decide([b1, b2, b3])), "keep 1, kill 2", "by domain");
  t.end();
});

test("PROMOTE1: who may be the primary is waited for", (t) => {
  const ready = answering(3, "ready");
  t.equal(inShort(decide([silent(1), gone(2), ready])), "wait 1", "no primary is known");
  t.equal(inShort(decide([silent(1), gone(2), ready], { lastPrimary: nodeId(1) })), "wait 1");
  t.equal(inShort(decide([silent(1), gone(2), ready], { owner: nodeId(1) })), "wait 1");
  t.match(decide([silent(1), gone(2), ready]), { why: /does not answer \(frozen\)/ });
  const other = { lastPrimary: nodeId(2) };
  t.equal(inShort(decide([silent(1), gone(2), ready], other)), "promote 3 ready");
  t.equal(inShort(decide([pending(1), gone(2), ready], other)), "wait 1", "not asked yet");
  const joining = answering(3, "joining");
  const last = { lastPrimary: nodeId(1), coldStartWaited: true };
  t.equal(inShort(decide([silent(1), answering(2, "joining"), joining], last)), "wait 1");
  t.end();
});

test("case 14: without a record, the lists of the ready brokers show who is stale", (t) => {
  const whole = [member(1, "active"), member(2, "ready"), member(3, "ready")];
  const good = answering(2, "ready", {
    members: [member(1, "active"), member(2, "ready")],
    depth: 500,
  });
  const stale = answering(3, "ready", { members: whole, depth: 9000 });
  const decision = decide([gone(1), good, stale]);
  t.equal(inShort(decision), "promote 2 ready");
  t.match(decision, { ranking: [{ stale: false }, { node: 3, stale: true }] });
  t.match(decision, { ranking: [{}, { reason: /the list of node2 does not have it/ }] });
  t.end();
});

test("case 20: a stale broker is not promoted, though the domain prefers it", (t) => {
  const record = [member(1, "active"), member(2, "ready")];
  const preferred = { ...answering(3, "ready", { depth: 10 }), preference: 0 };
  const both = decide([gone(1), answering(2, "ready"), preferred], { record });
  t.equal(inShort(both), "promote 2 ready");
  const only = decide([gone(1), gone(2), preferred], { record });
  t.match(only, { type: "only-stale", reason: /only stale backups: node3 .* does not have it/ });
  const allowed = decide([gone(1), gone(2), preferred], { record, staleAllowed: true });
  t.equal(inShort(allowed), "promote 3 ready");
  t.match(allowed, { warnings: [/node3 may lack acknowledged messages/] });
  t.end();
});

test("case 24: PROMOTE3: one joining broker of three is not promoted, two are enough", (t) => {
  const one = answering(1, "joining");
  t.match(decide([one, gone(2), gone(3)]), { type: "wait", for: [2, 3], why: /only 1 of 3/ });
  const late = { coldStartWaited: true };
  t.equal(inShort(decide([one, silent(2), gone(3)], late)), "wait 2,3");
  const two = [one, answering(2, "joining"), silent(3)] as const;
  t.equal(inShort(decide(two)), "wait 3", "it may come and be ready");
  t.equal(inShort(decide(two, late)), "promote 1 cold");
  t.equal(inShort(decide([one, silent(2), gone(3)], off(2, 3))), "promote 1 cold");
  t.equal(inShort(decide([one, gone(2), gone(3)], off(3))), "wait 2");
  t.equal(inShort(decide([gone(1), gone(2), gone(3)])), "wait 1,2,3");
  t.end();
});

test("case 25: a cold start begins with the last primary", (t) => {
  const all = [1, 2, 3].map((node) => answering(node, "joining"));
  const last = { lastPrimary: nodeId(2) };
  const decision = decide(all, last);
  t.equal(inShort(decision), "promote 2 cold");
  t.match(decision, {
    reason: /was the last primary/,
    warnings: [/no broker holds in memory what it and its/],
  });
  t.equal(inShort(decide(all)), "promote 1 cold");
  t.match(decide(all), { warnings: [] });
  const [b1, , b3] = all;
  if (b1 === undefined || b3 === undefined) throw new Error("three");
  const without = decide([b1, gone(2), b3], { ...last, coldStartWaited: true });
  t.equal(inShort(without), "promote 1 cold");
  t.match(without, { warnings: [/will be discarded/] });
  t.end();
});

test("case 22: a joining broker that has refused gives way to the next one", (t) => {
  const refuses = answering(1, "joining", { refuses: true });
  const others = [answering(2, "joining"), answering(3, "joining")];
  t.equal(inShort(decide([refuses, ...others])), "promote 2 cold");
  t.end();
});

test("case 23: catchup, and refusals of all, are a hang with what to type", (t) => {
  const [b2, b3] = [answering(2, "catchup", { depth: 7 }), answering(3, "catchup")];
  const flagged = answering(1, "joining", { refuses: true });
  const hang = decide([flagged, b2, b3], { lastPrimary: nodeId(1) });
  t.match(hang, {
    type: "standstill",
    reason: "no promotable broker (1 joining that refuses promotion, 2 catchup)",
    restart: [2, 3],
    last: 1,
    lost: /7 on node2/,
    commands: [
      "clusvcadm-ts -R service:node2-qpidd-service",
      "clusvcadm-ts -R service:node3-qpidd-service",
      "clusvcadm-ts -R service:node1-qpidd-service",
      "clusvcadm-ts -e service:qpidd-primary-service -m node1",
    ],
  });
  t.equal(inShort(decide([gone(1), b2, b3])), "hang: restart 3,2");
  const all = [1, 2, 3].map((node) => answering(node, "joining", { refuses: true }));
  t.equal(inShort(decide(all)), "hang: restart 1");
  t.equal(inShort(decide([silent(1), b2, b3], { lastPrimary: nodeId(1) })), "wait 1");
  const unnamed = { ...b2, service: null };
  t.match(decide([gone(1), gone(3), unnamed]), { commands: [/^ssh node2 service qpidd/, /-e/] });
  t.end();
});

test("a standalone broker is a mistake in its configuration", (t) => {
  const alone = answering(2, "standalone");
  const cold = decide([answering(1, "joining"), alone, answering(3, "joining")]);
  t.equal(inShort(cold), "promote 1 cold");
  t.match(cold, { reason: /node2 is standalone: set ha-cluster=yes/ });
  t.match(decide([alone]), { type: "wait", for: [2], why: /set ha-cluster=yes/ });
  t.equal(inShort(decide([answering(1, "joining"), alone, gone(3)], off(3))), "wait 2");
  t.end();
});

const state = fc.constantFrom(...brokerStates);
const members = fc
  .subarray([1, 2, 3, 4, 5])
  .chain((nodes) => fc.tuple(...nodes.map((node) => state.map((one) => member(node, one)))));
const sightOf = (node: number): fc.Arbitrary<BrokerSight> =>
  fc.oneof(
    fc
      .record({ state, members, depth: fc.nat(3), refuses: fc.boolean() })
      .map((fields) => ({ type: "answers", systemId: systemId(node), ...fields }) as const),
    fc.constantFrom<BrokerSight>(
      { type: "gone" },
      { type: "pending" },
      { type: "silent", why: "frozen" },
    ),
  );
const someNode = fc.option(fc.integer({ min: 1, max: 5 }).map(nodeId));
const inputs: fc.Arbitrary<PromotionInput> = fc
  .tuple(...[1, 2, 3, 4, 5].map((node) => sightOf(node).map((sight) => seen(node, sight))))
  .chain((brokers) =>
    fc
      .record({
        record: fc.option(members),
        recordAlone: fc.boolean(),
        lastPrimary: someNode,
        owner: someNode,
        presumedOff: fc.subarray([1, 2, 3, 4, 5]).map((nodes) => new Set(nodes.map(nodeId))),
        coldStartWaited: fc.boolean(),
        staleAllowed: fc.boolean(),
      })
      .map((fields) => input(brokers, fields)),
  );

const stateOf = ({ sight }: { sight: BrokerSight }) =>
  sight.type === "answers" ? sight.state : null;

test("PROMOTE1: in no input is there a promotion beside a primary or a possible one", (t) => {
  fc.assert(
    fc.property(inputs, (given) => {
      const decision = choosePromotion(given);
      const primaries = given.brokers.filter((broker) => {
        const found = stateOf(broker);
        return found !== null && isPrimaryState(found);
      });
      if (primaries.length === 1) return inShort(decision) === `adopt ${primaries[0]?.node}`;
      if (primaries.length > 1) {
        if (decision.type !== "conflict") return false;
        const named = [decision.keep, ...decision.kill].sort();
        return named.join() === primaries.map(({ node }) => node).join();
      }
      if (decision.type !== "promote") return decision.type !== "conflict";
      return !given.brokers.some(({ node, sight }) => {
        const suspect = node === given.lastPrimary || node === given.owner;
        return suspect && sight.type === "silent" && !given.presumedOff.has(node);
      });
    }),
    { numRuns: 2000 },
  );
  t.end();
});

test("PROMOTE2, PROMOTE3: who is promoted is ready and listed, or one of a majority", (t) => {
  fc.assert(
    fc.property(inputs, (given) => {
      const decision = choosePromotion(given);
      if (decision.type !== "promote") return true;
      const chosen = given.brokers.find(({ node }) => node === decision.node);
      if (chosen?.sight.type !== "answers") return false;
      if (decision.start === "cold") {
        const joining = given.brokers.filter((one) => stateOf(one) === "joining");
        const open = given.brokers.filter((one) => {
          const absent = stateOf(one) === null && given.presumedOff.has(one.node);
          return stateOf(one) !== "joining" && !absent;
        });
        const some = given.brokers.some((one) => ["ready", "catchup"].includes(stateOf(one) ?? ""));
        const enough = joining.length * 2 > given.brokers.length || open.length === 0;
        return chosen.sight.state === "joining" && !chosen.sight.refuses && !some && enough;
      }
      const listed = given.record?.find((one) => one.systemId === systemId(decision.node));
      const shows = chosen.sight.members;
      const last = given.record?.find(({ state }) => isPrimaryState(state))?.systemId;
      const same = shows.find((one) => one.systemId === last && isPrimaryState(one.state));
      const itself = shows.find((one) => one.systemId === systemId(decision.node));
      const came = given.recordAlone && same !== undefined && itself?.state === "ready";
      const fresh = given.record === null || listed?.state === "ready" || came;
      return chosen.sight.state === "ready" && (fresh || given.staleAllowed);
    }),
    { numRuns: 2000 },
  );
  t.end();
});

test("PROMOTE4: the order in which brokers are seen makes no difference", (t) => {
  fc.assert(
    fc.property(inputs, (given) => {
      const reversed = { ...given, brokers: [...given.brokers].reverse() };
      const [one, other] = [choosePromotion(given), choosePromotion(reversed)];
      const sorted = (text: string) => [...text].sort().join("");
      return sorted(inShort(one)) === sorted(inShort(other));
    }),
    { numRuns: 1000 },
  );
  t.end();
});
