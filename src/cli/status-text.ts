/**
 * Formats the cluster's status, byte for byte in rgmanager's layout.
 * Source: rgmanager clustat.c (widths, words, order, exit codes); clustat(8).
 * Deviations: with `-s` and unknown service states it exits 1, where clustat exits 0; the long form
 * also says what a service waits for, and the state of its broker on this node.
 */
import { requestCodes, requestText } from "../control/request-codes.ts";
import { failoverWords } from "../model/failover-times.ts";
import {
  type ClusterStatus,
  type NodeStatus,
  type NodeVerdictStatus,
  type ServiceStatus,
  serviceStateNumbers,
} from "../model/status.ts";

/** What is printed: everything, one member, or one service by its full name. */
export type StatusQuery = {
  readonly member: string | null;
  readonly service: string | null;
  readonly long: boolean;
  readonly columns: number;
};

export type Printed = { readonly out: string; readonly err: string; readonly exit: number };

/** The exit code for an unknown member or service: clustat exits -1, which a shell sees as 255. */
const exitUnknown = 255;
/** Host names are cut after this many characters (MAXHOSTNAMELEN). */
const nameColumnsMax = 64;
const stateColumns = 14;

export function formatStatus(status: ClusterStatus, query: StatusQuery): Printed {
  if (query.member !== null) return memberReport(status, query.member, query.columns);
  if (query.service !== null) return serviceReport(status, query.service, query);
  const members = [
    ...memberHeader(query.columns),
    ...shownNodes(status).map((node) => memberRow(node, query.columns, managed(status, node))),
  ];
  const out = [
    ...(status.services === null ? [servicesUnavailable(status)] : []),
    `Cluster Status for ${status.cluster.name} @ ${formatTime(status.now)}`,
    `Member Status: ${status.quorum.quorate ? "Quorate" : "Inquorate"}`,
    "",
    ...members,
    "",
    ...serviceLines(status, sortedServices(status), query),
    ...(query.long ? [] : notes(status)),
  ];
  return { out: joined(out), err: "", exit: 0 };
}

/**
 * Until a lost node is fenced, the table shows its services as before, as clustat does; these notes
 * follow the table, as do those on brokers. In the long form each service has its own line.
 */
function notes(status: ClusterStatus): readonly string[] {
  const lines = sortedServices(status).flatMap(({ name, waitingFor, wait, notes: own }) => {
    const shown = wait?.kind === "fencing" || wait?.kind === "broker";
    const waits = shown ? [`Note: ${name} waits for ${waitingFor}`] : [];
    return [...waits, ...own.map((words) => `Note: ${name}: ${words}`)];
  });
  return lines.length === 0 ? [] : ["", ...lines];
}

/** The exit code of `-s`: 0 while starting, started or stopping, otherwise the state's number. */
export function serviceExit(service: ServiceStatus): number {
  const { state } = service;
  const up = state === "starting" || state === "started" || state === "stopping";
  return up ? 0 : serviceStateNumbers[state];
}

/**
 * What one service waits for, what an operator can do, the decisions about it, and how long its
 * failovers took; oldest first.
 */
export function formatDecisions(status: ClusterStatus, name: string): Printed {
  if (status.services === null) {
    const { reason } = status.quorum;
    const err = `${servicesUnavailable(status)}\nWaiting for: ${waitForStates(status)}${reason}\n`;
    return { out: "", err, exit: 1 };
  }
  const service = status.services.find((each) => each.name === name);
  if (service === undefined) {
    return {
      out: "",
      err: `${requestText(requestCodes.noSuchService)}: ${name}\n`,
      exit: exitUnknown,
    };
  }
  const where = service.owner === 0 ? "" : ` on ${nameOfNode(status, service.owner)}`;
  const lines = service.decisions.flatMap((each) => [
    `${formatTime(each.at)}  ${each.text}`,
    ...verdictLines(status, each.nodes, ["taken", "not taken"]),
  ]);
  const out = [
    `${name} is ${service.state}${where}`,
    ...waitLines(service),
    ...status.agents.overdue
      .filter((each) => each.service === name)
      .map(({ text }) => `Overdue here: ${text}`),
    ...brokerHere(status, service).map((words) => `Broker here: ${words}`),
    ...allBrokers(status, service).map((words) => `Brokers: ${words}`),
    ...service.notes.map((words) => `Note: ${words}`),
    ...(service.owner === 0 && service.candidates.length > 0
      ? ["Nodes now:", ...verdictLines(status, service.candidates, ["may run it", "may not"])]
      : []),
    ...(lines.length === 0 ? ["No decision has been made about it yet."] : lines),
    ...failoverLines(status, service),
  ];
  return { out: joined(out), err: "", exit: 0 };
}

