/**
 * The three kinds of outcome of a function: a value, a refusal, or a broken invariant.
 * Tested in: test/node/work-in-parts.test.ts
 */

/** A value, or the typed reason why there is none. */
export type Result<Value, Problem> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly problem: Problem };

export function accept<Value>(value: Value): { readonly ok: true; readonly value: Value } {
  return { ok: true, value };
}

export function refuse<Problem>(problem: Problem): {
  readonly ok: false;
  readonly problem: Problem;
} {
  return { ok: false, problem };
}

/** Thrown by `invariant`. Only main.ts catches it, logs it and ends the process. */
export class BrokenInvariant extends Error {
  override readonly name = "BrokenInvariant";
}

/** Ends the process (through BrokenInvariant) when something impossible has happened. */
export function invariant(condition: boolean, label: string): asserts condition {
  if (!condition) throw new BrokenInvariant(label);
}

/** The end of an exhaustive switch. */
export function assertNever(value: never): never {
  throw new BrokenInvariant(`unhandled variant ${JSON.stringify(value)}`);
}
