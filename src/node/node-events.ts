/**
 * What goes into a cluster node and what comes out of it: the border between core and shell.
 * Tested in: test/node/work-in-parts.test.ts
 */

import { fenceMessage } from "../fencing/fence-messages.ts";
import type { FenceOrder } from "../fencing/fence-round.ts";
import type { RingConfiguration } from "../membership/ring-events.ts";
import type { Acceptance } from "../model/acceptance.ts";
import type { AgentOrder, AgentReport } from "../model/agent-orders.ts";
import type { ClusterConf, LogChannel, LogPriority } from "../model/conf.ts";
import type { NodeId, NodeName, RingId, ServiceName } from "../model/ids.ts";
import type { LeaseEnd } from "../model/lease-end.ts";
import type { QuorumMemory } from "../model/quorate-view.ts";
import type { RequestOutcome } from "../model/request-outcome.ts";
import type { ServiceOperation } from "../model/service-operation.ts";
import { either, literal, record, type Shaped } from "../model/shape.ts";
import type { Ms } from "../model/time.ts";
import { type QuorumChange, quorumMessage } from "../quorum/quorum-messages.ts";
import type { LocalServices } from "../services/local/local-services.ts";
import { serviceMessage } from "../services/table/service-messages.ts";
import { hello, snapshot } from "../services/table/table-sync.ts";
import type { ReadText } from "./configurations.ts";

/** The three clocks at the moment of an input; see the clock port for what each is good for. */
export type Now = {
  readonly monotonicMs: number;
  readonly boottimeMs: number;
  readonly wallMs: number;
};

export type NodeTimer = "lease" | "poll" | "tick" | "quorum-window" | "unfence" | `fence-${number}`;

/** Another configuration, as its text. */
export type Proposal = {
  readonly number: number;
  readonly version: number;
  readonly hash: string;
  readonly text: string;
};

/** What a user may ask for: of one service, or of all of them. */
export type UserRequest =
  | {
      readonly operation: ServiceOperation;
      readonly service: ServiceName;
      readonly target: NodeId | null;
      readonly byDomain: boolean;
    }
  | { readonly operation: "lock" | "unlock" };

/** An ordered message, tagged with the layer that owns it. */
export const envelope = either(
  record({ layer: literal("sync"), body: either(hello, snapshot) }),
  record({ layer: literal("quorum"), body: quorumMessage }),
  record({ layer: literal("fencing"), body: fenceMessage }),
  record({ layer: literal("services"), body: serviceMessage }),
);
export type Envelope = Shaped<typeof envelope>;

export type NodeInput =
  /** The daemon has started: clean up what an earlier life may have left. */
  | { readonly type: "begin" }
  | {
      readonly type: "configuration";
      readonly configuration: RingConfiguration;
      /** Boot time (ms) of this node's last accepted token on a ring with the node. */
      readonly heardAt: readonly {
        readonly node: NodeId;
        readonly atMs: number;
        /** The same on rings before this one. */
        readonly beforeMs: number;
      }[];
    }
  /** An ordered message, decoded; `payload` is what some member submitted. */
  | { readonly type: "deliver"; readonly from: NodeId; readonly payload: unknown }
  /** The output of this name has been heard. */
  | { readonly type: "continue" }
  | { readonly type: "suspended"; readonly reason: string }
  | { readonly type: "lease"; readonly ring: RingId; readonly startMs: number }
  | { readonly type: "timer"; readonly timer: NodeTimer }
  | { readonly type: "report"; readonly action: number; readonly report: AgentReport }
  | {
      readonly type: "fence-verdict";
      readonly node: NodeId;
      readonly run: number;
      readonly outcome: "success" | "failure";
      readonly text: string;
    }
  | ({ readonly type: "request"; readonly number: number } & UserRequest)
  /**
   * The guard kills nothing before then (boot time, ms), unless this process ends; 0: no guard.
   * `atEnd`: what it does then.
   */
  | { readonly type: "guarded"; readonly untilMs: number; readonly atEnd: LeaseEnd }
  /** An operator says that a victim is off; answered like a request. */
  | {
      readonly type: "acknowledge";
      readonly number: number;
      readonly victim: NodeId;
      readonly who: string;
    }
  /** An operator wants the member to end at once; answered like a request. */
  | {
      readonly type: "kill";
      readonly number: number;
      readonly victim: NodeId;
      readonly who: string;
    }
  /** An operator wants other votes; answered by an `answer`. */
  | {
      readonly type: "quorum-order";
      readonly number: number;
      readonly change: QuorumChange;
      /** What the operator vouches for, word for word; null: nothing. */
      readonly sentence: string | null;
      readonly who: string;
    }
  /** More than one process uses the ids of these nodes. */
  | { readonly type: "contested"; readonly nodes: readonly NodeId[] }
  /** An operator has the agents of the node run; see the mark of the fence domain. */
  | {
      readonly type: "fenced-by-hand";
      readonly victim: NodeId;
      readonly mark: { readonly since: number; readonly life: number };
      readonly outcome: "begun" | "success" | "failure";
      readonly text: string;
    }
  /** What became of an `unfence`. */
  | {
      readonly type: "unfence-verdict";
      readonly run: number;
      readonly outcome: "success" | "failure";
      readonly text: string;
    }
  /** An operator wants another configuration; answered like a request. */
  | ({ readonly type: "propose" } & Proposal)
  /** The order `read` for this text is carried out. */
  | {
      readonly type: "read-done";
      readonly text: string;
      /** What this machine has against it as a new configuration. */
      readonly objection: string | null;
    }
  /** Something happened on this machine that may have hurt a service. */
  /** Of one service, or of all. */
  | { readonly type: "check-now"; readonly why: string; readonly service: ServiceName | null }
  /** `remove`: for good, so that less votes are expected afterwards. */
  | { readonly type: "shutdown"; readonly remove: boolean };