function waitForStates(status: ClusterStatus): string {
  return status.quorum.quorate ? "the state of the others; " : "quorum; ";
}

function waitLines(service: ServiceStatus): readonly string[] {
  const { name, state, waitingFor, wait } = service;
  if (state === "disabled") return [`To start it: clusvcadm-ts -e ${name}`];
  if (waitingFor === null) return [];
  const at = wait?.at == null ? [] : [`Next attempt: ${formatTime(wait.at)}`];
  const remedy = wait === null || wait.remedy === "" ? [] : [`To help it: ${wait.remedy}`];
  return [`Waiting for: ${waitingFor}`, ...at, ...remedy];
}

function verdictLines(
  status: ClusterStatus,
  nodes: readonly NodeVerdictStatus[],
  words: readonly [fit: string, unfit: string],
): readonly string[] {
  return nodes.map(({ node, fit, reason }) => {
    return `  ${nameOfNode(status, node)} ${fit ? words[0] : words[1]}: ${reason}`;
  });
}

function failoverLines(status: ClusterStatus, { failovers }: ServiceStatus): readonly string[] {
  if (failovers.length === 0) return [];
  const nameOf = (node: number): string => nameOfNode(status, node);
  const lines = failovers.map((one) => `${formatTime(one.at)}  ${failoverWords(one, nameOf)}`);
  return [`Failovers, in milliseconds as ${nameOf(status.localNode)} saw them:`, ...lines];
}

/** The first line of a report without service states. */
export function servicesUnavailable(status: ClusterStatus): string {
  const code = status.quorum.quorate ? requestCodes.tryAgain : requestCodes.noQuorum;
  return `Service states unavailable: ${requestText(code)}`;
}

/** The nodes that are shown, ascending by id. */
export function shownNodes(status: ClusterStatus): readonly NodeStatus[] {
  return [...status.nodes].sort((a, b) => a.id - b.id);
}

/** The services, sorted by the bytes of their names; empty while their states are unknown. */
export function sortedServices(status: ClusterStatus): readonly ServiceStatus[] {
  const services = [...(status.services ?? [])];
  return services.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
}

/** Whether the node is shown with `rgmanager`: it is ready, and service states are known. */
export function managed(status: ClusterStatus, node: NodeStatus): boolean {
  return node.ready && status.services !== null;
}

export function nameOfNode(status: ClusterStatus, id: number): string {
  if (id === 0) return "none";
  return status.nodes.find((node) => node.id === id)?.name ?? "unknown";
}

export function flagNumber(service: ServiceStatus): number {
  return (service.frozen ? 1 : 0) + (service.partial ? 2 : 0);
}

export function flagNames(service: ServiceStatus): readonly string[] {
  return [...(service.frozen ? ["frozen"] : []), ...(service.partial ? ["partial"] : [])];
}

/** The time as ctime(3) formats it, without the line feed. */
export function formatTime(seconds: number): string {
  const at = new Date(seconds * 1000);
  const day = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][at.getDay()];
  const month = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ")[at.getMonth()];
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()];
  const clock = time.map((part) => String(part).padStart(2, "0")).join(":");
  return `${day} ${month} ${String(at.getDate()).padStart(2)} ${clock} ${at.getFullYear()}`;
}

function memberReport(status: ClusterStatus, name: string, columns: number): Printed {
  const node = status.nodes.find((each) => each.name === name);
  if (node === undefined) return { out: "", err: "", exit: exitUnknown };
  const rows = [...memberHeader(columns), memberRow(node, columns, false)];
  return { out: joined(rows), err: "", exit: node.online ? 0 : 1 };
}

function serviceReport(status: ClusterStatus, name: string, query: StatusQuery): Printed {
  if (status.services === null) return unavailableReport(status);
  const service = status.services.find((each) => each.name === name);
  const head = query.long ? longHeader() : [];
  if (service === undefined) return { out: joined(head), err: "", exit: exitUnknown };
  const row = query.long ? longBlock(status, service) : [serviceRow(status, service, query)];
  // clustat also prints the table's header above the long form of one service.
  const out = [...head, ...serviceHeader(query.columns), ...row];
  return { out: joined(out), err: "", exit: serviceExit(service) };
}

function unavailableReport(status: ClusterStatus): Printed {
  return { out: "", err: `${servicesUnavailable(status)}\n`, exit: 1 };
}

