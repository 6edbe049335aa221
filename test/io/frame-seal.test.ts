/**
 * The seal of frames: what is opened, what is dropped, and how a life is accepted.
 * Cases: those of the list "ring" in test/cases.txt.
 */
import fc from "fast-check";
import { test } from "tap";
import { gcmCiphers, plainCiphers } from "../../src/io/frames/frame-cipher.ts";
import {
  certificateKind,
  clusterTag,
  decodeHeader,
  encodeHeader,
  splitFrames,
} from "../../src/io/frames/frame-header.ts";
import { SealedFrames } from "../../src/io/frames/frame-seal.ts";
import { keyFromName } from "../../src/io/frames/key-file.ts";
import type { SealReply, SealVerdict } from "../../src/io/ports.ts";
import {
  type Incarnation,
  type NodeId,
  parseIncarnation,
  parseNodeId,
} from "../../src/model/ids.ts";
import { type Ms, ms } from "../../src/model/time.ts";
import { Random } from "../sim/random.ts";

function node(value: number): NodeId {
  const id = parseNodeId(value);
  if (id === null) throw new Error(`no node id: ${value}`);
  return id;
}

function life(value: number): Incarnation {
  const incarnation = parseIncarnation(value);
  if (incarnation === null) throw new Error(`no incarnation: ${value}`);
  return incarnation;
}

const addresses = ["10.0.0.1", "10.0.0.2", "10.0.0.3"] as const;
const nodes = addresses.map((address, index) => ({ id: node(index + 1), address }));
const joinKind = 3;
const hello = Buffer.from("join");

const safeWaitMs = ms(7500);

type Variant = {
  readonly instance?: number;
  readonly incarnation?: number;
  readonly cluster?: string;
  readonly key?: string;
  readonly sealed?: boolean;
};

function seal(self: number, variant: Variant = {}): SealedFrames {
  const cluster = variant.cluster ?? "qpid-test";
  const sealed = variant.sealed ?? true;
  return new SealedFrames({
    instance: variant.instance ?? 0,
    safeWaitMs,
    clusterTag: clusterTag(cluster, 55_582),
    self: node(self),
    incarnation: life(variant.incarnation ?? 1000 + self),
    nodes,
    sealed,
    ciphers: sealed
      ? gcmCiphers(keyFromName(variant.key ?? "secret"), cluster, null)
      : plainCiphers(),
  });
}

function datagram(parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(parts);
}

function at(address: string, nowMs = 0): { readonly address: string; readonly nowMs: Ms } {
  return { address, nowMs: ms(nowMs) };
}

function cause(verdict: SealVerdict): string {
  return verdict.type === "dropped" ? verdict.cause : verdict.type;
}

function replyOf(verdict: SealVerdict): SealReply {
  if (verdict.type === "opened" || verdict.reply === null) throw new Error("no reply");
  return verdict.reply;
}

/** Lets `to` accept the present life of `from`. */
function introduce(from: SealedFrames, to: SealedFrames, who: readonly [string, string]): void {
  const challenge = replyOf(to.open(datagram(from.seal(joinKind, hello)), at(who[0])));
  const answer = replyOf(from.open(datagram(challenge.frame), at(who[1])));
  const verdict = to.open(datagram(answer.frame), at(who[0]));
  if (verdict.type !== "hello" || verdict.proven === null) throw new Error(cause(verdict));
}

const oneToTwo = [addresses[0], addresses[1]] as const;

