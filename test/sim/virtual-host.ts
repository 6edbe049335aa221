/**
 * A virtual machine: the processes that run on it, its one interface with addresses, and what may
 * be wrong with it. The ports over it are in virtual-processes.ts and virtual-network.ts; what it
 * goes on with by itself, it does whether or not a daemon runs.
 */
import type { TrackedProcess, TrackedScope } from "../../src/io/ports.ts";
import type { ServiceName } from "../../src/model/ids.ts";
import { HeldAddresses } from "./held-addresses.ts";
import type { VirtualTime } from "./virtual-time.ts";

export type ScriptBehaviour = {
  /** Exit code instead of the natural one. */
  readonly code?: number;
  /** Null: never returns. */
  readonly takesMs?: number | null;
  /** What really happens, whatever the code says; without it as the code says. */
  readonly effect?: "done" | "nothing";
};

/** By what a process is found, as its environment has it. */
export type Marks = {
  readonly token: string | null;
  readonly service: ServiceName | null;
  readonly resource: string | null;
  readonly instance: string | null;
};

/** A program that runs for a while: a script, a fence agent, a command. */
export type Program = {
  readonly command: string;
  readonly marks: Marks;
  /** Null: never returns. */
  readonly takesMs: number | null;
  /** Whoever has started it waits for its end. */
  readonly attended?: true;
};

type Run = Program & {
  readonly pid: number;
  readonly onEnd: (how: "ends" | "killed") => void;
  /** It was killed, does nothing any more, and is there until the kernel is done with it. */
  dying: boolean;
};

export type RunHandle = {
  readonly runs: () => boolean;
  /** Returns whether that ends it. */
  readonly kill: () => boolean;
};

/** A process as a look at the machine shows it; `kill` returns whether that ends it. */
export type SeenProcess = TrackedProcess & { readonly kill: () => boolean };

export const blindness = ["EMFILE: too many open files"] as const;

/** The services' own processes, as `service script`; says when it has changed. */
class ProcessSet extends Set<string> {
  readonly #started = new Map<string, { readonly pid: number; readonly marks: Marks }>();
  /** Grows with each change. */
  changes = 0;
  /** Is told of each process that begins or ends. */
  onChange: (process: string, what: "begins" | "ends") => void = () => undefined;

  begin(process: string, started: { readonly pid: number; readonly marks: Marks }): void {
    this.changes += 1;
    if (this.has(process)) return;
    this.#started.set(process, started);
    this.add(process);
    this.onChange(process, "begins");
  }

  override delete(process: string): boolean {
    this.changes += 1;
    this.#started.delete(process);
    const ends = super.delete(process);
    if (ends) this.onChange(process, "ends");
    return ends;
  }

  override clear(): void {
    for (const process of [...this]) this.delete(process);
  }

  get started(): ReadonlyMap<string, { readonly pid: number; readonly marks: Marks }> {
    return this.#started;
  }
}

export class VirtualHost {
  readonly #time: VirtualTime;
  readonly #changed: () => void;
  readonly running = new ProcessSet();
  readonly held: HeldAddresses;
  /** What clusterd has said to be its own, in this boot. */
  readonly claimed = new Set<string>();
  /** How long it takes to add or remove an address. */
  addressMs = 2;
  /**
   * Whether that is a command, which can be killed, or a request to the kernel, which cannot. What
   * is asked meanwhile does not wait for it, so that nothing but its owner's patience protects.
   */
  addressMeans: "command" | "kernel" = "command";
  /** Processes cannot be killed: they hang in the kernel. */
  undying = false;
  /** From a kill to the end of what was killed. */
  killMs = 1;
  /** No program can be started: processes or descriptors are used up. */
  exhausted = false;
  /**
   * Who can look at nothing and kill nothing: no descriptor is to be had. The guard has a reserve;
   * where that is not enough either, only a watchdog keeps the promise.
   */
  blind: "nobody" | "daemon" | "guard too" = "nobody";
  /** `file action` → how it behaves. */
  readonly behaviours = new Map<string, ScriptBehaviour>();
  /** What a script finds out by itself: its exit code, or null where nothing is special. */
  insight: (file: string, verb: string) => number | null = () => null;
  /** What a script prints when it has ended. */
  words: (file: string, verb: string) => string = () => "";
  /** Every script call, in order. */
  readonly calls: string[] = [];
  announcements = 0;
  /** What was under way when the power went off never comes back. */
  #boots = 0;
  #lastPid = 100;
  /** Changes of addresses that the kernel has not made yet, and no guard has asked to undo. */
  readonly #kernelChanges = new Set<() => void>();
  readonly #runs = new Set<Run>();

  constructor(time: VirtualTime, network: string, changed: () => void) {
    this.#changed = changed;
    this.#time = time;
    this.held = new HeldAddresses(network, changed);
  }

