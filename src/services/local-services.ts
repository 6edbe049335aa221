/**
 * The services on this node: performs the operations that the table addresses here, checks what is
 * started, and proves that nothing is left when everything must stop.
 * Does not decide what runs where. Results become ordered messages elsewhere.
 * Source: rgmanager rg_thread.c; main.c: event_loop; groups.c: q_status_checks.
 * L1  An operation is begun at most once, and answered at most once.
 * L2  After `kill` or `clean-up` nothing is started until everything is verified gone.
 * L3  Checks that are due begin in turn: more services than `status_child_max` starve nobody.
 * L4  A configuration that comes during a clean-up waits for its end; another clean-up follows.
 * L5  What is new with a configuration is stopped once before anything else is done with it: until
 *     then there must be no operation on it.
 * L6  A clean-up begins with a few services in each step, a kill with all of them at once.
 *
 *   dirty ──clean-up or kill──► cleaning ──all verified──► clean ──operations──► clean
 *     ▲                                                      └──clean-up, kill──► cleaning
 */
import type { AgentReport } from "../model/agent-orders.ts";
import type { ClusterConf } from "../model/conf.ts";
import type { NodeName, ServiceName } from "../model/ids.ts";
import { assertNever, invariant } from "../model/outcome.ts";
import type { LocalInput, LocalOutput } from "./local-events.ts";
import { type Job, LocalPlaces, type Place } from "./local-places.ts";
import { callOf } from "./operation-calls.ts";
import type { Operation } from "./service-state.ts";
import { compareServices } from "./tree-delta.ts";

/** Clean-ups that are begun in one step; more would hold up everything else. */
const cleanUpsAtOnce = 16;

export class LocalServices {
  #conf: ClusterConf;
  readonly #places: LocalPlaces;
  #next: ClusterConf | null = null;
  /** Comes into force when the clean-up has ended (L4). */
  #deferred: ClusterConf | null = null;
  /** New services whose first stop is under way. */
  readonly #initialising = new Set<ServiceName>();
  /** Whose check is due, or asked for, and has not begun; the first has waited longest. */
  readonly #unchecked = new Map<ServiceName, "due" | "all">();
  #frozen: readonly ServiceName[] = [];
  #state: "dirty" | "cleaning" | "clean" = "dirty";
  /** Of a clean-up: those whose turn has not come (L6). */
  #uncleaned: Place[] = [];
  #lastAction = 0;
  #nowMs = 0;
  #out: LocalOutput[] = [];

  constructor(
    conf: ClusterConf,
    identity: { readonly nodeName: NodeName; readonly trackingToken: string },
  ) {
    this.#conf = conf;
    this.#places = new LocalPlaces(identity);
    for (const service of conf.services.services) this.#places.add(service);
  }

  get clean(): boolean {
    return this.#state === "clean";
  }

