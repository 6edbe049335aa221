/**
 * The real ring over a hostile network, as a membership layer: the same machine as in the daemon,
 * on virtual time, with leases computed from real token visits.
 */
import { LeaseEvidence } from "../../src/fencing/lease.ts";
import { StepLoop } from "../../src/loop/step-loop.ts";
import { Ring } from "../../src/membership/ring.ts";
import type { Lane, RingInput, RingOutput, RingTimer } from "../../src/membership/ring-events.ts";
import type { RingMessage } from "../../src/membership/wire.ts";
import {
  type Incarnation,
  type NodeId,
  parseIncarnation,
  type RingId,
  sameRing,
} from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import { LifeFilter } from "./life-filter.ts";
import type { Membership, MembershipEvent } from "./membership.ts";
import type { RingNetwork } from "./ring-network.ts";
import { tuningDefaults } from "./ring-tuning.ts";
import { sampleConf } from "./sample-conf.ts";
import { type Timeline, type VirtualTime, VirtualTimers } from "./virtual-time.ts";

type Frame = {
  readonly from: NodeId;
  /** The station that sent it, and how many it sent before. */
  readonly by: Station;
  readonly number: number;
  readonly incarnation: Incarnation;
  readonly message: RingMessage;
};

type Station = {
  readonly id: NodeId;
  /** That of the node, unless it is a clone of it. */
  readonly place: NodeId;
  readonly lives: LifeFilter;
  sent: number;
  readonly clock: Timeline;
  readonly incarnation: Incarnation;
  readonly ring: Ring;
  readonly timers: VirtualTimers<RingTimer>;
  readonly evidence: LeaseEvidence;
  readonly sink: (event: MembershipEvent) => void;
  readonly loop: StepLoop<RingInput, RingOutput>;
  pausedAt: number | null;
  readonly arrived: Frame[];
  readonly due: RingTimer[];
  ringId: RingId | null;
};

const socketFramesMax = 400;
const addressMovesMs = 3000;
const usualSafeWaitMs = sampleConf().fencing.safeWaitMs;

/** A second machine with the id of a node is at the place of that number. */
export const clonePlaces = 100;

export type HostileParts = {
  readonly network: RingNetwork;
  /** A node without a clock of its own has the true time. */
  readonly clocks?: ReadonlyMap<NodeId, Timeline>;
  /** How long one of two lives must be silent; as the sample configuration has it unless given. */
  readonly safeWaitMs?: number;
};

export class HostileMembership implements Membership {
  readonly network: RingNetwork;
  readonly #time: VirtualTime;
  readonly #nodes: readonly NodeId[];
  readonly #clocks: ReadonlyMap<NodeId, Timeline>;
  readonly #up = new Map<NodeId, Station>();
  readonly #durable = new Map<NodeId, number>();
  readonly #safeWaitMs: number;
  #lives = 0;

  constructor(
    time: VirtualTime,
    nodes: readonly NodeId[],
    { network, clocks = new Map(), safeWaitMs = usualSafeWaitMs }: HostileParts,
  ) {
    this.#safeWaitMs = safeWaitMs;
    this.#time = time;
    this.#nodes = nodes;
    this.network = network;
    this.#clocks = clocks;
  }

