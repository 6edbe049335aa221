/**
 * What the fence commands may show, as plain data: the fence domain, and how each node is fenced.
 * The daemon produces it, the control socket carries it. Times are seconds since 1970.
 * Tested in: test/cli/fence-commands.test.ts
 */

export type FencingStatus = {
  /** This node takes part: it is a member of a quorate cluster. */
  readonly joined: boolean;
  readonly localNode: number;
  /** Node id of the member that runs the agents; 0 when there is none. */
  readonly master: number;
  readonly waitState: WaitState;
  /** Node id of a victim whose agents are at work; 0 when there is none. */
  readonly victimNow: number;
  readonly nodes: readonly NodeFencing[];
};

/** What fencing waits for: a quorum, the exchange of states, an agent or a lease. */
type WaitState = "none" | "quorum" | "messages" | "fencing";

export type NodeFencing = {
  readonly id: number;
  readonly name: string;
  readonly member: boolean;
  readonly victim: boolean;
  /** Of the last fencing: who did it, 0 for nobody; how; and when, 0 for never. */
  readonly lastMaster: number;
  readonly how: "none" | "agent" | "self" | "override" | "external";
  readonly at: number;
  /** In words: `clean`, `victim (lost), …`. */
  readonly state: string;
  /** In the order in which they are tried. */
  readonly methods: readonly MethodListing[];
  readonly unfence: readonly DeviceListing[];
};

/** The devices in the order in which their agents run; one that is used twice is there twice. */
export type MethodListing = { readonly name: string; readonly devices: readonly DeviceListing[] };

export type DeviceListing = {
  readonly device: string;
  readonly agent: string;
  /** What the agent is told to do; `default` is up to the agent. */
  readonly action: string;
};
