/**
 * Makes a cgroup for every service, and in it one for each of its resources. By them processes are
 * found and killed, and their end is noticed, whatever they did to parent, session and environment.
 * Source: cgroups(7); the kernel's cgroup v2 document for cgroup.kill and cgroup.events.
 * CGROUP1  A process enters its cgroup before it becomes the agent, so all its children are born in
 *     it.
 * CGROUP2  Status checks have a cgroup of their own, which is not watched. Otherwise the end of
 *     each check would cause another check.
 * CGROUP3  Processes that the start or stop of a resource leaves behind are in a cgroup of that
 *     resource, so that the end of the last one is noticed whatever else of the service goes on.
 *     That cgroup is made and watched before its first process. If it cannot be made, the one above
 *     takes its place.
 * CGROUP4  A cgroup that does not exist has no process, since the kernel removes none that has one.
 *     A cgroup that cannot be read may have any.
 *
 *   DIRECTORY/service:web/run/script%3Ahttpd   what its start and stop have left running
 *   DIRECTORY/service:web/check                status checks
 */
import { watch } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseServiceName, type ServiceName } from "../../model/ids.ts";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { causeCode, causeText } from "../os-error.ts";
import type { Stop } from "../ports.ts";
import { KernelFiles, removeEmpty } from "./kernel-files.ts";

export type CgroupPart = "run" | "check";

const parts: readonly CgroupPart[] = ["run", "check"];

/**
 * A shell script that writes its process id into the file in its first argument, which moves it
 * into that cgroup, and then executes its other arguments.
 */
export const enterScript = 'echo $$ >"$0"; exec "$@"';

/** Makes the cgroups of these services; refuses, with the reason, if cgroup v2 cannot be used. */
export async function makeServiceCgroups(
  token: string,
  services: readonly ServiceName[],
  files: KernelFiles = new KernelFiles(),
): Promise<Result<ServiceCgroups, string>> {
  try {
    const [mounts, own] = await Promise.all(
      ["/proc/self/mountinfo", "/proc/self/cgroup"].map((path) => readFile(path, "utf8")),
    );
    const above = await firstCgroup(files, cgroupsAbove(mounts ?? "", own ?? ""));
    if (above === null) return refuse("cgroup v2 is not mounted");
    const directory = join(above, `clusterd-${token.slice(0, 12)}`);
    const cgroups = new ServiceCgroups(directory, files);
    await Promise.all(services.map((service) => cgroups.make(service)));
    return accept(cgroups);
  } catch (error) {
    return refuse(causeText(error));
  }
}

/**
 * The paths at which this process's own cgroup may be mounted, in which it may make others. The
 * latest mount comes first: it may cover earlier ones, which the kernel lists nevertheless.
 */
export function cgroupsAbove(mounts: string, own: string): readonly string[] {
  const path = /^0::(\S+)$/m.exec(own)?.[1];
  if (path === undefined) return [];
  const found = [...mounts.matchAll(/^\S+ \S+ \S+ (\S+) (\S+) .* - cgroup2 /gm)];
  return found.toReversed().map(([, root = "", point = ""]) => {
    const inside = root === "/" ? path : path.startsWith(`${root}/`) ? path.slice(root.length) : "";
    return join(point, inside);
  });
}

/** The first path that really is a cgroup. */
async function firstCgroup(files: KernelFiles, paths: readonly string[]): Promise<string | null> {
  for (const path of paths) {
    const names = await files.names(path);
    if (names.type === "seen" && names.value.includes("cgroup.procs")) return path;
  }
  return null;
}

/** The most cgroups of one service that are looked at, with those that it has made itself. */
const nestedMax = 1000;

export type CgroupLook = {
  readonly found: readonly { readonly pid: number; readonly service: ServiceName }[];
  /** What could not be looked at, and why: there may be further processes. */
  readonly unseen: readonly string[];
};

/** The resource is null if it has no cgroup of its own. */
export type OnEmptied = (service: ServiceName, resource: string | null) => void;

export class ServiceCgroups {
  readonly directory: string;
  readonly #files: KernelFiles;
  readonly #made = new Set<ServiceName>();
  /** Watched cgroups, by path. */
  readonly #watched = new Map<string, Stop>();
  #onEmptied: OnEmptied = () => undefined;

  constructor(directory: string, files: KernelFiles = new KernelFiles()) {
    this.directory = directory;
    this.#files = files;
  }

