/**
 * The port to the brokers of a cluster, as interfaces; the implementation is in amqp/. An
 * implementation never decides, retries or chooses a time limit.
 * Tested in: test/io/amqp/broker-connections.test.ts, test/io/amqp/brokers-contract.test.ts
 */
import type { BrokerCredentials } from "../brokers/broker-account.ts";
import type {
  BrokerMember,
  BrokerMisfit,
  BrokerQueue,
  BrokerStatus,
} from "../brokers/broker-status.ts";
import type { BrokerRefusal } from "../brokers/management-answer.ts";
import type { Result } from "../model/outcome.ts";

export type BrokerTarget = {
  readonly host: string;
  readonly port: number;
  readonly credentials: BrokerCredentials;
  /** A connection on which nothing comes for twice this time has ended; absent: ten seconds. */
  readonly idleMs?: number;
};

/** Why there is no connection; `words` are those of the broker or of the operating system. */
export type BrokerConnectProblem =
  /** Nobody listens there, or no route leads there: such as ECONNREFUSED. */
  | { readonly type: "unreachable"; readonly code: string; readonly words: string }
  | { readonly type: "timed-out"; readonly words: string }
  /** Closed before it was of use, as by a broker that ends. */
  | { readonly type: "dropped"; readonly words: string }
  /** Authentication failed, or the access control list forbids it. */
  | { readonly type: "refused"; readonly words: string };

/** Why a question has no answer. */
export type BrokerAskProblem =
  | { readonly type: "timed-out"; readonly words: string }
  | { readonly type: "disconnected"; readonly words: string }
  | { readonly type: "refused"; readonly refusal: BrokerRefusal }
  /** The broker has no such object: it is in no cluster, or its HA module is not loaded. */
  | { readonly type: "absent"; readonly words: string }
  | { readonly type: "misfit"; readonly misfit: BrokerMisfit };

export type BrokerAnswer<Value> = PromiseLike<Result<Value, BrokerAskProblem>>;

/** `refused`: authentication failed, or the access control list forbids what was asked. */
export type ConnectionEnd = "refused" | "ended";

/** Called later, never within a call. */
export type BrokerEvents = {
  /** The member list of the broker has changed. A backup that loses its primary says nothing. */
  readonly onMembers: (members: readonly BrokerMember[]) => void;
  /** Once, when an open connection ends, unless it is closed here. */
  readonly onDisconnected: (words: string, how: ConnectionEnd) => void;
};

/**
 * A connection as an administrative client, which brokers accept in every state. Questions may be
 * asked once it is open; results come later, never within the call, and none is a rejection.
 */
export interface BrokerConnection {
  /** Null when the broker can be asked. */
  readonly opened: PromiseLike<Result<null, BrokerConnectProblem>>;
  status(limitMs: number): BrokerAnswer<BrokerStatus>;
  queues(limitMs: number): BrokerAnswer<readonly BrokerQueue[]>;
  /** Open questions are answered as disconnected. A second call does nothing. */
  close(): void;
}

export type PromoteResult =
  | { readonly type: "promoted" }
  | { readonly type: "refused"; readonly refusal: BrokerRefusal }
  /** Nothing was asked of the broker. */
  | { readonly type: "not-asked"; readonly problem: BrokerConnectProblem }
  /**
   * The broker may have been promoted, or may yet be: a request that waits for its peers takes
   * effect even when nobody waits for it. It must be killed before another one is promoted.
   */
  | { readonly type: "unknown"; readonly words: string };

export type PromoteLimits = { readonly connectMs: number; readonly answerMs: number };

export interface BrokerConnections {
  /** Begins at once. The limit is for the connection as a whole, until it can be used. */
  connect(target: BrokerTarget, limitMs: number, events: BrokerEvents | null): BrokerConnection;
  /** Opens a connection and a session, and closes both: the broker need not be in a cluster. */
  ping(target: BrokerTarget, limitMs: number): PromiseLike<Result<null, BrokerConnectProblem>>;
  /**
   * On a connection of its own without heartbeats: while a promotion waits, the broker sends
   * nothing there. There must be only one for a broker at a time, since each holds a thread of it.
   */
  promote(target: BrokerTarget, limits: PromoteLimits): PromiseLike<PromoteResult>;
}
