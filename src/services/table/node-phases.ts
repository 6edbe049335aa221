/**
 * The phases of a node in the service table, and what becomes of the services when a node passes
 * from one phase to the next.
 * Source: rgmanager groups.c, main.c: membership_update.
 * Tested in: test/services/service-table.test.ts
 * T2  The services of a lost node change only when it is fenced or has proven itself clean.
 * T6  A node is unproven while it counts as off by a wait or by an operator's word only: until a
 *     device has switched it off, or its clean-up has verified that it runs nothing.
 *
 *   absent ──member──► joined ──ready──► ready ──leaving──► leaving ──left──► absent
 *                      └─ready, not unfenced─► clean ──unfenced──► ready
 *                                              clean ──leaving──► leaving
 *   every phase but absent ──not a member──► lost ──fenced──► absent
 *   every phase ──member with a new life, or without this history──► joined
 */
import type { NodeId, ServiceName } from "../../model/ids.ts";
import { primaryEnded, withoutSight } from "./broker-records.ts";
import { markInitialised, onMembershipChange } from "./conf-change.ts";
import { abortStart, beginStop, evaluateAll } from "./evaluation.ts";
import { adoptKept } from "./kept-services.ts";
import { releaseServices, resolveFailed } from "./lost-node.ts";
import type { ServiceMessage } from "./service-messages.ts";
import { considerNewcomer, endMoves } from "./service-moves.ts";
import { holderOf, isToRest } from "./service-state.ts";
import type { AwaitedHolder, TableInput } from "./table-events.ts";
import type { NodeRecord } from "./table-snapshot.ts";
import type { TableState, TableWork } from "./table-state.ts";

type Input<Type extends TableInput["type"]> = Extract<TableInput, { readonly type: Type }>;
type Message<Type extends ServiceMessage["type"]> = Extract<
  ServiceMessage,
  { readonly type: Type }
>;

/** The membership: which nodes, in which life, and which of them continue this history. */
export function onMembership(
  table: TableState,
  { members, continuing, moved }: Input<"membership">,
): void {
  const before = [...table.nodes.values()].filter(({ phase }) => awaitedPhases.includes(phase));
  for (const node of [...table.nodes.values()]) {
    const member = members.find((one) => one.node === node.id);
    const { life } = member ?? node;
    if (member !== undefined && continuing.includes(node.id) && life === node.life) continue;
    if (member !== undefined) {
      table.putNode({ ...node, life, phase: "joined", off: [], departureGranted: false });
    } else if (node.phase !== "absent") table.putNode({ ...node, phase: "lost", off: [] });
    table.brokers = withoutSight(table.brokers, node.id);
    markInitialised(table, node.id);
  }
  for (const id of moved) table.putNode({ ...table.node(id), knowledge: "unknown" });
  endMoves(table);
  onMembershipChange(table);
  table.emit({ type: "awaited", holders: awaitedHolders(table, before) });
}

const awaitedPhases: readonly string[] = ["lost", "joined"];

function awaitedHolders(
  table: TableState,
  before: readonly NodeRecord[],
): readonly AwaitedHolder[] {
  const held = new Map<NodeId, ServiceName[]>();
  for (const service of table.services.values()) {
    const node = table.awaitedNode(service.name);
    if (node === null || isToRest(service)) continue;
    held.set(node, [...(held.get(node) ?? []), service.name]);
  }
  return [...held].map(([node, services]) => {
    return { node, services, before: before.some(({ id }) => id === node) };
  });
}

