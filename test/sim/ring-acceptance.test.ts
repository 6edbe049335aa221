/**
 * Acceptance cases of the ring on a simulated network: forming, losses, recovery.
 * Cases: those of the list "ring" in test/cases.txt.
 */
import { test } from "tap";
import { judge } from "./ring-judges.ts";
import { RingSimulation } from "./ring-simulation.ts";
import { configurations, delivered, describe, regulars, story, suspensions } from "./ring-views.ts";

function started(nodes: number, seed = 1): RingSimulation {
  const sim = new RingSimulation({ seed, nodes });
  sim.startAll();
  sim.run({ forMs: 1000 });
  if (!sim.isSettled()) throw new Error("the nodes did not form a ring");
  return sim;
}

/** The trace since an instant, as text. */
function since(sim: RingSimulation, id: number, at: number): readonly string[] {
  return configurations(sim.life(id))
    .filter((seen) => seen.at >= at)
    .map(describe);
}

function submitMany(
  sim: RingSimulation,
  id: number,
  { count, safe = true }: { readonly count: number; readonly safe?: boolean },
): string[] {
  const ids: string[] = [];
  for (let sent = 0; sent < count; sent += 1) ids.push(sim.submit(id, { safe }) ?? "refused");
  return ids;
}

test("case 1: a single node installs itself after listening", async (t) => {
  const sim = new RingSimulation({ seed: 1, nodes: 1 });
  sim.startAll();
  sim.run({ forMs: 99 });
  t.equal(sim.snapshot(1).state, "gather", "it listens for 100 ms");
  const ids = submitMany(sim, 1, { count: 5 });
  sim.run({ forMs: 100 });
  t.same(since(sim, 1, 0), ["regular 1 joined 1"]);
  t.same(delivered(sim.life(1), new Set(ids)), ids);
});

test("case 2: three nodes started together form one ring at once", async (t) => {
  const sim = new RingSimulation({ seed: 2, nodes: 3 });
  for (const [id, afterMs] of [
    [1, 0],
    [2, 6],
    [3, 9],
  ] as const) {
    sim.schedule(afterMs, () => sim.start(id));
  }
  t.ok(sim.runUntil(() => sim.now > 10 && sim.isSettled(), { withinMs: 1000 }));
  for (const id of [1, 2, 3]) {
    t.ok(regulars(sim.life(id)).length <= 2);
    t.same(sim.snapshot(id).ring?.rep, 1);
  }
});

test("case 3: a late node joins without loss or doubling", async (t) => {
  const sim = new RingSimulation({ seed: 3, nodes: 3 });
  sim.start(1);
  sim.start(2);
  sim.run({ forMs: 4000 });
  const ids: string[] = [];
  for (let at = 0; at < 2000; at += 5) {
    sim.schedule(at, () => ids.push(sim.submit(at % 2 === 0 ? 1 : 2) ?? "refused"));
  }
  sim.schedule(1000, () => sim.start(3));
  sim.run({ forMs: 3000 });
  for (const id of [1, 2]) {
    t.same(since(sim, id, 5000), ["transitional 1 2", "regular 1 2 3 joined 3"]);
    t.same([...delivered(sim.life(id), new Set(ids))].sort(), [...ids].sort());
  }
  t.same(judge(sim.history), []);
});

for (const [name, victim] of [
  ["case 4: crash of a member", 3],
  ["case 5: crash of the representative", 1],
] as const) {
  test(`${name}: suspended by the token, reformed by consensus`, async (t) => {
    const sim = started(3, victim);
    const survivors = [1, 2, 3].filter((id) => id !== victim);
    submitMany(sim, victim, { count: 20 });
    sim.run({ forMs: 0.5 });
    const diedAt = sim.now;
    sim.crash(victim);
    sim.run({ forMs: 4000 });
    for (const id of survivors) {
      const [suspended] = suspensions(sim.life(id));
      t.ok(suspended && suspended.at - diedAt <= 1050, `suspended after ${suspended?.at}`);
      const last = regulars(sim.life(id)).at(-1);
      t.same(since(sim, id, diedAt), [
        `transitional ${survivors.join(" ")} left ${victim}`,
        `regular ${survivors.join(" ")}`,
      ]);
      const tookMs = (last?.at ?? 0) - diedAt;
      t.ok(tookMs >= 2000 && tookMs <= 2400, `reformed after ${tookMs} ms`);
      t.equal(sim.snapshot(id).ring?.rep, survivors[0]);
    }
    t.same(judge(sim.history), [], "both delivered the same of the dead node");
  });
}

