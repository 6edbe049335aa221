/**
 * What the service table costs: 500 services on five simulated nodes are formed, all relocated, and
 * lose a node. Counts the ordered messages and times every step of node 2. The story is the same
 * each time: the first run, in which every piece of code is new, is shown as it is, and of several
 * runs the best time of each step, in which neither the collector nor another process is counted.
 */
import { usualWorkMax } from "../../src/node/replica-performer.ts";
import { Cluster } from "../sim/cluster.ts";
import type { ClusterOptions } from "../sim/cluster-options.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

const serviceCount = 500;
const nodeCount = 5;
const watched = 2;
const victim = 5;
const longEnoughMs = 120_000;

const runs = 4;

/** Milliseconds of each step. */
type Phase = { readonly title: string; readonly messages: number; readonly steps: number[] };

export function runTableBench(): void {
  const all = Array.from({ length: runs }, () => new TableBench().run());
  const title = `${serviceCount} services, ${nodeCount} nodes`;
  say(`${title}            messages    steps     mean      p99      max`);
  for (const [index, first] of (all[0] ?? []).entries()) {
    const phases = all.map((phases) => phases[index]?.steps ?? []);
    const best = first.steps.map((_, at) => Math.min(...phases.map((steps) => steps[at] ?? 0)));
    show(first.title, first);
    show(`  best of ${runs}`, { ...first, steps: best });
  }
}

function show(title: string, { messages, steps }: Phase): void {
  const sorted = steps.toSorted((a, b) => a - b);
  const mean = sorted.reduce((sum, ms) => sum + ms, 0) / sorted.length;
  const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
  const figures = [mean, p99, sorted.at(-1) ?? 0].map((ms) => `${ms.toFixed(3)}`.padStart(9));
  const counts = [messages, sorted.length].map((each) => String(each).padStart(9));
  say(`  ${title.padEnd(29)}${counts.join("")}${figures.join("")} ms`);
}

class TableBench {
  readonly names = Array.from({ length: serviceCount }, (_, index) => `app${index}`);
  readonly #cluster: Cluster;
  #messages = 0;
  #steps: number[] = [];

  constructor() {
    const sample = sampleConf({ nodes: nodeCount });
    const services = this.names.map((name) =>
      sampleService(name, [script(name)], { recovery: "relocate" }),
    );
    const conf = { ...sample, services: { ...sample.services, services } };
    const time = new VirtualTime();
    const nodes = conf.nodes.map(({ id }) => id);
    const membership = new PerfectMembership(time, nodes);
    const stepped: ClusterOptions["stepped"] = (node, { type }, { tookMs }) => {
      if (node !== watched) return;
      if (type === "deliver") this.#messages += 1;
      this.#steps.push(tookMs);
    };
    this.#cluster = new Cluster({ conf, time, membership, stepped, workMax: () => usualWorkMax });
  }

  run(): readonly Phase[] {
    return [
      this.#phase("formation", (cluster) => cluster.boot(1, 2, 3, 4, 5)),
      this.#phase("all relocated", (cluster) => {
        for (const name of this.names) cluster.request(1, "relocate", { service: name });
      }),
      this.#phase(`node ${victim} fails`, (cluster) => cluster.crash(victim)),
      this.#phase("it comes back", (cluster) => cluster.boot(victim)),
    ];
  }

  #phase(title: string, begin: (cluster: Cluster) => void): Phase {
    this.#messages = 0;
    this.#steps = [];
    begin(this.#cluster);
    this.#cluster.run(longEnoughMs);
    const started = this.names.filter((name) => this.#isStarted(name)).length;
    if (started !== serviceCount) throw new Error(`${title}: ${started} services are started`);
    return { title, messages: this.#messages, steps: this.#steps };
  }

  #isStarted(name: string): boolean {
    return this.#cluster.record(watched, name)?.state === "started";
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
