/**
 * corosync on the same three hosts, driven by its own cpgbench: one node sends as fast as it may.
 * Both are taken from PATH as they are installed; without them there is nothing to compare with.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { findTool } from "../../src/io/processes/system-command.ts";
import type { Child } from "../netns/child.ts";
import { nodeAddress } from "../netns/node-files.ts";
import type { TestNet } from "../netns/test-net.ts";
import { until } from "../netns/until.ts";

/** cpgbench begins with 64 bytes, takes five times as much every ten seconds, and never ends. */
export const cpgbenchSizes: readonly number[] = [64, 320, 1600, 8000];
const sizeMs = 10_000;

type Programs = { readonly corosync: string; readonly cpgbench: string };

/** Null, with the reason in words, where one of the two is missing. */
export async function findCorosync(): Promise<Programs | string> {
  const [corosync, cpgbench] = [await findTool("corosync"), await findTool("cpgbench")];
  if (corosync !== null && cpgbench !== null) return { corosync, cpgbench };
  return `no comparison: ${corosync === null ? "corosync" : "cpgbench"} is not installed`;
}

export type CorosyncFigures = {
  /** Ordered messages per second for each size of `cpgbenchSizes` that came to its end. */
  readonly rates: ReadonlyMap<number, number>;
  readonly lastWords: string;
};

export async function corosyncRates(
  net: TestNet,
  { corosync, cpgbench }: Programs,
): Promise<CorosyncFigures> {
  const key = randomBytes(256);
  const daemons = net.nodes.map((node) => {
    writeCorosyncFiles(net, node, { key, tokenMs: 1000 });
    return net.spawnOnNode(node, [corosync, "-f"]);
  });
  const first = daemons[0];
  const describe = () => first?.output() ?? "";
  const whole = `Members[${net.nodes.length}]`;
  await until(() => describe().includes(whole), { timeoutMs: 30_000, describe });
  // Its output has to come line by line, since it is ended in the middle of a size.
  const client = net.spawnOnNode(1, ["stdbuf", "-oL", cpgbench]);
  const enough = () => rows(client).size === cpgbenchSizes.length || !client.running;
  await until(enough, { timeoutMs: cpgbenchSizes.length * sizeMs * 2, describe });
  for (const child of [client, ...daemons]) child.kill("SIGKILL");
  await Promise.all([client, ...daemons].map(({ exited }) => exited));
  return { rates: rows(client), lastWords: client.output().trim().split("\n").at(-1) ?? "" };
}

function rows(client: Child): ReadonlyMap<number, number> {
  const pattern = /received +(\d+) bytes per write +[\d.]+ Seconds runtime +([\d.]+) TP\/s/g;
  const found = [...client.output().matchAll(pattern)];
  return new Map(found.map(([, bytes, rate]) => [Number(bytes), Number(rate)]));
}

/** Encrypted and authenticated like our frames; all that depends on the token is the default. */
export function writeCorosyncFiles(
  net: TestNet,
  node: number,
  { key, tokenMs }: { readonly key: Uint8Array; readonly tokenMs: number },
): void {
  const directory = net.path(node, "etc/corosync");
  for (const made of [directory, net.path(node, "var/lib/corosync")]) {
    mkdirSync(made, { recursive: true });
  }
  writeFileSync(`${directory}/authkey`, key);
  chmodSync(`${directory}/authkey`, 0o400);
  const nodes = net.nodes.flatMap((id) => [
    ...["node {", `ring0_addr: ${nodeAddress(id)}`, `name: node${id}`, `nodeid: ${id}`, "}"],
  ]);
  const lines = [
    ...["totem {", "version: 2", "cluster_name: bench", "transport: knet", `token: ${tokenMs}`],
    ...["crypto_cipher: aes256", "crypto_hash: sha256", "}"],
    ...["logging {", "to_stderr: yes", "to_syslog: no", "}"],
    ...["quorum {", "provider: corosync_votequorum", "}"],
    ...["nodelist {", ...nodes, "}"],
  ];
  writeFileSync(`${directory}/corosync.conf`, `${lines.join("\n")}\n`);
}