test("case 6: a leaver costs no timeout and is not called failed", async (t) => {
  const sim = started(3);
  const notices = sim.watchNotices(1);
  const leftAt = sim.now;
  sim.leave(2);
  sim.run({ forMs: 200 });
  for (const id of [1, 3]) {
    t.same(since(sim, id, leftAt), ["transitional 1 3 left 2", "regular 1 3"]);
  }
  t.ok(notices.some((text) => text.includes("left: 2")));
  t.notOk(notices.some((text) => text.includes("failed")));
});

test("case 7: three senders at five percent loss: one sequence everywhere", async (t) => {
  const sim = started(3, 7);
  sim.network.weather = { loss: 0.05, duplication: 0, delayMs: 0.2, jitterMs: 0.2 };
  const ids = new Set<string>();
  for (const id of sim.nodeIds) {
    const send = (left: number): void => {
      for (let sent = 0; sent < 500; sent += 1)
        ids.add(sim.submit(id, { safe: false }) ?? "refused");
      if (left > 1) sim.schedule(20, () => send(left - 1));
    };
    send(20);
  }
  const done = (): boolean => ids.size === 30_000 && sim.isSettled();
  t.ok(sim.runUntil(done, { withinMs: 60_000 }));
  const first = delivered(sim.life(1), ids);
  t.equal(first.length, 30_000);
  for (const id of [2, 3]) t.same(delivered(sim.life(id), ids).join(" "), first.join(" "));
  t.ok(
    sim.observer.rtrMax > 0 && sim.observer.rtrMax <= 30,
    `retransmit list up to ${sim.observer.rtrMax}`,
  );
  for (const id of sim.nodeIds) t.equal(regulars(sim.life(id)).length, 1);
});

test("case 8: every token twice: the copies change nothing", async (t) => {
  const sim = started(3);
  const frames = { tokens: 0 };
  sim.network.filter = (_from, _to, message) => {
    if (message.type === "token") frames.tokens += 1;
    return true;
  };
  sim.network.weather = { loss: 0, duplication: 1, delayMs: 0.2, jitterMs: 3 };
  const ids = submitMany(sim, 2, { count: 200 });
  sim.run({ forMs: 2000 });
  t.ok(frames.tokens > 50);
  t.ok((sim.drops(1)["replay"] ?? 0) > 10, "copies were dropped");
  for (const id of sim.nodeIds) {
    t.same(delivered(sim.life(id), new Set(ids)), ids);
    t.equal(regulars(sim.life(id)).length, 1);
  }
  t.same(judge(sim.history), [], "nothing is released too early either");
});

test("case 9: a lost token is sent again before anybody gathers", async (t) => {
  const sim = started(3);
  const lost = { count: 0 };
  sim.network.filter = (_from, _to, message) => {
    if (message.type !== "token" || lost.count > 0) return true;
    lost.count += 1;
    return false;
  };
  const [id] = submitMany(sim, 1, { count: 1 });
  const sentAt = sim.now;
  const there = (): boolean => delivered(sim.life(3), new Set([id ?? ""])).length === 1;
  t.ok(sim.runUntil(there, { withinMs: 500 }));
  t.equal(lost.count, 1);
  t.ok(sim.now - sentAt < 245, `delivered after ${sim.now - sentAt} ms`);
  t.equal(suspensions(sim.life(1)).length, 0);
});

test("case 10: what one survivor holds of the dead, both deliver in the old ring", async (t) => {
  const sim = started(3);
  sim.network.filter = (from, to, message) => {
    return !(message.type === "mcast" && from === 3 && to === 1);
  };
  const ids = submitMany(sim, 3, { count: 5, safe: false });
  const names = new Map(ids.map((id, index) => [id, `m${index + 1}`]));
  const sent = (): boolean => delivered(sim.life(2), new Set(ids)).length === 5;
  t.ok(sim.runUntil(sent, { withinMs: 500 }));
  sim.crash(3);
  sim.network.filter = null;
  sim.run({ forMs: 4000 });
  for (const id of [1, 2]) {
    t.same(story(sim.life(id), names).slice(1), [
      "m1",
      "m2",
      "m3",
      "m4",
      "m5",
      "transitional 1 2 left 3",
      "regular 1 2",
    ]);
  }
});

