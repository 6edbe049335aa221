/**
 * What happens to the services of this node when its history or its lease ends, and to what an
 * earlier life has left of them when a life begins.
 * Source: rgmanager rg_state.c: rg_inquorate stops everything.
 * Deviation: a service goes on if it is bound, that is, no other node may run it and it holds
 * nothing that another node could hold: stopping it would protect nothing.
 * Tested in: test/node/guarded-starts.test.ts, test/services/loss-of-quorum.test.ts
 * N3  At the end of the lease everything is killed, also what is bound: the work of a service that
 *     floats may live in its processes. Only a node that is sure of having nothing that floats
 *     leaves them alone.
 * N4  What went on without quorum goes on after it only if nothing that floats can have been at
 *     work without this node meanwhile: otherwise what it holds may be stale. Where nothing is
 *     configured to float, what is bound to other nodes counts instead.
 */
import type { QuorumMemory } from "../model/quorate-membership.ts";
import type { MembershipAnnouncements } from "./membership-announcements.ts";
import type { CarriedOver } from "./node-events.ts";
import type { NodeServices } from "./node-services.ts";
import type { Outbox } from "./outbox.ts";
import type { Replica } from "./replica.ts";

type Parts = {
  readonly outbox: Outbox;
  readonly services: NodeServices;
  readonly announcements: MembershipAnnouncements;
  readonly replica: Replica;
};

/** What earlier lives have left on this machine. */
type FoundAtStart = {
  /** Services of an earlier life of this process go on. */
  readonly carriesOn: boolean;
  /** It was verified that nothing of any service is left. */
  readonly nothingLeft: boolean;
};

export class LossOfQuorum {
  readonly #parts: Parts;
  readonly #found: FoundAtStart;

  constructor(parts: Parts, found: FoundAtStart) {
    this.#parts = parts;
    this.#found = found;
  }

  /** The life begins: what an earlier one may have left is stopped, or goes on. */
  begin(): void {
    const { announcements } = this.#parts;
    const { carriesOn, nothingLeft } = this.#found;
    if (!carriesOn) {
      announcements.stepServices({ type: "clean-up", nothingLeft });
      return;
    }
    announcements.stepServices({ type: "new-life" });
    announcements.stepServices({ type: "stand-down" });
    this.#announceKept();
  }

  /** The replicated state is void: what floats is stopped, and a new life begins. */
  endHistory(why: string): void {
    const { replica, outbox, services, announcements } = this.#parts;
    if (!replica.end()) return;
    outbox.emit({ type: "stand-down" });
    if (services.endLife(why)) announcements.beginAnew("its history has ended too often");
    const ends = announcements.ending === "shutdown";
    if (services.mayRun) {
      announcements.stepServices({ type: ends ? "clean-up" : "stand-down" });
      this.#announceKept();
    } else if (ends) outbox.emit({ type: "leave" });
  }

  /** The history that goes on is not the one of this node, or a new one begins. */
  beginAnew(missedNothing: boolean): void {
    const { outbox, services, announcements } = this.#parts;
    this.endHistory("the others went on without it");
    const { kept } = services;
    if (missedNothing || kept.length === 0) return;
    const why = "services may have been running without this node; what went on here may be stale";
    outbox.notice("services", "warning", `${kept.join(", ")}: stopped: ${why}`);
    announcements.stepServices({ type: "clean-up" });
  }

  /** `ringGoesOn`: the other members still see this node. */
  leaseEnded(ringGoesOn: boolean): void {
    const { outbox, services, announcements } = this.#parts;
    const why = "the lease has ended: this node could not prove quorate membership in time";
    const kills = services.mayFloat;
    this.endHistory(why);
    // The ring still knows the life that has ended; only a new one can take part again.
    if (ringGoesOn) announcements.beginAnew("the lease ended although the ring went on");
    if (kills) {
      outbox.notice("fencing", "alert", `${why}; everything of the services is killed`);
      announcements.stepServices({ type: "kill" });
    } else if (ringGoesOn && services.clean) announcements.onClean();
  }

  /** What the next life of this process takes over. */
  carryOver(configHash: string, memory: QuorumMemory): CarriedOver {
    const { mayFloat, mayRun, local } = this.#parts.services;
    const services = mayFloat || !mayRun ? null : local;
    return { services, configHash, memory };
  }

  #announceKept(): void {
    const { kept } = this.#parts.services;
    if (kept.length === 0) return;
    const text = `without quorum these go on, since no other node may run them: ${kept.join(", ")}`;
    this.#parts.outbox.notice("services", "notice", text);
  }
}
