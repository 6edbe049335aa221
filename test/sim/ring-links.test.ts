/**
 * Acceptance cases of the ring: links, nodes and settings that are not as they should be.
 * Cases: those of the list "ring" in test/cases.txt.
 */
import { test } from "tap";
import { ms } from "../../src/model/time.ts";
import { judge, judgeStorms } from "./ring-judges.ts";
import { RingSimulation } from "./ring-simulation.ts";
import { configurations, delivered, describe, regulars, suspensions } from "./ring-views.ts";

function started(nodes: number, seed = 1): RingSimulation {
  const sim = new RingSimulation({ seed, nodes });
  sim.startAll();
  sim.run({ forMs: 1000 });
  if (!sim.isSettled()) throw new Error("the nodes did not form a ring");
  return sim;
}

function since(sim: RingSimulation, id: number, at: number): readonly string[] {
  return configurations(sim.life(id))
    .filter((seen) => seen.at >= at)
    .map(describe);
}

test("case 13: two halves with opposite verdicts meet: no storm of joins", async (t) => {
  const sim = started(5, 13);
  sim.network.partition([1, 2], [3, 4, 5]);
  // Healed while both sides still gather, with each other in their failed lists.
  const gathering = (): boolean =>
    [1, 2, 3, 4, 5].every((id) => suspensions(sim.life(id)).length > 0);
  t.ok(sim.runUntil(gathering, { withinMs: 2000 }));
  sim.run({ forMs: 1195 });
  sim.network.heal();
  const healedAt = sim.now;
  const settled = sim.runUntil(() => sim.isSettled(), { withinMs: 3 * 1200 });
  t.ok(settled, `one ring ${sim.now - healedAt} ms after healing`);
  const bounds = { periodMs: 1200, gathersMax: 10, joinsMax: 1000 / 50 + 20 };
  t.same(judgeStorms(sim.lives, bounds), []);
  t.same(judge(sim.history), []);
});

test("case 14: a partition heals into one ring within the merge interval", async (t) => {
  const sim = started(3, 14);
  sim.network.partition([1, 2], [3]);
  sim.run({ forMs: 5000 });
  t.same(sim.snapshot(1).members, [1, 2]);
  t.same(sim.snapshot(3).members, [3]);
  sim.network.heal();
  t.ok(sim.runUntil(() => sim.isSettled(), { withinMs: 200 + 300 }));
  t.same(judge(sim.history), []);
});

test("case 15: a one-way cut costs one change per side, then nothing for a minute", async (t) => {
  const sim = started(3, 15);
  const cutAt = sim.now;
  sim.network.cut(2, 1);
  sim.network.cut(3, 1);
  sim.run({ forMs: 60_000 });
  t.same(since(sim, 1, cutAt), ["transitional 1 left 2 3", "regular 1"]);
  for (const id of [2, 3]) {
    t.same(since(sim, id, cutAt), ["transitional 2 3 left 1", "regular 2 3"]);
  }
  sim.network.heal();
  t.ok(sim.runUntil(() => sim.isSettled(), { withinMs: 2 * 200 + 300 }));
});

test("ASIDE1: two halves that one link keeps apart join without one end of it", async (t) => {
  const sim = started(6, 16);
  sim.network.partition([1, 2, 4], [3, 5, 6]);
  sim.run({ forMs: 5000 });
  sim.network.heal();
  sim.network.cut(1, 5);
  sim.run({ forMs: 10_000 });
  for (const id of [1, 2, 3, 4, 6]) t.same(sim.snapshot(id).members, [1, 2, 3, 4, 6]);
  t.same(sim.snapshot(5).members, [5]);
  const calmAt = sim.now;
  sim.run({ forMs: 60_000 });
  for (const id of [1, 5]) t.same(since(sim, id, calmAt), [], "and so it stays");
  sim.network.heal();
  t.ok(sim.runUntil(() => sim.isSettled(), { withinMs: 2 * 200 + 300 }));
  t.same(judge(sim.history), []);
});

