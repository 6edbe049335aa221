/**
 * Collects what the ring thread tells the main thread, and hands it over in batches.
 * Does not know what is told.
 * O1  The payloads of a batch share one buffer that is transferred, so that a delivery is copied
 *     once; a payload that is a view of something larger never drags that along.
 */
import type { RingThreadOutput } from "./ring-port.ts";

export type PostBatch = (
  batch: readonly RingThreadOutput[],
  transfer: readonly ArrayBuffer[],
) => void;

export class Outbox {
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
    const { batch, buffer } = packPayloads(this.#batch);
    this.#batch = [];
    this.#post(batch, buffer === null ? [] : [buffer]);
  }
}

/** The same outputs, their payloads copied into one new buffer; null when there are no payloads. */
export function packPayloads(outputs: readonly RingThreadOutput[]): {
  readonly batch: readonly RingThreadOutput[];
  readonly buffer: ArrayBuffer | null;
} {
  let size = 0;
  for (const output of outputs) if (output.type === "deliver") size += output.payload.length;
  if (size === 0) return { batch: outputs, buffer: null };
  const buffer = new ArrayBuffer(size);
  let offset = 0;
  const batch = outputs.map((output) => {
    if (output.type !== "deliver") return output;
    const payload = new Uint8Array(buffer, offset, output.payload.length);
    payload.set(output.payload);
    offset += payload.length;
    return { ...output, payload };
  });
  return { batch, buffer };
}
