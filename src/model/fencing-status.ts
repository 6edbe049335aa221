/**
 * The data that the fence commands show: the fence domain, and how each node is fenced.
 * The daemon produces it and the control socket carries it. Times are seconds since 1970.
 * Tested in: test/cli/fence-commands.test.ts
 */

export type FencingStatus = {
  /** This node is in the fence domain: it is a member of a quorate cluster. */
  readonly joined: boolean;
  readonly localNode: number;
  /** Node id of the member that runs the fence agents; 0 when there is none. */
  readonly master: number;
  readonly waitState: WaitState;
  /** Node id of a victim whose fence agents are running; 0 when there is none. */
  readonly victimNow: number;
  readonly nodes: readonly NodeFencing[];
};

/** What fencing waits for: quorum, the state exchange, an agent or a lease. */
type WaitState = "none" | "quorum" | "messages" | "fencing";

export type NodeFencing = {
  readonly id: number;
  readonly name: string;
  readonly member: boolean;
  readonly victim: boolean;
  /** The last fencing: the node that did it (0: none), how, and when (0: never). */
  readonly lastMaster: number;
  readonly how: "none" | "agent" | "self" | "override" | "external" | "certificate";
  readonly at: number;
  /** In words: `clean`, `victim (lost), …`. */
  readonly state: string;
  /** In the order in which they are tried. */
  readonly methods: readonly MethodListing[];
  readonly unfence: readonly DeviceListing[];
};

/** The devices in the order in which their agents run; a device used twice is listed twice. */
export type MethodListing = { readonly name: string; readonly devices: readonly DeviceListing[] };

export type DeviceListing = {
  readonly device: string;
  readonly agent: string;
  /** The action that the agent gets; `default`: the agent's own default. */
  readonly action: string;
};
