/**
 * Performs the orders of agents through the ports and reports the results. Makes no choices, since
 * each order is complete. Its clock is a port, and it takes results only by callbacks, so that it
 * also runs in the simulator, in which time is simulated and native promises never settle.
 * Tested in: test/life/cancelled-orders.test.ts, test/sim/searches.test.ts
 * PERFORM1  A cancelled order is ended, and the next order for its service waits for that end.
 * PERFORM2  A kill is reported only when no earlier order for the service can have an effect any
 *     more: an order under way counts as alive until it was seen to end.
 */

import type { ClaimedAddresses, Network, NetworkInterface } from "../io/network-ports.ts";
import type { Clock, DoneFor, ProcessRunner, Stop, TrackedProcess } from "../io/ports.ts";
import { directoryCause } from "../io/processes/process-runner.ts";
import { trackingVariables } from "../io/processes/tracked-processes.ts";
import type { AddressOrder, AgentOrder, AgentReport, RunOrder } from "../model/agent-orders.ts";
import type { ServiceName } from "../model/ids.ts";
import { assertNever } from "../model/outcome.ts";
import { searchPath } from "../model/search-path.ts";
import { type Ms, ms } from "../model/time.ts";
import { type FenceCall, FenceRuns, type FenceTerms, type FenceVerdict } from "./fence-runs.ts";

export type PerformerPorts = {
  readonly clock: Pick<Clock, "after" | "soon">;
  readonly processes: ProcessRunner;
  readonly network: Omit<Network, "watch">;
  readonly claims: ClaimedAddresses;
  /** Called before the address is added: from now on it must be removed with the services. */
  readonly onClaimed: (address: string) => void;
  /** Another host uses an address of the service, too: the service must be checked at once. */
  readonly onContested: (service: ServiceName, why: string) => void;
  readonly trackingToken: string;
};

export type NodeAct = {
  /** Names the order to `cancel`. */
  readonly action: number;
  readonly service: ServiceName;
  readonly order: AgentOrder;
};

/**
 * Programs that `run-aside` runs get no marks: they belong to the machine, may be daemons, and
 * outlive the service.
 */
const unmarked = {
  environment: [["PATH", searchPath]],
  stdin: null,
  timeoutMs: ms(30_000),
} as const;
/** The exit status of ping(8) when no answer came; a higher one is a problem of ping itself. */
const pingSilent = 1;
/**
 * A process that SIGKILL does not end in this time hangs in the kernel: the order is reported, and
 * no longer waited for.
 */
const cancelledEndMs = 1500;

type UnderWay = NodeAct & { readonly cancel: AbortController };

/** A wait for the end of cancelled orders. */
type Wait = {
  readonly awaited: Set<UnderWay>;
  readonly stopClock: Stop;
  /** `late`: the orders that have not ended, in words. */
  readonly over: (late: readonly string[]) => void;
};

type Done = (report: AgentReport) => void;
/** For which service an order is performed, and what cancels it. */
type For = DoneFor & { readonly cancelled: AbortSignal };

type ProcessWork = Extract<AgentOrder, { readonly type: `${string}-processes` }>;
type BrokerWork = Extract<
  AgentOrder,
  { readonly type: "ask-broker" | "promote-broker" | "end-primary" }
>;
type AddressWork = Exclude<
  AgentOrder,
  ProcessWork | BrokerWork | { readonly type: "run-process" | "run-aside" | "pause" }
>;

export class OrderPerformer {
  readonly #ports: PerformerPorts;
  readonly #fences: FenceRuns;
  /** Every order that has not ended, cancelled ones included. */
  readonly #underWay = new Set<UnderWay>();
  readonly #waits = new Set<Wait>();
  /** By address of this node: the MAC of another host that has answered for it. */
  readonly #contested = new Map<string, string>();
  /** By address: ends the announcements that are still to come. */
  readonly #announcing = new Map<string, { readonly service: ServiceName; readonly stop: Stop }>();

  constructor(ports: PerformerPorts) {
    this.#ports = ports;
    this.#fences = new FenceRuns(ports);
  }

  /** Calls `done` once, after `perform` has returned. */
  perform(act: NodeAct, done: Done): void {
    const one: UnderWay = { ...act, cancel: new AbortController() };
    this.#underWay.add(one);
    const end: Done = (report) => {
      done(report);
      this.#onEnd(one);
    };
    // An output of the same step may cancel the order.
    this.#ports.clock.soon(() => this.#performInTurn(one, end));
  }

