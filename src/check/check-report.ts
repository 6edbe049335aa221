/**
 * What `--check` prints beside complaints: the effective view as text for operators, and everything
 * as data for programs.
 * Tested in: test/check/effective-view.test.ts
 */
import { type Complaint, formatCount } from "../config/text/complaint.ts";
import { secondsText } from "../model/time.ts";
import type {
  BudgetView,
  EffectiveView,
  NetworkView,
  NodeView,
  QuorumView,
  ServiceView,
} from "./effective-view.ts";

export type CheckReport = {
  readonly file: string;
  /** 0: it can be used; 1: it cannot, or not strictly. */
  readonly status: 0 | 1;
  readonly complaints: readonly Complaint[];
  /** Null: the errors leave nothing to be shown. */
  readonly view: EffectiveView | null;
};

/** With line ends, for standard output; the count of complaints follows on standard error. */
export function checkText({ complaints, view }: CheckReport): string {
  const shown = view === null ? [] : viewLines(view);
  const lines = complaints.length === 0 ? [...shown, "ok"] : shown;
  return lines.map((line) => `${line}\n`).join("");
}

/** One object: everything that the text and the complaints say. */
export function checkJson({ file, status, complaints, view }: CheckReport): string {
  const errors = complaints.filter(({ severity }) => severity === "error").length;
  const warnings = complaints.length - errors;
  const summary = complaints.length === 0 ? "ok" : formatCount(complaints);
  const report = { file, status, errors, warnings, summary, complaints, view };
  return `${JSON.stringify(report, null, 2)}\n`;
}

/** Lines without their ends. */
export function viewLines(view: EffectiveView): readonly string[] {
  const { cluster, nodes, quorum, network, budget, services, protection } = view;
  return [
    `cluster ${cluster.name}, version ${cluster.version}, id ${cluster.id}`,
    ...nodes.map(nodeLine),
    quorumLine(quorum),
    networkLine(network),
    ...budgetLines(budget),
    processLine(services),
    ...services.flatMap(serviceLines),
    ...protection.flatMap(({ nodes: names, by, notCovered }) => [
      `protection of ${names.join(", ")}: ${by}; not covered:`,
      ...notCovered.map((one) => `  ${one}`),
    ]),
  ];
}

function nodeLine({ name, id, address, votes, local, fenceMethods }: NodeView): string {
  const methods = fenceMethods.map((method) => {
    const devices = method.devices.map((one) => `${one.name} (${one.agent})`);
    return `${method.name}: ${devices.join(" and ")}`;
  });
  const fencing = methods.length === 0 ? "no fence device" : `fenced by ${methods.join(", then ")}`;
  const here = local ? ", this machine" : "";
  const at = address === name ? "" : ` ${address}`;
  return `node ${id} ${name}${at}, ${votes} ${votes === 1 ? "vote" : "votes"}${here}, ${fencing}`;
}

function quorumLine(view: QuorumView): string {
  const { expectedVotes, quorum, twoNode, waitForAll, tieBreaker, lastManStandingMs } = view;
  const more = [
    ...(twoNode ? ["two_node"] : []),
    ...(waitForAll ? ["waits for all nodes at a start"] : []),
    ...(tieBreaker === null ? [] : [`a tie is decided by ${tieBreaker.join(", else ")}`]),
    ...(lastManStandingMs === null
      ? []
      : [`last man standing after ${secondsText(lastManStandingMs)}`]),
  ];
  return [`quorum: ${quorum} of ${expectedVotes} votes`, ...more].join(", ");
}

function networkLine({ transport, port, multicast, key }: NetworkView): string {
  const to = multicast === null ? "to each node" : `to ${multicast.address}, ttl ${multicast.ttl}`;
  const keyWords =
    key.type === "file"
      ? `key ${key.path}`
      : key.type === "name"
        ? "no key but the name of the cluster"
        : "neither encrypted nor authenticated";
  return `network: ${transport} port ${port} ${to}, ${keyWords}`;
}

function budgetLines(budget: BudgetView): readonly string[] {
  const { tokenMs, consensusMs, ringMs, postFailDelayMs, agentTimeoutMs } = budget;
  const { safeWaitMs, watchdogSafeWaitMs, leaseMs, killTimeoutMs } = budget;
  const delayMs = postFailDelayMs ?? 0;
  const ring = [
    `token ${secondsText(tokenMs)}, consensus ${secondsText(consensusMs)}`,
    ...(delayMs > 0 ? [`post_fail_delay ${secondsText(delayMs)}`] : []),
  ].join(", ");
  const lines: string[] = [];
  if (agentTimeoutMs !== null) {
    const agents = `fence agents (each at most ${secondsText(agentTimeoutMs)})`;
    lines.push(
      `${secondsText(ringMs + delayMs)} + ${agents} + start, with a fence device: ${ring}`,
    );
  }
  if (safeWaitMs !== null) {
    const lease = `lease ${secondsText(leaseMs)}, kill ${secondsText(killTimeoutMs)}`;
    const wait = `safe wait ${secondsText(safeWaitMs)} (${lease} and a margin)`;
    lines.push(`${secondsText(safeWaitMs)} + start, without one: ${ring}, ${wait}`);
  }
  if (watchdogSafeWaitMs !== null && watchdogSafeWaitMs !== safeWaitMs) {
    const wait = secondsText(watchdogSafeWaitMs);
    lines.push(`${wait} + start, without one but with a watchdog: safe wait ${wait}`);
  }
  if (lines.length === 0)
    return ["a dead node's services run elsewhere after fence_ack-ts + start"];
  return [
    "a dead node's services run elsewhere after at most",
    ...lines.map((line) => `  ${line}`),
  ];
}

function processLine(services: readonly ServiceView[]): string {
  const longest = services.flatMap(({ noticedMs }) => (noticedMs === null ? [] : [noticedMs]));
  const latest =
    longest.length === 0 ? "" : `; at the latest after ${secondsText(Math.max(...longest))}`;
  return `a dead process is noticed by event where services have cgroups${latest}`;
}

function serviceLines(service: ServiceView): readonly string[] {
  const { name, autostart, recovery, candidates, noticedMs, withoutQuorum, notes } = service;
  const where =
    candidates.length === 0
      ? "no node may run it"
      : candidates.map((group) => group.join(" or ")).join(", then ");
  const start = autostart ? "" : ", started by an operator only";
  const checked = noticedMs === null ? "no checks" : `checked every ${secondsText(noticedMs)}`;
  const lost = withoutQuorum === "stopped" ? "stopped without quorum" : "goes on without quorum";
  return [
    `${name}: ${where}; recovery ${recovery}, ${checked}, ${lost}${start}`,
    ...notes.map((note) => `  note: ${note}`),
  ];
}
