/**
 * What goes into the fence domain and what comes out of it.
 * Source: fenced(8), made explicit as events.
 * Tested in: test/fencing/fence-domain.test.ts
 */
import type { ClusterConf } from "../model/conf.ts";
import type { NodeId, ServiceName } from "../model/ids.ts";
import type { Ms } from "../model/time.ts";
import type { FenceMessage } from "./fence-messages.ts";
import type { FenceOrder } from "./fence-round.ts";

/**
 * The node says that it runs nothing that another node could run. Whether it `hosts` services, and
 * which it has `kept`, is only passed on.
 */
export type ReadyNotice = {
  readonly node: NodeId;
  readonly life: number;
  readonly at: number;
  readonly hosts: boolean;
  readonly kept: readonly ServiceName[];
};

export type FenceInput =
  /** A quorate configuration; `silentMs`: how long ago any member last heard each node. */
  | {
      readonly type: "membership";
      readonly ringSeq: number;
      readonly members: readonly NodeId[];
      readonly silentMs: ReadonlyMap<NodeId, number>;
      /**
       * Members that are on another machine than before, or have another kernel, and how long ago
       * any member last heard them on the former one.
       */
      readonly movedMs: ReadonlyMap<NodeId, number>;
      /** A node has joined, or the members have become quorate: the longer delay applies. */
      readonly grown: boolean;
    }
  | { readonly type: "inquorate" }
  /** Another conf is in force on this node. */
  | { readonly type: "conf"; readonly conf: ClusterConf }
  | { readonly type: "message"; readonly message: FenceMessage }
  /** Delivered: the node is a member and runs nothing. */
  | { readonly type: "ready"; readonly ready: ReadyNotice }
  /** Delivered: the node has left cleanly. */
  | { readonly type: "left"; readonly node: NodeId }
  | { readonly type: "timer"; readonly node: NodeId; readonly wallSeconds: number }
  | {
      readonly type: "verdict";
      readonly node: NodeId;
      /** The number of the `run` that it answers. */
      readonly run: number;
      readonly outcome: "success" | "failure";
      readonly text: string;
      readonly wallSeconds: number;
    };

export type FenceOutput =
  | { readonly type: "submit"; readonly message: FenceMessage }
  | { readonly type: "arm"; readonly node: NodeId; readonly afterMs: Ms }
  | { readonly type: "disarm"; readonly node: NodeId }
  /** Run the agent; one `verdict` with the same number answers it. */
  | {
      readonly type: "run";
      readonly node: NodeId;
      readonly run: number;
      readonly order: FenceOrder;
    }
  /** `verified`: by a device that has switched it off. `at`: seconds since 1970. */
  | {
      readonly type: "fenced";
      readonly node: NodeId;
      readonly how: Extract<FenceMessage, { readonly type: "fence-done" }>["how"];
      readonly text: string;
      readonly verified: boolean;
      readonly at: number;
    }
  /** A `ready` that need not wait, or need not wait any longer. */
  | { readonly type: "ready"; readonly ready: ReadyNotice }
  | {
      readonly type: "notice";
      readonly level: "notice" | "warning" | "err" | "alert";
      readonly text: string;
    };