  boot(place: NodeId, sink: (event: MembershipEvent) => void): void {
    const node = this.#nodes.find((one) => one === place % clonePlaces) ?? place;
    this.#lives += 1;
    const incarnation = parseIncarnation(this.#lives);
    if (incarnation === null) throw new Error("no incarnation");
    const durable = this.#durable.get(place) ?? this.#durable.get(node) ?? 0;
    const ring = new Ring({
      ...tuningDefaults,
      self: node,
      incarnation,
      nodes: this.#nodes,
      ringSeqStart: durable + 1,
      ringSeqDurable: durable,
      wallMs: ms(0),
    });
    const clock = this.#clocks.get(node) ?? this.#time;
    const station: Station = {
      id: node,
      place,
      lives: new LifeFilter(this.#safeWaitMs),
      sent: 0,
      clock,
      incarnation,
      ring,
      timers: new VirtualTimers<RingTimer>(clock, (timer) => {
        if (station.pausedAt === null) this.#feed(station, { type: "timer", timer });
        else station.due.push(timer);
      }),
      evidence: new LeaseEvidence(this.#nodes, ms(clock.nowMs)),
      sink,
      loop: new StepLoop({
        step: (input) => ring.step(input),
        perform: (output) => this.#perform(station, output),
      }),
      pausedAt: null,
      arrived: [],
      due: [],
      ringId: null,
    };
    this.#up.set(place, station);
    this.#feed(station, { type: "start" });
  }

  crash(node: NodeId): void {
    const station = this.#up.get(node);
    station?.timers.disarmAll();
    station?.loop.end();
    this.#up.delete(node);
  }

  leave(node: NodeId): void {
    const station = this.#up.get(node);
    if (station !== undefined) this.#feed(station, { type: "leave" });
    this.crash(node);
  }

  submit(node: NodeId, lane: Lane, payload: Uint8Array): void {
    const station = this.#up.get(node);
    if (station === undefined) return;
    this.#feed(station, { type: "submit", lane, payload, safe: true });
  }

  syncDone(node: NodeId, ring: RingId): void {
    const station = this.#up.get(node);
    if (station !== undefined) this.#feed(station, { type: "sync-done", ring });
  }

  connect(groups: readonly (readonly NodeId[])[]): void {
    this.network.heal();
    const places = groups.map((group): readonly number[] => group);
    const clones = this.#nodes.map((node) => node + clonePlaces);
    this.network.partition(...places.slice(0, -1), [...(places.at(-1) ?? []), ...clones]);
  }

  pause(node: NodeId): void {
    const station = this.#up.get(node);
    if (station !== undefined) station.pausedAt ??= station.clock.nowMs;
  }

  /** As the daemon does: the stall first, then what the socket holds, then the late timers. */
  resume(node: NodeId): void {
    const station = this.#up.get(node);
    if (station === undefined || station.pausedAt === null) return;
    const lateMs = station.clock.nowMs - station.pausedAt;
    station.pausedAt = null;
    this.#feed(station, { type: "stall", lateMs: ms(lateMs) });
    for (const frame of station.arrived.splice(0)) {
      if (!this.#admits(station, frame)) continue;
      const fresh = lateMs <= tuningDefaults.tokenMs / 2 || isOfRing(frame, station.ringId);
      const { from, incarnation, message } = frame;
      if (fresh) this.#feed(station, { type: "frame", from, incarnation, message });
    }
    for (const timer of station.due.splice(0)) this.#feed(station, { type: "timer", timer });
  }

  #feed(station: Station, input: RingInput): void {
    station.loop.push(input);
  }

  #perform(station: Station, output: RingOutput): void {
    const nowMs = ms(station.clock.nowMs);
    switch (output.type) {
      case "multicast":
        this.#send(station, this.#nodes, output.message);
        return;
      case "unicast":
        this.#send(station, [output.to], output.message);
        return;
      case "arm":
        station.timers.arm(output.timer, output.afterMs);
        return;
      case "disarm":
        station.timers.disarm(output.timer);
        return;
      case "persist":
        this.#time.after(10, () => {
          if (this.#up.get(station.place) !== station) return;
          this.#durable.set(station.place, output.ringSeq);
          this.#feed(station, { type: "persisted", ringSeq: output.ringSeq });
        });
        return;
      case "deliver":
        station.sink({ type: "deliver", from: output.from, payload: output.payload });
        return;
      case "configuration":
        if (output.configuration.kind === "regular") station.ringId = output.configuration.ring;
        station.sink({
          type: "configuration",
          configuration: output.configuration,
          heardAt: station.evidence.heardAt(output.configuration.ring),
        });
        return;
      case "suspended":
        station.sink(output);
        return;
      case "token-passed":
        if (output.operational) station.evidence.tokenPassed(output.ring, nowMs);
        return;
      case "token-accepted": {
        const lease = station.evidence.tokenAccepted({ ...output, nowMs });
        if (lease !== null) station.sink({ type: "lease", ...lease });
        return;
      }
      case "queue":
      case "notice":
        return;
    }
  }

  #send(from: Station, to: readonly NodeId[], message: RingMessage): void {
    from.sent += 1;
    const { id, incarnation, sent: number } = from;
    const frame: Frame = { from: id, by: from, number, incarnation, message };
    if (to.includes(id)) this.#feed(from, { type: "frame", from: id, incarnation, message });
    const packet = { message, frame: { bytes: Buffer.alloc(0) }, full: false };
    for (const place of this.#placesOf(to, message)) {
      // A machine takes nothing that comes from its own address.
      if (place % clonePlaces === id) continue;
      for (const delayMs of this.network.arrivals(from.place, place, packet)) {
        this.#time.after(delayMs, () => {
          const station = this.#up.get(place);
          if (station === undefined) return;
          if (station.pausedAt === null) this.#arrive(station, frame);
          else if (station.arrived.length < socketFramesMax) station.arrived.push(frame);
        });
      }
    }
  }

  /** What is addressed to one of two machines with the same address reaches now this, now that. */
  #placesOf(to: readonly NodeId[], message: RingMessage): readonly NodeId[] {
    const places = [...this.#up.keys()].filter((place) => place >= clonePlaces);
    if (places.length === 0) return to;
    const unicast = message.type === "token" || message.type === "commit";
    const takesTurns = Math.floor(this.#time.nowMs / addressMovesMs) % 2 === 0;
    const clones = places.filter((place) => to.some((node) => node === place % clonePlaces));
    if (!unicast || clones.length === 0) return [...to, ...clones];
    return takesTurns ? clones : to;
  }

  #arrive(station: Station, frame: Frame): void {
    if (!this.#admits(station, frame)) return;
    const { from, incarnation, message } = frame;
    this.#feed(station, { type: "frame", from, incarnation, message });
  }

  #admits(station: Station, { from, by, number, incarnation }: Frame): boolean {
    const arrival = { from, incarnation, number, nowMs: station.clock.nowMs };
    const { opened, news, accepted } = station.lives.take(arrival, () => {
      const alive = this.#up.get(by.place) === by && by.pausedAt === null;
      return alive && this.network.reaches(station.place, by.place);
    });
    if (news) {
      const nodes = station.lives.contested();
      station.sink({ type: "contested", nodes });
    }
    if (accepted) this.#feed(station, { type: "forget-life", node: from });
    return opened;
  }
}

/** After a stall only packets of the current ring count; the rest is stale. */
function isOfRing(frame: Frame, ring: RingId | null): boolean {
  const { message } = frame;
  if (ring === null) return false;
  const ordered =
    message.type === "mcast" || message.type === "token" || message.type === "hold-cancel";
  return ordered && sameRing(message.ring, ring);
}
