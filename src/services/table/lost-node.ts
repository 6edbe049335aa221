/**
 * A node is known to run nothing (it was fenced, or has proven itself clean): what becomes of the
 * services that it owned, or that had an operation there.
 * Source: rgmanager groups.c: eval_groups (node down); rg_state.c: svc_advise_start.
 * Deviations: a service that was being disabled becomes disabled, and is not restarted elsewhere;
 * one that was recovering goes on with its chain of starts; one whose stop failed there becomes
 * stopped, since nothing of it can be left.
 * Tested in: test/services/service-table.test.ts, test/node/services-off.test.ts
 */
import type { NodeId, ServiceName } from "../../model/ids.ts";
import { done, failed } from "../../model/request-outcome.ts";
import { followDependency, putToRest, startNext } from "./evaluation.ts";
import type { ServicesOff } from "./service-messages.ts";
import { emptyChain, holderOf, type ServiceRecord, type StartChain } from "./service-state.ts";
import type { TableState, TableWork } from "./table-state.ts";

/**
 * Releases every service held by the node. The caller then evaluates all services except those
 * returned, which a user had asked to stop or disable.
 */
export function* releaseServices(
  table: TableState,
  node: NodeId,
  only: readonly ServiceName[] | null = null,
): TableWork<ReadonlySet<ServiceName>> {
  const held = table
    .inOrder()
    .filter((service) => holderOf(service) === node)
    .filter(({ name }) => only === null || only.includes(name));
  const rested = new Set<ServiceName>();
  for (const service of held) {
    if (release(table, service, node) === "rests") rested.add(service.name);
    yield;
  }
  for (const service of held) {
    followDependency(table, service.name);
    yield;
  }
  return rested;
}

/**
 * Services whose stop failed on this node become stopped: it was switched off, or has verified that
 * nothing is left. Not called when it has left in an orderly way, which verifies nothing.
 */
export function* resolveFailed(
  table: TableState,
  node: NodeId,
  only: readonly ServiceName[] | null = null,
): TableWork {
  for (const service of table.inOrder()) {
    if (service.state !== "failed" || service.lastOwner !== node) continue;
    if (only !== null && !only.includes(service.name)) continue;
    putToRest(table, service, "stopped");
    const where = `${table.nameOf(node)}, where its stop failed`;
    table.decide(service.name, `stopped: ${where}, is known to be off`);
    yield;
  }
}

/** The same for the services that a node has verified while it is still cleaning up. */
export function* releaseVerified(
  table: TableState,
  { node: id, life, services }: ServicesOff,
): TableWork<ReadonlySet<ServiceName>> {
  const node = table.nodes.get(id);
  if (node === undefined || node.life !== life || node.phase !== "joined") return new Set();
  const news = services.filter((name) => !node.off.includes(name));
  table.putNode({ ...node, off: [...node.off, ...news] });
  table.emit({ type: "off", node: id, services: news, how: "clean" });
  yield* resolveFailed(table, id, news);
  return yield* releaseServices(table, id, news);
}

/** Goals of stops that are followed by an evaluation and that no request waits for. */
const goalsEvaluated: readonly string[] = ["exit", "wait", "change"];

function release(table: TableState, service: ServiceRecord, node: NodeId): "rests" | "goes on" {
  const { op, desired } = service;
  const name = table.nameOf(node);
  const freed: ServiceRecord = {
    ...service,
    state: "stopped",
    owner: null,
    lastOwner: service.owner ?? service.lastOwner,
    partial: false,
    transition: Math.max(1, Math.floor(table.nowMs / 1000)),
    op: null,
    desired: null,
  };
  table.put(freed);
  if (op === null || (op.kind === "repair" && desired === null)) {
    table.reply(op?.chain.requests ?? [], failed("owner-lost"));
    const text = `stopped: ${name}, which ran it, is known to be off`;
    table.decide(service.name, text, { level: "warning" });
    return "goes on";
  }
  const resting = op.kind === "stop" && op.goal.type === "rest" ? op.goal.state : null;
  const end = desired?.end ?? resting;
  if (end !== null) {
    putToRest(table, table.service(service.name), end);
    table.decide(service.name, `${end}: ${name}, where it was busy, is known to be off`);
    table.reply(desired?.requests ?? [], done());
    table.reply(op.chain.requests, resting === null ? failed("overtaken") : done());
    return "rests";
  }
  if (op.kind === "stop" && goalsEvaluated.includes(op.goal.type)) return "goes on";
  const tried = op.chain.tried.includes(node) ? op.chain.tried : [...op.chain.tried, node];
  const chain: StartChain = { ...emptyChain, ...op.chain, tried, only: null };
  table.decide(service.name, `${name}, where it was busy, is known to be off`);
  startNext(table, service.name, chain);
  return "goes on";
}
