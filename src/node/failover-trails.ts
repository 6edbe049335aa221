/**
 * Follows each service from the moment at which it is lost, or is to be stopped, until it is
 * started again, and says how long each part of that took. Nothing is decided by it.
 * Every member follows all services, and measures with its own clock what it sees: when the ring
 * was given up, when what was ordered is applied here. Of its own starts it also knows the parts.
 * Source: none in rgmanager, whose log has the times of the single steps.
 * TRAIL1  What began before this node took part in the history is not measured.
 * TRAIL2  A trail ends without a failover when a user stops or starts the service meanwhile, when
 *     the service was never stopped, or when it becomes failed or disabled.
 *
 *   lost:    detected, ring, off ──► wait ──► start ──► started: the failover is told
 *   stopped: stop ─────────────────► wait ──► start ──failed──► stop, and on
 *   A wait of no length is left out. When the owner is lost in any phase, `off` follows.
 */

import type { ClusterConf } from "../model/conf.ts";
import type {
  Failover,
  FailoverKind,
  FailoverPhase,
  OffProof,
  StartPart,
} from "../model/failover-times.ts";
import type { NodeId, ServiceName } from "../model/ids.ts";
import { isToRest, type Operation, type ServiceRecord } from "../services/table/service-state.ts";
import type { ServiceTable } from "../services/table/service-table.ts";
import type { AwaitedHolder, TableProgress } from "../services/table/table-events.ts";

export type TrailInput =
  | Exclude<TableProgress, { readonly type: "moved-on" }>
  /** `waitsFor`: while it is stopped, the kind of what it waits for; null: it is not known. */
  | (Extract<TableProgress, { readonly type: "moved-on" }> & { readonly waitsFor: string | null })
  /** The ring is given up. */
  | { readonly type: "suspended" }
  /** The next ring, and when this node accepted its last token on a ring with each node. */
  | { readonly type: "configured"; readonly heardMs: ReadonlyMap<NodeId, number> }
  /** This node begins the start with that number. */
  | { readonly type: "begun"; readonly op: number }
  /** That start has ended here. */
  | { readonly type: "ended"; readonly op: number; readonly parts: readonly StartPart[] };

type Table = Pick<ServiceTable, "conf" | "service">;

/** What this node knows of the start that is under way, if it is its own. */
type OwnStart = {
  readonly begunMs: number;
  readonly endedMs: number | null;
  readonly parts: readonly StartPart[];
};

/** A phase that has begun; null: it is not known when. */
type Begun = Pick<FailoverPhase, "phase" | "how"> & {
  readonly node: NodeId | null;
  readonly op: number | null;
  readonly beganMs: number | null;
  readonly own: OwnStart | null;
};

type Trail = {
  readonly kind: FailoverKind;
  readonly from: NodeId | null;
  readonly sinceMs: number | null;
  readonly past: readonly FailoverPhase[];
  readonly now: Begun;
};

export class FailoverTrails {
  #table: Table | null = null;
  /** The present table was taken over, and no membership has been applied to it yet. */
  #new = false;
  readonly #trails = new Map<ServiceName, Trail>();
  /** When the last ring that the table knows was given up; null: it goes on, or it is not known. */
  #suspendedMs: number | null = null;
  #heardMs: ReadonlyMap<NodeId, number> = new Map();

