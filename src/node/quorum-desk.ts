/**
 * Quorum as this node tells of it: its verdicts, and what operators order of the membership, on its
 * way into the total order and out of it. Does not know who asks, nor how a process ends.
 * Source: cman commands.c: do_cmd_kill_node, do_process_leave.
 * K1  A kill is carried out by its victim alone; for the others it is lost like any that crashed,
 *     and fencing decides when its services may start elsewhere.
 */
import type { ClusterConf } from "../model/conf.ts";
import type { NodeId } from "../model/ids.ts";
import { assertNever } from "../model/outcome.ts";
import type { Quorum, QuorumVerdict } from "../quorum/quorum.ts";
import type { QuorumMessage } from "../quorum/quorum-messages.ts";
import type { ExchangeResult, Hello } from "../services/table-sync.ts";
import type { NodeIdentity, NodeInput } from "./node-events.ts";
import type { Outbox } from "./outbox.ts";

export class QuorumDesk {
  readonly #conf: ClusterConf;
  readonly #self: NodeId;
  readonly #outbox: Outbox;
  readonly #quorum: Quorum;
  /** This node is to leave for good. */
  removing = false;
  /** Why the others do not count this node; null: they do, or there are none. */
  refusal: string | null = null;

  constructor(
    conf: ClusterConf,
    identity: NodeIdentity,
    shared: { readonly outbox: Outbox; readonly quorum: Quorum },
  ) {
    this.#conf = conf;
    this.#self = identity.self;
    this.#outbox = shared.outbox;
    this.#quorum = shared.quorum;
  }

  /** Orders the end of a member; `members` is empty while nothing can be ordered. */
  kill(
    { number, victim, who }: Extract<NodeInput, { readonly type: "kill" }>,
    members: readonly NodeId[],
  ): void {
    const known = members.includes(victim);
    if (known) this.#submit({ type: "kill", victim, by: this.#self, who });
    const code = known ? 0 : members.length === 0 ? -9 : -8;
    this.#outbox.emit({ type: "reply", number, code, owner: null });
  }

  /** Nothing of any service is left here, and this node is about to say that it has left. */
  depart(): void {
    if (this.removing) this.#submit({ type: "removed", node: this.#self });
  }

  /** All members have spoken. */
  judge(hellos: readonly Hello[], { accepted, refused }: ExchangeResult): QuorumVerdict {
    this.refusal = refused.find(({ node }) => node === this.#self)?.why ?? null;
    for (const { node, why } of refused) {
      this.#outbox.notice("quorum", "err", `node ${node} is not counted: ${why}`);
    }
    const before = this.#quorum.snapshot();
    const verdict = this.#quorum.step(hellos.filter(({ node }) => accepted.includes(node)));
    if (verdict.quorate !== before.quorate || verdict.reason !== before.reason) {
      const state = verdict.quorate ? "quorate" : "inquorate";
      this.#outbox.notice("quorum", "notice", `${state}: ${verdict.reason}`);
    }
    return verdict;
  }

  /** One of these messages was delivered. */
  apply(message: QuorumMessage): void {
    switch (message.type) {
      case "removed": {
        this.#quorum.remove(message.node);
        const text = `${this.#name(message.node)} leaves to be removed: ${this.#quorum.terms()}`;
        this.#outbox.notice("quorum", "notice", text);
        return;
      }
      case "kill": {
        const order = `killed by ${message.who} on ${this.#name(message.by)}`;
        if (message.victim === this.#self) this.#outbox.emit({ type: "killed", text: order });
        else this.#outbox.notice("quorum", "warning", `${this.#name(message.victim)} is ${order}`);
        return;
      }
      default:
        assertNever(message);
    }
  }

  #submit(body: QuorumMessage): void {
    this.#outbox.submit("app", { layer: "quorum", body });
  }

  #name(node: NodeId): string {
    return this.#conf.nodes.find(({ id }) => id === node)?.name ?? `node ${node}`;
  }
}
