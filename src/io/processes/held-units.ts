/**
 * Finds the units of systemd that services of this node have started. Their processes are found by
 * the cgroups in which systemd starts them.
 * Does not talk to systemd, so that services can be ended in any state of the machine.
 * Source: systemd.unit(5); proc(5), /proc/PID/cgroup. The drop-ins are those of
 * services/agents/systemd-agent.ts.
 * Tested in: test/e2e/systemd-units.test.ts
 */
import { join } from "node:path";
import { parseServiceName, type ServiceName } from "../../model/ids.ts";
import type { TrackedScope } from "../ports.ts";
import type { KernelFiles } from "./kernel-files.ts";

const directory = "/run/systemd/system";
const dropIn = "50-clusterd.conf";
const permit = "50-clusterd.permit";

/** The service that has started each unit, by the name of the unit. */
export type HeldUnits = ReadonlyMap<string, ServiceName>;

export type UnitsLook = {
  readonly units: HeldUnits;
  /** What could not be looked at, and why: there may be further units. */
  readonly unseen: readonly string[];
};

export async function heldUnits(files: KernelFiles, scope: TrackedScope): Promise<UnitsLook> {
  const units = new Map<string, ServiceName>();
  const listed = await files.names(directory);
  // Without systemd there is no such directory.
  if (listed.type === "absent") return { units, unseen: [] };
  if (listed.type === "unknown") return { units, unseen: [`${directory}: ${listed.cause}`] };
  const unseen: string[] = [];
  for (const name of listed.value) {
    if (!name.endsWith(".d")) continue;
    const text = await files.text(join(directory, name, dropIn));
    if (text.type === "unknown") unseen.push(`${join(name, dropIn)}: ${text.cause}`);
    if (text.type !== "seen") continue;
    const service = ownerIn(text.value, scope);
    if (service !== null) units.set(name.slice(0, -".d".length), service);
  }
  return { units, unseen };
}

function ownerIn(text: string, scope: TrackedScope): ServiceName | null {
  const lines = text.split("\n");
  if (!lines.includes(`# CLUSTERD_TRACK=${scope.token}`)) return null;
  const prefix = "# CLUSTERD_SERVICE=";
  const mark = lines.find((line) => line.startsWith(prefix))?.slice(prefix.length) ?? "";
  const service = parseServiceName(mark);
  return scope.service === null || scope.service === service ? service : null;
}

/**
 * Removes the permits of the units, so that systemd does not start them any more, even if a job is
 * queued. Returns the permits that could not be removed, and why.
 */
export async function withdrawPermits(
  files: KernelFiles,
  units: HeldUnits,
): Promise<readonly string[]> {
  const kept: string[] = [];
  for (const unit of units.keys()) {
    const path = join(directory, `${unit}.d`, permit);
    const removed = await files.remove(path);
    if (removed.type === "unknown") kept.push(`${path} cannot be removed: ${removed.cause}`);
  }
  return kept;
}

/** Whether the text of a process's cgroup file names the unit. */
export function belongsTo(unit: string, cgroups: string): boolean {
  return cgroups.split("\n").some((line) => line.split("/").includes(unit));
}

/** The service whose unit a process belongs to, by the text of its cgroup file; null: none. */
export function unitOwner(units: HeldUnits, cgroups: string): ServiceName | null {
  for (const [unit, service] of units) if (belongsTo(unit, cgroups)) return service;
  return null;
}
