/**
 * Named groups over the ring: join, leave, ordered multicast, changes with their reasons. Groups
 * also work in an inquorate part of the cluster. Local clients are called by numbers.
 * Source: corosync exec/cpg.c, exec/sync.c; cpg.h.
 * Deviations: a message is answered when it was delivered; a cut message is begun again in a new
 * ring; a list of processes counts until the next regular configuration, since all nodes that stay
 * together get the same lists.
 * GROUP1  Members on nodes that stay together see the same changes and messages in the same order.
 * GROUP2  Changes of a configuration come after the last message of the old ring and before the
 *     first of the new one: no message is ordered until all members have listed their processes.
 * GROUP3  A member receives everything from its own join to its own leave, also its own messages.
 *
 *   unjoined ──join──► joining ──ordered──► joined ──leave──► leaving ──ordered──► unjoined
 *                         └──the group is full──► unjoined
 */
import { formatRing, type GroupName, type NodeId, type RingId, sameRing } from "../model/ids.ts";
import { assertNever, invariant } from "../model/outcome.ts";
import {
  type GroupAnswer,
  type GroupCounters,
  type GroupEvent,
  type GroupInput,
  type GroupOrder,
  type GroupOutput,
  type GroupRefusal,
  type GroupSnapshot,
  groupLimits,
} from "./group-events.ts";
import {
  decodeGroupFrame,
  encodeGroupFrame,
  type GroupFrame,
  type GroupPart,
  type ListedProcess,
} from "./group-frames.ts";
import { GroupParts } from "./group-parts.ts";
import { GroupSender, type OutgoingMessage } from "./group-sender.ts";
import { type GroupChange, GroupTable } from "./group-table.ts";

type ClientState =
  | { readonly type: "unjoined" }
  | { readonly type: "joining" | "joined" | "leaving"; readonly group: GroupName };

type Client = { readonly number: number; readonly process: number; state: ClientState };

/** The present configuration and what its members have listed. */
type Exchange = {
  readonly ring: RingId;
  readonly members: readonly NodeId[];
  readonly lists: Map<NodeId, readonly ListedProcess[]>;
  listed: boolean;
  othersDone: boolean;
};

type Input<Type extends GroupInput["type"]> = Extract<GroupInput, { readonly type: Type }>;
type Frame<Type extends GroupFrame["type"]> = Extract<GroupFrame, { readonly type: Type }>;

