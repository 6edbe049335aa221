/**
 * The interfaces through which the loops reach the system: clocks, timers, sockets, processes,
 * files and the log. A port makes no decisions: it neither retries nor fills in a default. The real
 * implementations are in this folder, simulated ones in the tests.
 * The ports to the machine's network interfaces are in network-ports.ts.
 * Tested in: test/io/process-runner.test.ts, test/io/udp-transport.test.ts
 */
import type { LogChannel, LogPriority } from "../model/conf.ts";
import type { Incarnation, NodeId, ServiceName } from "../model/ids.ts";
import type { Result } from "../model/outcome.ts";
import type { Ms } from "../model/time.ts";

/** Ends the activity for which it was returned; a second call does nothing. */
export type Stop = () => void;

// --- time ---------------------------------------------------------------------------------------

export interface Clock {
  /** CLOCK_MONOTONIC; stands still while the machine is suspended. */
  monotonicMs(): Ms;
  /** CLOCK_BOOTTIME, so that suspend counts; truncated to 10 ms. For leases. */
  boottimeMs(): Ms;
  /** Wall clock, milliseconds since 1970; may jump. For display and for incarnations. */
  wallMs(): Ms;
  /** Calls once, after `delayMs` of the monotonic clock. */
  after(delayMs: number, call: () => void): Stop;
  /** Calls every `intervalMs`, until it is stopped. */
  every(intervalMs: number, call: () => void): Stop;
  /** Calls once, after a pass of the process's event loop has read what had arrived. */
  soon(call: () => void): void;
}

/** A timer that came due. The firing is stale once its timer is armed again or disarmed. */
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
  /** The size that the kernel granted for each receive buffer, and the requested size. */
  readonly receiveBufferBytes: number;
  readonly receiveBufferWantedBytes: number;
};

/** `byGroup` is false for a datagram that was sent to this node alone. */
export type OnDatagram = (bytes: Uint8Array, sourceAddress: string, byGroup: boolean) => void;

/**
 * Sends and receives datagrams; knows addresses, not nodes. Sending reports no result. Datagrams to
 * one receiver leave in the order of the calls. Multicasts may wait for the next unicast or
 * `flush`.
 */
export interface Transport {
  open(onDatagram: OnDatagram): Promise<Result<TransportOpened, TransportProblem>>;
  /** Sends to all nodes. Some transports return own copies, others do not. */
  multicast(frame: SealedFrame): void;
  unicast(address: string, frame: SealedFrame): void;
  /** Sends the multicasts that still wait. */
  flush(): void;
  /**
   * Own multicasts have come back once, which proves that the group works. They need not come back
   * any more, unless a peer is on this machine.
   */
  endOwnCopies(): void;
  /** Joins the group again; called after a link came up or was created again. */
  rejoin(): void;
  /** Frames and bytes sent and received, send failures by error code, re-joins. */
  counters(): Readonly<Record<string, number>>;
  close(): PromiseLike<void>;
}

/** Why a frame was dropped by the seal; the names are the counters of the status. */
export type DropCause =
  | "short"
  | "magic"
  /** The peer has another value of `secauth`. */
  | "other-mode"
  | "version"
  | "kind"
  | "other-cluster"
  | "own-copy"
  | "unlisted-address"
  | "unknown-node"
  | "address-mismatch"
  /** From a life that is not accepted, while too many such frames arrive to open all of them. */
  | "too-many-strangers"
  | "old-incarnation"
  | "replay"
  | "authentication"
  /** Authentic, but from a life of the sender that has not answered the challenge yet. */
  | "unproven"
  /** Two processes use the sender's id. */
  | "contested"
  | "hello-malformed";

/** A frame of the seal itself (kind hello), which the transport must send. */
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
  /** Another live process uses this node's id; `later`: this process is the newer one. */
  | {
      readonly type: "duplicate-node";
      readonly address: string;
      readonly incarnation: Incarnation;
      readonly later: boolean;
      readonly reply: SealReply | null;
    };

export interface FrameSeal {
  seal(kind: number, payload: Uint8Array): SealedFrame;
  /** Splits a datagram into its frames, at least one; each is opened by itself. */
  frames(datagram: Uint8Array): readonly Uint8Array[];
  open(frame: Uint8Array, source: { readonly address: string; readonly nowMs: Ms }): SealVerdict;
  /** Returns a frame that makes that node answer by unicast if it is alive. */
  probe(node: NodeId): SealReply | null;
  /** The accepted life of each node heard so far. */
  incarnations(): readonly (readonly [NodeId, Incarnation])[];
  /** By node: when a life other than the accepted one was last heard, by the clock of `open`. */
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
  /** Null: no limit. At the limit the process group gets SIGTERM, and SIGKILL 5 s later. */
  readonly timeoutMs: Ms | null;
  /** A status check: the end of its processes does not cause a check of the service. */
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
  /** The text of /proc/PID/comm. */
  readonly command: string;
  /** The resource whose agent has started it, by OCF_RESOURCE_INSTANCE; null: unknown. */
  readonly instance: string | null;
};

