/**
 * Process groups of several nodes on an order made by hand: what nodes submit waits until the test
 * has it delivered, to all members of the submitter's ring.
 */
import type { GroupAnswer, GroupEvent, GroupOutput } from "../../src/groups/group-events.ts";
import { ProcessGroups } from "../../src/groups/process-groups.ts";
import type { Lane } from "../../src/membership/ring-events.ts";
import {
  formatRing,
  type GroupName,
  type NodeId,
  parseGroupName,
  parseNodeId,
  type RingId,
} from "../../src/model/ids.ts";

export function group(name: string): GroupName {
  const parsed = parseGroupName(name);
  if (parsed === null) throw new Error(`group ${name}`);
  return parsed;
}

function nodeOf(value: number): NodeId {
  const parsed = parseNodeId(value);
  if (parsed === null) throw new Error(`node ${value}`);
  return parsed;
}

type Submitted = { readonly lane: Lane; readonly payload: Uint8Array };

type Node = {
  readonly id: NodeId;
  machine: ProcessGroups;
  ring: RingId | null;
  members: readonly NodeId[];
  synced: boolean;
  readonly submitted: Submitted[];
  /** What clients were told, as `client: text`. */
  readonly told: string[];
  readonly notices: string[];
  calls: number;
  answers: Map<number, GroupAnswer>;
};

export class GroupNodes {
  readonly #nodes = new Map<number, Node>();
  #ringSeq = 0;

  constructor(...nodes: readonly number[]) {
    for (const node of nodes) this.restart(node);
  }

  /** A new life of the node, in no ring. */
  restart(node: number): void {
    const id = nodeOf(node);
    this.#nodes.set(node, {
      id,
      machine: new ProcessGroups(id),
      ring: null,
      members: [],
      synced: false,
      submitted: [],
      told: [],
      notices: [],
      calls: 0,
      answers: new Map(),
    });
  }

  machine(node: number): ProcessGroups {
    return this.#node(node).machine;
  }

  /** What clients of the node were told since the last time. */
  told(node: number): readonly string[] {
    return this.#node(node).told.splice(0);
  }

  notices(node: number): readonly string[] {
    return this.#node(node).notices;
  }

  waiting(node: number): readonly Submitted[] {
    return this.#node(node).submitted;
  }

  synced(node: number): boolean {
    return this.#node(node).synced;
  }

  connect(node: number, client: number, process: number | null = client): string {
    return this.#call(node, (call) => ({ type: "connect", client, call, process }));
  }

  join(node: number, client: number, name: string): string {
    return this.#call(node, (call) => ({ type: "join", client, call, group: group(name) }));
  }

  leave(node: number, client: number, name: string): string {
    return this.#call(node, (call) => ({ type: "leave", client, call, group: group(name) }));
  }

  /** Of a client, given with its node. */
  multicast(
    [node, client]: readonly [number, number],
    name: string,
    content: string | Uint8Array,
  ): string {
    const payload = typeof content === "string" ? Buffer.from(content) : content;
    const input = { type: "multicast" as const, client, group: group(name), payload };
    return this.#call(node, (call) => ({ ...input, call }));
  }

  disconnect(node: number, client: number): void {
    this.#step(node, { type: "disconnect", client });
  }

  /** Connects and joins at once, process id like the client's number, and has it all ordered. */
  member(node: number, client: number, name: string): void {
    this.connect(node, client);
    this.join(node, client, name);
    this.order();
  }

  /** The answer to a call made earlier. */
  answer(node: number, call: number): string {
    const answer = this.#node(node).answers.get(call);
    return answer === undefined ? "none" : describeAnswer(answer);
  }

  lastCall(node: number): number {
    return this.#node(node).calls;
  }

  /** These nodes now share a ring; `together` are groups that come from one ring each. */
  form(...together: readonly (readonly number[])[]): RingId {
    this.#ringSeq += 4;
    const members = together.flat().map(nodeOf);
    const [rep] = members;
    if (rep === undefined) throw new Error("a ring of nobody");
    const ring = { rep, seq: this.#ringSeq };
    for (const same of together) {
      for (const number of same) this.#configure(number, { ring, members, same: same.map(nodeOf) });
    }
    return ring;
  }

  /** The first half of a change for one node: `same` are the nodes that come along with it. */
  transitional(number: number, same: readonly number[]): void {
    const node = this.#node(number);
    if (node.ring === null) return;
    const members = same.map(nodeOf);
    const left = node.members.filter((one) => !members.includes(one));
    const configuration = { kind: "transitional" as const, ring: node.ring, members, left };
    this.#step(number, { type: "configuration", configuration: { ...configuration, joined: [] } });
  }

  /** The other layers have finished their exchange. */
  exchanged(...numbers: readonly number[]): void {
    for (const number of numbers) {
      const { ring } = this.#node(number);
      if (ring !== null) this.#step(number, { type: "exchanged", ring });
    }
  }

  /** A ring whose exchange has ended, everything ordered. */
  settle(...together: readonly (readonly number[])[]): void {
    this.form(...together);
    this.exchanged(...together.flat());
    this.order();
  }

  /** Has ordered what may be ordered until nothing is left; node by node, lists first. */
  order(messagesMax = Number.POSITIVE_INFINITY): void {
    for (let left = messagesMax; left > 0; left -= 1) if (!this.#orderOne()) return;
  }

  #orderOne(): boolean {
    for (const lane of ["sync", "app"] as const) {
      for (const node of this.#nodes.values()) {
        const at = node.submitted.findIndex((one) => one.lane === lane);
        const [next] =
          at < 0 || (lane === "app" && !node.synced) ? [] : node.submitted.splice(at, 1);
        if (next === undefined) continue;
        this.deliver(node.id, next.payload);
        return true;
      }
    }
    return false;
  }

  /** Delivers bytes of a node to all members of its ring. */
  deliver(from: number, payload: Uint8Array, to?: readonly number[]): void {
    const { id, ring } = this.#node(from);
    for (const [number, node] of this.#nodes) {
      const reached = to === undefined ? node.ring === ring : to.includes(number);
      if (reached && ring !== null) this.#step(number, { type: "deliver", from: id, payload });
    }
  }

  #configure(
    number: number,
    change: {
      readonly ring: RingId;
      readonly members: readonly NodeId[];
      readonly same: readonly NodeId[];
    },
  ): void {
    const node = this.#node(number);
    const { ring, members, same } = change;
    this.transitional(number, same);
    Object.assign(node, { ring, members, synced: false });
    const joined = members.filter((one) => !same.includes(one));
    const configuration = { kind: "regular" as const, ring, members, left: [], joined };
    this.#step(number, { type: "configuration", configuration });
  }

  #node(number: number): Node {
    const node = this.#nodes.get(number);
    if (node === undefined) throw new Error(`no node ${number}`);
    return node;
  }

  #call(number: number, input: (call: number) => Parameters<ProcessGroups["step"]>[0]): string {
    const node = this.#node(number);
    node.calls += 1;
    this.#step(number, input(node.calls));
    return this.answer(number, node.calls);
  }

  #step(number: number, input: Parameters<ProcessGroups["step"]>[0]): void {
    const node = this.#node(number);
    for (const output of node.machine.step(input)) this.#perform(node, output);
  }

  #perform(node: Node, output: GroupOutput): void {
    switch (output.type) {
      case "submit":
        node.submitted.push(output);
        return;
      case "sync-done":
        node.synced = true;
        return;
      case "answer":
        node.answers.set(output.call, output.answer);
        return;
      case "event":
        for (const client of output.clients) {
          node.told.push(`${client}: ${describeEvent(output.event)}`);
        }
        return;
      case "notice":
        node.notices.push(output.notice.text);
        return;
    }
  }
}

