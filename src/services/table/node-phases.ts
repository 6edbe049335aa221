/**
 * The phases of a node in the service table: what each of them permits, and what becomes of the
 * services when a node passes from one to the next.
 * Does not know how a node is fenced, nor how it finds out that it runs nothing.
 * Source: rgmanager groups.c, main.c: membership_update.
 * Tested in: test/services/service-table.test.ts
 * T2  A lost node's services change only when it is fenced or has proven itself clean.
 *
 *   absent ──view──► joined ──ready──► ready ──leaving──► leaving ──left──► absent
 *                      ▲  └─ready, not unfenced─► clean ──unfenced──► ready
 *                      │                 └──not in view──► lost ──fenced──► absent
 *                      └───────── view, until proven clean ─┘
 */
import type { NodeId, ServiceName } from "../../model/ids.ts";
import { initialised, onOtherView } from "./conf-change.ts";
import { abortStart, beginStop, evaluateAll, failBackAll } from "./evaluation.ts";
import { adoptKept } from "./kept-services.ts";
import { releaseServices, resolveFailed } from "./lost-node.ts";
import type { ServiceMessage } from "./service-messages.ts";
import { holderOf } from "./service-state.ts";
import type { TableInput } from "./table-events.ts";
import type { NodeRecord } from "./table-snapshot.ts";
import type { TableState, TableWork } from "./table-state.ts";

type Input<Type extends TableInput["type"]> = Extract<TableInput, { readonly type: Type }>;
type Message<Type extends ServiceMessage["type"]> = Extract<
  ServiceMessage,
  { readonly type: Type }
>;

/** Who is there, in which life, and who has kept this history. */
export function onView(draft: TableState, { members, continuing, moved }: Input<"view">): void {
  for (const node of [...draft.nodes.values()]) {
    const member = members.find((one) => one.node === node.id);
    const { life } = member ?? node;
    if (member !== undefined && continuing.includes(node.id) && life === node.life) continue;
    if (member !== undefined) {
      draft.putNode({ ...node, life, phase: "joined", off: [], departureGranted: false });
    } else if (node.phase !== "absent") draft.putNode({ ...node, phase: "lost", off: [] });
    initialised(draft, node.id);
  }
  for (const id of moved) draft.putNode({ ...draft.node(id), knowledge: "unknown" });
  onOtherView(draft);
}

/** The node has cleaned up; `hosts`: and may run services. */
export function* onReady(draft: TableState, message: Message<"ready">): TableWork {
  const node = draft.nodes.get(message.node);
  // Only the life that is in the view can say so; an earlier one has been voided since.
  if (node === undefined || node.life !== message.life) return;
  if (node.phase !== "joined" && !(node.phase === "clean" && message.hosts)) return;
  const phase = message.hosts ? "ready" : "clean";
  const rested = yield* releaseAs(draft, node.id, { ...node, phase, knowledge: "known" });
  const state = message.hosts ? "ready" : "clean, and not unfenced yet";
  draft.emit({ type: "notice", level: "notice", text: `${draft.nameOf(node.id)} is ${state}` });
  if (message.hosts) {
    for (const name of message.kept) adoptKept(draft, name, node.id);
    yield* failBackAll(draft, node.id);
  }
  yield* evaluateAll(draft, rested);
}

/** The node wants to leave: what it runs is stopped there. */
export function* onLeaving(draft: TableState, message: Message<"leaving">): TableWork {
  const node = draft.nodes.get(message.node);
  if (node === undefined || node.life !== message.life) return;
  if (node.phase !== "ready" && node.phase !== "clean") return;
  draft.putNode({ ...node, phase: "leaving", departureGranted: false });
  initialised(draft, node.id);
  const name = draft.nameOf(node.id);
  draft.emit({ type: "notice", level: "notice", text: `${name} is leaving` });
  for (const service of draft.inOrder()) {
    if (service.owner !== node.id) continue;
    abortStart(draft, service.name);
    // Under repair it is stopped when that has ended.
    if (service.state !== "started" || service.op !== null) continue;
    beginStop(draft, service.name, {
      node: node.id,
      goal: { type: "exit" },
      why: `${name} is leaving`,
    });
    yield;
  }
}

/** The node has left in an orderly way. */
export function* onLeft(draft: TableState, message: Message<"left">): TableWork {
  const node = draft.nodes.get(message.node);
  if (node === undefined || node.phase !== "leaving" || node.life !== message.life) return;
  draft.putNode({ ...node, phase: "absent", knowledge: "known" });
  yield* evaluateAll(draft, yield* releaseServices(draft, node.id));
}

/** The node, or whatever machine had its id before, runs nothing any more. */
export function* onFenced(draft: TableState, id: NodeId): TableWork {
  const node = draft.nodes.get(id);
  if (node === undefined) return;
  if (["clean", "ready", "leaving"].includes(node.phase)) {
    // What it runs is its own; what another machine with its id ran has ended.
    if (node.knowledge === "known") return;
    draft.putNode({ ...node, knowledge: "known" });
    yield* evaluateAll(draft, new Set());
    return;
  }
  const phase = node.phase === "joined" ? "joined" : "absent";
  const after: NodeRecord = { ...node, phase, knowledge: "known" };
  yield* evaluateAll(draft, yield* releaseAs(draft, id, after));
}

/** Nodes that are leaving and hold nothing any more may go. */
export function grantDepartures(draft: TableState): void {
  for (const node of draft.nodes.values()) {
    if (node.phase !== "leaving" || node.departureGranted) continue;
    const held = [...draft.services.values()].some((one) => holderOf(one) === node.id);
    if (held) continue;
    draft.putNode({ ...node, departureGranted: true });
    draft.emit({ type: "departure-granted", node: node.id });
  }
}

/** The node must not be a candidate while what it held is being released, so it changes first. */
function* releaseAs(
  draft: TableState,
  id: NodeId,
  after: NodeRecord,
): TableWork<ReadonlySet<ServiceName>> {
  draft.putNode({ ...after, phase: after.phase === "ready" ? "joined" : after.phase });
  const rested = yield* releaseServices(draft, id);
  yield* resolveFailed(draft, id);
  draft.putNode(after);
  return rested;
}
