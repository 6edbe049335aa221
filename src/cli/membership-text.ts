/**
 * Formats the membership in the layout of cman_tool: the status, the list of nodes, the version.
 * Source: cman cman_tool/main.c: show_status, print_node (lines, widths, words).
 * Deviations: there are no subsystems and ports, so their two lines are absent; five lines with the
 * ring's figures follow those of cman; one line is about a change of the configuration that is
 * under way or was refused.
 * Tested in: test/cli/cman-tool.test.ts
 */
import type { ClusterStatus, NodeStatus, RingStatus } from "../model/status.ts";
import { shownNodes } from "./status-text.ts";

/** The version of cman whose words and layout these are. */
export const layoutVersion = "6.2.0";

export const nodeFields = ["id", "name", "type", "addr", "votes", "exp", "state"] as const;
export type NodeField = (typeof nodeFields)[number];

/** Null: all nodes, or the default table of cman_tool. */
export type NodesQuery = {
  readonly names: readonly string[] | null;
  readonly fields: readonly NodeField[] | null;
  readonly addresses: boolean;
};

export function formatVersion(status: ClusterStatus): string {
  return `${layoutVersion} config ${status.cluster.configVersion}\n`;
}

export function formatMembership(status: ClusterStatus): string {
  const { cluster, quorum, ring, generation } = status;
  const local = status.nodes.find((node) => node.id === status.localNode);
  const member = local?.online ?? false;
  const lines = [
    `Version: ${layoutVersion}`,
    `Config Version: ${cluster.configVersion}`,
    ...(cluster.configChange === null ? [] : [`Config Change: ${cluster.configChange}`]),
    `Cluster Name: ${cluster.name}`,
    `Cluster Id: ${cluster.id}`,
    `Cluster Member: ${member ? "Yes" : "No"}`,
    `Cluster Generation: ${generation}`,
    `Membership state: ${member ? "Cluster-Member" : stateOf(ring)}`,
    `Nodes: ${status.nodes.filter((node) => node.online).length}`,
    `Expected votes: ${quorum.expectedVotes}`,
    `Total votes: ${quorum.votes}`,
    `Node votes: ${local?.votes ?? 0}`,
    `Quorum: ${quorum.quorum} ${quorum.quorate ? " " : "Activity blocked"}`,
    `Flags:${quorum.twoNode ? " 2node" : ""} `,
    `Node name: ${local?.name ?? ""}`,
    `Node ID: ${status.localNode}`,
    `Multicast addresses: ${ring.multicast === null ? "" : `${ring.multicast} `}`,
    `Node addresses: ${local?.address ?? ""} `,
    ...ringLines(ring),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function stateOf(ring: RingStatus): string {
  return ring.state === "stopped" ? "Not-in-Cluster" : "Joining";
}

function ringLines(ring: RingStatus): readonly string[] {
  const { rotation, counters } = ring;
  const dropped = Object.entries(counters)
    .filter(([name]) => name.startsWith("dropped_") && name !== "dropped_own-copy")
    .reduce((sum, [, count]) => sum + count, 0);
  const figures = rotation === null ? "none yet" : rotationText(rotation);
  return [
    `Ring state: ${ring.state}${ring.id === "" ? "" : `, ring ${ring.id}`}`,
    `Token rotation: ${figures}`,
    `Ring formations: ${counters["gather entries"] ?? 0}`,
    `Messages retransmitted: ${counters["retransmitted"] ?? 0}`,
    `Frames dropped: ${dropped}`,
  ];
}

function rotationText(rotation: NonNullable<RingStatus["rotation"]>): string {
  const { meanMs, minMs, maxMs, p99Ms } = rotation;
  const figures = { mean: meanMs, min: minMs, max: maxMs, p99: p99Ms };
  const parts = Object.entries(figures).map(([part, each]) => `${each.toFixed(3)} ms ${part}`);
  return parts.join(", ");
}

export function formatNodes(status: ClusterStatus, query: NodesQuery): string {
  const { names, fields, addresses } = query;
  const nodes = shownNodes(status).filter((node) => names?.includes(node.name) ?? true);
  if (fields !== null) {
    const row = (node: NodeStatus) => fields.map((field) => `${fieldOf(status, node, field)} `);
    return nodes.map((node) => `${row(node).join("")}\n`).join("");
  }
  const rows = nodes.flatMap((node) => [
    nodeRow(node),
    ...(addresses ? [`       Addresses: ${node.address} `] : []),
  ]);
  return ["Node  Sts   Inc   Joined               Name", ...rows].map((row) => `${row}\n`).join("");
}

function nodeRow(node: NodeStatus): string {
  const id = String(node.id).padStart(4);
  const generation = String(node.joinedGeneration).padStart(5);
  const joined = node.online && node.joinedAt > 0 ? formatMoment(node.joinedAt) : "";
  return `${id}   ${memberLetter(node)}  ${generation}   ${joined.padEnd(19)}  ${node.name}`;
}

function memberLetter(node: NodeStatus): "M" | "X" {
  return node.online ? "M" : "X";
}

function fieldOf(status: ClusterStatus, node: NodeStatus, field: NodeField): string {
  const values: Readonly<Record<NodeField, string>> = {
    id: String(node.id),
    name: node.name,
    type: memberLetter(node),
    addr: node.address,
    votes: String(node.votes),
    exp: String(status.quorum.expectedVotes),
    state: node.online ? "Member" : "Dead",
  };
  return values[field];
}

/** Date and time in local time, year first. */
function formatMoment(seconds: number): string {
  const at = new Date(seconds * 1000);
  const two = (part: number): string => String(part).padStart(2, "0");
  const day = [String(at.getFullYear()), two(at.getMonth() + 1), two(at.getDate())].join("-");
  return `${day} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":")}`;
}
