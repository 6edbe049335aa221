/**
 * The state exchange after a change of the membership: whose history goes on, which members must
 * take a new life, and which one sends the snapshot.
 * A pure function of the members' summaries; every member computes the same answer.
 * Source: cluster fence/fenced/cpg.c: receive_protocol (stateful merge); corosync sync.c.
 * SYNC1  A member whose history differs from the winner's must give it up and stop everything.
 * SYNC2  A member with another conf is refused and is told why. But if the cluster's is a
 *     later version of its own, it is accepted and gets that conf with the snapshot.
 */
import type { NodeId } from "../../model/ids.ts";
import { doubtfulRing, quorateMembership } from "../../model/quorate-membership.ts";
import {
  count,
  flag,
  list,
  literal,
  nodeId,
  nullable,
  number,
  record,
  type Shaped,
  text,
  unknown,
} from "../../model/shape.ts";

/** Identity of a replicated history: last quorate ring, number of messages, and their digest. */
const history = record({
  ringSeq: count,
  version: count,
  digest: text,
  /**
   * The last quorate ring in which a service may have worked that makes bound services of nodes
   * outside of that ring stale; null: unknown.
   */
  workedIn: nullable(count),
});
export type History = Shaped<typeof history>;

/** A history that begins in the ring `ringSeq`. */
export function freshHistory(ringSeq: number, workedIn: number | null): History {
  return { ringSeq, version: 0, digest: "", workedIn };
}

const ringId = record({ rep: nodeId, seq: count });

/** A member's summary: its first ordered message in a new ring. */
export const hello = record({
  type: literal("hello"),
  ring: ringId,
  node: nodeId,
  life: count,
  cluster: text,
  configVersion: count,
  configHash: text,
  /** Digest of the values of cluster.conf that cannot change while the cluster runs. */
  configFixed: text,
  /** Null: this member has no history, or has given it up. */
  history: nullable(history),
  votes: count,
  quorum: count,
  expected: count,
  waitsForAll: flag,
  quorate: flag,
  last: nullable(quorateMembership),
  /** The rings after `last` of which this member cannot say what it has received. */
  doubts: list(doubtfulRing),
  /** This member may have a watchdog, which ends its services later than its guard would. */
  watchdog: flag,
  /**
   * How long this member has waited for the end of the node's services since it last accepted a
   * token on a ring with it, in ms; negative where a watchdog needs longer.
   */
  silent: list(record({ node: nodeId, ms: number })),
  /** Identifies the kernel and the namespaces of this member. */
  machine: text,
  /**
   * The same wait for each machine that had the id of a node on a ring with this member. `stored`:
   * in a life before this one.
   */
  machines: list(record({ node: nodeId, machine: text, ms: number, stored: flag })),
});
export type Hello = Shaped<typeof hello>;

/** The state that the authority sends to members that lack it. */
export const snapshot = record({
  type: literal("snapshot"),
  ring: ringId,
  history,
  /** The conf of this history. */
  configuration: record({ version: count, hash: text, text }),
  table: unknown,
  fence: unknown,
});

export type ExchangeResult = {
  /** Members with the reference conf, or an older version of it, ascending. */
  readonly accepted: readonly NodeId[];
  /** The other members, with what differs. */
  readonly refused: readonly { readonly node: NodeId; readonly why: string }[];
  /** The history that goes on; null: no member has one, and a new one begins. */
  readonly winner: History | null;
  /**
   * The member that sends the snapshot if another one needs it, or needs only the conf.
   */
  readonly authority: NodeId | null;
  /** Accepted members whose history is the winner's. */
  readonly continuing: readonly NodeId[];
  readonly snapshotNeeded: boolean;
};

/** Concludes an exchange in which every member's summary was delivered. */
export function concludeExchange(hellos: readonly Hello[]): ExchangeResult {
  const reference = referenceConfiguration(hellos);
  const accepted = hellos.filter((one) => agrees(one, reference));
  const refused = hellos
    .filter((one) => !agrees(one, reference))
    .map((one) => ({ node: one.node, why: refusal(one, reference) }));
  const winner = chooseHistory(accepted);
  const continuing = accepted
    .filter((one) => winner !== null && one.history !== null && sameHistory(one.history, winner))
    .map((one) => one.node)
    .toSorted((a, b) => a - b);
  const holders = accepted
    .filter((one) => configurationOf(one) === reference.text)
    .map((one) => one.node)
    .toSorted((a, b) => a - b);
  const informed = winner === null ? holders : continuing;
  const snapshotNeeded = informed.length < accepted.length;
  return {
    accepted: accepted.map((one) => one.node).toSorted((a, b) => a - b),
    refused,
    winner,
    authority: winner !== null || snapshotNeeded ? (informed[0] ?? null) : null,
    continuing,
    snapshotNeeded,
  };
}

function configurationOf(one: Hello): string {
  return `${one.cluster} version ${one.configVersion} (${one.configHash.slice(0, 12)})`;
}

type Reference = {
  readonly text: string;
  /** A member that has it; null: there are no members. */
  readonly holder: Hello | null;
};

/** Whether a member has the reference conf, or an older version that can change to it. */
function agrees(one: Hello, { text: wanted, holder }: Reference): boolean {
  if (configurationOf(one) === wanted) return true;
  if (holder === null || one.cluster !== holder.cluster) return false;
  return one.configFixed === holder.configFixed && one.configVersion < holder.configVersion;
}

function refusal(one: Hello, { text: wanted, holder }: Reference): string {
  const differs = `configuration ${configurationOf(one)}, the others have ${wanted}`;
  const newer = holder !== null && one.configVersion > holder.configVersion;
  return newer ? `${differs}; a newer one is brought in by cman_tool-ts version -r` : differs;
}

/** That of the best history; without a history that of most members, then of the lowest id. */
function referenceConfiguration(hellos: readonly Hello[]): Reference {
  const best = chooseHistory(hellos);
  const byNode = hellos.toSorted((a, b) => a.node - b.node);
  const holder = byNode.find(
    (one) => best !== null && one.history !== null && sameHistory(one.history, best),
  );
  if (holder !== undefined) return { text: configurationOf(holder), holder };
  const ranked = hellos
    .map((one) => ({
      text: configurationOf(one),
      holder: one,
      node: one.node,
      votes: hellos.filter((other) => configurationOf(other) === configurationOf(one)).length,
    }))
    .toSorted((a, b) => b.votes - a.votes || a.node - b.node);
  return { text: ranked[0]?.text ?? "", holder: ranked[0]?.holder ?? null };
}

function sameHistory(a: History, b: History): boolean {
  return a.ringSeq === b.ringSeq && a.version === b.version && a.digest === b.digest;
}

/** The most recent quorate history; among equals that of most members, then of the lowest id. */
function chooseHistory(hellos: readonly Hello[]): History | null {
  const known = hellos.flatMap((one) =>
    one.history === null ? [] : [{ history: one.history, node: one.node }],
  );
  const holders = (wanted: History) =>
    known.filter((one) => sameHistory(one.history, wanted)).length;
  const ranked = known.toSorted(
    (a, b) =>
      b.history.ringSeq - a.history.ringSeq ||
      b.history.version - a.history.version ||
      holders(b.history) - holders(a.history) ||
      a.node - b.node,
  );
  return ranked[0]?.history ?? null;
}
