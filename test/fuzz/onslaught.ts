/**
 * Three rings over real seals on a network of their own, and an attacker from one seed: without the
 * key at the seal, and, as a broken member would, behind it at codec and ring, with damaged frames
 * and with lies of the right shape.
 * Broken are: any exception, a step that takes long, more messages held than the window permits,
 * and a ring that is not formed when the attacker has gone.
 */
import { gcmCiphers } from "../../src/io/frames/frame-cipher.ts";
import { SealedFrames } from "../../src/io/frames/frame-seal.ts";
import { keyFromName } from "../../src/io/frames/key-file.ts";
import { Ring } from "../../src/membership/ring.ts";
import type { RingInput, RingOutput, RingTimer } from "../../src/membership/ring-events.ts";
import { retransmitWindow } from "../../src/membership/sort-queue.ts";
import {
  decodeMessage,
  encodeMessage,
  frameKinds,
  type RingMessage,
} from "../../src/membership/wire.ts";
import { formatRing, type NodeId } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import { node } from "../membership/frames.ts";
import { incarnation, optionsOf } from "../membership/ring-driver.ts";
import { Random } from "../sim/random.ts";
import { lie } from "./lies.ts";
import { mutated, randomBytes } from "./mutation.ts";

export type OnslaughtTally = ReadonlyMap<string, number>;

const stepsMax = 4000;
const stepMsMax = 1000;
const capturedMax = 200;
/** Twenty times what three nodes need to form a ring, whatever state they are in. */
const recoveryStepsMax = 20_000;
const ids = [1, 2, 3].map(node);
const ciphers = gcmCiphers(keyFromName("fuzz"), "fuzz", null);

type Datagram = { readonly to: NodeId; readonly from: NodeId; readonly bytes: Buffer };
type Captured = { readonly kind: number; readonly payload: Uint8Array };

class Member {
  readonly id: NodeId;
  readonly ring: Ring;
  readonly seal: SealedFrames;
  readonly timers = new Map<RingTimer, number>();

  constructor(id: NodeId) {
    this.id = id;
    const life = incarnation(1000 + id);
    this.ring = new Ring({ ...optionsOf(id), nodes: ids, incarnation: life });
    this.seal = new SealedFrames({
      instance: 0,
      safeWaitMs: ms(7500),
      clusterTag: 77,
      self: id,
      incarnation: life,
      nodes: ids.map((each) => ({ id: each, address: addressOf(each) })),
      sealed: true,
      ciphers,
    });
  }
}

