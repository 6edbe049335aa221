/**
 * Asks agents for their metadata: runs the wanted files with `meta-data`, with limits of time and
 * output, and returns what they printed. config/agents/agent-metadata.ts reads it.
 * Source: rgmanager resrules.c: load_resource_rules, read_resource_agent_metadata.
 * Deviations: files that are named after a wanted type are run first. The others are run only if a
 * wanted type has no such file and no answer yet. Time and output are limited.
 * METADATA1  Files that the package fence-agents installs beside the agents (`fence_...`) are never
 *     run: its checks of reservations take any argument for an order, and may reboot the machine.
 * METADATA2  Every file has an outcome, whatever it does: at a limit it is killed with its process
 *     group.
 * METADATA3  A file that has failed is asked once more, unless it has used up its time; one that
 *     has printed metadata is asked again only when it has changed.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { causeCode, causeText } from "../os-error.ts";
import { executable, toolEnvironment } from "./system-command.ts";

const timeLimitMs = 10_000;
const outputBytesMax = 262_144;
const shownBytesMax = 300;
/** What SIGKILL does not end within this time counts as if it had. */
const killedEndMs = 1500;
/** When nothing has come for so long after the file has ended, its output is complete. */
const drainMs = 200;
/** So long it is waited for, if there is none at all yet: its children may write it. */
const firstOutputMs = 1500;
const atOnce = 4;
const filesMax = 500;

export type MetadataOutcome =
  | { readonly type: "printed"; readonly text: string }
  | { readonly type: "failed"; readonly cause: string };

/** `timedOut`: to ask it again would take as long again. */
type Asked = MetadataOutcome & { readonly timedOut: boolean };

export type AskedFile = { readonly file: string; readonly outcome: MetadataOutcome };

/**
 * Asks the agents of a directory that are named after the wanted types, and then all others if a
 * wanted type has neither such a file nor an answer.
 */
export async function askDirectory(
  directory: string,
  wanted: readonly string[],
  typeOf: (text: string) => string | null,
): Promise<readonly AskedFile[]> {
  if (wanted.length === 0) return [];
  const files = await agentFiles(directory);
  const named = files.filter((file) => wanted.includes(nameWithoutSuffix(file)));
  const first = await askAll(named, directory);
  const answered = new Set(first.map(({ outcome }) => textType(outcome, typeOf)));
  const complete = wanted.every(
    (type) => answered.has(type) || named.some((file) => nameWithoutSuffix(file) === type),
  );
  if (complete) return first;
  const others = files.filter((file) => !named.includes(file));
  return [...first, ...(await askAll(others, directory))];
}

/** Asks all agents of a directory; null: it is not a directory. */
export async function askWholeDirectory(directory: string): Promise<readonly AskedFile[] | null> {
  try {
    if (!(await stat(directory)).isDirectory()) return null;
  } catch {
    return null;
  }
  return await askAll(await agentFiles(directory), directory);
}

/** Asks one file; null: there is no such file. */
export async function askFile(file: string, root: string): Promise<MetadataOutcome | null> {
  try {
    if (!(await stat(file)).isFile()) return { type: "failed", cause: "it is no regular file" };
  } catch (error) {
    if (causeCode(error) === "ENOENT" || causeCode(error) === "ENOTDIR") return null;
    return { type: "failed", cause: causeText(error) };
  }
  if (!(await executable(file))) return { type: "failed", cause: "it is not executable" };
  return await remembered(file, root);
}

/** What a file has printed, by path, inode, size and time of change; refusals are not kept. */
const printedBefore = new Map<string, MetadataOutcome>();

async function remembered(file: string, root: string): Promise<MetadataOutcome> {
  const key = await contentKey(file, root);
  const known = key === null ? undefined : printedBefore.get(key);
  if (known !== undefined) return known;
  const first = await ask(file, root);
  // A machine without processes or descriptors for a moment says nothing about the agent.
  const asked = first.type === "printed" || first.timedOut ? first : await ask(file, root);
  if (asked.type === "failed") return { type: "failed", cause: asked.cause };
  const printed: MetadataOutcome = { type: "printed", text: asked.text };
  if (key !== null) printedBefore.set(key, printed);
  return printed;
}

async function contentKey(file: string, root: string): Promise<string | null> {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = await stat(file);
    return [root, file, dev, ino, size, mtimeMs, ctimeMs].join(" ");
  } catch {
    return null;
  }
}

function textType(
  outcome: MetadataOutcome,
  typeOf: (text: string) => string | null,
): string | null {
  return outcome.type === "printed" ? typeOf(outcome.text) : null;
}

