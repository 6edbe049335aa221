/**
 * Limits on the memory and time that clients of the control socket can take.
 * Tested in: test/control/control-server.test.ts
 */

export type ControlLimits = {
  readonly connectionsMax: number;
  /** Requests that the backend has not answered yet, including those of clients that are gone. */
  readonly requestsPendingMax: number;
  /** Orders of votes and fencing that have not been answered yet. */
  readonly ordersPendingMax: number;
  readonly headerBytesMax: number;
  readonly bodyBytesMax: number;
  /** From the connection to the end of the headers, and to the end of the whole request. */
  readonly headersMs: number;
  readonly requestMs: number;
  /** The time within which a client must have taken its reply. */
  readonly replyMs: number;
  /** An event stream whose client lags behind by more is closed. */
  readonly eventBacklogBytesMax: number;
  /** Connections that process groups may use for streams and for messages being sent. */
  readonly groupRequestsMax: number;
  readonly groupMessageBytesMax: number;
  /** Bytes that may wait for the client of one group stream, and for all clients together. */
  readonly groupBacklogBytesMax: number;
  readonly groupBacklogsBytesMax: number;
  /** A member that lags behind by more may not send, so that a slow reader cannot fill streams. */
  readonly groupSenderBacklogBytesMax: number;
};

/**
 * 64 connections are far more than people and scripts of one machine use at once; 64 KiB of body is
 * a thousand times the largest valid one. Times are long for a local client and short for a leak.
 * A dozen of the longest messages of a group, in base64, may wait for a client.
 */
export const controlLimits: ControlLimits = {
  connectionsMax: 64,
  requestsPendingMax: 64,
  ordersPendingMax: 16,
  headerBytesMax: 8 * 1024,
  bodyBytesMax: 64 * 1024,
  headersMs: 5_000,
  requestMs: 10_000,
  replyMs: 10_000,
  eventBacklogBytesMax: 1024 * 1024,
  groupRequestsMax: 48,
  groupMessageBytesMax: 1024 * 1024,
  groupBacklogBytesMax: 16 * 1024 * 1024,
  groupBacklogsBytesMax: 64 * 1024 * 1024,
  groupSenderBacklogBytesMax: 4 * 1024 * 1024,
};
