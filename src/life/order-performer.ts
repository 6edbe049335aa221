/**
 * Performs the orders of agents through the ports and reports what came of them.
 * Chooses nothing: each order holds everything. Does not know services' states.
 * Tested in: test/life/cancelled-orders.test.ts
 * PERFORM1  An order that was cancelled is ended, and the next one for its service waits for that
 *     end.
 * PERFORM2  A kill is over only when no earlier order for the service can do anything any more:
 *     what is under way counts as alive until it was seen to end.
 */

import { agentLimitMs, agentRun } from "../fencing/fence-agent.ts";
import type { AddressClaims } from "../io/files/address-claims.ts";
import type { Network, NetworkInterface } from "../io/network-ports.ts";
import type { DoneFor, ProcessResult, ProcessRunner, Stop, TrackedProcess } from "../io/ports.ts";
import { noFile } from "../io/processes/process-runner.ts";
import { trackingVariables } from "../io/processes/tracked-processes.ts";
import type {
  AddressOrder,
  AgentOrder,
  AgentReport,
  InterfaceReport,
} from "../model/agent-orders.ts";
import type { FenceDeviceUse } from "../model/conf.ts";
import type { NodeName, ServiceName } from "../model/ids.ts";
import { assertNever } from "../model/outcome.ts";
import { searchPath } from "../model/search-path.ts";
import { maskSecrets } from "../model/secrets.ts";
import { type Ms, ms } from "../model/time.ts";
import { visibleLines } from "../model/visible-text.ts";

