/**
 * What this node and its operators decide about votes: it announces the verdicts of the quorum
 * engine, submits what operators order of the membership, and applies it when it is delivered.
 * Source: cman commands.c: do_cmd_kill_node, do_process_leave, do_cmd_set_expected.
 * Deviation: fewer votes are expected only when the absent nodes are known to be off, or when an
 * operator vouches for that in a whole sentence.
 * Tested in: test/node/quorum-orders.test.ts
 * ORDER1  Only the victim carries out a kill. For the other members it is lost like a node that has
 *     crashed, and fencing decides when its services may start elsewhere.
 * ORDER2  A change is agreed in the ring in which it was proposed, or not at all.
 */
import { type FenceView, unprovenNodes } from "../fencing/fence-view.ts";
import type { ClusterConf } from "../model/conf.ts";
import { type NodeId, type RingId, sameRing } from "../model/ids.ts";
import { assertNever } from "../model/outcome.ts";
import { done, type RequestOutcome, refused } from "../model/request-outcome.ts";
import { lastRingWithServices, missedNothing } from "../quorum/last-quorate.ts";
import type { Quorum, QuorumVerdict } from "../quorum/quorum.ts";
import type { QuorumChange, QuorumMessage, QuorumProposal } from "../quorum/quorum-messages.ts";
import type { ExchangeResult, Hello } from "../services/table/table-sync.ts";
import type { NodeIdentity, NodeInput } from "./node-events.ts";
import type { Outbox } from "./outbox.ts";

type QuorumOrder = Extract<NodeInput, { readonly type: "quorum-order" }>;

/** What follows from a message: nothing, or all members exchange their state once more. */
type Followup = "done" | "exchange-again";

const window = "last_man_standing";

export class QuorumVoting {
  readonly #conf: ClusterConf;
  readonly #self: NodeId;
  readonly #outbox: Outbox;
  readonly #quorum: Quorum;
  /** The nodes that the last verdict counted, in this ring; null while there is no verdict. */
  #judged: { readonly ring: RingId; readonly accepted: readonly NodeId[] } | null = null;
  readonly #orders = new Set<number>();
  /** This node is about to leave for good. */
  removing = false;
  /** As of the last verdict: nothing that floats can have been running without this node. */
  missedNothing = false;
  /** As of the last verdict: the last quorate ring in which anything can have been running. */
  lastRingWithServices: number | null = null;
  /** Why the other members do not count this node; null: they do. */
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

  /** Submits the kill of a member; `members` is empty while this node takes part in nothing. */
  kill(order: Extract<NodeInput, { readonly type: "kill" }>, members: readonly NodeId[]): void {
    const { number, victim, who } = order;
    const outcome = killOutcome(victim, members);
    if (outcome.type === "done") this.#submit({ type: "kill", victim, by: this.#self, who });
    this.#outbox.emit({ type: "reply", number, outcome });
  }

