/**
 * The guard's decisions: when everything of the services must be taken off this machine.
 * Knows the lease and whether clusterd is there. Does not know what the services are, how they are
 * killed, or the ring; every instant is CLOCK_BOOTTIME in ms.
 * Source: sbd(8); rgmanager's watchdog parent, which ends the node when its child dies.
 * G1  From `armed` on nothing is killed before the lease ends, while clusterd is there.
 * G2  When the lease has ended, or clusterd is gone, the services are killed, until that is
 *     verified; `armed` is not said before.
 * G3  Without clusterd it waits for no lease: nobody manages these services any more.
 *
 *   fresh ──watch──► idle ──arm──► armed ──lease over──► sweeping ──clean──► idle, armed, ended
 *     └─gone─► ended  └──────gone─────┴───────gone──────────►│
 *            idle, armed, sweeping and clean ──disarm──► ended
 */
import { assertNever } from "../model/outcome.ts";
import type { Bare, GuardOrder, GuardReport } from "./guard-messages.ts";

export type GuardInput =
  | Exclude<Bare<GuardOrder>, { readonly type: "also-watch" }>
  /** The pipe was closed, or what came out of it makes no sense: there is no clusterd. */
  | { readonly type: "gone"; readonly why: string }
  | { readonly type: "time" }
  /** What a sweep has left, in words. */
  | { readonly type: "swept"; readonly rest: readonly string[] };

export type GuardOutput =
  | { readonly type: "report"; readonly report: Bare<GuardReport> }
  | { readonly type: "sweep"; readonly afterMs: number }
  | { readonly type: "log"; readonly level: "notice" | "alert"; readonly text: string }
  | { readonly type: "end" };

type State =
  | { readonly type: "fresh" }
  | { readonly type: "idle" }
  | { readonly type: "armed"; readonly leaseEndMs: number }
  | {
      readonly type: "sweeping";
      readonly why: string;
      readonly sinceMs: number;
      readonly tries: number;
      /** The lease that clusterd has got meanwhile; null: none. */
      readonly leaseEndMs: number | null;
      readonly next: "wait" | "end";
    }
  | { readonly type: "ended" };

/** Before another try at what did not go away. */
const sweepAgainMs = 100;

export class LeaseGuard {
  #state: State = { type: "fresh" };
  #out: GuardOutput[] = [];

  step(input: GuardInput, nowMs: number): readonly GuardOutput[] {
    this.#out = [];
    switch (input.type) {
      case "watch":
        this.#onWatch(nowMs);
        break;
      case "arm":
        this.#onArm(input.leaseEndMs, nowMs);
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
      default:
        assertNever(input);
    }
    if (this.#state.type === "armed" && nowMs >= this.#state.leaseEndMs) {
      this.#sweep("the lease has ended", { nowMs, next: "wait" });
    }
    return this.#out;
  }

  #onWatch(nowMs: number): void {
    if (this.#state.type === "fresh") {
      this.#state = { type: "idle" };
      this.#out.push({ type: "report", report: { type: "ready" } });
    } else this.#onGone("clusterd told twice what to watch", nowMs);
  }

  #onArm(leaseEndMs: number, nowMs: number): void {
    const state = this.#state;
    switch (state.type) {
      case "fresh":
        this.#onGone("clusterd did not tell what to watch", nowMs);
        return;
      case "idle":
        this.#arm(leaseEndMs);
        return;
      case "armed":
        this.#arm(Math.max(leaseEndMs, state.leaseEndMs));
        return;
      case "sweeping":
        this.#state = { ...state, leaseEndMs: Math.max(leaseEndMs, state.leaseEndMs ?? 0) };
        this.#out.push({ type: "report", report: { type: "sweeping", why: state.why } });
        return;
      case "ended":
        return;
      default:
        assertNever(state);
    }
  }

  #arm(leaseEndMs: number): void {
    this.#state = { type: "armed", leaseEndMs };
    this.#out.push({ type: "report", report: { type: "armed", leaseEndMs } });
  }

  #onDisarm(): void {
    if (this.#state.type === "sweeping") this.#state = { ...this.#state, next: "end" };
    else this.#end();
  }

  #onGone(why: string, nowMs: number): void {
    const state = this.#state;
    switch (state.type) {
      case "fresh":
        this.#end();
        return;
      case "idle":
      case "armed":
        this.#sweep(why, { nowMs, next: "end" });
        return;
      case "sweeping":
        this.#state = { ...state, next: "end" };
        return;
      case "ended":
        return;
      default:
        assertNever(state);
    }
  }

  #sweep(why: string, how: { readonly nowMs: number; readonly next: "wait" | "end" }): void {
    const { nowMs: sinceMs, next } = how;
    this.#state = { type: "sweeping", why, sinceMs, tries: 1, leaseEndMs: null, next };
    this.#out.push({ type: "sweep", afterMs: 0 });
    const text = `${why}: killing all services, removing their addresses`;
    this.#out.push({ type: "log", level: "alert", text });
    this.#out.push({ type: "report", report: { type: "sweeping", why } });
  }

  #onSwept(rest: readonly string[], nowMs: number): void {
    const state = this.#state;
    if (state.type !== "sweeping") return;
    if (rest.length > 0) {
      if (state.tries === 1) {
        const text = `not gone yet, trying on: ${rest.join(", ")}`;
        this.#out.push({ type: "log", level: "alert", text });
      }
      this.#state = { ...state, tries: state.tries + 1 };
      this.#out.push({ type: "sweep", afterMs: sweepAgainMs });
      return;
    }
    const tookMs = Math.round(nowMs - state.sinceMs);
    const text = `clean after ${tookMs} ms: no process and no address of any service is left`;
    this.#out.push({ type: "log", level: "notice", text });
    this.#out.push({ type: "report", report: { type: "clean" } });
    this.#state = { type: "idle" };
    if (state.next === "end") this.#end();
    else if (state.leaseEndMs !== null) this.#arm(state.leaseEndMs);
  }

  #end(): void {
    this.#state = { type: "ended" };
    this.#out.push({ type: "end" });
  }
}
