/**
 * The death certificates that this node has heard, until they release their victims: a certificate
 * mostly arrives before the configuration in which its node is lost.
 * Every member that has heard it says so, and the first message counts: each of them may fail.
 * Tested in: test/node/certified-deaths.test.ts, test/sim/searches.test.ts
 * DEATH6  A guard ends processes and addresses only. A node with a service that holds anything
 *     else, such as a mounted file system, is not released: devices or its lease decide as before.
 */
import { type DeathCertificate, releaseByCertificate } from "../fencing/death-certificate.ts";
import type { FenceDomain } from "../fencing/fence-domain.ts";
import type { Incarnation, NodeId } from "../model/ids.ts";
import type { ServiceTable } from "../services/table/service-table.ts";
import type { Outbox } from "./outbox.ts";

type Knowledge = {
  readonly domain: FenceDomain;
  readonly table: ServiceTable;
  readonly ringSeq: number;
};

export class CertifiedDeaths {
  readonly #self: NodeId;
  readonly #outbox: Outbox;
  readonly #heard = new Map<NodeId, Incarnation>();
  /** A node is lost with a new ring; so often is it looked whether a certificate is about it. */
  #lookedIn = 0;

  constructor(self: NodeId, outbox: Outbox) {
    this.#self = self;
    this.#outbox = outbox;
  }

  hear({ node, incarnation, stands }: DeathCertificate & { readonly stands: boolean }): void {
    const certified = `that the daemon of node ${node} has ended and left nothing`;
    this.#lookedIn = 0;
    if (stands) {
      this.#heard.set(node, incarnation);
      this.#outbox.notice("fencing", "notice", `a guard certifies ${certified}`);
    } else {
      this.#heard.delete(node);
      const text = `something is heard of it after a guard has certified ${certified}`;
      this.#outbox.notice("fencing", "alert", text);
    }
  }

  /** Submits what releases a victim, once in each ring. */
  certify({ domain, table, ringSeq }: Knowledge): void {
    if (this.#heard.size === 0 || this.#lookedIn === ringSeq) return;
    this.#lookedIn = ringSeq;
    const known = domain.snapshot();
    const sender = { by: this.#self, at: this.#outbox.wallSeconds };
    for (const [node, incarnation] of this.#heard) {
      if (table.holdsMore(node)) continue;
      const body = releaseByCertificate(known, { node, incarnation }, sender);
      if (body !== null) this.#outbox.submit("app", { layer: "fencing", body });
    }
  }
}
