/**
 * One fault under load, and what the clients have counted: a sender that writes down what was
 * acknowledged, and a receiver of its own; and the table of many such rounds.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Child } from "../netns/child.ts";
import { serviceAddress } from "../netns/node-files.ts";
import type { BrokerFault, Stage } from "./broker-faults.ts";
import { goesOn } from "./message-load.ts";
import { project, type RealCluster } from "./real-cluster.ts";

export type RoundReport = {
  readonly acknowledged: number;
  readonly received: number;
  readonly lost: number;
  readonly duplicated: number;
  /** The longest time without an acknowledgement. */
  readonly outageMs: number;
  /** Until the cluster was at rest again. */
  readonly wholeMs: number;
};

export type RoundOptions = {
  readonly cluster: RealCluster;
  readonly fault: BrokerFault;
  /** Messages that are received during the fault are in no queue when it is over. */
  readonly receives: "during" | "afterwards";
  /** For the ledger. */
  readonly directory: string;
};

const target = `${serviceAddress}:5672`;
const rate = 300;
/** The client has done this much before anything happens, and as much after the recovery. */
const calmMessages = 100;

export class ChaosRound {
  readonly fault: BrokerFault;
  report: RoundReport = {
    ...{ acknowledged: 0, received: 0, lost: 0, duplicated: 0, outageMs: 0, wholeMs: 0 },
  };
  readonly #options: RoundOptions;

  constructor(options: RoundOptions) {
    this.#options = options;
    this.fault = options.fault;
  }

  /** Returns whose broker is the primary when `rest` has come. */
  async play(stage: Stage, rest: () => Promise<number>): Promise<number> {
    const { cluster, receives, directory, fault } = this.#options;
    const ledger = join(directory, "ledger");
    rmSync(ledger, { force: true });
    const load = this.#client("load.js", "--ledger", ledger, "--rate", `${rate}`, "--progress");
    const early = receives === "during" ? this.#receiver(ledger) : null;
    await goesOn(cluster, load, calmMessages);
    const beganMs = performance.now();
    await fault.act(stage);
    const owner = await rest();
    const wholeMs = Math.round(performance.now() - beganMs);
    await goesOn(cluster, load, calmMessages);
    load.kill("SIGTERM");
    const sender = await report(load);
    early?.kill("SIGTERM");
    const receiver = await report(early ?? this.#receiver(ledger, "--drain"));
    this.report = {
      acknowledged: sender("acknowledged"),
      received: receiver("received"),
      lost: receiver("lost"),
      duplicated: receiver("duplicated"),
      outageMs: Math.round(sender("longestGapMs")),
      wholeMs,
    };
    if (sender("acknowledged") !== receiver("acknowledged")) throw new Error("a torn ledger");
    return owner;
  }

  inWords(from: number, to: number): string {
    const { acknowledged, lost, duplicated, outageMs, wholeMs } = this.report;
    const where = from === to ? `node${from} stays primary` : `node${from} to node${to}`;
    const counts = `${acknowledged} acknowledged, ${lost} lost, ${duplicated} duplicated`;
    const { receives, fault } = this.#options;
    const times = `outage ${outageMs} ms, whole after ${wholeMs} ms`;
    return `${fault.title}: ${where}; ${times}; ${counts}, received ${receives}`;
  }

  #client(program: string, ...words: readonly string[]): Child {
    const path = join(project, "build/test/broker", program);
    return this.#options.cluster.net.spawnClient([process.execPath, path, target, ...words]);
  }

  #receiver(ledger: string, ...words: readonly string[]): Child {
    return this.#client("receive.js", "--ledger", ledger, ...words);
  }
}

/** The figures that a client prints at its end. */
async function report(client: Child): Promise<(name: string) => number> {
  await client.exited;
  const output = client.output();
  const line = output.split("\n").findLast((one) => one.startsWith("{")) ?? "{}";
  const fields = new Map(Object.entries(JSON.parse(line)));
  return (name) => {
    const value = fields.get(name);
    if (typeof value !== "number") throw new Error(`no ${name} in the report: ${output}`);
    return value;
  };
}

const columns = ["number", "outage: median", "longest", "whole: median", "lost", "duplicated"];

/** For each kind of fault: how often, how long, and what became of the messages. */
export function chaosTable(rounds: readonly ChaosRound[]): string {
  const titles = [...new Set(rounds.map(({ fault }) => fault.title))].sort();
  const width = Math.max(0, ...titles.map(({ length }) => length));
  const row = (title: string, cells: readonly (number | string)[]) =>
    `${title.padEnd(width)}${cells.map((cell) => String(cell).padStart(16)).join("")}`;
  const figures = (chosen: readonly ChaosRound[]) => {
    const outages = chosen.map(({ report: { outageMs } }) => outageMs);
    const sum = (count: (report: RoundReport) => number) =>
      chosen.reduce((total, { report: one }) => total + count(one), 0);
    return [
      ...[chosen.length, median(outages), Math.round(Math.max(0, ...outages))],
      ...[median(chosen.map(({ report: { wholeMs } }) => wholeMs)), sum(({ lost }) => lost)],
      sum(({ duplicated }) => duplicated),
    ];
  };
  const kinds = titles.map((title) =>
    row(title, figures(rounds.filter(({ fault }) => fault.title === title))),
  );
  const acknowledged = rounds.reduce((total, { report: one }) => total + one.acknowledged, 0);
  const all = row("all", figures(rounds));
  const words = `${acknowledged} messages were acknowledged; times in ms`;
  return [row("fault", columns), ...kinds, all, words].join("\n");
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0);
}