export class Onslaught {
  readonly tally = new Map<string, number>();
  readonly #random: Random;
  readonly #members: readonly Member[];
  readonly #captured: Captured[] = [];
  readonly #datagrams: Buffer[] = [];
  #flying: Datagram[] = [];
  /** Tokens of nodes that are alone. */
  #lone: { readonly member: Member; readonly message: RingMessage }[] = [];
  #nowMs = 0;
  #attacking = true;
  /** An insider's message was accepted somewhere. */
  #deceived = false;
  /** How much of what happens is an attack: some runs are nearly peaceful, to get far. */
  readonly #hostility: number;
  readonly #insider: boolean;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#members = ids.map((id) => new Member(id));
    this.#hostility = this.#random.pick([0.01, 0.1, 0.5]);
    this.#insider = this.#random.chance(0.7);
  }

  /** Null, or what broke. */
  run(): string | null {
    for (const member of this.#members) this.#step(member, { type: "start" });
    for (let step = 0; step < stepsMax; step += 1) {
      // Time of this process: a busy machine is no fault of the ring.
      const began = process.cpuUsage();
      const problem = this.#attempt();
      if (problem !== null) return problem;
      const tookMs = process.cpuUsage(began).user / 1000;
      if (tookMs > stepMsMax) return `a step took ${Math.round(tookMs)} ms`;
      const excess = this.#members.find((each) => held(each) > retransmitWindow);
      if (excess !== undefined) return `node ${excess.id} holds ${held(excess)} messages`;
    }
    return this.#recover();
  }

  /** The attacker has gone: one ring of all three again. */
  #recover(): string | null {
    this.#attacking = false;
    const last = { type: "submit" as const, lane: "app" as const, safe: true };
    for (const member of this.#members) this.#step(member, { ...last, payload: Buffer.from("x") });
    for (let step = 0; step < recoveryStepsMax; step += 1) {
      const problem = this.#attempt();
      if (problem !== null) return problem;
      if (this.#isWhole()) return null;
    }
    const states = this.#members.map(({ ring }) => {
      const { state, ring: id, members } = ring.snapshot();
      return `${state} in ${id === null ? "none" : formatRing(id)} of ${members.join(" ")}`;
    });
    return `no ring of all after the attack: ${states.join("; ")}`;
  }

  #isWhole(): boolean {
    const views = this.#members.map(({ ring }) => ring.snapshot());
    const rings = new Set(views.map(({ ring }) => `${ring?.rep}.${ring?.seq}`));
    const operational = views.every(
      ({ state, counters }) => state === "operational" && counters["queued messages"] === 0,
    );
    return operational && rings.size === 1 && views[0]?.members.length === ids.length;
  }

  #attempt(): string | null {
    const hostile = this.#attacking && this.#random.chance(this.#hostility);
    const behindSeal = hostile && this.#insider && this.#random.chance(0.5);
    try {
      if (behindSeal && this.#random.chance(0.5)) this.#lieToRing();
      else if (behindSeal) this.#attackRing();
      else if (hostile) this.#attackSeal();
      else this.#goOn();
      return null;
    } catch (error) {
      return error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
  }

  /** A datagram of whole, damaged and invented frames, as the kernel may join them. */
  #attackSeal(): void {
    const victim = this.#random.pick(this.#members);
    const parts = Array.from({ length: 1 + this.#random.below(3) }, () => this.#forgedPart());
    const bytes = Buffer.concat(parts);
    // The last byte of the sender in the envelope: its own address gets a forger further.
    const claimed = ids.find((id) => id === bytes[13]) ?? this.#random.pick(ids);
    const source = { address: addressOf(claimed), nowMs: ms(this.#nowMs) };
    for (const frame of victim.seal.frames(bytes)) {
      const verdict = victim.seal.open(frame, source);
      const authentic = this.#datagrams.some((datagram) => datagram.equals(frame));
      if (verdict.type === "opened" && !authentic) throw new Error("a damaged frame was opened");
      this.#count(`seal: ${verdict.type === "dropped" ? verdict.cause : verdict.type}`);
    }
  }

  #forgedPart(): Buffer {
    if (this.#datagrams.length === 0 || this.#random.chance(0.2)) return randomBytes(this.#random);
    const original = this.#random.pick(this.#datagrams);
    return this.#random.chance(0.2) ? original : mutated(original, this.#random);
  }

  #attackRing(): void {
    const victim = this.#random.pick(this.#members);
    const captured = this.#captured.length > 0 ? this.#random.pick(this.#captured) : null;
    const kind =
      captured === null || this.#random.chance(0.1) ? this.#random.below(9) : captured.kind;
    const payload =
      captured === null || this.#random.chance(0.1)
        ? randomBytes(this.#random)
        : mutated(captured.payload, this.#random);
    const decoded = decodeMessage(kind, payload);
    this.#count(`codec: ${decoded.ok ? "accepted" : decoded.problem.type}`);
    if (!decoded.ok) return;
    this.#deceive(victim, decoded.value);
  }

  #lieToRing(): void {
    const victim = this.#random.pick(this.#members);
    const { ring: installed, members, counters, state } = victim.ring.snapshot();
    // The ring being formed: its representative is the lowest of whoever takes part.
    const forming = { rep: this.#random.pick(ids), seq: counters["ring seq"] ?? 1 };
    const ring = state !== "operational" && this.#random.chance(0.6) ? forming : installed;
    const ground = { ring, members, nodes: ids, high: counters["high seq"] ?? 0 };
    const message = lie(this.#random, ground);
    const decoded = decodeMessage(frameKinds[message.type], encodeMessage(message));
    this.#count(`lies: ${decoded.ok ? "accepted" : decoded.problem.type}`);
    if (decoded.ok) this.#deceive(victim, decoded.value);
  }

  #deceive(victim: Member, message: RingMessage): void {
    const { state } = victim.ring.snapshot();
    this.#count(`ring attacked in ${state}: ${message.type}`);
    this.#deceived = true;
    // A node takes nothing from itself but what it has sent.
    const from = this.#random.pick(ids.filter((id) => id !== victim.id));
    const frame = { type: "frame", from, incarnation: incarnation(1000 + from) } as const;
    this.#step(victim, { ...frame, message });
  }

  /** The cluster's own life: a datagram arrives, a timer comes due, somebody sends. */
  #goOn(): void {
    if (this.#attacking && this.#random.chance(0.1)) {
      const payload = Buffer.alloc(this.#random.below(3000), 7);
      const member = this.#random.pick(this.#members);
      this.#step(member, { type: "submit", lane: "app", payload, safe: this.#random.chance(0.5) });
    } else if (this.#flying.length > 0) {
      const datagram = this.#flying.shift();
      if (datagram !== undefined && !this.#random.chance(0.01)) this.#arrive(datagram);
    } else {
      const lone = this.#lone.shift();
      if (lone === undefined) this.#nextTimer();
      else this.#step(lone.member, ownFrame(lone.member.id, lone.message));
    }
  }

  #arrive({ to, from, bytes }: Datagram): void {
    const member = this.#members.find(({ id }) => id === to);
    if (member === undefined) return;
    const verdict = member.seal.open(bytes, { address: addressOf(from), nowMs: ms(this.#nowMs) });
    if (verdict.type !== "opened") {
      if (verdict.reply !== null) this.#fly(member.id, from, verdict.reply.frame);
      return;
    }
    const { kind, payload, incarnation: life } = verdict;
    this.#captured.push({ kind, payload });
    if (this.#captured.length > capturedMax) this.#captured.shift();
    const decoded = decodeMessage(kind, payload);
    if (!decoded.ok) {
      // What a deceived ring says may be nonsense, which its peers then have to survive.
      this.#count(`frames refused of a deceived ring: ${decoded.problem.type}`);
      if (!this.#deceived) throw new Error(`own frame refused: ${JSON.stringify(decoded.problem)}`);
      return;
    }
    this.#step(member, { type: "frame", from, incarnation: life, message: decoded.value });
  }

  #nextTimer(): void {
    let first: {
      readonly member: Member;
      readonly timer: RingTimer;
      readonly atMs: number;
    } | null = null;
    for (const member of this.#members) {
      for (const [timer, atMs] of member.timers) {
        if (first === null || atMs < first.atMs) first = { member, timer, atMs };
      }
    }
    if (first === null) return;
    this.#nowMs = Math.max(this.#nowMs, first.atMs);
    first.member.timers.delete(first.timer);
    this.#step(first.member, { type: "timer", timer: first.timer });
  }

  #step(member: Member, input: RingInput): void {
    const inputs = [input];
    for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) {
      for (const output of member.ring.step(next)) {
        const own = this.#perform(member, output);
        if (own !== null) inputs.push(own);
      }
    }
  }

  /** The input that follows at once, or null. */
  #perform(member: Member, output: RingOutput): RingInput | null {
    switch (output.type) {
      case "multicast":
        for (const id of ids) if (id !== member.id) this.#send(member, id, output.message);
        return ownFrame(member.id, output.message);
      case "unicast":
        if (output.to !== member.id) this.#send(member, output.to, output.message);
        else if (output.message.type !== "token") return ownFrame(member.id, output.message);
        // Later, so that others get their turn.
        else this.#lone.push({ member, message: output.message });
        return null;
      case "arm":
        member.timers.set(output.timer, this.#nowMs + output.afterMs);
        return null;
      case "disarm":
        member.timers.delete(output.timer);
        return null;
      case "persist":
        return { type: "persisted", ringSeq: output.ringSeq };
      case "configuration": {
        const { kind, ring } = output.configuration;
        return kind === "regular" ? { type: "sync-done", ring } : null;
      }
      default:
        return null;
    }
  }

  #send(member: Member, to: NodeId, message: RingMessage): void {
    const frame = member.seal.seal(frameKinds[message.type], encodeMessage(message));
    this.#fly(member.id, to, frame);
  }

  #fly(from: NodeId, to: NodeId, frame: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(frame);
    this.#flying.push({ to, from, bytes });
    this.#datagrams.push(bytes);
    if (this.#datagrams.length > capturedMax) this.#datagrams.shift();
  }

  #count(what: string): void {
    this.tally.set(what, (this.tally.get(what) ?? 0) + 1);
  }
}

function ownFrame(from: NodeId, message: RingMessage): RingInput {
  return { type: "frame", from, incarnation: incarnation(1000 + from), message };
}

function held(member: Member): number {
  return member.ring.snapshot().counters["held messages"] ?? 0;
}

function addressOf(id: NodeId): string {
  return `10.0.0.${id}`;
}
