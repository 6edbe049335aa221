/** The restarts that end a standstill, step by step, and what they never do in any input. */
import fc from "fast-check";
import { test } from "tap";
import type { BrokerSight, SeenBroker } from "../../src/brokers/broker-sight.ts";
import { type BrokerState, brokerStates } from "../../src/brokers/broker-state.ts";
import { nextRestart, type RestartFacts, type Restarts } from "../../src/brokers/standstill.ts";
import {
  answering,
  gone,
  input,
  inShort,
  nodeId,
  pending,
  seen,
  silent,
} from "./promotion-inputs.ts";

const free: RestartFacts = { hindrance: null, doubt: null, startOp: 1 };
const last = { lastPrimary: nodeId(1) };

/** As `restart 2,3`; `facts`: by node, what differs from a service that can be restarted. */
function step(
  brokers: readonly SeenBroker[],
  restarts: Restarts | null,
  facts: Readonly<Record<number, Partial<RestartFacts>>> = {},
): string {
  const known = ({ node }: SeenBroker) => ({ ...free, ...facts[node] });
  const next = nextRestart(input(brokers, last), known, restarts);
  switch (next.type) {
    case "restart":
      return `restart ${next.nodes.join(",")}`;
    case "restart-last":
      return `last ${next.node}`;
    case "promote":
      return inShort(next.decision);
    case "wait":
    case "failed":
      return `${next.type}: ${next.why}`;
    case "over":
      return "over";
  }
}

const [joining, catching] = [answering(1, "joining"), answering(2, "catchup")];
const begun: Restarts = { fromOp: 10, last: null };
const atLast: Restarts = { fromOp: 10, last: { node: nodeId(1), fromOp: 20 } };

test("HANG2: first those that catch up, then the last primary, which is promoted", (t) => {
  const [two, three] = [answering(2, "joining"), answering(3, "joining")];
  t.equal(step([joining, catching, answering(3, "catchup")], null), "restart 2,3");
  t.equal(step([joining, two, three], begun, { 2: { startOp: 11 } }), "last 1");
  t.equal(step([joining, two, three], atLast), "last 1", "it has not started since");
  t.equal(step([joining, two, three], atLast, { 1: { startOp: 20 } }), "promote 1 cold");
  t.equal(step([joining, two, gone(3)], null), "last 1");
  const own = [answering(1, "catchup"), two, three] as const;
  t.equal(step(own, begun), "last 1", "though it catches up itself");
  t.equal(step([gone(1), catching, answering(3, "catchup")], null), "restart 3");
  t.end();
});

test("HANG1: who may hold messages unseen is waited for", (t) => {
  t.match(step([joining, catching, silent(3)], null), /^wait: the broker of node3 .*: frozen/);
  t.match(step([joining, catching, pending(3)], null), /^wait: nobody has heard .* node3/);
  const may = { 3: { doubt: "node3 may run it" } };
  t.equal(step([joining, catching, gone(3)], null, may), "wait: node3 may run it");
  t.equal(step([joining, catching, gone(3)], begun, may), "wait: node3 may run it");
  t.end();
});

test("nothing is restarted where one of the brokers cannot be, or none could be promoted", (t) => {
  const frozen = { hindrance: "its service is frozen" };
  const three = answering(3, "catchup");
  t.equal(step([joining, catching, three], null, { 3: frozen }), "wait: its service is frozen");
  t.equal(step([joining, catching, three], null, { 1: frozen }), "wait: its service is frozen");
  t.match(
    step([gone(1), catching, gone(3)], null),
    /^wait: none could be promoted .*: only 1 of 3/,
  );
  t.end();
});

test("what a broker does by itself ends the restarts", (t) => {
  for (const state of ["ready", "recovering", "active"] as const) {
    t.equal(step([joining, catching, answering(3, state)], begun), "over");
  }
  t.end();
});

test("HANG3: no broker is restarted twice", (t) => {
  const again = step([joining, catching, gone(3)], begun, { 2: { startOp: 11 } });
  t.equal(again, "wait: the broker of node2 catches up again");
  const done = { 1: { startOp: 20 } };
  const two = answering(2, "joining");
  const refuses = answering(1, "joining", { refuses: true });
  t.match(step([refuses, two, gone(3)], atLast, done), /^failed: .*node1.*refuses to be promoted$/);
  const catchesUp = step([answering(1, "catchup"), two, gone(3)], atLast, done);
  t.match(catchesUp, /^failed: .*node1.* is catchup$/);
  t.end();
});

const nodes = [1, 2, 3, 4] as const;
const sightOf = (node: number): fc.Arbitrary<BrokerSight> =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom<BrokerState>("joining", "catchup").map((one) => says(node, one)),
    },
    { weight: 1, arbitrary: fc.constantFrom(...brokerStates).map((one) => says(node, one)) },
    { weight: 1, arbitrary: fc.constantFrom<BrokerSight>(...others) },
  );
const others: readonly BrokerSight[] = [
  { type: "gone" },
  { type: "pending" },
  { type: "silent", why: "frozen" },
];
const says = (node: number, state: BrokerState) => answering(node, state).sight;
const factsOf = fc.record({
  hindrance: fc.constantFrom(null, null, null, "frozen"),
  doubt: fc.constantFrom(null, null, null, "may run"),
  startOp: fc.nat(30),
});

test("HANG1, HANG2: in no input is a broker restarted or promoted beside one that counts", (t) => {
  const given = fc.record({
    sights: fc.tuple(...nodes.map(sightOf)),
    facts: fc.tuple(...nodes.map(() => factsOf)),
    restarts: fc.constantFrom(null, begun, atLast),
  });
  let acts = 0;
  fc.assert(
    fc.property(given, ({ sights, facts, restarts }) => {
      const brokers = sights.map((sight, at) => seen(at + 1, sight));
      const known = ({ node }: SeenBroker) => facts[node - 1] ?? free;
      const next = nextRestart(input(brokers, last), known, restarts);
      if (next.type === "wait" || next.type === "failed" || next.type === "over") return true;
      acts += 1;
      const unseen = brokers.some((broker) => {
        const { type } = broker.sight;
        return type === "gone" ? known(broker).doubt !== null : type !== "answers";
      });
      const states = sights.map((sight) => (sight.type === "answers" ? sight.state : null));
      const counts = states.some((one) => ["ready", "recovering", "active"].includes(one ?? ""));
      const mixed = next.type !== "restart" && states.filter((one) => one === "catchup").length > 1;
      return !unseen && !counts && !mixed;
    }),
    { numRuns: 3000 },
  );
  t.ok(acts > 50, `${acts} scenes in which something is done`);
  t.end();
});
