/**
 * Runs agents on this machine for the cluster node, and reports by callbacks: resource agents
 * through the performer, fence agents of victims, and the unfence devices of this node. Decides
 * nothing. What a fence agent prints goes to the log, and its last line to the other nodes.
 * Tested in: test/life/fence-runs.test.ts, test/e2e/fencing.test.ts
 */
import type { LogSink } from "../io/ports.ts";
import type { AgentReport } from "../model/agent-orders.ts";
import type { ClusterConf } from "../model/conf.ts";
import type { NodeId } from "../model/ids.ts";
import type { NodeOutput } from "../node/node-events.ts";
import { unfence } from "./operator-fencing.ts";
import type { NodeAct, OrderPerformer } from "./order-performer.ts";

export type AgentFencing = Extract<
  Extract<NodeOutput, { readonly type: "fence" }>["order"],
  { readonly type: "agent" }
>;

export type FenceOutcome = { readonly outcome: "success" | "failure"; readonly text: string };

/** Each method calls `done` once, after it has returned. */
export type NodeAgents = {
  perform(act: NodeAct, done: (report: AgentReport) => void): void;
  /** Cancels the action: neither its report nor its effects are wanted any more. */
  cancel(action: number): void;
  /**
   * After `withdrawn` no agent is started. One that is running goes on, since it may have switched
   * something already.
   */
  fence(order: AgentFencing, withdrawn: AbortSignal, done: (end: FenceOutcome) => void): void;
  /** Runs the agents of all unfence devices of this node; `withdrawn` ends the one that runs. */
  unfence(withdrawn: AbortSignal, done: (end: FenceOutcome) => void): void;
};

export type NodeAgentsParts = {
  /** The conf in force. */
  readonly conf: () => ClusterConf;
  readonly self: NodeId;
  readonly performer: OrderPerformer;
  readonly log: LogSink;
};

export function nodeAgents({ conf, self, performer, log }: NodeAgentsParts): NodeAgents {
  return {
    perform: (act, done) => performer.perform(act, done),
    cancel: (action) => performer.cancel(action),
    fence: (order, withdrawn, done) => {
      const { agentTimeoutMs } = conf().fencing;
      const permit = { withdrawn, ends: false };
      performer.fence(order, { agentTimeoutMs, permit }, (verdict) => {
        const { outcome, output } = verdict;
        const text = output === "" ? verdict.text : `${verdict.text}: ${lastLine(output)}`;
        if (output !== "") log.write("fencing", "info", { text: verdict.text, facts: { output } });
        done({ outcome, text });
      });
    },
    unfence: (withdrawn, done) => {
      const inForce = conf();
      const own = inForce.nodes.find(({ id }) => id === self);
      if (own === undefined) return;
      unfence({ conf: inForce, performer, permit: { withdrawn, ends: true } }, own, (reply) => {
        done({ outcome: reply.result === "success" ? "success" : "failure", text: reply.text });
      });
    },
  };
}

/** The part of the output that goes to the other nodes and into their logs. */
function lastLine(output: string): string {
  return output.split("\n").at(-1)?.slice(-500) ?? "";
}
