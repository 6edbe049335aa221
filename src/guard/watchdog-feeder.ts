/**
 * When the watchdog device is opened, fed and closed. The device resets the machine if services
 * must not run any more and the guard cannot end them. lease-guard.ts says whether it may be fed.
 * Source: the kernel's watchdog-api.rst; sbd(8).
 * WATCHDOG1  It is fed only while the lease lasts, or while everything is verified to be gone.
 * WATCHDOG2  It is not opened before WATCHDOG1 holds: opening it feeds it, and an earlier guard may
 *     have left it armed.
 * WATCHDOG3  It is disarmed only when everything is verified to be gone. If its driver cannot
 *     disarm it, it is fed until the machine is off or another guard takes the device over.
 * WATCHDOG6  A device that is not there is refused before the report `ready`, whatever an earlier
 *     life has left: what this life announces of it cannot be taken back.
 *
 *   unused ──a device is configured──► shut ──may feed──► asked ──opened──► open ──end──► closed
 *                                        asked ──refused──► refused ◄──feeding fails── open
 */
import { feedEveryMs } from "../model/conf.ts";
import { invariant, type Result } from "../model/outcome.ts";
import type { Ms } from "../model/time.ts";

export type WatchdogOpened = Result<
  { readonly timeoutMs: Ms; readonly nowayout: boolean; readonly text: string },
  string
>;

export type FeederOutput =
  | { readonly type: "open" }
  | { readonly type: "feed" }
  /** `armed`: it resets the machine unless somebody else opens and feeds it. */
  | { readonly type: "close"; readonly how: "disarmed" | "armed" };

type State =
  | { readonly type: "unused" | "shut" | "asked" | "refused" | "closed" }
  | {
      readonly type: "open";
      readonly everyMs: Ms;
      readonly nowayout: boolean;
      readonly fedAtMs: number;
    };

export class WatchdogFeeder {
  #state: State = { type: "unused" };

  use(): void {
    this.#state = { type: "shut" };
  }

  /** Whether a device is configured. */
  get used(): boolean {
    return this.#state.type !== "unused";
  }

  /** Whether a device is configured but was not opened or refused yet. */
  get undecided(): boolean {
    return this.#state.type === "shut" || this.#state.type === "asked";
  }

  get nowayout(): boolean {
    return this.#state.type === "open" && this.#state.nowayout;
  }

  opened(result: WatchdogOpened): void {
    invariant(
      this.#state.type === "asked",
      "WATCHDOG2: a watchdog was opened without an order to open it",
    );
    if (!result.ok) {
      this.#state = { type: "refused" };
      return;
    }
    const { timeoutMs, nowayout } = result.value;
    const everyMs = feedEveryMs(timeoutMs);
    this.#state = { type: "open", everyMs, nowayout, fedAtMs: Number.NEGATIVE_INFINITY };
  }

  failed(): void {
    this.#state = { type: "refused" };
  }

  /** `mayFeed`: whether WATCHDOG1 holds now. */
  openOrFeed(mayFeed: boolean, nowMs: number): readonly FeederOutput[] {
    const state = this.#state;
    if (!mayFeed) return [];
    if (state.type === "shut") {
      this.#state = { type: "asked" };
      return [{ type: "open" }];
    }
    if (state.type !== "open" || nowMs < state.fedAtMs + state.everyMs) return [];
    this.#state = { ...state, fedAtMs: nowMs };
    return [{ type: "feed" }];
  }

  close(how: "disarmed" | "armed"): readonly FeederOutput[] {
    const open = this.#state.type === "open";
    this.#state = { type: "closed" };
    return open ? [{ type: "close", how }] : [];
  }
}
