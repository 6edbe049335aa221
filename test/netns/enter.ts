/**
 * Runs the current program once more inside namespaces of its own, as root or as anyone.
 * What it mounts and connects there ends with it, even when it is killed.
 */
import { spawn, spawnSync } from "node:child_process";
import { exactly } from "./child.ts";

/** Set for the program that runs inside. */
const insideVariable = "CLUSTERD_TEST_NET";

/** The exit status that means: skipped, the kernel or a tool is missing. */
export const skippedStatus = 77;

export type Entry =
  | { readonly type: "inside" }
  /** The namespaces are not available; the reason in words. */
  | { readonly type: "unsupported"; readonly reason: string };

/**
 * Call it first, with `await`, before anything that prints at exit is imported. Outside it never
 * returns when namespaces are available: the program runs inside, and this process ends with its
 * exit status.
 */
export async function enterNamespaces(): Promise<Entry> {
  if (process.env[insideVariable] === "1") {
    delete process.env[insideVariable];
    return { type: "inside" };
  }
  const reason = whyUnsupported();
  if (reason !== null) return { type: "unsupported", reason };
  const script = process.argv.slice(1);
  // Process 1 must be one that reaps orphans: a shell does, Node does not.
  const shell = ["sh", "-c", '"$@"; exit $?', "sh"];
  const program = [process.execPath, "--enable-source-maps", ...script];
  const env = { ...cleanEnvironment(), ...limitOfTests(), [insideVariable]: "1" };
  const [command = "", ...rest] = [...namespaces(), "env", ...exactly(env, [...shell, ...program])];
  const child = spawn(command, rest, { stdio: "inherit" });
  const status = await new Promise<number>((resolve) => {
    child.on("error", () => resolve(1));
    child.on("exit", (code) => resolve(code ?? 1));
  });
  process.exit(status);
}

/** For programs that make no sense without: says why, and ends with the status of a skipped one. */
export async function enterOrSkip(): Promise<void> {
  const entry = await enterNamespaces();
  if (entry.type === "inside") return;
  process.stderr.write(`skipped: ${entry.reason}\n`);
  process.exit(skippedStatus);
}

/** The runner's time limit for a test file holds inside, too. */
function limitOfTests(): NodeJS.ProcessEnv {
  const limit = process.env["TAP_TIMEOUT"];
  return limit === undefined ? {} : { TAP_TIMEOUT: limit };
}

/** The environment for programs under test: nothing that a test runner put there. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => name !== "NODE_OPTIONS" && !/^(TAP|_TAPJS_)/.test(name),
  );
  return Object.fromEntries(kept);
}

/** Null when a network of namespaces can be built here. */
function whyUnsupported(): string | null {
  if (process.platform !== "linux") return "network namespaces exist on Linux only";
  for (const tool of ["unshare", "nsenter", "setpriv", "ip", "mount"]) {
    if (spawnSync(tool, ["--version"]).error !== undefined && !answersShortVersion(tool)) {
      return `the command ${tool} is missing`;
    }
  }
  const probe = [...namespaces(), "sh", "-c", probeScript];
  const [command = "", ...rest] = probe;
  const result = spawnSync(command, rest, { encoding: "utf8", timeout: 10_000 });
  if (result.status === 0) return null;
  return `namespaces are not available: ${result.stderr.trim().split("\n").at(-1) ?? ""}`;
}

/** What the network needs of the kernel: a bridge, a veth pair, a tmpfs. */
const probeScript =
  "mount -t tmpfs tmpfs /run && ip link add br0 type bridge && " +
  "ip link add a0 type veth peer name a1 && ip link set a0 master br0";

/** As anyone: a user namespace first. The last process of the chain dies with the first one. */
function namespaces(): readonly string[] {
  const flags = process.getuid?.() === 0 ? "-nmpf" : "-Urnmpf";
  const chain = ["setpriv", "--pdeathsig", "KILL", "unshare", flags];
  return [...chain, "--mount-proc", "--kill-child", "--"];
}

function answersShortVersion(tool: string): boolean {
  return spawnSync(tool, ["-V"]).error === undefined;
}
