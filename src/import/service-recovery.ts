/**
 * How often a resource may fail on a node, in Pacemaker's words → `recovery` of its service.
 * Source: Pacemaker Explained 2.1, "Handling Resource Failure"; rgmanager rg_thread.c.
 * Tested in: test/import/import-golden.test.ts
 */
import { type ConfAttribute, confAttribute } from "./conf-element.ts";
import { infinity, parseScore, secondsOf } from "./pacemaker-conf.ts";
import type { Place, Remark, Setting, Settings } from "./remark.ts";

type Part = { readonly meta: Settings; readonly at: Place };

export function recoveryOf(
  parts: readonly Part[],
  defaults: Settings,
): { readonly attributes: readonly ConfAttribute[]; readonly remarks: readonly Remark[] } {
  const [first] = parts;
  if (first === undefined) return { attributes: [], remarks: [] };
  const remarks = remarksOn(parts);
  const stated = thresholds(parts.map(({ meta }) => meta));
  const [least] = stated.length > 0 ? stated : thresholds([defaults]);
  if (least === undefined) {
    return { attributes: [confAttribute("recovery", "restart", first.at)], remarks };
  }
  const { value, at } = least;
  if (value === 1) return { attributes: [confAttribute("recovery", "relocate", at)], remarks };
  const timeouts = [...parts.map(({ meta }) => meta), defaults];
  const timeout = timeouts.flatMap((meta) => meta.get("failure-timeout") ?? [])[0];
  const seconds = secondsOf(timeout?.value ?? "") ?? 0;
  const attributes = [
    confAttribute("recovery", "restart", at),
    confAttribute("max_restarts", `${value - 1}`, at),
    ...(timeout === undefined || seconds === 0
      ? []
      : [confAttribute("restart_expire_time", `${seconds}`, timeout.at)]),
  ];
  return { attributes, remarks };
}

/** Ascending; only those that end the restarts. */
function thresholds(metas: readonly Settings[]): readonly { value: number; at: Place }[] {
  const found: readonly Setting[] = metas.flatMap((meta) => meta.get("migration-threshold") ?? []);
  return found
    .map(({ value, at }) => ({ value: parseScore(value) ?? 0, at }))
    .filter(({ value }) => value > 0 && value < infinity)
    .toSorted((a, b) => a.value - b.value);
}

const reasons: Readonly<Record<string, string>> = {
  "allow-migrate": "a resource is not moved while it runs",
  priority: "services have no priority among each other",
  "multiple-active": "a service that runs twice is no choice",
  container: "clusterd has no nodes inside resources",
  "remote-node": "clusterd has no nodes inside resources",
};

function remarksOn(parts: readonly Part[]): readonly Remark[] {
  return parts.flatMap(({ meta }) =>
    Object.entries(reasons).flatMap(([name, why]) => {
      const setting = meta.get(name);
      if (setting === undefined || ["false", "0", "stop_start"].includes(setting.value)) return [];
      return [{ at: setting.at, text: `${name}=${setting.value} is not carried over: ${why}` }];
    }),
  );
}
