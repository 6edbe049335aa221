/**
 * What this node says of its own part in the total order: that it is ready, is leaving, has left;
 * and how its part ends. Does not know rings or votes.
 * Tested in: test/node/services-off.test.ts
 * PRESENCE1  `ready` is said once for each life and ring, when nothing of an earlier life is left;
 *     before the node is unfenced only for others' sake, who must know that it runs nothing.
 * PRESENCE2  While a clean-up lasts long, what is verified is said of each service by itself:
 *     nobody waits for the stop of another one.
 */
import type { FenceDomain } from "../fencing/fence-domain.ts";
import type { NodeId, ServiceName } from "../model/ids.ts";
import { holderOf } from "../services/table/service-state.ts";
import type { ServiceTable } from "../services/table/service-table.ts";
import { ContestedIds } from "./contested-ids.ts";
import type { NodeServices } from "./node-services.ts";
import type { Outbox } from "./outbox.ts";
import type { QuorumVoting } from "./quorum-voting.ts";
import type { Unfencing } from "./unfencing.ts";

/** A clean-up that ends within it is said as a whole. */
const patienceMs = 500;

export class MembershipAnnouncements {
  readonly #self: NodeId;
  readonly #outbox: Outbox;
  readonly #own: NodeServices;
  readonly #voting: QuorumVoting;
  readonly #unfencing: Unfencing;
  readonly contested: ContestedIds;
  ending: "no" | "shutdown" | "restart" = "no";
  /** The others have agreed to this node's departure. */
  departing = false;
  /** Since when this life cleans up in this ring, and of which services it has said so. */
  #cleaning = { of: "", sinceMs: 0, said: new Set<ServiceName>() };
  /** What was announced last, in which ring: to say it once. */
  #announced = "";
  #why = "";

  constructor(
    self: NodeId,
    shared: {
      readonly outbox: Outbox;
      readonly own: NodeServices;
      readonly voting: QuorumVoting;
      readonly unfencing: Unfencing;
    },
  ) {
    this.#self = self;
    this.#outbox = shared.outbox;
    this.contested = new ContestedIds(self, shared.outbox);
    this.#own = shared.own;
    this.#voting = shared.voting;
    this.#unfencing = shared.unfencing;
  }

  /**
   * Says `ready` after clean-up, again after unfencing; `leaving` once the end was asked for; and
   * whose id is contested. `table` is null while this node takes part in no history.
   */
  announce(table: ServiceTable | null, fence: FenceDomain, ringSeq: number): void {
    if (table !== null) this.contested.tell(fence, ringSeq);
    const node = table?.node(this.#self);
    if (table !== null && node?.phase === "joined" && node.life === this.#own.life) {
      this.#announceOff(table, ringSeq);
    }
    if (node === undefined || !this.#own.clean || node.life !== this.#own.life) return;
    const hosts = this.#unfencing.done;
    const proven = node.phase === "ready" || node.phase === "clean";
    const ready = node.phase === "joined" || (node.phase === "clean" && hosts);
    const going = proven && this.ending === "shutdown";
    if (!ready && !going) return;
    const once = `${going ? "leaving" : `ready ${hosts}`} ${this.#own.life} ${ringSeq}`;
    if (this.#announced === once) return;
    this.#announced = once;
    if (going) this.#own.announce("leaving");
    else this.#own.announceReady(hosts);
  }

  /** PRESENCE2. */
  #announceOff(table: ServiceTable, ringSeq: number): void {
    const { monotonicMs } = this.#outbox.now;
    const cleaning = `${this.#own.life} ${ringSeq}`;
    if (this.#cleaning.of !== cleaning) {
      this.#cleaning = { of: cleaning, sinceMs: monotonicMs, said: new Set() };
    }
    const { sinceMs, said } = this.#cleaning;
    if (this.#own.clean || monotonicMs - sinceMs < patienceMs) return;
    const unknown = table.node(this.#self).knowledge === "unknown";
    const news = this.#own.cleanedUp.filter((name) => {
      const record = said.has(name) ? null : table.service(name);
      return record !== null && (unknown || holderOf(record) === this.#self);
    });
    if (news.length === 0) return;
    for (const name of news) said.add(name);
    this.#own.announceOff(news);
  }

  /** The end was asked for, `remove`: for good. False: this part ends already. */
  beginEnd(remove: boolean): boolean {
    if (this.ending !== "no") return false;
    this.#voting.removing = remove;
    this.ending = "shutdown";
    return true;
  }

  /** As soon as nothing of any service is left here this node takes a new incarnation. */
  beginAnew(why: string): void {
    if (this.ending !== "no") return;
    this.ending = "restart";
    this.#why = why;
  }

  /** Nothing of any service is left here; `remembers`: there is a replicated history. */
  onClean(remembers: boolean): void {
    const but = this.#own.kept.length === 0 ? "" : " but what no other node may run";
    this.#outbox.notice("services", "info", `nothing of any service is left on this node${but}`);
    if (this.departing && remembers) {
      this.#voting.depart();
      this.#own.announce("left");
    }
    if (this.ending === "restart") {
      this.#outbox.emit({ type: "restart", why: this.#why });
    } else if (this.ending === "shutdown" && !remembers) {
      this.#outbox.emit({ type: "leave" });
    }
  }
}
