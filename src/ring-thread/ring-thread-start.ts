/**
 * Starts the ring thread and is the main thread's end of the conversation in ring-port.ts.
 * Does not know what is said.
 * Tested in: test/ring-thread/ring-thread.test.ts
 * THREAD1  Whatever ends the thread, the last output is `stopped` or `fatal`, and nothing follows
 *     it.
 */
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import type { RingThreadInput, RingThreadOptions, RingThreadOutput } from "./ring-port.ts";
import {
  type InputParcel,
  type OutputParcel,
  packSubmissions,
  type Submission,
  unpackOutputs,
} from "./ring-port-codec.ts";

export type RingThread = {
  /** Has no effect after the end. A payload may be used again once the present turn is over. */
  readonly post: (input: Exclude<RingThreadInput, { readonly type: "start" }>) => void;
  /** Kills the thread without leaving the ring; resolves when it is gone. */
  readonly kill: () => Promise<void>;
  /** Resolves when the thread is gone, however it ended; its sockets are closed then. */
  readonly gone: Promise<void>;
};

/**
 * Frames live for milliseconds, but a small heap has all of it marked several times a second. Costs
 * 50 MB under full load, and saves a tenth of the time of each frame.
 */
const oldSpaceAtStartMb = 96;

export function startRingThread(
  options: RingThreadOptions,
  onOutputs: (outputs: readonly RingThreadOutput[]) => void,
): RingThread {
  setFlagsFromString(`--initial-old-space-size=${oldSpaceAtStartMb}`);
  const worker = new Worker(new URL("./ring-thread.js", import.meta.url), {
    name: "ring",
    // What a datagram held is freed with the next young collection; rare ones become full ones.
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
    // Nothing that was preloaded into the main thread belongs into this one.
    execArgv: ["--enable-source-maps"],
  });
  let ended = false;
  const pass = (outputs: readonly RingThreadOutput[]): void => {
    if (ended) return;
    ended = outputs.some(({ type }) => type === "fatal" || type === "stopped");
    onOutputs(outputs);
  };
  const fail = (text: string): void =>
    pass([{ type: "fatal", problem: { type: "broken-invariant", text } }]);
  let waiting: Submission[] = [];
  const say = (parcel: InputParcel, transfer: readonly ArrayBuffer[]): void => {
    if (!ended) worker.postMessage(parcel, transfer);
  };
  const submit = (): void => {
    if (waiting.length === 0) return;
    const { content, transfer } = packSubmissions(waiting);
    waiting = [];
    say(content, transfer);
  };
  const post = (input: RingThreadInput): void => {
    if (input.type === "submit") {
      // All that is submitted in one turn travels together.
      if (waiting.length === 0) queueMicrotask(submit);
      waiting.push(input);
      return;
    }
    submit();
    say(input, []);
  };
  worker.on("message", (content: readonly OutputParcel[]) => pass(unpackOutputs(content)));
  worker.on("error", (error) => fail(error.stack ?? error.message));
  const gone = new Promise<void>((resolve) => {
    worker.on("exit", (code) => {
      fail(`the ring thread ended with code ${code}`);
      resolve();
    });
  });
  post({ type: "start", options });
  return {
    post,
    kill: async () => {
      ended = true;
      await worker.terminate();
    },
    gone,
  };
}
