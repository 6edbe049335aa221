/**
 * What every dialect of agents is told of one call: the action, and where and for whom it is made.
 * Does not know which agent is called, nor how.
 * Tested in: test/services/external-agent.test.ts, test/services/systemd-agent.test.ts
 */
import type { NodeName, ServiceName } from "../../model/ids.ts";
import type { Patience } from "../../model/patient-order.ts";
import type { Ms } from "../../model/time.ts";

/** The last two are called where an agent lists them. */
export type AgentAction = "start" | "stop" | "status" | "recover" | "reconfig";

export type CallContext = {
  readonly service: ServiceName;
  readonly nodeName: NodeName;
  /** Marks every process of this node's services. */
  readonly trackingToken: string;
  /** Other running occurrences of the same resource on this node. */
  readonly otherInstances: number;
  /** Nodes that were known to run nothing when this was decided; a check knows of none. */
  readonly nodesOff: readonly NodeName[];
  readonly depth: number;
  /** Null: the agent's own last limit; time-outs of the original are hints. */
  readonly limitMs: Ms | null;
  /** Marks the processes of the resource. */
  readonly resource: string;
  /** When the machine has no room for the call. */
  readonly patience: Patience;
  /** What becomes of a stop that is over its limit: it is for the caller to kill everything. */
  readonly overdue: "ended-here" | "left-to-caller";
};

/** What all calls of one service have in common. */
export type WorkerContext = Pick<CallContext, "service" | "nodeName" | "trackingToken">;
