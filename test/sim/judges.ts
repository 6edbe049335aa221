/**
 * Judges of a simulated cluster. They look at the machines from outside, after every step and every
 * change of a machine, and share no code with the core.
 */
import type { ServiceName } from "../../src/model/ids.ts";
import type { ServiceRecord } from "../../src/services/table/service-state.ts";
import type { ServiceTable } from "../../src/services/table/service-table.ts";
import type { Cluster } from "./cluster.ts";
import { clonePlaces } from "./membership.ts";
import { virtualAddress } from "./sample-conf.ts";
import type { VirtualTime } from "./virtual-time.ts";

export class Violation extends Error {
  override readonly name = "Violation";
}

const primary = "qpidd-primary-service";
/** It may have been cut off before it died, for as long as its lease lasted. */
const leaseMs = 3200;

/** How long takeovers must wait, and how long a machine lives on at most once it is cut off. */
export type Waits = { readonly safeWaitMs: number; readonly livesOnMs?: number };

/** Services that come and go with configurations. */
function judgeVisitors(cluster: Cluster): void {
  for (const name of ["guest", "more"]) {
    const owners = cluster.runningOn(name);
    if (owners.length > 1) throw new Violation(`${name} runs on nodes ${owners.join(", ")}`);
  }
}

/** One owner, one address, and brokers only where they belong. */
export function judgeOwners(cluster: Cluster): void {
  const primaries = cluster.runningOn(primary);
  if (primaries.length > 1) throw new Violation(`two primaries: nodes ${primaries.join(", ")}`);
  const holders = cluster.holders(virtualAddress);
  if (holders.length > 1) throw new Violation(`address twice: nodes ${holders.join(", ")}`);
  for (const node of cluster.nodes) {
    const brokers = cluster.runningOn(`node${node}-qpidd-service`);
    // What is bound to its node goes on without quorum: on a machine that was copied, too.
    const bound = cluster.conf.services.services.some(({ name, boundTo }) => {
      return boundTo !== null && name === `service:node${node}-qpidd-service`;
    });
    if (brokers.length > 1 && !bound) {
      throw new Violation(`broker of node${node} twice: ${brokers.join()}`);
    }
    const astray = brokers.filter((place) => place % clonePlaces !== node);
    if (astray.length > 0) throw new Violation(`broker of node${node} on ${astray.join(", ")}`);
  }
}

/** A machine that died with the service: nobody takes over before its lease must have ended. */
export class TakeoverJudge {
  readonly #service: string;
  readonly #time: VirtualTime;
  readonly #leastMs: number;
  /** Who ran it last, and when its machine died, if it did while running it. */
  #owner: number | null = null;
  #diedAtMs: number | null = null;
  #lifeThen = 0;

  constructor(service: string, time: VirtualTime, waits: Waits) {
    this.#service = service;
    this.#time = time;
    this.#leastMs = waits.safeWaitMs - (waits.livesOnMs ?? leaseMs);
  }

  look(cluster: Cluster): void {
    const [owner = null] = cluster.runningOn(this.#service);
    const old = this.#owner;
    if (owner !== null) {
      if (old !== null && owner !== old) this.#judgeSuccession(cluster, old);
      this.#owner = owner;
      this.#diedAtMs = null;
    } else if (old !== null && this.#diedAtMs === null) {
      if (!cluster.isUp(old) && cluster.endOf(old) !== "left") {
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
    const known = ["fenced", "certified"].includes(cluster.endOf(old));
    if (waitedMs < this.#leastMs && !known) {
      throw new Violation(`${this.#service} taken over from node ${old} after ${waitedMs} ms`);
    }
  }
}

/**
 * Members at the same point of the same history have the same table. With a copy on either side two
 * rings of one identity may have had a majority: then only those of one ring are compared.
 */
export function judgeReplicas(cluster: Cluster): void {
  const seen = new Map<string, { readonly node: number; readonly fact: string }>();
  for (const node of cluster.nodes) {
    const snapshot = cluster.node(node)?.snapshot;
    if (snapshot?.table == null || snapshot.history === null) continue;
    const { ringSeq, version, digest, workedIn } = snapshot.history;
    const members = cluster.copied ? snapshot.members.join() : "";
    const point = `${ringSeq} ${version} ${members}`.trim();
    const facts = [[point, digest]];
    if (snapshot.complete) facts.push([`${point}, done`, `${workedIn}`]);
    for (const [at = "", fact = ""] of facts) {
      const other = seen.get(at);
      if (other !== undefined && other.fact !== fact) {
        throw new Violation(`nodes ${other.node} and ${node} differ at ${at}`);
      }
      seen.set(at, { node, fact });
    }
  }
}

/** What a node has just ordered, such as a tick, takes a moment until all have applied it. */
const applyTriesMax = 1000;

function runUntilApplied(cluster: Cluster): void {
  for (let tries = 0; tries < applyTriesMax; tries += 1) {
    const seen = cluster.nodes.map((node) => cluster.node(node)?.snapshot);
    const points = new Set(seen.map((one) => one?.history?.version));
    if (points.size === 1 && seen.every((one) => one?.complete === true)) return;
    cluster.run(1);
  }
}

/** At rest: every node has the same table, and it is the answer. */
export function tableAtRest(cluster: Cluster): ServiceTable {
  runUntilApplied(cluster);
  const tables = cluster.nodes.map((node) => {
    const table = cluster.node(node)?.snapshot.table;
    if (table == null) throw new Violation(`liveness: node ${node} has no table`);
    return table;
  });
  if (new Set(tables.map((table) => JSON.stringify(table.snapshot()))).size !== 1) {
    throw new Violation("liveness: tables differ at rest");
  }
  const [table] = tables;
  if (table === undefined) throw new Violation("no nodes");
  if (table.locked) throw new Violation("liveness: services are still locked");
  return table;
}

/** Nothing is half done, and what is started runs on one node, unless it was left out. */
export function judgeRecordAtRest(cluster: Cluster, record: ServiceRecord): void {
  const { name, state, frozen, partial } = record;
  if (frozen) throw new Violation(`liveness: ${name} is still frozen`);
  if (state === "starting" || state === "stopping" || state === "recoverable") {
    throw new Violation(`liveness: ${name} is ${state} at rest`);
  }
  const running = cluster.runningOn(name);
  if (state === "started" && running.length !== 1 && !(partial && running.length === 0)) {
    throw new Violation(`liveness: ${name} is started but runs on [${running.join(", ")}]`);
  }
}

/** A user's stop rests until the next event. */
export function wasStoppedByUser(table: ServiceTable, name: ServiceName): boolean {
  const last = table.decisions(name).at(-1)?.text ?? "";
  return /^stopped$|^stopped: .*, where it was busy|as asked| asked for on /.test(last);
}

export class ClusterJudge {
  readonly #takeover: TakeoverJudge;

  constructor(time: VirtualTime, waits: Waits) {
    this.#takeover = new TakeoverJudge(primary, time, waits);
  }

  look(cluster: Cluster): void {
    judgeOwners(cluster);
    judgeVisitors(cluster);
    this.#takeover.look(cluster);
    judgeReplicas(cluster);
  }

  /** After healing and rest: one view, the same table everywhere, nothing half done. */
  finish(cluster: Cluster): void {
    const table = tableAtRest(cluster);
    for (const record of table.snapshot().services) {
      judgeRecordAtRest(cluster, record);
      if (record.state === "stopped" && !wasStoppedByUser(table, record.name)) {
        throw new Violation(`liveness: ${record.name} is stopped`);
      }
    }
  }
}
