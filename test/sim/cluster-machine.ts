/** A machine of a simulated cluster, and the daemon on it. */

import type { FailoverLog } from "../../src/life/failover-log.ts";
import type { NodeLife } from "../../src/life/node-life.ts";
import type { OrderPerformer } from "../../src/life/order-performer.ts";
import type { Acceptance } from "../../src/model/acceptance.ts";
import {
  type NodeId,
  parseNodeId,
  parseServiceName,
  type ServiceName,
} from "../../src/model/ids.ts";
import type { Failure, Refusal, RequestOutcome } from "../../src/model/request-outcome.ts";
import type { KnownMachine } from "../../src/node/node-events.ts";
import type { VirtualWatchdog } from "../guard/virtual-watchdog.ts";
import type { VirtualGuard } from "./virtual-guard.ts";
import type { VirtualHost } from "./virtual-host.ts";
import type { VirtualProcess } from "./virtual-process.ts";
import type { Timeline } from "./virtual-time.ts";

export function id(value: number): NodeId {
  const parsed = parseNodeId(value);
  if (parsed === null) throw new Error(`node id ${value}`);
  return parsed;
}

export function service(name: string): ServiceName {
  const parsed = parseServiceName(name);
  if (parsed === null) throw new Error(`service ${name}`);
  return parsed;
}

/** Where the answer to an order appears. */
export type AnswerBox = { answer: Acceptance | null };
/** Null until the request is answered. */
export type ReplyBox = { reply: RequestOutcome | null };

/** The reason why it was not done, or `done`; null: there is no outcome yet. */
export function outcomeWord(outcome: RequestOutcome | null): "done" | Refusal | Failure | null {
  if (outcome === null) return null;
  return outcome.type === "done" ? "done" : outcome.why;
}

export type Machine = {
  readonly node: NodeId;
  readonly host: VirtualHost;
  readonly clock: Timeline;
  /** What the machine's wall clock adds to its other one. */
  wallOffsetMs: number;
  daemon: Daemon | null;
  /** How many lives of the node have begun on it. */
  lives: number;
  /** How the last daemon ended, and since when it could not have heard anything. */
  end: "none" | "crash" | "left" | "fenced" | "certified";
  silentAtMs: number;
  pausedAtMs: number;
  guard: VirtualGuard | null;
  readonly watchdog: VirtualWatchdog | null;
  /** How often its power went off: what ran on it then has not gone on. */
  powerCuts: number;
  /** The text of the configuration file. */
  file: string;
  /** Where it had the other nodes, and in which start of the machine. */
  memory: { readonly known: readonly KnownMachine[]; readonly powerCuts: number };
  /** When its power came on last, by its own clock. */
  poweredAtMs: number;
  readonly failovers: FailoverLog;
};

/** Wall clocks begin here: one that runs behind the others, or is set back, stays above zero. */
const wallStartMs = 1e9;

export const neverStarted = {
  wallOffsetMs: wallStartMs,
  daemon: null,
  lives: 0,
  end: "none",
  silentAtMs: 0,
  pausedAtMs: 0,
  guard: null,
  powerCuts: 0,
  memory: { known: [], powerCuts: 0 },
  poweredAtMs: 0,
} as const;

/** What a life that begins now knows of earlier ones: as io/files/machine-memory.ts says. */
export function rememberedBy({ memory, powerCuts, poweredAtMs, clock }: Machine) {
  const atMs = memory.powerCuts === powerCuts ? clock.nowMs : poweredAtMs;
  return memory.known.map((one) => ({ ...one, atMs }));
}

/** Its guard says that nothing is left. */
export function certify(machine: Machine): void {
  const left = machine.host.leftovers;
  const lives = machine.daemon === null ? [] : ["clusterd"];
  if (left.length + lives.length > 0) {
    throw new Error(`node ${machine.node} is certified with ${[...left, ...lives].join(", ")}`);
  }
  machine.end = "certified";
}

export function remember(machine: Machine, known: readonly KnownMachine[]): void {
  machine.memory = { known, powerCuts: machine.powerCuts };
}

export type Daemon = {
  life: NodeLife;
  readonly process: VirtualProcess;
  readonly performer: OrderPerformer;
  /** It was asked to end. */
  ending: boolean;
};