  /** Cancels the action: neither its report nor its effects are wanted any more. */
  cancel(action: number): void {
    for (const one of this.#underWay) if (one.action === action) one.cancel.abort();
  }

  /** Cancels all orders; `done` gets, in words, those that have not ended in `cancelledEndMs`. */
  endAll(done: (late: readonly string[]) => void): void {
    for (const { cancel } of this.#underWay) cancel.abort();
    for (const { stop } of this.#announcing.values()) stop();
    this.#announcing.clear();
    this.#afterCancelled(() => true, done);
  }

  /** Runs one fence agent; calls `done` once, after `fence` has returned. */
  fence(call: FenceCall, terms: FenceTerms, done: (verdict: FenceVerdict) => void): void {
    this.#fences.run(call, terms, done);
  }

  #performInTurn(one: UnderWay, done: Done): void {
    const { service, order, cancel } = one;
    // Work on an address waits only for other such work, not for a process that hangs in the
    // kernel.
    const before = ({ service: owner, order: other }: UnderWay): boolean =>
      owner === service && (isAddressWork(other) || !isAddressWork(order));
    const begin = (): void => {
      // An order that has not begun has done nothing.
      if (cancel.signal.aborted) done({ type: "failed", cause: "it was cancelled" });
      else this.#perform(one, done);
    };
    if (cancel.signal.aborted) begin();
    else this.#afterCancelled(before, begin);
  }

  /** PERFORM1: calls `over` when the cancelled orders have ended, or after `cancelledEndMs`. */
  #afterCancelled(which: (one: UnderWay) => boolean, over: Wait["over"]): void {
    const cancelled = [...this.#underWay].filter((one) => one.cancel.signal.aborted && which(one));
    if (cancelled.length === 0) {
      over([]);
      return;
    }
    const stopClock = this.#ports.clock.after(cancelledEndMs, () => this.#endWait(wait));
    const wait: Wait = { awaited: new Set(cancelled), stopClock, over };
    this.#waits.add(wait);
  }

  #onEnd(one: UnderWay): void {
    this.#underWay.delete(one);
    for (const wait of [...this.#waits]) {
      if (wait.awaited.delete(one) && wait.awaited.size === 0) this.#endWait(wait);
    }
  }

  #endWait(wait: Wait): void {
    wait.stopClock();
    this.#waits.delete(wait);
    const late = [...wait.awaited].map(
      ({ order, service }) => `${order.type} of ${service} was cancelled and has not ended yet`,
    );
    wait.over(late);
  }

  #perform(one: UnderWay, done: Done): void {
    const { service, order, cancel } = one;
    const by: For = { service, cancelled: cancel.signal };
    switch (order.type) {
      case "run-process":
        this.#run(order, by.cancelled, done);
        return;
      case "run-aside":
        void this.#ports.processes.run({ ...unmarked, argv: order.argv });
        done({ type: "done" });
        return;
      case "pause":
        this.#pause(order.pauseMs, by.cancelled, done);
        return;
      case "kill-processes":
        this.#kill(order, one, done);
        return;
      case "list-processes":
      case "end-processes":
        this.#onProcesses(order, done);
        return;
      case "ask-broker":
      case "promote-broker":
      case "end-primary":
        // Where they are observed, these orders do not come here; see native-brokers.ts.
        done({ type: "failed", cause: "brokers are not observed on this node" });
        return;
      default:
        this.#onAddress(order, by, done);
    }
  }

  #onAddress(order: AddressWork, by: For, done: Done): void {
    const { network, claims } = this.#ports;
    switch (order.type) {
      case "list-interfaces":
        void network.interfaces(by).then((listed) => {
          if (listed.ok) done(this.#toReport(listed.value));
          else done({ type: "failed", cause: listed.problem });
        });
        return;
      case "claim-address":
        void claims.claim(order.address).then((claimed) => {
          if (claimed.ok) this.#ports.onClaimed(order.address);
          done(claimed.ok ? { type: "done" } : { type: "failed", cause: claimed.problem });
        });
        return;
      case "release-address":
        claims.release(order.address);
        done({ type: "done" });
        return;
      case "add-address":
        void network.addAddress(order.address, by).then((added) => {
          done(added.type === "failed" ? added : { type: "done" });
        });
        return;
      case "remove-address":
        this.#quiet(order.address.address);
        void network.removeAddress(order.address, by).then((removed) => {
          done(removed.type === "failed" ? removed : { type: "done" });
        });
        return;
      case "probe-address":
        void network.probe(order.address, by).then((probed) => {
          if (probed.type === "free") this.#contested.delete(order.address.address);
          done(probed.type === "taken" ? probed : { type: "done" });
        });
        return;
      case "probe-aside":
        this.#probeAside(order.address, by.service);
        done({ type: "done" });
        return;
      case "announce":
        this.#announce(order.address, by.service);
        done({ type: "done" });
        return;
      case "ask-address":
        this.#askAddress(order.address, by, done);
        return;
      default:
        assertNever(order);
    }
  }

