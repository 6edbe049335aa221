/**
 * Collects what the ring thread tells the main thread, and hands it over in batches.
 * Does not know what is told, nor how it travels.
 * Tested in: test/ring-thread/ring-driver.test.ts
 */
import type { RingThreadOutput } from "./ring-port.ts";

/** Takes the batch before it returns: payloads may be views of frames that are used again. */
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
