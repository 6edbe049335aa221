/**
 * The guard's decisions: when everything of the services must be taken off this machine.
 * Knows the lease and whether clusterd is there. Does not know what the services are, how they are
 * killed, or the ring; every instant is CLOCK_BOOTTIME in ms. Feeding is watchdog-feeder.ts.
 * Source: sbd(8); rgmanager's watchdog parent, which ends the node when its child dies.
 * G1  From `armed` on nothing is killed before the lease ends, while clusterd is there.
 * G2  When the lease has ended, or clusterd is gone, the services are killed, until that is
 *     verified; `armed` is not said before. At the end of a lease that spares them only a service
 *     address that is found is a reason to kill.
 * G3  Without clusterd it waits for no lease: nobody manages these services any more.
 *
 * G4  Idle is clean only when somebody has looked; `armed` waits until it is known whether there is
 *     a watchdog.
 * G5  A guard that ends after a sweep leaves that word behind; the next one passes it on only
 *     where its own look finds nothing either.
 *
 *   fresh ──watch──► idle ──arm──► armed ──lease over──► sweeping ──clean──► idle, armed, ended
 *     └─gone─► ended  └──────gone─────┼───────gone──────────►│
 *                       idle ◄──none── sparing ──an address──►│
 *            idle, armed, sweeping and clean ──disarm──► ended
 *   Where the watchdog cannot be disarmed, `retired` takes the place of `ended`: it is fed on.
 */
import type { LeaseEnd } from "../model/lease-end.ts";
import { assertNever } from "../model/outcome.ts";
import type { Bare, GuardOrder, GuardReport, WatchOrder } from "./guard-messages.ts";
import { type FeederOutput, WatchdogFeeder, type WatchdogOpened } from "./watchdog-feeder.ts";

export type GuardInput =
  | Exclude<Bare<GuardOrder>, { readonly type: "also-watch" | "watch" }>
  /** `swept`: the guard before this one has left word in this boot that it swept everything. */
  | {
      readonly type: "watch";
      readonly watchdog: WatchOrder["watchdog"];
      readonly swept: boolean;
    }
  /** The pipe was closed, or what came out of it makes no sense: there is no clusterd. */
  | { readonly type: "gone"; readonly why: string }
  | { readonly type: "time" }
  /** What a sweep has left, in words, and what it could not look at: that may be there. */
  | { readonly type: "swept"; readonly rest: readonly string[] }
  /** What a look has found or could not see, in words. */
  | { readonly type: "looked"; readonly rest: readonly string[] }
  /** The answer to `open`. */
  | { readonly type: "opened"; readonly result: WatchdogOpened }
  | { readonly type: "feeding-failed"; readonly why: string }
  /** Another guard waits for this one to end. */
  | { readonly type: "knock" };

export type GuardOutput =
  | { readonly type: "report"; readonly report: Bare<GuardReport> }
  | { readonly type: "sweep"; readonly afterMs: number }
  /** Look what is there, and touch nothing. */
  | { readonly type: "look"; readonly afterMs: number; readonly what: "everything" | "addresses" }
  | FeederOutput
  | { readonly type: "log"; readonly level: "notice" | "alert"; readonly text: string }
  /** `swept`: it has verified that nothing of any service is left (G5). */
  | { readonly type: "end"; readonly swept: boolean };

type Lease = { readonly leaseEndMs: number; readonly atEnd: LeaseEnd };

type State =
  | { readonly type: "fresh" }
  /** `told`: clusterd knows that the guard is ready. */
  | {
      readonly type: "idle";
      readonly clean: boolean;
      readonly told: boolean;
      /** What the guard before this one has said of its sweep; unlike `clean` it is about all. */
      readonly swept: boolean;
      /** What must not be here: after a lease that spared them processes may be. */
      readonly looksFor: "everything" | "addresses";
    }
  | { readonly type: "armed"; readonly leaseEndMs: number; readonly atEnd: LeaseEnd }
  /** The lease has ended; it is looked whether an address is here. */
  | { readonly type: "sparing" }
  | {
      readonly type: "sweeping";
      readonly why: string;
      readonly sinceMs: number;
      /** When it was last said what is left; null: not yet. */
      readonly saidMs: number | null;
      /** The lease that clusterd has got meanwhile; null: none. */
      readonly lease: Lease | null;
      readonly next: "wait" | "end";
    }
  | { readonly type: "retired"; readonly swept: boolean }
  | { readonly type: "ended" };

const cleanIdle = {
  type: "idle",
  clean: true,
  told: true,
  swept: false,
  looksFor: "everything",
} as const;

const leaseOver = "the lease has ended";
/** Before another try at what did not go away, or could not be looked at. */
const sweepAgainMs = 100;
/** Often enough for whoever watches the log, too seldom to fill it. */
const restSaidEveryMs = 10_000;
/** Stop scripts of the clean-up end when they end; the reset is a second or more away. */
const lookAgainMs = 100;

