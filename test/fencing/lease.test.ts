import { test } from "tap";
import { LeaseEvidence } from "../../src/fencing/lease.ts";
import { type NodeId, parseNodeId, type RingId } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";

function node(value: number): NodeId {
  const id = parseNodeId(value);
  if (id === null) throw new Error(`no node id: ${value}`);
  return id;
}

const [one, two, three] = [node(1), node(2), node(3)];
const ring: RingId = { rep: one, seq: 8 };
const next: RingId = { rep: one, seq: 9999 };
const members = [one, two, three];
const operational = true;

test("the evidence is the send time of the token that came back", (t) => {
  const evidence = new LeaseEvidence(members, ms(0));
  evidence.tokenPassed(ring, ms(100));
  t.same(evidence.tokenAccepted({ ring, members, nowMs: ms(160), operational }), {
    ring,
    startMs: 100,
  });
  t.end();
});

test("a token found after a pause renews from before the pause", (t) => {
  const evidence = new LeaseEvidence(members, ms(0));
  evidence.tokenPassed(ring, ms(100));
  const lease = evidence.tokenAccepted({ ring, members, nowMs: ms(90_100), operational });
  t.equal(lease?.startMs, 100);
  t.end();
});

test("a token of another ring, or outside operational, proves nothing", (t) => {
  const evidence = new LeaseEvidence(members, ms(0));
  t.equal(evidence.tokenAccepted({ ring, members, nowMs: ms(50), operational }), null, "not sent");
  evidence.tokenPassed(ring, ms(100));
  t.equal(evidence.tokenAccepted({ ring: next, members, nowMs: ms(160), operational }), null);
  t.equal(evidence.tokenAccepted({ ring, members, nowMs: ms(170), operational }), null, "spent");
  evidence.tokenPassed(ring, ms(200));
  t.equal(evidence.tokenAccepted({ ring, members, nowMs: ms(260), operational: false }), null);
  t.end();
});

test("one passing of the token proves once", (t) => {
  const evidence = new LeaseEvidence(members, ms(0));
  evidence.tokenPassed(ring, ms(100));
  t.ok(evidence.tokenAccepted({ ring, members, nowMs: ms(160), operational }));
  t.equal(evidence.tokenAccepted({ ring, members, nowMs: ms(170), operational }), null);
  t.end();
});

test("a node was heard at the last token of a ring that contained it, else at the start", (t) => {
  const evidence = new LeaseEvidence([three, one, two], ms(7));
  evidence.tokenAccepted({ ring, members: [one, two], nowMs: ms(160), operational });
  evidence.tokenAccepted({ ring: next, members: [one], nowMs: ms(300), operational: false });
  t.same(evidence.heardAt(next), [
    { node: 1, atMs: 300, beforeMs: 160 },
    { node: 2, atMs: 160, beforeMs: 160 },
    { node: 3, atMs: 7, beforeMs: 7 },
  ]);
  const third = { rep: one, seq: 12 };
  t.match(evidence.heardAt(third)[0], { node: 1, beforeMs: 300 }, "no token of it was accepted");
  t.end();
});
