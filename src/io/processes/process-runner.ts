/**
 * Runs one program to its end, with an exact environment, its own session and a time limit, and
 * keeps the tail of its output.
 * Source: setsid(2), credentials(7) for sessions and process groups; rgmanager restree.c: res_exec.
 * RUNNER1  The result does not wait for the end of the output: a daemon that inherited the pipes
 *     may keep them open for years. What it writes later is read and discarded, so that it meets
 *     neither a full pipe nor SIGPIPE.
 * RUNNER2  Every run ends: a child that not even SIGKILL ends is reported as not gone.
 * RUNNER3  `killPresent` spares the programs that this runner runs at the moment: it is meant for
 *     the daemons that they have started, and a script that is killed has failed for its service.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { stat } from "node:fs/promises";
import { Socket } from "node:net";
import type { Readable } from "node:stream";
import type { ServiceName } from "../../model/ids.ts";
import { causeText } from "../os-error.ts";
import type {
  EndedProcesses,
  EndOrder,
  ProcessOrder,
  ProcessResult,
  ProcessRunner,
  TrackedLook,
  TrackedScope,
} from "../ports.ts";
import { KernelFiles } from "./kernel-files.ts";
import { OutputTail } from "./output-tail.ts";
import { type CgroupPart, enterScript, type ServiceCgroups } from "./service-cgroups.ts";
import { executable, type RunServiceTool, runTool, toolEnvironment } from "./system-command.ts";
import {
  markedResource,
  markedService,
  signalProcess,
  TrackedProcesses,
  trackingVariables,
} from "./tracked-processes.ts";

/** From SIGTERM to SIGKILL: an init script needs this time to stop its daemon. */
const terminateGraceMs = 5000;
/** From SIGKILL to giving up: only a process in uninterruptible sleep takes this long. */
const killGraceMs = 1000;
/** Turns of the loop without output after which all that the child wrote has been read. */
const quietTurns = 2;
/** The most turns for which output is read while another process keeps writing (RUNNER1). */
const drainTurnsMax = 64;

export type SystemParts = {
  readonly files: KernelFiles;
  /** As in TrackedParts. */
  readonly forker: string | null;
};

export class SystemProcesses implements ProcessRunner {
  readonly #cgroups: ServiceCgroups | null;
  readonly #tracked: TrackedProcesses;
  /** Of the runs that have not ended: each is the leader of its session. */
  readonly #sessions = new Set<number>();

  /** Without cgroups the processes of services are found by their marks alone. */
  constructor(
    cgroups: ServiceCgroups | null,
    parts: SystemParts = { files: new KernelFiles(), forker: null },
  ) {
    this.#cgroups = cgroups;
    this.#tracked = new TrackedProcesses({ ...parts, cgroups, signal: signalProcess });
  }

