/**
 * When the watchdog device is opened, fed and closed: a machine whose services must not run any
 * more, and cannot be ended, is reset by it.
 * Knows whether feeding is right at this instant, told by lease-guard.ts; does not know why.
 * Source: the kernel's watchdog-api.rst; sbd(8).
 * WATCHDOG1  It is fed only while the lease lasts, or while everything is verified to be gone.
 * WATCHDOG2  It is not even opened before: opening feeds it, and an earlier guard may have left it
 *     armed.
 * WATCHDOG3  It is disarmed only when everything is verified to be gone; where the driver cannot be
 *     disarmed, it is fed until the machine is off, or another guard wants the device.
 *
 *   shut ──fit──► asked ──opened──► open ──end──► closed, or fed on
 *                   └─refused─► refused ◄─feeding fails─┘
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

  /** There is a device to be used. */
  get used(): boolean {
    return this.#state.type !== "unused";
  }

  /** It is to be used, and nobody knows yet whether it can be. */
  get undecided(): boolean {
    return this.#state.type === "shut" || this.#state.type === "asked";
  }

  get nowayout(): boolean {
    return this.#state.type === "open" && this.#state.nowayout;
  }

  opened(result: WatchdogOpened): void {
    invariant(
      this.#state.type === "asked",
      "WATCHDOG2: a watchdog was opened that nobody asked for",
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

  /** `fit`: WATCHDOG1 holds now. */
  tend(fit: boolean, nowMs: number): readonly FeederOutput[] {
    const state = this.#state;
    if (!fit) return [];
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
