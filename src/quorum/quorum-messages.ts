/**
 * What members tell each other of votes: the ordered messages that change votes and membership, by
 * order of an operator or because the window of last_man_standing has passed, and the report of a
 * member in the state exchange.
 * Source: cman commands.c: do_process_leave (removed), do_cmd_kill_node, do_cmd_set_expected,
 * do_cmd_set_votes; votequorum(5): last_man_standing.
 * Deviation: they are ordered messages, so that all members act at the same point.
 * Tested in: test/quorum/decisions.test.ts
 * AGREED1  A change is proposed, then agreed. A member that hears `agreed` knows that every member
 *     has heard the proposal or will hear it. So no member acts by the new terms while another one
 *     does not know them.
 */
import type { NodeId } from "../model/ids.ts";
import type { QuorumMemory } from "../model/quorate-membership.ts";
import { count, either, flag, literal, nodeId, record, type Shaped, text } from "../model/shape.ts";

/** The sender leaves for good: its votes are no longer expected. */
const removed = record({ type: literal("removed"), node: nodeId });

/** The victim ends as soon as this is delivered to it; the others treat it as failed. */
const kill = record({ type: literal("kill"), victim: nodeId, by: nodeId, who: text });

/** What may be changed while the cluster runs. */
const change = either(
  record({ type: literal("expected"), expected: count }),
  record({ type: literal("votes"), node: nodeId, votes: count }),
  record({ type: literal("cancel-wait") }),
);
export type QuorumChange = Shaped<typeof change>;

const terms = {
  /** Valid in this ring only. */
  ring: record({ rep: nodeId, seq: count }),
  change,
  by: nodeId,
  /** The operator, or whatever else asked for it, for the log. */
  who: text,
  /** An operator has said that the absent nodes are off. */
  forced: flag,
  /** The request of the node `by` that is answered when the change is agreed; 0: none is. */
  number: count,
};

const propose = record({ type: literal("propose"), ...terms });
const agreed = record({ type: literal("agreed"), ...terms });

export const quorumMessage = either(removed, kill, propose, agreed);
export type QuorumMessage = Shaped<typeof quorumMessage>;
export type QuorumProposal = Shaped<typeof propose>;

/** What a member says of itself in the state exchange. */
export type QuorumReport = {
  readonly node: NodeId;
  /** Its own votes: those of its conf, unless an operator has changed them. */
  readonly votes: number;
  /** The quorum this member had in force. */
  readonly quorum: number;
  /** Votes that it expects: those of its conf, less those of nodes that were removed since. */
  readonly expected: number;
  /** It waits until all nodes have been seen together once. */
  readonly waitsForAll: boolean;
  /** It was quorate, or an operator has ended its waiting. */
  readonly quorate: boolean;
} & QuorumMemory;
