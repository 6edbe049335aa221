/**
 * How long one failover of a service took, and which parts of it: the figures, and their line for
 * the log and for `clustat-ts --why`.
 * FAILOVER1  Every duration is measured on the monotonic clock of one node. What that node has not
 *     seen is left out, and so is the total where it has not seen the beginning.
 */

/** Why a service was stopped, or lost, and started again. */
export const failoverKinds = [
  /** The ring has lost its node. */
  "node-lost",
  /** Its node has left in an orderly way. */
  "node-left",
  /** A check failed. */
  "recover",
  /** An operator has asked for it; brokers that stand still are restarted without. */
  "relocate",
  "restart",
  /** A better node became ready. */
  "failback",
  /** The service on which it depends was stopped. */
  "dependency",
] as const;
export type FailoverKind = (typeof failoverKinds)[number];

export const failoverPhases = [
  /** From the last token on a ring with the lost node until this node gave that ring up. */
  "detected",
  /** Until the members of the next ring had agreed on their state. */
  "ring",
  /** Until the lost node was known to run nothing. */
  "off",
  /** From the order to stop until all members knew that it had stopped. */
  "stop",
  /** No node could start it. */
  "wait",
  /** From the order to start until all members knew that it had started, or had failed to. */
  "start",
] as const;
type PhaseName = (typeof failoverPhases)[number];

/** How a lost node was known to be off: the words of the fence domain, or its own. */
export type OffProof =
  | "agent"
  | "self"
  | "override"
  | "external"
  | "certificate"
  /** It is back, and has verified that it runs nothing. */
  | "clean"
  | "left";

/** A part of a start on the node that reports it. */
export type StartPart = {
  /**
   * `queue`: until the first resource was begun; `address`; `promoted`: what promotes a broker;
   * `agreed`: from the end of the start until all members knew of it; or the type of a resource.
   */
  readonly part: string;
  readonly ms: number;
};

export type FailoverPhase = {
  readonly phase: PhaseName;
  readonly ms: number;
  /** The node that was stopped, started or lost; 0 for a wait. */
  readonly node: number;
  /** `off`: an `OffProof`; `wait`: what for; `start`: `failed`; empty: there is nothing to say. */
  readonly how: string;
  /** Of a start on the node that reports it, in order; empty elsewhere. */
  readonly parts: readonly StartPart[];
};

export type Failover = {
  readonly service: string;
  readonly kind: FailoverKind;
  /** Node ids; `from` is 0 where it is not known. */
  readonly from: number;
  readonly to: number;
  /** Null: the beginning was not seen. */
  readonly totalMs: number | null;
  readonly phases: readonly FailoverPhase[];
};

/** `node1 -> node2 in 520 ms (node-lost): detected 205, ring 12, off 3 (self), start 300`. */
export function failoverWords(
  { kind, from, to, totalMs, phases }: Omit<Failover, "service">,
  nameOf: (node: number) => string,
): string {
  const origin = from === 0 ? "unknown" : nameOf(from);
  const took = totalMs === null ? "" : ` in ${totalMs} ms`;
  const unseen = totalMs === null ? "; its beginning was not seen here" : "";
  const words = phases.map((phase) => phaseWords(phase, nameOf)).join(", ");
  const spent = words === "" ? "" : `: ${words}`;
  return `${origin} -> ${nameOf(to)}${took} (${kind})${spent}${unseen}`;
}

function phaseWords(
  { phase, ms, node, how, parts }: FailoverPhase,
  nameOf: (node: number) => string,
): string {
  const failed = phase === "start" && how !== "" ? `${how} on ${nameOf(node)}` : how;
  const said = [...(failed === "" ? [] : [failed]), ...parts.map((one) => `${one.part} ${one.ms}`)];
  return `${phase} ${ms}${said.length === 0 ? "" : ` (${said.join(", ")})`}`;
}
