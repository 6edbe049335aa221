/**
 * What this node says of its own broker in the total order: each change once, and again when the
 * others have begun a history without it.
 * Tested in: test/node/broker-announcement.test.ts
 * SEEN1  What the table has taken up is said again only when the table has forgotten it.
 */
import type { BrokerSight } from "../brokers/broker-sight.ts";
import type { NodeId } from "../model/ids.ts";
import type { ServiceTable } from "../services/table/service-table.ts";
import type { NodeServices } from "./node-services.ts";

type Seen = Parameters<NodeServices["announceBroker"]>[0];

export class BrokerAnnouncement {
  readonly #self: NodeId;
  readonly #services: Pick<NodeServices, "announceBroker" | "life">;
  #seen: BrokerSight | null = null;
  #seenText = "";
  #remembers: Seen["remembers"] = null;
  /** In which life and ring something was said last. */
  #where = { life: 0, ringSeq: 0 };
  /** What was said last in this life; null: nothing. */
  #said: string | null = null;
  /** The table has taken it up. */
  #heard = false;
  /** What the table had at the last look: it is asked after every step, and seldom has another. */
  #known: { readonly sight: BrokerSight | null; readonly text: string } | null = null;

  constructor(self: NodeId, services: Pick<NodeServices, "announceBroker" | "life">) {
    this.#self = self;
    this.#services = services;
  }

  see({ sight, remembers }: Seen): void {
    this.#seen = sight;
    this.#seenText = JSON.stringify(sight);
    this.#remembers = remembers;
  }

  /** After each step in which this node takes part. */
  announce(table: ServiceTable, ringSeq: number): void {
    if (this.#seen === null) return;
    const { life, phase } = table.node(this.#self);
    if (life !== this.#services.life || !["clean", "ready", "leaving"].includes(phase)) return;
    const known = this.#knownText(table.brokerSight(this.#self));
    if (life !== this.#where.life) this.#said = null;
    if (known === this.#said) this.#heard = true;
    // The table has forgotten it, since the broker was started or stopped.
    else if (this.#heard) this.#said = null;
    // What was said in an earlier ring may be lost, or may still come.
    const doubtful = ringSeq !== this.#where.ringSeq && this.#said !== null && this.#said !== known;
    this.#where = { life, ringSeq };
    const seen = this.#seenText;
    if (!doubtful && seen === (this.#said ?? known)) return;
    this.#said = seen;
    this.#heard = false;
    this.#services.announceBroker({ sight: this.#seen, remembers: this.#remembers });
  }

  #knownText(sight: BrokerSight | null): string {
    if (this.#known?.sight !== sight) this.#known = { sight, text: JSON.stringify(sight) };
    return this.#known.text;
  }
}
