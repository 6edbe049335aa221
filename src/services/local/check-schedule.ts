/**
 * Which service on this node is checked next: those whose interval is over, and those that an event
 * may have hurt. Begins and ends nothing itself. Source: rgmanager's `status_child_max`.
 * CHECK4  Checks that are due begin in turn: more services than `status_child_max` starve nobody.
 * CHECK1  An event does not wait for what is only due: it has as many slots again, for itself
 *     alone.
 * CHECK2  A check that has run for ten seconds gives its slot up. It waits for something, so it
 *     costs nothing, and the others must not wait with it. As many may begin every ten seconds, and
 *     each ends by its limit: there is a bound to those that hang.
 * CHECK3  A check that began before an event may have looked too early, or hang with what has
 *     ended: it is cancelled for a new one. One that an event of the same kind has begun is
 *     repeated instead, so that events without end cancel nothing again and again.
 */
import type { ServiceName } from "../../model/ids.ts";
import { type CheckCause, CheckQueue } from "./check-queue.ts";
import type { ServiceSlot, ServiceSlots } from "./service-slots.ts";

const hungMs = 10_000;

/** The end of a process has the other services checked, too, but not more often than that. */
const othersAgainMs = 5000;

export class CheckSchedule {
  readonly #slots: ServiceSlots;
  readonly #queue = new CheckQueue();
  #frozen: readonly ServiceName[] = [];
  #othersMs = Number.NEGATIVE_INFINITY;

  constructor(slots: ServiceSlots) {
    this.#slots = slots;
  }

  /** Everything is to stop. */
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

  /** The last process of a resource has ended, or, null, something that concerns all of them. */
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

  /** What has hurt one service may have hurt others, or they lived on it; see `happened`. */
  checkOthers(except: ServiceName | null): readonly ServiceSlot[] {
    return [...this.#slots.named()].flatMap(([name, { startOp, checkFailed }]) =>
      startOp === null || checkFailed || name === except ? [] : this.#checkAtOnce(name, "event"),
    );
  }

  /** Whatever was found before is looked at anew; see `happened`. */
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

  /** Those whose checks may begin; the caller begins each before it asks for the next one. */
  *inTurn(statusChildMax: number, nowMs: number): Iterable<readonly [ServiceSlot, CheckCause]> {
    for (const cause of ["ended", "event", "due"] as const) {
      for (const name of this.#queue.asked(cause)) {
        if (this.#running(cause, nowMs) >= statusChildMax) break;
        const slot = this.#slots.get(name);
        // What has happened meanwhile is looked at when the repair has ended.
        if (slot?.job?.kind === "repair" && cause !== "due") continue;
        this.#queue.drop(name);
        const checkable = slot !== undefined && slot.startOp !== null && slot.job === null;
        if (checkable && !this.#frozen.includes(name)) yield [slot, cause];
      }
    }
  }

  /** How many slots of its kind are taken (CHECK1, CHECK2). */
  #running(cause: CheckCause, nowMs: number): number {
    let running = 0;
    for (const { job } of this.#slots.busySlots()) {
      if (job?.check == null || nowMs - job.beganMs >= hungMs) continue;
      if ((job.check === "due") === (cause === "due")) running += 1;
    }
    return running;
  }
}