for (const nodes of [3, 5]) {
  test(`case 15: any link of ${nodes} nodes cut one way: a change at most, calm`, async (t) => {
    for (let from = 1; from <= nodes; from += 1) {
      for (let to = 1; to <= nodes; to += 1) {
        if (from === to) continue;
        const sim = started(nodes, 10 * from + to);
        const cutAt = sim.now;
        sim.network.cut(from, to);
        for (const id of sim.nodeIds) sim.submit(id, { safe: true });
        sim.run({ forMs: 60_000 });
        const changes = sim.nodeIds.map(
          (id) => regulars(sim.life(id)).filter((seen) => seen.at >= cutAt).length,
        );
        const [most = 0, next = 0] = changes.toSorted((a, b) => b - a);
        // Whoever is cut off may first leave and then hear the others form their ring.
        t.ok(most <= 2 && next <= 1, `${from} to ${to}: ${changes.join(" ")} changes`);
        sim.network.heal();
        t.ok(
          sim.runUntil(() => sim.isSettled(), { withinMs: 2 * 200 + 300 }),
          "healed",
        );
      }
    }
  });
}

test("case 16: a cut between two of three is stable, too", async (t) => {
  const sim = started(3, 16);
  const cutAt = sim.now;
  sim.network.partition([1], [3]);
  sim.run({ forMs: 60_000 });
  for (const id of [1, 2, 3]) {
    t.ok(regulars(sim.life(id)).filter((seen) => seen.at >= cutAt).length <= 2);
    t.equal(sim.snapshot(id).state, "operational");
  }
  const sizes = [1, 2, 3].map((id) => sim.snapshot(id).members.length).sort();
  t.same(sizes, [1, 2, 2]);
});

test("case 17: a node that restarts at once is in left and in joined of one change", async (t) => {
  const sim = started(3, 17);
  const { incarnation } = sim.life(2);
  const recorded = sim.record(2);
  sim.run({ forMs: 300 });
  const datagram = recorded.at(-1) ?? Buffer.alloc(0);
  const diedAt = sim.now;
  sim.crash(2);
  sim.run({ forMs: 500 });
  sim.start(2);
  t.ok(sim.runUntil(() => sim.isSettled(), { withinMs: 4000 }));
  for (const id of [1, 3]) {
    t.same(since(sim, id, diedAt), ["transitional 1 3 left 2", "regular 1 2 3 joined 2"]);
  }
  t.ok(sim.life(2).incarnation > incarnation);
  const before = sim.counter(1, "gather entries");
  const dropped = sim.drops(1)["old-incarnation"] ?? 0;
  sim.replay(1, { from: 2, datagram });
  t.equal(sim.drops(1)["old-incarnation"], dropped + 1, "a packet of the old life is dropped");
  t.equal(sim.counter(1, "gather entries"), before);
});

test("case 18: a node that crashes a hundred times never repeats a ring sequence", async (t) => {
  const sim = started(3, 18);
  sim.persistMsMax = 60;
  for (let life = 0; life < 100; life += 1) {
    sim.crash(2);
    sim.run({ forMs: sim.random.between(1, 300) });
    sim.start(2);
    sim.run({ forMs: sim.random.between(1, 400) });
  }
  t.ok(sim.runUntil(() => sim.isSettled(), { withinMs: 7000 }));
  t.same(judge(sim.history), []);
});

test("case 18: a node that lost its state directory is accepted again", async (t) => {
  const sim = started(3, 19);
  sim.crash(2);
  sim.run({ forMs: 200 });
  sim.start(2, { wiped: true });
  t.ok(sim.runUntil(() => sim.isSettled(), { withinMs: 7000 }));
});

test("case 19: a node that was paused for long says so before anything else", async (t) => {
  const sim = started(3, 20);
  sim.pause(2, 1000 + 1200 + 1000);
  sim.run({ forMs: 3150 });
  t.same(sim.snapshot(1).members, [1, 3], "the others went on");
  sim.run({ forMs: 100 });
  t.same(
    suspensions(sim.life(2)).map((event) => event.reason),
    ["stall"],
  );
  t.ok(sim.runUntil(() => sim.isSettled(), { withinMs: 4000 }));
  t.same(judge(sim.history), []);
});

