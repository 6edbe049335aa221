/**
 * The guard's decisions: when all services on this machine must be killed, and when the other nodes
 * may be told that nothing is left. Every instant is CLOCK_BOOTTIME in ms. watchdog-feeder.ts feeds
 * the watchdog.
 * Source: sbd(8); rgmanager's watchdog parent.
 * G1  After the report `armed` nothing is killed before the lease ends, while clusterd exists.
 * G2  When the lease has ended, or clusterd is gone, services are killed until it is verified that
 *     none is left; there is no report `armed` before that. If the lease ends with `spare`, they
 *     are killed only if a service address is found.
 * G3  When clusterd is gone it does not wait for the end of the lease.
 * G4  An idle guard counts as clean only after a look has found nothing. The report `armed` waits
 *     until it is known whether there is a watchdog.
 * G5  A guard that ends after a sweep leaves a note; the next guard passes it on only if its own
 *     look finds nothing either.
 * G6  The guard certifies only after a sweep that began when clusterd had ended, and found nothing.
 * G7  The report `armed` waits until a look took at most a quarter of the kill timeout.
 *
 *   fresh ──watch──► idle ──arm──► armed ──lease over, kill──► sweeping
 *     └─gone─► ended                 └─lease over, spare─► sparing ──an address──► sweeping
 *   sparing ──no address──► idle;  sparing ──arm──► armed;  idle, armed, sparing ──gone──► sweeping
 *   sweeping ──clean──► idle, or armed where a lease has come; ended where clusterd was dismissed
 *            └─clean, clusterd is gone─► certifying ──time is over, awaited──► ended
 *   every state but sweeping ──disarm──► ended;  sweeping ──disarm──► ended when it is clean
 *   Where the watchdog cannot be disarmed: `retired`, which feeds it, instead of `ended`.
 */
import type { LeaseEnd } from "../model/lease-end.ts";
import { assertNever } from "../model/outcome.ts";
import type { GuardInput, GuardOutput } from "./guard-events.ts";
import type { GuardReport, WithoutProtocol } from "./guard-messages.ts";
import { WatchdogFeeder, type WatchdogOpened } from "./watchdog-feeder.ts";

type Lease = { readonly leaseEndMs: number; readonly atEnd: LeaseEnd };

type State =
  | { readonly type: "fresh" }
  /** `reported`: the report `ready` was sent. */
  | {
      readonly type: "idle";
      readonly clean: boolean;
      readonly reported: boolean;
      /** The guard before this one has left the note that it swept everything (G5). */
      readonly swept: boolean;
      /** What must not be here; after a lease that ended with `spare`, processes may be. */
      readonly looksFor: "everything" | "addresses";
    }
  | { readonly type: "armed"; readonly leaseEndMs: number; readonly atEnd: LeaseEnd }
  /** The lease has ended with `spare`; the guard looks for service addresses. */
  | { readonly type: "sparing" }
  | {
      readonly type: "sweeping";
      readonly why: string;
      readonly sinceMs: number;
      /** When the log last said what is left; null: not yet. */
      readonly saidMs: number | null;
      /** The lease that clusterd has sent meanwhile; null: none. */
      readonly lease: Lease | null;
      /**
       * `certify`: clusterd was gone when the sweep began. `sweep-again`: it is gone since, and may
       * have started something meanwhile.
       */
      readonly next: "wait" | "end" | "sweep-again" | "certify";
    }
  | { readonly type: "certifying"; readonly untilMs: number }
  | { readonly type: "retired"; readonly swept: boolean }
  | { readonly type: "ended" };

const cleanIdle = {
  type: "idle",
  clean: true,
  reported: true,
  swept: false,
  looksFor: "everything",
} as const;

const leaseOver = "the lease has ended";
/** The pause before the next sweep if something is left or could not be looked at. */
const sweepAgainMs = 100;
/** How often the log says what is left: often enough for an operator, too seldom to fill it. */
const restSaidEveryMs = 10_000;
/** When the copies of a certificate are sent: the first ones may be lost, or the network be cut. */
const copiesAtMs = [0, 20, 40, 80, 160, 320, 640, 1000, 2000, 3000, 4000, 5000, 7000, 9000];
const certifyForMs = 10_000;
/** The pause between looks while stop scripts of a clean-up run; a reset takes a second or more. */
const lookAgainMs = 100;

/** A sweep looks at everything about three times. */
const looksPerSweep = 4;
const testAgainMs = 1000;

export class LeaseGuard {
  #state: State = { type: "fresh" };
  #certifies = false;
  /** How long a look may take (G7). */
  #lookMostMs = 0;
  #tested = false;
  /** When the log last said that it is too slow; null: never. */
  #slowSaidMs: number | null = null;
  readonly #feeder = new WatchdogFeeder();
  #out: GuardOutput[] = [];

