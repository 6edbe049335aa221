/**
 * Services that wait for a check: each is queued once, for its most urgent cause.
 * Tested in: test/services/check-schedule.test.ts
 */
import type { ServiceName } from "../../model/ids.ts";

/**
 * `due`: its interval is over; `event`: something has happened on this machine; `ended`: the last
 * process of one of its resources has ended.
 */
export type CheckCause = "due" | "event" | "ended";

export class CheckQueue {
  readonly #asked: Readonly<Record<CheckCause, Set<ServiceName>>> = {
    ended: new Set(),
    event: new Set(),
    due: new Set(),
  };

  ask(name: ServiceName, cause: CheckCause): void {
    const { ended, event, due } = this.#asked;
    if (ended.has(name) || (cause === "due" && event.has(name))) return;
    if (cause !== "due") due.delete(name);
    if (cause === "ended") event.delete(name);
    this.#asked[cause].add(name);
  }

  drop(name: ServiceName): void {
    for (const names of Object.values(this.#asked)) names.delete(name);
  }

  clear(): void {
    for (const names of Object.values(this.#asked)) names.clear();
  }

  /** The service that has waited longest comes first; the caller may ask and drop meanwhile. */
  asked(cause: CheckCause): Iterable<ServiceName> {
    return this.#asked[cause];
  }
}
