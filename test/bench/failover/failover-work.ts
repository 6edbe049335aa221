/** What a cluster does while its failovers are measured: its files, its client, its service. */
import type { ClusterStatus } from "../../../src/model/status.ts";
import type { RealCluster } from "../../e2e/real-cluster.ts";

/** Attributes and elements that differ between the scenes. */
export type WorkConf = {
  readonly totem: string;
  /** An agent that finds its victim off at once: nothing but the ring's own times is left. */
  readonly fenced: boolean;
  readonly recovery: "relocate" | "restart";
};

/** Nothing came back between two instants; wall clock. */
export type Silence = { readonly fromMs: number; readonly toMs: number };

export type Work = {
  /** The service that moves, as clusvcadm-ts takes it. */
  readonly service: string;
  /** Path of the configuration on every node. */
  readonly confPath: string;
  confText(conf: WorkConf): string;
  writeFiles(cluster: RealCluster, conf: WorkConf): void;
  /** The client, to be run on its own host; it prints `Silence` lines. */
  readonly client: readonly string[];
  /** Whether a silence is more than what the scheduler of a busy machine causes. */
  isOutage(silence: Silence): boolean;
  /** Ends the process that serves, on the node. */
  kill(cluster: RealCluster, node: number): Promise<void>;
  /** Makes it stand still; null: nobody would notice. */
  readonly freeze: ((cluster: RealCluster, node: number) => Promise<void>) | null;
  /** Whether the client has been answered, by the lines that it has printed. */
  isServed(lines: readonly string[]): boolean;
  /** What must be true besides three ready nodes and the started service, for each node. */
  isReady(status: ClusterStatus): boolean;
};
