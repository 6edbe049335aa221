/**
 * The client of the brokers as a process of its own: it sends to the virtual address and receives
 * from there, and counts in the end what was acknowledged and never came.
 */
import { join } from "node:path";
import type { Child } from "../netns/child.ts";
import { serviceAddress } from "../netns/node-files.ts";
import { project, type RealCluster } from "./real-cluster.ts";

export type LoadReport = {
  readonly sent: number;
  readonly acknowledged: number;
  readonly received: number;
  readonly duplicated: number;
  readonly lost: number;
  readonly longestGapMs: number;
};

/** `rate`: messages per second, at most; `more`: options of load.js. */
export function startLoad({ net }: RealCluster, rate: number, ...more: readonly string[]): Child {
  const program = join(project, "build/test/broker/load.js");
  const address = `${serviceAddress}:5672`;
  const words = ["--rate", String(rate), "--progress", ...more];
  return net.spawnClient([process.execPath, program, address, ...words]);
}

/** Messages are acknowledged again, `more` of them: whoever does not answer was left behind. */
export async function goesOn(cluster: RealCluster, load: Child, more = 300): Promise<void> {
  const acknowledged = () => Number(load.output().trim().split("\n").at(-1));
  const before = acknowledged();
  await cluster.until("acknowledgements", () => acknowledged() > before + more, 30_000);
}

/** Ends the client and returns what it has counted. */
export async function endLoad(load: Child): Promise<LoadReport> {
  load.kill("SIGTERM");
  await load.exited;
  const output = load.output();
  const line = output.split("\n").findLast((one) => one.startsWith("{"));
  if (line === undefined) throw new Error(`the client printed no report:\n${output}`);
  const fields = new Map(Object.entries(JSON.parse(line)));
  const figure = (name: keyof LoadReport): number => {
    const value = fields.get(name);
    if (typeof value !== "number") throw new Error(`no ${name} in the report: ${line}`);
    return value;
  };
  return {
    sent: figure("sent"),
    acknowledged: figure("acknowledged"),
    received: figure("received"),
    duplicated: figure("duplicated"),
    lost: figure("lost"),
    longestGapMs: figure("longestGapMs"),
  };
}
