/**
 * An operator acknowledges that a victim is off: when that may be done, and the message it becomes.
 * Source: fence_ack_manual(8).
 * Deviation: the operator names the victim. The acknowledgement is refused for a node that is no
 * victim, or is a member again, unless it came back on another machine.
 */
import type { NodeId } from "../model/ids.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import type { FenceMessage, FenceSnapshot } from "./fence-messages.ts";

export type Acknowledgement = {
  readonly victim: NodeId;
  readonly by: NodeId;
  /** The operator, for the log. */
  readonly who: string;
  /** Seconds since 1970. */
  readonly at: number;
};

/** The message to be ordered, or why the node cannot be acknowledged as off. */
export function acknowledge(
  domain: FenceSnapshot,
  { victim, by, who, at }: Acknowledgement,
): Result<FenceMessage, "no-victim" | "member-again"> {
  const found = domain.victims.find((one) => one.node === victim);
  if (found === undefined) return refuse("no-victim");
  if (domain.members.includes(victim) && !found.moved) return refuse("member-again");
  const text = `acknowledged by ${who}`;
  return accept({
    type: "fence-done",
    victim,
    since: found.since,
    by,
    how: "override",
    text,
    at,
  });
}
