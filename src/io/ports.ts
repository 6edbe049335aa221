/**
 * What the shell offers to the loops, as interfaces: their real implementations are in this folder,
 * others only in the tests. Knows shapes only: a port never decides, retries or fills in a default.
 * The ports to the machine's network interfaces are in network-ports.ts.
 * Tested in: test/io/process-runner.test.ts, test/io/udp-transport.test.ts
 */
import type { LogChannel, LogPriority } from "../model/conf.ts";
import type { Incarnation, NodeId, ServiceName } from "../model/ids.ts";
import type { Result } from "../model/outcome.ts";
import type { Ms } from "../model/time.ts";

/** Stops what it was returned for; a second call does nothing. */
export type Stop = () => void;

// --- time ---------------------------------------------------------------------------------------

export interface Clock {
  /** CLOCK_MONOTONIC; stands still while the machine is suspended. */
  monotonicMs(): Ms;
  /** CLOCK_BOOTTIME, so that suspend counts; truncated to 10 ms. For leases. */
  boottimeMs(): Ms;
  /** Wall clock, milliseconds since 1970; may jump. For display and for incarnations. */
  wallMs(): Ms;
  /** Calls once, after that time; in milliseconds of the monotonic clock. */
  after(delayMs: number, call: () => void): Stop;
  /** Calls again and again, until it is stopped. */
  every(intervalMs: number, call: () => void): Stop;
  /** Calls once, when what has arrived was read: after a pass of the process's event loop. */
  soon(call: () => void): void;
}

/** A timer that came due. Stale as soon as the timer is armed again or disarmed. */
export type Firing<Name extends string> = { readonly timer: Name; readonly generation: number };

/**
 * Named timers. The owner queues each firing it is given and calls `claim` right before stepping
 * the machine with it; a refused firing is dropped.
 */
export interface Timers<Name extends string> {
  /** Replaces the timer of that name. */
  arm(timer: Name, afterMs: Ms): void;
  disarm(timer: Name): void;
  /** True once per firing, and only while its timer was neither armed again nor disarmed. */
  claim(firing: Firing<Name>): boolean;
  /** True when the timer is armed, unclaimed, and its time has passed. */
  overdue(timer: Name): boolean;
  disarmAll(): void;
}

// --- ring ---------------------------------------------------------------------------------------

/** A sealed frame as consecutive parts of one datagram; the transport sends them uncopied. */
export type SealedFrame = readonly Uint8Array[];

export type TransportProblem =
  /** The node's address is on no interface. */
  | { readonly type: "address-absent"; readonly address: string }
  /** Another program, or another clusterd, has the port. */
  | { readonly type: "port-taken"; readonly address: string; readonly port: number }
  /** The kernel refused to join the group on the node's interface. */
  | { readonly type: "no-such-group"; readonly group: string; readonly cause: string }
  | { readonly type: "socket-failed"; readonly cause: string };

export type TransportOpened = {
  /** What the kernel granted for each receive buffer, and what was asked for. */
  readonly receiveBufferBytes: number;
  readonly receiveBufferWantedBytes: number;
};

/** `byGroup` is false for what was sent to this node alone. */
export type OnDatagram = (bytes: Uint8Array, sourceAddress: string, byGroup: boolean) => void;

/**
 * Sends and receives datagrams; knows addresses, not nodes. Sending is fire and forget; what is
 * sent to one receiver keeps its order until the network changes it. Multicasts may wait for the
 * next unicast or `flush`.
 */
export interface Transport {
  open(onDatagram: OnDatagram): Promise<Result<TransportOpened, TransportProblem>>;
  /** To all nodes; own copies come back on some transports and not on others. */
  multicast(frame: SealedFrame): void;
  unicast(address: string, frame: SealedFrame): void;
  /** Nothing waits to be sent any longer. */
  flush(): void;
  /** Own multicasts were seen to come back: they need not any more, unless a peer is local. */
  endOwnCopies(): void;
  /** After a link came up or was created again: joins the group anew. */
  rejoin(): void;
  /** Frames and bytes sent and received, send failures by error code, re-joins. */
  counters(): Readonly<Record<string, number>>;
  close(): PromiseLike<void>;
}

