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

export class CertifiedDeaths {
  readonly #self: NodeId;
  readonly #outbox: Outbox;
  readonly #heard = new Map<NodeId, Incarnation>();
  /** For each node, of which loss the release was submitted. */
  readonly #submitted = new Map<NodeId, number>();

  constructor(self: NodeId, outbox: Outbox) {
    this.#self = self;
    this.#outbox = outbox;
  }

  hear({ node, incarnation, stands }: DeathCertificate & { readonly stands: boolean }): void {
    const certified = `that the daemon of node ${node} has ended and left nothing`;
    if (stands) {
      this.#heard.set(node, incarnation);
      this.#outbox.notice("fencing", "notice", `a guard certifies ${certified}`);
    } else {
      this.#heard.delete(node);
      const text = `something is heard of it after a guard has certified ${certified}`;
      this.#outbox.notice("fencing", "alert", text);
    }
  }

  /** Submits what releases a victim. */
  certify(domain: FenceDomain, table: ServiceTable): void {
    if (this.#heard.size === 0) return;
    const known = domain.snapshot();
    for (const [node, incarnation] of this.#heard) {
      if (table.holdsMore(node)) continue;
      const sender = { by: this.#self, at: this.#outbox.wallSeconds };
      const message = releaseByCertificate(known, { node, incarnation }, sender);
      if (message === null || !("since" in message)) continue;
      if (this.#submitted.get(node) === message.since) continue;
      this.#submitted.set(node, message.since);
      this.#outbox.submit("app", { layer: "fencing", body: message });
    }
  }
}
