/**
 * The arithmetic of votes: the tables of cman's formula, row by row.
 * Cases: those of the list "fencing" in test/cases.txt.
 */
import { test } from "tap";
import { quorumOf } from "../../src/quorum/votes.ts";

type Row = { readonly nodes: number; readonly quorum: number; readonly mayFail: number };

const rows: readonly Row[] = [
  { nodes: 1, quorum: 1, mayFail: 0 },
  { nodes: 2, quorum: 2, mayFail: 0 },
  { nodes: 3, quorum: 2, mayFail: 1 },
  { nodes: 4, quorum: 3, mayFail: 1 },
  { nodes: 5, quorum: 3, mayFail: 2 },
  { nodes: 6, quorum: 4, mayFail: 2 },
  { nodes: 7, quorum: 4, mayFail: 3 },
];

test("case 1: one vote each: the quorum, and how many nodes may fail", async (t) => {
  for (const { nodes, quorum, mayFail } of rows) {
    const all = { total: nodes, expected: nodes, previousQuorum: 0, twoNode: false };
    t.equal(quorumOf(all), quorum, `${nodes} nodes`);
    t.equal(nodes - quorum, mayFail, `${nodes} nodes, failures`);
    const half = quorumOf({ ...all, total: Math.floor(nodes / 2) });
    t.ok(half > Math.floor(nodes / 2), `half of ${nodes} nodes is not enough`);
  }
});

test("two_node: one vote is enough, whatever was in force before", async (t) => {
  for (const total of [1, 2]) {
    const sum = { total, expected: 2, previousQuorum: 2, twoNode: true };
    t.equal(quorumOf(sum), 1, `${total} present`);
  }
});

test("case 2: of five nodes one after the other is lost: the quorum stays", async (t) => {
  let previousQuorum = 0;
  const quorate = [5, 4, 3, 2].map((total) => {
    previousQuorum = quorumOf({ total, expected: 5, previousQuorum, twoNode: false });
    t.equal(previousQuorum, 3, `${total} present`);
    return total >= previousQuorum;
  });
  t.same(quorate, [true, true, true, false]);
});

test("more votes than expected raise the quorum, and their loss does not lower it", async (t) => {
  const raised = quorumOf({ total: 7, expected: 3, previousQuorum: 2, twoNode: false });
  t.equal(raised, 4);
  const later = quorumOf({ total: 3, expected: 3, previousQuorum: raised, twoNode: false });
  t.equal(later, 4);
});

test("unequal votes count as votes, not as nodes", async (t) => {
  const sum = { expected: 5, previousQuorum: 0, twoNode: false };
  t.equal(quorumOf({ ...sum, total: 3 }), 3, "a node of three votes decides alone");
  t.equal(quorumOf({ ...sum, total: 2 }), 3, "two nodes of one vote do not");
});
