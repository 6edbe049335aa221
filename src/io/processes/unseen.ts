/**
 * What a look could not see, in few words however much it is. Does not know what was looked for.
 * Tested in: test/io/tracked-processes.test.ts
 * UNSEEN1  It is empty only when everything was seen.
 */

/** The first of them say what is wrong; a thousand more would say it a thousand times. */
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
