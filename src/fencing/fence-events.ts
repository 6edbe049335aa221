/**
 * What goes into and comes out of the fence domain. Carries no decision.
 * Source: fenced(8), made explicit as events.
 * Tested in: test/fencing/fence-domain.test.ts
 */
import type { NodeId, ServiceName } from "../model/ids.ts";
import type { Ms } from "../model/time.ts";
import type { FenceMessage } from "./fence-messages.ts";
import type { FenceOrder } from "./fence-round.ts";

/**
 * The node runs nothing that another one could run. Whether it `hosts` services, and which it has
 * `kept`, does not matter here.
 */
export type ReadyNotice = {
  readonly node: NodeId;
  readonly life: number;
  readonly at: number;
  readonly hosts: boolean;
  readonly kept: readonly ServiceName[];
};

export type FenceInput =
  /** A quorate configuration; `silentMs`: how long ago any member last heard each other node. */
  | {
      readonly type: "view";
      readonly ringSeq: number;
      readonly members: readonly NodeId[];
      readonly silentMs: ReadonlyMap<NodeId, number>;
      /**
       * Members that are on another machine, or have another kernel, than when they were members
       * before, and how long ago any member last heard them there.
       */
      readonly movedMs: ReadonlyMap<NodeId, number>;
      /** Somebody joined, or quorum was gained: the longer delay applies. */
      readonly grown: boolean;
    }
  | { readonly type: "inquorate" }
  | { readonly type: "message"; readonly message: FenceMessage }
  /** Ordered: the node is a member and runs nothing. */
  | { readonly type: "ready"; readonly ready: ReadyNotice }
  /** Ordered: the node left cleanly. */
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
  /** To be answered by one verdict with the same number. */
  | {
      readonly type: "run";
      readonly node: NodeId;
      readonly run: number;
      readonly order: FenceOrder;
    }
  /** `at`: seconds since 1970. */
  | { readonly type: "fenced"; readonly node: NodeId; readonly text: string; readonly at: number }
  /** A `ready` that nothing holds back any more. */
  | { readonly type: "ready"; readonly ready: ReadyNotice }
  | {
      readonly type: "notice";
      readonly level: "notice" | "warning" | "err" | "alert";
      readonly text: string;
    };
