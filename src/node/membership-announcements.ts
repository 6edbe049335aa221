/**
 * What this node says of itself in the total order: that it is ready, is leaving or has left, of
 * which services nothing is left here, and whose node ids it hears from more than one process. Also
 * how this node's part in the cluster ends.
 * Tested in: test/node/services-off.test.ts, test/e2e/cloned-node.test.ts
 * ANNOUNCE1  `ready` is said once for each life and ring, when nothing of an earlier life is left.
 *     A node that is not unfenced yet says it as well, but hosts nothing: the other nodes must know
 *     that nothing runs here.
 * ANNOUNCE2  While a clean-up lasts long, each service of which nothing is left is announced by
 *     itself, so that no service waits for the stop of another one.
 * CONTEST3  In every ring each member compares the contested ids that all members know with those
 *     that it hears itself, and says what differs: a member may hear only one of two processes.
 */
import type { FenceDomain } from "../fencing/fence-domain.ts";
import type { NodeId, ServiceName } from "../model/ids.ts";
import type { LocalInput } from "../services/local/local-events.ts";
import { holderOf } from "../services/table/service-state.ts";
import type { ServiceTable } from "../services/table/service-table.ts";
import { BrokerAnnouncement } from "./broker-announcement.ts";
import { CertifiedDeaths } from "./certified-deaths.ts";
import type { NodeInput } from "./node-events.ts";
import type { NodeServices } from "./node-services.ts";
import type { Outbox } from "./outbox.ts";
import type { QuorumVoting } from "./quorum-voting.ts";
import type { Replica } from "./replica.ts";
import type { Unfencing } from "./unfencing.ts";

/** A clean-up that ends within this time is announced as a whole. */
const patienceMs = 500;

type Parts = {
  readonly outbox: Outbox;
  readonly services: NodeServices;
  readonly voting: QuorumVoting;
  readonly unfencing: Unfencing;
  readonly replica: Replica;
};

type Heard = Extract<
  NodeInput,
  { readonly type: "certified" | "contested" | "broker" | "broker-looked" }
>;

export class MembershipAnnouncements {
  readonly #self: NodeId;
  readonly #parts: Parts;
  readonly #contested: ContestedIds;
  readonly #deaths: CertifiedDeaths;
  readonly #ownBroker: BrokerAnnouncement;
  ending: "no" | "shutdown" | "restart" = "no";
  /** The others have agreed to this node's departure. */
  departing = false;
  /** Since when this life cleans up in this ring, and which services it has announced. */
  #cleaning = { of: "", sinceMs: 0, announced: new Set<ServiceName>() };
  /** What was announced last, in which ring: to say it once. */
  #announced = "";
  #restartWhy = "";

  constructor(self: NodeId, parts: Parts) {
    this.#self = self;
    this.#parts = parts;
    this.#contested = new ContestedIds(self, parts.outbox);
    this.#deaths = new CertifiedDeaths(self, parts.outbox);
    this.#ownBroker = new BrokerAnnouncement(self, parts.services);
  }

  /** What the ring thread has noticed about nodes, and what is seen of this node's broker. */
  hear(input: Heard): void {
    if (input.type === "contested") this.#contested.hear(input.nodes);
    else if (input.type === "broker") this.#ownBroker.see(input);
    else if (input.type === "broker-looked") this.#parts.services.announceLook(input);
    else this.#deaths.hear(input);
  }

