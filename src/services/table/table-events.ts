/**
 * What goes into and comes out of the replicated service table (service-table.ts).
 * Tested in: test/services/placement-cases.test.ts
 */
import type { ClusterConf } from "../../model/conf.ts";
import type { NodeId, ServiceName } from "../../model/ids.ts";
import type { RequestOutcome } from "../../model/request-outcome.ts";
import type { ServiceMessage } from "./service-messages.ts";
import type { AdoptOrder, OperationAbort, OperationOrder, RequestRef } from "./service-state.ts";

export type TableInput =
  /** A quorate configuration whose members have exchanged their state. */
  | {
      readonly type: "view";
      readonly members: readonly { readonly node: NodeId; readonly life: number }[];
      /** Members whose history is this table's; the others have lost theirs. */
      readonly continuing: readonly NodeId[];
      /** Members that were on other machines before, where something may run. */
      readonly moved: readonly NodeId[];
    }
  | { readonly type: "message"; readonly message: ServiceMessage }
  /** The node runs nothing any more; `text` says how that is known. */
  | {
      readonly type: "fenced";
      readonly node: NodeId;
      readonly text: string;
      /** Milliseconds since 1970, as whoever fenced it says. */
      readonly atMs: number;
    };

export type TableNotice = {
  readonly type: "notice";
  readonly level: "info" | "notice" | "warning" | "err" | "crit" | "alert";
  readonly text: string;
};

export type TableOutput =
  | OperationOrder
  | OperationAbort
  | AdoptOrder
  | { readonly type: "reply"; readonly ref: RequestRef; readonly outcome: RequestOutcome }
  /** To be judged by every member, who then says so. */
  | {
      readonly type: "examine";
      readonly version: number;
      readonly hash: string;
      readonly text: string;
    }
  /** Operations on parts that are gone are by comparison with this configuration. */
  | { readonly type: "prepare"; readonly conf: ClusterConf }
  /** From here on this is the configuration; `clean`: to be stopped once on this node. */
  | {
      readonly type: "switch";
      readonly conf: ClusterConf;
      readonly hash: string;
      readonly text: string;
      readonly clean: readonly ServiceName[];
    }
  /** The leaving node runs nothing any more and may go. */
  | { readonly type: "departure-granted"; readonly node: NodeId }
  | TableNotice;
