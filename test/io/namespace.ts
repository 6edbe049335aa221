/** Runs a test file in a network namespace of its own, where it is root whoever the caller is. */
import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const mark = "CLUSTERD_TEST_NAMESPACE";

export function insideNamespace(): boolean {
  return process.env[mark] === "1";
}

/** Null when namespaces may be made here, else the reason to skip. */
export function namespaceProblem(): string | null {
  const probe = spawnSync("unshare", ["-Urnm", "ip", "link", "set", "lo", "up"]);
  return probe.status === 0 ? null : "user and network namespaces are not permitted here";
}

export type SpawnArguments = readonly [
  string,
  string[],
  { readonly env: NodeJS.ProcessEnv },
  string,
];

/** For `t.spawn`. */
export function inNamespace(fileUrl: string, title: string): SpawnArguments {
  const parameters = ["-Urnm", process.execPath, "--enable-source-maps", fileURLToPath(fileUrl)];
  return ["unshare", parameters, { env: { ...process.env, [mark]: "1" } }, title];
}

/** One `ip` command; throws when it fails. */
export function ip(command: string): string {
  return execFileSync("ip", command.split(" "), { encoding: "utf8" });
}

/** Two ends of one cable, both up, and the loopback. */
export function cable(one: string, other: string): void {
  ip("link set lo up");
  ip(`link add ${one} type veth peer name ${other}`);
  ip(`link set ${one} up`);
  ip(`link set ${other} up`);
}