  /**
   * Makes the cgroups of the service, unless that was done. False: they cannot be made, so its
   * processes are found by their marks only.
   */
  async ensure(service: ServiceName): Promise<boolean> {
    if (this.#made.has(service)) return true;
    try {
      await this.make(service);
      return true;
    } catch {
      return false;
    }
  }

  async make(service: ServiceName): Promise<void> {
    // The directories are made one by one: if the kernel answers "no such file" to every mkdir, as
    // a read-only hierarchy may, Node's recursive mkdir tries for ever.
    await makeDirectory(this.directory);
    await makeDirectory(join(this.directory, folderOf(service)));
    for (const part of parts) await makeDirectory(this.#part(service, part));
    this.#made.add(service);
  }

  /** The file into which a process of a status check writes its id to enter the cgroup. */
  checkEntry(service: ServiceName): string {
    return join(this.#part(service, "check"), "cgroup.procs");
  }

  /**
   * The same for a process that starts or stops a resource; null: the resource is unknown. Makes
   * and watches the cgroup first (CGROUP3).
   */
  async runEntry(service: ServiceName, resource: string | null): Promise<string> {
    const above = this.#part(service, "run");
    const own = resource === null ? null : this.#ofResource(service, resource);
    let path = above;
    try {
      if (own !== null) {
        await makeDirectory(own);
        path = own;
      }
    } catch {
      path = above;
    }
    if (!this.#watched.has(path)) {
      const which = path === above ? null : resource;
      this.#watched.set(
        path,
        this.#watchEmptied(path, () => this.#onEmptied(service, which)),
      );
    }
    return join(path, "cgroup.procs");
  }

  /** Calls back when the last process has ended that the start or stop of a resource has left. */
  watch(onEmptied: OnEmptied): Stop {
    this.#onEmptied = onEmptied;
    return () => {
      this.#onEmptied = () => undefined;
      for (const stop of this.#watched.values()) stop();
      this.#watched.clear();
    };
  }

  /**
   * Kills all processes of the service (null: of all services) at once, also those that are just
   * being forked.
   */
  async kill(service: ServiceName | null, resource: string | null = null): Promise<void> {
    for (const one of (await this.#services(service)).names) {
      const paths =
        resource === null
          ? parts.map((part) => this.#part(one, part))
          : [this.#ofResource(one, resource)];
      // Linux before 5.14 has no such file; there the caller kills the processes one by one.
      for (const path of paths) await this.#files.write(join(path, "cgroup.kill"), "1");
    }
  }

  /** Kills what a status check has left. */
  async killCheck(service: ServiceName): Promise<void> {
    await this.#files.write(join(this.#part(service, "check"), "cgroup.kill"), "1");
  }

  /**
   * The processes of the service (null: of all services), with those in cgroups that it has made
   * itself. With a resource: only those that the start or stop of that resource has left.
   */
  async processes(
    service: ServiceName | null,
    resource: string | null = null,
  ): Promise<CgroupLook> {
    const found: { readonly pid: number; readonly service: ServiceName }[] = [];
    const { names, unseen: unlisted } = await this.#services(service);
    const unseen = [...unlisted];
    for (const one of names) {
      const open: string[] =
        resource === null
          ? parts.map((part) => this.#part(one, part))
          : [this.#ofResource(one, resource)];
      for (let looks = 0; open.length > 0; looks += 1) {
        const path = open.pop() ?? "";
        if (looks >= nestedMax) {
          unseen.push(`${path}: one of more than ${nestedMax} cgroups`);
          break;
        }
        const [pids, folders] = await Promise.all([
          this.#files.text(join(path, "cgroup.procs")),
          this.#files.folders(path),
        ]);
        if (pids.type === "unknown") unseen.push(`${path}/cgroup.procs: ${pids.cause}`);
        if (folders.type === "unknown") unseen.push(`${path}: ${folders.cause}`);
        if (folders.type === "seen") open.push(...folders.value.map((name) => join(path, name)));
        if (pids.type !== "seen") continue;
        const words = pids.value.split("\n").filter((pid) => pid !== "");
        found.push(...words.map((pid) => ({ pid: Number(pid), service: one })));
      }
    }
    return { found, unseen };
  }

  /** Removes the cgroups that are empty. */
  async remove(): Promise<void> {
    for (const service of (await this.#services(null)).names) {
      const run = await this.#files.folders(this.#part(service, "run"));
      const inner = run.type === "seen" ? run.value : [];
      for (const name of inner) await removeEmpty(join(this.#part(service, "run"), name));
      for (const part of parts) await removeEmpty(this.#part(service, part));
      await removeEmpty(join(this.directory, folderOf(service)));
    }
    await removeEmpty(this.directory);
  }

  #ofResource(service: ServiceName, resource: string): string {
    return join(this.#part(service, "run"), encodeURIComponent(resource));
  }

  /** Calls back each time the cgroup has lost its last process. */
  #watchEmptied(cgroup: string, onEmptied: () => void): Stop {
    const path = join(cgroup, "cgroup.events");
    let populated = false;
    const look = async (): Promise<void> => {
      const events = await this.#files.text(path);
      if (events.type === "unknown") return;
      const now = events.type === "seen" && events.value.includes("populated 1");
      const emptied = populated && !now;
      populated = now;
      if (emptied) onEmptied();
    };
    try {
      const watcher = watch(path, { persistent: false }, () => void look());
      watcher.on("error", () => watcher.close());
      void look();
      return () => watcher.close();
    } catch {
      return () => undefined;
    }
  }

  #part(service: ServiceName, part: CgroupPart): string {
    return join(this.directory, folderOf(service), part);
  }

  async #services(service: ServiceName | null): Promise<{
    readonly names: readonly ServiceName[];
    readonly unseen: readonly string[];
  }> {
    if (service !== null) return { names: [service], unseen: [] };
    const folders = await this.#files.names(this.directory);
    if (folders.type === "absent") return { names: [], unseen: [] };
    if (folders.type === "unknown") {
      return { names: [], unseen: [`${this.directory}: ${folders.cause}`] };
    }
    const names = folders.value.flatMap((name) => {
      const parsed = name.includes(":") ? parseServiceName(name.replaceAll("%2F", "/")) : null;
      return parsed === null ? [] : [parsed];
    });
    return { names, unseen: [] };
  }
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (causeCode(error) !== "EEXIST") throw error;
  }
}

function folderOf(service: ServiceName): string {
  return service.replaceAll("/", "%2F");
}