export class LeaseGuard {
  #state: State = { type: "fresh" };
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
      case "time":
        break;
      case "swept":
        this.#onSwept(input.rest, nowMs);
        break;
      case "looked":
        this.#onLooked(input.rest, nowMs);
        break;
      case "opened":
        this.#onOpened(input.result);
        break;
      case "feeding-failed":
        this.#onFeedingFailed(input.why);
        break;
      case "knock":
        if (this.#state.type === "retired") this.#end("armed", this.#state.swept);
        break;
      default:
        assertNever(input);
    }
    if (this.#state.type === "armed" && nowMs >= this.#state.leaseEndMs) {
      if (this.#state.atEnd === "kill") this.#sweep(leaseOver, { nowMs, next: "wait" });
      else this.#spare();
    }
    this.#out.push(...this.#feeder.tend(this.#fit(nowMs), nowMs));
    return this.#out;
  }

  /** H1. */
  #fit(nowMs: number): boolean {
    const state = this.#state;
    if (state.type === "armed") return nowMs < state.leaseEndMs;
    return state.type === "retired" || (state.type === "idle" && state.clean);
  }

  #onWatch(
    { watchdog, swept }: Extract<GuardInput, { readonly type: "watch" }>,
    nowMs: number,
  ): void {
    if (this.#state.type !== "fresh") {
      this.#onGone("clusterd told twice what to watch", nowMs);
      return;
    }
    const looks = watchdog !== null || swept;
    this.#state = { type: "idle", clean: false, told: !looks, swept, looksFor: "everything" };
    if (watchdog !== null) this.#feeder.use();
    if (looks) this.#out.push({ type: "look", afterMs: 0, what: "everything" });
    else this.#report({ type: "ready", nothingLeft: false });
  }

  /** G2. */
  #spare(): void {
    this.#state = { type: "sparing" };
    const text = `${leaseOver}: nothing is here that another node could run, the rest goes on`;
    this.#out.push({ type: "log", level: "notice", text });
    this.#out.push({ type: "look", afterMs: 0, what: "addresses" });
  }

  #onLooked(rest: readonly string[], nowMs: number): void {
    const state = this.#state;
    if (state.type === "sparing") {
      const why = `${leaseOver}, and not only what is bound to this node is here`;
      if (rest.length > 0) this.#sweep(`${why} (${rest.join(", ")})`, { nowMs, next: "wait" });
      else this.#state = { ...cleanIdle, looksFor: "addresses" };
      return;
    }
    if (state.type !== "idle") return;
    if (rest.length === 0) {
      this.#state = { ...state, clean: true };
      if (!state.told && !this.#feeder.used) this.#tellReady(state.swept);
      return;
    }
    // Also of a look that began before the sweep that found nothing: the next one says which of
    // them was right.
    this.#state = { ...state, clean: false };
    // Only a watchdog waits for a look that finds nothing.
    const waits = this.#feeder.used;
    if (waits) this.#out.push({ type: "look", afterMs: lookAgainMs, what: state.looksFor });
    if (state.told) return;
    if (waits) {
      const text = `not opened before this is gone, or a lease is held: ${rest.join(", ")}`;
      this.#report({ type: "watchdog", state: "waiting", text });
    }
    this.#tellReady(false);
  }

  #tellReady(nothingLeft: boolean): void {
    if (this.#state.type === "idle") this.#state = { ...this.#state, told: true };
    this.#report({ type: "ready", nothingLeft });
  }

  #onOpened(result: WatchdogOpened): void {
    this.#feeder.opened(result);
    const text = result.ok ? result.value.text : result.problem;
    this.#report({ type: "watchdog", state: result.ok ? "armed" : "refused", text });
    const state = this.#state;
    if (state.type === "idle" && !state.told) this.#tellReady(state.clean && state.swept);
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
        this.#onGone("clusterd did not tell what to watch", nowMs);
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
      case "retired":
      case "ended":
        return;
      default:
        assertNever(state);
    }
  }

  #arm({ leaseEndMs, atEnd }: Lease): void {
    this.#state = { type: "armed", leaseEndMs, atEnd };
    if (!this.#feeder.undecided) this.#report({ type: "armed", leaseEndMs, atEnd });
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
        this.#sweep(why, { nowMs, next: "end" });
        return;
      case "sweeping":
        this.#state = { ...state, next: "end" };
        return;
      case "retired":
      case "ended":
        return;
      default:
        assertNever(state);
    }
  }

  #sweep(why: string, how: { readonly nowMs: number; readonly next: "wait" | "end" }): void {
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
    const tookMs = Math.round(nowMs - state.sinceMs);
    const text = `clean after ${tookMs} ms: no process and no address of any service is left`;
    this.#out.push({ type: "log", level: "notice", text });
    this.#report({ type: "clean" });
    this.#state = cleanIdle;
    if (state.next === "end") this.#finish(true);
    else if (state.lease !== null) this.#arm(state.lease);
  }

  /** The work is done, and nothing of the services is left. */
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

  #report(report: Bare<GuardReport>): void {
    this.#out.push({ type: "report", report });
  }
}
