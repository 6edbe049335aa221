/**
 * A new conf for the running cluster: every member examines it, services that it removes
 * or changes are stopped, then all members switch at the same point of the total order.
 * Compares services only: which other values may change is not decided here, but by each member
 * when it examines the text (node/conf-versions.ts).
 * Source: rgmanager groups.c: init_resource_groups, do_condstops, do_condstarts; cman commands.c:
 * reload_config.
 * Deviations: the old conf stays in force as a whole if one member refuses, one stop
 * fails, or an affected service is busy, failed, frozen or lost with its node; a service that an
 * operator has disabled stays disabled when its definition changes.
 * Tested in: test/services/configuration-change.test.ts
 * CHANGE1  The conf changes only when every member has accepted it.
 * CHANGE2  It changes only when none of the services and parts that it removes is running.
 * CHANGE3  It must not remove a service, or forbid it on a node, while that node might be running
 *     the service unseen: then nobody would wait for that node any more.
 *
 *   none ──proposed──► voting ──all accepted──► stopping ──all stopped──► switched, none
 *     ▲           └─refused, membership changed─┐   └─a stop failed─┐
 *     └─────────────────────────────────────────┴───────────────────┘
 */
import type { ClusterConf } from "../../model/conf.ts";
import type { NodeId, ServiceName } from "../../model/ids.ts";
import { invariant } from "../../model/outcome.ts";
import { done, failed, refused } from "../../model/request-outcome.ts";
import { compareServices, compareTrees, type ServiceDelta } from "../tree/tree-delta.ts";
import { beginRepair, beginStop, evaluate, evaluateAll } from "./evaluation.ts";
import { ServiceIndex } from "./service-index.ts";
import type { ConfProposal, ConfVote, InitDone } from "./service-messages.ts";
import { emptyChain, freshRecord, type ServiceRecord } from "./service-state.ts";
import type { TableState, TableWork } from "./table-state.ts";

export function onProposal(table: TableState, proposal: ConfProposal): void {
  const { ref, version, hash, text } = proposal;
  if (table.nodes.get(ref.node)?.life !== ref.life) return;
  if (table.change !== null) {
    table.reply([ref], refused("change-under-way"));
    return;
  }
  table.change = { ref, version, hash, text, stage: "voting", accepted: [] };
  const by = table.nameOf(ref.node);
  say(table, "notice", `configuration version ${version} is proposed by ${by}`);
  table.emit({ type: "examine", version, hash, text });
}

export function onVote(table: TableState, vote: ConfVote): void {
  const { change } = table;
  if (change === null || change.stage !== "voting" || change.hash !== vote.hash) return;
  const node = table.nodes.get(vote.node);
  if (node === undefined || node.life !== vote.life) return;
  if (!vote.accepted) {
    giveUp(table, `${table.nameOf(vote.node)}: ${vote.text}`);
    return;
  }
  const accepted = [...change.accepted.filter((one) => one !== vote.node), vote.node];
  table.change = { ...change, accepted };
  if (table.members().every((one) => accepted.includes(one))) beginStopping(table);
}

/** The membership has changed: nodes that joined have not voted. */
export function onMembershipChange(table: TableState): void {
  if (table.change?.stage === "voting") giveUp(table, "the membership has changed; try again");
}

/** The services that a change under way stops or keeps from starting. */
function heldByChange(table: TableState): ReadonlyMap<ServiceName, ServiceDelta> {
  const { change, next } = table;
  if (change === null || change.stage !== "stopping" || next === null) return new Map();
  return affected([...table.deltas]);
}

function affected(
  deltas: readonly (readonly [ServiceName, ServiceDelta])[],
): ReadonlyMap<ServiceName, ServiceDelta> {
  const stopping: readonly ServiceDelta[] = ["removed", "replaced", "parts"];
  return new Map(deltas.filter(([, delta]) => stopping.includes(delta)));
}

function beginStopping(table: TableState): void {
  const { change } = table;
  const next = change === null ? null : table.readConf(change.text);
  if (change === null || next === null) {
    giveUp(table, "it cannot be read any more");
    return;
  }
  const held = affected([...compareServices(table.conf.services, next.services)]);
  const busy = [...held.keys()].map((name) => obstacleOf(table, name)).find((one) => one);
  const obstacle = busy ?? hiddenHolder(table, next);
  if (obstacle != null || table.locked) {
    giveUp(table, obstacle ?? "the services are locked: clusvcadm-ts -u first");
    return;
  }
  table.change = { ...change, stage: "stopping" };
  table.next = next;
  table.emit({ type: "prepare", conf: next });
  const why = `configuration version ${change.version}`;
  for (const [name, delta] of held) {
    const { state, owner } = table.service(name);
    if (state !== "started" || owner === null) continue;
    if (delta !== "parts") {
      beginStop(table, name, { node: owner, goal: { type: "change" }, why });
    } else if (goneParts(table, next, name) > 0) {
      beginRepair(table, name, { parts: "gone", chain: emptyChain, why });
    }
  }
}

function obstacleOf(table: TableState, name: ServiceName): string | null {
  const { state, op, frozen } = table.service(name);
  if (op !== null) return `${name} is ${state}: try again when it has ended`;
  if (table.awaitedNode(name) !== null) return `${name} waits for the fencing of its node`;
  if (state === "failed") return `${name} is failed: repair it, then clusvcadm-ts -d ${name}`;
  if (state === "started" && frozen) return `${name} is frozen: clusvcadm-ts -U ${name}`;
  return null;
}

