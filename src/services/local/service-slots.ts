/**
 * The places of the services on one node: what is being done with each, and whose the report of an
 * action is. Knows no rules; it answers without a walk through all services.
 * Tested in: test/services/local-services.test.ts
 * PLACES1  After `setJob` and `setRemains` the place of an action, and the numbers of jobs and of
 *     floating services, agree with the places.
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

export type Place = {
  readonly worker: ServiceWorker;
  /** Set by `setJob` only. */
  job: Job | null;
  startOp: number | null;
  /**
   * Begun and not verifiably stopped since: after a failed stop something may still run. Set by
   * `setRemains` only.
   */
  remains: boolean;
  /** It goes on without quorum: nothing is done about it before the table has it again. */
  kept: boolean;
  /** Its definition from the time on when its job has ended. */
  next: ServiceConf | null;
  /** Something happened while a check was under way that may have looked too early; null: no. */
  again: CheckCause | null;
  /** Its last check has failed, and nothing was done about it yet. */
  ill: boolean;
  /** Starts of another service may have waited for the guard meanwhile. */
  lastOp: number;
};

export class ServiceSlots {
  readonly #identity: { readonly nodeName: NodeName; readonly trackingToken: string };
  readonly #running = new RunningResources();
  readonly #byAction = new Map<number, Place>();
  /** Of services that another node could run: those of which something may be here. */
  readonly #floating = new Set<Place>();
  #places = new Map<ServiceName, Place>();

  constructor(identity: { readonly nodeName: NodeName; readonly trackingToken: string }) {
    this.#identity = identity;
  }

  get(name: ServiceName): Place | undefined {
    return this.#places.get(name);
  }

  all(): Iterable<Place> {
    return this.#places.values();
  }

  named(): Iterable<readonly [ServiceName, Place]> {
    return this.#places;
  }

  add(conf: ServiceConf): Place {
    const place = { ...this.#identity, service: conf.name };
    const worker = new ServiceWorker(conf, place, this.#running);
    const idle = { job: null, startOp: null, remains: false, kept: false, again: null };
    const made = { worker, ...idle, ill: false, next: null, lastOp: 0 };
    this.#places.set(conf.name, made);
    return made;
  }

  /**
   * Another configuration: services that are not in both, or were replaced, get new places, since
   * nothing of them runs. Returns the others, with what is `next` for them, and what is gone.
   */
  adopt(
    old: ServicesConf,
    conf: ServicesConf,
  ): { readonly changed: readonly Place[]; readonly gone: readonly Place[] } {
    const deltas = compareServices(old, conf);
    const before = this.#places;
    const changed: Place[] = [];
    this.#places = new Map();
    this.#floating.clear();
    for (const service of conf.services) {
      const place = before.get(service.name);
      const delta = deltas.get(service.name);
      if (place === undefined || delta === "added" || delta === "replaced") {
        this.add(service);
        continue;
      }
      place.next = service;
      this.#places.set(service.name, place);
      this.#count(place);
      changed.push(place);
    }
    const gone = [...before].filter(([name, place]) => this.#places.get(name) !== place);
    return { changed, gone: gone.map(([, place]) => place) };
  }

  /** Whether something of the service may be on this machine. */
  setRemains(place: Place, remains: boolean): void {
    place.remains = remains;
    this.#count(place);
  }

  /** Its definition has changed: it may float now, or be bound. */
  recount(place: Place): void {
    this.#count(place);
  }

  setJob(place: Place, job: Job | null): void {
    if (place.job !== null) this.#byAction.delete(place.job.action);
    place.job = job;
    this.#count(place);
    if (job !== null) this.#byAction.set(job.action, place);
  }

  /** Whose job waits for the report of the action. */
  ofAction(action: number): Place | undefined {
    return this.#byAction.get(action);
  }

  /** Whether any job is under way. */
  get busy(): boolean {
    return this.#byAction.size > 0;
  }

  /** Whether anything may be here of any service. */
  get remain(): boolean {
    for (const { remains } of this.#places.values()) if (remains) return true;
    return false;
  }

  /** With a job. */
  busyPlaces(): Iterable<Place> {
    return this.#byAction.values();
  }

  /** Whether something may be here of a service that another node could run. */
  get floats(): boolean {
    return this.#floating.size > 0;
  }

  #count(place: Place): void {
    const { next, worker } = place;
    const floats = worker.conf.boundTo === null || (next !== null && next.boundTo === null);
    if (floats && (place.remains || place.job !== null)) this.#floating.add(place);
    else this.#floating.delete(place);
  }
}