test("case 11: behind a gap only messages of those who come along are delivered", async (t) => {
  const sim = started(3);
  // Large messages fill a frame each, so that each has a place in the order of its own.
  const gap = new Set<string>();
  const ids: string[] = [];
  const names = new Map<string, string>();
  sim.network.filter = (from, to, message) => {
    if (message.type !== "mcast" || from !== 3) return true;
    const text = Buffer.from(message.chunks[0] ?? "").toString("latin1");
    const id = text.slice(0, text.indexOf("|"));
    return ids.includes(id) ? !gap.has(id) && to === 1 : true;
  };
  for (const name of ["m5", "m6", "m7"]) {
    const id = sim.submit(3, { bytes: 1200, safe: false }) ?? "refused";
    ids.push(id);
    names.set(id, name);
    if (name === "m5") gap.add(id);
  }
  const held = (): boolean => sim.counter(1, "high seq") - sim.counter(1, "aru") === 3;
  t.ok(sim.runUntil(held, { withinMs: 500 }));
  names.set(sim.submit(2, { safe: false }) ?? "refused", "m8");
  const ordered = (): boolean => sim.counter(1, "high seq") - sim.counter(1, "aru") === 4;
  t.ok(sim.runUntil(ordered, { withinMs: 500 }));
  sim.crash(3);
  sim.run({ forMs: 5000 });
  for (const id of [1, 2]) {
    t.same(story(sim.life(id), names).slice(1), ["transitional 1 2 left 3", "m8", "regular 1 2"]);
  }
  t.same(judge(sim.history), []);
});

test("case 12: a recovery abandoned twice ends without a gap", async (t) => {
  const sim = started(4, 12);
  const ids = submitMany(sim, 4, { count: 30, safe: false });
  sim.network.filter = (from, to, message) => {
    return !(message.type === "mcast" && from === 4 && to !== 2);
  };
  const sent = (): boolean => delivered(sim.life(2), new Set(ids)).length === 30;
  t.ok(sim.runUntil(sent, { withinMs: 500 }));
  sim.crash(4);
  const broken = { attempts: new Set<number>(), copies: new Set<number>() };
  sim.network.filter = (from, _to, message) => {
    const recovering = sim.isAlive(from) && sim.snapshot(from).state === "recovery";
    if (!recovering || (message.type !== "token" && message.type !== "mcast")) return true;
    const attempt = message.ring.seq;
    if (message.type === "mcast") {
      // One copy is lost for good in each broken attempt.
      if (broken.copies.has(attempt)) return true;
      broken.copies.add(attempt);
      return false;
    }
    if (message.tokenSeq < 6) return true;
    broken.attempts.add(attempt);
    return broken.attempts.size > 2;
  };
  sim.run({ forMs: 15_000 });
  t.ok(broken.attempts.size >= 2, `${broken.attempts.size} attempts`);
  t.ok(sim.isSettled());
  for (const id of [1, 2, 3]) t.same(delivered(sim.life(id), new Set(ids)), ids);
  t.same(judge(sim.history), []);
});

test("RECOVERY3 who acknowledged an exchange delivers it after an abandoned attempt", async (t) => {
  const sim = started(4, 31);
  const lost = sim.submit(4, { bytes: 1200, safe: false });
  sim.network.filter = (from, _to, message) => {
    return !(message.type === "mcast" && from === 4 && message.lane === "app");
  };
  const missing = (): boolean => sim.counter(4, "high seq") > sim.counter(1, "high seq");
  t.ok(sim.runUntil(missing, { withinMs: 500 }));
  const safe = sim.submit(3, { bytes: 1200, safe: true }) ?? "refused";
  const held = (): boolean => [1, 2].every((id) => sim.counter(id, "high seq") === 6);
  t.ok(sim.runUntil(held, { withinMs: 500 }), "behind the gap everybody holds the safe message");
  sim.crash(4);
  const first = { node: 0 };
  sim.network.filter = (from) => {
    const ring = sim.snapshot(from);
    if (ring.state === "operational" && ring.members.length === 3) first.node ||= from;
    return first.node === 0;
  };
  sim.run({ forMs: 10_000 });
  t.ok(first.node > 0, "one node installed, and nobody heard from it again");
  for (const id of [1, 2, 3]) {
    t.same(delivered(sim.life(id), new Set([safe, lost ?? ""])), [safe], `node ${id}`);
  }
  t.same(judge(sim.history), []);
});
