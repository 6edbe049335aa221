/** Timers and limits of simulated rings. */
import type { RingOptions } from "../../src/membership/ring-events.ts";
import type { NodeId } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import type { RingThreadOptions } from "../../src/ring-thread/ring-port.ts";
import { sampleConf } from "./sample-conf.ts";

export type Tuning = Partial<
  Omit<RingOptions, "self" | "incarnation" | "nodes" | "ringSeqStart" | "ringSeqDurable" | "wallMs">
>;

/** The defaults of a cluster: token 1000 ms, consensus 1.2 times that. */
export const tuningDefaults = {
  tokenMs: ms(1000),
  tokenRetransmitMs: ms(238),
  holdMs: ms(180),
  joinMs: ms(50),
  consensusMs: ms(1200),
  mergeMs: ms(200),
  failRecvMs: ms(2000),
  seqnoUnchangedVisits: 30,
  missCountVisits: 5,
  windowFrames: 50,
  maxFramesPerVisit: 17,
  widens: true,
  chunkRoomBytes: 1362,
  configHash: 7,
};

/** What a simulated ring thread is started with. */
export function ringOptionsOf(
  self: NodeId,
  nodes: readonly NodeId[],
  tuning: Tuning = {},
): RingThreadOptions {
  const { name, clusterId, totem, fencing } = sampleConf();
  const { configHash, ...timers } = { ...tuningDefaults, ...tuning };
  return {
    clusterName: name,
    clusterId,
    self,
    nodes: nodes.map((id) => ({ id, address: `20.0.20.${id}` })),
    totem: { ...totem, ...timers },
    configHash,
    stateDirectory: "/var/lib/clusterd",
    leaseMs: fencing.leaseMs,
    safeWaitMs: fencing.safeWaitMs,
    realtime: false,
    nativeCalls: false,
  };
}
