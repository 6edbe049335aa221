/**
 * Formats the status as Prometheus text: a fixed list of metrics with their names and meanings.
 * Source: the Prometheus text exposition format, version 0.0.4.
 * METRIC1  A metric's name, type and labels never change; a metric without a value is left out.
 */
import { failoverBoundsMs } from "../model/histogram.ts";
import type { ClusterStatus, FailoverCounts } from "../model/status.ts";
import { version } from "../model/version.ts";
import type { GroupListing } from "./group-protocol.ts";

export const metricsContentType = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Readonly<Record<string, string>>;
/** `suffix`: what a sample of a histogram counts. */
type Sample = { readonly labels: Labels; readonly value: number; readonly suffix?: string };
type Metric = {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly samples: readonly Sample[];
};

export function formatMetrics(status: ClusterStatus, groups: GroupListing): string {
  const metrics = [
    ...clusterMetrics(status),
    ...nodeMetrics(status),
    ...serviceMetrics(status),
    ...failoverMetrics(status),
    ...agentMetrics(status),
    ...brokerMetrics(status),
    ...ringMetrics(status),
    ...frameMetrics(status),
    ...groupMetrics(groups),
  ];
  return metrics
    .filter(({ samples }) => samples.length > 0)
    .map(formatMetric)
    .join("");
}

