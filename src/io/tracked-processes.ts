/**
 * Finds and kills the processes of a service: by its cgroup where there is one, by the cgroups of
 * the units that it has started, by a mark in their environment, which is inherited over fork,
 * double fork and setsid, where parent, session and process group are lost, and by their parents.
 * Does not know what the services are.
 * Source: proc(5), /proc/PID/environ.
 * Limit: a program that cleans its environment, as those do that `su -` and `runuser -` start, is
 * found by its cgroup, its own or that of its unit, or while its parent lives.
 */
import { parseServiceName, type ServiceName } from "../model/ids.ts";
import { type HeldUnits, heldUnits, unitOwner, withdrawPermits } from "./held-units.ts";
import { namesIn, textOf } from "./kernel-files.ts";
import type { TrackedProcess, TrackedScope } from "./ports.ts";
import type { ServiceCgroups } from "./service-cgroups.ts";

const tokenVariable = "CLUSTERD_TRACK";
const serviceVariable = "CLUSTERD_SERVICE";
const resourceVariable = "CLUSTERD_RESOURCE";
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

/** The resource whose mark an environment carries, or null. */
export function markedResource(environment: readonly (readonly [string, string])[]): string | null {
  return environment.find(([name]) => name === resourceVariable)?.[1] ?? null;
}

export async function listTracked(
  scope: TrackedScope,
  cgroups: ServiceCgroups | null,
): Promise<readonly TrackedProcess[]> {
  const found = new Map<number, TrackedProcess>();
  for (const { pid, service } of (await cgroups?.processes(scope.service, scope.resource)) ?? []) {
    found.set(pid, { pid, service, command: await commandOf(pid) });
  }
  const units = await unitsOf(scope);
  const pids = (await namesIn("/proc")).filter((name) => /^[1-9][0-9]*$/.test(name)).map(Number);
  for (let start = 0; start < pids.length; start += readsAtOnce) {
    const batch = pids.slice(start, start + readsAtOnce);
    const looks = await Promise.all(batch.map((pid) => look(pid, { scope, units })));
    for (const one of looks) if (one !== null) found.set(one.pid, one);
  }
  if (found.size > 0) await addDescendants(pids, found);
  return [...found.values()];
}

/** A child may have changed its environment and its cgroup, but not yet its parent. */
async function addDescendants(
  pids: readonly number[],
  found: Map<number, TrackedProcess>,
): Promise<void> {
  const children = new Map<number, number[]>();
  for (let start = 0; start < pids.length; start += readsAtOnce) {
    const batch = pids.slice(start, start + readsAtOnce);
    const traits = await Promise.all(batch.map(traitsOf));
    for (const [index, pid] of batch.entries()) {
      const parent = traits[index]?.parent;
      if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), pid]);
    }
  }
  const open = [...found.values()];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    for (const pid of children.get(one.pid) ?? []) {
      if (found.has(pid) || pid === process.pid) continue;
      const child = { pid, service: one.service, command: await commandOf(pid) };
      found.set(pid, child);
      open.push(child);
    }
  }
}

type Traits = { readonly parent: number; readonly started: string };

/** Null when the process has ended, also when nobody has asked for its exit status yet. */
async function traitsOf(pid: number): Promise<Traits | null> {
  const text = await textOf(`/proc/${pid}/stat`);
  // The name in parentheses may hold anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state = "", parent = ""] = fields;
  if (state === "" || state === "Z" || state === "X") return null;
  return { parent: Number(parent), started: fields[startTimeField] ?? "" };
}

/** Of /proc/PID/stat, counted from the state. */
const startTimeField = 19;

/** SIGKILL until none is left; returns those that a second of it could not end. */
export async function killTracked(
  scope: TrackedScope,
  cgroups: ServiceCgroups | null,
): Promise<readonly TrackedProcess[]> {
  await withdrawPermits(await unitsOf(scope));
  // Before the first kill: with its parent a process may lose all that tells whose it is.
  let left = await remember(await listTracked(scope, cgroups), []);
  await cgroups?.kill(scope.service, scope.resource);
  for (let round = 0; left.length > 0 && round < killRoundsMax; round += 1) {
    for (const { pid } of left) kill(pid);
    await new Promise((resolve) => setTimeout(resolve, killPauseMs));
    left = await remember(await listTracked(scope, cgroups), left);
  }
  return left.map(({ pid, service, command }) => ({ pid, service, command }));
}

type Remembered = TrackedProcess & { readonly started: string };

/** What is found now, and what was found before and still lives. */
async function remember(
  found: readonly TrackedProcess[],
  before: readonly Remembered[],
): Promise<readonly Remembered[]> {
  const left = new Map<number, Remembered>();
  for (const one of found) {
    const started = (await traitsOf(one.pid))?.started;
    if (started !== undefined) left.set(one.pid, { ...one, started });
  }
  for (const one of before) {
    if (!left.has(one.pid) && (await traitsOf(one.pid))?.started === one.started) {
      left.set(one.pid, one);
    }
  }
  return [...left.values()];
}

/** Units are resources of their own, which only the end of their service kills. */
async function unitsOf(scope: TrackedScope): Promise<HeldUnits> {
  return scope.resource === undefined ? await heldUnits(scope) : new Map();
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
  const { resource } = scope;
  if (resource !== undefined && !environment.includes(`${resourceVariable}=${resource}`)) {
    return null;
  }
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
