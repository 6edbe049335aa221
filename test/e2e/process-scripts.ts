/**
 * Init scripts of small daemons for tests, and who of them runs on which node. A daemon says that
 * it runs by its name alone.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RealCluster } from "./real-cluster.ts";

export type DaemonScript = {
  readonly name: string;
  /** A list of commands that the daemon begins with, such as a trap. */
  readonly prologue?: string;
  /** What the stop does; `$pid` is the daemon's, empty where the pid file is not there. */
  readonly stop?: string;
};

const orderlyStop = '[ -n "$pid" ] && kill $pid && rm -f $file; exit 0';

/** Writes it for each node; starts write the pid file, status asks whether that process lives. */
export function writeDaemonScript(cluster: RealCluster, script: DaemonScript): void {
  const { name, prologue = ":", stop = orderlyStop } = script;
  const text = `#!/bin/sh
file=/run/${name}.pid
pid=$(cat $file 2>/dev/null)
case $1 in
start)
  exec </dev/null >/dev/null 2>&1
  setsid sh -c '${prologue}; while :; do sleep 0.2; done' daemon-${name} &
  echo $! >$file ;;
stop) ${stop} ;;
status) [ -n "$pid" ] && kill -0 $pid 2>/dev/null || exit 3 ;;
esac
`;
  for (const node of cluster.net.nodes) {
    const directory = join(cluster.net.path(node, "etc"), "init.d");
    mkdirSync(directory, { recursive: true });
    const path = join(directory, name);
    writeFileSync(path, text);
    chmodSync(path, 0o755);
  }
}

export function pidFileOf(cluster: RealCluster, node: number, name: string): string {
  return `${cluster.net.rootOf(node)}/run/${name}.pid`;
}

/** Process ids of the daemon on a node, found by nothing that clusterd knows of. */
export function daemonsOn(node: number, name: string): readonly number[] {
  const wanted = `CLUSTERD_NODE=node${node}.example.com`;
  return readdirSync("/proc")
    .filter((entry) => /^[1-9]\d*$/.test(entry))
    .map(Number)
    .filter((pid) => {
      const words = textOf(`/proc/${pid}/cmdline`).split("\0");
      if (!words.includes(`daemon-${name}`) || words.includes("setsid")) return false;
      return textOf(`/proc/${pid}/environ`).split("\0").includes(wanted);
    });
}

/** Nodes on which the daemon runs. */
export function runningOn(cluster: RealCluster, name: string): readonly number[] {
  return cluster.net.nodes.filter((node) => daemonsOn(node, name).length > 0);
}

/** Looks again and again whether the daemon runs on two nodes at once. */
export class TwiceWatch {
  readonly seen: string[] = [];
  #samples = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(cluster: RealCluster, name: string) {
    this.#timer = setInterval(() => {
      this.#samples += 1;
      const nodes = runningOn(cluster, name);
      if (nodes.length > 1) this.seen.push(`${name} on ${nodes.join(" and ")}`);
    }, 20);
  }

  get samples(): number {
    return this.#samples;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

const samples = 50;

/** The process may open nothing more than it always has open. */
export async function useUpDescriptors(pid: number): Promise<readonly string[]> {
  let least = Number.POSITIVE_INFINITY;
  // At any one time it may hold some for a moment, such as those of a command.
  for (let sample = 0; sample < samples; sample += 1) {
    const open = readdirSync(`/proc/${pid}/fd`).map(Number);
    let free = 0;
    while (open.includes(free)) free += 1;
    least = Math.min(least, free);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return ["prlimit", `--pid=${pid}`, `--nofile=${least}:`];
}

export function giveBackDescriptors(pid: number): readonly string[] {
  return ["prlimit", `--pid=${pid}`, "--nofile=4096:"];
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
