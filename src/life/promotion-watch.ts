/**
 * Watches the init script that promotes a broker. That script does what it is told: its start also
 * starts a broker that has just died, and makes it primary even beside another one; its stop does
 * nothing to a primary that does not answer, and reports success.
 * Source: qpid-cpp etc/fedora/qpidd-primary.in.
 * Tested in: test/life/promotion-watch.test.ts
 * PROMOTE8  The script is started only if the table permits it at that moment, and if the broker of
 *     this node is in the state that the table knows. If it was not allowed to start it is not
 *     called to stop, either: that would end a backup that is slow to answer and may be the only
 *     one with all messages.
 * PROMOTE9  Its stop has succeeded only when no primary is left on this node.
 * PROMOTE10  While the promoting service runs here, the process of the primary belongs to it: the
 *     stop of the broker's own service leaves it alone, as its script does.
 * PROMOTE11  A start that was killed or cancelled, or failed without a refusal, may have asked the
 *     broker to become primary, and that may take effect later: the broker is killed before its
 *     service counts as stopped.
 * PROMOTE12  A joining broker that has refused its promotion is reported as refusing before the
 *     start counts as failed, so that nobody asks it again until it is restarted.
 */
import type { BrokerSight } from "../brokers/broker-sight.ts";
import { isPrimaryState } from "../brokers/broker-state.ts";
import { refusesLastingly } from "../brokers/management-answer.ts";
import type { AgentReport } from "../model/agent-orders.ts";
import type { NodeId, ServiceName } from "../model/ids.ts";
import { ms } from "../model/time.ts";
import type { ServiceTable } from "../services/table/service-table.ts";
import { isPromotingScript, promotingServices } from "../services/tree/broker-scripts.ts";
import type { NodeAgents } from "./node-agents.ts";
import type { NodeAct } from "./order-performer.ts";

/** As of an init script that has failed. */
const failedCode = 1;
/** What the scripts and qpid-ha print when the broker was not asked, or has said no. */
const notPromoted =
  /Exception from Agent|Connection refused|HA module is not loaded|another start or stop holds/;
/** A report comes later, never within the call. */
const soonMs = ms(1);

type Done = (report: AgentReport) => void;

export type PromotionRules = {
  /** Why the service must not promote the broker of this node now; null: it may. */
  readonly obstacle: (service: ServiceName) => string | null;
  /** The broker of this node answers, and not as a primary. */
  readonly isBackup: () => boolean;
  /** A start has ended: the broker of this node may have become primary. */
  readonly onStarted: () => void;
  /** The broker of this node has refused to be promoted until it is restarted. */
  readonly onRefused: () => void;
  /** Whether what the stop of the service has left is the primary, which goes on. */
  readonly leavesPrimary: (service: ServiceName) => boolean;
  /**
   * Calls `done` when no primary is left here: null, or why that is not so. `by` as in CareInput;
   * `doubtful`: a start was not seen to its end, so what it has asked for may come later.
   */
  readonly onStopped: (
    stop: { readonly by: "script" | "nobody"; readonly doubtful: boolean },
    done: (left: string | null) => void,
  ) => void;
};

export function watchPromotions(agents: NodeAgents, rules: PromotionRules): NodeAgents {
  /** Services whose script was not allowed to start, and was not called since. */
  const declined = new Set<ServiceName>();
  /** Services with a start that was not seen to its end (PROMOTE11). */
  const doubtful = new Set<ServiceName>();
  /** Reports without calling the script. */
  const answer = (act: NodeAct, done: Done, report: AgentReport): void => {
    agents.perform({ ...act, order: { type: "pause", pauseMs: soonMs } }, () => done(report));
  };
  const perform = (act: NodeAct, done: Done): void => {
    if (act.order.type === "end-processes" && rules.leavesPrimary(act.service)) {
      answer(act, done, { type: "processes", ended: [], left: [], unseen: [] });
      return;
    }
    const action = promotingAction(act);
    const obstacle = action === "start" ? rules.obstacle(act.service) : null;
    if (obstacle !== null) {
      declined.add(act.service);
      const output = `the broker is not promoted: ${obstacle}`;
      answer(act, done, { type: "exited", code: failedCode, output });
      return;
    }
    const skips = action === "stop" && declined.has(act.service) && rules.isBackup();
    if (action !== null) declined.delete(act.service);
    if (skips) {
      answer(act, done, { type: "exited", code: 0, output: "" });
      return;
    }
    if (action === "start") doubtful.add(act.service);
    agents.perform(act, (report) => {
      if (action === "start" && isOutcomeKnown(act, report)) doubtful.delete(act.service);
      if (action === "start") rules.onStarted();
      if (action === "start" && isLastingRefusal(report)) rules.onRefused();
      if (action !== "stop" || report.type === "not-started") done(report);
      else {
        const by = act.order.type === "end-primary" ? "nobody" : "script";
        rules.onStopped({ by, doubtful: doubtful.delete(act.service) }, (left) => {
          done(left === null ? report : { type: "exited", code: failedCode, output: left });
        });
      }
    });
  };
  return { ...agents, perform };
}

/** The broker here is primary for a promoting service that this node has started. */
export function isPrimaryHere(given: {
  readonly table: Pick<ServiceTable, "service" | "conf">;
  readonly service: ServiceName;
  readonly self: NodeId;
  readonly seen: BrokerSight | null;
}): boolean {
  const { table, service, self, seen } = given;
  if (seen?.type !== "answers" || !isPrimaryState(seen.state)) return false;
  const promoting = promotingServices(table.conf.services);
  return [...promoting].some(([promoter, brokers]) => {
    const record = table.service(promoter);
    const here = record?.owner === self && record.state === "started";
    return here && promoter !== service && brokers.get(self) === service;
  });
}

/** PROMOTE12: the script prints the words of the broker. */
function isLastingRefusal(report: AgentReport): boolean {
  return report.type === "exited" && report.code !== 0 && refusesLastingly(report.output);
}

/** PROMOTE11: status 1 of the scripts says that nobody knows; the original's, a refusal as well. */
function isOutcomeKnown({ order }: NodeAct, report: AgentReport): boolean {
  if (report.type !== "exited") return report.type === "not-started";
  return (
    order.type !== "run-process" || report.code !== failedCode || notPromoted.test(report.output)
  );
}

function promotingAction({ order }: NodeAct): "start" | "stop" | null {
  if (order.type === "promote-broker") return "start";
  if (order.type === "end-primary") return "stop";
  if (order.type !== "run-process") return null;
  const [file, action] = order.argv;
  if (!isPromotingScript(file)) return null;
  return action === "start" || action === "stop" ? action : null;
}

/** The service table's obstacle, or that of the broker being another one than the table knows. */
export function promotionObstacle(given: {
  readonly table: Pick<ServiceTable, "promotionObstacle" | "brokerSight">;
  readonly service: ServiceName;
  readonly self: NodeId;
  readonly seen: BrokerSight | null;
}): string | null {
  const { table, service, self, seen } = given;
  const obstacle = table.promotionObstacle(service, self);
  if (obstacle !== null) return obstacle;
  const known = table.brokerSight(self);
  const answers = seen?.type === "answers" ? seen : null;
  // Where no broker has ever answered, nothing is known of any.
  if (known?.type !== "answers" && answers === null) return null;
  const same = known?.type === "answers" && known.systemId === answers?.systemId;
  if (same && known.state === answers?.state) return null;
  return "the broker of this node has changed since that was decided";
}
