/** The self-fencing lease of a node: until when it may run services. */
import { test } from "tap";
import { type RingId, sameRing } from "../../src/model/ids.ts";
import { LeaseClock } from "../../src/node/lease-clock.ts";
import { id } from "../sim/cluster.ts";

const leaseMs = 4400;
const ring: RingId = { rep: id(1), seq: 8 };
const next: RingId = { rep: id(1), seq: 12 };

test("evidence of the quorate ring entitles until its start plus the lease", async (t) => {
  const clock = new LeaseClock(leaseMs);
  t.equal(clock.held(0), false, "nothing is held at first");
  t.equal(clock.remainingMs(0), 0);
  clock.renew({ ring, startMs: 1000 }, ring);
  t.equal(clock.held(5399), true);
  t.equal(clock.remainingMs(5000), 400);
  t.equal(clock.held(5400), false, "the end itself is too late");
  t.equal(clock.remainingMs(6000), 0);
});

test("C1: evidence of another ring waits until that ring is known to be quorate", async (t) => {
  const clock = new LeaseClock(leaseMs);
  clock.renew({ ring: next, startMs: 1000 }, null);
  clock.renew({ ring: next, startMs: 1100 }, ring);
  t.equal(clock.held(1200), false);
  clock.confirm(next);
  t.equal(clock.remainingMs(1200), 4300, "the latest evidence of that ring counts");
});

test("C1: evidence of a ring that was given up never counts", async (t) => {
  const clock = new LeaseClock(leaseMs);
  clock.renew({ ring, startMs: 1000 }, null);
  clock.confirm(next);
  t.equal(clock.held(1200), false);
  clock.confirm(ring);
  t.equal(clock.held(1200), false, "nor when its number comes back");
  t.equal(sameRing(ring, next), false);
});

test("C2: earlier evidence does not shorten the lease", async (t) => {
  const clock = new LeaseClock(leaseMs);
  clock.renew({ ring, startMs: 2000 }, ring);
  clock.renew({ ring, startMs: 1000 }, ring);
  t.equal(clock.remainingMs(2000), leaseMs);
});

test("C2: the end is reported once, and only new evidence revives the lease", async (t) => {
  const clock = new LeaseClock(leaseMs);
  t.equal(clock.takeEnd(99_999), false, "nothing was held");
  clock.renew({ ring, startMs: 1000 }, ring);
  t.equal(clock.takeEnd(5399), false);
  t.equal(clock.takeEnd(5400), true);
  t.equal(clock.takeEnd(5401), false);
  t.equal(clock.held(5401), false);
  clock.renew({ ring, startMs: 5500 }, ring);
  t.equal(clock.held(5501), true);
});

test("C2: evidence from before a pause does not revive a lease that has ended", async (t) => {
  const clock = new LeaseClock(leaseMs);
  clock.renew({ ring, startMs: 1000 }, ring);
  t.equal(clock.takeEnd(90_000), true, "the machine was paused");
  clock.renew({ ring, startMs: 1050 }, ring);
  t.equal(clock.held(90_001), false);
});
