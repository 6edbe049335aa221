/**
 * A process of a simulated machine: it can be stopped and go on, as by SIGSTOP and SIGCONT, and be
 * killed. Whatever calls into one of its threads comes through `enter`: while the process is
 * stopped the calls wait. When it goes on, timers that came due run first, as in the event loop of
 * Node, and then what has arrived, in its order. The clock of a thread is the port of the real
 * loops, on virtual time.
 */
import type { Clock, Stop } from "../../src/io/ports.ts";
import { ms } from "../../src/model/time.ts";
import type { Timeline } from "./virtual-time.ts";

export type ProcessParts = {
  readonly time: Timeline;
  /** What the machine's wall clock adds to its other one. */
  readonly wallOffsetMs: () => number;
  /** How long a pass of the main thread's event loop takes. */
  readonly passMs: number;
  /** The main thread has done something. */
  readonly onTurn: () => void;
};

type Waiting = { readonly isTimer: boolean; readonly call: () => void };

export class VirtualProcess {
  readonly #parts: ProcessParts;
  readonly #main: VirtualThread;
  #state: "runs" | "stopped" | "ended" = "runs";
  #waiting: Waiting[] = [];

  constructor(parts: ProcessParts) {
    this.#parts = parts;
    this.#main = new VirtualThread(this, parts);
  }

  /** Of the main thread. */
  get clock(): Clock {
    return this.#main.clock;
  }

  get stopped(): boolean {
    return this.#state === "stopped";
  }

  /** Calls into the main thread. */
  enter(call: () => void): void {
    this.#main.enter(call);
  }

  /** The same, for what changes nothing that a judge could see. */
  enterUnseen(call: () => void): void {
    this.run(false, call);
  }

  /** Another thread, whose event loop takes `passMs`. */
  startThread(passMs: number): VirtualThread {
    return new VirtualThread(this, { ...this.#parts, passMs, onTurn: () => undefined });
  }

  /** For its threads. */
  run(isTimer: boolean, call: () => void): void {
    if (this.#state === "runs") call();
    else if (this.#state === "stopped") this.#waiting.push({ isTimer, call });
  }

  stop(): void {
    if (this.#state === "runs") this.#state = "stopped";
  }

  goOn(): void {
    if (this.#state !== "stopped") return;
    this.#state = "runs";
    const waiting = this.#waiting;
    this.#waiting = [];
    const timers = waiting.filter(({ isTimer }) => isTimer);
    const others = waiting.filter(({ isTimer }) => !isTimer);
    for (const { isTimer, call } of [...timers, ...others]) this.run(isTimer, call);
  }

  /** SIGKILL. */
  end(): void {
    this.#state = "ended";
    this.#waiting = [];
  }
}

export class VirtualThread {
  readonly clock: Clock;
  readonly #process: VirtualProcess;
  readonly #parts: ProcessParts;
  #ended = false;

  constructor(process: VirtualProcess, parts: ProcessParts) {
    this.#process = process;
    this.#parts = parts;
    const { time, wallOffsetMs, passMs } = parts;
    this.clock = {
      monotonicMs: () => ms(time.nowMs),
      boottimeMs: () => ms(time.nowMs),
      wallMs: () => ms(time.nowMs + wallOffsetMs()),
      after: (delayMs, call) => this.#after(delayMs, true, call),
      every: (intervalMs, call) => {
        const repeat = (): Stop =>
          this.#after(intervalMs, true, () => {
            stop = repeat();
            call();
          });
        let stop = repeat();
        return () => stop();
      },
      soon: (call) => {
        this.#after(passMs, false, call);
      },
    };
  }

  get stopped(): boolean {
    return this.#process.stopped;
  }

  enter(call: () => void): void {
    this.#enter(false, call);
  }

  /** It is killed, and its process goes on. */
  end(): void {
    this.#ended = true;
  }

  #enter(isTimer: boolean, call: () => void): void {
    this.#process.run(isTimer, () => {
      if (this.#ended) return;
      call();
      this.#parts.onTurn();
    });
  }

  #after(delayMs: number, isTimer: boolean, call: () => void): Stop {
    let wanted = true;
    this.#parts.time.after(delayMs, () => {
      if (wanted) this.#enter(isTimer, () => wanted && call());
    });
    return () => {
      wanted = false;
    };
  }
}