  #toReport(interfaces: readonly NetworkInterface[]): AgentReport {
    const { claims } = this.#ports;
    const reports = interfaces.map((one) => ({
      ...one,
      addresses: one.addresses.map((entry) => ({
        ...entry,
        ours: entry.marked || claims.has(entry.address),
      })),
    }));
    const contested = [...this.#contested].map(([address, mac]) => ({ address, mac }));
    return { type: "interfaces", interfaces: reports, contested };
  }

  /**
   * Probes without delaying the order. If another host answers, a check is made at once, which
   * reports the host.
   */
  #probeAside(order: AddressOrder, service: ServiceName): void {
    const { address } = order;
    void this.#ports.network.probe(order, { service, cancelled: null }).then((probed) => {
      if (probed.type === "free") this.#contested.delete(address);
      if (probed.type !== "taken") return;
      this.#contested.set(address, probed.mac);
      this.#ports.onContested(service, `${address} is in use by ${probed.mac}, too`);
    });
  }

  #announce(order: AddressOrder, service: ServiceName): void {
    this.#quiet(order.address);
    const stop = this.#ports.network.announce(order, { service, cancelled: null });
    this.#announcing.set(order.address, { service, stop });
  }

  #quiet(address: string): void {
    this.#announcing.get(address)?.stop();
    this.#announcing.delete(address);
  }

  /**
   * Only silence counts as a failure: without ping, or without the permission to use it, the state
   * is unknown.
   */
  #askAddress({ address, interface: name }: AddressOrder, by: For, done: Done): void {
    const words = ["ping", "-c", "1", "-w", "2", "-I", name, address] as const;
    const marks = trackingVariables(this.#ports.trackingToken, by.service);
    const order = {
      ...unmarked,
      environment: [["PATH", searchPath], ...marks],
      argv: ["/usr/bin/env", ...words] as const,
      looks: true,
    } as const;
    void this.#ports.processes.run(order, by.cancelled).then((asked) => {
      const silent = asked.type === "exited" && asked.code === pingSilent;
      done(silent ? { type: "failed", cause: "no answer to a ping" } : { type: "done" });
    });
  }

  #kill(
    { service, resource }: Extract<ProcessWork, { readonly type: "kill-processes" }>,
    one: UnderWay,
    done: Done,
  ): void {
    for (const [address, announced] of this.#announcing) {
      if (announced.service === service) this.#quiet(address);
    }
    const { trackingToken: token, processes } = this.#ports;
    const which = { token, service, ...(resource === undefined ? {} : { resource }) };
    void processes.killTracked(which).then(({ found, unseen }) => {
      // PERFORM2.
      const before = (other: UnderWay): boolean => other !== one && other.service === service;
      this.#afterCancelled(before, (late) => {
        done({ type: "killed", survivors: found.length, unseen: [...unseen, ...late] });
      });
    });
  }

  #onProcesses(order: Exclude<ProcessWork, { readonly type: "kill-processes" }>, done: Done): void {
    const { trackingToken: token, processes } = this.#ports;
    const resource = "resource" in order ? order.resource : undefined;
    const scope = {
      token,
      service: order.service,
      ...(resource === undefined ? {} : { resource }),
    };
    switch (order.type) {
      case "list-processes":
        void processes.listTracked(scope, order.enough).then(({ found, unseen }) => {
          done({ type: "processes", ended: [], left: found.map(processWords), unseen });
        });
        return;
      case "end-processes":
        void processes.endTracked(scope, order).then(({ ended, left, unseen }) => {
          const [gone, alive] = [ended.map(processWords), left.map(processWords)];
          done({ type: "processes", ended: gone, left: alive, unseen });
        });
        return;
      default:
        assertNever(order);
    }
  }

  #run({ type: _, ...call }: RunOrder, cancelled: AbortSignal, done: Done): void {
    void this.#ports.processes.run({ ...call, stdin: null }, cancelled).then((result) => {
      switch (result.type) {
        case "exited":
        case "signalled":
          done(result);
          return;
        case "timed-out":
          done({ type: "timed-out", output: result.output });
          return;
        case "not-started": {
          const { cause } = result;
          const absent = cause.includes("ENOENT") || cause === directoryCause;
          done({ type: "not-started", absent, cause });
          return;
        }
        default:
          assertNever(result);
      }
    });
  }

  /** Cancelling the order ends the pause early. */
  #pause(forMs: Ms, cancelled: AbortSignal, done: Done): void {
    const onCancelled = (): void => {
      stop();
      done({ type: "done" });
    };
    const stop = this.#ports.clock.after(forMs, () => {
      cancelled.removeEventListener("abort", onCancelled);
      done({ type: "done" });
    });
    cancelled.addEventListener("abort", onCancelled);
  }
}

function isAddressWork({ type }: AgentOrder): boolean {
  return type === "list-interfaces" || type.endsWith("-address");
}

function processWords({ pid, command }: TrackedProcess): string {
  return `${pid} (${command})`;
}
