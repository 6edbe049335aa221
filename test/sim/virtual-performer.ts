/**
 * What performs the orders of a simulated node: the real performer and fence runs over the ports of
 * its virtual machine. Fence agents are programs of that machine, and what they do, to a peer or
 * for this node, is in the options of the cluster.
 */
import { OrderPerformer } from "../../src/life/order-performer.ts";
import type { ClusterConf } from "../../src/model/conf.ts";
import type { NodeId, ServiceName } from "../../src/model/ids.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import { Violation } from "./judges.ts";
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
  readonly onContested: (service: ServiceName, why: string) => void;
  /** The victim is switched off. */
  readonly onFenced: (victim: NodeId) => void;
};

/** Marks the processes of all agents, on every machine. */
export const virtualToken = "token";

const agentTakesMs = 20;

export function virtualPerformer(parts: PerformerParts): OrderPerformer {
  const { host, process } = parts;
  const devices = new FenceDevices(parts);
  const fenceAgent = (told: string) => devices.agent(told);
  return new OrderPerformer({
    clock: process.clock,
    processes: new VirtualProcesses({ host, process, fenceAgent, ...scriptJudge(parts.place) }),
    network: new VirtualNetwork(host, process, virtualToken),
    claims: new VirtualClaims(host, process),
    onClaimed: () => undefined,
    onContested: parts.onContested,
    trackingToken: virtualToken,
  });
}

/** Of the orders of one life: one script of a service at a time, and none that was cancelled. */
function scriptJudge(place: NodeId) {
  const busy = new Set<string>();
  return {
    onCancelled: (): void => {
      throw new Violation(`node ${place} begins what was cancelled before`);
    },
    onScript: (service: string, what: "begins" | "ends"): void => {
      if (what === "ends") busy.delete(service);
      else if (busy.has(service)) throw new Violation(`two scripts of ${service} on node ${place}`);
      else busy.add(service);
    },
  };
}

/** The fence devices as one node's agents see them. */
class FenceDevices {
  readonly #parts: PerformerParts;
  readonly #busy = new Set<string>();

  constructor(parts: PerformerParts) {
    this.#parts = parts;
  }

  /** `told`: lines of `name=value`; what a node tells of itself is its unfencing. */
  agent(told: string): VirtualProgram {
    const { conf, self, place, options, onFenced } = this.#parts;
    const name = /^nodename=(.*)$/m.exec(told)?.[1];
    const node = conf.nodes.find((one) => one.name === name);
    if (node === undefined) throw new Error(`no node ${name}`);
    if (node.id === self) {
      const end = (): number => (options.unfenceAgent?.(place) === "failure" ? 1 : 0);
      return { takesMs: agentTakesMs, end };
    }
    const takesMs = options.fenceTakesMs?.(node.id) ?? agentTakesMs;
    const end = (): number => {
      if (options.fenceAgent?.(node.id) !== "success") return 1;
      onFenced(node.id);
      return 0;
    };
    const named = /^ipaddr=(.*)$/m.exec(told)?.[1];
    if (named !== undefined) return { takesMs, end, onRun: (runs) => this.#onRun(named, runs) };
    const devices = new Set(
      node.fenceMethods.flatMap((method) => method.devices.map(({ device }) => device)),
    );
    const [device = "", ...others] = devices;
    if (others.length > 0) return { takesMs, end };
    return { takesMs, end, onRun: (runs) => this.#onRun(device, runs) };
  }

  /** It is known which device an agent works on if it is told, or if its victim has only one. */
  #onRun(device: string, runs: boolean): void {
    if (runs && this.#busy.has(device)) {
      throw new Violation(`two agents of node ${this.#parts.place} work on ${device} at a time`);
    }
    if (runs) this.#busy.add(device);
    else this.#busy.delete(device);
  }
}
