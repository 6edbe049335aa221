/**
 * What goes into a cluster node and what comes out of it: the border between core and shell. Also
 * the envelope of its ordered messages, and what it is given at its start.
 * Tested in: test/node/work-in-parts.test.ts
 */

import type { BrokerSight } from "../brokers/broker-sight.ts";
import { fenceMessage } from "../fencing/fence-messages.ts";
import type { FenceOrder } from "../fencing/fence-round.ts";
import type { RingConfiguration } from "../membership/ring-events.ts";
import type { Acceptance } from "../model/acceptance.ts";
import type { AgentOrder, AgentReport } from "../model/agent-orders.ts";
import type { ClusterConf, LogChannel, LogPriority } from "../model/conf.ts";
import type { Failover } from "../model/failover-times.ts";
import type { Incarnation, NodeId, NodeName, RingId, ServiceName } from "../model/ids.ts";
import type { LeaseEnd } from "../model/lease-end.ts";
import type { QuorumMemory } from "../model/quorate-membership.ts";
import type { RequestOutcome } from "../model/request-outcome.ts";
import type { ServiceOperation } from "../model/service-operation.ts";
import { either, literal, record, type Shaped } from "../model/shape.ts";
import type { Ms } from "../model/time.ts";
import { type QuorumChange, quorumMessage } from "../quorum/quorum-messages.ts";
import type { LocalServices } from "../services/local/local-services.ts";
import type { LastPromotion } from "../services/table/broker-records.ts";
import { serviceMessage } from "../services/table/service-messages.ts";
import { hello, snapshot } from "../services/table/table-sync.ts";
import type { ReadText } from "./conf-versions.ts";

/** The three clocks at the instant of an input; the clock port says what each is used for. */
export type Now = {
  readonly monotonicMs: number;
  readonly boottimeMs: number;
  readonly wallMs: number;
};

export type NodeTimer = "lease" | "poll" | "tick" | "quorum-window" | "unfence" | `fence-${number}`;

/** Another version of the conf. */
export type Proposal = {
  readonly number: number;
  readonly version: number;
  readonly hash: string;
  readonly text: string;
};

/** What a user may ask for, of one service or of all of them. */
export type UserRequest =
  | {
      readonly operation: ServiceOperation;
      readonly service: ServiceName;
      readonly target: NodeId | null;
      readonly byDomain: boolean;
    }
  | { readonly operation: "lock" | "unlock" | "leave-all" };

/** An ordered message, tagged with the layer that owns it. */
export const envelope = either(
  record({ layer: literal("sync"), body: either(hello, snapshot) }),
  record({ layer: literal("quorum"), body: quorumMessage }),
  record({ layer: literal("fencing"), body: fenceMessage }),
  record({ layer: literal("services"), body: serviceMessage }),
);
export type Envelope = Shaped<typeof envelope>;

