/**
 * Passes the orders of operators from the control socket to the present life of the node. Decides
 * nothing.
 * Tested in: test/e2e/fence-tools.test.ts
 */

import { resolve } from "node:path";
import type { OperatorBackend } from "../control/operator-protocol.ts";
import type { LogSink } from "../io/ports.ts";
import type { EventLoop } from "../life/event-loop.ts";
import { type AgentRunner, OperatorFencing } from "../life/operator-fencing.ts";
import { leaveAllReply, notMember } from "../life/operator-replies.ts";
import type { ClusterNode } from "../node/cluster-node.ts";
import type { LoadedConf } from "./loaded-conf.ts";

type Life = { readonly node: ClusterNode | null; readonly loop: EventLoop | null };

export function operatorBackend(parts: {
  readonly loaded: () => LoadedConf;
  readonly performer: AgentRunner;
  readonly log: LogSink;
  /** Null between two lives. */
  readonly life: () => Life | null;
}): OperatorBackend {
  const { loaded, performer, log, life } = parts;
  const operatorFencing = new OperatorFencing({
    conf: () => loaded().conf,
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
    confInForce: () => {
      const { conf, reading, file } = loaded();
      return { version: conf.version, hash: reading.hash, file: resolve(file) };
    },
    leaveAll: (who) => {
      const loop = life()?.loop ?? null;
      if (loop === null) return Promise.resolve(notMember);
      log.write("services", "notice", { text: `${who} orders all members to leave` });
      return new Promise((done) => {
        const order = { type: "request", operation: "leave-all" } as const;
        loop.ask(order, (outcome) => done(leaveAllReply(outcome)));
      });
    },
    run: (order) => operatorFencing.run(order),
  };
}
