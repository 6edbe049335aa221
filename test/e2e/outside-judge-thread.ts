/**
 * The eyes of the outside judge, in a thread of their own: looks every two milliseconds at each
 * node's addresses and at the state of its broker, and posts what has changed. Asks nobody.
 */
import { readFileSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { loadSystemCalls } from "../../src/io/system-calls.ts";
import { LoggedBroker } from "./logged-broker.ts";

export type Watched = {
  readonly address: string;
  readonly nodes: readonly {
    readonly node: number;
    /** A process in the node's network. */
    readonly pid: number;
    /** Of the stand-in: process and state. */
    readonly stateFile: string;
    /** Of a real broker, which has no such file; null for the stand-in. */
    readonly logFile: string | null;
  }[];
};

/** What is seen from now on, until the next one. `atMs` is of the clock that threads share. */
export type Sight = {
  readonly atMs: number;
  readonly holders: readonly number[];
  readonly primaries: readonly number[];
};

export type Sighting =
  | ({ readonly type: "sight" } & Sight)
  | {
      readonly type: "count";
      readonly samples: number;
      readonly longestMs: number;
      /** Samples that came later than 5 ms after the one before. */
      readonly late: number;
      readonly atMs: number;
    };

const everyMs = 2;
const lateMs = 5;
const countEveryMs = 20;
/** Above everything of the daemons: otherwise a busy machine blinds the judge. */
const realtimePriority = 60;

/** CLOCK_MONOTONIC. */
export function sharedMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** From the kernel's routing table of the node's network. */
function holds(pid: number, address: string): boolean {
  const table = textOf(`/proc/${pid}/net/fib_trie`);
  for (let at = table.indexOf(`|-- ${address}\n`); at >= 0; ) {
    const next = table.slice(at, at + address.length + 60).split("\n")[1] ?? "";
    if (next.includes("/32 host LOCAL")) return true;
    at = table.indexOf(`|-- ${address}\n`, at + 1);
  }
  return false;
}

/** Process and state of the node's broker. */
type Look = () => readonly [string, string];

function lookFor({ pid, stateFile, logFile }: Watched["nodes"][number]): Look {
  if (logFile !== null) {
    const logged = new LoggedBroker(logFile, pid);
    return () => logged.look();
  }
  return () => {
    const [broker = "", state = ""] = textOf(stateFile).trim().split(" ");
    return [broker, state];
  };
}

/** A zombie has no command line. */
function isPrimary(look: Look): boolean {
  const [pid, state] = look();
  if (state !== "active" && state !== "recovering") return false;
  return textOf(`/proc/${pid}/cmdline`) !== "";
}

type Looks = ReadonlyMap<number, Look>;

function lookAround({ address, nodes }: Watched, looks: Looks): Sight {
  const atMs = sharedMs();
  const holders = nodes.filter(({ pid }) => holds(pid, address)).map(({ node }) => node);
  const primaries = [...looks].filter(([, look]) => isPrimary(look)).map(([node]) => node);
  return { atMs, holders, primaries };
}

async function run(watched: Watched, post: (sighting: Sighting) => void): Promise<never> {
  const calls = await loadSystemCalls();
  if (calls.ok) calls.value.scheduleRoundRobin(realtimePriority, "normal");
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const looks = new Map(watched.nodes.map((one) => [one.node, lookFor(one)]));
  let shown = "";
  let samples = 0;
  let longestMs = 0;
  let late = 0;
  let lastMs = sharedMs();
  let countedMs = lastMs;
  for (;;) {
    const sight = lookAround(watched, looks);
    const sinceMs = sight.atMs - lastMs;
    lastMs = sight.atMs;
    samples += 1;
    longestMs = Math.max(longestMs, sinceMs);
    if (sinceMs > lateMs) late += 1;
    const text = `${sight.holders} ${sight.primaries}`;
    if (text !== shown) post({ type: "sight", ...sight });
    shown = text;
    if (sight.atMs - countedMs > countEveryMs) {
      countedMs = sight.atMs;
      post({ type: "count", samples, longestMs, late, atMs: sight.atMs });
    }
    Atomics.wait(cell, 0, 0, everyMs);
  }
}

const port = parentPort;
port?.once("message", (watched: Watched) => {
  void run(watched, (sighting) => port.postMessage(sighting));
});
