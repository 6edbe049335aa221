/**
 * The context of one call of an agent of any dialect: its service, resource, node and limits.
 * Tested in: test/services/external-agent.test.ts, test/services/systemd-agent.test.ts
 */

import type { RetryLimit } from "../../model/exhaustion-retry.ts";
import type { NodeName, ServiceName } from "../../model/ids.ts";
import type { Ms } from "../../model/time.ts";

/** `recover` and `reconfig` are called only if the agent's metadata list them. */
export type AgentAction = "start" | "stop" | "status" | "recover" | "reconfig";

export type CallContext = {
  readonly service: ServiceName;
  readonly nodeName: NodeName;
  /** Marks every process of this node's services. */
  readonly trackingToken: string;
  /** Other running occurrences of the same resource on this node. */
  readonly otherInstances: number;
  /** Nodes that were known to run nothing when the operation was decided; empty for a check. */
  readonly nodesOff: readonly NodeName[];
  /**
   * When the operation was decided, nobody had owned the service yet, or a node was off only since
   * its lease must have ended or an operator had said so: somebody may hold what the service needs.
   */
  readonly unproven: boolean;
  readonly depth: number;
  /** Null: the agent's own last limit, since rgmanager takes time-outs as hints. */
  readonly limitMs: Ms | null;
  /** Marks the processes of the resource. */
  readonly resource: string;
  /** How long the call is tried again while the machine has no room for it. */
  readonly retry: RetryLimit;
  /** Who deals with a stop that exceeds its limit: the agent (overdue-stop.ts), or the caller. */
  readonly overdue: "ended-here" | "left-to-caller";
};

/** The part of the context that all calls for one service share. */
export type WorkerContext = Pick<CallContext, "service" | "nodeName" | "trackingToken">;
