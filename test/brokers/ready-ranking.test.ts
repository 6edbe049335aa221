import { test } from "tap";
import type { PromotionInput } from "../../src/brokers/broker-sight.ts";
import { type RankedBroker, type ReadyBroker, rankReady } from "../../src/brokers/ready-ranking.ts";
import { type Answers, answering, input } from "./promotion-inputs.ts";
import { member } from "./statuses.ts";

function ready(node: number, fields: Partial<Answers> = {}): ReadyBroker {
  const broker = answering(node, "ready", fields);
  if (broker.sight.type !== "answers") throw new Error("answers");
  return { ...broker, sight: broker.sight };
}

const ranked = (brokers: readonly ReadyBroker[], fields: Partial<PromotionInput> = {}) =>
  rankReady(input(brokers, fields), brokers);
const order = (ranking: readonly RankedBroker[]) => ranking.map(({ node }) => node);

test("READY1: the list of the primary counts more than anything a backup says", (t) => {
  const record = [member(1, "active"), member(2, "ready"), member(3, "catchup")];
  const [b2, b3, b4] = [ready(2), ready(3, { depth: 100 }), ready(4, { depth: 100 })];
  const ranking = ranked([b4, b3, b2], { record });
  t.same(order(ranking), [2, 3, 4]);
  t.match(ranking, [
    { stale: false, reason: /shows it as ready/ },
    { stale: true, reason: /shows it as catchup; after node2, which is not stale/ },
    { stale: true, reason: /does not have it/ },
  ]);
  t.end();
});

test("READY3: with it, a backup that a good one leaves out is stale", (t) => {
  const record = [member(1, "active"), member(2, "ready"), member(3, "ready")];
  const both = [member(2, "ready"), member(3, "ready")];
  const left = ready(2, { members: [member(2, "ready")] });
  t.match(ranked([ready(3, { members: both }), left], { record }), [
    { node: 2, stale: false },
    { node: 3, stale: true, reason: /^the list of node2, which is newer, does not have it/ },
  ]);
  const apart = ranked([left, ready(3, { members: [member(3, "ready")] })], { record });
  t.ok(
    apart.every(({ stale }) => !stale),
    "lists of an earlier moment, each",
  );
  t.end();
});

test("READY2: without it, those that others do not list as ready are stale", (t) => {
  const both = [member(2, "ready"), member(3, "ready")];
  const apart = ranked([
    ready(2, { members: [member(2, "ready")] }),
    ready(3, { members: [member(3, "ready")] }),
  ]);
  t.ok(apart.every(({ stale }) => stale));
  const timedOut = [member(2, "ready"), member(3, "catchup")];
  const ranking = ranked([ready(2, { members: timedOut }), ready(3, { members: both })]);
  t.match(ranking, [
    { node: 2, stale: false },
    { node: 3, stale: true },
  ]);
  t.match(ranked([ready(3, { members: [] })]), [{ stale: false, reason: /no other/ }]);
  t.end();
});

test("the one with more messages comes first, then the failover domain, then the node id", (t) => {
  const fuller = ready(3, { depth: 2 });
  t.match(ranked([ready(2, { depth: 1 }), fuller]), [
    { node: 3 },
    { reason: /node3, which holds more messages \(2, not 1\)/ },
  ]);
  const preferred = { ...ready(3), preference: 0 };
  t.match(ranked([ready(2), preferred]), [{ node: 3 }, { reason: /node3 by the failover domain/ }]);
  const equal = { ...ready(3), preference: 2 };
  t.match(ranked([equal, ready(2)]), [{ node: 2 }, { node: 3, reason: /node2 by node id/ }]);
  t.end();
});
