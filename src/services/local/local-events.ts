/**
 * What goes into and comes out of the services of one node (local-services.ts).
 * Tested in: test/services/local-services.test.ts
 */
import type { AgentOrder, AgentReport } from "../../model/agent-orders.ts";
import type { ClusterConf } from "../../model/conf.ts";
import type { ServiceName } from "../../model/ids.ts";
import type { OperationAbort, OperationOrder } from "../table/service-state.ts";

export type LocalInput =
  | OperationOrder
  | OperationAbort
  | { readonly type: "report"; readonly action: number; readonly report: AgentReport }
  /** The scan period is over. Nobody acts on a check of a frozen service, so there is none. */
  | { readonly type: "poll"; readonly frozen: readonly ServiceName[] }
  /** Something happened on this machine: check everything now. */
  | {
      readonly type: "check-now";
      readonly why: string;
      /** Null: all of them. */
      readonly service: ServiceName | null;
      readonly frozen: readonly ServiceName[];
    }
  /** The next configuration, by which operations on parts that are gone compare. */
  | { readonly type: "prepare"; readonly conf: ClusterConf }
  /** From here on this is the configuration; what is new is to be stopped once. */
  | {
      readonly type: "reconfigure";
      readonly conf: ClusterConf;
      readonly clean: readonly ServiceName[];
    }
  /** What follows belongs to a new life, perhaps of another history with its own numbers. */
  | { readonly type: "new-life" }
  /**
   * Stop everything by its agents, then make sure. `nothingLeft`: it was verified beforehand that
   * no process and no address of any service is here.
   */
  | { readonly type: "clean-up"; readonly nothingLeft?: boolean }
  /** The same without quorum: what only this node may run, and is started, goes on. */
  | { readonly type: "stand-down" }
  /** The table has what went on as started by this operation. */
  | { readonly type: "adopt"; readonly service: ServiceName; readonly startOp: number }
  /** Kill everything, without agents, and make sure. */
  | { readonly type: "kill" }
  /** The clean-up goes on with the next services. */
  | { readonly type: "continue" };

/** `declined`: a start has failed, and nothing of it has been at work. */
export type OperationOutcome = "ok" | "failed" | "declined";

export type LocalOutput =
  | {
      readonly type: "act";
      readonly action: number;
      readonly service: ServiceName;
      readonly order: AgentOrder;
    }
  /** The report of this action is not wanted any more; end its process. */
  | { readonly type: "cancel"; readonly action: number }
  | {
      readonly type: "result";
      readonly op: number;
      readonly outcome: OperationOutcome;
      /** Non-critical parts of the service are left out now. */
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
  /** What was new with the configuration of that version has been stopped once. */
  | { readonly type: "initialised"; readonly version: number }
  /** Nothing of any service is left on this node but what goes on without quorum. */
  | { readonly type: "clean" }
  | {
      readonly type: "notice";
      readonly level: "info" | "notice" | "warning";
      readonly text: string;
    };
