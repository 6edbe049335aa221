/**
 * How much longer the services of a node may go on by its lease: of one that is lost, and of one
 * that is back on another machine. Knows what the members of the view said of their waits; does not
 * know clocks, nor what is done about it.
 * Source: the inequality of the lease (fencing/lease.ts).
 * Tested in: test/fencing/moved-nodes.test.ts, test/fencing/fence-domain.test.ts
 */
import type { NodeId } from "../model/ids.ts";

type Waits = ReadonlyMap<NodeId, number>;

export class SafeWaits {
  readonly #safeWaitMs: number;
  #silentMs: Waits = new Map();
  #movedMs: Waits = new Map();

  constructor(safeWaitMs: number) {
    this.#safeWaitMs = safeWaitMs;
  }

  view(silentMs: Waits, movedMs: Waits): void {
    this.#silentMs = silentMs;
    this.#movedMs = movedMs;
  }

  /** From the last sign of life of the node, on any machine. */
  leftMs(node: NodeId): number {
    return Math.max(0, this.#safeWaitMs - (this.#silentMs.get(node) ?? 0));
  }

  /** From the last sign of life of its other machine; of the node, if nobody remembers that. */
  leftElsewhereMs(node: NodeId): number {
    const waitedMs = this.#movedMs.get(node);
    return waitedMs === undefined ? this.leftMs(node) : Math.max(0, this.#safeWaitMs - waitedMs);
  }

  /** Members whose services may still run on another machine. */
  moved(): readonly NodeId[] {
    return [...this.#movedMs.keys()].filter((node) => this.leftElsewhereMs(node) > 0);
  }
}
