import { test } from "tap";
import { SortQueue } from "../../src/membership/sort-queue.ts";
import {
  acceptToken,
  allowedFrames,
  calmLimits,
  closeVisit,
  firstVisit,
  isCalm,
  safeUpTo,
  serveRetransmits,
} from "../../src/membership/token.ts";
import type { TokenMessage } from "../../src/membership/wire.ts";
import { mcast, node, token } from "./frames.ts";

const limits = { windowFrames: 50, maxFramesPerVisit: 17, widens: true, missCountVisits: 3 };

function holding(...seqs: readonly number[]): SortQueue {
  const queue = new SortQueue();
  for (const seq of seqs) queue.insert(mcast({ seq }));
  return queue;
}

test("flow control: window, frames per visit and the share of the backlog", async (t) => {
  const cases = [
    { fcc: 0, backlog: 0, own: 0, before: 0, allowed: 17 },
    { fcc: 40, backlog: 0, own: 0, before: 0, allowed: 10 },
    { fcc: 50, backlog: 0, own: 9, before: 0, allowed: 0 },
    { fcc: 90, backlog: 0, own: 9, before: 0, allowed: 0 },
    { fcc: 0, backlog: 100, own: 100, before: 100, allowed: 17 },
    { fcc: 0, backlog: 200, own: 50, before: 50, allowed: 12 },
    { fcc: 0, backlog: 200, own: 0, before: 50, allowed: 17 },
    { fcc: 0, backlog: 1000, own: 1, before: 1, allowed: 17 },
  ];
  for (const { fcc, backlog, own, before, allowed } of cases) {
    const memory = { ...firstVisit, backlog: before };
    const found = allowedFrames(memory, { fcc, backlog }, { backlog: own, limits });
    t.equal(found, allowed, JSON.stringify({ fcc, backlog, own, before }));
  }
});

test("TOKEN3: all send twice as much while no retransmission was requested", async (t) => {
  const wide = { windowFrames: 100, maxFramesPerVisit: 34 };
  t.match(calmLimits(limits), wide);
  t.match(calmLimits({ ...limits, widens: false }), { windowFrames: 50, maxFramesPerVisit: 17 });
  t.same(
    [{ calm: 99 }, { calm: 100 }, { calm: 100, rtr: [7] }].map((each) => isCalm(token(each))),
    [false, true, false],
  );
});

test("TOKEN3: one request of any member ends that for a hundred visits", async (t) => {
  const visit = { self: node(1), aru: 0, seq: 0, rtr: [], sent: 0, backlog: 0 };
  const calmAfter = (before: Partial<TokenMessage>, rtr: readonly number[]): number =>
    closeVisit(token(before), firstVisit, { ...visit, rtr }).token.calm;
  t.equal(calmAfter({ calm: 4 }, []), 5);
  t.equal(calmAfter({ calm: 100 }, []), 100, "it does not grow for ever");
  t.equal(calmAfter({ calm: 100 }, [7]), 0, "asked for here");
  t.equal(calmAfter({ calm: 100, rtr: [7] }, []), 0, "served here: those behind must know");
});

test("a node's share never exceeds the window over all nodes", async (t) => {
  for (const backlogs of [
    [100, 10, 1],
    [500, 500, 500],
    [3, 3, 3],
  ]) {
    const total = backlogs.reduce((sum, own) => sum + own, 0);
    const shares = backlogs.map((own) => {
      const memory = { ...firstVisit, backlog: own };
      return allowedFrames(memory, { fcc: 0, backlog: total }, { backlog: own, limits });
    });
    const floored = shares.filter((share) => share < limits.maxFramesPerVisit);
    t.ok(floored.reduce((sum, share) => sum + share, 0) <= limits.windowFrames);
  }
});

