/**
 * What is known of each resource type from its agent's metadata: typed children with their levels,
 * and the status checks with their intervals.
 * Source: resource-agents service.sh, script.sh, ip.sh, fs.sh (special/child, actions).
 */
import type { Ms } from "../model/time.ts";
import { ms } from "../model/time.ts";

export type ChildRule = { readonly type: string; readonly start: number; readonly stop: number };
export type CheckRule = { readonly depth: number; readonly intervalMs: Ms };

export type ResourceRule = {
  /** Typed children in metadata order; empty: all children in document order. */
  readonly children: readonly ChildRule[];
  readonly checks: readonly CheckRule[];
};

const serviceChildren: readonly ChildRule[] = [
  { type: "lvm", start: 1, stop: 9 },
  { type: "fs", start: 2, stop: 8 },
  { type: "clusterfs", start: 3, stop: 7 },
  { type: "netfs", start: 4, stop: 6 },
  { type: "nfsexport", start: 5, stop: 5 },
  { type: "nfsclient", start: 6, stop: 4 },
  { type: "ip", start: 7, stop: 2 },
  { type: "smb", start: 8, stop: 3 },
  { type: "script", start: 9, stop: 1 },
];

const rules: ReadonlyMap<string, ResourceRule> = new Map<string, ResourceRule>([
  ["service", { children: serviceChildren, checks: [] }],
  ["script", { children: [], checks: [{ depth: 0, intervalMs: ms(30_000) }] }],
  [
    "ip",
    {
      children: [],
      checks: [
        { depth: 0, intervalMs: ms(20_000) },
        { depth: 10, intervalMs: ms(60_000) },
      ],
    },
  ],
]);

/** Null for a type without an agent. */
export function resourceRule(type: string): ResourceRule | null {
  return rules.get(type) ?? null;
}
