/** Whose history counts after a configuration change, and who is not counted at all. */
import fc from "fast-check";
import { test } from "tap";
import { concludeExchange, type Hello, type History } from "../../src/services/table/table-sync.ts";
import { id } from "../sim/cluster.ts";

function history(ringSeq: number, version: number, digest = "a"): History {
  return { ringSeq, version, digest, workedIn: null };
}

function hello(node: number, known: History | null, rest: Partial<Hello> = {}): Hello {
  return {
    type: "hello",
    ring: { rep: id(1), seq: 20 },
    node: id(node),
    life: 1,
    cluster: "qpid-test",
    configVersion: 18,
    configHash: "0123456789abcdef",
    configFixed: "fixed",
    history: known,
    quorum: 2,
    expected: 3,
    votes: 1,
    last: null,
    doubts: [],
    waitsForAll: false,
    quorate: known !== null,
    silent: [],
    watchdog: false,
    machine: `machine ${node}`,
    machines: [],
    ...rest,
  };
}

test("no member has a history: a new one begins, without a snapshot", async (t) => {
  t.same(concludeExchange([hello(2, null), hello(1, null)]), {
    accepted: [1, 2],
    refused: [],
    winner: null,
    authority: null,
    continuing: [],
    snapshotNeeded: false,
  });
});

test("all members have the same history: it goes on without a snapshot", async (t) => {
  const same = history(16, 9);
  const result = concludeExchange([hello(3, same), hello(1, same), hello(2, same)]);
  t.match(result, { winner: same, authority: 1, continuing: [1, 2, 3], snapshotNeeded: false });
});

test("a joiner gets the snapshot of the lowest node with the history", async (t) => {
  const known = history(16, 9);
  const result = concludeExchange([hello(1, null), hello(2, known), hello(3, known)]);
  t.match(result, { winner: known, authority: 2, snapshotNeeded: true });
  t.same(result.continuing, [2, 3]);
});

test("the most recent quorate ring wins, whatever the others did meanwhile", async (t) => {
  const result = concludeExchange([hello(1, history(12, 900)), hello(2, history(16, 1))]);
  t.match(result.winner, history(16, 1));
  t.same(result.continuing, [2], "SYNC1: node 1 has lost its history");
});

test("in the same ring the one that has applied more wins", async (t) => {
  const result = concludeExchange([hello(1, history(16, 8)), hello(2, history(16, 9))]);
  t.same(result.continuing, [2]);
});

test("histories that differ by digest: that of most members, then of the lowest id", async (t) => {
  const [a, b] = [history(16, 9, "a"), history(16, 9, "b")];
  const majority = concludeExchange([hello(1, a), hello(2, b), hello(3, b)]);
  t.same(majority.continuing, [2, 3]);
  const tie = concludeExchange([hello(3, a), hello(2, b)]);
  t.same(tie.continuing, [2]);
});

test("SYNC2: members with another configuration are refused, with what differs", async (t) => {
  const other = { configVersion: 19 };
  const result = concludeExchange([hello(1, null), hello(2, null), hello(3, null, other)]);
  t.same(result.accepted, [1, 2]);
  t.same(result.refused, [
    {
      node: 3,
      why:
        "configuration qpid-test version 19 (0123456789ab), " +
        "the others have qpid-test version 18 (0123456789ab); " +
        "a newer one is brought in by cman_tool-ts version -r",
    },
  ]);
});

test("SYNC2: a member with an older version that can change gets the cluster's", async (t) => {
  const known = history(16, 9);
  const next = { configVersion: 19, configHash: "ffff" };
  const running = concludeExchange([hello(1, null), hello(2, known, next)]);
  t.match(running, { accepted: [1, 2], authority: 2, snapshotNeeded: true, continuing: [2] });
  const cold = concludeExchange([hello(1, null), hello(2, null, next), hello(3, null, next)]);
  t.match(cold, { accepted: [1, 2, 3], winner: null, authority: 2, snapshotNeeded: true });
  const foreign = concludeExchange([
    hello(1, null, { configFixed: "other" }),
    hello(2, known, next),
  ]);
  t.same(foreign.accepted, [2], "something else differs, too");
  const lies = { configHash: "eeee", configVersion: 19 };
  t.same(concludeExchange([hello(1, null, lies), hello(2, known, next)]).accepted, [2]);
});

test("SYNC2: the configuration of a running cluster counts, not the majority's", async (t) => {
  const other = { configHash: "ffff" };
  const known = history(16, 9);
  const result = concludeExchange([hello(1, known), hello(2, null, other), hello(3, null, other)]);
  t.same(result.accepted, [1]);
  t.same(result.continuing, [1]);
});

test("SYNC2: at a cold start the majority's version counts, then the lowest id's", async (t) => {
  const other = { cluster: "other" };
  const majority = [hello(1, null), hello(2, null, other), hello(3, null, other)];
  t.same(concludeExchange(majority).accepted, [2, 3]);
  t.same(concludeExchange([hello(3, null), hello(2, null, other)]).accepted, [2]);
});

test("every member concludes the same from the same hellos, in whatever order", async (t) => {
  const known = fc.option(
    fc.record({
      ringSeq: fc.integer({ min: 1, max: 2 }),
      version: fc.integer({ min: 1, max: 2 }),
      digest: fc.constantFrom("a", "b"),
      workedIn: fc.constantFrom(null, 1, 2),
    }),
  );
  const hellos = fc
    .array(fc.tuple(known, fc.integer({ min: 18, max: 19 })), { minLength: 1, maxLength: 5 })
    .map((entries) =>
      entries.map(([one, configVersion], at) => hello(at + 1, one, { configVersion })),
    );
  const shuffled = hellos.chain((given) =>
    fc.tuple(fc.constant(given), fc.shuffledSubarray(given, { minLength: given.length })),
  );
  const property = fc.property(shuffled, ([given, other]) => {
    const [one, two] = [given, other].map((hellosThen) => concludeExchange(hellosThen));
    if (one === undefined || two === undefined) return false;
    const told = ({ refused, ...rest }: typeof one) =>
      JSON.stringify({ ...rest, refused: refused.toSorted((a, b) => a.node - b.node) });
    return told(one) === told(two);
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 300, seed: 3 }));
});
