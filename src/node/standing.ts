/**
 * What becomes of the services of this node when its history ends, or its lease.
 * Does not know rings or votes.
 * Source: rgmanager rg_state.c: rg_inquorate stops everything.
 * Deviation: a service that no other node may run, and that holds nothing another one could hold,
 * goes on (bound): stopping it would protect nothing.
 * Tested in: test/node/guarded-starts.test.ts, test/services/loss-of-quorum.test.ts
 * N3  At the end of the lease everything is killed, also what is bound: the work of a service that
 *     floats may live in its processes. Only a node that is sure of having nothing that floats
 *     leaves them alone.
 * N4  What went on without quorum goes on after it only if nothing that floats can have been at
 *     work without this node meanwhile: otherwise what it holds may be stale. Where nothing is
 *     configured to float, what is bound to other nodes counts instead.
 */
import type { QuorumMemory } from "../model/quorate-view.ts";
import type { LocalInput } from "../services/local/local-events.ts";
import type { CarriedOver } from "./carried-over.ts";
import type { MembershipAnnouncements } from "./membership-announcements.ts";
import type { NodeServices } from "./node-services.ts";
import type { Outbox } from "./outbox.ts";
import type { Replica } from "./replica.ts";

export type StandingParts = {
  readonly outbox: Outbox;
  readonly own: NodeServices;
  readonly presence: MembershipAnnouncements;
  readonly replica: Replica;
  readonly stepOwn: (input: LocalInput) => void;
};

/** What earlier lives have left on this machine. */
export type FoundAtStart = {
  /** Of a life of this process: services that go on. */
  readonly carriesOn: boolean;
  /** It was verified. */
  readonly nothingLeft: boolean;
};

export class Standing {
  readonly #parts: StandingParts;
  readonly #found: FoundAtStart;

  constructor(parts: StandingParts, found: FoundAtStart) {
    this.#parts = parts;
    this.#found = found;
  }

  /** The life begins: what an earlier one may have left is stopped, or goes on. */
  begin(): void {
    const { stepOwn } = this.#parts;
    const { carriesOn, nothingLeft } = this.#found;
    if (!carriesOn) {
      stepOwn({ type: "clean-up", nothingLeft });
      return;
    }
    stepOwn({ type: "new-life" });
    stepOwn({ type: "stand-down" });
    this.#tellKept();
  }

  /** The replicated state is void: stop what floats, and begin a new life. */
  endHistory(why: string): void {
    const { replica, outbox, own, presence, stepOwn } = this.#parts;
    if (!replica.end()) return;
    outbox.emit({ type: "stand-down" });
    if (own.endLife(why)) presence.beginAnew("its histories have ended too often");
    const ends = presence.ending === "shutdown";
    if (own.mayRun) {
      stepOwn({ type: ends ? "clean-up" : "stand-down" });
      this.#tellKept();
    } else if (ends) outbox.emit({ type: "leave" });
  }

  /** The history that goes on is not this node's, or a new one begins. */
  beginAnew(missedNothing: boolean): void {
    const { outbox, own, stepOwn } = this.#parts;
    this.endHistory("the others went on without it");
    const { kept } = own;
    if (missedNothing || kept.length === 0) return;
    const why = "services may have been at work without this node, what went on here may be stale";
    outbox.notice("services", "warning", `${kept.join(", ")}: stopped: ${why}`);
    stepOwn({ type: "clean-up" });
  }

  /** `ringGoesOn`: the others still see this node. */
  leaseEnded(ringGoesOn: boolean): void {
    const { replica, outbox, own, presence, stepOwn } = this.#parts;
    const why = "the lease has ended: this node could not prove quorate membership in time";
    const kills = own.mayFloat;
    this.endHistory(why);
    // The ring still knows the life that has ended; only a new one can take part again.
    if (ringGoesOn) presence.beginAnew("the lease ended although the ring went on");
    if (kills) {
      outbox.notice("fencing", "alert", `${why}; everything of the services is killed`);
      stepOwn({ type: "kill" });
    } else if (ringGoesOn && own.clean) presence.onClean(replica.history !== null);
  }

  /** For the next life of this process. */
  carryOver(configHash: string, memory: QuorumMemory): CarriedOver {
    const { own } = this.#parts;
    const services = own.mayFloat || !own.mayRun ? null : own.local;
    return { services, configHash, memory };
  }

  #tellKept(): void {
    const { kept } = this.#parts.own;
    if (kept.length === 0) return;
    const text = `without quorum there goes on what no other node may run: ${kept.join(", ")}`;
    this.#parts.outbox.notice("services", "notice", text);
  }
}
