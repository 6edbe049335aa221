/** Process groups: the calls in every state, and what members see of changes. */
import { test } from "tap";
import { groupLimits } from "../../src/groups/group-events.ts";
import { encodeGroupFrame } from "../../src/groups/group-frames.ts";
import { GroupNodes, group } from "./group-nodes.ts";

type State = "unjoined" | "join started" | "joined" | "leave started";

/** Node 1 with client 1 in one of the states, and node 2 with process 9 in the same group. */
function beside(state: State): GroupNodes {
  const nodes = new GroupNodes(1, 2);
  nodes.settle([1], [2]);
  nodes.member(2, 9, "g");
  nodes.connect(1, 1);
  if (state !== "unjoined") nodes.join(1, 1, "g");
  if (state === "joined" || state === "leave started") nodes.order();
  if (state === "leave started") nodes.leave(1, 1, "g");
  nodes.told(1);
  nodes.told(2);
  return nodes;
}

function message(process: number, text: string): Uint8Array {
  const whole = { message: 1, index: 0, last: true, group: group("g") };
  return encodeGroupFrame({ type: "part", process, ...whole, payload: Buffer.from(text) });
}

/** Calls by state, from the table of CPG; `receives` is about a message of somebody else. */
const table = [
  { state: "unjoined", join: "OK", leave: "NOT_EXIST", mcast: "NOT_EXIST", receives: false },
  { state: "join started", join: "EXIST", leave: "BUSY", mcast: "OK", receives: false },
  { state: "joined", join: "EXIST", leave: "OK", mcast: "OK", receives: true },
  { state: "leave started", join: "BUSY", leave: "NOT_EXIST", mcast: "NOT_EXIST", receives: true },
] as const;

for (const { state, join, leave, mcast, receives } of table) {
  test(`a client that is ${state}: join ${join}, leave ${leave}, multicast ${mcast}`, (t) => {
    t.equal(beside(state).join(1, 1, "g"), join, "join");
    t.equal(beside(state).leave(1, 1, "g"), leave, "leave");
    const nodes = beside(state);
    const answered = nodes.multicast([1, 1], "g", "x");
    // An accepted message is answered once it was delivered.
    t.equal(answered === "none" ? "OK" : answered, mcast, "multicast");
    nodes.order();
    t.equal(nodes.answer(1, nodes.lastCall(1)), mcast === "OK" ? "ordered" : mcast);
    t.end();
  });

  test(`a client that is ${state} ${receives ? "receives" : "does not receive"}`, (t) => {
    const nodes = beside(state);
    nodes.deliver(2, message(9, "hello"), [1]);
    t.same(nodes.told(1), receives ? ["1: g 2.9 says hello"] : []);
    t.end();
  });
}

test("calls for another group than the client's do not exist", (t) => {
  const nodes = beside("joined");
  t.equal(nodes.leave(1, 1, "other"), "NOT_EXIST");
  t.equal(nodes.multicast([1, 1], "other", "x"), "NOT_EXIST");
  t.equal(nodes.join(1, 1, "other"), "EXIST");
  t.end();
});

test("a client may join again once its leave was ordered", (t) => {
  const nodes = beside("leave started");
  nodes.order();
  t.same(nodes.told(1), ["1: g -1.1 leave, now [2.9]"], "the one who leaves sees it");
  t.equal(nodes.join(1, 1, "g"), "OK");
  nodes.order();
  t.same(nodes.told(1), ["1: g +1.1 join, now [1.1 2.9]"]);
  t.end();
});

test("a process is in a group once, and in several groups by several clients", (t) => {
  const nodes = beside("joined");
  nodes.connect(1, 2, 1);
  t.equal(nodes.join(1, 2, "g"), "EXIST");
  t.equal(nodes.join(1, 2, "other"), "OK");
  t.end();
});

test("a process whose leave is under way must try again", (t) => {
  const nodes = beside("leave started");
  nodes.connect(1, 2, 1);
  t.equal(nodes.join(1, 2, "g"), "TRY_AGAIN leave-in-flight");
  nodes.disconnect(1, 1);
  t.equal(nodes.join(1, 2, "g"), "TRY_AGAIN leave-in-flight", "also when its client has gone");
  nodes.order();
  t.equal(nodes.join(1, 2, "g"), "OK");
  t.end();
});

