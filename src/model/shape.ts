/**
 * Shapes: descriptions of plain values that turn `unknown` into a typed value or null.
 * Used wherever JSON comes in: ordered messages, snapshots, the control socket.
 * Tested in: test/fuzz/onslaught.test.ts
 */
import { type NodeId, parseNodeId, parseServiceName, type ServiceName } from "./ids.ts";

/** Returns the value in a box when it has the shape, else null; the box tells null from absence. */
export type Shape<Value> = (value: unknown) => { readonly value: Value } | null;

export type Shaped<S> = S extends Shape<infer Value> ? Value : never;

export const number: Shape<number> = (value) =>
  typeof value === "number" && Number.isFinite(value) ? { value } : null;

/** A whole number of at least 0 that counters and sequences use. */
export const count: Shape<number> = (value) =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? { value } : null;

export const text: Shape<string> = (value) => (typeof value === "string" ? { value } : null);

export const flag: Shape<boolean> = (value) => (typeof value === "boolean" ? { value } : null);

/** Anything; to be given a shape later, by whom it concerns. */
export const unknown: Shape<unknown> = (value) => ({ value });

export const nodeId: Shape<NodeId> = (value) => {
  const id = parseNodeId(value);
  return id === null ? null : { value: id };
};

export const serviceName: Shape<ServiceName> = (value) => {
  const name = typeof value === "string" ? parseServiceName(value) : null;
  return name === null ? null : { value: name };
};

export function oneOf<const Options extends readonly string[]>(
  ...options: Options
): Shape<Options[number]> {
  return (value) => {
    const found = options.find((option) => option === value);
    return found === undefined ? null : { value: found };
  };
}

export function literal<const Text extends string>(expected: Text): Shape<Text> {
  return (value) => (value === expected ? { value: expected } : null);
}

export function nullable<Value>(of: Shape<Value>): Shape<Value | null> {
  return (value) => (value === null ? { value: null } : of(value));
}

export function list<Value>(of: Shape<Value>, lengthMax = 4096): Shape<readonly Value[]> {
  return (value) => {
    if (!Array.isArray(value) || value.length > lengthMax) return null;
    const parsed: Value[] = [];
    for (const element of value) {
      const one = of(element);
      if (one === null) return null;
      parsed.push(one.value);
    }
    return { value: parsed };
  };
}

type Fields = Readonly<Record<string, Shape<unknown>>>;
type Shaping<F extends Fields> = { readonly [K in keyof F]: Shaped<F[K]> };

/** Every field must be present and fit; unknown fields are left out. */
export function record<F extends Fields>(fields: F): Shape<Shaping<F>> {
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    const parsed: Record<string, unknown> = {};
    const given = new Map(Object.entries(value));
    for (const [name, shape] of Object.entries(fields)) {
      const one = shape(given.get(name));
      if (one === null) return null;
      parsed[name] = one.value;
    }
    return { value: parsed as Shaping<F> };
  };
}

/** The first of several shapes that fits; for unions told apart by their `type`. */
export function either<Options extends readonly Shape<unknown>[]>(
  ...options: Options
): Shape<Shaped<Options[number]>> {
  return (value) => {
    for (const option of options) {
      const one = option(value);
      if (one !== null) return { value: one.value as Shaped<Options[number]> };
    }
    return null;
  };
}
