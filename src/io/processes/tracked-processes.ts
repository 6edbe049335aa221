/**
 * Finds and ends the processes of a service. It finds them by the service's cgroup, by the cgroups
 * of the units that the service has started, by marks in their environment, and by their parents.
 * Marks are inherited over fork, double fork and setsid, where parent, session and process group
 * are lost.
 * Source: proc(5), /proc/PID/environ and /proc/PID/stat.
 * Limit: a program that clears its environment, such as one that `su -` or `runuser -` starts, is
 * found only by its cgroup or that of its unit, or while its parent lives.
 * TRACKED1  Nothing is left only if everything could be looked at: each process in /proc was looked
 *     at, or has ended meanwhile.
 * TRACKED2  A process that was found once counts as left until it was seen to have ended, even if
 *     nothing shows any more to which service it belongs.
 * TRACKED3  While the kernel loads the program of a process, its marks cannot be read, although it
 *     keeps them. It is unknown then to which service the process belongs.
 */
import { parseServiceName, type ServiceName } from "../../model/ids.ts";
import type {
  EndedProcesses,
  EndOrder,
  Spared,
  TrackedLook,
  TrackedProcess,
  TrackedScope,
} from "../ports.ts";
import { isForeign, ownPrivileges, type Privileges } from "./foreign-processes.ts";
import { belongsTo, type HeldUnits, heldUnits, unitOwner, withdrawPermits } from "./held-units.ts";
import type { KernelFiles, KernelLook } from "./kernel-files.ts";
import { type ProcessTraits, traitsIn } from "./process-traits.ts";
import type { ServiceCgroups } from "./service-cgroups.ts";
import { Unseen } from "./unseen.ts";

const tokenVariable = "CLUSTERD_TRACK";
const serviceVariable = "CLUSTERD_SERVICE";
const resourceVariable = "CLUSTERD_RESOURCE";
const instanceVariable = "OCF_RESOURCE_INSTANCE";
/**
 * How many files are read at once: the reads share four threads with all other file work of the
 * process.
 */
const readsAtOnce = 16;
export const killRoundsMax = 40;
export const killPauseMs = 25;
const endPauseMs = 50;
/** Loading a program takes far less than a millisecond, unless it comes from a slow disk. */
const loadingLooksMax = 5;
const loadingPauseMs = 4;
const loading = "it is loading its program";

/**
 * The marks for the environment of every agent of the service; null: of a program that clusterd
 * runs for itself.
 */
export function trackingVariables(
  token: string,
  service: ServiceName | null,
): readonly (readonly [string, string])[] {
  return [
    [tokenVariable, token],
    ...(service === null ? [] : [[serviceVariable, service] as const]),
  ];
}

/** The service whose mark the environment has, or null. */
export function markedService(
  environment: readonly (readonly [string, string])[],
): ServiceName | null {
  const mark = environment.find(([name]) => name === serviceVariable)?.[1] ?? "";
  return parseServiceName(mark);
}

/** The resource whose mark the environment has, or null. */
export function markedResource(environment: readonly (readonly [string, string])[]): string | null {
  return environment.find(([name]) => name === resourceVariable)?.[1] ?? null;
}

export type TrackedParts = {
  readonly files: KernelFiles;
  /** Null: the processes are found by their marks alone. */
  readonly cgroups: ServiceCgroups | null;
  /**
   * The text of /proc/PID/environ of clusterd, if this is another process: a child that clusterd
   * has forked has the same text until it executes its agent. Null: not needed or unknown.
   */
  readonly forker: string | null;
  readonly signal: (pid: number, signal: "SIGTERM" | "SIGKILL") => void;
};

type Remembered = TrackedProcess & {
  /** Null: the process was found, but could not be looked at afterwards. */
  readonly started: string | null;
  readonly session: number | null;
};

type Sought = {
  readonly scope: TrackedScope;
  readonly units: HeldUnits;
  readonly privileges: Privileges;
};

export class TrackedProcesses {
  readonly #parts: TrackedParts;

  constructor(parts: TrackedParts) {
    this.#parts = parts;
  }

