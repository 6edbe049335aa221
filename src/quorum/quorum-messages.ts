/**
 * The ordered messages by which operators, and the window of last_man_standing, change the
 * membership.
 * Source: cman commands.c: do_process_leave (removed), do_cmd_kill_node, do_cmd_set_expected,
 * do_cmd_set_votes; votequorum(5): last_man_standing.
 * Deviation: all travel in the total order, so that all members act at the same point.
 * Tested in: test/quorum/decisions.test.ts
 * AGREED1  A change is proposed, then agreed. Whoever hears `agreed` knows that every member has
 *     heard, or will hear, the proposal: nobody goes by the new terms while another has no idea of
 *     them.
 */
import { count, either, flag, literal, nodeId, record, type Shaped, text } from "../model/shape.ts";

/** The sender leaves for good: its votes are not expected any more. */
const removed = record({ type: literal("removed"), node: nodeId });

/** The victim ends at once when it is told; the others treat it as failed. */
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
  /** The operator, or what else asked for it. */
  who: text,
  /** An operator has said that the absent nodes are off. */
  forced: flag,
  /** The request of the node `by` that is answered when it is done; 0: nobody asked. */
  number: count,
};

const propose = record({ type: literal("propose"), ...terms });
const agreed = record({ type: literal("agreed"), ...terms });

export const quorumMessage = either(removed, kill, propose, agreed);
export type QuorumMessage = Shaped<typeof quorumMessage>;
export type QuorumProposal = Shaped<typeof propose>;
