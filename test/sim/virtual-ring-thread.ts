/**
 * The ring thread of a simulated process: the real assembly of seal, ring and driver, over a
 * simulated network and disk. Messages between the threads take a turn of the event loop.
 */

import { nextLife, type RingRecord } from "../../src/io/files/ring-record.ts";
import { plainCiphers } from "../../src/io/frames/frame-cipher.ts";
import type { Store, StoredLife, StoreProblem } from "../../src/io/ports.ts";
import { Ring } from "../../src/membership/ring.ts";
import type { RingOptions } from "../../src/membership/ring-events.ts";
import type { NodeId } from "../../src/model/ids.ts";
import { accept, type Result, refuse } from "../../src/model/outcome.ts";
import type { Ms } from "../../src/model/time.ts";
import { assembleRing, ownAddress } from "../../src/ring-thread/ring-assembly.ts";
import type { RingDriver } from "../../src/ring-thread/ring-driver.ts";
import type { RingMachine } from "../../src/ring-thread/ring-driver-parts.ts";
import type { RingThreadOptions } from "../../src/ring-thread/ring-port.ts";
import type { RingThread } from "../../src/ring-thread/ring-thread-start.ts";
import type { OnOutputs } from "./membership.ts";
import { type VirtualLan, VirtualTransport } from "./virtual-lan.ts";
import type { VirtualProcess, VirtualThread } from "./virtual-process.ts";
import { settled, VirtualPromise } from "./virtual-promise.ts";
import type { Timeline } from "./virtual-time.ts";

/** A pass of the thread's event loop: it does little, and does it soon. */
const passMs = 0.02;

export type VirtualRingParts = {
  readonly options: RingThreadOptions;
  readonly place: NodeId;
  /** The machine's own clock. */
  readonly time: Timeline;
  readonly process: VirtualProcess;
  readonly lan: VirtualLan;
  readonly store: VirtualStore;
  /** Tells processes of one incarnation from each other. */
  readonly instance: number;
  readonly makeRing?: (options: RingOptions) => RingMachine;
};

/** What runs in the thread. */
export type VirtualRing = {
  readonly thread: VirtualThread;
  readonly driver: RingDriver;
  readonly life: StoredLife;
};

/** `post`: what the ring thread says to the main thread. */
export function assembleVirtualRing(parts: VirtualRingParts, post: OnOutputs): VirtualRing {
  const { options, place, process, lan, store, instance } = parts;
  const { makeRing = (given: RingOptions) => new Ring(given) } = parts;
  const thread = process.startThread(passMs);
  const { clock } = thread;
  const life = store.begin(clock.wallMs());
  const transport = new VirtualTransport({
    ...{ lan, place, thread, address: ownAddress(options) },
    onDatagram: (...datagram) => driver.datagram(...datagram),
  });
  const driver: RingDriver = assembleRing(
    { options, life, wallMs: clock.wallMs(), ciphers: plainCiphers(), instance },
    {
      ...{ clock, transport, makeRing, post },
      store: store.of(thread),
      onEnd: () => thread.end(),
    },
  );
  return { thread, driver, life };
}

/** The main thread's end, too. */
export function startVirtualRing(parts: VirtualRingParts, onOutputs: OnOutputs): RingThread {
  const { place, time, process, lan } = parts;
  let killed = false;
  const { thread, driver } = assembleVirtualRing(parts, (batch) => {
    const pass = () => killed || onOutputs(batch);
    const seen = batch.some(({ type }) => type !== "heartbeat" && type !== "lease");
    time.after(0, () => (seen ? process.enter(pass) : process.enterUnseen(pass)));
  });
  const call = (act: () => void) => time.after(0, () => thread.enter(act));
  call(() => driver.start("default"));
  return {
    post: (input) => {
      // Nobody looks at the figures of the ring, and they cost a tenth of a run.
      if (input.type !== "snapshot") call(() => driver.input(input));
    },
    kill: () => {
      killed = true;
      thread.end();
      lan.detach(place);
      return settled(undefined);
    },
    gone: Promise.resolve(),
  };
}

/** The state directory of a machine, as far as the ring has something in it. */
export class VirtualStore {
  readonly #time: Timeline;
  /** How long a write takes. */
  readonly #writeMs: () => number;
  record: RingRecord | null;

  constructor(
    time: Timeline,
    options: { readonly writeMs: () => number; readonly record: RingRecord | null },
  ) {
    this.#time = time;
    this.#writeMs = options.writeMs;
    this.record = options.record;
  }

  begin(wallMs: Ms): StoredLife {
    const life = nextLife(this.record, wallMs);
    if (life === null) throw new Error("no life follows");
    const { incarnation, ringSeqDurable: ringSeq } = life;
    this.record = { incarnation, ringSeq };
    return life;
  }

  /** The port of a thread. */
  of(thread: VirtualThread): Store {
    return {
      beginLife: (wallMs) => Promise.resolve(accept(this.begin(wallMs))),
      raiseRingSeq: (bound) => this.#raise(thread, bound),
      trackingToken: () => Promise.resolve(refuse(noToken)),
    };
  }

  #raise(thread: VirtualThread, bound: number): PromiseLike<Result<number, StoreProblem>> {
    const { record } = this;
    if (record !== null && bound <= record.ringSeq) return settled(accept(record.ringSeq));
    const raised = new VirtualPromise<Result<number, StoreProblem>>();
    this.#time.after(this.#writeMs(), () => {
      thread.enter(() => {
        const incarnation = this.record?.incarnation ?? 0;
        this.record = { incarnation, ringSeq: Math.max(bound, this.record?.ringSeq ?? 0) };
        raised.settle(accept(this.record.ringSeq));
      });
    });
    return raised;
  }
}

const noToken: StoreProblem = {
  type: "unreadable",
  path: "tracking-token",
  cause: "not simulated",
};