/** The node has cleaned up. `hosts`: it may also run services, since it is unfenced. */
export function* onReady(table: TableState, message: Message<"ready">): TableWork {
  const node = table.nodes.get(message.node);
  // A message of an earlier life of the node is void.
  if (node === undefined || node.life !== message.life) return;
  if (node.phase !== "joined" && !(node.phase === "clean" && message.hosts)) return;
  const phase = message.hosts ? "ready" : "clean";
  const verified = { knowledge: "known", unproven: false } as const;
  table.emit({ type: "off", node: node.id, services: null, how: "clean" });
  const rested = yield* releaseAs(table, node.id, { ...node, phase, ...verified });
  const state = message.hosts ? "ready" : "clean, and not unfenced yet";
  table.emit({ type: "notice", level: "notice", text: `${table.nameOf(node.id)} is ${state}` });
  if (message.hosts) {
    for (const name of message.kept) adoptKept(table, name, node.id);
    yield* considerNewcomer(table, node.id);
  }
  yield* evaluateAll(table, rested);
}

/** The node wants to leave: its services are stopped. */
export function* onLeaving(table: TableState, message: Message<"leaving">): TableWork {
  const node = table.nodes.get(message.node);
  if (node === undefined || node.life !== message.life) return;
  if (node.phase !== "ready" && node.phase !== "clean") return;
  table.putNode({ ...node, phase: "leaving", departureGranted: false });
  markInitialised(table, node.id);
  const name = table.nameOf(node.id);
  table.emit({ type: "notice", level: "notice", text: `${name} is leaving` });
  for (const service of table.inOrder()) {
    if (service.owner !== node.id) continue;
    abortStart(table, service.name);
    // A service under repair is stopped when the repair has ended.
    if (service.state !== "started" || service.op !== null) continue;
    beginStop(table, service.name, {
      node: node.id,
      goal: { type: "exit" },
      why: `${name} is leaving`,
    });
    yield;
  }
}

/** The node has left in an orderly way. */
export function* onLeft(table: TableState, message: Message<"left">): TableWork {
  const node = table.nodes.get(message.node);
  if (node === undefined || node.phase !== "leaving" || node.life !== message.life) return;
  table.putNode({ ...node, phase: "absent", knowledge: "known" });
  table.brokers = primaryEnded(table.brokers, node.id);
  table.emit({ type: "off", node: node.id, services: null, how: "left" });
  yield* evaluateAll(table, yield* releaseServices(table, node.id));
}

/** The node, or the machine that had its id before, runs nothing any more. */
export function* onFenced(
  table: TableState,
  { node: id, verified, how }: Input<"fenced">,
): TableWork {
  const node = table.nodes.get(id);
  if (node === undefined) return;
  if (["clean", "ready", "leaving"].includes(node.phase)) {
    // The member itself goes on; it was another machine with its id that was fenced.
    if (node.knowledge === "known") return;
    table.putNode({ ...node, knowledge: "known", unproven: !verified });
    yield* evaluateAll(table, new Set());
    return;
  }
  // A member that cleans up says itself what it still runs: what has ended may be another machine.
  const after: NodeRecord =
    node.phase === "joined"
      ? { ...node, unproven: node.unproven || !verified }
      : { ...node, phase: "absent", knowledge: "known", unproven: !verified };
  table.emit({ type: "off", node: id, services: null, how });
  yield* evaluateAll(table, yield* releaseAs(table, id, after));
}

/** Lets nodes go that are leaving and hold no service any more. */
export function grantDepartures(table: TableState): void {
  for (const node of table.nodes.values()) {
    if (node.phase !== "leaving" || node.departureGranted) continue;
    const held = [...table.services.values()].some((one) => holderOf(one) === node.id);
    if (held) continue;
    table.putNode({ ...node, departureGranted: true });
    table.emit({ type: "departure-granted", node: node.id });
  }
}

/**
 * Changes the node's phase before it releases its services, since it must not be a candidate then.
 */
function* releaseAs(
  table: TableState,
  id: NodeId,
  after: NodeRecord,
): TableWork<ReadonlySet<ServiceName>> {
  table.putNode({ ...after, phase: after.phase === "ready" ? "joined" : after.phase });
  // A member that cleans up says itself what it still runs.
  if (after.phase !== "joined") table.brokers = primaryEnded(table.brokers, id);
  const rested = yield* releaseServices(table, id);
  yield* resolveFailed(table, id);
  table.putNode(after);
  return rested;
}
