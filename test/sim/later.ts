/**
 * What simulated ports return where real ones return promises: it is settled at an instant of
 * virtual time, and whoever waits for it is called then, in the same step.
 */
export class Later<Value> implements PromiseLike<Value> {
  #settled: { readonly value: Value } | null = null;
  #waiting: ((value: Value) => void)[] = [];

  settle(value: Value): void {
    if (this.#settled !== null) throw new Error("settled twice");
    this.#settled = { value };
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const call of waiting) call(value);
  }

  // biome-ignore lint/suspicious/noThenProperty: it is what makes this a PromiseLike
  then<Next = Value, Never = never>(
    onValue?: ((value: Value) => Next | PromiseLike<Next>) | null,
  ): PromiseLike<Next | Never> {
    const next = new Later<Next | Never>();
    this.#whenSettled((value) => {
      const result = onValue?.(value);
      if (isLater<Next>(result)) result.then((inner) => next.settle(inner));
      else next.settle(result as Next);
    });
    return next;
  }

  #whenSettled(call: (value: Value) => void): void {
    if (this.#settled === null) this.#waiting.push(call);
    else call(this.#settled.value);
  }
}

export function settled<Value>(value: Value): PromiseLike<Value> {
  const later = new Later<Value>();
  later.settle(value);
  return later;
}

function isLater<Value>(value: unknown): value is PromiseLike<Value> {
  return typeof value === "object" && value !== null && "then" in value;
}
