/**
 * What a configuration amounts to, as `--check` shows it: nodes, network, quorum, how long a
 * failover takes and of what that consists, where each service may run, and what the protection of
 * each node does not cover. A pure function of the configuration and of the addresses of the nodes;
 * every figure is one that the daemon uses.
 * Tested in: test/check/effective-view.test.ts
 */

import { sleepSecondsDefault } from "../model/address-holders.ts";
import type { ClusterConf, NodeConf, ResourceConf, ServiceConf } from "../model/conf.ts";
import type { NodeId } from "../model/ids.ts";
import { quorumOf } from "../quorum/votes.ts";
import { rankCandidates, scoreNode } from "../services/table/placement.ts";
import { effectiveChecks } from "../services/tree/status-checks.ts";
import { uncoveredCases } from "./protection-gaps.ts";

export type EffectiveView = {
  readonly cluster: { readonly name: string; readonly version: number; readonly id: number };
  readonly nodes: readonly NodeView[];
  readonly quorum: QuorumView;
  readonly network: NetworkView;
  readonly budget: BudgetView;
  readonly services: readonly ServiceView[];
  readonly protection: readonly ProtectionView[];
};

export type NodeView = {
  readonly name: string;
  readonly id: number;
  readonly address: string;
  readonly votes: number;
  /** This machine. */
  readonly local: boolean;
  /** In the order in which they are tried. */
  readonly fenceMethods: readonly {
    readonly name: string;
    readonly devices: readonly { readonly name: string; readonly agent: string }[];
  }[];
};

export type QuorumView = {
  readonly expectedVotes: number;
  readonly quorum: number;
  readonly twoNode: boolean;
  readonly waitForAll: boolean;
  /** Names of nodes, the most preferred first; null: a tie is not decided. */
  readonly tieBreaker: readonly string[] | null;
  readonly lastManStandingMs: number | null;
};

export type NetworkView = {
  readonly transport: "udp" | "udpu";
  readonly port: number;
  /** Null: every node is sent to by its own address. */
  readonly multicast: { readonly address: string; readonly ttl: number } | null;
  readonly key:
    | { readonly type: "file"; readonly path: string }
    | { readonly type: "name" }
    | { readonly type: "off" };
};

/** From the death of a node, or of a process, to the start of its service elsewhere, at most. */
export type BudgetView = {
  readonly tokenMs: number;
  readonly consensusMs: number;
  readonly postFailDelayMs: number | null;
  readonly leaseMs: number;
  readonly killTimeoutMs: number;
  /** Until a lost node is out of the ring. */
  readonly ringMs: number;
  /** Without a fence device, until a lost node counts as off; null: never by itself. */
  readonly safeWaitMs: number | null;
  /** The same of a node that has armed its watchdog; null: none is used. */
  readonly watchdogSafeWaitMs: number | null;
  /** The most that one run of a fence agent may take; null: no node has a device. */
  readonly agentTimeoutMs: number | null;
};

export type ServiceView = {
  readonly name: string;
  readonly autostart: boolean;
  readonly recovery: string;
  /** The nodes that may run it, the best first; those of one list are equally good. */
  readonly candidates: readonly (readonly string[])[];
  /** Without an event, a process that has ended is noticed after this time; null: never. */
  readonly noticedMs: number | null;
  readonly withoutQuorum: "stopped" | "goes on";
  /** What makes a failover or a stop slower than it need be. */
  readonly notes: readonly string[];
};

export type ProtectionView = {
  readonly nodes: readonly string[];
  readonly by: "fence devices" | "lease and watchdog" | "lease" | "an operator";
  readonly notCovered: readonly string[];
};

/** What the daemon knows of this machine beside the configuration. */
export type ViewedFrom = {
  readonly local: NodeId;
  readonly addresses: readonly { readonly id: NodeId; readonly address: string }[];
};

export function effectiveView(conf: ClusterConf, from: ViewedFrom): EffectiveView {
  const { name, version, clusterId: id } = conf;
  return {
    cluster: { name, version, id },
    nodes: conf.nodes.map((node) => nodeView(node, from)),
    quorum: quorumView(conf),
    network: networkView(conf),
    budget: budgetView(conf),
    services: conf.services.services.map((service) => serviceView(service, conf)),
    protection: protectionViews(conf),
  };
}

function nodeView({ id, name, votes, fenceMethods }: NodeConf, from: ViewedFrom): NodeView {
  return {
    name,
    id,
    address: from.addresses.find((one) => one.id === id)?.address ?? "",
    votes,
    local: id === from.local,
    fenceMethods: fenceMethods.map((method) => ({
      name: method.name,
      devices: method.devices.map(({ device, agent }) => ({ name: device, agent })),
    })),
  };
}

function quorumView(conf: ClusterConf): QuorumView {
  const { expectedVotes: expected, twoNode, waitForAll, lastManStandingMs } = conf.quorum;
  const tieBreaker = conf.quorum.tieBreaker?.map((id) => nameOf(conf, id)) ?? null;
  const quorum = quorumOf({ total: 0, expected, previousQuorum: 0, twoNode });
  return { expectedVotes: expected, quorum, twoNode, waitForAll, tieBreaker, lastManStandingMs };
}

