/**
 * Reads the fields of a parsed JSON object, remembering the first thing that does not fit.
 * Knows JSON; does not know what the fields mean.
 * Every read returns a value of the asked type; after a misfit it is a placeholder, which
 * `readJson` never lets out.
 * Tested in: test/control/protocol.test.ts
 */
import { accept, type Result, refuse } from "../model/outcome.ts";

/** Runs `read` over the object; a misfit anywhere gives the first one, with its path, instead. */
export function readJson<Value>(
  value: unknown,
  name: string,
  read: (fields: JsonFields) => Value,
): Result<Value, string> {
  const misfits: string[] = [];
  const result = read(new JsonFields(value, name, misfits));
  const first = misfits[0];
  return first === undefined ? accept(result) : refuse(first);
}

export class JsonFields {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #misfits: string[];

  constructor(value: unknown, path: string, misfits: string[]) {
    this.#path = path;
    this.#misfits = misfits;
    this.#fields = isObject(value) ? value : {};
    if (!isObject(value)) misfits.push(`${path} is not an object`);
  }

  text(name: string): string {
    const value = this.#fields[name];
    return typeof value === "string" ? value : this.#misfit(name, "a string", "");
  }

  textOrNull(name: string): string | null {
    return this.isNull(name) ? null : this.text(name);
  }

  number(name: string): number {
    const value = this.#fields[name];
    return typeof value === "number" ? value : this.#misfit(name, "a number", 0);
  }

  flag(name: string): boolean {
    const value = this.#fields[name];
    return typeof value === "boolean" ? value : this.#misfit(name, "true or false", false);
  }

  /** The value as `parse` understands it; `placeholder` and a misfit where that gives null. */
  parsed<Value>(name: string, parse: (value: unknown) => Value | null, placeholder: Value): Value {
    return parse(this.#fields[name]) ?? this.#misfit(name, "a known value", placeholder);
  }

  object(name: string): JsonFields {
    return new JsonFields(this.#fields[name], `${this.#path}.${name}`, this.#misfits);
  }

  objects(name: string): readonly JsonFields[] {
    const value = this.#fields[name];
    if (!Array.isArray(value)) return this.#misfit(name, "a list", []);
    return value.map(
      (entry, index) => new JsonFields(entry, `${this.#path}.${name}[${index}]`, this.#misfits),
    );
  }

  texts(name: string): readonly string[] {
    const value = this.#fields[name];
    const all = Array.isArray(value) && value.every((entry) => typeof entry === "string");
    return all ? value : this.#misfit(name, "a list of strings", []);
  }

  numbers(name: string): Readonly<Record<string, number>> {
    const inner = this.object(name);
    return Object.fromEntries(inner.names().map((key) => [key, inner.number(key)]));
  }

  names(): readonly string[] {
    return Object.keys(this.#fields);
  }

  isNull(name: string): boolean {
    return this.#fields[name] === null;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#fields, name);
  }

  /** Notes a misfit that only the caller can see. */
  reject(text: string): void {
    this.#misfits.push(`${this.#path} ${text}`);
  }

  #misfit<Value>(name: string, wanted: string, placeholder: Value): Value {
    this.#misfits.push(`${this.#path}.${name} is not ${wanted}`);
    return placeholder;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