function serviceLines(
  status: ClusterStatus,
  services: readonly ServiceStatus[],
  query: StatusQuery,
): readonly string[] {
  if (services.length === 0) return [];
  if (query.long) {
    return [...longHeader(), ...services.flatMap((each) => longBlock(status, each))];
  }
  return [
    ...serviceHeader(query.columns),
    ...services.map((each) => serviceRow(status, each, query)),
  ];
}

function memberHeader(columns: number): readonly string[] {
  const width = memberColumns(columns);
  return [
    ` ${field("Member Name", width)}ID   Status`,
    ` ${field("------ ----", width)}---- ------`,
  ];
}

function memberRow(node: NodeStatus, columns: number, takesPart: boolean): string {
  const words = [
    node.online ? "Online" : "Offline",
    ...(node.local ? ["Local"] : []),
    ...(takesPart ? ["rgmanager"] : []),
  ];
  const name = field(node.name, memberColumns(columns));
  return ` ${name} ${String(node.id).padStart(4)} ${words.join(", ")}`;
}

function memberColumns(columns: number): number {
  return Math.min(Math.max(Math.floor(columns / 2), 1), nameColumnsMax);
}

function serviceHeader(columns: number): readonly string[] {
  return [
    serviceCells(columns, "Service Name", "Owner (Last)", "State"),
    serviceCells(columns, "------- ----", "----- ------", "-----"),
  ];
}

function serviceRow(status: ClusterStatus, service: ServiceStatus, query: StatusQuery): string {
  const resting = ["stopped", "disabled", "recoverable", "failed"].includes(service.state);
  const room = serviceColumns(query.columns) - 2;
  const owner = resting
    ? `(${nameOfNode(status, service.lastOwner).slice(0, room)})`
    : nameOfNode(status, service.owner);
  const letters = `${service.frozen ? "Z" : ""}${service.partial ? "P" : ""}`;
  const state =
    letters === ""
      ? service.state
      : `${field(service.state, stateColumns - 2 - letters.length)}[${letters}]`;
  return serviceCells(query.columns, service.name, owner, state);
}

function serviceCells(columns: number, ...cells: readonly [string, string, string]): string {
  const [name, owner, state] = cells;
  const width = serviceColumns(columns);
  return ` ${field(name, width)} ${field(owner, width)} ${field(state, stateColumns)}`;
}

/** Half of the columns that the state column and six blanks leave. */
function serviceColumns(columns: number): number {
  const half = Math.floor((columns - stateColumns - 6) / 2);
  return Math.min(Math.max(half, 3), nameColumnsMax);
}

function longHeader(): readonly string[] {
  return ["Service Information", "------- -----------", ""];
}

function longBlock(status: ClusterStatus, service: ServiceStatus): readonly string[] {
  const flags = flagNames(service).join(", ") || "none";
  return [
    `Service Name      : ${service.name}`,
    `  Current State   : ${service.state} (${serviceStateNumbers[service.state]})`,
    `  Flags           : ${flags} (${flagNumber(service)})`,
    `  Owner           : ${nameOfNode(status, service.owner)}`,
    `  Last Owner      : ${nameOfNode(status, service.lastOwner)}`,
    `  Last Transition : ${formatTime(service.transition)}`,
    ...(service.waitingFor === null ? [] : [`  Waiting For     : ${service.waitingFor}`]),
    ...brokerHere(status, service).map((words) => `  Broker Here     : ${words}`),
    ...allBrokers(status, service).map((words) => `  Brokers         : ${words}`),
    ...service.notes.map((words) => `  Note            : ${words}`),
    "",
  ];
}

/** The broker of the local node, for a service that runs it here or could; empty for others. */
function brokerHere(status: ClusterStatus, { name, owner }: ServiceStatus): readonly string[] {
  const { state, text, services } = status.broker;
  const elsewhere = owner !== 0 && owner !== status.localNode;
  if (state === "unused" || state === "idle" || elsewhere || !services.includes(name)) return [];
  const words = state === "not-observed" ? "not observed" : state;
  return [text === "" ? words : `${words}: ${text}`];
}

/** Of a service that promotes one of them; empty for others. */
function allBrokers(status: ClusterStatus, { brokers }: ServiceStatus): readonly string[] {
  if (brokers.length === 0) return [];
  const words = brokers.map(({ node, state, text }) => {
    return `${nameOfNode(status, node)} ${state}${text === "" ? "" : ` (${text})`}`;
  });
  return [words.join(", ")];
}

function field(text: string, width: number): string {
  return text.slice(0, width).padEnd(width);
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
