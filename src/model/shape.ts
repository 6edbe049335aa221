/**
 * Shapes: descriptions of plain values that turn `unknown` into a typed value, or say which part of
 * it does not fit. All JSON is validated with them: ordered messages, snapshots, stored files, the
 * guard's pipe and both ends of the control socket.
 * Tested in: test/model/shape.test.ts, test/fuzz/onslaught.test.ts
 */
import {
  type NodeId,
  type NodeName,
  parseNodeId,
  parseNodeName,
  parseServiceName,
  type ServiceName,
} from "./ids.ts";
import { accept, type Result, refuse } from "./outcome.ts";
import { quoted } from "./visible-text.ts";

/** The first part that does not fit: its path within the whole value, and what is wrong. */
type Misfit = { readonly path: string; readonly text: string };

export type Shape<Value> = (value: unknown) => Result<Value, Misfit>;

export type Shaped<S> = S extends Shape<infer Value> ? Value : never;

/** The typed value; null when it does not have the shape. */
export function readOrNull<Value>(shape: Shape<Value>, value: unknown): Value | null {
  const read = shape(value);
  return read.ok ? read.value : null;
}

/** The typed value, or the problem, in which `name` is the whole value: `body.target is not …`. */
export function readAs<Value>(
  shape: Shape<Value>,
  value: unknown,
  name: string,
): Result<Value, string> {
  const read = shape(value);
  return read.ok ? read : refuse(`${name}${read.problem.path} ${read.problem.text}`);
}

export const number: Shape<number> = (value) =>
  typeof value === "number" && Number.isFinite(value) ? accept(value) : misfit("is not a number");

/** A whole number of at least 0, for counters and sequences. */
export const count: Shape<number> = (value) =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0
    ? accept(value)
    : misfit("is not a whole number from 0 on");

export function wholeNumber(least: number, most: number): Shape<number> {
  return checked(number, (value) =>
    Number.isInteger(value) && value >= least && value <= most
      ? null
      : `is not a whole number from ${least} to ${most}`,
  );
}

export const text: Shape<string> = (value) =>
  typeof value === "string" ? accept(value) : misfit("is not a string");

export const flag: Shape<boolean> = (value) =>
  typeof value === "boolean" ? accept(value) : misfit("is not true or false");

/** Any value; the code that uses it must validate it. */
export const unknown: Shape<unknown> = (value) => accept(value);

/** The values that `parse` accepts; for others it returns null. */
export function parsedBy<Value>(parse: (value: unknown) => Value | null): Shape<Value> {
  return (value) => {
    const parsed = parse(value);
    return parsed === null ? misfit("is not a known value") : accept(parsed);
  };
}

export const nodeId: Shape<NodeId> = (value) => {
  const id = parseNodeId(value);
  return id === null ? misfit("is not a node id") : accept(id);
};

export const nodeName: Shape<NodeName> = (value) => {
  const given = text(value);
  if (!given.ok) return given;
  const name = parseNodeName(given.value);
  return name === null ? misfit("is not a node name") : accept(name);
};

export const serviceName: Shape<ServiceName> = (value) => {
  const given = text(value);
  if (!given.ok) return given;
  const name = parseServiceName(given.value);
  return name === null ? misfit("is not a service name") : accept(name);
};

export function oneOf<const Options extends readonly string[]>(
  ...options: Options
): Shape<Options[number]> {
  return parsedBy((value) => options.find((option) => option === value) ?? null);
}

export function literal<const Text extends string>(expected: Text): Shape<Text> {
  return (value) => (value === expected ? accept(expected) : misfit(`is not "${expected}"`));
}

export function nullable<Value>(of: Shape<Value>): Shape<Value | null> {
  return (value) => (value === null ? accept(null) : of(value));
}

/** An absent value is replaced by `otherwise`. */
export function optional<Value, Default>(
  of: Shape<Value>,
  otherwise: Default,
): Shape<Value | Default> {
  return (value) => (value === undefined ? accept(otherwise) : of(value));
}

/** Values of the shape for which `complain` returns null, and not a problem. */
export function checked<Value>(
  of: Shape<Value>,
  complain: (value: Value) => string | null,
): Shape<Value> {
  return (value) => {
    const read = of(value);
    const complaint = read.ok ? complain(read.value) : null;
    return complaint === null ? read : misfit(complaint);
  };
}

export function mapped<Value, Other>(of: Shape<Value>, to: (value: Value) => Other): Shape<Other> {
  return (value) => {
    const read = of(value);
    return read.ok ? accept(to(read.value)) : read;
  };
}

export function list<Value>(of: Shape<Value>, lengthMax = 4096): Shape<readonly Value[]> {
  return (value) => {
    if (!Array.isArray(value)) return misfit("is not a list");
    if (value.length > lengthMax) return misfit(`has more than ${lengthMax} entries`);
    const parsed: Value[] = [];
    for (const [index, element] of value.entries()) {
      const one = of(element);
      if (!one.ok) return within(`[${index}]`, one.problem);
      parsed.push(one.value);
    }
    return accept(parsed);
  };
}

/** An object whose fields may have any name. */
export function dictionary<Value>(of: Shape<Value>): Shape<Readonly<Record<string, Value>>> {
  return (value) => {
    if (!isObject(value)) return misfit("is not an object");
    const parsed = new Map<string, Value>();
    for (const [name, each] of Object.entries(value)) {
      const one = of(each);
      if (!one.ok) return within(`.${name}`, one.problem);
      parsed.set(name, one.value);
    }
    return accept(Object.fromEntries(parsed));
  };
}

type Fields = Readonly<Record<string, Shape<unknown>>>;
type Shaping<F extends Fields> = { readonly [K in keyof F]: Shaped<F[K]> };

/** Every field must fit, and be present unless it is optional; unknown fields are left out. */
export function record<F extends Fields>(fields: F): Shape<Shaping<F>> {
  const shapes = Object.entries(fields);
  return (value) => {
    if (!isObject(value)) return misfit("is not an object");
    const parsed: Record<string, unknown> = {};
    for (const [name, shape] of shapes) {
      const one = shape(Object.hasOwn(value, name) ? value[name] : undefined);
      if (!one.ok) return within(`.${name}`, one.problem);
      parsed[name] = one.value;
    }
    return accept(parsed as Shaping<F>);
  };
}

/** A record that must have no other fields, so that a misspelt field is refused. */
export function closedRecord<F extends Fields>(fields: F): Shape<Shaping<F>> {
  const open = record(fields);
  return (value) => {
    const names = isObject(value) ? Object.keys(value) : [];
    const strange = names.find((name) => !Object.hasOwn(fields, name));
    return strange === undefined ? open(value) : misfit(`has no field ${quoted(strange)}`);
  };
}

/** The first of several shapes that fits; for unions told apart by their `type`. */
export function either<Options extends readonly Shape<unknown>[]>(
  ...options: Options
): Shape<Shaped<Options[number]>> {
  return (value) => {
    for (const option of options) {
      const one = option(value);
      if (one.ok) return accept(one.value as Shaped<Options[number]>);
    }
    return misfit("is of no known kind");
  };
}

function misfit(text: string): Result<never, Misfit> {
  return refuse({ path: "", text });
}

function within(step: string, { path, text }: Misfit): Result<never, Misfit> {
  return refuse({ path: `${step}${path}`, text });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
