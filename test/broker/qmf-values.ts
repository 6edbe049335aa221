/**
 * Reading what arrived by AMQP: strings come as string or as binary, maps as plain objects.
 */

/** Text of a string, symbol or binary; everything else reads as the empty text. */
export function asText(value: unknown): string {
  if (typeof value === "string") return value;
  return Buffer.isBuffer(value) ? value.toString("utf8") : "";
}

export function asMap(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Buffer.isBuffer(value)) return {};
  return Object.fromEntries(Object.entries(value));
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The entries of a map that are text, number or boolean. */
export function asScalars(value: unknown): Readonly<Record<string, string | number | boolean>> {
  const scalars: Record<string, string | number | boolean> = {};
  for (const [name, entry] of Object.entries(asMap(value))) {
    if (typeof entry === "number" || typeof entry === "boolean") scalars[name] = entry;
    else if (typeof entry === "string" || Buffer.isBuffer(entry)) scalars[name] = asText(entry);
  }
  return scalars;
}

/** A uuid of 16 bytes as text with dashes; empty when it is none. */
export function asUuid(value: unknown): string {
  if (!Buffer.isBuffer(value) || value.length !== 16) return "";
  return value.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
