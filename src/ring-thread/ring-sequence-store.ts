/**
 * Raises the durable bound of the ring sequence when the ring asks for it. A write that fails is
 * repeated. The ring asks for the bound long before it needs it, so a disk that is full for a
 * minute does no harm.
 * Tested in: test/ring-thread/ring-driver.test.ts
 */
import type { Clock, Stop, Store, StoreProblem } from "../io/ports.ts";
import type { Result } from "../model/outcome.ts";

const againMs = 1000;

export type RingSequenceStoreOptions = {
  readonly clock: Pick<Clock, "after">;
  readonly store: Pick<Store, "raiseRingSeq">;
  readonly onDurable: (ringSeq: number) => void;
  readonly onFailure: (problem: StoreProblem) => void;
};

export class RingSequenceStore {
  readonly #options: RingSequenceStoreOptions;
  #wanted = 0;
  #busy = false;
  #stopped = false;
  #again: Stop | null = null;

  constructor(options: RingSequenceStoreOptions) {
    this.#options = options;
  }

  raise(ringSeq: number): void {
    this.#wanted = Math.max(this.#wanted, ringSeq);
    if (!this.#busy) this.#write();
  }

  stop(): void {
    this.#stopped = true;
    this.#again?.();
  }

  #write(): void {
    this.#busy = true;
    const asked = this.#wanted;
    void this.#options.store.raiseRingSeq(asked).then((raised) => {
      if (!this.#stopped) this.#onRaised(raised);
    });
  }

  #onRaised(raised: Result<number, StoreProblem>): void {
    if (!raised.ok) {
      this.#options.onFailure(raised.problem);
      this.#again = this.#options.clock.after(againMs, () => this.#write());
      return;
    }
    this.#busy = false;
    this.#options.onDurable(raised.value);
    if (this.#wanted > raised.value) this.#write();
  }
}
