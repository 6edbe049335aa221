/**
 * What the layers above get when a ring is installed, in one step: the last messages of the old
 * ring, then the transitional and the regular configuration.
 * Source: Moser et al. 1994; corosync exec/totemsrp.c: memb_state_operational_enter.
 * Tested in: test/membership/state-table.test.ts
 * INSTALL1  A chain of fragments ends with the ring in which it began.
 */
import { formatRing, type NodeId, type RingId } from "../model/ids.ts";
import { without } from "./node-sets.ts";
import type { Assembler } from "./packing.ts";
import type { RingEffects } from "./ring-effects.ts";
import type { Recovery } from "./ring-recovery.ts";
import type { Rotation } from "./rotation.ts";
import type { McastMessage } from "./wire.ts";

type Change = { readonly joined: readonly NodeId[]; readonly left: readonly NodeId[] };

export class Delivery {
  readonly #assembler: Assembler;
  readonly #effects: RingEffects;
  /** The nodes that have announced their leave since the last installation. */
  readonly leavers = new Set<NodeId>();

  constructor(assembler: Assembler, effects: RingEffects) {
    this.#assembler = assembler;
    this.#effects = effects;
  }

  /** Delivers the messages that these frames complete. */
  deliver(ring: RingId, frames: readonly McastMessage[]): void {
    for (const frame of frames) {
      const { seq, origin, lane } = frame;
      for (const payload of this.#assembler.accept(frame)) {
        this.#effects.count("delivered");
        this.#effects.emit({ type: "deliver", ring, seq, from: origin, lane, payload });
      }
    }
  }

  /** Ends the old ring and begins the recovered one. */
  install(old: Rotation | null, recovery: Recovery): void {
    const { id: ring, members } = recovery.rotation;
    const messages = recovery.takeOldMessages();
    const trans = new Set(recovery.trans);
    const left = old === null ? [] : [...without(old.members, trans)];
    if (old !== null) {
      this.deliver(old.id, messages.regular);
      this.#effects.emit({
        type: "configuration",
        configuration: {
          kind: "transitional",
          ring: old.id,
          members: recovery.trans,
          left,
          joined: [],
        },
      });
      this.deliver(old.id, messages.transitional);
    }
    this.#assembler.reset();
    const joined = [...without(members, trans)];
    this.#effects.emit({
      type: "configuration",
      configuration: { kind: "regular", ring, members, left: [], joined },
    });
    this.#tell(ring, { joined, left });
    this.leavers.clear();
  }

  #tell(ring: RingId, change: Change): void {
    const { joined, left } = change;
    const gone = left.filter((node) => this.leavers.has(node));
    const failed = left.filter((node) => !this.leavers.has(node));
    const parts = [
      `a new membership (${formatRing(ring)}) was formed`,
      ...(joined.length > 0 ? [`joined: ${joined.join(" ")}`] : []),
      ...(gone.length > 0 ? [`left: ${gone.join(" ")}`] : []),
      ...(failed.length > 0 ? [`failed: ${failed.join(" ")}`] : []),
    ];
    this.#effects.notice("notice", parts.join("; "));
  }
}