export class ProcessGroups {
  readonly #self: NodeId;
  readonly #table = new GroupTable();
  readonly #sender = new GroupSender();
  readonly #parts = new GroupParts();
  readonly #clients = new Map<number, Client>();
  /** Processes and groups of clients that have ended and whose leave is not ordered yet. */
  readonly #departing = new Set<string>();
  #exchange: Exchange | null = null;
  /** Nodes that have stayed with us since the last configuration whose exchange has ended. */
  #together: ReadonlySet<NodeId> = new Set();
  #ordered = 0;
  #processes: number = groupLimits.processMax;
  #counters: Omit<GroupCounters, "queuedBytes"> = {
    messages: 0,
    bytes: 0,
    dropped: 0,
    malformed: 0,
  };
  /** A complaint was logged in this configuration; one is enough. */
  #complained = false;
  #outputs: GroupOutput[] = [];

  constructor(self: NodeId) {
    this.#self = self;
  }

  step(input: GroupInput): readonly GroupOutput[] {
    this.#outputs = [];
    switch (input.type) {
      case "connect":
        this.#answer(input.call, this.#connect(input));
        break;
      case "join":
        this.#answer(input.call, this.#join(input));
        break;
      case "leave":
        this.#answer(input.call, this.#leave(input));
        break;
      case "multicast":
        this.#multicast(input);
        break;
      case "disconnect":
        this.#disconnect(input.client);
        break;
      case "deliver":
        this.#onDeliver(input.from, input.payload);
        break;
      case "configuration":
        this.#onConfiguration(input);
        break;
      case "exchanged":
        this.#onExchanged(input.ring);
        break;
      default:
        assertNever(input);
    }
    for (const payload of this.#sender.take()) this.#emit({ type: "submit", lane: "app", payload });
    return this.#outputs;
  }

  snapshot(): GroupSnapshot {
    return {
      groups: this.#table.groups(),
      clients: this.#clients.size,
      counters: { ...this.#counters, queuedBytes: this.#sender.queuedBytes },
    };
  }

  // --- calls of local clients -------------------------------------------------------------------

  #connect({ client, process }: Input<"connect">): GroupAnswer {
    invariant(!this.#clients.has(client), "a client's number was given twice");
    if (this.#clients.size >= groupLimits.clientsMax) return refused({ type: "too-many-clients" });
    if (process === null) this.#processes += 1;
    const chosen = process ?? this.#processes;
    this.#clients.set(client, { number: client, process: chosen, state: { type: "unjoined" } });
    return { type: "connected", member: { node: this.#self, process: chosen } };
  }

  #join({ client: number, group }: Input<"join">): GroupAnswer {
    const client = this.#clients.get(number);
    if (client === undefined) return refused({ type: "not-exist" });
    const refusal = this.#joinRefusal(client, group) ?? this.#notNow(number, 0);
    if (refusal !== null) return refused(refusal);
    client.state = { type: "joining", group };
    const { process } = client;
    this.#sender.putControl(encodeGroupFrame({ type: "join", process, group }));
    return { type: "begun" };
  }

  #joinRefusal(client: Client, group: GroupName): GroupRefusal | null {
    if (client.state.type === "leaving") return { type: "busy" };
    if (client.state.type !== "unjoined") return { type: "exist" };
    const twin = this.#clientOf(client.process, group);
    if (twin !== null && twin.state.type !== "leaving") return { type: "exist" };
    const leaving = twin !== null || this.#departing.has(departure(client.process, group));
    return leaving ? { type: "try-again", why: "leave-in-flight" } : null;
  }

  #leave({ client: number, group }: Input<"leave">): GroupAnswer {
    const client = this.#clients.get(number);
    const state = stateIn(client, group);
    if (client === undefined || state === "unjoined" || state === "leaving") {
      return refused({ type: "not-exist" });
    }
    if (state === "joining") return refused({ type: "busy" });
    const why = this.#unready();
    if (why !== null) return refused({ type: "try-again", why });
    client.state = { type: "leaving", group };
    this.#putLeave(client, group, "leave");
    return { type: "begun" };
  }

  #putLeave({ process }: Client, group: GroupName, reason: "leave" | "procdown"): void {
    this.#sender.putControl(encodeGroupFrame({ type: "leave", process, group, reason }));
  }

  #multicast({ client: number, group, payload, call }: Input<"multicast">): void {
    const client = this.#clients.get(number);
    const state = stateIn(client, group);
    if (client === undefined || state === "unjoined" || state === "leaving") {
      this.#answer(call, refused({ type: "not-exist" }));
      return;
    }
    const large = payload.length > groupLimits.messageBytesMax;
    const refusal = large ? { type: "too-large" as const } : this.#notNow(number, payload.length);
    if (refusal !== null) this.#answer(call, refused(refusal));
    else this.#sender.putMessage({ client: number, process: client.process, group, payload, call });
  }

  #disconnect(number: number): void {
    const client = this.#clients.get(number);
    this.#clients.delete(number);
    if (client === undefined || client.state.type === "unjoined") return;
    const { type, group } = client.state;
    this.#departing.add(departure(client.process, group));
    if (type !== "leaving") this.#putLeave(client, group, "procdown");
  }

  #unready(): "no-configuration" | "state-exchange" | null {
    if (this.#exchange === null) return "no-configuration";
    return this.#exchange.listed ? null : "state-exchange";
  }

  #notNow(client: number, bytes: number): GroupRefusal | null {
    const why = this.#unready();
    if (why !== null) return { type: "try-again", why };
    return this.#sender.hasRoom(client, bytes) ? null : { type: "try-again", why: "queue-full" };
  }

  // --- the ring ---------------------------------------------------------------------------------

  #onConfiguration({ configuration }: Input<"configuration">): void {
    const { kind, ring, members } = configuration;
    if (kind === "transitional") {
      this.#together = new Set(members.filter((node) => this.#together.has(node)));
      return;
    }
    this.#exchange = { ring, members, lists: new Map(), listed: false, othersDone: false };
    this.#ordered = 0;
    this.#complained = false;
    this.#parts.reset();
    this.#sender.beginConfiguration();
    const processes = this.#table.processesOf(this.#self);
    const payload = encodeGroupFrame({ type: "list", ring, processes });
    this.#emit({ type: "submit", lane: "sync", payload });
  }

  #onExchanged(ring: RingId): void {
    if (this.#exchange === null || !sameRing(ring, this.#exchange.ring)) return;
    this.#exchange.othersDone = true;
    this.#endExchange(this.#exchange);
  }

  #endExchange({ ring, listed, othersDone }: Exchange): void {
    if (listed && othersDone) this.#emit({ type: "sync-done", ring });
  }

  #onDeliver(from: NodeId, payload: Uint8Array): void {
    this.#ordered += 1;
    const frame = decodeGroupFrame(payload);
    // Every own frame, whatever its content, returns its part of the credit.
    const own = from === this.#self && frame?.type !== "list" ? this.#sender.delivered() : null;
    switch (frame?.type) {
      case undefined:
        this.#counters = { ...this.#counters, malformed: this.#counters.malformed + 1 };
        this.#complain(`a group message of node ${from} is not understood: another version?`);
        return;
      case "list":
        this.#onList(from, frame);
        return;
      case "join":
        this.#onJoin(from, frame);
        return;
      case "leave":
        this.#onLeave(from, frame);
        return;
      case "part":
        this.#onPart(from, frame, own);
        return;
      default:
        assertNever(frame);
    }
  }

  #onList(from: NodeId, { ring, processes }: Frame<"list">): void {
    const exchange = this.#exchange;
    if (exchange === null || exchange.listed || !sameRing(ring, exchange.ring)) return;
    if (exchange.members.includes(from)) exchange.lists.set(from, processes);
    if (exchange.lists.size < exchange.members.length) return;
    exchange.listed = true;
    const changes = this.#table.reconcile(exchange.lists, this.#together);
    this.#together = new Set(exchange.members);
    for (const change of changes) this.#tellChange(change);
    const receivers = [...this.#clients.values()].filter(({ state }) => receives(state));
    const event = { type: "ring" as const, order: this.#order(), nodes: exchange.members };
    this.#tell(receivers, event);
    this.#endExchange(exchange);
  }

  #onJoin(node: NodeId, { process, group }: Frame<"join">): void {
    const change = this.#table.join(group, { node, process });
    const client = node === this.#self ? this.#clientOf(process, group) : null;
    if (client?.state.type === "joining") {
      client.state = change === "full" ? { type: "unjoined" } : { type: "joined", group };
    }
    if (change === "full") {
      if (client !== null)
        this.#tell([client], { type: "group-full", group, order: this.#order() });
    } else if (change !== null) {
      this.#tellChange(change);
    }
  }

  #onLeave(node: NodeId, { process, group, reason }: Frame<"leave">): void {
    const change = this.#table.leave(group, { node, process }, reason);
    if (change !== null) this.#tellChange(change);
    if (node !== this.#self || this.#departing.delete(departure(process, group))) return;
    const client = this.#clientOf(process, group);
    if (client?.state.type === "leaving") client.state = { type: "unjoined" };
  }

  #onPart(from: NodeId, part: GroupPart, own: OutgoingMessage | null): void {
    const whole = this.#parts.accept(from, part);
    if (whole === null) return;
    const { group, process, payload } = whole;
    const order = this.#order();
    if (!this.#table.hasNode(group, from)) {
      this.#counters = { ...this.#counters, dropped: this.#counters.dropped + 1 };
      this.#complain(
        `a message of node ${from}, which has no member of group ${group}, is dropped`,
      );
      if (own !== null) this.#answer(own.call, refused({ type: "not-exist" }));
      return;
    }
    const { messages, bytes } = this.#counters;
    this.#counters = {
      ...this.#counters,
      messages: messages + 1,
      bytes: bytes + payload.length,
    };
    const sender = { node: from, process };
    this.#tell(this.#receivers(group), { type: "message", group, order, from: sender, payload });
    if (own !== null) this.#answer(own.call, { type: "ordered", order });
  }

  // --- outputs ----------------------------------------------------------------------------------

  #order(): GroupOrder {
    invariant(this.#exchange !== null, "a group message without a configuration");
    return { ring: this.#exchange.ring, number: this.#ordered };
  }

  #tellChange(change: GroupChange): void {
    const event = { type: "configuration" as const, order: this.#order(), ...change };
    this.#tell(this.#receivers(change.group), event);
  }

  #receivers(group: GroupName): readonly Client[] {
    return [...this.#clients.values()].filter(
      ({ state }) => receives(state) && state.type !== "unjoined" && state.group === group,
    );
  }

  #clientOf(process: number, group: GroupName): Client | null {
    for (const client of this.#clients.values()) {
      if (client.process === process && stateIn(client, group) !== "unjoined") return client;
    }
    return null;
  }

  #tell(clients: readonly Client[], event: GroupEvent): void {
    if (clients.length === 0) return;
    this.#emit({ type: "event", clients: clients.map(({ number }) => number), event });
  }

  #answer(call: number, answer: GroupAnswer): void {
    this.#emit({ type: "answer", call, answer });
  }

  /** Logs at most once for each configuration, so that no node can fill the log. */
  #complain(text: string): void {
    if (this.#complained) return;
    this.#complained = true;
    const ring = this.#exchange === null ? "" : ` (ring ${formatRing(this.#exchange.ring)})`;
    this.#emit({ type: "notice", notice: { level: "warning", text: `${text}${ring}` } });
  }

  #emit(output: GroupOutput): void {
    this.#outputs.push(output);
  }
}

function refused(refusal: GroupRefusal): GroupAnswer {
  return { type: "refused", refusal };
}

/** Whether the client receives messages and changes (GROUP3). */
function receives({ type }: ClientState): boolean {
  return type === "joined" || type === "leaving";
}

function stateIn(client: Client | undefined, group: GroupName): ClientState["type"] {
  if (client === undefined || client.state.type === "unjoined") return "unjoined";
  return client.state.group === group ? client.state.type : "unjoined";
}

function departure(process: number, group: GroupName): string {
  return `${process} ${group}`;
}