/** The processes that a look has found. */
export type TrackedLook = {
  readonly found: readonly TrackedProcess[];
  /** What could not be looked at, and why. Only if this is empty, too, is nothing left. */
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
  /** Units of systemd, which ends their processes as they are configured. */
  readonly units: readonly string[];
  /** Resources, by OCF_RESOURCE_INSTANCE. */
  readonly instances: readonly string[];
};

export type EndOrder = {
  /** Processes that end by themselves within this time are not reported. */
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
  /** As in TrackedLook. */
  readonly unseen: readonly string[];
};

/**
 * The service for which a call is made. Commands that the call runs count as processes of this
 * service, and are killed when `cancelled` fires.
 */
export type DoneFor = {
  readonly service: ServiceName;
  readonly cancelled: AbortSignal | null;
};

/** Every result arrives after its call has returned, and no promise is rejected. */
export interface ProcessRunner {
  /** When `cancelled` fires, the process group is killed at once, or nothing is started. */
  run(order: ProcessOrder, cancelled?: AbortSignal): PromiseLike<ProcessResult>;
  /**
   * Lists the processes of the scope, whatever their parent or session. `any`: it may stop once it
   * has found some of them.
   */
  listTracked(scope: TrackedScope, enough?: "any" | "all"): PromiseLike<TrackedLook>;
  /** Sends SIGKILL until none is left, in a bounded number of rounds; returns the survivors. */
  killTracked(scope: TrackedScope): PromiseLike<TrackedLook>;
  /**
   * Sends SIGKILL to the processes that it finds now, and to none that begins later, so that what
   * follows from their end is not killed as well. Programs that are run at that moment are spared.
   * `left`: those that do not end.
   */
  killPresent(scope: TrackedScope): PromiseLike<EndedProcesses>;
  /** Ends the processes that a stopped service has left, in the steps of the order. */
  endTracked(scope: TrackedScope, order: EndOrder): PromiseLike<EndedProcesses>;
}

// --- watchdog -----------------------------------------------------------------------------------

export type WatchdogFacts = {
  /** The name that the driver gives itself. */
  readonly identity: string;
  /** The time-out that the driver has granted, as read back. */
  readonly timeoutMs: Ms;
  /** It cannot be disarmed: it must be fed until the machine is off. */
  readonly nowayout: boolean;
  /** It has reset this machine before the last start. */
  readonly didReset: boolean;
};

/**
 * The device that resets the machine unless it is fed in time. It stays armed when the process that
 * opened it ends. Problems are texts.
 */
export interface Watchdog {
  /** Why there is certainly no such device; null: there may be one. Neither opens nor feeds it. */
  missing(): string | null;
  /** Arms the device. A device that does not grant this time-out is disarmed and refused. */
  open(timeoutMs: Ms): Result<WatchdogFacts, string>;
  feed(): Result<null, string>;
  /** `armed`: the machine is reset, unless the device is opened again in time. */
  close(how: "disarmed" | "armed"): Result<null, string>;
}

// --- durable state ------------------------------------------------------------------------------

export type StoreProblem =
  | { readonly type: "unreadable"; readonly path: string; readonly cause: string }
  | { readonly type: "unwritable"; readonly path: string; readonly cause: string };

/** One life of this node. */
export type StoredLife = {
  readonly incarnation: Incarnation;
  /** First ring sequence this life may use. */
  readonly ringSeqStart: number;
  /** Durable upper bound of the ring sequences that it may use, until it is raised. */
  readonly ringSeqDurable: number;
  /** No state was found, so ring sequences start at the wall clock; the caller must warn. */
  readonly first: boolean;
};

export interface Store {
  /** Called once per life; the new incarnation and bound are durable when it returns. */
  beginLife(wallMs: Ms): Promise<Result<StoredLife, StoreProblem>>;
  /** Never lowers the bound. Returns the durable bound. */
  raiseRingSeq(bound: number): PromiseLike<Result<number, StoreProblem>>;
  /** A random text that marks the processes of agents, made once and kept for all lives. */
  trackingToken(): Promise<Result<string, StoreProblem>>;
}

// --- log ----------------------------------------------------------------------------------------

/** `facts` follow the text; `fields` are for programs, and only in the JSON. */
export type LogLine = {
  readonly text: string;
  readonly facts?: LogFacts;
  readonly fields?: Readonly<Record<string, object>>;
};
export type LogFacts = Readonly<Record<string, string | number | boolean | null>>;

export interface LogSink {
  write(channel: LogChannel, priority: LogPriority, line: LogLine): void;
  /** Opens the file again; called after log rotation has renamed it. */
  reopen(): void;
  /** Blocks until the kernel has the lines; called only right before the process ends. */
  flush(): void;
}
