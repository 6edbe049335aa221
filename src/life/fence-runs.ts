/**
 * Runs fence agents, one after the other on each fence device, each to its end or its time limit.
 * Source: fence-agents doc/FenceAgentAPI.md.
 * FENCERUN1  Runs on one device follow each other, since two agents on one power switch would
 *     disturb each other.
 * FENCERUN2  A run that only asks a device for its state is ended when a run is ordered that may
 *     switch something.
 */

import { agentLimitMs, agentRun } from "../fencing/fence-agent.ts";
import type { Clock, ProcessResult, ProcessRunner } from "../io/ports.ts";
import { trackingVariables } from "../io/processes/tracked-processes.ts";
import type { FenceDeviceUse } from "../model/conf.ts";
import type { NodeName } from "../model/ids.ts";
import { assertNever } from "../model/outcome.ts";
import { maskSecrets } from "../model/secrets.ts";
import type { Ms } from "../model/time.ts";
import { visibleLines } from "../model/visible-text.ts";

export type FencePorts = {
  readonly clock: Pick<Clock, "after" | "soon">;
  readonly processes: Pick<ProcessRunner, "run">;
  readonly trackingToken: string;
};

/** One agent to be run; `action` null: that of the parameters, or else the agent's default. */
export type FenceCall = {
  readonly victim: NodeName;
  readonly use: FenceDeviceUse;
  readonly action: "off" | "on" | "status" | null;
};

export type FenceTerms = {
  readonly agentTimeoutMs: Ms;
  readonly permit: FencePermit | null;
};

/** An agent is started only as long as this is not withdrawn. */
export type FencePermit = {
  readonly withdrawn: AbortSignal;
  /** Whether the withdrawal also ends an agent that is running. */
  readonly ends: boolean;
};

export type FenceVerdict = {
  readonly outcome: "success" | "failure";
  /** Null: the agent did not exit by itself within its time. */
  readonly exitCode: number | null;
  readonly text: string;
  /** The last 4 KiB, without the device's secrets. */
  readonly output: string;
};

export class FenceRuns {
  readonly #ports: FencePorts;
  /** By fence device: functions that begin its runs; the first run is under way. */
  readonly #queues = new Map<string, (() => void)[]>();
  /** FENCERUN2: they end the runs that only ask for a state. */
  readonly #questions = new Set<AbortController>();

  constructor(ports: FencePorts) {
    this.#ports = ports;
  }

  /** Calls `done` once, after `run` has returned. */
  run(call: FenceCall, terms: FenceTerms, done: (verdict: FenceVerdict) => void): void {
    if (call.action !== "status") for (const question of this.#questions) question.abort();
    const { device } = call.use;
    this.#enqueue(device, () => {
      this.#begin(call, terms, (verdict) => {
        this.#dequeue(device);
        done(verdict);
      });
    });
  }

  /** Begins a run when the earlier ones on its device have ended (FENCERUN1). */
  #enqueue(device: string, begin: () => void): void {
    const queue = this.#queues.get(device) ?? [];
    this.#queues.set(device, queue);
    queue.push(begin);
    if (queue.length === 1) this.#ports.clock.soon(begin);
  }

  #dequeue(device: string): void {
    const [, next, ...others] = this.#queues.get(device) ?? [];
    if (next === undefined) {
      this.#queues.delete(device);
      return;
    }
    this.#queues.set(device, [next, ...others]);
    this.#ports.clock.soon(next);
  }

  #begin(
    call: FenceCall,
    { agentTimeoutMs, permit }: FenceTerms,
    done: (verdict: FenceVerdict) => void,
  ): void {
    const { use } = call;
    if (permit?.withdrawn.aborted === true) {
      const text = `${agentWords(use)}: not begun, quorum was lost`;
      done({ outcome: "failure", exitCode: null, text, output: "" });
      return;
    }
    const limitMs = agentLimitMs(use, agentTimeoutMs);
    const limit = new AbortController();
    // An agent gets no grace: it could switch something on after its run counts as failed.
    let why = "gave way to fencing";
    const endBecause = (words: string): void => {
      why = words;
      limit.abort();
    };
    const { clock, processes, trackingToken } = this.#ports;
    const stop = clock.after(limitMs, () => endBecause(`killed after ${limitMs / 1000} s`));
    const onWithdrawn = (): void => endBecause("ended, quorum was lost");
    if (permit?.ends === true) permit.withdrawn.addEventListener("abort", onWithdrawn);
    if (call.action === "status") this.#questions.add(limit);
    const { environment, ...run } = agentRun(use, call);
    // By these marks the agent is killed when this clusterd ends: the next one may judge the victim
    // in another way.
    const marks = trackingVariables(trackingToken, null);
    const order = { ...run, environment: [...environment, ...marks], timeoutMs: null };
    void processes.run(order, limit.signal).then((result) => {
      stop();
      permit?.withdrawn.removeEventListener("abort", onWithdrawn);
      this.#questions.delete(limit);
      done(verdictOf(use, result, limit.signal.aborted ? why : null));
    });
  }
}

/** `late`: why the run was ended; null: the agent ended by itself. */
function verdictOf(use: FenceDeviceUse, result: ProcessResult, late: string | null): FenceVerdict {
  const text = `${agentWords(use)}: ${late ?? describeResult(result)}`;
  const printed = result.type === "not-started" ? "" : result.output;
  const output = visibleLines(maskSecrets(use.parameters, printed).trim());
  const exitCode = late === null && result.type === "exited" ? result.code : null;
  return { outcome: exitCode === 0 ? "success" : "failure", exitCode, text, output };
}

function agentWords({ device, agent }: FenceDeviceUse): string {
  return `device ${device} agent ${agent}`;
}

function describeResult(result: ProcessResult): string {
  switch (result.type) {
    case "exited":
      if (result.code === 0) return "success";
      return result.code === 127 ? "not installed" : `error from agent (exit ${result.code})`;
    case "signalled":
      return `killed by ${result.signal}`;
    case "timed-out":
      return "timed out";
    case "not-started":
      return result.cause;
    default:
      return assertNever(result);
  }
}
