/** What a simulated cluster is made of. */
import type { ProcessGroups } from "../../src/groups/process-groups.ts";
import type { LifeBrokerPorts } from "../../src/life/node-life.ts";
import type { ClusterConf } from "../../src/model/conf.ts";
import type { NodeId } from "../../src/model/ids.ts";
import type { NodeInput, NodeOutput } from "../../src/node/node-events.ts";
import type { Cluster } from "./cluster.ts";
import type { Membership } from "./membership.ts";
import type { VirtualProcess } from "./virtual-process.ts";
import type { Timeline, VirtualTime } from "./virtual-time.ts";

export type ClusterOptions = {
  readonly conf: ClusterConf;
  readonly time: VirtualTime;
  readonly membership: Membership;
  /** A node without a clock of its own has the true time. */
  readonly clocks?: ReadonlyMap<NodeId, Timeline>;
  /** Further configurations that can be read, by their texts. */
  readonly texts?: Readonly<Record<string, ClusterConf>>;
  /** Nodes on which none of those is valid. */
  readonly cannotRead?: readonly number[];
  /** What it takes to ask this machine for what a text supposes; 1 ms unless given. */
  readonly readMs?: (node: NodeId) => number;
  /** How much of the replicated state a node works on in one step; it differs unless given. */
  readonly workMax?: (node: NodeId) => number;
  /** Called after every step of any node. */
  readonly judge?: (cluster: Cluster) => void;
  /** Called with the time that each step of a node has taken, and what came of it. */
  readonly stepped?: (
    node: NodeId,
    input: NodeInput,
    step: { readonly tookMs: number; readonly outputs: readonly NodeOutput[] },
  ) => void;
  /** Fence agents: device → whether it works. */
  readonly fenceAgent?: (victim: NodeId) => "success" | "failure";
  /** How long a run takes; 20 ms unless given. */
  readonly fenceTakesMs?: (victim: NodeId) => number;
  /** Unfence devices of a node: whether they work. */
  readonly unfenceAgent?: (node: NodeId) => "success" | "failure";
  /** The broker of a node, asked by this process; not observed unless given. */
  readonly brokerPorts?: (node: NodeId, process: VirtualProcess) => LifeBrokerPorts;
  /** Makes the process groups of a life; the daemon's unless given. */
  readonly groups?: (self: NodeId) => ProcessGroups;
};
