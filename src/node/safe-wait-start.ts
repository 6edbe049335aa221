/**
 * When the wait for a lost node begins: at its last sign of life, or later, where a watchdog may
 * end its services later than its guard would.
 * Knows what each node has said of its watchdog, here. Does not know who is lost.
 * Tested in: test/node/watchdog-waits.test.ts
 * SIGNS1  A node that has not said otherwise may have a watchdog: whoever was started anew, or
 *     never heard it, waits longer.
 */
import type { FencingConf } from "../model/conf.ts";
import type { NodeId } from "../model/ids.ts";
import type { Hello } from "../services/table/table-sync.ts";
import { Machines } from "./machines.ts";
import type { NodeIdentity, RememberedMachine } from "./node-events.ts";
import type { Outbox } from "./outbox.ts";

export class SafeWaitStart {
  readonly watchdog: boolean;
  readonly machines: Machines;
  readonly #longerMs: number;
  readonly #plain = new Set<NodeId>();

  /** `identity.watchdog`: this node may have one armed. */
  constructor(
    { watchdog, safeWaitMs }: FencingConf,
    identity: Pick<NodeIdentity, "self" | "machine" | "watchdog">,
    remembered: readonly RememberedMachine[] = [],
  ) {
    this.watchdog = identity.watchdog;
    this.machines = new Machines(identity, safeWaitMs, remembered);
    this.#longerMs = watchdog === null ? 0 : watchdog.safeWaitMs - safeWaitMs;
  }

  /** This life takes part in a history, which may begin `anew`. */
  takePart(outbox: Outbox, anew: boolean): void {
    const known = this.machines.takePart(anew);
    if (known !== null) outbox.emit({ type: "machines", known });
  }

  note({ node, watchdog }: Pick<Hello, "node" | "watchdog">): void {
    if (watchdog) this.#plain.delete(node);
    else this.#plain.add(node);
  }

  /** How long it was waited for what may run on each machine that had the id of a node. */
  claims(boottimeMs: number): Hello["machines"] {
    return this.machines.claims(boottimeMs, (node, silentMs) => this.waited(node, silentMs));
  }

  /** How long the wait for the node has lasted, after so long a silence; negative: not begun. */
  waited(node: NodeId, silentMs: number): number {
    return this.#plain.has(node) ? silentMs : silentMs - this.#longerMs;
  }
}