  /** Proposes what an operator orders, or refuses it; absent nodes may be running by `fencing`. */
  order(order: QuorumOrder, fencing: FenceView): void {
    const { number, change, who } = order;
    const judged = this.#judged;
    if (judged === null || !judged.accepted.includes(this.#self)) {
      this.#answer(number, "the membership is just changing; try again");
      return;
    }
    const nodes = this.#conf.nodes.map(({ id }) => id);
    const absent = nodes.filter((node) => !judged.accepted.includes(node));
    const unproven = unprovenNodes(fencing, nodes, judged.accepted);
    const refusal =
      this.#quorum.refusal(change) ?? this.#refusalWithout(order, { absent, unproven });
    if (refusal !== null) {
      this.#answer(number, refusal);
      return;
    }
    this.#orders.add(number);
    this.#propose(judged.ring, { change, who, forced: order.sentence !== null, number });
  }

  /** This node is about to say that it has left: if it is for good it says that first. */
  depart(): void {
    if (this.removing) this.#submit({ type: "removed", node: this.#self });
  }

  /** A new configuration: what was not agreed in the former ring never will be (ORDER2). */
  configurationChanged(): void {
    this.#judged = null;
    for (const number of this.#orders) {
      this.#answer(number, "the membership has changed meanwhile; look, then try again");
    }
    this.#orders.clear();
    if (this.#conf.quorum.lastManStandingMs !== null) {
      this.#outbox.emit({ type: "disarm", timer: "quorum-window" });
    }
  }

  /** All members have said hello: judges whether they are quorate. */
  judge(hellos: readonly Hello[], exchange: ExchangeResult): QuorumVerdict {
    const { accepted, refused } = exchange;
    this.refusal = refused.find(({ node }) => node === this.#self)?.why ?? null;
    for (const { node, why } of refused) {
      this.#outbox.notice("quorum", "err", `node ${node} is not counted: ${why}`);
    }
    const counted = hellos.filter(({ node }) => accepted.includes(node));
    const ring = counted[0]?.ring ?? null;
    this.#compareMemories(counted, exchange);
    this.#judged = ring === null ? null : { ring, accepted };
    this.#stepQuorum(() => this.#quorum.step(counted, ring?.seq ?? 0));
    const afterMs = this.#conf.quorum.lastManStandingMs;
    if (afterMs !== null && this.#quorum.lastManStandingVotes !== null) {
      this.#outbox.emit({ type: "arm", timer: "quorum-window", afterMs });
    }
    return this.#quorum.snapshot();
  }

  #compareMemories(counted: readonly Hello[], { winner, continuing }: ExchangeResult): void {
    const { nodes } = this.#conf;
    const continued = winner === null ? null : { holders: continuing, workedIn: winner.workedIn };
    this.lastRingWithServices = lastRingWithServices(counted, nodes);
    this.missedNothing = missedNothing(this.#self, counted, { nodes, continued });
  }

  /** The window of last_man_standing has passed since the last change of the members. */
  onWindow(): void {
    const expected = this.#quorum.lastManStandingVotes;
    const judged = this.#judged;
    if (expected === null || judged === null || judged.accepted[0] !== this.#self) return;
    const change = { type: "expected", expected } as const;
    this.#propose(judged.ring, { change, who: window, forced: false, number: 0 });
  }

  /** A message of quorum was delivered; `active`: this node takes part in a quorate history. */
  apply(message: QuorumMessage, active: boolean): Followup {
    switch (message.type) {
      case "removed": {
        if (!active) return "done";
        this.#quorum.remove(message.node);
        const text = `${this.#name(message.node)} leaves to be removed: ${this.#quorum.terms()}`;
        this.#outbox.notice("quorum", "notice", text);
        return "done";
      }
      case "kill": {
        if (!active) return "done";
        const order = `killed by ${message.who} on ${this.#name(message.by)}`;
        if (message.victim === this.#self) this.#outbox.emit({ type: "killed", text: order });
        else this.#outbox.notice("quorum", "warning", `${this.#name(message.victim)} is ${order}`);
        return "done";
      }
      case "propose":
        this.#onProposal(message);
        return "done";
      case "agreed":
        return this.#onAgreed(message);
      default:
        return assertNever(message);
    }
  }

  #onProposal(message: QuorumProposal): void {
    if (this.#judged === null || !sameRing(message.ring, this.#judged.ring)) return;
    const refusal = this.#quorum.refusal(message.change);
    const mine = message.by === this.#self;
    if (refusal === null) {
      this.#stepQuorum(() => this.#quorum.propose(message.change));
      if (mine) this.#submit({ ...message, type: "agreed" });
    } else if (mine && this.#orders.delete(message.number)) {
      this.#answer(message.number, refusal);
    }
  }

  #onAgreed(message: Extract<QuorumMessage, { readonly type: "agreed" }>): Followup {
    const { ring, change, by, who, forced, number } = message;
    const judged = this.#judged;
    if (judged === null || !sameRing(ring, judged.ring)) return "done";
    const text = `${this.#changeInWords(change)}, as ${who} on ${this.#name(by)} wants it`;
    const vouched = "; the absent nodes are said to be off";
    this.#outbox.notice("quorum", forced ? "alert" : "notice", `${text}${forced ? vouched : ""}`);
    this.#stepQuorum(() => this.#quorum.agree(change, ring.seq));
    if (by === this.#self && this.#orders.delete(number)) this.#answer(number, null);
    const repeat = !this.#quorum.snapshot().quorate && change.type !== "votes";
    return repeat && judged.accepted.includes(this.#self) ? "exchange-again" : "done";
  }

  /** Why fewer votes may not be expected, or nodes no longer waited for; null: they may. */
  #refusalWithout(
    { change, sentence }: QuorumOrder,
    nodes: { readonly absent: readonly NodeId[]; readonly unproven: readonly NodeId[] },
  ): string | null {
    const lowers = change.type === "expected" && change.expected < this.#quorum.expected;
    if (change.type === "votes" || (change.type === "expected" && !lowers)) return null;
    const { absent, unproven } = nodes;
    const doubtful = this.#conf.quorum.waitForAll ? unproven : absent;
    if (doubtful.length === 0) return null;
    const names = doubtful.map((node) => this.#name(node)).join(", ");
    const vouched =
      doubtful.length === 1 ? `node ${names} is powered off` : `nodes ${names} are powered off`;
    if (sentence === vouched) return null;
    const why = unproven.length > 0 ? "may still be running" : "could become quorate by themselves";
    const remedy = `if it is true, say so: --force '${vouched}'`;
    return sentence === null
      ? `${names} ${why}; ${remedy}`
      : `that is not the sentence to be confirmed now; ${remedy}`;
  }

  #changeInWords(change: QuorumChange): string {
    switch (change.type) {
      case "expected":
        return `${change.expected} votes are expected from now on`;
      case "votes":
        return `${this.#name(change.node)} has ${change.votes} votes from now on`;
      case "cancel-wait":
        return "nobody waits for all nodes any more";
      default:
        return assertNever(change);
    }
  }

  /** Steps the quorum engine, and logs the verdict if it has changed. */
  #stepQuorum(step: () => void): void {
    const before = this.#quorum.snapshot();
    step();
    const { quorate, reason } = this.#quorum.snapshot();
    if (quorate === before.quorate && reason === before.reason) return;
    // Losing it stops services; not having it yet is how every cluster starts.
    const level = before.quorate && !quorate ? "alert" : "notice";
    this.#outbox.notice("quorum", level, `${quorate ? "quorate" : "inquorate"}: ${reason}`);
  }

  #propose(ring: RingId, rest: Pick<QuorumProposal, "change" | "who" | "forced" | "number">): void {
    this.#submit({ type: "propose", ring, by: this.#self, ...rest });
  }

  /** Answers an order; `refusal` null: it is done. */
  #answer(number: number, refusal: string | null): void {
    const accepted = refusal === null;
    this.#outbox.emit({ type: "answer", number, accepted, text: refusal ?? "" });
  }

  #submit(body: QuorumMessage): void {
    this.#outbox.submit("app", { layer: "quorum", body });
  }

  #name(node: NodeId): string {
    return this.#conf.nodes.find(({ id }) => id === node)?.name ?? `node ${node}`;
  }
}

/** Whether the kill can be submitted; the victim ends when it is delivered. */
function killOutcome(victim: NodeId, members: readonly NodeId[]): RequestOutcome {
  if (members.includes(victim)) return done();
  return refused(members.length === 0 ? "no-quorum" : "no-member");
}