  /** Whether anything may be running here; false only when it is verified that nothing is. */
  get mayRun(): boolean {
    if (this.#state !== "clean" || this.#places.busy) return true;
    for (const { remains } of this.#places.all()) if (remains) return true;
    return false;
  }

  /** While everything is cleaned up: of which services it is verified that nothing is left. */
  get cleanedUp(): readonly ServiceName[] {
    if (this.#state !== "cleaning") return [];
    const waiting = new Set(this.#uncleaned);
    const done = [...this.#places.named()].filter(([, place]) => {
      return place.job === null && !waiting.has(place);
    });
    return done.map(([name]) => name);
  }

  /** Whether this new service is being stopped for the first time (L5). */
  initialises(name: ServiceName): boolean {
    return this.#state === "clean" && this.#places.get(name)?.job?.kind === "clean";
  }

  /** Whether a clean-up wants to `continue`. */
  get hurried(): boolean {
    return this.#uncleaned.length > 0;
  }

  /** `nowMs` is the monotonic clock. */
  step(input: LocalInput, nowMs: number): readonly LocalOutput[] {
    this.#out = [];
    this.#nowMs = nowMs;
    switch (input.type) {
      case "run":
        this.#onRun(input.service, input.operation);
        break;
      case "report":
        this.#onReport(input.action, input.report);
        break;
      case "poll":
        this.#checkSoon("due", input.frozen, null);
        break;
      case "check-now":
        this.#checkNow(input);
        break;
      case "prepare":
        this.#next = input.conf;
        break;
      case "reconfigure":
        this.#onReconfigure(input.conf, input.clean);
        break;
      case "new-life":
        for (const place of this.#places.all()) place.lastOp = 0;
        break;
      case "clean-up":
        this.#cleanAll("clean-up");
        break;
      case "kill":
        this.#cleanAll("kill");
        break;
      case "continue":
        this.#cleanMore("clean-up", cleanUpsAtOnce);
        break;
      default:
        assertNever(input);
    }
    this.#checkNext();
    return this.#out;
  }

  #onRun(name: ServiceName, op: Operation): void {
    const place = this.#places.get(name);
    if (place === undefined) {
      this.#refuse(op, `there is no ${name} here`);
      return;
    }
    // L1; whoever lets it be ordered again has made up how the others stand.
    if (op.id <= place.lastOp) return;
    place.lastOp = op.id;
    if (this.#state !== "clean") return;
    // Only a check can be under way; it has no effect that would have to be waited for.
    if (place.job !== null && place.job.kind !== "status") {
      this.#refuse(op, `${name} is busy with ${place.job.kind}, which somebody has called ended`);
      return;
    }
    this.#cancel(place);
    if (op.kind !== "repair") {
      place.worker.endChecks();
      place.startOp = null;
    }
    place.again = false;
    place.ill = false;
    place.remains = true;
    const next = this.#next?.services.services.find((one) => one.name === name) ?? null;
    const call = callOf(place.worker, op, { nowMs: this.#nowMs, next });
    this.#begin(place, { kind: op.kind, call, op });
  }

  /** L1. Whatever asks for it has been told what this node has not said. */
  #refuse(op: Operation, text: string): void {
    this.#out.push({ type: "notice", level: "warning", text: `${op.kind} refused: ${text}` });
    this.#out.push({ type: "result", op: op.id, outcome: "failed", partial: false, text });
  }

  #begin(place: Place, job: Omit<Job, "action">): void {
    this.#resume(place, { ...job, action: 0 }, null);
  }

  #resume(place: Place, job: Job, report: AgentReport | null): void {
    const next = report === null ? job.call.next() : job.call.next(report);
    if (next.done === true) {
      this.#places.setJob(place, null);
      this.#finish(place, job, next.value);
      this.#takeNext(place);
      return;
    }
    this.#lastAction += 1;
    this.#places.setJob(place, { ...job, action: this.#lastAction });
    const service = place.worker.conf.name;
    this.#out.push({ type: "act", action: this.#lastAction, service, order: next.value });
  }

  #onReport(action: number, report: AgentReport): void {
    const place = this.#places.ofAction(action);
    if (place?.job != null) this.#resume(place, place.job, report);
  }

  #finish(place: Place, job: Job, verdict: { readonly code: number; readonly text: string }): void {
    const outcome = verdict.code === 0 ? "ok" : "failed";
    switch (job.kind) {
      case "start":
      case "stop":
      case "repair":
        invariant(job.op !== null, `${job.kind} without an operation`);
        this.#finishOperation(place, job.op, { outcome, text: verdict.text });
        return;
      case "status":
        this.#finishCheck(place, { outcome, text: verdict.text });
        return;
      case "clean":
        place.remains = false;
        this.#finishInitialising(place.worker.conf.name);
        this.#finishCleaning();
        return;
      default:
        assertNever(job.kind);
    }
  }

  #onReconfigure(conf: ClusterConf, clean: readonly ServiceName[]): void {
    this.#next = null;
    if (this.#state !== "clean") {
      this.#deferred = conf;
      return;
    }
    this.#adopt(conf);
    for (const name of this.#initialising) {
      if (this.#places.get(name)?.job?.kind !== "clean") this.#initialising.delete(name);
    }
    for (const name of clean) this.#initialising.add(name);
    for (const name of clean) {
      const place = this.#places.get(name);
      invariant(place !== undefined, `${name} is new and not there`);
      this.#begin(place, { kind: "clean", call: place.worker.cleanUp(), op: null });
    }
    if (clean.length === 0) this.#finishInitialising(null);
  }

  /** Places of services whose definition has changed are made anew: nothing of them runs. */
  #adopt(conf: ClusterConf): void {
    const deltas = compareServices(this.#conf.services, conf.services);
    const before = this.#places.vacate();
    this.#conf = conf;
    for (const service of conf.services.services) {
      const place = before.get(service.name);
      const delta = deltas.get(service.name);
      if (place === undefined || delta === "added" || delta === "replaced") {
        this.#places.add(service);
      } else {
        this.#places.keep(service.name, place);
        if (place.job?.kind === "status") this.#cancel(place);
        place.next = service;
        this.#takeNext(place);
      }
    }
    for (const [name, place] of before) {
      if (this.#places.get(name) === place) continue;
      this.#cancel(place);
      place.worker.dismiss();
    }
  }

  /** Not before its job has ended, which walks the old tree. */
  #takeNext(place: Place): void {
    if (place.next === null || place.job !== null) return;
    const { statusPollIntervalMs } = this.#conf.services;
    place.worker.reconfigure(place.next, { nowMs: this.#nowMs, statusPollIntervalMs });
    place.next = null;
  }

  #finishInitialising(name: ServiceName | null): void {
    const was = name === null || this.#initialising.delete(name);
    if (!was || this.#initialising.size > 0 || this.#state !== "clean") return;
    this.#out.push({ type: "initialised", version: this.#conf.version });
  }

  #finishOperation(
    place: Place,
    op: Operation,
    end: { readonly outcome: "ok" | "failed"; readonly text: string },
  ): void {
    const { worker } = place;
    if (op.kind === "start" && end.outcome === "ok") place.startOp = op.id;
    if (place.startOp !== null) {
      worker.beginChecks(this.#nowMs, this.#conf.services.statusPollIntervalMs);
    }
    if (op.kind === "stop" && end.outcome === "ok") place.remains = false;
    this.#out.push({ type: "result", op: op.id, partial: worker.partial, ...end });
  }

  #finishCheck(
    place: Place,
    end: { readonly outcome: "ok" | "failed"; readonly text: string },
  ): void {
    const { worker, startOp } = place;
    const service = worker.conf.name;
    const { text } = end;
    if (end.outcome === "failed" || worker.wantsRepair) {
      if (startOp === null) return;
      const type = end.outcome === "failed" ? "status-failed" : "part-failed";
      this.#out.push({ type, service, startOp, text });
      place.ill = true;
      this.#checkOthers();
      return;
    }
    if (text !== "") {
      this.#out.push({ type: "notice", level: "warning", text: `${service}: tolerated: ${text}` });
    }
    place.ill = false;
    this.#checkAgain(place);
  }

  #checkNow({ why, service, frozen }: Extract<LocalInput, { readonly type: "check-now" }>): void {
    // The processes of a service that is not started end for no bad reason.
    if (service !== null && (this.#places.get(service)?.startOp ?? null) === null) return;
    this.#out.push({ type: "notice", level: "info", text: `checking now: ${why}` });
    this.#checkSoon("all", frozen, service);
  }

  /** What has hurt one service may have hurt others, or they lived on it. */
  #checkOthers(): void {
    for (const [name, { startOp, job, ill }] of this.#places.named()) {
      if (startOp !== null && job === null && !ill) this.#unchecked.set(name, "all");
    }
  }

  #checkSoon(which: "due" | "all", frozen: readonly ServiceName[], only: ServiceName | null): void {
    if (this.#state !== "clean") return;
    this.#frozen = frozen;
    for (const [name, place] of this.#places.named()) {
      if (place.startOp === null || (only !== null && only !== name)) continue;
      if (which === "all" && place.job?.kind === "status") place.again = true;
      else if (which === "all" || !this.#unchecked.has(name)) this.#unchecked.set(name, which);
    }
  }

  /** L3: whoever has waited longest, as long as no more than `status_child_max` checks run. */
  #checkNext(): void {
    if (this.#unchecked.size === 0) return;
    let free = this.#conf.services.statusChildMax - this.#places.checks;
    for (const [name, which] of this.#unchecked) {
      if (free <= 0) return;
      this.#unchecked.delete(name);
      const place = this.#places.get(name);
      const checkable = place !== undefined && place.startOp !== null && place.job === null;
      if (!checkable || this.#frozen.includes(name)) continue;
      const call = place.worker.check(this.#nowMs, which);
      if (call === null) continue;
      free -= 1;
      this.#begin(place, { kind: "status", call, op: null });
    }
  }

  #checkAgain(place: Place): void {
    if (!place.again || place.startOp === null) return;
    place.again = false;
    const call = place.worker.check(this.#nowMs, "all");
    if (call !== null) this.#begin(place, { kind: "status", call, op: null });
  }

  #cleanAll(how: "clean-up" | "kill"): void {
    this.#state = "cleaning";
    this.#unchecked.clear();
    this.#initialising.clear();
    for (const place of this.#places.all()) {
      this.#cancel(place);
      place.worker.endChecks();
      place.startOp = null;
    }
    this.#uncleaned = [...this.#places.all()];
    this.#cleanMore(how, how === "kill" ? this.#uncleaned.length : cleanUpsAtOnce);
  }

  #cleanMore(how: "clean-up" | "kill", most: number): void {
    for (let begun = 0; begun < most; begun++) {
      const place = this.#uncleaned[0];
      if (place === undefined) break;
      const call = how === "kill" ? place.worker.kill() : place.worker.cleanUp();
      this.#begin(place, { kind: "clean", call, op: null });
      this.#uncleaned.shift();
    }
    this.#finishCleaning();
  }

  #finishCleaning(): void {
    const busy = this.#places.busy || this.#uncleaned.length > 0;
    if (busy || this.#state !== "cleaning") return;
    if (this.#deferred !== null) {
      const conf = this.#deferred;
      this.#deferred = null;
      this.#adopt(conf);
      this.#cleanAll("clean-up");
      return;
    }
    this.#state = "clean";
    this.#out.push({ type: "clean" });
  }

  #cancel(place: Place): void {
    if (place.job === null) return;
    this.#out.push({ type: "cancel", action: place.job.action });
    this.#places.setJob(place, null);
    this.#takeNext(place);
  }
}