for (const sealed of [true, false]) {
  const mode = sealed ? "sealed" : "plain";

  test(`${mode}: the first frame of a life is challenged, later ones are opened`, (t) => {
    const [one, two] = [seal(1, { sealed }), seal(2, { sealed })];
    const first = datagram(one.seal(joinKind, hello));
    const verdict = two.open(first, at("10.0.0.1"));
    t.equal(cause(verdict), "unproven");
    t.equal(replyOf(verdict).address, "10.0.0.1");
    introduceAfter(one, two, verdict);
    const opened = two.open(datagram(one.seal(joinKind, hello)), at("10.0.0.1"));
    t.match(opened, { type: "opened", from: 1, incarnation: 1001, kind: joinKind });
    t.ok(opened.type === "opened" && Buffer.from(opened.payload).equals(hello));
    t.same(two.incarnations(), [
      [1, 1001],
      [2, 1002],
    ]);
    t.end();
  });

  test(`${mode}: no frame is opened twice`, (t) => {
    const [one, two] = [seal(1, { sealed }), seal(2, { sealed })];
    introduce(one, two, oneToTwo);
    const frame = datagram(one.seal(joinKind, hello));
    t.equal(cause(two.open(frame, at("10.0.0.1"))), "opened");
    t.equal(cause(two.open(frame, at("10.0.0.1"))), "replay");
    t.end();
  });

  test(`${mode}: empty and large payloads pass unchanged`, (t) => {
    const [one, two] = [seal(1, { sealed }), seal(2, { sealed })];
    introduce(one, two, oneToTwo);
    for (const length of [0, 1, 1400, 60_000]) {
      const payload = Buffer.alloc(length, 7);
      const opened = two.open(datagram(one.seal(1, payload)), at("10.0.0.1"));
      t.ok(opened.type === "opened" && payload.equals(opened.payload), `${length} bytes`);
    }
    t.end();
  });
}

/** As `introduce`, from a verdict that already holds the challenge. */
function introduceAfter(from: SealedFrames, to: SealedFrames, verdict: SealVerdict): void {
  const answer = replyOf(from.open(datagram(replyOf(verdict).frame), at("10.0.0.2")));
  to.open(datagram(answer.frame), at("10.0.0.1"));
}

test("HEADER1: frames that the kernel joined come apart again, whatever lies between them", (t) => {
  const frames = [1, 2, 3].map((length) => datagram(seal(1).seal(2, Buffer.alloc(length * 100))));
  t.same(splitFrames(datagram(frames)).map(bytesOf), frames.map(bytesOf));
  t.same(splitFrames(frames[0] ?? Buffer.alloc(0)).map(bytesOf), frames.slice(0, 1).map(bytesOf));
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 99 }), anyOf(frames))), (parts) => {
      const whole = Buffer.concat(parts);
      const found = splitFrames(whole);
      t.ok(whole.equals(Buffer.concat(found)), "no byte is lost");
      t.ok(
        found.slice(0, -1).every(({ length }) => length >= 46),
        "and no piece is without end",
      );
    }),
  );
  t.end();
});

test("HEADER1: one forged frame does not spoil those that the kernel joined with it", (t) => {
  const [one, two] = [seal(1), seal(2)];
  introduce(one, two, oneToTwo);
  const frames = ["a", "b", "c"].map((text) => datagram(one.seal(2, Buffer.from(text))));
  const forged = frames[1];
  if (forged !== undefined) forged[40] = (forged[40] ?? 0) ^ 1;
  const verdicts = two.frames(datagram(frames)).map((each) => two.open(each, at("10.0.0.1")));
  t.same(verdicts.map(cause), ["opened", "authentication", "opened"]);
  t.end();
});

test("the length is authenticated by being that of the frame", (t) => {
  const [one, two] = [seal(1), seal(2)];
  introduce(one, two, oneToTwo);
  const frame = datagram(one.seal(2, Buffer.from("whole")));
  t.equal(cause(two.open(frame.subarray(0, frame.length - 1), at("10.0.0.1"))), "short");
  t.equal(cause(two.open(Buffer.concat([frame, Buffer.alloc(1)]), at("10.0.0.1"))), "short");
  t.equal(cause(two.open(frame, at("10.0.0.1"))), "opened");
  t.end();
});

function bytesOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function anyOf(frames: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  return fc.constantFrom(...frames);
}

test("the envelope in hexadecimal", (t) => {
  const header = encodeHeader({
    magic: 0xc1d0,
    version: 2,
    kind: 2,
    length: 0x0506,
    clusterTag: 0x01020304,
    sender: 5,
    incarnation: 2 ** 40 + 6,
    counter: 7,
  });
  t.equal(
    header.toString("hex"),
    "c1d00202" + "0506" + "01020304" + "00000005" + "0000010000000006" + "0000000000000007",
  );
  t.match(decodeHeader(header), { incarnation: 2 ** 40 + 6, counter: 7, sender: 5 });
  const sealed = datagram(seal(1).seal(2, Buffer.from("token")));
  t.equal(sealed.length, 30 + 5 + 16);
  t.notOk(sealed.includes("token"), "the payload is not readable");
  t.end();
});

