/**
 * The status checks of the built-in resource types, as their agents' metadata would list them.
 * Overrides and due times are in services/tree/status-checks.ts.
 * Source: resource-agents script.sh, ip.sh (actions).
 * Tested in: test/services/check-schedule.test.ts
 */
import { type Ms, ms } from "./time.ts";

export type CheckRule = { readonly depth: number; readonly intervalMs: Ms };

const checks: ReadonlyMap<string, readonly CheckRule[]> = new Map([
  ["script", [{ depth: 0, intervalMs: ms(30_000) }]],
  // Between two of them the connection to the broker tells what happens to it.
  ["qpidd", [{ depth: 0, intervalMs: ms(10_000) }]],
  ["qpidd-primary", [{ depth: 0, intervalMs: ms(10_000) }]],
  [
    "ip",
    [
      { depth: 0, intervalMs: ms(20_000) },
      /** At this depth the address must answer, too. */
      { depth: 10, intervalMs: ms(60_000) },
    ],
  ],
]);

/** By rising depth; empty when the type is never checked. */
export function builtInChecks(type: string): readonly CheckRule[] {
  return checks.get(type) ?? [];
}