test("case 21: an idle ring is quiet, and wakes at once", async (t) => {
  const sim = started(3, 21);
  sim.run({ forMs: 1000 });
  const tokens = { count: 0 };
  sim.network.filter = (_from, _to, message) => {
    if (message.type === "token") tokens.count += 1;
    return true;
  };
  sim.run({ forMs: 10_000 });
  t.ok(tokens.count / 10 <= 30, `${tokens.count / 10} tokens per second`);
  for (const id of sim.nodeIds) {
    const sent = sim.submit(id, { safe: false }) ?? "refused";
    const sentAt = sim.now;
    const everywhere = (): boolean => {
      return sim.nodeIds.every((at) => delivered(sim.life(at), new Set([sent])).length === 1);
    };
    t.ok(sim.runUntil(everywhere, { withinMs: 10 }), `from ${id} after ${sim.now - sentAt} ms`);
    sim.run({ forMs: 1000 });
  }
});

test("case 23: messages of a mebibyte arrive whole, once, in one configuration", async (t) => {
  const sim = started(3, 23);
  const ids: string[] = [];
  const large = (id: number): void => {
    ids.push(sim.submit(id, { bytes: 1_000_000 }) ?? "refused");
  };
  large(1);
  large(2);
  for (let sent = 0; sent < 50; sent += 1) ids.push(sim.submit(3, { bytes: 64 }) ?? "refused");
  sim.run({ forMs: 5 });
  // A change in the middle of the chains.
  t.ok(sim.counter(1, "queued bytes") > 500_000);
  sim.leave(3);
  t.ok(sim.runUntil(() => sim.isSettled(), { withinMs: 20_000 }));
  const mine = ids.slice(0, 2);
  for (const id of [1, 2]) {
    t.same([...delivered(sim.life(id), new Set(mine))].sort(), [...mine].sort());
  }
  t.same(judge(sim.history), [], "every delivered byte is the sent one");
});

test("case 28: a deaf node leaves by itself and stays out while it is deaf", async (t) => {
  const sim = started(3, 28);
  const hints = sim.watchNotices(3);
  const deafAt = sim.now;
  sim.network.filter = (_from, to, message) => {
    return to !== 3 || message.type === "token" || message.type === "commit";
  };
  const talk = (): void => {
    sim.submit(1, { safe: false });
    sim.schedule(20, talk);
  };
  talk();
  sim.run({ forMs: 2 * 1000 + 500 });
  t.same(sim.snapshot(1).members, [1, 2]);
  t.same(sim.snapshot(2).members, [1, 2]);
  t.same(sim.snapshot(3).members, [3]);
  sim.run({ forMs: 20_000 });
  for (const id of [1, 2, 3]) {
    t.equal(
      regulars(sim.life(id)).filter((seen) => seen.at >= deafAt).length,
      1,
      "and it is stable",
    );
  }
  t.ok(hints.some((text) => text.includes("check multicast")));
  sim.network.filter = null;
  const together = (): boolean => sim.nodeIds.every((id) => sim.snapshot(id).members.length === 3);
  t.ok(sim.runUntil(together, { withinMs: 1000 }), "back in when messages arrive again");
});

test("case 30: nodes with different settings do not merge nor disturb each other", async (t) => {
  const sim = new RingSimulation({ seed: 30, nodes: 3 });
  sim.start(1);
  sim.start(2);
  sim.start(3, { configHash: 8 });
  const errors = sim.watchNotices(1);
  sim.run({ forMs: 20_000 });
  t.same(sim.snapshot(1).members, [1, 2]);
  t.same(sim.snapshot(3).members, [3]);
  for (const id of [1, 2, 3]) t.equal(regulars(sim.life(id)).length, 1);
  t.same(
    errors.filter((text) => text.includes("another configuration")),
    ["node 3 has another configuration: not merging"],
    "said once",
  );
});