function formatMetric({ name, type, help, samples }: Metric): string {
  const lines = samples.map(({ labels, value, suffix = "" }) => {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
    return `${name}${suffix}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function escaped(text: string): string {
  return text.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n");
}

function gauge(name: string, help: string, value: number | readonly Sample[]): Metric {
  const samples = typeof value === "number" ? [{ labels: {}, value }] : value;
  return { name: `clusterd_${name}`, type: "gauge", help, samples };
}

function counter(name: string, help: string, value: number | readonly Sample[]): Metric {
  return { ...gauge(`${name}_total`, help, value), type: "counter" };
}

/** One histogram for each name, which becomes the label. */
function histogram(
  name: string,
  help: string,
  of: { readonly label: string; readonly named: FailoverCounts["kinds"] },
): Metric {
  const samples = of.named.flatMap(({ name: value, counts, count, sumMs }): readonly Sample[] => {
    const labels = { [of.label]: value };
    const buckets = failoverBoundsMs.map((boundMs, at) => {
      return {
        suffix: "_bucket",
        labels: { ...labels, le: `${boundMs / 1000}` },
        value: counts[at] ?? 0,
      };
    });
    return [
      ...buckets,
      { suffix: "_bucket", labels: { ...labels, le: "+Inf" }, value: count },
      { suffix: "_sum", labels, value: sumMs / 1000 },
      { suffix: "_count", labels, value: count },
    ];
  });
  return { ...gauge(name, help, samples), type: "histogram" };
}

function clusterMetrics(status: ClusterStatus): readonly Metric[] {
  const { cluster, quorum, lease, watchdog, localNode } = status;
  const build = { version, cluster: cluster.name, node: String(localNode) };
  return [
    gauge("build_info", "Always 1.", [{ labels: build, value: 1 }]),
    gauge("config_version", "Version of the configuration.", cluster.configVersion),
    gauge(
      "quorate",
      "Whether the cluster is quorate, as this node sees it.",
      Number(quorum.quorate),
    ),
    gauge("votes", "Votes of the present members.", quorum.votes),
    gauge("expected_votes", "Votes of all nodes.", quorum.expectedVotes),
    gauge("quorum_votes", "Votes needed for quorum.", quorum.quorum),
    gauge("lease_held", "Whether this node may run services.", Number(lease.held)),
    gauge("lease_remaining_seconds", "Time left of the lease.", lease.remainingMs / 1000),
    gauge(
      "watchdog_armed",
      "Whether a watchdog resets this node unless it is fed.",
      Number(watchdog.state === "armed"),
    ),
  ];
}

function nodeMetrics({ nodes }: ClusterStatus): readonly Metric[] {
  const each = (value: (node: ClusterStatus["nodes"][number]) => boolean) =>
    nodes.map((node) => ({ labels: { node: node.name }, value: Number(value(node)) }));
  return [
    gauge(
      "node_online",
      "Whether the node is a member.",
      each(({ online }) => online),
    ),
    gauge(
      "node_ready",
      "Whether the node takes part in services.",
      each(({ ready }) => ready),
    ),
  ];
}

function serviceMetrics({ services }: ClusterStatus): readonly Metric[] {
  const known = services ?? [];
  return [
    gauge(
      "service_state",
      "1 for the state that the service is in.",
      known.map(({ name, state }) => ({ labels: { service: name, state }, value: 1 })),
    ),
    gauge(
      "service_owner",
      "Id of the node that runs the service, 0 for none.",
      known.map(({ name, owner }) => ({ labels: { service: name }, value: owner })),
    ),
  ];
}

function failoverMetrics({ failovers: { kinds, parts } }: ClusterStatus): readonly Metric[] {
  return [
    histogram("failover_seconds", "How long the failovers to this node took, by what began them.", {
      label: "kind",
      named: kinds,
    }),
    histogram("failover_part_seconds", "How long the parts of these failovers took.", {
      label: "part",
      named: parts,
    }),
  ];
}

function agentMetrics({ agents }: ClusterStatus): readonly Metric[] {
  return [
    gauge(
      "agents_overdue",
      "Calls of agents on this node that take too long at the moment.",
      agents.overdue.length,
    ),
    counter(
      "overdue_checks",
      "Status checks on this node that took longer than their interval.",
      agents.overdueChecks,
    ),
    counter(
      "untried_calls",
      "Tries of agents for which this node had no processes, descriptors or memory.",
      agents.untried,
    ),
  ];
}

function brokerMetrics({ broker: { state } }: ClusterStatus): readonly Metric[] {
  const samples = state === "unused" ? [] : [{ labels: { state }, value: 1 }];
  return [gauge("broker_state", "1 for the state that the broker of this node is in.", samples)];
}

function ringMetrics({ ring, generation }: ClusterStatus): readonly Metric[] {
  const { rotation, counters } = ring;
  const parts = rotation === null ? [] : Object.entries(rotation);
  return [
    gauge(
      "ring_operational",
      "Whether messages are ordered.",
      Number(ring.state === "operational"),
    ),
    gauge("ring_sequence", "Sequence number of the ring.", generation),
    gauge(
      "ring_token_rotation_seconds",
      "Time the token takes to go round, over its last hundred rotations; p99: thousand.",
      parts.map(([part, ms]) => ({ labels: { part: part.replace("Ms", "") }, value: ms / 1000 })),
    ),
    counter(
      "ring_gathers",
      "Times a ring had to be formed, by cause.",
      labelled(counters, "gather: ", "cause"),
    ),
    counter("ring_retransmitted", "Messages sent again.", counters["retransmitted"] ?? 0),
    gauge(
      "ring_held_messages",
      "Messages kept until all have them.",
      counters["held messages"] ?? 0,
    ),
    gauge(
      "ring_queued_messages",
      "Messages that wait for the token.",
      counters["queued messages"] ?? 0,
    ),
    gauge("ring_queued_bytes", "Their bytes.", counters["queued bytes"] ?? 0),
    counter("ring_stalls", "Times the ring's thread did not run in time.", counters["stalls"] ?? 0),
    gauge(
      "ring_stall_worst_seconds",
      "The longest of them.",
      (counters["stall_worst_ms"] ?? 0) / 1000,
    ),
  ];
}

function frameMetrics({ ring: { counters } }: ClusterStatus): readonly Metric[] {
  const directions = (unit: "frames" | "bytes") =>
    (["sent", "received"] as const).map((direction) => ({
      labels: { direction },
      value: counters[`${unit}-${direction}`] ?? 0,
    }));
  const kinds = (["sent", "received"] as const).flatMap((direction) =>
    labelled(counters, `${direction} `, "type").map(({ labels, value }) => ({
      labels: { direction, ...labels },
      value,
    })),
  );
  return [
    counter("ring_frames", "Datagrams, own copies included.", directions("frames")),
    counter("ring_frame_bytes", "Their bytes.", directions("bytes")),
    counter("ring_protocol_messages", "Messages of the ring protocol, by type.", kinds),
    counter(
      "ring_dropped_frames",
      "Datagrams not accepted, by cause.",
      labelled(counters, "dropped_", "cause"),
    ),
    counter(
      "ring_send_failures",
      "Datagrams not sent, by error.",
      labelled(counters, "send-failed-", "error"),
    ),
  ];
}

function groupMetrics({ groups, clients, counters }: GroupListing): readonly Metric[] {
  const members = groups.reduce((sum, group) => sum + group.members.length, 0);
  return [
    gauge("groups", "Process groups that have members.", groups.length),
    gauge("group_members", "Their members on all nodes.", members),
    gauge("group_clients", "Clients of process groups on this node.", clients),
    counter("group_messages", "Messages of process groups delivered here.", counters.messages),
    counter("group_message_bytes", "Their bytes.", counters.bytes),
    counter("group_dropped_messages", "Messages of process groups not delivered, by cause.", [
      { labels: { cause: "no-member" }, value: counters.dropped },
      { labels: { cause: "malformed" }, value: counters.malformed },
    ]),
    gauge(
      "group_queued_bytes",
      "Bytes of local clients that wait to be ordered.",
      counters.queuedBytes,
    ),
  ];
}

/** The counters whose names have this prefix; the rest of the name becomes the label. */
function labelled(
  counters: Readonly<Record<string, number>>,
  prefix: string,
  label: string,
): readonly Sample[] {
  return Object.entries(counters)
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, value]) => ({ labels: { [label]: name.slice(prefix.length) }, value }));
}