/** What users and operators of this node may ask for. */
export type OperatorOrder = Extract<
  NodeInput,
  {
    readonly type:
      | "request"
      | "propose"
      | "acknowledge"
      | "kill"
      | "quorum-order"
      | "fenced-by-hand";
  }
>;

export type NodeOutput =
  /** Something is half done: the input of this name is to come once others had their turn. */
  | { readonly type: "continue" }
  | { readonly type: "submit"; readonly lane: "app" | "sync"; readonly envelope: Envelope }
  | { readonly type: "sync-done"; readonly ring: RingId }
  /** The lease now lasts until then (boot time, ms): the guard has to know, and to confirm. */
  | { readonly type: "lease"; readonly endMs: number; readonly atEnd: LeaseEnd }
  | { readonly type: "arm"; readonly timer: NodeTimer; readonly afterMs: Ms }
  | { readonly type: "disarm"; readonly timer: NodeTimer }
  | {
      readonly type: "act";
      readonly action: number;
      readonly service: ServiceName;
      readonly order: AgentOrder;
    }
  | { readonly type: "cancel"; readonly action: number }
  /** Run a fence agent; its verdict comes back with the same number. */
  | {
      readonly type: "fence";
      readonly node: NodeId;
      readonly run: number;
      readonly order: FenceOrder;
    }
  /** Run the unfence devices of this node; answered by one verdict with the same number. */
  | { readonly type: "unfence"; readonly run: number }
  /** Quorum is lost: no agent of fencing is begun any more, and this node is not unfenced. */
  | { readonly type: "stand-down" }
  | { readonly type: "reply"; readonly number: number; readonly outcome: RequestOutcome }
  /** To an order that is answered in words. */
  | ({ readonly type: "answer"; readonly number: number } & Acceptance)
  /** Gather what it takes to read this configuration here. */
  | { readonly type: "read"; readonly text: string }
  /** On which machines the other nodes are: for the next life, as soon as can be. */
  | { readonly type: "machines"; readonly known: readonly KnownMachine[] }
  /** In force from here on: to be kept for the next start. */
  | {
      readonly type: "configuration";
      readonly conf: ClusterConf;
      readonly hash: string;
      readonly text: string;
    }
  /** Leave the ring; nothing of any service is left, and the node has nothing left to do. */
  | { readonly type: "leave" }
  /** An operator has ended this node: the process must end at once, without leaving. */
  | { readonly type: "killed"; readonly text: string }
  /** The node cannot go on in this life; everything of its services is gone. */
  | { readonly type: "restart"; readonly why: string }
  | {
      readonly type: "notice";
      readonly channel: LogChannel;
      readonly level: LogPriority;
      readonly text: string;
    };

export type NodeIdentity = {
  readonly self: NodeId;
  readonly name: NodeName;
  readonly incarnation: number;
  /** SHA-256 of the configuration's text, and the text. */
  readonly configHash: string;
  readonly configText: string;
  readonly trackingToken: string;
  /** A watchdog ends this node's services, at the latest: the others wait for that. */
  readonly watchdog: boolean;
  /** Of the kernel and the namespaces in which this node looks for what runs. */
  readonly machine: string;
};

/** On which machine an earlier life had a node on its ring. */
export type KnownMachine = { readonly node: NodeId; readonly machine: string };

/** `atMs`: boot time; not later than that. */
export type RememberedMachine = KnownMachine & { readonly atMs: number };

/** What one life of the node hands to the next one of the same process. */
export type CarriedOver = {
  /** Null: nothing runs, or not only what is bound to this node. */
  readonly services: LocalServices | null;
  /** Hash of the configuration that they were made from. */
  readonly configHash: string;
  readonly memory: QuorumMemory;
};

/** What a node is given when its life begins. */
export type NodeStart = {
  /** As this node reads a configuration's text at its start. */
  readonly read: ReadText;
  /** How much is worked on in one step, unless as usual; see replica-performer.ts. */
  readonly workMax?: number;
  /** What goes on from the life before; null: there was none. */
  readonly carried?: CarriedOver | null;
  /** Before this node began: no process and no address of any service is on this machine. */
  readonly nothingLeft?: boolean;
  /** By earlier lives of this node. */
  readonly remembered?: readonly RememberedMachine[];
};
