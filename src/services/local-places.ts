/**
 * The places of the services on one node: what is being done with each, and whose the report of an
 * action is. Knows no rules; it answers without a walk through all services.
 * X1  After `setJob` and `setRemains` the place of an action, and the numbers of jobs and of
 *     floating services, agree with the places.
 */
import type { AgentCall } from "../model/agent-orders.ts";
import type { ServiceConf } from "../model/conf.ts";
import type { NodeName, ServiceName } from "../model/ids.ts";
import type { Operation } from "./service-state.ts";
import { ServiceWorker } from "./service-worker.ts";
import { RunningResources } from "./started-resources.ts";

export type Job = {
  readonly kind: Operation["kind"] | "status" | "clean";
  readonly call: AgentCall;
  readonly op: Operation | null;
  readonly action: number;
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
  /** Something happened while a check was under way that may have looked too early. */
  again: boolean;
  /** Its last check has failed, and nothing was done about it yet. */
  ill: boolean;
  /** Starts of another service may have waited for the guard meanwhile. */
  lastOp: number;
};

export class LocalPlaces {
  readonly #identity: { readonly nodeName: NodeName; readonly trackingToken: string };
  readonly #running = new RunningResources();
  readonly #byAction = new Map<number, Place>();
  /** Of services that another node could run: those of which something may be here. */
  readonly #floating = new Set<Place>();
  #places = new Map<ServiceName, Place>();
  #checks = 0;

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
    const idle = { job: null, startOp: null, remains: false, kept: false };
    const made = { worker, ...idle, again: false, ill: false, next: null, lastOp: 0 };
    this.#places.set(conf.name, made);
    return made;
  }

  /** Begins anew without places; returns those that were there, which keep their jobs. */
  vacate(): ReadonlyMap<ServiceName, Place> {
    const before = this.#places;
    this.#places = new Map();
    this.#floating.clear();
    return before;
  }

  keep(name: ServiceName, place: Place): void {
    this.#places.set(name, place);
    this.#count(place);
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
    if (place.job !== null) {
      this.#byAction.delete(place.job.action);
      if (place.job.kind === "status") this.#checks -= 1;
    }
    place.job = job;
    this.#count(place);
    if (job === null) return;
    this.#byAction.set(job.action, place);
    if (job.kind === "status") this.#checks += 1;
  }

  /** Whose job waits for the report of the action. */
  ofAction(action: number): Place | undefined {
    return this.#byAction.get(action);
  }

  /** Whether any job is under way. */
  get busy(): boolean {
    return this.#byAction.size > 0;
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

  /** Status checks that are under way. */
  get checks(): number {
    return this.#checks;
  }
}
