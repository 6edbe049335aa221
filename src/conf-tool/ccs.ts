/**
 * The command ccs-ts: edits cluster.conf, lists what it has, and has it put in force on all nodes.
 * Source: ccs(8) of RHEL 6.
 * Deviations: the file's layout is kept; the daemon's own checks decide what is written.
 * Tested in: test/conf-tool/ccs.test.ts
 */
import type { Complaint } from "../config/text/complaint.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { version } from "../model/version.ts";
import { activate, activationObstacle, checkConf, getConf } from "./activation.ts";
import { type CcsOrder, ccsUsage, type EditOrder, readCcsOptions } from "./ccs-options.ts";
import type { CcsPorts, Done } from "./ccs-ports.ts";
import { createCluster, raiseVersion, versionOf } from "./cluster-edits.ts";
import type { Edited } from "./conf-find.ts";
import { ConfText } from "./conf-text.ts";
import { isMissing, judgeEdit } from "./edit-check.ts";
import { editRules } from "./edit-table.ts";
import { listings } from "./listings.ts";
import { startAll, stopAll } from "./stop-all.ts";

/** Runs the command; returns its exit code: 0 done, 1 refused, 2 a mistake in the call. */
export async function ccs(words: readonly string[], ports: CcsPorts): Promise<number> {
  const { terminal } = ports;
  const reading = readCcsOptions(words, terminal.env);
  switch (reading.type) {
    case "help":
      terminal.out(ccsUsage);
      return 0;
    case "version":
      terminal.out(`ccs-ts ${version}\n`);
      return 0;
    case "mistake":
      terminal.err(`ccs-ts: ${reading.text}\n`);
      terminal.err("ccs-ts: --help lists the options\n");
      return 2;
    default:
      return await carryOut(reading.order, ports);
  }
}

async function carryOut(order: CcsOrder, ports: CcsPorts): Promise<number> {
  const done = await dispatch(order, ports);
  if (done.ok) return 0;
  for (const line of done.problem) ports.terminal.err(`ccs-ts: ${line}\n`);
  return 1;
}

async function dispatch(order: CcsOrder, ports: CcsPorts): Promise<Done> {
  const { sole, file, fileGiven } = order;
  if (sole === "stopall") return await stopAll(order, ports.terminal);
  if (sole === "checkconf") return await checkConf(order, ports);
  if (sole === "startall") {
    const conf = await readConf(file, ports);
    return await startAll(order, conf.ok ? conf.value : null, ports.terminal);
  }
  if (sole === "getconf" && !fileGiven) return await getConf(order, ports);
  if (order.listing !== null || sole !== null) return await show(order, ports);
  const obstacle = order.activate ? await activationObstacle(order, ports) : null;
  if (obstacle !== null) return refuse([obstacle]);
  return order.edits.length > 0 ? await edit(order, ports) : await activate(order, null, ports);
}

async function show({ file, listing, sole }: CcsOrder, ports: CcsPorts): Promise<Done> {
  const conf = await readConf(file, ports);
  if (!conf.ok) return refuse([conf.problem]);
  const { terminal } = ports;
  if (sole === "getconf") terminal.out(conf.value.text);
  if (sole === "getversion") terminal.out(`${versionOf(conf.value) ?? "none"}\n`);
  const text = listing === null ? null : listings[listing.name]?.(conf.value, listing.words);
  if (text?.ok === false) return refuse([text.problem]);
  terminal.out(text?.value ?? "");
  return accept(null);
}

async function readConf(file: string, { read }: CcsPorts): Promise<Edited> {
  const text = await read(file);
  if (!text.ok) return refuse(`${file}: ${text.problem}`);
  if (text.value === null) {
    return refuse(`${file}: there is no such file; make one with --createcluster NAME`);
  }
  const conf = ConfText.parse(text.value);
  if (!conf.ok) return refuse(`${file}: ${conf.problem}; repair it in an editor first`);
  const { name } = conf.value.root;
  return name === "cluster" ? conf : refuse(`${file} is no cluster.conf: its root is <${name}>`);
}

/** All edits, or none of them. */
async function edit(order: CcsOrder, ports: CcsPorts): Promise<Done> {
  const { file } = order;
  const old = await ports.read(file);
  if (!old.ok) return refuse([`${file}: ${old.problem}`]);
  const start = await startOf(order, ports);
  if (!start.ok) return refuse([start.problem]);
  const made = applyAll(start.value.conf, start.value.edits);
  if (!made.ok) return refuse([`${file} is as before: ${made.problem}`]);
  const { text } = made.value;
  if (text === old.value) return accept(null);
  const verdict = judgeEdit(start.value.complaints, await ports.complaints(text, file), order);
  if (verdict.refusal !== null) {
    return refuse([`${file} is as before, since it would not be valid:`, ...verdict.refusal]);
  }
  const again = await ports.read(file);
  if (!again.ok || again.value !== old.value) {
    return refuse([`${file} was changed meanwhile, and is left so; call again`]);
  }
  const unwritten = await replace(file, { old: start.value.replaces, text }, ports);
  if (unwritten !== null) return refuse([unwritten]);
  if (verdict.unfinished) {
    ports.terminal.err(`ccs-ts: ${file} is written, but is not finished yet:\n`);
  }
  for (const note of verdict.notes) ports.terminal.err(`ccs-ts: ${note}\n`);
  if (!order.activate) return accept(null);
  return await activate(order, { before: old.value ?? "", after: text }, ports);
}

type EditStart = {
  readonly conf: ConfText;
  /** What the daemon says before the edits. */
  readonly complaints: readonly Complaint[];
  readonly edits: readonly EditOrder[];
  /** The content of a file in whose place another cluster is written; null: none. */
  readonly replaces: string | null;
};

async function startOf(
  { file, edits }: CcsOrder,
  ports: CcsPorts,
): Promise<Result<EditStart, string>> {
  const [first, ...rest] = edits;
  const creates = first?.name === "createcluster";
  const conf = creates ? createCluster(first.words[0] ?? "") : await readConf(file, ports);
  if (!conf.ok) return conf;
  const found = await ports.complaints(conf.value.text, file);
  if (!creates) return accept({ conf: conf.value, complaints: found, edits, replaces: null });
  const old = await ports.read(file);
  const replaces = old.ok ? old.value : null;
  // Of a new file only what is missing may be wrong.
  const complaints = found.filter(isMissing);
  return accept({ conf: conf.value, complaints, edits: rest, replaces });
}

/** The version is raised once, unless it is set or the file is new. */
function applyAll(start: ConfText, edits: readonly EditOrder[]): Edited {
  let made = start;
  for (const { name, words, options } of edits) {
    const next = editRules[name]?.apply(made, words, options) ?? refuse(`--${name} is unknown`);
    if (!next.ok) return next;
    made = next.value;
  }
  const sets = edits.some(({ name }) => name === "setversion" || name === "incversion");
  return sets || made.text === start.text ? accept(made) : raiseVersion(made);
}

/** Returns why the file is not written, or null. */
async function replace(
  file: string,
  { old, text }: { readonly old: string | null; readonly text: string },
  { write, terminal }: CcsPorts,
): Promise<string | null> {
  if (old !== null) {
    const aside = `${file}.replaced`;
    const kept = await write(aside, old);
    if (kept !== null) return `${aside}: ${kept}; ${file} is as before`;
    terminal.err(`ccs-ts: the file that was there is ${aside} now\n`);
  }
  const unwritten = await write(file, text);
  return unwritten === null ? null : `${file}: ${unwritten}; it is as before`;
}
