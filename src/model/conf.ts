/**
 * The conf: what cluster.conf says, as plain, complete, validated values. `config/` produces it,
 * and every machine receives it with defaults filled in and durations in milliseconds.
 * Tested in: test/config/conf-values.test.ts
 */
import { type NodeId, type NodeName, nodesMax, type ServiceName } from "./ids.ts";
import { type Ms, ms } from "./time.ts";

export type ClusterConf = {
  readonly name: string;
  readonly version: number;
  /** 16-bit cluster id of cluster.conf; decides the default multicast address. */
  readonly clusterId: number;
  readonly totem: TotemConf;
  readonly quorum: QuorumConf;
  /** Ascending by id; at least one. */
  readonly nodes: readonly NodeConf[];
  readonly fencing: FencingConf;
  readonly logging: LoggingConf;
  readonly services: ServicesConf;
  /** Who may use process groups besides root and the group of the control socket. */
  readonly accounts: readonly AccountConf[];
};

/** A user or group of the system as written: a name, or a number in digits. */
export type AccountConf = { readonly type: "uid" | "gid"; readonly name: string };

export type TotemConf = {
  readonly transport: "udp" | "udpu";
  /** Receive port; multicast and tokens arrive here. */
  readonly port: number;
  readonly multicast: { readonly address: string; readonly ttl: number };
  readonly tokenMs: Ms;
  readonly tokenRetransmitMs: Ms;
  readonly holdMs: Ms;
  readonly joinMs: Ms;
  readonly consensusMs: Ms;
  readonly mergeMs: Ms;
  readonly failRecvMs: Ms;
  readonly seqnoUnchangedVisits: number;
  readonly missCountVisits: number;
  readonly windowFrames: number;
  readonly maxFramesPerVisit: number;
  /** Both limits double while the network loses nothing, since neither was written. */
  readonly widens: boolean;
  readonly netmtuBytes: number;
  readonly secauth: boolean;
  /** Path of the key file, or null: the key is derived from the cluster name. */
  readonly keyFile: string | null;
};

/** The length of the cipher's key; a shorter file would make the seal weaker than the cipher. */
export const keyFileBytesMin = 32;

export const nodeVotesMax = 255;
/** All votes of the largest cluster. */
export const clusterVotesMax = nodesMax * nodeVotesMax;

export type QuorumConf = {
  readonly expectedVotes: number;
  readonly twoNode: boolean;
  readonly waitForAll: boolean;
  /** Nodes that may decide a tie, the most preferred first; null: a tie is not decided. */
  readonly tieBreaker: readonly NodeId[] | null;
  /** How long a node must be lost before fewer votes are expected; null: never. */
  readonly lastManStandingMs: Ms | null;
};

export type NodeConf = {
  readonly id: NodeId;
  readonly name: NodeName;
  readonly votes: number;
  /** In file order; empty when the node has no fence devices. */
  readonly fenceMethods: readonly FenceMethodConf[];
  /** The devices that unfence the node before it runs services, in file order; may be empty. */
  readonly unfence: readonly FenceDeviceUse[];
};

export type FenceMethodConf = {
  readonly name: string;
  readonly devices: readonly FenceDeviceUse[];
};

/** One device of one method, with all parameters of its agent. */
export type FenceDeviceUse = {
  readonly device: string;
  readonly agent: string;
  /**
   * The fencedevice's parameters and the device's, which take precedence; without name and agent.
   */
  readonly parameters: readonly (readonly [string, string])[];
};

export type SelfFenceMode = "auto" | "watchdog" | "software" | "no";

export type FencingConf = {
  /** Null: for ever (-1 in the file). */
  readonly postJoinDelayMs: Ms | null;
  readonly postFailDelayMs: Ms | null;
  readonly overrideTimeMs: Ms;
  readonly cleanStart: boolean;
  readonly skipUndefined: boolean;
  readonly agentTimeoutMs: Ms;
  readonly selfFence: SelfFenceMode;
  /** L: how long a proof of quorate membership entitles a node to run services. */
  readonly leaseMs: Ms;
  /** K: from lease end until all processes are gone and addresses removed. */
  readonly killTimeoutMs: Ms;
  /** D: safe wait, at least (L + K) (1 + 0.01) + 200 ms; with W, and 1000 ms, for a watchdog. */
  readonly safeWaitMs: Ms;
  /** Null: no watchdog is used. */
  readonly watchdog: WatchdogConf | null;
};

export type WatchdogConf = {
  /** Absolute path of the device. */
  readonly device: string;
  /** W: the device resets the machine if it is not fed for this long. Whole seconds. */
  readonly timeoutMs: Ms;
  /** D for a node that has armed its watchdog: its services end with the reset at the latest. */
  readonly safeWaitMs: Ms;
};

/** P: the interval at which a watchdog is fed; three feedings may be missed before a reset. */
export function feedEveryMs(timeoutMs: Ms): Ms {
  return ms(Math.min(timeoutMs / 4, feedEveryMaxMs));
}

const feedEveryMaxMs = 1000;

export type LogPriority =
  | "emerg"
  | "alert"
  | "crit"
  | "err"
  | "warning"
  | "notice"
  | "info"
  | "debug";
export type LogChannel = "totem" | "quorum" | "fencing" | "services";

export type LoggingConf = {
  readonly priority: Readonly<Record<LogChannel, LogPriority>>;
  /** Null: standard output only. */
  readonly logFile: string | null;
};