test("a changed bit anywhere is refused and changes nothing", (t) => {
  const [one, two] = [seal(1), seal(2)];
  introduce(one, two, oneToTwo);
  const frame = datagram(one.seal(joinKind, hello));
  for (let byte = 0; byte < frame.length; byte += 1) {
    const forged = Buffer.from(frame);
    forged[byte] = (forged[byte] ?? 0) ^ 1;
    t.not(cause(two.open(forged, at("10.0.0.1"))), "opened", `byte ${byte}`);
  }
  t.equal(cause(two.open(frame, at("10.0.0.1"))), "opened", "the genuine one still passes");
  t.end();
});

test("each cause of a drop is counted under its name", (t) => {
  const two = seal(2);
  const frame = datagram(seal(1).seal(joinKind, hello));
  const otherVersion = Buffer.from(frame);
  otherVersion[2] = 9;
  const otherKind = Buffer.from(frame);
  otherKind[3] = 10;
  const unknownNode = Buffer.from(frame);
  unknownNode.writeUInt32BE(77, 10);
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ["short", frame.subarray(0, 43), "10.0.0.1"],
    ["magic", Buffer.alloc(60, 1), "10.0.0.1"],
    ["other-mode", datagram(seal(1, { sealed: false }).seal(joinKind, hello)), "10.0.0.1"],
    ["version", otherVersion, "10.0.0.1"],
    ["kind", otherKind, "10.0.0.1"],
    ["other-cluster", datagram(seal(1, { cluster: "alpha" }).seal(3, hello)), "10.0.0.1"],
    ["unlisted-address", frame, "10.0.0.9"],
    ["address-mismatch", frame, "10.0.0.3"],
    ["unknown-node", unknownNode, "10.0.0.1"],
    ["authentication", datagram(seal(1, { key: "guess" }).seal(joinKind, hello)), "10.0.0.1"],
    ["own-copy", datagram(two.seal(joinKind, hello)), "10.0.0.2"],
  ];
  for (const [expected, bytes, address] of cases) {
    t.equal(cause(two.open(bytes, at(address))), expected);
  }
  for (const [expected] of cases) t.match(two.drops(), { [expected]: 1 });
  t.end();
});

test("a life that ended is never accepted again", (t) => {
  const two = seal(2);
  const old = seal(1, { incarnation: 50 });
  introduce(old, two, oneToTwo);
  const late = datagram(old.seal(joinKind, hello));
  introduce(seal(1, { incarnation: 51 }), two, oneToTwo);
  t.equal(cause(two.open(late, at("10.0.0.1"))), "old-incarnation");
  t.end();
});

test("the accepted life goes on until the new one has proved itself", (t) => {
  const two = seal(2);
  const old = seal(1, { incarnation: 50 });
  introduce(old, two, oneToTwo);
  const fresh = seal(1, { incarnation: 51 });
  t.equal(cause(two.open(datagram(fresh.seal(joinKind, hello)), at("10.0.0.1"))), "unproven");
  t.equal(cause(two.open(datagram(old.seal(joinKind, hello)), at("10.0.0.1"))), "opened");
  t.end();
});

test("case 25: recorded frames cannot answer the challenge of a restarted node", (t) => {
  const one = seal(1);
  const before = seal(2, { incarnation: 10 });
  const join = datagram(one.seal(joinKind, hello));
  const challenge = replyOf(before.open(join, at("10.0.0.1")));
  const recorded = datagram(replyOf(one.open(datagram(challenge.frame), at("10.0.0.2"))).frame);
  const after = seal(2, { incarnation: 11 });
  t.equal(cause(after.open(join, at("10.0.0.1"))), "unproven");
  const verdict = after.open(recorded, at("10.0.0.1"));
  t.match(verdict, { type: "hello", proven: null });
  t.equal(cause(after.open(join, at("10.0.0.1"))), "replay", "each is looked at once");
  t.end();
});

