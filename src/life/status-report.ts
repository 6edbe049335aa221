/**
 * Reports the node's state and the ring's counters as one ClusterStatus, which the commands show.
 * Tested in: test/node/fencing-progress.test.ts
 */
import type { BrokerSight } from "../brokers/broker-sight.ts";
import type { ClusterConf } from "../model/conf.ts";
import { formatRing, type NodeId, type ServiceName } from "../model/ids.ts";
import type { ClusterStatus, NodeStatus, RingStatus, ServiceStatus } from "../model/status.ts";
import { formatUtc } from "../model/utc-time.ts";
import type { ClusterNode } from "../node/cluster-node.ts";
import type { FreshStart } from "../services/table/broker-records.ts";
import type { ServiceTable } from "../services/table/service-table.ts";
import type { FailoverLog } from "./failover-log.ts";
import type { JoinRecord } from "./member-log.ts";

export type RingView = Pick<RingStatus, "state" | "counters" | "rotation">;

export type StatusMoment = { readonly wallMs: number; readonly boottimeMs: number };

export type StatusParts = {
  /** Null while the ring thread has not started yet. */
  readonly node: ClusterNode | null;
  readonly self: number;
  readonly ring: RingView;
  readonly tracking: ClusterStatus["tracking"];
  readonly watchdog: ClusterStatus["watchdog"];
  readonly broker: ClusterStatus["broker"];
  readonly configHash: string;
  readonly addresses: ReadonlyMap<number, string>;
  readonly joined: (node: NodeId) => JoinRecord | null;
  readonly failovers: Pick<FailoverLog, "of" | "counts">;
};

export function reportStatus(
  conf: ClusterConf,
  parts: StatusParts,
  now: StatusMoment,
): ClusterStatus {
  const { node, self, ring, tracking, watchdog, broker } = parts;
  const { transport, multicast } = conf.totem;
  const snapshot = node?.snapshot ?? null;
  const verdict = node?.quorum.snapshot() ?? null;
  const refusal = snapshot?.refusal ?? null;
  const remainingMs = node?.lease.remainingMs(now.boottimeMs) ?? 0;
  return {
    cluster: {
      name: conf.name,
      id: conf.clusterId,
      configVersion: conf.version,
      configHash: parts.configHash,
      configChange: configChange(node, conf),
    },
    now: Math.floor(now.wallMs / 1000),
    localNode: self,
    generation: snapshot?.ring?.seq ?? 0,
    ring: {
      ...ring,
      transport,
      multicast: transport === "udp" ? multicast.address : null,
      id: snapshot === null || snapshot.ring === null ? "" : formatRing(snapshot.ring),
    },
    quorum: {
      // A node that the others do not count takes no part, however many they are.
      quorate: verdict?.quorate === true && refusal === null,
      votes: verdict?.votes ?? 0,
      expectedVotes: verdict?.expectedVotes ?? conf.quorum.expectedVotes,
      quorum: verdict?.quorum ?? 0,
      twoNode: conf.quorum.twoNode,
      reason: refusal === null ? (verdict?.reason ?? "starting") : `not counted: ${refusal}`,
    },
    nodes: conf.nodes.map((one) => nodeStatus(one, parts, now)),
    locked: snapshot?.table?.locked ?? false,
    services:
      snapshot?.table == null
        ? null
        : serviceStatuses(conf, snapshot.table, {
            fencing: (id) => snapshot.fence.describe(id),
            failovers: (service) => parts.failovers.of(service),
            wallMs: now.wallMs,
          }),
    lease: { held: remainingMs > 0, remainingMs: Math.floor(remainingMs) },
    tracking,
    watchdog,
    agents: snapshot?.agents() ?? { overdue: [], overdueChecks: 0, untried: 0 },
    broker,
    failovers: parts.failovers.counts,
  };
}

function nodeStatus(
  conf: ClusterConf["nodes"][number],
  parts: StatusParts,
  now: StatusMoment,
): NodeStatus {
  const joined = parts.joined(conf.id);
  const snapshot = parts.node?.snapshot ?? null;
  const online = snapshot?.members.includes(conf.id) ?? false;
  const phase = snapshot?.table?.node(conf.id).phase ?? "absent";
  return {
    id: conf.id,
    name: conf.name,
    votes: parts.node?.quorum.votesOf(conf.id) ?? conf.votes,
    address: parts.addresses.get(conf.id) ?? "",
    incarnation: joined?.incarnation ?? 0,
    joinedGeneration: joined?.generation ?? 0,
    joinedAt: joined?.at ?? 0,
    online,
    local: conf.id === parts.self,
    ready: online && (phase === "ready" || phase === "leaving"),
    fence: parts.node === null ? "unknown" : fencingText(parts.node, conf.id, now),
  };
}

