/**
 * Units of systemd that services of this node have started: their processes are born in systemd's
 * cgroups, and are found by them.
 * Does not talk to systemd, so that a process that ends services can use it in any state of the
 * machine.
 * Source: systemd.unit(5); proc(5), /proc/PID/cgroup. The drop-ins are those of
 * services/systemd-agent.ts.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { parseServiceName, type ServiceName } from "../model/ids.ts";
import { namesIn, textOf } from "./kernel-files.ts";
import type { TrackedScope } from "./ports.ts";

const directory = "/run/systemd/system";
const dropIn = "50-clusterd.conf";
const permit = "50-clusterd.permit";

/** By name of the unit. */
export type HeldUnits = ReadonlyMap<string, ServiceName>;

export async function heldUnits(scope: TrackedScope): Promise<HeldUnits> {
  const units = new Map<string, ServiceName>();
  for (const name of await namesIn(directory)) {
    if (!name.endsWith(".d")) continue;
    const lines = (await textOf(join(directory, name, dropIn))).split("\n");
    if (!lines.includes(`# CLUSTERD_TRACK=${scope.token}`)) continue;
    const prefix = "# CLUSTERD_SERVICE=";
    const mark = lines.find((line) => line.startsWith(prefix))?.slice(prefix.length) ?? "";
    const service = parseServiceName(mark);
    if (service === null || (scope.service !== null && scope.service !== service)) continue;
    units.set(name.slice(0, -".d".length), service);
  }
  return units;
}

/** From now on systemd does not start them, though a job may be queued. */
export async function withdrawPermits(units: HeldUnits): Promise<void> {
  for (const unit of units.keys()) {
    // Whatever is wrong with it: the processes that it would permit are killed all the same.
    await rm(join(directory, `${unit}.d`, permit), { force: true }).catch(() => undefined);
  }
}

/** The service whose unit a process belongs to, by the text of its cgroup file; null: none. */
export function unitOwner(units: HeldUnits, cgroups: string): ServiceName | null {
  for (const line of cgroups.split("\n")) {
    for (const part of line.split("/")) {
      const service = units.get(part);
      if (service !== undefined) return service;
    }
  }
  return null;
}
