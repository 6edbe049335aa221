/**
 * What fencing is doing on this node at the moment, with times, for whoever looks. Reads the orders
 * of the fence domain as they pass; decides nothing.
 * Source: fenced has none: its log says what it does.
 */
import type { FenceOutput } from "../fencing/fence-events.ts";
import type { NodeId } from "../model/ids.ts";

type Entry =
  | { readonly type: "due"; readonly atMs: number }
  | { readonly type: "running"; readonly what: string; readonly sinceMs: number };

export class FencingProgress {
  readonly #entries = new Map<NodeId, Entry>();

  /** An order of the fence domain, given at this instant of the boot-time clock. */
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

  /** `next in 3 s`, `running power.apc fence_apc since 2 s`; null: nothing is known here. */
  describe(node: NodeId, nowMs: number): string | null {
    const entry = this.#entries.get(node);
    if (entry === undefined) return null;
    if (entry.type === "due") {
      return `next in ${Math.max(0, Math.ceil((entry.atMs - nowMs) / 1000))} s`;
    }
    return `running ${entry.what} since ${Math.floor((nowMs - entry.sinceMs) / 1000)} s`;
  }
}
