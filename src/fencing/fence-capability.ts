/**
 * How each node can be fenced, as the conf says: by its devices, by the end of its own lease, or
 * not at all.
 * Source: cluster.conf(5): clusternode/fence, fence_daemon/self_fence.
 * Tested in: test/fencing/fence-domain.test.ts
 */
import type { ClusterConf, FencingConf, NodeConf } from "../model/conf.ts";
import type { NodeId } from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";
import type { Ms } from "../model/time.ts";
import { FenceRound } from "./fence-round.ts";

export class FenceCapability {
  readonly #conf: ClusterConf;

  constructor(conf: ClusterConf) {
    this.#conf = conf;
  }

  get fencing(): FencingConf {
    return this.#conf.fencing;
  }

  /** `grown`: a node has joined. Null: for ever. */
  delayMs(grown: boolean): Ms | null {
    const { postJoinDelayMs, postFailDelayMs } = this.fencing;
    return grown ? postJoinDelayMs : postFailDelayMs;
  }

  nodeConf(id: NodeId): NodeConf {
    const found = this.#conf.nodes.find((node) => node.id === id);
    invariant(found !== undefined, `no configuration of node ${id}`);
    return found;
  }

  name(id: NodeId): string {
    return this.nodeConf(id).name;
  }

  hasDevices(id: NodeId): boolean {
    return this.nodeConf(id).fenceMethods.length > 0;
  }

  fencesItself(id: NodeId): boolean {
    if (this.#asksForSelfFencing) return true;
    const auto = this.#conf.fencing.selfFence === "auto";
    return auto && !this.hasDevices(id) && !this.#conf.quorum.twoNode;
  }

  get #asksForSelfFencing(): boolean {
    const { selfFence } = this.#conf.fencing;
    return selfFence === "software" || selfFence === "watchdog";
  }

  /** A loss of the node is followed by the safe wait alone; `grown` as in `delayMs`. */
  awaitsLease(id: NodeId, grown: boolean): boolean {
    return !this.hasDevices(id) && this.fencesItself(id) && this.delayMs(grown) !== null;
  }

  /**
   * A round against the node, which ends with self-fencing where the conf asks for that; null:
   * there is nothing to run.
   */
  round(id: NodeId): FenceRound | null {
    if (!this.hasDevices(id) && !this.#asksForSelfFencing) return null;
    return new FenceRound(this.nodeConf(id), { selfLast: this.#asksForSelfFencing });
  }

  fenceable(id: NodeId): boolean {
    return this.hasDevices(id) || this.fencesItself(id);
  }

  /** Nodes that must be seen or fenced before a new history may do without them. */
  unseen(): readonly NodeId[] {
    const { cleanStart, skipUndefined } = this.#conf.fencing;
    return this.#conf.nodes
      .map(({ id }) => id)
      .filter((node) => !cleanStart && (!skipUndefined || this.fenceable(node)));
  }

  /** What has to happen before the node counts as fenced, in words. */
  describe(id: NodeId): string {
    if (this.hasDevices(id)) return "waiting for its fence devices";
    if (this.fencesItself(id)) return "waiting for its lease to end";
    return "cannot be fenced: no device, and no self-fencing; start it again";
  }
}
