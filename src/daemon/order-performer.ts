/**
 * Performs the orders of agents through the ports and reports what came of them.
 * Chooses nothing: each order holds everything. Does not know services' states.
 */
import { agentLimitMs, agentRun } from "../fencing/fence-agent.ts";
import type { Network, ProcessResult, ProcessRunner, Stop } from "../io/ports.ts";
import { noFile } from "../io/process-runner.ts";
import type { AddressOrder, AgentOrder, AgentReport } from "../model/agent-orders.ts";
import type { FenceDeviceUse } from "../model/conf.ts";
import type { NodeName } from "../model/ids.ts";
import { assertNever } from "../model/outcome.ts";
import { maskSecrets } from "../model/secrets.ts";
import { type Ms, ms } from "../model/time.ts";
import { visibleLines } from "../model/visible-text.ts";

export type PerformerPorts = {
  readonly processes: ProcessRunner;
  readonly network: Network;
  readonly trackingToken: string;
};

/** One agent to be run; `action` null: as the parameters say, the agent's default else. */
export type FenceCall = {
  readonly victim: NodeName;
  readonly use: FenceDeviceUse;
  readonly action: "off" | "on" | "status" | null;
};

/** An agent is begun only as long as this is not withdrawn. */
export type FencePermit = {
  readonly withdrawn: AbortSignal;
  /** Withdrawn, it ends what runs, too. */
  readonly ends: boolean;
};

export type FenceVerdict = {
  readonly outcome: "success" | "failure";
  /** Null: it did not exit by itself, or in time. */
  readonly exitCode: number | null;
  readonly text: string;
  /** The last 4 KiB, without the device's secrets. */
  readonly output: string;
};

