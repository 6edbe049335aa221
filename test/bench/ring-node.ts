/**
 * One node of the benchmark: a ring thread and nothing else, driven over the bench socket.
 * Loads the ring with a bounded amount of own messages under way, as a sane client does.
 */
import type { RingThreadOptions, RingThreadOutput } from "../../src/ring-thread/ring-port.ts";
import { startRingThread } from "../../src/ring-thread/ring-thread-start.ts";
import { answerQuestions } from "./bench-socket.ts";

type Load = { readonly bytes: number; readonly outstandingMax: number };
type Snapshot = Extract<RingThreadOutput, { readonly type: "snapshot" }>["status"];
type Question =
  | { readonly type: "load"; readonly bytes: number; readonly outstandingMax: number }
  | { readonly type: "rest" }
  | { readonly type: "counts" }
  | { readonly type: "latency"; readonly count: number; readonly pauseMs: number }
  | { readonly type: "status" }
  | { readonly type: "configurations" };

const options: RingThreadOptions = JSON.parse(process.argv[2] ?? "{}");
const configurations: { readonly atMs: number; readonly members: number }[] = [];
let load: Load | null = null;
let outstanding = 0;
let messages = 0;
let bytes = 0;
let snapshot: Snapshot | null = null;
let probe: (() => void) | null = null;

const thread = startRingThread(options, (outputs) => {
  for (const output of outputs) onOutput(output);
  fill();
});

function onOutput(output: RingThreadOutput): void {
  switch (output.type) {
    case "deliver": {
      messages += 1;
      bytes += output.payload.length;
      if (output.from !== options.self) return;
      if (output.payload[0] === 1) probe?.();
      else outstanding -= output.payload.length;
      return;
    }
    case "configuration": {
      const { kind, ring, members } = output.configuration;
      if (kind !== "regular") return;
      configurations.push({ atMs: now(), members: members.length });
      thread.post({ type: "sync-done", ring });
      return;
    }
    case "heartbeat":
      thread.post({ type: "heartbeat-answer", beat: output.beat });
      return;
    case "snapshot":
      snapshot = output.status;
      return;
    case "fatal":
      process.stderr.write(`${output.problem.text}\n`);
      process.exit(1);
      return;
    default:
  }
}

/** The same on all processes of the machine. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

function fill(): void {
  if (load === null) return;
  while (outstanding + load.bytes <= load.outstandingMax) {
    outstanding += load.bytes;
    thread.post({ type: "submit", lane: "app", payload: Buffer.alloc(load.bytes), safe: true });
  }
}

async function latency(count: number, pauseMs: number): Promise<readonly number[]> {
  const times: number[] = [];
  const payload = Buffer.alloc(64, 1);
  for (let sent = 0; sent < count; sent += 1) {
    const began = performance.now();
    const back = new Promise<void>((resolve) => {
      probe = resolve;
    });
    thread.post({ type: "submit", lane: "app", payload, safe: true });
    await back;
    times.push((performance.now() - began) * 1000);
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return times;
}

async function status(): Promise<Snapshot> {
  snapshot = null;
  thread.post({ type: "snapshot", request: 1 });
  for (;;) {
    if (snapshot !== null) return snapshot;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function answer(question: Question): Promise<unknown> {
  switch (question.type) {
    case "load":
      load = question;
      fill();
      return null;
    case "rest":
      load = null;
      while (outstanding > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      return null;
    case "counts": {
      const { user, system } = process.cpuUsage();
      const rssBytes = process.memoryUsage.rss();
      return { atMs: now(), messages, bytes, cpuMs: (user + system) / 1000, rssBytes };
    }
    case "latency":
      return await latency(question.count, question.pauseMs);
    case "status":
      return await status();
    case "configurations":
      return configurations;
  }
}

process.on("SIGTERM", () => {
  thread.post({ type: "leave" });
  void thread.gone.then(() => process.exit(0));
});
answerQuestions(answer);
