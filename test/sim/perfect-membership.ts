/**
 * A ring without faults of its own: configurations follow connectivity after the detection time,
 * messages are safe, leases flow. For stories about the layers above.
 */
import type { Lane, RingConfiguration } from "../../src/membership/ring-events.ts";
import {
  type Incarnation,
  type NodeId,
  parseIncarnation,
  type RingId,
} from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import type { RingThreadOutput } from "../../src/ring-thread/ring-port.ts";
import type { RingThread } from "../../src/ring-thread/ring-thread-start.ts";
import type { Membership, OnOutputs } from "./membership.ts";
import type { VirtualProcess } from "./virtual-process.ts";
import { settled } from "./virtual-promise.ts";
import type { VirtualTime } from "./virtual-time.ts";

type Member = {
  readonly id: NodeId;
  readonly incarnation: Incarnation;
  readonly say: (output: RingThreadOutput) => void;
  ring: RingId | null;
  members: readonly NodeId[];
  operational: boolean;
  synced: boolean;
  paused: boolean;
  readonly heard: Map<NodeId, number>;
  /** The same on rings before the present one. */
  before: ReadonlyMap<NodeId, number>;
  queue: { readonly lane: Lane; readonly payload: Uint8Array }[];
};

const tokenLossMs = 1000;
const detectionMs = 2200;
const joinMs = 100;
const leasePeriodMs = 100;

export class PerfectMembership implements Membership {
  readonly #time: VirtualTime;
  readonly #nodes: readonly NodeId[];
  readonly #up = new Map<NodeId, Member>();
  #groups: readonly (readonly NodeId[])[];
  /** Of the last process of each node. */
  readonly #incarnations = new Map<NodeId, Incarnation>();
  #ringSeq = 0;
  #change = 0;
  #lives = 0;

  constructor(time: VirtualTime, nodes: readonly NodeId[]) {
    this.#time = time;
    this.#nodes = nodes;
    this.#groups = [nodes];
  }

  start(node: NodeId, process: VirtualProcess, onOutputs: OnOutputs): RingThread {
    this.#lives += 1;
    const incarnation = parseIncarnation(this.#lives);
    if (incarnation === null) throw new Error("no incarnation");
    const say = (output: RingThreadOutput) => process.enter(() => ended || onOutputs([output]));
    let ended = false;
    const member: Member = {
      id: node,
      incarnation,
      say,
      ring: null,
      members: [],
      operational: false,
      synced: false,
      paused: false,
      heard: new Map(this.#nodes.map((other) => [other, this.#time.nowMs])),
      before: new Map(),
      queue: [],
    };
    this.#up.set(node, member);
    this.#incarnations.set(node, incarnation);
    const startedAtMs = ms(this.#time.nowMs);
    this.#time.after(0, () =>
      say({
        ...{ type: "started", incarnation, startedAtMs, scheduling: "default" },
        certificate: new Uint8Array(0),
      }),
    );
    this.#reform(joinMs);
    this.#beat(node);
    return {
      post: (input) => {
        if (this.#up.get(node) !== member) return;
        if (input.type === "submit") this.#submit(member, input);
        else if (input.type === "sync-done") this.#syncDone(member, input.ring);
        else if (input.type === "leave") this.#leave(member);
      },
      kill: () => {
        ended = true;
        if (this.#up.get(node) === member) this.crash(node);
        return settled(undefined);
      },
      gone: Promise.resolve(),
    };
  }

  crash(node: NodeId): void {
    this.#up.delete(node);
    this.#reform(detectionMs);
  }

  certify(node: NodeId): void {
    const incarnation = this.#incarnations.get(node);
    if (incarnation === undefined || this.#up.has(node)) return;
    this.#reform(joinMs);
    for (const other of this.#up.values()) {
      if (!this.#groups.some((group) => group.includes(node) && group.includes(other.id))) continue;
      other.say({ type: "certified", node, incarnation, stands: true });
    }
  }

  connect(groups: readonly (readonly NodeId[])[]): void {
    this.#groups = groups;
    this.#reform(detectionMs);
  }

  pause(node: NodeId): void {
    const member = this.#up.get(node);
    if (member !== undefined) member.paused = true;
    this.#reform(detectionMs);
  }

  resume(node: NodeId): void {
    const member = this.#up.get(node);
    if (member === undefined) return;
    member.paused = false;
    member.operational = false;
    this.#reform(joinMs);
  }

  #leave(member: Member): void {
    this.#up.delete(member.id);
    this.#reform(joinMs);
    this.#time.after(0, () => member.say({ type: "stopped" }));
  }

  #submit(
    member: Member,
    { lane, payload }: { readonly lane: Lane; readonly payload: Uint8Array },
  ): void {
    member.queue.push({ lane, payload });
    this.#flush(member);
  }

  #syncDone(member: Member, ring: RingId): void {
    if (member.ring?.seq !== ring.seq) return;
    member.synced = true;
    this.#flush(member);
  }

  #flush(member: Member): void {
    if (!member.operational) return;
    const ready = member.queue.filter((one) => one.lane === "sync" || member.synced);
    member.queue = member.queue.filter((one) => !ready.includes(one));
    const { ring } = member;
    for (const one of ready) {
      this.#time.after(1, () => {
        for (const id of member.members) {
          const other = this.#up.get(id);
          if (other === undefined || other.ring !== ring || other.paused) continue;
          const { lane, payload } = one;
          const place = { ring: ring ?? { rep: member.id, seq: 0 }, seq: 0 };
          other.say({ type: "deliver", ...place, from: member.id, lane, payload });
        }
      });
    }
  }

