/**
 * The real ring thread of every node over a hostile network, on virtual time.
 */
import { instancesMax } from "../../src/io/frames/peer-lives.ts";
import type { NodeId } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import { ownAddress } from "../../src/ring-thread/ring-assembly.ts";
import type { RingThread } from "../../src/ring-thread/ring-thread-start.ts";
import { clonePlaces, type Membership, type OnOutputs } from "./membership.ts";
import type { RingNetwork } from "./ring-network.ts";
import { ringOptionsOf } from "./ring-tuning.ts";
import { sampleConf } from "./sample-conf.ts";
import { VirtualLan } from "./virtual-lan.ts";
import type { VirtualProcess } from "./virtual-process.ts";
import { startVirtualRing, VirtualStore } from "./virtual-ring-thread.ts";
import type { Timeline, VirtualTime } from "./virtual-time.ts";

const writeMs = 10;
const usualSafeWaitMs = sampleConf().fencing.safeWaitMs;

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
  readonly #lan: VirtualLan;
  readonly #stores = new Map<NodeId, VirtualStore>();
  readonly #safeWaitMs: number;
  #instances = 0;

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
    this.#lan = new VirtualLan(time, network);
  }

  start(place: NodeId, process: VirtualProcess, onOutputs: OnOutputs): RingThread {
    const self = this.#nodes.find((node) => node === place % clonePlaces) ?? place;
    const time = this.#clocks.get(self) ?? this.#time;
    this.#instances += 1;
    const parts = {
      options: { ...ringOptionsOf(self, this.#nodes), safeWaitMs: ms(this.#safeWaitMs) },
      place,
      time,
      process,
      lan: this.#lan,
      store: this.#storeOf(place, self),
      instance: this.#instances % instancesMax,
    };
    return startVirtualRing(parts, onOutputs);
  }

  crash(place: NodeId): void {
    this.#lan.detach(place);
  }

  certify(place: NodeId, certificate: Uint8Array): void {
    const self = this.#nodes.find((node) => node === place % clonePlaces) ?? place;
    const options = ringOptionsOf(self, this.#nodes);
    for (const { id, address } of options.nodes) {
      if (id !== self)
        this.#lan.sendAside({ place, address: ownAddress(options) }, address, certificate);
    }
  }

  connect(groups: readonly (readonly NodeId[])[]): void {
    this.network.heal();
    const places = groups.map((group): readonly number[] => group);
    const clones = this.#nodes.map((node) => node + clonePlaces);
    this.network.partition(...places.slice(0, -1), [...(places.at(-1) ?? []), ...clones]);
  }

  pause(): void {}

  resume(): void {}

  /** A copy begins with the state of the machine that was copied. */
  #storeOf(place: NodeId, self: NodeId): VirtualStore {
    const known = this.#stores.get(place);
    if (known !== undefined) return known;
    const record = this.#stores.get(self)?.record ?? null;
    const store = new VirtualStore(this.#time, { writeMs: () => writeMs, record });
    this.#stores.set(place, store);
    return store;
  }
}
