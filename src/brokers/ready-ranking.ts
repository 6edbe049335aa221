/**
 * The order of ready brokers for a promotion. All backups that were connected to the primary when
 * it died hold every acknowledged message, so any of them will do; but a backup that was cut off or
 * frozen before says that it is ready, too, and must not be taken.
 * Source: qpid-cpp ha/Membership.cpp, ha/Primary.cpp: removeReplica, ha/QueueGuard.
 * READY1  A broker that the last list of a primary does not show as ready is stale.
 * READY2  Without such a list, a broker that another ready one does not list as ready is stale. Two
 *     that do not list each other are both stale: nobody can tell which of them was left out.
 * READY3  With such a list, a broker is stale, too, if one that it lists as ready does not list it:
 *     the primary may have left it out in the instant before its node was lost.
 * READY4  If no list of that primary has shown a ready backup, a broker is good whose own list
 *     shows that primary, and itself as ready: it has become ready since the last list. It cannot
 *     have been cut off meanwhile: the primary would have listed it as ready until their heartbeat
 *     had ended, and its node would have told that list.
 */
import type { NodeId } from "../model/ids.ts";
import type { BrokerSight, PromotionInput, SeenBroker } from "./broker-sight.ts";
import { isPrimaryState } from "./broker-state.ts";
import type { BrokerMember, BrokerSystemId } from "./broker-status.ts";

export type RankedBroker = {
  readonly node: NodeId;
  /** It may lack acknowledged messages. */
  readonly stale: boolean;
  readonly reason: string;
};

export type ReadyBroker = SeenBroker & {
  readonly sight: Extract<BrokerSight, { type: "answers" }>;
};

type Judged = {
  readonly broker: ReadyBroker;
  readonly stale: boolean;
  readonly why: string;
};

/** The best first, the stale ones last. */
export function rankReady(
  input: PromotionInput,
  ready: readonly ReadyBroker[],
): readonly RankedBroker[] {
  const judged = ready
    .map((broker) => ({ broker, ...staleness(input, broker, ready) }))
    .sort(better);
  return judged.map((one, index) => {
    const before = judged[index - 1];
    const reason = before === undefined ? one.why : `${one.why}; after ${against(before, one)}`;
    return { node: one.broker.node, stale: one.stale, reason };
  });
}

function staleness(
  { record, recordAlone }: Pick<PromotionInput, "record" | "recordAlone">,
  { sight }: ReadyBroker,
  ready: readonly ReadyBroker[],
): { readonly stale: boolean; readonly why: string } {
  if (record !== null) {
    const listed = stateIn(record, sight.systemId);
    const came = recordAlone && hasComeTo(record, sight);
    if (listed !== "ready" && !came) {
      return { stale: true, why: `the last list of the primary ${shows(listed)}` };
    }
    const newer = ready.find((other) => leavesOut(other.sight, sight));
    if (newer === undefined) {
      const last = "the last list of the primary";
      return { stale: false, why: came ? `it came after ${last}` : `${last} shows it as ready` };
    }
    const omitted = stateIn(newer.sight.members, sight.systemId);
    return { stale: true, why: `the list of ${newer.name}, which is newer, ${shows(omitted)}` };
  }
  for (const other of ready) {
    if (other.sight.systemId === sight.systemId) continue;
    const listed = stateIn(other.sight.members, sight.systemId);
    if (listed !== "ready")
      return { stale: true, why: `the list of ${other.name} ${shows(listed)}` };
  }
  const why = ready.length > 1 ? "all ready brokers list it as ready" : "no other broker is ready";
  return { stale: false, why };
}

/** READY4 */
function hasComeTo(
  record: readonly BrokerMember[],
  { systemId, members }: ReadyBroker["sight"],
): boolean {
  const primary = record.find(({ state }) => isPrimaryState(state));
  const listed = primary === undefined ? null : stateIn(members, primary.systemId);
  return listed !== null && isPrimaryState(listed) && stateIn(members, systemId) === "ready";
}

/** READY3: the one knows of a change that the other has missed. */
function leavesOut(one: ReadyBroker["sight"], other: ReadyBroker["sight"]): boolean {
  return (
    stateIn(one.members, other.systemId) !== "ready" &&
    stateIn(other.members, one.systemId) === "ready"
  );
}

function stateIn(
  members: readonly BrokerMember[],
  id: BrokerSystemId,
): BrokerMember["state"] | null {
  return members.find(({ systemId }) => systemId === id)?.state ?? null;
}

function shows(listed: BrokerMember["state"] | null): string {
  return listed === null ? "does not have it" : `shows it as ${listed}`;
}

function better(a: Judged, b: Judged): number {
  return (
    Number(a.stale) - Number(b.stale) ||
    b.broker.sight.depth - a.broker.sight.depth ||
    a.broker.preference - b.broker.preference ||
    a.broker.node - b.broker.node
  );
}

/** Why the second comes after the first. */
function against(first: Judged, second: Judged): string {
  const [one, other] = [first.broker, second.broker];
  if (first.stale !== second.stale) return `${one.name}, which is not stale`;
  if (one.sight.depth !== other.sight.depth) {
    return `${one.name}, which holds more messages (${one.sight.depth}, not ${other.sight.depth})`;
  }
  if (one.preference !== other.preference) return `${one.name} by the failover domain`;
  return `${one.name} by node id`;
}