/** Why a frame was dropped by the seal; the names are the counters of the status. */
export type DropCause =
  | "short"
  | "magic"
  /** A peer with `secauth` set otherwise. */
  | "other-mode"
  | "version"
  | "kind"
  | "other-cluster"
  | "own-copy"
  | "unlisted-address"
  | "unknown-node"
  | "address-mismatch"
  /** Of a life that is not accepted, when too many such frames come to look into all of them. */
  | "too-many-strangers"
  | "old-incarnation"
  | "replay"
  | "authentication"
  /** Authentic, but of a life of the sender that has not answered the challenge yet. */
  | "unproven"
  /** Two processes use the sender's id. */
  | "contested"
  | "hello-malformed";

/** What the transport shall send for the seal itself (kind hello). */
export type SealReply = { readonly address: string; readonly frame: SealedFrame };

export type SealVerdict =
  | {
      readonly type: "opened";
      readonly from: NodeId;
      readonly incarnation: Incarnation;
      /** Byte 3 of the envelope: selects the message type; never hello. */
      readonly kind: number;
      readonly payload: Uint8Array;
    }
  | {
      readonly type: "dropped";
      readonly cause: DropCause;
      readonly reply: SealReply | null;
    }
  /** A hello was consumed. `proven`: this life of the sender is accepted from now on. */
  | {
      readonly type: "hello";
      readonly from: NodeId;
      readonly proven: Incarnation | null;
      readonly reply: SealReply | null;
    }
  /** Another live process uses this node's id; `later` when this process is the newer one. */
  | {
      readonly type: "duplicate-node";
      readonly address: string;
      readonly incarnation: Incarnation;
      readonly later: boolean;
      readonly reply: SealReply | null;
    };

export interface FrameSeal {
  seal(kind: number, payload: Uint8Array): SealedFrame;
  /** The frames of a datagram, at least one, each to be opened by itself. */
  frames(datagram: Uint8Array): readonly Uint8Array[];
  open(frame: Uint8Array, source: { readonly address: string; readonly nowMs: Ms }): SealVerdict;
  /** A frame that makes this node answer by unicast, if it lives; for a node that is not heard. */
  probe(node: NodeId): SealReply | null;
  /** The accepted life of each node heard so far. */
  incarnations(): readonly (readonly [NodeId, Incarnation])[];
  /** When another life than the accepted one was last heard, by the clock of `open`. */
  formerLivesHeard(): ReadonlyMap<NodeId, Ms>;
  /** Nodes whose id more than one process uses, ascending. */
  contested(nowMs: Ms): readonly NodeId[];
  drops(): Readonly<Record<DropCause, number>>;
}

// --- processes ----------------------------------------------------------------------------------

export type ProcessOrder = {
  /** Program and arguments; the program is an absolute path. */
  readonly argv: readonly [string, ...string[]];
  /** The whole environment of the child: nothing is added and nothing is inherited. */
  readonly environment: readonly (readonly [string, string])[];
  /** Null: standard input is /dev/null. */
  readonly stdin: string | null;
  /** Null: no limit. At the limit SIGTERM goes to the group, after 5 s SIGKILL. */
  readonly timeoutMs: Ms | null;
  /** A status check: its end is no news of the service. */
  readonly looks?: true;
};

/** `output` is the last 4096 bytes of standard output and error together, as they were read. */
export type ProcessResult =
  | { readonly type: "exited"; readonly code: number; readonly output: string }
  | { readonly type: "signalled"; readonly signal: string; readonly output: string }
  /** `gone` is false when the process did not end even after SIGKILL (uninterruptible sleep). */
  | { readonly type: "timed-out"; readonly gone: boolean; readonly output: string }
  | { readonly type: "not-started"; readonly cause: string };

export type TrackedProcess = {
  readonly pid: number;
  /** Null: clusterd runs it for itself. */
  readonly service: ServiceName | null;
  /** Field comm of /proc/PID/stat. */
  readonly command: string;
  /** The resource whose agent has started it, as OCF_RESOURCE_INSTANCE names it; null: unknown. */
  readonly instance: string | null;
};

/** What is there, as far as it could be looked at. */
export type TrackedLook = {
  readonly found: readonly TrackedProcess[];
  /** What could not be looked at, and why. Nothing is left only when this is empty, too. */
  readonly unseen: readonly string[];
};

/** Names the processes of all services, of one, or of one of its resources. */
export type TrackedScope = {
  readonly token: string;
  readonly service: ServiceName | null;
  readonly resource?: string;
};

