/**
 * One slot for each service on this node: its worker, its job and what may be running of it. Finds
 * the slot of an action, and whether anything floats, without a walk through all services.
 * Tested in: test/services/local-services.test.ts
 * SLOTS1  After `setJob` and `setMayRun` the index of actions and the set of floating services
 *     agree with the slots.
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
  /** Why a status check was begun; null: the job is no check. */
  readonly check: CheckCause | null;
  readonly beganMs: number;
  /** The order that is being performed, since `orderMs`; null: none yet. */
  readonly order: AgentOrder | null;
  readonly orderMs: number;
};

export type ServiceSlot = {
  readonly worker: ServiceWorker;
  /** Set by `setJob` only. */
  job: Job | null;
  startOp: number | null;
  /** It was begun and is not verified to be stopped. Set by `setMayRun` only. */
  mayRun: boolean;
  /** It goes on without quorum: failed checks have no effect until the table adopts it. */
  kept: boolean;
  /** The definition that it takes when its job has ended; null: the present one stays. */
  next: ServiceConf | null;
  /** Why it is to be checked again when the check that is under way has ended; null: it is not. */
  recheck: CheckCause | null;
  /** Its last check has failed, and no operation has followed yet. */
  checkFailed: boolean;
  /**
   * The last operation that was begun (L1); one for each service, since some wait for the guard.
   */
  lastOp: number;
};

export class ServiceSlots {
  readonly #identity: { readonly nodeName: NodeName; readonly trackingToken: string };
  readonly #running = new RunningResources();
  readonly #byAction = new Map<number, ServiceSlot>();
  /** Slots of floating services of which something may be running here. */
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
    const context = { ...this.#identity, service: conf.name };
    const worker = new ServiceWorker(conf, context, this.#running);
    const idle = { job: null, startOp: null, mayRun: false, kept: false, recheck: null };
    const made = { worker, ...idle, checkFailed: false, next: null, lastOp: 0 };
    this.#slots.set(conf.name, made);
    return made;
  }

  /**
   * Takes another configuration. Services that are added or replaced get new slots, since nothing
   * of them runs. Returns the slots that stay, with their `next` set, and those that are gone.
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

  /** Notes whether something of the service may be running on this machine. */
  setMayRun(slot: ServiceSlot, mayRun: boolean): void {
    slot.mayRun = mayRun;
    this.#count(slot);
  }

  /** Must be called when the definition has changed: the service may float now, or be bound. */
  recount(slot: ServiceSlot): void {
    this.#count(slot);
  }

  setJob(slot: ServiceSlot, job: Job | null): void {
    if (slot.job !== null) this.#byAction.delete(slot.job.action);
    slot.job = job;
    this.#count(slot);
    if (job !== null) this.#byAction.set(job.action, slot);
  }

  /** The slot whose job waits for the report of the action. */
  ofAction(action: number): ServiceSlot | undefined {
    return this.#byAction.get(action);
  }

  /** Whether any job is under way. */
  get busy(): boolean {
    return this.#byAction.size > 0;
  }

  /** Whether anything of any service may be running here. */
  get anyMayRun(): boolean {
    for (const { mayRun } of this.#slots.values()) if (mayRun) return true;
    return false;
  }

  /** The slots with a job. */
  busySlots(): Iterable<ServiceSlot> {
    return this.#byAction.values();
  }

  /** Whether anything of a floating service may be running here. */
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
