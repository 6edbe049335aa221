/**
 * One random run of a ring from one seed: a phase of faults, then healing, then judgement.
 * Weights of the faults are drawn per run and some are zero, so that runs differ in kind.
 */
import { createHash } from "node:crypto";
import { judge, judgeStorms } from "./ring-judges.ts";
import { RingSimulation, tuningDefaults } from "./ring-simulation.ts";

type Verdict = {
  readonly breaches: readonly string[];
  /** Equal for equal seeds: the whole of what every node saw. */
  readonly digest: string;
  readonly installed: number;
  readonly delivered: number;
};

type Fault = "partition" | "one-way" | "deaf" | "pause" | "crash" | "leave" | "weather" | "heal";

type Weights = Readonly<Record<Fault, number>>;

/** How long the faults last. */
const faultsMs = 9000;

export function runSchedule(seed: number): Verdict {
  const nodes = 3 + (seed % 4);
  const sim = new RingSimulation({ seed, nodes });
  const { random, network } = sim;
  const weight = (): number => (random.chance(0.4) ? 0 : random.next());
  const weights: Weights = {
    partition: weight(),
    "one-way": weight(),
    deaf: weight() * 0.3,
    pause: weight(),
    crash: weight(),
    leave: weight() * 0.3,
    weather: weight(),
    heal: 0.3,
  };
  const delayMs = random.pick([0.3, 2, 8]);
  network.weather = { loss: 0, duplication: 0, delayMs, jitterMs: delayMs * random.next() };
  sim.persistMsMax = random.pick([5, 15, 300]);
  for (const id of sim.nodeIds)
    sim.schedule(random.chance(0.7) ? 0 : random.between(0, 3000), () => {
      if (!sim.isAlive(id)) sim.start(id);
    });
  scheduleTraffic(sim, random.pick([40, 150, 600]));
  scheduleFaults(sim, weights);
  sim.run({ forMs: faultsMs });
  const breaches: string[] = [];
  if (!settle(sim, delayMs)) breaches.push("I12: no single settled ring in time after healing");
  breaches.push(...judge(sim.history));
  breaches.push(...stormBreaches(sim, nodes));
  return {
    breaches,
    digest: createHash("sha256").update(JSON.stringify(sim.lives)).digest("hex"),
    installed: countOf(sim, "configuration"),
    delivered: countOf(sim, "deliver"),
  };
}

function stormBreaches(sim: RingSimulation, nodes: number): readonly string[] {
  const { consensusMs } = tuningDefaults;
  return judgeStorms(sim.lives, { periodMs: consensusMs, gathersMax: 2 * nodes, joinsMax: 100 });
}

function countOf(sim: RingSimulation, type: string): number {
  let count = 0;
  for (const life of sim.lives) count += life.events.filter((event) => event.type === type).length;
  return count;
}

function scheduleTraffic(sim: RingSimulation, everyMs: number): void {
  const { random } = sim;
  const large = random.chance(0.3);
  const safeShare = random.pick([0, 0.5, 1]);
  const send = (): void => {
    const id = random.pick(sim.nodeIds);
    if (sim.isAlive(id) && !sim.isPaused(id)) {
      const burst = random.chance(0.2) ? 1 + random.below(20) : 1;
      for (let sent = 0; sent < burst; sent += 1) {
        const bytes = large && random.chance(0.1) ? random.below(20000) : random.below(900);
        sim.submit(id, { bytes, safe: random.chance(safeShare) });
      }
    }
    if (sim.now < faultsMs) sim.schedule(random.between(0, 2 * everyMs), send);
  };
  sim.schedule(random.between(0, everyMs), send);
}

function scheduleFaults(sim: RingSimulation, weights: Weights): void {
  const { random } = sim;
  const spacingMs = random.pick([60, 400, 2500]);
  const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
  const strike = (): void => {
    if (sim.now > faultsMs - 500) return;
    let rest = random.between(0, total);
    for (const fault of faults) {
      rest -= weights[fault];
      if (rest > 0) continue;
      inflict(sim, fault);
      break;
    }
    sim.schedule(random.between(0, random.chance(0.5) ? 100 : spacingMs), strike);
  };
  sim.schedule(random.between(200, 1500), strike);
}

const faults: readonly Fault[] = [
  "partition",
  "one-way",
  "deaf",
  "pause",
  "crash",
  "leave",
  "weather",
  "heal",
];

function inflict(sim: RingSimulation, fault: Fault): void {
  const { random, network } = sim;
  const id = random.pick(sim.nodeIds);
  switch (fault) {
    case "partition": {
      const one = sim.nodeIds.filter(() => random.chance(0.5));
      network.partition(
        one,
        sim.nodeIds.filter((node) => !one.includes(node)),
      );
      break;
    }
    case "one-way":
      network.cut(id, random.pick(sim.nodeIds));
      break;
    case "deaf":
      network.filter = (_from, to, message) => {
        return to !== id || message.type === "token" || message.type === "commit";
      };
      break;
    case "pause":
      if (sim.isAlive(id)) sim.pause(id, random.between(10, random.chance(0.5) ? 600 : 4000));
      break;
    case "crash":
    case "leave":
      stopAndRestart(sim, id, fault);
      break;
    case "weather": {
      const { delayMs } = network.weather;
      const loss = random.pick([0, 0.02, 0.1, 0.3]);
      const jitterMs = delayMs * random.pick([0, 1, 5]);
      network.weather = { loss, duplication: random.pick([0, 0.2]), delayMs, jitterMs };
      break;
    }
    case "heal":
      network.heal();
      network.filter = null;
      break;
  }
}

function stopAndRestart(sim: RingSimulation, id: number, fault: "crash" | "leave"): void {
  const { random } = sim;
  if (!sim.isAlive(id) || sim.isPaused(id)) return;
  if (fault === "crash") sim.crash(id);
  else sim.leave(id);
  const downMs = random.chance(0.5) ? random.between(5, 400) : random.between(400, 5000);
  sim.schedule(downMs, () => {
    if (!sim.isAlive(id)) sim.start(id);
  });
}

/** Heals everything and waits as long as convergence may take. */
function settle(sim: RingSimulation, delayMs: number): boolean {
  const { tokenMs, consensusMs, mergeMs } = tuningDefaults;
  sim.network.heal();
  sim.network.filter = null;
  sim.network.weather = { loss: 0, duplication: 0, delayMs, jitterMs: 0 };
  // Pauses and restarts that were already on their way end within this.
  sim.run({ forMs: 5000 });
  for (const id of sim.nodeIds) if (!sim.isAlive(id)) sim.start(id);
  const withinMs = 3 * (tokenMs + consensusMs) + mergeMs;
  return sim.runUntil(() => sim.isSettled(), { withinMs });
}
