/**
 * Finds and kills the processes of a service: by its cgroup where there is one, by the cgroups of
 * the units that it has started, and by a mark in their environment, which is inherited over fork, double fork and setsid, where parent, session
 * and process group are lost.
 * Does not know what the services are.
 * Source: proc(5), /proc/PID/environ.
 * Limit: a program that starts its children with a cleaned environment, or writes over its own,
 * is found by its cgroup only, its own or that of its unit.
 */
import { parseServiceName, type ServiceName } from "../model/ids.ts";
import { type HeldUnits, heldUnits, unitOwner, withdrawPermits } from "./held-units.ts";
import { namesIn, textOf } from "./kernel-files.ts";
import type { TrackedProcess, TrackedScope } from "./ports.ts";
import type { ServiceCgroups } from "./service-cgroups.ts";

const tokenVariable = "CLUSTERD_TRACK";
const serviceVariable = "CLUSTERD_SERVICE";
/** Files read at once: the reads share four threads with all other file work of the process. */
const readsAtOnce = 16;
const killRoundsMax = 40;
const killPauseMs = 25;

/** Goes into the environment of every agent of the service. */
export function trackingVariables(
  token: string,
  service: ServiceName,
): readonly (readonly [string, string])[] {
  return [
    [tokenVariable, token],
    [serviceVariable, service],
  ];
}

/** The service whose mark an environment carries, or null. */
export function markedService(
  environment: readonly (readonly [string, string])[],
): ServiceName | null {
  const mark = environment.find(([name]) => name === serviceVariable)?.[1] ?? "";
  return parseServiceName(mark);
}

export async function listTracked(
  scope: TrackedScope,
  cgroups: ServiceCgroups | null,
): Promise<readonly TrackedProcess[]> {
  const found = new Map<number, TrackedProcess>();
  for (const { pid, service } of (await cgroups?.processes(scope.service)) ?? []) {
    found.set(pid, { pid, service, command: await commandOf(pid) });
  }
  const units = await heldUnits(scope);
  const pids = (await namesIn("/proc")).filter((name) => /^[1-9][0-9]*$/.test(name)).map(Number);
  for (let start = 0; start < pids.length; start += readsAtOnce) {
    const batch = pids.slice(start, start + readsAtOnce);
    const looks = await Promise.all(batch.map((pid) => look(pid, { scope, units })));
    for (const one of looks) if (one !== null) found.set(one.pid, one);
  }
  return [...found.values()];
}

/** SIGKILL until none is left; returns those that a second of it could not end. */
export async function killTracked(
  scope: TrackedScope,
  cgroups: ServiceCgroups | null,
): Promise<readonly TrackedProcess[]> {
  await withdrawPermits(await heldUnits(scope));
  await cgroups?.kill(scope.service);
  let left = await listTracked(scope, cgroups);
  for (let round = 0; left.length > 0 && round < killRoundsMax; round += 1) {
    for (const { pid } of left) kill(pid);
    await new Promise((resolve) => setTimeout(resolve, killPauseMs));
    left = await listTracked(scope, cgroups);
  }
  return left;
}

type Sought = { readonly scope: TrackedScope; readonly units: HeldUnits };

async function look(pid: number, { scope, units }: Sought): Promise<TrackedProcess | null> {
  if (pid === process.pid) return null;
  const owner = units.size === 0 ? null : unitOwner(units, await textOf(`/proc/${pid}/cgroup`));
  if (owner !== null) return { pid, service: owner, command: await commandOf(pid) };
  const environment = (await textOf(`/proc/${pid}/environ`)).split("\0");
  if (!environment.includes(`${tokenVariable}=${scope.token}`)) return null;
  const prefix = `${serviceVariable}=`;
  const mark = environment.find((variable) => variable.startsWith(prefix)) ?? prefix;
  const service = parseServiceName(mark.slice(prefix.length));
  if (service === null || (scope.service !== null && scope.service !== service)) return null;
  return { pid, service, command: await commandOf(pid) };
}

async function commandOf(pid: number): Promise<string> {
  return (await textOf(`/proc/${pid}/comm`)).trim();
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    return;
  }
}
