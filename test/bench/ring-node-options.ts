/** What a ring thread of the benchmarks is told: the defaults of a cluster. */
import { clusterTag } from "../../src/io/frames/frame-header.ts";

const clusterName = "bench";
const clusterId = 3000;
export const ringPort = 5405;

export function benchTag(): number {
  return clusterTag(clusterName, clusterId);
}

export function ringNodeOptions(
  self: number,
  nodes: readonly number[],
  { transport, realtime }: { readonly transport: "udp" | "udpu"; readonly realtime: boolean },
): object {
  return {
    clusterName,
    clusterId,
    self,
    nodes: nodes.map((id) => ({ id, address: `20.0.20.${id}` })),
    totem: {
      transport,
      port: ringPort,
      multicast: { address: "239.192.11.184", ttl: 1 },
      ...{ tokenMs: 1000, tokenRetransmitMs: 238, holdMs: 180, joinMs: 50, consensusMs: 1200 },
      ...{ mergeMs: 200, failRecvMs: 2000, seqnoUnchangedVisits: 30, missCountVisits: 5 },
      ...{ windowFrames: 50, maxFramesPerVisit: 17, widens: true, netmtuBytes: 1500 },
      ...{ secauth: true, keyFile: null },
    },
    configHash: 1,
    stateDirectory: "/run/ring",
    leaseMs: 3200,
    realtime,
    nativeCalls: true,
  };
}
