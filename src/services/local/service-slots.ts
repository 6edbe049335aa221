/**
 * The slots of the services on one node: what is being done with each, and whose the report of an
 * action is. Knows no rules; it answers without a walk through all services.
 * Tested in: test/services/local-services.test.ts
 * PLACES1  After `setJob` and `setMayRun` the slot of an action, and the numbers of jobs and of
 *     floating services, agree with the slots.
 */
import type { AgentCall, AgentOrder } from "../../model/agent-orders.ts";
import type { ServiceConf, ServicesConf } from "../../model/conf.ts";
import type { NodeName, ServiceName } from "../../model/ids.ts";
import type { Operation } from "../table/service-state.ts";
import { compareServices } from "../tree/tree-delta.ts";
import type { CheckCause } from "./check-queue.ts";
import { ServiceWorker } from "./service-worker.ts";
import { RunningResources } from "./started-resources.ts";

export type Job = {
  readonly kind: Operation["kind"] | "status" | "clean";
  readonly call: AgentCall;
  readonly op: Operation | null;
  readonly action: number;
  /** Of a status check: why it was begun. */
  readonly check: CheckCause | null;
  readonly beganMs: number;
  /** What is being performed, and since when; null: nothing yet. */
  readonly order: AgentOrder | null;
  readonly orderMs: number;
};

export type ServiceSlot = {
  readonly worker: ServiceWorker;
  /** Set by `setJob` only. */
  job: Job | null;
  startOp: number | null;
  /**
   * Begun and not verifiably stopped since: after a failed stop something may still run. Set by
   * `setMayRun` only.
   */
  mayRun: boolean;
  /** It goes on without quorum: nothing is done about it before the table has it again. */
  kept: boolean;
  /** Its definition from the time on when its job has ended. */
  next: ServiceConf | null;
  /** Something happened while a check was under way that may have looked too early; null: no. */
  recheck: CheckCause | null;
  /** Its last check has failed, and nothing was done about it yet. */
  checkFailed: boolean;
  /** Starts of another service may have waited for the guard meanwhile. */
  lastOp: number;
};

export class ServiceSlots {
  readonly #identity: { readonly nodeName: NodeName; readonly trackingToken: string };
  readonly #running = new RunningResources();
  readonly #byAction = new Map<number, ServiceSlot>();
  /** Of services that another node could run: those of which something may be here. */
  readonly #floating = new Set<ServiceSlot>();
  #slots = new Map<ServiceName, ServiceSlot>();

  constructor(identity: { readonly nodeName: NodeName; readonly trackingToken: string }) {
    this.#identity = identity;
  }

  get(name: ServiceName): ServiceSlot | undefined {
    return this.#slots.get(name);
  }

  all(): Iterable<ServiceSlot> {
    return this.#slots.values();
  }

  named(): Iterable<readonly [ServiceName, ServiceSlot]> {
    return this.#slots;
  }

  add(conf: ServiceConf): ServiceSlot {
    const slot = { ...this.#identity, service: conf.name };
    const worker = new ServiceWorker(conf, slot, this.#running);
    const idle = { job: null, startOp: null, mayRun: false, kept: false, recheck: null };
    const made = { worker, ...idle, checkFailed: false, next: null, lastOp: 0 };
    this.#slots.set(conf.name, made);
    return made;
  }

  /**
   * Another configuration: services that are not in both, or were replaced, get new slots, since
   * nothing of them runs. Returns the others, with what is `next` for them, and what is gone.
   */
  adopt(
    old: ServicesConf,
    conf: ServicesConf,
  ): { readonly changed: readonly ServiceSlot[]; readonly gone: readonly ServiceSlot[] } {
    const deltas = compareServices(old, conf);
    const before = this.#slots;
    const changed: ServiceSlot[] = [];
    this.#slots = new Map();
    this.#floating.clear();
    for (const service of conf.services) {
      const slot = before.get(service.name);
      const delta = deltas.get(service.name);
      if (slot === undefined || delta === "added" || delta === "replaced") {
        this.add(service);
        continue;
      }
      slot.next = service;
      this.#slots.set(service.name, slot);
      this.#count(slot);
      changed.push(slot);
    }
    const gone = [...before].filter(([name, slot]) => this.#slots.get(name) !== slot);
    return { changed, gone: gone.map(([, slot]) => slot) };
  }

  /** Whether something of the service may be on this machine. */
  setMayRun(slot: ServiceSlot, mayRun: boolean): void {
    slot.mayRun = mayRun;
    this.#count(slot);
  }

  /** Its definition has changed: it may float now, or be bound. */
  recount(slot: ServiceSlot): void {
    this.#count(slot);
  }

  setJob(slot: ServiceSlot, job: Job | null): void {
    if (slot.job !== null) this.#byAction.delete(slot.job.action);
    slot.job = job;
    this.#count(slot);
    if (job !== null) this.#byAction.set(job.action, slot);
  }

  /** Whose job waits for the report of the action. */
  ofAction(action: number): ServiceSlot | undefined {
    return this.#byAction.get(action);
  }

  /** Whether any job is under way. */
  get busy(): boolean {
    return this.#byAction.size > 0;
  }

  /** Whether anything may be here of any service. */
  get anyMayRun(): boolean {
    for (const { mayRun } of this.#slots.values()) if (mayRun) return true;
    return false;
  }

  /** With a job. */
  busySlots(): Iterable<ServiceSlot> {
    return this.#byAction.values();
  }

  /** Whether something may be here of a service that another node could run. */
  get floats(): boolean {
    return this.#floating.size > 0;
  }

  #count(slot: ServiceSlot): void {
    const { next, worker } = slot;
    const floats = worker.conf.boundTo === null || (next !== null && next.boundTo === null);
    if (floats && (slot.mayRun || slot.job !== null)) this.#floating.add(slot);
    else this.#floating.delete(slot);
  }
}
