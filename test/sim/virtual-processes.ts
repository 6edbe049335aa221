/**
 * The programs that a process of a virtual machine runs, and what it sees and ends of those there:
 * init scripts, which obey orders at once unless told to fail, to be slow or to hang, and the few
 * other programs that clusterd calls.
 */
import type {
  EndedProcesses,
  EndOrder,
  ProcessOrder,
  ProcessResult,
  ProcessRunner,
  TrackedLook,
  TrackedProcess,
  TrackedScope,
} from "../../src/io/ports.ts";
import {
  killPauseMs,
  killRoundsMax,
  markedResource,
  markedService,
} from "../../src/io/processes/tracked-processes.ts";
import { blindness, type Marks, type SeenProcess, type VirtualHost } from "./virtual-host.ts";
import type { VirtualProcess } from "./virtual-process.ts";
import { resultIn } from "./virtual-promise.ts";

export type VirtualProgram = {
  readonly takesMs: number | null;
  /** Has its effect, and returns its exit code. */
  readonly end: () => number;
  /** What it has printed by then. */
  readonly output?: () => string;
  /** Whether it runs; what no signal ends is not waited for, either. */
  readonly onRun?: (runs: boolean) => void;
};

export type VirtualProcessesParts = {
  readonly host: VirtualHost;
  readonly process: VirtualProcess;
  /** A fence agent, by what it is told on standard input. */
  readonly fenceAgent: (told: string) => VirtualProgram;
  /** Somebody asks for what was cancelled before; nothing is begun. */
  readonly onCancelled?: () => void;
  /** A script of the service begins, or has ended. */
  readonly onScript?: (service: string, what: "begins" | "ends") => void;
};

const scriptFolder = "/etc/init.d/";
const scriptMs = 5;
const pollMs = 50;
/** What SIGTERM and then SIGKILL get. */
const killMs = 6000;
const idle: VirtualProgram = { takesMs: 1, end: () => 0 };

export class VirtualProcesses implements ProcessRunner {
  readonly #parts: VirtualProcessesParts;

  constructor(parts: VirtualProcessesParts) {
    this.#parts = parts;
  }

  run(order: ProcessOrder, cancelled?: AbortSignal): PromiseLike<ProcessResult> {
    const { host, process } = this.#parts;
    return resultIn<ProcessResult>(process, (settle) => {
      const marks = marksIn(order.environment);
      const program = this.#programOf(order, marks);
      const refusal = this.#refusal(program, cancelled);
      if (program === null || refusal !== null) {
        const cause = refusal ?? `spawn ${order.argv[0]} ENOENT`;
        host.after(1, () => settle({ type: "not-started", cause }));
        return;
      }
      let [late, gaveUp] = [false, false];
      program.onRun?.(true);
      const command = order.argv[0].split("/").at(-1) ?? "";
      const { takesMs } = program;
      const run = host.run({ command, marks, takesMs, attended: true }, (how) => {
        program.onRun?.(false);
        const code = how === "ends" ? program.end() : null;
        if (gaveUp) return;
        if (late) settle({ type: "timed-out", gone: true, output: "" });
        else if (code === null) settle({ type: "signalled", signal: "SIGKILL", output: "" });
        else settle({ type: "exited", code, output: program.output?.() ?? "" });
      });
      cancelled?.addEventListener("abort", () => {
        if (!run.kill()) program.onRun?.(false);
      });
      const { timeoutMs } = order;
      if (timeoutMs === null || (program.takesMs ?? timeoutMs) < timeoutMs) return;
      host.after(timeoutMs, () => {
        late = run.runs();
        if (!late || run.kill()) return;
        host.after(killMs, () => {
          gaveUp = run.runs();
          if (!gaveUp) return;
          program.onRun?.(false);
          settle({ type: "timed-out", gone: false, output: "" });
        });
      });
    });
  }

  listTracked(scope: TrackedScope): PromiseLike<TrackedLook> {
    return this.#look(() => ({ found: this.#parts.host.processes(scope).map(seen), unseen: [] }));
  }

  /** What is killed is there for a moment, and what cannot be killed stays. */
  killTracked(scope: TrackedScope): PromiseLike<TrackedLook> {
    const { host, process } = this.#parts;
    return resultIn<TrackedLook>(process, (settle) => {
      const round = (rounds: number): void => {
        if (host.blind !== "nobody") {
          settle({ found: [], unseen: blindness });
          return;
        }
        const left = host.processes(scope);
        for (const { kill } of left) kill();
        const rest = host.processes(scope);
        if (rest.length > 0 && rounds > 1) host.after(killPauseMs, () => round(rounds - 1));
        else settle({ found: rest.map(seen), unseen: [] });
      };
      host.after(1, () => round(killRoundsMax));
    });
  }

