/**
 * The services on this node: performs the operations that the table addresses here, checks what is
 * started, and proves that nothing is left when everything must stop.
 * Does not decide what runs where. Results become ordered messages elsewhere.
 * Source: rgmanager rg_thread.c; main.c: event_loop; groups.c: q_status_checks.
 * L1  An operation is begun at most once, and answered at most once.
 * L3  A check that is cancelled has looked at nothing: it says neither good nor bad.
 * L4  A configuration that comes during a clean-up waits for its end; another clean-up follows.
 * L5  What is new with a configuration is stopped once before anything else is done with it: until
 *     then there must be no operation on it.
 */
import type { AgentReport, AgentVerdict } from "../../model/agent-orders.ts";
import type { ClusterConf } from "../../model/conf.ts";
import type { NodeName, ServiceName } from "../../model/ids.ts";
import { assertNever, invariant } from "../../model/outcome.ts";
import type { Operation } from "../table/service-state.ts";
import type { CheckCause } from "./check-queue.ts";
import { CheckSchedule } from "./check-schedule.ts";
import { CleanUp, type CleanUpKind } from "./clean-up.ts";
import type { LocalInput, LocalOutput, OperationOutcome } from "./local-events.ts";
import { type BegunJob, type JobStep, LocalJobs } from "./local-jobs.ts";
import { callOf, refusedRun } from "./operation-calls.ts";
import { type Job, type Place, ServiceSlots } from "./service-slots.ts";

export class LocalServices {
  #conf: ClusterConf;
  readonly #places: ServiceSlots;
  #next: ClusterConf | null = null;
  /** Comes into force when the clean-up has ended (L4). */
  #deferred: ClusterConf | null = null;
  readonly #checks: CheckSchedule;
  readonly #jobs: LocalJobs;
  readonly #cleanUp = new CleanUp();
  #nowMs = 0;
  #out: LocalOutput[] = [];

  constructor(
    conf: ClusterConf,
    identity: { readonly nodeName: NodeName; readonly trackingToken: string },
  ) {
    this.#conf = conf;
    this.#places = new ServiceSlots(identity);
    this.#checks = new CheckSchedule(this.#places);
    this.#jobs = new LocalJobs(this.#places);
    for (const service of conf.services.services) this.#places.add(service);
  }

  /** Everything that had to be stopped is verified to be gone. */
  get clean(): boolean {
    return this.#cleanUp.clean;
  }

  /** Whether anything may be here of a service that another node could run, or that holds more. */
  get mayFloat(): boolean {
    return this.#cleanUp.dirty || this.#deferred !== null || this.#places.floats;
  }

