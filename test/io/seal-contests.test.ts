/** Two processes with one node id, as the frame seal of a third node sees them. */
import { test } from "tap";
import { gcmCiphers } from "../../src/io/frames/frame-cipher.ts";
import { clusterTag } from "../../src/io/frames/frame-header.ts";
import { SealedFrames } from "../../src/io/frames/frame-seal.ts";
import { keyFromName } from "../../src/io/frames/key-file.ts";
import type { SealVerdict } from "../../src/io/ports.ts";
import { parseIncarnation } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import { id } from "../sim/cluster.ts";

const joinKind = 3;
const payload = Buffer.from("join");
const addresses = ["10.0.0.1", "10.0.0.2"] as const;
const safeWaitMs = 7500;

function seal(self: number, life: number, instance = 0): SealedFrames {
  const incarnation = parseIncarnation(life);
  if (incarnation === null) throw new Error(`no incarnation: ${life}`);
  return new SealedFrames({
    clusterTag: clusterTag("qpid-test", 1),
    self: id(self),
    incarnation,
    instance,
    safeWaitMs: ms(safeWaitMs),
    nodes: addresses.map((address, index) => ({ id: id(index + 1), address })),
    sealed: true,
    ciphers: gcmCiphers(keyFromName("secret"), "qpid-test", null),
  });
}

/** A frame of node 1 at node 2. */
function hear(two: SealedFrames, one: SealedFrames, nowMs: number): SealVerdict {
  const frame = Buffer.concat(one.seal(joinKind, payload));
  return two.open(frame, { address: addresses[0], nowMs: ms(nowMs) });
}

/** The same, and node 1 gets what node 2 answers, and answers that. */
function talk(two: SealedFrames, one: SealedFrames, nowMs: number): string {
  const heard = hear(two, one, nowMs);
  if (heard.type !== "dropped" || heard.reply === null) return causeOf(heard);
  const challenge = Buffer.concat(heard.reply.frame);
  const answer = one.open(challenge, { address: addresses[1], nowMs: ms(nowMs) });
  if (answer.type === "opened" || answer.reply === null) return causeOf(heard);
  const frame = Buffer.concat(answer.reply.frame);
  return causeOf(two.open(frame, { address: addresses[0], nowMs: ms(nowMs) }));
}

function causeOf(verdict: SealVerdict): string {
  if (verdict.type === "hello") return verdict.proven === null ? "hello" : "proven";
  return verdict.type === "dropped" ? verdict.cause : verdict.type;
}

test("a copy of a node that answers beside it: frames of neither are opened", (t) => {
  const [two, original, copy] = [seal(2, 1), seal(1, 50), seal(1, 60)];
  t.equal(talk(two, original, 0), "proven");
  t.equal(talk(two, copy, 100), "proven");
  t.equal(talk(two, original, 200), "hello", "it answers although it was replaced");
  t.same(two.contested(ms(200)), [1]);
  t.equal(causeOf(hear(two, original, 300)), "contested");
  t.equal(causeOf(hear(two, copy, 300)), "contested");
  t.end();
});

test("CONTEST1: an earlier life that is heard after its last frames have come is a rival", (t) => {
  const [two, original, copy] = [seal(2, 1), seal(1, 50), seal(1, 60)];
  talk(two, original, 0);
  talk(two, copy, 100);
  // What is sent to it arrives at the copy, which has its address now.
  for (const nowMs of [200, 700, 1050, 1200, 1500]) hear(two, original, nowMs);
  t.same(two.contested(ms(1500)), []);
  hear(two, original, 1700);
  t.same(two.contested(ms(1700)), [1]);
  t.end();
});