test("both sides of a first contact are proven in one exchange", (t) => {
  const [one, two] = [seal(1), seal(2)];
  const fromTwo = replyOf(two.open(datagram(one.seal(joinKind, hello)), at("10.0.0.1")));
  const fromOne = replyOf(one.open(datagram(fromTwo.frame), at("10.0.0.2")));
  const proven = two.open(datagram(fromOne.frame), at("10.0.0.1"));
  t.match(proven, { type: "hello", from: 1, proven: 1001 });
  t.match(one.open(datagram(replyOf(proven).frame), at("10.0.0.2")), { proven: 1002 });
  t.end();
});

test("an unproven sender is challenged at most every 50 ms", (t) => {
  const [one, two] = [seal(1), seal(2)];
  const asked = [0, 10, 49, 50, 99, 100].map((nowMs) => {
    const verdict = two.open(datagram(one.seal(joinKind, hello)), at("10.0.0.1", nowMs));
    return verdict.type === "dropped" && verdict.reply !== null;
  });
  t.same(asked, [true, false, false, true, false, true]);
  t.end();
});

test("forged frames of one unknown life are bounded, its node is not silenced", (t) => {
  const [one, two] = [seal(1), seal(2)];
  introduce(one, two, oneToTwo);
  const forger = seal(1, { key: "guess", incarnation: 9999 });
  const causes = Array.from({ length: 130 }, () =>
    cause(two.open(datagram(forger.seal(joinKind, hello)), at("10.0.0.1", 10))),
  );
  t.equal(causes.filter((drop) => drop === "authentication").length, 120);
  t.equal(causes.filter((drop) => drop === "too-many-strangers").length, 10);
  t.equal(cause(two.open(datagram(one.seal(joinKind, hello)), at("10.0.0.1", 20))), "opened");
  const later = two.open(datagram(forger.seal(joinKind, hello)), at("10.0.0.1", 1011));
  t.equal(cause(later), "authentication", "looked into again later");
  t.end();
});

/** A frame that only says whose it is: what a forger without the key can make. */
function forgedFrame(sender: number, incarnation: number): Buffer {
  const header = encodeHeader({
    ...decodeHeader(datagram(seal(sender).seal(joinKind, hello))),
    ...{ incarnation, counter: 1, length: 46 },
  });
  return Buffer.concat([header, Buffer.alloc(16, 7)]);
}

/** A seal of node 2 that counts the keys it derives. */
function countingSeal(): { readonly seal: SealedFrames; readonly derived: () => number } {
  let derivations = 0;
  const ciphers = gcmCiphers(keyFromName("secret"), "qpid-test", null);
  const counting = new SealedFrames({
    instance: 0,
    safeWaitMs,
    clusterTag: clusterTag("qpid-test", 55_582),
    self: node(2),
    incarnation: life(1002),
    nodes,
    sealed: true,
    ciphers: (owner) => {
      derivations += 1;
      return ciphers(owner);
    },
  });
  return { seal: counting, derived: () => derivations - 1 };
}

test("a flood in whatever names derives keys within the budget only", (t) => {
  const { seal: two, derived } = countingSeal();
  const secondMs = 1000;
  const claims = [1, 2, 3].map((sender) => forgedFrame(sender, 1));
  for (let sent = 0; sent < 60_000; sent += 1) {
    const frame = claims[sent % 3] ?? claims[0];
    frame?.writeUInt32BE(2000 + sent, 18);
    const address = addresses[sent % 3] ?? "";
    two.open(frame ?? Buffer.alloc(0), at(address, Math.floor(sent / 60)));
  }
  const budget = 250 + 120 + ((500 + 50) * secondMs) / 1000;
  t.ok(derived() <= budget, `${derived()} keys for 60000 frames`);
  t.equal(two.drops().authentication, derived());
  t.end();
});

test("frames that cannot be a node's derive no key", (t) => {
  const { seal: two, derived } = countingSeal();
  const one = seal(1, { incarnation: 5000 });
  introduce(one, two, oneToTwo);
  // An earlier life of a node may be another machine that is alive: one in 50 ms is looked at.
  t.equal(cause(two.open(forgedFrame(1, 500), at("10.0.0.1"))), "authentication");
  const before = derived();
  for (let incarnation = 1; incarnation < 100; incarnation += 1) {
    t.equal(cause(two.open(forgedFrame(1, incarnation), at("10.0.0.1"))), "old-incarnation");
    t.equal(cause(two.open(forgedFrame(1, 6000), at("10.0.0.9"))), "unlisted-address");
    t.equal(cause(two.open(forgedFrame(3, 6000), at("10.0.0.1"))), "address-mismatch");
  }
  t.equal(derived(), before);
  t.end();
});