  step(input: GuardInput, nowMs: number): readonly GuardOutput[] {
    this.#out = [];
    switch (input.type) {
      case "watch":
        this.#onWatch(input, nowMs);
        break;
      case "arm":
        this.#onArm(input, nowMs);
        break;
      case "disarm":
        this.#onDisarm();
        break;
      case "gone":
        this.#onGone(input.why, nowMs);
        break;
      case "certificate":
        this.#certifies = true;
        break;
      case "time":
        break;
      case "swept":
        this.#onSwept(input.rest, nowMs);
        break;
      case "looked":
        this.#test(input.tookMs, nowMs);
        this.#onLooked(input.rest, nowMs);
        break;
      case "opened":
        this.#onOpened(input.result);
        break;
      case "feeding-failed":
        this.#onFeedingFailed(input.why);
        break;
      case "awaited":
        if (this.#state.type === "retired") this.#end("armed", this.#state.swept);
        else if (this.#state.type === "certifying") this.#finish(true);
        break;
      default:
        assertNever(input);
    }
    if (this.#state.type === "armed" && nowMs >= this.#state.leaseEndMs) {
      if (this.#state.atEnd === "kill") this.#sweep(leaseOver, { nowMs, next: "wait" });
      else this.#spare();
    }
    if (this.#state.type === "certifying" && nowMs >= this.#state.untilMs) this.#finish(true);
    this.#out.push(...this.#feeder.openOrFeed(this.#mayFeed(nowMs), nowMs));
    return this.#out;
  }

  /** WATCHDOG1. */
  #mayFeed(nowMs: number): boolean {
    const state = this.#state;
    if (state.type === "armed") return nowMs < state.leaseEndMs;
    const clean = state.type === "certifying" || (state.type === "idle" && state.clean);
    return state.type === "retired" || clean;
  }

  #onWatch(
    { watchdog, missing, swept, killTimeoutMs }: Extract<GuardInput, { readonly type: "watch" }>,
    nowMs: number,
  ): void {
    if (this.#state.type !== "fresh") {
      this.#onGone("clusterd has sent the order watch twice", nowMs);
      return;
    }
    const used = watchdog !== null && missing === null;
    if (missing !== null) this.#report({ type: "watchdog", state: "refused", text: missing });
    const waits = used || swept;
    this.#lookMostMs = killTimeoutMs / looksPerSweep;
    this.#state = { type: "idle", clean: false, reported: !waits, swept, looksFor: "everything" };
    if (used) this.#feeder.use();
    this.#out.push({ type: "look", afterMs: 0, what: "everything" });
    if (!waits) this.#report({ type: "ready", nothingLeft: false });
  }

  #test(tookMs: number, nowMs: number): void {
    if (this.#tested) return;
    this.#tested = tookMs <= this.#lookMostMs;
    if (this.#tested) {
      if (this.#state.type === "armed") this.#arm(this.#state);
      return;
    }
    this.#out.push({ type: "look", afterMs: testAgainMs, what: "everything" });
    if (this.#slowSaidMs !== null && nowMs - this.#slowSaidMs < restSaidEveryMs) return;
    this.#slowSaidMs = nowMs;
    const text =
      `a look at all processes and addresses took ${Math.round(tookMs)} ms, kill_timeout allows ` +
      `${Math.round(this.#lookMostMs)} ms: no service may run here until it is faster`;
    this.#out.push({ type: "log", level: "alert", text });
  }

  /** The end of a lease with `spare` (G2). */
  #spare(): void {
    this.#state = { type: "sparing" };
    const text = `${leaseOver}: services go on, since no other node could run one of them`;
    this.#out.push({ type: "log", level: "notice", text });
    this.#out.push({ type: "look", afterMs: 0, what: "addresses" });
  }

  #onLooked(rest: readonly string[], nowMs: number): void {
    const state = this.#state;
    if (state.type === "sparing") {
      const why = `${leaseOver}, and a service that another node could run may be here`;
      if (rest.length > 0) this.#sweep(`${why} (${rest.join(", ")})`, { nowMs, next: "wait" });
      else this.#state = { ...cleanIdle, looksFor: "addresses" };
      return;
    }
    if (state.type !== "idle") return;
    if (rest.length === 0) {
      this.#state = { ...state, clean: true };
      if (!state.reported && !this.#feeder.used) this.#tellReady(state.swept);
      return;
    }
    // This look may have begun before a sweep that has found nothing; the next look will decide.
    this.#state = { ...state, clean: false };
    // Only a watchdog has to wait for a look that finds nothing.
    const waits = this.#feeder.used;
    if (waits) this.#out.push({ type: "look", afterMs: lookAgainMs, what: state.looksFor });
    if (state.reported) return;
    if (waits) {
      const text = `not opened before a lease is held, or this is gone: ${rest.join(", ")}`;
      this.#report({ type: "watchdog", state: "waiting", text });
    }
    this.#tellReady(false);
  }

  #tellReady(nothingLeft: boolean): void {
    if (this.#state.type === "idle") this.#state = { ...this.#state, reported: true };
    this.#report({ type: "ready", nothingLeft });
  }

  #onOpened(result: WatchdogOpened): void {
    this.#feeder.opened(result);
    const text = result.ok ? result.value.text : result.problem;
    this.#report({ type: "watchdog", state: result.ok ? "armed" : "refused", text });
    const state = this.#state;
    if (state.type === "idle" && !state.reported) this.#tellReady(state.clean && state.swept);
    else if (state.type === "armed") this.#arm(state);
  }

  #onFeedingFailed(why: string): void {
    this.#feeder.failed();
    this.#out.push({ type: "log", level: "alert", text: `the watchdog cannot be fed: ${why}` });
    this.#report({ type: "watchdog", state: "refused", text: why });
  }

  #onArm({ leaseEndMs, atEnd }: Lease, nowMs: number): void {
    const state = this.#state;
    switch (state.type) {
      case "fresh":
        this.#onGone("clusterd has sent a lease before the order watch", nowMs);
        return;
      case "idle":
      case "sparing":
        this.#arm({ leaseEndMs, atEnd });
        return;
      case "armed":
        this.#arm({ leaseEndMs: Math.max(leaseEndMs, state.leaseEndMs), atEnd });
        return;
      case "sweeping": {
        const longest = Math.max(leaseEndMs, state.lease?.leaseEndMs ?? 0);
        this.#state = { ...state, lease: { leaseEndMs: longest, atEnd } };
        this.#report({ type: "sweeping", why: state.why });
        return;
      }
      case "certifying":
      case "retired":
      case "ended":
        return;
      default:
        assertNever(state);
    }
  }

