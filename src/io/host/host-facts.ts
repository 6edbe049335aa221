/**
 * Gathers the facts of this machine that the conf depends on: names, addresses, files and agents.
 * config/host/host-check.ts judges them.
 * Tested in: test/e2e/wrong-input.test.ts, test/daemon/live-conf.test.ts
 */

import { lookup } from "node:dns/promises";
import { access, constants, readFile, stat } from "node:fs/promises";
import { hostname, networkInterfaces } from "node:os";
import { dirname } from "node:path";
import type { FileFact, HostFacts, KeyFileFact } from "../../config/host/host-check.ts";
import type { ResolvedName } from "../../config/host/local-node.ts";
import type { ClusterConf, ResourceConf } from "../../model/conf.ts";
import { parseAddress } from "../../model/numeric-address.ts";
import { searchDirectories } from "../../model/search-path.ts";
import { AddressClaims } from "../files/address-claims.ts";
import { NetlinkAddresses } from "../network/netlink-addresses.ts";
import type { NetworkInterface } from "../network-ports.ts";
import { causeCode, causeText } from "../os-error.ts";

export type HostQuestions = {
  readonly nodeName: string | null;
  /** Second names of nodes. */
  readonly altnames: readonly string[];
  readonly stateDirectory: string;
};

export async function gatherHostFacts(
  conf: ClusterConf,
  { nodeName, altnames, stateDirectory }: HostQuestions,
): Promise<HostFacts> {
  const hosts = await readHosts();
  const resolved = new Map<string, ResolvedName>();
  for (const name of [...conf.nodes.map((node) => node.name), ...altnames]) {
    resolved.set(name, await resolveName(name, hosts));
  }
  const scripts = new Map<string, FileFact>();
  for (const { tree } of conf.services.services) {
    for (const path of scriptFiles(tree)) scripts.set(path, await fileFact(path));
  }
  const agents = conf.nodes.flatMap((node) =>
    node.fenceMethods.flatMap((method) => method.devices.map((use) => use.agent)),
  );
  const fenceAgents = new Map<string, string | null>();
  for (const agent of new Set(agents)) {
    if (agent !== "self") fenceAgents.set(agent, await agentPath(agent));
  }
  const { keyFile } = conf.totem;
  const { logFile } = conf.logging;
  return {
    nodeName,
    uname: hostname(),
    localAddresses: Object.values(networkInterfaces())
      .flatMap((entries) => entries ?? [])
      .map((entry) => entry.address),
    resolved,
    ...(await addressFacts(stateDirectory)),
    scripts,
    keyFile: keyFile === null ? null : await keyFileFact(keyFile),
    logFile: logFile === null ? null : await logFileProblem(logFile),
    fenceAgents,
    accounts: await accountFacts(conf.accounts),
    searchPath: searchDirectories,
  };
}

/**
 * The interfaces, and the addresses that clusterd has added. What is unknown is null: the latter,
 * for example, to a user who may not read the state directory.
 */
async function addressFacts(
  stateDirectory: string,
): Promise<Pick<HostFacts, "claimed" | "interfaces">> {
  const listed = await listInterfaces();
  const interfaces =
    listed?.map(({ addresses, ...one }) => ({
      ...one,
      addresses: addresses.map((each) => ({ ...each, ours: each.marked })),
    })) ?? null;
  const claims = await AddressClaims.open(stateDirectory);
  if (!claims.ok) return { claimed: null, interfaces };
  const here = listed?.flatMap(({ addresses }) => addresses) ?? [];
  const marked = here.filter((one) => one.marked).map(({ address }) => address);
  return { claimed: [...claims.value.all, ...marked], interfaces };
}

async function listInterfaces(): Promise<readonly NetworkInterface[] | null> {
  const netlink = await NetlinkAddresses.open();
  if (!netlink.ok) return null;
  const listed = await netlink.value.interfaces();
  netlink.value.close();
  return listed.ok ? listed.value : null;
}

function scriptFiles(tree: ResourceConf): readonly string[] {
  const file = tree.type === "script" ? new Map(tree.attributes).get("file") : undefined;
  return [...(file === undefined ? [] : [file]), ...tree.children.flatMap(scriptFiles)];
}

/** The names in /etc/hosts, to distinguish its answers from those of a name server. */
async function readHosts(): Promise<ReadonlySet<string>> {
  try {
    const lines = (await readFile("/etc/hosts", "utf8")).split("\n");
    const words = lines.map((line) => line.replace(/#.*/, "").trim().split(/\s+/).slice(1));
    return new Set(words.flat().map((name) => name.toLowerCase()));
  } catch {
    return new Set();
  }
}

async function resolveName(name: string, hosts: ReadonlySet<string>): Promise<ResolvedName> {
  if (parseAddress(name) !== null) {
    return { type: "addresses", addresses: [name], source: "literal" };
  }
  try {
    const found = await lookup(name, { all: true });
    const source = hosts.has(name.toLowerCase()) ? "hosts" : "dns";
    return { type: "addresses", addresses: found.map((one) => one.address), source };
  } catch (error) {
    return { type: "failed", cause: causeText(error) };
  }
}

/** The number of each account by `TYPE NAME`; null for an unknown name. */
async function accountFacts(
  accounts: ClusterConf["accounts"],
): Promise<ReadonlyMap<string, number | null>> {
  const facts = new Map<string, number | null>();
  for (const { type, name } of accounts) {
    const digits = /^\d{1,9}$/.test(name);
    const file = type === "uid" ? "/etc/passwd" : "/etc/group";
    facts.set(`${type} ${name}`, digits ? Number(name) : await numberOf(name, file));
  }
  return facts;
}

async function numberOf(name: string, file: string): Promise<number | null> {
  try {
    const lines = (await readFile(file, "utf8")).split("\n").map((line) => line.split(":"));
    const found = lines.find(([each]) => each === name)?.[2] ?? "";
    return /^\d+$/.test(found) ? Number(found) : null;
  } catch {
    return null;
  }
}

async function fileFact(path: string): Promise<FileFact> {
  try {
    const found = await stat(path);
    return { type: "present", regular: found.isFile(), executable: (found.mode & 0o111) !== 0 };
  } catch (error) {
    return { type: "absent", cause: causeText(error) };
  }
}

async function keyFileFact(path: string): Promise<KeyFileFact> {
  try {
    const found = await stat(path);
    const { mode, size: sizeBytes } = found;
    const readable = await accessible(path, constants.R_OK);
    return {
      type: "present",
      regular: found.isFile(),
      readable,
      mode: mode & 0o777,
      sizeBytes,
    };
  } catch (error) {
    return { type: "absent", cause: causeText(error) };
  }
}

/** Why lines cannot be appended to the file; null: they can. It need not exist yet. */
async function logFileProblem(path: string): Promise<string | null> {
  try {
    const found = await stat(path).catch((error: unknown) => {
      if (causeCode(error) === "ENOENT") return null;
      throw error;
    });
    if (found?.isDirectory() === true) return "it is a directory";
    await access(found === null ? dirname(path) : path, constants.W_OK);
    return null;
  } catch (error) {
    return causeText(error);
  }
}

/** The path of an agent; null: no searched directory has it. */
async function agentPath(agent: string): Promise<string | null> {
  for (const directory of searchDirectories) {
    const path = `${directory}/${agent}`;
    if (await accessible(path, constants.X_OK)) return path;
  }
  return null;
}

async function accessible(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode);
    return true;
  } catch {
    return false;
  }
}
