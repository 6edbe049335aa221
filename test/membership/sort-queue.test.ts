import { test } from "tap";
import { retransmitWindow, SortQueue } from "../../src/membership/sort-queue.ts";
import { mcast, node } from "./frames.ts";

function holding(...seqs: readonly number[]): SortQueue {
  const queue = new SortQueue();
  for (const seq of seqs) queue.insert(mcast({ seq }));
  return queue;
}

function seqs(messages: readonly { readonly seq: number }[]): readonly number[] {
  return messages.map((message) => message.seq);
}

test("aru and high follow what arrives, in any order", async (t) => {
  const cases: readonly [readonly number[], number, number][] = [
    [[], 0, 0],
    [[1], 1, 1],
    [[2], 0, 2],
    [[2, 1], 2, 2],
    [[1, 3, 4], 1, 4],
    [[4, 3, 1, 2], 4, 4],
    [[3000], 0, 3000],
  ];
  for (const [arrivals, aru, high] of cases) {
    const queue = holding(...arrivals);
    t.same([queue.aru, queue.high], [aru, high], `after ${arrivals.join(" ")}`);
  }
});

test("an aru may jump any distance", async (t) => {
  const queue = new SortQueue();
  for (let seq = 2; seq <= 5000; seq += 1) queue.insert(mcast({ seq }));
  queue.insert(mcast({ seq: 1 }));
  t.equal(queue.aru, 5000);
});

test("duplicates, released messages and those beyond the window are refused", async (t) => {
  const queue = holding(1, 2);
  t.notOk(queue.insert(mcast({ seq: 2 })), "duplicate");
  queue.takeOrdered(0);
  queue.release(2);
  t.notOk(queue.insert(mcast({ seq: 1 })), "released");
  t.ok(queue.insert(mcast({ seq: 2 + retransmitWindow })), "the last one of the window");
  t.notOk(queue.insert(mcast({ seq: 3 + retransmitWindow })), "beyond the window");
});

test("agreed messages are delivered up to the first gap, once", async (t) => {
  const queue = holding(1, 2, 4);
  t.same(seqs(queue.takeOrdered(0)), [1, 2]);
  t.same(seqs(queue.takeOrdered(0)), []);
  queue.insert(mcast({ seq: 3 }));
  t.same(seqs(queue.takeOrdered(0)), [3, 4]);
});

test("a safe message blocks those behind it until every member holds it", async (t) => {
  const queue = holding(1);
  queue.insert(mcast({ seq: 2, safe: true }));
  queue.insert(mcast({ seq: 3 }));
  t.same(seqs(queue.takeOrdered(1)), [1]);
  t.same(seqs(queue.takeOrdered(2)), [2, 3]);
});

test("only delivered messages are released, and released ones are forgotten", async (t) => {
  const queue = holding(1, 2, 3);
  queue.release(3);
  t.equal(queue.released, 0, "nothing is delivered yet");
  queue.takeOrdered(0);
  queue.release(2);
  t.same([queue.released, queue.size], [2, 1]);
  t.equal(queue.find(2), null);
  t.ok(queue.has(2), "a released message is not missing");
});

test("behind a gap only what the rule admits is taken, before it everything", async (t) => {
  const queue = holding(1);
  queue.insert(mcast({ seq: 2, safe: true, origin: node(3) }));
  queue.insert(mcast({ seq: 4, origin: node(3) }));
  queue.insert(mcast({ seq: 5, origin: node(2) }));
  t.same(seqs(queue.takeOrdered(0)), [1]);
  const rest = queue.takeRest((message) => message.origin === 2);
  t.same(seqs(rest), [2, 5], "2 comes before the gap at 3, whoever sent it");
  t.equal(queue.delivered, 5);
});

test("above lists what is held, ascending, and nothing released", async (t) => {
  const queue = holding(1, 2, 3, 6, 5);
  queue.takeOrdered(0);
  queue.release(2);
  t.same(seqs(queue.above(0)), [3, 5, 6]);
  t.same(seqs(queue.above(5)), [6]);
});
