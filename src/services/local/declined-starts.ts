/**
 * What a start that failed has left behind, by its own word: nobody has been served by it, so that
 * what other nodes have kept meanwhile is as good as before.
 * Source: LSB 3.1, exit status of init scripts; OCF resource agent API 1.1: 5, 6 and 7.
 * Tested in: test/services/loss-of-quorum.test.ts
 */
import type { AgentVerdict } from "../../model/agent-orders.ts";
import type { ResourceConf } from "../../model/conf.ts";

/** An address, or what only holds others together, does no work by itself. */
export function serves({ type }: ResourceConf): boolean {
  return type !== "service" && type !== "ip";
}

/** Of a start that failed: it was not even tried, or says that nothing runs. */
export function saysNotRunning({ code, exitStatus, untried }: AgentVerdict): boolean {
  const said = exitStatus ?? code;
  return untried === true || (said >= 5 && said <= 7);
}
