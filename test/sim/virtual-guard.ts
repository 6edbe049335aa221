/**
 * The guard of a virtual machine: the real decisions, on virtual time, over virtual services.
 */
import { type GuardInput, type GuardOutput, LeaseGuard } from "../../src/guard/lease-guard.ts";
import { StepLoop } from "../../src/loop/step-loop.ts";
import type { LeaseEnd } from "../../src/model/lease-end.ts";
import { accept } from "../../src/model/outcome.ts";
import { ms } from "../../src/model/time.ts";
import type { VirtualWatchdog } from "../guard/virtual-watchdog.ts";
import type { VirtualHost } from "./virtual-host.ts";
import type { Timeline } from "./virtual-time.ts";

/** The real one looks every 50 ms at a clock of 10 ms. */
const lateMs = 60;
const sweepMs = 80;
/** From the end of the lease until nothing is left. */
export const guardWorkMs = lateMs + sweepMs;
const tickMs = 50;

export type VirtualGuardParts = {
  /** The machine's own clock. */
  readonly time: Timeline;
  readonly host: VirtualHost;
  /** Sends a death certificate to the other nodes. */
  readonly send: (certificate: Uint8Array) => void;
  readonly daemonLives: () => boolean;
  readonly onGuarded: (untilMs: number, atEnd: LeaseEnd) => void;
  /** Null: the machine has none. */
  readonly watchdog: VirtualWatchdog | null;
  /** Whose word it passes on; null: there was none. */
  readonly before: VirtualGuard | null;
};

export class VirtualGuard {
  readonly #parts: VirtualGuardParts;
  readonly #loop: StepLoop<GuardInput, GuardOutput>;
  #certificate: Uint8Array | null = null;
  /** Its last word to the next one. */
  swept = false;
  /** What it has said of this machine when it was ready; null: it is not. */
  nothingLeft: boolean | null = null;

  constructor(parts: VirtualGuardParts) {
    this.#parts = parts;
    const machine = new LeaseGuard();
    this.#loop = new StepLoop({
      step: (input) => machine.step(input, parts.time.nowMs),
      perform: (output) => this.#perform(output),
    });
    const watchdog = parts.watchdog === null ? null : virtualDevice;
    const swept = parts.before?.swept === true;
    this.#step({ type: "watch", killTimeoutMs: 1000, watchdog, swept });
    if (watchdog !== null) this.#tick();
  }

  /** Of the present life. */
  certify(certificate: Uint8Array): void {
    this.#certificate = certificate;
    this.#step({ type: "certificate" });
  }

  arm(leaseEndMs: number, atEnd: LeaseEnd): void {
    const { time } = this.#parts;
    this.#step({ type: "arm", leaseEndMs, atEnd });
    time.after(leaseEndMs - time.nowMs + lateMs, () => this.#step({ type: "time" }));
  }

  /** clusterd is not there any more. */
  gone(): void {
    this.#step({ type: "gone", why: "clusterd has ended" });
    this.#tick();
  }

  dismiss(): void {
    this.#step({ type: "disarm" });
  }

  /** The power is off, or it is killed, or a new daemon has waited for the end of its work. */
  end(how: "power-off" | "killed" | "work-done"): void {
    const { host, watchdog } = this.#parts;
    if (!this.#loop.ended && how === "work-done" && host.sweep().length === 0) {
      watchdog?.close("disarmed");
      this.swept = true;
    }
    if (how === "power-off") this.swept = false;
    if (how === "power-off") watchdog?.powerOff();
    else if (!this.#loop.ended) watchdog?.orphan();
    this.#loop.end();
  }

  #tick(): void {
    if (this.#loop.ended) return;
    this.#step({ type: "time" });
    this.#parts.time.after(tickMs, () => this.#tick());
  }

  #step(input: GuardInput): void {
    this.#loop.push(input);
  }

  #perform(output: GuardOutput): void {
    const { time, host, onGuarded, watchdog, daemonLives, send } = this.#parts;
    switch (output.type) {
      case "report":
        if (output.report.type === "armed") {
          onGuarded(output.report.leaseEndMs, output.report.atEnd);
        }
        if (output.report.type === "sweeping") onGuarded(0, "kill");
        if (output.report.type === "ready") this.nothingLeft = output.report.nothingLeft;
        return;
      case "sweep":
        time.after(sweepMs, () => {
          if (!this.#loop.ended) this.#step({ type: "swept", rest: host.sweep() });
        });
        return;
      case "look": {
        const look = (): void => {
          const rest = output.what === "addresses" ? [...host.addresses] : host.left();
          this.#step({ type: "looked", rest, tookMs: 1 });
        };
        // The daemon waits for the first one, which takes no time here.
        if (this.nothingLeft === null && output.afterMs === 0) look();
        else time.after(output.afterMs, look);
        return;
      }
      case "certify":
        time.after(output.afterMs, () => {
          if (this.#certificate === null || this.#loop.ended || daemonLives()) return;
          send(this.#certificate);
        });
        return;
      case "open": {
        const result = watchdog?.open(ms(virtualDevice.timeoutMs));
        if (result === undefined) return;
        const opened = result.ok ? accept({ ...result.value, text: "virtual" }) : result;
        this.#step({ type: "opened", result: opened });
        return;
      }
      case "feed":
        watchdog?.feed();
        return;
      case "close":
        watchdog?.close(output.how);
        return;
      case "end":
        this.#loop.end();
        this.swept = output.swept;
        return;
      case "log":
        return;
    }
  }
}

const virtualDevice = { device: "/dev/watchdog", timeoutMs: 5000 };
