/** Clusters of real brokers under test: their states, and configurations without init scripts. */
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import type { Result } from "../netns/child.ts";
import { nodeName } from "../netns/node-files.ts";
import { primary, type RealCluster } from "./real-cluster.ts";

const primaryName = "qpidd-primary-service";

/** As the node sees its own broker. */
export async function brokerState(cluster: RealCluster, node: number): Promise<string> {
  return (await cluster.status(node))?.broker.state ?? "unknown";
}

/** Waits until the broker of the owner is primary, and all others have everything. */
export function brokersSettled(cluster: RealCluster, owner: number): Promise<void> {
  return cluster.until(`node ${owner} is primary, the others are ready`, async () => {
    const states = await Promise.all(cluster.net.nodes.map((node) => brokerState(cluster, node)));
    return states.every((state, at) => state === (at + 1 === owner ? "active" : "ready"));
  });
}

/** Waits for a cluster of three at rest; returns the primary's node and the other two. */
export async function restingNodes(
  cluster: RealCluster,
): Promise<readonly [number, number, number]> {
  const { nodes } = cluster.net;
  let owner = 0;
  // The owner is asked each time: the death of its broker may not have been noticed yet.
  await cluster.until("one broker is primary, the others are ready", async () => {
    await cluster.allStarted(nodes);
    owner = await cluster.started(1, primary);
    const states = await Promise.all(nodes.map((node) => brokerState(cluster, node)));
    return states.every((state, at) => state === (at + 1 === owner ? "active" : "ready"));
  });
  const [one = 0, other = 0] = nodes.filter((node) => node !== owner);
  return [owner, one, other];
}

/** The operator moves the primary there; whether that succeeds is the test's question. */
export function relocatePrimary(cluster: RealCluster, node: number): Promise<Result> {
  return cluster.command(node, "clusvcadm-ts", "-r", primaryName, "-m", nodeName(node));
}

/** What the operator of the node reads of the primary service. */
export async function whyPrimary(cluster: RealCluster, node: number): Promise<string> {
  return (await cluster.command(node, "clustat-ts", "--why", primaryName)).stdout;
}

export function killBroker(cluster: RealCluster, node: number): void {
  for (const pid of cluster.brokers(node)) process.kill(pid, "SIGKILL");
}

/** The published configuration with resources of clusterd in place of the scripts. */
export function withoutScripts(conf: string): string {
  const broker = '<qpidd name="qpidd" binary="/etc/qpid/bin/qpidd" run_as="root"/>';
  return conf
    .replace('<script file="/etc/init.d/qpidd" name="qpidd"/>', broker)
    .replace(
      '<script file="/etc/init.d/qpidd-primary" name="qpidd-primary"/>',
      '<qpidd-primary name="qpidd-primary"/>',
    )
    .replaceAll('<script ref="qpidd"/>', '<qpidd ref="qpidd"/>')
    .replace('<script ref="qpidd-primary"/>', '<qpidd-primary ref="qpidd-primary"/>');
}

const controlSocket = "var/lib/qpidd/control";

/** To be called before the brokers start: they take orders of tests, and have these settings. */
export function takeOrders(cluster: RealCluster, settings: Settings = {}): void {
  for (const node of cluster.net.nodes) {
    setBroker(cluster, node, { control: `/${controlSocket}`, ...settings });
  }
}

type Settings = Readonly<Record<string, string>>;

/** Settings of the node's qpidd.conf, which a broker reads when it starts. */
export function setBroker({ net }: RealCluster, node: number, settings: Settings): void {
  const file = net.path(node, "etc/qpid/qpidd.conf");
  const lines = readFileSync(file, "utf8").trim().split("\n");
  const kept = lines.filter((line) => settings[line.split("=")[0] ?? ""] === undefined);
  const more = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  writeFileSync(file, `${[...kept, ...more].join("\n")}\n`);
}

/** As listed in test/broker/control-orders.ts; a broker that starts anew has forgotten them. */
export async function orderBroker(
  { net }: RealCluster,
  node: number,
  ...words: readonly string[]
): Promise<void> {
  const socket = connect(net.path(node, controlSocket));
  socket.end(`${words.join(" ")}\n`);
  let answer = "";
  for await (const chunk of socket) answer += String(chunk);
  if (!answer.includes('"ok":true')) throw new Error(`${words.join(" ")}: ${answer}`);
}

/** What the brokers of the node have written, each line with its time. */
export function brokerLog({ net }: RealCluster, node: number): string {
  return readFileSync(net.path(node, "var/lib/qpidd/qpidd.log"), "utf8");
}

/** When brokers of the node were asked to become primary, as milliseconds of the wall clock. */
export function promotionsAsked(cluster: RealCluster, node: number): readonly number[] {
  const lines = brokerLog(cluster, node).split("\n");
  const asked = lines.filter((line) => line.includes("promote received"));
  return asked.map((line) => Date.parse(line.split(" ")[0] ?? ""));
}

/** When the node's clusterd has logged these words for the last time; it must have. */
export function timeOfLog(cluster: RealCluster, node: number, words: string): number {
  const lines = cluster.daemon(node).output().split("\n");
  const found = lines.findLast((line) => line.includes(words));
  const time = /"time":"([^"]+)"/.exec(found ?? "")?.[1];
  if (time === undefined) throw new Error(`node ${node} has not logged: ${words}`);
  return Date.parse(time);
}