  async run(order: ProcessOrder, cancelled?: AbortSignal): Promise<ProcessResult> {
    if (await isDirectory(order.argv[0])) return { type: "not-started", cause: directoryCause };
    const { argv, environment, looks } = order;
    const part = looks === true ? "check" : "run";
    const [service, resource] = [markedService(environment), markedResource(environment)];
    const entered = await this.#inCgroup(argv, { service, resource, part });
    // The caller soon looks for what the cancelled run has left, so nothing may start after that.
    if (cancelled?.aborted === true) return { type: "not-started", cause: "it was cancelled" };
    const run = { ...order, argv: entered };
    const result = await begin(run, { sessions: this.#sessions, cancelled });
    const late = result.type === "timed-out" && part === "check";
    if (late && service !== null) await this.#cgroups?.killCheck(service);
    return result;
  }

  listTracked(scope: TrackedScope, enough: "any" | "all" = "all"): Promise<TrackedLook> {
    return this.#tracked.list(scope, enough);
  }

  killTracked(scope: TrackedScope): Promise<TrackedLook> {
    return this.#tracked.kill(scope);
  }

  killPresent(scope: TrackedScope): Promise<EndedProcesses> {
    return this.#tracked.killPresent(scope, this.#sessions);
  }

  endTracked(scope: TrackedScope, order: EndOrder): Promise<EndedProcesses> {
    return this.#tracked.end(scope, order);
  }

  /**
   * Returns a function that runs short commands as processes of a service, so that they are found
   * and killed like its agents.
   */
  toolsOf(token: string): RunServiceTool {
    return async (program, parameters, by) => {
      if (by === undefined) return await runTool(program, parameters);
      const { service, cancelled } = by;
      // Not in the watched cgroup: the end of each command would cause a check of the service.
      const place = { service, resource: null, part: "check" } as const;
      const [first, ...rest] = await this.#inCgroup([program, ...parameters], place);
      const marks = Object.fromEntries(trackingVariables(token, service));
      return await runTool(first, rest, {
        environment: { ...toolEnvironment, ...marks },
        cancelled,
      });
    };
  }

  /**
   * Returns the arguments that run an agent inside its service's cgroup. The arguments of a program
   * that cannot be run stay as they are, so that it fails as it would without a cgroup.
   */
  async #inCgroup(
    argv: ProcessOrder["argv"],
    place: {
      readonly service: ServiceName | null;
      readonly resource: string | null;
      readonly part: CgroupPart;
    },
  ): Promise<ProcessOrder["argv"]> {
    const { service, resource, part } = place;
    if (this.#cgroups === null || service === null || !(await executable(argv[0]))) return argv;
    // A new conf may have added the service.
    if (!(await this.#cgroups.ensure(service))) return argv;
    const entry =
      part === "check"
        ? this.#cgroups.checkEntry(service)
        : await this.#cgroups.runEntry(service, resource);
    return ["/bin/sh", "-c", enterScript, entry, ...argv];
  }
}

function begin(
  order: ProcessOrder,
  {
    sessions,
    cancelled,
  }: { readonly sessions: Set<number>; readonly cancelled?: AbortSignal | undefined },
): Promise<ProcessResult> {
  return new Promise((resolve) => {
    try {
      const run = new Run(order, sessions, resolve);
      cancelled?.addEventListener("abort", () => run.cancel(), { once: true });
    } catch (error) {
      resolve({ type: "not-started", cause: causeText(error) });
    }
  });
}

/** The cause when a directory stands where a program should. */
export const directoryCause = "it is a directory";

class Run {
  readonly #child: ChildProcess;
  readonly #tail = new OutputTail();
  readonly #sessions: Set<number>;
  readonly #resolve: (result: ProcessResult) => void;
  #limit: NodeJS.Timeout | null = null;
  #timedOut = false;
  #ended = false;

  constructor(
    order: ProcessOrder,
    sessions: Set<number>,
    resolve: (result: ProcessResult) => void,
  ) {
    this.#resolve = resolve;
    this.#sessions = sessions;
    const [program, ...parameters] = order.argv;
    this.#child = spawn(program, parameters, {
      cwd: "/",
      env: Object.fromEntries(order.environment),
      detached: true,
      stdio: [order.stdin === null ? "ignore" : "pipe", "pipe", "pipe"],
    });
    if (this.#child.pid !== undefined) sessions.add(this.#child.pid);
    this.#child.once("error", (error) => {
      // Also emitted when a signal could not be sent; then there is a pid, and `exit` follows.
      if (this.#child.pid === undefined) this.#end({ type: "not-started", cause: error.message });
    });
    this.#child.once("exit", (code, signal) => this.#onExit(code, signal));
    this.#read(this.#child.stdout);
    this.#read(this.#child.stderr);
    this.#child.stdin?.on("error", () => this.#tail.note("[standard input was not read]\n"));
    this.#child.stdin?.end(order.stdin ?? "");
    if (order.timeoutMs !== null) this.#after(order.timeoutMs, () => this.#terminate());
  }

  /** Kills the group: neither the result nor any effect of the run is wanted any more. */
  cancel(): void {
    if (!this.#ended) this.#kill();
  }

  #read(stream: Readable | null): void {
    stream?.on("data", (bytes: Buffer) => this.#tail.append(bytes));
    stream?.on("error", () => this.#tail.note("[output was not readable]\n"));
  }

  #terminate(): void {
    this.#timedOut = true;
    this.#signalGroup("SIGTERM");
    this.#after(terminateGraceMs, () => this.#kill());
  }

  #kill(): void {
    this.#signalGroup("SIGKILL");
    this.#after(killGraceMs, () =>
      this.#end({ type: "timed-out", gone: false, output: this.#tail.text() }),
    );
  }

  #onExit(code: number | null, signal: string | null): void {
    if (this.#child.pid !== undefined) this.#sessions.delete(this.#child.pid);
    // The leader has obeyed SIGTERM; the rest of its group has had the same warning.
    if (this.#timedOut) this.#signalGroup("SIGKILL");
    if (this.#limit !== null) clearTimeout(this.#limit);
    this.#drain({ turn: 0, quiet: 0, bytes: this.#tail.bytesSeen }, () => {
      const output = this.#tail.text();
      if (this.#timedOut) this.#end({ type: "timed-out", gone: true, output });
      else if (signal !== null) this.#end({ type: "signalled", signal, output });
      else this.#end({ type: "exited", code: code ?? 0, output });
    });
  }

  #drain(
    at: { readonly turn: number; readonly quiet: number; readonly bytes: number },
    done: () => void,
  ): void {
    if (at.quiet >= quietTurns || at.turn >= drainTurnsMax) {
      done();
      return;
    }
    setImmediate(() => {
      const bytes = this.#tail.bytesSeen;
      const quiet = bytes === at.bytes ? at.quiet + 1 : 0;
      this.#drain({ turn: at.turn + 1, quiet, bytes }, done);
    });
  }

  #end(result: ProcessResult): void {
    this.#ended = true;
    if (this.#limit !== null) clearTimeout(this.#limit);
    this.#tail.close();
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream instanceof Socket) stream.unref();
    }
    if (result.type === "timed-out" && !result.gone) this.#child.unref();
    this.#resolve(result);
  }

  #after(delayMs: number, action: () => void): void {
    if (this.#limit !== null) clearTimeout(this.#limit);
    this.#limit = setTimeout(action, delayMs);
  }

  #signalGroup(signal: "SIGTERM" | "SIGKILL"): void {
    if (this.#child.pid !== undefined) signalProcess(-this.#child.pid, signal);
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
