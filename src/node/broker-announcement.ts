/**
 * What this node says of its own broker in the total order: each change once, and again when the
 * others have begun a history without it.
 * Tested in: test/node/broker-announcement.test.ts
 * SEEN1  Only what has changed is said: the table may know better than what was seen before, as
 *     when the service of a primary has stopped here.
 */
import type { BrokerSight } from "../brokers/broker-sight.ts";
import type { NodeId } from "../model/ids.ts";
import type { ServiceTable } from "../services/table/service-table.ts";
import type { NodeServices } from "./node-services.ts";

export class BrokerAnnouncement {
  readonly #self: NodeId;
  readonly #services: Pick<NodeServices, "announceBroker" | "life">;
  #seen: BrokerSight | null = null;
  /** In which life and ring something was said last. */
  #where = { life: 0, ringSeq: 0 };
  /** What was said last in this life; null: nothing. */
  #said: string | null = null;

  constructor(self: NodeId, services: Pick<NodeServices, "announceBroker" | "life">) {
    this.#self = self;
    this.#services = services;
  }

  see(sight: BrokerSight): void {
    this.#seen = sight;
  }

  /** After each step in which this node takes part. */
  announce(table: ServiceTable, ringSeq: number): void {
    if (this.#seen === null) return;
    const { life, phase } = table.node(this.#self);
    if (life !== this.#services.life || !["clean", "ready", "leaving"].includes(phase)) return;
    const known = JSON.stringify(table.brokerSight(this.#self));
    if (life !== this.#where.life) this.#said = null;
    // What was said in an earlier ring may be lost, or may still come.
    const doubtful = ringSeq !== this.#where.ringSeq && this.#said !== null && this.#said !== known;
    this.#where = { life, ringSeq };
    const seen = JSON.stringify(this.#seen);
    if (!doubtful && seen === (this.#said ?? known)) return;
    this.#said = seen;
    this.#services.announceBroker(this.#seen);
  }
}
