/**
 * Whom each timer of a node is for. Decides nothing.
 * Tested in: test/node/quorum-orders.test.ts
 */
import type { LeaseTimer } from "./lease-timer.ts";
import type { NodeTimer } from "./node-events.ts";
import type { QuorumVoting } from "./quorum-voting.ts";
import type { Replica } from "./replica.ts";
import type { RetryTick } from "./retry-tick.ts";
import type { Unfencing } from "./unfencing.ts";

export type TimedParts = {
  readonly lease: LeaseTimer;
  readonly tick: RetryTick;
  readonly voting: QuorumVoting;
  readonly unfencing: Unfencing;
  readonly replica: Replica;
  /** The scan period of status checks is over. */
  readonly poll: () => void;
};

export function fireTimer(timer: NodeTimer, parts: TimedParts, wallSeconds: number): void {
  switch (timer) {
    case "lease":
      parts.lease.fire();
      return;
    case "poll":
      parts.poll();
      return;
    case "tick":
      parts.tick.fire();
      return;
    case "quorum-window":
      parts.voting.onWindow();
      return;
    case "unfence":
      parts.unfencing.onTimer();
      return;
    default:
      parts.replica.onFenceTimer(timer, wallSeconds);
  }
}
