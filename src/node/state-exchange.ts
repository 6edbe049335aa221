/**
 * The state exchange. After each regular configuration every member says hello, all members draw
 * the same conclusion from all hellos, and members that lack the state of the history that goes on
 * receive a snapshot from its authority. Which history goes on, and whether the members are
 * quorate, is decided elsewhere: by `services/table/table-sync.ts` and `quorum/`.
 * Tested in: test/node/state-exchange.test.ts, test/node/quorum-orders.test.ts
 * TRANSFER1  What is ordered after a snapshot is applied after it, however long it takes to read
 *     the configurations in it.
 *
 *   none ──regular configuration──► collecting ──all have spoken, quorate──► transferring
 *                                       │                                    │    │
 *                                   inquorate              state is here already  │ snapshot
 *                                       ▼                                    ▼    ▼
 *                                     apart ◄──lease ended──────────────── active ◄── reading
 *
 *   A regular configuration leads from any state to collecting, the end of the lease to apart.
 */
import type { NodeId, RingId } from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";
import type { DoubtfulRing } from "../model/quorate-membership.ts";
import { readOrNull, type Shaped } from "../model/shape.ts";
import type { Quorum } from "../quorum/quorum.ts";
import { tableSnapshot } from "../services/table/table-snapshot.ts";
import {
  type ExchangeResult,
  freshHistory,
  type Hello,
  type snapshot,
} from "../services/table/table-sync.ts";
import { fixedDigest, sendableText } from "./conf-versions.ts";
import { type LastHeard, movedMembers, silentSince } from "./last-heard.ts";
import type { NodeInput } from "./node-events.ts";
import type { HistoryMessage, Replica } from "./replica.ts";

type Configured = Extract<NodeInput, { readonly type: "configuration" }>;
export type Snapshot = Shaped<typeof snapshot>;

/** The ring in which the members exchange their state. */
type Round = {
  readonly configured: Configured;
  readonly ring: RingId;
  readonly members: readonly NodeId[];
  /** The first exchange in this ring: the ring waits for its end. */
  readonly first: boolean;
};

/** All that changes on this node when the exchange has ended and the history goes on. */
export type Activation = {
  readonly ring: RingId;
  readonly first: boolean;
  readonly result: ExchangeResult;
  /** Somebody has joined, or a new history begins. */
  readonly grown: boolean;
  /** For each node, how long any accepted member has waited since it heard the node last. */
  readonly silentMs: ReadonlyMap<NodeId, number>;
  /** For each member that is on another machine than before, the same of that machine. */
  readonly movedMs: ReadonlyMap<NodeId, number>;
  readonly lives: readonly { readonly node: NodeId; readonly life: number }[];
};

type ExchangeState =
  /** No regular configuration has come yet. */
  | { readonly type: "none" }
  | { readonly type: "collecting"; readonly round: Round; readonly hellos: Map<NodeId, Hello> }
  /** The conclusion is known. If somebody lacks the state, its snapshot is on its way. */
  | { readonly type: "transferring"; readonly round: Round; readonly next: Activation }
  /** The snapshot has arrived here, and waits until its configurations can be read. */
  | {
      readonly type: "reading";
      readonly round: Round;
      readonly next: Activation;
      readonly snapshot: Snapshot;
      /** Texts of which it is not known yet what it takes to read them. */
      readonly unread: Set<string>;
      /** Messages that were ordered after the snapshot. */
      readonly later: HistoryMessage[];
    }
  /** This node takes part in a quorate history. */
  | { readonly type: "active"; readonly round: Round; readonly accepted: readonly NodeId[] }
  /** This node takes part in nothing. `heardAll`: every member had spoken before. */
  | { readonly type: "apart"; readonly round: Round; readonly heardAll: boolean };

export class StateExchange {
  readonly #self: NodeId;
  readonly #lastHeard: LastHeard;
  #state: ExchangeState = { type: "none" };
  /** Members of the last quorate history here; none after a loss of quorum. */
  #lastAccepted: readonly NodeId[] = [];
  /** The ring is broken, and the next configuration has not come yet. */
  #suspended = true;

