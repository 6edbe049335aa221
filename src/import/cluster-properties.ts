/**
 * The properties of the cluster and the defaults of resources that concern the whole cluster.
 * Source: Pacemaker Explained 2.1, "Cluster-Wide Configuration".
 * Tested in: test/import/import-golden.test.ts
 */
import type { SectionDraft } from "./conf-draft.ts";
import { countsOnWatchdog, waitsForWatchdog } from "./fence-device.ts";
import { isFalse, isTrue, type PacemakerConf, secondsOf } from "./pacemaker-conf.ts";

/** They describe the running cluster, are read elsewhere, or tune what clusterd does otherwise. */
const silent: readonly string[] = [
  ..."cluster-name cluster-infrastructure dc-version have-watchdog last-lrm-refresh".split(" "),
  ..."stonith-enabled fencing-enabled stonith-action fencing-action symmetric-cluster".split(" "),
  ..."default-resource-stickiness no-quorum-policy stonith-timeout fencing-timeout".split(" "),
  ..."stonith-watchdog-timeout fencing-watchdog-timeout startup-fencing".split(" "),
  ..."expected-quorum-votes".split(" "),
  ..."enable-startup-probes batch-limit cluster-delay dc-deadtime election-timeout".split(" "),
  ..."pe-error-series-max pe-warn-series-max pe-input-series-max shutdown-escalation".split(" "),
  ..."cluster-recheck-interval crmd-transition-delay transition-delay load-threshold".split(" "),
  ..."node-action-limit migration-limit stop-orphan-resources stop-orphan-actions".split(" "),
  ..."join-integration-timeout join-finalization-timeout crmd-integration-timeout".split(" "),
  ..."crmd-finalization-timeout remove-after-stop fence-reaction concurrent-fencing".split(" "),
  ..."maintenance-mode default-action-timeout is-managed-default start-failure-is-fatal".split(" "),
  ..."stonith-max-attempts pcmk_quiet placement-strategy transition-idle-timeout".split(" "),
];

const reasons: Readonly<Record<string, string>> = {
  "stop-all-resources": "disable the services after the start: clusvcadm-ts -d SERVICE",
  "priority-fencing-delay": "give a delay to the device of the node that shall win",
  "node-health-strategy": "clusterd knows no health of nodes",
};

export type PropertyDrafts = {
  readonly cman: SectionDraft;
  readonly fenceDaemon: SectionDraft;
  readonly rm: SectionDraft;
  readonly nodes: readonly string[];
};

export function clusterProperties(conf: PacemakerConf, drafts: PropertyDrafts): void {
  const { properties } = conf;
  const { rm } = drafts;
  readQuorumPolicy(conf, drafts);
  readFencingProperties(conf, drafts);
  const maintenance = properties.get("maintenance-mode");
  if (maintenance !== undefined && isTrue(maintenance)) {
    const text = "maintenance-mode: freeze the services after the start: clusvcadm-ts -Z SERVICE";
    rm.remark(maintenance.at, text);
  }
  for (const [name, { value, at }] of properties) {
    if (silent.includes(name) || value === "") continue;
    const reason = reasons[name] ?? "it has no counterpart in cluster.conf";
    rm.remark(at, `property ${name}=${value} is not carried over: ${reason}`);
  }
}

function readQuorumPolicy({ properties }: PacemakerConf, { cman, rm, nodes }: PropertyDrafts) {
  const policy = properties.get("no-quorum-policy");
  if (policy === undefined || policy.value === "stop") return;
  const { value, at } = policy;
  if (value === "ignore" && nodes.length === 2) {
    cman.attribute("two_node", { value: "1", at });
    const text =
      "no-quorum-policy=ignore: two_node says it for two nodes; without fence devices nothing " +
      "moves from a lost node until an operator confirms that it is off";
    cman.remark(at, text);
    return;
  }
  const why =
    value === "ignore"
      ? "a part of the cluster without quorum stops its services, so that they never run twice"
      : "a node without quorum stops the services that another node may start; see quorum_loss";
  rm.remark(at, `no-quorum-policy=${value} is not carried over: ${why}`);
}

function readFencingProperties(conf: PacemakerConf, { fenceDaemon }: PropertyDrafts): void {
  const { properties, fenceDevices } = conf;
  const timeout = properties.get("stonith-timeout") ?? properties.get("fencing-timeout");
  const seconds = timeout === undefined ? null : secondsOf(timeout.value);
  if (timeout !== undefined && seconds !== null && seconds !== 60) {
    fenceDaemon.attribute("agent_timeout", { value: `${seconds}`, at: timeout.at });
  }
  const startup = properties.get("startup-fencing");
  if (startup !== undefined && isFalse(startup)) {
    const text =
      "startup-fencing=false: nodes that are not seen when the cluster starts are taken for off";
    fenceDaemon.attribute("clean_start", { value: "1", at: startup.at });
    fenceDaemon.remark(startup.at, text);
  }
  const watchdog = countsOnWatchdog(properties);
  const device = isFalse(properties.get("stonith-enabled"))
    ? undefined
    : fenceDevices.find(waitsForWatchdog);
  const reason = watchdog?.at ?? device?.at;
  if (reason === undefined) return;
  fenceDaemon.attribute("self_fence", { value: "watchdog", at: reason });
  const text =
    "sbd is replaced by the watchdog of clusterd's guard: a node that loses its lease is reset; " +
    "no shared disk is used";
  fenceDaemon.remark(reason, text);
}
