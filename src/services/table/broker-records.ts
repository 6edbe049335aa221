/**
 * What the replicated table remembers of brokers: what each node has said last of its own, and the
 * last member list of a primary, by which a stale backup is told from a good one.
 * Tested in: test/services/broker-promotion.test.ts
 * SIGHT1  Only a primary's own list is kept: that of a backup may be of the past. A second primary
 *     does not replace the list of the first one; when one of them ends, that of the other counts.
 *     Nor does one that is recovering: it waits for the backups of the primary before it, and has
 *     acknowledged nothing that these lack.
 * SIGHT2  What was seen in this history counts more than what a node has stored: its clock may have
 *     been wrong.
 */
import { type BrokerSight, brokerSight } from "../../brokers/broker-sight.ts";
import { isPrimaryState } from "../../brokers/broker-state.ts";
import { memberList } from "../../brokers/broker-status.ts";
import { compareIds, type NodeId } from "../../model/ids.ts";
import {
  count,
  flag,
  list,
  nodeId,
  nullable,
  record,
  type Shaped,
  serviceName,
} from "../../model/shape.ts";

const lastPrimary = record({
  node: nodeId,
  /** Null: no active primary has sent one in this history. */
  members: nullable(memberList),
  /** No list of that broker has shown a backup as ready, and it has answered ever since. */
  alone: flag,
  /** It is known to have ended since: what its node runs now was not promoted. */
  ended: flag,
});

/** Which node's broker became primary last, as far as a node remembers. */
export const lastPromotion = record({
  node: nodeId,
  /** When, by the clock of that node; milliseconds since 1970. */
  at: count,
});
export type LastPromotion = Shaped<typeof lastPromotion>;

/** A broker that held nothing was promoted, although there had been a primary. */
const freshStart = record({
  node: nodeId,
  /** Milliseconds since 1970, as of `LastPromotion`. */
  at: count,
  before: lastPromotion,
});
export type FreshStart = Shaped<typeof freshStart>;

/** No broker can be promoted, and none becomes able to by itself. */
const standstill = record({
  /** Table time (ms). */
  since: count,
  /** The restarts that are to end it: since when, and as in standstill.ts; null: none go on. */
  restarts: nullable(
    record({
      at: count,
      fromOp: count,
      last: nullable(record({ node: nodeId, fromOp: count })),
    }),
  ),
});

export const brokerRecords = record({
  /** Of nodes that have said something in their present life, by id. */
  sights: list(record({ node: nodeId, sight: brokerSight })),
  primary: nullable(lastPrimary),
  /** Also of histories before this one: its store is the newest after a start of the cluster. */
  promoted: nullable(lastPromotion),
  /** The last time that all messages in memory were lost; null: not in this history. */
  freshStart: nullable(freshStart),
  /** Some broker has answered its node in this history. */
  answered: flag,
  /** Table time (ms) since when a start waits for brokers to come; null: none waits. */
  waitingSince: nullable(count),
  standstill: nullable(standstill),
  /** Brokers were restarted because of a standstill since there was a primary. */
  restartedOnce: flag,
  /** Services that a user has placed where they are, and no better node has become ready since. */
  placed: list(serviceName),
});
export type BrokerRecords = Shaped<typeof brokerRecords>;

export const noBrokers: BrokerRecords = {
  sights: [],
  primary: null,
  promoted: null,
  freshStart: null,
  answered: false,
  waitingSince: null,
  standstill: null,
  restartedOnce: false,
  placed: [],
};

/** What the node has said last; null: nothing in its present life. */
export function reportedSight({ sights }: BrokerRecords, node: NodeId): BrokerSight | null {
  return sights.find((one) => one.node === node)?.sight ?? null;
}

/** Of two memories the later one counts; none does after a promotion in this history (SIGHT2). */
export function withMemory(records: BrokerRecords, memory: LastPromotion | null): BrokerRecords {
  const { primary, promoted } = records;
  if (memory === null || primary !== null) return records;
  const later = promoted === null || memory.at > promoted.at;
  return later ? { ...records, promoted: memory } : records;
}

