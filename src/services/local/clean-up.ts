/**
 * The clean-up of this node: which services must be gone before anything is started, and which of
 * them are verified to be gone. Begins and ends no jobs itself.
 * Tested in: test/services/local-services.test.ts, test/services/loss-of-quorum.test.ts
 * L2  After `kill` or `clean-up` nothing is started until everything is verified gone.
 * L6  A clean-up begins with a few services in each step, a kill with all of them at once.
 * L7  `stand-down` does not stop services that are started and bound to this node. They are
 *     checked, but a failed check has no effect, until the table adopts them or orders something
 *     else. Agents are not asked to stop what is known not to be here: their stop may end another
 *     service.
 * L8  If it was verified beforehand that no process and no address of any service is here, only
 *     services that can hold something without them still wait for their stop. It must have been
 *     verified for all services at once: one may run in the processes of another.
 *
 *   dirty ──clean-up or kill──► cleaning ──all verified──► clean ──operations──► clean
 *                                  ▲                         │
 *                                  └─clean-up, stand-down, kill
 */
import type { ServiceConf } from "../../model/conf.ts";
import { outlivesProcesses } from "../tree/held-resources.ts";
import { startOrder } from "../tree/resource-tree.ts";
import type { ServiceSlot } from "./service-slots.ts";

export type CleanUpKind = "clean-up" | "stand-down" | "kill";

/** How many services begin their clean-up in one step; more would hold up the event loop. */
const atOnce = 16;

export class CleanUp {
  #state: "dirty" | "cleaning" | "clean" = "dirty";
  /** Services whose clean-up has not begun (L6). */
  #waiting: ServiceSlot[] = [];
  /** Services that are verified to be gone before their stop (L8). */
  #off: ReadonlySet<ServiceSlot> = new Set();

  /** No clean-up has begun: anything may be running. */
  get dirty(): boolean {
    return this.#state === "dirty";
  }

  get clean(): boolean {
    return this.#state === "clean";
  }

  /** Whether the next step has to begin further clean-ups. */
  get hurried(): boolean {
    return this.#waiting.length > 0;
  }

  /** During a clean-up: whether it is verified that nothing of this service is left. */
  hasEnded(slot: ServiceSlot): boolean {
    if (this.#state !== "cleaning" || slot.kept) return false;
    return this.#off.has(slot) || (slot.job === null && !this.#waiting.includes(slot));
  }

  /** Returns the services whose jobs are to be cancelled; those that go on are marked `kept`. */
  begin(
    { how, nothingLeft }: { readonly how: CleanUpKind; readonly nothingLeft: boolean },
    all: readonly ServiceSlot[],
  ): readonly ServiceSlot[] {
    this.#off = new Set(
      nothingLeft ? all.filter(({ worker }) => !holdsAfterKill(worker.conf)) : [],
    );
    const spares = how === "stand-down" && !this.dirty;
    for (const slot of all) slot.kept = spares && goesOn(slot);
    const touched = spares ? all.filter(isHere) : all;
    this.#state = "cleaning";
    this.#waiting = touched.filter(({ kept }) => !kept);
    return touched;
  }

  /** The next services to clean up. A slot leaves `#waiting` only after its job has begun. */
  *inTurn(how: CleanUpKind): Iterable<ServiceSlot> {
    for (let left = how === "kill" ? this.#waiting.length : atOnce; left > 0; left -= 1) {
      const [slot] = this.#waiting;
      if (slot === undefined) return;
      yield slot;
      this.#waiting.shift();
    }
  }

  /** True once: when the last service is verified to be gone. `busy`: jobs are under way. */
  finish(busy: boolean): boolean {
    if (busy || this.hurried || this.#state !== "cleaning") return false;
    this.#state = "clean";
    return true;
  }
}

/** Whether `stand-down` leaves the service running (L7). */
function goesOn({ worker, startOp, job, next }: ServiceSlot): boolean {
  const { boundTo } = next ?? worker.conf;
  return boundTo !== null && startOp !== null && (job === null || job.kind === "status");
}

function isHere({ mayRun, job }: ServiceSlot): boolean {
  return mayRun || job !== null;
}

function holdsAfterKill({ tree }: ServiceConf): boolean {
  return startOrder(tree).some(outlivesProcesses);
}