test("clients without a process number get one that no process of Linux has", (t) => {
  const nodes = new GroupNodes(1);
  t.equal(nodes.connect(1, 1, null), `connected 1.${groupLimits.processMax + 1}`);
  t.equal(nodes.connect(1, 2, null), `connected 1.${groupLimits.processMax + 2}`);
  t.end();
});

test("without a ring, and until all have listed their processes, calls are refused", (t) => {
  const nodes = new GroupNodes(1, 2);
  nodes.connect(1, 1);
  t.equal(nodes.join(1, 1, "g"), "TRY_AGAIN no-configuration");
  nodes.form([1], [2]);
  t.equal(nodes.join(1, 1, "g"), "TRY_AGAIN state-exchange");
  nodes.order(1);
  t.equal(nodes.join(1, 1, "g"), "TRY_AGAIN state-exchange");
  nodes.order(1);
  t.equal(nodes.join(1, 1, "g"), "OK");
  nodes.exchanged(1, 2);
  nodes.order();
  nodes.form([1, 2]);
  t.equal(nodes.multicast([1, 1], "g", "x"), "TRY_AGAIN state-exchange");
  t.equal(nodes.leave(1, 1, "g"), "TRY_AGAIN state-exchange");
  t.end();
});

test("the exchange ends only when the lists and the other layers are complete", (t) => {
  const nodes = new GroupNodes(1, 2);
  nodes.form([1], [2]);
  nodes.exchanged(1);
  t.notOk(nodes.synced(1), "lists are missing");
  nodes.order();
  t.ok(nodes.synced(1));
  t.notOk(nodes.synced(2), "the other layers of node 2 are not ready");
  nodes.exchanged(2);
  t.ok(nodes.synced(2));
  t.end();
});

test("all members see joins, messages and leaves in one order, senders their own too", (t) => {
  const nodes = new GroupNodes(1, 2, 3);
  nodes.settle([1], [2], [3]);
  for (const node of [1, 2, 3]) nodes.member(node, node, "g");
  for (const node of [1, 2, 3]) nodes.told(node);
  nodes.multicast([1, 1], "g", "a");
  nodes.multicast([2, 2], "g", "b");
  nodes.leave(3, 3, "g");
  nodes.multicast([1, 1], "g", "c");
  nodes.order();
  const seen = ["g 1.1 says a", "g 1.1 says c", "g 2.2 says b", "g -3.3 leave, now [1.1 2.2]"];
  for (const node of [1, 2, 3]) {
    t.same(
      nodes.told(node),
      seen.map((text) => `${node}: ${text}`),
    );
  }
  t.end();
});

test("a client that ends without leaving is announced with procdown", (t) => {
  const nodes = beside("joined");
  nodes.multicast([1, 1], "g", "last words");
  nodes.disconnect(1, 1);
  nodes.order();
  t.same(nodes.told(2), ["9: g 1.1 says last words", "9: g -1.1 procdown, now [2.9]"]);
  t.end();
});

test("a client that ends while its join is under way comes and goes for the others", (t) => {
  const nodes = beside("join started");
  nodes.disconnect(1, 1);
  nodes.order();
  t.same(nodes.told(2), ["9: g +1.1 join, now [1.1 2.9]", "9: g -1.1 procdown, now [2.9]"]);
  t.end();
});

test("lost nodes go down after the last message of the old ring", (t) => {
  const nodes = new GroupNodes(1, 2, 3);
  nodes.settle([1], [2], [3]);
  for (const node of [1, 2, 3]) nodes.member(node, node, "g");
  nodes.told(1);
  nodes.transitional(1, [1, 2]);
  nodes.deliver(3, message(3, "late"), [1]);
  t.same(nodes.told(1), ["1: g 3.3 says late"], "a member until the new configuration");
  nodes.settle([1, 2]);
  t.same(nodes.told(1), ["1: g -3.3 nodedown, now [1.1 2.2]", "1: ring of 1 2"]);
  t.end();
});

