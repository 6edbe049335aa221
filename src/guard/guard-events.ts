/**
 * What the guard hears, and what is to be done then: the inputs and the outputs of lease-guard.ts.
 * Tested in: test/guard/lease-guard.test.ts
 */
import type { GuardOrder, GuardReport, WatchOrder, WithoutProtocol } from "./guard-messages.ts";
import type { FeederOutput, WatchdogOpened } from "./watchdog-feeder.ts";

export type GuardInput =
  | Exclude<WithoutProtocol<GuardOrder>, { readonly type: "also-watch" | "certificate" | "watch" }>
  | { readonly type: "certificate" }
  /**
   * `missing`: why there is no such watchdog; null: there may be one, or none is used. `swept`: the
   * guard before this one has left a note in this boot that it swept everything.
   */
  | {
      readonly type: "watch";
      readonly killTimeoutMs: number;
      readonly watchdog: WatchOrder["watchdog"];
      readonly missing: string | null;
      readonly swept: boolean;
    }
  /** The pipe was closed, or an invalid message came: clusterd counts as gone. */
  | { readonly type: "gone"; readonly why: string }
  | { readonly type: "time" }
  /** Texts: what a sweep has left, and what it could not look at, which may be left, too. */
  | { readonly type: "swept"; readonly rest: readonly string[] }
  /** Texts: what a look has found, and what it could not look at. */
  | { readonly type: "looked"; readonly rest: readonly string[]; readonly tookMs: number }
  /** The answer to `open`. */
  | { readonly type: "opened"; readonly result: WatchdogOpened }
  | { readonly type: "feeding-failed"; readonly why: string }
  /** Another guard waits for this one to end. */
  | { readonly type: "awaited" };

export type GuardOutput =
  | { readonly type: "report"; readonly report: WithoutProtocol<GuardReport> }
  | { readonly type: "sweep"; readonly afterMs: number }
  /** Look for processes and addresses, or for addresses only, without ending any. */
  | { readonly type: "look"; readonly afterMs: number; readonly what: "everything" | "addresses" }
  | FeederOutput
  /** Tell the other nodes that the life of this node has ended and has left nothing. */
  | { readonly type: "certify"; readonly afterMs: number }
  | { readonly type: "log"; readonly level: "notice" | "alert"; readonly text: string }
  /** `swept`: it has verified that nothing of any service is left (G5). */
  | { readonly type: "end"; readonly swept: boolean };
