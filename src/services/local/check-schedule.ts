/**
 * Which service on this node is checked next: services whose interval is over, and services that an
 * event may have harmed. Begins and ends nothing itself. Source: rgmanager's `status_child_max`.
 * CHECK1  A check after an event does not wait for checks that are due: `status_child_max` counts
 *     for each of the two kinds by itself.
 * CHECK2  A check that has run for ten seconds is no longer counted: it waits for something, so it
 *     costs nothing, and other checks must not wait for it. Checks that hang are bounded all the
 *     same: `status_child_max` more may begin every ten seconds, and each ends by its limit.
 * CHECK3  A check that began before an event may have looked too early, or hang on the process that
 *     has ended: it is cancelled, and a new one begins. If an event of the same kind began it, it
 *     is repeated when it ends, so that events in quick succession do not cancel it for ever.
 * CHECK4  Checks that are due begin in turn, so every service is checked even if there are more
 *     than `status_child_max`.
 */
import type { ServiceName } from "../../model/ids.ts";
import { type CheckCause, CheckQueue } from "./check-queue.ts";
import type { ServiceSlot, ServiceSlots } from "./service-slots.ts";

const hungMs = 10_000;

/** The end of a process causes a check of the other services, too, but at most this often. */
const othersAgainMs = 5000;

export class CheckSchedule {
  readonly #slots: ServiceSlots;
  readonly #queue = new CheckQueue();
  #frozen: readonly ServiceName[] = [];
  #othersMs = Number.NEGATIVE_INFINITY;

  constructor(slots: ServiceSlots) {
    this.#slots = slots;
  }

  /** Forgets all waiting checks: everything is to stop. */
  clear(): void {
    this.#queue.clear();
  }

  /** The scan period is over. */
  poll(frozen: readonly ServiceName[]): void {
    this.#frozen = frozen;
    for (const [name, { startOp }] of this.#slots.named()) {
      if (startOp !== null) this.#queue.ask(name, "due");
    }
  }

  /**
   * The last process of a resource of the service has ended; null: an event concerns all services.
   * Returns the services whose checks are to be cancelled (CHECK3).
   */
  happened(
    service: ServiceName | null,
    now: { readonly nowMs: number; readonly frozen: readonly ServiceName[] },
  ): readonly ServiceSlot[] {
    this.#frozen = now.frozen;
    if (service === null) return this.checkOthers(null);
    const own = this.#checkAtOnce(service, "ended");
    if (now.nowMs - this.#othersMs < othersAgainMs) return own;
    this.#othersMs = now.nowMs;
    return [...own, ...this.checkOthers(service)];
  }

  /** Checks the other services: they may depend on the one that failed. Returns as `happened`. */
  checkOthers(except: ServiceName | null): readonly ServiceSlot[] {
    return [...this.#slots.named()].flatMap(([name, { startOp, checkFailed }]) =>
      startOp === null || checkFailed || name === except ? [] : this.#checkAtOnce(name, "event"),
    );
  }

  /** Checks one service at once. Returns as `happened`. */
  recheck(service: ServiceName): readonly ServiceSlot[] {
    return this.#checkAtOnce(service, "event");
  }

  /** Returns the service when its check that is under way is to be cancelled (CHECK3). */
  #checkAtOnce(name: ServiceName, cause: "event" | "ended"): readonly ServiceSlot[] {
    const slot = this.#slots.get(name);
    if (slot === undefined || this.#frozen.includes(name)) return [];
    const running = slot.job?.check ?? null;
    if (running === "ended" || running === cause) {
      if (slot.recheck !== "ended") slot.recheck = cause;
      return [];
    }
    this.#queue.ask(name, cause);
    return running === null ? [] : [slot];
  }

  /** The services whose checks may begin; the caller begins each before it asks for the next. */
  *inTurn(statusChildMax: number, nowMs: number): Iterable<readonly [ServiceSlot, CheckCause]> {
    for (const cause of ["ended", "event", "due"] as const) {
      for (const name of this.#queue.asked(cause)) {
        if (this.#running(cause, nowMs) >= statusChildMax) break;
        const slot = this.#slots.get(name);
        // An event during a repair is followed by a check when the repair has ended.
        if (slot?.job?.kind === "repair" && cause !== "due") continue;
        this.#queue.drop(name);
        const checkable = slot !== undefined && slot.startOp !== null && slot.job === null;
        if (checkable && !this.#frozen.includes(name)) yield [slot, cause];
      }
    }
  }

  /** How many checks of this kind count (CHECK1, CHECK2). */
  #running(cause: CheckCause, nowMs: number): number {
    let running = 0;
    for (const { job } of this.#slots.busySlots()) {
      if (job?.check == null || nowMs - job.beganMs >= hungMs) continue;
      if ((job.check === "due") === (cause === "due")) running += 1;
    }
    return running;
  }
}
