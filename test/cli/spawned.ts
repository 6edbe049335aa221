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
  // The test runner adds its hooks to the environment of whatever a test spawns, even where the
  // test gives one; a fresh environment keeps them out of the command.
  const variables = Object.entries({ PATH: process.env["PATH"] ?? "", TZ: "UTC", ...env });
  const program = name.includes("/") ? name : bin + name;
  const child = spawn(
    "/usr/bin/env",
    ["-i", ...variables.map(([key, value]) => `${key}=${value}`), program, ...words],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
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
