/**
 * The places of the services on one node: what is being done with each, and whose the report of an
 * action is. Knows no rules; it answers without a walk through all services.
 * X1  After `setJob` the place of an action, and the number of jobs, agree with the places.
 */
import type { AgentCall, AgentOrder } from "../model/agent-orders.ts";
import type { ServiceConf } from "../model/conf.ts";
import type { NodeName, ServiceName } from "../model/ids.ts";
import type { CheckCause } from "./check-queue.ts";
import type { Operation } from "./service-state.ts";
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
  /** Begun and not verifiably stopped since: after a failed stop something may still run. */
  remains: boolean;
  /** Its definition from the time on when its job has ended. */
  next: ServiceConf | null;
  /** Something happened while a check was under way that may have looked too early; null: no. */
  again: CheckCause | null;
  /** Its last check has failed, and nothing was done about it yet. */
  ill: boolean;
  /** When it was last said that the job does not come to its end; null: not yet. */
  waitSaidMs: number | null;
  /** Starts of another service may have waited for the guard meanwhile. */
  lastOp: number;
};

export class LocalPlaces {
  readonly #identity: { readonly nodeName: NodeName; readonly trackingToken: string };
  readonly #running = new RunningResources();
  readonly #byAction = new Map<number, Place>();
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
    const idle = { job: null, startOp: null, remains: false, again: null, ill: false };
    const made = { worker, ...idle, next: null, waitSaidMs: null, lastOp: 0 };
    this.#places.set(conf.name, made);
    return made;
  }

  /** Begins anew without places; returns those that were there, which keep their jobs. */
  vacate(): ReadonlyMap<ServiceName, Place> {
    const before = this.#places;
    this.#places = new Map();
    return before;
  }

  keep(name: ServiceName, place: Place): void {
    this.#places.set(name, place);
  }

  setJob(place: Place, job: Job | null): void {
    if (place.job !== null) this.#byAction.delete(place.job.action);
    place.job = job;
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

  /** With a job. */
  busyPlaces(): Iterable<Place> {
    return this.#byAction.values();
  }
}
