/**
 * A member that has the key says what cannot be: it is refused, and no process ends of it.
 * At random: test/fuzz.
 */
import { test } from "tap";
import { RingSequence } from "../../src/membership/ring-sequence.ts";
import type { CommitEntry } from "../../src/membership/wire.ts";
import { ringSeqMax } from "../../src/model/ids.ts";
import { join, mcast, mergeDetect, node, nodes } from "./frames.ts";
import { committed, completed, operational, RingDriver, recovering } from "./ring-driver.ts";

const dayMs = 24 * 3600 * 1000;
/** What the clock of the tests' rings explains. */
const explained = (1_000_000 + dayMs) * 1000;

function started(self = 1): RingDriver {
  const driver = new RingDriver(self);
  driver.step({ type: "start" });
  return driver;
}

function bounds(outputs: ReturnType<RingDriver["step"]>): readonly number[] {
  return outputs.flatMap((output) => (output.type === "persist" ? [output.ringSeq] : []));
}

test("a ring sequence that no clock explains is refused and not kept", async (t) => {
  const driver = started();
  const claims = [explained + 1_000_000_000, ringSeqMax];
  for (const ringSeq of claims) {
    const outputs = driver.receive(2, join({ ringSeq, proc: nodes(1, 2) }));
    t.same(bounds(outputs), [], "nothing is made durable");
  }
  const { counters } = driver.ring.snapshot();
  t.equal(counters["refused: ring sequence"], claims.length);
  t.ok((counters["ring seq"] ?? 0) < explained);
});

test("a refusal is logged once a minute, not for every frame", async (t) => {
  const driver = started();
  const told = Array.from({ length: 100 }, () =>
    driver.receive(2, join({ ringSeq: ringSeqMax, proc: nodes(1, 2) })),
  )
    .flat()
    .filter(
      (output) => output.type === "notice" && output.notice.text.includes("of node 2 refused"),
    );
  t.equal(told.length, 1);
});

test("a ring sequence that any node can have by now is adopted", async (t) => {
  const driver = started();
  const outputs = driver.receive(2, join({ ringSeq: explained, proc: nodes(1, 2) }));
  t.equal(bounds(outputs).length, 1);
  t.equal(driver.ring.snapshot().counters["refused: ring sequence"], undefined);
});

test("later the clock explains higher sequences", async (t) => {
  const sequence = new RingSequence(node(1), 1, 1);
  sequence.clock(1000);
  const later = (2000 + dayMs) * 1000;
  t.notOk(sequence.isExplained(later));
  sequence.clock(2000);
  t.ok(sequence.isExplained(later));
  sequence.clock(0);
  t.ok(sequence.isExplained(later), "a clock that is set back takes nothing away");
});

test("a node whose sequence is ahead of its clock accepts sequences near its own", async (t) => {
  const ahead = ringSeqMax / 2;
  const sequence = new RingSequence(node(1), ahead, ahead);
  sequence.clock(1000);
  t.ok(sequence.isExplained(ahead + 250_000 * 4001 - 4001 * 100));
  t.notOk(sequence.isExplained(ahead + 2_000_000_000));
});

test("no number of lies moves the sequence ahead of the clock", async (t) => {
  let stored = 1;
  for (let restart = 0; restart < 100; restart += 1) {
    const sequence = new RingSequence(node(1), stored, stored);
    sequence.clock(1000);
    for (let seq = stored; sequence.isExplained(seq); seq += 1e12) sequence.observe(seq);
    stored = sequence.next() + 4000;
  }
  t.ok(stored < (1000 + dayMs) * 1000 + 100 * 2e9, `${stored}`);
});

test("frames that name nodes which are not configured are refused", async (t) => {
  const driver = started();
  const stranger = node(77);
  driver.receive(2, join({ proc: [node(1), node(2), stranger] }));
  driver.receive(2, join({ proc: nodes(1, 2), failed: [stranger] }));
  driver.receive(2, mergeDetect({ members: [node(2), stranger] }));
  t.equal(driver.ring.snapshot().counters["refused: unknown node"], 3);
  const joins = driver.step({ type: "timer", timer: "consensus" });
  for (const output of joins) {
    if (output.type !== "multicast" || output.message.type !== "join") continue;
    t.notOk(output.message.proc.includes(stranger));
  }
});

test("a frame with the seq of a node's own message breaks the ring, not the node", async (t) => {
  const driver = operational();
  const seq = (driver.token?.seq ?? 0) + 1;
  driver.receive(2, mcast({ ring: driver.ringId, seq, origin: node(2) }));
  driver.submit("x");
  driver.rotate();
  t.equal(driver.state, "gather");
  t.equal(driver.counter("contradictions"), 1);
});

test("a message in this node's name that it has not sent is refused", async (t) => {
  const driver = operational();
  const seq = (driver.token?.seq ?? 0) + 1;
  driver.receive(2, mcast({ ring: driver.ringId, seq, origin: node(1) }));
  t.equal(driver.counter("refused: forged originator"), 1);
  t.equal(driver.counter("high seq"), seq - 1);
});

test("a token whose aru no member of the ring holds down is refused", async (t) => {
  const driver = operational();
  driver.rotate({ aruNode: node(4) });
  t.equal(driver.counter("refused: token"), 1);
});

test("a token that permits no sending although no member sends breaks the ring", async (t) => {
  const driver = operational();
  driver.rotate({ fcc: 1000 });
  driver.submit("x");
  for (let visit = 0; visit < 60 && driver.state === "operational"; visit += 1) {
    driver.rotate();
    driver.timer("hold");
  }
  t.equal(driver.state, "gather");
});

test("a recovery that the token calls complete, and is not, is not installed", async (t) => {
  const { driver, commit } = recovering();
  driver.receive(2, mcast({ ring: commit.ring, seq: 5, origin: node(2) }));
  for (let visit = 0; visit < 20 && driver.state === "recovery"; visit += 1) driver.rotate();
  t.equal(driver.state, "gather");
});

test("a recovery that cannot end, since a member lies, is begun again", async (t) => {
  const { driver } = recovering();
  driver.rotate({ retransmitting: true });
  for (let visit = 0; visit < 100 && driver.state === "recovery"; visit += 1) {
    driver.rotate();
    driver.timer("hold");
  }
  t.equal(driver.state, "gather");
});

test("a complete commit token has the members and the entry that were passed on", async (t) => {
  for (const change of ["members", "entry"] as const) {
    const { driver, commit } = committed();
    const whole = completed(commit);
    const members =
      change === "members"
        ? whole.members.filter((entry) => entry.node !== 1)
        : whole.members.map((entry) => ({ ...entry, state: lying(entry.state) }));
    driver.receive(3, { ...whole, index: members.length, members });
    t.equal(driver.state, "commit", change);
    t.equal(driver.counter("refused: commit token"), 1, change);
  }
});

function lying(state: CommitEntry["state"]): CommitEntry["state"] {
  return state === null ? null : { ...state, aru: 7 };
}