  /** The groups of nodes that are up, not paused, and hear each other. */
  #components(): readonly (readonly NodeId[])[] {
    return this.#groups
      .map((group) => group.filter((id) => this.#up.get(id)?.paused === false))
      .filter((group) => group.length > 0);
  }

  #reform(delayMs: number): void {
    this.#change += 1;
    const change = this.#change;
    for (const member of this.#up.values()) {
      const whole = member.members.every((id) => this.#reaches(member.id, id));
      if (member.operational && (!whole || delayMs < detectionMs)) {
        this.#time.after(Math.min(delayMs, tokenLossMs), () => {
          if (change !== this.#change || member.paused) return;
          member.operational = false;
          member.say({ type: "suspended", reason: "token lost" });
        });
      }
    }
    this.#time.after(delayMs, () => {
      if (change === this.#change) for (const group of this.#components()) this.#install(group);
    });
  }

  #reaches(a: NodeId, b: NodeId): boolean {
    const up = this.#up.get(b)?.paused === false && this.#up.get(a)?.paused === false;
    return up && this.#groups.some((group) => group.includes(a) && group.includes(b));
  }

  #install(group: readonly NodeId[]): void {
    const [rep] = group;
    if (rep === undefined) return;
    const members = group.flatMap((id) => this.#up.get(id) ?? []);
    const same = members.every(
      (one) =>
        one.operational && one.members.length === group.length && one.ring === members[0]?.ring,
    );
    if (same) return;
    this.#ringSeq += 4;
    const ring = { rep, seq: this.#ringSeq };
    const old = new Map(members.map((one) => [one.id, one.ring]));
    for (const member of members) {
      const together = group.filter((id) => old.get(id) !== null && old.get(id) === member.ring);
      const before = member.members;
      if (member.ring !== null) {
        this.#configure(member, {
          kind: "transitional",
          ring: member.ring,
          members: together,
          left: before.filter((id) => !together.includes(id)),
          joined: [],
        });
      }
      const joined = group.filter((id) => !together.includes(id));
      const state = { ring, members: group, operational: true, synced: false };
      Object.assign(member, { ...state, before: new Map(member.heard) });
      this.#configure(member, { kind: "regular", ring, members: group, left: [], joined });
    }
    for (const member of members) this.#flush(member);
  }

  #configure(member: Member, configuration: RingConfiguration): void {
    const heardAt = [...member.heard].map(([node, atMs]) => {
      return {
        node,
        atMs: ms(atMs),
        beforeMs: ms(member.before.get(node) ?? atMs),
        formerMs: null,
      };
    });
    if (member.paused) return;
    const incarnations = [...this.#up.values()].map((one) => [one.id, one.incarnation] as const);
    member.say({ type: "configuration", configuration, heardAt, incarnations });
  }

  /** The token goes round: evidence for the lease while the whole ring hears each other. */
  #beat(node: NodeId): void {
    const member = this.#up.get(node);
    if (member === undefined) return;
    const whole = member.members.every((id) => this.#reaches(node, id));
    if (member.operational && member.ring !== null && whole && !member.paused) {
      const startMs = ms(this.#time.nowMs - 10);
      for (const id of member.members) member.heard.set(id, this.#time.nowMs);
      member.say({ type: "lease", lease: { ring: member.ring, startMs } });
    }
    this.#time.after(leasePeriodMs, () => {
      if (this.#up.get(node) === member) this.#beat(node);
    });
  }
}