  /** Every other table is that of another history, or one that was taken over (TRAIL1). */
  follow(table: Table | null): void {
    if (table === this.#table) return;
    this.#table = table;
    this.#new = true;
    this.#trails.clear();
    for (const { name } of table?.conf.services.services ?? []) {
      const record = table?.service(name) ?? null;
      if (record !== null) this.#find(record);
    }
  }

  /** Another conf is in force. */
  forgetAllBut({ services }: ClusterConf): void {
    const names = new Set(services.services.map(({ name }) => name));
    for (const name of [...this.#trails.keys()]) if (!names.has(name)) this.#trails.delete(name);
  }

  /** Whether a failover of the service is under way. */
  follows(service: ServiceName): boolean {
    return this.#trails.has(service);
  }

  /** `nowMs`: the monotonic clock. Returns the failover that has ended, if one has. */
  step(input: TrailInput, nowMs: number): Failover | null {
    switch (input.type) {
      case "suspended":
        this.#suspendedMs ??= nowMs;
        return null;
      case "configured":
        this.#heardMs = input.heardMs;
        return null;
      case "awaited":
        for (const holder of input.holders) this.#onAwaited(holder, nowMs);
        this.#new = false;
        this.#suspendedMs = null;
        return null;
      case "off":
        this.#onOff(input);
        return null;
      case "begun":
        this.#onOwn(input.op, () => ({ begunMs: nowMs, endedMs: null, parts: [] }));
        return null;
      case "ended":
        this.#onOwn(input.op, (own) => {
          return own === null ? null : { ...own, endedMs: nowMs, parts: input.parts };
        });
        return null;
      case "moved-on":
        return this.#onRecord(input.record, input.waitsFor, nowMs);
    }
  }

  /** A service of a table that was taken over: an operation may be under way. */
  #find(record: ServiceRecord): void {
    const { op, lastOwner } = record;
    if (op === null || isToRest(record)) return;
    const kind = op.kind === "start" ? kindOfChain(op) : kindOfStop(op);
    if (kind === null) return;
    const from = op.kind === "start" ? lastOwner : op.node;
    const now = { ...begun(op, null), beganMs: null };
    this.#trails.set(record.name, { kind, from, sinceMs: null, past: [], now });
  }

  #onAwaited({ node, services, before }: AwaitedHolder, nowMs: number): void {
    const off = { phase: "off", how: "", node, op: null, beganMs: nowMs, own: null } as const;
    const unseen = before || this.#new;
    for (const name of services) {
      const trail = this.#trails.get(name);
      if (trail === undefined) {
        const first = unseen ? null : this.#lossOf(node, nowMs);
        const now = unseen ? { ...off, beganMs: null } : off;
        const { sinceMs = null, past = [] } = first ?? {};
        this.#trails.set(name, { kind: "node-lost", from: node, sinceMs, past, now });
      } else if (trail.now.phase !== "off" || trail.now.node !== node) {
        this.#trails.set(name, passed(trail, off, nowMs));
      }
    }
  }

  /** What preceded the membership without the node. */
  #lossOf(node: NodeId, nowMs: number): Pick<Trail, "past"> & { readonly sinceMs: number } {
    const suspendedMs = Math.min(this.#suspendedMs ?? nowMs, nowMs);
    const heardMs = Math.min(this.#heardMs.get(node) ?? suspendedMs, suspendedMs);
    const from = { sinceMs: heardMs, beganMs: heardMs, node, how: "", parts: [] };
    const detected = phaseOf({ ...from, phase: "detected" }, suspendedMs);
    const ring = phaseOf({ ...from, phase: "ring", beganMs: suspendedMs }, nowMs);
    const known = [
      ...(this.#heardMs.has(node) ? [detected] : []),
      ...(this.#suspendedMs === null ? [] : [ring]),
    ];
    return { sinceMs: heardMs, past: known };
  }

  #onOff(off: { node: NodeId; services: readonly ServiceName[] | null; how: OffProof }): void {
    const { node, services, how } = off;
    for (const [name, trail] of this.#trails) {
      if (trail.now.phase !== "off" || trail.now.node !== node) continue;
      if (services !== null && !services.includes(name)) continue;
      this.#trails.set(name, { ...trail, now: { ...trail.now, how } });
    }
  }

  #onOwn(op: number, change: (own: OwnStart | null) => OwnStart | null): void {
    for (const [name, trail] of this.#trails) {
      if (trail.now.phase !== "start" || trail.now.op !== op) continue;
      this.#trails.set(name, { ...trail, now: { ...trail.now, own: change(trail.now.own) } });
    }
  }

  #onRecord(record: ServiceRecord, waitsFor: string | null, nowMs: number): Failover | null {
    const { name, op, state, owner } = record;
    const trail = this.#trails.get(name);
    if (trail === undefined) {
      this.#open(record, nowMs);
      return null;
    }
    if (op?.kind === "repair" || (op !== null && op.id === trail.now.op)) {
      if (isToRest(record)) this.#trails.delete(name);
      return null;
    }
    const started = state === "started" && trail.now.phase === "start" && owner !== null;
    if (started) {
      this.#trails.delete(name);
      return concluded(name, trail, { to: owner, nowMs });
    }
    const byUser = op?.kind === "start" && op.chain.cause === "enable";
    if (isToRest(record) || byUser || (op === null && state !== "stopped")) {
      this.#trails.delete(name);
    } else {
      const next = op === null ? waiting(waitsFor, nowMs) : begun(op, nowMs);
      this.#trails.set(name, passed(trail, next, nowMs));
    }
    return null;
  }

  #open(record: ServiceRecord, nowMs: number): void {
    const { op, name } = record;
    if (op?.kind !== "stop" || isToRest(record)) return;
    // A first start has failed: the service has not run yet.
    if (op.goal.type === "next" && record.state === "recoverable") return;
    const kind = kindOfStop(op);
    if (kind === null) return;
    const now = begun(op, nowMs);
    this.#trails.set(name, { kind, from: op.node, sinceMs: nowMs, past: [], now });
  }
}

