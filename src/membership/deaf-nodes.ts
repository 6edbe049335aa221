/**
 * A node that gets the token but not the messages, or that keeps two rings apart, is kept out of
 * rings, for longer each time, and the log says for how long and where to look. receive-watch.ts
 * and merge-gate.ts find such nodes.
 * Tested in: test/membership/totem-paper.test.ts
 */
import type { NodeId } from "../model/ids.ts";
import type { Ms } from "../model/time.ts";
import type { MergeGate } from "./merge-gate.ts";
import type { Deafness } from "./receive-watch.ts";
import type { RingEffects } from "./ring-effects.ts";

const receptionHint =
  'check multicast: IGMP querier and snooping, firewall, MTU; transport="udpu" does without';

/** `ageMs`: the interval at which the gate ages. Returns why the ring ends. */
export function keepOutDeaf(
  deafness: Exclude<Deafness, { readonly type: "hearing" }>,
  self: NodeId,
  parts: { readonly gate: MergeGate; readonly effects: RingEffects; readonly ageMs: Ms },
): string {
  const { gate, effects, ageMs } = parts;
  const node = deafness.type === "other-deaf" ? deafness.node : self;
  const outside = `not let in for ${(gate.keepOut(node) * ageMs) / 1000} s`;
  if (deafness.type === "deaf") {
    const text = "failed to receive: tokens arrive, messages do not";
    effects.notice("err", `${text}; ${outside}; ${receptionHint}`);
    return "failed to receive";
  }
  if (deafness.type === "in-between") {
    const text = "does not hear all of another ring, which could join the others without it";
    effects.notice("warning", `this node ${text}; it leaves, ${outside}; ${receptionHint}`);
    return "stands aside";
  }
  effects.notice("warning", `node ${node} does not receive messages; ${outside}; ${receptionHint}`);
  return `node ${node} failed to receive`;
}