  #arm({ leaseEndMs, atEnd }: Lease): void {
    this.#state = { type: "armed", leaseEndMs, atEnd };
    if (this.#tested && !this.#feeder.undecided) this.#report({ type: "armed", leaseEndMs, atEnd });
  }

  #onDisarm(): void {
    if (this.#state.type === "sweeping") this.#state = { ...this.#state, next: "end" };
    else if (this.#state.type !== "retired") this.#finish(false);
  }

  #onGone(why: string, nowMs: number): void {
    const state = this.#state;
    switch (state.type) {
      case "fresh":
        this.#end("armed", false);
        return;
      case "idle":
      case "armed":
      case "sparing":
        this.#sweep(why, { nowMs, next: "certify" });
        return;
      case "sweeping":
        if (state.next !== "certify") this.#state = { ...state, next: "sweep-again" };
        return;
      case "certifying":
      case "retired":
      case "ended":
        return;
      default:
        assertNever(state);
    }
  }

  #sweep(why: string, how: { readonly nowMs: number; readonly next: "wait" | "certify" }): void {
    const { nowMs: sinceMs, next } = how;
    this.#state = { type: "sweeping", why, sinceMs, saidMs: null, lease: null, next };
    this.#out.push({ type: "sweep", afterMs: 0 });
    const text = `${why}: killing all services, removing their addresses`;
    this.#out.push({ type: "log", level: "alert", text });
    this.#report({ type: "sweeping", why });
  }

  #onSwept(rest: readonly string[], nowMs: number): void {
    const state = this.#state;
    if (state.type !== "sweeping") return;
    if (rest.length > 0) {
      if (state.saidMs === null || nowMs - state.saidMs >= restSaidEveryMs) {
        const text = `not gone yet, still trying: ${rest.join(", ")}`;
        this.#out.push({ type: "log", level: "alert", text });
        this.#state = { ...state, saidMs: nowMs };
      }
      this.#out.push({ type: "sweep", afterMs: sweepAgainMs });
      return;
    }
    if (state.next === "sweep-again") {
      this.#state = { ...state, next: "certify" };
      this.#out.push({ type: "sweep", afterMs: 0 });
      return;
    }
    const tookMs = Math.round(nowMs - state.sinceMs);
    const text = `clean after ${tookMs} ms: no process and no address of any service is left`;
    this.#out.push({ type: "log", level: "notice", text });
    this.#report({ type: "clean" });
    this.#state = cleanIdle;
    if (state.next === "certify" && this.#certifies) this.#certify(nowMs);
    else if (state.next !== "wait") this.#finish(true);
    else if (state.lease !== null) this.#arm(state.lease);
  }

  #certify(nowMs: number): void {
    this.#state = { type: "certifying", untilMs: nowMs + certifyForMs };
    for (const afterMs of copiesAtMs) this.#out.push({ type: "certify", afterMs });
  }

  /** Ends the guard: nothing of the services is left. */
  #finish(swept: boolean): void {
    if (!this.#feeder.nowayout) {
      this.#end("disarmed", swept);
      return;
    }
    this.#state = { type: "retired", swept };
    const text = "the watchdog cannot be disarmed (nowayout): feeding it until the machine is off";
    this.#out.push({ type: "log", level: "notice", text });
  }

  #end(how: "disarmed" | "armed", swept: boolean): void {
    this.#state = { type: "ended" };
    this.#out.push(...this.#feeder.close(how), { type: "end", swept });
  }

  #report(report: WithoutProtocol<GuardReport>): void {
    this.#out.push({ type: "report", report });
  }
}
