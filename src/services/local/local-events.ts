/**
 * What goes into and comes out of the services of one node (local-services.ts).
 * Tested in: test/services/local-services.test.ts
 */
import type { AgentOrder, AgentReport } from "../../model/agent-orders.ts";
import type { ClusterConf } from "../../model/conf.ts";
import type { StartPart } from "../../model/failover-times.ts";
import type { ServiceName } from "../../model/ids.ts";
import type { OperationAbort, OperationOrder } from "../table/service-state.ts";

export type LocalInput =
  | OperationOrder
  | OperationAbort
  | { readonly type: "report"; readonly action: number; readonly report: AgentReport }
  /** The scan period is over. Frozen services are not checked. */
  | { readonly type: "poll"; readonly frozen: readonly ServiceName[] }
  /** Something happened on this machine: check everything now. */
  | {
      readonly type: "check-now";
      readonly why: string;
      /** Null: all services. */
      readonly service: ServiceName | null;
      readonly frozen: readonly ServiceName[];
    }
  /** The next configuration: a repair of `gone` parts stops what is not in it. */
  | { readonly type: "prepare"; readonly conf: ClusterConf }
  /** A new configuration is in force; the services in `clean` are to be stopped once (L5). */
  | {
      readonly type: "reconfigure";
      readonly conf: ClusterConf;
      readonly clean: readonly ServiceName[];
    }
  /** A new life of the node begins: operation numbers may start again. */
  | { readonly type: "new-life" }
  /**
   * Stop everything by its agents, then verify it. `nothingLeft`: it was verified beforehand that
   * no process and no address of any service is here.
   */
  | { readonly type: "clean-up"; readonly nothingLeft?: boolean }
  /** The same without quorum, except for started services that only this node may run. */
  | { readonly type: "stand-down" }
  /** A service that went on without quorum is in the table as started by this operation. */
  | { readonly type: "adopt"; readonly service: ServiceName; readonly startOp: number }
  /** Kill everything, without agents, and verify it. */
  | { readonly type: "kill" }
  /** The clean-up goes on with the next services. */
  | { readonly type: "continue" };

/** `declined`: a start has failed before the service did any work. */
export type OperationOutcome = "ok" | "failed" | "declined";

export type LocalOutput =
  | {
      readonly type: "act";
      readonly action: number;
      readonly service: ServiceName;
      readonly order: AgentOrder;
    }
  /** The report of this action is no longer awaited; end its process. */
  | { readonly type: "cancel"; readonly action: number }
  /** A start ends; its result follows. Only for the record of a failover. */
  | { readonly type: "start-took"; readonly op: number; readonly parts: readonly StartPart[] }
  | {
      readonly type: "result";
      readonly op: number;
      readonly outcome: OperationOutcome;
      /** The service goes on without some of its non-critical parts. */
      readonly partial: boolean;
      readonly text: string;
    }
  | {
      /** `part-failed`: what failed can be repaired by itself. */
      readonly type: "status-failed" | "part-failed";
      readonly service: ServiceName;
      readonly startOp: number;
      readonly text: string;
    }
  /**
   * The services that were new in this version of the configuration have been stopped once (L5).
   */
  | { readonly type: "initialised"; readonly version: number }
  /** Nothing of any service is left on this node, except services that go on without quorum. */
  | { readonly type: "clean" }
  | {
      readonly type: "notice";
      readonly level: "info" | "notice" | "warning";
      readonly text: string;
    };
