/**
 * The status that the commands show, as plain data. The daemon produces it, the control socket
 * carries it as JSON, `cli/status-text.ts` prints it. Times are wall-clock seconds since 1970.
 * Tested in: test/cli/status-text.test.ts, test/control/protocol.test.ts
 */
import type { Failover } from "./failover-times.ts";
import type { Histogram } from "./histogram.ts";

export type ServiceState =
  | "stopped"
  | "starting"
  | "started"
  | "stopping"
  | "failed"
  | "uninitialized"
  | "checking"
  | "recoverable"
  | "recovering"
  | "disabled"
  | "migrating";

/** Numbers of rgmanager (resgroup.h); clustat exits with them. */
export const serviceStateNumbers: Readonly<Record<ServiceState, number>> = {
  stopped: 110,
  starting: 111,
  started: 112,
  stopping: 113,
  failed: 114,
  uninitialized: 115,
  checking: 116,
  recoverable: 117,
  recovering: 118,
  disabled: 119,
  migrating: 120,
};

export type ClusterStatus = {
  readonly cluster: {
    readonly name: string;
    readonly id: number;
    readonly configVersion: number;
    /** SHA-256 of the conf's text, hexadecimal. */
    readonly configHash: string;
    /** A change of it: its progress, why it was refused, or why this node's state is refused. */
    readonly configChange: string | null;
  };
  readonly now: number;
  readonly localNode: number;
  /** Ring sequence of the current configuration; 0 before the first. */
  readonly generation: number;
  readonly ring: RingStatus;
  readonly quorum: QuorumStatus;
  readonly nodes: readonly NodeStatus[];
  /** Null while the states are unknown: this node is inquorate, or waits for a snapshot. */
  readonly services: readonly ServiceStatus[] | null;
  /** A user has locked the services: none is started or relocated. */
  readonly locked: boolean;
  readonly lease: { readonly held: boolean; readonly remainingMs: number };
  /**
   * How clusterd finds the processes of this node's services. With `cgroups` it notices their end
   * at once, with `marks` at the next status check.
   */
  readonly tracking: "cgroups" | "marks";
  readonly watchdog: WatchdogStatus;
  readonly agents: AgentsStatus;
  readonly broker: OwnBrokerStatus;
  readonly failovers: FailoverCounts;
};

/** How long the failovers took that ended on this node, since the daemon started. */
export type FailoverCounts = {
  /** By `FailoverKind`, from the beginning to the end. */
  readonly kinds: readonly NamedHistogram[];
  /** By phase, and by part of a start. */
  readonly parts: readonly NamedHistogram[];
};

type NamedHistogram = Histogram & { readonly name: string };

/** `at`: when this node knew that the service was started again. */
export type PastFailover = Omit<Failover, "service"> & { readonly at: number };

/** `joining` to `standalone` are the broker's own words. */
export const ownBrokerStates = [
  /** No service runs a broker, or `<rm qpid="off">`. */
  "unused",
  /** None of these services is started on this node. */
  "idle",
  "not-observed",
  "connecting",
  "joining",
  "catchup",
  "ready",
  "recovering",
  "active",
  "standalone",
  /** It answers in a form that clusterd does not know. */
  "misfit",
  /** A question was not answered. */
  "silent",
  /** No question is answered, and its process lives. */
  "frozen",
  /** It refuses clusterd. */
  "refusing",
  /** There is no connection. */
  "lost",
  "gone",
] as const;

/** The broker that services of this node run, as this node sees it. */
export type OwnBrokerStatus = {
  readonly state: (typeof ownBrokerStates)[number];
  /** Why, in the broker's words if it refuses; empty: the state says everything. */
  readonly text: string;
  /** The services that run or promote one, and that this node may run. */
  readonly services: readonly string[];
};

/** The agents on this node. */
export type AgentsStatus = {
  /** The calls that take too long now: a check longer than its interval, another call than 30 s. */
  readonly overdue: readonly {
    readonly service: string;
    readonly text: string;
    readonly seconds: number;
  }[];
  /** Status checks that have ended later than their interval, since the daemon started. */
  readonly overdueChecks: number;
  /** Tries of calls for which the machine had no processes, descriptors or memory. */
  readonly untried: number;
};