function describeAnswer(answer: GroupAnswer): string {
  switch (answer.type) {
    case "connected":
      return `connected ${answer.member.node}.${answer.member.process}`;
    case "begun":
      return "OK";
    case "ordered":
      return "ordered";
    case "refused": {
      const { refusal } = answer;
      const name = refusal.type.toUpperCase().replaceAll("-", "_");
      return refusal.type === "try-again" ? `${name} ${refusal.why}` : name;
    }
  }
}

/** Without places in the order, so that nodes in different rings can be compared. */
export function describeEvent(event: GroupEvent): string {
  const list = (members: readonly { readonly node: number; readonly process: number }[]) =>
    members.map(({ node, process }) => `${node}.${process}`).join(" ");
  switch (event.type) {
    case "configuration": {
      const { reason, members } = event;
      const changed = event.left.length > 0 ? `-${list(event.left)}` : `+${list(event.joined)}`;
      return `${event.group} ${changed} ${reason}, now [${list(members)}]`;
    }
    case "message": {
      const { payload } = event;
      const text = Buffer.from(payload).toString("latin1");
      const shown = text.length > 40 ? `${text.length} bytes` : text;
      return `${event.group} ${list([event.from])} says ${shown}`;
    }
    case "ring":
      return `ring of ${event.nodes.join(" ")}`;
    case "group-full":
      return `${event.group} is full`;
  }
}

/** With them. */
export function describePlaced(event: GroupEvent): string {
  return `${formatRing(event.order.ring)}/${event.order.number} ${describeEvent(event)}`;
}