test("a missing message is requested when that many tokens have included it", async (t) => {
  const queue = holding(1, 3);
  let memory = firstVisit;
  const asked: (readonly number[])[] = [];
  for (const seq of [3, 4, 5, 5, 5]) {
    memory = acceptToken(memory, token({ seq }), limits.missCountVisits);
    asked.push(serveRetransmits(token({ seq }), queue, { memory, allowed: 17, limits }).rtr);
  }
  t.same(asked, [[], [], [2], [2, 4], [2, 4, 5]]);
});

test("the list keeps what this node lacks, loses what it sends and what all have", async (t) => {
  const queue = holding(1, 2, 3, 4);
  queue.takeOrdered(0);
  queue.release(1);
  const served = serveRetransmits(token({ seq: 9, rtr: [1, 3, 7, 4] }), queue, {
    memory: firstVisit,
    allowed: 17,
    limits,
  });
  t.same(
    served.retransmit.map((message) => message.seq),
    [3, 4],
  );
  t.same(served.rtr, [7]);
  t.equal(served.originate, 15, "retransmissions count against the allowance");
});

test("retransmissions stop at the allowance", async (t) => {
  const queue = holding(1, 2, 3);
  const visit = { memory: firstVisit, allowed: 2, limits };
  const served = serveRetransmits(token({ seq: 3, rtr: [1, 2, 3] }), queue, visit);
  t.same([served.retransmit.length, served.rtr, served.originate], [2, [3], 0]);
});

test("the list never exceeds 30 entries", async (t) => {
  const memory = { ...firstVisit, recentSeqs: [500, 500, 500] };
  const rtr = Array.from({ length: 20 }, (_, index) => 400 + index);
  const visit = { memory, allowed: 17, limits };
  t.equal(serveRetransmits(token({ seq: 500, rtr }), new SortQueue(), visit).rtr.length, 30);
});

test("nothing new is sent when the retransmit window is full", async (t) => {
  const queue = new SortQueue();
  const visit = { memory: firstVisit, allowed: 17, limits };
  t.equal(serveRetransmits(token({ seq: 16317 }), queue, visit).originate, 17);
  t.equal(serveRetransmits(token({ seq: 16318 }), queue, visit).originate, 0);
});

test("the aru falls to this node's, and only the node that lowered it raises it", async (t) => {
  const me = node(2);
  const cases = [
    { aru: 9, aruNode: null, ours: 5, seq: 9, expected: [5, me] },
    { aru: 5, aruNode: me, ours: 7, seq: 9, expected: [7, me] },
    { aru: 5, aruNode: me, ours: 9, seq: 9, expected: [9, null] },
    { aru: 5, aruNode: node(3), ours: 9, seq: 9, expected: [5, node(3)] },
    { aru: 5, aruNode: node(3), ours: 4, seq: 9, expected: [4, me] },
    { aru: 9, aruNode: null, ours: 12, seq: 12, expected: [12, null] },
  ];
  for (const { aru, aruNode, ours, seq, expected } of cases) {
    const visit = { self: me, aru: ours, seq, rtr: [], sent: 0, backlog: 0 };
    const closed = closeVisit(token({ seq: 9, aru, aruNode }), firstVisit, visit);
    t.same([closed.token.aru, closed.token.aruNode], expected);
  }
});

test("the token's counts hold what each member added last, once", async (t) => {
  const visit = { self: node(1), aru: 0, rtr: [], seq: 0 };
  const first = closeVisit(token(), firstVisit, { ...visit, sent: 5, backlog: 30 });
  t.same([first.token.fcc, first.token.backlog, first.token.tokenSeq], [5, 30, 1]);
  const second = closeVisit(first.token, first.memory, { ...visit, sent: 2, backlog: 10 });
  t.same([second.token.fcc, second.token.backlog], [2, 10]);
});

test("a message is safe when the aru of two tokens in a row has passed it", async (t) => {
  let memory = firstVisit;
  const safe: number[] = [];
  for (const aru of [4, 6, 6, 3, 8, 8]) {
    memory = acceptToken(memory, token({ seq: 9, aru }), limits.missCountVisits);
    safe.push(safeUpTo(memory));
  }
  t.same(safe, [0, 4, 6, 3, 3, 8]);
});
