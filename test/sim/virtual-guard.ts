/**
 * The guard of a virtual machine: the real decisions, and what performs them, as a process on
 * virtual time. Only what it looks at, ends and sends is virtual.
 */
import {
  GuardPerformer,
  type GuardPerformerParts,
  lookEveryMs,
} from "../../src/guard/guard-performer.ts";
import type { LeaseEnd } from "../../src/model/lease-end.ts";
import { accept } from "../../src/model/outcome.ts";
import { ms } from "../../src/model/time.ts";
import type { VirtualWatchdog } from "../guard/virtual-watchdog.ts";
import type { VirtualHost } from "./virtual-host.ts";
import { VirtualProcess } from "./virtual-process.ts";
import { resultIn, settled } from "./virtual-promise.ts";
import type { Timeline } from "./virtual-time.ts";

/** The boot time of the real clock is truncated to that. */
const clockStepMs = 10;
const sweepMs = 80;
/** From the end of the lease until nothing is left. */
export const guardWorkMs = clockStepMs + lookEveryMs + sweepMs;

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
  readonly #process: VirtualProcess;
  readonly #performer: GuardPerformer;
  #certificate: Uint8Array | null = null;
  #ended = false;
  /** Its last word to the next one. */
  swept = false;
  /** What it has said of this machine when it was ready; null: it is not. */
  nothingLeft: boolean | null = null;

  constructor(parts: VirtualGuardParts) {
    this.#parts = parts;
    const { time, watchdog } = parts;
    this.#process = new VirtualProcess({
      ...{ time, wallOffsetMs: () => 0, passMs: 0 },
      onTurn: () => undefined,
    });
    this.#performer = new GuardPerformer(this.#performerParts());
    this.#order({
      ...{ type: "watch", token: "", addresses: [], cgroups: null, killTimeoutMs: 1000 },
      watchdog: watchdog === null ? null : virtualDevice,
    });
    this.#performer.start();
  }

  /** Of the present life. */
  certify(certificate: Uint8Array): void {
    this.#certificate = certificate;
    this.#order({ type: "certificate", frame: "", from: "", to: [], port: 0 });
  }

  arm(leaseEndMs: number, atEnd: LeaseEnd): void {
    this.#order({ type: "arm", leaseEndMs, atEnd });
  }

  /** clusterd is not there any more. */
  gone(): void {
    this.#process.enter(() => this.#performer.gone("clusterd has ended"));
  }

  dismiss(): void {
    this.#order({ type: "disarm" });
  }

  /** The power is off, or it is killed, or a new daemon has waited for the end of its work. */
  end(how: "power-off" | "killed" | "work-done"): void {
    const { host, watchdog } = this.#parts;
    if (!this.#ended && how === "work-done" && host.sweep().length === 0) {
      watchdog?.close("disarmed");
      this.swept = true;
    }
    if (how === "power-off") this.swept = false;
    if (how === "power-off") watchdog?.powerOff();
    else if (!this.#ended) watchdog?.orphan();
    this.#endProcess();
  }

  #order(order: Parameters<GuardPerformer["order"]>[0]): void {
    this.#process.enter(() => this.#performer.order(order));
  }

  #performerParts(): GuardPerformerParts {
    const { host, time, before, watchdog, daemonLives } = this.#parts;
    const { clock } = this.#process;
    return {
      clock: {
        ...clock,
        boottimeMs: () => ms(Math.floor(time.nowMs / clockStepMs) * clockStepMs),
      },
      services: {
        watch: () => undefined,
        alsoWatch: () => undefined,
        sweep: () => this.#after(sweepMs, () => host.sweep()),
        look: (what) => {
          const look = () => (what === "addresses" ? [...host.addresses] : host.left());
          // The daemon waits for the first one, which takes no time here.
          return this.nothingLeft === null ? settled(look()) : this.#after(1, look);
        },
      },
      certificates: {
        use: () => true,
        send: () => {
          if (this.#certificate !== null) this.#parts.send(this.#certificate);
        },
      },
      openable: () => {
        if (watchdog === null) throw new Error("this machine has no watchdog");
        return watchdog;
      },
      daemonLives,
      report: (report) => this.#onReport(report),
      say: () => undefined,
      swept: before?.swept === true,
      leaveNote: () => {
        this.swept = true;
        return accept(null);
      },
      end: () => this.#endProcess(),
    };
  }

  /** As guard-process.ts of the daemon does. */
  #onReport(report: Parameters<GuardPerformerParts["report"]>[0]): void {
    const { onGuarded } = this.#parts;
    if (report.type === "armed") onGuarded(report.leaseEndMs, report.atEnd);
    if (report.type === "sweeping") onGuarded(0, "kill");
    if (report.type === "ready") this.nothingLeft = report.nothingLeft;
  }

  #after<T>(delayMs: number, act: () => T): PromiseLike<T> {
    return resultIn<T>(this.#process, (settle) => {
      this.#process.clock.after(delayMs, () => settle(act()));
    });
  }

  #endProcess(): void {
    this.#ended = true;
    this.#process.end();
  }
}

const virtualDevice = { device: "/dev/watchdog", timeoutMs: 5000 };