/**
 * The fencing state of a node in words, with what this node is doing about it, or when it was
 * fenced.
 */
function fencingText(node: ClusterNode, id: NodeId, now: StatusMoment): string {
  const { fence, self } = node.snapshot;
  const text = fence.describe(id);
  const { victims, fenced } = fence.snapshot();
  if (victims.some((victim) => victim.node === id)) {
    const progress = node.fencingProgress.describe(id, now.boottimeMs);
    return progress === null ? text : `${text}; ${progress}`;
  }
  const past = text.startsWith("fenced") ? fenced.find((one) => one.node === id) : undefined;
  if (past !== undefined) {
    return `${text} at ${new Date(past.at * 1000).toISOString().slice(0, 19)}Z`;
  }
  const waits = id === self ? node.unfencing.describe : null;
  const elsewhere = node.snapshot.table?.node(id).phase === "clean" ? "not unfenced yet" : null;
  const remark = text === "clean" ? (waits ?? elsewhere) : null;
  return remark === null ? text : `${text}; ${remark}`;
}

function serviceStatuses(
  conf: ClusterConf,
  table: ServiceTable,
  told: {
    readonly fencing: (node: NodeId) => string;
    readonly failovers: (service: ServiceName) => ServiceStatus["failovers"];
    readonly wallMs: number;
  },
): readonly ServiceStatus[] {
  return conf.services.services.flatMap(({ name }) => {
    const record = table.service(name);
    if (record === null) return [];
    return [
      {
        name,
        state: record.state,
        frozen: record.frozen,
        partial: record.partial,
        owner: record.owner ?? 0,
        lastOwner: record.lastOwner ?? 0,
        restarts: record.restarts,
        transition: record.transition,
        ...waitStatus(table.wait(name), told.fencing),
        candidates: table.verdicts(name),
        brokers: table.brokersFor(name).map(({ node: on, sight }) => brokerOf(on, sight)),
        notes: freshStartNotes(conf, table.freshStart(name), told.wallMs),
        decisions: table.decisions(name),
        failovers: told.failovers(name),
      },
    ];
  });
}

/** Nobody who has been away for a week misses it; then it is in the log. */
const noteMs = 7 * 86_400_000;

function freshStartNotes(
  conf: ClusterConf,
  start: FreshStart | null,
  wallMs: number,
): readonly string[] {
  if (start === null || wallMs - start.at > noteMs) return [];
  const nameOf = (node: NodeId) => conf.nodes.find(({ id }) => id === node)?.name ?? `node ${node}`;
  const { node, at, before } = start;
  const lost = `what brokers had in memory since ${nameOf(before.node)} was promoted`;
  return [`${lost} (${formatUtc(before.at)}) was lost when ${nameOf(node)} was (${formatUtc(at)})`];
}

function brokerOf(node: NodeId, sight: BrokerSight): ServiceStatus["brokers"][number] {
  const state = sight.type === "answers" ? sight.state : sight.type;
  const depth = sight.type === "answers" ? sight.depth : 0;
  const refuses = sight.type === "answers" && sight.refuses;
  const text = sight.type === "silent" ? sight.why : refuses ? "refuses until restarted" : "";
  return { node, state, depth, text };
}

/** What the service waits for, with the progress of the fencing of the nodes concerned. */
function waitStatus(
  wait: ReturnType<ServiceTable["wait"]>,
  fencing: (node: NodeId) => string,
): Pick<ServiceStatus, "waitingFor" | "wait"> {
  if (wait === null) return { waitingFor: null, wait: null };
  const { kind, nodes, at, remedy } = wait;
  const concerned = kind === "fencing" || kind === "unseen-node" ? nodes : [];
  const states = concerned.map((node) => fencing(node)).filter((state) => state !== "clean");
  const progress = states.length === 0 ? "" : ` (${states.join("; ")})`;
  return { waitingFor: `${wait.text}${progress}`, wait: { kind, nodes, at, remedy } };
}

function configChange(node: ClusterNode | null, conf: ClusterConf): string | null {
  const { refusal = null, table = null } = node?.snapshot ?? {};
  if (refusal !== null) return `this node is not counted: ${refusal}`;
  const { pending = null, last = null } = table?.change ?? {};
  if (pending !== null) {
    const what = `version ${pending.version}`;
    if (pending.stage === "stopping") return `${what} is accepted, services are stopped for it`;
    const silent = conf.nodes.filter(({ id }) => !pending.accepted.includes(id));
    return `${what} is proposed; not accepted by ${silent.map(({ name }) => name).join(", ")} yet`;
  }
  return last === null || last.accepted ? null : `version ${last.version} is refused: ${last.text}`;
}
