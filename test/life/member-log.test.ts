import { test } from "tap";
import { MemberLog } from "../../src/life/member-log.ts";
import type { RingId } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import { TokenMeter } from "../../src/ring-thread/token-meter.ts";
import { node } from "../membership/frames.ts";
import { incarnation as life } from "../membership/ring-driver.ts";

function ring(seq: number): RingId {
  return { rep: node(1), seq };
}

test("a node that was fenced and is back with the same life was not switched off", (t) => {
  const log = new MemberLog();
  const lives = (third: number) =>
    [
      [node(1), life(101)],
      [node(3), life(third)],
    ] as const;
  const both = (third: number) => ({ members: [node(1), node(3)], incarnations: lives(third) });
  const alone = { members: [node(1)], incarnations: lives(103) };
  const note = (seen: typeof alone, fenced: number) =>
    log.note({ ring: ring(4), ...seen }, 1000, new Map(fenced === 0 ? [] : [[node(3), fenced]]));
  t.same(note(both(103), 0), []);
  t.same(note(alone, 0), []);
  t.same(note(both(103), 0), [], "nobody has fenced it");
  t.same(note(alone, 0), []);
  t.same(note(both(103), 2000), [node(3)], "fenced while it was away");
  t.same(note(both(103), 2000), [], "said once");
  t.same(note(alone, 2000), []);
  t.same(note(both(103), 2000), [], "that was another time");
  t.same(note(alone, 2000), []);
  t.same(note(both(203), 3000), [], "it has started anew");
  t.end();
});

test("a member keeps the time of its joining until it leaves or begins a new life", (t) => {
  const log = new MemberLog();
  const lives = (third: number) =>
    [1, 2, 3].map((id) => [node(id), life(id === 3 ? third : 100 + id)] as const);
  const three = { members: [1, 2, 3].map(node), incarnations: lives(103) };
  log.note({ ring: ring(4), ...three }, 1000, new Map());
  log.note(
    { ring: ring(8), members: [node(1), node(3)], incarnations: lives(103) },
    2000,
    new Map(),
  );
  t.same(log.find(node(1)), { incarnation: 101, generation: 4, at: 1000 });
  t.equal(log.find(node(2)), null);
  log.note({ ring: ring(12), members: three.members, incarnations: lives(203) }, 3000, new Map());
  t.same(log.find(node(1)), { incarnation: 101, generation: 4, at: 1000 });
  t.same(log.find(node(2)), { incarnation: 102, generation: 12, at: 3000 });
  t.same(log.find(node(3)), { incarnation: 203, generation: 12, at: 3000 });
  t.end();
});

test("rotations are those of one ring, and the last hundred", (t) => {
  const meter = new TokenMeter();
  const none = { rotations: 0, minMs: 0, meanMs: 0, maxMs: 0, p99Ms: 0 };
  t.same(meter.record(), none);
  meter.accepted(ring(4), ms(5));
  t.same(meter.record(), none);
  for (const at of [7, 8, 11]) meter.accepted(ring(4), ms(at));
  t.same(meter.record(), { rotations: 3, minMs: 1, meanMs: 2, maxMs: 3, p99Ms: 3 });
  meter.accepted(ring(8), ms(500));
  t.same(meter.record(), none);
  for (let at = 1; at <= 250; at += 1) meter.accepted(ring(8), ms(500 + at * 4));
  t.same(meter.record(), { rotations: 100, minMs: 4, meanMs: 4, maxMs: 4, p99Ms: 4 });
  t.end();
});

test("one rotation in a hundred of the last thousand exceeds the p99", (t) => {
  const meter = new TokenMeter();
  let at = 0;
  const rotate = (times: number, each: number): void => {
    for (let count = 0; count < times; count += 1) {
      at += each;
      meter.accepted(ring(4), ms(at));
    }
  };
  rotate(1, 1);
  rotate(10, 50);
  rotate(990, 2);
  t.same(meter.record(), { rotations: 100, minMs: 2, meanMs: 2, maxMs: 2, p99Ms: 2 });
  rotate(1, 60);
  t.equal(meter.record().p99Ms, 2, "it has taken the place of an earlier long one");
  rotate(1, 60);
  rotate(990, 2);
  t.equal(meter.record().p99Ms, 2, "those are forgotten");
  rotate(11, 7);
  t.match(meter.record(), { maxMs: 7, p99Ms: 7 });
  t.end();
});
