/**
 * What fencing is doing on this node at the moment, with times, for the status. It notes each
 * output of the fence domain when that is performed.
 * Deviation: fenced has nothing like it; only its log says what it does.
 */
import type { FenceOutput } from "../fencing/fence-events.ts";
import type { NodeId } from "../model/ids.ts";

type Entry =
  | { readonly type: "due"; readonly atMs: number }
  | { readonly type: "running"; readonly what: string; readonly sinceMs: number };

export class FencingProgress {
  readonly #entries = new Map<NodeId, Entry>();

  /** An output of the fence domain, performed at this instant of the boot-time clock. */
  note(output: FenceOutput, nowMs: number): void {
    switch (output.type) {
      case "arm":
        this.#entries.set(output.node, { type: "due", atMs: nowMs + output.afterMs });
        return;
      case "disarm":
      case "fenced":
        this.#entries.delete(output.node);
        return;
      case "run": {
        const { order, node } = output;
        if (order.type === "self") return;
        const what = `${order.method}.${order.use.device} ${order.use.agent}`;
        this.#entries.set(node, { type: "running", what, sinceMs: nowMs });
        return;
      }
      default:
        return;
    }
  }

  /** `next in 3 s`, `running power.apc fence_apc since 2 s`; null: nothing is under way here. */
  describe(node: NodeId, nowMs: number): string | null {
    const entry = this.#entries.get(node);
    if (entry === undefined) return null;
    if (entry.type === "due") {
      return `next in ${Math.max(0, Math.ceil((entry.atMs - nowMs) / 1000))} s`;
    }
    return `running ${entry.what} since ${Math.floor((nowMs - entry.sinceMs) / 1000)} s`;
  }
}
