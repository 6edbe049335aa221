/**
 * Judges of a simulated cluster. They look at the machines from outside, after every step and every
 * change of a machine, and share no code with the core.
 */
import type { Cluster } from "./cluster.ts";
import { virtualAddress } from "./sample-conf.ts";
import type { VirtualTime } from "./virtual-time.ts";

export class Violation extends Error {
  override readonly name = "Violation";
}

const primary = "qpidd-primary-service";
/** It may have been cut off before it died, for as long as its lease lasted. */
const tokenSlackMs = 4400;

/** One owner, one address, and brokers only where they belong. */
export function judgeOwners(cluster: Cluster): void {
  const primaries = cluster.runningOn(primary);
  if (primaries.length > 1) throw new Violation(`two primaries: nodes ${primaries.join(", ")}`);
  const holders = cluster.holders(virtualAddress);
  if (holders.length > 1) throw new Violation(`address twice: nodes ${holders.join(", ")}`);
  for (const node of cluster.nodes) {
    const astray = cluster.runningOn(`node${node}-qpidd-service`).filter((one) => one !== node);
    if (astray.length > 0) throw new Violation(`broker of node${node} on ${astray.join(", ")}`);
  }
}

export class ClusterJudge {
  readonly #time: VirtualTime;
  readonly #safeWaitMs: number;
  /** Who ran the primary last, and when its machine died, if it did while running it. */
  #owner: number | null = null;
  #diedAtMs: number | null = null;
  #lifeThen = 0;

  constructor(time: VirtualTime, safeWaitMs: number) {
    this.#time = time;
    this.#safeWaitMs = safeWaitMs;
  }

  look(cluster: Cluster): void {
    judgeOwners(cluster);
    this.#judgeTakeover(cluster);
    this.#judgeReplicas(cluster);
  }

  /** A machine that died with the primary: nobody takes over before its lease must have ended. */
  #judgeTakeover(cluster: Cluster): void {
    const [owner = null] = cluster.runningOn(primary);
    const old = this.#owner;
    if (owner !== null) {
      if (old !== null && owner !== old) this.#judgeSuccession(cluster, old);
      this.#owner = owner;
      this.#diedAtMs = null;
    } else if (old !== null && this.#diedAtMs === null) {
      if (cluster.node(old) === null && !cluster.endedCleanly(old)) {
        this.#diedAtMs = cluster.silentAtMs(old);
        this.#lifeThen = cluster.boots(old);
      } else {
        this.#owner = null;
      }
    }
  }

  #judgeSuccession(cluster: Cluster, old: number): void {
    if (this.#diedAtMs === null || cluster.boots(old) !== this.#lifeThen) return;
    const waitedMs = this.#time.nowMs - this.#diedAtMs;
    if (waitedMs < this.#safeWaitMs - tokenSlackMs && !cluster.wasFenced(old)) {
      throw new Violation(`taken over from node ${old} after ${waitedMs} ms`);
    }
  }

  /** Members at the same point of the same history have the same table. */
  #judgeReplicas(cluster: Cluster): void {
    const seen = new Map<string, { readonly node: number; readonly digest: string }>();
    for (const node of cluster.nodes) {
      const snapshot = cluster.node(node)?.snapshot;
      if (snapshot?.table == null || snapshot.history === null) continue;
      const { ringSeq, version, digest } = snapshot.history;
      const point = `${ringSeq} ${version}`;
      const other = seen.get(point);
      if (other !== undefined && other.digest !== digest) {
        throw new Violation(`nodes ${other.node} and ${node} differ at ${point}`);
      }
      seen.set(point, { node, digest });
    }
  }

  /** After healing and rest: one view, the same table everywhere, nothing half done. */
  finish(cluster: Cluster): void {
    const tables = cluster.nodes.map((node) => {
      const table = cluster.node(node)?.snapshot.table;
      if (table == null) throw new Violation(`liveness: node ${node} has no table`);
      return JSON.stringify(table.snapshot());
    });
    if (new Set(tables).size !== 1) throw new Violation("liveness: tables differ at rest");
    const [first = 1] = cluster.nodes;
    const table = cluster.node(first)?.snapshot.table;
    for (const record of table?.snapshot().services ?? []) {
      const { name, state, frozen } = record;
      if (frozen) throw new Violation(`liveness: ${name} is still frozen`);
      if (state === "starting" || state === "stopping" || state === "recoverable") {
        throw new Violation(`liveness: ${name} is ${state} at rest`);
      }
      const running = cluster.runningOn(name);
      if (state === "started" && running.length !== 1) {
        throw new Violation(`liveness: ${name} is started but runs on [${running.join(", ")}]`);
      }
      // A user's stop rests until the next event; every other stopped service had to start.
      const last = table?.decisions(name).at(-1)?.text ?? "";
      const stopped = /^stopped$|as asked| asked for on /.test(last);
      if (state === "stopped" && !stopped) throw new Violation(`liveness: ${name} is stopped`);
    }
  }
}
