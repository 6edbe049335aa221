/** The process groups of a node that is alone in its ring: what it submits comes back in order. */
import { ProcessGroups } from "../../src/groups/process-groups.ts";
import { GroupClients } from "../../src/life/group-clients.ts";
import type { RingConfiguration } from "../../src/membership/ring-events.ts";
import { type NodeId, parseNodeId } from "../../src/model/ids.ts";

export class LoneGroups {
  readonly clients: GroupClients;
  readonly notices: string[] = [];
  readonly #self: NodeId;
  readonly #held: Uint8Array[] = [];
  #holding = false;
  #ringSeq = 0;

  constructor() {
    const self = parseNodeId(1);
    if (self === null) throw new Error("no node id");
    this.#self = self;
    this.clients = new GroupClients({
      machine: new ProcessGroups(self),
      postToRing: (input) => {
        if (input.type === "submit") this.#submit(input.payload);
      },
      say: ({ text }) => this.notices.push(text),
    });
    this.form();
  }

  /** A new ring; `members` are others than this node, who say nothing. */
  form(members: readonly number[] = []): void {
    this.#ringSeq += 4;
    const others = members.flatMap((node) => parseNodeId(node) ?? []);
    const ring = { rep: this.#self, seq: this.#ringSeq };
    const formed = { ring, members: [this.#self, ...others], left: [], joined: [] };
    const configuration: RingConfiguration = { kind: "regular", ...formed };
    this.clients.push({ type: "configuration", configuration });
    this.clients.push({ type: "exchanged", ring });
  }

  /** Nothing is ordered until `release`. */
  hold(): void {
    this.#holding = true;
  }

  release(): void {
    this.#holding = false;
    for (const payload of this.#held.splice(0)) this.#submit(payload);
  }

  #submit(payload: Uint8Array): void {
    if (this.#holding) this.#held.push(payload);
    else setImmediate(() => this.clients.push({ type: "deliver", from: this.#self, payload }));
  }
}
