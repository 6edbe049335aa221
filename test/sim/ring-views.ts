/** Readings of a life's trace, for assertions that read like prose. */
import type { RingConfiguration } from "../../src/membership/ring-events.ts";
import type { Life } from "./ring-trace.ts";

type Seen = { readonly at: number; readonly configuration: RingConfiguration };

export function configurations(life: Life): readonly Seen[] {
  const seen: Seen[] = [];
  for (const event of life.events) {
    if (event.type === "configuration") seen.push(event);
  }
  return seen;
}

export function regulars(life: Life): readonly Seen[] {
  return configurations(life).filter((seen) => seen.configuration.kind === "regular");
}

/** `transitional 1 2 left 3` or `regular 1 2 3 joined 3`. */
export function describe({ configuration }: Seen): string {
  const { kind, members, left, joined } = configuration;
  const parts: (string | number)[] = [kind, ...members];
  if (left.length > 0) parts.push("left", ...left);
  if (joined.length > 0) parts.push("joined", ...joined);
  return parts.join(" ");
}

/** Ids of app messages in the order of delivery. */
export function delivered(life: Life, ids: ReadonlySet<string>): readonly string[] {
  const found: string[] = [];
  for (const event of life.events) {
    if (event.type === "deliver" && ids.has(event.id)) found.push(event.id);
  }
  return found;
}

/** Deliveries of these ids and configurations, in order, as text. */
export function story(life: Life, names: ReadonlyMap<string, string>): readonly string[] {
  const lines: string[] = [];
  for (const event of life.events) {
    if (event.type === "configuration") lines.push(describe(event));
    if (event.type === "deliver") {
      const name = names.get(event.id);
      if (name !== undefined) lines.push(name);
    }
  }
  return lines;
}

export function suspensions(
  life: Life,
): readonly { readonly at: number; readonly reason: string }[] {
  const found: { readonly at: number; readonly reason: string }[] = [];
  for (const event of life.events) {
    if (event.type === "suspended") found.push(event);
  }
  return found;
}
