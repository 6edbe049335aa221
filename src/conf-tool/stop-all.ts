/**
 * Stops all services and ends clusterd on all members, and undoes that. Everything goes through the
 * daemon of this node: services are locked, each one is stopped, and when none has an owner any
 * more the members are ordered to leave.
 * Source: ccs(8) of RHEL 6.
 * Deviations: nothing is switched off for the next boot, since no node changes the units of others;
 * a daemon that does not run cannot be started from another node, so --startall says where it must
 * be started.
 * STOPALL1  No member leaves before every service has stopped. A service that cannot be stopped is
 *     named, and everything else stays as it is by then, which --startall undoes.
 * Tested in: test/conf-tool/stop-all.test.ts, test/e2e/ended-cluster.test.ts
 */
import { operatorName, type Terminal } from "../cli/terminal.ts";
import { answerMs, type ControlClient, controlClient } from "../control/control-client.ts";
import { operatorClient } from "../control/operator-client.ts";
import { requestCodes } from "../control/request-codes.ts";
import { parseServiceName } from "../model/ids.ts";
import { accept, refuse } from "../model/outcome.ts";
import type { ClusterStatus, ServiceStatus } from "../model/status.ts";
import { withoutDaemon } from "./activation.ts";
import type { CcsOrder } from "./ccs-options.ts";
import type { Done } from "./ccs-ports.ts";
import { nodesOf } from "./conf-find.ts";
import type { ConfText } from "./conf-text.ts";

/** The time to wait for an ordered message, since the membership may be changing. */
const orderMs = 60_000;
/** How often the command says what it waits for; short enough that nobody thinks it hangs. */
const progressMs = 10_000;
const pollMs = 200;
/** A daemon takes 64 requests at once; others may have some, too. */
const atOnce = 16;
const startHere = "systemctl start clusterd";

export async function stopAll({ socketPath }: CcsOrder, terminal: Terminal): Promise<Done> {
  const client = controlClient(socketPath);
  const first = await client.status(answerMs);
  if (!first.ok) return refuse([withoutDaemon(first.problem)]);
  const { services, nodes } = first.value;
  if (services === null) {
    const remedy = "end each node by itself with: cman_tool-ts leave -w";
    return refuse(["this node has no quorum, so nothing can be ordered of all members", remedy]);
  }
  const frozen = services.filter((one) => one.frozen).map(({ name }) => name);
  if (frozen.length > 0) {
    return refuse([`${frozen.join(", ")} frozen: unfreeze with clusvcadm-ts -U, then call again`]);
  }
  const locked = await client.lock("lock", orderMs);
  if (!locked.ok) return refuse([withoutDaemon(locked.problem)]);
  if (locked.value.code !== requestCodes.success) return refuse([locked.value.text]);
  const progress = startProgress(client, terminal);
  const stopped = await stopServices(client, terminal);
  progress.stop();
  if (!stopped.ok) return stopped;
  const members = nodes.filter(({ online }) => online).map(({ name }) => name);
  terminal.out(`all services are stopped; ${members.join(", ")} leave\n`);
  const left = await operatorClient(socketPath).leaveAll(operatorName(terminal));
  // The daemon may have ended before its answer was sent.
  if (!left.ok && left.problem.type !== "lost") return undoable([withoutDaemon(left.problem)]);
  if (left.ok && !left.value.accepted) return undoable([left.value.text]);
  await untilGone(client, terminal);
  terminal.out(`clusterd has left on this node; to start again, on each node: ${startHere}\n`);
  return accept(null);
}

function undoable(problem: readonly string[]): Done {
  const remedy = "no member has left; call again, or undo it with ccs-ts --startall";
  return refuse([...problem, remedy]);
}

/** Stops what runs, until nothing has an owner; services that were starting come up late. */
async function stopServices(client: ControlClient, terminal: Terminal): Promise<Done> {
  const refused = new Map<string, string>();
  const never = new AbortController().signal;
  for (; ; await terminal.pause(pollMs, never)) {
    const status = await client.status(answerMs);
    if (!status.ok) return undoable([withoutDaemon(status.problem)]);
    const { services } = status.value;
    if (services === null) return undoable(["this node has lost quorum meanwhile"]);
    const running = services.filter(isRunning);
    if (running.length === 0) return accept(null);
    const next = running.filter(({ name }) => !refused.has(name));
    if (next.length === 0) return undoable([...refused.values()]);
    for (let from = 0; from < next.length; from += atOnce) {
      const some = next.slice(from, from + atOnce);
      const ends = await Promise.all(some.map((one) => stopOne(client, one, terminal)));
      for (const { name, problem } of ends) if (problem !== null) refused.set(name, problem);
    }
  }
}

