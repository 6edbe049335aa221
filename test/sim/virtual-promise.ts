/**
 * A result that a simulated machine has at some virtual instant: whoever waits for it goes on at
 * that instant, within its process. So it waits while the process is stopped, and for ever when
 * the process has ended.
 */
import type { VirtualProcess } from "./virtual-process.ts";

/** `begin` gets what settles the result; that may be called from outside the process, once. */
export function resultIn<T>(
  process: VirtualProcess,
  begin: (settle: (value: T) => void) => void,
): PromiseLike<T> {
  const result = new VirtualPromise<T>();
  begin((value) => process.enter(() => result.settle(value)));
  return result;
}

export class VirtualPromise<T> implements PromiseLike<T> {
  #settled: { readonly value: T } | null = null;
  #waiting: ((value: T) => void)[] = [];

  settle(value: T): void {
    if (this.#settled !== null) throw new Error("a result came twice");
    this.#settled = { value };
    for (const goOn of this.#waiting.splice(0)) goOn(value);
  }

  /** What it returns is settled with what `goOn` returns. */
  // biome-ignore lint/suspicious/noThenProperty: it is a promise.
  then<Next = T, Never = never>(
    goOn?: ((value: T) => Next | PromiseLike<Next>) | null,
  ): PromiseLike<Next | Never> {
    if (goOn == null) throw new Error("nothing follows from the result");
    const next = new VirtualPromise<Next | Never>();
    this.#whenSettled((value) => {
      const followed = goOn(value);
      if (isResult(followed)) followed.then((last) => next.settle(last));
      else next.settle(followed);
    });
    return next;
  }

  #whenSettled(goOn: (value: T) => void): void {
    if (this.#settled === null) this.#waiting.push(goOn);
    else goOn(this.#settled.value);
  }
}

function isResult<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value;
}

/** A result that is there already. */
export function settled<T>(value: T): PromiseLike<T> {
  const result = new VirtualPromise<T>();
  result.settle(value);
  return result;
}
