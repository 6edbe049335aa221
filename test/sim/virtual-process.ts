/**
 * A process of a simulated machine: it can be stopped and go on, as by SIGSTOP and SIGCONT, and be
 * killed. Whatever calls into it comes through `enter`: while it is stopped the calls wait, in
 * their order. Its clock is the port of the real loops, on virtual time.
 */
import type { Clock, Stop } from "../../src/io/ports.ts";
import { ms } from "../../src/model/time.ts";
import type { Timeline } from "./virtual-time.ts";

export type ProcessParts = {
  readonly time: Timeline;
  /** What the machine's wall clock adds to its other one. */
  readonly wallOffsetMs: () => number;
  /** How long a pass of its event loop takes. */
  readonly passMs: number;
  /** It has done something. */
  readonly onTurn: () => void;
};

export class VirtualProcess {
  readonly clock: Clock;
  readonly #parts: ProcessParts;
  #state: "runs" | "stopped" | "ended" = "runs";
  #waiting: (() => void)[] = [];

  constructor(parts: ProcessParts) {
    this.#parts = parts;
    const { time, wallOffsetMs, passMs } = parts;
    const after = (delayMs: number, call: () => void): Stop => {
      let wanted = true;
      time.after(delayMs, () => {
        if (wanted) this.enter(() => wanted && call());
      });
      return () => {
        wanted = false;
      };
    };
    this.clock = {
      monotonicMs: () => ms(time.nowMs),
      boottimeMs: () => ms(time.nowMs),
      wallMs: () => ms(time.nowMs + wallOffsetMs()),
      after,
      every: (intervalMs, call) => {
        let stop = after(intervalMs, function again() {
          stop = after(intervalMs, again);
          call();
        });
        return () => stop();
      },
      soon: (call) => {
        after(passMs, call);
      },
    };
  }

  get stopped(): boolean {
    return this.#state === "stopped";
  }

  enter(call: () => void): void {
    if (this.#state === "ended") return;
    if (this.#state === "stopped") {
      this.#waiting.push(call);
      return;
    }
    call();
    this.#parts.onTurn();
  }

  stop(): void {
    if (this.#state === "runs") this.#state = "stopped";
  }

  goOn(): void {
    if (this.#state !== "stopped") return;
    this.#state = "runs";
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const call of waiting) this.enter(call);
  }

  /** SIGKILL. */
  end(): void {
    this.#state = "ended";
    this.#waiting = [];
  }
}