test("who is accepted tells nothing of the life before: when that was heard is remembered", (t) => {
  const [two, original, copy] = [seal(2, 1), seal(1, 50), seal(1, 60)];
  talk(two, original, 0);
  t.same([...two.formerLivesHeard()], [], "it is the only one");
  hear(two, original, 80);
  talk(two, copy, 100);
  t.same([...two.formerLivesHeard()], [[1, 80]]);
  hear(two, original, 400);
  t.same([...two.formerLivesHeard()], [[1, 400]], "also by frames that are not let in");
  const recorded = Buffer.concat(original.seal(joinKind, payload));
  const source = { address: addresses[0], nowMs: ms(500) };
  for (const nowMs of [500, 900]) two.open(recorded, { ...source, nowMs: ms(nowMs) });
  t.same([...two.formerLivesHeard()], [[1, 500]], "not by the same frame again");
  t.end();
});

test("CONTEST1: a daemon that was started again at once is no rival of itself", (t) => {
  const [two, before, after] = [seal(2, 1), seal(1, 50), seal(1, 51)];
  talk(two, before, 0);
  const late = Array.from({ length: 20 }, () => Buffer.concat(before.seal(joinKind, payload)));
  t.equal(talk(two, after, 100), "proven");
  for (const [index, frame] of late.entries()) {
    const nowMs = ms(110 + 40 * index);
    const verdict = two.open(frame, { address: addresses[0], nowMs });
    t.equal(causeOf(verdict), "old-incarnation");
  }
  // Somebody repeats what was recorded, for as long as he likes.
  for (let nowMs = 1000; nowMs < 20_000; nowMs += 100) {
    for (const frame of late) two.open(frame, { address: addresses[0], nowMs: ms(nowMs) });
  }
  t.same(two.contested(ms(20_000)), []);
  t.equal(causeOf(hear(two, after, 20_000)), "opened");
  t.end();
});

test("CONTEST1: recorded frames of lives that were never accepted here are no rivals", (t) => {
  const [two, present] = [seal(2, 1), seal(1, 60)];
  talk(two, present, 0);
  for (const life of [10, 20, 30]) {
    const recorded = seal(1, life);
    for (let nowMs = 1000; nowMs < 9000; nowMs += 60) hear(two, recorded, nowMs);
  }
  t.same(two.contested(ms(9000)), []);
  t.equal(causeOf(hear(two, present, 9000)), "opened");
  t.end();
});

test("CONTEST2: whoever is left is accepted when the other was silent for the safe wait", (t) => {
  for (const left of ["original", "copy"] as const) {
    const [two, original, copy] = [seal(2, 1), seal(1, 50), seal(1, 60)];
    talk(two, original, 0);
    talk(two, copy, 100);
    talk(two, original, 200);
    hear(two, copy, 200);
    const rest = left === "original" ? original : copy;
    for (let nowMs = 300; nowMs < 200 + safeWaitMs; nowMs += 100) hear(two, rest, nowMs);
    t.same(two.contested(ms(199 + safeWaitMs)), [1], left);
    t.same(two.contested(ms(200 + safeWaitMs)), [], left);
    t.equal(talk(two, rest, 300 + safeWaitMs), "proven", left);
    t.equal(causeOf(hear(two, rest, 400 + safeWaitMs)), "opened", left);
  }
  t.end();
});

test("a life with an earlier incarnation is accepted when the accepted one is silent", (t) => {
  const [two, before, reset] = [seal(2, 1), seal(1, 50), seal(1, 40)];
  talk(two, before, 0);
  t.equal(talk(two, reset, 5000), "hello");
  t.same(two.contested(ms(5000)), [1], "its clock and its state are wrong, and so may others be");
  t.equal(talk(two, reset, 8000), "proven");
  t.end();
});

test("two processes that were given one incarnation differ in their counters", (t) => {
  const [two, original, copy] = [seal(2, 1), seal(1, 50, 7), seal(1, 50, 8)];
  t.equal(talk(two, original, 0), "proven");
  t.equal(talk(two, copy, 100), "hello");
  t.same(two.contested(ms(100)), [1]);
  t.end();
});
