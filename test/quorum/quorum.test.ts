/**
 * The quorum engine: who is quorate, in words too, and never two sides of one cluster.
 * Cases: those of the list "fencing" in test/cases.txt.
 */
import fc from "fast-check";
import { type Test, test } from "tap";
import { parseNodeName } from "../../src/model/ids.ts";
import { BrokenInvariant } from "../../src/model/outcome.ts";
import { Quorum } from "../../src/quorum/quorum.ts";
import { id } from "../sim/cluster.ts";
import { plainConf, Voters } from "./voters.ts";

test("before the first configuration nobody is quorate", async (t) => {
  const verdict = new Quorum(plainConf, []).snapshot();
  t.match(verdict, { quorate: false, votes: 0, quorum: 1, reason: "no ring yet" });
});

test("the reason is a sum, and names who is absent", async (t) => {
  const voters = new Voters({ votes: [1, 1, 1] });
  const all = voters.meet(t, 1, 2, 3);
  t.match(all, { quorate: true, votes: 3, quorum: 2 });
  t.equal(all.reason, "votes 3 of 3 expected, quorum 2");
  const alone = voters.meet(t, 2);
  t.match(alone, { quorate: false, votes: 1, quorum: 2, expectedVotes: 3 });
  t.equal(alone.reason, "votes 1 of 3 expected, quorum 2: absent node1, node3");
});

test("Q2: a member that has a higher quorum in force raises that of the others", async (t) => {
  const conf = { ...plainConf, expectedVotes: 3 };
  const nodes = [1, 2, 3].map((one) => {
    const name = parseNodeName(`node${one}`);
    if (name === null) throw new Error("name");
    return { id: id(one), name, votes: 1, fenceMethods: [], unfence: [] };
  });
  const engine = new Quorum(conf, nodes);
  const report = (node: number, quorum: number) => {
    const rest = { votes: 1, waitsForAll: false, quorate: false, last: null, doubts: [] };
    return { node: id(node), quorum, expected: 3, ...rest };
  };
  t.equal(engine.step([report(1, 2), report(2, 3)], 4).quorate, false, "2 votes of the 3 it saw");
  t.equal(engine.step([report(1, 2)], 8).quorum, 3, "and it stays");
  t.equal(engine.step([report(1, 2), report(2, 2), report(3, 2)], 12).quorate, true);
});

test("case 4: wait_for_all: nobody is quorate before all were seen together once", async (t) => {
  const voters = new Voters({ votes: [1, 1, 1], waitForAll: true });
  const two = voters.meet(t, 1, 2);
  t.equal(two.quorate, false);
  t.equal(two.reason, "waiting for all: not seen node3");
  t.equal(voters.meet(t, 1, 2, 3).quorate, true);
  t.equal(voters.meet(t, 1, 2).quorate, true, "the third may leave then");
  t.equal(voters.meet(t, 1).quorate, false);
  t.equal(voters.meet(t, 1, 2).quorate, true, "node2 was quorate all the time");
});

test("wait_for_all: it begins again on every node once all were inquorate", async (t) => {
  const voters = new Voters({ votes: [1, 1, 1], waitForAll: true });
  voters.meet(t, 1, 2, 3);
  for (const node of [1, 2, 3]) t.equal(voters.meet(t, node).quorate, false, `node ${node} alone`);
  t.equal(voters.meet(t, 1, 2).quorate, false, "node3 might have gone on without them");
  t.equal(voters.meet(t, 1, 2, 3).quorate, true);
});

test("two_node: each of both is quorate alone, but not before wait_for_all is over", async (t) => {
  const plain = new Voters({ votes: [1, 1], twoNode: true });
  t.equal(plain.meet(t, 1).quorate, true);
  t.equal(plain.meet(t, 2).quorate, true);
  const waiting = new Voters({ votes: [1, 1], twoNode: true, waitForAll: true });
  t.equal(waiting.meet(t, 1).quorate, false);
  t.equal(waiting.meet(t, 1, 2).quorate, true);
  t.equal(waiting.meet(t, 1).quorate, true);
  t.equal(waiting.meet(t, 2).quorate, true);
});

test("case 3: two_node with three nodes cannot be built", async (t) => {
  t.throws(() => new Voters({ votes: [1, 1, 1], twoNode: true }), BrokenInvariant);
});

/** All ways to put nodes 1 to n into groups. */
function splits(count: number): readonly (readonly (readonly number[])[])[] {
  if (count === 0) return [[]];
  return splits(count - 1).flatMap((split) => [
    ...split.map((_, at) =>
      split.map((group, index) => (index === at ? [...group, count] : group)),
    ),
    [...split, [count]],
  ]);
}

/** All vectors of up to three nodes with up to three votes, at least one vote in sum. */
function voteVectors(): readonly (readonly number[])[] {
  const digits = [0, 1, 2, 3];
  const one = digits.map((a) => [a]);
  const two = one.flatMap((vector) => digits.map((b) => [...vector, b]));
  const three = two.flatMap((vector) => digits.map((c) => [...vector, c]));
  return [...one, ...two, ...three].filter((vector) => vector.some((count) => count > 0));
}

