/**
 * Finds and kills the processes of a service by a mark in their environment, which is inherited
 * over fork, double fork and setsid, where parent, session and process group are lost.
 * Does not know what the services are.
 * Source: proc(5), /proc/PID/environ.
 * Limit: a program that starts its children with a cleaned environment, or writes over its own,
 * is not found.
 */
import { readdir, readFile } from "node:fs/promises";
import { parseServiceName, type ServiceName } from "../model/ids.ts";
import type { TrackedProcess, TrackedScope } from "./ports.ts";

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

export async function listTracked(scope: TrackedScope): Promise<readonly TrackedProcess[]> {
  const pids = (await namesIn("/proc")).filter((name) => /^[1-9][0-9]*$/.test(name)).map(Number);
  const found: TrackedProcess[] = [];
  for (let start = 0; start < pids.length; start += readsAtOnce) {
    const batch = pids.slice(start, start + readsAtOnce);
    const looks = await Promise.all(batch.map((pid) => look(pid, scope)));
    found.push(...looks.filter((process) => process !== null));
  }
  return found;
}

/** SIGKILL until none is left; returns those that a second of it could not end. */
export async function killTracked(scope: TrackedScope): Promise<readonly TrackedProcess[]> {
  let left = await listTracked(scope);
  for (let round = 0; left.length > 0 && round < killRoundsMax; round += 1) {
    for (const { pid } of left) kill(pid);
    await new Promise((resolve) => setTimeout(resolve, killPauseMs));
    left = await listTracked(scope);
  }
  return left;
}

async function look(pid: number, scope: TrackedScope): Promise<TrackedProcess | null> {
  if (pid === process.pid) return null;
  const environment = (await textOf(`/proc/${pid}/environ`)).split("\0");
  if (!environment.includes(`${tokenVariable}=${scope.token}`)) return null;
  const prefix = `${serviceVariable}=`;
  const mark = environment.find((variable) => variable.startsWith(prefix)) ?? prefix;
  const service = parseServiceName(mark.slice(prefix.length));
  if (service === null || (scope.service !== null && scope.service !== service)) return null;
  return { pid, service, command: (await textOf(`/proc/${pid}/comm`)).trim() };
}

/** Empty when the process has ended meanwhile, or belongs to somebody else. */
async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return "";
  }
}

async function namesIn(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    return;
  }
}