test("parts of a cluster that merge see each other come up, and the same members", (t) => {
  const nodes = new GroupNodes(1, 2, 3);
  nodes.settle([1], [2], [3]);
  for (const node of [1, 2, 3]) nodes.member(node, node, "g");
  nodes.settle([1]);
  nodes.settle([2, 3]);
  nodes.member(2, 5, "g");
  for (const node of [1, 2, 3]) nodes.told(node);
  nodes.settle([1], [2, 3]);
  t.same(nodes.told(1), ["1: g +2.2 2.5 3.3 nodeup, now [1.1 2.2 2.5 3.3]", "1: ring of 1 2 3"]);
  t.same(nodes.told(3), ["3: g +1.1 nodeup, now [1.1 2.2 2.5 3.3]", "3: ring of 1 2 3"]);
  t.end();
});

test("a node that was away within one change is shown down and up", (t) => {
  const nodes = new GroupNodes(1, 2);
  nodes.settle([1], [2]);
  nodes.member(1, 1, "g");
  nodes.member(2, 2, "g");
  nodes.told(1);
  nodes.settle([1], [2]);
  const [down, up] = ["g -2.2 nodedown, now [1.1]", "g +2.2 nodeup, now [1.1 2.2]"];
  t.same(nodes.told(1), [`1: ${down}`, `1: ${up}`, "1: ring of 1 2"]);
  nodes.restart(2);
  nodes.settle([1], [2]);
  t.same(nodes.told(1), [`1: ${down}`, "1: ring of 1 2"], "a new life has no processes");
  t.end();
});

test("a ring that breaks before its lists are complete counts for nothing", (t) => {
  const nodes = new GroupNodes(1, 2, 3);
  nodes.settle([1], [2], [3]);
  for (const node of [1, 2, 3]) nodes.member(node, node, "g");
  nodes.told(1);
  nodes.form([1], [2, 3]);
  nodes.order(2);
  t.same(nodes.told(1), []);
  nodes.settle([1, 2, 3]);
  t.same(
    nodes.told(1),
    [
      "1: g -2.2 3.3 nodedown, now [1.1]",
      "1: g +2.2 3.3 nodeup, now [1.1 2.2 3.3]",
      "1: ring of 1 2 3",
    ],
    "2 and 3 had been away, though they came along into the last ring",
  );
  t.end();
});

test("a known process that its node does not list has gone", (t) => {
  const nodes = beside("joined");
  const ring = nodes.form([1, 2]);
  nodes.deliver(1, encodeGroupFrame({ type: "list", ring, processes: [] }), [2]);
  nodes.deliver(2, encodeGroupFrame({ type: "list", ring, processes: [] }), [2]);
  t.match(nodes.told(2)[0], /^9: g -1\.1 2\.9 procdown/);
  t.end();
});

test("a message of a node without a member is dropped, counted and noted once a ring", (t) => {
  const nodes = beside("joined");
  nodes.leave(2, 9, "g");
  nodes.order();
  nodes.told(1);
  nodes.deliver(2, message(9, "x"), [1]);
  nodes.deliver(2, message(9, "y"), [1]);
  t.same(nodes.told(1), []);
  t.equal(nodes.machine(1).snapshot().counters.dropped, 2);
  t.equal(nodes.notices(1).length, 1);
  t.match(nodes.notices(1)[0], /node 2, which has no member of group g, is dropped/);
  t.end();
});

test("bytes that are no frame are counted, and nobody is harmed", (t) => {
  const nodes = beside("joined");
  nodes.deliver(2, Buffer.from([0xc7, 9, 1]), [1]);
  nodes.deliver(2, Buffer.from([0xc7, 1, 3, 0]), [1]);
  t.equal(nodes.machine(1).snapshot().counters.malformed, 2);
  nodes.multicast([1, 1], "g", "still here");
  nodes.order();
  t.same(nodes.told(1), ["1: g 1.1 says still here"]);
  t.end();
});

