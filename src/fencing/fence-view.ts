/**
 * The state of the fence domain in words, for operators and the log, and which absent nodes may
 * still be running. Pure functions of that state.
 * Tested in: test/fencing/moved-nodes.test.ts, test/fencing/acceptance.test.ts
 */
import type { NodeId } from "../model/ids.ts";
import type { FenceCapability } from "./fence-capability.ts";
import type { FenceSnapshot } from "./fence-messages.ts";
import type { SafeWaits } from "./safe-waits.ts";

export type FenceView = FenceSnapshot & {
  readonly quorate: boolean;
  /** A history has begun here, so something is known of the other nodes. */
  readonly begun: boolean;
  /** Who runs the agents; null: nobody can. */
  readonly executor: NodeId | null;
};

/** More than one process uses the id of the node, or no longer does. */
export function contestText(name: string, contested: boolean): string {
  return contested
    ? `${name} is there twice: more than one machine uses its id, and none of them takes part ` +
        "until all but one have been stopped for the safe wait"
    : `${name} is there only once again`;
}

/** The node is back on another machine, and the lease of the former one has to end first. */
export function movedText(capability: FenceCapability, waits: SafeWaits, node: NodeId): string {
  const seconds = Math.ceil(waits.leftElsewhereMs(node) / 100) / 10;
  const text = `${capability.name(node)} is back on another machine, or was started anew`;
  return `${text}: what ran there counts as ended in ${seconds} s`;
}

/** What fencing says of a node, in words. */
export function describeFencing(
  view: FenceView,
  capability: FenceCapability,
  node: NodeId,
): string {
  const victim = view.victims.find((one) => one.node === node);
  const past = view.fenced.find((one) => one.node === node);
  const contest = view.contested.find((one) => one.node === node);
  if (contest !== undefined) {
    const by = contest.by.map((one) => capability.name(one)).join(", ");
    return `CONTESTED: more than one machine uses its id (heard by ${by}); stop all but one`;
  }
  if (victim === undefined) {
    const back = past === undefined || view.members.includes(node);
    return back ? "clean" : `fenced (${past.how}) by ${capability.name(past.by)}`;
  }
  if (!view.quorate) return `victim (${victim.cause}), waiting for quorum`;
  if (victim.moved) return "back on another machine or kernel, waits for the lease of the other";
  if (victim.by !== null)
    return `victim (${victim.cause}), fenced by ${capability.name(victim.by)} now`;
  if (victim.rounds > 0) return `victim, failed ${victim.rounds} times: ${victim.lastText}`;
  return `victim (${victim.cause}), ${capability.describe(node)}`;
}

/** The nodes that are not present and may be running something. */
export function unprovenNodes(
  view: FenceView,
  nodes: readonly NodeId[],
  present: readonly NodeId[],
): readonly NodeId[] {
  const victims = new Set(view.victims.map(({ node }) => node));
  return nodes
    .filter((node) => !present.includes(node))
    .filter((node) => !view.begun || victims.has(node) || view.members.includes(node));
}
