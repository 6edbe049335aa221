/**
 * Carries out the plan of one run: a phase of faults, then healing in steps, then judgement.
 */
import { createHash } from "node:crypto";
import { judge, judgeOutside, judgeStability, judgeStorms } from "./ring-judges.ts";
import { type Cut, drawPlan, type NarrowLink, type RingAct, type RingPlan } from "./ring-plan.ts";
import { RingSimulation } from "./ring-simulation.ts";
import type { Life } from "./ring-trace.ts";
import { tuningDefaults } from "./ring-tuning.ts";

export type RingVerdict = {
  readonly breaches: readonly string[];
  /** Equal for equal seeds: the whole of what every node saw. */
  readonly digest: string;
  readonly installed: number;
  readonly delivered: number;
  readonly lives: readonly Life[];
  readonly steps: number;
  /** Virtual time at the end. */
  readonly endMs: number;
};

const { tokenMs, consensusMs, mergeMs } = tuningDefaults;
/** Pauses and late packets that are on their way when everything is healed end within this. */
const aftermathMs = 5000;
const convergenceMs = 3 * (tokenMs + consensusMs) + mergeMs;
/** Long enough to see a ring flap: it would in every consensus period. */
const quietMs = 3000;
const steadyMs = 12_000;
/** Long enough to see a node come back, be found deaf, and go, several times. */
const narrowMs = 24_000;
const narrowSpeechMs = 100;
/** Several merge detects from either side, then one change of the ring. */
const seamMs = 10_000;
/** Twenty times what a run takes: more is a storm. */
const stepsMax = 4_000_000;

export function runSchedule(seed: number): RingVerdict {
  return runPlan(drawPlan(seed));
}

export function runPlan(plan: RingPlan): RingVerdict {
  const { seed, nodes } = plan;
  const sim = new RingSimulation({ seed, nodes });
  sim.stepsMax = stepsMax;
  for (const { atMs, act } of plan.acts) sim.schedule(atMs, () => carryOut(sim, act));
  sim.run({ forMs: plan.faultsMs });
  const breaches = [...settleAll(sim, plan), ...judge(sim.history)];
  const bounds = { periodMs: consensusMs, gathersMax: 2 * nodes, joinsMax: 100 };
  breaches.push(...judgeStorms(sim.lives, bounds));
  if (sim.steps >= stepsMax) breaches.push(`I13: more than ${stepsMax} events`);
  return {
    breaches,
    digest: createHash("sha256").update(JSON.stringify(sim.lives)).digest("hex"),
    installed: countOf(sim, "configuration"),
    delivered: countOf(sim, "deliver"),
    lives: sim.lives,
    steps: sim.steps,
    endMs: sim.now,
  };
}

function countOf(sim: RingSimulation, type: string): number {
  let count = 0;
  for (const life of sim.lives) count += life.events.filter((event) => event.type === type).length;
  return count;
}

/** What is done to a living node. */
type NodeAct = Extract<
  RingAct,
  { readonly type: "send" | "pause" | "link" } | { readonly type: "crash" | "leave" | "deaf" }
>;

function carryOut(sim: RingSimulation, act: RingAct): void {
  switch (act.type) {
    case "partition":
      sim.network.partition(
        act.side,
        sim.nodeIds.filter((node) => !act.side.includes(node)),
      );
      break;
    case "cut":
      cutLink(sim, act);
      break;
    case "narrow":
      narrow(sim, act);
      break;
    case "deaf":
      sim.network.filter = (_from, to, message) => {
        return to !== act.node || message.type === "token" || message.type === "commit";
      };
      break;
    case "mute":
      sim.network.filter = (from, _to, message) => from !== act.node || message.type !== "mcast";
      break;
    case "weather":
      sim.network.weather = act.weather;
      break;
    case "disk":
      sim.persistMsMax = act.persistMsMax;
      break;
    case "clock":
      sim.stepClock(act.node, act.stepMs);
      break;
    case "heal":
      heal(sim);
      break;
    case "ambush":
      sim.ambushes.set(act.node, (node) => spring(sim, node, act.death));
      break;
    case "start":
      if (!sim.isAlive(act.node))
        sim.start(act.node, { wiped: act.wiped && sim.mayWipe(act.node) });
      break;
    default:
      if (sim.isAlive(act.node) && !sim.isPaused(act.node)) carryOutOn(sim, act);
  }
}

function spring(sim: RingSimulation, node: number, death: boolean): void {
  // Dead after this step, or cut off before anything of it is heard.
  if (death) sim.schedule(0, () => sim.isAlive(node) && sim.crash(node));
  else
    sim.network.partition(
      [node],
      sim.nodeIds.filter((other) => other !== node),
    );
}

function carryOutOn(sim: RingSimulation, act: NodeAct): void {
  const { node } = act;
  switch (act.type) {
    case "send":
      for (const bytes of act.bytes) sim.submit(node, { bytes, safe: act.safe, lane: act.lane });
      break;
    case "crash":
      sim.crash(node);
      break;
    case "leave":
      sim.leave(node);
      break;
    case "pause":
      sim.pause(node, act.forMs);
      break;
    case "link":
      sim.network.unplug(node);
      sim.link(node, false);
      sim.schedule(act.forMs, () => {
        sim.network.plug(node);
        if (sim.isAlive(node) && !sim.isPaused(node)) sim.link(node, true);
      });
      break;
  }
}

