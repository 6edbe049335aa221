/**
 * Which services must be gone from this node before anything else begins, and how far that is.
 * Begins and ends nothing itself.
 * Tested in: test/services/local-services.test.ts, test/services/loss-of-quorum.test.ts
 * L2  After `kill` or `clean-up` nothing is started until everything is verified gone.
 * L6  A clean-up begins with a few services in each step, a kill with all of them at once.
 * L7  `stand-down` leaves alone what is started and bound to this node. It is checked, and nothing
 *     follows from that, until the table adopts it or orders something else. Agents are not asked
 *     to stop what is known not to be here: their stop may end what belongs to another service.
 * L8  Where it was verified beforehand that no process and no address of any service is here, only
 *     what can be held without them waits for its own stop; the others are verified already. That
 *     must have been said of all of them at once: one may work in the processes of another.
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

/** Clean-ups that are begun in one step; more would hold up everything else. */
const atOnce = 16;

export class CleanUp {
  #state: "dirty" | "cleaning" | "clean" = "dirty";
  /** Those whose turn has not come (L6). */
  #waiting: ServiceSlot[] = [];
  /** Verified before their stop (L8). */
  #off: ReadonlySet<ServiceSlot> = new Set();

  /** Nobody has looked yet. */
  get dirty(): boolean {
    return this.#state === "dirty";
  }

  get clean(): boolean {
    return this.#state === "clean";
  }

  /** Whether some wait for a step of their own. */
  get hurried(): boolean {
    return this.#waiting.length > 0;
  }

  /** While others are not gone yet: whether it is verified that nothing is left of this one. */
  hasEnded(slot: ServiceSlot): boolean {
    if (this.#state !== "cleaning" || slot.kept) return false;
    return this.#off.has(slot) || (slot.job === null && !this.#waiting.includes(slot));
  }

  /** Returns those whose jobs end now; what goes on of them is `kept`. */
  begin(
    { how, nothingLeft }: { readonly how: CleanUpKind; readonly nothingLeft: boolean },
    all: readonly ServiceSlot[],
  ): readonly ServiceSlot[] {
    this.#off = new Set(nothingLeft ? all.filter(({ worker }) => !holdsMore(worker.conf)) : []);
    const spares = how === "stand-down" && !this.dirty;
    for (const slot of all) slot.kept = spares && goesOn(slot);
    const touched = spares ? all.filter(isHere) : all;
    this.#state = "cleaning";
    this.#waiting = touched.filter(({ kept }) => !kept);
    return touched;
  }

  /** Whose turn it is; one that ends at once does not end the whole, as long as others wait. */
  *inTurn(how: CleanUpKind): Iterable<ServiceSlot> {
    for (let left = how === "kill" ? this.#waiting.length : atOnce; left > 0; left -= 1) {
      const [slot] = this.#waiting;
      if (slot === undefined) return;
      yield slot;
      this.#waiting.shift();
    }
  }

  /** True once, when the last one is verified; `busy`: jobs are under way. */
  finish(busy: boolean): boolean {
    if (busy || this.hurried || this.#state !== "cleaning") return false;
    this.#state = "clean";
    return true;
  }
}

/** L7. */
function goesOn({ worker, startOp, job, next }: ServiceSlot): boolean {
  const { boundTo } = next ?? worker.conf;
  return boundTo !== null && startOp !== null && (job === null || job.kind === "status");
}

function isHere({ mayRun, job }: ServiceSlot): boolean {
  return mayRun || job !== null;
}

function holdsMore({ tree }: ServiceConf): boolean {
  return startOrder(tree).some(outlivesProcesses);
}
