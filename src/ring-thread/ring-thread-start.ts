/**
 * Starts the ring thread, and exchanges the messages of ring-port.ts with it for the main thread.
 * Tested in: test/ring-thread/ring-thread.test.ts
 * THREAD1  Whatever ends the thread, except `kill`, the last output is `stopped` or `fatal`, and
 *     nothing follows it.
 */
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import type { RingThreadInput, RingThreadOptions, RingThreadOutput } from "./ring-port.ts";
import {
  type PackedInput,
  type PackedOutput,
  packSubmissions,
  type Submission,
  unpackOutputs,
} from "./ring-port-codec.ts";

export type RingThread = {
  /** Has no effect after the end. The memory of a payload may be reused after the present turn. */
  readonly post: (input: Exclude<RingThreadInput, { readonly type: "start" }>) => void;
  /** Kills the thread without leaving the ring; resolves when it is gone. */
  readonly kill: () => PromiseLike<void>;
  /** Resolves when the thread is gone, however it ended; its sockets are closed then. */
  readonly gone: Promise<void>;
};

/**
 * Frames live for milliseconds, but if the heap is small the collector marks all of it several
 * times a second. A larger heap costs 50 MB under full load, and saves a tenth of the time of each
 * frame.
 */
const oldSpaceAtStartMb = 96;

/** A thread that waits for its first message. */
export function loadRingThread(): Worker {
  setFlagsFromString(`--initial-old-space-size=${oldSpaceAtStartMb}`);
  return new Worker(new URL("../ring-thread/ring-thread.js", import.meta.url), {
    name: "ring",
    // The memory of datagrams is freed by the next collection of the young generation. With a
    // larger one these would be rare, and full collections would take their place.
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
    // Modules that were preloaded into the main thread do not belong in this one.
    execArgv: ["--enable-source-maps"],
  });
}

export function startRingThread(
  options: RingThreadOptions,
  onOutputs: (outputs: readonly RingThreadOutput[]) => void,
  worker = loadRingThread(),
): RingThread {
  let ended = false;
  const pass = (outputs: readonly RingThreadOutput[]): void => {
    if (ended) return;
    ended = outputs.some(({ type }) => type === "fatal" || type === "stopped");
    onOutputs(outputs);
  };
  const fail = (text: string): void =>
    pass([{ type: "fatal", problem: { type: "broken-invariant", text } }]);
  let waiting: Submission[] = [];
  const say = (packed: PackedInput, transfer: readonly ArrayBuffer[]): void => {
    if (!ended) worker.postMessage(packed, transfer);
  };
  const submit = (): void => {
    if (waiting.length === 0) return;
    const { content, transfer } = packSubmissions(waiting);
    waiting = [];
    say(content, transfer);
  };
  const post = (input: RingThreadInput): void => {
    if (input.type === "submit") {
      // All messages that are submitted in one turn are posted together.
      if (waiting.length === 0) queueMicrotask(submit);
      waiting.push(input);
      return;
    }
    submit();
    say(input, []);
  };
  worker.on("message", (content: readonly PackedOutput[]) => pass(unpackOutputs(content)));
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
