/**
 * Collects, as a few texts, what a look could not see.
 * Tested in: test/io/tracked-processes.test.ts
 * UNSEEN1  It is empty only when everything was seen.
 */

/** The first texts say what is wrong; further ones would only repeat it. */
const shownMax = 3;

export class Unseen {
  readonly #shown: string[] = [];
  #more = 0;

  add(...words: readonly string[]): void {
    for (const one of words) {
      if (this.#shown.length < shownMax) this.#shown.push(one);
      else this.#more += 1;
    }
  }

  /** UNSEEN1. */
  words(): readonly string[] {
    return this.#more === 0 ? [...this.#shown] : [...this.#shown, `and ${this.#more} more`];
  }
}
