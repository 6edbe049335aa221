/**
 * What the service table costs: 500 services on five simulated nodes are formed, all relocated, and
 * lose a node. Counts the ordered messages and times every step of node 2.
 */
import { Cluster } from "../sim/cluster.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

const serviceCount = 500;
const nodeCount = 5;
const watched = 2;
const victim = 5;
const longEnoughMs = 120_000;

export function runTableBench(): void {
  const bench = new TableBench();
  const title = `${serviceCount} services, ${nodeCount} nodes`;
  say(`${title}         messages    steps     mean      p99      max`);
  bench.phase("formation", (cluster) => cluster.boot(1, 2, 3, 4, 5));
  bench.phase("all relocated", (cluster) => {
    for (const name of bench.names) cluster.request(1, "relocate", { service: name });
  });
  bench.phase(`node ${victim} fails`, (cluster) => cluster.crash(victim));
  bench.phase("it comes back", (cluster) => cluster.boot(victim));
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
    const membership = new PerfectMembership(
      time,
      conf.nodes.map(({ id }) => id),
    );
    const timed = (node: number, input: { readonly type: string }, tookMs: number): void => {
      if (node !== watched) return;
      if (input.type === "deliver") this.#messages += 1;
      this.#steps.push(tookMs);
    };
    this.#cluster = new Cluster({ conf, time, membership, timed });
  }

  phase(title: string, begin: (cluster: Cluster) => void): void {
    this.#messages = 0;
    this.#steps = [];
    begin(this.#cluster);
    this.#cluster.run(longEnoughMs);
    const started = this.names.filter((name) => this.#isStarted(name)).length;
    if (started !== serviceCount) throw new Error(`${title}: ${started} services are started`);
    const sorted = this.#steps.toSorted((a, b) => a - b);
    const mean = sorted.reduce((sum, ms) => sum + ms, 0) / sorted.length;
    const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
    const figures = [mean, p99, sorted.at(-1) ?? 0].map((ms) => `${ms.toFixed(3)}`.padStart(9));
    const counts = [this.#messages, sorted.length].map((each) => String(each).padStart(9));
    say(`  ${title.padEnd(26)}${counts.join("")}${figures.join("")} ms`);
  }

  #isStarted(name: string): boolean {
    return this.#cluster.record(watched, name)?.state === "started";
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