export type RecoveryPolicy = "restart" | "relocate" | "disable" | "restart-disable";

export type ServicesConf = {
  readonly enabled: boolean;
  /** Null when the attribute is absent; 10 s is then the scan period. */
  readonly statusPollIntervalMs: Ms | null;
  readonly statusChildMax: number;
  /** Whether a node watches the broker that its services run. */
  readonly brokers: "observe" | "off";
  /** When no broker can become primary: what is done, and after which time. */
  readonly brokerHang: { readonly timeoutMs: Ms; readonly recovery: "report" | "restart" };
  readonly domains: readonly FailoverDomainConf[];
  /** In document order. */
  readonly services: readonly ServiceConf[];
};

export type FailoverDomainConf = {
  readonly name: string;
  readonly ordered: boolean;
  readonly restricted: boolean;
  readonly nofailback: boolean;
  /** Priority 1 (preferred) to 100; null: after all numbered ones. */
  readonly nodes: readonly { readonly node: NodeId; readonly priority: number | null }[];
};

export type ServiceConf = {
  readonly name: ServiceName;
  readonly line: number;
  /** Name of a failover domain, or null. */
  readonly domain: string | null;
  readonly autostart: boolean;
  readonly exclusive: boolean;
  readonly recovery: RecoveryPolicy;
  readonly depend: ServiceName | null;
  readonly dependMode: "hard" | "soft";
  readonly maxRestarts: number;
  readonly restartExpireMs: Ms;
  readonly priority: number;
  readonly retryDelayMs: Ms;
  /**
   * The service is bound to this node: no other node may run it or can hold anything of it. Null:
   * it floats. On loss of quorum a bound service goes on; a floating one is stopped.
   */
  readonly boundTo: NodeId | null;
  /** The service resource itself with its children in document order, references resolved. */
  readonly tree: ResourceConf;
};

/** One occurrence of a resource: its element in the tree, with its definition merged in. */
export type ResourceConf = {
  /** Element name, for example `script` or `ip`. */
  readonly type: string;
  /** Value of the primary attribute. */
  readonly key: string;
  readonly line: number;
  readonly attributes: readonly (readonly [string, string])[];
  /**
   * Its attributes by name: values of the file over clusterd's own defaults. They do not depend on
   * the agents of the node that has read the file.
   */
  readonly written: readonly (readonly [string, string])[];
  /** Overrides of agent actions: `<action name= depth= interval= timeout=/>`. */
  readonly actions: readonly ActionOverride[];
  readonly children: readonly ResourceConf[];
  /** Which failed checks are tolerated; absent: none. */
  readonly tolerance?: ToleranceConf;
  /** The time-outs of actions are enforced, not only hints. */
  readonly enforceTimeouts?: true;
  /** If it fails, only it and the resources below it are repaired, not the whole service. */
  readonly subtree?: SubtreeConf;
  /** Absent: the agent is built in. */
  readonly agent?: AgentConf;
};

/** `independent`: it is restarted in place; `non-critical`: the service can go on without it. */
export type SubtreeConf = {
  readonly kind: "independent" | "non-critical";
  /** The limit of restarts in place; null: no limit if independent, no restarts if non-critical. */
  readonly restarts: { readonly max: number; readonly expireMs: Ms } | null;
};

/** The agent of one resource: how it is run, and what its metadata say. */
export type AgentConf = {
  readonly runs: AgentRun;
  /** The actions of the metadata, without the overrides of the conf. */
  readonly actions: readonly AgentActionConf[];
  /**
   * Typed children, in metadata order; empty: all children in document order; absent: those of
   * rgmanager's agent of the type.
   */
  readonly children?: readonly ChildRule[];
  /** The agent starts something that does not end with its processes, such as a mount. */
  readonly holds?: true;
};

export type AgentRun =
  /** rgmanager's dialect of OCF: the file is called with the action. */
  | { readonly dialect: "rgmanager"; readonly file: string; readonly directory: string }
  /** The dialect of Heartbeat and Pacemaker. */
  | {
      readonly dialect: "ocf";
      readonly file: string;
      readonly root: string;
      readonly provider: string;
      readonly type: string;
      /** It does the work of rgmanager's agent of that type (ocf-equivalents.ts). */
      readonly replaces?: {
        readonly type: string;
        /** Attributes that have the agent's own names. */
        readonly passed: readonly string[];
      };
    }
  /** A unit of systemd, with its suffix. */
  | { readonly dialect: "systemd"; readonly unit: string }
  /** The resource cannot run on this node. */
  | { readonly dialect: "none"; readonly why: string };

export type AgentActionConf = {
  readonly name: string;
  readonly depth: number;
  /** Null: the action is not scheduled. */
  readonly intervalMs: Ms | null;
  /** 0: no time-out. */
  readonly timeoutMs: Ms;
};

/** What an agent's metadata say about children of one type. */
export type ChildRule = {
  readonly type: string;
  /** Levels 1 to 100; 0: after all children that have a level. */
  readonly start: number;
  readonly stop: number;
  /** Children of this type are ignored. */
  readonly forbidden?: true;
};

/** This many failures within `expireMs` are tolerated; the next one counts. */
export type ToleranceConf = { readonly failures: number; readonly expireMs: Ms };

export type ActionOverride = {
  readonly name: string;
  /** Null: every depth. */
  readonly depth: number | null;
  readonly intervalMs: Ms | null;
  readonly timeoutMs: Ms | null;
};
