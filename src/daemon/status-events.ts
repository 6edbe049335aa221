/**
 * Tells listeners what has changed in the status since they were last told. Compares only what the
 * status shows.
 */
import type { ControlEvent } from "../control/protocol.ts";
import type { Stop } from "../io/ports.ts";
import type { ClusterStatus } from "../model/status.ts";

type Listener = (event: ControlEvent) => void;

export class StatusEvents {
  readonly #listeners = new Set<Listener>();
  #shown = { quorum: "", nodes: "", services: new Map<string, string>() };

  subscribe(listener: Listener): Stop {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells what has changed. The status is computed only if there is a listener. */
  publish(present: () => ClusterStatus): void {
    if (this.#listeners.size === 0) return;
    const status = present();
    const { now: at, quorum, nodes } = status;
    const quorumText = JSON.stringify(quorum);
    if (quorumText !== this.#shown.quorum) this.#tell({ type: "quorum", at, quorum });
    const nodesText = JSON.stringify(nodes);
    if (nodesText !== this.#shown.nodes) this.#tell({ type: "nodes", at, nodes });
    const services = new Map<string, string>();
    for (const service of status.services ?? []) {
      const text = JSON.stringify(service);
      services.set(service.name, text);
      if (this.#shown.services.get(service.name) !== text) {
        this.#tell({ type: "service", at, service });
      }
    }
    this.#shown = { quorum: quorumText, nodes: nodesText, services };
  }

  #tell(event: ControlEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
