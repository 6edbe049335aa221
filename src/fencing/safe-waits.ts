/**
 * The safe wait: how much longer the services of a lost node may run by its lease, and those of the
 * former machine of a node that is back on another one. It is computed at each change of membership
 * from what the members have said about how long they waited.
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

  setMembership(silentMs: Waits, movedMs: Waits): void {
    this.#silentMs = silentMs;
    this.#movedMs = movedMs;
  }

  /** Of the node, counted from when any member last heard it on any machine. */
  leftMs(node: NodeId): number {
    return Math.max(0, this.#safeWaitMs - (this.#silentMs.get(node) ?? 0));
  }

  /** Of its former machine, counted from when any member last heard that; else as above. */
  leftElsewhereMs(node: NodeId): number {
    const waitedMs = this.#movedMs.get(node);
    return waitedMs === undefined ? this.leftMs(node) : Math.max(0, this.#safeWaitMs - waitedMs);
  }

  /** Members whose services may still run on their former machine. */
  moved(): readonly NodeId[] {
    return [...this.#movedMs.keys()].filter((node) => this.leftElsewhereMs(node) > 0);
  }
}