  /** `any`: /proc is not searched if the cgroups have a process already. */
  async list(scope: TrackedScope, enough: "any" | "all" = "all"): Promise<TrackedLook> {
    const { files, cgroups } = this.#parts;
    const unseen = new Unseen();
    const found = new Map<number, TrackedProcess>();
    const grouped = await cgroups?.processes(scope.service, scope.resource);
    for (const { pid, service } of grouped?.found ?? []) {
      found.set(pid, { pid, service, command: await this.#commandOf(pid), instance: null });
    }
    if (enough === "any" && found.size > 0) return { found: [...found.values()], unseen: [] };
    const { units, unseen: unseenUnits } = await this.#unitsOf(scope);
    unseen.add(...(grouped?.unseen ?? []), ...unseenUnits);
    const listed = await files.names("/proc");
    if (listed.type === "absent") unseen.add("/proc is not there");
    if (listed.type === "unknown") unseen.add(`/proc: ${listed.cause}`);
    const names = listed.type === "seen" ? listed.value : [];
    const pids = names.filter((name) => /^[1-9][0-9]*$/.test(name)).map(Number);
    const sought = { scope, units, privileges: await ownPrivileges(files) };
    await inBatches(pids, async (pid) => {
      const one = await this.#look(pid, sought);
      if (typeof one === "string") unseen.add(one);
      else if (one !== null) found.set(pid, one);
    });
    if (found.size > 0) await this.#addDescendants(pids, { found, unseen });
    return { found: [...found.values()], unseen: unseen.words() };
  }

  /** Sends SIGKILL until none is left; returns what it could not end or look at within a second. */
  async kill(scope: TrackedScope): Promise<TrackedLook> {
    const { files, cgroups } = this.#parts;
    const { units } = await this.#unitsOf(scope);
    let kept = await withdrawPermits(files, units);
    // List before the first kill: when its parent ends, a process may lose the only thing that
    // shows to which service it belongs.
    let look = await this.list(scope);
    let left = await this.#remember(look.found, []);
    await cgroups?.kill(scope.service, scope.resource);
    for (let round = 0; round < killRoundsMax; round += 1) {
      if (left.length + look.unseen.length + kept.length === 0) break;
      for (const { pid } of left) this.#parts.signal(pid, "SIGKILL");
      await pause(killPauseMs);
      kept = await withdrawPermits(files, (await this.#unitsOf(scope)).units);
      look = await this.list(scope);
      left = await this.#remember(look.found, left);
      // The cgroup may also contain what could not be seen at first.
      if (look.found.length > 0) await cgroups?.kill(scope.service, scope.resource);
    }
    return { found: left, unseen: [...look.unseen, ...kept] };
  }

  /** Sends SIGKILL to what is there now outside these sessions, and waits a second for its end. */
  async killPresent(
    scope: TrackedScope,
    sessions: ReadonlySet<number> = new Set(),
  ): Promise<EndedProcesses> {
    const { found, unseen } = await this.list(scope);
    const all = await this.#remember(found, []);
    const present = all.filter(({ session }) => session === null || !sessions.has(session));
    let left: readonly Remembered[] = present;
    for (let round = 0; round < killRoundsMax && left.length > 0; round += 1) {
      for (const { pid } of left) this.#parts.signal(pid, "SIGKILL");
      await pause(killPauseMs);
      left = await this.#remember([], left);
    }
    const ended = present.filter(({ pid }) => !left.some((one) => one.pid === pid));
    return { ended, left, unseen };
  }

  /**
   * The units of a service; none for the scope of one resource, since each unit is a resource of
   * its own, whose processes are killed only with the whole service.
   */
  async #unitsOf(scope: TrackedScope): ReturnType<typeof heldUnits> {
    if (scope.resource !== undefined) return { units: new Map(), unseen: [] };
    return await heldUnits(this.#parts.files, scope);
  }

  /** Waits until the processes end by themselves, then sends SIGTERM, then SIGKILL. */
  async end(scope: TrackedScope, order: EndOrder): Promise<EndedProcesses> {
    let look = await this.#listUnspared(scope, order.spared);
    const first = look;
    let left = await this.#remember(look.found, []);
    const seen = new Map(left.map((one) => [one.pid, one]));
    for (const { signal, forMs } of stepsOf(order)) {
      const endMs = performance.now() + forMs;
      if (left.length === 0) break;
      for (const { pid } of left) if (signal !== null) this.#parts.signal(pid, signal);
      while (left.length > 0 && performance.now() < endMs) {
        await pause(endPauseMs);
        look = await this.#listUnspared(scope, order.spared);
        left = await this.#remember(look.found, left);
        for (const one of left) seen.set(one.pid, one);
        if (signal === "SIGKILL") for (const { pid } of left) this.#parts.signal(pid, signal);
      }
      // Processes that end by themselves after their stop were only slow.
      if (signal === null && left.length === 0) return { ended: [], left, unseen: look.unseen };
    }
    const ended = [...seen.values()].filter(({ pid }) => !left.some((one) => one.pid === pid));
    return { ended, left, unseen: first === look ? first.unseen : look.unseen };
  }

  async #listUnspared(scope: TrackedScope, spared: Spared): Promise<TrackedLook> {
    const look = await this.list(scope);
    const found: TrackedProcess[] = [];
    for (const one of look.found) {
      if (one.instance !== null && spared.instances.includes(one.instance)) continue;
      if (!(await this.#inUnit(one.pid, spared.units))) found.push(one);
    }
    return { found, unseen: look.unseen };
  }

  async #inUnit(pid: number, units: readonly string[]): Promise<boolean> {
    if (units.length === 0) return false;
    const cgroups = await this.#parts.files.text(`/proc/${pid}/cgroup`);
    return cgroups.type === "seen" && units.some((unit) => belongsTo(unit, cgroups.value));
  }

  /**
   * Adds the descendants of what was found: a child may have changed its environment and its
   * cgroup, but still have its parent.
   */
  async #addDescendants(
    pids: readonly number[],
    { found, unseen }: { readonly found: Map<number, TrackedProcess>; readonly unseen: Unseen },
  ): Promise<void> {
    const children = new Map<number, number[]>();
    await inBatches(pids, async (pid) => {
      const traits = await this.#traitsOf(pid);
      if (traits.type === "unknown") unseen.add(`/proc/${pid}/stat: ${traits.cause}`);
      if (traits.type !== "seen") return;
      const { parent } = traits.value;
      children.set(parent, [...(children.get(parent) ?? []), pid]);
    });
    const open = [...found.values()];
    for (let one = open.pop(); one !== undefined; one = open.pop()) {
      for (const pid of children.get(one.pid) ?? []) {
        if (found.has(pid) || pid === process.pid) continue;
        const child = { ...one, pid, command: await this.#commandOf(pid) };
        found.set(pid, child);
        open.push(child);
      }
    }
  }

  /** TRACKED2: what is found now, and what was found before and has not been seen to end. */
  async #remember(
    found: readonly TrackedProcess[],
    before: readonly Remembered[],
  ): Promise<readonly Remembered[]> {
    const left = new Map<number, Remembered>();
    for (const one of found) {
      const traits = await this.#traitsOf(one.pid);
      if (traits.type === "absent") continue;
      const { started, session } =
        traits.type === "seen" ? traits.value : { started: null, session: null };
      left.set(one.pid, { ...one, started, session });
    }
    for (const one of before) {
      if (left.has(one.pid)) continue;
      const traits = await this.#traitsOf(one.pid);
      const other =
        traits.type === "seen" && one.started !== null && traits.value.started !== one.started;
      if (traits.type !== "absent" && !other) left.set(one.pid, one);
    }
    return [...left.values()];
  }

  /** Null: the process does not belong to the scope. A text: why that is unknown. */
  async #look(pid: number, sought: Sought): Promise<TrackedProcess | string | null> {
    if (pid === process.pid) return null;
    const { scope, units } = sought;
    if (units.size > 0) {
      const cgroups = await this.#parts.files.text(`/proc/${pid}/cgroup`);
      if (cgroups.type === "unknown") return `/proc/${pid}/cgroup: ${cgroups.cause}`;
      const owner = cgroups.type === "seen" ? unitOwner(units, cgroups.value) : null;
      if (owner !== null) {
        return { pid, service: owner, command: await this.#commandOf(pid), instance: null };
      }
    }
    const read = await this.#environmentOf(pid);
    if (read.type === "absent") return null;
    if (read.type === "unknown") return await this.#refused(pid, read, sought.privileges);
    if (this.#parts.forker !== null && read.value === this.#parts.forker) {
      return await this.#forked(pid);
    }
    const environment = read.value.split("\0");
    if (!environment.includes(`${tokenVariable}=${scope.token}`)) return null;
    const service = parseServiceName(variableIn(environment, serviceVariable) ?? "");
    if (scope.service !== null && scope.service !== service) return null;
    const resource = variableIn(environment, resourceVariable);
    if (scope.resource !== undefined && scope.resource !== resource) return null;
    const instance = variableIn(environment, instanceVariable);
    return { pid, service, command: await this.#commandOf(pid), instance };
  }

  /** Reads the environment of a process, again while its program is being loaded (TRACKED3). */
  async #environmentOf(pid: number): Promise<KernelLook<string>> {
    for (let looks = 1; ; looks += 1) {
      const read = await this.#parts.files.text(`/proc/${pid}/environ`);
      if (read.type !== "seen" || read.value !== "") return read;
      const traits = await this.#traitsOf(pid);
      if (traits.type !== "seen") return traits;
      if (traits.value.kernelThread || traits.value.bare) return read;
      if (looks === loadingLooksMax) return { type: "unknown", cause: loading, denied: false };
      await pause(loadingPauseMs);
    }
  }

  /** Judges a process whose environment cannot be read; `read` is the failure. */
  async #refused(
    pid: number,
    read: Extract<KernelLook<string>, { readonly type: "unknown" }>,
    privileges: Privileges,
  ): Promise<string | null> {
    const text = `/proc/${pid}/environ: ${read.cause}`;
    if (!read.denied) return text;
    const traits = await this.#traitsOf(pid);
    if (traits.type !== "seen") return traits.type === "absent" ? null : text;
    const elsewhere = this.#parts.cgroups !== null;
    const one = { pid, traits: traits.value, elsewhere };
    return (await isForeign(this.#parts.files, privileges, one)) ? null : text;
  }

  /**
   * Judges a process with the forker's environment: it may be a copy that has not executed its
   * program yet.
   */
  async #forked(pid: number): Promise<string | null> {
    const traits = await this.#traitsOf(pid);
    if (traits.type === "absent") return null;
    if (traits.type === "unknown") return `/proc/${pid}/stat: ${traits.cause}`;
    if (!traits.value.forkedOnly) return null;
    return `process ${pid} was forked by clusterd and does not run its program yet`;
  }

  /** Absent: the process has ended, even if its parent has not read the exit status yet. */
  async #traitsOf(pid: number): Promise<KernelLook<ProcessTraits>> {
    const text = await this.#parts.files.text(`/proc/${pid}/stat`);
    return text.type === "seen" ? traitsIn(text.value) : text;
  }

  async #commandOf(pid: number): Promise<string> {
    const command = await this.#parts.files.text(`/proc/${pid}/comm`);
    return command.type === "seen" ? command.value.trim() : "?";
  }
}

/** Sends a signal; a process that has ended already needs none. */
export function signalProcess(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    return;
  }
}

function stepsOf({ settleMs, graceMs, forceMs }: EndOrder) {
  return [
    { signal: null, forMs: settleMs },
    { signal: "SIGTERM", forMs: graceMs },
    { signal: "SIGKILL", forMs: forceMs },
  ] as const;
}

function variableIn(environment: readonly string[], name: string): string | null {
  const prefix = `${name}=`;
  return environment.find((one) => one.startsWith(prefix))?.slice(prefix.length) ?? null;
}

async function inBatches(
  pids: readonly number[],
  act: (pid: number) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < pids.length; start += readsAtOnce) {
    await Promise.all(pids.slice(start, start + readsAtOnce).map(act));
  }
}

function pause(forMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, forMs));
}
