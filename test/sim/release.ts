/**
 * The operator after the storm: nobody holds anything back any more. Refusals and ends of the asked
 * daemon are answered by asking again there; what was granted is not asked for twice, so that the
 * judges see when it had no effect.
 */
import type { Cluster } from "./cluster.ts";
import { outcomeWord, type ReplyBox } from "./cluster-machine.ts";
import { Violation } from "./judges.ts";

/** Forming a ring, a last stop on the way out: all that makes a healed node refuse is over then. */
const roundsMax = 15;
const askAgainMs = 2000;

type Asked = {
  /** The life of the daemon that was asked. */
  readonly boots: number;
  readonly box: ReplyBox;
};

/** Unlocks the services and unfreezes them, all asked for on one node. */
export class Release {
  readonly #cluster: Cluster;
  readonly #node: number;
  /** By "unlock" or the name of the service to unfreeze. */
  readonly #asked = new Map<string, Asked>();

  constructor(cluster: Cluster, node: number) {
    this.#cluster = cluster;
    this.#node = node;
  }

  /** Returns when everything has been granted. */
  insist(): void {
    for (let round = 0; round < roundsMax; round += 1) {
      for (const name of this.#open()) this.#ask(name);
      this.#cluster.run(askAgainMs);
      if (this.#frozen() !== null && this.#open().length === 0) return;
    }
    const answers = this.#open().map((name) => {
      return `${name}: ${outcomeWord(this.#asked.get(name)?.box.reply ?? null) ?? "no answer"}`;
    });
    throw new Violation(`liveness: node ${this.#node} does not release: ${answers.join(", ")}`);
  }

  /** As the node knows it; null while it has no table. */
  #frozen(): readonly string[] | null {
    return this.#cluster.node(this.#node)?.snapshot.table?.frozen() ?? null;
  }

  #open(): readonly string[] {
    const named = ["unlock", ...(this.#frozen() ?? [])];
    return named.filter((name) => this.#asked.get(name)?.box.reply?.type !== "done");
  }

  #ask(name: string): void {
    const cluster = this.#cluster;
    const node = this.#node;
    const before = this.#asked.get(name);
    const alive = cluster.node(node) !== null;
    const same = alive && before?.boots === cluster.boots(node);
    if (same && before.box.reply === null) return;
    if (!alive) cluster.boot(node);
    const unlock = name === "unlock";
    const box = unlock
      ? cluster.lock(node, "unlock")
      : cluster.request(node, "unfreeze", { service: name });
    this.#asked.set(name, { boots: cluster.boots(node), box });
  }
}
