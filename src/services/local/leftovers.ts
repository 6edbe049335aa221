/**
 * Verifies a stop: when the agents say that a service is stopped, have its processes ended?
 * Yields orders and reads reports; runs nothing itself.
 * Source: LSB 3.1, init script actions, for the exit status of a stop of what does not run.
 * Deviation: rgmanager believes its agents, and the next node starts the service although processes
 * of it may be left here.
 * LEFTOVER1  A stop has succeeded only when every process could be looked at and none of the
 *     service was seen. Processes that are left are ended; if they cannot be, the stop has failed.
 * LEFTOVER2  Some scripts fail when they stop what does not run. Such a failure is overruled when
 *     no process is left, but only if the service had processes after its start: if it never had
 *     any, that none is left proves nothing.
 * LEFTOVER3  Processes with an owner of their own are spared: units of systemd, and what agents
 *     that hold things have started, such as daemons that belong to the machine.
 */
import type { AgentCall, AgentOrder, AgentReport, AgentVerdict } from "../../model/agent-orders.ts";
import type { ResourceConf, ServiceConf } from "../../model/conf.ts";
import { ms } from "../../model/time.ts";
import { ocfInstance, outlivesProcesses } from "../tree/held-resources.ts";
import { startOrder } from "../tree/resource-tree.ts";

export type StopVerdict = AgentVerdict & {
  /** The resources whose stop failed, if each may have had nothing to stop; else empty. */
  readonly doubtful: readonly ResourceConf[];
};

/** How long a daemon may take to end that its script has told to end without waiting for it. */
const settleMs = ms(1000);
/** How long a daemon may take to end after SIGTERM. */
const graceMs = ms(5000);
/** A process that SIGKILL does not end within this time hangs in the kernel. */
const forceMs = ms(1000);
const lookAgainMs = ms(500);

/** LSB 1 (unspecified error) and 7 (not running): how scripts exit that find nothing to stop. */
const nothingToStop: readonly (number | undefined)[] = [1, 7];

/** Whether a failed stop may only mean that there was nothing to stop (LEFTOVER2). */
export function isDoubtful({ type, agent }: ResourceConf, verdict: AgentVerdict): boolean {
  const script = type === "script" && agent === undefined;
  return script && verdict.code !== 0 && nothingToStop.includes(verdict.exitStatus);
}

/** Whether the service has processes now (LEFTOVER2); false also when that cannot be known. */
export function* hasProcesses({
  name,
  tree,
}: ServiceConf): Generator<AgentOrder, boolean, AgentReport> {
  if (!startOrder(tree).some(({ type, agent }) => type === "script" && agent === undefined)) {
    return false;
  }
  const report = yield { type: "list-processes", service: name, enough: "any" };
  return report.type === "processes" && report.left.length > 0;
}

/** `doubtful`: the stop has failed, but only as scripts do that find nothing to stop. */
export function* proveStopped(
  conf: ServiceConf,
  stopped: AgentVerdict,
  doubtful: boolean,
): AgentCall {
  if (stopped.code !== 0 && !doubtful) return stopped;
  if (!runsProcesses(conf)) return stopped;
  const ended: string[] = [];
  for (;;) {
    const report = yield doubtful ? listOf(conf) : endOf(conf);
    if (report.type !== "processes") {
      return { code: 1, text: `the processes after the stop cannot be listed: ${report.type}` };
    }
    ended.push(...report.ended);
    const left = report.left.join(", ");
    if (left !== "" && doubtful) return { code: 1, text: `${stopped.text}; it has left ${left}` };
    if (left !== "") return { code: 1, text: `the stop has left ${left}, which cannot be ended` };
    if (report.unseen.length === 0) break;
    const waitsFor = `not everything could be looked at: ${report.unseen.join(", ")}`;
    yield { type: "pause", pauseMs: lookAgainMs, waitsFor };
  }
  if (doubtful) {
    const text = `${stopped.text}, but nothing of it is left: it has stopped`;
    return { code: 0, text: `${text} (LSB: a stop of what does not run returns 0)` };
  }
  if (ended.length === 0) return stopped;
  return { code: 0, text: `its stop has left ${ended.join(", ")}, which has been ended` };
}

function listOf({ name }: ServiceConf): AgentOrder {
  return { type: "list-processes", service: name, enough: "all" };
}

function endOf({ name, tree }: ServiceConf): AgentOrder {
  const all = startOrder(tree);
  const units = all.flatMap(({ agent }) => {
    return agent?.runs.dialect === "systemd" ? [agent.runs.unit] : [];
  });
  const instances = all.filter(outlivesProcesses).map(instanceOf);
  const spared = { units, instances };
  return { type: "end-processes", service: name, settleMs, graceMs, forceMs, spared };
}

/** As the two dialects call it in OCF_RESOURCE_INSTANCE. */
function instanceOf(resource: ResourceConf): string {
  const { type, key, agent } = resource;
  return agent?.runs.dialect === "ocf" ? ocfInstance(resource) : `${type}:${key}`;
}

function runsProcesses({ tree }: ServiceConf): boolean {
  return startOrder(tree).some(
    ({ type, agent }) => agent !== undefined || (type !== "service" && type !== "ip"),
  );
}
