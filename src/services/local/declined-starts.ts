/**
 * Starts that were declined: the agents say that nothing runs, so the service has done no work, and
 * what other nodes have kept without quorum is still current.
 * Source: LSB 3.1, exit status of init scripts; OCF resource agent API 1.1: 5, 6 and 7.
 * Tested in: test/services/loss-of-quorum.test.ts
 */
import type { AgentVerdict } from "../../model/agent-orders.ts";
import type { ResourceConf } from "../../model/conf.ts";

/** Whether the resource could have done work once it was started; an address alone does none. */
export function doesWork({ type }: ResourceConf): boolean {
  return type !== "service" && type !== "ip";
}

/** Whether a start that failed was not even tried, or its agent says that nothing runs. */
export function saysNotRunning({ code, exitStatus, untried }: AgentVerdict): boolean {
  const said = exitStatus ?? code;
  return untried === true || (said >= 5 && said <= 7);
}
