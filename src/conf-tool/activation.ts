/**
 * Puts a file in force on all nodes through the daemon of this node, shows what is in force, and
 * compares it with the files.
 * CCS2  A file that the cluster refuses gets the content back that it had before the edits of the
 *     same call. If the answer is unknown it is left as it is, since it may be in force.
 * Tested in: test/conf-tool/activation.test.ts
 */
import {
  answerMs,
  type ControlProblem,
  controlClient,
  problemText,
} from "../control/control-client.ts";
import { operatorClient } from "../control/operator-client.ts";
import type { ConfInForce } from "../control/operator-protocol.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import type { ClusterStatus, NodeStatus } from "../model/status.ts";
import type { CcsOrder } from "./ccs-options.ts";
import type { CcsPorts, Done } from "./ccs-ports.ts";

/** Long, because the stop scripts of services that are removed run meanwhile. */
const activationMs = 600_000;

/** The conf in force; the problem says what to do without a daemon. */
async function confInForce(socketPath: string): Promise<Result<ConfInForce, string>> {
  const asked = await operatorClient(socketPath).conf(answerMs);
  return asked.ok ? asked : refuse(withoutDaemon(asked.problem));
}

export function withoutDaemon(problem: ControlProblem): string {
  const start = "; start it with: systemctl start clusterd";
  return `${problemText(problem)}${problem.type === "unreachable" ? start : ""}`;
}

/** Before anything is written: whether the daemon here would take the file. */
export async function activationObstacle(
  { file, socketPath }: CcsOrder,
  { read }: CcsPorts,
): Promise<string | null> {
  const inForce = await confInForce(socketPath);
  if (!inForce.ok) return inForce.problem;
  const { file: own } = inForce.value;
  const [given, daemons] = [await read(file), await read(own)];
  const same = given.ok && daemons.ok && given.value === daemons.value;
  return same ? null : `clusterd of this node keeps its configuration in ${own}; use -f ${own}`;
}

/**
 * Prints what has changed. `before`: what the file had before the edits of this call; null: there
 * were none.
 */
export async function activate(
  { file, socketPath }: CcsOrder,
  edited: { readonly before: string; readonly after: string } | null,
  { terminal, read, write }: CcsPorts,
): Promise<Done> {
  const asked = await controlClient(socketPath).reload(activationMs);
  if (!asked.ok) {
    const doubt = `${file} is left as it is; look with --checkconf what is in force`;
    return refuse([withoutDaemon(asked.problem), doubt]);
  }
  const { accepted, text } = asked.value;
  if (accepted) {
    terminal.out(text === "" ? "" : `${text}\n`);
    return accept(null);
  }
  if (edited === null) return refuse([text]);
  const present = await read(file);
  const ours = present.ok && present.value === edited.after;
  const unwritten = ours ? await write(file, edited.before) : "something else has changed it";
  const state = unwritten === null ? `${file} is as before` : `${file} is left: ${unwritten}`;
  return refuse([text, state]);
}

/** Prints the daemon's file, which has to be what is in force: the daemon tells no passwords. */
export async function getConf({ socketPath }: CcsOrder, ports: CcsPorts): Promise<Done> {
  const inForce = await confInForce(socketPath);
  if (!inForce.ok) return refuse([inForce.problem]);
  const { version, hash, file } = inForce.value;
  const present = await ports.read(file);
  if (!present.ok) return refuse([`${file}: ${present.problem}`]);
  if (present.value === null || ports.hashOf(present.value) !== hash) {
    const what = `version ${version} is in force, and ${file} is another content`;
    return refuse([`${what}: put that in force with --activate, or see --getconf -f ${file}`]);
  }
  ports.terminal.out(present.value);
  return accept(null);
}

/** Prints the configuration in force on each node, and whether the file here is the same. */
export async function checkConf(order: CcsOrder, ports: CcsPorts): Promise<Done> {
  const { socketPath } = order;
  const status = await controlClient(socketPath).status(answerMs);
  if (!status.ok) return refuse([withoutDaemon(status.problem)]);
  const inForce = await confInForce(socketPath);
  if (!inForce.ok) return refuse([inForce.problem]);
  const { version, hash, file: own } = inForce.value;
  const { terminal } = ports;
  const inWords = `version ${version} (${hash.slice(0, 12)})`;
  for (const line of nodeLines(status.value, inWords)) terminal.out(`${line}\n`);
  const file = order.fileGiven ? order.file : own;
  const present = await ports.read(file);
  const same = present.ok && present.value !== null && ports.hashOf(present.value) === hash;
  terminal.out(`${file}: ${same ? inWords : "another content"}\n`);
  return problemsOf([
    ...(status.value.services === null ? ["this node has no quorum: others may have more"] : []),
    ...status.value.nodes.flatMap((node) => absence(node) ?? []),
    ...(same ? [] : [`${file} is not what is in force; put it in force with --activate`]),
  ]);
}

/** Members have the same configuration: a node that has another one is not let in. */
function nodeLines({ nodes }: ClusterStatus, inForce: string): readonly string[] {
  return nodes.map((node) => `${node.name}: ${absence(node) === null ? inForce : "unknown"}`);
}

/** Why it is unknown what the node has; null: it is a member. */
function absence({ name, online, ready }: NodeStatus): string | null {
  if (!online) return `${name} is no member: it gets the version in force when it joins`;
  return ready
    ? null
    : `${name} is not ready: it still cleans up, or its log says why it must wait`;
}

function problemsOf(problems: readonly string[]): Done {
  return problems.length === 0 ? accept(null) : refuse(problems);
}
