/**
 * Cuts between this broker and others, ordered by a test: what they have to do with which links.
 * A cut swallows nothing for ever: as with a real network the bytes come once it is healed.
 */
import type { Address } from "./broker-options.ts";

export type CutDirection = "in" | "out" | "both";

/** What a link must be able to do. */
export type CuttableLink = {
  /** Stands still from now on, in one direction or both; null: goes on. */
  hold(direction: CutDirection | null): void;
};

export class LinkCuts {
  readonly #cuts = new Map<string, CutDirection>();
  readonly #links = new Map<CuttableLink, string>();
  #waiting: { readonly name: string; readonly act: () => void }[] = [];

  /** The link leads there, until it is forgotten. */
  enter(link: CuttableLink, address: Address): void {
    this.#links.set(link, nameOf(address));
    const direction = this.#cuts.get(nameOf(address));
    if (direction !== undefined) link.hold(direction);
  }

  forget(link: CuttableLink): void {
    this.#links.delete(link);
  }

  isCut(address: Address): boolean {
    return this.#cuts.has(nameOf(address));
  }

  /** Acts at once, or when the cut is healed: a connection needs both directions to come about. */
  whenConnected(address: Address, act: () => void): void {
    if (this.isCut(address)) this.#waiting.push({ name: nameOf(address), act });
    else act();
  }

  cut(address: Address, direction: CutDirection): void {
    this.#cuts.set(nameOf(address), direction);
    for (const [link, name] of this.#links) if (name === nameOf(address)) link.hold(direction);
  }

  heal(address: Address): void {
    const healed = nameOf(address);
    this.#cuts.delete(healed);
    const due = this.#waiting.filter(({ name }) => name === healed);
    this.#waiting = this.#waiting.filter(({ name }) => name !== healed);
    for (const { act } of due) act();
    for (const [link, name] of this.#links) if (name === healed) link.hold(null);
  }
}

function nameOf({ host, port }: Address): string {
  return `${host.replace(/^::ffff:/, "")}:${port}`;
}