async function askAll(files: readonly string[], root: string): Promise<readonly AskedFile[]> {
  const answers: AskedFile[] = [];
  for (let start = 0; start < files.length; start += atOnce) {
    const batch = files.slice(start, start + atOnce);
    const outcomes = await Promise.all(batch.map((file) => remembered(file, root)));
    answers.push(...batch.map((file, index) => ({ file, outcome: outcomes[index] ?? silent })));
  }
  return answers;
}

const silent: MetadataOutcome = { type: "failed", cause: "it was not asked" };

/** The executable files, sorted, so that of two for one type every node uses the same. */
async function agentFiles(directory: string): Promise<readonly string[]> {
  let names: readonly string[];
  try {
    names = await readdir(directory);
  } catch {
    return [];
  }
  const files: string[] = [];
  for (const name of names.toSorted()) {
    if (name.endsWith("~") || /\.rpm[^.]*$/i.test(name) || name.startsWith("fence_")) continue;
    const path = join(directory, name);
    if ((await isFile(path)) && (await executable(path))) files.push(path);
  }
  return files.slice(0, filesMax);
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

function nameWithoutSuffix(file: string): string {
  return (file.split("/").at(-1) ?? "").replace(/\.[^.]*$/, "");
}

async function ask(file: string, root: string): Promise<Asked> {
  const spawned = await spawnAgent(file, root);
  return spawned.ok ? await spawned.value.outcome : failed(spawned.problem);
}

function failed(cause: string, timedOut = false): Asked {
  return { type: "failed", cause, timedOut };
}

/** Without descriptors or processes there is no child, or one without streams. */
function spawnAgent(file: string, root: string): Promise<Result<MetadataRun, string>> {
  return new Promise((resolve) => {
    try {
      const child = spawn(file, ["meta-data"], {
        cwd: "/",
        env: { ...toolEnvironment, OCF_ROOT: root },
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
      });
      child.once("error", (error) => resolve(refuse(causeText(error))));
      if (child.pid !== undefined) resolve(accept(new MetadataRun(child, child.pid)));
    } catch (error) {
      resolve(refuse(causeText(error)));
    }
  });
}

/** One agent that prints its metadata. */
class MetadataRun {
  readonly outcome: Promise<Asked>;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #pid: number;
  readonly #limit: NodeJS.Timeout;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #errors = "";
  #cause: string | null = null;
  #timedOut = false;
  #settled = false;
  #resolve: (asked: Asked) => void = () => undefined;

  constructor(child: ChildProcessByStdio<null, Readable, Readable>, pid: number) {
    this.#child = child;
    this.#pid = pid;
    this.outcome = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#limit = setTimeout(() => {
      this.#timedOut = true;
      this.#end(`it does not end: no metadata within ${timeLimitMs / 1000} s`);
    }, timeLimitMs);
    child.stdout.on("data", (bytes: Buffer) => this.#read(bytes));
    child.stderr.on("data", (bytes: Buffer) => {
      this.#errors = (this.#errors + bytes.toString("utf8")).slice(-shownBytesMax);
    });
    child.once("close", () => this.#finish());
    child.once("exit", () => this.#drain(this.#bytes, 0));
  }

  #read(bytes: Buffer): void {
    this.#bytes += bytes.length;
    if (this.#bytes > outputBytesMax) this.#end(`it prints more than ${outputBytesMax} bytes`);
    else this.#chunks.push(bytes);
  }

  #end(why: string): void {
    this.#cause ??= why;
    endGroup(this.#pid);
    // A process that hangs in the kernel is not waited for.
    setTimeout(() => this.#finish(), killedEndMs);
  }

  /** It has ended: what its children print, and what waits in the pipe, is read. */
  #drain(bytesBefore: number, waitedMs: number): void {
    const look = (): void => {
      if (this.#settled) return;
      const awaited = this.#bytes === 0 && waitedMs < firstOutputMs;
      if (awaited || this.#bytes !== bytesBefore) this.#drain(this.#bytes, waitedMs + drainMs);
      else {
        endGroup(this.#pid);
        this.#finish();
      }
    };
    // A busy loop runs its timers before it reads, and its immediates afterwards.
    setTimeout(() => setImmediate(look), drainMs);
  }

  #finish(): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#limit);
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
    const text = Buffer.concat(this.#chunks).toString("utf8");
    const good = this.#cause === null && text.trim() !== "";
    const cause = withErrors(this.#cause ?? "it prints none", this.#errors);
    this.#resolve(
      good ? { type: "printed", text, timedOut: false } : failed(cause, this.#timedOut),
    );
  }
}

function withErrors(cause: string, errors: string): string {
  const words = errors.trim().replaceAll(/\s+/g, " ");
  return words === "" ? cause : `${cause}: ${words}`;
}

/** Kills a process group; one that has ended already needs no signal. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    return;
  }
}
