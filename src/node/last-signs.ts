/**
 * When the wait for a lost node begins: at its last sign of life, or later, where a watchdog may
 * end its services later than its guard would.
 * Knows what each node has said of its watchdog, here. Does not know who is lost.
 * S1  A node that has not said otherwise may have a watchdog: whoever was started anew, or never
 *     heard it, waits longer.
 */
import type { FencingConf } from "../model/conf.ts";
import type { NodeId } from "../model/ids.ts";
import type { Hello } from "../services/table-sync.ts";

export class LastSigns {
  readonly watchdog: boolean;
  readonly #longerMs: number;
  readonly #plain = new Set<NodeId>();

  /** `watchdog`: this node may have one armed. */
  constructor({ watchdog, safeWaitMs }: FencingConf, own: boolean) {
    this.watchdog = own;
    this.#longerMs = watchdog === null ? 0 : watchdog.safeWaitMs - safeWaitMs;
  }

  note({ node, watchdog }: Pick<Hello, "node" | "watchdog">): void {
    if (watchdog) this.#plain.delete(node);
    else this.#plain.add(node);
  }

  /** How long the wait for the node has lasted, after so long a silence; negative: not begun. */
  waited(node: NodeId, silentMs: number): number {
    return this.#plain.has(node) ? silentMs : silentMs - this.#longerMs;
  }
}