/** The node says what it sees of its broker; `at`: when. */
export function withSight(
  records: BrokerRecords,
  node: NodeId,
  { sight, at }: { readonly sight: BrokerSight; readonly at: number },
): BrokerRecords {
  const rest = records.sights.filter((one) => one.node !== node);
  const sights = [...rest, { node, sight }].toSorted((a, b) => compareIds(a.node, b.node));
  const seen = { ...records, sights };
  if (sight.type === "gone") return primaryEnded(seen, node);
  if (sight.type !== "answers") return sight.type === "silent" ? unheard(seen, node) : seen;
  const { state, members } = sight;
  const cold = state === "joining" || state === "standalone";
  const waitingSince = cold ? records.waitingSince : null;
  if (!isPrimaryState(state)) return { ...seen, answered: true, waitingSince };
  const { primary: before, promoted: known } = records;
  const lives = before !== null && !before.ended;
  const others = lives && before.node !== node && primaryOn(records, before.node) !== null;
  if (others) return { ...seen, answered: true, waitingSince };
  const again = lives && before.node === node && known?.node === node;
  const promoted = again ? known : { node, at };
  const decisive = state === "active" ? members : (before?.members ?? null);
  const alone = state === "active" ? wasAlone(before, sight) : (before?.alone ?? false);
  const primary = { node, members: decisive, alone, ended: false };
  const fresh = !again && known !== null && wasJoining(records, node);
  const freshStart = fresh ? { node, at, before: known } : records.freshStart;
  const moves = { freshStart, waitingSince, standstill: null, restartedOnce: false };
  return { ...seen, primary, promoted, answered: true, ...moves };
}

function wasJoining(records: BrokerRecords, node: NodeId): boolean {
  const sight = reportedSight(records, node);
  return sight?.type === "answers" && sight.state === "joining";
}

/** Whether no list of this broker has shown a backup as ready; `before`: what is recorded. */
function wasAlone(
  before: BrokerRecords["primary"],
  { systemId, members }: Extract<BrokerSight, { readonly type: "answers" }>,
): boolean {
  if (members.some((one) => one.systemId !== systemId && one.state === "ready")) return false;
  const known = before?.members?.some((one) => {
    return one.systemId === systemId && isPrimaryState(one.state);
  });
  return known !== true || before?.alone === true;
}

/** What the primary lists while it does not answer is not known. */
function unheard(records: BrokerRecords, node: NodeId): BrokerRecords {
  const { primary } = records;
  if (primary === null || primary.node !== node || primary.ended) return records;
  return { ...records, primary: { ...primary, alone: false } };
}

/** What the node has said last of its broker, if that is a primary. */
function primaryOn(
  records: BrokerRecords,
  node: NodeId,
): Extract<BrokerSight, { readonly type: "answers" }> | null {
  const sight = reportedSight(records, node);
  return sight?.type === "answers" && isPrimaryState(sight.state) ? sight : null;
}

/** Another conf: only these nodes are left. */
export function ofNodes(records: BrokerRecords, nodes: ReadonlySet<NodeId>): BrokerRecords {
  const last = records.standstill?.restarts?.last ?? null;
  const kept = <One extends { readonly node: NodeId }>(one: One | null): One | null =>
    one !== null && nodes.has(one.node) ? one : null;
  return {
    ...records,
    sights: records.sights.filter(({ node }) => nodes.has(node)),
    primary: kept(records.primary),
    promoted: kept(records.promoted),
    freshStart: kept(records.freshStart?.before ?? null) === null ? null : kept(records.freshStart),
    standstill: last !== null && kept(last) === null ? null : records.standstill,
  };
}

/** The node has a new life: what it said before is void. */
export function withoutSight(records: BrokerRecords, node: NodeId): BrokerRecords {
  return { ...records, sights: records.sights.filter((one) => one.node !== node) };
}

/** No broker that was promoted runs on the node any more. */
export function primaryEnded(records: BrokerRecords, node: NodeId): BrokerRecords {
  const { primary, sights } = records;
  if (primary === null || primary.node !== node || primary.ended) return records;
  for (const { node: other } of sights) {
    const sight = other === node ? null : primaryOn(records, other);
    if (sight === null) continue;
    const members = sight.state === "active" ? sight.members : primary.members;
    return { ...records, primary: { node: other, members, alone: false, ended: false } };
  }
  return { ...records, primary: { ...primary, ended: true } };
}

/** The promoting service has stopped on the node, which has seen that no primary is left there. */
export function withoutPrimary(records: BrokerRecords, node: NodeId): BrokerRecords {
  const ended = primaryEnded(records, node);
  if (primaryOn(records, node) === null) return ended;
  return withSight(ended, node, { sight: { type: "gone" }, at: 0 });
}
