/**
 * The daemon's end of the pipe to its guard: starts the guard, replaces it when it has ended, and
 * passes the lease on to it. Reports when there is no guard, since no service may be started then.
 * Source: rgmanager, in which the parent process watches the child; here the child is the watcher.
 * GUARD3  Services count as guarded only until the instant that the guard itself has confirmed.
 * GUARD4  A guard that does not answer is killed and replaced, since only a working one can kill
 *     services.
 * GUARD5  If this process ends without `dismiss`, the guard stays and kills the services.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import {
  type CertificateOrder,
  formatMessage,
  type GuardOrder,
  type GuardReport,
  parseReport,
  type WatchOrder,
  type WithoutProtocol,
} from "../guard/guard-messages.ts";
import { readJsonLines } from "../io/json-text.ts";
import type { LogFormat } from "../io/log/log-lines.ts";
import type { LogSink } from "../io/ports.ts";
import { toolEnvironment } from "../io/processes/system-command.ts";
import type { LogPriority } from "../model/conf.ts";
import type { LeaseEnd } from "../model/lease-end.ts";
import { assertNever } from "../model/outcome.ts";

export type WatchdogReport = Omit<
  Extract<GuardReport, { readonly type: "watchdog" }>,
  "protocol" | "type"
>;

export type Certificate = Omit<WithoutProtocol<CertificateOrder>, "type">;

export type GuardProcessOptions = {
  readonly stateDirectory: string;
  /** The format of the guard's log on standard error. */
  readonly logFormat: LogFormat;
  readonly duty: Omit<WithoutProtocol<WatchOrder>, "type">;
  /** The first guard, if it was started already. */
  readonly loading: ChildProcess | null;
  readonly log: LogSink;
  /**
   * The first guard is ready, so that of an earlier daemon has ended (GUARD1). `nothingLeft`: that
   * one has verified that nothing of any service is left, and this one has found nothing.
   */
  readonly onReady: (nothingLeft: boolean) => void;
  /** Until when the guard kills nothing (boot time, ms); 0: it is killing, or there is none. */
  readonly onGuarded: (untilMs: number, atEnd: LeaseEnd) => void;
  /** Reports the state of the watchdog device: before `onReady`, and when it changes. */
  readonly onWatchdog: (report: WatchdogReport) => void;
  /** There was a guard, and none can be started any more. */
  readonly onMissing: () => void;
};

/**
 * How long an answer may take. It takes seconds on a machine in trouble, and a tenth of the
 * shortest lease on a healthy one.
 */
const answerWithinMs = 2000;
const restartMinMs = 20;
const restartMaxMs = 2000;
/**
 * How long there may be no guard. A restart takes less; after this time the services are better run
 * on another node.
 */
const missingMaxMs = 10_000;
const dismissWithinMs = 1000;
const program = fileURLToPath(new URL("../guard/main.js", import.meta.url));

/** A guard that waits for its first order. */
export function spawnGuard(stateDirectory: string, logFormat: LogFormat): ChildProcess {
  const child = spawn(process.execPath, [program, stateDirectory, logFormat], {
    cwd: "/",
    detached: true,
    env: toolEnvironment,
    stdio: ["pipe", "pipe", "inherit"],
  });
  // Whoever gives it orders learns of its end from the child itself.
  child.on("error", () => undefined);
  child.stdin?.on("error", () => undefined);
  return child;
}

export class GuardProcess {
  readonly #options: GuardProcessOptions;
  #duty: GuardProcessOptions["duty"];
  #child: ChildProcess | null = null;
  #ready = false;
  #wasReady = false;
  /** The latest order, which a new guard gets, too. */
  #lease: { readonly leaseEndMs: number; readonly atEnd: LeaseEnd } | null = null;
  #certificate: Certificate | null = null;
  #pauseMs = restartMinMs;
  #unanswered: NodeJS.Timeout | null = null;
  #missing: NodeJS.Timeout | null = null;
  #dismissed = false;
  #sweeping = false;

  constructor(options: GuardProcessOptions) {
    this.#options = options;
    this.#duty = options.duty;
    const { loading } = options;
    const lives = loading?.pid !== undefined && loading.exitCode === null;
    if (loading !== null && lives && loading.signalCode === null) this.#use(loading);
    else this.#start();
  }