/** Processes that may outlive the stop of their service. */
export type Spared = {
  /** Units of systemd: it ends their processes as their owner has said. */
  readonly units: readonly string[];
  /** Resources, as OCF_RESOURCE_INSTANCE names them. */
  readonly instances: readonly string[];
};

export type EndOrder = {
  /** What ends by itself within this is no leftover. */
  readonly settleMs: Ms;
  /** From SIGTERM to SIGKILL. */
  readonly graceMs: Ms;
  /** From the first SIGKILL to giving up. */
  readonly forceMs: Ms;
  readonly spared: Spared;
};

export type EndedProcesses = {
  readonly ended: readonly TrackedProcess[];
  readonly left: readonly TrackedProcess[];
  /** As in a look. */
  readonly unseen: readonly string[];
};

/** For which service; a command that it takes is one of its processes, ended by the signal. */
export type DoneFor = {
  readonly service: ServiceName;
  readonly cancelled: AbortSignal | null;
};

/** Results come later, never within the call, and none of them is a rejection. */
export interface ProcessRunner {
  /** When `cancelled` fires, the whole group is killed at once, or nothing is begun. */
  run(order: ProcessOrder, cancelled?: AbortSignal): PromiseLike<ProcessResult>;
  /**
   * Processes whose environment carries the token, whatever their parent or session; `any`: some of
   * them are enough, if there are any.
   */
  listTracked(scope: TrackedScope, enough?: "any" | "all"): PromiseLike<TrackedLook>;
  /** SIGKILL until none is left, in a bounded number of rounds; returns those that survived. */
  killTracked(scope: TrackedScope): PromiseLike<TrackedLook>;
  /** Ends what is left of a service that was stopped. */
  endTracked(scope: TrackedScope, order: EndOrder): PromiseLike<EndedProcesses>;
}

// --- watchdog -----------------------------------------------------------------------------------

export type WatchdogFacts = {
  /** As the driver names itself. */
  readonly identity: string;
  /** As granted and read back. */
  readonly timeoutMs: Ms;
  /** It cannot be disarmed: it must be fed until the machine is off. */
  readonly nowayout: boolean;
  /** It has caused the last start of this machine. */
  readonly didReset: boolean;
};

/**
 * The device that resets the machine unless it is fed in time. The end of the process that has
 * opened it leaves it armed. Problems are in words.
 */
export interface Watchdog {
  /** From now on the time runs. A device that does not grant the time is disarmed and refused. */
  open(timeoutMs: Ms): Result<WatchdogFacts, string>;
  feed(): Result<null, string>;
  /** `armed`: the machine is reset, unless the device is opened again in time. */
  close(how: "disarmed" | "armed"): Result<null, string>;
}

// --- durable state ------------------------------------------------------------------------------

export type StoreProblem =
  | { readonly type: "unreadable"; readonly path: string; readonly cause: string }
  | { readonly type: "unwritable"; readonly path: string; readonly cause: string };

/** One start of this node's daemon. */
export type StoredLife = {
  readonly incarnation: Incarnation;
  /** First ring sequence this life may use. */
  readonly ringSeqStart: number;
  /** Durable upper bound of the ring sequences it may use until raised. */
  readonly ringSeqDurable: number;
  /** No state was found: ring sequences start at the wall clock, which deserves a warning. */
  readonly first: boolean;
};

export interface Store {
  /** Once per start; the new incarnation and bound are durable when it returns. */
  beginLife(wallMs: Ms): Promise<Result<StoredLife, StoreProblem>>;
  /** Never lowers the bound. Returns the durable bound. */
  raiseRingSeq(bound: number): PromiseLike<Result<number, StoreProblem>>;
  /** Random, made at the first call ever, the same in all lives: marks the agents' processes. */
  trackingToken(): Promise<Result<string, StoreProblem>>;
}

// --- log ----------------------------------------------------------------------------------------

export type LogFacts = Readonly<Record<string, string | number | boolean | null>>;

export interface LogSink {
  write(channel: LogChannel, priority: LogPriority, line: LogLine): void;
  /** After the file was renamed by log rotation. */
  reopen(): void;
  /** Blocks until all lines are with the kernel; only right before the process ends. */
  flush(): void;
}

export type LogLine = { readonly text: string; readonly facts?: LogFacts };
