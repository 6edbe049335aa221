/**
 * Starts the guard and the ring's thread before they are needed, since to load them takes as long
 * as everything else that a start of the daemon does. Until they get their first order they do
 * nothing.
 * Tested in: test/daemon/start-limits.test.ts, test/e2e/failover.test.ts
 */
import type { ChildProcess } from "node:child_process";
import type { Worker } from "node:worker_threads";
import type { LogFormat } from "../io/log/log-lines.ts";
import { loadRingThread } from "../ring-thread/ring-thread-start.ts";
import { spawnGuard } from "./guard-process.ts";

export class EarlyStart {
  #guard: ChildProcess | null;
  #ringThread: Worker | null;

  constructor(stateDirectory: string, guardFormat: LogFormat) {
    this.#guard = spawnGuard(stateDirectory, guardFormat);
    this.#ringThread = loadRingThread();
  }

  /** The guard that is being loaded; null: it is in use already. */
  takeGuard(): ChildProcess | null {
    const guard = this.#guard;
    this.#guard = null;
    return guard;
  }

  /** The thread that is being loaded; null: it is in use already. */
  takeRingThread(): Worker | null {
    const thread = this.#ringThread;
    this.#ringThread = null;
    return thread;
  }

  /** The daemon does not start: a guard without orders ends with its input. */
  abandon(): void {
    this.#guard?.stdin?.end();
    void this.#ringThread?.terminate();
  }
}