  /** What goes on without quorum. */
  get kept(): readonly ServiceName[] {
    return [...this.#places.named()].filter(([, { kept }]) => kept).map(([name]) => name);
  }

  /** Whether anything may be running here; false only when it is verified that nothing is. */
  get mayRun(): boolean {
    return !this.#cleanUp.clean || this.#places.busy || this.#places.remain;
  }

  /** While everything is cleaned up: of which services it is verified that nothing is left. */
  get cleanedUp(): readonly ServiceName[] {
    const gone = [...this.#places.named()].filter(([, place]) => this.#cleanUp.hasEnded(place));
    return gone.map(([name]) => name);
  }

  /** Whether this new service is being stopped for the first time (L5). */
  initialises(name: ServiceName): boolean {
    return this.#cleanUp.clean && this.#places.get(name)?.job?.kind === "clean";
  }

  /** What takes too long at the moment, and how often that was so. */
  get agents() {
    return this.#jobs.report(this.#nowMs);
  }

  /** Whether a clean-up wants to `continue`. */
  get hurried(): boolean {
    return this.#cleanUp.hurried;
  }

  /** `nowMs` is the monotonic clock. */
  step(input: LocalInput, nowMs: number): readonly LocalOutput[] {
    this.#out = [];
    this.#nowMs = nowMs;
    switch (input.type) {
      case "run":
        this.#onRun(input);
        break;
      case "abort":
        this.#out.push(...this.#jobs.abort(input));
        break;
      case "report":
        this.#onReport(input.action, input.report);
        break;
      case "poll":
        this.#onPoll(input.frozen);
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
        this.#jobs.forgetAborts();
        break;
      case "clean-up":
      case "stand-down":
      case "kill":
        this.#cleanAll(input.type, input.type === "clean-up" && input.nothingLeft === true);
        break;
      case "adopt":
        this.#adoptKept(input.service, input.startOp);
        break;
      case "continue":
        this.#cleanMore("clean-up");
        break;
      default:
        assertNever(input);
    }
    this.#checkNext();
    return this.#out;
  }

  #onRun({ service: name, operation: op, off }: Extract<LocalInput, { type: "run" }>): void {
    const place = this.#places.get(name);
    if (place === undefined || op.id <= place.lastOp) return; // L1
    place.lastOp = op.id;
    if (!this.#cleanUp.clean) return;
    // Only a check can be under way; it has no effect that would have to be waited for.
    if (place.job !== null && place.job.kind !== "status") {
      this.#out.push(...refusedRun(name, op, place.job.kind));
      return;
    }
    this.#cancel(place);
    if (op.kind !== "repair") {
      place.worker.endChecks();
      place.startOp = null;
    }
    place.again = null;
    place.ill = false;
    place.kept = false;
    this.#places.setRemains(place, true);
    place.worker.nodesOff = off;
    const next = this.#next?.services.services.find((one) => one.name === name) ?? null;
    const call = callOf(place.worker, op, { nowMs: this.#nowMs, next });
    this.#begin(place, { kind: op.kind, call, op, check: null });
  }

  #begin(place: Place, begun: BegunJob): void {
    this.#follow(place, this.#jobs.begin(place, begun, this.#nowMs));
  }

  #follow(place: Place, step: JobStep): void {
    if (step.type === "goes-on") {
      this.#out.push(...step.outputs);
      return;
    }
    this.#finish(place, step.job, step.verdict);
    this.#takeNext(place);
  }

  #onReport(action: number, report: AgentReport): void {
    const place = this.#places.ofAction(action);
    if (place?.job == null) return;
    this.#follow(place, this.#jobs.resume(place, place.job, { report, nowMs: this.#nowMs }));
  }

  #finish(place: Place, job: Job, verdict: AgentVerdict): void {
    const outcome = verdict.code === 0 ? "ok" : "failed";
    switch (job.kind) {
      case "start":
      case "stop":
      case "repair":
        invariant(job.op !== null, `${job.kind} without an operation`);
        this.#finishOperation(place, job.op, {
          outcome: verdict.declined === true ? "declined" : outcome,
          text: verdict.text,
        });
        return;
      case "status":
        this.#finishCheck(place, { outcome, text: verdict.text });
        return;
      case "clean":
        this.#places.setRemains(place, false);
        this.#finishInitialising();
        this.#finishCleaning();
        return;
      default:
        assertNever(job.kind);
    }
  }

  #onReconfigure(conf: ClusterConf, clean: readonly ServiceName[]): void {
    this.#next = null;
    if (!this.#cleanUp.clean) {
      this.#deferred = conf;
      return;
    }
    this.#adopt(conf);
    for (const name of clean) {
      const place = this.#places.get(name);
      invariant(place !== undefined, `${name} is new and not there`);
      this.#begin(place, { kind: "clean", call: place.worker.cleanUp(), op: null, check: null });
    }
    if (clean.length === 0) this.#finishInitialising();
  }

  #adopt(conf: ClusterConf): void {
    const { changed, gone } = this.#places.adopt(this.#conf.services, conf.services);
    this.#conf = conf;
    for (const place of changed) {
      if (place.job?.kind === "status") this.#cancel(place);
      this.#takeNext(place);
    }
    for (const place of gone) {
      this.#cancel(place);
      this.#places.setRemains(place, false);
      place.worker.dismiss();
    }
  }

  /** Not before its job has ended, which walks the old tree. */
  #takeNext(place: Place): void {
    if (place.next === null || place.job !== null) return;
    const { statusPollIntervalMs } = this.#conf.services;
    place.worker.reconfigure(place.next, { nowMs: this.#nowMs, statusPollIntervalMs });
    place.next = null;
    this.#places.recount(place);
  }

  /** L5: what is new has been stopped once, unless some of it still is being stopped. */
  #finishInitialising(): void {
    if (!this.#cleanUp.clean) return;
    for (const { job } of this.#places.busyPlaces()) if (job?.kind === "clean") return;
    this.#out.push({ type: "initialised", version: this.#conf.version });
  }

  #finishOperation(
    place: Place,
    op: Operation,
    end: { readonly outcome: OperationOutcome; readonly text: string },
  ): void {
    const { worker } = place;
    if (op.kind === "start" && end.outcome === "ok") place.startOp = op.id;
    if (place.startOp !== null) {
      worker.beginChecks(this.#nowMs, this.#conf.services.statusPollIntervalMs);
    }
    if (op.kind === "stop" && end.outcome === "ok") {
      this.#places.setRemains(place, false);
      if (end.text !== "") this.#warn(place, end.text);
    }
    this.#out.push({ type: "result", op: op.id, partial: worker.partial, ...end });
  }

  #finishCheck(
    place: Place,
    { outcome, text }: { readonly outcome: "ok" | "failed"; readonly text: string },
  ): void {
    const { worker, startOp } = place;
    const { name: service } = worker.conf;
    if (outcome === "failed" || worker.wantsRepair) {
      if (startOp === null) return;
      if (place.kept) {
        // Nothing is done about it now; once is enough to say so.
        if (!place.ill) this.#warn(place, `its check has failed without quorum: ${text}`);
        place.ill = true;
        return;
      }
      const type = outcome === "failed" ? "status-failed" : "part-failed";
      this.#out.push({ type, service, startOp, text });
      place.ill = true;
      for (const other of this.#checks.checkOthers(service)) this.#cancel(other);
      return;
    }
    if (text !== "") this.#warn(place, `tolerated: ${text}`);
    place.ill = false;
    this.#checkAgain(place);
  }

  #warn(place: Place, text: string): void {
    this.#say(`${place.worker.conf.name}: ${text}`);
  }

  #say(text: string): void {
    this.#out.push({ type: "notice", level: "warning", text });
  }

  #checkNow({ why, service, frozen }: Extract<LocalInput, { readonly type: "check-now" }>): void {
    // The processes of a service that is not started end for no bad reason.
    if (service !== null && (this.#places.get(service)?.startOp ?? null) === null) return;
    if (!this.#cleanUp.clean) return;
    this.#out.push({ type: "notice", level: "info", text: `checking now: ${why}` });
    const stale = this.#checks.happened(service, { nowMs: this.#nowMs, frozen });
    for (const place of stale) this.#cancel(place);
  }

  #onPoll(frozen: readonly ServiceName[]): void {
    for (const text of this.#jobs.newlyOverdue(this.#nowMs)) this.#say(text);
    if (this.#cleanUp.clean) this.#checks.poll(frozen);
  }

  #checkNext(): void {
    const { statusChildMax } = this.#conf.services;
    for (const [place, cause] of this.#checks.inTurn(statusChildMax, this.#nowMs)) {
      this.#check(place, cause);
    }
  }

  #check(place: Place, cause: CheckCause): void {
    const call = place.worker.check(this.#nowMs, cause);
    if (call !== null) this.#begin(place, { kind: "status", call, op: null, check: cause });
  }

  #checkAgain(place: Place): void {
    const { again } = place;
    place.again = null;
    if (again !== null && place.startOp !== null) this.#check(place, again);
  }

  /** The table has it as started; what its checks have found meanwhile is looked at anew. */
  #adoptKept(name: ServiceName, startOp: number): void {
    const place = this.#places.get(name);
    if (place === undefined || !place.kept) return;
    place.kept = false;
    place.ill = false;
    place.startOp = startOp;
    place.lastOp = Math.max(place.lastOp, startOp);
    for (const other of this.#checks.recheck(name)) this.#cancel(other);
  }

  #cleanAll(how: CleanUpKind, nothingLeft = false): void {
    const touched = this.#cleanUp.begin({ how, nothingLeft }, [...this.#places.all()]);
    this.#checks.clear();
    for (const place of touched) {
      this.#cancel(place);
      if (place.kept) continue;
      place.worker.endChecks();
      place.startOp = null;
      this.#places.setRemains(place, true);
    }
    this.#cleanMore(how);
  }

  #cleanMore(how: CleanUpKind): void {
    for (const place of this.#cleanUp.inTurn(how)) {
      const call = how === "kill" ? place.worker.kill() : place.worker.cleanUp();
      this.#begin(place, { kind: "clean", call, op: null, check: null });
    }
    this.#finishCleaning();
  }

  #finishCleaning(): void {
    if (!this.#cleanUp.finish(this.#places.busy)) return;
    if (this.#deferred === null) {
      this.#out.push({ type: "clean" });
      return;
    }
    this.#adopt(this.#deferred);
    this.#deferred = null;
    this.#cleanAll("clean-up");
  }

  #cancel(place: Place): void {
    if (place.job === null) return;
    this.#out.push(this.#jobs.cancel(place, place.job, this.#nowMs));
    this.#takeNext(place);
  }
}
