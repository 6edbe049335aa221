/**
 * The recovery policy: what follows a failed status check or a failed start, and the window in
 * which restarts are counted.
 * Source: rgmanager rg_thread.c (RG_STATUS); restart_counter.c.
 * Deviations: the counter is part of the replicated record; restart-disable disables when the
 * restart in place fails, as the RHEL 6 guide promises.
 */
import type { RecoveryPolicy, ServiceConf } from "../../model/conf.ts";

export type RecoveryChoice =
  | { readonly type: "restart-in-place"; readonly restartLog: readonly number[] }
  | { readonly type: "relocate" }
  | { readonly type: "disable" };

/** Restarts that still count at `nowMs`; an expiry time of 0 never forgets. */
export function restartsInWindow(
  restartLog: readonly number[],
  window: { readonly expireMs: number; readonly nowMs: number },
): readonly number[] {
  if (window.expireMs === 0) return restartLog;
  return restartLog.filter((at) => window.nowMs - at < window.expireMs);
}

type PolicyConf = Pick<ServiceConf, "recovery" | "maxRestarts" | "restartExpireMs">;

/**
 * Decides after a stop that succeeded; `restartLog` of the result includes the restart permitted.
 */
export function chooseRecovery(
  conf: PolicyConf,
  restartLog: readonly number[],
  nowMs: number,
): RecoveryChoice {
  if (conf.recovery === "disable") return { type: "disable" };
  if (conf.recovery === "relocate") return { type: "relocate" };
  if (conf.maxRestarts === 0) return { type: "restart-in-place", restartLog: [] };
  const counted = restartsInWindow(restartLog, { expireMs: conf.restartExpireMs, nowMs });
  if (counted.length < conf.maxRestarts) {
    return { type: "restart-in-place", restartLog: [...counted, nowMs] };
  }
  return conf.recovery === "restart-disable" ? { type: "disable" } : { type: "relocate" };
}

/** Whether other nodes may start the service after a restart in place has failed. */
export function mayLeaveNode(recovery: RecoveryPolicy): boolean {
  return recovery !== "restart-disable";
}
