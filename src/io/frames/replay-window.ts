/**
 * Records which of the last 1024 counters of one life of a sender were seen. Older counters count
 * as seen.
 * Source: RFC 4303 appendix A (anti-replay window).
 */

/** A frame that others overtake by more than this is lost; a ring's full window is far less. */
export const replayWindowFrames = 1024;

export class ReplayWindow {
  readonly #seen = new Uint8Array(replayWindowFrames);
  #highest = 0;

  /** Whether the counter was not seen yet. */
  admits(counter: number): boolean {
    if (!Number.isSafeInteger(counter) || counter < 1) return false;
    if (counter > this.#highest) return true;
    if (counter <= this.#highest - replayWindowFrames) return false;
    return this.#seen[counter % replayWindowFrames] === 0;
  }

  /** Must be called only for authentic frames, or a forger could move the window past real ones. */
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
