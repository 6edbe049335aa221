/**
 * The guard of a virtual machine: the real decisions, on virtual time, over virtual services.
 */
import { type GuardInput, LeaseGuard } from "../../src/guard/lease-guard.ts";
import type { VirtualHost } from "./virtual-host.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** The real one looks every 50 ms at a clock of 10 ms. */
const lateMs = 60;
const sweepMs = 80;

export class VirtualGuard {
  readonly #time: VirtualTime;
  readonly #host: VirtualHost;
  readonly #onGuarded: (untilMs: number) => void;
  readonly #machine = new LeaseGuard();
  #ended = false;

  constructor(time: VirtualTime, host: VirtualHost, onGuarded: (untilMs: number) => void) {
    this.#time = time;
    this.#host = host;
    this.#onGuarded = onGuarded;
    this.#step({ type: "watch", token: "", addresses: [], cgroups: null, watchdog: null });
  }

  arm(leaseEndMs: number): void {
    this.#step({ type: "arm", leaseEndMs });
    this.#time.after(leaseEndMs - this.#time.nowMs + lateMs, () => this.#step({ type: "time" }));
  }

  /** clusterd is not there any more. */
  gone(): void {
    this.#step({ type: "gone", why: "clusterd has ended" });
  }

  dismiss(): void {
    this.#step({ type: "disarm" });
  }

  /** The power is off, or a new daemon has waited for the end of its work. */
  end(how: "power-off" | "work-done"): void {
    if (!this.#ended && how === "work-done") this.#host.sweep();
    this.#ended = true;
  }

  #step(input: GuardInput): void {
    if (this.#ended) return;
    for (const output of this.#machine.step(input, this.#time.nowMs)) {
      switch (output.type) {
        case "report":
          if (output.report.type === "armed") this.#onGuarded(output.report.leaseEndMs);
          if (output.report.type === "sweeping") this.#onGuarded(0);
          break;
        case "sweep":
          this.#time.after(sweepMs, () => {
            if (this.#ended) return;
            this.#host.sweep();
            this.#step({ type: "swept", rest: [] });
          });
          break;
        case "end":
          this.#ended = true;
          break;
        case "log":
          break;
      }
    }
  }
}
