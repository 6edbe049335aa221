/**
 * The failovers that this node has seen: keeps the last ones of each service, and of those that
 * ended on this node writes one line each and counts how long they and their parts took. So each
 * failover is counted once in the cluster.
 * KEPT1  What is kept is bounded: ten failovers of each service that is configured.
 */
import type { Clock, LogSink } from "../io/ports.ts";
import type { ClusterConf } from "../model/conf.ts";
import {
  type Failover,
  failoverPhases,
  failoverWords,
  type StartPart,
} from "../model/failover-times.ts";
import { counted, type Histogram } from "../model/histogram.ts";
import type { FailoverCounts, PastFailover } from "../model/status.ts";

export type FailoverLogParts = {
  readonly self: number;
  /** The conf now. */
  readonly conf: () => ClusterConf;
  readonly clock: Pick<Clock, "wallMs">;
  readonly log: LogSink;
};

const keptMax = 10;

export class FailoverLog {
  readonly #parts: FailoverLogParts;
  readonly #past = new Map<string, readonly PastFailover[]>();
  readonly #byKind = new Map<string, Histogram>();
  readonly #byPart = new Map<string, Histogram>();

  constructor(parts: FailoverLogParts) {
    this.#parts = parts;
  }

  /** A failover has ended, here or on another member. */
  note(failover: Failover): void {
    const { self, clock, log } = this.#parts;
    const { nodes, services } = this.#parts.conf();
    const { service, ...rest } = failover;
    const past = { at: Math.floor(clock.wallMs() / 1000), ...rest };
    this.#past.set(service, [...this.of(service), past].slice(-keptMax));
    const configured = new Set<string>(services.services.map(({ name }) => name));
    for (const name of [...this.#past.keys()]) if (!configured.has(name)) this.#past.delete(name);
    if (failover.to !== self) return;
    const nameOf = (node: number) => nodes.find(({ id }) => id === node)?.name ?? `node ${node}`;
    const text = `${service} failover ${failoverWords(failover, nameOf)}`;
    log.write("services", "info", { text, fields: { failover } });
    this.#count(failover);
  }

  /** Of one service, oldest first. */
  of(service: string): readonly PastFailover[] {
    return this.#past.get(service) ?? [];
  }

  /** Of those that ended on this node, since the daemon started. */
  get counts(): FailoverCounts {
    const listed = (histograms: ReadonlyMap<string, Histogram>) =>
      [...histograms].map(([name, histogram]) => ({ name, ...histogram }));
    return { kinds: listed(this.#byKind), parts: listed(this.#byPart) };
  }

  #count({ kind, totalMs, phases }: Failover): void {
    if (totalMs !== null) this.#byKind.set(kind, counted(this.#byKind.get(kind), totalMs));
    for (const phase of failoverPhases) {
      const of = phases.filter((one) => one.phase === phase).map(({ ms }) => ms);
      if (of.length > 0) this.#countPart(phase, of);
    }
    const parts = phases.flatMap((phase) => phase.parts);
    for (const name of countedParts) {
      const of = parts.filter((part) => countedPart(part) === name).map(({ ms }) => ms);
      if (of.length > 0) this.#countPart(name, of);
    }
  }

  #countPart(name: string, tookMs: readonly number[]): void {
    const sumMs = tookMs.reduce((sum, ms) => sum + ms, 0);
    this.#byPart.set(name, counted(this.#byPart.get(name), sumMs));
  }
}

/** The types of resources are counted as one, so that the number of metrics is bounded. */
const countedParts = ["queue", "address", "promoted", "resources", "agreed"] as const;

function countedPart({ part }: StartPart): (typeof countedParts)[number] {
  return countedParts.find((name) => name === part) ?? "resources";
}
