/**
 * Which counters of one life of a sender were seen: the last 1024, anything older counts as seen.
 * Does not know frames. Source: RFC 4303 appendix A (anti-replay window).
 */

/** Frames that overtake each other by more than this are lost; a full window is far less. */
export const replayWindowFrames = 1024;

export class ReplayWindow {
  readonly #seen = new Uint8Array(replayWindowFrames);
  #highest = 0;

  /** True for a counter that may still be recorded. */
  admits(counter: number): boolean {
    if (!Number.isSafeInteger(counter) || counter < 1) return false;
    if (counter > this.#highest) return true;
    if (counter <= this.#highest - replayWindowFrames) return false;
    return this.#seen[counter % replayWindowFrames] === 0;
  }

  /** Only after authentication: else a forger could push the window past the real frames. */
  record(counter: number): void {
    if (counter > this.#highest) this.#advance(counter);
    this.#seen[counter % replayWindowFrames] = 1;
  }

  #advance(counter: number): void {
    if (counter - this.#highest >= replayWindowFrames) {
      this.#seen.fill(0);
    } else {
      for (let step = this.#highest + 1; step <= counter; step += 1) {
        this.#seen[step % replayWindowFrames] = 0;
      }
    }
    this.#highest = counter;
  }
}
