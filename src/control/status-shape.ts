/**
 * The shape of the reply of `/v1/status`: validates a ClusterStatus that was read from JSON.
 * Tested in: test/control/protocol.test.ts
 */
import { failoverKinds, failoverPhases } from "../model/failover-times.ts";
import type { Result } from "../model/outcome.ts";
import {
  dictionary,
  flag,
  list,
  nullable,
  number,
  oneOf,
  optional,
  parsedBy,
  readAs,
  record,
  type Shape,
  text,
} from "../model/shape.ts";
import {
  type AgentsStatus,
  type ClusterStatus,
  type FailoverCounts,
  type NodeStatus,
  type NodeVerdictStatus,
  type OwnBrokerStatus,
  ownBrokerStates,
  type PastFailover,
  type QuorumStatus,
  type RingStatus,
  type ServiceState,
  type ServiceStatus,
  serviceStateNumbers,
  type WatchdogStatus,
} from "../model/status.ts";

/** The problem names the first field that does not fit. */
export function parseClusterStatus(value: unknown): Result<ClusterStatus, string> {
  return readAs(clusterStatus, value, "status");
}

const ring: Shape<RingStatus> = record({
  state: oneOf("operational", "gather", "commit", "recovery", "stopped"),
  id: text,
  transport: oneOf("udp", "udpu"),
  multicast: nullable(text),
  rotation: nullable(record({ minMs: number, meanMs: number, maxMs: number, p99Ms: number })),
  counters: dictionary(number),
});

const quorum: Shape<QuorumStatus> = record({
  quorate: flag,
  votes: number,
  expectedVotes: number,
  quorum: number,
  twoNode: flag,
  reason: text,
});

const node: Shape<NodeStatus> = record({
  id: number,
  name: text,
  votes: number,
  address: text,
  incarnation: number,
  joinedGeneration: number,
  joinedAt: number,
  online: flag,
  local: flag,
  ready: flag,
  fence: text,
});

const verdict: Shape<NodeVerdictStatus> = record({ node: number, fit: flag, reason: text });

const failover: Shape<PastFailover> = record({
  at: number,
  kind: oneOf(...failoverKinds),
  from: number,
  to: number,
  totalMs: nullable(number),
  phases: list(
    record({
      phase: oneOf(...failoverPhases),
      ms: number,
      node: number,
      how: text,
      parts: list(record({ part: text, ms: number })),
    }),
  ),
});

const histograms = list(record({ name: text, counts: list(number), count: number, sumMs: number }));
const failovers: Shape<FailoverCounts> = record({ kinds: histograms, parts: histograms });

const service: Shape<ServiceStatus> = record({
  name: text,
  state: parsedBy(parseServiceState),
  frozen: flag,
  partial: flag,
  owner: number,
  lastOwner: number,
  restarts: number,
  transition: number,
  waitingFor: nullable(text),
  wait: nullable(record({ kind: text, nodes: list(number), at: nullable(number), remedy: text })),
  candidates: list(verdict),
  brokers: optional(list(record({ node: number, state: text, depth: number, text })), []),
  notes: optional(list(text), []),
  decisions: list(record({ at: number, text, nodes: list(verdict) })),
  failovers: optional(list(failover), []),
});

const watchdog: Shape<WatchdogStatus> = record({
  state: oneOf("unused", "waiting", "armed", "refused"),
  text,
});

const agents: Shape<AgentsStatus> = record({
  overdue: list(record({ service: text, text, seconds: number })),
  overdueChecks: number,
  untried: number,
});

const broker: Shape<OwnBrokerStatus> = record({
  state: oneOf(...ownBrokerStates),
  text,
  services: list(text),
});

const clusterStatus: Shape<ClusterStatus> = record({
  cluster: record({
    name: text,
    id: number,
    configVersion: number,
    configHash: text,
    configChange: nullable(text),
  }),
  now: number,
  localNode: number,
  generation: number,
  ring,
  quorum,
  nodes: list(node),
  services: nullable(list(service)),
  locked: flag,
  lease: record({ held: flag, remainingMs: number }),
  tracking: oneOf("cgroups", "marks"),
  watchdog,
  agents,
  broker,
  failovers: optional(failovers, { kinds: [], parts: [] }),
});

function parseServiceState(value: unknown): ServiceState | null {
  return isServiceState(value) ? value : null;
}

function isServiceState(value: unknown): value is ServiceState {
  return typeof value === "string" && Object.hasOwn(serviceStateNumbers, value);
}