function networkView({ totem }: ClusterConf): NetworkView {
  const { transport, port, multicast, secauth, keyFile } = totem;
  const key = !secauth
    ? ({ type: "off" } as const)
    : keyFile === null
      ? ({ type: "name" } as const)
      : ({ type: "file", path: keyFile } as const);
  return { transport, port, multicast: transport === "udp" ? multicast : null, key };
}

function budgetView({ totem, fencing, nodes }: ClusterConf): BudgetView {
  const { tokenMs, consensusMs } = totem;
  const { postFailDelayMs, leaseMs, killTimeoutMs, agentTimeoutMs, watchdog } = fencing;
  const powered = nodes.some(({ fenceMethods }) => fenceMethods.length > 0);
  const bare = nodes.some(({ fenceMethods }) => fenceMethods.length === 0);
  // With devices a node counts as off by its lease only where that was asked for.
  const self = fencing.selfFence === "auto" ? bare : fencing.selfFence !== "no";
  const ringMs = tokenMs + consensusMs;
  const latest = (waitMs: number) => Math.max(waitMs, ringMs + (postFailDelayMs ?? 0));
  return {
    ...{ tokenMs, consensusMs, postFailDelayMs, leaseMs, killTimeoutMs, ringMs },
    safeWaitMs: self ? latest(fencing.safeWaitMs) : null,
    watchdogSafeWaitMs: self && watchdog !== null ? latest(watchdog.safeWaitMs) : null,
    agentTimeoutMs: powered ? agentTimeoutMs : null,
  };
}

function serviceView(service: ServiceConf, conf: ClusterConf): ServiceView {
  const { name, autostart, recovery, boundTo, tree } = service;
  return {
    name,
    autostart,
    recovery,
    candidates: candidatesOf(service, conf),
    noticedMs: noticedMs(tree, conf),
    withoutQuorum: boundTo === null ? "stopped" : "goes on",
    notes: notesOn(tree, conf),
  };
}

/** The best nodes of all, then those that are the best without them, and so on. */
function candidatesOf(
  { domain: name }: ServiceConf,
  { nodes, services }: ClusterConf,
): readonly (readonly string[])[] {
  const domain = services.domains.find((one) => one.name === name) ?? null;
  const groups: (readonly string[])[] = [];
  let online = new Set<NodeId>(nodes.map(({ id }) => id));
  while (online.size > 0) {
    const ranked = rankCandidates(
      [...online].map((node) => {
        return { node, score: scoreNode(domain, node, { online, current: null }), load: 0 };
      }),
    );
    const best = ranked.filter(({ score }) => score === ranked[0]?.score).map(({ node }) => node);
    if (best.length === 0) break;
    groups.push(nodes.filter(({ id }) => best.includes(id)).map((node) => node.name));
    online = new Set([...online].filter((node) => !best.includes(node)));
  }
  return groups;
}

/** The longest that any resource with checks is left alone. */
function noticedMs(tree: ResourceConf, conf: ClusterConf): number | null {
  const intervals = resourcesBelow(tree).flatMap((resource) => {
    const checks = effectiveChecks(resource, conf.services.statusPollIntervalMs);
    return checks.length === 0 ? [] : [Math.min(...checks.map(({ intervalMs }) => intervalMs))];
  });
  return intervals.length === 0 ? null : Math.max(...intervals);
}

function notesOn(tree: ResourceConf, conf: ClusterConf): readonly string[] {
  return resourcesBelow(tree).flatMap((resource) => {
    const { type, key } = resource;
    const values = new Map(resource.attributes);
    const waits = type === "ip" && (values.get("sleeptime") ?? "") === "";
    const sleeps = `ip ${key}: every stop waits ${sleepSecondsDefault} s, set sleeptime="0"`;
    const checks = effectiveChecks(resource, conf.services.statusPollIntervalMs);
    const unchecked = checks.length === 0 && resource.agent?.runs.dialect !== "none";
    const silent = `${type} ${key} is never checked: its failure is not noticed`;
    return [...(waits ? [sleeps] : []), ...(unchecked ? [silent] : [])];
  });
}

function resourcesBelow({ children }: ResourceConf): readonly ResourceConf[] {
  return children.flatMap((child) => [child, ...resourcesBelow(child)]);
}

function protectionViews(conf: ClusterConf): readonly ProtectionView[] {
  const { nodes, fencing } = conf;
  if (nodes.length === 1) return [];
  const powered = nodes.filter(({ fenceMethods }) => fenceMethods.length > 0);
  const bare = nodes.filter(({ fenceMethods }) => fenceMethods.length === 0);
  const self =
    fencing.selfFence === "no"
      ? ("an operator" as const)
      : fencing.selfFence === "watchdog"
        ? ("lease and watchdog" as const)
        : ("lease" as const);
  const groups = [
    { by: "fence devices" as const, members: powered },
    { by: self, members: bare },
  ].filter(({ members }) => members.length > 0);
  return groups.map(({ by, members }) => ({
    nodes: members.map(({ name }) => name),
    by,
    notCovered: uncoveredCases(by, conf),
  }));
}

function nameOf({ nodes }: ClusterConf, id: NodeId): string {
  return nodes.find((node) => node.id === id)?.name ?? `node ${id}`;
}
