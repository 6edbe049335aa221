/**
 * Puts a ring together from its options: seal, codec, ring and the loop that drives them, over
 * ports that are open. The ring thread and the simulator use it.
 * Tested in: test/ring-thread/ring-thread.test.ts, test/sim/ring.test.ts
 */
import type { CipherSource } from "../io/frames/frame-cipher.ts";
import { clusterTag, headerBytes, tagBytes } from "../io/frames/frame-header.ts";
import { SealedFrames } from "../io/frames/frame-seal.ts";
import type { Clock, Store, StoredLife, Transport } from "../io/ports.ts";
import type { RingOptions } from "../membership/ring-events.ts";
import { decodeMessage, encodeMessage } from "../membership/wire.ts";
import { parseAddress } from "../model/numeric-address.ts";
import type { Ms } from "../model/time.ts";
import { RingDriver } from "./ring-driver.ts";
import type { RingMachine } from "./ring-driver-parts.ts";
import type { PostBatch } from "./ring-output-batch.ts";
import type { RingThreadOptions } from "./ring-port.ts";

/**
 * A frame leaves room for the envelope, and for twice the largest header of an ordered frame, since
 * a recovery copy has two.
 */
const envelopeBytes = headerBytes + tagBytes;
const ipv4HeaderBytes = 28;
const ipv6HeaderBytes = 48;
const orderedHeaderBytes = 32;

export type RingParts = {
  readonly options: RingThreadOptions;
  readonly life: StoredLife;
  /** Wall clock. */
  readonly wallMs: Ms;
  readonly ciphers: CipherSource;
  /** Distinguishes processes with the same incarnation; below `instancesMax`. */
  readonly instance: number;
};

export type RingPorts = {
  readonly clock: Clock;
  /** It is open, and what it receives goes to `RingDriver.datagram`. */
  readonly transport: Transport;
  readonly store: Store;
  readonly makeRing: (options: RingOptions) => RingMachine;
  readonly post: PostBatch;
  readonly onEnd: () => void;
};

/** Returns a driver that is not started yet. */
export function assembleRing(parts: RingParts, { makeRing, ...ports }: RingPorts): RingDriver {
  const { options, life, wallMs, ciphers, instance } = parts;
  const { incarnation } = life;
  const seal = new SealedFrames({
    clusterTag: clusterTag(options.clusterName, options.clusterId),
    self: options.self,
    incarnation,
    nodes: options.nodes,
    sealed: options.totem.secauth,
    ciphers,
    instance,
    safeWaitMs: options.safeWaitMs,
  });
  const ring = makeRing(ringOptions(options, life, wallMs));
  const codec = { encode: encodeMessage, decode: decodeMessage };
  const { tokenMs, consensusMs, transport: kind, multicast } = options.totem;
  const group = kind === "udp" ? multicast.address : null;
  const lengths = { packetBytesMax: options.totem.netmtuBytes, ipBytes: ipBytesOf(options) };
  const timing = { incarnation, tokenMs, consensusMs };
  return new RingDriver(
    { ...options, ...timing, ...lengths, group },
    { ...ports, seal, codec, ring },
  );
}

/** The numeric address of this node. */
export function ownAddress({ nodes, self }: RingThreadOptions): string {
  return nodes.find(({ id }) => id === self)?.address ?? "";
}

/** Headers of IP and UDP. */
function ipBytesOf(options: RingThreadOptions): number {
  const { family } = parseAddress(ownAddress(options)) ?? { family: "ipv4" };
  return family === "ipv6" ? ipv6HeaderBytes : ipv4HeaderBytes;
}

function ringOptions(options: RingThreadOptions, life: StoredLife, wallMs: Ms): RingOptions {
  const { totem, self, nodes, configHash } = options;
  return {
    ...totem,
    self,
    incarnation: life.incarnation,
    nodes: nodes.map(({ id }) => id),
    chunkRoomBytes: totem.netmtuBytes - ipBytesOf(options) - envelopeBytes - 2 * orderedHeaderBytes,
    ringSeqStart: life.ringSeqStart,
    ringSeqDurable: life.ringSeqDurable,
    wallMs,
    configHash,
  };
}