const busy: readonly ServiceStatus["state"][] = ["starting", "started", "stopping", "migrating"];

function isRunning({ state, owner }: ServiceStatus): boolean {
  return owner !== 0 || busy.includes(state);
}

async function stopOne(
  client: ControlClient,
  { name }: ServiceStatus,
  terminal: Terminal,
): Promise<{ readonly name: string; readonly problem: string | null }> {
  const service = parseServiceName(name);
  if (service === null) return { name, problem: `${name}: not a name of a service` };
  const order = { service, operation: "stop", target: null, byDomain: false } as const;
  const asked = await client.request(order);
  if (!asked.ok) return { name, problem: `${name}: ${withoutDaemon(asked.problem)}` };
  if (asked.value.code !== requestCodes.success) {
    return { name, problem: `${name} does not stop: ${asked.value.text}` };
  }
  terminal.out(`${name} is stopped\n`);
  return { name, problem: null };
}

/** Says now and then on standard error which services have not stopped yet, and where. */
function startProgress(client: ControlClient, terminal: Terminal): { readonly stop: () => void } {
  const began = performance.now();
  const tell = async (): Promise<void> => {
    const status = await client.status(answerMs);
    const waited = Math.round((performance.now() - began) / 1000);
    if (status.ok) terminal.err(`ccs-ts: after ${waited} s: ${stillRunning(status.value)}\n`);
  };
  const timer = setInterval(() => void tell(), progressMs);
  return { stop: () => clearInterval(timer) };
}

function stillRunning({ services, nodes }: ClusterStatus): string {
  const running = (services ?? []).filter(isRunning);
  const names = new Map(nodes.map(({ id, name }) => [id, name]));
  const shown = running.slice(0, 5).map(({ name, state, owner }) => {
    return `${name} ${state}${owner === 0 ? "" : ` on ${names.get(owner) ?? owner}`}`;
  });
  const more = running.length > shown.length ? ` and ${running.length - shown.length} more` : "";
  return `waiting for ${shown.join(", ") || "nothing"}${more}`;
}

/** Resolves when the daemon of this node has ended, or when the operator has had enough. */
async function untilGone(client: ControlClient, terminal: Terminal): Promise<void> {
  const signal = terminal.untilSignal();
  for (;;) {
    const status = await client.status(answerMs);
    if (!status.ok && status.problem.type === "unreachable") return;
    await terminal.pause(pollMs, signal);
    if (signal.aborted) return;
  }
}

/** `conf`: the file, for the names of the nodes while no daemon runs here; null: unreadable. */
export async function startAll(
  { socketPath }: CcsOrder,
  conf: ConfText | null,
  terminal: Terminal,
): Promise<Done> {
  const client = controlClient(socketPath);
  const status = await client.status(answerMs);
  if (!status.ok) {
    const names = conf === null ? [] : nodesOf(conf).map((one) => one.attributes.get("name") ?? "");
    const where = names.length === 0 ? "each node" : names.join(", ");
    return refuse([
      status.problem.type === "unreachable"
        ? "no clusterd answers on this node"
        : withoutDaemon(status.problem),
      `a daemon that does not run cannot be reached; on ${where}: ${startHere}`,
    ]);
  }
  if (status.value.locked) {
    const unlocked = await client.lock("unlock", orderMs);
    if (!unlocked.ok) return refuse([withoutDaemon(unlocked.problem)]);
    if (unlocked.value.code !== requestCodes.success) return refuse([unlocked.value.text]);
    terminal.out("services are unlocked; those that were stopped start again\n");
  }
  const missing = status.value.nodes.filter(({ online }) => !online).map(({ name }) => name);
  if (missing.length === 0) return accept(null);
  const which = missing.length === 1 ? "is no member" : "are no members";
  return refuse([`${missing.join(", ")} ${which}; there: ${startHere}`]);
}