test("case 22: who floods does not keep the others waiting", async (t) => {
  const sim = started(3, 22);
  const frames = { sent: 0, perRotationMax: 0 };
  sim.network.filter = (from, to, message) => {
    if (message.type === "mcast" && to === (from % 3) + 1) frames.sent += 1;
    if (message.type === "token" && from === 3) {
      frames.perRotationMax = Math.max(frames.perRotationMax, frames.sent);
      frames.sent = 0;
    }
    return true;
  };
  const told: string[] = [];
  let refused = 0;
  for (let sent = 0; sent < 5000; sent += 1) {
    if (sim.submit(1, { bytes: 1300, safe: false }) === null) refused += 1;
  }
  t.ok(refused > 0, "4 MiB wait, more is refused");
  for (const id of [2, 3]) {
    const sent = sim.submit(id, { safe: false }) ?? "refused";
    const visits = sim.counter(id, "token visits");
    const arrived = (): boolean => delivered(sim.life(id), new Set([sent])).length === 1;
    t.ok(sim.runUntil(arrived, { withinMs: 1000 }));
    told.push(`${sim.counter(id, "token visits") - visits}`);
    t.ok(sim.counter(1, "queued messages") > 0, "while the flood goes on");
  }
  for (const rotations of told) t.ok(Number(rotations) <= 5, `after ${rotations} rotations`);
  t.ok(sim.runUntil(() => sim.isSettled(), { withinMs: 10_000 }));
  t.ok(frames.perRotationMax <= 50, `${frames.perRotationMax} frames in a rotation`);
  t.not(sim.submit(1, { bytes: 1300 }), null, "there is room again");
});

test("case 29: an interface down for half a minute costs one change each way", async (t) => {
  const sim = started(3, 29);
  const downAt = sim.now;
  sim.network.unplug(2);
  sim.link(2, false);
  sim.run({ forMs: 30_000 });
  t.same(since(sim, 2, downAt), ["transitional 2 left 1 3", "regular 2"]);
  for (const id of [1, 3]) {
    t.same(since(sim, id, downAt), ["transitional 1 3 left 2", "regular 1 3"]);
  }
  sim.network.plug(2);
  sim.link(2, true);
  t.ok(sim.runUntil(() => sim.isSettled(), { withinMs: 3000 }));
  t.equal(sim.snapshot(2).members.length, 3);
  t.same(judge(sim.history), []);
});

test("a flap of an interface that is shorter than the token costs nothing", async (t) => {
  const sim = started(3, 30);
  sim.network.unplug(2);
  sim.link(2, false);
  sim.run({ forMs: 700 });
  sim.network.plug(2);
  sim.link(2, true);
  sim.run({ forMs: 3000 });
  for (const id of [1, 2, 3]) t.equal(regulars(sim.life(id)).length, 1);
});

test("I17 a member that does not keep up bounds what the others hold", async (t) => {
  const never = { failRecvMs: ms(1e9) };
  const sim = new RingSimulation({ seed: 17, nodes: 3, tuning: never });
  sim.startAll();
  sim.run({ forMs: 1000 });
  sim.network.filter = (_from, to, message) => to !== 3 || message.type !== "mcast";
  const flood = (): void => {
    while (sim.submit(1, { bytes: 1300, safe: false }) !== null);
    if (sim.now < 6000) sim.schedule(50, flood);
  };
  flood();
  sim.run({ forMs: 6000 });
  const held = sim.counter(1, "held messages");
  t.ok(held > 50 && held <= 16_384, `${held} messages held`);
  t.ok(sim.counter(1, "queued bytes") <= 4 << 20);
  sim.network.filter = null;
  t.ok(
    sim.runUntil(() => sim.isSettled(), { withinMs: 60_000 }),
    "it catches up",
  );
  sim.run({ forMs: 1000 });
  t.equal(sim.counter(1, "held messages"), 0);
  t.same(judge(sim.history), []);
});
