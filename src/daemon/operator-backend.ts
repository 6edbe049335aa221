/**
 * Passes the orders of operators from the control socket to the present life of the node. Decides
 * nothing.
 * Tested in: test/e2e/fence-tools.test.ts
 */

import type { OperatorBackend } from "../control/operator-protocol.ts";
import type { LogSink } from "../io/ports.ts";
import type { EventLoop } from "../life/event-loop.ts";
import { type AgentRunner, OperatorFencing } from "../life/operator-fencing.ts";
import { notMember } from "../life/operator-replies.ts";
import type { ClusterConf } from "../model/conf.ts";
import type { ClusterNode } from "../node/cluster-node.ts";

type Life = { readonly node: ClusterNode | null; readonly loop: EventLoop | null };

export function operatorBackend(parts: {
  readonly conf: () => ClusterConf;
  readonly performer: AgentRunner;
  readonly log: LogSink;
  /** Null between two lives. */
  readonly life: () => Life | null;
}): OperatorBackend {
  const { conf, performer, log, life } = parts;
  const operatorFencing = new OperatorFencing({
    conf,
    performer,
    node: () => life()?.node ?? null,
    push: (input) => life()?.loop?.push(input),
    log: (level, text) => log.write("fencing", level, { text }),
  });
  return {
    fencing: () => operatorFencing.status(),
    change: (order) => {
      const loop = life()?.loop ?? null;
      return new Promise((resolve) => {
        if (loop === null) resolve(notMember);
        else loop.order(order, resolve);
      });
    },
    run: (order) => operatorFencing.run(order),
  };
}