test("case 1: of all splits of three nodes at most one side is quorate", async (t) => {
  const broken: string[] = [];
  let judged = 0;
  for (const votes of voteVectors()) {
    for (const split of splits(votes.length)) {
      for (const history of ["booted apart", "seen together"] as const) {
        const voters = new Voters({ votes });
        if (history === "seen together") voters.meet(null, ...votes.map((_, at) => at + 1));
        const sides = split.filter((group) => voters.meet(null, ...group).quorate);
        judged += 1;
        if (sides.length > 1) broken.push(`${votes} ${JSON.stringify(split)} ${history}`);
      }
    }
  }
  t.same(broken, []);
  t.ok(judged > 600, `${judged} splits were judged`);
});

test("Q1: no sequence of splits and merges makes two sides quorate", async (t) => {
  const plan = fc.record({
    votes: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 3, maxLength: 6 }),
    waitForAll: fc.boolean(),
    /** For each phase, the group of each node. */
    phases: fc.array(fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 6, maxLength: 6 }), {
      minLength: 1,
      maxLength: 8,
    }),
  });
  const property = fc.property(plan, ({ votes, waitForAll, phases }) => {
    const voters = new Voters({ votes, waitForAll });
    for (const phase of phases) {
      const groups = [0, 1, 2].map((group) =>
        votes.map((_, at) => at + 1).filter((node) => phase[node - 1] === group),
      );
      const sides = groups.filter(
        (group) => group.length > 0 && voters.meet(null, ...group).quorate,
      );
      if (sides.length > 1) return false;
    }
    return true;
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 500, seed: 20130701 }));
});

const five = { votes: [1, 1, 1, 1, 1] };

test("case 2: a node that leaves to be removed takes its votes with it", async (t) => {
  const voters = new Voters(five);
  voters.meet(t, 1, 2, 3, 4, 5);
  const rows = [5, 4, 3, 2].map((gone) => {
    const rest = [1, 2, 3, 4, 5].filter((node) => node < gone);
    voters.remove(gone);
    const { votes, expectedVotes, quorum, quorate } = voters.meet(t, ...rest);
    return [votes, expectedVotes, quorum, quorate];
  });
  t.same(rows, [
    [4, 4, 3, true],
    [3, 3, 2, true],
    [2, 2, 2, true],
    [1, 1, 1, true],
  ]);
});

/** Three are left of five. */
function reduced(t: Test): Voters {
  const voters = new Voters(five);
  voters.meet(t, 1, 2, 3, 4, 5);
  voters.remove(5);
  voters.meet(t, 1, 2, 3, 4);
  voters.remove(4);
  voters.meet(t, 1, 2, 3);
  return voters;
}

test("case 2: after two removals a third node may fail, and a fourth not", async (t) => {
  const voters = reduced(t);
  t.match(voters.meet(t, 1, 2), { expectedVotes: 3, quorum: 2, quorate: true });
  t.match(voters.meet(t, 1), { expectedVotes: 3, quorum: 2, quorate: false });
});

test("case 2: whoever joins and expects more votes raises the others", async (t) => {
  const voters = reduced(t);
  voters.restart(4);
  t.match(voters.meet(t, 1, 2, 3, 4), { votes: 4, expectedVotes: 5, quorum: 3 });
  t.match(voters.meet(t, 1, 2, 3), { quorum: 3, quorate: true });
  t.match(voters.meet(t, 1, 2), { quorum: 3, quorate: false });
});

test("a removal lowers nothing for a node that failed before it", async (t) => {
  const voters = new Voters(five);
  voters.meet(t, 1, 2, 3, 4, 5);
  voters.meet(t, 1, 2, 3, 4);
  voters.remove(4);
  t.match(voters.meet(t, 1, 2, 3), { expectedVotes: 4, quorum: 3, quorate: true });
  t.match(voters.meet(t, 1, 2), { quorum: 3, quorate: false });
});

test("who is no member cannot be removed, nor anybody twice", async (t) => {
  const voters = new Voters(five);
  voters.meet(t, 1, 2, 3, 4);
  for (const node of [5, 4, 4]) voters.remove(node);
  t.match(voters.meet(t, 1, 2, 3), { expectedVotes: 4, quorum: 3 });
});

test("after a removal a node that restarts is counted: nobody else could go on", async (t) => {
  const voters = new Voters({ votes: [1, 1, 1] });
  voters.meet(t, 1, 2, 3);
  voters.remove(3);
  t.match(voters.meet(t, 1, 2), { expectedVotes: 2, quorum: 2, quorate: true });
  t.equal(voters.meet(t, 2).quorate, false);
  voters.restart(1);
  t.equal(voters.meet(t, 1, 2).quorate, true);
});