/**
 * CHANGE3: a node that might be running a service which the next version removes or forbids there.
 */
function hiddenHolder(table: TableState, next: ClusterConf): string | null {
  const index = new ServiceIndex(next);
  for (const { name } of table.inOrder()) {
    const stays = index.has(name);
    const hidden = table
      .unknownHolders(name)
      .find((node) => !stays || !table.isLegal(name, node, index.domainOf(name)));
    if (hidden === undefined) continue;
    const node = table.nameOf(hidden);
    return `${node} might be running ${name}: it must be fenced or proven clean first`;
  }
  return null;
}

function goneParts(table: TableState, next: ClusterConf, name: ServiceName): number {
  const after = next.services.services.find((one) => one.name === name);
  return after === undefined
    ? 0
    : compareTrees(table.serviceConf(name).tree, after.tree).gone.length;
}

/** Called at the end of each step: switches when everything is stopped that must be (CHANGE2). */
export function* settleChange(table: TableState): TableWork {
  const { change, next } = table;
  if (change === null || next === null) return;
  const held = [...heldByChange(table).keys()].map((name) => table.service(name));
  if (held.some(({ op, name }) => op !== null || table.awaitedNode(name) !== null)) return;
  const failed = held.find(({ state, name, owner }) => {
    const goes = table.deltas.get(name) !== "parts";
    return state === "failed" || (goes && owner !== null);
  });
  if (failed !== undefined) giveUp(table, `${failed.name} could not be stopped`);
  else yield* switchOver(table, next);
}

function* switchOver(table: TableState, next: ClusterConf): TableWork {
  const { change } = table;
  if (change === null) return;
  const deltas = compareServices(table.conf.services, next.services);
  const before = table.conf;
  const known = new Map(before.services.services.map((one) => [one.name, one]));
  table.adoptConf(next);
  const pendingInit = table.provenNodes();
  const clean: ServiceName[] = [];
  for (const [name, delta] of deltas) {
    const old = known.has(name);
    const owned = old && table.service(name).owner !== null;
    const stays = delta === "same" || delta === "attributes" || delta === "parts";
    invariant(stays || !owned, `CHANGE2: ${name} is ${delta} while it runs`);
    if (delta === "removed") table.forget(name);
    else if (delta === "added" || delta === "replaced") {
      const record = old ? table.service(name) : freshRecord(name);
      table.put({ ...replaced(record), pendingInit });
      table.decide(name, `${delta} by configuration version ${next.version}`);
      clean.push(name);
    }
  }
  const { version, hash, text, ref } = change;
  table.change = null;
  table.next = null;
  table.emit({ type: "switch", conf: next, hash, text, clean });
  say(table, "notice", `configuration version ${version} is in force`);
  table.lastChange = { version, accepted: true, text: "" };
  table.reply([ref], done());
  for (const [name, delta] of deltas) if (delta === "parts") startFresh(table, before, name);
  yield* evaluateAll(table, new Set());
}

/** Autostart applies to it as to a new service, unless an operator has disabled it. */
function replaced(old: ServiceRecord): ServiceRecord {
  const anew = { retryAt: null, retryCount: 0, crowdedOut: false, restartLog: [] };
  return { ...old, ...anew, transition: old.state === "stopped" ? 0 : old.transition };
}

function startFresh(table: TableState, before: ClusterConf, name: ServiceName): void {
  const service = table.service(name);
  const old = before.services.services.find((one) => one.name === name);
  if (service.state !== "started" || service.op !== null || old === undefined) return;
  if (compareTrees(old.tree, table.serviceConf(name).tree).fresh.length === 0) return;
  const why = `configuration version ${table.conf.version}`;
  beginRepair(table, name, { parts: "fresh", chain: emptyChain, why });
}

/** Keeps the old conf and starts again what was stopped for the new one. */
export function giveUp(table: TableState, why: string): void {
  const { change, next } = table;
  if (change === null) return;
  const held = heldByChange(table);
  table.change = null;
  table.next = null;
  table.lastChange = { version: change.version, accepted: false, text: why };
  say(table, "err", `configuration version ${change.version} is refused: ${why}`);
  table.reply([change.ref], failed("change-given-up"));
  for (const [name, delta] of held) {
    const { state, owner, op } = table.service(name);
    const parted = delta === "parts" && next !== null && goneParts(table, next, name) > 0;
    if (parted && state === "started" && op === null && owner !== null) {
      const text = "its parts were stopped for a configuration that is not used";
      beginStop(table, name, { node: owner, goal: { type: "restart" }, why: text });
    } else evaluate(table, name);
  }
}

/** The node has stopped the new services once. */
export function onInitDone(table: TableState, message: InitDone): void {
  if (table.nodes.get(message.node)?.life !== message.life) return;
  if (message.version === table.conf.version) markInitialised(table, message.node);
}

/** The services that are new need no longer wait for this node (`pendingInit`). */
export function markInitialised(table: TableState, node: NodeId): void {
  for (const service of table.inOrder()) {
    if (!service.pendingInit.includes(node)) continue;
    const pendingInit = service.pendingInit.filter((one) => one !== node);
    table.put({ ...service, pendingInit });
    if (pendingInit.length === 0) evaluate(table, service.name);
  }
}

function say(table: TableState, level: "notice" | "err", text: string): void {
  table.emit({ type: "notice", level, text });
}
