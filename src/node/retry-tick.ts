/**
 * Moves table time on when the retry of a service falls due: the lowest ready node says so in the
 * total order. Knows the table's next instant only, not which service waits for it.
 * Tested in: test/services/rgmanager.test.ts
 */
import type { NodeId } from "../model/ids.ts";
import { ms } from "../model/time.ts";
import type { ServiceTable } from "../services/table/service-table.ts";
import type { Outbox } from "./outbox.ts";

export class RetryTick {
  readonly #self: NodeId;
  readonly #outbox: Outbox;
  /** Table time for which the timer is armed, or null. */
  #dueMs: number | null = null;

  constructor(self: NodeId, outbox: Outbox) {
    this.#self = self;
    this.#outbox = outbox;
  }

  /** After each step; `table` is null while this node takes no part. */
  adjust(table: ServiceTable | null): void {
    const wake = table?.wake() ?? null;
    const mine = table?.lowestReady() === this.#self;
    const wanted = wake !== null && mine ? wake.atMs : null;
    if (wanted === this.#dueMs) return;
    this.#dueMs = wanted;
    if (wanted === null || wake === null) {
      this.#outbox.emit({ type: "disarm", timer: "tick" });
    } else {
      const afterMs = ms(Math.max(1, wanted - wake.nowMs));
      this.#outbox.emit({ type: "arm", timer: "tick", afterMs });
    }
  }

  /** The timer is over. */
  fire(): void {
    const at = Math.max(this.#outbox.wallMs, Math.ceil(this.#dueMs ?? 0));
    this.#dueMs = null;
    this.#outbox.submit("app", { layer: "services", body: { type: "tick", at } });
  }
}