/** Programs that belong to no service: nobody looks for them when one ends. */
const unmarked = {
  environment: [["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]],
  stdin: null,
  timeoutMs: ms(30_000),
} as const;
/** Exit status of ping(8) when nothing came back; any other one is about ping itself. */
const pingSilent = 1;

export class OrderPerformer {
  readonly #ports: PerformerPorts;
  readonly #running = new Map<number, AbortController>();
  /** By address: ends the announcements that are still to come. */
  readonly #announcing = new Map<string, Stop>();
  /** By fence device: the last run, after which the next one may begin. */
  readonly #devices = new Map<string, Promise<unknown>>();
  /** Runs that only ask for a state, which make way for those that switch something. */
  readonly #questions = new Set<AbortController>();

  constructor(ports: PerformerPorts) {
    this.#ports = ports;
  }

  async perform(action: number, order: AgentOrder): Promise<AgentReport> {
    switch (order.type) {
      case "run-process":
        return this.#run(action, order);
      case "list-interfaces": {
        const listed = await this.#ports.network.interfaces();
        if (!listed.ok) return { type: "failed", cause: listed.problem };
        return { type: "interfaces", interfaces: listed.value };
      }
      case "add-address": {
        const added = await this.#ports.network.addAddress(order.address);
        return added.type === "failed" ? added : { type: "done" };
      }
      case "remove-address": {
        this.#quiet(order.address.address);
        const removed = await this.#ports.network.removeAddress(order.address);
        return removed.type === "failed" ? removed : { type: "done" };
      }
      case "probe-address": {
        const probed = await this.#ports.network.probe(order.address);
        return probed.type === "taken" ? probed : { type: "done" };
      }
      case "announce":
        this.#quiet(order.address.address);
        this.#announcing.set(order.address.address, this.#ports.network.announce(order.address));
        return { type: "done" };
      case "ask-address":
        return this.#askAddress(order.address);
      case "run-aside":
        void this.#ports.processes.run({ ...unmarked, argv: order.argv });
        return { type: "done" };
      case "pause":
        return new Promise((resolve) => {
          setTimeout(() => resolve({ type: "done" }), order.pauseMs);
        });
      case "kill-processes": {
        const { trackingToken: token, processes } = this.#ports;
        const left = await processes.killTracked({ token, service: order.service });
        return { type: "killed", survivors: left.length };
      }
      default:
        return assertNever(order);
    }
  }

  /** Only silence is an answer: without ping, or without the permission to, nobody knows. */
  async #askAddress({ address, interface: name }: AddressOrder): Promise<AgentReport> {
    const words = ["ping", "-c", "1", "-w", "2", "-I", name, address] as const;
    const asked = await this.#ports.processes.run({
      ...unmarked,
      argv: ["/usr/bin/env", ...words],
    });
    const silent = asked.type === "exited" && asked.code === pingSilent;
    return silent ? { type: "failed", cause: "no answer to a ping" } : { type: "done" };
  }

  /** The action's report is not wanted any more. */
  cancel(action: number): void {
    this.#running.get(action)?.abort();
  }

  /** Runs one fence agent; runs on one device follow each other, questions give way. */
  async fence(call: FenceCall, agentTimeoutMs: Ms, permit?: FencePermit): Promise<FenceVerdict> {
    if (call.action !== "status") for (const question of this.#questions) question.abort();
    const before = this.#devices.get(call.use.device) ?? Promise.resolve();
    const run = before.then(() => this.#fenceNow(call, agentTimeoutMs, permit));
    this.#devices.set(call.use.device, run);
    return run;
  }

  async #fenceNow(
    call: FenceCall,
    agentTimeoutMs: Ms,
    permit: FencePermit | undefined,
  ): Promise<FenceVerdict> {
    const { use } = call;
    const who = `device ${use.device} agent ${use.agent}`;
    if (permit?.withdrawn.aborted === true) {
      const text = `${who}: not begun, quorum was lost`;
      return { outcome: "failure", exitCode: null, text, output: "" };
    }
    const limitMs = agentLimitMs(use, agentTimeoutMs);
    const limit = new AbortController();
    // An agent gets no grace: it might switch something on after it was given up.
    let why = "gave way to fencing";
    const timer = setTimeout(() => {
      why = `killed after ${limitMs / 1000} s`;
      limit.abort();
    }, limitMs);
    if (call.action === "status") this.#questions.add(limit);
    const onWithdrawn = (): void => {
      why = "ended, quorum was lost";
      limit.abort();
    };
    if (permit?.ends === true) permit.withdrawn.addEventListener("abort", onWithdrawn);
    const order = { ...agentRun(use, call), timeoutMs: null };
    const result = await this.#ports.processes.run(order, limit.signal);
    clearTimeout(timer);
    permit?.withdrawn.removeEventListener("abort", onWithdrawn);
    this.#questions.delete(limit);
    const late = limit.signal.aborted ? why : null;
    const text = `${who}: ${late ?? describeResult(result)}`;
    const printed = result.type === "not-started" ? "" : result.output;
    const output = visibleLines(maskSecrets(use.parameters, printed).trim());
    const exitCode = late === null && result.type === "exited" ? result.code : null;
    return { outcome: exitCode === 0 ? "success" : "failure", exitCode, text, output };
  }

  async #run(
    action: number,
    order: Extract<AgentOrder, { readonly type: "run-process" }>,
  ): Promise<AgentReport> {
    const cancel = new AbortController();
    this.#running.set(action, cancel);
    const { type: _, ...call } = order;
    const result = await this.#ports.processes.run({ ...call, stdin: null }, cancel.signal);
    this.#running.delete(action);
    switch (result.type) {
      case "exited":
      case "signalled":
        return result;
      case "timed-out":
        return { type: "timed-out", output: result.output };
      case "not-started":
        return {
          type: "not-started",
          absent: result.cause.includes("ENOENT") || result.cause === noFile,
          cause: result.cause,
        };
      default:
        return assertNever(result);
    }
  }

  #quiet(address: string): void {
    this.#announcing.get(address)?.();
    this.#announcing.delete(address);
  }
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