export type NodeInput =
  /** The life begins: whatever an earlier one may have left is cleaned up, or goes on. */
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
        /** When another life of the node was last heard in any frame; null: never. */
        readonly formerMs: number | null;
      }[];
    }
  /** An ordered message, decoded; `payload` is what some member submitted. */
  | { readonly type: "deliver"; readonly from: NodeId; readonly payload: unknown }
  /** The step of its own that the output `continue` has asked for. */
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
   * The guard kills nothing before that instant (boot time, ms), unless this process ends; 0: there
   * is no guard. `atEnd`: what it does at that instant.
   */
  | { readonly type: "guarded"; readonly untilMs: number; readonly atEnd: LeaseEnd }
  /**
   * A guard has certified that this incarnation of its node has ended and has left nothing. It
   * `stands` until something of that incarnation is heard.
   */
  | {
      readonly type: "certified";
      readonly node: NodeId;
      readonly incarnation: Incarnation;
      readonly stands: boolean;
    }
  /** What this node sees of its broker. */
  | {
      readonly type: "broker";
      readonly sight: BrokerSight;
      /** Which broker became primary last, as this node has stored it. */
      readonly remembers: LastPromotion | null;
    }
  /** The answer to `look-at-broker`; `problem` null: the broker could be promoted. */
  | { readonly type: "broker-looked"; readonly move: number; readonly problem: string | null }
  /** An operator says that a victim is off; answered like a request. */
  | {
      readonly type: "acknowledge";
      readonly number: number;
      readonly victim: NodeId;
      readonly who: string;
    }
  /** An operator orders the member to end at once; answered like a request. */
  | {
      readonly type: "kill";
      readonly number: number;
      readonly victim: NodeId;
      readonly who: string;
    }
  /** An operator orders other votes; answered by an `answer`. */
  | {
      readonly type: "quorum-order";
      readonly number: number;
      readonly change: QuorumChange;
      /** The sentence that the operator has written to vouch for something; null: none. */
      readonly sentence: string | null;
      readonly who: string;
    }
  /** More than one process uses the ids of these nodes. */
  | { readonly type: "contested"; readonly nodes: readonly NodeId[] }
  /** An operator runs the fence agents of the node; `mark`: what was known of it before. */
  | {
      readonly type: "fenced-by-hand";
      readonly victim: NodeId;
      readonly mark: { readonly since: number; readonly life: number };
      readonly outcome: "begun" | "success" | "failure";
      readonly text: string;
    }
  /** The result of the output `unfence` with this number. */
  | {
      readonly type: "unfence-verdict";
      readonly run: number;
      readonly outcome: "success" | "failure";
      readonly text: string;
    }
  /** An operator proposes another conf; answered like a request. */
  | ({ readonly type: "propose" } & Proposal)
  /** The output `read` for this text has been carried out. */
  | {
      readonly type: "read-done";
      readonly text: string;
      /** Why it cannot be a new conf on this machine; null: it can. */
      readonly objection: string | null;
    }
  /** Something has happened on this machine that may have hurt one service, or any (null). */
  | { readonly type: "check-now"; readonly why: string; readonly service: ServiceName | null }
  /** The node is to leave; `remove`: for good, so that fewer votes are expected afterwards. */
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
  /** Something is half done: the input `continue` is to come when other inputs had their turn. */
  | { readonly type: "continue" }
  | { readonly type: "submit"; readonly lane: "app" | "sync"; readonly envelope: Envelope }
  | { readonly type: "sync-done"; readonly ring: RingId }
  /** The lease lasts until that instant now (boot time, ms): the guard is told, and confirms it. */
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
  /** The broker of this node must end at once: another one is primary. */
  | { readonly type: "kill-broker"; readonly why: string }
  /** A service is to move to the broker of this node: ask it, and answer with `broker-looked`. */
  | { readonly type: "look-at-broker"; readonly move: number }
  /** Quorum is lost: no more fence agents are begun, and this node is not unfenced. */
  | { readonly type: "stand-down" }
  | { readonly type: "reply"; readonly number: number; readonly outcome: RequestOutcome }
  /** The answer to an order that is answered in words. */
  | ({ readonly type: "answer"; readonly number: number } & Acceptance)
  /** Gather what it takes to read this conf here. */
  | { readonly type: "read"; readonly text: string }
  /** On which machines the other nodes are; stored for the next life as soon as possible. */
  | { readonly type: "machines"; readonly known: readonly KnownMachine[] }
  /** This conf is in force from now on; it is stored for the next start. */
  | {
      readonly type: "conf-in-force";
      readonly conf: ClusterConf;
      readonly hash: string;
      readonly text: string;
    }
  /** A service is started again, here or on another member. */
  | { readonly type: "failover"; readonly failover: Failover }
  /** An operator of some member has ordered all members to leave: answered by `shutdown`. */
  | { readonly type: "told-to-leave" }
  /** Leave the ring: nothing of any service is left, and the node has nothing left to do. */
  | { readonly type: "leave" }
  /** This node must end at once, without leaving: it was killed, or cannot read the conf. */
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
  /** SHA-256 of the text of the conf, and the text. */
  readonly configHash: string;
  readonly configText: string;
  readonly trackingToken: string;
  /** A watchdog may be what ends this node's services: the others wait long enough for it. */
  readonly watchdog: boolean;
  /** Name of the kernel and the namespaces in which this node looks for what runs. */
  readonly machine: string;
};

/** A node was on a ring with this one from that machine. */
export type KnownMachine = { readonly node: NodeId; readonly machine: string };

/** `atMs`: when it was last heard there; boot time, rather too late than too early. */
export type RememberedMachine = KnownMachine & { readonly atMs: number };

/** What one life of the node hands to the next one of the same process. */
export type CarriedOver = {
  /** Null: nothing runs, or something that is not bound to this node. */
  readonly services: LocalServices | null;
  /** Hash of the conf that they were made from. */
  readonly configHash: string;
  readonly memory: QuorumMemory;
};

/** What a node is given when its life begins. */
export type NodeStart = {
  /** Reads the text of a conf as this node does at its start. */
  readonly read: ReadText;
  /** How much is worked on in one step; see replica-performer.ts. */
  readonly workMax?: number;
  /** What the life before has handed over; null: there was none. */
  readonly carried?: CarriedOver | null;
  /** It was verified that no process and no address of any service is on this machine. */
  readonly nothingLeft?: boolean;
  /** Machines that earlier lives of this node have stored. */
  readonly remembered?: readonly RememberedMachine[];
};
