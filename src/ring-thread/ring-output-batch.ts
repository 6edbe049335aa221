/**
 * Collects the outputs of the ring thread, and posts them to the main thread in batches.
 * Tested in: test/ring-thread/ring-driver.test.ts
 */
import type { RingThreadOutput } from "./ring-port.ts";

/** Must copy the batch before it returns: payloads may be views of memory that is used again. */
export type PostBatch = (batch: readonly RingThreadOutput[]) => void;

export class RingOutputBatch {
  readonly #post: PostBatch;
  #batch: RingThreadOutput[] = [];

  constructor(post: PostBatch) {
    this.#post = post;
  }

  add(output: RingThreadOutput): void {
    this.#batch.push(output);
  }

  flush(): void {
    if (this.#batch.length === 0) return;
    const batch = this.#batch;
    this.#batch = [];
    this.#post(batch);
  }
}
