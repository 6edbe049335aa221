/**
 * How long the parts of a start take on this node, for the record of a failover. Nothing is decided
 * by it. Its caller says what time it is before each step of a call.
 */
import type { AgentCall } from "../../model/agent-orders.ts";
import type { ResourceConf, ServiceConf } from "../../model/conf.ts";
import type { StartPart } from "../../model/failover-times.ts";
import { brokerScripts } from "../tree/broker-scripts.ts";
import { heldAddress } from "../tree/held-resources.ts";

export class StartTimes {
  /** The monotonic clock. */
  nowMs = 0;
  #tree: ResourceConf | null = null;
  #promoting: ReadonlySet<ResourceConf> = new Set();
  #tookMs = new Map<string, number>();

  /** The start of the service begins. */
  begin(conf: ServiceConf): void {
    const scripts = brokerScripts(conf).filter(({ promotes }) => promotes);
    this.#tree = conf.tree;
    this.#promoting = new Set(scripts.map(({ resource }) => resource));
    this.#tookMs = new Map();
  }

  /** The call, with the time that it takes added to the part of the resource. */
  *measure(resource: ResourceConf, call: AgentCall): AgentCall {
    const beganMs = this.nowMs;
    const verdict = yield* call;
    // Nothing is done for the root, which is the service itself.
    if (resource === this.#tree) return verdict;
    const part = this.#partOf(resource);
    this.#tookMs.set(part, (this.#tookMs.get(part) ?? 0) + this.nowMs - beganMs);
    return verdict;
  }

  /** The parts of the last start, in the order in which they were begun. */
  get parts(): readonly StartPart[] {
    return [...this.#tookMs].map(([part, took]) => ({ part, ms: Math.round(took) }));
  }

  #partOf(resource: ResourceConf): string {
    if (this.#promoting.has(resource)) return "promoted";
    return heldAddress(resource) === null ? resource.type : "address";
  }
}