  /** Steps the services of this node, and says so when nothing of any service is left after it. */
  stepServices(input: LocalInput): void {
    if (this.#parts.services.step(input)) this.onClean();
  }

  /**
   * After each step: says `ready` after the clean-up, and again after unfencing; `leaving` once the
   * end was asked for; and whose id is contested. `table` is null while this node takes part in no
   * history.
   */
  announce(table: ServiceTable | null, ringSeq: number): void {
    const { services, unfencing, replica } = this.#parts;
    if (table !== null) {
      this.#contested.compare(replica.fence, ringSeq);
      this.#deaths.certify({ domain: replica.fence, table, ringSeq });
      this.#ownBroker.announce(table, ringSeq);
    }
    const node = table?.node(this.#self);
    if (table !== null && node?.phase === "joined" && node.life === services.life) {
      this.#announceOff(table, ringSeq);
    }
    if (node === undefined || !services.clean || node.life !== services.life) return;
    const hosts = unfencing.done;
    const proven = node.phase === "ready" || node.phase === "clean";
    const ready = node.phase === "joined" || (node.phase === "clean" && hosts);
    const going = proven && this.ending === "shutdown";
    if (!ready && !going) return;
    const once = `${going ? "leaving" : `ready ${hosts}`} ${services.life} ${ringSeq}`;
    if (this.#announced === once) return;
    this.#announced = once;
    if (going) services.announce("leaving");
    else services.announceReady(hosts);
  }

  /** ANNOUNCE2. */
  #announceOff(table: ServiceTable, ringSeq: number): void {
    const { services, outbox } = this.#parts;
    const { monotonicMs } = outbox.now;
    const cleaning = `${services.life} ${ringSeq}`;
    if (this.#cleaning.of !== cleaning) {
      this.#cleaning = { of: cleaning, sinceMs: monotonicMs, announced: new Set() };
    }
    const { sinceMs, announced } = this.#cleaning;
    if (services.clean || monotonicMs - sinceMs < patienceMs) return;
    const unknown = table.node(this.#self).knowledge === "unknown";
    const news = services.cleanedUp.filter((name) => {
      const record = announced.has(name) ? null : table.service(name);
      return record !== null && (unknown || holderOf(record) === this.#self);
    });
    if (news.length === 0) return;
    for (const name of news) announced.add(name);
    services.announceOff(news);
  }

  /**
   * The end of this node was asked for; `remove`: for good. Returns false when its part is ending
   * already.
   */
  beginEnd(remove: boolean): boolean {
    if (this.ending !== "no") return false;
    this.#parts.voting.removing = remove;
    this.ending = "shutdown";
    return true;
  }

  /** As soon as nothing of any service is left here this node takes a new incarnation. */
  beginAnew(why: string): void {
    if (this.ending !== "no") return;
    this.ending = "restart";
    this.#restartWhy = why;
  }

  /** Nothing of any service is left here. */
  onClean(): void {
    const { outbox, services, voting, replica } = this.#parts;
    const takesPart = replica.history !== null;
    const but = services.kept.length === 0 ? "" : " but what no other node may run";
    outbox.notice("services", "info", `nothing of any service is left on this node${but}`);
    if (this.departing && takesPart) {
      voting.depart();
      services.announce("left");
    }
    if (this.ending === "restart") {
      outbox.emit({ type: "restart", why: this.#restartWhy });
    } else if (this.ending === "shutdown" && !takesPart) {
      outbox.emit({ type: "leave" });
    }
  }
}

/** The node ids that more than one process uses, as this node hears it. */
class ContestedIds {
  readonly #self: NodeId;
  readonly #outbox: Outbox;
  #heard: readonly NodeId[] = [];
  /** What was compared last with what all members know, in which ring. */
  #compared = "";

  constructor(self: NodeId, outbox: Outbox) {
    this.#self = self;
    this.#outbox = outbox;
  }

  hear(nodes: readonly NodeId[]): void {
    for (const node of nodes.filter((one) => !this.#heard.includes(one))) {
      const text = `node ${node} is contested: more than one process uses its id and its key`;
      this.#outbox.notice("fencing", "alert", `${text}; frames of both are dropped`);
    }
    for (const node of this.#heard.filter((one) => !nodes.includes(one))) {
      const text = `node ${node} is contested no more: one process with its id is left`;
      this.#outbox.notice("fencing", "notice", text);
    }
    this.#heard = nodes;
  }

  /** Says where what is heard here differs from what the members know, which `domain` holds. */
  compare(domain: FenceDomain, ringSeq: number): void {
    const heard = this.#heard.filter((node) => node !== this.#self);
    const now = `${ringSeq} ${heard.join()}`;
    if (this.#compared === now) return;
    this.#compared = now;
    const said = domain.view.contested
      .filter(({ by }) => by.includes(this.#self))
      .map(({ node }) => node);
    for (const node of heard.filter((one) => !said.includes(one))) this.#submit(node, true);
    for (const node of said.filter((one) => !heard.includes(one))) this.#submit(node, false);
  }

  #submit(node: NodeId, contested: boolean): void {
    const body = { type: "fence-contested" as const, node, by: this.#self, contested };
    this.#outbox.submit("app", { layer: "fencing", body });
  }
}
