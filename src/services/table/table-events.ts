/**
 * What goes into and comes out of the replicated service table (service-table.ts).
 * Tested in: test/services/placement-cases.test.ts
 */
import type { ClusterConf } from "../../model/conf.ts";
import type { OffProof } from "../../model/failover-times.ts";
import type { NodeId, ServiceName } from "../../model/ids.ts";
import type { RequestOutcome } from "../../model/request-outcome.ts";
import type { ServiceMessage } from "./service-messages.ts";
import type {
  AdoptOrder,
  OperationAbort,
  OperationOrder,
  RequestRef,
  ServiceRecord,
} from "./service-state.ts";

export type TableInput =
  /** A quorate membership whose members have exchanged their states. */
  | {
      readonly type: "membership";
      readonly members: readonly { readonly node: NodeId; readonly life: number }[];
      /** Members that have kept this history; the others begin a new life. */
      readonly continuing: readonly NodeId[];
      /** Members whose id another machine had before, on which something may still run. */
      readonly moved: readonly NodeId[];
    }
  | { readonly type: "message"; readonly message: ServiceMessage }
  /** The node was fenced or is proven clean: it runs nothing. `how` says how that is known. */
  | {
      readonly type: "fenced";
      readonly node: NodeId;
      readonly how: OffProof;
      /** A device has switched it off; otherwise it is presumed to be off. */
      readonly verified: boolean;
      /** Milliseconds since 1970 by the clock of the node that fenced it. */
      readonly atMs: number;
    };

export type TableNotice = {
  readonly type: "notice";
  readonly level: "info" | "notice" | "warning" | "err" | "crit" | "alert";
  readonly text: string;
};

/** What becomes of services, for those who measure it. Nothing follows from it. */
export type TableProgress =
  /** The state, the owner or the operation of the service is another one now. */
  | { readonly type: "moved-on"; readonly record: ServiceRecord }
  /** Of each membership: the nodes without which nothing is done with the services they hold. */
  | { readonly type: "awaited"; readonly holders: readonly AwaitedHolder[] }
  /** The node is known to run nothing, or nothing of these services (null: of any). */
  | {
      readonly type: "off";
      readonly node: NodeId;
      readonly services: readonly ServiceName[] | null;
      readonly how: OffProof;
    };

export function isProgress({ type }: TableOutput): boolean {
  return type === "moved-on" || type === "awaited" || type === "off";
}

export type AwaitedHolder = {
  readonly node: NodeId;
  /** It was lost in an earlier membership. */
  readonly before: boolean;
  /** What it holds, without the services that a user had asked to stop. */
  readonly services: readonly ServiceName[];
};

export type TableOutput =
  | TableProgress
  | OperationOrder
  | OperationAbort
  | AdoptOrder
  | { readonly type: "reply"; readonly ref: RequestRef; readonly outcome: RequestOutcome }
  /** Every member examines the proposed conf and then votes. */
  | {
      readonly type: "examine";
      readonly version: number;
      readonly hash: string;
      readonly text: string;
    }
  /** The next conf, with which operations on `gone` parts compare the present one. */
  | { readonly type: "prepare"; readonly conf: ClusterConf }
  /** This conf is in force now; the services in `clean` are to be stopped once. */
  | {
      readonly type: "switch";
      readonly conf: ClusterConf;
      readonly hash: string;
      readonly text: string;
      readonly clean: readonly ServiceName[];
    }
  /** The broker of this node is primary beside another one, or after its service has gone. */
  | { readonly type: "kill-broker"; readonly node: NodeId; readonly why: string }
  /** A service is to move to the broker of this node, which must be asked now (`broker-looked`). */
  | {
      readonly type: "look-at-broker";
      readonly node: NodeId;
      readonly life: number;
      readonly move: number;
    }
  /** The leaving node runs nothing any more and may go. */
  | { readonly type: "departure-granted"; readonly node: NodeId }
  /** Every member leaves, as if its own operator had asked for it. */
  | { readonly type: "leave-all" }
  | TableNotice;
