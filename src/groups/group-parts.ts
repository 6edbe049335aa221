/**
 * Parts of group messages → whole messages, separately for each sending node.
 * Tested in: test/groups/process-groups.test.ts
 * GROUP5  All parts of a message come from one ring: `reset` at each regular configuration.
 */
import type { GroupName, NodeId } from "../model/ids.ts";
import { groupLimits } from "./group-events.ts";
import type { GroupPart } from "./group-frames.ts";

export type WholeMessage = {
  readonly group: GroupName;
  readonly process: number;
  readonly payload: Uint8Array;
};

type Open = {
  readonly group: GroupName;
  readonly process: number;
  readonly message: number;
  readonly payloads: Uint8Array[];
  bytes: number;
};

export class GroupParts {
  readonly #open = new Map<NodeId, Open>();

  reset(): void {
    this.#open.clear();
  }

  /**
   * The message that the part completes; null: none. A part is ignored if an earlier one is
   * missing.
   */
  accept(from: NodeId, part: GroupPart): WholeMessage | null {
    const { group, process, message, payload } = part;
    if (group !== null && part.last) {
      this.#open.delete(from);
      return { group, process, payload };
    }
    const open =
      group === null
        ? this.#continued(from, part)
        : { group, process, message, payloads: [], bytes: 0 };
    this.#open.delete(from);
    if (open === null || open.bytes + payload.length > groupLimits.messageBytesMax) return null;
    open.payloads.push(payload);
    open.bytes += payload.length;
    if (part.last) {
      return { group: open.group, process: open.process, payload: Buffer.concat(open.payloads) };
    }
    this.#open.set(from, open);
    return null;
  }

  #continued(from: NodeId, part: GroupPart): Open | null {
    const open = this.#open.get(from);
    const next = open?.message === part.message && open.payloads.length === part.index;
    return open !== undefined && next ? open : null;
  }
}