export type PerformerPorts = {
  readonly processes: ProcessRunner;
  readonly network: Network;
  readonly claims: AddressClaims;
  /** Before the address is put up: it must go with the services from now on. */
  readonly onClaimed: (address: string) => void;
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

/** What `run-aside` runs belongs to the machine: it may be a daemon, and outlives the service. */
const unmarked = {
  environment: [["PATH", searchPath]],
  stdin: null,
  timeoutMs: ms(30_000),
} as const;
/** Exit status of ping(8) when nothing came back; any other one is about ping itself. */
const pingSilent = 1;
/** What SIGKILL does not end in this time hangs in the kernel: it is reported, not waited for. */
const cancelledEndMs = 1500;

type UnderWay = {
  readonly action: number;
  readonly service: ServiceName;
  readonly order: AgentOrder["type"];
  readonly cancel: AbortController;
  readonly ended: Promise<void>;
};

type Performing = DoneFor & { readonly cancelled: AbortSignal };

type ProcessWork = Extract<AgentOrder, { readonly type: `${string}-processes` }>;
type AddressWork = Exclude<
  AgentOrder,
  ProcessWork | { readonly type: "run-process" | "run-aside" | "pause" }
>;

export class OrderPerformer {
  readonly #ports: PerformerPorts;
  /** Every order that has not ended, also those that were cancelled. */
  readonly #underWay = new Set<UnderWay>();
  /** By address: ends the announcements that are still to come. */
  readonly #announcing = new Map<string, { readonly service: ServiceName; readonly stop: Stop }>();
  /** By fence device: the last run, after which the next one may begin. */
  readonly #devices = new Map<string, Promise<unknown>>();
  /** Runs that only ask for a state, which make way for those that switch something. */
  readonly #questions = new Set<AbortController>();

  constructor(ports: PerformerPorts) {
    this.#ports = ports;
  }

  /** `action` names the order to `cancel`. */
  perform(action: number, service: ServiceName, order: AgentOrder): Promise<AgentReport> {
    const cancel = new AbortController();
    const report = this.#performInTurn(order, { service, cancelled: cancel.signal });
    const ended = report.then(
      () => undefined,
      () => undefined,
    );
    const one: UnderWay = { action, service, order: order.type, cancel, ended };
    this.#underWay.add(one);
    void ended.then(() => this.#underWay.delete(one));
    return report;
  }

  async #performInTurn(order: AgentOrder, by: Performing): Promise<AgentReport> {
    // An address does not wait for a process that hangs in the kernel.
    await this.#endOfCancelled(by.service, isAddressWork(order) ? isAddressWork : anyWork);
    // Before it began it can have done nothing.
    if (by.cancelled.aborted) return { type: "failed", cause: "it was cancelled" };
    return await this.#perform(order, by);
  }

  /** The action's report is not wanted any more, nor anything that it would do. */
  cancel(action: number): void {
    for (const one of this.#underWay) if (one.action === action) one.cancel.abort();
  }

  /** Ends all orders; returns those that were not seen to end soon, in words. */
  async endAll(): Promise<readonly string[]> {
    for (const { cancel } of this.#underWay) cancel.abort();
    for (const { stop } of this.#announcing.values()) stop();
    this.#announcing.clear();
    return await this.#endOfCancelled(null, anyWork);
  }

  /** PERFORM1; null: of every service. */
  async #endOfCancelled(
    service: ServiceName | null,
    work: (order: Pick<AgentOrder, "type">) => boolean,
  ): Promise<readonly string[]> {
    const waited = [...this.#underWay].filter(
      (one) =>
        one.cancel.signal.aborted &&
        (service === null || one.service === service) &&
        work({ type: one.order }),
    );
    if (waited.length === 0) return [];
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, cancelledEndMs);
    });
    await Promise.race([Promise.all(waited.map(({ ended }) => ended)), late]);
    clearTimeout(timer);
    return waited
      .filter((one) => this.#underWay.has(one))
      .map((one) => `${one.order} of ${one.service} was cancelled and has not ended yet`);
  }

  async #perform(order: AgentOrder, by: Performing) {
    switch (order.type) {
      case "run-process":
        return this.#run(order, by.cancelled);
      case "run-aside":
        void this.#ports.processes.run({ ...unmarked, argv: order.argv });
        return { type: "done" } as const;
      case "pause":
        return pause(order.pauseMs, by.cancelled);
      case "kill-processes":
      case "list-processes":
      case "end-processes":
        return this.#onProcesses(order);
      default:
        return this.#onAddress(order, by);
    }
  }

  async #onAddress(order: AddressWork, by: DoneFor): Promise<AgentReport> {
    const { network } = this.#ports;
    switch (order.type) {
      case "list-interfaces": {
        const { claims } = this.#ports;
        const listed = await network.interfaces(by);
        if (!listed.ok) return { type: "failed", cause: listed.problem };
        return { type: "interfaces", interfaces: reportInterfaces(listed.value, claims) };
      }
      case "claim-address": {
        const claimed = await this.#ports.claims.claim(order.address);
        if (!claimed.ok) return { type: "failed", cause: claimed.problem };
        this.#ports.onClaimed(order.address);
        return { type: "done" };
      }
      case "release-address":
        this.#ports.claims.release(order.address);
        return { type: "done" };
      case "add-address": {
        const added = await network.addAddress(order.address, by);
        return added.type === "failed" ? added : { type: "done" };
      }
      case "remove-address": {
        this.#quiet(order.address.address);
        const removed = await network.removeAddress(order.address, by);
        return removed.type === "failed" ? removed : { type: "done" };
      }
      case "probe-address": {
        const probed = await network.probe(order.address, by);
        return probed.type === "taken" ? probed : { type: "done" };
      }
      case "announce": {
        this.#quiet(order.address.address);
        const { service } = by;
        const stop = network.announce(order.address, { service, cancelled: null });
        this.#announcing.set(order.address.address, { service, stop });
        return { type: "done" };
      }
      case "ask-address":
        return this.#askAddress(order.address, by);
      default:
        return assertNever(order);
    }
  }

  async #onProcesses(order: ProcessWork): Promise<AgentReport> {
    const { trackingToken: token, processes } = this.#ports;
    const scope = { token, service: order.service };
    switch (order.type) {
      case "kill-processes": {
        for (const [address, { service }] of this.#announcing) {
          if (service === order.service) this.#quiet(address);
        }
        const { resource } = order;
        const which = resource === undefined ? scope : { ...scope, resource };
        const { found, unseen } = await processes.killTracked(which);
        // PERFORM2.
        const late = await this.#endOfCancelled(order.service, anyWork);
        return { type: "killed", survivors: found.length, unseen: [...unseen, ...late] };
      }
      case "list-processes": {
        const { found, unseen } = await processes.listTracked(scope, order.enough);
        return { type: "processes", ended: [], left: found.map(processWords), unseen };
      }
      case "end-processes": {
        const { ended, left, unseen } = await processes.endTracked(scope, order);
        const [gone, alive] = [ended.map(processWords), left.map(processWords)];
        return { type: "processes", ended: gone, left: alive, unseen };
      }
      default:
        return assertNever(order);
    }
  }

  /** Only silence is an answer: without ping, or without the permission to, nobody knows. */
  async #askAddress({ address, interface: name }: AddressOrder, by: DoneFor): Promise<AgentReport> {
    const words = ["ping", "-c", "1", "-w", "2", "-I", name, address] as const;
    const marks = trackingVariables(this.#ports.trackingToken, by.service);
    const order = {
      ...unmarked,
      environment: [["PATH", searchPath], ...marks],
      argv: ["/usr/bin/env", ...words] as const,
      looks: true,
    } as const;
    const asked = await this.#ports.processes.run(order, by.cancelled ?? undefined);
    const silent = asked.type === "exited" && asked.code === pingSilent;
    return silent ? { type: "failed", cause: "no answer to a ping" } : { type: "done" };
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
    const { environment, ...run } = agentRun(use, call);
    // So it ends with this clusterd: nobody knows of its victim what the next one will know.
    const marks = trackingVariables(this.#ports.trackingToken, null);
    const order = { ...run, environment: [...environment, ...marks], timeoutMs: null };
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
    order: Extract<AgentOrder, { readonly type: "run-process" }>,
    cancelled: AbortSignal,
  ): Promise<AgentReport> {
    const { type: _, ...call } = order;
    const result = await this.#ports.processes.run({ ...call, stdin: null }, cancelled);
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
    this.#announcing.get(address)?.stop();
    this.#announcing.delete(address);
  }
}

function reportInterfaces(
  interfaces: readonly NetworkInterface[],
  claims: AddressClaims,
): readonly InterfaceReport[] {
  return interfaces.map((one) => ({
    ...one,
    addresses: one.addresses.map((entry) => ({
      ...entry,
      ours: entry.marked || claims.has(entry.address),
    })),
  }));
}

function isAddressWork({ type }: Pick<AgentOrder, "type">): boolean {
  return type === "list-interfaces" || type.endsWith("-address");
}

function anyWork(): boolean {
  return true;
}

function processWords({ pid, command }: TrackedProcess): string {
  return `${pid} (${command})`;
}

function pause(forMs: Ms, cancelled: AbortSignal): Promise<AgentReport> {
  return new Promise((resolve) => {
    const end = (): void => resolve({ type: "done" });
    const timer = setTimeout(end, forMs);
    cancelled.addEventListener("abort", () => {
      clearTimeout(timer);
      end();
    });
  });
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