function heal(sim: RingSimulation): void {
  sim.network.heal();
  sim.network.filter = null;
}

/** I12, and the stability of I14: islands first, then everybody, then under a steady cut. */
function settleAll(sim: RingSimulation, plan: RingPlan): readonly string[] {
  const breaches: string[] = [];
  const { islands, seam, cut, narrow: path } = plan.finale;
  sim.ambushes.clear();
  heal(sim);
  sim.network.weather = { loss: 0, duplication: 0, delayMs: plan.delayMs, jitterMs: 0 };
  if (islands.length > 0) sim.network.partition(...islands);
  sim.run({ forMs: aftermathMs });
  for (const id of sim.nodeIds) if (!sim.isAlive(id)) sim.start(id);
  for (const island of islands) {
    if (!settle(sim, island)) breaches.push(`I12: nodes ${island.join(" ")} do not settle apart`);
  }
  heal(sim);
  if (seam !== null) breaches.push(...watchSeam(sim, seam));
  if (!settle(sim, sim.nodeIds)) return [...breaches, "I12: no settled ring in time after healing"];
  breaches.push(...watch(sim, { forMs: quietMs, changesMax: 0, restMs: quietMs }));
  if (cut !== null) {
    cutLink(sim, cut);
    // One change of either side, and one more where the first verdicts crossed.
    breaches.push(...watch(sim, { forMs: steadyMs, changesMax: 2, restMs: steadyMs / 2 }));
    heal(sim);
    if (!settle(sim, sim.nodeIds)) breaches.push("I12: no settled ring after a steady cut");
  }
  if (path !== null) breaches.push(...watchNarrow(sim, path, plan.finale.late));
  return breaches;
}

function cutLink(sim: RingSimulation, { from, to, both }: Cut): void {
  sim.network.cut(from, to);
  if (both) sim.network.cut(to, from);
}

/** Two rings meet, but for one link: all nodes but one end of it must merge. */
function watchSeam(sim: RingSimulation, seam: Cut): readonly string[] {
  cutLink(sim, seam);
  sim.run({ forMs: seamMs });
  const most = sim.nodeIds.length - 1;
  const together = sim.nodeIds.filter((id) => sim.snapshot(id).members.length >= most);
  heal(sim);
  return together.length < most ? ["I12: a link keeps two rings apart"] : [];
}

function narrow(sim: RingSimulation, { from, to, both, bytes }: NarrowLink): void {
  const ends = from === "all" ? sim.nodeIds.filter((id) => id !== to) : [from];
  for (const end of ends) {
    sim.network.narrow(end, to, bytes);
    if (both) sim.network.narrow(to, end, bytes);
  }
}

/** A link loses long packets for good, and everybody has long messages: whoever can, goes on. */
function watchNarrow(sim: RingSimulation, path: NarrowLink, late: boolean): readonly string[] {
  if (late) for (const node of sim.nodeIds) sim.crash(node);
  const fromMs = sim.now;
  narrow(sim, path);
  if (late) for (const node of sim.nodeIds) sim.start(node);
  if (late) sim.run({ forMs: aftermathMs });
  const endMs = sim.now + narrowMs;
  const speak = (): void => {
    if (sim.now >= endMs) return;
    for (const node of sim.nodeIds) sim.submit(node, { bytes: 3000, safe: true, lane: "app" });
    sim.schedule(narrowSpeechMs, speak);
  };
  speak();
  const limits = { changesMax: 3, restMs: narrowMs / 2 };
  const breaches = [...watch(sim, { forMs: narrowMs, ...limits })];
  // Of the two ends of one link either may be the one that is left out.
  const most = sim.nodeIds.length - 1;
  const together = sim.nodeIds.filter((id) => sim.snapshot(id).members.length >= most);
  if (together.length < most) breaches.push("I12: the healthy do not stay together");
  // Whoever has been in the ring is found deaf; whoever starts does not come so far.
  const outside = late && path.from === "all" ? path.to : null;
  if (outside !== null) breaches.push(...judgeOutside(sim.lives, { fromMs, outside }));
  heal(sim);
  // Whoever was found deaf is outside for a while.
  sim.run({ forMs: aftermathMs });
  if (!settle(sim, sim.nodeIds)) breaches.push("I12: no settled ring after a narrow link");
  return breaches;
}

function settle(sim: RingSimulation, group: readonly number[]): boolean {
  const endMs = sim.now + convergenceMs + drainMs(sim, group);
  // Looking after each event would be most of the work of a run.
  while (!sim.isSettled(group) && sim.now < endMs) sim.run({ forMs: 20 });
  return sim.isSettled(group);
}

/** Queues that the faults have filled take their time: a window of frames in each rotation. */
function drainMs(sim: RingSimulation, group: readonly number[]): number {
  const queued = group.reduce((sum, id) => sum + sim.counter(id, "queued bytes"), 0);
  const { windowFrames, chunkRoomBytes } = tuningDefaults;
  const rotations = (2 * queued) / (windowFrames * chunkRoomBytes);
  return rotations * group.length * (sim.network.weather.delayMs + 1);
}

function watch(
  sim: RingSimulation,
  {
    forMs,
    ...limits
  }: { readonly forMs: number; readonly changesMax: number; readonly restMs: number },
): readonly string[] {
  const fromMs = sim.now;
  sim.run({ forMs });
  const { changesMax } = limits;
  return judgeStability(sim.lives, { fromMs, restFromMs: sim.now - limits.restMs, changesMax });
}
