/**
 * What a service waits for that is busy or not started: the kind, a text, and what an operator can
 * do about it.
 * Uses only the table; the progress of a node's fencing comes from the fence domain.
 * Source: none; rgmanager does not tell.
 */
import type { NodeId, ServiceName } from "../../model/ids.ts";
import { startObstacle } from "./evaluation.ts";
import type { ServiceRecord } from "./service-state.ts";
import type { TableState } from "./table-state.ts";

export type ServiceWait = {
  readonly kind:
    | "fencing"
    | "unseen-node"
    | "operation"
    | "repair"
    | "unfreeze"
    | "unlock"
    | "dependency"
    | "broker"
    | "empty-node"
    | "node"
    | "retry"
    | "request";
  readonly text: string;
  /** The nodes that must do something, or whose state must become known. */
  readonly nodes: readonly NodeId[];
  /** When the next attempt begins, in seconds since 1970; null: not known. */
  readonly at: number | null;
  /** What an operator can do; empty: only wait. */
  readonly remedy: string;
};

const noNodes = { nodes: [], at: null };

/** What the service waits for; null: for nothing. */
export function findWait(table: TableState, name: ServiceName): ServiceWait | null {
  const service = table.service(name);
  const awaited = table.awaitedNode(name);
  if (awaited !== null) {
    const node = table.nameOf(awaited);
    const text = `${node} to be fenced or proven clean`;
    return { kind: "fencing", text, nodes: [awaited], at: null, remedy: offRemedy(node) };
  }
  const { op } = service;
  if (op !== null) {
    const text = `${op.kind} on ${table.nameOf(op.node)}`;
    return { kind: "operation", text, nodes: [op.node], at: null, remedy: "" };
  }
  if (service.state === "failed") {
    const text = "repair by hand, then disable and enable";
    const remedy = `stop what is left of it by hand; clusvcadm-ts -d ${name}; -e ${name}`;
    return { ...noNodes, kind: "repair", text, remedy };
  }
  return service.state === "stopped" ? whileStopped(table, service) : null;
}

function whileStopped(table: TableState, service: ServiceRecord): ServiceWait {
  const { name } = service;
  if (service.frozen) {
    const text = "being unfrozen (clusvcadm-ts -U)";
    return { ...noNodes, kind: "unfreeze", text, remedy: `clusvcadm-ts -U ${name}` };
  }
  if (table.locked) {
    const text = "the services to be unlocked (clusvcadm-ts -u)";
    return { ...noNodes, kind: "unlock", text, remedy: "clusvcadm-ts -u" };
  }
  const obstacle = startObstacle(table, name);
  const unseen = table.unknownHolders(name);
  if (obstacle !== null && unseen.length > 0) {
    const names = unseen.map((node) => table.nameOf(node)).join(", ");
    const remedy = `start clusterd on ${names}, or: ${offRemedy(names)}`;
    return { kind: "unseen-node", text: obstacle, nodes: unseen, at: null, remedy };
  }
  if (table.isHeld(name)) {
    const version = table.change?.version ?? 0;
    const text = `configuration version ${version} to come into force or to be refused`;
    return { ...noNodes, kind: "operation", text, remedy: "" };
  }
  const { pendingInit } = service;
  if (obstacle !== null && pendingInit.length > 0) {
    return { kind: "operation", text: obstacle, nodes: pendingInit, at: null, remedy: "" };
  }
  if (obstacle !== null) {
    const remedy = `clustat-ts --why ${table.serviceConf(name).depend ?? ""}`;
    return { ...noNodes, kind: "dependency", text: obstacle, remedy };
  }
  const promotion = table.promotion(name);
  if (promotion !== null && promotion.obstacle !== null) {
    return { ...noNodes, kind: "broker", text: promotion.obstacle, remedy: promotion.remedy };
  }
  if (table.candidates(name, []).length === 0) return withoutNode(table, name);
  if (service.retryAt === null) {
    const text = "an event or a request: it was stopped";
    return { ...noNodes, kind: "request", text, remedy: `clusvcadm-ts -e ${name}` };
  }
  const seconds = Math.max(0, Math.ceil((service.retryAt - table.nowMs) / 1000));
  const text = `its next attempt, ${seconds} s after the last event`;
  const at = Math.ceil(service.retryAt / 1000);
  const remedy = `clusvcadm-ts -e ${name} tries at once`;
  return { kind: "retry", text, nodes: [], at, remedy };
}

function withoutNode(table: TableState, name: ServiceName): ServiceWait {
  const crowded = table.crowdedNodes(name);
  if (crowded.length > 0) {
    const names = crowded.map((node) => table.nameOf(node)).join(", ");
    const text = table.serviceConf(name).exclusive
      ? `a node that runs nothing else, since it is exclusive: one of ${names}`
      : `a node without an exclusive service: one of ${names}`;
    const remedy = "relocate or stop what runs on one of them";
    return { kind: "empty-node", text, nodes: crowded, at: null, remedy };
  }
  const legal = table.conf.nodes.map((node) => node.id).filter((id) => table.isLegal(name, id));
  const cutOff = legal.filter((node) => table.node(node).phase === "clean");
  if (cutOff.length > 0) {
    const cut = cutOff.map((node) => table.nameOf(node)).join(", ");
    const text = `the unfencing of ${cut}`;
    const remedy = "the log there says why it fails";
    return { kind: "node", text, nodes: cutOff, at: null, remedy };
  }
  const names = legal.map((node) => table.nameOf(node)).join(", ");
  const text = "a ready node that may run it";
  const remedy = legal.length === 0 ? "its failover domain has no node" : `start one of: ${names}`;
  return { kind: "node", text, nodes: legal, at: null, remedy };
}

function offRemedy(names: string): string {
  return `if fencing cannot succeed: make sure it is off, then fence_ack-ts ${names}`;
}