  constructor(self: NodeId, lastHeard: LastHeard) {
    this.#self = self;
    this.#lastHeard = lastHeard;
  }

  get phase(): "apart" | "exchanging" | "transferring" | "active" {
    const { type } = this.#state;
    if (type === "collecting") return "exchanging";
    if (type === "reading") return "transferring";
    return type === "none" ? "apart" : type;
  }

  get ring(): RingId | null {
    return this.#round?.ring ?? null;
  }

  /** The members that take part in the history; while this node does not, those of the ring. */
  get members(): readonly NodeId[] {
    return this.#state.type === "active" ? this.#state.accepted : (this.#round?.members ?? []);
  }

  get active(): boolean {
    return this.#state.type === "active";
  }

  /** A snapshot is here and waits until it can be read. */
  get reading(): boolean {
    return this.#state.type === "reading";
  }

  /** This node takes part in a ring that is not broken, or is about to. */
  get ringGoesOn(): boolean {
    return this.phase !== "apart" && !this.#suspended;
  }

  get #round(): Round | null {
    return this.#state.type === "none" ? null : this.#state.round;
  }

  suspend(): void {
    this.#suspended = true;
  }

  /** A regular configuration: its members are to say hello. */
  begin(configured: Configured): void {
    const { kind, ring, members } = configured.configuration;
    invariant(kind === "regular", "exchange of a transitional ring");
    this.#suspended = false;
    this.#collect({ configured, ring, members, first: true });
  }

  /** All say hello once more in the same ring; false where this node takes part already. */
  repeat(): boolean {
    if (this.#state.type !== "apart") return false;
    this.#collect({ ...this.#state.round, first: false });
    return true;
  }

  #collect(round: Round): void {
    this.#lastHeard.configured(round.configured.heardAt);
    this.#state = { type: "collecting", round, hellos: new Map() };
  }

  /**
   * The ring in which this node may have said hello without hearing those of all members, or null.
   * Members that heard all of them can act in that ring; if this node has not spoken, none can.
   */
  get doubtful(): DoubtfulRing | null {
    const state = this.#state;
    if (state.type === "none" || heardAll(state)) return null;
    return { ring: state.round.ring.seq, members: state.round.members };
  }

  /** A member has spoken. Returns all hellos in member order once the last one is in, else null. */
  collect(from: NodeId, hello: Hello): readonly Hello[] | null {
    if (this.#state.type !== "collecting") return null;
    const { round, hellos } = this.#state;
    if (hello.node !== from || !round.members.includes(from)) return null;
    hellos.set(from, hello);
    this.#lastHeard.note(hello);
    const all = round.members.flatMap((member) => hellos.get(member) ?? []);
    if (all.length < round.members.length) return null;
    this.#lastHeard.noteMachines(all);
    return all;
  }

  /** The members are quorate, this node is one of them, and this follows from their hellos. */
  conclude(result: ExchangeResult): void {
    invariant(this.#state.type === "collecting", "a conclusion without hellos");
    const { round } = this.#state;
    const { accepted, continuing, winner } = result;
    const hellos = [...this.#state.hellos.values()];
    const joined = accepted.some((node) => !this.#lastAccepted.includes(node));
    const next = {
      ring: round.ring,
      first: round.first,
      result,
      grown: winner === null || joined,
      silentMs: silentSince(hellos, accepted),
      movedMs: movedMembers(hellos, winner === null),
      lives: livesOf(hellos, accepted, continuing),
    };
    this.#state = { type: "transferring", round, next };
  }

  /**
   * The snapshot of the authority has arrived: it must be read here, or this node has the state
   * already; or it is not awaited. `inForce`: hash of the configuration in force here.
   */
  receive(from: NodeId, body: Snapshot, inForce: string): "read" | "has-state" | "not-awaited" {
    const state = this.#state;
    if (state.type !== "transferring" && state.type !== "reading") return "not-awaited";
    const { round, next } = state;
    if (from !== next.result.authority) return "not-awaited";
    if (next.result.continuing.includes(this.#self)) return "has-state";
    const unread = new Set(textsToRead(body, inForce));
    this.#state = { type: "reading", round, next, snapshot: body, unread, later: [] };
    return "read";
  }

  /** Texts of the snapshot that are to be read. */
  get unread(): readonly string[] {
    return this.#state.type === "reading" ? [...this.#state.unread] : [];
  }

  /** It is known what it takes to read this text. */
  noteRead(text: string): void {
    if (this.#state.type === "reading") this.#state.unread.delete(text);
  }

  /** A message that was ordered after the snapshot waits until the snapshot was read. */
  keep(message: HistoryMessage): void {
    if (this.#state.type === "reading") this.#state.later.push(message);
  }

  /** The snapshot, once it can be read, with what was ordered after it; else null. */
  takeSnapshot(): {
    readonly snapshot: Snapshot;
    readonly later: readonly HistoryMessage[];
    readonly result: ExchangeResult;
  } | null {
    if (this.#state.type !== "reading" || this.#state.unread.size > 0) return null;
    const { round, next, snapshot: taken, later } = this.#state;
    this.#state = { type: "transferring", round, next };
    return { snapshot: taken, later, result: next.result };
  }

  /** This node has the state: from now on it takes part. */
  activate(): Activation {
    invariant(this.#state.type === "transferring", "activation without a conclusion");
    const { round, next } = this.#state;
    const { accepted } = next.result;
    this.#lastAccepted = accepted;
    this.#state = { type: "active", round, accepted };
    return next;
  }

  /** The members are inquorate, or do without this node. Returns the ring that waits for it. */
  becomeInquorate(): RingId | null {
    this.#lastAccepted = [];
    this.end();
    return this.#round?.first === true ? this.#round.ring : null;
  }

  /** This node takes part in nothing before the next exchange. */
  end(): void {
    if (this.#state.type === "none") return;
    this.#state = { type: "apart", round: this.#state.round, heardAll: heardAll(this.#state) };
  }
}

function heardAll(state: Exclude<ExchangeState, { readonly type: "none" }>): boolean {
  if (state.type === "collecting") return state.hellos.size === state.round.members.length;
  return state.type === "apart" ? state.heardAll : true;
}

/**
 * The life of each accepted member from now on. A member that loses its history in this exchange
 * takes its next life at this very point, so every member can tell which one that is.
 */
function livesOf(
  hellos: readonly Hello[],
  accepted: readonly NodeId[],
  continuing: readonly NodeId[],
): Activation["lives"] {
  return hellos
    .filter(({ node }) => accepted.includes(node))
    .map(({ node, life, history }) => ({
      node,
      life: history === null || continuing.includes(node) ? life : life + 1,
    }));
}

function textsToRead({ configuration, table }: Snapshot, inForce: string): readonly string[] {
  const { hash, text } = configuration;
  const change = readOrNull(tableSnapshot, table)?.change ?? null;
  return [
    ...(hash === inForce ? [] : [text]),
    ...(change?.stage === "stopping" ? [change.text] : []),
  ];
}

type Speaker = {
  readonly self: NodeId;
  readonly life: number;
  readonly replica: Replica;
  readonly quorum: Quorum;
};

/** What this node says of itself; `heard`: how long it has waited for the others. */
export function composeHello(
  ring: RingId,
  { self, life, replica, quorum }: Speaker,
  heard: ReturnType<LastHeard["report"]>,
): Hello {
  const { conf, hash } = replica.conf;
  return {
    type: "hello",
    ring,
    life,
    cluster: conf.name,
    configVersion: conf.version,
    configHash: hash,
    configFixed: fixedDigest(conf),
    history: replica.reportedHistory,
    ...quorum.report(self, replica.history !== null),
    ...heard,
  };
}

/** What the authority sends; where a new history begins that is only the configuration. */
export function composeSnapshot(ring: RingId, replica: Replica): Snapshot {
  const { table, fence } = replica;
  const history = replica.reportedHistory ?? freshHistory(ring.seq, null);
  const { conf, hash, text } = replica.conf;
  const configuration = { version: conf.version, hash, text: sendableText(text) };
  const state = { table: table?.snapshot() ?? null, fence: fence.snapshot() };
  return { type: "snapshot", ring, history, configuration, ...state };
}
