/**
 * What this node hears of ids that more than one process uses, told to all members: whoever does
 * not hear both processes, or hears only the wrong one, has to know, too.
 * Does not know frames, nor what is done about it.
 * Tested in: test/e2e/cloned-node.test.ts
 * CONTEST3  What the members know and what is heard here are brought together again in every ring.
 */
import type { FenceDomain } from "../fencing/fence-domain.ts";
import type { NodeId } from "../model/ids.ts";
import type { Outbox } from "./outbox.ts";

export class ContestedIds {
  readonly #self: NodeId;
  readonly #outbox: Outbox;
  #heard: readonly NodeId[] = [];
  /** What was compared last with what all members know, in which ring. */
  #told = "";

  constructor(self: NodeId, outbox: Outbox) {
    this.#self = self;
    this.#outbox = outbox;
  }

  get heard(): readonly NodeId[] {
    return this.#heard;
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

  /** `domain`: what all members know. */
  tell(domain: FenceDomain, ringSeq: number): void {
    const heard = this.#heard.filter((node) => node !== this.#self);
    const now = `${ringSeq} ${heard.join()}`;
    if (this.#told === now) return;
    this.#told = now;
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