test("a new life gets in while 100,000 frames a second are forged in its name", (t) => {
  const { seal: two } = countingSeal();
  introduce(seal(1, { incarnation: 1500 }), two, oneToTwo);
  const restarted = seal(1, { incarnation: 1600 });
  const forgery = forgedFrame(1, 1);
  const random = new Random(1);
  const perMs = 100;
  const fromMs = 3000;
  /** When the node's answers arrive: among which of the forged frames of that millisecond. */
  let answers: { readonly atMs: number; readonly among: number; readonly frame: Buffer }[] = [];
  let acceptedMs = Number.POSITIVE_INFINITY;
  const take = (verdict: SealVerdict, nowMs: number): void => {
    if (verdict.type === "hello" && verdict.proven === 1600) acceptedMs = nowMs;
    if (verdict.type === "opened" || verdict.reply === null) return;
    const answer = restarted.open(datagram(verdict.reply.frame), at("10.0.0.2", nowMs));
    if (answer.type === "opened" || answer.reply === null) return;
    const frame = datagram(answer.reply.frame);
    answers.push({ atMs: nowMs + 1 + random.below(10), among: random.below(perMs), frame });
  };
  for (let nowMs = fromMs; nowMs < fromMs + 60_000 && acceptedMs > nowMs; nowMs += 1) {
    const due = answers.filter(({ atMs }) => atMs === nowMs);
    answers = answers.filter(({ atMs }) => atMs > nowMs);
    for (let sent = 0; sent < perMs; sent += 1) {
      const source = at("10.0.0.1", nowMs + sent / perMs);
      for (const { among, frame } of due) {
        if (among === sent) take(two.open(frame, source), nowMs);
      }
      forgery.writeUInt32BE(2000 + nowMs * perMs + sent, 18);
      take(two.open(forgery, source), nowMs);
    }
  }
  t.ok(acceptedMs < fromMs + 40_000, `accepted after ${acceptedMs - fromMs} ms`);
  t.end();
});

test("two live processes with one node id notice each other; the later one is told so", (t) => {
  const first = seal(1, { incarnation: 100 });
  const later = seal(1, { incarnation: 200 });
  const challenge = replyOf(first.open(datagram(later.seal(joinKind, hello)), at("10.0.0.77")));
  t.equal(challenge.address, "10.0.0.77");
  const answer = replyOf(later.open(datagram(challenge.frame), at("10.0.0.1")));
  const atFirst = first.open(datagram(answer.frame), at("10.0.0.77"));
  t.match(atFirst, { type: "duplicate-node", later: false, incarnation: 200 });
  t.match(later.open(datagram(replyOf(atFirst).frame), at("10.0.0.1")), {
    type: "duplicate-node",
    later: true,
    address: "10.0.0.1",
  });
  t.end();
});

test("frames recorded from this node's earlier life make no duplicate", (t) => {
  const earlier = seal(1, { incarnation: 100 });
  const frames = [1, 2, 3].map(() => datagram(earlier.seal(joinKind, hello)));
  const now = seal(1, { incarnation: 200 });
  for (const frame of frames) t.equal(cause(now.open(frame, at("10.0.0.1"))), "unproven");
  t.end();
});

test("a malformed hello is refused, even when it is authentic", (t) => {
  const [one, two] = [seal(1), seal(2)];
  for (const payload of ["", "\x0a\x10short", "\x0a\x10sixteen bytes....x", "\x12\x20"]) {
    const frame = datagram(one.seal(7, Buffer.from(payload, "latin1")));
    t.equal(cause(two.open(frame, at("10.0.0.1"))), "hello-malformed");
  }
  t.end();
});

