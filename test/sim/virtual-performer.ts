/**
 * What performs the orders of a simulated node: the real performer and fence runs over the ports of
 * its virtual machine. Fence agents are programs of that machine, and what they do, to a peer or for
 * this node, is in the options of the cluster.
 */
import { OrderPerformer } from "../../src/life/order-performer.ts";
import type { ClusterConf } from "../../src/model/conf.ts";
import type { NodeId } from "../../src/model/ids.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import type { VirtualHost } from "./virtual-host.ts";
import { VirtualClaims, VirtualNetwork } from "./virtual-network.ts";
import type { VirtualProcess } from "./virtual-process.ts";
import { VirtualProcesses, type VirtualProgram } from "./virtual-processes.ts";

export type PerformerParts = {
  readonly conf: ClusterConf;
  readonly self: NodeId;
  readonly place: NodeId;
  readonly host: VirtualHost;
  readonly process: VirtualProcess;
  readonly options: ClusterOptions;
  /** The victim is switched off. */
  readonly onFenced: (victim: NodeId) => void;
};

/** Marks the processes of all agents, on every machine. */
export const virtualToken = "token";

const agentTakesMs = 20;

export function virtualPerformer(parts: PerformerParts): OrderPerformer {
  const { host, process } = parts;
  return new OrderPerformer({
    clock: process.clock,
    processes: new VirtualProcesses({
      host,
      process,
      fenceAgent: (told) => fenceAgent(parts, told),
    }),
    network: new VirtualNetwork(host, process, virtualToken),
    claims: new VirtualClaims(host, process),
    onClaimed: () => undefined,
    trackingToken: virtualToken,
  });
}

/** `told`: lines of `name=value`; what a node tells of itself is its unfencing. */
function fenceAgent(parts: PerformerParts, told: string): VirtualProgram {
  const { conf, self, place, options, onFenced } = parts;
  const name = /^nodename=(.*)$/m.exec(told)?.[1];
  const node = conf.nodes.find((one) => one.name === name)?.id;
  if (node === undefined) throw new Error(`no node ${name}`);
  if (node === self) {
    const end = (): number => (options.unfenceAgent?.(place) === "failure" ? 1 : 0);
    return { takesMs: agentTakesMs, end };
  }
  return {
    takesMs: options.fenceTakesMs?.(node) ?? agentTakesMs,
    end: () => {
      if (options.fenceAgent?.(node) !== "success") return 1;
      onFenced(node);
      return 0;
    },
  };
}
