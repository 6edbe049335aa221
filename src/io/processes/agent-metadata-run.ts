/**
 * Asks agents for their metadata: runs the wanted files with `meta-data`, with limits of time and
 * output, and returns what they printed. Does not read the metadata, nor know what an agent is for.
 * Source: rgmanager resrules.c: load_resource_rules, read_resource_agent_metadata.
 * Deviations: files that are named after a wanted type are run first. The others are run only if a
 * wanted type has no such file and no answer yet. Time and output are limited.
 * METADATA1  Files that the package fence-agents installs beside the agents (`fence_...`) are never
 *     run: its checks of reservations take any argument for an order, and may reboot the machine.
 * METADATA2  Every file has an outcome, whatever it does: at a limit it is killed with its process
 *     group.
 */
import { spawn } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { causeCode, causeText } from "../os-error.ts";
import { executable, toolEnvironment } from "./system-command.ts";

const timeLimitMs = 10_000;
const outputBytesMax = 262_144;
const shownBytesMax = 300;
/** What SIGKILL does not end within this time counts as if it had. */
const killedEndMs = 1500;
/** How long output is still read after the file has ended, since its children may write. */
const drainMs = 200;
const atOnce = 4;
const filesMax = 500;

export type MetadataOutcome =
  | { readonly type: "printed"; readonly text: string }
  | { readonly type: "failed"; readonly cause: string };

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
  return await ask(file, root);
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
    const outcomes = await Promise.all(batch.map((file) => ask(file, root)));
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

function ask(file: string, root: string): Promise<MetadataOutcome> {
  return new Promise((resolve) => {
    const child = spawn(file, ["meta-data"], {
      cwd: "/",
      env: { ...toolEnvironment, OCF_ROOT: root },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const chunks: Buffer[] = [];
    const output = { chunks, bytes: 0, errors: "" };
    let cause: string | null = null;
    const end = (why: string): void => {
      cause ??= why;
      if (child.pid !== undefined) endGroup(child.pid);
      // A process that hangs in the kernel is not waited for.
      setTimeout(finish, killedEndMs);
    };
    const limit = setTimeout(() => {
      end(`it does not end: no metadata within ${timeLimitMs / 1000} s`);
    }, timeLimitMs);
    child.stdout.on("data", (bytes: Buffer) => {
      output.bytes += bytes.length;
      if (output.bytes > outputBytesMax) end(`it prints more than ${outputBytesMax} bytes`);
      else output.chunks.push(bytes);
    });
    child.stderr.on("data", (bytes: Buffer) => {
      output.errors = (output.errors + bytes.toString("utf8")).slice(-shownBytesMax);
    });
    let settled = false;
    const settle = (outcome: MetadataOutcome): void => {
      if (settled) return;
      settled = true;
      clearTimeout(limit);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve(outcome);
    };
    const finish = (): void => {
      const text = Buffer.concat(output.chunks).toString("utf8");
      if (cause === null && text.trim() !== "") settle({ type: "printed", text });
      else settle({ type: "failed", cause: withErrors(cause ?? "it prints none", output.errors) });
    };
    child.once("error", (error) => settle({ type: "failed", cause: causeText(error) }));
    child.once("close", finish);
    child.once("exit", () => {
      setTimeout(() => {
        if (child.pid !== undefined) endGroup(child.pid);
        finish();
      }, drainMs);
    });
  });
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