/** This node's watchdog, which resets the machine when its services cannot be ended. */
export type WatchdogStatus = {
  /**
   * `unused`: the conf uses none; `waiting`: it is opened when the clean-up is verified;
   * `refused`: it cannot be used.
   */
  readonly state: "unused" | "waiting" | "armed" | "refused";
  /** The device, or why it cannot be used. */
  readonly text: string;
};

export type RingStatus = {
  readonly state: "operational" | "gather" | "commit" | "recovery" | "stopped";
  readonly id: string;
  readonly transport: "udp" | "udpu";
  /** The group that frames are sent to; null with `udpu`. */
  readonly multicast: string | null;
  /** The time that the token took to go round, over the last hundred rotations; null: none yet. */
  readonly rotation: TokenRotation | null;
  /** Name of a counter → value since start: frames sent, received, dropped by cause, and so on. */
  readonly counters: Readonly<Record<string, number>>;
};

type TokenRotation = {
  readonly minMs: number;
  readonly meanMs: number;
  readonly maxMs: number;
  /** 99 % of the last thousand rotations took no longer. */
  readonly p99Ms: number;
};

export type QuorumStatus = {
  readonly quorate: boolean;
  readonly votes: number;
  readonly expectedVotes: number;
  readonly quorum: number;
  readonly twoNode: boolean;
  /** The computation that led to the state, as text. */
  readonly reason: string;
};

export type NodeStatus = {
  readonly id: number;
  readonly name: string;
  readonly votes: number;
  /** The node's address on the ring's network. */
  readonly address: string;
  /** The number of its life, larger for each later one; 0 while the node is not a member. */
  readonly incarnation: number;
  /** The ring sequence and time at which this node saw it join; 0 while it is not a member. */
  readonly joinedGeneration: number;
  readonly joinedAt: number;
  readonly online: boolean;
  readonly local: boolean;
  /** The node can run services: its clean-up is done. */
  readonly ready: boolean;
  /**
   * The state of the node in the fence domain: `clean`, `victim (delay 3 s)`, `fenced (self) …`.
   */
  readonly fence: string;
};

export type ServiceStatus = {
  /** Full name, `service:web`. */
  readonly name: string;
  readonly state: ServiceState;
  readonly frozen: boolean;
  readonly partial: boolean;
  /** Node id; 0 when no node is the owner. */
  readonly owner: number;
  readonly lastOwner: number;
  readonly restarts: number;
  readonly transition: number;
  /** What a service that is not started waits for, as text; null: for nothing. */
  readonly waitingFor: string | null;
  /** The same for programs, and what can be done about it. */
  readonly wait: ServiceWaitStatus | null;
  /** Every node of the cluster, and whether it may run the service now. */
  readonly candidates: readonly NodeVerdictStatus[];
  /** Of a service that promotes a broker: the brokers, as their nodes see them; else empty. */
  readonly brokers: readonly BrokerStatusOfNode[];
  /** What an operator should know of the past, in words. */
  readonly notes: readonly string[];
  /** The last decisions, oldest first; `fit` marks the node that was chosen. */
  readonly decisions: readonly {
    readonly at: number;
    readonly text: string;
    readonly nodes: readonly NodeVerdictStatus[];
  }[];
  /** The last failovers as this node saw them, oldest first. */
  readonly failovers: readonly PastFailover[];
};

export type BrokerStatusOfNode = {
  readonly node: number;
  /** A word of the broker's own, or `silent`, `pending` or `gone`. */
  readonly state: string;
  /** Messages in its replicated queues, when they were counted last. */
  readonly depth: number;
  /** Why it is silent; else empty. */
  readonly text: string;
};

export type NodeVerdictStatus = {
  readonly node: number;
  readonly fit: boolean;
  readonly reason: string;
};

type ServiceWaitStatus = {
  /** `fencing`, `unseen-node`, `operation`, `dependency`, `empty-node`, `retry` and so on. */
  readonly kind: string;
  readonly nodes: readonly number[];
  /** When the next attempt begins; null: not known. */
  readonly at: number | null;
  /** What an operator can do; empty: only wait. */
  readonly remedy: string;
};