  get linkUp(): boolean {
    return this.held.carrier;
  }

  set linkUp(up: boolean) {
    this.held.setCarrier(up);
  }

  /** Those that were put up on it. */
  get addresses(): ReadonlySet<string> {
    return this.held.names;
  }

  /** Calls then, unless the power goes off before. */
  after(delayMs: number, call: () => void): void {
    const boot = this.#boots;
    this.#time.after(delayMs, () => {
      if (boot === this.#boots) call();
    });
  }

  /** Power off: everything is gone at once. */
  crash(): void {
    this.#boots += 1;
    this.#runs.clear();
    this.#kernelChanges.clear();
    this.running.clear();
    this.held.clear();
    this.claimed.clear();
    this.undying = false;
    this.exhausted = false;
    this.blind = "nobody";
    this.addressMs = 2;
    this.addressMeans = "command";
    this.killMs = 1;
  }

  /** The guard: no service is left, and no program of any goes on. Returns what is left. */
  sweep(): readonly string[] {
    if (this.blind === "guard too") return blindness;
    for (const address of this.claimed) this.held.drop(address);
    // The kernel removes what it is about to add, since it was asked for that later.
    this.#kernelChanges.clear();
    for (const { kill } of this.processes({ token: null, service: null })) kill();
    return this.left();
  }

  /** Of the services, as far as the guard can see. */
  left(): readonly string[] {
    return this.blind === "guard too" ? blindness : this.leftovers;
  }

  /** What there is of the services, whoever can see it. */
  get leftovers(): readonly string[] {
    const alive = [...this.#runs].filter(({ dying }) => !dying);
    const stuck = alive.map(({ pid, command }) => `${pid} (${command})`);
    const claimed = [...this.addresses].filter((one) => this.claimed.has(one));
    return [...this.running, ...claimed, ...stuck];
  }

  /** A program begins; it is ended when it has taken its time, or when somebody kills it. */
  run(program: Program, onEnd: Run["onEnd"]): RunHandle {
    const run: Run = { ...program, pid: this.#nextPid(), onEnd, dying: false };
    this.#runs.add(run);
    if (program.takesMs !== null) {
      this.after(program.takesMs, () => {
        if (!run.dying && this.#runs.delete(run)) onEnd("ends");
      });
    }
    return { runs: () => this.#runs.has(run), kill: () => this.#kill(run) };
  }

  /** The kernel changes an address; no signal ends that. */
  changeInKernel(change: (how: "ends" | "undone") => void): void {
    const own = (): void => change("ends");
    this.#kernelChanges.add(own);
    this.after(this.addressMs, () => {
      if (this.#kernelChanges.delete(own)) own();
      else change("undone");
    });
  }

  /** A process of a service begins that goes on when its script has ended. */
  startDaemon(process: string, marks: Marks): void {
    this.running.begin(process, { pid: this.#nextPid(), marks });
    this.#changed();
  }

  /** What is there of these, by its marks; of whatever token for null. */
  processes(
    scope: Omit<TrackedScope, "token"> & { readonly token: string | null },
    which: "all" | "unattended" = "all",
  ) {
    const found: SeenProcess[] = [];
    for (const [process, { pid, marks }] of this.running.started) {
      if (!isOf(marks, scope)) continue;
      const command = process.split("/").at(-1) ?? process;
      found.push({ pid, ...seenMarks(marks), command, kill: () => this.#killDaemon(process) });
    }
    for (const run of this.#runs) {
      const { pid, command, marks, attended } = run;
      if (which === "unattended" && attended === true) continue;
      if (!isOf(marks, scope)) continue;
      found.push({ pid, ...seenMarks(marks), command, kill: () => this.#kill(run) });
    }
    return found;
  }

  /** SIGKILL to all that would never end by themselves. */
  killStuck(): void {
    for (const run of [...this.#runs]) if (run.takesMs === null) this.#kill(run);
  }

  #kill(run: Run): boolean {
    if (!this.#runs.has(run) || run.dying) return true;
    run.dying = !this.undying;
    if (run.dying) {
      this.after(this.killMs, () => {
        if (this.#runs.delete(run)) run.onEnd("killed");
      });
    }
    return run.dying;
  }

  #killDaemon(process: string): boolean {
    if (!this.undying) this.running.delete(process);
    return !this.undying;
  }

  #nextPid(): number {
    this.#lastPid += 1;
    return this.#lastPid;
  }
}

function isOf(
  marks: Marks,
  { token, service, resource }: Omit<TrackedScope, "token"> & { readonly token: string | null },
): boolean {
  if (token !== null && marks.token !== token) return false;
  if (service !== null && marks.service !== service) return false;
  return resource === undefined || marks.resource === resource;
}

function seenMarks({ service, instance }: Marks): Pick<TrackedProcess, "service" | "instance"> {
  return { service, instance };
}