/** Null: the service was not running before, or it is stopped for another conf. */
function kindOfStop(op: Operation): FailoverKind | null {
  if (op.kind !== "stop") return null;
  switch (op.goal.type) {
    case "recover":
      return "recover";
    case "exit":
      return "node-left";
    case "wait":
      return "dependency";
    case "next":
    case "restart":
      return kindOfChain(op);
    default:
      return null;
  }
}

const kindOfCause: Readonly<Record<Operation["chain"]["cause"], FailoverKind | null>> = {
  evaluation: null,
  enable: null,
  relocate: "relocate",
  restart: "restart",
  recovery: "recover",
  failback: "failback",
};

function kindOfChain({ chain }: Operation): FailoverKind | null {
  return kindOfCause[chain.cause];
}

function begun<Ms extends number | null>(op: Operation, beganMs: Ms): Begun {
  const phase = op.kind === "start" ? "start" : "stop";
  return { phase, how: "", node: op.node, op: op.id, beganMs, own: null };
}

function waiting(how: string | null, beganMs: number): Begun {
  return { phase: "wait", how: how ?? "", node: null, op: null, beganMs, own: null };
}

/** The trail goes on with another phase; a start that is not the last one has failed. */
function passed(trail: Trail, next: Begun, nowMs: number): Trail {
  const { now } = trail;
  const last = now.phase === "start" ? { ...now, how: "failed" } : now;
  return { ...trail, past: [...trail.past, ...ended(trail, last, nowMs)], now: next };
}

/** Nothing, if it is not known when the phase began, or for a wait that was none. */
function ended({ sinceMs }: Trail, now: Begun, nowMs: number): readonly FailoverPhase[] {
  const { beganMs, phase, how, node, own } = now;
  if (beganMs === null) return [];
  const parts = own === null ? [] : partsOf(own, beganMs, nowMs);
  const whole = phaseOf({ sinceMs, beganMs, phase, how, node, parts }, nowMs);
  return phase === "wait" && whole.ms === 0 ? [] : [whole];
}

function partsOf(
  { begunMs, endedMs, parts }: OwnStart,
  orderedMs: number,
  nowMs: number,
): readonly StartPart[] {
  const queue = { part: "queue", ms: Math.round(begunMs - orderedMs) };
  const agreed = endedMs === null ? [] : [{ part: "agreed", ms: Math.round(nowMs - endedMs) }];
  return [queue, ...parts, ...agreed];
}

/** Instants are rounded, not durations, so that the phases add up to the total. */
function phaseOf(
  {
    sinceMs,
    beganMs,
    node,
    ...rest
  }: Omit<FailoverPhase, "ms" | "node"> & {
    readonly sinceMs: number | null;
    readonly beganMs: number;
    readonly node: NodeId | null;
  },
  endMs: number,
): FailoverPhase {
  const from = sinceMs ?? beganMs;
  return { ...rest, node: node ?? 0, ms: Math.round(endMs - from) - Math.round(beganMs - from) };
}

function concluded(
  service: ServiceName,
  trail: Trail,
  { to, nowMs }: { readonly to: NodeId; readonly nowMs: number },
): Failover {
  const { kind, from, sinceMs, past } = trail;
  const phases = [...past, ...ended(trail, trail.now, nowMs)];
  const totalMs = sinceMs === null ? null : Math.round(nowMs - sinceMs);
  return { service, kind, from: from ?? 0, to, totalMs, phases };
}