  /** The process id of the guard; 0 while there is none. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Services may run until `leaseEndMs` (CLOCK_BOOTTIME); `atEnd`: what the guard does then. */
  arm(leaseEndMs: number, atEnd: LeaseEnd): void {
    this.#lease = { leaseEndMs, atEnd };
    if (this.#ready) this.#tell({ type: "arm", leaseEndMs, atEnd });
  }

  /** The death certificate of the present life: only a guard that has it can certify. */
  certify(certificate: Certificate): void {
    this.#certificate = certificate;
    this.#tell({ type: "certificate", ...certificate });
  }

  /**
   * Adds addresses to the duty. The guard reads them before it can notice that this process has
   * ended.
   */
  alsoWatch(addresses: readonly string[]): void {
    const known = this.#duty.addresses;
    const fresh = addresses.filter((one) => !known.includes(one));
    if (fresh.length === 0) return;
    this.#duty = { ...this.#duty, addresses: [...known, ...fresh] };
    this.#tell({ type: "also-watch", addresses: fresh });
  }

  /**
   * Ends the guard, since nothing of the services is left. Resolves when it has ended, or after
   * `dismissWithinMs`.
   */
  async dismiss(): Promise<void> {
    const child = this.#child;
    this.#dismissed = true;
    this.#calm();
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    this.#tell({ type: "disarm" });
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, dismissWithinMs))]);
  }

  #start(): void {
    const { stateDirectory, logFormat } = this.#options;
    this.#use(spawnGuard(stateDirectory, logFormat));
  }

  #use(child: ChildProcess): void {
    this.#child = child;
    let ended = false;
    const end = (how: string): void => {
      if (ended) return;
      ended = true;
      this.#onEnd(how);
    };
    child.once("error", (error) => end(error.message));
    child.once("exit", (code, signal) => end(signal ?? `exit ${code}`));
    // A child that could not be started for lack of descriptors has no streams.
    if (child.pid === undefined || child.stdout === null) return;
    readJsonLines(child.stdout, {
      onValue: (value) => {
        if (this.#child === child) this.#onReport(parseReport(value));
      },
      onEnd: () => undefined,
    });
    this.#tell({ type: "watch", ...this.#duty });
    // With the first order: a guard that replaces another may be needed before it is ready.
    if (this.#certificate !== null) this.#tell({ type: "certificate", ...this.#certificate });
  }

  #onReport(report: GuardReport | null): void {
    this.#answered();
    if (report === null) {
      this.#say("err", "the guard has sent an invalid report");
      this.#kill();
      return;
    }
    switch (report.type) {
      case "ready":
        this.#onReady(report.nothingLeft);
        return;
      case "armed":
        this.#sweeping = false;
        this.#options.onGuarded(report.leaseEndMs, report.atEnd);
        return;
      case "sweeping":
        if (this.#sweeping) return;
        this.#sweeping = true;
        this.#options.onGuarded(0, "kill");
        this.#say("warning", `the guard is killing all services: ${report.why}`);
        return;
      case "watchdog":
        // No later guard may arm it: the other nodes were not told of it and would not wait for it.
        if (report.state === "refused" && !this.#wasReady) {
          this.#duty = { ...this.#duty, watchdog: null };
        }
        this.#options.onWatchdog(report);
        return;
      case "clean":
        this.#say("notice", "the guard has verified that nothing of any service is left");
        return;
      default:
        assertNever(report);
    }
  }

  #onReady(nothingLeft: boolean): void {
    this.#ready = true;
    this.#pauseMs = restartMinMs;
    if (this.#missing !== null) clearTimeout(this.#missing);
    this.#missing = null;
    this.#say("info", `the guard is process ${this.pid}`);
    if (this.#lease !== null) this.#tell({ type: "arm", ...this.#lease });
    if (this.#wasReady) return;
    this.#wasReady = true;
    if (nothingLeft)
      this.#say("info", "the earlier guard was done: nothing of any service is left");
    this.#options.onReady(nothingLeft);
  }

  #onEnd(how: string): void {
    this.#answered();
    this.#child = null;
    this.#ready = false;
    this.#sweeping = false;
    if (this.#dismissed) return;
    this.#options.onGuarded(0, "kill");
    this.#say("warning", `the guard has ended (${how}); starting another, no service before that`);
    if (this.#wasReady) {
      this.#missing ??= setTimeout(() => this.#options.onMissing(), missingMaxMs);
    }
    setTimeout(() => {
      if (!this.#dismissed) this.#start();
    }, this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, restartMaxMs);
  }

  #tell(order: WithoutProtocol<GuardOrder>): void {
    this.#child?.stdin?.write(formatMessage(order));
    if (order.type !== "arm") return;
    this.#unanswered ??= setTimeout(() => {
      // Read what has arrived first: it may be this process that did not run.
      setImmediate(() => this.#judge());
    }, answerWithinMs);
  }

  /** Kills a guard that has not answered (GUARD4). */
  #judge(): void {
    if (this.#unanswered === null) return;
    this.#say("err", `the guard did not answer for ${answerWithinMs} ms`);
    this.#answered();
    this.#options.onGuarded(0, "kill");
    this.#kill();
  }

  #kill(): void {
    this.#child?.kill("SIGKILL");
  }

  #answered(): void {
    if (this.#unanswered !== null) clearTimeout(this.#unanswered);
    this.#unanswered = null;
  }

  #calm(): void {
    this.#answered();
    if (this.#missing !== null) clearTimeout(this.#missing);
    this.#missing = null;
  }

  #say(level: LogPriority, text: string): void {
    this.#options.log.write("fencing", level, { text });
  }
}
