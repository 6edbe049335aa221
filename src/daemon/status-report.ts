/**
 * What the commands may show: the node's state and the ring's counters as one ClusterStatus.
 */
import type { ClusterConf } from "../model/conf.ts";
import { formatRing } from "../model/ids.ts";
import type { ClusterStatus, NodeStatus, RingStatus, ServiceStatus } from "../model/status.ts";
import type { ClusterNode } from "../node/cluster-node.ts";
import type { ServiceTable } from "../services/service-table.ts";

export type RingView = {
  readonly state: RingStatus["state"];
  readonly counters: Readonly<Record<string, number>>;
};

export type StatusMoment = { readonly wallMs: number; readonly boottimeMs: number };

/** `node` is null while the ring thread has not started yet. */
export function reportStatus(
  conf: ClusterConf,
  parts: {
    readonly node: ClusterNode | null;
    readonly self: number;
    readonly ring: RingView;
    readonly tracking: ClusterStatus["tracking"];
  },
  now: StatusMoment,
): ClusterStatus {
  const { node, self, ring, tracking } = parts;
  const snapshot = node?.snapshot ?? null;
  const verdict = node?.quorum.snapshot() ?? null;
  const remainingMs = node?.lease.remainingMs(now.boottimeMs) ?? 0;
  return {
    cluster: { name: conf.name, id: conf.clusterId, configVersion: conf.version },
    now: Math.floor(now.wallMs / 1000),
    localNode: self,
    generation: snapshot?.ring?.seq ?? 0,
    ring: {
      ...ring,
      id: snapshot === null || snapshot.ring === null ? "" : formatRing(snapshot.ring),
    },
    quorum: {
      quorate: verdict?.quorate ?? false,
      votes: verdict?.votes ?? 0,
      expectedVotes: conf.quorum.expectedVotes,
      quorum: verdict?.quorum ?? 0,
      twoNode: conf.quorum.twoNode,
      reason: verdict?.reason ?? "starting",
    },
    nodes: conf.nodes.map((one) => nodeStatus(one, { node, self })),
    services: snapshot?.table == null ? null : serviceStatuses(conf, snapshot.table),
    lease: { held: remainingMs > 0, remainingMs: Math.floor(remainingMs) },
    tracking,
  };
}

function nodeStatus(
  conf: ClusterConf["nodes"][number],
  parts: { readonly node: ClusterNode | null; readonly self: number },
): NodeStatus {
  const snapshot = parts.node?.snapshot ?? null;
  const online = snapshot?.members.includes(conf.id) ?? false;
  const phase = snapshot?.table?.node(conf.id).phase ?? "absent";
  return {
    id: conf.id,
    name: conf.name,
    votes: conf.votes,
    online,
    local: conf.id === parts.self,
    estranged: false,
    ready: online && (phase === "ready" || phase === "leaving"),
    fence: snapshot?.fence.describe(conf.id) ?? "unknown",
  };
}

function serviceStatuses(conf: ClusterConf, table: ServiceTable): readonly ServiceStatus[] {
  return conf.services.services.flatMap(({ name }) => {
    const record = table.service(name);
    if (record === null) return [];
    return [
      {
        name,
        state: record.state,
        frozen: false,
        partial: false,
        owner: record.owner ?? 0,
        lastOwner: record.lastOwner ?? 0,
        restarts: record.restarts,
        transition: record.transition,
        waitingFor: table.waitingFor(name),
        decisions: table.decisions(name),
      },
    ];
  });
}