test("case 26: a hundred thousand damaged datagrams are dropped and counted, no more", (t) => {
  const [one, two] = [seal(1), seal(2)];
  introduce(one, two, oneToTwo);
  let state = 12_345;
  const random = (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state % below;
  };
  let opened = 0;
  for (let round = 0; round < 100_000; round += 1) {
    const frame = datagram(one.seal(joinKind, hello)).subarray(0, random(60));
    const place = random(Math.max(1, frame.length));
    const damage = 1 + random(255);
    if (frame.length > 0) frame[place] = (frame[place] ?? 0) ^ damage;
    if (two.open(frame, at("10.0.0.1")).type === "opened") opened += 1;
  }
  t.equal(opened, 0);
  const drops = Object.values(two.drops()).reduce((sum, count) => sum + count, 0);
  t.equal(drops, 100_001, "one of them was the first contact");
  t.equal(cause(two.open(datagram(one.seal(joinKind, hello)), at("10.0.0.1"))), "opened");
  t.end();
});

test("a probe makes a node answer, whether it is known already or not", (t) => {
  const [first, second] = [seal(1), seal(2)];
  t.equal(first.probe(node(1)), null);
  t.equal(first.probe(node(9)), null);
  const probe = first.probe(node(2));
  t.equal(probe?.address, "10.0.0.2");
  const asked = second.open(datagram(probe?.frame ?? []), at("10.0.0.1"));
  t.match(asked, { type: "hello", from: 1, proven: null });
  const answer = datagram(asked.type === "hello" ? (asked.reply?.frame ?? []) : []);
  t.match(first.open(answer, at("10.0.0.2")), { type: "hello", from: 2, proven: 1002 });
  const again = second.open(datagram(first.probe(node(2))?.frame ?? []), at("10.0.0.1", 60));
  t.match(again, { type: "hello", from: 1, reply: { address: "10.0.0.1" } });
  const answerAgain = datagram(again.type === "hello" ? (again.reply?.frame ?? []) : []);
  t.match(first.open(answerAgain, at("10.0.0.2")), { type: "hello", from: 2, proven: null });
  t.end();
});

const nothing = new Uint8Array(0);

test("SEAL3: a death certificate is opened again and again, for the accepted life only", (t) => {
  const [one, two] = [seal(1), seal(2)];
  const certificate = datagram(one.seal(certificateKind, nothing));
  t.equal(cause(two.open(certificate, at("10.0.0.1"))), "old-incarnation", "not accepted yet");
  introduce(one, two, oneToTwo);
  const frame = datagram(one.seal(joinKind, hello));
  t.equal(cause(two.open(frame, at("10.0.0.1"))), "opened");
  for (const nowMs of [0, 20, 40]) {
    const opened = two.open(certificate, at("10.0.0.1", nowMs));
    t.match(opened, { type: "opened", from: 1, incarnation: 1001, kind: certificateKind });
  }
  t.equal(cause(two.open(certificate, at("10.0.0.1", 41))), "replay", "a flood is not opened");
  t.equal(cause(two.open(certificate, at("10.0.0.3", 60))), "address-mismatch");
  const forged = Buffer.from(frame);
  forged[3] = certificateKind;
  t.equal(cause(two.open(forged, at("10.0.0.1", 80))), "authentication", "of another kind");
  const later = seal(1, { incarnation: 2000 });
  introduce(later, two, oneToTwo);
  t.equal(cause(two.open(certificate, at("10.0.0.1", 100))), "old-incarnation");
  t.end();
});

test("SEAL3: a death certificate does not prove life, and begins no contest", (t) => {
  const [one, two] = [seal(1), seal(2)];
  const certificate = datagram(one.seal(certificateKind, nothing));
  introduce(one, two, oneToTwo);
  const later = seal(1, { incarnation: 2000 });
  introduce(later, two, oneToTwo);
  for (let nowMs = 1000; nowMs < 4000; nowMs += 50) {
    two.open(certificate, at("10.0.0.1", nowMs));
    t.equal(
      cause(two.open(datagram(later.seal(joinKind, hello)), at("10.0.0.1", nowMs))),
      "opened",
    );
  }
  t.same(two.contested(ms(4000)), []);
  t.same([...two.formerLivesHeard()], [[1, 0]], "nor is the earlier life heard by it");
  t.end();
});
