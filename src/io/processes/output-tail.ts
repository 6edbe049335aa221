/**
 * Keeps the last bytes of the output of a process.
 * Tested in: test/io/process-runner.test.ts
 */

/** Large enough for the message that explains a failure, small enough for the log. */
const outputTailBytes = 4096;

export class OutputTail {
  #chunks: Uint8Array[] = [];
  #held = 0;
  #open = true;
  bytesSeen = 0;

  append(bytes: Uint8Array): void {
    this.bytesSeen += bytes.length;
    if (!this.#open) return;
    this.#chunks.push(bytes);
    this.#held += bytes.length;
    this.#trim();
  }

  /** Inserts a remark of clusterd into the output. */
  note(text: string): void {
    this.append(Buffer.from(text));
  }

  text(): string {
    const all = Buffer.concat(this.#chunks);
    return all.subarray(Math.max(0, all.length - outputTailBytes)).toString("utf8");
  }

  /** Drops the output, and all that comes later. */
  close(): void {
    this.#open = false;
    this.#chunks = [];
  }

  #trim(): void {
    for (;;) {
      const first = this.#chunks[0];
      if (first === undefined || this.#held - first.length < outputTailBytes) return;
      this.#held -= first.length;
      this.#chunks.shift();
    }
  }
}
