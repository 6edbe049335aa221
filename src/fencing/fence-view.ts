/**
 * What may be said of the fence domain: of each node in words, and who may be running.
 * Pure functions of its state; decides nothing.
 */
import type { NodeId } from "../model/ids.ts";
import type { FenceSnapshot } from "./fence-messages.ts";
import type { FenceWays } from "./fence-ways.ts";

export type FenceView = FenceSnapshot & {
  readonly quorate: boolean;
  /** There was a history since this daemon started: something is known of others. */
  readonly begun: boolean;
  /** Who runs the agents; null: nobody can. */
  readonly executor: NodeId | null;
};

/** What fencing says of a node, in words. */
export function describeFencing(view: FenceView, ways: FenceWays, node: NodeId): string {
  const victim = view.victims.find((one) => one.node === node);
  const past = view.fenced.find((one) => one.node === node);
  if (victim === undefined) {
    const back = past === undefined || view.members.includes(node);
    return back ? "clean" : `fenced (${past.how}) by ${ways.name(past.by)}`;
  }
  if (!view.quorate) return `victim (${victim.cause}), waiting for quorum`;
  if (victim.by !== null) return `victim (${victim.cause}), fenced by ${ways.name(victim.by)} now`;
  if (victim.rounds > 0) return `victim, failed ${victim.rounds} times: ${victim.lastText}`;
  return `victim (${victim.cause}), ${ways.inWords(node)}`;
}

/** Of the nodes that are not present, those that may be running something. */
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
