/**
 * The ordered messages by which operators change the membership.
 * Source: cman commands.c: do_process_leave (removed), do_cmd_kill_node.
 * Deviation: both travel in the total order, so that all members act at the same point.
 */
import { either, literal, nodeId, record, type Shaped, text } from "../model/shape.ts";

/** The sender leaves for good: its votes are not expected any more. */
const removed = record({ type: literal("removed"), node: nodeId });

/** The victim ends at once when it is told; the others treat it as failed. */
const kill = record({ type: literal("kill"), victim: nodeId, by: nodeId, who: text });

export const quorumMessage = either(removed, kill);
export type QuorumMessage = Shaped<typeof quorumMessage>;
