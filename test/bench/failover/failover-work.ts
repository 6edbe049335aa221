/** What clusterd keeps running while its failovers are measured: files, client, service. */
import type { ClusterStatus } from "../../../src/model/status.ts";
import type { RealCluster } from "../../e2e/real-cluster.ts";

/** The timers of a measurement: those of clusterd, and what comes nearest in its peers. */
export type Profile = {
  readonly name: string;
  /** Attributes of `<totem>`. */
  readonly totem: string;
  /** keepalived: `advert_int`. */
  readonly advertSeconds: number;
  /** corosync: `token`. */
  readonly tokenMs: number;
};

export const profiles = [
  { name: "normal", totem: "", advertSeconds: 1, tokenMs: 1000 },
  { name: "lan-fast", totem: 'profile="lan-fast"', advertSeconds: 0.1, tokenMs: 300 },
] as const satisfies readonly Profile[];

/** Attributes and elements that differ between the scenes. */
export type WorkConf = {
  readonly totem: string;
  /** `device`: one that takes the power within milliseconds; `self`: none, the lease protects. */
  readonly fencing: "device" | "self";
  readonly recovery: "relocate" | "restart";
};

/** Nothing came back between two instants; wall clock. */
export type Silence = { readonly fromMs: number; readonly toMs: number };

export type ServiceClient = {
  /** To be run on a host of its own; it prints `Silence` lines. */
  readonly argv: readonly string[];
  /** A command of that host that takes from the service what was left there; null: nothing is. */
  readonly clear: readonly string[] | null;
  /** Whether a silence is more than what the scheduler of a busy machine causes. */
  isOutage(silence: Silence): boolean;
  /** Whether the client has been answered, by the lines that it has printed. */
  isServed(lines: readonly string[]): boolean;
};

export type Work = {
  /** The service that moves, as clusvcadm-ts takes it. */
  readonly service: string;
  /** Path of the configuration on every node. */
  readonly confPath: string;
  confText(conf: WorkConf): string;
  writeFiles(cluster: RealCluster, conf: WorkConf): void;
  readonly client: ServiceClient;
  /** Ends the process that serves, on the node. */
  kill(cluster: RealCluster, node: number): Promise<void>;
  /** Makes it stand still, and after which time it counts as frozen; null: nobody would notice. */
  readonly freeze: Freeze | null;
  /** What must be true besides three ready nodes and the started service, for each node. */
  isReady(status: ClusterStatus): boolean;
};

export type Freeze = {
  readonly act: (cluster: RealCluster, node: number) => Promise<void>;
  readonly noticedMs: number;
};