  killPresent(scope: TrackedScope): PromiseLike<EndedProcesses> {
    const { host, process } = this.#parts;
    return resultIn<EndedProcesses>(process, (settle) => {
      host.after(1, () => {
        if (host.blind !== "nobody") {
          settle({ ended: [], left: [], unseen: blindness });
          return;
        }
        const present = host.processes(scope, "unattended");
        const left = present.filter(({ kill }) => !kill());
        const ended = present.filter((one) => !left.includes(one));
        host.after(killPauseMs, () => {
          settle({ ended: ended.map(seen), left: left.map(seen), unseen: [] });
        });
      });
    });
  }

  endTracked(scope: TrackedScope, order: EndOrder): PromiseLike<EndedProcesses> {
    const { host, process } = this.#parts;
    const { clock } = process;
    const spared = ({ instance }: SeenProcess): boolean =>
      instance !== null && order.spared.instances.includes(instance);
    const look = () => host.processes(scope).filter((one) => !spared(one));
    return resultIn<EndedProcesses>(process, (settle) => {
      const end = (ended: readonly SeenProcess[], left: readonly SeenProcess[]): void =>
        settle({ ended: ended.map(seen), left: left.map(seen), unseen: [] });
      host.after(1, () => {
        const found = host.blind === "nobody" ? look() : [];
        if (host.blind !== "nobody") settle({ ended: [], left: [], unseen: blindness });
        else if (found.length === 0) end([], []);
        else clock.after(order.settleMs, () => this.#force(look(), order, end));
      });
    });
  }

  /** What has not ended by itself: SIGTERM is enough, or nothing is. */
  #force(
    found: readonly SeenProcess[],
    { graceMs, forceMs }: EndOrder,
    end: (ended: readonly SeenProcess[], left: readonly SeenProcess[]) => void,
  ): void {
    if (found.length === 0) {
      end([], []);
      return;
    }
    const { clock } = this.#parts.process;
    const left = found.filter(({ kill }) => !kill());
    const ended = found.filter((one) => !left.includes(one));
    clock.after(left.length === 0 ? pollMs : graceMs + forceMs, () => end(ended, left));
  }

  #look(look: () => TrackedLook): PromiseLike<TrackedLook> {
    const { host, process } = this.#parts;
    return resultIn(process, (settle) => {
      host.after(1, () => {
        settle(host.blind === "nobody" ? look() : { found: [], unseen: blindness });
      });
    });
  }

  /** Null: there is no such program. */
  #programOf({ argv, stdin }: ProcessOrder, marks: Marks): VirtualProgram | null {
    const [file, word = ""] = argv;
    if (file.startsWith(scriptFolder)) return this.#script(file, word, marks);
    if (file === "/bin/sh") return idle;
    if (file !== "/usr/bin/env") return null;
    return word === "ping" ? idle : this.#parts.fenceAgent(stdin ?? "");
  }

  #script(file: string, verb: string, marks: Marks): VirtualProgram {
    const { host } = this.#parts;
    const service = marks.service ?? "";
    const daemon = `${service} ${file}`;
    const behaviour = host.behaviours.get(`${file} ${verb}`) ?? {};
    const { takesMs = scriptMs } = behaviour;
    return {
      takesMs,
      onRun: (runs) => this.#parts.onScript?.(service, runs ? "begins" : "ends"),
      end: () => {
        host.calls.push(`${service} ${verb}`);
        const forced = behaviour.code ?? host.insight(file, verb) ?? undefined;
        const works = behaviour.effect ?? ((forced ?? 0) === 0 ? "done" : "nothing");
        if (verb === "start" && works === "done") host.startDaemon(daemon, marks);
        if (verb === "stop" && works === "done") host.running.delete(daemon);
        const natural = verb === "status" && !host.running.has(daemon) ? 3 : 0;
        return forced ?? natural;
      },
      output: () => host.words(file, verb),
    };
  }

  #refusal(program: VirtualProgram | null, cancelled: AbortSignal | undefined): string | null {
    if (cancelled?.aborted === true) {
      this.#parts.onCancelled?.();
      return "it was cancelled";
    }
    return program !== null && this.#parts.host.exhausted ? "spawn /bin/sh EAGAIN" : null;
  }
}

function marksIn(environment: ProcessOrder["environment"]): Marks {
  const variables = new Map(environment);
  return {
    token: variables.get("CLUSTERD_TRACK") ?? null,
    service: markedService(environment),
    resource: markedResource(environment),
    instance: variables.get("OCF_RESOURCE_INSTANCE") ?? null,
  };
}

function seen({ pid, service, command, instance }: SeenProcess): TrackedProcess {
  return { pid, service, command, instance };
}
