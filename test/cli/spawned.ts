/** Runs a command as its users do: through the launcher in bin/, in a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export type Outcome = { readonly out: string; readonly err: string; readonly exit: number | null };

export type Running = {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly outcome: Promise<Outcome>;
};

/** Seen from build/test/cli. */
const bin = fileURLToPath(new URL("../../../bin/", import.meta.url));

/** `name` is a file of bin/ or, with a slash, any path. */
export function start(
  name: string,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Running {
  // The test runner's own variables would load its hooks into the command under test.
  const clean = Object.entries(process.env).filter(([key]) => !/^(_?TAP|NODE_OPTIONS)/.test(key));
  const child = spawn(name.includes("/") ? name : bin + name, words, {
    env: { ...Object.fromEntries(clean), TZ: "UTC", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    out += part;
  });
  child.stderr.setEncoding("utf8").on("data", (part: string) => {
    err += part;
  });
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exit) => resolve({ out, err, exit }));
  });
  return { child, out: () => out, outcome };
}

export async function run(
  name: string,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  return await start(name, words, env).outcome;
}