test("a group takes as many members as its limit, on all nodes together", (t) => {
  const nodes = new GroupNodes(1, 2);
  nodes.settle([1], [2]);
  for (let client = 1; client < groupLimits.membersMax; client += 1) nodes.member(1, client, "g");
  nodes.connect(2, 500);
  nodes.connect(2, 501);
  nodes.join(2, 500, "g");
  nodes.join(2, 501, "g");
  nodes.multicast([2, 501], "g", "not a member");
  nodes.order();
  const told = nodes.told(2);
  t.match(told[0], /^500: g \+2\.500 join/);
  t.same(told.slice(1), ["501: g is full", "500: g 2.501 says not a member"]);
  t.equal(nodes.machine(1).snapshot().groups[0]?.members.length, groupLimits.membersMax);
  t.equal(nodes.join(2, 501, "other"), "OK", "the one who was refused is unjoined");
  t.end();
});

test("a node takes as many clients as its limit", (t) => {
  const nodes = new GroupNodes(1);
  nodes.settle([1]);
  for (let client = 1; client <= groupLimits.clientsMax; client += 1) nodes.connect(1, client);
  t.equal(nodes.connect(1, 999), "TOO_MANY_CLIENTS");
  nodes.disconnect(1, 1);
  t.equal(nodes.connect(1, 1000), "connected 1.1000");
  t.end();
});

test("who sends more than may wait must try again, and others need not", (t) => {
  const nodes = beside("joined");
  nodes.connect(1, 2);
  nodes.join(1, 2, "g");
  nodes.order();
  const large = new Uint8Array(groupLimits.messageBytesMax);
  const answers = [1, 2, 3, 4].map(() => nodes.multicast([1, 1], "g", large));
  t.same(answers, ["none", "none", "TRY_AGAIN queue-full", "TRY_AGAIN queue-full"]);
  t.equal(nodes.multicast([1, 2], "g", large), "none");
  t.equal(nodes.multicast([1, 2], "g", new Uint8Array(large.length + 1)), "TOO_LARGE");
  nodes.order();
  t.equal(nodes.multicast([1, 1], "g", large), "none", "after delivery there is room again");
  t.end();
});

test("what is with the ring never exceeds the credit", (t) => {
  const nodes = beside("joined");
  for (let sent = 0; sent < 3; sent += 1) {
    nodes.multicast([1, 1], "g", new Uint8Array(600_000));
    const waiting = nodes.waiting(1).reduce((sum, { payload }) => sum + payload.length, 0);
    t.ok(waiting <= groupLimits.creditBytesMax + groupLimits.partBytesMax, `${waiting} bytes`);
  }
  nodes.order();
  t.equal(nodes.told(2).filter((text) => text.includes("600000 bytes")).length, 3);
  t.end();
});

test("a long message that a new configuration cuts is delivered whole, once, to all in it", (t) => {
  for (const ordered of [0, 1, 3, 7, 9, 15, 16, 17]) {
    const nodes = new GroupNodes(1, 2, 3);
    nodes.settle([1], [2], [3]);
    nodes.member(1, 1, "g");
    nodes.member(2, 2, "g");
    // Node 3 is apart; its member will have seen none of the parts.
    nodes.settle([3]);
    nodes.settle([1, 2]);
    nodes.member(3, 3, "g");
    nodes.told(2);
    const call = nodes.lastCall(1) + 1;
    const content = Buffer.alloc(groupLimits.messageBytesMax, "long");
    t.equal(nodes.multicast([1, 1], "g", content), "none");
    nodes.multicast([1, 1], "g", "short");
    nodes.order(ordered);
    nodes.settle([1, 2], [3]);
    const long = `g 1.1 says ${content.length} bytes`;
    const messages = (node: number) =>
      nodes
        .told(node)
        .filter((text) => text.includes("says"))
        .map((text) => text.slice(3));
    t.same(messages(2), [long, "g 1.1 says short"], `${ordered} parts in the old ring`);
    const late =
      ordered > 16 ? [] : ordered === 16 ? ["g 1.1 says short"] : [long, "g 1.1 says short"];
    t.same(messages(3), late, `${ordered}: the newcomer`);
    t.equal(nodes.answer(1, call), "ordered");
  }
  t.end();
});
